/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Where sshd's writes to unix sockets are seen: the first of these that the kernel has. */
#ifndef SEND_BPF_H
#define SEND_BPF_H

const volatile __u32 nr_write = 1, nr_sendto = 44;

/* A datagram of an sshd process that begins as a line for the system log does. */
static __always_inline void on_datagram(struct proc *p, __u32 pid, const char *buf, __u32 len)
{
	__u64 ts, n = len;
	struct ev_log *e;
	char start[2];

	if (!log_lines || bpf_probe_read_user(start, sizeof(start), buf))
		return;
	if (start[0] != '<' || start[1] < '0' || start[1] > '9')
		return;
	ts = bpf_ktime_get_boot_ns();
	e = take(p, pid, K_LOG, sizeof(*e) + LOG_MAX, ts);
	if (!e)
		return;
	n = at_most(n, LOG_MAX);
	e->got = bpf_probe_read_user(e->data, n, buf) ? 0 : n;
	e->len = len;
	give(e, ts);
}

/* The sender, if it is one of sshd's own processes. */
static __always_inline struct proc *sender(struct task_struct *t, __u32 pid)
{
	struct proc *p = find(pid);
	char comm[5];

	if (!p) {
		bpf_probe_read_kernel(comm, sizeof(comm), t->comm);
		if (!is_sshd_name(comm))
			return NULL;
		p = adopt(t, pid);
	}
	return p && p->role == R_SSHD ? p : NULL;
}

/* The same, with what has changed of it told. */
static __always_inline struct proc *noted_sender(struct task_struct *t, __u32 pid)
{
	struct proc *p = sender(t, pid);

	if (p)
		note_changes(t, p, pid, bpf_ktime_get_boot_ns());
	return p;
}

/*
 * Nobody follows it and it is not called sshd. Everybody's sends come by here,
 * so it calls no helper: each takes as long as all of this.
 */
static __always_inline bool is_stranger(const struct task_struct *t)
{
	return !(*followed_word(t->tgid) >> (t->tgid & 63) & 1) && !is_sshd_name(t->comm);
}

/* Linux 6.3 and later: after the send, with the registers of the system call. */
SEC("?tp_btf/sock_send_length")
int BPF_PROG(on_send, struct sock *sk, int ret, int flags)
{
	struct task_struct *t = bpf_get_current_task_btf();
	__u32 pid = t->tgid;
	struct pt_regs *regs;
	struct proc *p;

	if (is_stranger(t) || ret <= 0)
		return 0;
	p = sender(t, pid);
	if (!p)
		return 0;
	SKIP_SOME();
	note_changes(t, p, pid, bpf_ktime_get_boot_ns());
	if (sk->__sk_common.skc_family != AF_UNIX)
		return 0;
	regs = (struct pt_regs *)bpf_task_pt_regs(t);
	if (sk->sk_type == SOCK_STREAM && SYSCALL_NR(regs) == nr_write)
		on_frame(t, p, pid, sk, (const char *)SYSCALL_ARG2(regs), ret);
	else if (sk->sk_type == SOCK_DGRAM && SYSCALL_NR(regs) == nr_sendto)
		on_datagram(p, pid, (const char *)SYSCALL_ARG2(regs), ret);
	return 0;
}

/* The sender's bytes: ubuf (6.0 and later), __iov (6.4), iov. */
static __always_inline const char *user_buffer(struct msghdr *msg)
{
	struct iov_iter *it = &msg->msg_iter;
	struct iov_iter___64 *it64 = (void *)it;
	const struct iovec *v;

	if (bpf_core_field_exists(it->ubuf) && bpf_core_enum_value_exists(enum iter_type, ITER_UBUF) &&
	    BPF_CORE_READ(it, iter_type) == bpf_core_enum_value(enum iter_type, ITER_UBUF))
		return (const char *)BPF_CORE_READ(it, ubuf) + BPF_CORE_READ(it, iov_offset);
	if (bpf_core_field_exists(it64->__iov))
		v = BPF_CORE_READ(it64, __iov);
	else
		v = BPF_CORE_READ(it, iov);
	return BPF_CORE_READ(v, iov_base);
}

SEC("?fentry/unix_stream_sendmsg")
int BPF_PROG(on_stream, struct socket *sock, struct msghdr *msg, __u64 len)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct task_struct *t = (struct task_struct *)bpf_get_current_task();
	struct proc *p = noted_sender(t, pid);

	if (p)
		on_frame(t, p, pid, BPF_CORE_READ(sock, sk), user_buffer(msg), len);
	return 0;
}

SEC("?fentry/unix_dgram_sendmsg")
int BPF_PROG(on_dgram, struct socket *sock, struct msghdr *msg, __u64 len)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct task_struct *t = (struct task_struct *)bpf_get_current_task();
	struct proc *p = noted_sender(t, pid);

	if (p)
		on_datagram(p, pid, user_buffer(msg), len);
	return 0;
}

/* Last resort: every system call of the host pays for it. */
SEC("?tp_btf/sys_enter")
int BPF_PROG(on_enter, struct pt_regs *regs, long id)
{
	struct task_struct *t;
	struct sock *sk;
	struct proc *p;
	__u64 fd, n;
	__u32 pid;

	if (id != nr_write && id != nr_sendto)
		return 0;
	pid = bpf_get_current_pid_tgid() >> 32;
	t = (struct task_struct *)bpf_get_current_task();
	p = noted_sender(t, pid);
	if (!p || IS_COMPAT(t))	/* these are other calls of a 32-bit sshd */
		return 0;
	fd = SYSCALL_ARG1(regs);
	n = SYSCALL_ARG3(regs);
	if (fd >= BPF_CORE_READ(t, files, fdt, max_fds) || n > MAX_FRAME)
		return 0;
	sk = slot_sock(BPF_CORE_READ(t, files, fdt, fd) + fd);
#ifdef NO_PINNING
	if (id == nr_write && (!sk || BPF_CORE_READ(sk, __sk_common.skc_family) == AF_UNIX))	/* pipes too */
		on_frame(t, p, pid, sk, (const char *)SYSCALL_ARG2(regs), n);
	return 0;
#endif
	if (!sk || BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX)
		return 0;
	if (id == nr_write && BPF_CORE_READ(sk, sk_type) == SOCK_STREAM)
		on_frame(t, p, pid, sk, (const char *)SYSCALL_ARG2(regs), n);
	else if (id == nr_sendto && BPF_CORE_READ(sk, sk_type) == SOCK_DGRAM)
		on_datagram(p, pid, (const char *)SYSCALL_ARG2(regs), n);
	return 0;
}

#endif
