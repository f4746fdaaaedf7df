/* SPDX-License-Identifier: BSD-3-Clause */
#include "policy/denials.h"

#include "net/guest.h"
#include "net/netdev.h"
#include "net/port.h"

struct told {
	usec_t at;
	uint64_t untold;
};

void denials_init(struct denials *denials, struct network *network)
{
	denials->network = network;
	denials->ports = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	denials->n = 0;
}

void denials_fini(struct denials *denials)
{
	g_hash_table_destroy(denials->ports);
}

static void *key_of(const struct port *port, bool allowed)
{
	return GUINT_TO_POINTER(port->id << 1 | allowed);
}

bool denials_due(struct denials *denials, const struct port *port, bool allowed)
{
	struct told *told = g_hash_table_lookup(denials->ports, key_of(port, allowed));

	denials->n += !allowed;
	if (!told || loop_now(denials->network->loop) - told->at >= DENIALS_INTERVAL)
		return true;
	told->untold++;
	return false;
}

void denials_tell(struct denials *denials, const struct port *port, mac_t mac, bool allowed,
		  struct network_denial denial)
{
	struct network *network = denials->network;
	void *key = key_of(port, allowed);
	struct told *told = g_hash_table_lookup(denials->ports, key);

	if (!told) {
		told = g_new0(struct told, 1);
		g_hash_table_insert(denials->ports, key, told);
	}
	denial.untold = told->untold;
	*told = (struct told){.at = loop_now(network->loop)};
	network_emit(network, &(struct network_event){.kind = allowed ? NETWORK_POLICY_ALLOWED
								      : NETWORK_POLICY_DENIED,
						      .netdev = port->netdev,
						      .port = port,
						      .guest = guest_by_mac(network->guests, mac),
						      .denial = &denial});
}

void denials_forget_port(struct denials *denials, const struct port *port)
{
	g_hash_table_remove(denials->ports, key_of(port, false));
	g_hash_table_remove(denials->ports, key_of(port, true));
}
