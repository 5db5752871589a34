/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Paths of cgroups by their ids. The programs tell one when a process is found
 * in it that its line of processes did not tell; each consumer is told it right
 * before the first record that uses it.
 */
#ifndef CGROUPS_H
#define CGROUPS_H

#include "sshd-otel.h"
#include "text.h"
#include "tracer.h"

int cgroups_open(struct tracer *t);
void cgroups_read(void);	/* what the programs have told since the last call */
void cgroups_forget_told(void);	/* a new consumer: it has been told none */

/* Tells the consumer the path of @id, if it is known and has not been told. */
void cgroups_put(struct text *t, __u64 id, __u64 ts);

#endif
