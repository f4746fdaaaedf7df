/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/vswitch.h"

#include "net/fair.h"
#include "net/guard.h"
#include "net/rewrite.h"
#include "net/tap.h"

struct vswitch {
	struct loop *loop;
	struct list ports; /* heads port::link */
	struct station_table *stations;
	struct loop_timer sweep;
	struct fair fair;
	vswitch_guard_fn guard;
	void *guard_data;
	vswitch_moved_fn moved;
	void *moved_data;
	bool isolated;
	mac_t fixed;   /* vswitch_set_fixed() */
	uint16_t home; /* the gateway's VLAN */
	struct rewrite rewrite;
};

#define SWEEP_PERIOD (STATION_AGE / 4)

static void sweep(struct loop_timer *timer)
{
	struct vswitch *vswitch = container_of(timer, struct vswitch, sweep);
	usec_t now = loop_now(vswitch->loop);

	station_sweep(vswitch->stations, now);
	loop_timer_set(timer, now + SWEEP_PERIOD);
}

struct vswitch *vswitch_new(struct loop *loop, struct chunk_pool *chunks)
{
	struct vswitch *vswitch = g_new0(struct vswitch, 1);

	vswitch->loop = loop;
	vswitch->rewrite.pool = chunks;
	fair_init(&vswitch->fair, loop);
	list_init(&vswitch->ports);
	vswitch->stations = station_table_new();
	loop_timer_init(loop, &vswitch->sweep, sweep);
	loop_timer_set(&vswitch->sweep, loop_now(loop) + SWEEP_PERIOD);
	return vswitch;
}

void vswitch_free(struct vswitch *vswitch)
{
	g_assert(list_empty(&vswitch->ports));
	loop_timer_cancel(&vswitch->sweep);
	rewrite_free(&vswitch->rewrite);
	station_table_free(vswitch->stations);
	g_free(vswitch);
}

void vswitch_set_guard(struct vswitch *vswitch, vswitch_guard_fn guard, void *data)
{
	vswitch->guard = guard;
	vswitch->guard_data = data;
}

void vswitch_set_moved(struct vswitch *vswitch, vswitch_moved_fn moved, void *data)
{
	vswitch->moved = moved;
	vswitch->moved_data = data;
}

void vswitch_set_isolated(struct vswitch *vswitch, bool isolated)
{
	vswitch->isolated = isolated;
}

void vswitch_set_fixed(struct vswitch *vswitch, mac_t mac)
{
	vswitch->fixed = mac;
}

static void flush_port(struct loop_task *task)
{
	struct port *port = container_of(task, struct port, flush_task);

	port->ops->flush(port);
}

void vswitch_add_port(struct vswitch *vswitch, struct port *port)
{
	g_assert(!port->vswitch);
	port->vswitch = vswitch;
	port->since = loop_now(vswitch->loop);
	port->stall_since = port->since;
	port->flood_at = port->since;
	loop_timer_init(vswitch->loop, &port->stall, port_stalled);
	loop_timer_init(vswitch->loop, &port->rest, port_rested);
	loop_task_init(vswitch->loop, &port->flush_task, LOOP_FLUSH, flush_port);
	list_append(&vswitch->ports, &port->link);
}

void vswitch_remove_port(struct port *port)
{
	if (!port->vswitch)
		return;
	port_leave_waiters(port);
	port->congested = false;
	port->dropping = false;
	loop_timer_cancel(&port->stall);
	loop_task_cancel(&port->flush_task);
	station_forget_port(port->vswitch->stations, port);
	list_remove(&port->link);
	port->vswitch = NULL;
}

/* --- forwarding --- */

/*
 * Consecutive frames of one input that go to the same port. A frame with the same addresses
 * (compared as stored in memory) as the last frame goes the same way.
 */
struct run {
	struct port *to; /* NULL: all other ports; the sender itself: nowhere */
	uint16_t vlan;
	size_t start; /* index of its first frame */
	uint64_t bytes;
	bool known;       /* there was a frame already */
	uint64_t address; /* destination and the first two bytes of the source */
	uint32_t source;  /* the rest of the source */
	/* The last source IP address that passed the guard with these MACs; ip_type 0: none. */
	uint16_t ip_type;
	uint8_t ip[16];
};

