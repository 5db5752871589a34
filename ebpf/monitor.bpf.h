/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The privilege-separation monitor protocol (openssh monitor_wrap.c): a 5-byte
 * write, u32 length and u8 type, then one write with the payload.
 *
 * Five bytes prove nothing: a logged-in user can make sshd write what he likes
 * to pipes and forwarded sockets. A frame counts only on the socket pair that
 * the monitor itself made for its net child, and after that for its user child.
 */
#ifndef MONITOR_BPF_H
#define MONITOR_BPF_H

#define MAX_FRAME	(256 * 1024)	/* as monitor_wrap.c has it */

enum monitor_type { REQ_KEYEXPORT = 26, ANS_PTY = 29 };
enum phase { PHASE_AUTH, PHASE_USER, PHASE_UNKNOWN };

struct side {			/* one direction: a header whose payload is still to come */
	__u64 ts;
	__u32 left;
	__u16 type;
	bool told;		/* the record is out, the payload only has to be skipped */
};

struct conn {
	__u64 sk_child, sk_monitor;	/* the two ends of the pinned pair */
	__u32 child_pid, phase;
	struct side child, monitor;
};

struct conn_key {
	__u64 start;
	__u32 pid, pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, struct conn_key);
	__type(value, struct conn);
} conns SEC(".maps");

/* Payload bytes that may be copied, by type: the table of README.md. Else none. */
static const __u16 may_copy[128] = {
	[8] = 260, [9] = 1, [13] = 8, [22] = MON_MAX, [23] = 4, [25] = 9,
	[29] = 8 + 64, [30] = 4 + 64, [47] = 4, [103] = 4, [105] = 4,
	[107] = 4, [109] = 4, [112] = 4, [113] = MON_MAX,
};

#define BIT(n)	(1ULL << (n))

/* What only the monitor says; 0..63 and 64..127. */
static const __u64 answers[2] = {
	BIT(1) | BIT(7) | BIT(9) | BIT(11) | BIT(13) | BIT(15) | BIT(17) | BIT(23) | BIT(25) | BIT(29) | BIT(43) |
	BIT(45) | BIT(47) | BIT(49) | BIT(52),
	BIT(81 - 64) | BIT(103 - 64) | BIT(105 - 64) | BIT(107 - 64) | BIT(109 - 64) | BIT(111 - 64),
};

static __always_inline bool is_answer(__u32 type)
{
	if (type < 64)
		return answers[0] >> type & 1;
	return type < 128 ? answers[1] >> (type - 64) & 1 : type & 1;
}

static __always_inline bool is_user_request(__u32 type)
{
	return type == 28 || type == 30 || type == 50 || type == 112 || type == 113;
}

/* Type 29 is u32 ok, string tty, string message of the day: stop behind the tty. */
static __always_inline __u32 pty_bytes(const char *buf, __u32 len)
{
	__u32 tty, n;

	if (len <= 8 || bpf_probe_read_user(&tty, sizeof(tty), buf + 4))
		return len < 4 ? len : 4;
	n = bpf_ntohl(tty);
	if (n > 64)
		n = 64;
	return n + 8 < len ? n + 8 : len;
}

/* @buf NULL: the header alone was seen, or nothing else may be. */
static __always_inline void give_mon(struct proc *p, __u32 pid, __u64 ts, __u32 type, __u32 len, const char *buf)
{
	__u32 total = may_copy[type & 127];
	struct ev_mon *e;
	__u64 n;

	if (type > 127)
		total = 0;
	if (total > len)
		total = len;
	if (total && type == ANS_PTY)
		total = buf ? pty_bytes(buf, total) : 0;
	n = buf ? total : 0;
	if (n <= MON_SMALL) {
		e = take(p, pid, K_MON, sizeof(*e) + MON_SMALL, ts);
		if (!e)
			return;
		n = at_most(n, MON_SMALL);
		e->got = n && !bpf_probe_read_user(e->data, n, buf) ? n : 0;
	} else {
		e = take(p, pid, K_MON, sizeof(*e) + MON_MAX, ts);
		if (!e)
			return;
		n = at_most(n, MON_MAX);
		e->got = bpf_probe_read_user(e->data, n, buf) ? 0 : n;
	}
	e->type = type;
	e->len = len;
	e->total = total;
	give(e, ts);
}

static __always_inline bool runs_sshd_auth(struct task_struct *t)
{
	char name[8] = {};

	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(t, mm, exe_file, f_path.dentry, d_name.name));
	return is_sshd_name(name) && name[4] == '-' && name[5] == 'a';
}

/*
 * May this child of the monitor bind its socket? The net child has given up
 * root before it speaks, or runs sshd-auth; the PAM child, which frames its
 * own messages the same way, has done neither. After type 26, or when the net
 * child is gone, the user child's turn comes, and it says little.
 */
