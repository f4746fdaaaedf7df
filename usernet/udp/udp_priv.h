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
 * Shared by the files of the room:
 *
 *     udp.c         its life, what comes from guests, the turn
 *     mapping.c     the sockets: their owners, charges and eviction
 *     hostsocket.c  opens them
 *     out.c         from guests to sockets
 *     row.c         the row of sockets that are ready to be read
 *     in.c          from sockets to guests
 *     error.c       the error queue, and what guests are told
 *     forward.c, forwards.c, hold.c, peer.c, session.c: hostfwd (forward.h)
 *     receive.c     reads datagrams in batches and makes frames of them
 */
struct udp_share;

/*
 * Base of a guest's socket and a forward's: a host socket that is read in the row and sends what is
 * queued for it.
 */
struct udp_host {
	struct udp *udp;
	int fd;        /* -1: closed */
	unsigned refs; /* one of udp::sending, one while it is read, one of its owner */
	void (*last)(struct udp_host *host); /* called when the last reference goes */
	/* Reads a batch; joins the row again if there may be more. Returns the bytes read. */
	size_t (*read)(struct udp_host *host);
	struct loop_io io;
	bool v6;
	bool ping;
	bool failed;              /* EPOLLERR */
	bool no_gso;              /* the route or the device does not support UDP_SEGMENT */
	bool dont_fragment;       /* as set on the socket */
	uint8_t ttl, tos;         /* as set on the socket */
	uint16_t first, last_out; /* queued datagrams: indices into udp::out */
	struct udp_pace pace;
	struct list ready_link; // udp::ready or port::udp_held
	struct list out_link;   // udp::sending
};

/* Compared and hashed as bytes: zero it first. */
struct udp_key {
	struct in6_addr guest; /* IPv4 is v4-mapped */
	uint16_t port;         /* the identifier of pings */
	uint8_t proto;         /* IPPROTO_UDP, _ICMP, _ICMPV6 */
	uint8_t zero;
};

/*
 * The socket of a guest's address and port. It exists as long as conns refer to it. When
 * descriptors are short the one silent for longest is closed; it is opened again, at another host
 * port, when the guest sends next.
 */
struct udp_socket {
	struct udp_host host;
	struct udp_key key;
	struct udp_share *share; /* whose charge pays */
	mac_t mac;               /* the guest's when it last sent */
	struct list link;        // udp_share::sockets
};

/* The sockets of one port's guests. */
struct udp_share {
	struct charge *charge; /* a reference */
	struct list sockets;   /* heads udp_socket::link, open ones, silent for longest first */
	unsigned n;            /* open ones */
	unsigned n_all;
};

#define UDP_OUT_MAX  1024 /* datagrams; more are sent within the turn */
#define UDP_OUT_NONE UINT16_MAX

/* A datagram or echo request from a guest, on its way out. */
struct udp_out {
	const uint8_t *frame, *data; /* borrowed */
	uint32_t frame_len, len;
	struct in6_addr peer;  /* the host's side's address */
	struct in6_addr local; /* the host's address to send from; ::: any */
	uint32_t scope;        /* interface of link-local addresses */
	uint16_t port;
	uint16_t next; /* the next of the same socket */
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
	struct list sending;          /* heads udp_host::out_link */
	struct list ready;            /* heads udp_host::ready_link: to be read */
	struct loop_timer look_again; /* set while a port is congested that sockets wait for */
	struct udp_sender *sender;
	struct udp_receiver *receiver;
	unsigned n_out;
	struct udp_out out[UDP_OUT_MAX];
	double error_tokens;
	usec_t error_at;
	/* The port that was looked up last. */
	mac_t port_mac;
	struct port *port;
	uint64_t port_turn;
};

static inline usec_t udp_now(const struct udp *udp)
{
	return loop_now(udp->env.network->loop);
}

/* The port of the guest with @mac, or NULL. */
struct port *udp_port_of(struct udp *udp, mac_t mac);
/* Is @addr the gateway's, which stands for the host's loopback? */
bool udp_is_gateway(const struct udp *udp, const struct in6_addr *addr);
/* Maps an address of the host's side to what guests see: the loopback is the gateway. */
struct in6_addr udp_shown(const struct udp *udp, const struct in6_addr *addr);
/* The inverse. */
struct in6_addr udp_meant(const struct udp *udp, const struct in6_addr *addr);

/* --- mapping.c --- */

guint udp_key_hash(gconstpointer key);
gboolean udp_key_equal(gconstpointer a, gconstpointer b);
/* Gives @conn its socket, created if needed; closed until udp_revive(). */
struct udp_socket *udp_attach(struct udp *udp, struct conn *conn);
/* @conn refers to @socket too. */
void udp_share_with(struct udp_socket *socket, struct conn *conn);
void udp_detach(struct conn *conn);
/* Opens @socket, if it is closed, for @out, and charges @conn's charge. False: *@why. */
bool udp_revive(struct udp_socket *socket, struct conn *conn, const struct udp_out *out,
		enum drop_reason *why);
/* Marks it as used now, for eviction. */
void udp_used(struct udp_socket *socket);

/* --- hostsocket.c --- */

/* A socket for @key's family and protocol; -1: errno. */
int udp_host_open(const struct udp_key *key, const struct sockaddr_any *from, uint8_t ttl,
		  uint8_t tos, bool dont_fragment);
bool udp_host_set_dont_fragment(int fd, bool v6, bool on);

/* --- out.c --- */

struct udp_sender *udp_sender_new(void);
void udp_sender_free(struct udp_sender *sender);
/* Queues @out at @host; its next must be UDP_OUT_NONE. */
void udp_queue(struct udp_host *host, const struct udp_out *out);
/* Sends what @host has queued. */
void udp_send_queued(struct udp_host *host);

/* --- row.c --- */

/* The owner has one reference. @fd: -1 until udp_host_watch(). */
void udp_host_init(struct udp *udp, struct udp_host *host);
/* @host owns @fd and waits for it. */
void udp_host_watch(struct udp_host *host, int fd);
/* Closes it; unread data is lost. */
void udp_host_close(struct udp_host *host);
void udp_host_hold(struct udp_host *host);
void udp_host_release(struct udp_host *host);
/* Reads a batch into udp::receiver; returns the number of messages. */
unsigned udp_host_receive(struct udp_host *host);
/* Is the guest's port congested? @host is not read until it drains then. */
bool udp_host_waits(struct udp_host *host, mac_t mac);
void udp_look_again(struct loop_timer *timer);
/* Reads ready sockets, within the turn's bounds. */
void udp_read_ready(struct udp *udp);

/* --- in.c --- */

/* udp_host::read of a guest's socket. */
size_t udp_socket_read(struct udp_host *host);

/* --- error.c --- */

/*
 * Empties the error queue and tells guests. Returns the number of errors that the network reported;
 * *@mtu: the MTU if a packet was too large for the host's own interface, else 0.
 */
unsigned udp_read_errors(struct udp_host *host, uint32_t *mtu);
/* Tells the guest that its packet, @packet_len bytes from the IP header on, could not be sent. */
void udp_tell_errno(struct udp *udp, const struct udp_out *out, int error, uint32_t mtu);

#endif
