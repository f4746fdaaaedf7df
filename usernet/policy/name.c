/* SPDX-License-Identifier: BSD-3-Clause */
#include "policy/name.h"

#include <string.h>

#ifdef USERNET_IDN
#include <idn2.h>
#endif

static bool is_host_byte(uint8_t c)
{
	return g_ascii_isalnum(c) || c == '-' || c == '_';
}

bool policy_name_is_host(const struct dns_name *name)
{
	if (name->len <= 1)
		return false;
	for (const uint8_t *p = name->wire; *p; p += 1 + *p) {
		for (unsigned i = 1; i <= *p; i++) {
			if (!is_host_byte(p[i]))
				return false;
		}
	}
	return true;
}

static bool is_ascii(const char *text)
{
	for (; *text; text++) {
		if ((uint8_t)*text >= 0x80)
			return false;
	}
	return true;
}

/* The last label, without a final dot; *@len: its length. */
static const char *last_label(const char *text, size_t *len)
{
	size_t end = strlen(text), start;

	if (end && text[end - 1] == '.')
		end--;
	for (start = end; start && text[start - 1] != '.'; start--)
		;
	*len = end - start;
	return text + start;
}

bool policy_name_looks_like(const char *text)
{
	size_t len;
	const char *last;

	if (g_str_has_prefix(text, "*."))
		return true;
	if (!strchr(text, '.') || strpbrk(text, "/[] ,"))
		return false;
	/* No top-level domain is a number (RFC 3696 2): 10.0.0 is a mistyped address. */
	last = last_label(text, &len);
	for (size_t i = 0; i < len; i++) {
		if (!g_ascii_isdigit(last[i]))
			return true;
	}
	return false;
}

/* A-labels of @text, newly allocated; NULL: *@why. */
static char *to_ascii(const char *text, char **why)
{
#ifdef USERNET_IDN
	char *out = NULL;
	g_autofree char *result = NULL;
	int status = idn2_to_ascii_8z(text, &out, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);

	if (status == IDN2_OK) {
		result = g_strdup(out);
		idn2_free(out);
		return g_steal_pointer(&result);
	}
	*why = g_strdup_printf("'%s' is not an internationalized name: %s", text,
			       idn2_strerror(status));
#else
	*why = g_strdup_printf("'%s' has letters beyond ASCII, and usernet was built without "
			       "libidn2: write its A-labels (xn--…)",
			       text);
#endif
	return NULL;
}

char *policy_name_parse(struct policy_name *name, const char *text)
{
	g_autofree char *ascii = NULL;
	const char *p = text;
	char *why = NULL;
	size_t len;

	name->below = g_str_has_prefix(p, "*.");
	if (name->below)
		p += 2;
	if (strchr(p, '*'))
		return g_strdup_printf("'%s': only the first label may be *, as in *.example.com",
				       text);
	if (!is_ascii(p)) {
		if (!g_utf8_validate(p, -1, NULL))
			return g_strdup_printf("'%s' is not UTF-8", text);
		p = ascii = to_ascii(p, &why);
		if (!ascii)
			return why;
	}
	last_label(p, &len);
	if (!len || !dns_name_parse(&name->name, p) || !policy_name_is_host(&name->name))
		return g_strdup_printf(
			"'%s' is not a host name: labels of letters, digits, - and _, "
			"1 to 63 bytes each, 253 in all",
			text);
	return NULL;
}

char *policy_name_format(const struct policy_name *name)
{
	g_autofree char *text = dns_name_format(&name->name);
	bool single = dns_name_labels(&name->name) == 1 && !name->below;

	return g_strconcat(name->below ? "*." : "", text, single ? "." : "", NULL);
}
