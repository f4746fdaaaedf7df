/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/network.h"

#include "net/guard.h"
#include "net/guest.h"
#include "net/netdev.h"
#include "net/reservation.h"
#include "net/troubles.h"
#include "net/vswitch.h"

static void guest_joined(void *data, const struct guest *guest)
{
	network_emit(data, &(struct network_event){.kind = NETWORK_GUEST_JOINED,
						   .netdev = guest->port->netdev,
						   .port = guest->port,
						   .guest = guest});
}

static void guest_left(void *data, const struct guest *guest)
{
	network_emit(data, &(struct network_event){.kind = NETWORK_GUEST_LEFT,
						   .netdev = guest->port->netdev,
						   .port = guest->port,
						   .guest = guest});
}

static void guest_changed(void *data, const struct guest *guest)
{
	network_emit(data, &(struct network_event){.kind = NETWORK_GUEST_CHANGED,
						   .netdev = guest->port->netdev,
						   .port = guest->port,
						   .guest = guest});
}

static const struct guest_observer guest_observer = {
	.joined = guest_joined,
	.left = guest_left,
	.changed = guest_changed,
};

static void station_moved(void *data, mac_t mac, struct port *from, struct port *to)
{
	struct network *network = data;

	moves_note(&network->moves, network->troubles, mac, from, to, loop_now(network->loop));
}

struct network *network_new(struct loop *loop, const char *name)
{
	struct network *network = g_new0(struct network, 1);

	network->name = g_strdup(name);
	network->loop = loop;
	list_init(&network->netdevs);
	list_init(&network->observers);
	network->chunks = chunk_pool_new(loop);
	network->vswitch = vswitch_new(loop, network->chunks);
	network->reservations = reservation_table_new(name);
	network->guests = guest_table_new();
	guest_table_reserve(network->guests, network->reservations);
	guest_table_observe(network->guests, &guest_observer, network);
	network->guard = guard_new(network);
	vswitch_set_guard(network->vswitch, guard_pass, network->guard);
	network->troubles = troubles_new(network);
	vswitch_set_moved(network->vswitch, station_moved, network);
	return network;
}

void network_free(struct network *network)
{
	while (!list_empty(&network->netdevs)) {
		struct netdev *last = container_of(network->netdevs.prev, struct netdev, link);

		last->ops->destroy(last);
	}
	vswitch_free(network->vswitch);
	guard_free(network->guard);
	troubles_free(network->troubles);
	guest_table_free(network->guests);
	reservation_table_free(network->reservations);
	chunk_pool_free(network->chunks);
	g_free(network->name);
	g_free(network);
}

struct netdev *network_find_netdev(struct network *network, const char *id)
{
	list_for_each (netdev, &network->netdevs, struct netdev, link) {
		if (!strcmp(netdev->id, id))
			return netdev;
	}
	return NULL;
}

struct port *network_find_port(struct network *network, const char *name)
{
	list_for_each (port, vswitch_ports(network->vswitch), struct port, link) {
		if (!strcmp(port->name, name))
			return port;
	}
	return NULL;
}

void network_observe(struct network *network, struct network_observer *observer)
{
	list_append(&network->observers, &observer->link);
}

void network_foreach_congested(const struct network *network, void (*each)(const struct port *port))
{
	list_for_each (netdev, &network->netdevs, struct netdev, link) {
		list_for_each (port, &netdev->ports, struct port, netdev_link) {
			if (port->congested)
				each(port);
		}
	}
}

void network_emit(struct network *network, const struct network_event *event)
{
	list_for_each_safe (observer, &network->observers, struct network_observer, link)
		observer->event(observer, event);
}