static inline uint64_t load_address(const struct frame *f)
{
	uint64_t v;

	memcpy(&v, f->data, sizeof(v));
	return v;
}

static inline uint32_t load_source(const struct frame *f)
{
	uint32_t v;

	memcpy(&v, f->data + sizeof(uint64_t), sizeof(v));
	return v;
}

/* Does the packet have the source of the one before it? True if it is not IP. */
static inline bool is_same_ip(const struct run *run, const struct frame *f)
{
	uint16_t type = frame_ethertype(f);

	if (type == ETHERTYPE_V4 && f->len >= ETH_HEADER + 20)
		return run->ip_type == type && !memcmp(run->ip, f->data + ETH_HEADER + 12, 4);
	if (type == ETHERTYPE_V6 && f->len >= ETH_HEADER + 40)
		return run->ip_type == type && !memcmp(run->ip, f->data + ETH_HEADER + 8, 16);
	return true;
}

/* The guard passed @f. For frames that it always checks, the source may not have been checked. */
static void note_ip(struct run *run, const struct frame *f, bool same)
{
	uint16_t type = frame_ethertype(f);

	if (type == ETHERTYPE_V4 && !guard_must_see(f)) {
		run->ip_type = type;
		memcpy(run->ip, f->data + ETH_HEADER + 12, 4);
	} else if (type == ETHERTYPE_V6 && !guard_must_see(f)) {
		run->ip_type = type;
		memcpy(run->ip, f->data + ETH_HEADER + 8, 16);
	} else if (!same) {
		run->ip_type = 0;
	}
}

static unsigned group_of(const struct port *port)
{
	if (port->group != PORT_GROUP_NONE)
		return port->group;
	return port->vswitch->isolated ? PORT_GROUP_ALONE : PORT_GROUP_OPEN;
}

static bool reaches(const struct port *from, const struct port *to)
{
	unsigned group = group_of(from);

	if (from->trusted || to->trusted)
		return true;
	if (from->uplink && to->uplink)
		return false;
	return group != PORT_GROUP_ALONE && group == group_of(to);
}

static void pass(struct port *to, const struct frame *frames, size_t n, uint64_t bytes)
{
	to->count.tx_frames += n;
	to->count.tx_bytes += bytes;
	tap_passed(to, TAP_OUT, frames, n);
	to->ops->send(to, frames, n);
	if (to->ops->flush)
		loop_task_defer(&to->flush_task);
}

static void pass_rewritten(struct port *to)
{
	struct rewrite *rewrite = &to->vswitch->rewrite;
	uint64_t bytes = 0;

	for (size_t i = 0; i < rewrite->n; i++)
		bytes += rewrite->frames[i].len;
	if (rewrite->n)
		pass(to, rewrite->frames, rewrite->n, bytes);
	rewrite->n = 0;
}

static void give_rewritten(struct port *to, uint16_t vlan, const struct frame *frames, size_t n)
{
	struct rewrite *rewrite = &to->vswitch->rewrite;

	for (size_t i = 0; i < n; i++) {
		if (!rewrite_add(rewrite, to, vlan, &frames[i])) {
			pass_rewritten(to);
			(void)rewrite_add(rewrite, to, vlan, &frames[i]);
		}
	}
	pass_rewritten(to);
}

static void give(struct port *to, uint16_t vlan, const struct frame *frames, size_t n,
		 uint64_t bytes)
{
	for (size_t i = 0; i < n; i++) {
		if (G_UNLIKELY(rewrite_is_needed(to, vlan, &frames[i]))) {
			give_rewritten(to, vlan, frames, n);
			return;
		}
	}
	pass(to, frames, n, bytes);
}

