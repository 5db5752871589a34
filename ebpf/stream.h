/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* One consumer's stream: what it is told at first, then the records, then the end. */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>
#include "options.h"
#include "tracer.h"

/* @lasting: consumers may come and go, so what is known of each process is kept. */
int stream_start(struct tracer *t, const struct options *o, bool lasting);

/* A consumer on @fd; it is told all that is followed. False: it is gone already. */
bool stream_open(int fd);

int stream_fd(void);		/* -1: no consumer */
bool stream_blocked(void);	/* it has to read before more can be written */

/* Reads the rings and writes what goes. False: the consumer is gone. */
bool stream_step(void);
void stream_close(void);

/* Detaches the programs, tells what is left, and the totals. */
void stream_end(void);

#endif
