// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "encode.h"
#include "health.h"
#include "host.h"
#include "seeds.h"
#include "sshd-otel.skel.h"

#define SLOTS		1024
#define PROGRAMS	8
#define SETTLE_NS	2000000ULL	/* between a record's time and its number, at most */
#define SWEEP_NS	60000000000ULL	/* at least so often */
#define LOOK_NS		1000000000ULL	/* after an sshd process was born */

struct slot {
	__u64 conn_start, n;
	__u32 conn_pid, kind;
};

static struct tracer *tracer;
static struct ring losses;
static struct slot slots[SLOTS];		/* since the last lost records */
static __u64 unnamed[K_KINDS];			/* the same, of no or too many connections */
static __u64 total[K_KINDS], told_by_kernel[K_KINDS];
static __u64 told;				/* in lost records, of this run */
static __u64 lost_since;			/* when the losses were last read */
static __u64 snapshot[MAX_CPUS], snapshot_ts;

static struct program {
	int fd;
	const char *name;
	__u64 missed, told;
} programs[PROGRAMS];
static int program_count;

static __u64 last_sweep, look_at, forks_seen, untracked_seen;
static bool misses_rose;

int health_open(struct tracer *t)
{
	struct bpf_program *p;

	tracer = t;
	last_sweep = lost_since = snapshot_ts = boot_ns();
	libbpf_num_possible_cpus();	/* reads a file, once */
	bpf_object__for_each_program(p, t->skel->obj)
		if (bpf_program__fd(p) >= 0 && p != t->skel->progs.each_task && program_count < PROGRAMS)
			programs[program_count++] = (struct program){ bpf_program__fd(p), bpf_program__name(p) };
	return ring_open(&losses, bpf_map__fd(t->skel->maps.losses), bpf_map__max_entries(t->skel->maps.losses));
}

static void tally(__u32 conn_pid, __u64 conn_start, __u32 kind, __u64 n)
{
	unsigned int at = (conn_pid * 31 + kind) % SLOTS, tries;

	total[kind] += n;
	for (tries = 0; conn_pid && tries < 16; tries++, at = (at + 1) % SLOTS) {
		struct slot *s = &slots[at];

		if (!s->n)
			*s = (struct slot){ conn_start, 0, conn_pid, kind };
		if (s->conn_pid == conn_pid && s->conn_start == conn_start && s->kind == kind) {
			s->n += n;
			return;
		}
	}
	unnamed[kind] += n;
}

void health_dropped(const struct head *h)
{
	if (h->kind < K_KINDS)
		tally(h->conn_pid, h->conn_start, h->kind, 1);
}

void health_snapshot(void)
{
	int i;

	snapshot_ts = boot_ns() - SETTLE_NS;
	for (i = 0; i < MAX_CPUS; i++)
		snapshot[i] = __atomic_load_n(&tracer->skel->bss->seqs[i].next, __ATOMIC_ACQUIRE);
}

static bool on_loss(void *ctx, const void *record, size_t len)
{
	const struct loss *l = record;

	if (l->kind < K_KINDS) {
		told_by_kernel[l->kind]++;
		tally(l->conn_pid, l->conn_start, l->kind, 1);
	}
	return true;
}

/* The losses ring says whose; the kernel's counters know also what did not fit into it. */
static void read_losses(void)
{
	__u64 all[K_KINDS];
	int k;

	for (k = 0; k < K_KINDS; k++)
		all[k] = __atomic_load_n(&tracer->skel->bss->lost[k], __ATOMIC_ACQUIRE);
	if (!ring_drain(&losses, on_loss, NULL))
		return;
	for (k = 0; k < K_KINDS; k++) {
		if (all[k] <= told_by_kernel[k])
			continue;
		tally(0, 0, k, all[k] - told_by_kernel[k]);
		told_by_kernel[k] = all[k];
	}
}

static void put_loss(struct text *t, const char *of, const char *detail, __u64 n, __u32 conn_pid, __u64 conn_start,
		     __u64 sum)
{
	open_record(t, "lost", boot_ns());
	put(t, ",\"of\":\"");
	put(t, of);
	put(t, detail);
	put(t, "\"");
	put_num(t, "n", n);
	put_conn(t, conn_pid, conn_start);
	put_big(t, "since", lost_since);
	put_big(t, "total", sum);
	close_record(t);
}

static void put_skipped(struct text *t)
{
	int i;

	for (i = 0; i < program_count; i++) {
		struct program *p = &programs[i];

		if (p->missed != p->told && text_has_room(t))
			put_loss(t, "skipped:", p->name, p->missed - p->told, 0, 0, p->missed);
		p->told = p->missed;
	}
}

/* A process that could not be followed is not a record. */
static void count_told(__u32 kind, __u64 n)
{
	if (kind != K_UNTRACKED)
		told += n;
}

