// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <linux/types.h>
#include "host.h"
#include "notify.h"

static int fd = -1;
static __u64 period_ns, next_ns;	/* 0: no watchdog */

/* The period is meant for the process that systemd started, not for a child of it. */
static void read_period(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (usec && (!pid || atol(pid) == getpid()))
		period_ns = strtoull(usec, NULL, 10) * 1000 / 3;
}

bool notify_open(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un manager = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;

	if (!len)
		return true;
	if (len >= sizeof(manager.sun_path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(manager.sun_path, path, len);
	if (path[0] == '@')
		manager.sun_path[0] = 0;
	read_period();
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd >= 0 && !connect(fd, (void *)&manager, offsetof(struct sockaddr_un, sun_path) + len);
}

/* A manager that is too busy to take it is told again soon. */
static bool tell(const char *what)
{
	return send(fd, what, strlen(what), MSG_NOSIGNAL) >= 0;
}

void notify_ready(void)
{
	if (fd >= 0)
		tell("READY=1");
}

void notify_alive(void)
{
	__u64 now;

	if (fd < 0 || !period_ns)
		return;
	now = boot_ns();
	if (now >= next_ns && tell("WATCHDOG=1"))
		next_ns = now + period_ns;
}
