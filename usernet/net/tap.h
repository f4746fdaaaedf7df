/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_NET_TAP_H
#define USERNET_NET_TAP_H

#include "net/port.h"

/*
 * Sees the frames of the ports whose port::tap names it, in the order in which the switch handles
 * them. A frame comes once for the port that sent it and once for each port that was given it. One
 * that was dropped comes with the reason at the port that counts the drop. One that the gateway
 * drops comes twice: as received, and with the reason.
 */
enum tap_way {
	TAP_IN,  /* from the port's peer */
	TAP_OUT, /* to the port's peer */
};

struct tap {
	/*
	 * @why is DROP_N_REASONS if the frames passed. They are borrowed for the call. Must not
	 * call the switch.
	 */
	void (*frames)(struct tap *tap, const struct port *port, enum tap_way way,
		       const struct frame *frames, size_t n, enum drop_reason why);
};

static inline void tap_passed(const struct port *port, enum tap_way way, const struct frame *frames,
			      size_t n)
{
	if (G_UNLIKELY(port->tap))
		port->tap->frames(port->tap, port, way, frames, n, DROP_N_REASONS);
}

/* Counts the drop, and shows it. */
static inline void tap_drop(struct port *port, enum tap_way way, const struct frame *frames,
			    size_t n, enum drop_reason why)
{
	port_drop(port, why, n);
	if (G_UNLIKELY(port->tap))
		port->tap->frames(port->tap, port, way, frames, n, why);
}

/* Shows @frame if port_drop() was called since port::last_drop was set to DROP_N_REASONS. */
static inline void tap_dropped(const struct port *port, const struct frame *frame)
{
	if (G_UNLIKELY(port->tap) && port->last_drop != DROP_N_REASONS)
		port->tap->frames(port->tap, port, TAP_IN, frame, 1, port->last_drop);
}

#endif
