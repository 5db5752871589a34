/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* --exact: which system calls are about files. */
#ifndef FILES_H
#define FILES_H

#include <stdbool.h>

struct sshd_otel_bpf;

void files_configure(struct sshd_otel_bpf *s, bool exact);

#endif
