// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>
#include <linux/types.h>
#include <bpf/libbpf.h>
#include "cgroups.h"
#include "encode.h"
#include "ring.h"
#include "sshd-otel.skel.h"

#define KEPT	4096	/* those used last; a consumer must keep more */
#define BUCKETS	4096
#define PATH_KEPT	1024

struct known {
	struct known *next;
	char *path;
	__u64 id, used;
	__u32 len, depth;
	bool told;
};

static struct ring ring;
static struct known *buckets[BUCKETS];
static struct known all[KEPT];
static unsigned int count;
static __u64 uses;

int cgroups_open(struct tracer *t)
{
	return ring_open(&ring, bpf_map__fd(t->skel->maps.cgroups), bpf_map__max_entries(t->skel->maps.cgroups));
}

static struct known **find(__u64 id)
{
	struct known **k = &buckets[(id ^ id >> 32) % BUCKETS];

	while (*k && (*k)->id != id)
		k = &(*k)->next;
	return k;
}

/* A new entry, or that of the path that was used longest ago. */
static struct known *entry(__u64 id)
{
	struct known *k = &all[0], **at;
	unsigned int i;

	if (count < KEPT) {
		k = &all[count++];
	} else {
		for (i = 1; i < KEPT; i++)
			if (all[i].used < k->used)
				k = &all[i];
		at = find(k->id);
		*at = k->next;
		free(k->path);
	}
	*k = (struct known){ .id = id };
	at = find(id);
	*at = k;
	return k;
}

/* Its names as a path, up to the first one that is missing or finds no room. */
static __u32 join(const struct cgroup_path *c, char *to)
{
	__u32 len = 0, i, n;

	if (!c->depth)
		to[len++] = '/';
	for (i = 0; i < CGROUP_DEPTH && i < c->depth && c->name[i][0]; i++) {
		n = strnlen(c->name[i], CGROUP_NAME);
		if (len + 1 + n > PATH_KEPT)
			break;
		to[len++] = '/';
		memcpy(to + len, c->name[i], n);
		len += n;
	}
	return len;
}

static bool on_path(void *ctx, const void *record, size_t size)
{
	static char path[PATH_KEPT];
	const struct cgroup_path *c = record;
	__u32 len = join(c, path);
	struct known *k = *find(c->id);

	if (k && k->len == len && !memcmp(k->path, path, len))
		return true;
	if (!k)
		k = entry(c->id);
	free(k->path);
	k->path = malloc(len + 1);
	k->len = k->path ? len : 0;
	if (k->path)
		memcpy(k->path, path, len);
	k->depth = c->depth;
	k->used = ++uses;
	k->told = false;
	return true;
}

void cgroups_read(void)
{
	ring_drain(&ring, on_path, NULL);
}

void cgroups_forget_told(void)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		all[i].told = false;
}

void cgroups_put(struct text *t, __u64 id, __u64 ts)
{
	struct known *k = *find(id);

	if (!k) {
		cgroups_read();	/* its path was told before the record */
		k = *find(id);
	}
	if (!k)
		return;
	k->used = ++uses;
	if (k->told)
		return;
	k->told = true;
	open_record(t, "cgroup", ts);
	put_big(t, "id", id);
	put_num(t, "depth", k->depth);
	if (k->len)
		put_bytes(t, "path", k->path, k->len);
	close_record(t);
}
