/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_QMP_JSON_SPLITTER_H
#define USERNET_CTL_QMP_JSON_SPLITTER_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Cuts a byte stream into JSON values. QMP has no framing: values follow one another with or
 * without white space, and may arrive in any pieces. Knows brackets and strings only; what is in
 * them is the parser's business. Bounded in size and depth. Strings in single quotes, which QEMU
 * takes (QEMU qobject/json-lexer.c), are turned into double quotes on the way.
 *
 * After an error it begins anew with the next byte; after JSON_SPLIT_TOO_LARGE the stream cannot be
 * trusted any more.
 */
#define JSON_SPLIT_MAX_SIZE  (1024 * 1024)
#define JSON_SPLIT_MAX_DEPTH 64

enum json_split_event {
	JSON_SPLIT_VALUE, /* @text: a value with balanced brackets */
	JSON_SPLIT_BARE,  /* @text: a word outside of brackets */
	JSON_SPLIT_ERROR, /* @text: what is wrong, in QEMU's words */
	JSON_SPLIT_TOO_LARGE,
};

struct json_splitter;

/* @text lives for the call. False: stop, forget the rest of what was fed. */
typedef bool (*json_split_fn)(void *data, enum json_split_event event, const char *text);

struct json_splitter *json_splitter_new(json_split_fn each, void *data);
void json_splitter_free(struct json_splitter *splitter);
/* False when @each said stop; the splitter must not have been freed by it. */
bool json_splitter_feed(struct json_splitter *splitter, const char *bytes, size_t len);

#endif
