// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <unistd.h>
#include <sys/mman.h>
#include <linux/bpf.h>
#include "ring.h"

int ring_open(struct ring *r, int map_fd, unsigned long size)
{
	long page = sysconf(_SC_PAGESIZE);
	void *p;

	p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	if (p == MAP_FAILED)
		return -1;
	r->consumer = p;
	/* the data twice in a row, so that no record wraps */
	p = mmap(NULL, page + 2 * size, PROT_READ, MAP_SHARED, map_fd, page);
	if (p == MAP_FAILED)
		return -1;
	r->producer = p;
	r->data = (const char *)p + page;
	r->size = size;
	return 0;
}

unsigned long ring_unread(const struct ring *r)
{
	return __atomic_load_n(r->producer, __ATOMIC_ACQUIRE) - *r->consumer;
}

bool ring_drain(struct ring *r, ring_fn fn, void *ctx)
{
	unsigned long end = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE), at = *r->consumer;

	while (at < end) {
		const unsigned int *header = (const void *)(r->data + (at & (r->size - 1)));
		unsigned int len = __atomic_load_n(header, __ATOMIC_ACQUIRE);

		if (len & BPF_RINGBUF_BUSY_BIT)
			return false;
		if (!(len & BPF_RINGBUF_DISCARD_BIT) &&
		    !fn(ctx, (const char *)header + BPF_RINGBUF_HDR_SZ, len))
			return false;
		len &= ~BPF_RINGBUF_DISCARD_BIT;
		at += (len + BPF_RINGBUF_HDR_SZ + 7) / 8 * 8;
		__atomic_store_n(r->consumer, at, __ATOMIC_RELEASE);
	}
	return true;
}
