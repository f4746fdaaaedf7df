/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TCP_OFFLOAD_FLOW_H
#define USERNET_TCP_OFFLOAD_FLOW_H

#include "tcp/offload.h"
#include "tcp/offload_ring.h"
#include "tcp/offload_wire.h"

/*
 * One TCP connection between a guest and libslirp, as offload knows it, and the table of them. Only
 * for offload*.c.
 *
 *      SYN from the guest ─► OPENING ─┐ SYN,ACK      both FINs acknowledged to libslirp
 *                                     ├────────► OPEN ────────► DONE ────────► gone
 *      SYN from libslirp ──► OPENING ─┘                    what is kept still goes to the guest
 *
 * A reset, either way, ends it at once. An ended flow is dead until the end of offload_flush: code
 * that has called ops::deliver looks at .dead before it goes on.
 */
/* What the guest is shown beyond libslirp's window, bytes; and when memory is no longer plenty. */
#define OFFLOAD_INFLATE       (1024 * 1024)
#define OFFLOAD_INFLATE_SCANT (256 * 1024)
#define OFFLOAD_SHIFT         5 /* of the windows we show: 2^5 x 65535 is more than both */
/* libslirp drops a half-closed connection after so long without a word (tcp_timer.h TCP_MAXIDLE
 * and TCPTV_KEEPINTVL, 675 s), and does not say so. */
#define OFFLOAD_HALF_OPEN (680 * USEC_PER_SEC)

enum offload_state {
	OFFLOAD_OPENING,
	OFFLOAD_OPEN,
	OFFLOAD_DONE,
};

struct offload_key {
	struct in6_addr guest, peer; /* IPv4: v4-mapped */
	uint16_t guest_port, peer_port;
};

/* The guest's data on its way to libslirp (offload_up.c). Numbers are the guest's sequence. */
struct offload_up {
	struct offload_head head;
	uint32_t acked; /* by libslirp: all before this */
	uint32_t edge;  /* libslirp takes nothing from here on */
	uint32_t shown; /* the guest was shown a window up to here; it does not go back */
	uint32_t given; /* libslirp was given all before this, in order */
	uint32_t next;  /* the guest has sent all before this, in order: given, or held */
	bool has_fin;   /* libslirp has its FIN, or it is held: the one before fin */
	uint32_t fin;
	bool deflated; /* blocked for long: the guest is shown a closed window */
	uint8_t tries;
	unsigned early;               /* segments behind a gap, of which the guest was not told */
	unsigned replies;             /* segments given out of order, whose answer is the guest's */
	struct offload_segment *open; /* being merged this turn */
	struct list held;             /* heads offload_segment::link: in order */
	unsigned n_held;
	usec_t blocked_at; /* when it last got on, while something is held */
	usec_t probe_at;   /* 0: nothing is held */
};

/* libslirp's data on its way to the guest (offload_down.c). Numbers are libslirp's sequence. */
struct offload_down {
	struct offload_head head;
	uint32_t una;  /* the guest has acknowledged all before this */
	uint32_t sent; /* next to send: behind top while something is sent again */
	uint32_t top;  /* the highest that was sent ends here */
	uint32_t end;  /* libslirp has sent all before this */
	uint32_t edge; /* the guest takes nothing from here on */
	uint32_t window_seq, window_ack; /* of the segment that said so (RFC 9293 3.10.7.4) */
	bool ended;                      /* libslirp's FIN is the one before end */
	bool kept;                       /* from base to end all is in the ring */
	uint32_t base;
	struct offload_ring ring;
	/* What libslirp was told. */
	uint32_t told_ack, told_edge;
	bool must_tell;
	/* Loss. */
	bool recovering; /* until recover is acknowledged */
	uint32_t recover;
	unsigned duplicates;
	uint32_t burst; /* bytes that may be in flight */
	usec_t srtt, rttvar;
	uint32_t timed_end; /* of the segment whose acknowledgement is timed */
	usec_t timed_at;    /* 0: none is */
	usec_t retry_at;    /* 0: nothing is in flight or waits for the window */
	unsigned tries;
	usec_t heard_at; /* when the guest last said something, or was first waited for */
};

struct offload_flow {
	struct offload *offload;
	struct offload_guest *guest;
	struct offload_flow *next; /* of its bucket */
	struct list guest_link;    // offload_guest::flows
	struct list merging_link;  // offload::merging
	struct list due_link;      // offload::due, offload::waiting or offload::dead
	struct offload_key key;
	enum offload_state state;
	bool dead;
	bool say;         /* the guest is owed an acknowledgement */
	bool waited;      /* for its port; not yet told that it takes more */
	bool scaled;      /* both windows are */
	uint8_t shift;    /* of the guest's */
	uint16_t mss;     /* of the guest */
	bool syn_pending; /* the guest's SYN that libslirp has not answered, and what it said */
	uint32_t syn_seq, syn_window;
	struct offload_options syn_options;
	uint32_t iss; /* libslirp's */
	struct offload_up up;
	struct offload_down down;
	usec_t end_at;           /* for want of an answer; 0: never */
	struct loop_timer timer; /* at the first of all the times, or before */
};

