// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include "options.h"
#include "refusal.h"

static bool file_has(const char *path, const char *word)
{
	FILE *f = fopen(path, "r");
	char line[256];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, word);
	if (f)
		fclose(f);
	return found;
}

static bool has_capability(int n)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = {};

	return !syscall(SYS_capget, &h, d) && d[n / 32].effective >> (n % 32) & 1;
}

static bool has_seccomp_filter(void)
{
	return file_has("/proc/self/status", "Seccomp:\t2");
}

static bool locked_down(void)
{
	return file_has("/sys/kernel/security/lockdown", "[confidentiality]");
}

/* Does bpf(2) itself answer? An empty map tells. */
static int probe_bpf(void)
{
	union bpf_attr a = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1 };
	int fd = syscall(SYS_bpf, BPF_MAP_CREATE, &a, sizeof(a));

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

void refusal_check_rights(void)
{
	bool admin = has_capability(CAP_SYS_ADMIN);
	int err;

	if (!admin && !has_capability(CAP_BPF))
		refuse(EXIT_NO_CAPABILITY, "CAP_BPF is missing: start as root, or with CAP_BPF and CAP_PERFMON");
	if (!admin && !has_capability(CAP_PERFMON))
		refuse(EXIT_NO_CAPABILITY, "CAP_PERFMON is missing: start as root, or with CAP_BPF and CAP_PERFMON");
	err = probe_bpf();
	if (err == ENOSYS || (err == EPERM && has_seccomp_filter()))
		refuse(EXIT_NO_CAPABILITY, "the capabilities are there, but a seccomp filter forbids bpf(2): "
					   "the service's or the container's system call list must allow it");
	if (err == EPERM && !file_has("/proc/self/uid_map", "4294967295"))
		refuse(EXIT_NO_CAPABILITY, "the capabilities hold only in a user namespace: start in the host's");
	if (locked_down())
		refuse(EXIT_LOCKED_DOWN, NULL);
}

int refusal_at_load(int err, const char *said)
{
	if (locked_down())
		return EXIT_LOCKED_DOWN;
	if (strstr(said, "map '") || err == -ENOMEM || err == -E2BIG)
		return EXIT_NO_MAP;
	return EXIT_REFUSED;
}

void refuse(int exit_code, const char *said)
{
	static const char *const reasons[] = {
		[EXIT_OTHER] = "out of memory",
		[EXIT_NO_BTF] = "this kernel has no type information (/sys/kernel/btf/vmlinux): "
				"it needs CONFIG_DEBUG_INFO_BTF, or use the bpftrace producer",
		[EXIT_NO_CAPABILITY] = "capability missing",
		[EXIT_LOCKED_DOWN] = "the kernel is locked down (confidentiality): BPF may not read kernel memory; "
				     "boot with lockdown=integrity or without",
		[EXIT_REFUSED] = "the kernel refused the BPF programs (--verbose shows the verifier's log)",
		[EXIT_NO_MAP] = "the kernel refused the BPF maps (kernels before 5.8 have no ring buffer; before 5.11 "
				"raise RLIMIT_MEMLOCK, or lower --ring-size or --max-processes)",
		[EXIT_NO_ATTACH] = "no hook of this kernel can be attached",
	};
	size_t n;

	if (said && !strncmp(said, "libbpf: ", 8))
		said += 8;
	n = said ? strcspn(said, "\n") : 0;

	fprintf(stderr, "sshd-otel-producer: %s", exit_code == EXIT_NO_CAPABILITY && said ? "" : reasons[exit_code]);
	if (n)
		fprintf(stderr, "%s%.*s", exit_code == EXIT_NO_CAPABILITY ? "" : ": ", (int)n, said);
	fputc('\n', stderr);
	exit(exit_code);
}
