/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Clocks, and the record that opens a stream. */
#ifndef HOST_H
#define HOST_H

#include <stdbool.h>
#include <linux/types.h>
#include "options.h"
#include "text.h"
#include "tracer.h"

__u64 boot_ns(void);

/* Reads what `hello` says of this host; the files are out of reach later. */
void host_read(void);
/* Only there does the task iterator show every process. */
bool host_in_first_namespace(void);
void put_hello(struct text *t, const struct tracer *tracer, const struct options *o);
void put_clock(struct text *t);

#endif
