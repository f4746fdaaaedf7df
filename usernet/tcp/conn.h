/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TCP_CONN_H
#define USERNET_TCP_CONN_H

#include <sys/uio.h>

#include "conntrack/charge.h"
#include "net/network.h"
#include "net/outbox.h"
#include "net/user_config.h"
#include "tcp/block.h"
#include "tcp/options.h"
#include "tcp/ring.h"
#include "tcp/seq.h"
#include "tcp/tcp.h"

/* Shared by the files of this room; tcp.c explains how they work together. */

/* The window shown to the guest, in bytes, and its scale (RFC 7323). */
#define TCP_WINDOW_MAX    (1u << 20)
#define TCP_WINDOW_SCARCE (256u << 10) /* while buffers are scarce */
#define TCP_WINDOW_LEAST  (64u << 10)  /* and this port's share is used up */
#define TCP_WINDOW_SHIFT  5
/* Bytes under way to one connection of a guest: more would only wait in queues. */
#define TCP_INFLIGHT_MAX (500u << 10)
/* The same for a guest behind a tap with offload, whose kernel takes them at once. */
#define TCP_INFLIGHT_TAP (1000u << 10)
/*
 * With more than this under way, smaller reads wait: the next ACK makes room for more, and each
 * read wakes two other processes.
 */
#define TCP_READ_LEAST (128u << 10)
/* Bytes read for all connections in a turn, so that frames stay in the cache until written. */
#define TCP_TURN_BYTES (256u << 10)
/* An idle connection may read this much even when the turn's bytes are used up. */
#define TCP_QUIET_BYTES (16u << 10)

/*
 * A guest that sends much gets one ACK for this many bytes, or after this time: QEMU hands all
 * frames that wait to the card at once, and small rings (32 descriptors on pcnet) overflow. Applies
 * once TCP_ACK_STEADY bytes have come without a gap or a pause, as the guest's window is still
 * small before.
 */
#define TCP_ACK_BYTES  (32u << 10)
#define TCP_ACK_WAIT   USEC_PER_MSEC
#define TCP_ACK_STEADY (256u << 10)

#define TCP_RTO_MIN          (200 * USEC_PER_MSEC)
#define TCP_RTO_FIRST        USEC_PER_SEC /* RFC 6298 2.1 */
#define TCP_RTO_MAX          (60 * USEC_PER_SEC)
#define TCP_PTO_MIN          (10 * USEC_PER_MSEC)
#define TCP_DELAYED_ACK_MAX  (200 * USEC_PER_MSEC) /* RFC 8985 7.2 WCDelAckT */
#define TCP_RETRIES_MAX      15                    /* RFC 9293 3.8.3 R2 */
#define TCP_RETRIES_FEW      8 /* with TCP_SILENCE_MAX; RFC 9293 asks for at least 100 s */
#define TCP_SILENCE_MAX      (100 * USEC_PER_SEC)
#define TCP_SYN_RETRIES      5
#define TCP_KEEPALIVE_IDLE   (7200 * USEC_PER_SEC) /* RFC 9293 3.8.4 */
#define TCP_KEEPALIVE_EVERY  (75 * USEC_PER_SEC)
#define TCP_KEEPALIVE_TRIES  9
#define TCP_HALF_CLOSED_IDLE (680 * USEC_PER_SEC)
/* After the host's end was reset, the guest may receive earlier data for this long. */
#define TCP_RESET_LINGER (5 * USEC_PER_SEC)
/* After the host has closed both ways, the guest has this long to close its end. */
#define TCP_DEAF_LINGER (30 * USEC_PER_SEC)
/* One challenge ACK per interval (RFC 5961 7). */
#define TCP_CHALLENGE_EVERY (100 * USEC_PER_MSEC)

/* With +sni and +host, the time that a guest has to name a server. */
#define TCP_SNIFF_TIMEOUT (10 * USEC_PER_SEC)

#define TCP_HEADER      20
#define TCP_PAYLOAD_MIN 64 /* a smaller MSS of a guest is raised to this */

/* A segment's payload, in the guest's frame, which lives until the end of the turn. */
struct note {
	const uint8_t *data;
	uint32_t len;
	uint32_t next; /* index + 1 of the conn's next note; 0: none */
};

/* How much a guest takes at once; used by congestion.c. */
struct guest_limit {
	mac_t mac;
	uint32_t bytes;
	usec_t at;
};
#define GUEST_LIMITS 64

struct tcp {
	struct tcp_env env;
	struct loop *loop;
	struct list conns;            /* heads tcp_conn::link */
	struct list due;              /* heads tcp_conn::due: to be served by tcp_run() */
	struct loop_timer look_again; /* set while a port is congested that conns wait for */
	struct list later;            /* heads tcp_conn::due: served, with more to read next turn */
	unsigned n_conns;
	uint64_t bytes; /* charged */
	struct block_pool *pool;
	struct note *notes; /* notes of this turn; grown, kept */
	uint32_t n_notes, notes_allocated;
	uint32_t turn_bytes; /* bytes that may still be read this turn */
	struct port *port;   /* port_mac's, looked up in port_turn */
	mac_t port_mac;
	uint64_t port_turn;
	struct guest_limit limits[GUEST_LIMITS];
	struct iovec iov[1024]; /* IOV_MAX */
};

