/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * --exact: the files that an sftp or scp server opens, makes, renames, removes
 * for its client. Never what is in them. Bytes are summed up in the kernel: a
 * record when a file is opened, one when it is closed or the server ends.
 */
#ifndef FILES_BPF_H
#define FILES_BPF_H

#define EINTR_		4
#define ENAMETOOLONG_	36
#define AT_REMOVEDIR_	0x200
#define O_ACCMODE_	3
#define O_CLOEXEC_	02000000
#define OPTIONS_MAX	64	/* bytes of a command line where scp has them */
#define TITLE_END	"@internal-sftp"
#define TITLE_END_LEN	(sizeof(TITLE_END) - 1)

const volatile struct file_call file_calls[FILE_CALLS];
const volatile __u32 o_directory = 0200000;
const volatile __u32 files_told = FILES_TOLD;

/*
 * How many entries of servers have a pid that ends so: most other processes are
 * told from them without a lookup. Two threads may begin or end a server at
 * once, so only who made or deleted its entry counts.
 */
__u32 served[SERVED_SLOTS];

struct open_key {
	__u32 pid, fd;
};

struct open_file {
	__u64 began;		/* of its server: another one may have had this pid */
	__u64 read, written;
	__u32 id, pad;		/* as told of its open; 0: it is only counted */
};

struct server {
	__u64 began;		/* CLOCK_BOOTTIME ns of its first read */
	__u64 read, written;	/* of files that are not told */
	__u64 exec_id;
	__u32 told, open, rest, failed;
};

/*
 * Least recently used ones go first, which heals what a missed end left behind.
 * A connection has at most OPEN_OF_ONE here, so that it does not take the
 * others' places; what many of them together take is counted as lost for whom
 * it was taken from.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, OPEN_FILES);
	__type(key, struct open_key);
	__type(value, struct open_file);
} open_files SEC(".maps");

/* Entries go when their server ends; where its end was missed, when user space finds it gone. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct server);
} servers SEC(".maps");

struct file_scratch {
	struct ev_file e;
	char data[2 * PATH_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct file_scratch);
} file_scratch SEC(".maps");

/* sshd itself, once it has become the server of a session: its title says so, and only sshd writes that. */
static __always_inline bool is_internal_sftp(struct task_struct *t)
{
	struct file_scratch *s;
	__u32 zero = 0, at, i;
	long n;

	s = bpf_map_lookup_elem(&file_scratch, &zero);
	if (!s)
		return false;
	n = bpf_probe_read_user_str(s->data, TITLE_MAX, (void *)BPF_CORE_READ(t, mm, arg_start));
	if (n <= (long)TITLE_END_LEN)
		return false;
	at = at_most(n - 1 - TITLE_END_LEN, TITLE_MAX);
#pragma unroll
	for (i = 0; i < TITLE_END_LEN; i++)
		if (s->data[at + i] != TITLE_END[i])
			return false;
	return true;
}

/* scp's server side has -t or -f among its options, alone: scp.c makes its command line so. */
static __always_inline bool has_server_option(struct task_struct *t)
{
	struct file_scratch *s;
	__u32 zero = 0, i;
	char *args;

	s = bpf_map_lookup_elem(&file_scratch, &zero);
	if (!s)
		return false;
	args = s->data;
	if (bpf_probe_read_user(args, OPTIONS_MAX, (void *)BPF_CORE_READ(t, mm, arg_start)))
		return false;
#pragma unroll
	for (i = 0; i + 3 < OPTIONS_MAX; i++) {
		if (args[i])
			continue;
		if (args[i + 1] != '-')
			return false;	/* no option any more */
		if ((args[i + 2] == 't' || args[i + 2] == 'f') && !args[i + 3])
			return true;
		if (args[i + 2] == '-')
			return false;
	}
	return false;
}

static __always_inline bool is_sftp_server_name(const char name[16])
{
	const char wanted[] = "sftp-server";
	__u32 i;

#pragma unroll
	for (i = 0; i < sizeof(wanted); i++)
		if (name[i] != wanted[i])
			return false;
	return true;
}

