/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The command line, and the exit codes. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <sys/types.h>

#define VERSION	"0.1.0"

enum exit_code {
	EXIT_OK,
	EXIT_OTHER,
	EXIT_USAGE,
	EXIT_NO_BTF,
	EXIT_NO_CAPABILITY,
	EXIT_LOCKED_DOWN,
	EXIT_REFUSED,		/* by the verifier */
	EXIT_NO_MAP,		/* no room, or no right, for the maps */
	EXIT_NO_ATTACH,
	EXIT_SOCKET,
};

#define MAX_PEERS	16

struct options {
	bool exact, log_lines, all_namespaces, verbose;
	unsigned int listener;		/* 0: all */
	unsigned long ring_size;	/* bytes, a power of two */
	unsigned int max_processes;
	unsigned int orphan_hours;
	uid_t user;			/* to become, when started as root */
	const char *hook;		/* NULL: the first that works */
	const char *socket;
	uid_t peer_uid[MAX_PEERS];
	gid_t peer_gid[MAX_PEERS];
	int peer_uids, peer_gids;
};

/* Prints and exits for --help, --version and mistakes. */
void options_parse(struct options *o, int argc, char **argv);

#endif