static __always_inline bool may_pin(struct task_struct *t, const struct proc *p, struct conn *c, __u32 pid,
				    struct sock *sk, __u32 type)
{
	if (BPF_CORE_READ(t, real_parent, tgid) != p->conn_pid)
		return false;
	if (BPF_CORE_READ(sk, sk_peer_pid, numbers[0].nr) != p->conn_pid)
		return false;
	if (c->phase == PHASE_UNKNOWN && is_user_request(type))
		c->phase = PHASE_USER;
	if (c->phase == PHASE_USER)
		return is_user_request(type) && pid != c->child_pid;
	if (c->sk_child || (!BPF_CORE_READ(t, real_cred, euid.val) && !runs_sshd_auth(t)))
		return false;
	c->phase = PHASE_AUTH;
	return true;
}

static __always_inline struct conn *conn_of(const struct proc *p)
{
	struct conn_key key = { .start = p->conn_start, .pid = p->conn_pid };
	struct conn *c = bpf_map_lookup_elem(&conns, &key), fresh = {};
	struct proc *monitor;

	if (c)
		return c;
	/* One that was there before this tracer may be past its net child. */
	monitor = find(p->conn_pid);
	if (monitor && monitor->adopted)
		fresh.phase = PHASE_UNKNOWN;
	bpf_map_update_elem(&conns, &key, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&conns, &key);
}

/* The direction that @sk stands for in @c, or NULL: not a monitor frame. */
static __always_inline struct side *side_of(struct task_struct *t, const struct proc *p, struct conn *c, __u32 pid,
					    struct sock *sk, __u32 type)
{
#ifdef NO_PINNING	/* a test build, to show what the checks are for */
	return pid == p->conn_pid ? &c->monitor : &c->child;
#else
	if (pid == p->conn_pid) {
		if (c->sk_monitor != (__u64)sk || !is_answer(type))
			return NULL;
		return (type == ANS_PTY) == (c->phase == PHASE_USER) ? &c->monitor : NULL;
	}
	if (c->sk_child != (__u64)sk) {
		if (!may_pin(t, p, c, pid, sk, type))
			return NULL;
		c->sk_child = (__u64)sk;
		c->sk_monitor = (__u64)BPF_CORE_READ((struct unix_sock *)sk, peer);
		c->child_pid = pid;
		c->child.left = c->monitor.left = 0;
	}
	if (is_answer(type) || (c->phase == PHASE_USER && !is_user_request(type)))
		return NULL;
	return &c->child;
#endif
}

/*
 * The payload behind a header comes in one write of exactly its length. It has
 * to be told from a header even where it isn't copied: a password of one
 * character makes a payload of five bytes. Returns whether the write is used up.
 */
static __always_inline bool take_payload(struct proc *p, __u32 pid, struct side *s, const char *buf, __u32 n)
{
	__u32 type = s->type, left = s->left;

	if (!left)
		return false;
	s->left = 0;
	if (!s->told)
		give_mon(p, pid, s->ts, type, left, n == left ? buf : NULL);
	return n == left;	/* else it was missed, and this is something new */
}

/* One write of @n bytes by an sshd process to the unix stream socket @sk. */
static __always_inline void on_frame(struct task_struct *t, struct proc *p, __u32 pid, struct sock *sk,
				     const char *buf, __u32 n)
{
	__u32 len, type, row;
	struct conn *c;
	struct side *s;
	__u8 h[5];

	if (!p->conn_pid)
		return;
	c = conn_of(p);
	if (!c)
		return;
	s = pid == p->conn_pid ? &c->monitor : &c->child;
#ifndef NO_PINNING
	if ((pid == p->conn_pid ? c->sk_monitor : c->sk_child) == (__u64)sk)
#endif
		if (take_payload(p, pid, s, buf, n))
			return;
	if (n != sizeof(h) || bpf_probe_read_user(h, sizeof(h), buf))
		return;
	len = (__u32)h[0] << 24 | (__u32)h[1] << 16 | (__u32)h[2] << 8 | h[3];
	type = h[4];
	if (!len || len > MAX_FRAME)
		return;
	s = side_of(t, p, c, pid, sk, type);
	if (!s)
		return;
	s->ts = bpf_ktime_get_boot_ns();
	s->type = type;
	s->left = len - 1;
	if (type == REQ_KEYEXPORT && s == &c->child)
		c->phase = PHASE_USER;
	row = type & 127;
	barrier_var(row);	/* else clang 19 tests a signed copy of it and uses the other */
	s->told = !s->left || type > 127 || !may_copy[row];
	if (s->told)
		give_mon(p, pid, s->ts, type, s->left, NULL);
}

/* The net child's end opens the user child's turn even if type 26 was missed. */
static __always_inline void child_gone(const struct proc *p, __u32 pid)
{
	struct conn_key key = { .start = p->conn_start, .pid = p->conn_pid };
	struct conn *c;

	if (pid == p->conn_pid) {
		bpf_map_delete_elem(&conns, &key);
		return;
	}
	c = bpf_map_lookup_elem(&conns, &key);
	if (c && c->child_pid == pid)
		c->phase = PHASE_USER;
}

#endif
