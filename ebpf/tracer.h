/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The BPF object in the kernel: which hooks this kernel has, loaded and attached. */
#ifndef TRACER_H
#define TRACER_H

#include "options.h"

struct sshd_otel_bpf;

#define MAX_HOOKS	10

struct tracer {
	struct sshd_otel_bpf *skel;
	int iter_link;			/* fd of the task iterator's link */
	const char *hooks[MAX_HOOKS];	/* what was attached, by section name */
	int hook_count;
};

/* Says on standard error what is wrong and exits if nothing works. */
void tracer_start(struct tracer *t, const struct options *o);

/* Nothing is recorded from here on; the rings stay readable. */
void tracer_detach(struct tracer *t);

#endif
