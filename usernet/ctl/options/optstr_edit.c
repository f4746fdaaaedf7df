/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "ctl/options/optstr_priv.h"

bool optstr_add(struct optstr *opts, const char *key, const char *value, GError **error)
{
	return optstr_append(opts, key, g_strdup(value), OPT_FORM_TEXT, error);
}

static bool same_value(const char *a, const char *b, enum opt_type type)
{
	bool x, y;

	switch (type) {
	case OPT_BOOL:
		return optstr_parse_bool(a, &x) && optstr_parse_bool(b, &y) && x == y;
	case OPT_NUMBER:
		return g_ascii_strtoll(a, NULL, 10) == g_ascii_strtoll(b, NULL, 10);
	case OPT_STRING:
		return !strcmp(a, b);
	}
	return false;
}

bool optstr_same(const struct optstr *a, const struct optstr *b, const struct opt_spec *spec)
{
	g_autofree const char **x = optstr_all(a, spec->key);
	g_autofree const char **y = optstr_all(b, spec->key);
	unsigned i = 0;

	while (x[i] && y[i] && same_value(x[i], y[i], spec->type))
		i++;
	return !x[i] && !y[i];
}

void optstr_take(struct optstr *opts, const struct optstr *from, const char *key)
{
	g_autofree const char **values = optstr_all(from, key);

	for (unsigned i = opts->list->len; i-- > 0;) {
		if (!strcmp(g_array_index(opts->list, struct opt, i).key, key))
			g_array_remove_index(opts->list, i);
	}
	for (unsigned i = 0; values[i]; i++)
		optstr_add(opts, key, values[i], NULL);
}
