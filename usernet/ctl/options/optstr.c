/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/options/optstr.h"

#include <string.h>

#include "base/error.h"
#include "ctl/options/json_text.h"
#include "ctl/options/optstr_priv.h"

static void opt_clear(void *data)
{
	struct opt *opt = data;

	g_free(opt->key);
	g_free(opt->value);
}

struct optstr *optstr_new(const char *implied)
{
	struct optstr *opts = g_new0(struct optstr, 1);

	opts->implied = g_strdup(implied);
	opts->list = g_array_new(FALSE, FALSE, sizeof(struct opt));
	g_array_set_clear_func(opts->list, opt_clear);
	return opts;
}

void optstr_free(struct optstr *opts)
{
	if (!opts)
		return;
	g_array_unref(opts->list);
	g_free(opts->implied);
	g_free(opts);
}

bool optstr_append(struct optstr *opts, const char *key, char *value, enum opt_form form,
		   GError **error)
{
	struct opt opt = {.key = g_strdup(key), .value = value, .form = form};

	if (opts->list->len == OPTSTR_MAX_OPTIONS) {
		opt_clear(&opt);
		g_set_error(error, USERNET_ERROR, ERROR_USAGE, "More than %d options",
			    OPTSTR_MAX_OPTIONS);
		return false;
	}
	g_array_append_val(opts->list, opt);
	return true;
}

/* A value ends at a single comma or at the end; *@p moves past that comma. */
static char *take_value(const char **p)
{
	GString *value = g_string_new(NULL);
	const char *s = *p;

	while (*s) {
		if (*s == ',') {
			s++;
			if (*s != ',')
				break;
		}
		g_string_append_c(value, *s++);
	}
	*p = s;
	return g_string_free(value, FALSE);
}

static bool key_is_well_formed(const char *key)
{
	if (!g_ascii_isalpha(key[0]))
		return false;
	for (const char *p = key; *p; p++) {
		if (!g_ascii_isalnum(*p) && !strchr("-_.", *p))
			return false;
	}
	return true;
}

struct optstr *optstr_parse(const char *text, const char *implied, GError **error)
{
	auto_optstr struct optstr *opts = optstr_new(implied);
	const char *p = text;

	while (*p) {
		g_autofree char *key = NULL;
		enum opt_form form = OPT_FORM_TEXT;
		char *value;
		size_t len = strcspn(p, "=,");

		if (p == text && implied && p[len] != '=') {
			key = g_strdup(implied);
			value = take_value(&p);
		} else {
			key = g_strndup(p, len);
			if (!key_is_well_formed(key)) {
				g_set_error(error, USERNET_ERROR, ERROR_USAGE,
					    "Invalid parameter '%s' in '%s': expected key=value",
					    key, text);
				return NULL;
			}
			p += len;
			if (*p == '=') {
				p++;
				value = take_value(&p);
			} else {
				form = OPT_FORM_FLAG;
				value = g_strdup("on");
				p += *p == ',';
			}
		}
		if (!optstr_append(opts, key, value, form, error))
			return NULL;
	}
	return g_steal_pointer(&opts);
}

struct optstr *optstr_parse_any(const char *text, const char *implied, GError **error)
{
	g_autoptr(JsonNode) node = NULL;

	if (text[0] != '{')
		return optstr_parse(text, implied, error);
	node = json_text_parse(text, error);
	if (!node)
		return NULL;
	if (!JSON_NODE_HOLDS_OBJECT(node)) {
		g_set_error(error, USERNET_ERROR, ERROR_USAGE, "JSON: expected an object");
		return NULL;
	}
	return optstr_from_json(json_node_get_object(node), error);
}

static struct opt *find(const struct optstr *opts, const char *key, unsigned nth)
{
	for (unsigned i = 0; i < opts->list->len; i++) {
		struct opt *opt = &g_array_index(opts->list, struct opt, i);

		if (!strcmp(opt->key, key) && nth-- == 0)
			return opt;
	}
	return NULL;
}

const char *optstr_get(const struct optstr *opts, const char *key)
{
	return optstr_nth(opts, key, 0);
}

const char *optstr_nth(const struct optstr *opts, const char *key, unsigned nth)
{
	const struct opt *opt = find(opts, key, nth);

	return opt ? opt->value : NULL;
}

const char **optstr_all(const struct optstr *opts, const char *key)
{
	const char **all = g_new(const char *, opts->list->len + 1);
	unsigned n = 0;

	for (unsigned i = 0; i < opts->list->len; i++) {
		struct opt *opt = &g_array_index(opts->list, struct opt, i);

		if (!strcmp(opt->key, key))
			all[n++] = opt->value;
	}
	all[n] = NULL;
	return all;
}

bool optstr_parse_bool(const char *text, bool *value)
{
	static const char *const words[2][4] = {{"off", "no", "false", "n"},
						{"on", "yes", "true", "y"}};

	for (int v = 0; v < 2; v++) {
		for (int i = 0; i < 4; i++) {
			if (!strcmp(text, words[v][i])) {
				*value = v;
				return true;
			}
		}
	}
	return false;
}

bool optstr_bool(const struct optstr *opts, const char *key, bool otherwise)
{
	const char *text = optstr_get(opts, key);
	bool value = otherwise;

	if (text)
		optstr_parse_bool(text, &value);
	return value;
}

gint64 optstr_number(const struct optstr *opts, const char *key, gint64 otherwise)
{
	const char *text = optstr_get(opts, key);

	return text ? g_ascii_strtoll(text, NULL, 10) : otherwise;
}

bool optstr_has_prefix(const struct optstr *opts, const char *prefix)
{
	for (unsigned i = 0; i < opts->list->len; i++) {
		if (g_str_has_prefix(g_array_index(opts->list, struct opt, i).key, prefix))
			return true;
	}
	return false;
}
