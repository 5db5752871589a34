// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "sink.h"

void sink_open(struct sink *s, int fd)
{
	s->fd = fd;
	s->sent = 0;
	s->text.len = 0;
}

void sink_prepare(int fd)
{
	int bytes = 4 * TEXT_MAX;
	struct stat st;

	/* a terminal's description is shared with whoever else writes there */
	if (fstat(fd, &st) || !(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
		return;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	fcntl(fd, F_SETPIPE_SZ, TEXT_MAX);
	/* Node gives its children sockets; only root may make them large */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
}

bool sink_flush(struct sink *s)
{
	ssize_t n = 0;

	while (s->sent < s->text.len) {
		n = write(s->fd, s->text.data + s->sent, s->text.len - s->sent);
		if (n < 0)
			break;
		s->sent += n;
	}
	if (s->sent) {
		memmove(s->text.data, s->text.data + s->sent, s->text.len - s->sent);
		s->text.len -= s->sent;
		s->sent = 0;
	}
	return n >= 0 || errno == EAGAIN || errno == EINTR;
}

bool sink_blocked(const struct sink *s)
{
	return s->text.len > 0;
}

bool sink_flush_wait(struct sink *s, int ms)
{
	struct pollfd p = { .fd = s->fd, .events = POLLOUT };

	if (!sink_flush(s))
		return false;
	while (sink_blocked(s)) {
		if (poll(&p, 1, ms) <= 0 || !sink_flush(s))
			return false;
	}
	return true;
}

void sink_close(struct sink *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->text.len = s->sent = 0;
}
