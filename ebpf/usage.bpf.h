/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What a process has used: CPU time, and memory at its peak. Tasks here are
 * what a tracepoint was given: those are read without a call.
 */
#ifndef USAGE_BPF_H
#define USAGE_BPF_H

/*
 * All its threads together: those that are gone have left theirs with the
 * process, the others have it on them. Only the caller and the leader are
 * looked at: with more of them still on their way out nothing is known.
 */
static __always_inline void read_cpu(struct task_struct *t, struct cpu_time *c)
{
	struct signal_struct *s = t->signal;
	struct task_struct *leader = t->group_leader;
	int threads = *(volatile int *)&s->nr_threads;	/* first: a thread leaves in the other order */

	c->known = threads <= (leader == t ? 1 : 2);
	c->user = s->utime + t->utime;
	c->system = s->stime + t->stime;
	c->total = s->sum_sched_runtime + t->se.sum_exec_runtime;
	if (leader != t) {
		c->user += leader->utime;
		c->system += leader->stime;
		c->total += leader->se.sum_exec_runtime;
	}
}

/* At an exec: what the image before had at most, which the kernel has just noted. */
static __always_inline void note_rss(struct task_struct *t, struct proc *p)
{
	__u64 pages = t->signal->maxrss;

	p->rss_before = pages < 0xfffffffe ? pages + 1 : ~0U;
}

static __always_inline __u64 positive(__s64 n)
{
	return n > 0 ? n : 0;
}

/*
 * Pages that the last image had at most, at the exit of the last thread. What
 * the process keeps (and wait4 tells) also counts what it had between its fork
 * and its exec, a copy of its parent; so, where its memory is gone at the exit
 * hook, only what is more than that is known to be the image's own.
 */
static __always_inline __u64 max_rss(struct task_struct *t, const struct proc *p)
{
	struct mm_struct *mm = t->mm;
	struct mm_struct___62 *m = (void *)mm;
	__u64 pages, most;

	if (mm && bpf_core_field_exists(m->rss_stat[0].count)) {
		pages = positive(m->rss_stat[0].count) +	/* of files */
			positive(m->rss_stat[1].count) +	/* anonymous */
			positive(m->rss_stat[3].count);		/* shared */
		most = mm->hiwater_rss;
		return pages > most ? pages : most;
	}
	pages = t->signal->maxrss;
	return p->rss_before && pages + 1 > p->rss_before ? pages : 0;
}

#endif
