/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "sandbox/parts.h"
#include "sandbox/place.h"
#include "sandbox/sandbox.h"

/*
 * Landlock's interface (include/uapi/linux/landlock.h of Linux 6.12), written out: Debian 12's
 * header is older than many kernels that its users run.
 */
#define SYS_LANDLOCK_CREATE_RULESET 444 /* on all architectures */
#define SYS_LANDLOCK_ADD_RULE       445
#define SYS_LANDLOCK_RESTRICT_SELF  446

#define CREATE_RULESET_VERSION 1U
#define RULE_PATH_BENEATH      1

enum right {
	EXECUTE = 1 << 0,
	WRITE_FILE = 1 << 1,
	READ_FILE = 1 << 2,
	READ_DIR = 1 << 3,
	REMOVE_DIR = 1 << 4,
	REMOVE_FILE = 1 << 5,
	MAKE_CHAR = 1 << 6,
	MAKE_DIR = 1 << 7,
	MAKE_REG = 1 << 8,
	MAKE_SOCK = 1 << 9,
	MAKE_FIFO = 1 << 10,
	MAKE_BLOCK = 1 << 11,
	MAKE_SYM = 1 << 12,
	REFER = 1 << 13,     /* ABI 2 */
	TRUNCATE = 1 << 14,  /* ABI 3 */
	IOCTL_DEV = 1 << 15, /* ABI 5 */
};

#define FILE_RIGHTS  (EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV)
#define SCOPE_SIGNAL (1U << 1) /* ABI 6: no signals to processes outside */

struct ruleset_attr {
	uint64_t handled_fs;
	uint64_t handled_net;
	uint64_t scoped;
};

struct path_beneath_attr {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

static uint64_t handled_by(long abi)
{
	uint64_t rights = MAKE_SYM | (MAKE_SYM - 1);

	if (abi >= 2)
		rights |= REFER;
	if (abi >= 3)
		rights |= TRUNCATE;
	if (abi >= 5)
		rights |= IOCTL_DEV;
	return rights;
}

static uint64_t rights_of(unsigned access)
{
	static const struct {
		unsigned access;
		uint64_t rights;
	} table[] = {
		{SANDBOX_READ, READ_FILE},
		{SANDBOX_LIST, READ_DIR},
		{SANDBOX_WRITE, READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE | IOCTL_DEV |
					MAKE_REG | MAKE_DIR | REMOVE_FILE | REMOVE_DIR},
		{SANDBOX_SOCKETS, MAKE_SOCK | REMOVE_FILE},
		{SANDBOX_REMOVE, REMOVE_FILE | REMOVE_DIR},
	};
	uint64_t rights = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
		if (access & table[i].access)
			rights |= table[i].rights;
	}
	return rights;
}

static bool add(int ruleset, const struct place *place, uint64_t handled, GError **error)
{
	autofd int fd = open(place->path, O_PATH | O_CLOEXEC);
	struct path_beneath_attr rule = {.allowed = rights_of(place->access) & handled, .fd = fd};
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return true;
	if (!S_ISDIR(st.st_mode))
		rule.allowed &= FILE_RIGHTS;
	if (!rule.allowed)
		return true;
	if (syscall(SYS_LANDLOCK_ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0) < 0)
		return part_failed(error, place->path, errno);
	return true;
}

bool landlock_restrict(const GPtrArray *places, GError **error)
{
	long abi = syscall(SYS_LANDLOCK_CREATE_RULESET, NULL, 0, CREATE_RULESET_VERSION);
	struct ruleset_attr attr = {.handled_fs = handled_by(abi)};
	/* An older kernel takes a larger struct as long as the rest is zero. */
	autofd int ruleset = -1;

	if (abi < 0)
		return part_failed(error, "this kernel has no Landlock", errno);
	if (abi >= 6)
		attr.scoped = SCOPE_SIGNAL;
	ruleset = (int)syscall(SYS_LANDLOCK_CREATE_RULESET, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return part_failed(error, "Landlock", errno);
	for (guint i = 0; i < places->len; i++) {
		if (!add(ruleset, g_ptr_array_index(places, i), attr.handled_fs, error))
			return false;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0) < 0)
		return part_failed(error, "Landlock", errno);
	return true;
}
