/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_UDP_UDP_PRIV_H
#define USERNET_UDP_UDP_PRIV_H

#include "conntrack/charge.h"
#include "net/network.h"
#include "net/outbox.h"
#include "net/user_config.h"
#include "udp/receive.h"
#include "udp/udp.h"

/*
 * What the files of the room share:
 *
 *     udp.c         its life, what comes from guests, the turn
 *     mapping.c     the sockets: who has which, what they are charged to, who gives way
 *     hostsocket.c  opening them
 *     out.c         from guests to sockets
 *     in.c          from sockets to guests
 *     error.c       the error queue, and what guests are told
 *     receive.c     reading datagrams in batches, and making frames of them
 */
struct udp_share;

/* Compared and hashed as bytes: zero to begin with. */
struct udp_key {
	struct in6_addr guest; /* IPv4 is v4-mapped */
	uint16_t port;         /* of pings the identifier */
	uint8_t proto;         /* IPPROTO_UDP, _ICMP, _ICMPV6 */
	uint8_t zero;
};

/*
 * A socket of the host: all that a guest's address and port sends and receives. It is there for as
 * long as conns have it. When descriptors are short the longest silent one is closed; it is opened
 * again, at another port of the host, when the guest next sends.
 */
struct udp_socket {
	struct udp_key key;
	struct udp *udp;
	struct udp_share *share; /* who is charged */
	unsigned refs;           /* conns, and one of udp::sending and while it is read */
	int fd;                  /* -1: closed, see above */
	struct loop_io io;
	mac_t mac;            /* of the guest, when it last sent */
	bool failed;          /* EPOLLERR */
	bool no_gso;          /* the route or the device takes no UDP_SEGMENT */
	bool dont_fragment;   /* as the kernel has been told */
	uint8_t ttl, tos;     /* the same */
	uint16_t first, last; /* what is to be sent: indices into udp::out */
	struct udp_pace pace;
	struct list link;       // udp_share::sockets
	struct list ready_link; // udp::ready or udp::parked
	struct list out_link;   // udp::sending
};

/* What one port's guests have. */
struct udp_share {
	struct charge *charge; /* a reference */
	struct list sockets;   /* heads udp_socket::link, open ones, the longest silent first */
	unsigned n;            /* open ones */
	unsigned n_all;
};

#define UDP_OUT_MAX  1024 /* datagrams; when there are more they are sent within the turn */
#define UDP_OUT_NONE UINT16_MAX

/* A datagram or echo request from a guest, on its way out. */
struct udp_out {
	const uint8_t *frame, *data; /* borrowed */
	uint32_t frame_len, len;
	struct in6_addr peer; /* as the host sees it */
	uint16_t port;
	uint16_t next; /* of the same socket */
	uint8_t ttl, tos;
	bool dont_fragment;
};

struct udp_sender;

struct udp {
	struct udp_env env;
	mac_t mac;           /* the gateway's */
	GHashTable *sockets; /* struct udp_key -> struct udp_socket */
	GHashTable *shares;  /* struct charge -> struct udp_share */
	unsigned n_open;     /* sockets with a descriptor */
	uint64_t n_evicted;
	struct list sending; /* heads udp_socket::out_link */
	struct list ready;   /* heads udp_socket::ready_link: to be read */
	struct list parked;  /* heads udp_socket::ready_link: their guests' ports are congested */
	struct loop_timer retry;
	struct udp_sender *sender;
	struct udp_receiver *receiver;
	unsigned n_out;
	struct udp_out out[UDP_OUT_MAX];
	double error_tokens;
	usec_t error_at;
	/* The port looked up last. */
	mac_t port_mac;
	struct port *port;
	uint64_t port_turn;
};

static inline usec_t udp_now(const struct udp *udp)
{
	return loop_now(udp->env.network->loop);
}

/* Where @mac is, or NULL. */
struct port *udp_port_of(struct udp *udp, mac_t mac);
/* Is @addr the gateway's own, behind which the host's loopback is? */
bool udp_is_gateway(const struct udp *udp, const struct in6_addr *addr);
/* As guests see @addr of the host's side: the loopback is the gateway. */
struct in6_addr udp_shown(const struct udp *udp, const struct in6_addr *addr);
/* The other way. */
struct in6_addr udp_meant(const struct udp *udp, const struct in6_addr *addr);

/* --- mapping.c --- */

guint udp_key_hash(gconstpointer key);
gboolean udp_key_equal(gconstpointer a, gconstpointer b);
/* Gives @conn its socket, made where there is none; closed until udp_revive(). */
struct udp_socket *udp_attach(struct udp *udp, struct conn *conn);
/* @socket becomes @conn's too. */
void udp_share_with(struct udp_socket *socket, struct conn *conn);
void udp_detach(struct conn *conn);
/* Opens @socket, if it is closed, as @out wants it, and charges whom @conn is charged to. False:
 * *@why. */
bool udp_revive(struct udp_socket *socket, struct conn *conn, const struct udp_out *out,
		enum drop_reason *why);
/* It is not the longest silent one any more. */
void udp_used(struct udp_socket *socket);
void udp_hold(struct udp_socket *socket);
void udp_release(struct udp_socket *socket);

/* --- hostsocket.c --- */

/* A socket for @key's family and protocol; -1: errno tells. */
int udp_host_open(const struct udp_key *key, uint8_t ttl, uint8_t tos, bool dont_fragment);
bool udp_host_set_dont_fragment(int fd, bool v6, bool on);

/* --- out.c --- */

struct udp_sender *udp_sender_new(void);
void udp_sender_free(struct udp_sender *sender);
/* Sends what @socket has in udp::out. */
void udp_send_queued(struct udp_socket *socket);

/* --- in.c --- */

void udp_on_ready(struct loop_io *io, uint32_t revents);
/* Reads what is ready, within the turn's bounds. */
void udp_read_ready(struct udp *udp);
void udp_unpark(struct udp *udp);

/* --- error.c --- */

/*
 * Empties the error queue and tells guests. Returns how many errors the network had reported;
 * *@mtu: what a packet that was too large for the host's own interface should fit, 0: none was.
 */
unsigned udp_read_errors(struct udp_socket *socket, uint32_t *mtu);
/* The guest's own packet, of @packet_len bytes from the IP header on, could not be sent. */
void udp_tell_errno(struct udp *udp, const struct udp_out *out, int error, uint32_t mtu);
/* Its time to live is over. */
void udp_tell_expired(struct udp *udp, const struct packet *packet);

#endif
