// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* COUNT: so many children open a file, read their input, and end in two threads at the same moment. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static atomic_int there;

static void end_together(void)
{
	atomic_fetch_add(&there, 1);
	while (atomic_load(&there) < 2)
		;
	syscall(SYS_exit, 0);
}

static void *in_thread(void *unused)
{
	end_together();
	return NULL;
}

int main(int argc, char **argv)
{
	int i, n = argc > 1 ? atoi(argv[1]) : 1;

	for (i = 0; i < n; i++) {
		if (!fork()) {
			pthread_t t;
			char c;

			if (read(STDIN_FILENO, &c, 1) != 1 || open("/dev/null", O_RDONLY) < 0)
				_exit(1);
			if (pthread_create(&t, NULL, in_thread, NULL))
				_exit(1);
			end_together();
		}
		wait(NULL);
	}
	return 0;
}
