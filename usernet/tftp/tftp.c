/* SPDX-License-Identifier: BSD-3-Clause */
#include "tftp/tftp.h"

#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "packet/udp.h"
#include "tftp/content.h"
#include "tftp/folder.h"
#include "tftp/message.h"

/*
 * A transfer: the request is answered with an OACK if some of its options are granted, else with
 * the first window. A window is the next `window` blocks after the last acknowledged one. An ACK
 * within it moves it on; to repeat it, it is read from the file again, so only its start is stored.
 *
 *     request ──► GREETED ──ACK 0──► SENDING ──last ACK──► OVER ──LINGER──► FREE
 *        └─────── no options ────────────▲  └─ ERROR, TRIES ─▲
 *
 * Block numbers have 16 bits on the wire and restart at 0 after 65535; here they count on.
 */
enum state { FREE, GREETED, SENDING, OVER };

/*
 * A repeated ACK before the window resends it, but not more often than this: copies may be under
 * way (RFC 1123 4.2.3.1).
 */
#define REPEAT_MIN (50 * USEC_PER_MSEC)

struct transfer {
	enum state state;
	struct udp_address to;
	unsigned port_id;
	uint64_t request; /* hash of the request */
	int fd;
	bool netascii;
	struct tftp_grant grant; /* the OACK's content */
	unsigned block_size, window;
	uint64_t acked;          /* the last acknowledged block; 0: none */
	struct tftp_cursor base; /* the file position after it */
	unsigned in_flight;      /* blocks sent after it */
	bool last;               /* the last of these ends the file */
	bool behind;             /* it was sent this turn, and has moved on since */
	unsigned tries;
	usec_t heard, sent, due;
};

struct tftp {
	struct folder *folder;
	struct outbox *outbox;
	unsigned mtu;
	unsigned n_known; /* transfers not FREE */
	struct transfer transfers[TFTP_MAX];
	uint8_t message[TFTP_HEADER + TFTP_BLOCK_MAX];
};

/* A request and where its answer goes. */
struct asked {
	struct port *from;
	mac_t mac;
	const struct packet *packet;
	usec_t now;
	struct udp_address to; /* sport is chosen later */
	struct tftp_request request;
};

struct tftp *tftp_new(const char *dir, unsigned mtu, struct outbox *outbox, GError **error)
{
	struct folder *folder = folder_open("tftp", dir, error);
	struct tftp *tftp;

	if (!folder)
		return NULL;
	tftp = g_new0(struct tftp, 1);
	tftp->folder = folder;
	tftp->mtu = mtu;
	tftp->outbox = outbox;
	return tftp;
}

static bool is_under_way(const struct transfer *transfer)
{
	return transfer->state == GREETED || transfer->state == SENDING;
}

void tftp_free(struct tftp *tftp)
{
	if (!tftp)
		return;
	for (unsigned i = 0; i < TFTP_MAX; i++) {
		if (is_under_way(&tftp->transfers[i]))
			close(tftp->transfers[i].fd);
	}
	folder_close(tftp->folder);
	g_free(tftp);
}

/* --- the table --- */

static struct transfer *find(const struct tftp *tftp, const struct packet *packet,
			     uint16_t own_port)
{
	for (unsigned i = 0; i < TFTP_MAX; i++) {
		const struct transfer *t = &tftp->transfers[i];

		if (t->state != FREE && t->to.dport == packet->sport && t->to.sport == own_port &&
		    IN6_ARE_ADDR_EQUAL(&t->to.dst, &packet->src) &&
		    IN6_ARE_ADDR_EQUAL(&t->to.src, &packet->dst))
			return (struct transfer *)t;
	}
	return NULL;
}

bool tftp_takes(const struct tftp *tftp, const struct packet *packet)
{
	if (packet->dport == TFTP_PORT)
		return true;
	return tftp->n_known && packet->dport >= TFTP_TRANSFER_PORT &&
	       find(tftp, packet, packet->dport);
}

static void end(struct transfer *transfer, usec_t now)
{
	if (is_under_way(transfer))
		close(transfer->fd);
	transfer->state = OVER;
	transfer->due = now + TFTP_LINGER;
}

static void forget(struct tftp *tftp, struct transfer *transfer)
{
	if (is_under_way(transfer))
		close(transfer->fd);
	transfer->state = FREE;
	tftp->n_known--;
}

