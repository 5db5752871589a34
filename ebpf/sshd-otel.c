// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* sshd-otel-producer: loads the programs, gives up its rights, prints their records. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <linux/types.h>
#include <bpf/libbpf.h>
#include "confine.h"
#include "encode.h"
#include "health.h"
#include "host.h"
#include "options.h"
#include "ring.h"
#include "seeds.h"
#include "sink.h"
#include "tracer.h"
#include "sshd-otel.skel.h"

#define POLL_MS		20		/* a record waits no longer than this */
#define CLOCK_NS	1000000000ULL
#define SEQ_EVERY	5		/* clocks */
#define SLOW_MS		5000		/* for the opening, and for the end */

static struct options options;
static struct tracer tracer;
static struct ring ring;
static struct sink out = { .fd = -1 };
static int epoll = -1;
static volatile sig_atomic_t stop;
static __u64 records, next_clock;
static unsigned int clocks;

static void on_signal(int signal)
{
	stop = 1;
}

static void watch(int fd, unsigned int events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);	/* a file or /dev/null can't be watched, and never ends */
}

static bool make_room(void)
{
	return text_has_room(&out.text) || sink_flush_wait(&out, SLOW_MS);
}

/* Stands still while the reader is slow, until the ring has no more patience either. */
static bool on_record(void *ctx, const void *record, size_t len)
{
	const struct head *h = record;

	if (!text_has_room(&out.text) && (!sink_flush(&out) || !text_has_room(&out.text))) {
		if (ring_unread(&ring) < ring.size / 4 * 3)
			return false;
		health_dropped(h);
		return true;
	}
	encode(&out.text, h);
	records++;
	return true;
}

static bool put_opening(void)
{
	put_hello(&out.text, &tracer, &options);
	put_clock(&out.text);
	__u64 n = seeds_put(&out.text, make_room);

	if (!make_room())
		return false;
	open_record(&out.text, "seed-end", boot_ns());
	put_num(&out.text, "n", n);
	close_record(&out.text);
	return sink_flush_wait(&out, SLOW_MS);
}

/* Once a second; only behind all records that are older than the clock. */
static void put_regular(void)
{
	health_check_skipped();
	put_lost(&out.text);
	put_clock(&out.text);
	if (!(clocks++ % SEQ_EVERY))
		put_seqs(&out.text);
}

static void read_ring(void)
{
	__u64 now = boot_ns();
	bool all;

	health_snapshot();
	all = ring_drain(&ring, on_record, NULL);
	if (all && now >= next_clock && text_has_room(&out.text)) {
		put_regular();
		next_clock = now + CLOCK_NS;
	}
	if (health_wants_sweep(now))
		health_sweep(&out.text, &options);
}

static void put_closing(void)
{
	tracer_detach(&tracer);
	health_snapshot();
	while (!ring_drain(&ring, on_record, NULL))
		if (!sink_flush_wait(&out, SLOW_MS))
			return;
	if (!make_room())
		return;
	health_check_skipped();
	put_lost(&out.text);
	put_seqs(&out.text);
	put_end(&out.text, records);
	sink_flush_wait(&out, SLOW_MS);
}

/* Standard input is only watched for its end. */
static bool input_ended(unsigned int events)
{
	char rest[4096];

	if (events & EPOLLIN)
		return read(STDIN_FILENO, rest, sizeof(rest)) <= 0;
	return events & (EPOLLHUP | EPOLLERR);
}

static void wait_for_work(void)
{
	struct epoll_event e[4];
	int n = epoll_wait(epoll, e, 4, POLL_MS), i;

	for (i = 0; i < n; i++) {
		if (e[i].data.fd == STDIN_FILENO && input_ended(e[i].events))
			stop = 1;
		if (e[i].data.fd == STDOUT_FILENO && e[i].events & (EPOLLHUP | EPOLLERR))
			stop = 1;
	}
}

static int fail(const char *what)
{
	fprintf(stderr, "sshd-otel-producer: %s: ", what);
	perror(NULL);
	return EXIT_OTHER;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };

	options_parse(&options, argc, argv);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	host_read();
	tracer_start(&tracer, &options);
	if (ring_open(&ring, bpf_map__fd(tracer.skel->maps.events), options.ring_size) || health_open(&tracer) ||
	    seeds_read(tracer.iter_link))
		return fail("reading the maps");
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0 || sink_open(&out, STDOUT_FILENO))
		return fail("start");
	watch(bpf_map__fd(tracer.skel->maps.events), EPOLLIN);
	watch(STDIN_FILENO, isatty(STDIN_FILENO) ? 0 : EPOLLIN);
	watch(STDOUT_FILENO, 0);
	if (confine(options.user))
		return fail("giving up rights");
	if (!put_opening())
		return EXIT_OTHER;
	seeds_clear();
	while (!stop) {
		wait_for_work();
		read_ring();
		if (!sink_flush(&out))
			return EXIT_OK;
	}
	put_closing();
	return EXIT_OK;
}
