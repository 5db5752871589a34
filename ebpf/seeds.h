/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What is known of each followed process, so that a new consumer can be told.
 * Read from the kernel once, at the start; kept up to date from the records,
 * since by then all rights are gone.
 */
#ifndef SEEDS_H
#define SEEDS_H

#include "sshd-otel.h"
#include "text.h"

/* Lets the task iterator adopt what runs, until a pass adds nothing. */
int seeds_read(int iter_link);

/* Keeps up with a record; only needed where a second consumer may come. */
void seeds_note(const struct head *h);
void seeds_forget(__u32 pid, __u64 start);
void seeds_clear(void);

/* Writes them, parents first. @make_room is called before each line; false ends it. Returns how many. */
unsigned int seeds_put(struct text *t, bool (*make_room)(void));

#endif
