// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Facts about stock sshd: who forked, what ran with its whole argv, who it was,
 * what the monitor protocol said, what became of the socket. Five tracepoints
 * with BTF; a process outside sshd's trees costs a lookup at each.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "kernel.h"
#include "sshd-otel.h"
#include "state.bpf.h"
#include "task.bpf.h"
#include "cgroup.bpf.h"
#include "usage.bpf.h"
#include "socket.bpf.h"
#include "monitor.bpf.h"
#include "exec.bpf.h"
#include "seed.bpf.h"
#include "files.bpf.h"

#include "send.bpf.h"
#include "unix-forwards.bpf.h"

#define SIGNAL_GROUP_EXIT	4

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 ppid = parent->tgid, pid = child->tgid;
	struct proc *pp, p = {};
	struct ev_fork *e;
	__u64 ts;

	if (child->pid != pid)		/* a thread */
		return 0;
	pp = find(ppid);
	if (!pp)
		return 0;
	SKIP_SOME();
	ts = bpf_ktime_get_boot_ns();
	if (pp->role == R_SSHD)
		note_changes(parent, pp, ppid, ts);
	fresh_proc(&p, child);
	p.start = child->start_boottime;
	inherit(&p, pp, pid);
	follow(pid, &p);
	if (pp->role == R_CANDIDATE)
		return 0;
	if (p.role == R_SSHD)
		__sync_fetch_and_add(&forked_sshd, 1);
	e = take(pp, ppid, K_FORK, sizeof(*e), ts);
	if (e) {
		e->child = pid;
		e->child_start = p.start;
		read_uids(parent, e->uid);
		e->exec_id = BPF_CORE_READ(parent, self_exec_id);
		e->sid = p.sid;
		read_namespace(child, &e->nspid, &e->pidns);
		give(e, ts);
	}
	if (pp->role == R_LISTENER)
		accepted(parent, &p, pid);
	return 0;
}

/* A root's sshd that nobody followed started: inetd's connection, or perhaps a listener. */
static __always_inline struct proc *newcomer(struct task_struct *t, __u32 pid)
{
	struct proc p = {};

	if ((only_pid && only_pid != pid) || !runs_sshd(t) || !in_scope(t))
		return NULL;
	fresh_proc(&p, t);
	p.image = 1;
	if (stdin_tcp(t)) {
		p.role = R_SSHD;
		p.conn_pid = pid;
		p.conn_start = p.start;
	} else {
		p.role = find_tcp(t, LISTENING, 0) ? R_LISTENER : R_CANDIDATE;
	}
	return follow(pid, &p);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *t, int old, struct linux_binprm *bprm)
{
	__u32 pid = t->tgid;
	struct proc *p = find(pid);
	bool leader = false;
	__u64 ts;

	if (!p) {
		p = adopt(t, pid);
		if (!p)
			p = newcomer(t, pid);
		if (!p)
			return 0;
		if (p->conn_pid == pid)
			accepted(t, p, pid);
	}
	ts = bpf_ktime_get_boot_ns();
	if (exact && p->serves == SERVES_FILES)
		files_end(pid, ts);
	p->serves = SERVES_UNKNOWN;
	p->image = runs_sshd(t);
	if (p->role == R_CANDIDATE) {
		if (!p->image)
			forget(pid);
		return 0;
	}
	if (p->role == R_SSHD) {
		note_changes(t, p, pid, ts);
		if (!p->image) {
			leader = p->sid == pid && p->conn_pid != pid;
			p->role = R_PROGRAM;
		}
	}
	give_exec(t, p, pid, old, true, BPF_CORE_READ(bprm, filename), ts);
	note_rss(t, p);
	if (leader)
		give_environment(t, pid, ts);
	return 0;
}

struct title {
	char text[TITLE_MAX];
	__u32 len, pad;
};

/* Titles of processes that are about to exit, where the exit hook comes too late to read them. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct title);
} titles SEC(".maps");

/* sshd keeps its title where its arguments were. */
static __always_inline __u32 read_title(char *to, struct mm_struct *mm)
{
	long n = bpf_probe_read_user_str(to, TITLE_MAX, (void *)BPF_CORE_READ(mm, arg_start));

	return n > 0 ? n - 1 : 0;
}

static __always_inline __u32 kept_title(char *to, __u32 pid)
{
	struct title *t = bpf_map_lookup_elem(&titles, &pid);
	__u32 len;

	if (!t)
		return 0;
	len = t->len;
	__builtin_memcpy(to, t->text, TITLE_MAX);
	bpf_map_delete_elem(&titles, &pid);
	return len;
}

