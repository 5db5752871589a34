/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What was lost, counted to the record: by kind, and by connection. */
#ifndef HEALTH_H
#define HEALTH_H

#include "options.h"
#include "ring.h"
#include "sshd-otel.h"
#include "text.h"
#include "tracer.h"

int health_open(struct tracer *t);

/* How many records each CPU has tried to make; before the ring is read. */
void health_snapshot(void);

/* A record that came this far and found no reader. */
void health_dropped(const struct head *h);

void put_lost(struct text *t);
void put_seqs(struct text *t);
void put_end(struct text *t, __u64 records, __u64 lost);

/* Lost records that put_lost() has told of so far. */
__u64 health_told(void);

/* What was lost until now is nobody's business. */
void health_forget(void);

/* Programs that the kernel did not run because another one was interrupted. Returns whether there are new ones. */
bool health_check_skipped(void);

/* Ends the entries of processes that are gone, adopts those that were missed; @t may be NULL. */
void health_sweep(struct text *t, const struct options *o);
bool health_wants_sweep(__u64 now);

#endif
