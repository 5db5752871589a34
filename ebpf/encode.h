/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Records of the ring as lines of the event stream (README.md). */
#ifndef ENCODE_H
#define ENCODE_H

#include <linux/types.h>
#include "sshd-otel.h"
#include "text.h"

const char *kind_name(unsigned int kind);
const char *role_name(unsigned int role);	/* NULL: none to tell */

void encode(struct text *t, const struct head *h);
__u64 cgroup_in(const struct head *h);	/* id of the cgroup that it tells of, or 0 */

/* Shared with the records that user space makes. */
void open_record(struct text *t, const char *kind, __u64 ts);
void put_process(struct text *t, __u32 pid, __u64 start, __u32 conn_pid, __u64 conn_start, __u32 role);
void put_conn(struct text *t, __u32 pid, __u64 start);
void put_uids(struct text *t, const __u32 uid[3]);
void put_comm(struct text *t, const char comm[16]);
void put_addresses(struct text *t, const struct addresses *a);
void close_record(struct text *t);

#endif
