/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_OPTIONS_OPTSTR_H
#define USERNET_CTL_OPTIONS_OPTSTR_H

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>

/*
 * Option strings in QEMU's grammar (QEMU util/keyval.c, util/qemu-option.c):
 * `user,id=nat,restrict=on`. The first word may omit its key; a comma in a value is doubled; `key`
 * and `nokey` are short for key=on and key=off. A JSON object is equivalent (QEMU's netdev_add, and
 * -netdev '{…}'): its members are flattened to dotted keys.
 *
 * Parsing makes a flat, ordered list. optstr_check() compares it with the keys of one kind; after
 * that the getters cannot fail. All errors are ERROR_USAGE and name the key.
 */
struct optstr;

/* Options may repeat: of rules there are POLICY_MAX in a network, 16384. More are a mistake. */
#define OPTSTR_MAX_OPTIONS 32768

/* @implied: the key of a first word without "=". */
struct optstr *optstr_parse(const char *text, const char *implied, GError **error);
struct optstr *optstr_from_json(JsonObject *object, GError **error);
/* Parses either form: JSON when @text begins with "{". */
struct optstr *optstr_parse_any(const char *text, const char *implied, GError **error);
void optstr_free(struct optstr *opts);
static inline void optstr_cleanup(struct optstr **opts)
{
	optstr_free(*opts);
}
/* Freed at the end of the scope: `auto_optstr struct optstr *opts = NULL;`. */
#define auto_optstr __attribute__((cleanup(optstr_cleanup)))

enum opt_type { OPT_STRING, OPT_BOOL, OPT_NUMBER };
enum opt_flags {
	OPT_REPEATS = 1,  /* may be given more than once; all values apply, in order */
	OPT_REQUIRED = 2, /* must be given */
	OPT_EMPTY = 4,    /* may be empty */
};

/* A key of a kind; arrays end with a NULL key. */
struct opt_spec {
	const char *key;
	enum opt_type type;
	unsigned flags;
	gint64 min, max; /* OPT_NUMBER, inclusive */
	/* OPT_REPEATS: does @value stand for two values? Newly allocated; may be NULL. */
	bool (*split)(const char *value, char *two[2]);
	const char *instead; /* a QEMU key that usernet lacks: what to use instead */
};

/*
 * Unknown keys, wrong types, empty values and duplicate keys are errors. @kind is used in their
 * text. The implied key and "id" are always allowed.
 */
bool optstr_check(struct optstr *opts, const char *kind, const struct opt_spec *specs,
		  GError **error);
/* The same for kinds without "id". */
bool optstr_check_plain(struct optstr *opts, const char *kind, const struct opt_spec *specs,
			GError **error);

/* NULL when not given. Borrowed from @opts. */
const char *optstr_get(const struct optstr *opts, const char *key);
/* The value number @nth (from 0) of a key that repeats, or NULL. */
const char *optstr_nth(const struct optstr *opts, const char *key, unsigned nth);
bool optstr_bool(const struct optstr *opts, const char *key, bool otherwise);
gint64 optstr_number(const struct optstr *opts, const char *key, gint64 otherwise);
/*
 * All values of a key that repeats, in order: NULL-terminated, newly allocated array of borrowed
 * strings.
 */
const char **optstr_all(const struct optstr *opts, const char *key);
/* Whether a key begins with @prefix ("remote."). */
bool optstr_has_prefix(const struct optstr *opts, const char *prefix);

/* Has no options yet; @implied may be NULL. */
struct optstr *optstr_new(const char *implied);
/* Appends an option, as if parsed from a string. */
bool optstr_add(struct optstr *opts, const char *key, const char *value, GError **error);
/*
 * Do both, which were checked, have the same value for a key? `on` equals `yes`; a missing key
 * differs from its default.
 */
bool optstr_same(const struct optstr *a, const struct optstr *b, const struct opt_spec *spec);
/* Replaces @key in @opts with its value in @from. */
void optstr_take(struct optstr *opts, const struct optstr *from, const char *key);

/* on|yes|true|y, off|no|false|n (QEMU qapi/qapi-util.c qapi_bool_parse). */
bool optstr_parse_bool(const char *text, bool *value);

#endif
