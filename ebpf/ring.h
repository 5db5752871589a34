/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Reader of a BPF ring buffer. libbpf's own goes on for as long as records
 * come; this one stops where asked, and tells how full the ring is.
 */
#ifndef RING_H
#define RING_H

#include <stdbool.h>
#include <stddef.h>

struct ring {
	unsigned long *consumer;
	const unsigned long *producer;
	const char *data;
	unsigned long size;
};

/* Returns whether the record is used up; else it is offered again. */
typedef bool (*ring_fn)(void *ctx, const void *record, size_t len);

int ring_open(struct ring *r, int map_fd, unsigned long size);
unsigned long ring_unread(const struct ring *r);

/* All that was reserved before the call. False: not all of it is committed, or @fn refused. */
bool ring_drain(struct ring *r, ring_fn fn, void *ctx);

#endif