static __always_inline bool is_file_server(struct task_struct *t, const struct proc *p, __u32 pid)
{
	char name[16] = {};

	if (p->role == R_SSHD)
		return p->conn_pid != pid && is_internal_sftp(t);
	if (p->role != R_PROGRAM)
		return false;
	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(t, mm, exe_file, f_path.dentry, d_name.name));
	if (is_sftp_server_name(name))
		return true;
	return name[0] == 's' && name[1] == 'c' && name[2] == 'p' && !name[3] && has_server_option(t);
}

/*
 * A process of a session has read from its standard input. A server does
 * nothing for its client before that, so what it opens earlier is its own.
 */
static __always_inline void first_read(struct proc *p, __u32 pid)
{
	struct task_struct *t = (struct task_struct *)bpf_get_current_task();
	struct server s = {};

	p->serves = SERVES_NOTHING;
	if (!is_file_server(t, p, pid))
		return;
	s.began = bpf_ktime_get_boot_ns();
	s.exec_id = BPF_CORE_READ(t, self_exec_id);
	if (!bpf_map_update_elem(&servers, &pid, &s, BPF_NOEXIST)) {
		__sync_fetch_and_add(&served[pid & (SERVED_SLOTS - 1)], 1);
	} else if (bpf_map_update_elem(&servers, &pid, &s, BPF_EXIST)) {
		lose(p, K_FILE);	/* no room */
		return;
	}
	p->serves = SERVES_FILES;
}

static __always_inline void give_sums(const struct proc *p, __u32 pid, __u64 exec_id, __u32 op, __u64 read,
				      __u64 written, __u32 id, __u32 failed, bool forced, __u64 ts)
{
	struct ev_file *e = take(p, pid, K_FILE, sizeof(*e), ts);

	if (!e)
		return;
	e->exec_id = exec_id;
	e->read = read;
	e->written = written;
	e->op = op;
	e->id = id;
	e->failed = failed;
	e->forced = forced;
	e->mode = 0;
	e->ret = 0;
	e->path_got = e->to_got = e->path_cut = e->to_cut = 0;
	give(e, ts);
}

/* The entry of @p's monitor, which counts what its connection has open; NULL: it is gone. */
static __always_inline struct proc *monitor_of(const struct proc *p)
{
	struct proc *monitor = find(p->conn_pid);

	return monitor && monitor->start == p->conn_start ? monitor : NULL;
}

/* @n files of @p's are no longer watched. */
static __always_inline void unwatch(const struct proc *p, __u32 n)
{
	struct proc *monitor = monitor_of(p);

	if (monitor)
		__sync_fetch_and_add(&monitor->open_files, -n);
}

/* Of two threads that do this at once, one tells. */
static __always_inline void close_file(const struct proc *p, __u32 pid, struct server *s, const struct open_key *key,
				       const struct open_file *f, bool forced, __u64 ts)
{
	struct open_file last = *f;

	if (bpf_map_delete_elem(&open_files, key) || last.began != s->began)
		return;
	if (last.id) {
		give_sums(p, pid, s->exec_id, FILE_CLOSE, last.read, last.written, last.id, 0, forced, ts);
	} else {
		__sync_fetch_and_add(&s->read, last.read);
		__sync_fetch_and_add(&s->written, last.written);
	}
	__sync_fetch_and_add(&s->open, -1);
	unwatch(p, 1);
}

/* Global, for the verifier's sake: see argv_piece. */
__noinline int close_slot(__u32 pid, __u32 fd, __u64 ts)
{
	struct open_key key = { .pid = pid, .fd = fd };
	struct open_file *f = bpf_map_lookup_elem(&open_files, &key);
	struct server *s;
	struct proc *p;

	if (!f)
		return 0;
	s = bpf_map_lookup_elem(&servers, &pid);
	p = find(pid);
	if (s && p)
		close_file(p, pid, s, &key, f, true, ts);
	return 1;
}

