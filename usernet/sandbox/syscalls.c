/* SPDX-License-Identifier: BSD-3-Clause */
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/prctl.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox/parts.h"

/*
 * The system calls that usernet, libslirp, GLib and libc make from here on. Any other kills the
 * process. The names are looked up at run time, so a name that this machine lacks is skipped.
 *
 * tests/sandbox/drift compares the list with what the wire tests call.
 */
#ifndef F_OFD_SETLK
#define F_OFD_SETLK 37
#endif

/*
 * Allowed with any argument. The kernel (5.11 and later) decides these from a bitmap, without
 * running the filter; what moves frames must be here.
 */
static const char *const anyhow[] = {
	/* frames and payload */
	"epoll_wait",
	"epoll_pwait",
	"epoll_pwait2",
	"sendmsg",
	"recvmsg",
	"sendmmsg",
	"recvmmsg",
	"read",
	"write",
	"readv",
	"writev",
	"sendto",
	"recvfrom",
	"send",
	"recv",
	"clock_gettime",
	"clock_gettime64",
	/* sockets */
	"epoll_ctl",
	"epoll_create1",
	"accept",
	"accept4",
	"bind",
	"connect",
	"listen",
	"shutdown",
	"getsockname",
	"getpeername",
	"getsockopt",
	"setsockopt",
	"socketpair",
	"close",
	"poll",
	"ppoll",
	"ppoll_time64",
	/* memory */
	"brk",
	"munmap",
	"mremap",
	"madvise",
	/* files; Landlock says which */
	"open",
	"openat",
	"openat2",
	"creat",
	"pread64",
	"pwrite64",
	"lseek",
	"_llseek",
	"fstat",
	"fstat64",
	"stat",
	"stat64",
	"lstat",
	"lstat64",
	"newfstatat",
	"fstatat64",
	"statx",
	"access",
	"faccessat",
	"faccessat2",
	"readlink",
	"readlinkat",
	"getdents",
	"getdents64",
	"getcwd",
	"ftruncate",
	"ftruncate64",
	"fallocate",
	"fsync",
	"fdatasync",
	"rename",
	"renameat",
	"renameat2",
	"unlink",
	"unlinkat",
	"mkdir",
	"mkdirat",
	"rmdir",
	"fchownat",
	"umask",
	"dup",
	"dup2",
	"dup3",
	"close_range",
	"inotify_init1",
	"inotify_add_watch",
	"inotify_rm_watch",
	/* this process */
	"getpid",
	"getppid",
	"gettid",
	"getuid",
	"geteuid",
	"getgid",
	"getegid",
	"getrandom",
	"getrlimit",
	"ugetrlimit",
	"gettimeofday",
	"time",
	"uname",
	"futex",
	"futex_time64",
	"restart_syscall",
	"rt_sigreturn",
	"sigreturn",
	"rt_sigprocmask",
	"rt_sigaction",
	"exit",
	"exit_group",
	/* the helper that runs commands ends before us */
	"wait4",
	"waitid",
};

/* Allowed when one argument, after the mask, has this value. */
struct masked {
	const char *name;
	unsigned arg;
	uint64_t mask, value;
};

#define WORD 0xffffffffULL

static const struct masked when[] = {
	/* No code is loaded or made. */
	{"mmap", 2, PROT_EXEC, 0},
	{"mmap2", 2, PROT_EXEC, 0},
	{"mprotect", 2, PROT_EXEC, 0},
	/* No set-user-ID bits. */
	{"chmod", 1, 07000, 0},
	{"fchmodat", 2, 07000, 0},
	{"fcntl", 1, WORD, F_DUPFD},
	{"fcntl", 1, WORD, F_DUPFD_CLOEXEC},
	{"fcntl", 1, WORD, F_GETFD},
	{"fcntl", 1, WORD, F_SETFD},
	{"fcntl", 1, WORD, F_GETFL},
	{"fcntl", 1, WORD, F_SETFL},
	{"fcntl", 1, WORD, F_OFD_SETLK},
	{"fcntl64", 1, WORD, F_DUPFD},
	{"fcntl64", 1, WORD, F_DUPFD_CLOEXEC},
	{"fcntl64", 1, WORD, F_GETFD},
	{"fcntl64", 1, WORD, F_SETFD},
	{"fcntl64", 1, WORD, F_GETFL},
	{"fcntl64", 1, WORD, F_SETFL},
	{"fcntl64", 1, WORD, F_OFD_SETLK},
	{"ioctl", 1, WORD, FIONREAD},
	{"ioctl", 1, WORD, FIONBIO},
	{"ioctl", 1, WORD, TCGETS}, /* stdio: is it a terminal? */
#ifdef TCGETS2
	{"ioctl", 1, WORD, TCGETS2}, /* the same since glibc 2.42 */
#endif
	{"ioctl", 1, WORD, SIOCGIFINDEX},
	{"ioctl", 1, WORD, SIOCGIFNAME},
	{"prctl", 0, WORD, PR_SET_VMA}, /* libc names its memory */
	/* a tap that is added while the network runs */
	{"ioctl", 1, WORD, TUNSETIFF},
	{"ioctl", 1, WORD, TUNGETIFF},
	{"ioctl", 1, WORD, TUNSETOFFLOAD},
	{"ioctl", 1, WORD, TUNSETVNETHDRSZ},
	{"ioctl", 1, WORD, TUNSETSNDBUF},
};

