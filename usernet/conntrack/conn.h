/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_CONN_H
#define USERNET_CONNTRACK_CONN_H

#include "base/list.h"
#include "packet/packet.h"

/*
 * A conn is one conversation of a guest with a peer beyond the gateway, with the addresses and
 * ports that the guest sees: a TCP connection, the datagrams between two UDP ports, the pings with
 * one identifier. A conn_table owns it; others only read it.
 */
enum conn_opener {
	CONN_BY_GUEST,
	CONN_BY_FORWARD, /* a client on the host's side, through a forward */
	CONN_BY_PEER,    /* unasked, to a UDP port that the guest has used; not yet admitted */
};

enum conn_way { CONN_FROM_GUEST, CONN_TO_GUEST };

/* The state of the guest's end, with the names of RFC 9293 3.3.2. */
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

/* Compared and hashed as bytes: zero it first. */
struct conn_key {
	struct in6_addr guest, peer; /* IPv4 is v4-mapped */
	uint16_t guest_port;         /* host order; the identifier of pings */
	uint16_t peer_port;          /* 0 for pings */
	uint8_t proto;               /* IPPROTO_TCP, _UDP, _ICMP, _ICMPV6 */
	uint8_t zero[3];
};

/* Packets and bytes of payload, retransmissions included. */
struct conn_count {
	uint64_t packets, bytes;
};

/* Sequence numbers last seen, as far as needed to tell which end has closed. */
struct conn_tcp {
	uint32_t guest_next, peer_next; /* the sequence numbers that follow the last byte sent */
	uint32_t peer_ack;              /* the next sequence number that the peer expects */
	uint32_t guest_fin;             /* the sequence number after the guest's FIN */
	bool guest_began, peer_began;   /* guest_next, peer_next are valid */
	bool peer_acked;                /* peer_ack is valid: a forward's SYN has no ACK */
	bool guest_ended, peer_ended;   /* a FIN was sent */
	bool guest_ended_first;
	bool guest_end_acked, peer_end_acked;
	bool reset;
};

/* A list each, of conns that expire after the same idle time. */
enum conn_class {
	CONN_CLASS_CLOSED,
	CONN_CLASS_ANSWERED, /* a name server has answered: nothing more is expected */
	CONN_CLASS_DATAGRAMS,
	CONN_CLASS_OPENING,
	CONN_CLASS_CLOSING,
	CONN_CLASS_HELD, /* until libslirp drops it */
	CONN_N_CLASSES,
};

struct charge;
struct conn;
struct conn_guest;
struct conn_share;
struct tcp_conn;
struct udp_socket;

/* The callbacks of the fast path that holds a conn: tcp/, udp/. */
struct conn_ops {
	/*
	 * The table ends @conn: free what the fast path holds. Not called when conn::ops is
	 * NULL.
	 */
	void (*ended)(struct conn *conn);
	/*
	 * conn::mac, ::port_id or ::charge has changed: charges move from @from to conn::charge.
	 * May be NULL.
	 */
	void (*moved)(struct conn *conn, struct charge *from);
};

struct conn {
	struct conn_key key;
	uint8_t opener; /* enum conn_opener */
	uint8_t state;  /* enum conn_state */
	uint8_t class;  /* enum conn_class */
	bool admitted;  /* the guest's packets pass without a new verdict */
	bool served;    /* a server of the gateway's own answers: policy does not apply */
	bool cut;       /* denied by changed rules: no packet passes either way */
	bool sni, host; /* the guest's first bytes are judged: conntrack_said() */
	mac_t mac;      /* the guest's when the conn was opened */
	unsigned port_id;
	const struct conn_ops *ops; /* NULL: no fast path holds it */
	union {
		struct tcp_conn *tcp;   /* tcp/tcp.h; NULL: no connection, or it has ended */
		struct udp_socket *udp; /* udp/udp.h */
	};
	struct charge *charge; /* the charge of the guest's port; a reference */
	const char *rule;      /* GRefString: the rule or forward that allowed it; NULL: none */
	const char *name; /* GRefString: the peer's name, as the guest asked for it; NULL: none */
	usec_t since, seen;
	struct conn_count count[2]; /* by enum conn_way */
	struct conn_tcp ends;
	/* for the table only */
	struct conn *next;        /* in the hash bucket */
	struct conn_guest *guest; /* the guest it belongs to */
	struct conn_share *share; /* the share it counts to */
	struct list link;         // conn_table::classes, or of its free list
	struct list share_link;   // conn_share::classes
	struct list guest_link;   // conn_guest::conns
};

/* The key of @packet's conn; false: it belongs to none, as an ICMP error. */
bool conn_key_of(struct conn_key *key, const struct packet *packet, enum conn_way way);
bool conn_key_equal(const struct conn_key *a, const struct conn_key *b);

/* Updates the state: @packet, a TCP segment of this conn, passes. */
void conn_tcp_seen(struct conn *conn, const struct packet *packet, enum conn_way way);
/* A SYN without ACK. */
static inline bool conn_is_syn(const struct packet *packet)
{
	return packet->proto == IPPROTO_TCP &&
	       (packet->tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) == TCP_FLAG_SYN;
}
/* Has the conn ended? Its addresses and ports may be reused then. */
static inline bool conn_is_closed(const struct conn *conn)
{
	return conn->state == CONN_CLOSED || conn->state == CONN_TIME_WAIT;
}
/* Both ends have closed and know it, and TIME_WAIT is the peer's: the guest's FIN came second. */
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
