/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * --exact: sockets that sshd serves its client by and that only system calls
 * show: unix sockets that it listens on (-R, the agent's) or connects to (-L),
 * and every connection that it accepts on those and on TCP ports (-R, X11).
 */
#ifndef UNIX_FORWARDS_BPF_H
#define UNIX_FORWARDS_BPF_H

const volatile __u32 nr_bind, nr_listen, nr_connect, nr_accept, nr_accept4, nr_read, nr_close;

struct channel_key {
	__u32 pid, fd;
};

struct channel {		/* a unix socket of an sshd process */
	__u64 start;		/* of the process: numbers are used again */
	__u64 name, of, rx, tx;
	__u32 op, state, path_len;
	char path[UNIX_PATH];
};

/* At most OPEN_OF_ONE of a process; beyond, and what many take from one, is counted as lost for whom it was. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct channel_key);
	__type(value, struct channel);
} channels SEC(".maps");

/*
 * What is being made. Kernels up to 6.12 allow one stack of 512 bytes for a
 * program and what it calls together, which these would fill.
 */
struct channel_scratch {
	struct channel c;
	struct tracked_sock s;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct channel_scratch);
} channel_scratch SEC(".maps");

static __always_inline struct channel_scratch *new_channel(const struct proc *p, __u32 op, __u32 state)
{
	__u32 zero = 0;
	struct channel_scratch *s = bpf_map_lookup_elem(&channel_scratch, &zero);

	if (!s)
		return NULL;
	__builtin_memset(&s->c, 0, sizeof(s->c));
	s->c.start = p->start;
	s->c.op = op;
	s->c.state = state;
	return s;
}

/* The socket of a descriptor of the current process. */
static __always_inline struct sock *sock_of(struct task_struct *t, __u32 fd)
{
	if (fd >= BPF_CORE_READ(t, files, fdt, max_fds))
		return NULL;
	return slot_sock(BPF_CORE_READ(t, files, fdt, fd) + fd);
}

static __always_inline bool is_unix_stream(struct sock *sk)
{
	return sk && BPF_CORE_READ(sk, __sk_common.skc_family) == AF_UNIX && BPF_CORE_READ(sk, sk_type) == SOCK_STREAM;
}

/*
 * sshd makes its channels' sockets non-blocking before it connects, and has them
 * closed on exec only afterwards (channels.c connect_next, channel_register_fds).
 * Name services and other libraries in the same process set both or neither.
 */
static __always_inline bool is_channel(struct task_struct *t, struct sock *sk, __u32 fd)
{
	unsigned long *bits = BPF_CORE_READ(t, files, fdt, close_on_exec), word;

	if (!(BPF_CORE_READ(sk, sk_socket, file, f_flags) & O_NONBLOCK))
		return false;
	if (bpf_probe_read_kernel(&word, sizeof(word), bits + fd / 64))
		return false;
	return !(word >> (fd % 64) & 1);
}

static __always_inline struct channel *channel_of(const struct proc *p, __u32 pid, __u32 fd)
{
	struct channel_key key = { .pid = pid, .fd = fd };
	struct channel *c = bpf_map_lookup_elem(&channels, &key);

	return c && c->start == p->start ? c : NULL;
}

static __always_inline void give_channel(const struct proc *p, __u32 pid, const struct channel *c, __u32 old, __u32 new,
					 __u32 err, const struct addresses *a)
{
	__u64 ts = bpf_ktime_get_boot_ns();
	struct ev_channel *e = take(p, pid, K_CHANNEL, sizeof(*e), ts);

	if (!e)
		return;
	if (a)
		e->a = *a;
	else
		__builtin_memset(&e->a, 0, sizeof(e->a));
	e->sk = c->name;
	e->of = c->of;
	e->rx = c->rx;
	e->tx = c->tx;
	e->op = c->op;
	e->old_state = old;
	e->new_state = new;
	e->err = err;
	e->path_len = c->path_len;
	__builtin_memcpy(e->path, c->path, sizeof(e->path));
	give(e, ts);
}

