/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What crosses from the BPF programs to user space: records, limits, counters. */
#ifndef SSHD_OTEL_H
#define SSHD_OTEL_H

enum kind {
	K_UNTRACKED,	/* only counted: a process that found no room in the map */
	K_FORK, K_EXEC, K_BYTES, K_ENV, K_EXIT, K_SETSID, K_SETRESUID, K_EXECFAIL,
	K_ACCEPT, K_DROP, K_TCP, K_MON, K_LOG, K_FORWARD, K_CHANNEL,
	K_FILE,
	K_KINDS,
};

enum role {
	R_NONE,
	R_LISTENER,
	R_SSHD,		/* runs sshd's image, on behalf of a connection */
	R_PROGRAM,	/* ran, or descends from one that ran, another image */
	R_CANDIDATE,	/* root's sshd that does not listen yet: watched, never reported */
};

enum value { V_ARGV, V_FILE };

#define MAX_CPUS	512
#define FILE_INLINE	128
#define ARGV_SMALL	96
#define ARGV_INLINE	512
#define PIECE_SMALL	4096
#define PIECE_BIG	(32 * 1024)
#define PIECES		200		/* x 32 KiB: above the kernel's ceiling of 6 MiB */
#define ENV_SMALL	256
#define ENV_MAX		4096
#define MON_SMALL	96
#define MON_MAX		4096
#define LOG_MAX		1024
#define FILE_CALLS	512
#define SERVED_SLOTS	4096
#define FOLLOWED_WORDS	(1 << 16)
#define FILES_TOLD	500		/* of one process; the others are counted */
#ifndef OPEN_FILES		/* a test build has smaller ones */
#define OPEN_FILES	32768
#define OPEN_OF_ONE	1024		/* files of one connection that are watched until they are closed; so many sockets */
#endif
#define PATH_BYTES	4096
#define TITLE_MAX	128
#define UNIX_PATH	112	/* sun_path has 108 */
#define CGROUP_DEPTH	12	/* names of a cgroup's path that are told, from the root */
#define CGROUP_NAME	256
#define OLD_HIERARCHY	(1ULL << 63)	/* in the id of a cgroup: of version 1 */

struct head {			/* on every record */
	__u64 ts;		/* CLOCK_BOOTTIME ns */
	__u64 start;		/* start of the process, CLOCK_BOOTTIME ns */
	__u64 conn_start;	/* start of its connection's monitor; 0: none */
	__u64 seq;
	__u32 pid;		/* tgid in the initial pid namespace */
	__u32 conn_pid;
	__u32 cpu;
	__u16 kind;
	__u16 role;
};

struct cpu_time {		/* ns, as far as the scheduler has counted */
	__u64 user, system;	/* by its ticks */
	__u64 total;		/* measured */
	__u64 known;
};

struct ev_fork {
	struct head h;
	__u64 child_start, exec_id;
	__u32 child, uid[3], sid, nspid, pidns;
};

struct ev_exec {
	struct head h;
	__u64 cgroup, exec_id, inode;
	struct cpu_time cpu;		/* used until now */
	__u32 old, ppid, uid[3], gid[3], sid, pgid, luid, ses, nspid, pidns, mntns, device;
	__u32 argv_len;			/* bytes in the process */
	__u32 argv_got, file_got;	/* bytes in this record */
	char comm[16];
	char file[FILE_INLINE];
	char argv[];			/* ARGV_SMALL or ARGV_INLINE */
};

struct ev_bytes {		/* more of an exec; same pid and ts as the exec */
	struct head h;
	__u32 what, off, len, got, total;
	char data[];
};

struct ev_env {
	struct head h;
	__u32 got, cut;
	char data[];
};

struct ev_exit {
	struct head h;
	__u64 exec_id;
	__u64 max_rss;		/* pages; 0: not known */
	struct cpu_time cpu;
	__u32 status;		/* as wait(2) gives it */
	__u32 uid[3], gid[3], sid, title_got;
	char comm[16];
	char title[TITLE_MAX];
};

struct ev_ids {			/* K_SETSID, K_SETRESUID, K_EXECFAIL */
	struct head h;
	__u32 uid[3], sid, late;
	__s32 ret;
	__u32 file_got;
	char file[FILE_INLINE];
};

