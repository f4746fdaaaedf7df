/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/vswitch.h"

#include "net/fair.h"
#include "net/guard.h"

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
};

#define SWEEP_PERIOD (STATION_AGE / 4)

static void sweep(struct loop_timer *timer)
{
	struct vswitch *vswitch = container_of(timer, struct vswitch, sweep);
	usec_t now = loop_now(vswitch->loop);

	station_sweep(vswitch->stations, now);
	loop_timer_set(timer, now + SWEEP_PERIOD);
}

struct vswitch *vswitch_new(struct loop *loop)
{
	struct vswitch *vswitch = g_new0(struct vswitch, 1);

	vswitch->loop = loop;
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

/* --- the way of a frame --- */

/*
 * Frames of one input that go to the same place, in a row. The addresses are those of the last
 * frame, as they are in memory: a frame that has the same goes the same way.
 */
struct run {
	struct port *to; /* NULL: all the others; the sender itself: nowhere */
	size_t start;    /* index of its first frame */
	uint64_t bytes;
	bool known;       /* there was a frame yet */
	uint64_t address; /* destination and the first two bytes of the source */
	uint32_t source;  /* the rest of it */
	/* The last source address that the guard let pass behind these; ip_type 0: none. */
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

/* Is the packet's source that of the one before it? True of what is no IP packet. */
static inline bool is_same_ip(const struct run *run, const struct frame *f)
{
	uint16_t type = frame_ethertype(f);

	if (type == ETHERTYPE_V4 && f->len >= ETH_HEADER + 20)
		return run->ip_type == type && !memcmp(run->ip, f->data + ETH_HEADER + 12, 4);
	if (type == ETHERTYPE_V6 && f->len >= ETH_HEADER + 40)
		return run->ip_type == type && !memcmp(run->ip, f->data + ETH_HEADER + 8, 16);
	return true;
}

/* The guard let @f pass. What it must see it may have let pass whatever the source. */
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
	return group != PORT_GROUP_ALONE && group == group_of(to);
}

static void give(struct port *to, const struct frame *frames, size_t n, uint64_t bytes)
{
	to->count.tx_frames += n;
	to->count.tx_bytes += bytes;
	to->ops->send(to, frames, n);
	if (to->ops->flush)
		loop_task_defer(&to->flush_task);
}

static void unicast(struct port *from, struct port *to, const struct frame *frames, size_t n,
		    uint64_t bytes)
{
	if (G_UNLIKELY(!reaches(from, to))) {
		port_drop(from, DROP_ISOLATED, n);
		return;
	}
	if (!to->link_up) {
		port_drop(to, DROP_LINK_DOWN, n);
		return;
	}
	if (to->dropping) {
		port_drop(to, DROP_QUEUE_FULL, n);
		return;
	}
	give(to, frames, n, bytes);
	if (to->congested && !to->dropping)
		port_wait_for(from, to);
}

/* Whom a flood finds congested does without it: a flood makes nobody wait. */
static void flood(struct port *from, const struct frame *frames, size_t n, uint64_t bytes)
{
	struct vswitch *vswitch = from->vswitch;
	size_t allowed = n;
	bool any = false;

	list_for_each (port, &vswitch->ports, struct port, link)
		any = any || (port != from && port->link_up && reaches(from, port));
	if (!any) {
		port_drop(from, DROP_NO_RECEIVER, n);
		return;
	}
	if (!from->trusted)
		allowed = guard_flood_budget(from, n, loop_now(vswitch->loop));
	if (allowed < n) {
		port_drop(from, DROP_FLOOD, n - allowed);
		for (size_t i = allowed; i < n; i++)
			bytes -= frames[i].len;
	}
	if (!allowed)
		return;
	list_for_each (port, &vswitch->ports, struct port, link) {
		if (port == from || !port->link_up || !reaches(from, port))
			continue;
		if (port->congested)
			port_drop(port, DROP_QUEUE_FULL, allowed);
		else
			give(port, frames, allowed, bytes);
	}
}

/* Hands over what the run has, up to @end, and begins anew at @next. */
static void end_run(struct run *run, struct port *from, const struct frame *frames, size_t end,
		    size_t next)
{
	size_t n = end - run->start;

	if (n && !run->to)
		flood(from, frames + run->start, n, run->bytes);
	else if (n && run->to != from)
		unicast(from, run->to, frames + run->start, n, run->bytes);
	run->start = next;
	run->bytes = 0;
}

static void learn(struct port *from, mac_t src, usec_t now)
{
	struct vswitch *vswitch = from->vswitch;
	struct port *left;

	if (mac_is_multicast(src) || !src)
		return;
	if (!station_learn(vswitch->stations, src, from, now))
		port_drop(from, DROP_STATIONS, 1);
	left = station_left(vswitch->stations);
	if (G_UNLIKELY(left) && vswitch->moved)
		vswitch->moved(vswitch->moved_data, src, left, from);
}

/* The addresses differ from the last frame's: where does this one go? */
static struct port *route(struct port *from, const struct run *run, const struct frame *f)
{
	struct vswitch *vswitch = from->vswitch;
	usec_t now = loop_now(vswitch->loop);
	mac_t dst = frame_dst(f);

	if (!run->known || run->source != load_source(f) ||
	    ((run->address ^ load_address(f)) & GUINT64_TO_BE(UINT64_C(0xffff))))
		learn(from, frame_src(f), now);
	return mac_is_multicast(dst) ? NULL : station_lookup(vswitch->stations, dst, now);
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
		port_drop(from, DROP_LINK_DOWN, n);
		return;
	}
	if (!from->trusted)
		fair_active(&vswitch->fair, from);
	guarded = vswitch->guard && !from->trusted;
	from->count.rx_frames += n;
	for (size_t i = 0; i < n; i++) {
		const struct frame *f = &frames[i];
		bool same;

		bytes += f->len;
		if (G_UNLIKELY(f->len < FRAME_MIN || f->len > FRAME_MAX)) {
			port_drop(from, f->len < FRAME_MIN ? DROP_RUNT : DROP_OVERSIZE, 1);
			end_run(&run, from, frames, i, i + 1);
			continue;
		}
		same = run.address == load_address(f) && run.source == load_source(f) && run.known;
		if (guarded && (!same || !is_same_ip(&run, f) || guard_must_see(f))) {
			if (!vswitch->guard(vswitch->guard_data, from, f)) {
				end_run(&run, from, frames, i, i + 1);
				continue;
			}
			note_ip(&run, f, same);
		}
		if (!same) {
			struct port *to = route(from, &run, f);

			if (to != run.to)
				end_run(&run, from, frames, i, i);
			run.to = to;
			run.known = true;
			run.address = load_address(f);
			run.source = load_source(f);
		}
		run.bytes += f->len;
	}
	end_run(&run, from, frames, n, n);
	from->count.rx_bytes += bytes;
}

struct port *vswitch_lookup(struct vswitch *vswitch, mac_t mac)
{
	return station_lookup(vswitch->stations, mac, loop_now(vswitch->loop));
}

usec_t vswitch_heard(const struct vswitch *vswitch, mac_t mac)
{
	return station_seen(vswitch->stations, mac);
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
