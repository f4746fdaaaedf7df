/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * What a switch can carry: two clients of stream netdevs, one that sends frames of one size as fast
 * as it is let, one that counts what arrives, and the processor time a process (the switch) spent
 * meanwhile. Frames are unicast between two MAC addresses that were learned before the clock runs.
 */

#define PREFIX      4
#define BUFFER_SIZE (256 * 1024)
/* Before the clock starts: caches, and the queues on the way fill. */
#define WARM_UP 0.3

static const uint8_t mac_a[6] = {0x52, 0x54, 0x00, 0xbe, 0x00, 0x0a};
static const uint8_t mac_b[6] = {0x52, 0x54, 0x00, 0xbe, 0x00, 0x0b};

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "switchload: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* User and system seconds of a process, proc(5). */
static double cpu_seconds(const char *pid)
{
	unsigned long user, system;
	char path[64], line[1024];
	FILE *file;
	char *end;

	snprintf(path, sizeof path, "/proc/%s/stat", pid);
	file = fopen(path, "re");
	if (!file || !fgets(line, sizeof line, file))
		die("%s: %s", path, strerror(errno));
	fclose(file);
	/* The name in parentheses may hold anything; what follows is field 3. */
	end = strrchr(line, ')');
	if (!end || sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
			   &system) != 2)
		die("%s: not understood", path);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static int dial(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof addr.sun_path)
		die("%s: path too long", path);
	strcpy(addr.sun_path, path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0)
		die("%s: %s", path, strerror(errno));
	return fd;
}

/* Writes one frame with its prefix; returns the bytes used. */
static size_t put_frame(uint8_t *at, size_t size, const uint8_t *to, const uint8_t *from)
{
	uint32_t prefix = htonl((uint32_t)size);

	memcpy(at, &prefix, PREFIX);
	memset(at + PREFIX, 0, size);
	memcpy(at + PREFIX, to, 6);
	memcpy(at + PREFIX + 6, from, 6);
	/* "Local Experimental Ethertype 1", IEEE 802: no gateway has business with it. */
	at[PREFIX + 12] = 0x88;
	at[PREFIX + 13] = 0xb5;
	return PREFIX + size;
}

static void send_all(int fd, const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);
		if (sent < 0 && errno != EINTR)
			die("send: %s", strerror(errno));
		if (sent > 0) {
			data += sent;
			len -= (size_t)sent;
		}
	}
}

struct receiver {
	int fd;
	uint8_t *buffer;
	size_t len;
	uint64_t frames; /* of the size looked for */
};

static void receive(struct receiver *receiver, size_t size)
{
	ssize_t got = recv(receiver->fd, receiver->buffer + receiver->len,
			   BUFFER_SIZE - receiver->len, 0);
	size_t at = 0;

	if (got < 0 && errno == EINTR)
		return;
	if (got <= 0)
		die("the switch hung up");
	receiver->len += (size_t)got;
	while (receiver->len - at >= PREFIX) {
		uint32_t len;

		memcpy(&len, receiver->buffer + at, PREFIX);
		len = ntohl(len);
		if (len > 65550)
			die("a frame of %u bytes arrived: the framing is broken", len);
		if (receiver->len - at - PREFIX < len)
			break;
		receiver->frames += len == size;
		at += PREFIX + len;
	}
	memmove(receiver->buffer, receiver->buffer + at, receiver->len - at);
	receiver->len -= at;
}

/* Both ends say a frame to the other, so that the switch knows where they are. */
static void teach(int a, int b)
{
	uint8_t frame[PREFIX + 60];

	put_frame(frame, 60, mac_b, mac_a);
	send_all(a, frame, sizeof frame);
	put_frame(frame, 60, mac_a, mac_b);
	send_all(b, frame, sizeof frame);
	usleep(200 * 1000);
}

__attribute__((noreturn)) static void blast(int fd, size_t size)
{
	uint8_t *buffer = malloc(BUFFER_SIZE);
	size_t len = 0;

	if (!buffer)
		die("out of memory");
	while (len + PREFIX + size <= BUFFER_SIZE)
		len += put_frame(buffer + len, size, mac_b, mac_a);
	for (;;)
		send_all(fd, buffer, len);
}

int main(int argc, char **argv)
{
	struct receiver receiver = {.buffer = malloc(BUFFER_SIZE)};
	double started, seconds, cpu;
	uint64_t frames;
	size_t size;
	pid_t sender;
	int from;

	if (argc != 6) {
		fprintf(stderr,
			"Usage: switchload FROM-PATH TO-PATH SIZE SECONDS PID\n"
			"Sends frames of SIZE bytes from one unix stream netdev to another, counts\n"
			"what arrives, and prints it and the CPU seconds of PID as JSON.\n");
		return 2;
	}
	size = strtoul(argv[3], NULL, 10);
	seconds = strtod(argv[4], NULL);
	if (size < 60 || size > 65549 || !receiver.buffer)
		die("SIZE is from 60 to 65549");
	from = dial(argv[1]);
	receiver.fd = dial(argv[2]);
	teach(from, receiver.fd);

	sender = fork();
	if (sender < 0)
		die("fork: %s", strerror(errno));
	if (sender == 0)
		blast(from, size);

	started = now();
	while (now() - started < WARM_UP)
		receive(&receiver, size);
	cpu = cpu_seconds(argv[5]);
	frames = receiver.frames;
	started = now();
	while (now() - started < seconds)
		receive(&receiver, size);
	seconds = now() - started;
	frames = receiver.frames - frames;
	cpu = cpu_seconds(argv[5]) - cpu;
	kill(sender, SIGKILL);
	waitpid(sender, NULL, 0);
	free(receiver.buffer);
	printf("{\"seconds\": %.3f, \"frames\": %llu, \"mpps\": %.4f, \"gbps\": %.4f, "
	       "\"cpu\": %.3f}\n",
	       seconds, (unsigned long long)frames, (double)frames / seconds / 1e6,
	       (double)frames * (double)size * 8 / seconds / 1e9, cpu);
	return 0;
}
