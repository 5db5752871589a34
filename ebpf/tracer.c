// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <linux/types.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include "files.h"
#include "refusal.h"
#include "sshd-otel.h"
#include "tracer.h"
#include "sshd-otel.skel.h"
#include "sshd-otel-old.skel.h"

/* How writes to unix sockets are seen, cheapest first. */
static const struct hook {
	const char *name;	/* of --hook */
	const char *needs;	/* BTF: a tracepoint's typedef, or a function */
	const char *programs[2];
} send_hooks[] = {
	{ "sock_send_length", "btf_trace_sock_send_length", { "on_send" } },
	{ "fentry", "unix_stream_sendmsg", { "on_stream", "on_dgram" } },
	{ "sys_enter", "btf_trace_sys_enter", { "on_enter" } },
};

#define SEND_HOOKS	(sizeof(send_hooks) / sizeof(*send_hooks))

static bool verbose;
static char complaint[256];	/* libbpf's first one: what to say if nothing works */

static int listen_to_libbpf(enum libbpf_print_level level, const char *format, va_list ap)
{
	va_list copy;

	if (level == LIBBPF_WARN && !complaint[0]) {
		va_copy(copy, ap);
		vsnprintf(complaint, sizeof(complaint), format, copy);
		va_end(copy);
	}
	return verbose ? vfprintf(stderr, format, ap) : 0;
}

static bool btf_has(const struct btf *btf, const char *name)
{
	int kind = strncmp(name, "btf_trace_", 10) ? BTF_KIND_FUNC : BTF_KIND_TYPEDEF;

	return btf__find_by_name_kind(btf, name, kind) > 0;
}

/* The exit tracepoint came after the memory was gone until it got a third argument (6.16). */
static bool title_is_gone_at_exit(const struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, "btf_trace_sched_process_exit", BTF_KIND_TYPEDEF);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, id) : NULL;

	t = t ? btf__type_by_id(btf, t->type) : NULL;		/* a pointer */
	t = t ? btf__type_by_id(btf, t->type) : NULL;		/* to a function */
	return t && btf_is_func_proto(t) && btf_vlen(t) < 3 && btf_has(btf, "exit_mm_release");
}

static void configure(struct sshd_otel_bpf *s, const struct options *o, const struct hook *hook)
{
	struct bpf_program *p;
	size_t i;

	s->rodata->ring_size = o->ring_size;
	s->rodata->headroom = o->ring_size / 8;
	s->rodata->wake_at = o->ring_size / 8;
	s->rodata->only_pid = o->listener;
	s->rodata->all_namespaces = o->all_namespaces;
	s->rodata->log_lines = o->log_lines;
	s->rodata->exact = o->exact;
	s->rodata->nr_write = SYS_write;
	s->rodata->nr_sendto = SYS_sendto;
	s->rodata->nr_setsid = SYS_setsid;
	s->rodata->nr_setresuid = SYS_setresuid;
	s->rodata->nr_execve = SYS_execve;
	s->rodata->nr_execveat = SYS_execveat;
	s->rodata->nr_bind = SYS_bind;
	s->rodata->nr_listen = SYS_listen;
	s->rodata->nr_connect = SYS_connect;
	s->rodata->nr_accept = SYS_accept;
	s->rodata->nr_accept4 = SYS_accept4;
	s->rodata->nr_read = SYS_read;
	s->rodata->nr_close = SYS_close;
	bpf_map__set_max_entries(s->maps.events, o->ring_size);
	bpf_map__set_max_entries(s->maps.procs, o->max_processes);
	bpf_program__set_autoload(s->progs.on_sys_exit, o->exact);
	files_configure(s, o->exact);
	for (i = 0; i < 2; i++) {
		p = hook->programs[i] ? bpf_object__find_program_by_name(s->obj, hook->programs[i]) : NULL;
		if (p)
			bpf_program__set_autoload(p, true);
	}
}

/* The same programs, built for kernels before 5.12: the skeleton of the others fits. */
static struct sshd_otel_bpf *open_object(bool old)
{
	struct sshd_otel_bpf *s = calloc(1, sizeof(*s));
	size_t size;

	if (!s || sshd_otel_bpf__create_skeleton(s)) {
		free(s);
		return NULL;
	}
	if (old) {
		s->skeleton->data = (void *)sshd_otel_old_bpf__elf_bytes(&size);
		s->skeleton->data_sz = size;
	}
	if (bpf_object__open_skeleton(s->skeleton, NULL)) {
		sshd_otel_bpf__destroy(s);
		return NULL;
	}
	return s;
}

static void name_hooks(struct tracer *t)
{
	struct bpf_program *p;

	t->hook_count = 0;
	bpf_object__for_each_program(p, t->skel->obj)
		if (bpf_program__autoload(p) && p != t->skel->progs.each_task && t->hook_count < MAX_HOOKS)
			t->hooks[t->hook_count++] = bpf_program__section_name(p);
}

static const char *section_without_mark(const char *s)
{
	return *s == '?' ? s + 1 : s;
}

/* 0, or an exit code. */
static int try_hook(struct tracer *t, const struct options *o, const struct hook *hook, bool old, bool titles)
{
	struct sshd_otel_bpf *s = open_object(old);
	int err, i;

	complaint[0] = 0;
	if (!s)
		return EXIT_OTHER;
	configure(s, o, hook);
	bpf_program__set_autoload(s->progs.on_exit_mm, titles);
	err = sshd_otel_bpf__load(s);
	if (err) {
		sshd_otel_bpf__destroy(s);
		return refusal_at_load(err, complaint);
	}
	s->links.each_task = bpf_program__attach_iter(s->progs.each_task, NULL);
	if (!s->links.each_task || sshd_otel_bpf__attach(s)) {
		sshd_otel_bpf__destroy(s);
		return EXIT_NO_ATTACH;
	}
	t->skel = s;
	t->iter_link = bpf_link__fd(s->links.each_task);
	name_hooks(t);
	for (i = 0; i < t->hook_count; i++)
		t->hooks[i] = section_without_mark(t->hooks[i]);
	return 0;
}

/* With the program that keeps titles if that attaches, for new kernels if that loads. */
static int try_builds(struct tracer *t, const struct options *o, const struct hook *hook, bool titles)
{
	int err = try_hook(t, o, hook, false, titles);

	if (err == EXIT_REFUSED)
		err = try_hook(t, o, hook, true, titles);
	if ((err == EXIT_REFUSED || err == EXIT_NO_ATTACH) && titles)
		err = try_builds(t, o, hook, false);
	return err;
}

void tracer_start(struct tracer *t, const struct options *o)
{
	int err = EXIT_NO_ATTACH;
	struct btf *btf;
	size_t i;

	verbose = o->verbose;
	libbpf_set_print(listen_to_libbpf);
	refusal_check_rights();
	btf = btf__load_vmlinux_btf();
	if (!btf || !btf_has(btf, "btf_trace_sched_process_exec"))
		refuse(EXIT_NO_BTF, NULL);
	for (i = 0; i < SEND_HOOKS; i++) {
		const struct hook *hook = &send_hooks[i];

		if ((o->hook && strcmp(o->hook, hook->name)) || !btf_has(btf, hook->needs))
			continue;
		err = try_builds(t, o, hook, title_is_gone_at_exit(btf));
		if (!err)
			break;
	}
	btf__free(btf);
	if (err)
		refuse(err, complaint);
}

void tracer_detach(struct tracer *t)
{
	sshd_otel_bpf__detach(t->skel);
}
