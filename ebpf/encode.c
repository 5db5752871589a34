// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include "encode.h"

static const char *const kinds[K_KINDS] = {
	[K_UNTRACKED] = "untracked", [K_FORK] = "fork", [K_EXEC] = "exec", [K_BYTES] = "bytes", [K_ENV] = "env",
	[K_EXIT] = "exit", [K_SETSID] = "setsid", [K_SETRESUID] = "setresuid", [K_EXECFAIL] = "execfail",
	[K_ACCEPT] = "accept", [K_DROP] = "drop", [K_TCP] = "tcp", [K_MON] = "mon", [K_LOG] = "log",
	[K_FORWARD] = "forward", [K_CHANNEL] = "forward",
	[K_FILE] = "file",
};

const char *kind_name(unsigned int kind)
{
	return kind < K_KINDS ? kinds[kind] : "unknown";
}

const char *role_name(unsigned int role)
{
	switch (role) {
	case R_LISTENER: return "listener";
	case R_SSHD: return "sshd";
	case R_PROGRAM: return "program";
	default: return NULL;
	}
}

void open_record(struct text *t, const char *kind, __u64 ts)
{
	put(t, "{\"k\":\"");
	put(t, kind);
	put(t, "\"");
	put_big(t, "ts", ts);
}

void close_record(struct text *t)
{
	put(t, "}\n");
}

void put_conn(struct text *t, __u32 pid, __u64 start)
{
	if (!pid)
		return;
	put(t, ",\"conn\":[");
	put_u64(t, pid);
	put(t, ",\"");
	put_u64(t, start);
	put(t, "\"]");
}

void put_process(struct text *t, __u32 pid, __u64 start, __u32 conn_pid, __u64 conn_start, __u32 role)
{
	put_num(t, "pid", pid);
	put_big(t, "start", start);
	put_conn(t, conn_pid, conn_start);
	if (role_name(role))
		put_name(t, "role", role_name(role));
}

static void put_triple(struct text *t, const char *key, const __u32 id[3])
{
	put(t, ",\"");
	put(t, key);
	put(t, "\":[");
	put_u64(t, id[0]);
	put(t, ",");
	put_u64(t, id[1]);
	put(t, ",");
	put_u64(t, id[2]);
	put(t, "]");
}

void put_uids(struct text *t, const __u32 uid[3])
{
	put_triple(t, "uid", uid);
}

void put_comm(struct text *t, const char comm[16])
{
	put_bytes(t, "comm", comm, strnlen(comm, 16));
}

static void put_address(struct text *t, const char *key, int family, const __u8 *bytes)
{
	static const __u8 mapped[12] = { [10] = 0xff, [11] = 0xff };
	char s[INET6_ADDRSTRLEN];

	if (family == AF_INET6 && !memcmp(bytes, mapped, sizeof(mapped))) {
		family = AF_INET;
		bytes += sizeof(mapped);
	}
	if (inet_ntop(family, bytes, s, sizeof(s)))
		put_name(t, key, s);
}

void put_addresses(struct text *t, const struct addresses *a)
{
	if (!a->family)
		return;
	put_address(t, "peer", a->family, a->peer);
	put_num(t, "peer_port", a->peer_port);
	put_address(t, "local", a->family, a->local);
	put_num(t, "local_port", a->local_port);
}

static void put_namespace(struct text *t, __u32 nspid, __u32 pidns)
{
	if (nspid)
		put_num(t, "nspid", nspid);
	if (pidns)
		put_num(t, "pidns", pidns);
}

/* Real, effective, saved; only where they are not the same. */
static void put_gids(struct text *t, const __u32 gid[3])
{
	if (gid[0] != gid[1] || gid[1] != gid[2])
		put_triple(t, "gids", gid);
}

/*
 * The time is measured, and its parts are sampled by clock ticks: they are made
 * to fit it, as getrusage(2) does (cputime_adjust in kernel/sched/cputime.c).
 */
static void put_cpu(struct text *t, const struct cpu_time *c)
{
	__u64 system = c->system, sum = c->user + c->system;

	if (!c->known)
		return;
	if (c->user && c->system)
		system = (unsigned __int128)c->total * c->system / sum;
	else if (c->system)
		system = c->total;
	put_big(t, "utime", c->total - system);
	put_big(t, "stime", system);
}

static void fork_fields(struct text *t, const struct ev_fork *e)
{
	put_num(t, "child", e->child);
	put_big(t, "child_start", e->child_start);
	put_uids(t, e->uid);
	put_num(t, "sid", e->sid);
	put_num(t, "exec", e->exec_id);
	put_namespace(t, e->nspid, e->pidns);
}