/* Of the transfers of @port_id (0: all) under way, the one quiet for longest, or NULL. */
static struct transfer *quietest(struct tftp *tftp, unsigned port_id, usec_t now)
{
	struct transfer *found = NULL;

	for (unsigned i = 0; i < TFTP_MAX; i++) {
		struct transfer *t = &tftp->transfers[i];

		if (is_under_way(t) && (!port_id || t->port_id == port_id) &&
		    now - t->heard >= TFTP_QUIET && (!found || t->heard < found->heard))
			found = t;
	}
	return found;
}

/* A free place for a transfer of @port_id, NULL: the port's or the total bound is reached. */
static struct transfer *take_place(struct tftp *tftp, unsigned port_id, usec_t now)
{
	struct transfer *free = NULL, *over = NULL, *found;
	unsigned n = 0;

	for (unsigned i = 0; i < TFTP_MAX; i++) {
		struct transfer *t = &tftp->transfers[i];

		n += is_under_way(t) && t->port_id == port_id;
		if (t->state == FREE)
			free = t;
		else if (t->state == OVER && (!over || t->due < over->due))
			over = t;
	}
	if (n >= TFTP_MAX_PER_PORT)
		found = quietest(tftp, port_id, now);
	else if (free || over)
		found = free ? free : over;
	else
		found = quietest(tftp, 0, now);
	if (found && found->state != FREE)
		forget(tftp, found);
	return found;
}

/* --- sending --- */

static void send_message(struct tftp *tftp, const struct udp_address *to, size_t len)
{
	udp_send(tftp->outbox, to, tftp->message, len, tftp->mtu);
}

static void send_error(struct tftp *tftp, const struct udp_address *to, enum tftp_error code,
		       const char *why)
{
	send_message(tftp, to, tftp_write_error(tftp->message, code, why));
}

static void send_window(struct tftp *tftp, struct transfer *t, usec_t now)
{
	struct tftp_cursor cursor = t->base;

	t->in_flight = 0;
	t->last = false;
	t->behind = false;
	t->sent = now;
	while (t->in_flight < t->window && !t->last) {
		ssize_t n = tftp_content_read(t->fd, t->netascii, &cursor,
					      tftp->message + TFTP_HEADER, t->block_size);

		if (n < 0) {
			log_debug("tftp: cannot read on: %s", g_strerror(errno));
			send_error(tftp, &t->to, TFTP_ERROR_OTHER, "Cannot read the file");
			end(t, now);
			return;
		}
		t->in_flight++;
		t->last = (size_t)n < t->block_size;
		packet_put16(packet_put16(tftp->message, TFTP_DATA),
			     (uint16_t)(t->acked + t->in_flight));
		send_message(tftp, &t->to, TFTP_HEADER + (size_t)n);
	}
}

static usec_t patience(const struct transfer *t)
{
	usec_t wait = TFTP_RETRY << MIN(t->tries, 3);

	return t->grant.timeout ? t->grant.timeout * USEC_PER_SEC : MIN(wait, TFTP_RETRY_MAX);
}

/* Sends the OACK or the window, for the first time or again. */
static void send_state(struct tftp *tftp, struct transfer *t, usec_t now)
{
	if (t->state == GREETED)
		send_message(tftp, &t->to, tftp_write_oack(tftp->message, &t->grant));
	else
		send_window(tftp, t, now);
	if (is_under_way(t))
		t->due = now + patience(t);
}

/* --- requests --- */

static struct udp_address answer_to(const struct packet *packet, mac_t mac)
{
	return (struct udp_address){
		.eth_src = mac_read(packet->frame),
		.eth_dst = mac,
		.src = packet->dst,
		.dst = packet->src,
		.sport = packet->dport,
		.dport = packet->sport,
	};
}

static uint16_t choose_port(const struct tftp *tftp, const struct packet *packet)
{
	uint16_t port;

	do
		port = (uint16_t)(TFTP_TRANSFER_PORT + g_random_int() % TFTP_TRANSFER_PORTS);
	while (find(tftp, packet, port));
	return port;
}

static void refuse(struct tftp *tftp, struct asked *asked, enum tftp_error code, const char *why)
{
	log_debug("tftp: " MAC_FMT ": '%s': %s", MAC_ARGS(asked->mac), asked->request.name, why);
	asked->to.sport = choose_port(tftp, asked->packet);
	send_error(tftp, &asked->to, code, why);
}

