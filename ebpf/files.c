// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <linux/types.h>
#include <bpf/libbpf.h>
#include "files.h"
#include "sshd-otel.h"
#include "sshd-otel.skel.h"

#ifndef SYS_fchmodat2
#define SYS_fchmodat2	452	/* of Linux 6.6, and glibc's fchmodat(3) from 2.39 on */
#endif

/* Which arguments are paths: the one that is changed or made, then the other one. Not all machines have all calls. */
static const struct { unsigned int nr; struct file_call call; } calls[] = {
	{ SYS_read, { FILE_READ } }, { SYS_pread64, { FILE_READ } },
	{ SYS_write, { FILE_WRITE } }, { SYS_pwrite64, { FILE_WRITE } },
	{ SYS_close, { FILE_CLOSE } },
	{ SYS_openat, { FILE_OPEN, 2 } },
	{ SYS_renameat, { FILE_RENAME, 2, 4 } }, { SYS_renameat2, { FILE_RENAME, 2, 4 } },
	{ SYS_unlinkat, { FILE_REMOVE, 2 } },
	{ SYS_mkdirat, { FILE_MKDIR, 2 } },
	{ SYS_symlinkat, { FILE_SYMLINK, 3, 1 } },
	{ SYS_linkat, { FILE_LINK, 2, 4 } },
	{ SYS_truncate, { FILE_SETSTAT, 1 } },
	{ SYS_fchmodat, { FILE_SETSTAT, 2 } }, { SYS_fchmodat2, { FILE_SETSTAT, 2 } },
	{ SYS_fchownat, { FILE_SETSTAT, 2 } },
	{ SYS_utimensat, { FILE_SETSTAT, 2 } },
#ifdef SYS_open
	{ SYS_open, { FILE_OPEN, 1 } },
	{ SYS_rename, { FILE_RENAME, 1, 2 } },
	{ SYS_unlink, { FILE_REMOVE, 1 } },
	{ SYS_rmdir, { FILE_RMDIR, 1 } },
	{ SYS_mkdir, { FILE_MKDIR, 1 } },
	{ SYS_symlink, { FILE_SYMLINK, 2, 1 } },
	{ SYS_link, { FILE_LINK, 1, 2 } },
	{ SYS_chmod, { FILE_SETSTAT, 1 } },
	{ SYS_chown, { FILE_SETSTAT, 1 } },
	{ SYS_lchown, { FILE_SETSTAT, 1 } },
	{ SYS_utime, { FILE_SETSTAT, 1 } },
	{ SYS_utimes, { FILE_SETSTAT, 1 } },
	{ SYS_futimesat, { FILE_SETSTAT, 2 } },
#endif
};

void files_configure(struct sshd_otel_bpf *s, bool exact)
{
	size_t i;

	if (!exact) {	/* no memory for what is not asked for */
		bpf_map__set_max_entries(s->maps.open_files, 1);
		bpf_map__set_max_entries(s->maps.servers, 1);
		return;
	}
	s->rodata->o_directory = O_DIRECTORY;
	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		memcpy((void *)&s->rodata->file_calls[calls[i].nr], &calls[i].call, sizeof(struct file_call));
}