static void exec_fields(struct text *t, const struct ev_exec *e)
{
	put_num(t, "ppid", e->ppid);
	put_uids(t, e->uid);
	put_num(t, "gid", e->gid[0]);
	put_gids(t, e->gid);
	put_num(t, "sid", e->sid);
	put_num(t, "pgid", e->pgid);
	if (e->luid != ~0U)
		put_num(t, "luid", e->luid);
	if (e->ses != ~0U)
		put_num(t, "ses", e->ses);
	put_num(t, "exec", e->exec_id);
	put_num(t, "old", e->old);
	put_comm(t, e->comm);
	if (e->file_got)
		put_bytes(t, "file", e->file, e->file_got);
	put_num(t, "argv_len", e->argv_len);
	put_bytes(t, "argv", e->argv, e->argv_got);
	put_big(t, "cgroup", e->cgroup);
	put_namespace(t, e->nspid, e->pidns);
	if (e->mntns)
		put_num(t, "mntns", e->mntns);
	if (e->inode) {
		put_num(t, "dev", e->device);
		put_big(t, "ino", e->inode);
	}
	put_cpu(t, &e->cpu);
}

static void bytes_fields(struct text *t, const struct ev_bytes *e)
{
	put_name(t, "of", e->what == V_FILE ? "file" : "argv");
	put_num(t, "off", e->off);
	put_num(t, "len", e->len);
	put_num(t, "total", e->total);
	if (e->got)
		put_bytes(t, "data", e->data, e->got);
}

static void env_fields(struct text *t, const struct ev_env *e)
{
	put_bytes(t, "data", e->data, e->got);
	if (e->cut)
		put_num(t, "cut", 1);
	else
		put_num(t, "len", e->got);
}

static void exit_fields(struct text *t, const struct ev_exit *e)
{
	put_num(t, "code", e->status >> 8 & 255);
	put_num(t, "signal", e->status & 127);
	put_num(t, "core", e->status >> 7 & 1);
	put_uids(t, e->uid);
	put_num(t, "gid", e->gid[0]);
	put_gids(t, e->gid);
	put_cpu(t, &e->cpu);
	if (e->max_rss)
		put_big(t, "max_rss", e->max_rss * sysconf(_SC_PAGESIZE));
	put_num(t, "sid", e->sid);
	put_num(t, "exec", e->exec_id);
	put_comm(t, e->comm);
	if (e->title_got)
		put_bytes(t, "title", e->title, e->title_got);
}

static void tcp_fields(struct text *t, const struct ev_tcp *e)
{
	if (e->h.kind == K_TCP) {
		if (e->cookie)
			put_big(t, "sk", e->cookie);
		put_num(t, "old", e->old_state);
		put_num(t, "new", e->new_state);
	}
	put_addresses(t, &e->a);
	if (e->h.kind == K_ACCEPT)
		put_big(t, "cgroup", e->cgroup);
	if (e->h.kind != K_TCP)
		return;
	put_big(t, "rx", e->rx);
	put_big(t, "tx", e->tx);
	put_num(t, "srtt_us", e->srtt_us);
	put_num(t, "retrans", e->retrans);
	if (e->by != BY_UNKNOWN)
		put_name(t, "by", e->by == BY_LOCAL ? "local" : "peer");
}

static const char *const forward_ops[] = { [F_CONNECT] = "connect", [F_LISTEN] = "listen", [F_ACCEPT] = "accept" };

static void forward_fields(struct text *t, const struct ev_forward *e)
{
	bool listens = e->op == F_LISTEN;

	put_big(t, "sk", e->sk);
	put_name(t, "op", forward_ops[e->op]);
	put_num(t, "old", e->old_state);
	put_num(t, "new", e->new_state);
	if (!listens) {
		put_address(t, "peer", e->a.family, e->a.peer);
		put_num(t, "peer_port", e->a.peer_port);
	}
	if (e->a.local_port) {	/* none before the connection is there */
		put_address(t, "local", e->a.family, e->a.local);
		put_num(t, "local_port", e->a.local_port);
	}
	if (!listens && e->new_state == 7) {	/* CLOSE */
		put_big(t, "rx", e->rx);
		put_big(t, "tx", e->tx);
	}
	if (e->err)
		put_num(t, "err", e->err);
}

