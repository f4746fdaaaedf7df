/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/qmp/json_splitter.h"

#include <string.h>

struct json_splitter {
	json_split_fn each;
	void *data;
	GString *text;
	unsigned depth;
	bool curly[JSON_SPLIT_MAX_DEPTH]; /* which bracket opened each level */
	char quote;                       /* of the current string; 0: not in one */
	bool escaped;
	bool bare;
	bool recovering; /* after a lexical error: skip to the next structural character */
};

struct json_splitter *json_splitter_new(json_split_fn each, void *data)
{
	struct json_splitter *splitter = g_new0(struct json_splitter, 1);

	splitter->each = each;
	splitter->data = data;
	splitter->text = g_string_new(NULL);
	return splitter;
}

void json_splitter_free(struct json_splitter *splitter)
{
	if (!splitter)
		return;
	g_string_free(splitter->text, TRUE);
	g_free(splitter);
}

/* Reports the event and starts over. */
static bool emit(struct json_splitter *splitter, enum json_split_event event, const char *message)
{
	bool go_on = splitter->each(splitter->data, event, message ? message : splitter->text->str);

	/* Free a large buffer. */
	if (splitter->text->allocated_len > 64 * 1024) {
		g_string_free(splitter->text, TRUE);
		splitter->text = g_string_new(NULL);
	}
	g_string_truncate(splitter->text, 0);
	splitter->depth = 0;
	splitter->quote = '\0';
	splitter->escaped = false;
	splitter->bare = false;
	splitter->recovering = event == JSON_SPLIT_ERROR;
	return go_on;
}

/* Bytes that never occur in UTF-8 (RFC 3629 section 1). */
static bool is_impossible(unsigned char c)
{
	return c == 0xc0 || c == 0xc1 || c > 0xf4;
}

/* Outside strings a token has letters, digits and these characters (RFC 8259 section 2). */
static bool may_stand_bare(unsigned char c)
{
	return g_ascii_isalnum(c) || (c && strchr("+-.,:", c));
}

/* QEMU qobject/json-lexer.c IN_RECOVERY: a new token may start at one of these. */
static bool ends_recovery(unsigned char c)
{
	return (c < 0x20 && c != '\t') || c >= 0xfe || strchr("{}[]:,", c);
}

static bool stray(struct json_splitter *splitter, unsigned char c)
{
	char message[48];

	if (g_ascii_isgraph(c))
		g_snprintf(message, sizeof(message), "JSON parse error, stray '%c'", c);
	else
		g_snprintf(message, sizeof(message), "JSON parse error, stray '\\x%02x'", c);
	return emit(splitter, JSON_SPLIT_ERROR, message);
}

static bool in_string(struct json_splitter *splitter, char c)
{
	if ((unsigned char)c < 0x20)
		return emit(splitter, JSON_SPLIT_ERROR,
			    "JSON parse error, invalid control character in string");
	if (is_impossible((unsigned char)c))
		return emit(splitter, JSON_SPLIT_ERROR, "JSON parse error, invalid UTF-8 sequence");
	if (splitter->escaped) {
		splitter->escaped = false;
		/* \' is QEMU's extension; JSON has no such escape. */
		if (c == '\'')
			g_string_truncate(splitter->text, splitter->text->len - 1);
	} else if (c == '\\') {
		splitter->escaped = true;
	} else if (c == splitter->quote) {
		splitter->quote = '\0';
		c = '"';
	} else if (c == '"') {
		g_string_append_c(splitter->text, '\\');
	}
	g_string_append_c(splitter->text, c);
	if (!splitter->quote && splitter->depth == 0)
		return emit(splitter, JSON_SPLIT_BARE, NULL);
	return true;
}

static bool open_bracket(struct json_splitter *splitter, char c)
{
	if (splitter->depth == JSON_SPLIT_MAX_DEPTH)
		return emit(splitter, JSON_SPLIT_ERROR, "JSON nesting depth limit exceeded");
	splitter->curly[splitter->depth++] = c == '{';
	g_string_append_c(splitter->text, c);
	return true;
}

static bool close_bracket(struct json_splitter *splitter, char c)
{
	if (splitter->depth == 0 || splitter->curly[splitter->depth - 1] != (c == '}'))
		return emit(splitter, JSON_SPLIT_ERROR, "JSON parse error, expecting value");
	g_string_append_c(splitter->text, c);
	if (--splitter->depth == 0)
		return emit(splitter, JSON_SPLIT_VALUE, NULL);
	return true;
}

static bool feed_byte(struct json_splitter *splitter, char c)
{
	if (splitter->recovering && !ends_recovery((unsigned char)c))
		return true;
	splitter->recovering = false;
	if (splitter->quote)
		return in_string(splitter, c);
	if (splitter->bare && strchr(" \t\r\n{}[]\"',", c)) {
		splitter->bare = false;
		if (!emit(splitter, JSON_SPLIT_BARE, NULL))
			return false;
	}
	if (strchr(" \t\r\n", c) && c) {
		if (splitter->depth)
			g_string_append_c(splitter->text, ' ');
		return true;
	}
	if (c == '{' || c == '[')
		return open_bracket(splitter, c);
	if (c == '}' || c == ']')
		return close_bracket(splitter, c);
	if (c == '"' || c == '\'') {
		splitter->quote = c;
		c = '"';
	} else if (!may_stand_bare((unsigned char)c)) {
		return stray(splitter, (unsigned char)c);
	} else if (splitter->depth == 0) {
		splitter->bare = true;
	}
	g_string_append_c(splitter->text, c);
	return true;
}

bool json_splitter_feed(struct json_splitter *splitter, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (splitter->text->len >= JSON_SPLIT_MAX_SIZE)
			return emit(splitter, JSON_SPLIT_TOO_LARGE,
				    "JSON token size limit exceeded");
		if (!feed_byte(splitter, bytes[i]))
			return false;
	}
	return true;
}
