/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What a task_struct tells: ids, image, and changes that no hook announced. */
#ifndef TASK_BPF_H
#define TASK_BPF_H

static __always_inline __u32 id_of(struct task_struct *t, enum pid_type type)
{
	return BPF_CORE_READ(t, signal, pids[type], numbers[0].nr);
}

static __always_inline void read_uids(struct task_struct *t, __u32 uid[3])
{
	const struct cred *c = BPF_CORE_READ(t, real_cred);

	uid[0] = BPF_CORE_READ(c, uid.val);
	uid[1] = BPF_CORE_READ(c, euid.val);
	uid[2] = BPF_CORE_READ(c, suid.val);
}

static __always_inline void read_gids(struct task_struct *t, __u32 gid[3])
{
	const struct cred *c = BPF_CORE_READ(t, real_cred);

	gid[0] = BPF_CORE_READ(c, gid.val);
	gid[1] = BPF_CORE_READ(c, egid.val);
	gid[2] = BPF_CORE_READ(c, sgid.val);
}

/* The pid in the process's innermost namespace, and that namespace's inode. */
static __always_inline void read_namespace(struct task_struct *t, __u32 *nspid, __u32 *pidns)
{
	struct pid *pid = BPF_CORE_READ(t, group_leader, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);
	struct upid *inner = (void *)&pid->numbers[0] + level * bpf_core_type_size(struct upid);

	*nspid = BPF_CORE_READ(inner, nr);
	*pidns = BPF_CORE_READ(inner, ns, ns.inum);
}

static __always_inline bool in_scope(struct task_struct *t)
{
	return all_namespaces || !BPF_CORE_READ(t, group_leader, thread_pid, level);
}

/* sshd, sshd-session, sshd-auth */
static __always_inline bool is_sshd_name(const char *s)
{
	return s[0] == 's' && s[1] == 's' && s[2] == 'h' && s[3] == 'd' && (!s[4] || s[4] == '-');
}

/*
 * Root's own sshd: by the file that runs, not by a name that any process may
 * give itself, and by an uid that no user has.
 */
static __always_inline bool runs_sshd(struct task_struct *t)
{
	char name[8] = {};
	__u32 uid[3];

	read_uids(t, uid);
	if (uid[0] || uid[1] || uid[2])
		return false;
	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(t, mm, exe_file, f_path.dentry, d_name.name));
	return is_sshd_name(name);
}

static __always_inline void fresh_proc(struct proc *p, struct task_struct *t)
{
	p->start = BPF_CORE_READ(t, group_leader, start_boottime);
	p->cred = (__u64)BPF_CORE_READ(t, real_cred);
	p->uid = BPF_CORE_READ(t, real_cred, uid.val);
	p->sid = id_of(t, PIDTYPE_SID);
}

/* A child of @parent: its connection, or a new one if the parent is a listener. */
static __always_inline void inherit(struct proc *p, const struct proc *parent, __u32 pid)
{
	p->role = parent->role;
	p->image = parent->image;
	p->conn_pid = parent->conn_pid;
	p->conn_start = parent->conn_start;
	p->served = parent->served;
	p->cgroup = parent->cgroup;
	if (parent->role == R_LISTENER) {
		p->role = R_SSHD;
		p->served = 1;
		p->conn_pid = pid;
		p->conn_start = p->start;
	}
}

static __always_inline void give_ids(struct task_struct *t, const struct proc *p, __u32 pid, __u32 kind, __u64 ts,
				     bool late)
{
	struct ev_ids *e;
	__u32 uid[3];

	read_uids(t, uid);
	if (kind == K_SETRESUID && (uid[0] != uid[1] || uid[1] != uid[2]))
		return;
	e = take(p, pid, kind, sizeof(*e), ts);
	if (!e)
		return;
	__builtin_memcpy(e->uid, uid, sizeof(uid));
	e->sid = id_of(t, PIDTYPE_SID);
	e->late = late;
	e->ret = 0;
	e->file_got = 0;
	give(e, ts);
}

/* Without system call hooks new credentials and sessions show at the next event. */
static __always_inline void note_changes(struct task_struct *t, struct proc *p, __u32 pid, __u64 ts)
{
	__u64 cred = (__u64)BPF_CORE_READ(t, real_cred);
	__u32 uid = BPF_CORE_READ(t, real_cred, uid.val);
	__u32 sid = id_of(t, PIDTYPE_SID);

	/* new credentials with the same uid may be root's user child: exact mode knows better */
	if (uid != p->uid || (cred != p->cred && !exact)) {
		p->cred = cred;
		p->uid = uid;
		give_ids(t, p, pid, K_SETRESUID, ts, true);
	}
	if (sid != p->sid) {
		p->sid = sid;
		give_ids(t, p, pid, K_SETSID, ts, true);
	}
}

/*
 * An unknown process whose parent is followed: its fork was missed (a program
 * that was skipped, a map that was full). It belongs to its parent's tree.
 */
static __always_inline struct proc *adopt(struct task_struct *t, __u32 pid)
{
	struct proc *parent = find(BPF_CORE_READ(t, real_parent, tgid));
	struct proc p = {};

	if (!parent || parent->role == R_CANDIDATE)
		return NULL;
	fresh_proc(&p, t);
	inherit(&p, parent, pid);
	return follow(pid, &p);
}

#endif