/* Older kernels: the last moment at which a process that exits still has its memory. */
SEC("?fentry/exit_mm_release")
int BPF_PROG(on_exit_mm, struct task_struct *t, struct mm_struct *mm)
{
	struct title title = {};
	__u32 pid = t->tgid;
	struct proc *p = find(pid);

	if (!p || (p->role != R_SSHD && p->role != R_LISTENER) || BPF_CORE_READ(t, signal, live.counter))
		return 0;
	title.len = read_title(title.text, mm);
	bpf_map_update_elem(&titles, &pid, &title, BPF_ANY);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *t)
{
	__u32 pid = t->tgid;
	struct proc *p = find(pid), last;
	struct ev_exit *e;
	__u64 ts;

	if (BPF_CORE_READ(t, signal, live.counter))
		return 0;
	if (!p)
		p = adopt(t, pid);
	if (!p)
		return 0;
	SKIP_SOME();
	if (exact && p->channel_fds)
		close_channels(p, pid);
	if (exact && p->serves == SERVES_FILES)
		files_end(pid, bpf_ktime_get_boot_ns());
	last = *p;
	if (!forget(pid))	/* two last threads at once: one tells */
		return 0;
	if (last.role == R_CANDIDATE)
		return 0;
	ts = bpf_ktime_get_boot_ns();
	if (last.role == R_SSHD) {
		note_changes(t, &last, pid, ts);
		child_gone(&last, pid);
	}
	e = take(&last, pid, K_EXIT, sizeof(*e), ts);
	if (!e)
		return 0;
	e->status = BPF_CORE_READ(t, group_leader, exit_code);
	if (BPF_CORE_READ(t, signal, flags) & SIGNAL_GROUP_EXIT)
		e->status = BPF_CORE_READ(t, signal, group_exit_code);
	read_uids(t, e->uid);
	read_gids(t, e->gid);
	read_cpu(t, &e->cpu);
	e->max_rss = max_rss(t, &last);
	e->exec_id = BPF_CORE_READ(t, self_exec_id);
	e->sid = id_of(t, PIDTYPE_SID);
	bpf_probe_read_kernel(e->comm, sizeof(e->comm), t->group_leader->comm);
	e->title_got = 0;
	if (last.role != R_PROGRAM)
		e->title_got = BPF_CORE_READ(t, mm) ? read_title(e->title, BPF_CORE_READ(t, mm)) :
						      kept_title(e->title, pid);
	give(e, ts);
	return 0;
}

/* sshd begins to listen: now it is a listener, wherever it was started from. */
static __always_inline void begins_to_listen(struct task_struct *t, struct proc *p, __u32 pid)
{
	if (!p->image || p->role == R_LISTENER || !runs_sshd(t) || !in_scope(t))
		return;
	p->role = R_LISTENER;
	p->conn_pid = 0;
	p->conn_start = 0;
	give_exec(t, p, pid, pid, false, NULL, bpf_ktime_get_boot_ns());
}

#ifdef OLD_KERNEL
#define cookie_of(sk)	0
#define name_of(sk)	bpf_ktime_get_boot_ns()	/* no cookie here; no two begin at once */
#else
#define cookie_of(sk)	bpf_get_socket_cookie(sk)
#define name_of(sk)	bpf_get_socket_cookie(sk)
#endif

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_tcp, struct sock *sk, int old, int new)
{
	struct tracked_sock *s;
	struct task_struct *t;
	__u64 key = (__u64)sk;
	struct proc *p;
	__u32 pid;

	s = bpf_map_lookup_elem(&socks, &key);
	if (s) {
		if (s->forward)
			forward_changed(s, sk, old, new);
		else
			give_tcp(&s->owner, s->pid, K_TCP, &s->a, sk, cookie_of(sk), 0, old, new,
				 closed_by(sk, old, new));
		if (new == TCP_CLOSE)
			bpf_map_delete_elem(&socks, &key);
		return 0;
	}
	pid = bpf_get_current_pid_tgid() >> 32;
	p = find(pid);
	if (!p || !is_tcp(sk))
		return 0;
	t = (struct task_struct *)bpf_get_current_task();
	if (old == TCP_CLOSE && new == TCP_LISTEN) {
		if (p->role == R_SSHD && (p->served || !runs_sshd(t)))
			begin_forward(sk, p, pid, F_LISTEN, name_of(sk), old, new);
		else
			begins_to_listen(t, p, pid);
	} else if (old == TCP_CLOSE && new == TCP_SYN_SENT) {
		if (p->role == R_SSHD && connects_for_client(sk))
			begin_forward(sk, p, pid, F_CONNECT, name_of(sk), old, new);
	} else if (p->role == R_LISTENER && is_drop(t, sk, old, new)) {
		struct addresses a;

		read_addresses(sk, &a);
		give_tcp(p, pid, K_DROP, &a, sk, 0, 0, old, new, BY_LOCAL);
	}
	return 0;
}

#include "exact.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