static void unicast(struct port *from, const struct run *run, const struct frame *frames, size_t n)
{
	struct port *to = run->to;

	if (G_UNLIKELY(!reaches(from, to))) {
		tap_drop(from, TAP_IN, frames, n, DROP_ISOLATED);
		return;
	}
	if (G_UNLIKELY(!vlan_is_member(&to->vlans, run->vlan))) {
		tap_drop(from, TAP_IN, frames, n, DROP_VLAN);
		return;
	}
	tap_passed(from, TAP_IN, frames, n);
	if (!to->link_up) {
		tap_drop(to, TAP_OUT, frames, n, DROP_LINK_DOWN);
		return;
	}
	if (to->dropping) {
		tap_drop(to, TAP_OUT, frames, n, DROP_QUEUE_FULL);
		return;
	}
	give(to, run->vlan, frames, n, run->bytes);
	if (to->congested && !to->dropping)
		port_wait_for(from, to);
}

static bool takes_flood(const struct port *port, const struct port *from, uint16_t vlan)
{
	return port != from && port->link_up && reaches(from, port) &&
	       vlan_is_member(&port->vlans, vlan);
}

/* A flood skips congested ports: it must not pause the sender. */
static void flood(struct port *from, const struct run *run, const struct frame *frames, size_t n)
{
	struct vswitch *vswitch = from->vswitch;
	uint64_t bytes = run->bytes;
	size_t allowed = n;
	bool any = false;

	list_for_each (port, &vswitch->ports, struct port, link)
		any = any || takes_flood(port, from, run->vlan);
	if (!any) {
		tap_drop(from, TAP_IN, frames, n, DROP_NO_RECEIVER);
		return;
	}
	if (!from->trusted)
		allowed = guard_flood_budget(from, n, loop_now(vswitch->loop));
	if (allowed < n) {
		tap_drop(from, TAP_IN, frames + allowed, n - allowed, DROP_FLOOD);
		for (size_t i = allowed; i < n; i++)
			bytes -= frames[i].len;
	}
	if (!allowed)
		return;
	tap_passed(from, TAP_IN, frames, allowed);
	list_for_each (port, &vswitch->ports, struct port, link) {
		if (!takes_flood(port, from, run->vlan))
			continue;
		if (port->congested)
			tap_drop(port, TAP_OUT, frames, allowed, DROP_QUEUE_FULL);
		else
			give(port, run->vlan, frames, allowed, bytes);
	}
}

/* Sends the frames of the run up to @end; starts a new run at @next. */
static void end_run(struct run *run, struct port *from, const struct frame *frames, size_t end,
		    size_t next)
{
	size_t n = end - run->start;

	if (n && !run->to)
		flood(from, run, frames + run->start, n);
	else if (n && run->to != from)
		unicast(from, run, frames + run->start, n);
	else if (n)
		tap_passed(from, TAP_IN, frames + run->start, n);
	run->start = next;
	run->bytes = 0;
}

/* A station's key in the table: its MAC address and VLAN. */
static mac_t station_key(uint16_t vlan, mac_t mac)
{
	return (mac_t)vlan << 48 | mac;
}

static void learn(struct port *from, uint16_t vlan, mac_t src, usec_t now)
{
	struct vswitch *vswitch = from->vswitch;
	struct port *left;

	if (mac_is_multicast(src) || !src || (src == vswitch->fixed && !from->trusted))
		return;
	if (!station_learn(vswitch->stations, station_key(vlan, src), from, now))
		port_drop(from, DROP_STATIONS, 1);
	left = station_left(vswitch->stations);
	if (G_UNLIKELY(left) && vswitch->moved && vlan == vswitch->home)
		vswitch->moved(vswitch->moved_data, src, left, from);
}

/* The addresses differ from the last frame's: look up the port. */
static struct port *route(struct port *from, uint16_t vlan, const struct run *run,
			  const struct frame *f)
{
	struct vswitch *vswitch = from->vswitch;
	usec_t now = loop_now(vswitch->loop);
	mac_t dst = frame_dst(f);

	if (!run->known || run->vlan != vlan || run->source != load_source(f) ||
	    ((run->address ^ load_address(f)) & GUINT64_TO_BE(UINT64_C(0xffff))))
		learn(from, vlan, frame_src(f), now);
	return mac_is_multicast(dst)
		       ? NULL
		       : station_lookup(vswitch->stations, station_key(vlan, dst), now);
}

