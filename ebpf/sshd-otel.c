// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* sshd-otel-producer: loads the programs, gives up its rights, prints their records. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <linux/types.h>
#include <bpf/libbpf.h>
#include "confine.h"
#include "notify.h"
#include "options.h"
#include "sink.h"
#include "socket.h"
#include "stream.h"
#include "tracer.h"
#include "sshd-otel.h"
#include "sshd-otel.skel.h"

#define POLL_MS	40		/* a record waits no longer than this */

static struct options options;
static struct tracer tracer;
static int epoll, listener = -1;
static volatile sig_atomic_t stop;

static void on_signal(int signal)
{
	stop = 1;
}

/* What can't be watched, a file or /dev/null, never ends either. */
static void watch(int operation, int fd, unsigned int events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	epoll_ctl(epoll, operation, fd, &e);
}

/* Standard input is only watched for its end. */
static void on_input(unsigned int events)
{
	char rest[4096];

	if (!(events & EPOLLIN) || read(STDIN_FILENO, rest, sizeof(rest)) <= 0)
		stop = 1;
}

static void lose_consumer(void)
{
	if (listener < 0)
		stop = 1;
	stream_close();		/* which also takes it out of the epoll set */
}

static void on_newcomer(void)
{
	int fd = socket_accept(listener, &options, stream_fd() >= 0);

	if (fd < 0)
		return;
	watch(EPOLL_CTL_ADD, fd, EPOLLRDHUP);
	if (!stream_open(fd))
		lose_consumer();
}

static void on_event(const struct epoll_event *e)
{
	if (e->data.fd == listener)
		on_newcomer();
	else if (listener < 0 && e->data.fd == STDIN_FILENO)
		on_input(e->events);
	else if (e->data.fd == stream_fd() && e->events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR))
		lose_consumer();
}

static void wait_for_work(void)
{
	static bool waiting;	/* for the consumer to read */
	struct epoll_event e[8];
	int n, i;

	if (stream_fd() >= 0 && waiting != stream_blocked()) {
		waiting = !waiting;
		watch(EPOLL_CTL_MOD, stream_fd(), EPOLLRDHUP | (waiting ? EPOLLOUT : 0));
	}
	n = epoll_wait(epoll, e, 8, POLL_MS);
	for (i = 0; i < n; i++)
		on_event(&e[i]);
	if (stream_fd() < 0)
		waiting = false;
}

static int fail(const char *what)
{
	fprintf(stderr, "sshd-otel-producer: %s: ", what);
	perror(NULL);
	return EXIT_OTHER;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int set_up(void)
{
	listener = socket_open(&options);
	tracer_start(&tracer, &options);
	if (stream_start(&tracer, &options, listener >= 0))
		return fail("reading the maps");
	epoll = epoll_create1(EPOLL_CLOEXEC);
	watch(EPOLL_CTL_ADD, bpf_map__fd(tracer.skel->maps.events), EPOLLIN);
	if (listener >= 0) {
		watch(EPOLL_CTL_ADD, listener, EPOLLIN);
	} else {
		watch(EPOLL_CTL_ADD, STDIN_FILENO, isatty(STDIN_FILENO) ? 0 : EPOLLIN);
		sink_prepare(STDOUT_FILENO);
		watch(EPOLL_CTL_ADD, STDOUT_FILENO, 0);
	}
	if (!notify_open())
		return fail("NOTIFY_SOCKET");
	if (confine(options.user))
		return fail("giving up rights");
	notify_ready();
	return 0;
}

int main(int argc, char **argv)
{
	options_parse(&options, argc, argv);
	catch_signals();
	if (set_up())
		return EXIT_OTHER;
	if (listener < 0 && !stream_open(STDOUT_FILENO))
		return EXIT_OTHER;
	while (!stop) {
		wait_for_work();
		if (!stream_step())
			lose_consumer();
		notify_alive();
	}
	stream_end();
	return EXIT_OK;
}