/* The path in a sockaddr_un of the caller; false: another family. */
static __always_inline bool read_path(struct channel *c, const char *address, __u32 len)
{
	__u16 family;
	long n;

	if (len < sizeof(family) || bpf_probe_read_user(&family, sizeof(family), address) || family != AF_UNIX)
		return false;
	n = bpf_probe_read_user_str(c->path, sizeof(c->path), address + sizeof(family));
	c->path_len = n > 0 ? n - 1 : 0;
	if (c->path_len > len - sizeof(family))
		c->path_len = len - sizeof(family);
	return true;
}

static __always_inline void keep_channel(struct proc *p, __u32 pid, __u32 fd, const struct channel *c)
{
	struct channel_key key = { .pid = pid, .fd = fd };

	if (p->channels >= OPEN_OF_ONE || bpf_map_update_elem(&channels, &key, c, BPF_ANY)) {
		lose(p, K_CHANNEL);
		return;
	}
	p->channels++;
	if (fd >= p->channel_fds)
		p->channel_fds = fd < 0xffff ? fd + 1 : 0xffff;
}

static __always_inline void bound(struct task_struct *t, struct proc *p, __u32 pid, __u32 fd, const char *address,
				  __u32 len)
{
	struct channel_scratch *s = new_channel(p, F_LISTEN, TCP_CLOSE);

	if (s && is_unix_stream(sock_of(t, fd)) && read_path(&s->c, address, len))
		keep_channel(p, pid, fd, &s->c);
}

static __always_inline void listens(struct proc *p, __u32 pid, __u32 fd)
{
	struct channel *c = channel_of(p, pid, fd);

	if (!c || c->op != F_LISTEN || c->state != TCP_CLOSE)
		return;
	c->state = TCP_LISTEN;
	c->name = bpf_ktime_get_boot_ns();	/* no two begin at once */
	give_channel(p, pid, c, TCP_CLOSE, TCP_LISTEN, 0, NULL);
}

/* A unix socket is connected at once, or not at all. */
static __always_inline void connects(struct task_struct *t, struct proc *p, __u32 pid, __u32 fd, const char *address,
				     __u32 len, int ret)
{
	struct channel_scratch *s = new_channel(p, F_CONNECT, TCP_ESTABLISHED);
	struct sock *sk = sock_of(t, fd);

	if (!s || !is_unix_stream(sk) || !is_channel(t, sk, fd) || !read_path(&s->c, address, len))
		return;
	s->c.name = bpf_ktime_get_boot_ns();
	if (!ret)
		keep_channel(p, pid, fd, &s->c);
	give_channel(p, pid, &s->c, TCP_CLOSE, ret ? TCP_CLOSE : TCP_ESTABLISHED, ret ? -ret : 0, NULL);
}

static __always_inline void accepts_tcp(struct task_struct *t, struct proc *p, __u32 pid, __u32 fd, __u32 new_fd)
{
	struct channel_scratch *s = new_channel(p, F_ACCEPT, TCP_ESTABLISHED);
	struct sock *sk = sock_of(t, fd);
	struct tracked_sock *listener;
	__u64 key = (__u64)sk;

	listener = sk ? bpf_map_lookup_elem(&socks, &key) : NULL;
	if (!s || !listener || listener->forward != F_LISTEN || listener->pid != pid)
		return;
	sk = sock_of(t, new_fd);
	if (!sk || !is_tcp(sk))
		return;
	s->c.name = bpf_ktime_get_boot_ns();
	s->c.of = listener->cookie;
	__builtin_memset(&s->s, 0, sizeof(s->s));
	s->s.pid = pid;
	s->s.forward = F_ACCEPT;
	s->s.cookie = s->c.name;
	s->s.owner = *p;
	read_addresses(sk, &s->s.a);
	key = (__u64)sk;
	bpf_map_update_elem(&socks, &key, &s->s, BPF_ANY);
	give_channel(p, pid, &s->c, TCP_SYN_RECV, TCP_ESTABLISHED, 0, &s->s.a);
}

