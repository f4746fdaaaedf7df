/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_QEMU_OPTIONS_H
#define USERNET_TOOLS_QEMU_OPTIONS_H

#include <glib.h>
#include <stdbool.h>

/*
 * An argument of QEMU such as "user,id=n,hostfwd=tcp::2222-:22" as a list of words (QEMU
 * util/qemu-option.c): split at commas, a doubled comma stands for one. JSON, as -netdev and
 * -device take it, becomes the same list: its members are flattened to KEY=VALUE, "str" of a list's
 * objects to repeated keys. Values are not checked.
 *
 * @implied: the key of the first word, if that has none; the list says "type=user".
 * NULL-terminated, newly allocated. NULL: broken JSON.
 */
char **qemu_options_split(const char *text, const char *implied);
/* The value of the last @key in @words, borrowed; NULL: it is not given. */
const char *qemu_options_get(char *const *words, const char *key);
/* @text with KEY=VALUE added, in the form (JSON or not) that it has. Newly allocated. */
char *qemu_options_with(const char *text, const char *key, const char *value);
/* @text with commas doubled. Newly allocated. */
char *qemu_options_escape(const char *text);

#endif
