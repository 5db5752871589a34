/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What an exec carries: the whole argv, the file's name, six variables. */
#ifndef EXEC_BPF_H
#define EXEC_BPF_H

static __always_inline struct ev_bytes *take_piece(const struct proc *p, __u32 pid, __u64 ts, __u32 what, __u32 off,
						   __u32 len, __u32 total, const __u32 room)
{
	struct ev_bytes *e = take(p, pid, K_BYTES, sizeof(*e) + room, ts);

	if (!e)
		return NULL;
	e->what = what;
	e->off = off;
	e->len = len;
	e->total = total;
	e->got = 0;
	return e;
}

/* Bytes @off.. of argv, at most @room. Returns whether to stop. */
static __always_inline int argv_part(const struct proc *p, __u32 pid, __u64 ts, const char *base, __u32 off,
				     __u32 total, const __u32 room)
{
	__u64 n = (__u64)total - off;
	struct ev_bytes *e;

	if (!room_for_bulk(room)) {	/* the rest is a hole, and said to be one */
		e = take_piece(p, pid, ts, V_ARGV, off, n, total, 0);
		if (e)
			give(e, ts);
		return 1;
	}
	e = take_piece(p, pid, ts, V_ARGV, off, n < room ? n : room, total, room);
	if (!e)
		return 1;
	n = at_most(n, room);
	e->got = bpf_probe_read_user(e->data, n, base + off) ? 0 : n;
	give(e, ts);
	return 0;
}

/*
 * Global, so that the verifier checks it once and not once per turn of the
 * loop that calls it. Needs 5.6; bpf_loop would need 5.17.
 */
__noinline int argv_piece(__u32 pid, __u64 ts, __u64 base, __u32 off, __u32 total)
{
	struct proc *p = find(pid);

	if (!p || off >= total)
		return 1;
	return argv_part(p, pid, ts, (const char *)base, off, total, PIECE_BIG);
}

static __always_inline void argv_rest(const struct proc *p, __u32 pid, __u64 ts, const char *argv, __u32 total)
{
	__u32 i;

	if (total <= ARGV_INLINE)
		return;
	if (total <= PIECE_SMALL) {
		argv_part(p, pid, ts, argv, 0, total, PIECE_SMALL);
		return;
	}
	for (i = 0; i < PIECES; i++)
		if (argv_piece(pid, ts, (__u64)argv, i * PIECE_BIG, total))
			break;
}

/* A file name that the exec record had no room for. */
static __always_inline void file_rest(const struct proc *p, __u32 pid, __u64 ts, const char *name)
{
	struct ev_bytes *e = take_piece(p, pid, ts, V_FILE, 0, 0, 0, PIECE_SMALL);
	long n;

	if (!e)
		return;
	n = bpf_probe_read_kernel_str(e->data, PIECE_SMALL, name);
	e->got = e->len = e->total = n > 0 ? n - 1 : 0;
	give(e, ts);
}

/* What the tracepoint's task tells; nothing where an exec is told without one. */
static __always_inline void read_image(struct task_struct *t, const struct proc *p, struct ev_exec *e, const bool hook)
{
	struct nsproxy *ns;
	struct mm_struct *mm;
	struct file *f;

	e->inode = 0;
	e->mntns = 0;
	e->cpu.known = 0;
	if (!hook)
		return;
	mm = t->mm;
	f = mm ? mm->exe_file : NULL;
	if (f) {
		e->inode = f->f_inode->i_ino;
		e->device = f->f_inode->i_sb->s_dev;
	}
	ns = t->nsproxy;
	if (ns)
		e->mntns = ns->mnt_ns->ns.inum;
	if (p->rss_before)	/* it ran something before */
		read_cpu(t, &e->cpu);
}

