/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/checksum.h"
#include "dns/wire.h"
#include "meter.h"
#include "net/frame.h"
#include "packet/packet.h"

/*
 * Measures how many queries a name server answers, with a number under way at once, and the CPU
 * time of a process (the server) for them. Asks over a socket of the host, or as a guest over the
 * wire of a stream netdev, in frames. Names are PATTERN with the numbers below COUNT, in turn; each
 * is asked for once before the clock starts. Every answer must have a record.
 *
 *     dnsload udp PORT PATTERN COUNT WINDOW SECONDS PID
 *     dnsload stream PATH PATTERN COUNT WINDOW SECONDS PID
 */
#define HEADERS    (ETH_HEADER + 20 + 8)
#define QUERY_MAX  300
#define WINDOW_MAX 256
#define LOST_MS    500 /* queries without an answer for this long are sent again */

struct query {
	size_t len; /* of the message */
	uint8_t bytes[FRAME_PREFIX + HEADERS + QUERY_MAX];
};

static struct query *queries;
static unsigned n_queries, next_query;
static bool framed;
static int fd;
static bool waiting[WINDOW_MAX]; /* by id */
static unsigned long answers, lost;

/* --- queries --- */

static uint8_t *message_of(struct query *query)
{
	return query->bytes + FRAME_PREFIX + HEADERS;
}

static void put_headers(struct query *query)
{
	uint8_t *frame = query->bytes + FRAME_PREFIX, *ip = frame + ETH_HEADER, *udp = ip + 20;
	uint16_t udp_len = (uint16_t)(8 + query->len), sum;
	uint32_t src, dst;

	frame_set_prefix(frame, (uint32_t)(HEADERS + query->len));
	mac_write(frame, 0x52550a000202);
	mac_write(frame + MAC_LEN, 0x525400be0035);
	packet_put16(frame + 12, ETHERTYPE_V4);
	inet_pton(AF_INET, "10.0.2.15", &src);
	inet_pton(AF_INET, "10.0.2.3", &dst);
	ip[0] = 0x45;
	packet_put16(ip + 2, (uint16_t)(20 + udp_len));
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	memcpy(ip + 12, &src, 4);
	memcpy(ip + 16, &dst, 4);
	sum = csum_fold(csum_add(0, ip, 20));
	memcpy(ip + 10, &sum, 2);
	packet_put16(udp, 40053);
	packet_put16(udp + 2, 53);
	packet_put16(udp + 4, udp_len);
	sum = csum_fold(csum_add(csum_pseudo4(src, dst, IPPROTO_UDP, udp_len), udp, udp_len));
	memcpy(udp + 6, &sum, 2);
}

static void make_queries(const char *pattern, unsigned count)
{
	n_queries = count;
	queries = calloc(count, sizeof(*queries));
	if (!queries)
		die("no memory");
	for (unsigned i = 0; i < count; i++) {
		uint8_t *p = message_of(&queries[i]);
		char number[16], name[200];
		const char *mark = strchr(pattern, '@');

		if (!mark)
			die("'%s' has no '@' where the number shall be", pattern);
		snprintf(number, sizeof(number), "%u", i);
		snprintf(name, sizeof(name), "%.*s%s%s", (int)(mark - pattern), pattern, number,
			 mark + 1);
		dns_put16(p + 2, DNS_RD);
		dns_put16(p + 4, 1);
		queries[i].len = DNS_HEADER;
		queries[i].len += dns_name_write(p + DNS_HEADER, DNS_NAME_MAX, name);
		dns_put16(p + queries[i].len, DNS_TYPE_A);
		dns_put16(p + queries[i].len + 2, DNS_CLASS_IN);
		queries[i].len += 4;
		put_headers(&queries[i]);
	}
}

/* The bytes to send for the next name, under this id. */
static struct iovec next(uint16_t id)
{
	struct query *query = &queries[next_query++ % n_queries];
	uint8_t *message = message_of(query);
	uint16_t from, to;

	memcpy(&from, message, 2);
	dns_put16(message, id);
	memcpy(&to, message, 2);
	csum_update16(message - 2, from, to);
	waiting[id] = true;
	return framed ? (struct iovec){query->bytes, FRAME_PREFIX + HEADERS + query->len}
		      : (struct iovec){message, query->len};
}

/* --- exchange --- */