enum tcp_phase {
	PHASE_OPENING,      /* outward: the host's socket is connecting */
	PHASE_SYN_RECEIVED, /* SYN,ACK was sent */
	PHASE_SYN_SENT,     /* inward: the SYN was sent */
	PHASE_OPEN,         /* established and all later states */
};

enum tcp_timer { TIMER_NONE, TIMER_RTO, TIMER_PROBE, TIMER_REORDER, TIMER_PERSIST };

struct tcp_conn {
	struct tcp *tcp;
	struct conn *conn;
	struct tcp_owner *owner; /* NULL: nobody waits for the end */
	int open_error;          /* errno of a failed connect */
	uint32_t charged;        /* bytes of CHARGE_BYTES */
	struct list due;         // tcp::due or later, or port::tcp_held
	struct list link;        // tcp::conns
	struct loop_io io;
	struct loop_timer timer;
	usec_t heard;       /* time of the guest's last segment */
	usec_t rexmit;      /* when timer_kind is due; 0: not set */
	usec_t deadline;    /* when to reset the guest's end after the host's */
	usec_t sniff_until; /* when a guest that names no server is reset */
	uint8_t phase;      /* enum tcp_phase */
	uint8_t timer_kind;

	/* the host's socket */
	bool readable : 1, writable : 1;
	bool ending : 1;    /* EOF or an error follows the data */
	bool host_eof : 1;  /* EOF was read; the guest's FIN is in a slot */
	bool host_shut : 1; /* the guest's FIN was passed on */
	bool host_dead : 1; /* reset: further data from the guest is discarded */
	bool deaf : 1;      /* the host's socket takes no more data, but may still send */
	bool failed : 1;    /* an error follows the data to be read */
	bool is_unix : 1;   /* a reset of a unix socket only means that unread data was lost */
	bool recverr : 1, opening_charged : 1, queued : 1;
	/* the guest */
	bool v6 : 1, stamps : 1, sack : 1;
	bool need_ack : 1;  /* with this turn's end */
	bool ack_waits : 1; /* until ack_by, or until more has come */
	bool has_fin : 1;   /* a FIN was seen, at fin_seq; data may be missing before it */
	bool fin_taken : 1, guest_first : 1;
	bool send_small : 1; /* set by the persist timer (RFC 9293 3.8.6.2.1) */
	/* recovery */
	bool in_recovery : 1, after_timeout : 1, has_rack : 1, probe_out : 1;
	bool sniffs : 1; /* the first bytes are held: sniff.c */
	bool cut : 1, seen_d_sack : 1, can_undo : 1, sent_new : 1, una_moved : 1;

	uint8_t snd_shift, rcv_shift;
	uint8_t retries, backoff, keepalives, duplicates;
	uint8_t n_extra_acks; /* duplicate ACKs owed to a guest without SACK */
	uint8_t fast_rounds;  /* left, of growth as for a fast guest */
	uint8_t reorder;      /* in quarters of the RTT; RFC 8985 reo_wnd_mult */

	/* to the guest */
	uint32_t iss, snd_una, snd_nxt;
	uint32_t snd_wnd, max_wnd, snd_wl1;
	uint32_t mss; /* payload bytes per segment */
	struct block *first, *last;

	/* from the guest */
	uint32_t irs, rcv_nxt, rcv_edge, up_nxt; /* up_nxt: the next byte to write to the host */
	uint32_t fin_seq, rcv_mss, last_ack_sent;
	uint32_t steady_from; /* no gap and no pause since */
	usec_t ack_by;
	uint32_t ts_recent, ts_offset;
	usec_t ts_recent_at, challenged;
	uint32_t notes_head, notes_tail; /* index + 1 */
	uint32_t notes_seq, notes_end;
	struct ring *ring; /* NULL: no data waits */

	/* loss and congestion; bytes, microseconds */
	uint32_t cwnd, ssthresh, w_max;
	uint32_t out_max; /* TCP_INFLIGHT_MAX, or _TAP */
	usec_t epoch;     /* start of the growth towards w_max and beyond */
	uint32_t sacked, lost, resent, recover;
	uint32_t episode_lost;
	uint32_t round_end, flight, last_flight;    /* most bytes under way, this round and last */
	uint32_t delivered_segments, lost_segments; /* since the window was last reduced */
	uint32_t srtt, rttvar, min_rtt;             /* srtt 0: not measured yet */
	uint32_t rack_sent, rack_end, rack_rtt, probe_end;
	uint32_t undo_cwnd, undo_ssthresh, undo_w_max, undo_stamp;

	/* since the last turn, to be added to the conn's counters */
	uint32_t up_segments, up_bytes, down_segments, down_bytes;

	uint32_t ip_sum, tcp_sum; /* partial sums of the constant header fields */
	uint8_t head_len;         /* ethernet and IP */
	uint8_t head[ETH_HEADER + 40 + 4];
};

static inline usec_t tcp_now(const struct tcp *tcp)
{
	return loop_now(tcp->loop);
}

