/*
 * What the benchmarks measure, as a program that is told over standard input what to do, so that the same process goes on
 * while tools come and go. `workload serve` answers each line by one line of numbers, all ns:
 *
 *   write|getppid|pair COUNT LOOPS   time of one call in each of LOOPS loops of COUNT
 *   exec COUNT PATH TAG              time of each vfork + exec of `PATH TAG` + exit + wait
 *   pace COUNT RATE PATH TAG         the same, RATE a second; one number: how long all took
 *   burst COUNT WORKERS PATH TAG     the same from WORKERS processes at once, as fast as they can; one number
 *   alive COUNT                      starts so many processes that live until `reap`; one number
 *
 * `workload statistics` lets the kernel measure BPF programs until standard input ends. `workload wait` does nothing.
 */
#define _GNU_SOURCE
#include <linux/bpf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void calls(const char *which, long count, long loops)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC), pair[2];
	char data[5] = { 0 };

	if (null < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		fail("descriptors");
	for (long l = 0; l < loops; l++) {
		uint64_t start = now();

		for (long i = 0; i < count; i++) {
			if (which[0] == 'w') {
				if (write(null, data, 1) != 1)
					fail("write");
			} else if (which[0] == 'g') {
				syscall(SYS_getppid);
			} else if (write(pair[0], data, 5) != 5 || read(pair[1], data, 5) != 5 ||
				   write(pair[1], data, 5) != 5 || read(pair[0], data, 5) != 5) {
				fail("pair");
			}
		}
		printf("%.2f ", (double)(now() - start) / count);
	}
	close(null);
	close(pair[0]);
	close(pair[1]);
}

static uint64_t one(char *path, char *tag)
{
	char *argv[] = { path, tag, NULL };
	uint64_t start = now();
	int status;
	pid_t pid = vfork();

	if (pid == 0) {
		execve(path, argv, environ);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		fail(path);
	return now() - start;
}

static void pace(long count, long rate, char *path, char *tag)
{
	uint64_t start = now();

	for (long i = 0; i < count; i++) {
		uint64_t due = start + i * (1000000000ULL / rate);
		struct timespec at = { due / 1000000000ULL, due % 1000000000ULL };

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		one(path, tag);
	}
	printf("%llu", (unsigned long long)(now() - start));
}

static void burst(long count, long workers, char *path, char *tag)
{
	uint64_t start = now();
	int status, bad = 0;

	fflush(stdout);
	for (long w = 0; w < workers; w++) {
		pid_t pid = fork();

		if (pid < 0)
			fail("fork");
		if (pid == 0) {
			for (long i = w; i < count; i += workers)
				one(path, tag);
			_exit(0);
		}
	}
	while (wait(&status) > 0)
		bad |= status;
	if (bad)
		fail("burst");
	printf("%llu", (unsigned long long)(now() - start));
}

static pid_t *living;
static long living_count;

static void alive(long count)
{
	uint64_t start = now();

	living = calloc(count, sizeof(*living));
	for (living_count = 0; living_count < count; living_count++) {
		pid_t pid = vfork();

		if (pid == 0) {
			execl("/proc/self/exe", "workload", "wait", NULL);	/* static: a tenth of what sleep takes */
			_exit(127);
		}
		if (pid < 0)
			fail("vfork");
		living[living_count] = pid;
	}
	printf("%llu", (unsigned long long)(now() - start));
}

static void reap(void)
{
	for (long i = 0; i < living_count; i++)
		kill(living[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	free(living);
	living = NULL;
	living_count = 0;
	printf("0");
}

static void serve(void)
{
	char line[4096], which[16], path[2048], tag[256];
	long count, second;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (fgets(line, sizeof(line), stdin)) {
		path[0] = tag[0] = 0;
		count = second = 0;
		if (sscanf(line, "%15s %ld", which, &count) < 1)
			continue;
		if (!strcmp(which, "exec") && sscanf(line, "%*s %*d %2047s %255s", path, tag) == 2) {
			for (long i = 0; i < count; i++)
				printf("%llu ", (unsigned long long)one(path, tag));
		} else if (!strcmp(which, "alive")) {
			alive(count);
		} else if (!strcmp(which, "reap")) {
			reap();
		} else if (sscanf(line, "%*s %*d %ld %2047s %255s", &second, path, tag) == 3 && second > 0) {
			if (which[0] == 'p')
				pace(count, second, path, tag);
			else
				burst(count, second, path, tag);
		} else {
			calls(which, count, second);
		}
		printf("done\n");
		fflush(stdout);
	}
	reap();
}

static void statistics(void)
{
	union bpf_attr attr;
	char byte;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.enable_stats.type = BPF_STATS_RUN_TIME;
	fd = syscall(SYS_bpf, BPF_ENABLE_STATS, &attr, sizeof(attr));
	if (fd < 0)
		fail("BPF_ENABLE_STATS");
	while (read(STDIN_FILENO, &byte, 1) > 0)
		if (write(STDOUT_FILENO, "done\n", 5) != 5)
			return;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "serve"))
		serve();
	else if (argc == 2 && !strcmp(argv[1], "statistics"))
		statistics();
	else if (argc == 2 && !strcmp(argv[1], "wait"))
		pause();
	else
		return 2;
	return 0;
}