void put_lost(struct text *t)
{
	__u64 now = boot_ns();
	int i;

	read_losses();
	for (i = 0; i < SLOTS; i++) {
		struct slot *s = &slots[i];

		if (!s->n || !text_has_room(t))
			continue;
		put_loss(t, kind_name(s->kind), "", s->n, s->conn_pid, s->conn_start, total[s->kind]);
		count_told(s->kind, s->n);
		s->n = 0;
	}
	for (i = 0; i < K_KINDS; i++) {
		if (!unnamed[i] || !text_has_room(t))
			continue;
		put_loss(t, kind_name(i), "", unnamed[i], 0, 0, total[i]);
		count_told(i, unnamed[i]);
		unnamed[i] = 0;
	}
	put_skipped(t);
	lost_since = now;
}

void put_seqs(struct text *t)
{
	int cpus = libbpf_num_possible_cpus(), i;

	for (i = 0; i < MAX_CPUS; i++) {
		if ((i >= cpus && !snapshot[i]) || !text_has_room(t))
			continue;
		open_record(t, "seq", snapshot_ts);
		put_num(t, "cpu", i);
		put_num(t, "next", snapshot[i]);
		close_record(t);
	}
}

__u64 health_told(void)
{
	return told;
}

void health_forget(void)
{
	lost_since = boot_ns();
	read_losses();
	memset(slots, 0, sizeof(slots));
	memset(unnamed, 0, sizeof(unnamed));
}

void put_end(struct text *t, __u64 records, __u64 lost)
{
	open_record(t, "end", boot_ns());
	put_num(t, "records", records);
	put_num(t, "lost", lost);
	close_record(t);
}

bool health_check_skipped(void)
{
	bool rose = false;
	int i;

	for (i = 0; i < program_count; i++) {
		struct bpf_prog_info info = {};
		__u32 len = sizeof(info);

		if (bpf_obj_get_info_by_fd(programs[i].fd, &info, &len))
			continue;
		rose = rose || info.recursion_misses > programs[i].missed;
		programs[i].missed = info.recursion_misses;
	}
	misses_rose = misses_rose || rose;
	return rose;
}

bool health_wants_sweep(__u64 now)
{
	__u64 forks = __atomic_load_n(&tracer->skel->bss->forked_sshd, __ATOMIC_ACQUIRE);

	if (!host_in_first_namespace())
		return false;	/* the iterator would not show what lives elsewhere */
	if (forks != forks_seen && !look_at)
		look_at = now + LOOK_NS;
	if (look_at && now >= look_at) {
		forks_seen = forks;
		look_at = 0;
		return true;
	}
	if (total[K_UNTRACKED] != untracked_seen && now - last_sweep >= LOOK_NS) {
		untracked_seen = total[K_UNTRACKED];
		return true;	/* the map is full: the dead go first */
	}
	return misses_rose || now - last_sweep >= SWEEP_NS;
}

/* As mark() of state.bpf.h. The kernel sets the bit behind the entry: who has the pid by now keeps it. */
static void unmark(__u32 pid)
{
	__u64 *word = &tracer->skel->bss->followed[pid / 64 % FOLLOWED_WORDS], bit = 1ULL << pid % 64;
	struct proc p;

	__sync_fetch_and_and(word, ~bit);
	if (!bpf_map_lookup_elem(bpf_map__fd(tracer->skel->maps.procs), &pid, &p))
		__sync_fetch_and_or(word, bit);
}

static void end_entry(struct text *t, __u32 pid, const struct proc *p)
{
	struct sshd_otel_bpf *s = tracer->skel;

	bpf_map_delete_elem(bpf_map__fd(s->maps.procs), &pid);
	unmark(pid);
	if (p->serves == SERVES_FILES && !bpf_map_delete_elem(bpf_map__fd(s->maps.servers), &pid))
		__sync_fetch_and_sub(&s->bss->served[pid % SERVED_SLOTS], 1);
	seeds_forget(pid, p->start);
	if (p->role == R_CANDIDATE || !t || !text_has_room(t))
		return;
	open_record(t, "untracked", boot_ns());
	put_process(t, pid, p->start, p->conn_pid, p->conn_start, p->role);
	close_record(t);
}

static bool is_over(const struct proc *p, __u64 start, __u64 patience)
{
	if (p->sweep != tracer->skel->bss->sweep && p->start < start)
		return true;	/* no process claimed it */
	/* this very sweep may have noted it, later than it began */
	return p->orphaned && start > p->orphaned && start - p->orphaned > patience;
}

/* Kernels before 5.19 refuse this without rights; none of those skips a program. */
void health_sweep(struct text *t, const struct options *o)
{
	__u64 start = boot_ns(), patience = o->orphan_hours * 3600000000000ULL;
	int map = bpf_map__fd(tracer->skel->maps.procs), fd;
	__u32 key, next;
	struct proc p;
	char rest[4096];
	bool more;

	last_sweep = start;
	misses_rose = false;
	tracer->skel->bss->sweeping = true;
	tracer->skel->bss->sweep++;
	fd = bpf_iter_create(tracer->iter_link);
	if (fd < 0)
		return;
	while (read(fd, rest, sizeof(rest)) > 0)
		;
	close(fd);
	more = !bpf_map_get_next_key(map, NULL, &next);
	while (more) {
		key = next;
		more = !bpf_map_get_next_key(map, &key, &next);
		if (!bpf_map_lookup_elem(map, &key, &p) && is_over(&p, start, patience))
			end_entry(t, key, &p);
	}
}
