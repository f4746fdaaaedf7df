/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_complete.h"

#include <stdio.h>
#include <string.h>

#include "ctl_client.h"
#include "ctl_networks.h"
#include "ctl_options.h"

struct completion {
	const struct ctl_grammar *grammar;
	unsigned n;
	const char *name, *socket; /* of the network; NULL: not given */
	GPtrArray *done;           /* the finished words without options, borrowed */
	const char *last;          /* what the candidates begin with */
	const char *prefix;        /* "--name=", or "": printed before each */
	GHashTable *printed;
};

static void offer(struct completion *c, const char *word, const char *help)
{
	if (!word || !g_str_has_prefix(word, c->last) ||
	    !g_hash_table_add(c->printed, g_strdup(word)))
		return;
	printf("%s%s%s%s\n", c->prefix, word, help ? "\t" : "", help ? help : "");
}

/* --- what the network has --- */

/* The result of a query, an array or an object; NULL: no answer. */
static JsonNode *ask(const struct completion *c, const char *command)
{
	const char *name = c->name ? c->name : "default";
	g_autofree char *path = c->socket ? g_strdup(c->socket) : ctl_client_default_path(name);
	g_autofree char *text = g_strdup_printf("{\"execute\":\"%s\"}", command);
	g_autoptr(JsonNode) request = json_from_string(text, NULL), answer = NULL;
	struct ctl_client *client = ctl_client_new(path, NULL);
	JsonNode *result = NULL;

	if (!client)
		return NULL;
	answer = ctl_client_request(client, request, NULL);
	ctl_client_free(client);
	if (answer && json_object_has_member(json_node_get_object(answer), "return"))
		result = json_object_dup_member(json_node_get_object(answer), "return");
	return result;
}

static const char *text_of(JsonObject *object, const char *key)
{
	return key ? json_object_get_string_member_with_default(object, key, NULL) : NULL;
}

/* Offers @key of each row of a query; with @type, of rows of this type only. */
static void offer_rows(struct completion *c, JsonArray *rows, const char *key, const char *help,
		       const char *type)
{
	for (guint i = 0; i < json_array_get_length(rows); i++) {
		JsonObject *row = json_array_get_object_element(rows, i);

		if (!type || !g_strcmp0(text_of(row, "type"), type))
			offer(c, text_of(row, key), text_of(row, help));
	}
}

static void offer_query(struct completion *c, const char *command, const char *key,
			const char *help, const char *type)
{
	g_autoptr(JsonNode) result = ask(c, command);

	if (result)
		offer_rows(c, json_node_get_array(result), key, help, type);
}

/* The same for the rows in a member of an object. */
static void offer_member(struct completion *c, const char *command, const char *member,
			 const char *key, const char *help)
{
	g_autoptr(JsonNode) result = ask(c, command);

	if (result)
		offer_rows(c, json_object_get_array_member(json_node_get_object(result), member),
			   key, help, NULL);
}

static void offer_networks(struct completion *c)
{
	g_autofree char *names = ctl_networks_names();
	g_auto(GStrv) each = g_strsplit(names ? names : "", ", ", -1);

	for (char **name = each; *name; name++)
		offer(c, *name, NULL);
}

static void offer_guests(struct completion *c)
{
	offer_query(c, "query-guests", "name", "mac", NULL);
	offer_query(c, "query-guests", "mac", "ipv4", NULL);
}

static void offer_ports(struct completion *c)
{
	g_autoptr(JsonNode) result = ask(c, "query-netdevs");
	JsonArray *netdevs = result ? json_node_get_array(result) : NULL;

	for (guint i = 0; netdevs && i < json_array_get_length(netdevs); i++)
		offer_rows(c,
			   json_object_get_array_member(json_array_get_object_element(netdevs, i),
							"ports"),
			   "name", "peer", NULL);
}

/* --- parameters --- */

/* Offers words for a parameter whose meaning depends on the command. */
static bool offer_for_command(struct completion *c, const char *words, const char *param)
{
	if (!strcmp(words, "hostfwd remove"))
		offer_query(c, "query-forwards", "rule", NULL, "hostfwd");
	else if (!strcmp(words, "guestfwd remove"))
		offer_query(c, "query-forwards", "rule", NULL, "guestfwd");
	else if (!strcmp(words, "policy remove") && !strcmp(param, "RULE"))
		offer_member(c, "query-policy", "rules", "rule", "guest");
	else if (!strcmp(words, "dns remove") && !strcmp(param, "NAME"))
		offer_member(c, "query-dns", "records", "name", "address");
	else if (!strcmp(words, "guest remove") || !strcmp(words, "mac") ||
		 (!strcmp(words, "qemu-args") && !strcmp(param, "NAME")))
		offer_query(c, "query-guests", "name", "mac", NULL);
	else
		return false;
	return true;
}

/* "up|down", "on|off|PORTS": words in small letters stand for themselves. */
static void offer_words(struct completion *c, const char *param)
{
	g_auto(GStrv) words = g_strsplit(param, "|", -1);

	for (char **word = words; *word; word++) {
		if (g_ascii_islower(**word))
			offer(c, *word, NULL);
	}
}

