/* SPDX-License-Identifier: BSD-3-Clause */
#include "sandbox/sandbox.h"

#include <asm/termbits.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run_suite.h"

/* Results of a child beside its errno. */
#define NOT_IN_FORCE 250 /* this kernel or tool does not allow the sandbox */
#define KILLED       251

static char dir[] = "/tmp/usernet-sandbox-XXXXXX";
static char inside[64], outside[64];

static void set_up(void)
{
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(inside, sizeof(inside), "%s/in", dir);
	snprintf(outside, sizeof(outside), "%s/out", dir);
	ck_assert_int_eq(mkdir(inside, 0700), 0);
	ck_assert_int_eq(mkdir(outside, 0700), 0);
}

static void tear_down(void)
{
	g_autofree char *command = g_strdup_printf("rm -rf %s", dir);

	ck_assert_int_eq(system(command), 0);
}

/*
 * Runs @act in a sandboxed child with full access to @inside. Returns what it returns (0 or an
 * errno), or one of the results above.
 */
static int sandboxed(enum sandbox_mode mode, enum sandbox_part part, int (*act)(const void *data),
		     const void *data)
{
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		struct sandbox *sandbox = sandbox_new(mode);

		signal(SIGSYS, SIG_DFL);
		sandbox_allow(sandbox, inside,
			      SANDBOX_READ | SANDBOX_LIST | SANDBOX_WRITE | SANDBOX_SOCKETS);
		if (!sandbox_confine(sandbox, NULL) || !sandbox_lock(sandbox, NULL))
			_exit(1);
		_exit(sandbox_has(sandbox, part) ? act(data) : NOT_IN_FORCE);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? KILLED : 1000 + WTERMSIG(status);
	return WEXITSTATUS(status);
}

static bool is_result(int result, int wanted, const char *name)
{
	if (result == wanted || result == NOT_IN_FORCE)
		return true;
	fprintf(stderr, "%s: %d instead of %d\n", name, result, wanted);
	return false;
}

/* --- system calls --- */

struct call {
	const char *name;
	long nr;
	long args[3];
	int wanted;
};

static int make_call(const void *data)
{
	const struct call *call = data;
	long result = syscall(call->nr, call->args[0], call->args[1], call->args[2], 0L, 0L, 0L);

	return result < 0 ? errno : 0;
}

#define EMPTY ((long)"")

