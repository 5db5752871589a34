// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "socket.h"

#define FIRST_PASSED_FD	3	/* SD_LISTEN_FDS_START */
#define GROUPS		256

static uid_t started_by;

static void die(const char *path, const char *what)
{
	fprintf(stderr, "sshd-otel-producer: socket %s: %s\n", path, what);
	exit(EXIT_SOCKET);
}

static bool passed_by_systemd(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");

	return pid && fds && atol(pid) == getpid() && atoi(fds) >= 1;
}

static bool set_address(struct sockaddr_un *a, const char *path)
{
	if (strlen(path) >= sizeof(a->sun_path))
		return false;
	a->sun_family = AF_UNIX;
	strcpy(a->sun_path, path);
	return true;
}

/* Does somebody serve there? A socket that nobody listens on is left over, and goes. */
static void make_way(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;

	if (lstat(a->sun_path, &st)) {
		close(fd);
		return;
	}
	if (!S_ISSOCK(st.st_mode))
		die(a->sun_path, "there is something else of that name");
	if (!connect(fd, (const void *)a, sizeof(*a)))
		die(a->sun_path, "another producer serves it");
	close(fd);
	unlink(a->sun_path);
}

static int serve(const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un a = {};
	mode_t mask;

	if (!set_address(&a, path))
		die(path, "the path is too long");
	make_way(&a);
	mask = umask(0117);
	if (fd < 0 || bind(fd, (void *)&a, sizeof(a)) || listen(fd, 4))
		die(path, strerror(errno));
	umask(mask);
	return fd;
}

int socket_open(const struct options *o)
{
	started_by = getuid();
	if (passed_by_systemd()) {
		fcntl(FIRST_PASSED_FD, F_SETFD, FD_CLOEXEC);
		fcntl(FIRST_PASSED_FD, F_SETFL, O_NONBLOCK);
		return FIRST_PASSED_FD;
	}
	return o->socket ? serve(o->socket) : -1;
}

static bool in_group(int fd, const struct ucred *peer, const struct options *o)
{
	gid_t groups[GROUPS];
	socklen_t len = sizeof(groups);
	size_t n, k;
	int i;

	n = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) ? 0 : len / sizeof(*groups);
	for (i = 0; i < o->peer_gids; i++) {
		if (peer->gid == o->peer_gid[i])
			return true;
		for (k = 0; k < n; k++)
			if (groups[k] == o->peer_gid[i])
				return true;
	}
	return false;
}

static bool may_read(int fd, const struct options *o)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int i;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return false;
	if (!peer.uid || peer.uid == started_by)
		return true;
	for (i = 0; i < o->peer_uids; i++)
		if (peer.uid == o->peer_uid[i])
			return true;
	return in_group(fd, &peer, o);
}

int socket_accept(int listener, const struct options *o, bool busy)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return -1;
	if (!busy && may_read(fd, o))
		return fd;
	close(fd);
	return -1;
}
