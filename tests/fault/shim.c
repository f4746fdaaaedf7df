/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Preloaded into the daemon: fails the n-th call of a family of calls with a chosen error, and
 * moves the clocks. A test controls it through a shared page, the file that FAULT_CONTROL names
 * (shim.py), so one process can be tested with many faults. No system calls of its own after start.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum family {
	READ,
	WRITE,
	OPEN, /* what returns a descriptor */
	ACCEPT,
	SOCKET, /* what sets a socket up */
	FILES,  /* what changes files */
	WAIT,
	ALLOC,
	FORK,
	WATCH,
};

#define SHORT_IO (-1) /* instead of an errno: half of the bytes */

/* The layout is known to shim.py. */
struct control {
	volatile int32_t armed; /* a bit per family */
	volatile int32_t error;
	volatile int32_t left; /* calls until the one that fails; 0: none will */
	volatile int32_t failed;
	volatile int32_t length; /* how many calls in a row fail */
	volatile int32_t unused;
	volatile int64_t realtime;  /* added to CLOCK_REALTIME, s */
	volatile int64_t monotonic; /* added to the other clocks, s */
};

static struct control none, *control = &none;

static __attribute__((constructor)) void set_up(void)
{
	const char *path = getenv("FAULT_CONTROL");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *page;

	if (fd < 0)
		return;
	page = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (page != MAP_FAILED)
		control = page;
}

/* Does this call fail, and how? 0: it does not. */
static int fault(enum family family)
{
	if (!(control->armed & 1 << family) || control->left <= 0)
		return 0;
	if (control->left > 1) {
		control->left--;
		return 0;
	}
	if (--control->length <= 0)
		control->left = 0;
	control->failed++;
	return control->error;
}

