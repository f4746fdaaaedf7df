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
 *     row.c         the row of those that are ready to be read
 *     in.c          from sockets to guests
 *     error.c       the error queue, and what guests are told
 *     forward.c, forwards.c, hold.c, peer.c, session.c: hostfwd (forward.h)
 *     receive.c     reading datagrams in batches, and making frames of them
 */
struct udp_share;

/*
 * What a guest's socket and a forward's have in common: a socket of the host that is read in the
 * row, and sends what is queued for it.
 */
struct udp_host {
	struct udp *udp;
	int fd;        /* -1: closed */
	unsigned refs; /* one of udp::sending, one while it is read, and its owner's */
	void (*last)(struct udp_host *host); /* there is no reference any more */
	/* Reads a batch, and stands in the row again where there may be more. Returns the bytes. */
	size_t (*read)(struct udp_host *host);
	struct loop_io io;
	bool v6;
	bool ping;
	bool failed;              /* EPOLLERR */
	bool no_gso;              /* the route or the device takes no UDP_SEGMENT */
	bool dont_fragment;       /* as the kernel has been told */
	uint8_t ttl, tos;         /* the same */
	uint16_t first, last_out; /* what is to be sent: indices into udp::out */
	struct udp_pace pace;
	struct list ready_link; // udp::ready or udp::parked
	struct list out_link;   // udp::sending
};

/* Compared and hashed as bytes: zero to begin with. */
struct udp_key {
	struct in6_addr guest; /* IPv4 is v4-mapped */
	uint16_t port;         /* of pings the identifier */
	uint8_t proto;         /* IPPROTO_UDP, _ICMP, _ICMPV6 */
	uint8_t zero;
};

/*
 * All that a guest's address and port sends and receives. It is there for as long as conns have
 * it. When descriptors are short the longest silent one is closed; it is opened again, at another
 * port of the host, when the guest next sends.
 */
struct udp_socket {
	struct udp_host host;
	struct udp_key key;
	struct udp_share *share; /* who is charged */
	mac_t mac;               /* of the guest, when it last sent */
	struct list link;        // udp_share::sockets
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
	struct in6_addr peer;  /* as the host sees it */
	struct in6_addr local; /* the host's address to send it from; ::: any */
	uint32_t scope;        /* of link-local addresses: the interface */
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
	struct list sending; /* heads udp_host::out_link */
	struct list ready;   /* heads udp_host::ready_link: to be read */
	struct list parked;  /* heads udp_host::ready_link: their guests' ports are congested */
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

/* --- hostsocket.c --- */

/* A socket for @key's family and protocol; -1: errno tells. */
int udp_host_open(const struct udp_key *key, uint8_t ttl, uint8_t tos, bool dont_fragment);
bool udp_host_set_dont_fragment(int fd, bool v6, bool on);

/* --- out.c --- */

struct udp_sender *udp_sender_new(void);
void udp_sender_free(struct udp_sender *sender);
/* Queues @out, whose next is UDP_OUT_NONE, at @host. */
void udp_queue(struct udp_host *host, const struct udp_out *out);
/* Sends what @host has in udp::out. */
void udp_send_queued(struct udp_host *host);

/* --- row.c --- */

/* One reference is the owner's. @fd: -1 until udp_host_watch(). */
void udp_host_init(struct udp *udp, struct udp_host *host);
/* @fd is @host's from now on. */
void udp_host_watch(struct udp_host *host, int fd);
/* Closes it; what waits for it is not read any more. */
void udp_host_close(struct udp_host *host);
void udp_host_hold(struct udp_host *host);
void udp_host_release(struct udp_host *host);
/* Reads a batch into udp::receiver; how many messages there are. */
unsigned udp_host_receive(struct udp_host *host);
/* Does the guest at @mac take no frames? Then @host is not read until it does. */
bool udp_host_waits(struct udp_host *host, mac_t mac);
/* Reads what is ready, within the turn's bounds. */
void udp_read_ready(struct udp *udp);
void udp_unpark(struct udp *udp);

/* --- in.c --- */

/* udp_host::read of a guest's socket. */
size_t udp_socket_read(struct udp_host *host);
/* The first four bytes of IPv4 addresses, as struct udp_address has them. */
struct in6_addr udp_bare(const struct in6_addr *addr);

/* --- error.c --- */

/*
 * Empties the error queue and tells guests. Returns how many errors the network had reported;
 * *@mtu: what a packet that was too large for the host's own interface should fit, 0: none was.
 */
unsigned udp_read_errors(struct udp_host *host, uint32_t *mtu);
/* The guest's own packet, of @packet_len bytes from the IP header on, could not be sent. */
void udp_tell_errno(struct udp *udp, const struct udp_out *out, int error, uint32_t mtu);
/* Its time to live is over. */
void udp_tell_expired(struct udp *udp, const struct packet *packet);

#endif
