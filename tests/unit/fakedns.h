/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TESTS_FAKEDNS_H
#define USERNET_TESTS_FAKEDNS_H

#include <sys/epoll.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/sockaddr.h"
#include "dnsmessage.h"

/* An upstream name server on loopback, UDP and TCP on one port, in the loop under test. */
enum behaviour {
	FAKE_ANSWER, /* @addr, or what make() says */
	FAKE_SILENT,
	FAKE_RCODE,          /* @rcode */
	FAKE_WRONG_ID,       /* and then right */
	FAKE_WRONG_QUESTION, /* and then right */
	FAKE_WRONG_PORT,     /* from another socket; then right */
	FAKE_BLUE_CNAME,     /* an unrelated alias */
	FAKE_BIG,            /* 4 KB of TXT: TC by UDP, whole by TCP */
	FAKE_GARBAGE,
	FAKE_LOWER,     /* does not keep the case of the question */
	FAKE_LOWER_UDP, /* by UDP only: as a forger */
	FAKE_PLAIN,     /* without compression */
	FAKE_BARE,      /* a header with @rcode and nothing else */
};

struct fakedns {
	struct loop *loop;
	int udp, tcp, conn;
	struct loop_io udp_io, tcp_io, conn_io;
	unsigned port;
	enum behaviour behaviour;
	unsigned rcode;
	const char *addr;
	unsigned queries, tcp_queries;
	bool ports[65536]; /* asked from these */
	unsigned n_ports;
	struct message last; /* query */
	struct message answer;
	uint8_t in[4096];
	size_t in_len;
};

static inline void fake_make(struct fakedns *fake, const uint8_t *query, size_t len, bool tcp)
{
	static const uint8_t text[204] = {203};
	struct message *answer = &fake->answer;
	bool edns = dns_get16(query + 10);

	answer_begin(answer, query, fake->behaviour == FAKE_RCODE ? fake->rcode : 0);
	if (fake->behaviour == FAKE_BIG) {
		for (int i = 0; tcp && i < 20; i++)
			put_record(answer, DNS_ANSWER, NULL, DNS_TYPE_TXT, 60, text, sizeof text);
		if (!tcp)
			dns_put16(answer->data + 2, dns_get16(answer->data + 2) | DNS_TC);
	} else if (fake->behaviour == FAKE_BLUE_CNAME) {
		put_alias(answer, "bank.example", DNS_TYPE_CNAME, "evil.example");
	} else if (fake->behaviour == FAKE_RCODE && fake->rcode == DNS_NXDOMAIN) {
		put_soa(answer, "example.org", 60, 30);
	} else if (fake->behaviour == FAKE_PLAIN) {
		struct in_addr in = {inet_addr(fake->addr)};

		memcpy(answer->data + answer->len, query + DNS_HEADER,
		       answer->len - DNS_HEADER - 4);
		answer->len += answer->len - DNS_HEADER - 4;
		put16(answer, DNS_TYPE_A);
		put16(answer, DNS_CLASS_IN);
		put32(answer, 60);
		put16(answer, 4);
		put(answer, &in, 4);
		count(answer, DNS_ANSWER);
	} else if (fake->behaviour != FAKE_RCODE) {
		put_a(answer, NULL, 300, fake->addr);
	}
	if (edns)
		query_edns(answer, 1232, false, NULL, 0);
	if (fake->behaviour == FAKE_LOWER || (fake->behaviour == FAKE_LOWER_UDP && !tcp)) {
		for (uint8_t *p = answer->data + DNS_HEADER; *p; p++)
			*p = (uint8_t)g_ascii_tolower((char)*p);
	} else if (fake->behaviour == FAKE_BARE) {
		memset(answer->data + 4, 0, 8);
		dns_put16(answer->data + 2, dns_get16(answer->data + 2) | fake->rcode);
		answer->len = DNS_HEADER;
	}
}

