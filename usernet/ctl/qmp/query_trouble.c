/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/qmp/query.h"

#include "net/troubles.h"

const char *query_trouble_event(const struct trouble *trouble)
{
	static const char *const names[TROUBLE_N_KINDS] = {
		[TROUBLE_MAC_CONFLICT] = "GUEST_MAC_CONFLICT",
		[TROUBLE_ADDRESS_CONFLICT] = "GUEST_ADDRESS_CONFLICT",
		[TROUBLE_WRONG_SUBNET] = "GUEST_WRONG_SUBNET",
		[TROUBLE_NO_ADDRESS] = "GUEST_WITHOUT_ADDRESS",
		[TROUBLE_BUDGET] = "BUDGET_EXHAUSTED",
		[TROUBLE_FORWARD_WAITS] = "FORWARD_WAITING",
		[TROUBLE_OTHER_GATEWAY] = "OTHER_GATEWAY",
	};

	return names[trouble->kind];
}

static const char *what_key(const struct trouble *trouble)
{
	switch (trouble->kind) {
	case TROUBLE_BUDGET:
		return "limit";
	case TROUBLE_FORWARD_WAITS:
		return "rule";
	case TROUBLE_OTHER_GATEWAY:
		return "dhcp";
	default:
		return "subnet";
	}
}

/* Members: see event_names.c. */
JsonObject *query_trouble(const struct trouble *trouble)
{
	JsonObject *object = json_object_new();
	const struct {
		const char *key, *text;
	} members[] = {
		{"guest", trouble->guest},      {"port", trouble->port},
		{"other-port", trouble->other}, {"address", trouble->address},
		{"netdev", trouble->netdev},    {what_key(trouble), trouble->what},
		{"text", trouble->text},
	};

	if (trouble->mac) {
		g_autofree char *mac = g_strdup_printf(MAC_FMT, MAC_ARGS(trouble->mac));

		json_object_set_string_member(object, "mac", mac);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
		if (members[i].text)
			json_object_set_string_member(object, members[i].key, members[i].text);
	}
	json_object_set_int_member(object, "times", (gint64)trouble->times);
	return object;
}
