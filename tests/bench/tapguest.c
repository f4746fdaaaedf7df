/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest without QEMU: a network namespace of its own, with a tap in it that is bridged to a
 * stream netdev (u32 length, frame), so that the kernel's own stack is the guest. Fast enough not
 * to be what a benchmark measures, and the way to run iperf3 or a checksum of 400 MB "inside".
 *
 *     tapguest [--mtu N] [--mac MAC] [--address ADDR/LEN[,ADDR/LEN]] [--gateway ADDR] SOCKET
 * COMMAND...
 *
 * SOCKET: a unix path, or HOST:PORT. Needs no root: user and network namespaces, and a /dev/net/tun
 * that the user may open. Exits with COMMAND's status.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRAME_MAX   (65535 + 14)
#define BATCH       64
#define SOCKET_READ (256 * 1024)

struct options {
	const char *mac, *addresses, *gateway, *socket;
	int mtu;
	char **command;
};

static void usage(void)
{
	fputs("usage: tapguest [--mtu N] [--mac MAC] [--address ADDR/LEN[,…]] [--gateway ADDR] "
	      "SOCKET COMMAND...\n",
	      stderr);
	exit(2);
}

static struct options parse(char **argv)
{
	struct options o = {.mtu = 1500, .mac = "52:54:00:be:4c:01"};

	for (argv++; *argv && !strncmp(*argv, "--", 2); argv += 2) {
		if (!argv[1])
			usage();
		if (!strcmp(*argv, "--mtu"))
			o.mtu = atoi(argv[1]);
		else if (!strcmp(*argv, "--mac"))
			o.mac = argv[1];
		else if (!strcmp(*argv, "--address"))
			o.addresses = argv[1];
		else if (!strcmp(*argv, "--gateway"))
			o.gateway = argv[1];
		else
			usage();
	}
	if (!argv[0] || !argv[1])
		usage();
	o.socket = argv[0];
	o.command = argv + 1;
	return o;
}

/* Connected before the namespaces: an inet socket stays in the one it was made in. */
static int connect_to(const char *name)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct sockaddr_in in = {.sin_family = AF_INET};
	const char *colon = strrchr(name, ':');
	int fd, size = 4 * 1024 * 1024;

	if (name[0] != '/' && colon) {
		char host[64];

		snprintf(host, sizeof(host), "%.*s", (int)(colon - name), name);
		if (inet_pton(AF_INET, host, &in.sin_addr) != 1)
			errx(1, "%s: not an IPv4 address", host);
		in.sin_port = htons((uint16_t)atoi(colon + 1));
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (fd < 0 || connect(fd, (struct sockaddr *)&in, sizeof(in)) < 0)
			err(1, "%s", name);
		return fd;
	}
	if (strlen(name) >= sizeof(un.sun_path))
		errx(1, "%s: too long", name);
	memcpy(un.sun_path, name, strlen(name) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0)
		err(1, "%s", name);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err(1, "%s", path);
	close(fd);
}

static void enter_namespaces(void)
{
	unsigned uid = geteuid(), gid = getegid();
	char map[64];

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		err(1, "user and network namespaces");
	write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1\n", uid);
	write_file("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1\n", gid);
	write_file("/proc/self/gid_map", map);
}

static int open_tap(void)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

	if (fd < 0)
		err(1, "/dev/net/tun (the user must be allowed to open it)");
	strcpy(ifr.ifr_name, "eth0");
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		err(1, "TUNSETIFF");
	return fd;
}

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void run(const char *format, ...)
{
	char command[512];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (system(command) != 0)
		errx(1, "failed: %s", command);
}

static void configure(const struct options *o)
{
	run("ip link set lo up");
	run("ip link set eth0 address %s mtu %d up", o->mac, o->mtu);
	if (o->addresses) {
		char *list = strdup(o->addresses), *save = NULL;

		for (char *a = strtok_r(list, ",", &save); a; a = strtok_r(NULL, ",", &save))
			run("ip addr add %s dev eth0 %s", a, strchr(a, ':') ? "nodad" : "");
		free(list);
	}
	if (o->gateway)
		run("ip route add default via %s", o->gateway);
}

/* --- the bridge --- */

static uint8_t frames[BATCH][4 + FRAME_MAX];
static uint8_t input[SOCKET_READ + 4 + FRAME_MAX];
static size_t have;

static void write_all(int fd, struct iovec *iov, int n)
{
	while (n > 0) {
		ssize_t done = writev(fd, iov, n);

		if (done < 0) {
			if (errno == EAGAIN) {
				poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
				continue;
			}
			err(1, "socket");
		}
		while (n > 0 && (size_t)done >= iov->iov_len) {
			done -= (ssize_t)iov->iov_len;
			iov++;
			n--;
		}
		if (n > 0) {
			iov->iov_base = (char *)iov->iov_base + done;
			iov->iov_len -= (size_t)done;
		}
	}
}

static void tap_to_socket(int tap, int sock)
{
	struct iovec iov[BATCH];
	int n = 0;

	while (n < BATCH) {
		ssize_t len = read(tap, frames[n] + 4, FRAME_MAX);
		uint32_t prefix;

		if (len <= 0)
			break;
		prefix = htonl((uint32_t)len);
		memcpy(frames[n], &prefix, 4);
		iov[n] = (struct iovec){frames[n], 4 + (size_t)len};
		n++;
	}
	write_all(sock, iov, n);
}

static bool socket_to_tap(int sock, int tap)
{
	ssize_t got = read(sock, input + have, SOCKET_READ);
	size_t at = 0;

	if (got <= 0)
		return got < 0 && errno == EAGAIN;
	have += (size_t)got;
	while (have - at >= 4) {
		uint32_t len;

		memcpy(&len, input + at, 4);
		len = ntohl(len);
		if (len > FRAME_MAX)
			errx(1, "a frame of %u bytes", len);
		if (have - at - 4 < len)
			break;
		if (write(tap, input + at + 4, len) < 0 && errno != EIO && errno != EAGAIN)
			err(1, "tap");
		at += 4 + len;
	}
	memmove(input, input + at, have - at);
	have -= at;
	return true;
}

static int status_of(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) < 0)
		err(1, "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	struct options o = parse(argv);
	int sock = connect_to(o.socket), tap, sigchld;
	sigset_t set;
	pid_t child;

	enter_namespaces();
	tap = open_tap();
	configure(&o);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigchld = signalfd(-1, &set, SFD_CLOEXEC);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		close(sock);
		close(tap);
		execvp(o.command[0], o.command);
		err(127, "%s", o.command[0]);
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	for (;;) {
		struct pollfd fds[] = {
			{.fd = tap, .events = POLLIN},
			{.fd = sock, .events = POLLIN},
			{.fd = sigchld, .events = POLLIN},
		};

		if (poll(fds, 3, -1) < 0)
			err(1, "poll");
		if (fds[0].revents)
			tap_to_socket(tap, sock);
		if (fds[1].revents && !socket_to_tap(sock, tap)) {
			kill(child, SIGTERM);
			status_of(child);
			errx(1, "the network went away");
		}
		if (fds[2].revents)
			return status_of(child);
	}
}
