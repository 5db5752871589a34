/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Who is followed, the rings, and how a record is numbered, reserved, given. */
#ifndef STATE_BPF_H
#define STATE_BPF_H

const volatile __u64 ring_size = 8 << 20;
const volatile __u64 headroom = 1 << 20;	/* last part of the ring, closed to argv bulk */
const volatile __u64 wake_at = 1 << 20;		/* unread bytes that wake the reader */
const volatile __u32 only_pid;			/* 0, or the one listener to trace */
const volatile bool all_namespaces;		/* sshds inside containers too */
const volatile bool log_lines = true;
const volatile bool exact;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 << 10);
} losses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 131072);
	__type(key, __u32);
	__type(value, struct proc);
} procs SEC(".maps");

/*
 * One bit for each pid that there can be (PID_MAX_LIMIT, 2^22): set if it is in
 * procs. A look at it calls no helper, and so takes a fifth of the time.
 */
__u64 followed[FOLLOWED_WORDS];

/*
 * The smaller one. By hand, since clang 14 tests one copy of a number and uses
 * another, whose bounds verifiers of old kernels don't know.
 */
static __always_inline __u32 at_most(__u32 n, const __u32 max)
{
	asm volatile("if %[n] <= %[max] goto +1\n"
		     "%[n] = %[max]" : [n] "+r"(n) : [max] "i"(max));
	return n;
}

struct cpu_seq seqs[MAX_CPUS];
__u64 lost[K_KINDS];		/* every loss; also those that the losses ring had no room for */
__u64 last_wake;
__u64 forked_sshd;		/* sshd images born: each deserves one look by the sweep */

/*
 * The number of this record among those that this CPU tried to make. A program
 * may be interrupted by another one on its CPU, so it takes one instruction;
 * kernels before 5.12 lack it, and never preempt a program. There only the one
 * program that runs in interrupts could take a number twice: it counts in its
 * own row.
 */
static __always_inline __u64 next_seq(__u64 row)
{
	barrier_var(row);	/* else clang 14 tests one copy of it and uses another */
	row &= MAX_CPUS - 1;
#ifdef OLD_KERNEL
	return seqs[row].next++;
#else
	return __sync_fetch_and_add(&seqs[row].next, 1);
#endif
}

static __always_inline void count_loss(__u32 conn_pid, __u64 conn_start, __u32 kind)
{
	struct loss l = { .conn_start = conn_start, .conn_pid = conn_pid, .kind = kind };

	if (kind < K_KINDS)
		__sync_fetch_and_add(&lost[kind], 1);
	bpf_ringbuf_output(&losses, &l, sizeof(l), BPF_RB_NO_WAKEUP);
}

/* The row that a record of this CPU is numbered in; hosts with more CPUs share rows. */
static __always_inline __u32 seq_row(__u32 kind)
{
	__u32 cpu = bpf_get_smp_processor_id();

#ifdef OLD_KERNEL
	cpu &= MAX_CPUS / 2 - 1;
	if (kind == K_TCP || kind == K_DROP || kind == K_FORWARD)
		cpu += MAX_CPUS / 2;
#endif
	return cpu & (MAX_CPUS - 1);
}

/* What cannot be told. It takes a number, as every record that is lost does. */
static __always_inline void lose(const struct proc *p, __u32 kind)
{
	next_seq(seq_row(kind));
	count_loss(p->conn_pid, p->conn_start, kind);
}

static __always_inline void fill_head(struct head *h, const struct proc *p, __u32 pid, __u32 kind, __u64 ts, __u32 row,
				      __u64 seq)
{
	h->ts = ts;
	h->start = p->start;
	h->conn_start = p->conn_start;
	h->seq = seq;
	h->pid = pid;
	h->conn_pid = p->conn_pid;
	h->cpu = row;
	h->kind = kind;
	h->role = p->role;
}

/* Room for a record of @size bytes with its head filled in; NULL: counted as lost. */
static __always_inline void *take(const struct proc *p, __u32 pid, __u32 kind, __u64 size, __u64 ts)
{
	__u32 row = seq_row(kind);
	__u64 seq = next_seq(row);
	struct head *h;

	h = bpf_ringbuf_reserve(&events, size, 0);
	if (!h) {
		count_loss(p->conn_pid, p->conn_start, kind);
		return NULL;
	}
	fill_head(h, p, pid, kind, ts, row, seq);
	return h;
}

/*
 * A wake-up costs ten times what the record costs. The reader comes by itself
 * every 40 ms; it is woken only when the ring fills, at most once a ms.
 */
static __always_inline void give(void *record, __u64 ts)
{
	__u64 flags = BPF_RB_NO_WAKEUP;

	if (bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) >= wake_at && ts - last_wake > 1000000) {
		last_wake = ts;
		flags = BPF_RB_FORCE_WAKEUP;
	}
	bpf_ringbuf_submit(record, flags);
}

static __always_inline bool room_for_bulk(__u64 size)
{
	return bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) + size + headroom <= ring_size;
}

static __always_inline struct proc *find(__u32 pid)
{
	return bpf_map_lookup_elem(&procs, &pid);
}

static __always_inline __u64 *followed_word(__u32 pid)
{
	return &followed[pid / 64 & (FOLLOWED_WORDS - 1)];
}

/* Kernels before 5.12 lack the instructions, and the hook that looks. */
static __always_inline void mark(__u32 pid, bool is_followed)
{
#ifndef OLD_KERNEL
	__u64 *word = followed_word(pid), bit = 1ULL << (pid & 63);

	if (is_followed)
		__sync_fetch_and_or(word, bit);
	else
		__sync_fetch_and_and(word, ~bit);
#endif
}

static __always_inline struct proc *follow(__u32 pid, const struct proc *p)
{
	if (bpf_map_update_elem(&procs, &pid, p, BPF_ANY)) {
		count_loss(p->conn_pid, p->conn_start, K_UNTRACKED);
		return NULL;
	}
	mark(pid, true);
	return find(pid);
}

/* The process is at its end, or runs something else: its pid is still its own. False: it was not followed. */
static __always_inline bool forget(__u32 pid)
{
	if (bpf_map_delete_elem(&procs, &pid))
		return false;
	mark(pid, false);
	return true;
}

/*
 * Test builds leave out some runs, as kernels from 7.2 on do when a program is
 * preempted by another one on its CPU: the rest has to make up for it.
 */
#ifdef SKIP_EVERY
__u64 runs;
#define SKIP_SOME()	do { if (__sync_fetch_and_add(&runs, 1) % SKIP_EVERY == 0) return 0; } while (0)
#else
#define SKIP_SOME()
#endif

#endif
