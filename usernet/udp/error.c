/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <time.h>

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "packet/icmp_error.h"
#include "packet/ip_header.h"
#include "udp/udp_priv.h"

/*
 * The error queue of a guest's socket (ip(7) IP_RECVERR) holds what the network reports about its
 * datagrams: destination, start of the payload, reporting host and error. The guest gets the same
 * error from the same host, about a packet with the guest's own addresses and ports. Errors of the
 * host's own kernel, or from its loopback, come from the gateway.
 */
#define ERRORS_A_READ 64
#define QUOTE_MAX     1232 /* bytes of payload; an error quotes no more (icmp_error.h) */

union name {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static struct in6_addr addr_of(const union name *name)
{
	return name->sa.sa_family == AF_INET6 ? name->in6.sin6_addr
					      : address_map4(name->in.sin_addr.s_addr);
}

static struct in6_addr gateway_of(const struct udp *udp, bool v6)
{
	return v6 ? udp->env.config->host6 : address_map4(udp->env.config->host.s_addr);
}

/* --- to the guest --- */

static bool may_tell(struct udp *udp)
{
	double since = (double)(udp_now(udp) - udp->error_at);

	udp->error_tokens += since * UDP_ERRORS_RATE / USEC_PER_SEC;
	udp->error_tokens = MIN(udp->error_tokens, UDP_ERRORS_BURST);
	udp->error_at = udp_now(udp);
	if (udp->error_tokens < 1)
		return false;
	udp->error_tokens -= 1;
	return true;
}

static void tell(struct udp *udp, struct icmp_error *error, const uint8_t *ip, size_t len)
{
	uint8_t *frame =
		may_tell(udp) ? outbox_reserve(udp->env.outbox, ICMP_ERROR_FRAME_MAX) : NULL;

	if (!frame)
		return;
	error->eth_src = udp->mac;
	outbox_commit(udp->env.outbox, icmp_error_build(frame, error, ip, len));
}

void udp_tell_expired(struct udp *udp, const struct packet *packet)
{
	struct icmp_error error = {
		.eth_dst = mac_read(packet->frame + MAC_LEN),
		.from = gateway_of(udp, packet->v6),
		.to = packet->src,
		.type = packet->v6 ? (uint8_t)ICMP6_ERROR_TIME_EXCEEDED
				   : (uint8_t)ICMP_ERROR_TIME_EXCEEDED,
	};

	tell(udp, &error, packet->frame + ETH_HEADER, packet->len - ETH_HEADER);
}

struct cause {
	int error;
	uint8_t v4_code, v6_code; /* codes of unreachable: RFC 1812 5.2.7.1, RFC 4443 3.1 */
};

static const struct cause causes[] = {
	{ENETUNREACH, 0, 0}, {ENETDOWN, 0, 0}, {EHOSTUNREACH, 1, 3}, {EHOSTDOWN, 1, 3},
	{EACCES, 13, 1},     {EPERM, 13, 1},   {ECONNREFUSED, 3, 4}, {EADDRNOTAVAIL, 0, 0},
};

static bool describe(struct icmp_error *error, bool v6, int cause, uint32_t mtu)
{
	if (cause == EMSGSIZE) {
		error->type = v6 ? ICMP6_ERROR_TOO_BIG : ICMP_ERROR_UNREACHABLE;
		error->code = v6 ? 0 : ICMP_ERROR_CODE_TOO_BIG;
		error->info = mtu;
		return mtu > 0;
	}
	error->type = v6 ? ICMP6_ERROR_UNREACHABLE : ICMP_ERROR_UNREACHABLE;
	for (unsigned i = 0; i < G_N_ELEMENTS(causes); i++) {
		if (causes[i].error == cause) {
			error->code = v6 ? causes[i].v6_code : causes[i].v4_code;
			return true;
		}
	}
	return false;
}

void udp_tell_errno(struct udp *udp, const struct udp_out *out, int cause, uint32_t mtu)
{
	const uint8_t *ip = out->frame + ETH_HEADER;
	bool v6 = ip[0] >> 4 == 6; /* the client of a forward may be of the other family */
	struct icmp_error error = {
		.eth_dst = mac_read(out->frame + MAC_LEN),
		.from = gateway_of(udp, v6),
	};

	if (v6) {
		memcpy(&error.to, ip + 8, 16);
	} else {
		uint32_t src;

		memcpy(&src, ip + 12, 4);
		error.to = address_map4(src);
	}
	if (describe(&error, v6, cause, mtu))
		tell(udp, &error, ip, out->frame_len - ETH_HEADER);
}

/* --- from the queue --- */

struct report {
	struct sock_extended_err error;
	union name destination;
	struct in6_addr offender;
	uint8_t data[QUOTE_MAX];
	size_t len;
};

static bool read_offender(struct report *report, const struct cmsghdr *c)
{
	union name offender;
	size_t want = c->cmsg_level == IPPROTO_IPV6 ? sizeof(offender.in6) : sizeof(offender.in);

	if (c->cmsg_len < CMSG_LEN(sizeof(report->error) + want))
		return false;
	memcpy(&report->error, CMSG_DATA(c), sizeof(report->error));
	memcpy(&offender, CMSG_DATA(c) + sizeof(report->error), want);
	report->offender = addr_of(&offender);
	return true;
}

/* False: the queue is empty. A report without origin is to be ignored. */
static bool next_report(int fd, struct report *report)
{
	union {
		size_t align; /* as struct cmsghdr */
		char room[512];
	} control;
	struct iovec iov = {report->data, sizeof(report->data)};
	struct msghdr header = {
		.msg_name = &report->destination,
		.msg_namelen = sizeof(report->destination),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	memset(&report->destination, 0, sizeof(report->destination));
	n = recvmsg(fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT);
	if (n < 0)
		return false;
	report->len = (size_t)n;
	report->error = (struct sock_extended_err){.ee_origin = SO_EE_ORIGIN_NONE};
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
		if (((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
		     (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR)) &&
		    !read_offender(report, c))
			report->error.ee_origin = SO_EE_ORIGIN_NONE;
	}
	return true;
}

/* Rebuilds the guest's packet, as far as known, from the IP header on. Returns its length. */
static size_t rebuild(uint8_t *ip, const struct conn *conn, const struct report *report)
{
	bool v6 = !address_is_v4(&conn->key.guest), ping = conn->key.proto != IPPROTO_UDP;
	size_t l4 = ip_header_len(v6), transport = ping ? 0 : 8, len = transport + report->len;
	const struct ip_header quoted = {
		.src = conn->key.guest,
		.dst = conn->key.peer,
		.proto = conn->key.proto,
		.hops = 1,
	};
	uint8_t *header = ip + l4;

	ip_header_put(ip, &quoted, len);
	memcpy(header + transport, report->data, report->len);
	if (!ping) {
		packet_put16(header, conn->key.guest_port);
		packet_put16(header + 2, conn->key.peer_port);
		packet_put16(header + 4, (uint16_t)len);
		packet_put16(header + 6, 0);
	} else if (report->len >= 8) {
		uint16_t from, to;

		memcpy(&from, header + 4, 2);
		packet_put16(header + 4, conn->key.guest_port);
		memcpy(&to, header + 4, 2);
		csum_update16(header + 2, from, to);
	}
	return l4 + len;
}

/* Only errors are passed on (RFC 792, RFC 4443 2.1); a "too big" needs its MTU. */
static bool is_told(const struct sock_extended_err *error, bool v6)
{
	if (v6)
		return error->ee_origin == SO_EE_ORIGIN_ICMP6 && error->ee_type >= 1 &&
		       error->ee_type <= 4;
	return error->ee_origin == SO_EE_ORIGIN_ICMP &&
	       (error->ee_type == 3 || error->ee_type == 11 || error->ee_type == 12);
}

static void forward_report(struct udp_socket *socket, const struct report *report)
{
	struct udp *udp = socket->host.udp;
	bool v6 = !address_is_v4(&socket->key.guest), ping = socket->key.proto != IPPROTO_UDP;
	struct in6_addr destination = addr_of(&report->destination);
	struct conn_key key = {
		.guest = socket->key.guest,
		.peer = udp_shown(udp, &destination),
		.guest_port = socket->key.port,
		.proto = socket->key.proto,
	};
	uint8_t ip[40 + 8 + QUOTE_MAX];
	struct icmp_error error;
	const struct conn *conn;

	if (!is_told(&report->error, v6))
		return;
	if (!ping)
		key.peer_port = ntohs(v6 ? report->destination.in6.sin6_port
					 : report->destination.in.sin_port);
	conn = conn_find(udp->env.conns, &key);
	if (!conn || conn->cut || conn->udp != socket)
		return;
	error = (struct icmp_error){
		.eth_dst = conn->mac,
		.from = udp_shown(udp, &report->offender),
		.to = conn->key.guest,
		.type = report->error.ee_type,
		.code = report->error.ee_code,
		.info = report->error.ee_info,
	};
	/* A router's link-local address would mean another machine on the guest's link. */
	if (v6 && (IN6_IS_ADDR_LINKLOCAL(&error.from) || IN6_IS_ADDR_UNSPECIFIED(&error.from)))
		error.from = gateway_of(udp, true);
	tell(udp, &error, ip, rebuild(ip, conn, report));
}

unsigned udp_read_errors(struct udp_host *host, uint32_t *mtu)
{
	struct report report;
	unsigned n = 0;

	*mtu = 0;
	for (unsigned i = 0; i < ERRORS_A_READ && next_report(host->fd, &report); i++) {
		if (report.error.ee_origin == SO_EE_ORIGIN_LOCAL) {
			if (report.error.ee_errno == EMSGSIZE)
				*mtu = report.error.ee_info;
			continue;
		}
		n++;
		forward_report(container_of(host, struct udp_socket, host), &report);
	}
	return n;
}