static const struct call calls[] = {
	/* other programs and processes */
	{"execve", SYS_execve, {(long)"/bin/true", 0, 0}, KILLED},
	{"execveat", SYS_execveat, {AT_FDCWD, (long)"/bin/true", 0}, KILLED},
	{"clone", SYS_clone, {SIGCHLD, 0, 0}, KILLED},
	{"clone3", 435, {0, 0, 0}, KILLED},
	{"ptrace", SYS_ptrace, {PTRACE_TRACEME, 0, 0}, KILLED},
	{"process_vm_readv", SYS_process_vm_readv, {1, 0, 0}, KILLED},
	{"process_vm_writev", SYS_process_vm_writev, {1, 0, 0}, KILLED},
	{"kill", SYS_kill, {1, 0, 0}, KILLED},
	{"tkill", SYS_tkill, {1, 0, 0}, KILLED},
	{"tgkill of another process", SYS_tgkill, {1, 1, 0}, KILLED},
	{"pidfd_open", 434, {1, 0, 0}, KILLED},
	{"kcmp", SYS_kcmp, {1, 1, 0}, KILLED},
	{"prlimit of another resource", SYS_prlimit64, {0, RLIMIT_CORE, 0}, KILLED},
	{"prlimit of another process", SYS_prlimit64, {1, RLIMIT_NOFILE, 0}, KILLED},
	{"fcntl F_SETOWN", SYS_fcntl, {0, F_SETOWN, 1}, KILLED},
	/* namespaces and mounts */
	{"unshare", SYS_unshare, {0, 0, 0}, KILLED},
	{"setns", SYS_setns, {-1, 0, 0}, KILLED},
	{"mount", SYS_mount, {EMPTY, EMPTY, EMPTY}, KILLED},
	{"umount2", SYS_umount2, {EMPTY, 0, 0}, KILLED},
	{"open_tree", 428, {-1, EMPTY, 0}, KILLED},
	{"fsopen", 430, {EMPTY, 0, 0}, KILLED},
	{"pivot_root", SYS_pivot_root, {EMPTY, EMPTY, 0}, KILLED},
	{"chroot", SYS_chroot, {EMPTY, 0, 0}, KILLED},
	/* privileges */
	{"setuid", SYS_setuid, {0, 0, 0}, KILLED},
	{"setgroups", SYS_setgroups, {0, 0, 0}, KILLED},
	{"capset", SYS_capset, {0, 0, 0}, KILLED},
	{"prctl", SYS_prctl, {0, 0, 0}, KILLED},
	{"personality", SYS_personality, {-1, 0, 0}, KILLED},
	{"keyctl", SYS_keyctl, {0, 0, 0}, KILLED},
	{"add_key", SYS_add_key, {0, 0, 0}, KILLED},
	{"seccomp", SYS_seccomp, {0, 0, 0}, KILLED},
	/* the kernel's attack surface */
	{"bpf", SYS_bpf, {0, 0, 0}, KILLED},
	{"perf_event_open", SYS_perf_event_open, {0, 0, 0}, KILLED},
	{"io_uring_setup", 425, {0, 0, 0}, KILLED},
	{"userfaultfd", SYS_userfaultfd, {0, 0, 0}, KILLED},
	{"init_module", SYS_init_module, {0, 0, EMPTY}, KILLED},
	{"finit_module", SYS_finit_module, {-1, EMPTY, 0}, KILLED},
	{"kexec_load", SYS_kexec_load, {0, 0, 0}, KILLED},
	{"memfd_create", SYS_memfd_create, {EMPTY, 0, 0}, KILLED},
	{"shmget", SYS_shmget, {0, 0, 0}, KILLED},
	{"msgget", SYS_msgget, {0, 0, 0}, KILLED},
	{"mq_open", SYS_mq_open, {EMPTY, 0, 0}, KILLED},
	{"splice", SYS_splice, {-1, 0, -1}, KILLED},
	/* the machine */
	{"reboot", SYS_reboot, {0, 0, 0}, KILLED},
	{"sethostname", SYS_sethostname, {EMPTY, 0, 0}, KILLED},
	{"clock_settime", SYS_clock_settime, {0, 0, 0}, KILLED},
	{"swapon", SYS_swapon, {EMPTY, 0, 0}, KILLED},
	{"syslog", SYS_syslog, {0, 0, 0}, KILLED},
	/* sockets other than TCP, UDP, ping, unix and the routes */
	{"packet socket", SYS_socket, {AF_PACKET, SOCK_RAW, 0}, KILLED},
	{"raw socket", SYS_socket, {AF_INET, SOCK_RAW, 1}, KILLED},
	{"raw IPv6 socket", SYS_socket, {AF_INET6, SOCK_RAW | SOCK_CLOEXEC, 58}, KILLED},
	{"netlink of netfilter", SYS_socket, {AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER}, KILLED},
	{"netlink of routes", SYS_socket, {AF_NETLINK, SOCK_RAW, NETLINK_ROUTE}, 0},
	{"vsock", SYS_socket, {AF_VSOCK, SOCK_STREAM, 0}, KILLED},
	{"bluetooth", SYS_socket, {AF_BLUETOOTH, SOCK_STREAM, 0}, KILLED},
	{"TCP", SYS_socket, {AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0}, 0},
	{"is it a terminal?", SYS_ioctl, {-1, TCGETS, EMPTY}, EBADF},
#ifdef TCGETS2
	{"is it a terminal? (glibc 2.42)", SYS_ioctl, {-1, TCGETS2, EMPTY}, EBADF},
#endif
	{"typing into the terminal", SYS_ioctl, {0, TIOCSTI, EMPTY}, KILLED},
	/* files that Landlock does not judge */
	{"link", SYS_linkat, {AT_FDCWD, EMPTY, AT_FDCWD}, KILLED},
	{"symlink", SYS_symlinkat, {EMPTY, AT_FDCWD, EMPTY}, KILLED},
	{"mknod", SYS_mknodat, {AT_FDCWD, EMPTY, 0}, KILLED},
	{"set-user-ID", SYS_fchmodat, {AT_FDCWD, EMPTY, 04755}, KILLED},
	{"setxattr", SYS_setxattr, {EMPTY, EMPTY, 0}, KILLED},
	{"open_by_handle_at", SYS_open_by_handle_at, {-1, 0, 0}, KILLED},
	{"fanotify_init", SYS_fanotify_init, {0, 0, 0}, KILLED},
	/* code */
	{"executable memory", SYS_mmap, {0, 4096, PROT_READ | PROT_EXEC}, EACCES},
	{"mprotect to executable", SYS_mprotect, {0, 4096, PROT_EXEC}, EACCES},
#ifdef __x86_64__
	{"x32 getpid", 0x40000000 | SYS_getpid, {0, 0, 0}, KILLED},
#endif
	{"getpid", SYS_getpid, {0, 0, 0}, 0},
};

