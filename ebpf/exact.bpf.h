/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * --exact: what only system calls show. Every system call of the host pays for
 * it. Those of the 32-bit interface, which a 64-bit program may use as well,
 * have other numbers and arguments, and are left out: their numbers are those
 * of frequent calls of everybody, who would have to be looked up each time.
 */
#ifndef EXACT_BPF_H
#define EXACT_BPF_H

const volatile __u32 nr_setsid, nr_setresuid, nr_execve, nr_execveat;

static __always_inline void failed_exec(const struct proc *p, __u32 pid, int ret, const char *file)
{
	__u64 ts = bpf_ktime_get_boot_ns();
	struct ev_ids *e = take(p, pid, K_EXECFAIL, sizeof(*e), ts);
	long n;

	if (!e)
		return;
	e->ret = ret;
	n = bpf_probe_read_user_str(e->file, sizeof(e->file), file);
	e->file_got = n > 0 && n < (long)sizeof(e->file) ? n - 1 : 0;
	give(e, ts);
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(on_sys_exit, struct pt_regs *regs, long ret)
{
	__u64 id = SYSCALL_NR(regs);
	struct file_call call;
	struct task_struct *t;
	struct proc *p;
	__u32 pid;

	if (id < FILE_CALLS) {
		call = file_calls[id];
		if (call.op && may_serve(regs, call.op))
			on_file_call(regs, ret, call.op, call.path, call.to);
	}
	if (id != nr_setsid && id != nr_setresuid && id != nr_execve && id != nr_execveat && !is_channel_call(id))
		return 0;
	pid = bpf_get_current_pid_tgid() >> 32;
	p = is_followed(pid) ? find(pid) : NULL;
	if (!p || p->role == R_CANDIDATE)
		return 0;
	t = (struct task_struct *)bpf_get_current_task();
	if (IS_COMPAT(t))
		return 0;
	if (is_channel_call(id)) {
		if (p->role == R_SSHD)
			channel_call(p, pid, regs, id, ret);
	} else if (id == nr_execve && ret < 0) {
		failed_exec(p, pid, ret, (const char *)SYSCALL_ARG1(regs));
	} else if (id == nr_execveat && ret < 0) {
		failed_exec(p, pid, ret, (const char *)SYSCALL_ARG2(regs));
	} else if (id == nr_setsid && ret >= 0) {
		p->sid = pid;
		give_ids(t, p, pid, K_SETSID, bpf_ktime_get_boot_ns(), false);
	} else if (id == nr_setresuid && !ret) {
		p->cred = (__u64)BPF_CORE_READ(t, real_cred);
		p->uid = BPF_CORE_READ(t, real_cred, uid.val);
		give_ids(t, p, pid, K_SETRESUID, bpf_ktime_get_boot_ns(), false);
	}
	return 0;
}

#endif
