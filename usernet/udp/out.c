/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include "udp/udp_priv.h"

/*
 * What a socket sends in a turn leaves in one sendmmsg. Consecutive datagrams of one length to one
 * destination form one message, which the kernel or the device cuts (UDP_SEGMENT); the last may be
 * shorter. Payload is sent from the guest's frames.
 */
#define MESSAGES      64
#define VECTORS       1024
#define SEGMENTS_MAX  64            /* linux/udp.h UDP_MAX_SEGMENTS */
#define GSO_BYTES_MAX (65535 - 128) /* bytes; headers of any kind count too */

union control {
	size_t align; /* as struct cmsghdr */
	char room[2 * CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint16_t)) +
		  CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

union name {
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct message {
	uint16_t first; /* index into udp::out */
	uint16_t n;     /* datagrams */
};

struct udp_sender {
	struct mmsghdr headers[MESSAGES];
	struct message messages[MESSAGES];
	union name names[MESSAGES];
	union control controls[MESSAGES];
	struct iovec vectors[VECTORS];
	unsigned n_messages, n_vectors;
};

struct udp_sender *udp_sender_new(void)
{
	return g_new0(struct udp_sender, 1);
}

void udp_sender_free(struct udp_sender *sender)
{
	g_free(sender);
}

/* --- one message --- */

static socklen_t put_name(union name *name, const struct udp_out *out)
{
	if (address_is_v4(&out->peer)) {
		name->in = (struct sockaddr_in){.sin_family = AF_INET,
						.sin_port = htons(out->port),
						.sin_addr = address_v4(&out->peer)};
		return sizeof(name->in);
	}
	name->in6 = (struct sockaddr_in6){
		.sin6_family = AF_INET6, .sin6_port = htons(out->port), .sin6_addr = out->peer};
	return sizeof(name->in6);
}

static char *put_control(char *at, int level, int type, const void *value, size_t len)
{
	struct cmsghdr *c = (struct cmsghdr *)(void *)at;

	memset(at, 0, CMSG_SPACE(len));
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), value, len);
	return at + CMSG_SPACE(len);
}