START_TEST(other_system_calls_kill)
{
	bool fine = true;

	for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
		int result = sandboxed(SANDBOX_ON, SANDBOX_SYSCALLS, make_call, &calls[i]);

		fine &= is_result(result, calls[i].wanted, calls[i].name);
	}
	ck_assert(fine);
}
END_TEST

#ifdef __x86_64__
static int call_as_i386(const void *data)
{
	long nr = 20; /* getpid of i386 */

	__asm__ volatile("int $0x80" : "+a"(nr) : : "memory", "r8", "r9", "r10", "r11");
	return 0;
}

START_TEST(system_calls_of_another_architecture_kill)
{
	ck_assert(is_result(sandboxed(SANDBOX_ON, SANDBOX_SYSCALLS, call_as_i386, NULL), KILLED,
			    "int 80"));
}
END_TEST
#endif

static int abort_now(const void *data)
{
	abort();
}

START_TEST(abort_still_says_that_it_is_abort)
{
	int result = sandboxed(SANDBOX_ON, SANDBOX_SYSCALLS, abort_now, NULL);

	ck_assert(is_result(result, 1000 + SIGABRT, "abort"));
}
END_TEST

/* --- paths --- */

struct file {
	const char *name; /* "/…": as it is; else below the test's directory */
	int (*act)(const void *data);
	int wanted;
};

static const char *path_of(const void *data)
{
	static char path[128];

	if (*(const char *)data == '/')
		return data;
	snprintf(path, sizeof(path), "%s/%s", dir, (const char *)data);
	return path;
}

static int result_of(int result)
{
	return result < 0 ? errno : 0;
}

static int read_it(const void *data)
{
	return result_of(open(path_of(data), O_RDONLY | O_CLOEXEC));
}

