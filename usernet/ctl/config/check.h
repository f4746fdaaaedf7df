/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_CONFIG_CHECK_H
#define USERNET_CTL_CONFIG_CHECK_H

#include <glib.h>
#include <stdbool.h>

#include "ctl/config/config.h"

/*
 * Checks a configuration as far as possible without applying it. It calls the functions that apply
 * it, on scratch tables.
 */

/* Checks one entry. @kind: "netdev", "guest". The error does not name the place. */
bool config_check_entry(const char *kind, struct config_entry *entry, GError **error);
/* Checks all entries, and that they fit together. */
bool config_check(struct config *config, GError **error);

#endif
