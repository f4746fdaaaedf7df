/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_FLOW_H
#define USERNET_CONNTRACK_FLOW_H

#include "base/list.h"
#include "packet/packet.h"

/*
 * One conversation between a guest and somebody beyond the gateway, with the addresses and ports
 * as the guest sees them: a TCP connection, the datagrams between two UDP ports, the pings of one
 * identifier. Flows live in a flow_table; who has a struct flow reads it, and changes nothing.
 */
enum flow_opener {
	FLOW_BY_GUEST,
	FLOW_BY_FORWARD, /* a client of the host's side, through a forward */
	FLOW_BY_PEER,    /* unasked, to a UDP port that the guest has used: not yet admitted */
};

enum flow_way { FLOW_FROM_GUEST, FLOW_TO_GUEST };

/* The guest's end, as RFC 9293 3.3.2 names it. */
enum flow_state {
	FLOW_SYN_SENT,
	FLOW_SYN_RECEIVED,
	FLOW_ESTABLISHED,
	FLOW_FIN_WAIT_1,
	FLOW_FIN_WAIT_2,
	FLOW_CLOSE_WAIT,
	FLOW_CLOSING,
	FLOW_LAST_ACK,
	FLOW_TIME_WAIT,
	FLOW_CLOSED,
	FLOW_STATELESS, /* UDP, ICMP */
	FLOW_N_STATES,
};

/* Compared and hashed as bytes: zero to begin with. */
struct flow_key {
	struct in6_addr guest, peer; /* IPv4 is v4-mapped */
	uint16_t guest_port;         /* host order; of pings the identifier */
	uint16_t peer_port;          /* of pings 0 */
	uint8_t proto;               /* IPPROTO_TCP, _UDP, _ICMP, _ICMPV6 */
	uint8_t zero[3];
};

/* Packets and bytes of payload, what was sent again included. */
struct flow_count {
	uint64_t packets, bytes;
};

/* What of the sequence numbers tells who has closed; last seen of each. */
struct flow_tcp {
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

/* A struct list for each, of flows that are let go after the same time without a packet. */
enum flow_class {
	FLOW_CLASS_CLOSED,
	FLOW_CLASS_ANSWERED, /* a name server's answer has come: nothing more is due */
	FLOW_CLASS_DATAGRAMS,
	FLOW_CLASS_OPENING,
	FLOW_CLASS_CLOSING,
	FLOW_CLASS_HELD, /* for as long as libslirp does */
	FLOW_N_CLASSES,
};

struct flow_guest;
struct flow_share;

struct flow {
	struct flow_key key;
	uint8_t opener; /* enum flow_opener */
	uint8_t state;  /* enum flow_state */
	uint8_t class;  /* enum flow_class */
	uint8_t shard;  /* which of its guest's instances has it (shards.h) */
	bool admitted;  /* the guest may send on it without being judged again */
	bool served;    /* by a server of ours: no policy is asked */
	bool cut;       /* policy has changed its mind: nothing passes, either way */
	int fd;         /* that libslirp opened for it, and may have closed; -1: not known */
	mac_t mac;      /* of the guest when it was opened */
	unsigned port_id;
	const char *rule; /* GRefString: of policy or forward, that let it in; NULL: none had to */
	usec_t since, seen;
	struct flow_count count[2]; /* by enum flow_way */
	struct flow_tcp tcp;
	/* the table's */
	struct flow *next;        /* in its bucket */
	struct flow_guest *guest; /* whose it is */
	struct flow_share *share; /* what it is charged to */
	struct list link;         // flow_table::classes, or of its free list
	struct list share_link;   // flow_share::classes
	struct list guest_link;   // flow_guest::flows
};

/* The key of the flow that @packet belongs to; false: to none, such as an error of ICMP. */
bool flow_key_of(struct flow_key *key, const struct packet *packet, enum flow_way way);
bool flow_key_equal(const struct flow_key *a, const struct flow_key *b);

/* A TCP segment of this flow went by: its state follows. */
void flow_tcp_seen(struct flow *flow, const struct packet *packet, enum flow_way way);
/* A SYN that opens: ACK is not set. */
static inline bool flow_is_syn(const struct packet *packet)
{
	return packet->proto == IPPROTO_TCP &&
	       (packet->tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_ACK)) == TCP_FLAG_SYN;
}
/* Nothing more is to come of it: its addresses and ports may be used anew. */
static inline bool flow_is_closed(const struct flow *flow)
{
	return flow->state == FLOW_CLOSED || flow->state == FLOW_TIME_WAIT;
}
/*
 * Both ends are closed and both know it, in the order that leaves libslirp with its TIME_WAIT: the
 * guest's FIN answered the peer's.
 */
static inline bool flow_is_over(const struct flow *flow)
{
	return flow->tcp.peer_end_acked && flow->tcp.guest_end_acked &&
	       !flow->tcp.guest_ended_first && !flow->tcp.reset;
}
enum flow_class flow_class_of(const struct flow *flow);

/* "ESTABLISHED"; NULL for FLOW_STATELESS. */
const char *flow_state_name(enum flow_state state);
const char *flow_opener_name(enum flow_opener opener);   /* "guest", "forward", "peer" */
const char *flow_protocol_name(const struct flow *flow); /* "TCP" */

#endif