static void offer_param(struct completion *c, const char *words, const char *param)
{
	static const char *const netdevs[] = {"stream,id=", "dgram,id=", "socket,id=", "user,id="};

	if (offer_for_command(c, words, param))
		return;
	if (!strcmp(param, "GUEST")) {
		offer_guests(c);
		if (!strcmp(words, "link") || !strcmp(words, "capture")) {
			offer_query(c, "query-netdevs", "id", "description", NULL);
			offer_ports(c);
		}
	} else if (!strcmp(param, "ID")) {
		offer_query(c, "query-netdevs", "id", "description", NULL);
	} else if (!strcmp(param, "NETDEV")) {
		for (size_t i = 0; i < G_N_ELEMENTS(netdevs); i++)
			offer(c, netdevs[i], NULL);
	} else {
		offer_words(c, param);
	}
}

/* The nth parameter of @params, without brackets; options do not count. NULL: there is none. */
static char *nth_param(const char *params, unsigned nth)
{
	g_auto(GStrv) words = g_strsplit(params, " ", -1);

	for (char **word = words; *word; word++) {
		if (g_str_has_prefix(*word, "[-")) {
			word++;
			continue;
		}
		if (nth--)
			continue;
		g_strdelimit(*word, "[]", ' ');
		return g_strdup(g_strstrip(*word));
	}
	return NULL;
}

/* How many words of @row the finished words are; *@more: a word is left, and they fit so far. */
static unsigned matched(const struct completion *c, char **row, bool *more)
{
	unsigned i = 0;

	while (i < c->done->len && row[i] && !strcmp(row[i], c->done->pdata[i]))
		i++;
	*more = row[i] && i == c->done->len;
	return row[i] ? 0 : i;
}

static void offer_command(struct completion *c)
{
	const struct ctl_grammar *best = NULL;
	unsigned most = 0;
	g_autofree char *param = NULL;

	for (unsigned i = 0; i < c->n; i++) {
		g_auto(GStrv) row = g_strsplit(c->grammar[i].words, " ", -1);
		bool more;
		unsigned n = matched(c, row, &more);

		if (more)
			offer(c, row[c->done->len],
			      row[c->done->len + 1] ? NULL : c->grammar[i].help);
		if (n > most) {
			most = n;
			best = &c->grammar[i];
		}
	}
	param = best ? nth_param(best->params, c->done->len - most) : NULL;
	if (param)
		offer_param(c, best->words, param);
}

/* --- options --- */

static void offer_value(struct completion *c, const char *option)
{
	if (!strcmp(option, "--name") || !strcmp(option, "--network"))
		offer_networks(c);
	else if (!strcmp(option, "--id"))
		offer_query(c, "query-netdevs", "id", "description", "user");
	else if (!strcmp(option, "--guest"))
		offer_query(c, "query-guests", "name", "mac", NULL);
	else if (!strcmp(option, "--format"))
		offer_words(c, "shell|libvirt|json");
}

static void note_value(struct completion *c, const char *option, const char *value)
{
	if (!strcmp(option, "--name") || !strcmp(option, "--network"))
		c->name = value;
	else if (!strcmp(option, "--socket"))
		c->socket = value;
}

/* Notes a finished word. Returns the option whose value comes next. */
static const char *note_word(struct completion *c, const char *waits, char *word)
{
	if (waits)
		note_value(c, waits, word);
	else if (g_str_has_prefix(word, "--name="))
		c->name = word + strlen("--name=");
	else if (g_str_has_prefix(word, "--socket="))
		c->socket = word + strlen("--socket=");
	else if (word[0] != '-')
		g_ptr_array_add(c->done, word);
	else
		return ctl_options_takes_value(word) ? word : NULL;
	return NULL;
}

static void offer_option(struct completion *c)
{
	static const char *const prefixes[] = {"--name=", "--id=", "--guest=", "--format="};

	for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
		if (g_str_has_prefix(c->last, prefixes[i])) {
			g_autofree char *option = g_strndup(prefixes[i], strlen(prefixes[i]) - 1);

			c->prefix = prefixes[i];
			c->last += strlen(prefixes[i]);
			offer_value(c, option);
			return;
		}
	}
	for (const GOptionEntry *entry = ctl_option_entries; entry->long_name; entry++) {
		g_autofree char *name = g_strconcat("--", entry->long_name, NULL);
		char letter[] = {'-', entry->short_name, '\0'};

		if (!entry->long_name[0])
			continue;
		offer(c, name, entry->description);
		if (entry->short_name)
			offer(c, letter, entry->description);
	}
}

int ctl_complete(const struct ctl_grammar *grammar, unsigned n, char **words)
{
	struct completion c = {.grammar = grammar, .n = n, .last = "", .prefix = ""};
	const char *waits = NULL;

	/* The separator that keeps the words from usernetctl's own options. */
	if (words[0] && !strcmp(words[0], "--"))
		words++;
	c.done = g_ptr_array_new();
	c.printed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (char **word = words; *word; word++) {
		if (word[1])
			waits = note_word(&c, waits, *word);
		else
			c.last = *word;
	}
	if (waits)
		offer_value(&c, waits);
	else if (c.last[0] == '-')
		offer_option(&c);
	else
		offer_command(&c);
	g_hash_table_unref(c.printed);
	g_ptr_array_unref(c.done);
	return CTL_DONE;
}
