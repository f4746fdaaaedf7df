/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_PORT_H
#define USERNET_NET_PORT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/loop.h"
#include "net/frame.h"
#include "net/vlan.h"

/*
 * A port is the switch's view of a link or the gateway: it takes frames and gives frames. The
 * struct is embedded in each link's own; container_of gives the link.
 *
 *   life:  port_init -> vswitch_add_port -> … -> vswitch_remove_port -> port_fini
 *   in:    vswitch_input(port, frames, n)    the link has read frames
 *   out:   ops->send(port, frames, n)        queues them; must not block or call the switch
 *          ops->flush(port)                  once at the end of the turn: one write
 *   wait:  port_set_congested(port, true)    its queue is over the high-water mark
 *          ops->pause(port, true)            a port it sends to is congested: stop reading
 *
 * No op may free the port; a port whose peer is gone defers its own removal to LOOP_REAP. The
 * switch counts rx and tx; a link counts only its own drops.
 */
struct port;
struct tap;
struct vswitch;
struct netdev;

struct port_ops {
	/* Frames for this port, borrowed until the end of the turn, each with its prefix. */
	void (*send)(struct port *port, const struct frame *frames, size_t n);
	/* Called once at the end of a turn in which send was called. */
	void (*flush)(struct port *port);
	/*
	 * Stops (resumes) reading from the peer; NULL for a port that cannot wait. May be called
	 * from the port's own vswitch_input(); must not call vswitch_input().
	 */
	void (*pause)(struct port *port, bool pause);
};

/* Why a frame was dropped. drop_reason_name() gives the name. */
enum drop_reason {
	DROP_RUNT,         /* shorter than an ethernet header */
	DROP_OVERSIZE,     /* longer than FRAME_MAX, or than the medium allows */
	DROP_TRUNCATED,    /* a header claims more bytes than there are */
	DROP_BAD_SOURCE,   /* multicast, zero, or the gateway's address as source */
	DROP_SPOOFED,      /* claims another guest's address */
	DROP_ROGUE_SERVER, /* DHCP server reply, router advertisement or redirect from a guest */
	DROP_STATIONS,     /* the port's share of the station table is used up */
	DROP_FLOOD,        /* the port's flood budget is used up */
	DROP_QUEUE_FULL,   /* the receiver did not drain */
	DROP_LINK_DOWN,    /* set_link off, or the peer is not connected */
	DROP_NO_RECEIVER,  /* no other port is on the network */
	DROP_WRITE_ERROR,  /* the socket refused it */
	DROP_POLICY,       /* destination not allowed */
	DROP_MALFORMED,    /* not a valid frame of its protocol */
	DROP_FRAGMENT,     /* too many fragments */
	DROP_UNSUPPORTED,  /* a protocol that the gateway does not support */
	DROP_BUDGET,       /* the guest has used its share of flows, leases or instances */
	DROP_ISOLATED,     /* isolate= or uplink= keeps the sender from the receiver */
	DROP_VLAN,         /* the port is not in the frame's VLAN */
	DROP_MEMORY,       /* the process is short of memory (base/reserve.h) */
	DROP_N_REASONS,
};
const char *drop_reason_name(enum drop_reason reason); /* "queue-full" */
/* Why a frame cannot open anything: DROP_MEMORY if memory is low, else DROP_BUDGET. */
enum drop_reason drop_reason_no_room(void);

struct port_counters {
	uint64_t rx_frames, rx_bytes; /* from the peer, including frames that the guard dropped */
	uint64_t tx_frames, tx_bytes; /* accepted for the peer */
	uint64_t drops[DROP_N_REASONS];
	uint64_t rests; /* times that it rested: fair.h */
};

#define PORT_READ_MAX ((size_t)256 * 1024) /* bytes a turn: DESIGN, the way of a frame */

