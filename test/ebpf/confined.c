// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Confines itself as the producer does, then makes the system call that is named; exits with 7 if it lives. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "../../ebpf/confine.c"

int main(int argc, char **argv)
{
	union bpf_attr attr = {};

	free(malloc(1));	/* the first one asks for random bytes */
	if (confine(65534))
		return 1;
	if (!strcmp(argv[1], "open"))
		open("/etc/passwd", O_RDONLY);
	else if (!strcmp(argv[1], "socket"))
		syscall(SYS_socket, 2, 1, 0);
	else if (!strcmp(argv[1], "execve"))
		execl("/bin/true", "true", NULL);
	else if (!strcmp(argv[1], "fork"))
		syscall(SYS_clone, 17, 0, 0, 0, 0);
	else if (!strcmp(argv[1], "executable memory"))
		mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	else if (!strcmp(argv[1], "load a program"))
		syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	else if (!strcmp(argv[1], "ptrace"))
		syscall(SYS_ptrace, 0, 0, 0, 0);
	else if (!strcmp(argv[1], "what it needs"))
		free(malloc(10 << 20)), syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr));
	_exit(7);
}
