/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_CONN_H
#define USERNET_CONNTRACK_CONN_H

#include "base/list.h"
#include "packet/packet.h"

/*
 * One conversation between a guest and somebody beyond the gateway, with the addresses and ports
 * as the guest sees them: a TCP connection, the datagrams between two UDP ports, the pings of one
 * identifier. Flows live in a conn_table; who has a struct conn reads it, and changes nothing.
 */
enum conn_opener {
	CONN_BY_GUEST,
	CONN_BY_FORWARD, /* a client of the host's side, through a forward */
	CONN_BY_PEER,    /* unasked, to a UDP port that the guest has used: not yet admitted */
};

enum conn_way { CONN_FROM_GUEST, CONN_TO_GUEST };

/* The guest's end, as RFC 9293 3.3.2 names it. */
enum conn_state {
	CONN_SYN_SENT,
	CONN_SYN_RECEIVED,
	CONN_ESTABLISHED,
	CONN_FIN_WAIT_1,
	CONN_FIN_WAIT_2,
	CONN_CLOSE_WAIT,
	CONN_CLOSING,
	CONN_LAST_ACK,
	CONN_TIME_WAIT,
	CONN_CLOSED,
	CONN_STATELESS, /* UDP, ICMP */
	CONN_N_STATES,
};

/* Compared and hashed as bytes: zero to begin with. */
struct conn_key {
	struct in6_addr guest, peer; /* IPv4 is v4-mapped */
	uint16_t guest_port;         /* host order; of pings the identifier */
	uint16_t peer_port;          /* of pings 0 */
	uint8_t proto;               /* IPPROTO_TCP, _UDP, _ICMP, _ICMPV6 */
	uint8_t zero[3];
};

/* Packets and bytes of payload, what was sent again included. */
struct conn_count {
	uint64_t packets, bytes;
};

/* What of the sequence numbers tells who has closed; last seen of each. */
struct conn_tcp {
	uint32_t guest_next, peer_next; /* behind the last byte that was sent */
	uint32_t peer_ack;              /* the next one that the peer wants */
	uint32_t guest_fin;             /* behind the guest's FIN */
	bool guest_began, peer_began;   /* guest_next, peer_next mean something */
	bool peer_acked;                /* so does peer_ack: the SYN of a forward has none */
	bool guest_ended, peer_ended;   /* FIN was sent */
	bool guest_ended_first;
	bool guest_end_acked, peer_end_acked;
	bool reset;
};

/* A struct list for each, of conns that are let go after the same time without a packet. */
enum conn_class {
	CONN_CLASS_CLOSED,
	CONN_CLASS_ANSWERED, /* a name server's answer has come: nothing more is due */
	CONN_CLASS_DATAGRAMS,
	CONN_CLASS_OPENING,
	CONN_CLASS_CLOSING,
	CONN_CLASS_HELD, /* for as long as libslirp does */
	CONN_N_CLASSES,
};

struct charge;
struct conn;
struct conn_guest;
struct conn_share;
struct tcp_conn;
struct udp_socket;

/* The fast path that holds a conn: tcp/, udp/. */
struct conn_ops {
	/* The table ends @conn: give up what is held for it. Not called when conn::ops is NULL. */
	void (*ended)(struct conn *conn);
	/* conn::mac, ::port_id or ::charge has changed; what @from was charged is conn::charge's to
	 * pay from now on. May be NULL. */
	void (*moved)(struct conn *conn, struct charge *from);
};

struct conn {
	struct conn_key key;
	uint8_t opener; /* enum conn_opener */
	uint8_t state;  /* enum conn_state */
	uint8_t class;  /* enum conn_class */
	bool admitted;  /* the guest may send on it without being judged again */
	bool served;    /* by a server of ours: no policy is asked */
	bool cut;       /* policy has changed its mind: nothing passes, either way */
	mac_t mac;      /* of the guest when it was opened */
	unsigned port_id;
	const struct conn_ops *ops; /* NULL: no fast path holds it */
	union {
		struct tcp_conn *tcp;   /* tcp/tcp.h; NULL: none, or no more */
		struct udp_socket *udp; /* udp/udp.h */
	};
	struct charge *charge; /* of the guest's port; a reference */
	const char *rule; /* GRefString: of policy or forward, that let it in; NULL: none had to */
	usec_t since, seen;
	struct conn_count count[2]; /* by enum conn_way */
	struct conn_tcp ends;
	/* the table's */
	struct conn *next;        /* in its bucket */
	struct conn_guest *guest; /* whose it is */
	struct conn_share *share; /* what it is charged to */
	struct list link;         // conn_table::classes, or of its free list
	struct list share_link;   // conn_share::classes
	struct list guest_link;   // conn_guest::conns
};

/* The key of the conn that @packet belongs to; false: to none, such as an error of ICMP. */
bool conn_key_of(struct conn_key *key, const struct packet *packet, enum conn_way way);
bool conn_key_equal(const struct conn_key *a, const struct conn_key *b);

/* A TCP segment of this conn went by: its state follows. */
void conn_tcp_seen(struct conn *conn, const struct packet *packet, enum conn_way way);
/* A SYN that opens: ACK is not set. */
static inline bool conn_is_syn(const struct packet *packet)
{
	return packet->proto == IPPROTO_TCP &&
	       (packet->tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) == TCP_FLAG_SYN;
}
/* Nothing more is to come of it: its addresses and ports may be used anew. */
static inline bool conn_is_closed(const struct conn *conn)
{
	return conn->state == CONN_CLOSED || conn->state == CONN_TIME_WAIT;
}
/* Both ends are closed and both know it, in the order that leaves TIME_WAIT to the peer: the
 * guest's FIN answered the peer's. */
static inline bool conn_is_over(const struct conn *conn)
{
	return conn->ends.peer_end_acked && conn->ends.guest_end_acked &&
	       !conn->ends.guest_ended_first && !conn->ends.reset;
}
enum conn_class conn_class_of(const struct conn *conn);

/* "ESTABLISHED"; NULL for CONN_STATELESS. */
const char *conn_state_name(enum conn_state state);
const char *conn_opener_name(enum conn_opener opener);   /* "guest", "forward", "peer" */
const char *conn_protocol_name(const struct conn *conn); /* "TCP" */

#endif
