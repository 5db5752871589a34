// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Runs /bin/true in every way that a program can be run. The bytes of an argument are told by its number. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>

static char *args[100002];
static char *no_env[] = { NULL };

/* All values but NUL, different at each place. */
static char *argument(unsigned int number, size_t len)
{
	char *s = malloc(len + 1);
	size_t i;

	for (i = 0; i < len; i++)
		s[i] = (number * 7 + i) % 255 + 1;
	s[len] = 0;
	return s;
}

static void *in_thread(void *unused)
{
	execve("/bin/true", args, no_env);
	_exit(99);
}

static void run(const char *how)
{
	if (!strcmp(how, "thread")) {
		pthread_t t;

		pthread_create(&t, NULL, in_thread, NULL);
		pause();
	} else if (!strcmp(how, "fexecve")) {
		fexecve(open("/bin/true", O_RDONLY | O_CLOEXEC), args, no_env);
	} else if (!strcmp(how, "spawn")) {
		pid_t pid;

		posix_spawn(&pid, "/bin/true", NULL, NULL, args, no_env);
		waitpid(pid, NULL, 0);
		_exit(0);
	} else if (!strcmp(how, "vfork")) {
		if (!vfork()) {
			execve("/bin/true", args, no_env);
			_exit(99);
		}
		wait(NULL);
		_exit(0);
	} else if (!strcmp(how, "fail")) {
		execve("/nowhere/program", args, no_env);
		execve("/bin/true", args, no_env);
	} else {
		execve(how, args, no_env);
	}
	_exit(98);
}

/* usage: exec-zoo HOW|PATH COUNT LENGTH; COUNT 0: not even argv[0] */
int main(int argc, char **argv)
{
	unsigned int count = atoi(argv[2]), i;

	for (i = 0; i < count; i++)
		args[i] = argument(i, strtoul(argv[3], NULL, 10));
	run(argv[1]);
}
