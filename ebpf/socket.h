/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The unix socket that serves the stream: our own, or one that systemd passed. */
#ifndef SOCKET_H
#define SOCKET_H

#include <stdbool.h>
#include "options.h"

/* The listening socket, or -1: none is wanted. Says what is wrong and exits if it can't be had. */
int socket_open(const struct options *o);

/* A consumer that may have the stream, or -1. */
int socket_accept(int listener, const struct options *o, bool busy);

#endif