static void channel_fields(struct text *t, const struct ev_channel *e)
{
	put_big(t, "sk", e->sk);
	put_name(t, "op", forward_ops[e->op]);
	if (e->of)
		put_big(t, "of", e->of);
	put_num(t, "old", e->old_state);
	put_num(t, "new", e->new_state);
	if (e->a.family) {
		put_addresses(t, &e->a);
	} else {
		put_name(t, "family", "unix");
		if (e->path_len)
			put_bytes(t, "path", e->path, e->path_len);
	}
	if (e->op != F_LISTEN && e->new_state == 7 && e->old_state != 7) {	/* CLOSE */
		put_big(t, "rx", e->rx);
		put_big(t, "tx", e->tx);
	}
	if (e->err)
		put_num(t, "err", e->err);
}

static const char *const file_ops[FILE_OPS] = {
	[FILE_CLOSE] = "close", [FILE_REST] = "rest", [FILE_OPEN] = "open", [FILE_LIST] = "list",
	[FILE_RENAME] = "rename", [FILE_REMOVE] = "remove", [FILE_RMDIR] = "rmdir", [FILE_MKDIR] = "mkdir",
	[FILE_SYMLINK] = "symlink", [FILE_LINK] = "link", [FILE_SETSTAT] = "setstat",
};

static void file_sums(struct text *t, const struct ev_file *e)
{
	if (e->op == FILE_REST) {
		put_num(t, "n", e->id);
		put_num(t, "failed", e->failed);
	} else {
		put_num(t, "id", e->id);
		if (e->forced)
			put_num(t, "forced", 1);
	}
	put_big(t, "read", e->read);
	put_big(t, "written", e->written);
}

static void file_fields(struct text *t, const struct ev_file *e)
{
	static const char *const modes[] = { NULL, "read", "write", "both" };
	const char *paths = (const char *)(e + 1);

	put_name(t, "op", file_ops[e->op]);
	put_num(t, "exec", e->exec_id);
	if (e->op < FILE_NAMED) {
		file_sums(t, e);
		return;
	}
	put_int(t, "ret", e->ret);
	put_num(t, "id", e->id);
	if (e->op == FILE_OPEN && e->mode <= 3)
		put_name(t, "mode", modes[e->mode]);
	if (e->path_got)
		put_bytes(t, "path", paths, e->path_got);
	if (e->path_cut)
		put_num(t, "path_cut", 1);
	if (e->to_got)
		put_bytes(t, "to", paths + e->path_got, e->to_got);
	if (e->to_cut)
		put_num(t, "to_cut", 1);
}

static void mon_fields(struct text *t, const struct ev_mon *e)
{
	put_num(t, "type", e->type);
	put_num(t, "len", e->len);
	put_num(t, "total", e->total);
	if (e->got)
		put_bytes(t, "data", e->data, e->got);
}

static void log_fields(struct text *t, const struct ev_log *e)
{
	put_num(t, "len", e->len);
	put_bytes(t, "data", e->data, e->got);
}

static void ids_fields(struct text *t, const struct ev_ids *e)
{
	switch (e->h.kind) {
	case K_SETSID:
		put_num(t, "sid", e->sid);
		break;
	case K_SETRESUID:
		put_uids(t, e->uid);
		break;
	default:
		put_int(t, "ret", e->ret);
		if (e->file_got)
			put_bytes(t, "file", e->file, e->file_got);
		return;
	}
	if (e->late)
		put_num(t, "late", 1);
}

__u64 cgroup_in(const struct head *h)
{
	switch (h->kind) {
	case K_EXEC: return ((const struct ev_exec *)h)->cgroup;
	case K_ACCEPT: return ((const struct ev_tcp *)h)->cgroup;
	default: return 0;
	}
}

void encode(struct text *t, const struct head *h)
{
	open_record(t, kind_name(h->kind), h->ts);
	put_num(t, "cpu", h->cpu);
	put_num(t, "seq", h->seq);
	put_process(t, h->pid, h->start, h->conn_pid, h->conn_start, h->role);
	switch (h->kind) {
	case K_FORK: fork_fields(t, (const void *)h); break;
	case K_EXEC: exec_fields(t, (const void *)h); break;
	case K_BYTES: bytes_fields(t, (const void *)h); break;
	case K_ENV: env_fields(t, (const void *)h); break;
	case K_EXIT: exit_fields(t, (const void *)h); break;
	case K_ACCEPT:
	case K_DROP:
	case K_TCP: tcp_fields(t, (const void *)h); break;
	case K_MON: mon_fields(t, (const void *)h); break;
	case K_FORWARD: forward_fields(t, (const void *)h); break;
	case K_CHANNEL: channel_fields(t, (const void *)h); break;
	case K_FILE: file_fields(t, (const void *)h); break;
	case K_LOG: log_fields(t, (const void *)h); break;
	default: ids_fields(t, (const void *)h);
	}
	close_record(t);
}
