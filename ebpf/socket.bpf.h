/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* TCP sockets: whose they are, their addresses, how they end. */
#ifndef SOCKET_BPF_H
#define SOCKET_BPF_H

struct tracked_sock {
	struct proc owner;
	struct addresses a;
	__u64 cookie;
	__u32 pid;
	__u32 forward;		/* F_NONE: the client's own connection */
};

/* By kernel address, which never leaves the kernel; entries go when the socket closes. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, __u64);
	__type(value, struct tracked_sock);
} socks SEC(".maps");

#define FDS	1024

/* The socket behind a slot of an fd table, or NULL. */
static __always_inline struct sock *slot_sock(struct file **slot)
{
	struct socket *so;
	struct file *f;

	if (bpf_probe_read_kernel(&f, sizeof(f), slot) || !f)
		return NULL;
	if ((BPF_CORE_READ(f, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	so = BPF_CORE_READ(f, private_data);
	return BPF_CORE_READ(so, sk);
}

static __always_inline bool is_tcp(struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	return (family == AF_INET || family == AF_INET6) && BPF_CORE_READ(sk, sk_type) == SOCK_STREAM &&
	       BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP;
}

static __always_inline __u8 state_of(struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_state);
}

enum wanted { CONNECTED, NEW_CONNECTED, LISTENING };

/*
 * The TCP socket in one slot of an fd table if it is as wanted: its address, or
 * 0. A global function, so that the verifier walks it once and not once per
 * turn of the loop below.
 */
__noinline __u64 tcp_in_slot(__u64 slot, __u32 wanted, __u32 port)
{
	struct sock *sk = slot_sock((struct file **)slot);
	__u64 key = (__u64)sk;

	if (!sk || !is_tcp(sk))
		return 0;
	if ((state_of(sk) == TCP_LISTEN) != (wanted == LISTENING))
		return 0;
	if (port && BPF_CORE_READ(sk, __sk_common.skc_num) != port)
		return 0;
	if (wanted == NEW_CONNECTED && bpf_map_lookup_elem(&socks, &key))
		return 0;
	return key;
}

/* The first that is as wanted. */
__noinline __u64 tcp_in_table(__u64 files, __u32 wanted, __u32 port)
{
	struct fdtable *table = BPF_CORE_READ((struct files_struct *)files, fdt);
	__u64 fds = (__u64)BPF_CORE_READ(table, fd), found;
	__u32 max = BPF_CORE_READ(table, max_fds), i;

	for (i = 0; i < FDS; i++) {
		if (i >= max)
			break;
		found = tcp_in_slot(fds + i * sizeof(struct file *), wanted, port);
		if (found)
			return found;
	}
	return 0;
}

static __always_inline struct sock *find_tcp(struct task_struct *t, enum wanted wanted, __u32 port)
{
	__u64 files = (__u64)BPF_CORE_READ(t, files);

	return files ? (struct sock *)tcp_in_table(files, wanted, port) : NULL;
}

/* sshd -i: the connection is standard input. */
static __always_inline struct sock *stdin_tcp(struct task_struct *t)
{
	struct sock *sk = slot_sock(BPF_CORE_READ(t, files, fdt, fd));

	return sk && is_tcp(sk) && state_of(sk) != TCP_LISTEN ? sk : NULL;
}

static __always_inline void read_addresses(struct sock *sk, struct addresses *a)
{
	a->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	a->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	a->peer_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	a->pad = 0;
	if (a->family == AF_INET) {
		BPF_CORE_READ_INTO((__u32 *)a->local, sk, __sk_common.skc_rcv_saddr);
		BPF_CORE_READ_INTO((__u32 *)a->peer, sk, __sk_common.skc_daddr);
	} else {
		BPF_CORE_READ_INTO((struct in6_addr *)a->local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO((struct in6_addr *)a->peer, sk, __sk_common.skc_v6_daddr);
	}
}

static __always_inline void remember_sock(struct sock *sk, const struct proc *owner, __u32 pid)
{
	struct tracked_sock s = { .pid = pid };
	__u64 key = (__u64)sk;

	s.owner = *owner;
	read_addresses(sk, &s.a);
	bpf_map_update_elem(&socks, &key, &s, BPF_ANY);
}

static __always_inline void give_tcp(const struct proc *p, __u32 pid, __u32 kind, const struct addresses *a,
				     struct sock *sk, __u64 cookie, __u64 cgroup, __u32 old, __u32 new, __u32 by)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	__u64 ts = bpf_ktime_get_boot_ns();
	struct ev_tcp *e;

	e = take(p, pid, kind, sizeof(*e), ts);
	if (!e)
		return;
	e->a = *a;
	e->cookie = cookie;
	e->cgroup = cgroup;
	e->rx = BPF_CORE_READ(tp, bytes_received);
	if (e->rx && BPF_CORE_READ(sk, __sk_common.skc_flags) >> SOCK_DONE & 1)
		e->rx--;	/* a FIN counts as a byte */
	e->tx = BPF_CORE_READ(tp, bytes_sent) - BPF_CORE_READ(tp, bytes_retrans);
	e->srtt_us = BPF_CORE_READ(tp, srtt_us) >> 3;
	e->retrans = BPF_CORE_READ(tp, total_retrans);
	e->old_state = old;
	e->new_state = new;
	e->by = by;
	give(e, ts);
}

/* The monitor @p has just been forked, or found: @t holds its client's socket. */
static __always_inline void accepted(struct task_struct *t, const struct proc *p, __u32 pid)
{
	struct sock *sk = find_tcp(t, NEW_CONNECTED, 0);
	struct addresses a;

	if (!sk)
		return;
	remember_sock(sk, p, pid);
	read_addresses(sk, &a);
	give_tcp(p, pid, K_ACCEPT, &a, sk, 0, place_anew(t), 0, state_of(sk), BY_UNKNOWN);
}

/* Who ended the connection: the first FIN, or a reset. */
static __always_inline __u32 closed_by(struct sock *sk, int old, int new)
{
	int err = BPF_CORE_READ(sk, sk_err);

	if (new == TCP_CLOSE_WAIT)
		return BY_PEER;
	if (new == TCP_FIN_WAIT1 && old == TCP_ESTABLISHED)
		return BY_LOCAL;
	if (new != TCP_CLOSE || (old != TCP_ESTABLISHED && old != TCP_CLOSE_WAIT))
		return BY_UNKNOWN;
	if (err == 104 || err == 32)	/* ECONNRESET, EPIPE */
		return BY_PEER;
	return err ? BY_UNKNOWN : BY_LOCAL;
}

/*
 * A connection that a listener closes without having forked for it: it is past
 * MaxStartups, or its source is being penalised. This hook also runs in
 * interrupts, where the current process means nothing, so only what close(2)
 * itself does counts, on a port that the current process listens on.
 */
static __always_inline bool is_drop(struct task_struct *t, struct sock *sk, int old, int new)
{
	if (old != TCP_ESTABLISHED && old != TCP_CLOSE_WAIT)
		return false;
	if (new != TCP_FIN_WAIT1 && new != TCP_LAST_ACK && !(new == TCP_CLOSE && !BPF_CORE_READ(sk, sk_err)))
		return false;
	return find_tcp(t, LISTENING, BPF_CORE_READ(sk, __sk_common.skc_num));
}

/*
 * sshd connects for its client without blocking (channels.c connect_next);
 * resolvers and most libraries in the same process block.
 */
static __always_inline bool connects_for_client(struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_socket, file, f_flags) & O_NONBLOCK;
}

static __always_inline void give_forward(const struct tracked_sock *s, struct sock *sk, __u32 old, __u32 new)
{
	struct tcp_sock *tp = (struct tcp_sock *)sk;
	__u64 ts = bpf_ktime_get_boot_ns();
	struct ev_forward *e;

	e = take(&s->owner, s->pid, K_FORWARD, sizeof(*e), ts);
	if (!e)
		return;
	e->a = s->a;
	e->sk = s->cookie;
	e->rx = BPF_CORE_READ(tp, bytes_received);
	if (e->rx && BPF_CORE_READ(sk, __sk_common.skc_flags) >> SOCK_DONE & 1)
		e->rx--;	/* a FIN counts as a byte */
	e->tx = BPF_CORE_READ(tp, bytes_sent) - BPF_CORE_READ(tp, bytes_retrans);
	e->op = s->forward;
	e->old_state = old;
	e->new_state = new;
	e->err = BPF_CORE_READ(sk, sk_err);
	give(e, ts);
}

/* An sshd process connects, or begins to listen, for its client. */
static __always_inline void begin_forward(struct sock *sk, const struct proc *p, __u32 pid, __u32 forward,
					  __u64 cookie, __u32 old, __u32 new)
{
	struct tracked_sock s = { .pid = pid, .forward = forward, .cookie = cookie };
	__u64 key = (__u64)sk;

	s.owner = *p;
	read_addresses(sk, &s.a);
	bpf_map_update_elem(&socks, &key, &s, BPF_ANY);
	give_forward(&s, sk, old, new);
}

/* Only that it is there, and that it is over. */
static __always_inline void forward_changed(struct tracked_sock *s, struct sock *sk, __u32 old, __u32 new)
{
	if (new == TCP_ESTABLISHED)
		read_addresses(sk, &s->a);	/* by now it has a port of its own */
	if (new == TCP_ESTABLISHED || new == TCP_CLOSE)
		give_forward(s, sk, old, new);
}

#endif
