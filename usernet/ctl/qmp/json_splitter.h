/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_QMP_JSON_SPLITTER_H
#define USERNET_CTL_QMP_JSON_SPLITTER_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Splits a byte stream into JSON values. QMP has no framing: values follow each other with or
 * without white space, in pieces of any size. Only brackets and strings are recognised; the parser
 * checks the rest. Size and depth are bounded. Single-quoted strings, a QEMU extension (QEMU
 * qobject/json-lexer.c), are converted to double quotes.
 *
 * After an error, splitting restarts with the next byte; after JSON_SPLIT_TOO_LARGE the stream must
 * be closed.
 */
#define JSON_SPLIT_MAX_SIZE  (1024 * 1024)
#define JSON_SPLIT_MAX_DEPTH 64

enum json_split_event {
	JSON_SPLIT_VALUE, /* @text: a value with balanced brackets */
	JSON_SPLIT_BARE,  /* @text: a word outside brackets */
	JSON_SPLIT_ERROR, /* @text: QEMU's error message */
	JSON_SPLIT_TOO_LARGE,
};

struct json_splitter;

/* @text is valid during the call. False: stop and discard the rest of the input. */
typedef bool (*json_split_fn)(void *data, enum json_split_event event, const char *text);

struct json_splitter *json_splitter_new(json_split_fn each, void *data);
void json_splitter_free(struct json_splitter *splitter);
/* False when @each returned false, which must not free the splitter. */
bool json_splitter_feed(struct json_splitter *splitter, const char *bytes, size_t len);

#endif
