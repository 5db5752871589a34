// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include "cgroups.h"
#include "encode.h"
#include "host.h"
#include "seeds.h"

#define BUCKETS		65536
#define KEPT_ARGV	4096	/* of a running process; its true length is kept too */
#define PROC_MAX	65536	/* read from /proc at the start */

struct blob {
	char *data;
	__u32 len, total;
};

struct variable {
	struct variable *next;
	__u32 len;
	bool cut;
	char data[];
};

struct known {
	struct known *next;
	struct seed s;
	struct blob argv, file, title;
	struct variable *env;
};

static struct known *buckets[BUCKETS];
static unsigned int count;

static struct known **find(__u32 pid)
{
	struct known **p = &buckets[pid % BUCKETS];

	while (*p && (*p)->s.pid != pid)
		p = &(*p)->next;
	return p;
}

static void set_blob(struct blob *b, const void *data, __u32 len, __u32 total)
{
	char *copy = NULL;

	if (len && data)
		copy = malloc(len);
	if (copy)
		memcpy(copy, data, len);
	free(b->data);
	*b = (struct blob){ copy, copy ? len : 0, total };
}

static void clear_env(struct known *k)
{
	struct variable *v;

	while ((v = k->env)) {
		k->env = v->next;
		free(v);
	}
}

static void add_variable(struct known *k, const char *data, __u32 len, bool cut)
{
	struct variable *v = malloc(sizeof(*v) + len);

	if (!v)
		return;
	*v = (struct variable){ k->env, len, cut };
	memcpy(v->data, data, len);
	k->env = v;
}

static void drop(struct known **at)
{
	struct known *k = *at;

	*at = k->next;
	free(k->argv.data);
	free(k->file.data);
	free(k->title.data);
	clear_env(k);
	free(k);
	count--;
}

static struct known *add(__u32 pid)
{
	struct known **at = find(pid), *k;

	if (*at)
		drop(at);
	k = calloc(1, sizeof(*k));
	if (!k)
		return NULL;
	k->s.pid = pid;
	k->s.luid = ~0U;
	k->next = buckets[pid % BUCKETS];
	buckets[pid % BUCKETS] = k;
	count++;
	return k;
}

/* All of /proc/PID/NAME, at most PROC_MAX bytes; it lies in a static buffer. */
static size_t read_proc(__u32 pid, const char *name, const char **data)
{
	static char buf[PROC_MAX];
	char path[64];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
	f = fopen(path, "r");
	if (f) {
		n = fread(buf, 1, sizeof(buf), f);
		fclose(f);
	}
	*data = buf;
	return n;
}

static bool may_tell(const char *variable)
{
	static const char *const names[] = { "SSH_CONNECTION=", "SSH_CLIENT=", "SSH_TTY=", "SSH_ORIGINAL_COMMAND=",
					     "TRACEPARENT=", "TRACESTATE=" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strncmp(variable, names[i], strlen(names[i])))
			return true;
	return false;
}

/* As root only; others learn less. */
static void read_environment(struct known *k)
{
	const char *data, *end;
	size_t n = read_proc(k->s.pid, "environ", &data), len;

	for (end = data + n; data < end; data += len + 1) {
		len = strnlen(data, end - data);
		if (len < (size_t)(end - data) && len < ENV_MAX && may_tell(data))
			add_variable(k, data, len, false);
	}
}

static void read_command(struct known *k)
{
	const char *data;
	size_t n = read_proc(k->s.pid, "cmdline", &data);

	if (!n)
		return;
	if (k->s.role == R_PROGRAM)
		set_blob(&k->argv, data, n, n);
	else
		set_blob(&k->title, data, strnlen(data, n), 0);
}

static int by_start(const void *a, const void *b)
{
	const struct known *x = *(struct known *const *)a, *y = *(struct known *const *)b;

	if (x->s.start != y->s.start)
		return x->s.start < y->s.start ? -1 : 1;
	return x->s.pid < y->s.pid ? -1 : 1;
}

