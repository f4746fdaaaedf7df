/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_PORT_H
#define USERNET_NET_PORT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/loop.h"
#include "net/frame.h"

/*
 * A port is what the switch sees: a thing that takes frames and gives frames. The struct is
 * embedded in each link's own; the link is reached with container_of.
 *
 *   life:  port_init -> vswitch_add_port -> … -> vswitch_remove_port -> port_fini
 *   in:    vswitch_input(port, frames, n)    the link has read frames
 *   out:   ops->send(port, frames, n)        notes them; neither blocks nor calls the switch
 *          ops->flush(port)                  once at the end of the turn: one write
 *   wait:  port_set_congested(port, true)    its queue is over the high-water mark
 *          ops->pause(port, true)            somebody it feeds is congested: stop reading
 *
 * None of the ops may free the port; a port that finds its peer gone defers its own removal to
 * LOOP_REAP. The switch counts rx and tx; a link counts only what it drops itself.
 */
struct port;
struct vswitch;
struct netdev;

struct port_ops {
	/* Frames for this port, borrowed until the end of the turn; all have their prefix. */
	void (*send)(struct port *port, const struct frame *frames, size_t n);
	/* Called once at the end of a turn in which send was. */
	void (*flush)(struct port *port);
	/*
	 * Stop (resume) reading from the peer; a port that cannot wait leaves it NULL. May come
	 * from within the port's own vswitch_input; must not call vswitch_input.
	 */
	void (*pause)(struct port *port, bool pause);
};

/* Why a frame went no further. Names for people and programs: drop_reason_name(). */
enum drop_reason {
	DROP_RUNT,         /* shorter than an ethernet header */
	DROP_OVERSIZE,     /* longer than FRAME_MAX, or than the port's medium takes */
	DROP_TRUNCATED,    /* a header says more than is there */
	DROP_BAD_SOURCE,   /* multicast, zero, or the gateway's address as source */
	DROP_SPOOFED,      /* claims an address that is another's */
	DROP_ROGUE_SERVER, /* DHCP server reply, router advertisement or redirect from a guest */
	DROP_STATIONS,     /* the port's share of the station table is used up */
	DROP_FLOOD,        /* the port's flood budget is used up */
	DROP_QUEUE_FULL,   /* the receiver did not drain */
	DROP_LINK_DOWN,    /* set_link off, or the peer is not connected */
	DROP_NO_RECEIVER,  /* nobody else is on the network */
	DROP_WRITE_ERROR,  /* the socket refused it */
	DROP_POLICY,       /* destination not allowed */
	DROP_MALFORMED,    /* not a frame its protocol allows */
	DROP_FRAGMENT,     /* fragments over the bound */
	DROP_UNSUPPORTED,  /* a protocol the gateway does not speak */
	DROP_BUDGET,       /* the guest's share of flows, leases or instances is used up */
	DROP_ISOLATED,     /* isolate= keeps the sender from the receiver */
	DROP_N_REASONS,
};
const char *drop_reason_name(enum drop_reason reason); /* "queue-full" */

struct port_counters {
	uint64_t rx_frames, rx_bytes; /* from the peer, what the guard then dropped included */
	uint64_t tx_frames, tx_bytes; /* taken for the peer */
	uint64_t drops[DROP_N_REASONS];
};

struct port {
	const struct port_ops *ops;
	struct netdev *netdev;   /* the attachment this port belongs to; outlives it */
	struct vswitch *vswitch; /* NULL while not added */
	struct list link;        // vswitch::ports
	struct list netdev_link; // netdev::ports
	char *name;              /* "lan.3"; owned */
	char *peer;  /* who is there: "pid 4711", "127.0.0.1:5000"; owned, may be NULL */
	unsigned id; /* unique in the process, never used again */
	usec_t since;
	bool trusted;    /* the gateway: the guard lets it pass */
	bool unreliable; /* its wire may corrupt frames: checksums are verified */
	bool link_up;    /* set_link */
	bool congested;  /* see port_set_congested */
	bool dropping;   /* congested for too long: frames to it are dropped until it drains */
	unsigned n_stations;
	struct loop_timer rest;      /* runs while it is not read for its cost (fair.h) */
	bool paused;                 /* what ops->pause() was told last */
	struct port *waits_for;      /* the congested port this one is paused for */
	struct list waiting;         // port::waiters of waits_for
	struct list waiters;         /* heads port::waiting: those paused for this one */
	struct loop_timer stall;     /* runs while it may hold its feeders */
	usec_t stall_since;          /* when it last began to hold them, or ceased to */
	usec_t stall_credit;         /* how long it might hold them at stall_since */
	struct loop_task flush_task; /* LOOP_FLUSH */
	unsigned group;              /* who may reach whom: vswitch.h, PORT_GROUP_ALONE */
	struct list guests;          /* heads guest::port_link */
	unsigned n_guests;
	usec_t conflict_at;     /* guard: when a conflict of addresses was last noted */
	usec_t mac_conflict_at; /* guard: the same, of MAC addresses */
	mac_t first_mac;        /* guard: the first that sent from here; 0: none has */
	double flood_tokens;
	usec_t flood_at;
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
}

/*
 * A link says that its send queue is over (under) its marks. While congested, ports that send to it
 * are paused, for at most STALL_MAX; then frames to it are dropped until it is not congested. A
 * port that drains late again and again holds its feeders for at most half of the time: stalls
 * beyond STALL_FREE use up credit, which comes back as fast as time passes in which nobody is held.
 */
void port_set_congested(struct port *port, bool congested);

#define STALL_MAX (50 * USEC_PER_MSEC)
/* Shorter is the ordinary back-pressure of a busy reader. */
#define STALL_FREE (10 * USEC_PER_MSEC)

/* set_link: a port whose link is down takes no frames and gives none; they are counted at it. */
void port_set_link(struct port *port, bool up);

/* --- the switch's own --- */

/* Pauses @port until @receiver drains or its time is up; a port waits for one other at a time. */
void port_wait_for(struct port *port, struct port *receiver);
/* @port leaves the switch: nobody waits for it any more, and it for nobody. */
void port_leave_waiters(struct port *port);
/* port::stall's */
void port_stalled(struct loop_timer *timer);
/* @port is not read for @time; what its peer sends waits. */
void port_rest(struct port *port, usec_t time);
/* port::rest's */
void port_rested(struct loop_timer *timer);

#endif
