/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/troubles.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/log.h"
#include "net/guest.h"
#include "net/network.h"
#include "net/port.h"

struct troubles {
	struct network *network;
	struct list entries; /* heads trouble::link */
	unsigned n;
};

struct troubles *troubles_new(struct network *network)
{
	struct troubles *troubles = g_new0(struct troubles, 1);

	troubles->network = network;
	list_init(&troubles->entries);
	return troubles;
}

static void forget(struct troubles *troubles, struct trouble *trouble)
{
	list_remove(&trouble->link);
	troubles->n--;
	g_free(trouble->guest);
	g_free(trouble->port);
	g_free(trouble->other);
	g_free(trouble->address);
	g_free(trouble->netdev);
	g_free(trouble->what);
	g_free(trouble->text);
	g_free(trouble);
}

void troubles_free(struct troubles *troubles)
{
	list_for_each_safe (trouble, &troubles->entries, struct trouble, link)
		forget(troubles, trouble);
	g_free(troubles);
}

/* Two guests with one MAC address are one trouble, whichever sent last. */
static bool is_about(const struct trouble *trouble, const struct trouble_facts *facts)
{
	if (trouble->kind != facts->kind || trouble->mac != facts->mac)
		return false;
	if (facts->kind == TROUBLE_MAC_CONFLICT)
		return true;
	return trouble->port_id == (facts->port ? facts->port->id : 0) &&
	       !g_strcmp0(trouble->what, facts->what) && !g_strcmp0(trouble->netdev, facts->netdev);
}

static struct trouble *find(struct troubles *troubles, const struct trouble_facts *facts)
{
	list_for_each (trouble, &troubles->entries, struct trouble, link) {
		if (is_about(trouble, facts))
			return trouble;
	}
	return NULL;
}

static char *format_address(const struct in6_addr *addr)
{
	char text[INET6_ADDRSTRLEN];

	if (IN6_IS_ADDR_UNSPECIFIED(addr))
		return NULL;
	if (IN6_IS_ADDR_V4MAPPED(addr))
		inet_ntop(AF_INET, &addr->s6_addr[12], text, sizeof(text));
	else
		inet_ntop(AF_INET6, addr, text, sizeof(text));
	return g_strdup(text);
}

static char *describe(const struct trouble *t)
{
	g_autofree char *who = g_strdup_printf(MAC_FMT "%s%s%s at %s", MAC_ARGS(t->mac),
					       t->guest ? " (" : "", t->guest ? t->guest : "",
					       t->guest ? ")" : "", t->port ? t->port : "");

	switch (t->kind) {
	case TROUBLE_MAC_CONFLICT:
		return g_strdup_printf("two guests have the MAC address " MAC_FMT
				       ", at %s and at %s: give each its own mac=",
				       MAC_ARGS(t->mac), t->other, t->port);
	case TROUBLE_ADDRESS_CONFLICT:
		return g_strdup_printf("guest %s claims the address %s, which %s%s", who,
				       t->address, t->other ? "a guest has at " : "is not for it",
				       t->other ? t->other : "");
	case TROUBLE_WRONG_SUBNET:
		return g_strdup_printf("guest %s has the address %s, which is not of this network: "
				       "%s",
				       who, t->address, t->what);
	case TROUBLE_NO_ADDRESS:
		return g_strdup_printf("the guest at %s sends frames and has no IPv4 address: it "
				       "has not requested one by DHCP",
				       t->port);
	case TROUBLE_BUDGET:
		return g_strdup_printf("%s is over its limit '%s': what is beyond is dropped",
				       t->port, t->what);
	case TROUBLE_FORWARD_WAITS:
		return g_strdup_printf("clients of the forward %s wait: its guest is not there",
				       t->what);
	case TROUBLE_OTHER_GATEWAY:
		return g_strdup_printf(
			"there is another gateway at %s, %s, which %s", t->port,
			t->address ? t->address : "without IPv4",
			!strcmp(t->what, "there")
				? "runs longer: it serves DHCP, this network's does not"
				: "leaves DHCP to this network's");
	case TROUBLE_N_KINDS:
		break;
	}
	return NULL;
}

static void fill(struct troubles *troubles, struct trouble *t, const struct trouble_facts *facts)
{
	const struct guest *guest =
		facts->mac ? guest_by_mac(troubles->network->guests, facts->mac) : NULL;

	g_free(t->guest);
	g_free(t->port);
	g_free(t->other);
	g_free(t->address);
	g_free(t->text);
	t->guest = g_strdup(guest ? guest->name : NULL);
	t->port = g_strdup(facts->port ? facts->port->name : NULL);
	t->port_id = facts->port ? facts->port->id : 0;
	t->other = g_strdup(facts->other ? facts->other->name : NULL);
	t->other_id = facts->other ? facts->other->id : 0;
	t->address = format_address(&facts->addr);
	t->text = describe(t);
}

static void tell(struct troubles *troubles, struct trouble *t, const struct trouble_facts *facts)
{
	static struct log_limit limit;
	const struct port *port = facts->port;

	t->told = t->seen;
	while (t->tell_at <= t->times)
		t->tell_at *= 10;
	fill(troubles, t, facts);
	log_limited(&limit, "%s", t->text);
	network_emit(troubles->network,
		     &(struct network_event){.kind = NETWORK_TROUBLE,
					     .netdev = port ? port->netdev : NULL,
					     .port = port,
					     .trouble = t});
}

static void sweep(struct troubles *troubles, usec_t now)
{
	list_for_each_safe (trouble, &troubles->entries, struct trouble, link) {
		if (now - trouble->seen >= TROUBLE_KEEP)
			forget(troubles, trouble);
	}
}

void troubles_note(struct troubles *troubles, const struct trouble_facts *facts)
{
	usec_t now = loop_now(troubles->network->loop);
	struct trouble *t = find(troubles, facts);

	if (!t) {
		if (troubles->n == TROUBLE_MAX)
			sweep(troubles, now);
		if (troubles->n == TROUBLE_MAX)
			return;
		t = g_new0(struct trouble, 1);
		t->kind = facts->kind;
		t->mac = facts->mac;
		t->netdev = g_strdup(facts->netdev);
		t->what = g_strdup(facts->what);
		t->tell_at = 1;
		list_append(&troubles->entries, &t->link);
		troubles->n++;
	}
	t->seen = now;
	if (facts->lasts && t->told)
		return;
	t->times += MAX(facts->times, 1);
	if (t->times >= t->tell_at || now - t->told >= TROUBLE_AGAIN)
		tell(troubles, t, facts);
}

void troubles_forget_port(struct troubles *troubles, const struct port *port)
{
	list_for_each_safe (trouble, &troubles->entries, struct trouble, link) {
		if (trouble->port_id == port->id || trouble->other_id == port->id)
			forget(troubles, trouble);
	}
}

void troubles_end(struct troubles *troubles, enum trouble_kind kind, const struct port *port)
{
	list_for_each_safe (trouble, &troubles->entries, struct trouble, link) {
		if (trouble->kind == kind && trouble->port_id == port->id)
			forget(troubles, trouble);
	}
}

void troubles_forget_rule(struct troubles *troubles, const char *netdev, const char *what)
{
	list_for_each_safe (trouble, &troubles->entries, struct trouble, link) {
		if (!g_strcmp0(trouble->netdev, netdev) && !g_strcmp0(trouble->what, what))
			forget(troubles, trouble);
	}
}

struct list *troubles_list(struct troubles *troubles)
{
	sweep(troubles, loop_now(troubles->network->loop));
	return &troubles->entries;
}