/* A close that cannot be told. Global, for the verifier's sake. */
__noinline int lose_close(__u32 pid, __u32 kind)
{
	struct proc *p = find(pid);

	if (p)
		lose(p, kind);
	return 0;
}

/* Of what has gone from a map before its end came. */
static __always_inline void lose_closes(__u32 pid, __u32 kind, __u32 n)
{
	__u32 i;

	for (i = 0; i < OPEN_OF_ONE; i++) {
		if (i >= n)
			break;
		lose_close(pid, kind);
	}
}

/* A serving process ends, or becomes another program. */
__noinline int files_end(__u32 pid, __u64 ts)
{
	struct server *s = bpf_map_lookup_elem(&servers, &pid), last;
	struct proc *p;
	__u32 fd;

	if (!s)
		return 0;
	for (fd = 0; fd < FDS; fd++) {
		if (!s->open)
			break;
		close_slot(pid, fd, ts);
	}
	last = *s;
	if (bpf_map_delete_elem(&servers, &pid))
		return 0;	/* two last threads at once: one tells */
	__sync_fetch_and_add(&served[pid & (SERVED_SLOTS - 1)], -1);
	p = find(pid);
	if (p && last.open) {
		lose_closes(pid, K_FILE, last.open);
		unwatch(p, last.open);
	}
	if (p && last.rest)
		give_sums(p, pid, last.exec_id, FILE_REST, last.read, last.written, last.rest, last.failed, false, ts);
	return 0;
}

static __always_inline void remember_open(const struct proc *p, __u32 pid, struct server *s, __u32 fd, __u32 id)
{
	struct open_key key = { .pid = pid, .fd = fd };
	struct open_file f = { .began = s->began, .id = id };
	struct proc *monitor = monitor_of(p);

	if (fd >= FDS)
		return;
	if (!monitor || monitor->open_files >= OPEN_OF_ONE || bpf_map_update_elem(&open_files, &key, &f, BPF_ANY)) {
		lose(p, K_FILE);
		return;
	}
	__sync_fetch_and_add(&s->open, 1);
	__sync_fetch_and_add(&monitor->open_files, 1);
}

static __always_inline const char *argument(struct pt_regs *regs, __u32 n)
{
	if (n == 1)
		return (const char *)SYSCALL_ARG1(regs);
	if (n == 2)
		return (const char *)SYSCALL_ARG2(regs);
	if (n == 3)
		return (const char *)SYSCALL_ARG3(regs);
	return (const char *)SYSCALL_ARG4(regs);
}

/* One record of the length that its paths have. */
static __always_inline void give_call(const struct proc *p, __u32 pid, __u64 exec_id, struct pt_regs *regs, __u32 op, __u32 arg, __u32 to_arg,
				 __u32 mode, __u32 id, long ret)
{
	__u64 ts = bpf_ktime_get_boot_ns();
	__u32 zero = 0, row;
	struct file_scratch *s = bpf_map_lookup_elem(&file_scratch, &zero);
	__u64 got = 0, to_got = 0, size;
	long n;

	if (!s)
		return;
	s->e.exec_id = exec_id;
	s->e.read = s->e.written = 0;
	s->e.op = op;
	s->e.id = id;
	s->e.failed = s->e.forced = 0;
	s->e.mode = mode;
	s->e.ret = ret < 0 ? ret : 0;
	s->e.path_cut = s->e.to_cut = 0;
	n = bpf_probe_read_user_str(s->data, PATH_BYTES, argument(regs, arg));
	if (n > 0) {
		got = at_most(n - 1, PATH_BYTES - 1);
		s->e.path_cut = n == PATH_BYTES && ret == -ENAMETOOLONG_;
	}
	if (to_arg) {
		n = bpf_probe_read_user_str(s->data + got, PATH_BYTES, argument(regs, to_arg));
		if (n > 0) {
			to_got = at_most(n - 1, PATH_BYTES - 1);
			s->e.to_cut = n == PATH_BYTES && ret == -ENAMETOOLONG_;
		}
	}
	s->e.path_got = got;
	s->e.to_got = to_got;
	size = at_most(got + to_got, 2 * PATH_BYTES) + sizeof(s->e);
	row = seq_row(K_FILE);
	fill_head(&s->e.h, p, pid, K_FILE, ts, row, next_seq(row));
	if (!room_for_bulk(size) || bpf_ringbuf_output(&events, s, size, BPF_RB_NO_WAKEUP))
		count_loss(p->conn_pid, p->conn_start, K_FILE);
}

