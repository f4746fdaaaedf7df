/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <glib.h>
#include <linux/errqueue.h>
#include <sys/socket.h>

#include "packet/icmp_error.h"
#include "tcp/conn.h"

/*
 * What a guest is told when the host cannot connect: a refusal becomes a RST; an unreachable
 * destination an ICMP error with the code and, if the kernel knows it, the address of the router
 * that sent it.
 */
#define CODE4_NET   0 /* RFC 792 */
#define CODE4_HOST  1
#define CODE4_ADMIN 13 /* RFC 1812 5.2.7.1 */
#define CODE6_ROUTE 0  /* RFC 4443 3.1 */
#define CODE6_ADMIN 1
#define CODE6_ADDR  3

/* -1: none; a RST is sent. */
static int unreachable_code(int error, bool v6)
{
	switch (error) {
	case ENETUNREACH:
		return v6 ? CODE6_ROUTE : CODE4_NET;
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ETIMEDOUT:
		return v6 ? CODE6_ADDR : CODE4_HOST;
	case EACCES:
	case EPERM:
		return v6 ? CODE6_ADMIN : CODE4_ADMIN;
	default:
		return -1;
	}
}

static bool offender_address(const struct sock_extended_err *err, bool v6, struct in6_addr *out)
{
	const void *offender = SO_EE_OFFENDER(err);
	const struct sockaddr *sa = offender;
	const struct sockaddr_in *in = offender;
	const struct sockaddr_in6 *in6 = offender;

	if (v6 && err->ee_origin == SO_EE_ORIGIN_ICMP6 && sa->sa_family == AF_INET6)
		*out = in6->sin6_addr;
	else if (!v6 && err->ee_origin == SO_EE_ORIGIN_ICMP && sa->sa_family == AF_INET)
		*out = address_map4(in->sin_addr.s_addr);
	else
		return false;
	return true;
}

static bool is_loopback(const struct in6_addr *addr)
{
	return IN6_IS_ADDR_LOOPBACK(addr) || (address_is_v4(addr) && addr->s6_addr[12] == 127);
}

static void take_kind(struct icmp_error *error, const struct sock_extended_err *err, bool v6)
{
	uint8_t expired = v6 ? ICMP6_ERROR_TIME_EXCEEDED : ICMP_ERROR_TIME_EXCEEDED;

	if (err->ee_type != error->type && err->ee_type != expired)
		return;
	error->type = err->ee_type;
	error->code = err->ee_code;
}

/* If an ICMP error ended the connect: its sender, and its type and code as far as they are ours. */
static void read_offender(int fd, bool v6, struct icmp_error *error)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[512];
	} control;
	struct msghdr message = {.msg_control = &control, .msg_controllen = sizeof(control)};
	struct in6_addr from;

	if (fd < 0 || recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
		struct sock_extended_err err;

		if (c->cmsg_type != (v6 ? IPV6_RECVERR : IP_RECVERR) ||
		    c->cmsg_len < CMSG_LEN(sizeof(err) + sizeof(struct sockaddr_in)))
			continue;
		memcpy(&err, CMSG_DATA(c), sizeof(err));
		if (!offender_address((const void *)CMSG_DATA(c), v6, &from))
			continue;
		take_kind(error, &err, v6);
		if (!is_loopback(&from)) /* that is the gateway to a guest */
			error->from = from;
		return;
	}
}

/* The guest's SYN, rebuilt as far as an ICMP error must quote it. */
static size_t build_syn(const struct tcp_conn *c, uint8_t *ip)
{
	const struct conn_key *key = &c->conn->key;
	size_t ip_len = c->v6 ? 40 : 20;
	struct in_addr src = address_v4(&key->guest), dst = address_v4(&key->peer);
	uint8_t *tcp = ip + ip_len;

	memcpy(ip, c->head + ETH_HEADER, ip_len);
	memset(tcp, 0, TCP_HEADER);
	if (c->v6) {
		packet_put16(ip + 4, TCP_HEADER);
		memcpy(ip + 8, &key->guest, 16);
		memcpy(ip + 24, &key->peer, 16);
	} else {
		packet_put16(ip + 2, (uint16_t)(ip_len + TCP_HEADER));
		memcpy(ip + 12, &src, 4);
		memcpy(ip + 16, &dst, 4);
	}
	packet_put16(tcp, key->guest_port);
	packet_put16(tcp + 2, key->peer_port);
	packet_put32(tcp + 4, c->irs);
	tcp[12] = TCP_HEADER / 4 << 4;
	tcp[13] = TCP_FLAG_SYN;
	return ip_len + TCP_HEADER;
}

static void send_unreachable(struct tcp_conn *c, uint8_t code)
{
	const struct user_config *config = c->tcp->env.config;
	struct outbox *outbox = c->tcp->env.outbox;
	struct icmp_error error = {
		.eth_src = user_config_mac(config),
		.eth_dst = c->conn->mac,
		.from = c->v6 ? config->host6 : address_map4(config->host.s_addr),
		.to = c->conn->key.guest,
		.type = c->v6 ? ICMP6_ERROR_UNREACHABLE : ICMP_ERROR_UNREACHABLE,
		.code = code,
	};
	uint8_t ip[40 + TCP_HEADER], *frame = outbox_reserve(outbox, ICMP_ERROR_FRAME_MAX);
	size_t len = build_syn(c, ip);

	read_offender(c->io.loop ? c->io.fd : -1, c->v6, &error);
	if (!frame)
		return;
	outbox_commit(outbox, icmp_error_build(frame, &error, ip, len));
	loop_task_defer(c->tcp->env.service);
}

void refuse(struct tcp_conn *c, int error)
{
	int code = unreachable_code(error, c->v6);

	if (code >= 0)
		send_unreachable(c, (uint8_t)code);
	/* A time-out gets both: some stacks ignore ICMP. */
	if (code < 0 || error == ETIMEDOUT)
		emit_reset(c, 0, true);
}