/* The record, with room for so many bytes of argv. Returns whether the file's name went in. */
static __always_inline bool exec_record(struct task_struct *t, struct proc *p, __u32 pid, int old,
					const bool hook, const char *file, __u64 ts, const char *argv,
					__u32 total, const __u32 room)
{
	struct ev_exec *e = take(p, pid, K_EXEC, offsetof(struct ev_exec, argv) + room, ts);
	__u64 n = total;
	bool whole;
	long got;

	if (!e)
		return true;
	e->cgroup = place(t, pid);
	read_image(t, p, e, hook);
	e->exec_id = BPF_CORE_READ(t, self_exec_id);
	e->old = old;
	e->ppid = BPF_CORE_READ(t, real_parent, tgid);
	read_uids(t, e->uid);
	read_gids(t, e->gid);
	e->sid = id_of(t, PIDTYPE_SID);
	e->pgid = id_of(t, PIDTYPE_PGID);
	e->luid = bpf_core_field_exists(t->loginuid) ? BPF_CORE_READ(t, loginuid.val) : ~0U;
	e->ses = bpf_core_field_exists(t->sessionid) ? BPF_CORE_READ(t, sessionid) : ~0U;
	read_namespace(t, &e->nspid, &e->pidns);
	bpf_probe_read_kernel(e->comm, sizeof(e->comm), t->comm);
	got = file ? bpf_probe_read_kernel_str(e->file, sizeof(e->file), file) : 0;
	whole = got < (long)sizeof(e->file);
	e->file_got = whole && got > 0 ? got - 1 : 0;
	e->argv_len = total;
	n = at_most(n, room);
	e->argv_got = bpf_probe_read_user(e->argv, n, argv) ? 0 : n;
	give(e, ts);
	return whole;
}

static __always_inline void give_exec(struct task_struct *t, struct proc *p, __u32 pid, int old,
				      const bool hook, const char *file, __u64 ts)
{
	const char *argv = (const char *)BPF_CORE_READ(t, mm, arg_start);
	__u32 total = BPF_CORE_READ(t, mm, arg_end) - (__u64)argv;
	bool whole;

	if (total <= ARGV_SMALL)	/* most of them */
		whole = exec_record(t, p, pid, old, hook, file, ts, argv, total, ARGV_SMALL);
	else
		whole = exec_record(t, p, pid, old, hook, file, ts, argv, total, ARGV_INLINE);
	if (!whole)
		file_rest(p, pid, ts, file);
	argv_rest(p, pid, ts, argv, total);
}

static __always_inline bool begins(const char *s, const char *with, const int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (s[i] != with[i])
			return false;
	return true;
}

#define NAME_IS(s, name)	begins(s, name "=", sizeof(name "=") - 1)

static __always_inline bool may_tell(const char *s)
{
	return NAME_IS(s, "SSH_CONNECTION") || NAME_IS(s, "SSH_CLIENT") || NAME_IS(s, "SSH_TTY") ||
	       NAME_IS(s, "SSH_ORIGINAL_COMMAND") || NAME_IS(s, "TRACEPARENT") || NAME_IS(s, "TRACESTATE");
}

static __always_inline void give_env(const struct proc *p, __u32 pid, __u64 ts, const char *at, const __u32 room)
{
	struct ev_env *e = take(p, pid, K_ENV, sizeof(*e) + room, ts);
	long n;

	if (!e)
		return;
	n = bpf_probe_read_user_str(e->data, room, at);
	e->got = n > 0 ? n - 1 : 0;
	e->cut = n == room;
	give(e, ts);
}

/*
 * One step through the environment at @at: its variable is told if its name is
 * on the list. Other variables get no further than this stack frame. Returns
 * how far to step; a long variable takes several, with @inside set.
 */
__noinline int env_step(__u32 pid, __u64 ts, __u64 at, __u32 inside)
{
	struct proc *p = find(pid);
	char s[80] = {};	/* small: it shares 512 bytes of stack with on_exec */
	long n;

	if (!p)
		return 0;
	n = bpf_probe_read_user_str(s, sizeof(s), (const char *)at);
	if (n <= 0)
		return 0;
	if (!inside && may_tell(s)) {
		if (n < (long)sizeof(s))
			give_env(p, pid, ts, (const char *)at, ENV_SMALL);
		else
			give_env(p, pid, ts, (const char *)at, ENV_MAX);
	}
	return n < (long)sizeof(s) ? n : -(long)(sizeof(s) - 1);
}

#define ENV_STEPS	1024

static __always_inline void give_environment(struct task_struct *t, __u32 pid, __u64 ts)
{
	__u64 at = BPF_CORE_READ(t, mm, env_start), end = BPF_CORE_READ(t, mm, env_end);
	__u32 i, inside = 0;
	int step;

	for (i = 0; i < ENV_STEPS; i++) {
		if (at >= end)
			break;
		step = env_step(pid, ts, at, inside);
		if (!step)
			break;
		inside = step < 0;
		at += step < 0 ? -step : step;
	}
}

#endif
