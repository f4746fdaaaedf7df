/* SPDX-License-Identifier: BSD-3-Clause */
#include "qemu_command.h"

#include <string.h>

#include "qemu_options.h"

enum { HOW_NONE, HOW_NETDEV, HOW_NIC, HOW_NET };

static const char *value_of(const char *word)
{
	return strchr(word, '=') ? strchr(word, '=') + 1 : "on";
}

static bool is_key(const char *word, const char *key)
{
	size_t len = strlen(key);

	return !strncmp(word, key, len) && (word[len] == '=' || !word[len]);
}

static bool is_one_of(const char *word, const char *const *keys)
{
	for (; *keys; keys++) {
		if (is_key(word, *keys))
			return true;
	}
	return false;
}

static bool is_on(const char *word)
{
	static const char *const on[] = {"on", "yes", "true", "y"};

	for (size_t i = 0; i < G_N_ELEMENTS(on); i++) {
		if (!g_ascii_strcasecmp(value_of(word), on[i]))
			return true;
	}
	return false;
}

/* Sorts the keys of a user netdev. */
static void take_key(struct qemu_command *command, const char *word)
{
	static const char *const ours[] = {"type", "id", "name", "netdev", NULL};
	static const char *const card[] = {"model", "addr", "vectors", NULL};
	static const char *const family[] = {"ipv4", "ipv6", NULL};

	if (is_one_of(word, ours))
		return;
	if (is_key(word, "hostfwd"))
		g_ptr_array_add(command->hostfwd, g_strdup(value_of(word)));
	else if (is_key(word, "guestfwd"))
		g_ptr_array_add(command->guestfwd, g_strdup(value_of(word)));
	else if (is_key(word, "mac") || is_key(word, "macaddr"))
		command->mac = g_strdup(value_of(word));
	else if (command->how == HOW_NIC && is_one_of(word, card))
		g_ptr_array_add(command->nic, g_strdup(word));
	else if (is_key(word, "restrict"))
		command->restricted = is_on(word);
	else if (!is_one_of(word, family) || !is_on(word))
		g_ptr_array_add(command->left, g_strdup(word));
}

static void take_user(struct qemu_command *command, int how, guint at, char **options)
{
	const char *id = qemu_options_get(options, "id");

	if (command->how != HOW_NONE) {
		g_ptr_array_add(command->left,
				g_strdup_printf("the user netdev number two, %s",
						(char *)command->words->pdata[at + 1]));
		return;
	}
	command->how = how;
	command->at = at;
	if (id) {
		g_free(command->id);
		command->id = g_strdup(id);
	}
	for (char **word = options; *word; word++)
		take_key(command, *word);
	g_clear_pointer(&command->words->pdata[at], g_free);
	g_clear_pointer(&command->words->pdata[at + 1], g_free);
}

/* "-netdev" and "--netdev" are one option. NULL: not an option with a value. */
static const char *option_at(const struct qemu_command *command, guint i)
{
	const char *word = command->words->pdata[i];

	if (i + 1 >= command->words->len || !word || word[0] != '-')
		return NULL;
	return word + (word[1] == '-' ? 2 : 1);
}

static bool is_type(char **options, const char *type)
{
	return !g_strcmp0(qemu_options_get(options, "type"), type);
}

static void read_netdevs(struct qemu_command *command)
{
	static const struct {
		const char *option;
		int how;
	} kinds[] = {{"netdev", HOW_NETDEV}, {"nic", HOW_NIC}, {"net", HOW_NET}};

	for (guint i = 1; i < command->words->len; i++) {
		const char *option = option_at(command, i);

		for (size_t k = 0; option && k < G_N_ELEMENTS(kinds); k++) {
			g_auto(GStrv) options =
				strcmp(option, kinds[k].option)
					? NULL
					: qemu_options_split(command->words->pdata[i + 1], "type");

			if (options && is_type(options, "user")) {
				take_user(command, kinds[k].how, i, options);
				i++;
				break;
			}
		}
	}
}

/* The card of the netdev that was taken out: the first that names it; with -net user the first -net
 * nic. */
static void note_card(struct qemu_command *command, guint at, char **options, bool device)
{
	const char *netdev = qemu_options_get(options, "netdev");
	const char *mac = qemu_options_get(options, device ? "mac" : "macaddr");

	if (command->nic_word >= 0 || command->how == HOW_NONE || command->how == HOW_NIC)
		return;
	if (command->how == HOW_NET ? device || netdev : g_strcmp0(netdev, command->id) != 0)
		return;
	command->nic_word = (int)at;
	command->is_device = device;
	if (mac && !command->mac)
		command->mac = g_strdup(mac);
}

