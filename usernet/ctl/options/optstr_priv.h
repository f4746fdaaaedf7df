/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_OPTIONS_OPTSTR_PRIV_H
#define USERNET_CTL_OPTIONS_OPTSTR_PRIV_H

#include "ctl/options/optstr.h"

/* Shared by the files that implement optstr.h: text, JSON, check. */

/* How a value was written: text can be any type, JSON is typed. */
enum opt_form {
	OPT_FORM_TEXT,
	OPT_FORM_FLAG, /* a key without "=" */
	OPT_FORM_JSON_STRING,
	OPT_FORM_JSON_BOOL,
	OPT_FORM_JSON_NUMBER,
	OPT_FORM_JSON_OTHER, /* null */
	OPT_FORM_JSON_ITEM,  /* a string in an array */
};

struct opt {
	char *key;
	char *value;
	enum opt_form form;
};

struct optstr {
	GArray *list;  /* of struct opt, in the order given */
	char *implied; /* may be NULL */
};

/* Takes ownership of @value, copies @key. */
bool optstr_append(struct optstr *opts, const char *key, char *value, enum opt_form form,
		   GError **error);

#endif