void vswitch_input(struct port *from, const struct frame *frames, size_t n)
{
	struct vswitch *vswitch = from->vswitch;
	struct run run = {.to = from};
	bool guarded;
	uint64_t bytes = 0;

	if (!vswitch)
		return;
	if (!from->link_up) {
		tap_drop(from, TAP_IN, frames, n, DROP_LINK_DOWN);
		return;
	}
	if (!from->trusted) {
		fair_active(&vswitch->fair, from);
		fair_input_begin(&vswitch->fair, from, n);
	}
	guarded = vswitch->guard && !from->trusted;
	from->count.rx_frames += n;
	for (size_t i = 0; i < n; i++) {
		const struct frame *f = &frames[i];
		uint16_t vlan;
		bool same;

		bytes += f->len;
		if (G_UNLIKELY(f->len < FRAME_MIN || f->len > FRAME_MAX)) {
			end_run(&run, from, frames, i, i + 1);
			tap_drop(from, TAP_IN, f, 1,
				 f->len < FRAME_MIN ? DROP_RUNT : DROP_OVERSIZE);
			continue;
		}
		vlan = vlan_of(&from->vlans, f);
		if (G_UNLIKELY(vlan == VLAN_NONE)) {
			end_run(&run, from, frames, i, i + 1);
			tap_drop(from, TAP_IN, f, 1, DROP_VLAN);
			continue;
		}
		same = run.address == load_address(f) && run.source == load_source(f) &&
		       run.vlan == vlan && run.known;
		if (guarded && (!same || !is_same_ip(&run, f) || guard_must_see(f))) {
			from->last_drop = DROP_N_REASONS;
			if (!vswitch->guard(vswitch->guard_data, from, f)) {
				enum drop_reason why = from->last_drop;

				end_run(&run, from, frames, i, i + 1);
				from->last_drop = why;
				tap_dropped(from, f);
				continue;
			}
			note_ip(&run, f, same);
		}
		if (!same) {
			struct port *to = route(from, vlan, &run, f);

			if (to != run.to || vlan != run.vlan)
				end_run(&run, from, frames, i, i);
			run.to = to;
			run.vlan = vlan;
			run.known = true;
			run.address = load_address(f);
			run.source = load_source(f);
		}
		run.bytes += f->len;
	}
	end_run(&run, from, frames, n, n);
	from->count.rx_bytes += bytes;
	rewrite_end(&vswitch->rewrite);
	if (!from->trusted)
		fair_input_end(&vswitch->fair, from, n);
}

void vswitch_set_home(struct vswitch *vswitch, uint16_t vlan)
{
	vswitch->home = vlan;
}

uint16_t vswitch_home(const struct vswitch *vswitch)
{
	return vswitch->home;
}

struct port *vswitch_lookup_in(struct vswitch *vswitch, uint16_t vlan, mac_t mac)
{
	return station_lookup(vswitch->stations, station_key(vlan, mac), loop_now(vswitch->loop));
}

struct port *vswitch_lookup(struct vswitch *vswitch, mac_t mac)
{
	return vswitch_lookup_in(vswitch, vswitch->home, mac);
}

usec_t vswitch_heard(const struct vswitch *vswitch, mac_t mac)
{
	return station_seen(vswitch->stations, station_key(vswitch->home, mac));
}

struct list *vswitch_ports(struct vswitch *vswitch)
{
	return &vswitch->ports;
}

struct fair *vswitch_fair(struct vswitch *vswitch)
{
	return &vswitch->fair;
}

struct loop *vswitch_loop(struct vswitch *vswitch)
{
	return vswitch->loop;
}

unsigned vswitch_n_stations(const struct vswitch *vswitch)
{
	return station_count(vswitch->stations);
}
