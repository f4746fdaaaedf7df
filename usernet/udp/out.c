/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include "udp/udp_priv.h"

/*
 * What a socket sends in a turn leaves in one sendmmsg. Datagrams of one length to one destination,
 * in a row, are one message of it, cut by the kernel or the device (UDP_SEGMENT): the last may be
 * shorter. Payload is sent from where the guest's frames lie.
 */
#define MESSAGES      64
#define VECTORS       1024
#define SEGMENTS_MAX  64            /* linux/udp.h UDP_MAX_SEGMENTS */
#define GSO_BYTES_MAX (65535 - 128) /* headers of any kind are counted too */

union control {
	size_t align; /* as struct cmsghdr */
	char room[2 * CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint16_t))];
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

/* What the socket is not set to. */
static size_t put_controls(union control *control, const struct udp_socket *socket,
			   const struct udp_out *out, unsigned n)
{
	bool v6 = !address_is_v4(&socket->key.guest);
	int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP, ttl = out->ttl, tos = out->tos;
	uint16_t segment = (uint16_t)out->len;
	char *at = control->room;

	if (out->ttl != socket->ttl)
		at = put_control(at, level, v6 ? IPV6_HOPLIMIT : IP_TTL, &ttl, sizeof(ttl));
	if (out->tos != socket->tos)
		at = put_control(at, level, v6 ? IPV6_TCLASS : IP_TOS, &tos, sizeof(tos));
	if (n > 1)
		at = put_control(at, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	return (size_t)(at - control->room);
}

/* May @next go in the message that @first began? */
static bool joins(const struct udp_out *first, const struct udp_out *next)
{
	return next->len <= first->len && next->len > 0 && next->port == first->port &&
	       next->ttl == first->ttl && next->tos == first->tos &&
	       IN6_ARE_ADDR_EQUAL(&next->peer, &first->peer);
}

/* Makes a message of what stands at @at; returns what stands behind it. */
static uint16_t add_message(struct udp_sender *sender, struct udp_socket *socket, uint16_t at)
{
	const struct udp_out *all = socket->udp->out, *first = &all[at], *out = first;
	unsigned i = sender->n_messages++, n = 0;
	struct msghdr *header = &sender->headers[i].msg_hdr;
	bool gso = !socket->no_gso && socket->key.proto == IPPROTO_UDP && first->len > 0;
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
		    !joins(first, &all[at]) || all[at].dont_fragment != first->dont_fragment)
			break;
		out = &all[at];
	}
	sender->messages[i].n = (uint16_t)n;
	header->msg_iovlen = n;
	header->msg_name = &sender->names[i];
	header->msg_namelen = put_name(&sender->names[i], first);
	header->msg_controllen = put_controls(&sender->controls[i], socket, first, n);
	header->msg_control = header->msg_controllen ? &sender->controls[i] : NULL;
	header->msg_flags = 0;
	return at;
}

/* --- what goes wrong --- */

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
	SENT_AGAIN,   /* try the same once more */
	SENT_APART,   /* make messages of one datagram each, from the failed one on */
	SENT_NOT,     /* go on behind it */
	SENT_NO_MORE, /* drop it and what follows */
};

static enum outcome on_failure(struct udp_socket *socket, unsigned i, int error, bool again)
{
	struct udp *udp = socket->udp;
	struct message *message = &udp->sender->messages[i];
	const struct udp_out *out = &udp->out[message->first];
	uint32_t mtu = 0;

	/* An error that the network reported about an earlier datagram is told here once. */
	if (udp_read_errors(socket, &mtu) > 0 && !again)
		return SENT_AGAIN;
	if (message->n > 1 && (error == EIO || error == EINVAL || error == EMSGSIZE)) {
		socket->no_gso = true;
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

/* Sends all messages. False: those from *@at on are to be made anew. */
static bool send_messages(struct udp_socket *socket, uint16_t *at)
{
	struct udp_sender *sender = socket->udp->sender;
	unsigned done = 0;
	bool again = false;

	while (done < sender->n_messages) {
		int n = sendmmsg(socket->fd, sender->headers + done, sender->n_messages - done,
				 MSG_DONTWAIT | MSG_NOSIGNAL);
		enum outcome outcome;

		if (n > 0) {
			done += (unsigned)n;
			again = false;
			continue;
		}
		outcome = on_failure(socket, done, errno, again);
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

static void match_dont_fragment(struct udp_socket *socket, bool on)
{
	if (socket->dont_fragment != on &&
	    udp_host_set_dont_fragment(socket->fd, !address_is_v4(&socket->key.guest), on))
		socket->dont_fragment = on;
}

void udp_send_queued(struct udp_socket *socket)
{
	struct udp_sender *sender = socket->udp->sender;
	const struct udp_out *all = socket->udp->out;
	uint16_t at = socket->first;

	while (at != UDP_OUT_NONE && socket->fd >= 0) {
		bool dont_fragment = all[at].dont_fragment;

		match_dont_fragment(socket, dont_fragment);
		sender->n_messages = 0;
		sender->n_vectors = 0;
		while (at != UDP_OUT_NONE && sender->n_messages < MESSAGES &&
		       sender->n_vectors < VECTORS && all[at].dont_fragment == dont_fragment)
			at = add_message(sender, socket, at);
		send_messages(socket, &at);
	}
	socket->first = UDP_OUT_NONE;
	socket->last = UDP_OUT_NONE;
}
