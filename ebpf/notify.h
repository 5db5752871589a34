/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What a service manager is told (sd_notify(3)); without one, nothing happens. */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <stdbool.h>

/* Before rights are given up: later no socket can be made. False: there is a manager, and no way to it. */
bool notify_open(void);

/* Programs attached, rights given up. */
void notify_ready(void);

/* After each whole turn of the main loop. Passes it on to the watchdog, if there is one, three times in its period. */
void notify_alive(void);

#endif