struct port {
	const struct port_ops *ops;
	struct netdev *netdev;   /* the attachment this port belongs to; outlives it */
	struct vswitch *vswitch; /* NULL while not added */
	struct list link;        // vswitch::ports
	struct list netdev_link; // netdev::ports
	char *name;              /* "lan.3"; owned */
	char *peer;              /* the peer: "pid 4711", "127.0.0.1:5000"; owned, may be NULL */
	unsigned id;             /* unique in the process, never reused */
	usec_t since;
	bool trusted;    /* the gateway: the guard does not check its frames */
	bool uplink;     /* to another switch: exchanges no frames with other uplinks */
	bool unreliable; /* the wire may corrupt frames: checksums are verified */
	/* Takes frames with frame::segment and FRAME_SUM_PARTIAL as they are. */
	bool takes_offload;
	bool link_up;   /* set_link */
	bool congested; /* see port_set_congested */
	bool dropping;  /* congested for too long: frames to it are dropped until it drains */
	unsigned n_stations;
	size_t read_max;             /* bytes its link reads at once (fair.h) */
	bool has_more;               /* fair.h: the last read took read_max bytes */
	unsigned n_unmeasured;       /* fair.h: turns since the gateway last had a frame */
	uint64_t input_turn;         /* fair.h: the turn of its last frames */
	size_t input_frames;         /* fair.h: measured in that turn */
	int64_t input_ns;            /* fair.h: what those cost the switch */
	int64_t refused_ns;          /* fair.h: what refused ones cost it */
	usec_t rest_due;             /* fair.h: rest that it has not taken yet */
	struct loop_timer rest;      /* runs while the port rests because of its cost (fair.h) */
	bool paused;                 /* last argument of ops->pause() */
	struct port *waits_for;      /* the congested port this one is paused for */
	struct list waiting;         // port::waiters of waits_for
	struct list waiters;         /* heads port::waiting: the ports paused for this one */
	struct list tcp_held;        /* heads tcp_conn::due: they wait until it drains */
	struct list udp_held;        /* heads udp_host::ready_link: the same */
	struct loop_timer stall;     /* runs while the port may pause its feeders */
	usec_t stall_since;          /* when it last began or stopped pausing them */
	usec_t stall_credit;         /* how long it was allowed to pause them at stall_since */
	struct loop_task flush_task; /* LOOP_FLUSH */
	unsigned group;              /* isolation group: vswitch.h, PORT_GROUP_ALONE */
	struct vlans vlans;          /* as the netdev's */
	struct list guests;          /* heads guest::port_link */
	unsigned n_guests;
	usec_t conflict_at;     /* guard: when an address conflict was last noted */
	usec_t mac_conflict_at; /* guard: the same for MAC addresses */
	mac_t first_mac;        /* guard: first source MAC of this port; 0: none */
	double flood_tokens;
	usec_t flood_at;
	struct tap *tap;            /* tap.h; NULL: nobody captures its frames */
	enum drop_reason last_drop; /* of the latest port_drop() */
	struct port_counters count;
};

/* @name is copied. */
void port_init(struct port *port, const struct port_ops *ops, struct netdev *netdev,
	       const char *name);
/* After vswitch_remove_port. */
void port_fini(struct port *port);

static inline void port_drop(struct port *port, enum drop_reason why, uint64_t n)
{
	port->count.drops[why] += n;
	port->last_drop = why;
}

/*
 * The link reports that its send queue is over (under) its marks. While a port is congested, ports
 * that send to it are paused, for at most STALL_MAX; then frames to it are dropped until it is no
 * longer congested. A port that drains late again and again pauses its feeders for at most half of
 * the time: stalls longer than STALL_FREE use up credit, which grows in real time while no port is
 * paused.
 */
void port_set_congested(struct port *port, bool congested);

#define STALL_MAX (50 * USEC_PER_MSEC)
/* A shorter stall is the normal back-pressure of a busy reader. */
#define STALL_FREE (10 * USEC_PER_MSEC)

/*
 * set_link: a port whose link is down neither takes nor gives frames; they are counted as dropped.
 */
void port_set_link(struct port *port, bool up);

/* --- for the switch only --- */

/* Pauses @port until @receiver drains or its time is up. A port waits for one port at a time. */
void port_wait_for(struct port *port, struct port *receiver);
/* @port leaves the switch: ends all waiting for it and its own waiting. */
void port_leave_waiters(struct port *port);
/* callback of port::stall */
void port_stalled(struct loop_timer *timer);
/*
 * Stops reading from @port for @time; its peer's frames wait in the socket. A port that cannot be
 * paused rests only in name: see port_rests().
 */
void port_rest(struct port *port, usec_t time);
static inline bool port_rests(const struct port *port)
{
	return loop_timer_is_set(&port->rest);
}
/* callback of port::rest */
void port_rested(struct loop_timer *timer);

#endif
