/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What runs already. User space reads the iterator until a pass adds nothing,
 * and again from time to time, to find what a skipped program missed.
 */
#ifndef SEED_BPF_H
#define SEED_BPF_H

__u32 sweep;		/* number of the pass; an entry that no pass confirms is gone */
bool sweeping;		/* after the start: only children of the followed are adopted */

/* Its session leader is itself and it holds a client's socket: its listener is gone. */
static __always_inline bool is_orphaned_monitor(struct task_struct *t, __u32 pid)
{
	return !only_pid && id_of(t, PIDTYPE_SID) == pid && find_tcp(t, CONNECTED, 0);
}

static __always_inline bool place_stranger(struct task_struct *t, struct proc *p, __u32 pid)
{
	if (sweeping || (only_pid && only_pid != pid) || !runs_sshd(t) || !in_scope(t))
		return false;
	if (find_tcp(t, LISTENING, 0)) {
		p->role = R_LISTENER;
	} else if (is_orphaned_monitor(t, pid)) {
		p->role = R_SSHD;
		p->served = 1;
		p->conn_pid = pid;
		p->conn_start = p->start;
	} else {
		p->role = R_CANDIDATE;
	}
	return true;
}

/*
 * A listener below a listener was not forked by it but by what that ran before, a
 * shell for instance. A monitor may hold its listener's sockets for a moment, too,
 * but with its client's.
 */
static __always_inline bool is_listener_below(struct task_struct *t, const struct proc *p, const struct proc *parent)
{
	return parent->role == R_LISTENER && p->image && find_tcp(t, LISTENING, 0) && !find_tcp(t, CONNECTED, 0);
}

/* A child of the sshd that forks sessions is sshd's until it runs something else. */
static __always_inline void place_child(struct task_struct *t, struct proc *p, const struct proc *parent, __u32 pid)
{
	char name[8] = {};

	if (is_listener_below(t, p, parent)) {
		p->role = R_LISTENER;
		return;
	}
	inherit(p, parent, pid);
	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(t, mm, exe_file, f_path.dentry, d_name.name));
	if (p->role == R_SSHD && !is_sshd_name(name))
		p->role = R_PROGRAM;
}

static __always_inline void tell_seed(struct bpf_iter__task *ctx, struct task_struct *t, struct proc *p,
				      __u32 pid, struct sock *sk)
{
	struct seed s = {};

	s.ts = bpf_ktime_get_boot_ns();
	s.pid = pid;
	s.start = p->start;
	s.ppid = BPF_CORE_READ(t, real_parent, tgid);
	s.pstart = BPF_CORE_READ(t, real_parent, group_leader, start_boottime);
	s.conn_pid = p->conn_pid;
	s.conn_start = p->conn_start;
	s.role = p->role;
	read_uids(t, s.uid);
	s.sid = p->sid;
	s.pgid = id_of(t, PIDTYPE_PGID);
	s.luid = bpf_core_field_exists(t->loginuid) ? BPF_CORE_READ(t, loginuid.val) : ~0U;
	s.exec_id = BPF_CORE_READ(t, self_exec_id);
	s.cgroup = place(t, pid);
	bpf_probe_read_kernel(s.comm, sizeof(s.comm), t->comm);
	if (sk)
		read_addresses(sk, &s.a);
	bpf_seq_write(ctx->meta->seq, &s, sizeof(s));
}

/* Its monitor is gone: from now on it is a survivor, followed for a while. */
static __always_inline void note_orphan(struct proc *p, __u64 ts)
{
	const struct proc *monitor;

	if (!p->conn_pid || p->orphaned)
		return;
	monitor = find(p->conn_pid);
	if (!monitor || monitor->start != p->conn_start)
		p->orphaned = ts;
}

SEC("iter/task")
int each_task(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	struct proc *known, *parent, p = {};
	struct sock *sk = NULL;
	__u32 pid;

	if (!t || t->pid != t->tgid)
		return 0;
	pid = t->tgid;
	known = find(pid);
	if (known && known->start == t->start_boottime) {
		__u64 ts = bpf_ktime_get_boot_ns();

		known->sweep = sweep;
		if (sweeping)
			note_orphan(known, ts);
		if (sweeping && known->role == R_SSHD)
			note_changes(t, known, pid, ts);
		return 0;
	}
	if (!BPF_CORE_READ(t, mm) || !BPF_CORE_READ(t, signal, live.counter))
		return 0;	/* a kernel thread, or dead */
	fresh_proc(&p, t);
	p.sweep = sweep;
	p.image = runs_sshd(t);
	p.adopted = !sweeping;
	parent = find(BPF_CORE_READ(t, real_parent, tgid));
	if (parent && parent->role != R_CANDIDATE)
		place_child(t, &p, parent, pid);
	else if (!place_stranger(t, &p, pid))
		return 0;
	known = follow(pid, &p);
	if (!known)
		return 0;
	if (p.role == R_SSHD)
		sk = find_tcp(t, CONNECTED, 0);
	if (sk && p.conn_pid == pid)
		remember_sock(sk, known, pid);
	if (p.role != R_CANDIDATE)
		tell_seed(ctx, t, known, pid, sk);
	return 0;
}

#endif
