// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Goes by the name of a server, reads its input, and then makes system calls by
 * their numbers: one that only newer libraries make, and some of the 32-bit
 * interface, whose numbers mean something else in a 64-bit program's. Their
 * 64-bit namesakes would take "forged" for a path.
 */
#include <fcntl.h>
#include <unistd.h>
#include <sys/syscall.h>

static long compat(long number, const char *path)
{
	long ret = 0;

#ifdef __x86_64__
	__asm__ volatile("int $0x80" : "=a"(ret)
			 : "a"(number), "b"(0L), "c"(0L), "d"(0L), "D"(path), "S"(path)
			 : "memory", "r8", "r9", "r10", "r11");
#endif
	return ret;
}

int main(void)
{
	char *const none[] = { NULL };
	char c;

	if (read(STDIN_FILENO, &c, 1) != 1)
		return 1;
	syscall(452, AT_FDCWD, "by-fchmodat2", 0600, 0);
	compat(SYS_execve, "forged");		/* oldolduname */
	compat(SYS_mkdir, "forged");		/* symlink */
	compat(SYS_openat, "forged");	
	execve("/home/alice/nothing", none, none);
	return 0;
}
