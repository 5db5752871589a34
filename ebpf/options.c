// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "options.h"

static const char help[] =
	"sshd-otel-producer: facts about stock OpenSSH servers from eBPF, as NDJSON\n"
	"\n"
	"usage: sshd-otel-producer [OPTION]...\n"
	"\n"
	"  --socket PATH         serve the stream on a unix socket, one consumer at a time\n"
	"                        (default: standard output; a socket passed by systemd wins)\n"
	"  --peer-uid UID|NAME   who may connect, besides root and the starting user; repeatable\n"
	"  --peer-gid GID        the same for a group\n"
	"  --listener PID        trace only this sshd (default: all of the host)\n"
	"  --scope all           also sshds inside containers\n"
	"  --exact               exact setsid and setresuid, failed execs, files of sftp and scp, forwards of\n"
	"                        unix sockets and the agent: costs every system call\n"
	"  --no-log              do not copy the lines that sshd sends to the system log\n"
	"  --hook NAME           sock_send_length, fentry or sys_enter (default: the first that works)\n"
	"  --ring-size BYTES     of the kernel's buffer, a power of two (default 8388608)\n"
	"  --max-processes N     followed at once (default 131072)\n"
	"  --orphan-hours N      follow what outlives its connection so long (default 24)\n"
	"  --user UID            to become after attaching, when started as root (default 65534)\n"
	"  --verbose             what libbpf and the verifier say, on standard error\n"
	"  --help, --version\n"
	"\n"
	"needs CAP_BPF and CAP_PERFMON (or root) to start, gives them up once attached;\n"
	"ends on SIGTERM, SIGINT, or when standard input or output closes\n"
	"\n"
	"exit status: 0 ended in order, 1 other error, 2 usage, 3 no BTF in this kernel,\n"
	"  4 capability missing, 5 kernel locked down, 6 refused by the verifier,\n"
	"  7 no room or right for maps, 8 no hook attaches, 9 socket\n";

static void bad(const char *option, const char *value)
{
	fprintf(stderr, "sshd-otel-producer: %s: bad value '%s'; see --help\n", option, value);
	exit(EXIT_USAGE);
}

static unsigned long number(const char *option, const char *value, unsigned long min, unsigned long max)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (value[0] < '0' || value[0] > '9' || *end || n < min || n > max)
		bad(option, value);
	return n;
}

enum { O_SOCKET = 256, O_PEER_UID, O_PEER_GID, O_LISTENER, O_SCOPE, O_EXACT, O_NO_LOG, O_HOOK, O_RING, O_MAX, O_ORPHAN,
	O_USER, O_VERBOSE, O_HELP, O_VERSION };

static const struct option longs[] = {
	{ "socket", required_argument, NULL, O_SOCKET },
	{ "peer-uid", required_argument, NULL, O_PEER_UID },
	{ "peer-gid", required_argument, NULL, O_PEER_GID },
	{ "listener", required_argument, NULL, O_LISTENER },
	{ "scope", required_argument, NULL, O_SCOPE },
	{ "exact", no_argument, NULL, O_EXACT },
	{ "no-log", no_argument, NULL, O_NO_LOG },
	{ "hook", required_argument, NULL, O_HOOK },
	{ "ring-size", required_argument, NULL, O_RING },
	{ "max-processes", required_argument, NULL, O_MAX },
	{ "orphan-hours", required_argument, NULL, O_ORPHAN },
	{ "user", required_argument, NULL, O_USER },
	{ "verbose", no_argument, NULL, O_VERBOSE },
	{ "help", no_argument, NULL, O_HELP },
	{ "version", no_argument, NULL, O_VERSION },
	{}
};

static void set_scope(struct options *o, const char *value)
{
	if (!strcmp(value, "all"))
		o->all_namespaces = true;
	else if (strcmp(value, "host"))
		bad("--scope", value);
}

static void set_hook(struct options *o, const char *value)
{
	if (strcmp(value, "sock_send_length") && strcmp(value, "fentry") && strcmp(value, "sys_enter"))
		bad("--hook", value);
	o->hook = value;
}

static void set_ring(struct options *o, const char *value)
{
	unsigned long n = number("--ring-size", value, 65536, 1UL << 30);

	if (n & (n - 1))
		bad("--ring-size", value);
	o->ring_size = n;
}

/* Of a name in /etc/passwd itself: a static program can't ask other sources. Otherwise what it is, if a number. */
static unsigned long uid_of(const char *value)
{
	FILE *f = fopen("/etc/passwd", "re");
	struct passwd *p = NULL;

	while (f && (p = fgetpwent(f)) && strcmp(p->pw_name, value))
		;
	if (f)
		fclose(f);
	return p ? p->pw_uid : number("--peer-uid", value, 0, 0xfffffffe);
}

static void add_peer(struct options *o, bool group, const char *value)
{
	unsigned long id = group ? number("--peer-gid", value, 0, 0xfffffffe) : uid_of(value);

	if ((group ? o->peer_gids : o->peer_uids) == MAX_PEERS)
		bad(group ? "--peer-gid" : "--peer-uid", "too many");
	if (group)
		o->peer_gid[o->peer_gids++] = id;
	else
		o->peer_uid[o->peer_uids++] = id;
}

static void set_option(struct options *o, int c)
{
	switch (c) {
	case O_SOCKET: o->socket = optarg; break;
	case O_PEER_UID: add_peer(o, false, optarg); break;
	case O_PEER_GID: add_peer(o, true, optarg); break;
	case O_LISTENER: o->listener = number("--listener", optarg, 1, 1 << 22); break;
	case O_SCOPE: set_scope(o, optarg); break;
	case O_EXACT: o->exact = true; break;
	case O_NO_LOG: o->log_lines = false; break;
	case O_HOOK: set_hook(o, optarg); break;
	case O_RING: set_ring(o, optarg); break;
	case O_MAX: o->max_processes = number("--max-processes", optarg, 64, 4 << 20); break;
	case O_ORPHAN: o->orphan_hours = number("--orphan-hours", optarg, 1, 24 * 3650); break;
	case O_USER: o->user = number("--user", optarg, 0, 0xfffffffe); break;
	case O_VERBOSE: o->verbose = true; break;
	case O_HELP: fputs(help, stdout); exit(EXIT_OK);
	case O_VERSION: puts("sshd-otel-producer " VERSION); exit(EXIT_OK);
	default: exit(EXIT_USAGE);
	}
}

void options_parse(struct options *o, int argc, char **argv)
{
	int c;

	*o = (struct options){ .log_lines = true, .ring_size = 8 << 20, .max_processes = 131072, .orphan_hours = 24,
			       .user = 65534 };
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
		set_option(o, c);
	if (optind < argc) {
		fprintf(stderr, "sshd-otel-producer: unexpected argument '%s'; see --help\n", argv[optind]);
		exit(EXIT_USAGE);
	}
}
