/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_DNS_CHANNEL_PRIV_H
#define USERNET_DNS_CHANNEL_PRIV_H

#include <glib.h>

#include "base/list.h"
#include "dns/channel.h"

/*
 * Shared by the files of a channel:
 *
 *     channel.c          attempts: sent, matched with answers, ended
 *     channel_udp.c      the sockets
 *     channel_stream.c   the TCP connection
 */
struct channel_socket;

struct dns_attempt {
	struct dns_channel *channel;
	struct dns_attempt *next;      // dns_channel::by_id
	struct list link;              // channel_socket::attempts, or channel_stream::attempts
	struct channel_socket *socket; /* NULL: by TCP */
	dns_answer_fn answer;
	void *data;
	bool repeated; /* its connection ended, and it was sent again on another */
	uint16_t id;
	size_t question_end, len;
	uint8_t query[]; /* as sent */
};

struct channel_socket {
	struct dns_channel *channel;
	struct list link; // dns_channel::retired, detached while it is in dns_channel::sockets
	struct loop_io io;
	struct list attempts; /* heads dns_attempt::link */
	unsigned uses;
	bool refused; /* the server's port is closed: its attempts must end */
};

struct channel_stream {
	struct loop_io io;
	int fd;               /* -1: none */
	struct list attempts; /* heads dns_attempt::link */
	unsigned n_attempts;
	bool answers;    /* the server has answered on this connection */
	GByteArray *in;  /* an incomplete answer */
	GByteArray *out; /* queries with their lengths */
	size_t sent;     /* bytes of out */
	struct loop_timer stall;
};

#define CHANNEL_BUCKETS 1024

/* Does the server keep the case of letters? */
enum channel_case { CASE_UNKNOWN, CASE_KEPT, CASE_LOST };

struct dns_channel {
	struct loop *loop;
	struct sockaddr_any server;
	struct dns_attempt *by_id[CHANNEL_BUCKETS]; /* chains: dns_attempt::next */
	unsigned n_attempts;
	enum channel_case letters;
	struct channel_socket *sockets[DNS_CHANNEL_SOCKETS]; /* NULL: not open */
	struct list retired; /* heads channel_socket::link; sockets waiting for late answers */
	unsigned n_retired;
	struct loop_task reap;  /* frees retired sockets */
	struct loop_timer idle; /* closes unused sockets */
	usec_t used;
	struct channel_stream stream;
	uint8_t random[256];
	unsigned n_random; /* bytes left in random */
};

/* --- channel.c --- */

uint8_t channel_random(struct dns_channel *channel);
/*
 * A message came from @socket, or by TCP (NULL). @cut: it was longer than @len. May end its
 * attempt.
 */
void channel_received(struct dns_channel *channel, const struct channel_socket *socket,
		      uint8_t *message, size_t len, bool cut);
/* Ends all attempts on @list without an answer. */
void channel_fail(struct list *list);

/* --- channel_udp.c --- */

/* False: no socket could be opened, or the kernel refuses: the server is unreachable. */
bool channel_udp_send(struct dns_channel *channel, struct dns_attempt *attempt);
/* Closes all sockets; their attempts must have ended. */
void channel_udp_close(struct dns_channel *channel);
void channel_udp_reap(struct loop_task *task);

/* --- channel_stream.c --- */

void channel_stream_init(struct dns_channel *channel);
/* False: no connection, or it has too many queries under way. */
bool channel_stream_send(struct dns_channel *channel, struct dns_attempt *attempt);
/* Its attempts stay on its list. */
void channel_stream_close(struct channel_stream *stream);

#endif
