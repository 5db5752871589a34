// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <stdio.h>
#include <linux/types.h>
#include <bpf/libbpf.h>
#include "cgroups.h"
#include "encode.h"
#include "health.h"
#include "host.h"
#include "ring.h"
#include "seeds.h"
#include "sink.h"
#include "stream.h"
#include "sshd-otel.skel.h"

#define CLOCK_NS	1000000000ULL
#define SLOW_MS		5000	/* for the opening, and for the end */

static struct tracer *tracer;
static const struct options *options;
static struct ring ring;
static struct sink out = { .fd = -1 };
static bool keep_seeds;
static __u64 records, lost_before, next_clock;
static unsigned int consumers;

int stream_start(struct tracer *t, const struct options *o, bool lasting)
{
	tracer = t;
	options = o;
	keep_seeds = lasting;
	host_read();
	if (!host_in_first_namespace())
		fputs("sshd-otel-producer: not in the host's pid namespace: servers that run already are not seen\n", stderr);
	if (text_open(&out.text) || ring_open(&ring, bpf_map__fd(t->skel->maps.events), o->ring_size))
		return -1;
	return cgroups_open(t) || health_open(t) || seeds_read(t->iter_link) ? -1 : 0;
}

int stream_fd(void)
{
	return out.fd;
}

bool stream_blocked(void)
{
	return out.fd >= 0 && sink_blocked(&out);
}

static bool has_room(void)
{
	return text_has_room(&out.text) || (sink_flush(&out) && text_has_room(&out.text));
}

static bool make_room(void)
{
	return text_has_room(&out.text) || sink_flush_wait(&out, SLOW_MS);
}

static void drop(const struct head *h)
{
	health_dropped(h);
	if (keep_seeds)
		seeds_note(h);
}

/* Stands still while the reader is slow, until the ring has no more patience either. */
static bool on_record(void *ctx, const void *record, size_t len)
{
	const struct head *h = record;

	if (out.fd < 0) {
		drop(h);
		return true;
	}
	if (!has_room()) {
		if (ring_unread(&ring) < ring.size / 4 * 3)
			return false;
		drop(h);
		return true;
	}
	if (cgroup_in(h))
		cgroups_put(&out.text, cgroup_in(h), h->ts);
	encode(&out.text, h);
	records++;
	if (keep_seeds)
		seeds_note(h);
	return true;
}

bool stream_open(int fd)
{
	unsigned int n;

	if (keep_seeds) {	/* what came before is in them */
		health_snapshot();
		ring_drain(&ring, on_record, NULL);
	}
	cgroups_forget_told();
	sink_open(&out, fd);
	records = 0;
	if (!consumers++)
		health_forget();
	lost_before = health_told();
	put_hello(&out.text, tracer, options);
	put_clock(&out.text);
	put_seqs(&out.text);
	n = seeds_put(&out.text, make_room);
	if (!make_room())
		return false;
	open_record(&out.text, "seed-end", boot_ns());
	put_num(&out.text, "n", n);
	close_record(&out.text);
	if (!keep_seeds)
		seeds_clear();
	next_clock = boot_ns() + CLOCK_NS;
	return sink_flush_wait(&out, SLOW_MS);
}

/* Once a second; only behind all records that are older than the clock. */
static void put_regular(void)
{
	health_check_skipped();
	put_lost(&out.text);
	put_clock(&out.text);
	put_seqs(&out.text);
}

bool stream_step(void)
{
	__u64 now = boot_ns();
	bool all;

	health_snapshot();
	cgroups_read();
	all = ring_drain(&ring, on_record, NULL);
	if (out.fd >= 0 && all && now >= next_clock && has_room()) {
		put_regular();
		next_clock = now + CLOCK_NS;
	}
	if (health_wants_sweep(now))
		health_sweep(out.fd < 0 ? NULL : &out.text, options);
	return out.fd < 0 || sink_flush(&out);
}

void stream_close(void)
{
	sink_close(&out);
}

void stream_end(void)
{
	tracer_detach(tracer);
	if (out.fd < 0)
		return;
	health_snapshot();
	while (!ring_drain(&ring, on_record, NULL))
		if (!sink_flush_wait(&out, SLOW_MS))
			return;
	if (!make_room())
		return;
	health_check_skipped();
	put_lost(&out.text);
	put_seqs(&out.text);
	put_end(&out.text, records, health_told() - lost_before);
	sink_flush_wait(&out, SLOW_MS);
}
