/* SPDX-License-Identifier: BSD-3-Clause */
#include "policy/learned.h"

#include <arpa/inet.h>

#include "base/address.h"
#include "base/log.h"
#include "net/mac.h"

struct learned {
	GHashTable *guests; /* mac_t, in the guest -> struct guest */
	struct log_limit full;
};

struct guest {
	mac_t mac;
	GHashTable *rules; /* set of char * */
};

static void guest_free(void *data)
{
	struct guest *guest = data;

	g_hash_table_destroy(guest->rules);
	g_free(guest);
}

struct learned *learned_new(void)
{
	struct learned *learned = g_new0(struct learned, 1);

	learned->guests = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, guest_free);
	return learned;
}

void learned_free(struct learned *learned)
{
	g_hash_table_destroy(learned->guests);
	g_free(learned);
}

static char *rule_for(uint8_t proto, const struct in6_addr *dst, uint16_t port, const char *name,
		      bool private)
{
	bool tcp = proto == IPPROTO_TCP, udp = proto == IPPROTO_UDP;
	const char *word = tcp ? "tcp:" : udp ? "udp:" : "icmp:";
	char addr[INET6_ADDRSTRLEN];
	GString *text = g_string_new("allow=");

	g_string_append(text, word);
	if (name) {
		/* A single label ends with a dot (name.h). */
		g_string_append_printf(text, "%s%s", name, strchr(name, '.') ? "" : ".");
	} else if (address_is_v4(dst)) {
		g_string_append(text, inet_ntop(AF_INET, &dst->s6_addr[12], addr, sizeof(addr)));
	} else {
		g_string_append_printf(text, "[%s]", inet_ntop(AF_INET6, dst, addr, sizeof(addr)));
	}
	if (tcp || udp)
		g_string_append_printf(text, ":%u", port);
	if (name && private)
		g_string_append(text, "+private");
	return g_string_free(text, FALSE);
}

static void say_full(struct learned *learned, mac_t mac, const char *rule)
{
	char text[GUEST_MAC_TEXT];

	guest_mac_format(text, mac);
	log_limited(&learned->full, "policy=learn: too much was seen, '%s' of %s is not learned",
		    rule, text);
}

void learned_note(struct learned *learned, mac_t mac, uint8_t proto, const struct in6_addr *dst,
		  uint16_t port, const char *name, bool private)
{
	struct guest *guest = g_hash_table_lookup(learned->guests, &mac);
	g_autofree char *rule = rule_for(proto, dst, port, name, private);

	if (!guest) {
		if (g_hash_table_size(learned->guests) == LEARNED_GUESTS_MAX) {
			say_full(learned, mac, rule);
			return;
		}
		guest = g_new0(struct guest, 1);
		guest->mac = mac;
		guest->rules = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
		g_hash_table_insert(learned->guests, &guest->mac, guest);
	}
	if (g_hash_table_contains(guest->rules, rule))
		return;
	if (g_hash_table_size(guest->rules) < LEARNED_MAX)
		g_hash_table_add(guest->rules, g_steal_pointer(&rule));
	else
		say_full(learned, mac, rule);
}

void learned_each(struct learned *learned, void (*each)(void *data, mac_t mac, const char *rule),
		  void *data)
{
	GHashTableIter iter;
	void *value;

	g_hash_table_iter_init(&iter, learned->guests);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct guest *guest = value;
		g_autoptr(GList) rules = g_hash_table_get_keys(guest->rules);

		rules = g_list_sort(rules, (GCompareFunc)g_strcmp0);
		for (GList *rule = rules; rule; rule = rule->next)
			each(data, guest->mac, rule->data);
	}
}
