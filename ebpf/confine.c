// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <stddef.h>
#include <grp.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include "confine.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#error "add the audit architecture"
#endif

/* Read the rings (mapped), write records, take consumers, end. */
static const int calls[] = {
	SYS_read, SYS_write, SYS_close, SYS_epoll_pwait, SYS_epoll_ctl, SYS_ppoll, SYS_clock_gettime,
	SYS_accept4, SYS_getsockopt, SYS_sendto, SYS_fcntl, SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise, SYS_futex,
	SYS_rt_sigreturn, SYS_restart_syscall, SYS_getpid, SYS_exit, SYS_exit_group,
#ifdef SYS_epoll_wait
	SYS_epoll_wait, SYS_poll,
#endif
};

/* What bpf(2) may still do: look at its own maps and programs, read the task iterator. */
static const int bpf_commands[] = {
	BPF_MAP_LOOKUP_ELEM, BPF_MAP_DELETE_ELEM, BPF_MAP_GET_NEXT_KEY, BPF_OBJ_GET_INFO_BY_FD, BPF_ITER_CREATE,
};

#define COUNT(a)	(sizeof(a) / sizeof(*(a)))
#define LOAD(field)	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(what)	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_##what)
#define UNLESS(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)

static struct sock_filter filter[128];
static unsigned short filter_len;

static void add(struct sock_filter f)
{
	filter[filter_len++] = f;
}

static void allow_if(unsigned int value)
{
	add((struct sock_filter)UNLESS(value, 1));
	add((struct sock_filter)RETURN(ALLOW));
}

static int install_filter(void)
{
	struct sock_fprog program = { .filter = filter };
	size_t i;

	add((struct sock_filter)LOAD(arch));
	add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0));
	add((struct sock_filter)RETURN(KILL_PROCESS));
	add((struct sock_filter)LOAD(nr));
	for (i = 0; i < COUNT(calls); i++)
		allow_if(calls[i]);
	/* memory, but none that can be executed */
	add((struct sock_filter)UNLESS(SYS_mmap, 4));
	add((struct sock_filter)LOAD(args[2]));
	add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1));
	add((struct sock_filter)RETURN(KILL_PROCESS));
	add((struct sock_filter)RETURN(ALLOW));
	add((struct sock_filter)UNLESS(SYS_bpf, 1 + 2 * COUNT(bpf_commands)));
	add((struct sock_filter)LOAD(args[0]));
	for (i = 0; i < COUNT(bpf_commands); i++)
		allow_if(bpf_commands[i]);
	add((struct sock_filter)RETURN(KILL_PROCESS));
	program.len = filter_len;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[2] = {};

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &header, none);
}

static int become(uid_t user)
{
	if (setgroups(0, NULL) || setresgid(user, user, user))
		return -1;
	return setresuid(user, user, user);
}

int confine(uid_t user)
{
	if (!geteuid() && user && become(user))
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || drop_capabilities())
		return -1;
	return install_filter();
}