static void write_all(struct iovec *iov, unsigned n)
{
	uint8_t out[WINDOW_MAX * sizeof(struct query)];
	size_t len = 0, done = 0;

	for (unsigned i = 0; i < n; i++) {
		memcpy(out + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	while (done < len) {
		ssize_t sent = write(fd, out + done, len - done);

		if (sent <= 0)
			die("the link is closed");
		done += (size_t)sent;
	}
}

/* Sends a query for each of these ids, with as few system calls as the wire takes. */
static void ask(const uint16_t *ids, unsigned n)
{
	struct mmsghdr messages[WINDOW_MAX];
	struct iovec iov[WINDOW_MAX];

	if (framed) {
		for (unsigned i = 0; i < n; i++)
			iov[i] = next(ids[i]);
		write_all(iov, n);
		return;
	}
	memset(messages, 0, sizeof(messages));
	for (unsigned i = 0; i < n; i++) {
		iov[i] = next(ids[i]);
		messages[i].msg_hdr.msg_iov = &iov[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	for (unsigned done = 0; done < n;) {
		int sent = sendmmsg(fd, messages + done, n - done, 0);

		if (sent <= 0)
			die("cannot send; is the server there?");
		done += (unsigned)sent;
	}
}

/* One answer; its id goes to @ids. */
static void take(const uint8_t *p, size_t len, uint16_t *ids, unsigned *n)
{
	uint16_t id;

	if (len < DNS_HEADER || !(dns_get16(p + 2) & DNS_QR))
		die("an answer that is none");
	if ((dns_get16(p + 2) & DNS_RCODE) || !dns_get16(p + 6))
		die("an answer without a record, rcode %u", dns_get16(p + 2) & DNS_RCODE);
	id = (uint16_t)dns_get16(p);
	/* A late answer; its query was repeated meanwhile. */
	if (id >= WINDOW_MAX || !waiting[id])
		return;
	waiting[id] = false;
	ids[(*n)++] = id;
	answers++;
}

static unsigned take_datagrams(uint16_t *ids)
{
	static uint8_t buffers[WINDOW_MAX][1500];
	static struct mmsghdr messages[WINDOW_MAX];
	static struct iovec iov[WINDOW_MAX];
	unsigned n = 0;
	int got;

	for (unsigned i = 0; i < WINDOW_MAX; i++) {
		iov[i] = (struct iovec){buffers[i], sizeof(buffers[i])};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &iov[i], .msg_iovlen = 1};
	}
	got = recvmmsg(fd, messages, WINDOW_MAX, MSG_DONTWAIT, NULL);
	for (int i = 0; i < got; i++)
		take(buffers[i], messages[i].msg_len, ids, &n);
	return n;
}

static unsigned take_frames(uint16_t *ids)
{
	static uint8_t in[512 * 1024];
	static size_t have;
	ssize_t got = read(fd, in + have, sizeof(in) - have);
	size_t at = 0;
	unsigned n = 0;

	if (got <= 0)
		die("the link is closed");
	have += (size_t)got;
	while (have - at >= FRAME_PREFIX) {
		const uint8_t *frame = in + at + FRAME_PREFIX;
		uint32_t len = packet_u32(in + at);

		if (have - at - FRAME_PREFIX < len)
			break;
		if (len > HEADERS && packet_u16(frame + 12) == ETHERTYPE_V4 &&
		    frame[ETH_HEADER + 9] == IPPROTO_UDP && packet_u16(frame + 34) == 53)
			take(frame + HEADERS, len - HEADERS, ids, &n);
		at += FRAME_PREFIX + len;
	}
	have -= at;
	memmove(in, in + at, have);
	return n;
}

/* Until @end, or for @n answers if not 0. */
static void run(unsigned window, double end, unsigned long n)
{
	uint16_t ids[WINDOW_MAX];
	unsigned long from = answers;

	for (unsigned i = 0; i < window; i++)
		ids[i] = (uint16_t)i;
	ask(ids, window);
	while (n ? answers - from < n : now() < end) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		unsigned got = 0;

		if (poll(&wait, 1, LOST_MS) > 0) {
			got = framed ? take_frames(ids) : take_datagrams(ids);
		} else {
			for (unsigned i = 0; i < window; i++) {
				if (waiting[i])
					ids[got++] = (uint16_t)i;
			}
			lost += got;
		}
		if (got)
			ask(ids, got);
	}
}

static void open_udp(const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)atoi(port)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("cannot reach port %s", port);
}

static void open_stream(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("cannot reach %s", path);
}

int main(int argc, char **argv)
{
	double began, seconds, cpu;
	unsigned window, count;

	if (argc != 8)
		die("usage: dnsload udp|stream PORT|PATH PATTERN COUNT WINDOW SECONDS PID");
	framed = !strcmp(argv[1], "stream");
	count = (unsigned)atoi(argv[4]);
	window = (unsigned)atoi(argv[5]);
	seconds = atof(argv[6]);
	if (count < 1 || window < 1 || window > WINDOW_MAX || seconds <= 0)
		die("COUNT is at least 1, WINDOW 1 to %d, SECONDS more than 0", WINDOW_MAX);
	if (framed)
		open_stream(argv[2]);
	else
		open_udp(argv[2]);
	make_queries(argv[3], count);
	run(1, 0, count);
	answers = lost = 0;
	memset(waiting, 0, sizeof(waiting));
	cpu = cpu_seconds(argv[7]);
	began = now();
	run(window, began + seconds, 0);
	printf("{\"answers\": %lu, \"lost\": %lu, \"seconds\": %.3f, \"cpu\": %.3f}\n", answers,
	       lost, now() - began, cpu_seconds(argv[7]) - cpu);
	return 0;
}