/* A session's leader: the first program below an sshd process, in a session of its own. */
static bool is_leader(const struct known *k)
{
	const struct known *parent = *find(k->s.ppid);

	return k->s.role == R_PROGRAM && k->s.sid == k->s.pid && parent && parent->s.role == R_SSHD;
}

int seeds_read(int iter_link)
{
	struct seed s[32];	/* so few that the paths of their cgroups fit in that ring */
	unsigned int before, b;
	struct known *k;
	ssize_t n, i;
	int fd;

	do {
		before = count;
		fd = bpf_iter_create(iter_link);
		if (fd < 0)
			return -1;
		while ((n = read(fd, s, sizeof(s))) > 0) {
			cgroups_read();
			for (i = 0; i < n / (ssize_t)sizeof(*s); i++)
				if ((k = add(s[i].pid)))
					k->s = s[i];
		}
		close(fd);
	} while (count != before);
	for (b = 0; b < BUCKETS; b++)
		for (k = buckets[b]; k; k = k->next) {
			read_command(k);
			if (is_leader(k))
				read_environment(k);
		}
	return 0;
}

static void put_one(struct text *t, const struct known *k)
{
	const struct seed *s = &k->s;

	if (s->cgroup)
		cgroups_put(t, s->cgroup, s->ts);
	open_record(t, "seed", s->ts);
	put_process(t, s->pid, s->start, s->conn_pid, s->conn_start, s->role);
	if (s->pstart) {
		put_num(t, "ppid", s->ppid);
		put_big(t, "pstart", s->pstart);
	}
	put_uids(t, s->uid);
	put_num(t, "sid", s->sid);
	if (s->pgid)
		put_num(t, "pgid", s->pgid);
	if (s->luid != ~0U)
		put_num(t, "luid", s->luid);
	if (s->exec_id)
		put_num(t, "exec", s->exec_id);
	if (s->comm[0])
		put_comm(t, s->comm);
	if (s->cgroup)
		put_big(t, "cgroup", s->cgroup);
	if (k->file.len)
		put_bytes(t, "file", k->file.data, k->file.len);
	if (k->argv.total) {
		put_num(t, "argv_len", k->argv.total);
		put_bytes(t, "argv", k->argv.data, k->argv.len < KEPT_ARGV ? k->argv.len : KEPT_ARGV);
	}
	if (k->title.len)
		put_bytes(t, "title", k->title.data, k->title.len < TITLE_MAX ? k->title.len : TITLE_MAX);
	put_addresses(t, &s->a);
	close_record(t);
}

static void put_env(struct text *t, const struct known *k, const struct variable *v)
{
	open_record(t, "env", k->s.ts);
	put_process(t, k->s.pid, k->s.start, k->s.conn_pid, k->s.conn_start, k->s.role);
	put_bytes(t, "data", v->data, v->len);
	if (v->cut)
		put_num(t, "cut", 1);
	else
		put_num(t, "len", v->len);
	close_record(t);
}

unsigned int seeds_put(struct text *t, bool (*make_room)(void))
{
	struct known **all = calloc(count + 1, sizeof(*all)), *k;
	struct variable *v;
	unsigned int n = 0, i, b, told = 0;
	__u64 ts = boot_ns();

	if (!all)
		return 0;
	for (b = 0; b < BUCKETS; b++)
		for (k = buckets[b]; k; k = k->next)
			all[n++] = k;
	qsort(all, n, sizeof(*all), by_start);
	for (i = 0; i < n && make_room(); i++, told++) {
		all[i]->s.ts = ts;
		put_one(t, all[i]);
		for (v = all[i]->env; v && make_room(); v = v->next)
			put_env(t, all[i], v);
	}
	free(all);
	return told;
}

static void note_identity(struct known *k, const struct head *h)
{
	k->s.start = h->start;
	k->s.conn_pid = h->conn_pid;
	k->s.conn_start = h->conn_start;
	k->s.role = h->role;
}

