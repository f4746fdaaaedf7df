/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest without QEMU: a network namespace with a tap that is bridged to a stream netdev (u32
 * length, frame), so that the kernel's own stack is the guest, for iperf3 or a checksum of 400 MB
 * "inside". Far cheaper than an emulated guest, but not free: with the guest's stack it takes about
 * as much CPU as the network measured (card.h says how it is kept low).
 *
 *     tapguest [--mtu N] [--mac MAC] [--address ADDR/LEN[,ADDR/LEN]] [--gateway ADDR] [--lose N]
 *              [--rough N] [--gro on|off] SOCKET COMMAND...
 *
 * SOCKET: a unix path, HOST:PORT, or fd:N, an inherited socket. --lose: one frame in N towards the
 * guest is lost. --rough: one frame in N either way is lost, and one overtaken by others; prints
 * their numbers at the end on standard error. --gro: coalesces TCP frames towards the guest (off:
 * the kernel's TCP checks each). Needs no root: user and network namespaces, and a /dev/net/tun
 * that the user may open. Exits with COMMAND's status.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "card.h"
#include "rough.h"
#include "wire.h"

/* Bytes of frames sent at once, except the last of them. */
#define BATCH (256 * 1024)
/* Frames. The kernel's 1000 are fewer than 8 flows have in flight; more would be lost. */
#define QUEUE 10000

struct options {
	const char *mac, *addresses, *gateway, *socket;
	int mtu;
	unsigned long lose, rough;
	bool gro;
	char **command;
};

static void usage(void)
{
	fputs("usage: tapguest [--mtu N] [--mac MAC] [--address ADDR/LEN[,…]] [--gateway ADDR] "
	      "[--lose N] [--rough N] [--gro on|off] SOCKET COMMAND...\n",
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
		else if (!strcmp(*argv, "--lose"))
			o.lose = strtoul(argv[1], NULL, 10);
		else if (!strcmp(*argv, "--rough"))
			o.rough = strtoul(argv[1], NULL, 10);
		else if (!strcmp(*argv, "--gro"))
			o.gro = !strcmp(argv[1], "on");
		else
			usage();
	}
	if (!argv[0] || !argv[1])
		usage();
	o.socket = argv[0];
	o.command = argv + 1;
	return o;
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
	run("ip link set eth0 address %s mtu %d txqueuelen %d up", o->mac, o->mtu, QUEUE);
	if (o->addresses) {
		char *list = strdup(o->addresses), *save = NULL;

		for (char *a = strtok_r(list, ",", &save); a; a = strtok_r(NULL, ",", &save))
			run("ip addr add %s dev eth0 %s", a, strchr(a, ':') ? "nodad" : "");
		free(list);
	}
	if (o->gateway)
		run("ip route add default via %s", o->gateway);
	/* Tens of thousands of flows to one server need as many ports. */
	write_file("/proc/sys/net/ipv4/ip_local_port_range", "1024 65535");
}

/* --- the bridge --- */

struct bridge {
	struct wire wire;
	struct card card;
	unsigned long lose, seen; /* one frame in this many, 0: none; frames so far */
	struct rough up, down;
};

/* With room for a last one, and one of an earlier batch that was late. */
static uint8_t frames[BATCH + 2 * (WIRE_PREFIX + WIRE_FRAME_MAX)];

/* Puts the late frame at @at, if it is due; returns the end. */
static size_t append_late(struct rough *up, size_t at, bool now)
{
	size_t len = up->late_len;

	if (!rough_due(up, now))
		return at;
	wire_prefix(frames + at, len);
	memcpy(frames + at + WIRE_PREFIX, up->late, len);
	rough_sent(up);
	return at + WIRE_PREFIX + len;
}

static void card_to_wire(struct bridge *bridge)
{
	size_t at = 0;

	while (at < BATCH) {
		uint8_t *frame = frames + at + WIRE_PREFIX;
		size_t len = card_read(&bridge->card, frame);

		if (len == 0)
			break;
		if (rough_fate(&bridge->up, frame, len) != ROUGH_GOES)
			continue;
		wire_prefix(frames + at, len);
		at = append_late(&bridge->up, at + WIRE_PREFIX + len, false);
	}
	at = append_late(&bridge->up, at, true);
	wire_send(&bridge->wire, frames, at);
}

static void write_late(struct bridge *bridge, bool now)
{
	if (!rough_due(&bridge->down, now))
		return;
	card_write(&bridge->card, bridge->down.late, bridge->down.late_len);
	rough_sent(&bridge->down);
}

static void to_card(void *data, const uint8_t *frame, size_t len)
{
	struct bridge *bridge = data;

	if (bridge->lose && ++bridge->seen % bridge->lose == 0)
		return;
	if (rough_fate(&bridge->down, frame, len) != ROUGH_GOES)
		return;
	card_write(&bridge->card, frame, len);
	write_late(bridge, false);
}

static bool wire_to_card(struct bridge *bridge)
{
	bool more = wire_receive(&bridge->wire, to_card, bridge);

	write_late(bridge, true);
	card_flush(&bridge->card);
	return more;
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
	static struct bridge bridge;
	sigset_t set;
	pid_t child;
	int sigchld;

	bridge.lose = o.lose;
	rough_init(&bridge.up, o.rough, 1);
	rough_init(&bridge.down, o.rough, 2);
	/* Before the namespaces: an inet socket stays in the one where it was made. */
	wire_open(&bridge.wire, o.socket);
	enter_namespaces();
	card_open(&bridge.card, "eth0");
	bridge.card.gro = o.gro;
	configure(&o);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigchld = signalfd(-1, &set, SFD_CLOEXEC);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		close(bridge.wire.fd);
		close(bridge.card.fd);
		execvp(o.command[0], o.command);
		err(127, "%s", o.command[0]);
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	for (;;) {
		struct pollfd fds[] = {
			{.fd = bridge.card.fd, .events = POLLIN},
			{.fd = bridge.wire.fd, .events = POLLIN},
			{.fd = sigchld, .events = POLLIN},
		};

		if (poll(fds, 3, card_has_more(&bridge.card) ? 0 : -1) < 0)
			err(1, "poll");
		if (fds[0].revents || card_has_more(&bridge.card))
			card_to_wire(&bridge);
		if (fds[1].revents && !wire_to_card(&bridge)) {
			kill(child, SIGTERM);
			status_of(child);
			errx(1, "the network went away");
		}
		if (fds[2].revents && o.rough)
			fprintf(stderr, "up: %lu lost, %lu late; down: %lu lost, %lu late\n",
				bridge.up.lost, bridge.up.delayed, bridge.down.lost,
				bridge.down.delayed);
		if (fds[2].revents)
			return status_of(child);
	}
}
