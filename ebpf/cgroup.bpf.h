/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which cgroup a process is in, and the path of that: how a container is told. */
#ifndef CGROUP_BPF_H
#define CGROUP_BPF_H

#define CGROUP_WALK	64	/* names below those that are told; deeper ones have no path */

/*
 * Paths go to user space through a ring of their own and are no records: user
 * space tells each consumer those that it needs. One that finds no room is
 * told by the next process that is found in it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 128 << 10);
} cgroups SEC(".maps");

static __always_inline struct kernfs_node *parent_of(struct kernfs_node *kn)
{
	struct kernfs_node___615 *new = (void *)kn;

	if (bpf_core_field_exists(new->__parent))
		return BPF_CORE_READ(new, __parent);
	return BPF_CORE_READ((struct kernfs_node___614 *)kn, parent);
}

/*
 * The process's cgroup, and its id: of the one hierarchy of version 2; where it
 * is in the root of that, as on hosts with version 1, in that of memory. The
 * ids of two hierarchies may be the same, so one of them is marked.
 */
static __always_inline struct cgroup *cgroup_of(struct css_set *set, __u64 *id)
{
	struct cgroup *c = BPF_CORE_READ(set, dfl_cgrp), *old = NULL;
	struct cgroup_subsys_state *css;
	__u64 mark = 0, at;

	if (!BPF_CORE_READ(c, level) && bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id)) {
		at = (__u64)set + __builtin_preserve_field_info(set->subsys, 0) +
		     bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id) * sizeof(css);
		if (!bpf_probe_read_kernel(&css, sizeof(css), (void *)at))
			old = BPF_CORE_READ(css, cgroup);
	}
	if (old && BPF_CORE_READ(old, level)) {
		c = old;
		mark = OLD_HIERARCHY;
	}
	*id = BPF_CORE_READ(c, kn, id) | mark;
	return c;
}

/*
 * Tells the names of a path from its root on, since what a container runs
 * makes the names at its end, and as many of those as it likes. Global, so
 * that the verifier checks it once.
 */
__noinline int tell_path(__u64 set)
{
	__u64 id;
	struct cgroup *c = cgroup_of((struct css_set *)set, &id);
	__u32 level = BPF_CORE_READ(c, level), i;
	struct kernfs_node *kn = BPF_CORE_READ(c, kn);
	struct cgroup_path *e;

	e = bpf_ringbuf_reserve(&cgroups, sizeof(*e), 0);
	if (!e)
		return 1;
	e->id = id;
	e->depth = level;
	e->pad = 0;
	for (i = 0; i < CGROUP_DEPTH; i++)
		e->name[i][0] = 0;
	for (i = 0; i < CGROUP_WALK; i++) {
		if (level <= CGROUP_DEPTH)
			break;
		level--;
		kn = parent_of(kn);
	}
	if (level > CGROUP_DEPTH)
		level = 0;
	for (i = 0; i < CGROUP_DEPTH; i++) {
		if (!level)
			break;
		level--;
		bpf_probe_read_kernel_str(e->name[at_most(level, CGROUP_DEPTH - 1)], CGROUP_NAME, BPF_CORE_READ(kn, name));
		kn = parent_of(kn);
	}
	bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
	return 0;
}

static __always_inline __u32 mark_of(__u64 id)
{
	return (__u32)id ^ (__u32)(id >> 32);
}

/*
 * The id of the cgroup that a followed process is in; its path is told unless
 * its line of processes has done so. Global, to have a stack of its own.
 */
__noinline __u64 place_of(__u64 set, __u32 pid)
{
	struct proc *p = find(pid);
	__u64 id;

	cgroup_of((struct css_set *)set, &id);
	if (p && p->cgroup != mark_of(id) && !tell_path(set))
		p->cgroup = mark_of(id);
	return id;
}

static __always_inline __u64 place(struct task_struct *t, __u32 pid)
{
	return place_of((__u64)BPF_CORE_READ(t, cgroups), pid);
}

/* The same, and told in any case: user space may have forgotten it. */
static __always_inline __u64 place_anew(struct task_struct *t)
{
	__u64 set = (__u64)BPF_CORE_READ(t, cgroups);

	tell_path(set);
	return place_of(set, 0);
}

#endif