static int make_it(const void *data)
{
	return result_of(open(path_of(data), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
}

static int write_it(const void *data)
{
	return result_of(open(path_of(data), O_WRONLY | O_CLOEXEC));
}

static int list_it(const void *data)
{
	return result_of(open(path_of(data), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int make_dir(const void *data)
{
	return result_of(mkdir(path_of(data), 0700));
}

static int bind_it(const void *data)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	g_strlcpy(addr.sun_path, path_of(data), sizeof(addr.sun_path));
	return result_of(bind(fd, (const void *)&addr, sizeof(addr)));
}

static int move_out(const void *data)
{
	g_autofree char *to = g_strdup_printf("%s/moved", outside);
	int made = make_it("in/file");

	return made ? made : result_of(rename(path_of("in/file"), to));
}

static int replace(const void *data)
{
	g_autofree char *from = g_strdup_printf("%s/new", inside);
	int made = make_it("in/new");

	return made ? made : result_of(rename(from, path_of("in/file")));
}

static const struct file files[] = {
	{"in/file", make_it, 0},
	{"in/file", bind_it, 0},
	{"in/dir", make_dir, 0},
	{"in", list_it, 0},
	{"in/file", replace, 0},
	{"in/file", move_out, EACCES},
	{"out/file", make_it, EACCES},
	{"out/file", bind_it, EACCES},
	{"out/dir", make_dir, EACCES},
	{"in/../out/file", make_it, EACCES},
	{"out", list_it, EACCES},
	{"/", list_it, EACCES},
	{"/etc/passwd", read_it, EACCES},
	{"/proc/1/environ", read_it, EACCES},
	{"/proc/self/mem", write_it, EACCES},
	{"/dev/null", write_it, EACCES},
};

static bool check_files(enum sandbox_mode mode, const struct file *table, size_t n)
{
	bool fine = true;

	for (size_t i = 0; i < n; i++) {
		int result =
			sandboxed(mode, mode == SANDBOX_FULL ? SANDBOX_NAMESPACES : SANDBOX_PATHS,
				  table[i].act, table[i].name);

		tear_down();
		set_up();
		fine &= is_result(result, table[i].wanted, table[i].name);
	}
	return fine;
}

START_TEST(other_paths_are_denied)
{
	ck_assert(check_files(SANDBOX_ON, files, G_N_ELEMENTS(files)));
}
END_TEST

static const struct file hidden[] = {
	{"in/file", make_it, 0},          {"in/file", bind_it, 0},
	{"in/file", replace, 0},          {"out/file", make_it, ENOENT},
	{"/etc/passwd", read_it, ENOENT}, {"/proc/1/environ", read_it, ENOENT},
};

START_TEST(full_has_an_empty_root)
{
	ck_assert(check_files(SANDBOX_FULL, hidden, G_N_ELEMENTS(hidden)));
}
END_TEST

static int make_by_relative_path(const void *data)
{
	return result_of(open("in/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
}

START_TEST(full_keeps_relative_paths)
{
	char *before = getcwd(NULL, 0);
	int result;

	ck_assert_int_eq(chdir(dir), 0);
	result = sandboxed(SANDBOX_FULL, SANDBOX_NAMESPACES, make_by_relative_path, NULL);
	ck_assert_int_eq(chdir(before), 0);
	free(before);
	ck_assert(is_result(result, 0, "in/file"));
}
END_TEST

/* The root directory itself cannot be a place in an empty root. */
START_TEST(full_that_fails_halfway_changes_nothing)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct sandbox *sandbox = sandbox_new(SANDBOX_FULL);

		sandbox_allow(sandbox, "/", SANDBOX_READ);
		if (!sandbox_confine(sandbox, NULL) || sandbox_has(sandbox, SANDBOX_NAMESPACES) ||
		    !sandbox_missing(sandbox, SANDBOX_NAMESPACES))
			_exit(1);
		_exit(read_it("/proc/self/stat") || read_it("/etc/passwd") ? 2 : 0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* --- modes --- */

static int do_nothing(const void *data)
{
	return 0;
}

START_TEST(off_is_off)
{
	for (enum sandbox_part part = 0; part < SANDBOX_PARTS; part++)
		ck_assert_int_eq(sandboxed(SANDBOX_OFF, part, do_nothing, NULL), NOT_IN_FORCE);
}
END_TEST

START_TEST(modes_have_names)
{
	static const char *const names[] = {"on", "full", "require", "off"};
	enum sandbox_mode mode;

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		struct sandbox *sandbox;

		ck_assert(sandbox_mode_parse(names[i], &mode));
		sandbox = sandbox_new(mode);
		ck_assert_str_eq(sandbox_mode_name(sandbox), names[i]);
		sandbox_free(sandbox);
	}
	ck_assert(!sandbox_mode_parse("yes", &mode));
}
END_TEST

/* In a child, which alone sees the variable. */
START_TEST(require_refuses_what_on_leaves_out)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct sandbox *require = sandbox_new(SANDBOX_REQUIRE);
		struct sandbox *on = sandbox_new(SANDBOX_ON);
		g_autoptr(GError) error = NULL;

		setenv("LD_PRELOAD", "/a/vgpreload_core.so", 1);
		if (sandbox_confine(require, &error) || !error ||
		    !strstr(error->message, "there is no sandbox with "))
			_exit(1);
		if (!sandbox_confine(on, NULL) || !sandbox_lock(on, NULL) ||
		    sandbox_has(on, SANDBOX_SYSCALLS) || !sandbox_missing(on, SANDBOX_SYSCALLS) ||
		    !sandbox_missing(on, SANDBOX_PATHS))
			_exit(2);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sandbox");
	TCase *tc = tcase_create("sandbox");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, other_system_calls_kill);
#ifdef __x86_64__
	tcase_add_test(tc, system_calls_of_another_architecture_kill);
#endif
	tcase_add_test(tc, abort_still_says_that_it_is_abort);
	tcase_add_test(tc, other_paths_are_denied);
	tcase_add_test(tc, full_has_an_empty_root);
	tcase_add_test(tc, full_keeps_relative_paths);
	tcase_add_test(tc, full_that_fails_halfway_changes_nothing);
	tcase_add_test(tc, off_is_off);
	tcase_add_test(tc, modes_have_names);
	tcase_add_test(tc, require_refuses_what_on_leaves_out);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
