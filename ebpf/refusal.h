/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Why this kernel does not let us: one line and an exit code each. */
#ifndef REFUSAL_H
#define REFUSAL_H

/* Exits if the capabilities are not there, or a layer above them says no. */
void refusal_check_rights(void);

/* The exit code for what libbpf returned (-errno) and said. */
int refusal_at_load(int err, const char *said);

void refuse(int exit_code, const char *said) __attribute__((noreturn));

#endif