/* tcp.c */
void conn_due(struct tcp_conn *c);
struct port *guest_port(struct tcp *tcp, mac_t mac);
struct tcp_conn *conn_new(struct tcp *tcp, struct conn *conn, int fd);
void conn_count_drop(struct tcp *tcp, const struct conn *conn, enum drop_reason why);
/* Charges the bytes of blocks. */
bool conn_charge(struct tcp_conn *c, uint32_t bytes);
void conn_charge_force(struct tcp_conn *c, uint32_t bytes);
void conn_uncharge(struct tcp_conn *c, uint32_t bytes);

/* handshake.c */
bool handshake_serve(struct tcp_conn *c);
bool handshake_input(struct tcp_conn *c, const struct packet *packet,
		     const struct tcp_options *options);
bool handshake_timeout(struct tcp_conn *c);
void handshake_done(struct tcp_conn *c);

/* refuse.c */
void refuse(struct tcp_conn *c, int error);

/* emit.c */
void emit_init(struct tcp_conn *c);
/* The headers of full segments sent now; each slot of a read changes only a few bytes. */
struct emit_run {
	uint8_t head[ETH_HEADER + 40 + TCP_HEADER + TCP_OPTION_STAMPS_LEN];
	uint32_t len, payload;
	uint64_t sum;  /* of the bytes that are equal in all */
	bool unsummed; /* new slots are SLOT_UNSUMMED */
};
void emit_run_begin(struct tcp_conn *c, struct emit_run *run);
void emit_run_slot(struct tcp_conn *c, const struct emit_run *run, struct block *block, unsigned i);
/* A single slot. */
void emit_slot(struct tcp_conn *c, struct block *block, unsigned i);
void emit_ack(struct tcp_conn *c);
/* An empty segment at @seq: keep-alive or window probe. */
void emit_probe(struct tcp_conn *c, uint32_t seq);
void emit_syn(struct tcp_conn *c);
void emit_reset(struct tcp_conn *c, uint32_t seq, bool with_ack);
/* The length of the headers before the payload. */
uint32_t emit_header_len(const struct tcp_conn *c);
uint32_t emit_stamp(const struct tcp_conn *c);
/* Has the window opened so far that the guest must be told? */
bool emit_window_moved(const struct tcp_conn *c);

/* up.c */
void up_data(struct tcp_conn *c, uint32_t seq, const uint8_t *data, uint32_t len);
void up_flush(struct tcp_conn *c);
uint32_t up_waiting(const struct tcp_conn *c);

/* sniff.c */
/* @c is to name a server before anything passes, if its conn says so. */
void sniff_begin(struct tcp_conn *c);
/* tcp_conn::sniffs is set: reads the first bytes. False: denied, and @c is freed. */
bool sniff_passes(struct tcp_conn *c);

/* down.c */
enum down_more {
	DOWN_WAITS,  /* nothing more to do until an event */
	DOWN_HUNGRY, /* read nothing: the turn's bytes are used up */
	DOWN_WANTS,  /* read some, and could read more */
};
enum down_more down_run(struct tcp_conn *c);
void down_free(struct tcp_conn *c);
/* Does data wait in the socket while the guest's window is closed? */
bool down_must_probe(const struct tcp_conn *c);
static inline uint32_t down_out(const struct tcp_conn *c)
{
	return c->snd_nxt - c->snd_una;
}

/* recovery.c */
void recovery_acked(struct tcp_conn *c, uint32_t ack, const struct tcp_options *options);
void recovery_duplicate(struct tcp_conn *c);
void recovery_detect(struct tcp_conn *c);
void recovery_resend(struct tcp_conn *c);
void recovery_timeout(struct tcp_conn *c);
void recovery_probe(struct tcp_conn *c);
uint32_t recovery_pipe(const struct tcp_conn *c);

/* congestion.c */
void congestion_init(struct tcp_conn *c);
/* The guest is behind another port. */
void congestion_moved(struct tcp_conn *c);
void congestion_acked(struct tcp_conn *c, uint32_t bytes, uint32_t out_before);
/* Call it after new data was sent. */
void congestion_sent(struct tcp_conn *c);
void congestion_lost(struct tcp_conn *c, uint32_t bytes);
void congestion_timeout(struct tcp_conn *c);

/* timer.c */
void timer_fire(struct loop_timer *timer);
void timer_arm(struct tcp_conn *c);
/* Makes the timer fire at @at or before. */
void timer_by(struct tcp_conn *c, usec_t at);
usec_t timer_rto(const struct tcp_conn *c);
void timer_measured(struct tcp_conn *c, uint32_t rtt);

/* end.c: these free @c */
/* Both ends have closed. */
void end_both(struct tcp_conn *c);
/* Sends RST to the ends named. */
void end_reset(struct tcp_conn *c, bool guest, bool host);
/* As end_reset, called by the table, which ends the conn itself. */
void end_from_table(struct conn *conn);
/* Ends a connection of which the guest knows nothing. */
void end_quietly(struct tcp_conn *c);
/* The state of the guest's end. */
enum conn_state end_state(const struct tcp_conn *c);

#endif