static char *put_local(char *at, const struct udp_out *out)
{
	struct in6_pktinfo info6 = {.ipi6_addr = out->local};
	struct in_pktinfo info = {.ipi_spec_dst = address_v4(&out->local)};

	if (address_is_v4(&out->local))
		return put_control(at, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	if (IN6_IS_ADDR_LINKLOCAL(&out->local))
		info6.ipi6_ifindex = out->scope;
	return put_control(at, IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof(info6));
}

/* Sets what differs from the socket's options. */
static size_t put_controls(union control *control, const struct udp_host *host,
			   const struct udp_out *out, unsigned n)
{
	bool v6 = host->v6;
	int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP, ttl = out->ttl, tos = out->tos;
	uint16_t segment = (uint16_t)out->len;
	char *at = control->room;

	if (out->ttl != host->ttl)
		at = put_control(at, level, v6 ? IPV6_HOPLIMIT : IP_TTL, &ttl, sizeof(ttl));
	if (out->tos != host->tos)
		at = put_control(at, level, v6 ? IPV6_TCLASS : IP_TOS, &tos, sizeof(tos));
	if (!IN6_IS_ADDR_UNSPECIFIED(&out->local))
		at = put_local(at, out);
	if (n > 1)
		at = put_control(at, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	return (size_t)(at - control->room);
}

/* Can @next be part of the message that begins with @first? */
static bool joins(const struct udp_out *first, const struct udp_out *next)
{
	return next->len <= first->len && next->len > 0 && next->port == first->port &&
	       next->ttl == first->ttl && next->tos == first->tos &&
	       next->dont_fragment == first->dont_fragment && next->scope == first->scope &&
	       IN6_ARE_ADDR_EQUAL(&next->peer, &first->peer) &&
	       IN6_ARE_ADDR_EQUAL(&next->local, &first->local);
}

/* Makes a message from entry @at on; returns the entry after it. */
static uint16_t add_message(struct udp_sender *sender, struct udp_host *host, uint16_t at)
{
	const struct udp_out *all = host->udp->out, *first = &all[at], *out = first;
	unsigned i = sender->n_messages++, n = 0;
	struct msghdr *header = &sender->headers[i].msg_hdr;
	bool gso = !host->no_gso && !host->ping && first->len > 0;
	uint32_t bytes = 0;

	sender->messages[i].first = at;
	header->msg_iov = &sender->vectors[sender->n_vectors];
	for (;;) {
		sender->vectors[sender->n_vectors++] = (struct iovec){(void *)out->data, out->len};
		bytes += out->len;
		n++;
		at = out->next;
		if (!gso || out->len < first->len || at == UDP_OUT_NONE || n == SEGMENTS_MAX ||
		    sender->n_vectors == VECTORS || bytes + all[at].len > GSO_BYTES_MAX ||
		    !joins(first, &all[at]))
			break;
		out = &all[at];
	}
	sender->messages[i].n = (uint16_t)n;
	header->msg_iovlen = n;
	header->msg_name = &sender->names[i];
	header->msg_namelen = put_name(&sender->names[i], first);
	header->msg_controllen = put_controls(&sender->controls[i], host, first, n);
	header->msg_control = header->msg_controllen ? &sender->controls[i] : NULL;
	header->msg_flags = 0;
	return at;
}

/* --- errors --- */

static void drop(struct udp *udp, const struct udp_out *out, enum drop_reason why, unsigned n)
{
	struct port *port = udp_port_of(udp, mac_read(out->frame + MAC_LEN));

	port_drop(port ? port : udp->env.outbox->port, why, n);
}

static unsigned count_from(const struct udp_sender *sender, unsigned i)
{
	unsigned n = 0;

	for (; i < sender->n_messages; i++)
		n += sender->messages[i].n;
	return n;
}

enum outcome {
	SENT_AGAIN,   /* try the same again */
	SENT_APART,   /* split into single datagrams, from the failed message on */
	SENT_NOT,     /* skip it */
	SENT_NO_MORE, /* drop it and the rest */
};

static enum outcome on_failure(struct udp_host *host, unsigned i, int error, bool again)
{
	struct udp *udp = host->udp;
	struct message *message = &udp->sender->messages[i];
	const struct udp_out *out = &udp->out[message->first];
	uint32_t mtu = 0;

	/* A send may return the network's error about an earlier datagram, once. */
	if (udp_read_errors(host, &mtu) > 0 && !again)
		return SENT_AGAIN;
	if (message->n > 1 && (error == EIO || error == EINVAL || error == EMSGSIZE)) {
		host->no_gso = true;
		return SENT_APART;
	}
	if (error == EAGAIN || error == ENOBUFS || error == ENOMEM) {
		drop(udp, out, DROP_QUEUE_FULL, count_from(udp->sender, i));
		return SENT_NO_MORE;
	}
	if (!again && (error == ECONNREFUSED || error == EINTR))
		return SENT_AGAIN;
	drop(udp, out, DROP_WRITE_ERROR, message->n);
	udp_tell_errno(udp, out, error, mtu);
	return SENT_NOT;
}

/* Sends all messages. False: rebuild those from *@at on. */
static bool send_messages(struct udp_host *host, uint16_t *at)
{
	struct udp_sender *sender = host->udp->sender;
	unsigned done = 0;
	bool again = false;

	while (done < sender->n_messages) {
		int n = sendmmsg(host->fd, sender->headers + done, sender->n_messages - done,
				 MSG_DONTWAIT | MSG_NOSIGNAL);
		enum outcome outcome;

		if (n > 0) {
			done += (unsigned)n;
			again = false;
			continue;
		}
		outcome = on_failure(host, done, errno, again);
		if (outcome == SENT_APART) {
			*at = sender->messages[done].first;
			return false;
		}
		if (outcome == SENT_NO_MORE)
			break;
		if (outcome == SENT_NOT)
			done++;
		again = outcome == SENT_AGAIN;
	}
	return true;
}

static void match_dont_fragment(struct udp_host *host, bool on)
{
	if (host->dont_fragment != on && udp_host_set_dont_fragment(host->fd, host->v6, on))
		host->dont_fragment = on;
}

void udp_queue(struct udp_host *host, const struct udp_out *out)
{
	struct udp *udp = host->udp;
	uint16_t at;

	if (udp->n_out == UDP_OUT_MAX)
		udp_flush(udp);
	at = (uint16_t)udp->n_out++;
	udp->out[at] = *out;
	if (host->first == UDP_OUT_NONE) {
		host->first = at;
		udp_host_hold(host);
		list_append(&udp->sending, &host->out_link);
	} else {
		udp->out[host->last_out].next = at;
	}
	host->last_out = at;
}

void udp_send_queued(struct udp_host *host)
{
	struct udp_sender *sender = host->udp->sender;
	const struct udp_out *all = host->udp->out;
	uint16_t at = host->first;

	while (at != UDP_OUT_NONE && host->fd >= 0) {
		bool dont_fragment = all[at].dont_fragment;

		match_dont_fragment(host, dont_fragment);
		sender->n_messages = 0;
		sender->n_vectors = 0;
		while (at != UDP_OUT_NONE && sender->n_messages < MESSAGES &&
		       sender->n_vectors < VECTORS && all[at].dont_fragment == dont_fragment)
			at = add_message(sender, host, at);
		send_messages(host, &at);
	}
	/* The socket was closed after they were queued. */
	for (; at != UDP_OUT_NONE; at = all[at].next)
		drop(host->udp, &all[at], DROP_BUDGET, 1);
	host->first = UDP_OUT_NONE;
	host->last_out = UDP_OUT_NONE;
}