/* What glibc opens for itself it opens to be closed at an exec; a server's files are not, but for directories. */
static __always_inline bool opens_for_itself(__u32 flags)
{
	return flags & O_CLOEXEC_ && !(flags & o_directory);
}

static __always_inline void named_call(struct proc *p, __u32 pid, struct pt_regs *regs, struct file_call call, long ret)
{
	struct server *s = bpf_map_lookup_elem(&servers, &pid);
	__u32 op = call.op, mode = 0, id = 0;

	if (!s)
		return;		/* its last thread has ended it on another CPU */
	if (!argument(regs, call.path))
		return;		/* of a descriptor */
	if (op == FILE_OPEN) {
		__u32 flags = (__u64)argument(regs, call.path + 1);

		if (opens_for_itself(flags))
			return;
		if (flags & o_directory)
			op = FILE_LIST;
		mode = (flags & O_ACCMODE_) + 1;
	} else if (op == FILE_REMOVE && call.path == 2 && (__u64)argument(regs, 3) & AT_REMOVEDIR_) {
		op = FILE_RMDIR;
	}
	if (s->told < files_told) {
		id = ++s->told;
		give_call(p, pid, s->exec_id, regs, op, call.path, call.to, mode, id, ret);
	} else {
		s->rest++;
		if (ret < 0)
			s->failed++;
	}
	if (mode && ret >= 0)
		remember_open(p, pid, s, ret, id);
}

static __always_inline void handle_call(struct proc *p, __u32 pid, struct pt_regs *regs, __u32 op, long ret)
{
	struct open_key key = { .pid = pid, .fd = SYSCALL_ARG1(regs) };
	struct open_file *f = bpf_map_lookup_elem(&open_files, &key);
	struct server *s;

	if (!f)
		return;
	if (op == FILE_READ && ret > 0) {
		__sync_fetch_and_add(&f->read, ret);
	} else if (op == FILE_WRITE && ret > 0) {
		__sync_fetch_and_add(&f->written, ret);
	} else if (op == FILE_CLOSE) {
		s = bpf_map_lookup_elem(&servers, &pid);
		if (s)
			close_file(p, pid, s, &key, f, false, bpf_ktime_get_boot_ns());
	}
}

static __always_inline bool is_followed(__u32 pid)
{
#ifdef OLD_KERNEL
	return true;	/* perhaps: no bits are kept there */
#else
	return *followed_word(pid) >> (pid & 63) & 1;
#endif
}

/* All that it costs others: whether the current process may serve, or now begins to. */
static __always_inline bool may_serve(struct pt_regs *regs, __u32 op)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;

	return served[pid & (SERVED_SLOTS - 1)] || (op == FILE_READ && !SYSCALL_ARG1(regs) && is_followed(pid));
}

/* A system call that may be about a file has returned. Not inlined, for its caller's stack is full. */
static __noinline int on_file_call(struct pt_regs *regs, long ret, __u32 op, __u32 path, __u32 to)
{
	struct file_call call = { .op = op, .path = path, .to = to };
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	bool first = call.op == FILE_READ && !SYSCALL_ARG1(regs);
	struct proc *p = find(pid);

	if (!p || IS_COMPAT((struct task_struct *)bpf_get_current_task()))
		return 0;
	if (p->serves == SERVES_UNKNOWN && first && ret > 0)
		first_read(p, pid);
	else if (p->serves != SERVES_FILES)
		return 0;
	else if (call.op >= FILE_NAMED)
		named_call(p, pid, regs, call, ret);
	else
		handle_call(p, pid, regs, call.op, ret);
	return 0;
}

#endif
