/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/port.h"

#include "base/reserve.h"
#include "net/guard.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/vswitch.h"

static const char *const drop_names[] = {
	[DROP_RUNT] = "runt",
	[DROP_OVERSIZE] = "oversize",
	[DROP_TRUNCATED] = "truncated",
	[DROP_BAD_SOURCE] = "bad-source",
	[DROP_SPOOFED] = "spoofed",
	[DROP_ROGUE_SERVER] = "rogue-server",
	[DROP_STATIONS] = "stations",
	[DROP_FLOOD] = "flood",
	[DROP_QUEUE_FULL] = "queue-full",
	[DROP_LINK_DOWN] = "link-down",
	[DROP_NO_RECEIVER] = "no-receiver",
	[DROP_WRITE_ERROR] = "write-error",
	[DROP_POLICY] = "policy",
	[DROP_MALFORMED] = "malformed",
	[DROP_FRAGMENT] = "fragment",
	[DROP_UNSUPPORTED] = "unsupported",
	[DROP_BUDGET] = "budget",
	[DROP_ISOLATED] = "isolated",
	[DROP_VLAN] = "vlan",
	[DROP_MEMORY] = "memory",
};
G_STATIC_ASSERT(G_N_ELEMENTS(drop_names) == DROP_N_REASONS);

const char *drop_reason_name(enum drop_reason reason)
{
	return (unsigned)reason < DROP_N_REASONS ? drop_names[reason] : "unknown";
}

enum drop_reason drop_reason_no_room(void)
{
	return reserve_is_low() ? DROP_MEMORY : DROP_BUDGET;
}

void port_init(struct port *port, const struct port_ops *ops, struct netdev *netdev,
	       const char *name)
{
	static unsigned last_id;

	*port = (struct port){
		.ops = ops,
		.netdev = netdev,
		.name = g_strdup(name),
		.id = ++last_id,
		.link_up = true,
		.stall_credit = STALL_MAX,
		.flood_tokens = GUARD_FLOOD_BURST,
		.read_max = PORT_READ_MAX,
	};
	list_init(&port->link);
	list_init(&port->netdev_link);
	list_init(&port->waiting);
	list_init(&port->waiters);
	list_init(&port->tcp_held);
	list_init(&port->udp_held);
	list_init(&port->guests);
}

void port_fini(struct port *port)
{
	g_assert(!port->vswitch);
	g_clear_pointer(&port->name, g_free);
	g_clear_pointer(&port->peer, g_free);
}

void port_set_link(struct port *port, bool up)
{
	port->link_up = up;
}

/* --- waiting --- */

/* A port is paused while it waits for another port and while it rests. */
static void set_pause(struct port *port)
{
	bool pause = port->waits_for || port_rests(port);

	if (pause == port->paused || !port->ops->pause)
		return;
	port->paused = pause;
	port->ops->pause(port, pause);
}

static void stop_waiting(struct port *port)
{
	list_remove(&port->waiting);
	port->waits_for = NULL;
}

static void resume_waiters(struct port *port)
{
	while (!list_empty(&port->waiters)) {
		struct port *feeder = list_first(&port->waiters, struct port, waiting);

		stop_waiting(feeder);
		set_pause(feeder);
	}
}

void port_wait_for(struct port *port, struct port *receiver)
{
	if (!port->ops->pause || port->waits_for)
		return;
	port->waits_for = receiver;
	list_append(&receiver->waiters, &port->waiting);
	set_pause(port);
}

void port_rest(struct port *port, usec_t time)
{
	usec_t from;

	if (!port->vswitch)
		return;
	from = loop_now(vswitch_loop(port->vswitch));
	port->count.rests++;
	if (loop_timer_is_set(&port->rest))
		from = MAX(from, port->rest.at);
	loop_timer_set(&port->rest, from + time);
	set_pause(port);
}

void port_rested(struct loop_timer *timer)
{
	set_pause(container_of(timer, struct port, rest));
}

void port_leave_waiters(struct port *port)
{
	loop_timer_cancel(&port->rest);
	if (port->waits_for)
		stop_waiting(port);
	resume_waiters(port);
}

static bool holds_feeders(const struct port *port)
{
	return port->congested && !port->dropping;
}

static void begin_to_hold(struct port *port)
{
	usec_t now = loop_now(vswitch_loop(port->vswitch));

	port->stall_credit = MIN(STALL_MAX, port->stall_credit + (now - port->stall_since));
	port->stall_since = now;
	if (port->stall_credit > 0)
		loop_timer_set(&port->stall, now + port->stall_credit);
	else
		port->dropping = true;
}

static void cease_to_hold(struct port *port)
{
	usec_t now = loop_now(vswitch_loop(port->vswitch));
	usec_t held = now - port->stall_since;

	if (held > STALL_FREE)
		port->stall_credit = MAX(0, port->stall_credit - held);
	port->stall_since = now;
	loop_timer_cancel(&port->stall);
	resume_waiters(port);
}

void port_stalled(struct loop_timer *timer)
{
	struct port *port = container_of(timer, struct port, stall);

	/* Credit that was used up is gone, even if it was small. */
	port->stall_credit = 0;
	port->dropping = true;
	cease_to_hold(port);
}

void port_set_congested(struct port *port, bool congested)
{
	bool held = holds_feeders(port);

	if (!port->vswitch || port->congested == congested)
		return;
	port->congested = congested;
	port->dropping = false;
	if (congested)
		begin_to_hold(port);
	else if (held)
		cease_to_hold(port);
	if (!congested && port->netdev)
		network_emit(port->netdev->network,
			     &(struct network_event){.kind = NETWORK_PORT_DRAINED,
						     .netdev = port->netdev,
						     .port = port});
}