#define NEXT(name)                                                                                 \
	static __typeof__(&name) next;                                                             \
	if (!next)                                                                                 \
	*(void **)&next = dlsym(RTLD_NEXT, #name)

static bool is_datagram(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type != SOCK_STREAM;
}

/* Fails, or goes on with the real call. */
#define FAIL(family, failure)                                                                      \
	do {                                                                                       \
		int fault_error = fault(family);                                                   \
		if (fault_error > 0) {                                                             \
			errno = fault_error;                                                       \
			return failure;                                                            \
		}                                                                                  \
	} while (0)

/* The same, or with fewer bytes. */
#define FAIL_OR_SHORTEN(family, size)                                                              \
	do {                                                                                       \
		int fault_error = fault(family);                                                   \
		if (fault_error > 0) {                                                             \
			errno = fault_error;                                                       \
			return -1;                                                                 \
		}                                                                                  \
		if (fault_error == SHORT_IO && !is_datagram(fd))                                   \
			(size) = ((size) + 1) / 2;                                                 \
	} while (0)

#define CALL(family, type, name, parameters, arguments)                                            \
	type name parameters                                                                       \
	{                                                                                          \
		NEXT(name);                                                                        \
		FAIL(family, (type)-1);                                                            \
		return next arguments;                                                             \
	}

#define SIZED(family, name, parameters, size, arguments)                                           \
	ssize_t name parameters                                                                    \
	{                                                                                          \
		NEXT(name);                                                                        \
		FAIL_OR_SHORTEN(family, size);                                                     \
		return next arguments;                                                             \
	}

/* --- bytes --- */

SIZED(READ, read, (int fd, void *data, size_t n), n, (fd, data, n))
SIZED(READ, pread64, (int fd, void *data, size_t n, off64_t at), n, (fd, data, n, at))
SIZED(READ, recv, (int fd, void *data, size_t n, int flags), n, (fd, data, n, flags))
SIZED(WRITE, write, (int fd, const void *data, size_t n), n, (fd, data, n))
SIZED(WRITE, pwrite64, (int fd, const void *data, size_t n, off64_t at), n, (fd, data, n, at))
SIZED(WRITE, send, (int fd, const void *data, size_t n, int flags), n, (fd, data, n, flags))
SIZED(WRITE, sendto,
      (int fd, const void *data, size_t n, int flags, const struct sockaddr *to, socklen_t len), n,
      (fd, data, n, flags, to, len))
SIZED(READ, recvfrom,
      (int fd, void *restrict data, size_t n, int flags, struct sockaddr *restrict from,
       socklen_t *restrict len),
      n, (fd, data, n, flags, from, len))
CALL(READ, int, recvmmsg,
     (int fd, struct mmsghdr *messages, unsigned n, int flags, struct timespec *limit),
     (fd, messages, n, flags, limit))
CALL(WRITE, int, sendmmsg, (int fd, struct mmsghdr *messages, unsigned n, int flags),
     (fd, messages, n, flags))

/* Half of the vector, or of its only part. */
static int shorten(struct iovec *first, const struct iovec *iov, int n)
{
	*first = iov[0];
	if (n > 1)
		return (n + 1) / 2;
	first->iov_len = (first->iov_len + 1) / 2;
	return n;
}

#define VECTOR(family, name)                                                                       \
	ssize_t name(int fd, const struct iovec *iov, int n)                                       \
	{                                                                                          \
		struct iovec first;                                                                \
		int error = fault(family);                                                         \
		NEXT(name);                                                                        \
		if (error > 0) {                                                                   \
			errno = error;                                                             \
			return -1;                                                                 \
		}                                                                                  \
		if (error != SHORT_IO || n < 1)                                                    \
			return next(fd, iov, n);                                                   \
		n = shorten(&first, iov, n);                                                       \
		return next(fd, n == 1 ? &first : iov, n);                                         \
	}

VECTOR(READ, readv)
VECTOR(WRITE, writev)

#define MESSAGE(family, name, message_type)                                                        \
	ssize_t name(int fd, message_type message, int flags)                                      \
	{                                                                                          \
		struct iovec first;                                                                \
		struct msghdr less;                                                                \
		int error = fault(family);                                                         \
		NEXT(name);                                                                        \
		if (error > 0) {                                                                   \
			errno = error;                                                             \
			return -1;                                                                 \
		}                                                                                  \
		if (error != SHORT_IO || !message->msg_iovlen || message->msg_control ||           \
		    is_datagram(fd))                                                               \
			return next(fd, message, flags);                                           \
		less = *message;                                                                   \
		less.msg_iovlen =                                                                  \
			(size_t)shorten(&first, message->msg_iov, (int)message->msg_iovlen);       \
		if (less.msg_iovlen == 1)                                                          \
			less.msg_iov = &first;                                                     \
		return next(fd, &less, flags);                                                     \
	}

MESSAGE(WRITE, sendmsg, const struct msghdr *)
MESSAGE(READ, recvmsg, struct msghdr *)

/* --- descriptors --- */

static mode_t mode_of(int flags, va_list args)
{
	return flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

int open64(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	NEXT(open64);
	FAIL(OPEN, -1);
	va_start(args, flags);
	mode = mode_of(flags, args);
	va_end(args);
	return next(path, flags, mode);
}

int openat64(int dir, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	NEXT(openat64);
	FAIL(OPEN, -1);
	va_start(args, flags);
	mode = mode_of(flags, args);
	va_end(args);
	return next(dir, path, flags, mode);
}

FILE *fopen64(const char *path, const char *mode);
FILE *fopen64(const char *path, const char *mode)
{
	NEXT(fopen64);
	FAIL(OPEN, NULL);
	return next(path, mode);
}

CALL(OPEN, int, socket, (int family, int type, int protocol), (family, type, protocol))
CALL(OPEN, int, socketpair, (int family, int type, int protocol, int fds[2]),
     (family, type, protocol, fds))
CALL(OPEN, int, pipe2, (int fds[2], int flags), (fds, flags))
CALL(OPEN, int, dup2, (int from, int to), (from, to))
CALL(OPEN, int, epoll_create1, (int flags), (flags))
int signalfd(int fd, const sigset_t *mask, int flags);
CALL(OPEN, int, signalfd, (int fd, const sigset_t *mask, int flags), (fd, mask, flags))
int inotify_init1(int flags);
CALL(OPEN, int, inotify_init1, (int flags), (flags))
int inotify_add_watch(int fd, const char *path, uint32_t mask);
CALL(OPEN, int, inotify_add_watch, (int fd, const char *path, uint32_t mask), (fd, path, mask))
CALL(ACCEPT, int, accept4,
     (int fd, struct sockaddr *restrict address, socklen_t *restrict len, int flags),
     (fd, address, len, flags))

/* --- sockets and files --- */

CALL(SOCKET, int, bind, (int fd, const struct sockaddr *address, socklen_t len), (fd, address, len))
CALL(SOCKET, int, listen, (int fd, int backlog), (fd, backlog))
CALL(SOCKET, int, connect, (int fd, const struct sockaddr *address, socklen_t len),
     (fd, address, len))
CALL(SOCKET, int, setsockopt, (int fd, int level, int name, const void *value, socklen_t len),
     (fd, level, name, value, len))
CALL(SOCKET, int, getsockname, (int fd, struct sockaddr *restrict address, socklen_t *restrict len),
     (fd, address, len))
CALL(SOCKET, int, getpeername, (int fd, struct sockaddr *restrict address, socklen_t *restrict len),
     (fd, address, len))
CALL(FILES, int, fsync, (int fd), (fd))
CALL(FILES, int, ftruncate64, (int fd, off64_t size), (fd, size))
CALL(FILES, int, fallocate64, (int fd, int mode, off64_t at, off64_t n), (fd, mode, at, n))
int rename(const char *from, const char *to);
CALL(FILES, int, rename, (const char *from, const char *to), (from, to))
CALL(FILES, int, mkdir, (const char *path, mode_t mode), (path, mode))
CALL(FILES, int, unlink, (const char *path), (path))
CALL(FILES, int, rmdir, (const char *path), (path))
CALL(FILES, int, chmod, (const char *path, mode_t mode), (path, mode))
CALL(FILES, int, fstat64, (int fd, struct stat64 *st), (fd, st))
CALL(FILES, int, stat64, (const char *restrict path, struct stat64 *restrict st), (path, st))
CALL(FILES, int, lstat64, (const char *restrict path, struct stat64 *restrict st), (path, st))

/* --- the loop, processes --- */

CALL(WAIT, int, epoll_wait, (int fd, struct epoll_event *events, int n, int limit),
     (fd, events, n, limit))

int epoll_ctl(int fd, int what, int other, struct epoll_event *event)
{
	NEXT(epoll_ctl);
	if (what == EPOLL_CTL_ADD)
		FAIL(WATCH, -1);
	return next(fd, what, other, event);
}

CALL(WAIT, int, poll, (struct pollfd * fds, nfds_t n, int limit), (fds, n, limit))
CALL(FORK, pid_t, fork, (void), ())
CALL(FORK, pid_t, waitpid, (pid_t pid, int *status, int flags), (pid, status, flags))

/* The daemon's descriptors can be counted by its own user. */
int prctl(int option, ...)
{
	unsigned long words[4];
	va_list args;

	NEXT(prctl);
	va_start(args, option);
	for (int i = 0; i < 4; i++)
		words[i] = va_arg(args, unsigned long);
	va_end(args);
	if (option == PR_SET_DUMPABLE && control != &none)
		return 0;
	return next(option, words[0], words[1], words[2], words[3]);
}

/* --- memory --- */

void *mmap64(void *at, size_t n, int protection, int flags, int fd, off64_t offset)
{
	NEXT(mmap64);
	FAIL(ALLOC, MAP_FAILED);
	return next(at, n, protection, flags, fd, offset);
}

/* glibc's own, as dlsym() may allocate. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
	FAIL(ALLOC, NULL);
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	FAIL(ALLOC, NULL);
	return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	FAIL(ALLOC, NULL);
	return __libc_realloc(old, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
	int error = fault(ALLOC);

	if (error > 0)
		return ENOMEM;
	*out = __libc_memalign(alignment, size);
	return *out ? 0 : ENOMEM;
}

/* --- clocks --- */

int clock_gettime(clockid_t clock, struct timespec *time)
{
	int result;

	NEXT(clock_gettime);
	result = next(clock, time);
	if (result == 0)
		time->tv_sec += clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE
					? control->realtime
					: control->monotonic;
	return result;
}

time_t time(time_t *out)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (out)
		*out = now.tv_sec;
	return now.tv_sec;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	*now = (struct timeval){time.tv_sec, time.tv_nsec / 1000};
	return 0;
}