struct offload {
	bool off;
	struct loop *loop;
	struct outbox *outbox;
	const struct offload_ops *ops;
	void *ops_data;
	struct offload_pool pool;
	struct offload_flow **buckets;
	unsigned n_buckets, n_flows;
	struct offload_flow *cached; /* found last */
	struct list merging;         /* heads offload_flow::merging_link */
	struct list due;             /* heads offload_flow::due_link: something to be done */
	struct list waiting;         /* … for its port, or the next turn's outbox */
	struct list dead;
	struct loop_timer retry;     /* of waiting */
	unsigned n_in_vain;          /* retries since one that had waited went on */
	uint8_t scratch[PACKET_MAX]; /* a packet with other numbers */
};

/* --- offload_flow.c --- */

void offload_table_init(struct offload *offload);
void offload_table_fini(struct offload *offload);
struct offload_flow *offload_find(struct offload *offload, const struct offload_key *key);
/* NULL: there are too many. */
struct offload_flow *offload_flow_new(struct offload *offload, struct offload_guest *guest,
				      const struct offload_key *key);
/* Has libslirp acknowledged the guest's end, and been told that the guest has its own? It may have
 * forgotten the connection then: it must hear no more of it. */
bool offload_flow_is_done(struct offload_flow *flow);
/* Gives back all it holds and leaves the table. */
void offload_flow_kill(struct offload_flow *flow);
/* Frees the dead. */
void offload_reap(struct offload *offload);
/* offload_flush will serve it. */
void offload_flow_due(struct offload_flow *flow);
/* Later, when its port takes more. */
void offload_flow_wait(struct offload_flow *flow);
/* Its port does. */
void offload_flow_go_on(struct offload_flow *flow);
/* After one of its times has changed. */
void offload_flow_arm(struct offload_flow *flow);
/* The guest is gone, or silent: libslirp gets a reset. */
void offload_flow_abort(struct offload_flow *flow);

/* --- offload_open.c: SYNs --- */

/* A SYN, with or without ACK. @flow may be NULL. */
void offload_syn_from_guest(struct offload *offload, struct offload_guest *guest,
			    struct offload_flow *flow, const struct offload_key *key,
			    const struct packet *packet);
void offload_syn_to_guest(struct offload *offload, struct offload_guest *guest,
			  struct offload_flow *flow, const struct offload_key *key,
			  const struct packet *packet);

/* --- offload_up.c --- */

/* Is the guest's FIN the one before offload_up::next? */
static inline bool offload_up_ended(const struct offload_up *up)
{
	return up->has_fin && up->next == up->fin;
}

/* @next: the first byte that libslirp awaits; it takes those before @edge. */
void offload_up_open(struct offload_up *up, uint32_t next, uint32_t edge);
/* A segment from the guest: data, FIN, or what wants an answer. */
void offload_up_take(struct offload_flow *flow, const struct packet *packet);
/* @packet as it is, but for acknowledgement and window, which are those libslirp is to know. */
void offload_up_pass(struct offload_flow *flow, const struct packet *packet, uint32_t seq);
/* A segment without data. */
void offload_up_empty(struct offload_flow *flow, uint32_t seq, uint8_t flags);
/* What is being merged goes to libslirp, or is held. */
void offload_up_flush(struct offload_flow *flow);
/* What is held goes as far as libslirp takes it. */
void offload_up_release(struct offload_flow *flow);
/* Tells the guest of a gap, once libslirp has acknowledged all before it. */
void offload_up_tell_gap(struct offload_flow *flow);
/* Libslirp's word on what it has; true when it has or takes more than before. */
bool offload_up_acked(struct offload_flow *flow, const struct packet *packet);
/* What the guest is shown, as it stands in the header. */
uint16_t offload_up_window(struct offload_flow *flow);
void offload_up_timeout(struct offload_flow *flow, usec_t now);
void offload_up_clear(struct offload_flow *flow);

/* --- offload_down.c --- */

/* @una: what the guest has acknowledged; @next: the end of libslirp's SYN. */
void offload_down_open(struct offload_flow *flow, uint32_t una, uint32_t next, uint32_t edge);
/* Data or FIN from libslirp. */
void offload_down_take(struct offload_flow *flow, const struct packet *packet);
/* Acknowledgement and window of a guest's segment. False: of what was never sent. */
bool offload_down_acked(struct offload_flow *flow, const struct packet *packet);
/* Sends what may be sent. */
void offload_down_pump(struct offload_flow *flow);
/* Acknowledgement and window for libslirp; what they say counts as told. */
struct offload_tcp offload_down_tell(struct offload_flow *flow);
/* Is there something new to tell? */
bool offload_down_has_news(struct offload_flow *flow);
/* Will libslirp not send again what the guest has lost? */
bool offload_down_is_ours(const struct offload_flow *flow);
/* A segment without data for the guest. */
void offload_down_say(struct offload_flow *flow);
void offload_down_timeout(struct offload_flow *flow, usec_t now);
void offload_down_clear(struct offload_flow *flow);

#endif