/* Chooses the options to grant, so that blocks fit into packets. */
static void grant(const struct tftp *tftp, struct transfer *t, const struct tftp_request *request,
		  uint64_t size)
{
	size_t headers = udp_headers_len(udp_is_v6(&t->to)) - ETH_HEADER + TFTP_HEADER;
	unsigned largest = CLAMP(tftp->mtu - (unsigned)headers, TFTP_BLOCK_MIN, TFTP_BLOCK_MAX);

	t->grant = (struct tftp_grant){
		.block_size = MIN(request->block_size, largest),
		.timeout = request->timeout,
		.window = MIN(request->window, TFTP_WINDOW_MAX),
		/* The netascii length is unknown before the file is read. */
		.says_size = request->wants_size && !t->netascii,
		.size = size,
	};
	t->block_size = t->grant.block_size ? t->grant.block_size : TFTP_BLOCK_DEFAULT;
	t->window = t->grant.window ? t->grant.window : 1;
}

/* A repeated request: its answer was lost. A different one starts anew. */
static bool is_repeated(struct tftp *tftp, const struct asked *asked, uint64_t hash)
{
	for (unsigned i = 0; i < TFTP_MAX; i++) {
		struct transfer *t = &tftp->transfers[i];

		if (!is_under_way(t) || t->to.dport != asked->packet->sport ||
		    !IN6_ARE_ADDR_EQUAL(&t->to.dst, &asked->packet->src) ||
		    !IN6_ARE_ADDR_EQUAL(&t->to.src, &asked->packet->dst))
			continue;
		if (t->request == hash && t->acked == 0) {
			send_state(tftp, t, asked->now);
			return true;
		}
		end(t, asked->now);
	}
	return false;
}

static void begin(struct tftp *tftp, struct asked *asked, uint64_t hash)
{
	const struct tftp_request *request = &asked->request;
	const struct packet *packet = asked->packet;
	enum tftp_error code;
	const char *why;
	uint64_t size;
	struct transfer *t;
	int fd = tftp_open_file(tftp->folder, request->name, &size, &code, &why);

	if (fd < 0) {
		refuse(tftp, asked, code, why);
		return;
	}
	t = take_place(tftp, asked->from->id, asked->now);
	if (!t) {
		close(fd);
		port_drop(asked->from, DROP_BUDGET, 1);
		return;
	}
	asked->to.sport = choose_port(tftp, packet);
	*t = (struct transfer){
		.to = asked->to,
		.port_id = asked->from->id,
		.request = hash,
		.fd = fd,
		.netascii = request->mode == TFTP_NETASCII,
		.heard = asked->now,
	};
	grant(tftp, t, request, size);
	tftp->n_known++;
	t->state = t->grant.block_size || t->grant.timeout || t->grant.window || t->grant.says_size
			   ? GREETED
			   : SENDING;
	log_debug("tftp: " MAC_FMT " reads '%s', %" G_GUINT64_FORMAT " bytes", MAC_ARGS(asked->mac),
		  request->name, size);
	send_state(tftp, t, asked->now);
}

static void on_request(struct tftp *tftp, struct asked *asked)
{
	const uint8_t *message = asked->packet->frame + asked->packet->payload;
	size_t len = asked->packet->len - asked->packet->payload;
	uint64_t hash = hash_bytes(hash_seed(), message, len);
	unsigned op = len >= 2 ? packet_u16(message) : 0;

	if (op == TFTP_ERROR || op == 0 || asked->packet->sport == 0) {
		port_drop(asked->from, DROP_MALFORMED, 1); /* never answer an error */
		return;
	}
	if ((op != TFTP_RRQ && op != TFTP_WRQ) ||
	    !tftp_request_parse(&asked->request, message + 2, len - 2)) {
		port_drop(asked->from, DROP_MALFORMED, 1);
		refuse(tftp, asked, TFTP_ERROR_ILLEGAL, "Illegal operation: not a request");
	} else if (op == TFTP_WRQ) {
		refuse(tftp, asked, TFTP_ERROR_ACCESS,
		       "Access violation: this server is read-only");
	} else if (asked->request.mode == TFTP_UNKNOWN_MODE) {
		refuse(tftp, asked, TFTP_ERROR_ILLEGAL,
		       "Illegal operation: the mode must be octet or netascii");
	} else if (!is_repeated(tftp, asked, hash)) {
		begin(tftp, asked, hash);
	}
}

/* --- transfers --- */

