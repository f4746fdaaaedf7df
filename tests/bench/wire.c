/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "wire.h"

#define READ_SIZE   (256 * 1024)
#define BUFFER_SIZE (4 * 1024 * 1024)
#define BATCH       64

static int dial_inet(const char *name, const char *colon)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	char host[64];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(host, sizeof host, "%.*s", (int)(colon - name), name);
	if (inet_pton(AF_INET, host, &in.sin_addr) != 1)
		errx(1, "%s: not an IPv4 address", host);
	in.sin_port = htons((uint16_t)atoi(colon + 1));
	if (fd < 0 || connect(fd, (struct sockaddr *)&in, sizeof in) < 0)
		err(1, "%s", name);
	return fd;
}

static int dial_unix(const char *name)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), size = BUFFER_SIZE;

	if (strlen(name) >= sizeof un.sun_path)
		errx(1, "%s: too long", name);
	memcpy(un.sun_path, name, strlen(name) + 1);
	if (fd < 0 || connect(fd, (struct sockaddr *)&un, sizeof un) < 0)
		err(1, "%s", name);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	return fd;
}

void wire_open(struct wire *wire, const char *name)
{
	const char *colon = strrchr(name, ':');
	socklen_t len = sizeof(int);
	int type;

	if (!strncmp(name, "fd:", 3))
		wire->fd = atoi(name + 3);
	else if (name[0] != '/' && colon)
		wire->fd = dial_inet(name, colon);
	else
		wire->fd = dial_unix(name);
	if (getsockopt(wire->fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
		err(1, "%s", name);
	wire->datagrams = type == SOCK_DGRAM;
	wire->have = 0;
	wire->input = malloc(wire->datagrams ? BATCH * WIRE_FRAME_MAX
					     : READ_SIZE + WIRE_PREFIX + WIRE_FRAME_MAX);
	if (!wire->input)
		errx(1, "out of memory");
}

void wire_close(struct wire *wire)
{
	close(wire->fd);
	free(wire->input);
}

void wire_prefix(uint8_t *at, size_t len)
{
	uint32_t prefix = htonl((uint32_t)len);

	memcpy(at, &prefix, sizeof prefix);
}

static size_t frame_length(const uint8_t *at)
{
	uint32_t prefix;

	memcpy(&prefix, at, sizeof prefix);
	return ntohl(prefix);
}

static void send_stream(int fd, const uint8_t *frames, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, frames, len, MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN)
			poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
		else if (sent < 0 && errno != EINTR)
			err(1, "sending to the network");
		if (sent > 0) {
			frames += sent;
			len -= (size_t)sent;
		}
	}
}

static void send_datagrams(int fd, const uint8_t *frames, size_t len)
{
	struct mmsghdr messages[BATCH];
	struct iovec iov[BATCH];
	size_t at = 0;

	while (at < len) {
		int n = 0, sent = 0;

		memset(messages, 0, sizeof messages);
		for (; n < BATCH && at < len; n++) {
			size_t size = frame_length(frames + at);

			iov[n] = (struct iovec){(void *)(frames + at + WIRE_PREFIX), size};
			messages[n].msg_hdr = (struct msghdr){.msg_iov = &iov[n], .msg_iovlen = 1};
			at += WIRE_PREFIX + size;
		}
		while (sent < n) {
			int done =
				sendmmsg(fd, messages + sent, (unsigned)(n - sent), MSG_NOSIGNAL);

			if (done > 0)
				sent += done;
			else if (errno == EAGAIN || errno == ENOBUFS)
				poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 10);
			else if (errno != EINTR)
				err(1, "sending to the network");
		}
	}
}

void wire_send(struct wire *wire, const uint8_t *frames, size_t len)
{
	if (wire->datagrams)
		send_datagrams(wire->fd, frames, len);
	else
		send_stream(wire->fd, frames, len);
}

static bool receive_stream(struct wire *wire,
			   void (*take)(void *data, const uint8_t *frame, size_t len), void *data)
{
	ssize_t got = recv(wire->fd, wire->input + wire->have, READ_SIZE, 0);
	size_t at = 0;

	if (got <= 0)
		return got < 0 && (errno == EAGAIN || errno == EINTR);
	wire->have += (size_t)got;
	while (wire->have - at >= WIRE_PREFIX) {
		size_t len = frame_length(wire->input + at);

		if (len > WIRE_FRAME_MAX)
			errx(1, "a frame of %zu bytes arrived: the framing is broken", len);
		if (wire->have - at - WIRE_PREFIX < len)
			break;
		take(data, wire->input + at + WIRE_PREFIX, len);
		at += WIRE_PREFIX + len;
	}
	memmove(wire->input, wire->input + at, wire->have - at);
	wire->have -= at;
	return true;
}

static bool receive_datagrams(struct wire *wire,
			      void (*take)(void *data, const uint8_t *frame, size_t len),
			      void *data)
{
	struct mmsghdr messages[BATCH] = {0};
	struct iovec iov[BATCH];
	int got;

	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){wire->input + (size_t)i * WIRE_FRAME_MAX, WIRE_FRAME_MAX};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	got = recvmmsg(wire->fd, messages, BATCH, MSG_WAITFORONE, NULL);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	for (int i = 0; i < got; i++)
		take(data, iov[i].iov_base, messages[i].msg_len);
	return got > 0;
}

bool wire_receive(struct wire *wire, void (*take)(void *data, const uint8_t *frame, size_t len),
		  void *data)
{
	return wire->datagrams ? receive_datagrams(wire, take, data)
			       : receive_stream(wire, take, data);
}
