/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The few kernel fields that the programs read. CO-RE finds their real offsets
 * when the object is loaded, so no vmlinux.h is needed to build it. Order and
 * sizes of the structs mean nothing; names and types of the fields do.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <stdbool.h>
#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct { __u32 val; } kuid_t, kgid_t;
typedef struct { int counter; } atomic_t;

struct ns_common { unsigned int inum; };
struct pid_namespace { struct ns_common ns; };
struct mnt_namespace { struct ns_common ns; };
struct nsproxy { struct mnt_namespace *mnt_ns; };
struct upid { int nr; struct pid_namespace *ns; };
struct pid { unsigned int level; struct upid numbers[1]; };
struct cred { kuid_t uid; kgid_t gid; kuid_t suid; kgid_t sgid; kuid_t euid; kgid_t egid; };

struct qstr { const unsigned char *name; };
struct dentry { struct qstr d_name; };
struct path { struct dentry *dentry; };
struct super_block { __u32 s_dev; };
struct inode { unsigned short i_mode; unsigned long i_ino; struct super_block *i_sb; };
struct file { void *private_data; struct inode *f_inode; struct path f_path; unsigned int f_flags; };
struct fdtable { unsigned int max_fds; struct file **fd; unsigned long *close_on_exec; };
struct files_struct { struct fdtable *fdt; };

struct mm_struct {
	unsigned long arg_start, arg_end, env_start, env_end;
	unsigned long hiwater_rss;
	struct file *exe_file;
};

struct percpu_counter { __s64 count; };
struct mm_struct___62 { struct percpu_counter rss_stat[4]; };	/* until 6.2: in another form */

/* The tree of cgroups. */
struct kernfs_node { const char *name; __u64 id; };
struct kernfs_node___614 { struct kernfs_node *parent; };	/* until 6.15 */
struct kernfs_node___615 { struct kernfs_node *__parent; };
struct cgroup { int level; struct kernfs_node *kn; };
struct cgroup_subsys_state { struct cgroup *cgroup; };
struct css_set { struct cgroup_subsys_state *subsys[1]; struct cgroup *dfl_cgrp; };
enum cgroup_subsys_id { memory_cgrp_id = 0xee };	/* the real number comes from BTF */

struct signal_struct {
	atomic_t live;
	int group_exit_code;
	unsigned int flags;
	struct pid *pids[4];	/* indexed by enum pid_type */
	int nr_threads;		/* that are not yet reaped */
	__u64 utime, stime, sum_sched_runtime;	/* of those that are */
	unsigned long maxrss;	/* pages; of the images that it ran before, and at its exit of the last */
};

struct sched_entity { __u64 sum_exec_runtime; };

struct thread_info { unsigned long flags; __u32 status; };

struct task_struct {
	struct thread_info thread_info;
	int pid, tgid, exit_code;
	struct task_struct *group_leader, *real_parent;
	struct pid *thread_pid;
	__u64 start_boottime, self_exec_id;
	struct mm_struct *mm;
	struct signal_struct *signal;
	const struct cred *real_cred;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct css_set *cgroups;
	__u64 utime, stime;
	struct sched_entity se;
	kuid_t loginuid;
	unsigned int sessionid;
	char comm[16];
};

struct linux_binprm { const char *filename; };

struct in6_addr { __u8 bytes[16]; };
struct sock_common {
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned long skc_flags;
	__u32 skc_daddr, skc_rcv_saddr;
	__u16 skc_dport, skc_num;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};
struct sock {
	struct sock_common __sk_common;
	__u16 sk_type, sk_protocol;
	int sk_err;
	struct socket *sk_socket;
	struct pid *sk_peer_pid;
};
struct socket { struct sock *sk; struct file *file; };
struct unix_sock { struct sock sk; struct sock *peer; };
struct tcp_sock { __u64 bytes_received, bytes_acked, bytes_sent, bytes_retrans; __u32 srtt_us, total_retrans; };

struct iovec { void *iov_base; __u64 iov_len; };
struct iov_iter { __u8 iter_type; __u64 iov_offset; const struct iovec *iov; void *ubuf; };
struct iov_iter___64 { const struct iovec *__iov; };	/* renamed in 6.4 */
struct msghdr { struct iov_iter msg_iter; };
enum iter_type { ITER_UBUF = 0xee };	/* the real number comes from BTF */

struct seq_file { __u64 size; };
struct bpf_iter_meta { struct seq_file *seq; __u64 session_id; };
struct bpf_iter__task { struct bpf_iter_meta *meta; struct task_struct *task; };

#if defined(__TARGET_ARCH_arm64)
struct pt_regs { unsigned long regs[31]; unsigned long orig_x0; int syscallno; };
#define SYSCALL_NR(r)	BPF_CORE_READ(r, syscallno)
#define SYSCALL_ARG1(r)	BPF_CORE_READ(r, orig_x0)	/* regs[0] is the result by now */
#define SYSCALL_ARG2(r)	BPF_CORE_READ(r, regs[1])
#define SYSCALL_ARG3(r)	BPF_CORE_READ(r, regs[2])
#define SYSCALL_ARG4(r)	BPF_CORE_READ(r, regs[3])
#define IS_COMPAT(t)	(BPF_CORE_READ(t, thread_info.flags) >> 22 & 1)	/* TIF_32BIT */
#else
struct pt_regs { unsigned long di, si, dx, r10, orig_ax; };
#define SYSCALL_NR(r)	BPF_CORE_READ(r, orig_ax)
#define SYSCALL_ARG1(r)	BPF_CORE_READ(r, di)
#define SYSCALL_ARG2(r)	BPF_CORE_READ(r, si)
#define SYSCALL_ARG3(r)	BPF_CORE_READ(r, dx)
#define SYSCALL_ARG4(r)	BPF_CORE_READ(r, r10)
#define IS_COMPAT(t)	(BPF_CORE_READ(t, thread_info.status) & 2)	/* TS_COMPAT */
#endif

#pragma clang attribute pop

enum pid_type { PIDTYPE_PID, PIDTYPE_TGID, PIDTYPE_PGID, PIDTYPE_SID };

#define AF_UNIX		1
#define AF_INET		2
#define AF_INET6	10
#define SOCK_STREAM	1
#define SOCK_DGRAM	2
#define IPPROTO_TCP	6
#define SOCK_DONE	1	/* bit of skc_flags: the peer's FIN came */
#define O_NONBLOCK	04000
#define S_IFMT		0170000
#define S_IFSOCK	0140000

enum tcp_state {	/* include/net/tcp_states.h */
	TCP_ESTABLISHED = 1, TCP_SYN_SENT, TCP_SYN_RECV, TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_TIME_WAIT,
	TCP_CLOSE, TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_LISTEN,
};

#endif