/* Advances the start of the window by @n blocks. False: the file cannot be read. */
static bool move_base(struct tftp *tftp, struct transfer *t, unsigned n)
{
	t->acked += n;
	t->in_flight -= n;
	if (!t->netascii) {
		t->base.at += (off_t)n * t->block_size;
		return true;
	}
	for (unsigned i = 0; i < n; i++) {
		if (tftp_content_read(t->fd, true, &t->base, tftp->message, t->block_size) < 0)
			return false;
	}
	return true;
}

static void on_ack(struct tftp *tftp, struct transfer *t, uint16_t block, usec_t now)
{
	unsigned n = (uint16_t)(block - (uint16_t)t->acked);
	bool greeted = t->state == GREETED;

	if (greeted) {
		if (block != 0)
			return;
		t->state = SENDING;
	} else if (n == 0) {
		/* With one block at a time, answering each copy would double all later ones. */
		if (t->window == 1 || now - t->sent < REPEAT_MIN)
			return;
	} else if (n > t->in_flight) {
		return;
	} else if (n == t->in_flight && t->last) {
		end(t, now);
		return;
	} else if (!move_base(tftp, t, n)) {
		end(t, now);
		return;
	}
	/* A repeated ACK moves nothing on: the transfer counts as quiet. */
	if (n || greeted) {
		t->heard = now;
		t->tries = 0;
	}
	/* A turn sends one window of it: each of many ACKs would ask for another. */
	if (!greeted && t->sent == now) {
		t->behind = true;
		t->due = now;
		return;
	}
	send_state(tftp, t, now);
}

static void on_transfer(struct tftp *tftp, struct port *from, struct transfer *t,
			const struct packet *packet, usec_t now)
{
	const uint8_t *message = packet->frame + packet->payload;
	size_t len = packet->len - packet->payload;

	if (len < TFTP_HEADER) {
		port_drop(from, DROP_MALFORMED, 1);
		return;
	}
	if (!is_under_way(t))
		return;
	switch (packet_u16(message)) {
	case TFTP_ACK:
		on_ack(tftp, t, packet_u16(message + 2), now);
		break;
	case TFTP_ERROR:
		end(t, now);
		break;
	default:
		port_drop(from, DROP_MALFORMED, 1);
		send_error(tftp, &t->to, TFTP_ERROR_ILLEGAL, "Illegal operation: expected an ACK");
		end(t, now);
		break;
	}
}

void tftp_input(struct tftp *tftp, struct port *from, mac_t mac, const struct packet *packet,
		usec_t now)
{
	struct transfer *transfer;
	struct asked asked;

	if (packet->dport != TFTP_PORT) {
		transfer = find(tftp, packet, packet->dport);
		if (transfer)
			on_transfer(tftp, from, transfer, packet, now);
		return;
	}
	asked.from = from;
	asked.mac = mac;
	asked.packet = packet;
	asked.now = now;
	asked.to = answer_to(packet, mac);
	asked.request.name[0] = '\0';
	on_request(tftp, &asked);
}

void tftp_run(struct tftp *tftp, usec_t now)
{
	for (unsigned i = 0; i < TFTP_MAX; i++) {
		struct transfer *t = &tftp->transfers[i];

		if (t->state == FREE || t->due > now)
			continue;
		if (t->state == OVER) {
			forget(tftp, t);
		} else if (t->behind) {
			send_state(tftp, t, now);
		} else if (++t->tries >= TFTP_TRIES) {
			log_debug("tftp: " MAC_FMT " does not answer; its transfer ends",
				  MAC_ARGS(t->to.eth_dst));
			end(t, now);
		} else {
			send_state(tftp, t, now);
		}
	}
}

usec_t tftp_next(const struct tftp *tftp)
{
	usec_t next = INT64_MAX;

	for (unsigned i = 0; i < TFTP_MAX && tftp->n_known; i++) {
		if (tftp->transfers[i].state != FREE)
			next = MIN(next, tftp->transfers[i].due);
	}
	return next;
}

void tftp_port_gone(struct tftp *tftp, unsigned port_id)
{
	for (unsigned i = 0; i < TFTP_MAX; i++) {
		struct transfer *t = &tftp->transfers[i];

		if (t->state != FREE && t->port_id == port_id)
			forget(tftp, t);
	}
}

unsigned tftp_transfers(const struct tftp *tftp)
{
	unsigned n = 0;

	for (unsigned i = 0; i < TFTP_MAX; i++)
		n += is_under_way(&tftp->transfers[i]);
	return n;
}
