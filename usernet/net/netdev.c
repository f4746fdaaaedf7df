/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/netdev.h"

#include "net/guest.h"
#include "net/network.h"
#include "net/troubles.h"
#include "net/vswitch.h"

static void tell(struct port *port, enum network_event_kind kind)
{
	network_emit(port->netdev->network,
		     &(struct network_event){.kind = kind, .netdev = port->netdev, .port = port});
}

static bool is_well_formed(const char *id)
{
	if (!g_ascii_isalpha(id[0]))
		return false;
	for (const char *p = id; *p; p++) {
		if (!g_ascii_isalnum(*p) && !strchr("-._", *p))
			return false;
	}
	return true;
}

bool netdev_check_id(struct network *network, const char *id, GError **error)
{
	if (!is_well_formed(id)) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "Parameter 'id' expects an identifier, not '%s': a letter, then "
			    "letters, digits, '-', '.' and '_'",
			    id);
		return false;
	}
	if (network && network_find_netdev(network, id)) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
			    "Duplicate ID '%s' for netdev", id);
		return false;
	}
	return true;
}

void netdev_init(struct netdev *netdev, const struct netdev_ops *ops, struct network *network,
		 const char *id)
{
	*netdev = (struct netdev){
		.ops = ops,
		.network = network,
		.id = g_strdup(id),
		.link_up = true,
	};
	list_init(&netdev->ports);
	list_append(&network->netdevs, &netdev->link);
}

void netdev_fini(struct netdev *netdev)
{
	g_assert(list_empty(&netdev->ports));
	list_remove(&netdev->link);
	g_clear_pointer(&netdev->id, g_free);
	g_clear_pointer(&netdev->description, g_free);
	g_clear_pointer(&netdev->vlans.set, g_free);
}

void netdev_set_link(struct netdev *netdev, bool up)
{
	netdev->link_up = up;
	list_for_each (port, &netdev->ports, struct port, netdev_link)
		port_set_link(port, up);
}

void netdev_set_isolate(struct netdev *netdev, const char *isolate)
{
	if (!isolate)
		netdev->group = PORT_GROUP_NONE;
	else if (!strcmp(isolate, "on"))
		netdev->group = PORT_GROUP_ALONE;
	else if (!strcmp(isolate, "off"))
		netdev->group = PORT_GROUP_OPEN;
	else
		netdev->group = g_quark_from_string(isolate);
	list_for_each (port, &netdev->ports, struct port, netdev_link)
		port->group = netdev->group;
}

static void set_port_uplink(struct port *port, bool uplink)
{
	bool told = port->uplink;

	port->uplink = uplink;
	if (uplink && !told)
		tell(port, NETWORK_PORT_UPLINK);
}

void netdev_set_uplink(struct netdev *netdev, bool uplink)
{
	netdev->uplink = uplink;
	list_for_each (port, &netdev->ports, struct port, netdev_link)
		set_port_uplink(port, uplink);
}

void netdev_set_vlans(struct netdev *netdev, uint16_t own, const struct vlan_set *set)
{
	struct vlan_set *old = netdev->vlans.set;

	netdev->vlans = (struct vlans){
		.own = own,
		.filters = own || set,
		.set = set ? g_memdup2(set, sizeof(*set)) : NULL,
	};
	list_for_each (port, &netdev->ports, struct port, netdev_link) {
		port->vlans = netdev->vlans;
		if (port->trusted)
			vswitch_set_home(netdev->network->vswitch, own);
	}
	g_free(old);
}

const char *netdev_isolate(const struct netdev *netdev)
{
	switch (netdev->group) {
	case PORT_GROUP_ALONE:
		return "on";
	case PORT_GROUP_OPEN:
		return "off";
	default:
		return g_quark_to_string(netdev->group); /* NULL: PORT_GROUP_NONE */
	}
}

void netdev_add_port(struct netdev *netdev, struct port *port, const struct port_ops *ops,
		     const char *peer)
{
	g_autofree char *name = g_strdup_printf("%s.%u", netdev->id, ++netdev->n_ports_made);

	port_init(port, ops, netdev, name);
	port->peer = g_strdup(peer);
	port->link_up = netdev->link_up;
	port->group = netdev->group;
	port->vlans = netdev->vlans;
	list_append(&netdev->ports, &port->netdev_link);
	vswitch_add_port(netdev->network->vswitch, port);
	tell(port, NETWORK_PORT_UP);
	set_port_uplink(port, netdev->uplink);
}

void netdev_remove_port(struct port *port)
{
	if (!port->vswitch)
		return;
	tell(port, NETWORK_PORT_DOWN);
	troubles_forget_port(port->netdev->network->troubles, port);
	guest_forget_port(port->netdev->network->guests, port);
	vswitch_remove_port(port);
	list_remove(&port->netdev_link);
	port_fini(port);
}