/* These fail instead: libraries go on without, for example libc's when it cannot load a plug-in. */
static const struct masked fails[] = {
	{"mmap", 2, PROT_EXEC, PROT_EXEC},
	{"mmap2", 2, PROT_EXEC, PROT_EXEC},
	{"mprotect", 2, PROT_EXEC, PROT_EXEC},
};

/* No raw and packet sockets. */
static const struct {
	int family, type;
} sockets[] = {
	{AF_INET, SOCK_STREAM}, {AF_INET, SOCK_DGRAM},  {AF_INET6, SOCK_STREAM},
	{AF_INET6, SOCK_DGRAM}, {AF_UNIX, SOCK_STREAM}, {AF_UNIX, SOCK_DGRAM},
};

/* With two or more conditions. */
static const char *const narrow[] = {"socket", "prlimit64", "tgkill"};

#define SOCK_TYPE_MASK 0xf /* SOCK_TYPE_MASK, linux/include/linux/net.h */

static int resolve(const char *name)
{
	return seccomp_syscall_resolve_name(name);
}

/* Does libseccomp know @name, and this architecture have it? */
static bool is_here(int nr)
{
	return nr != __NR_SCMP_ERROR && nr >= 0;
}

static int add_masked(scmp_filter_ctx filter, uint32_t action, const struct masked *rules, size_t n)
{
	int result = 0;

	for (size_t i = 0; i < n && result == 0; i++) {
		int nr = resolve(rules[i].name);

		if (is_here(nr))
			result = seccomp_rule_add(filter, action, nr, 1,
						  SCMP_CMP(rules[i].arg, SCMP_CMP_MASKED_EQ,
							   rules[i].mask, rules[i].value));
	}
	return result;
}

static int add_sockets(scmp_filter_ctx filter)
{
	int nr = SCMP_SYS(socket), result = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(sockets) && result == 0; i++)
		result = seccomp_rule_add(
			filter, SCMP_ACT_ALLOW, nr, 2,
			SCMP_A0(SCMP_CMP_MASKED_EQ, WORD, (uint64_t)sockets[i].family),
			SCMP_A1(SCMP_CMP_MASKED_EQ, SOCK_TYPE_MASK, (uint64_t)sockets[i].type));
	/* The host's own addresses. */
	return result ? result
		      : seccomp_rule_add(filter, SCMP_ACT_ALLOW, nr, 2,
					 SCMP_A0(SCMP_CMP_MASKED_EQ, WORD, AF_NETLINK),
					 SCMP_A2(SCMP_CMP_MASKED_EQ, WORD, NETLINK_ROUTE));
}

static int add_process(scmp_filter_ctx filter)
{
	int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2,
				      SCMP_A0(SCMP_CMP_MASKED_EQ, WORD, 0),
				      SCMP_A1(SCMP_CMP_MASKED_EQ, WORD, RLIMIT_NOFILE));

	/* abort(3) */
	return result ? result
		      : seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
					 SCMP_A0(SCMP_CMP_MASKED_EQ, WORD, (uint64_t)getpid()));
}

static int add_all(scmp_filter_ctx filter)
{
	int result = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(anyhow) && result == 0; i++) {
		int nr = resolve(anyhow[i]);

		if (is_here(nr))
			result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, nr, 0);
	}
	if (!result)
		result = add_masked(filter, SCMP_ACT_ALLOW, when, G_N_ELEMENTS(when));
	if (!result)
		result = add_masked(filter, SCMP_ACT_ERRNO(EACCES), fails, G_N_ELEMENTS(fails));
	if (!result)
		result = add_sockets(filter);
	return result ? result : add_process(filter);
}

/* The speed settings are best effort: older kernels and libraries lack some. */
static int load(scmp_filter_ctx filter)
{
	int result = add_all(filter);

	if (result)
		return result;
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
	/* We run no code of others, which is what speculation is limited for. */
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
	/* A binary tree over the numbers. */
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return seccomp_load(filter);
}

bool syscalls_restrict(GError **error)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int result = filter ? load(filter) : -ENOMEM;

	if (filter)
		seccomp_release(filter);
	return result == 0 || part_failed(error, "seccomp", -result);
}

void syscalls_foreach(void (*each)(void *data, const char *name), void *data)
{
	const char *last = "";

	for (size_t i = 0; i < G_N_ELEMENTS(anyhow); i++)
		each(data, anyhow[i]);
	for (size_t i = 0; i < G_N_ELEMENTS(when); i++) {
		if (strcmp(when[i].name, last))
			each(data, when[i].name);
		last = when[i].name;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(narrow); i++)
		each(data, narrow[i]);
}
