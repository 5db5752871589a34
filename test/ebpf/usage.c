/* Children that use CPU time and memory in known ways; says of each what wait4(2) says. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static double used(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void burn(double seconds)
{
	double end = used(CLOCK_THREAD_CPUTIME_ID) + seconds;

	while (used(CLOCK_THREAD_CPUTIME_ID) < end)
		for (volatile int i = 0; i < 20000; i++)
			;
}

static void *in_thread(void *seconds)
{
	burn(*(double *)seconds);
	return NULL;
}

/* NAME AMOUNT: what a child does. */
static int work(const char *what, double amount)
{
	pthread_t threads[4];
	int i;

	if (!strcmp(what, "burn")) {
		burn(amount);
	} else if (!strcmp(what, "chain")) {	/* to another program */
		burn(amount);
		execl("/proc/self/exe", "usage", "none", "0", NULL);
	} else if (!strcmp(what, "system")) {
		double end = used(CLOCK_PROCESS_CPUTIME_ID) + amount;
		static char page[1 << 20];

		while (used(CLOCK_PROCESS_CPUTIME_ID) < end) {
			FILE *f = fopen("/dev/zero", "r");
			for (i = 0; f && i < 64; i++)
				(void)!fread(page, 1, sizeof(page), f);
			fclose(f);
		}
	} else if (!strcmp(what, "memory")) {
		size_t size = amount * (1 << 20);
		volatile char *held = malloc(size);

		for (; size; size -= 1024)
			held[size - 1] = 1;
	} else if (!strcmp(what, "threads")) {
		for (i = 0; i < 4; i++)
			pthread_create(&threads[i], NULL, in_thread, &amount);
		for (i = 0; i < 4; i++)
			pthread_join(threads[i], NULL);
	} else if (!strcmp(what, "leaderless")) {	/* the first thread goes before the others */
		pthread_create(&threads[0], NULL, in_thread, &amount);
		pthread_exit(NULL);
	}
	return 0;
}

int main(int argc, char **argv)
{
	int i;

	if (argc == 3)
		return work(argv[1], atof(argv[2]));
	for (i = 1; i + 2 < argc; i += 3) {	/* "run" NAME AMOUNT, again and again */
		struct rusage u;
		pid_t pid = fork();

		if (!pid) {
			execl("/proc/self/exe", "usage", argv[i + 1], argv[i + 2], NULL);
			_exit(127);
		}
		wait4(pid, NULL, 0, &u);
		printf("%d %s %s %ld %ld %ld\n", pid, argv[i + 1], argv[i + 2],
		       u.ru_utime.tv_sec * 1000000L + u.ru_utime.tv_usec,
		       u.ru_stime.tv_sec * 1000000L + u.ru_stime.tv_usec, u.ru_maxrss * 1024L);
	}
	return 0;
}
