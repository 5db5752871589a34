/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Giving up every right that is no longer needed. */
#ifndef CONFINE_H
#define CONFINE_H

#include <sys/types.h>

/* Root becomes @user; no capability, no new privilege, a short list of system calls. -1: did not work. */
int confine(uid_t user);

#endif