static __always_inline void accepts(struct task_struct *t, struct proc *p, __u32 pid, __u32 fd, __u32 new_fd)
{
	struct channel *listener = channel_of(p, pid, fd);
	struct channel_scratch *s;

	if (!listener) {
		accepts_tcp(t, p, pid, fd, new_fd);
		return;
	}
	s = listener->state == TCP_LISTEN ? new_channel(p, F_ACCEPT, TCP_ESTABLISHED) : NULL;
	if (!s)
		return;
	s->c.name = bpf_ktime_get_boot_ns();
	s->c.of = listener->name;
	s->c.path_len = listener->path_len;
	__builtin_memcpy(s->c.path, listener->path, sizeof(s->c.path));
	keep_channel(p, pid, new_fd, &s->c);
	give_channel(p, pid, &s->c, TCP_CLOSE, TCP_ESTABLISHED, 0, NULL);
}

static __always_inline void closes(struct proc *p, __u32 pid, __u32 fd)
{
	struct channel_key key = { .pid = pid, .fd = fd };
	struct channel *c = channel_of(p, pid, fd);

	if (!c)
		return;
	if (c->state != TCP_CLOSE)
		give_channel(p, pid, c, c->state, TCP_CLOSE, 0, NULL);
	bpf_map_delete_elem(&channels, &key);
	p->channels--;
}

static __always_inline bool is_channel_call(long id)
{
	return id == nr_read || id == nr_write || id == nr_close || id == nr_accept || id == nr_accept4 || id == nr_bind ||
	       id == nr_listen || id == nr_connect;
}

/* A system call of sshd's own process has returned. Not inlined: the stack of one function does not hold all this. */
static __noinline int channel_call(struct proc *p, __u32 pid, struct pt_regs *regs, long id, long ret)
{
	struct task_struct *t = (struct task_struct *)bpf_get_current_task();
	__u32 fd = SYSCALL_ARG1(regs);
	struct channel *c;

	if (id == nr_read || id == nr_write) {
		c = ret > 0 && p->channel_fds ? channel_of(p, pid, fd) : NULL;
		if (!c)
			return 0;
		if (id == nr_read)
			c->rx += ret;
		else
			c->tx += ret;
	} else if (id == nr_close) {
		if (p->channel_fds)
			closes(p, pid, fd);
	} else if (id == nr_connect) {
		connects(t, p, pid, fd, (const char *)SYSCALL_ARG2(regs), SYSCALL_ARG3(regs), ret);
	} else if (ret < 0) {
		return 0;
	} else if (id == nr_bind) {
		bound(t, p, pid, fd, (const char *)SYSCALL_ARG2(regs), SYSCALL_ARG3(regs));
	} else if (id == nr_listen) {
		listens(p, pid, fd);
	} else {
		accepts(t, p, pid, fd, ret);
	}
	return 0;
}

/* Of a process that exits, one descriptor; a global function, so that the verifier walks it once. */
__noinline int close_channel(__u32 pid, __u32 fd)
{
	struct proc *p = find(pid);

	if (p)
		closes(p, pid, fd);
	return 0;
}

/* A part of its descriptors; global as well. */
__noinline int close_part(__u32 pid, __u32 from)
{
	__u32 i;

	for (i = 0; i < FDS; i++)
		close_channel(pid, from + i);
	return 0;
}

/*
 * It is about to go, and with it all that it has open: sshd has at most 16,384
 * channels (channels.c CHANNELS_MAX_CHANNELS), each of one unix socket.
 */
static __always_inline void close_channels(struct proc *p, __u32 pid)
{
	__u32 part;

	for (part = 0; part < 64; part++) {
		if (part * FDS >= p->channel_fds || !p->channels)
			break;
		close_part(pid, part * FDS);
	}
	lose_closes(pid, K_CHANNEL, p->channels);
}

#endif