/* The entry of the record's process; made if the fork was missed. */
static struct known *entry(const struct head *h)
{
	struct known *k = *find(h->pid);

	if (!k || k->s.start != h->start)
		k = add(h->pid);
	if (k)
		note_identity(k, h);
	return k;
}

static void note_fork(const struct ev_fork *e)
{
	const struct known *parent = entry(&e->h);
	struct known *k = add(e->child);

	if (!k)
		return;
	k->s.start = e->child_start;
	k->s.ppid = e->h.pid;
	k->s.pstart = e->h.start;
	memcpy(k->s.uid, e->uid, sizeof(k->s.uid));
	k->s.sid = e->sid;
	k->s.conn_pid = e->h.conn_pid;
	k->s.conn_start = e->h.conn_start;
	k->s.role = e->h.role;
	if (e->h.role == R_LISTENER) {
		k->s.role = R_SSHD;
		k->s.conn_pid = e->child;
		k->s.conn_start = e->child_start;
	}
	if (!parent)
		return;
	k->s.pgid = parent->s.pgid;
	k->s.luid = parent->s.luid;
	k->s.cgroup = parent->s.cgroup;
	k->s.exec_id = e->exec_id;
	memcpy(k->s.comm, parent->s.comm, sizeof(k->s.comm));
	set_blob(&k->argv, parent->argv.data, parent->argv.len, parent->argv.total);
	set_blob(&k->file, parent->file.data, parent->file.len, 0);
}

static void note_exec(struct known *k, const struct ev_exec *e)
{
	memcpy(k->s.uid, e->uid, sizeof(k->s.uid));
	memcpy(k->s.comm, e->comm, sizeof(k->s.comm));
	k->s.sid = e->sid;
	k->s.pgid = e->pgid;
	k->s.luid = e->luid;
	k->s.cgroup = e->cgroup;
	k->s.exec_id = e->exec_id;
	set_blob(&k->file, e->file, e->file_got, 0);
	set_blob(&k->argv, e->argv, e->argv_got, e->argv_len);
	set_blob(&k->title, NULL, 0, 0);
}

static void note_bytes(struct known *k, const struct ev_bytes *e)
{
	__u32 n = e->got < KEPT_ARGV ? e->got : KEPT_ARGV;

	if (e->off || !e->got)
		return;
	set_blob(e->what == V_FILE ? &k->file : &k->argv, e->data, n, e->total);
}

void seeds_note(const struct head *h)
{
	struct known *k;

	switch (h->kind) {
	case K_FORK:
		note_fork((const void *)h);
		return;
	case K_EXIT:
		seeds_forget(h->pid, h->start);
		return;
	case K_DROP:
	case K_TCP:
	case K_FORWARD:
	case K_CHANNEL:
		return;
	}
	k = entry(h);
	if (!k)
		return;
	switch (h->kind) {
	case K_EXEC: note_exec(k, (const void *)h); break;
	case K_BYTES: note_bytes(k, (const void *)h); break;
	case K_ENV: {
		const struct ev_env *e = (const void *)h;

		add_variable(k, e->data, e->got, e->cut);
		break;
	}
	case K_SETSID: k->s.sid = ((const struct ev_ids *)h)->sid; break;
	case K_SETRESUID: memcpy(k->s.uid, ((const struct ev_ids *)h)->uid, sizeof(k->s.uid)); break;
	case K_ACCEPT:
		k->s.a = ((const struct ev_tcp *)h)->a;
		k->s.cgroup = ((const struct ev_tcp *)h)->cgroup;
		break;
	}
}

void seeds_forget(__u32 pid, __u64 start)
{
	struct known **at = find(pid);

	if (*at && (*at)->s.start == start)
		drop(at);
}

void seeds_clear(void)
{
	unsigned int b;

	for (b = 0; b < BUCKETS; b++)
		while (buckets[b])
			drop(&buckets[b]);
}