static void read_rest(struct qemu_command *command)
{
	for (guint i = 1; i < command->words->len; i++) {
		const char *option = option_at(command, i);
		const char *value = option ? command->words->pdata[i + 1] : NULL;
		g_auto(GStrv) options = NULL;

		if (!value)
			continue;
		if (!strcmp(option, "name")) {
			options = qemu_options_split(value, "guest");
			g_free(command->name);
			command->name = g_strdup(qemu_options_get(options, "guest"));
		} else if (!strcmp(option, "machine") || !strcmp(option, "M")) {
			g_free(command->machine);
			command->machine = g_strdup(value);
		} else if (!strcmp(option, "device")) {
			options = qemu_options_split(value, "driver");
			if (options)
				note_card(command, i + 1, options, true);
		} else if (!strcmp(option, "net")) {
			options = qemu_options_split(value, "type");
			if (options && is_type(options, "nic"))
				note_card(command, i + 1, options, false);
		}
	}
}

struct qemu_command *qemu_command_read(char *const *argv)
{
	struct qemu_command *command = g_new0(struct qemu_command, 1);

	command->words = g_ptr_array_new_with_free_func(g_free);
	command->hostfwd = g_ptr_array_new_with_free_func(g_free);
	command->guestfwd = g_ptr_array_new_with_free_func(g_free);
	command->left = g_ptr_array_new_with_free_func(g_free);
	command->nic = g_ptr_array_new_with_free_func(g_free);
	command->id = g_strdup("usernet");
	command->nic_word = -1;
	for (; *argv; argv++)
		g_ptr_array_add(command->words, g_strdup(*argv));
	read_netdevs(command);
	read_rest(command);
	return command;
}

void qemu_command_set_id(struct qemu_command *command, const char *id)
{
	g_free(command->id);
	command->id = g_strdup(id);
}

static void add(GPtrArray *out, const char *word)
{
	g_ptr_array_add(out, g_strdup(word));
}

/* "nic,netdev=…": QEMU chooses the card as for -nic. */
static void add_net_nic(const struct qemu_command *command, GPtrArray *out, const char *mac)
{
	GString *text = g_string_new(NULL);

	g_string_printf(text, "nic,netdev=%s,macaddr=%s", command->id, mac);
	for (guint i = 0; i < command->nic->len; i++) {
		g_autofree char *word = qemu_options_escape(command->nic->pdata[i]);

		g_string_append_printf(text, ",%s", word);
	}
	add(out, "-net");
	g_ptr_array_add(out, g_string_free(text, FALSE));
}

/* The argument of the card with what it lacks. */
static char *write_card(const struct qemu_command *command, const char *text, const char *mac)
{
	g_autofree char *joined = command->how == HOW_NET
					  ? qemu_options_with(text, "netdev", command->id)
					  : g_strdup(text);

	if (command->mac)
		return g_steal_pointer(&joined);
	return qemu_options_with(joined, command->is_device ? "mac" : "macaddr", mac);
}

static void add_netdev(const struct qemu_command *command, GPtrArray *out, const char *netdev,
		       const char *mac)
{
	add(out, "-netdev");
	add(out, netdev);
	if (command->how == HOW_NIC || (command->how == HOW_NET && command->nic_word < 0))
		add_net_nic(command, out, mac);
}

char **qemu_command_write(const struct qemu_command *command, const char *netdev,
			  const char *driver, const char *mac)
{
	GPtrArray *out = g_ptr_array_new();

	for (guint i = 0; i < command->words->len; i++) {
		const char *word = command->words->pdata[i];

		if (command->how != HOW_NONE && i == command->at)
			add_netdev(command, out, netdev, mac);
		if ((int)i == command->nic_word)
			g_ptr_array_add(out, write_card(command, word, mac));
		else if (word)
			add(out, word);
	}
	if (command->how == HOW_NONE) {
		add_netdev(command, out, netdev, mac);
		add(out, "-device");
		g_ptr_array_add(out,
				g_strdup_printf("%s,netdev=%s,mac=%s", driver, command->id, mac));
	}
	g_ptr_array_add(out, NULL);
	return (char **)g_ptr_array_free(out, FALSE);
}

void qemu_command_free(struct qemu_command *command)
{
	g_ptr_array_unref(command->words);
	g_ptr_array_unref(command->hostfwd);
	g_ptr_array_unref(command->guestfwd);
	g_ptr_array_unref(command->left);
	g_ptr_array_unref(command->nic);
	g_free(command->name);
	g_free(command->mac);
	g_free(command->machine);
	g_free(command->id);
	g_free(command);
}

char *qemu_command_forward(const char *rule, const char *guest)
{
	/* QEMU's guest side is [ADDR]:PORT, without a "-"; a path of the host may have one. */
	const char *dash = strrchr(rule, '-');
	const char *port = dash ? strrchr(dash, ':') : NULL;

	if (!port)
		return g_strdup(rule);
	return g_strdup_printf("%.*s-%s%s", (int)(dash - rule), rule, guest, port);
}
