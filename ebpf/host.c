// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include "encode.h"
#include "host.h"

#define FIRST_PID_NAMESPACE	0xEFFFFFFCUL	/* PROC_PID_INIT_INO */

static char boot_id[64], machine_id[64], host_name[65];
static unsigned long pid_namespace;

/* What this producer fills beyond what every producer must (README.md). */
static const char *const fills[] = {
	"argv", "file", "conn", "role", "accept", "drop", "tcp", "log", "mon", "env", "exec.cgroup", "seed.cgroup", "accept.cgroup", "cgroup", "exec.exec",
	"exec.mntns", "exec.ino", "exec.gids", "exec.utime", "exit.gids", "exit.utime", "exit.max_rss",
	"exec.luid", "exec.ses", "exec.pidns", "exec.nspid", "exec.old", "fork.pidns", "fork.nspid", "exit.title",
	"exit.core", "tcp.sk", "tcp.rx", "tcp.tx", "tcp.srtt_us", "tcp.retrans", "tcp.by", "lost.conn",
	"lost.since", "seq", "fork.exec", "exit.exec", "forward",
};

static __u64 now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

__u64 boot_ns(void)
{
	return now(CLOCK_BOOTTIME);
}

static void read_word(const char *path, char *to, int size)
{
	FILE *f = fopen(path, "r");
	char *p;

	if (!f)
		return;
	if (!fgets(to, size, f))
		to[0] = 0;
	fclose(f);
	for (p = to; isxdigit((unsigned char)*p) || *p == '-'; p++)
		;
	*p = 0;
}

void host_read(void)
{
	struct utsname u;
	struct stat st;

	read_word("/proc/sys/kernel/random/boot_id", boot_id, sizeof(boot_id));
	read_word("/etc/machine-id", machine_id, sizeof(machine_id));
	if (!uname(&u))
		snprintf(host_name, sizeof(host_name), "%s", u.nodename);
	if (!stat("/proc/self/ns/pid", &st))
		pid_namespace = st.st_ino;
}

bool host_in_first_namespace(void)
{
	return pid_namespace == FIRST_PID_NAMESPACE;
}

static void put_list(struct text *t, const char *key, const char *const *words, int n)
{
	int i;

	put(t, ",\"");
	put(t, key);
	put(t, "\":[");
	for (i = 0; i < n; i++) {
		put(t, i ? ",\"" : "\"");
		put(t, words[i]);
		put(t, "\"");
	}
	put(t, "]");
}

void put_hello(struct text *t, const struct tracer *tracer, const struct options *o)
{
	open_record(t, "hello", boot_ns());
	put_num(t, "v", 1);
	put_name(t, "producer", "libbpf");
	put_name(t, "version", VERSION);
	put_list(t, "hooks", tracer->hooks, tracer->hook_count);
	put_list(t, "fills", fills, sizeof(fills) / sizeof(*fills));
	if (o->exact)
		t->len--, put(t, ",\"execfail\",\"setsid\",\"setresuid\",\"file.op\",\"forward.of\",\"forward.path\"]");
	put(t, ",\"limits\":{\"argv\":");
	put_u64(t, (__u64)PIECES * PIECE_BIG);
	put_num(t, "env", ENV_MAX);
	put_num(t, "mon", MON_MAX);
	put_num(t, "log", o->log_lines ? LOG_MAX : 0);
	put(t, "}");
	if (boot_id[0])
		put_name(t, "boot_id", boot_id);
	if (strlen(machine_id) == 32)
		put_name(t, "machine_id", machine_id);
	put_bytes(t, "host", host_name, strlen(host_name));
	if (pid_namespace)
		put_num(t, "pidns", pid_namespace);
	close_record(t);
}

void put_clock(struct text *t)
{
	__u64 ts = boot_ns(), wall = now(CLOCK_REALTIME);

	open_record(t, "clock", ts);
	put_big(t, "wall", wall);
	close_record(t);
}
