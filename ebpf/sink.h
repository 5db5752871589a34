/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Where the lines go: a file descriptor that may be slow, and may go away. */
#ifndef SINK_H
#define SINK_H

#include "text.h"

struct sink {
	int fd;			/* -1: nobody reads */
	struct text text;
	size_t sent;		/* of the text */
};

void sink_open(struct sink *s, int fd);

/* Makes writing to a pipe or socket not wait, and the pipe large. */
void sink_prepare(int fd);

/* Writes what goes without waiting. False: the reader is gone. */
bool sink_flush(struct sink *s);

/* The same, but waits up to @ms for a slow reader; false also if it stayed slow. */
bool sink_flush_wait(struct sink *s, int ms);
bool sink_blocked(const struct sink *s);
void sink_close(struct sink *s);

#endif
