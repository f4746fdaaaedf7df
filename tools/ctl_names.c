/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_names.h"

#include <stdio.h>
#include <string.h>

#include "ctl_table.h"
#include "net/mac.h"

/* NAME[,KEY=VALUE]…: usernet checks the keys. */
static JsonObject *guest_arguments(const char *text, GError **error)
{
	g_auto(GStrv) words = g_strsplit(text, ",", -1);
	JsonObject *args = json_object_new();

	for (unsigned i = 0; words[i]; i++) {
		char *equals = strchr(words[i], '=');

		if (i > 0 && !equals) {
			g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
				    "'%s': expected KEY=VALUE", words[i]);
			json_object_unref(args);
			return NULL;
		}
		if (equals)
			*equals = '\0';
		json_object_set_string_member(args, equals ? words[i] : "name",
					      equals ? equals + 1 : words[i]);
	}
	return args;
}

int ctl_run_guest_add(struct ctl_session *session, char **params)
{
	g_autoptr(JsonNode) result = NULL;
	g_autoptr(GError) error = NULL;
	JsonObject *args = guest_arguments(params[0], &error);
	int status;

	if (!args)
		return ctl_usage("guest add: %s", error->message);
	status = ctl_request(session, "guest-add", args, &result);
	if (status == CTL_DONE && !ctl_print_json(session, result))
		puts(json_object_get_string_member(json_node_get_object(result), "mac"));
	return status;
}

int ctl_run_guest_remove(struct ctl_session *session, char **params)
{
	JsonObject *args = json_object_new();

	json_object_set_string_member(args, "name", params[0]);
	return ctl_change(session, "guest-remove", args, NULL);
}

bool ctl_names_is_host_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= 63 && name[0] != '-' && name[len - 1] != '-' &&
	       strspn(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-") == len;
}

/* Several networks may have a guest of this name: --name selects one. */
int ctl_run_mac(struct ctl_session *session, char **params)
{
	char text[GUEST_MAC_TEXT];

	if (!ctl_names_is_host_name(params[0]))
		return ctl_usage("mac '%s': a guest's name is 1 to 63 letters, digits and '-'",
				 params[0]);
	guest_mac_format(text, guest_mac_derive(session->name, params[0], 0));
	puts(text);
	return CTL_DONE;
}

static int run_dns(struct ctl_session *session, const char *command, const char *name,
		   const char *address)
{
	JsonObject *args = json_object_new();

	json_object_set_string_member(args, "name", name);
	if (address)
		json_object_set_string_member(args, "address", address);
	return ctl_change(session, command, args, NULL);
}

int ctl_run_dns_add(struct ctl_session *session, char **params)
{
	return run_dns(session, "dns-add", params[0], params[1]);
}

int ctl_run_dns_remove(struct ctl_session *session, char **params)
{
	if (params[1] && params[2])
		return ctl_usage("dns remove: unexpected '%s'", params[2]);
	return run_dns(session, "dns-remove", params[0], params[1]);
}

int ctl_run_dns_list(struct ctl_session *session, char **params)
{
	static const struct ctl_column columns[] = {
		{"NAME", "name"}, {"TYPE", "type"}, {"ADDRESS", "address"}, {NULL, NULL}};
	g_autoptr(JsonNode) result = NULL;
	int status = ctl_request(session, "query-dns", NULL, &result);
	JsonArray *records;

	if (status != CTL_DONE || ctl_print_json(session, result))
		return status;
	records = json_object_get_array_member(json_node_get_object(result), "records");
	if (json_array_get_length(records))
		ctl_table_print(records, columns);
	else
		puts("no records");
	return status;
}

static void print_words(const char *title, JsonArray *words)
{
	printf("%s:", title);
	for (unsigned i = 0; i < json_array_get_length(words); i++)
		printf(" %s", json_array_get_string_element(words, i));
	putchar('\n');
}

int ctl_run_dns_status(struct ctl_session *session, char **params)
{
	g_autoptr(JsonNode) result = NULL;
	int status = ctl_request(session, "query-dns", NULL, &result);
	JsonObject *dns, *counters;
	g_autoptr(GList) names = NULL;

	if (status != CTL_DONE || ctl_print_json(session, result))
		return status;
	dns = json_node_get_object(result);
	printf("domain: %s\n", json_object_get_string_member(dns, "domain"));
	print_words("servers", json_object_get_array_member(dns, "servers"));
	print_words("search", json_object_get_array_member(dns, "search"));
	counters = json_object_get_object_member(dns, "counters");
	names = json_object_get_members(counters);
	for (GList *name = names; name; name = name->next)
		printf("%s: %" G_GINT64_FORMAT "\n", (const char *)name->data,
		       json_object_get_int_member(counters, name->data));
	return status;
}

/* Prints "netdev lan: added", and so on; returns the number of lines. */
static unsigned print_changes(JsonObject *result, const char *list, const char *member,
			      const char *format, FILE *to)
{
	JsonArray *array = json_object_get_array_member(result, list);

	for (unsigned i = 0; i < json_array_get_length(array); i++) {
		JsonObject *each = json_array_get_object_element(array, i);
		g_autofree char *what = ctl_table_text(json_object_get_member(each, "what"));
		g_autofree char *text = ctl_table_text(json_object_get_member(each, member));

		fprintf(to, "%s%s: %s%s\n", to == stderr ? "usernetctl: " : "", what, text, format);
	}
	return json_array_get_length(array);
}

/* Changes that failed give exit status 1, for scripts. */
int ctl_run_reload(struct ctl_session *session, char **params)
{
	g_autoptr(JsonNode) result = NULL;
	int status = ctl_request(session, "reload", NULL, &result);
	unsigned applied, left;
	JsonObject *object;

	if (status != CTL_DONE)
		return status;
	object = json_node_get_object(result);
	if (ctl_print_json(session, result))
		return json_array_get_length(json_object_get_array_member(object, "restart")) +
				       json_array_get_length(
					       json_object_get_array_member(object, "failed"))
			       ? CTL_REFUSED
			       : CTL_DONE;
	applied = print_changes(object, "applied", "action", "", stdout);
	left = print_changes(object, "restart", "key", " needs a restart", stderr);
	left += print_changes(object, "failed", "error", "", stderr);
	if (!applied && !left)
		puts("nothing changed");
	return left ? CTL_REFUSED : CTL_DONE;
}