static inline void fake_udp(struct loop_io *io, uint32_t revents)
{
	struct fakedns *fake = container_of(io, struct fakedns, udp_io);
	struct sockaddr_any from = {.len = sizeof from.storage};
	struct message wrong;
	ssize_t len = recvfrom(fake->udp, fake->last.data, sizeof fake->last.data, 0, &from.sa,
			       &from.len);

	if (len <= 0)
		return;
	fake->last.len = (size_t)len;
	fake->queries++;
	fake->n_ports += !fake->ports[ntohs(from.in.sin_port)];
	fake->ports[ntohs(from.in.sin_port)] = true;
	if (fake->behaviour == FAKE_SILENT)
		return;
	if (fake->behaviour == FAKE_GARBAGE) {
		static const uint8_t garbage[40] = {0xff, 0xff};

		sendto(fake->udp, garbage, 0, 0, &from.sa, from.len);
		sendto(fake->udp, garbage, 5, 0, &from.sa, from.len);
		sendto(fake->udp, garbage, sizeof garbage, 0, &from.sa, from.len);
	}
	fake_make(fake, fake->last.data, fake->last.len, false);
	wrong = fake->answer;
	/* What is forged says 192.0.2.66. */
	memcpy(wrong.data + wrong.len - (dns_get16(wrong.data + 10) ? 15 : 4), "\xc0\0\2\x42", 4);
	if (fake->behaviour == FAKE_WRONG_ID) {
		wrong.data[1] ^= 1;
		sendto(fake->udp, wrong.data, wrong.len, 0, &from.sa, from.len);
	} else if (fake->behaviour == FAKE_WRONG_QUESTION) {
		wrong.data[DNS_HEADER + 1] ^= 1;
		sendto(fake->udp, wrong.data, wrong.len, 0, &from.sa, from.len);
	} else if (fake->behaviour == FAKE_WRONG_PORT) {
		int other = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		sendto(other, wrong.data, wrong.len, 0, &from.sa, from.len);
		close(other);
	}
	sendto(fake->udp, fake->answer.data, fake->answer.len, 0, &from.sa, from.len);
}

static inline void fake_hang_up(struct fakedns *fake)
{
	if (fake->conn < 0)
		return;
	loop_io_remove(&fake->conn_io);
	close(fake->conn);
	fake->conn = -1;
}

static inline void fake_conn(struct loop_io *io, uint32_t revents)
{
	struct fakedns *fake = container_of(io, struct fakedns, conn_io);
	ssize_t n = recv(fake->conn, fake->in + fake->in_len, sizeof fake->in - fake->in_len, 0);
	uint8_t prefix[2];
	size_t len;

	if (n <= 0) {
		fake_hang_up(fake);
		return;
	}
	fake->in_len += (size_t)n;
	while (fake->in_len >= 2 && fake->in_len >= (len = 2u + dns_get16(fake->in))) {
		fake->tcp_queries++;
		if (fake->behaviour != FAKE_SILENT) {
			fake_make(fake, fake->in + 2, len - 2, true);
			dns_put16(prefix, (unsigned)fake->answer.len);
			/* In pieces, as the network may deliver it. */
			ck_assert_int_eq(send(fake->conn, prefix, 1, 0), 1);
			ck_assert_int_eq(send(fake->conn, prefix + 1, 1, 0), 1);
			ck_assert_int_eq(send(fake->conn, fake->answer.data, 3, 0), 3);
			ck_assert_int_eq(
				send(fake->conn, fake->answer.data + 3, fake->answer.len - 3, 0),
				(ssize_t)fake->answer.len - 3);
		}
		fake->in_len -= len;
		memmove(fake->in, fake->in + len, fake->in_len);
	}
}

static inline void fake_accept(struct loop_io *io, uint32_t revents)
{
	struct fakedns *fake = container_of(io, struct fakedns, tcp_io);

	struct sockaddr_any peer = {.len = sizeof peer.storage};

	fake_hang_up(fake);
	fake->in_len = 0;
	fake->conn = accept4(fake->tcp, &peer.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ge(fake->conn, 0);
	loop_io_add(fake->loop, &fake->conn_io, fake->conn, EPOLLIN, fake_conn);
}

/* A port that is free for TCP may be taken for UDP, by another test for example. */
static inline bool fake_bind(struct fakedns *fake, const char *host)
{
	struct sockaddr_any addr;

	ck_assert(sockaddr_inet(&addr, host, "0", NULL));
	fake->tcp = socket_bind(&addr, SOCK_STREAM, NULL);
	ck_assert_int_ge(fake->tcp, 0);
	ck_assert_int_eq(getsockname(fake->tcp, &addr.sa, &addr.len), 0);
	fake->port = ntohs(addr.in.sin_port);
	fake->udp = socket_bind(&addr, SOCK_DGRAM, NULL);
	if (fake->udp < 0)
		close(fake->tcp);
	return fake->udp >= 0;
}

static inline void fake_open(struct fakedns *fake, struct loop *loop, const char *host,
			     enum behaviour behaviour, const char *answer)
{
	bool bound = false;

	memset(fake, 0, sizeof *fake);
	fake->loop = loop;
	fake->behaviour = behaviour;
	fake->addr = answer;
	fake->conn = -1;
	for (int tries = 0; !bound && tries < 20; tries++)
		bound = fake_bind(fake, host);
	ck_assert(bound);
	loop_io_add(loop, &fake->tcp_io, fake->tcp, EPOLLIN, fake_accept);
	loop_io_add(loop, &fake->udp_io, fake->udp, EPOLLIN, fake_udp);
}

static inline void fake_close(struct fakedns *fake)
{
	if (!fake->loop)
		return;
	fake_hang_up(fake);
	loop_io_remove(&fake->tcp_io);
	loop_io_remove(&fake->udp_io);
	close(fake->tcp);
	close(fake->udp);
	fake->loop = NULL;
}

#endif
