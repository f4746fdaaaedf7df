/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/qmp/json_splitter.h"

#include <string.h>

struct json_splitter {
	json_split_fn each;
	void *data;
	GString *text;
	unsigned depth;
	bool curly[JSON_SPLIT_MAX_DEPTH]; /* which bracket opened each level */
	char quote;                       /* in a string: what ends it */
	bool escaped;
	bool bare;
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

/* Hands over and begins anew. */
static bool emit(struct json_splitter *splitter, enum json_split_event event, const char *message)
{
	bool go_on = splitter->each(splitter->data, event, message ? message : splitter->text->str);

	/* A large one's memory is not kept. */
	if (splitter->text->allocated_len > 64 * 1024) {
		g_string_free(splitter->text, TRUE);
		splitter->text = g_string_new(NULL);
	}
	g_string_truncate(splitter->text, 0);
	splitter->depth = 0;
	splitter->quote = '\0';
	splitter->escaped = false;
	splitter->bare = false;
	return go_on;
}

static bool in_string(struct json_splitter *splitter, char c)
{
	if ((unsigned char)c < 0x20)
		return emit(splitter, JSON_SPLIT_ERROR,
			    "JSON parse error, invalid control character in string");
	if (splitter->escaped) {
		splitter->escaped = false;
		/* \' is QEMU's; JSON has no need of it. */
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
	if ((unsigned char)c < 0x20 || (unsigned char)c >= 0x7f) {
		char message[48];

		g_snprintf(message, sizeof(message), "JSON parse error, stray '\\x%02x'",
			   (unsigned char)c);
		return emit(splitter, JSON_SPLIT_ERROR, message);
	}
	if (c == '"' || c == '\'') {
		splitter->quote = c;
		c = '"';
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
