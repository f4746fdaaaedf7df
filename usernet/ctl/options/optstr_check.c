/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "ctl/options/optstr_priv.h"

#define KEY_MAX 64 /* longer keys are compared with nothing */

static const struct opt_spec *find_spec(const struct opt_spec *specs, const char *key)
{
	for (; specs->key; specs++) {
		if (!strcmp(specs->key, key))
			return specs;
	}
	return NULL;
}

/* How many letters to insert, remove or change (Levenshtein); texts of KEY_MAX letters at most. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[KEY_MAX + 1];
	size_t len = strlen(b);

	for (unsigned j = 0; j <= len; j++)
		row[j] = j;
	for (unsigned i = 0; a[i]; i++) {
		unsigned before = row[0];

		row[0] = i + 1;
		for (unsigned j = 1; j <= len; j++) {
			unsigned changed = before + (a[i] != b[j - 1]);

			before = row[j];
			row[j] = MIN(changed, MIN(row[j], row[j - 1]) + 1);
		}
	}
	return row[len];
}

/* The key that @key may be a misspelling of, or NULL. */
static const char *similar(const struct opt_spec *specs, const char *key)
{
	unsigned least = strlen(key) < 4 ? 2 : 3;
	const char *found = NULL;

	for (; specs->key && strlen(key) <= KEY_MAX; specs++) {
		unsigned n = strlen(specs->key) <= KEY_MAX ? distance(key, specs->key) : G_MAXUINT;

		if (!specs->instead && n < least) {
			least = n;
			found = specs->key;
		}
	}
	return found;
}

static bool fail_unexpected(GError **error, const char *kind, const struct opt_spec *specs,
			    const char *also, const char *key)
{
	g_autoptr(GString) known = g_string_new(also);
	const char *meant = similar(specs, key);

	for (; specs->key; specs++) {
		if (!specs->instead)
			g_string_append_printf(known, "%s%s", known->len ? ", " : "", specs->key);
	}
	return error_usage(error, "Parameter '%s' is unexpected; %s knows %s%s%s%s", key, kind,
			   known->str, meant ? "; did you mean '" : "", meant ? meant : "",
			   meant ? "'?" : "");
}

/* QEMU's names of JSON types (QEMU qapi/qobject-input-visitor.c). */
static bool check_json_type(const struct opt_spec *spec, const struct opt *opt, GError **error)
{
	static const char *const expected[] = {"string", "boolean", "integer"};
	static const enum opt_form form[] = {OPT_FORM_JSON_STRING, OPT_FORM_JSON_BOOL,
					     OPT_FORM_JSON_NUMBER};

	if (spec->flags & OPT_REPEATS) {
		if (opt->form == OPT_FORM_JSON_ITEM)
			return true;
		return error_usage(error, "Invalid parameter type for '%s', expected: array",
				   opt->key);
	}
	if (opt->form == form[spec->type])
		return true;
	return error_usage(error, "Invalid parameter type for '%s', expected: %s", opt->key,
			   expected[spec->type]);
}

static bool check_value(const struct opt_spec *spec, const struct opt *opt, GError **error)
{
	gint64 number;
	bool value;

	switch (spec->type) {
	case OPT_BOOL:
		if (!optstr_parse_bool(opt->value, &value))
			return error_usage(error, "Parameter '%s' expects 'on' or 'off', not '%s'",
					   opt->key, opt->value);
		return true;
	case OPT_NUMBER:
		if (!g_ascii_string_to_signed(opt->value, 10, spec->min, spec->max, &number, NULL))
			return error_usage(error,
					   "Parameter '%s' expects a number from %" G_GINT64_FORMAT
					   " to %" G_GINT64_FORMAT ", not '%s'",
					   opt->key, spec->min, spec->max, opt->value);
		return true;
	case OPT_STRING:
		if (!opt->value[0] && !(spec->flags & OPT_EMPTY))
			return error_usage(
				error,
				"Parameter '%s' has no value: write %s=VALUE, or leave it out",
				opt->key, opt->key);
		return true;
	}
	return true;
}

/* `key` is key=on and `nokey` is key=off when key is a switch (QEMU util/qemu-option.c). */
static bool expand_flag(struct opt *opt, const char *kind, const struct opt_spec *specs,
			const char *also, GError **error)
{
	const struct opt_spec *spec = find_spec(specs, opt->key);

	if (!spec && g_str_has_prefix(opt->key, "no")) {
		spec = find_spec(specs, opt->key + 2);
		if (spec && spec->type == OPT_BOOL) {
			char *key = g_strdup(opt->key + 2);

			g_free(opt->key);
			opt->key = key;
			g_free(opt->value);
			opt->value = g_strdup("off");
			opt->form = OPT_FORM_TEXT;
			return true;
		}
		spec = NULL;
	}
	if (!spec && (!also || strcmp(opt->key, also)))
		return fail_unexpected(error, kind, specs, also, opt->key);
	if (!spec || spec->type != OPT_BOOL)
		return error_usage(error, "Expected '=' after parameter '%s': it needs a value",
				   opt->key);
	opt->form = OPT_FORM_TEXT;
	return true;
}

/* Replaces the value at @i by the two that it stands for. */
static void split(struct optstr *opts, guint i, const struct opt_spec *spec)
{
	struct opt *opt = &g_array_index(opts->list, struct opt, i), more;
	char *two[2];

	if (!spec->split || !spec->split(opt->value, two))
		return;
	more = (struct opt){.key = g_strdup(opt->key), .value = two[1], .form = opt->form};
	g_free(opt->value);
	opt->value = two[0];
	g_array_insert_val(opts->list, i + 1, more);
}

/* @also: a key allowed in addition to @specs, or NULL. */
static bool check(struct optstr *opts, const char *kind, const struct opt_spec *specs,
		  const char *also, GError **error)
{
	static const struct opt_spec common = {.key = "id"};

	for (unsigned i = 0; i < opts->list->len; i++) {
		struct opt *opt = &g_array_index(opts->list, struct opt, i);
		const struct opt_spec *spec;

		if (opt->form == OPT_FORM_FLAG && !expand_flag(opt, kind, specs, also, error))
			return false;
		spec = find_spec(specs, opt->key);
		if (!spec && (!g_strcmp0(opt->key, also) || !g_strcmp0(opt->key, opts->implied)))
			spec = &common;
		if (!spec)
			return fail_unexpected(error, kind, specs, also, opt->key);
		if (spec->instead)
			return error_usage(error, "Parameter '%s' is not supported: %s", opt->key,
					   spec->instead);
		if (opt->form >= OPT_FORM_JSON_STRING && !check_json_type(spec, opt, error))
			return false;
		if (!check_value(spec, opt, error))
			return false;
		if (!(spec->flags & OPT_REPEATS) && optstr_nth(opts, opt->key, 1))
			return error_usage(error, "Parameter '%s' is given twice", opt->key);
		split(opts, i, spec);
	}
	for (; specs->key; specs++) {
		if ((specs->flags & OPT_REQUIRED) && !optstr_get(opts, specs->key))
			return error_usage(error, "Parameter '%s' is missing", specs->key);
	}
	return true;
}

bool optstr_check(struct optstr *opts, const char *kind, const struct opt_spec *specs,
		  GError **error)
{
	return check(opts, kind, specs, "id", error);
}

bool optstr_check_plain(struct optstr *opts, const char *kind, const struct opt_spec *specs,
			GError **error)
{
	return check(opts, kind, specs, NULL, error);
}