struct addresses {
	__u8 local[16], peer[16];
	__u16 family, local_port, peer_port, pad;
};

enum closer { BY_UNKNOWN, BY_LOCAL, BY_PEER };

struct ev_tcp {			/* K_ACCEPT, K_DROP, K_TCP */
	struct head h;
	struct addresses a;
	__u64 cookie, rx, tx;
	__u64 cgroup;		/* K_ACCEPT */
	__u32 old_state, new_state, srtt_us, retrans, by;
};

enum forward { F_NONE, F_CONNECT, F_LISTEN, F_ACCEPT };

struct ev_forward {
	struct head h;
	struct addresses a;
	__u64 sk, rx, tx;
	__u32 op, old_state, new_state, err;
};

struct ev_channel {		/* a forward that a system call showed */
	struct head h;
	struct addresses a;	/* TCP */
	__u64 sk, of, rx, tx;	/* of: sk of the listener that accepted it */
	__u32 op, old_state, new_state, err, path_len;
	char path[UNIX_PATH];
};

/* What became of a file, and of which system calls that is the first one: K_FILE. */
enum file_op {
	FILE_NONE,
	FILE_READ, FILE_WRITE, FILE_CLOSE,	/* of what is open; only the last is told */
	FILE_REST,				/* sums of what is not told one by one */
	FILE_NAMED,				/* from here on by name */
	FILE_OPEN = FILE_NAMED, FILE_LIST, FILE_RENAME, FILE_REMOVE, FILE_RMDIR, FILE_MKDIR, FILE_SYMLINK,
	FILE_LINK, FILE_SETSTAT,
	FILE_OPS,
};

struct file_call {		/* a system call, by number: what it does, and which arguments are paths */
	__u8 op, path, to, pad;
};

struct ev_file {
	struct head h;
	__u64 exec_id, read, written;
	__u32 op, id;		/* FILE_REST: how many */
	__u32 mode;		/* of an open: 1 read, 2 write, 3 both */
	__s32 ret;
	__u32 failed;		/* FILE_REST: of those */
	__u32 path_got, to_got;	/* bytes at the end of the record, one behind the other */
	__u8 path_cut, to_cut, forced, pad;
};

struct ev_mon {
	struct head h;
	__u32 type, len, total, got;
	char data[];
};

struct ev_log {
	struct head h;
	__u32 len, got;
	char data[];
};

/* A record that found no room in the ring; travels in a ring of its own. */
struct loss {
	__u64 conn_start;
	__u32 conn_pid;
	__u32 kind;
};

/* A cgroup that a process was found in; travels in a ring of its own. */
struct cgroup_path {
	__u64 id;
	__u32 depth;		/* names from below the root to it; of more than CGROUP_DEPTH the first are told */
	__u32 pad;
	char name[CGROUP_DEPTH][CGROUP_NAME];
};

/* What the task iterator tells of a process that it adopted. */
struct seed {
	__u64 ts, start, pstart, conn_start, exec_id, cgroup;
	__u32 pid, ppid, conn_pid, role, uid[3], sid, pgid, luid;
	struct addresses a;
	char comm[16];
};

enum serves { SERVES_UNKNOWN, SERVES_NOTHING, SERVES_FILES };

/* Entry of the map of followed processes; user space reads it in its sweep. */
struct proc {
	__u64 start, conn_start;
	__u64 cred;		/* address of its credentials: a new one means a change */
	__u64 orphaned;		/* when its monitor was first found gone */
	__u32 conn_pid, sid, uid, sweep;
	__u32 cgroup;		/* mark of the last one that its line of processes told; 0: none */
	__u32 open_files;	/* of a monitor: that the servers of its connection have open and are watched */
	__u32 rss_before;	/* 1 + pages that it had at most before its last exec; 0: not known */
	__u8 role;
	__u8 image;		/* root's sshd runs in it, whatever its role */
	__u8 adopted;		/* was there before the tracer */
	__u8 served;		/* it, or an ancestor, was forked by a listener: it cannot become one */
	__u8 serves;		/* enum serves */
	__u8 pad;
	__u16 channel_fds;	/* its unix sockets have smaller descriptors */
	__u16 channels;		/* how many of those it has, by what was told */
	__u16 pad2;
};

struct cpu_seq {		/* one cache line a CPU */
	__u64 next;
	__u64 pad[7];
};

#endif
