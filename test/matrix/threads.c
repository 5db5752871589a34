// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A process whose first thread ends at once, while another one goes on: `threads exit|last|exec|kill`. */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>

static void *go_on(void *how)
{
	char *false_args[] = { "/bin/false", NULL }, *none[] = { NULL };
	pid_t child;

	usleep(100000);
	child = fork();
	if (child == 0) {
		execve("/bin/false", false_args, none);
		_exit(99);
	}
	waitpid(child, NULL, 0);
	if (!strcmp(how, "exit"))
		_exit(5);
	if (!strcmp(how, "exec"))
		execve("/bin/false", false_args, none);
	if (!strcmp(how, "kill"))
		kill(getpid(), SIGTERM);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t t;

	(void)argc;
	pthread_create(&t, NULL, go_on, argv[1]);
	pthread_exit(NULL);
}
