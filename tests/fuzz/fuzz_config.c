/* SPDX-License-Identifier: BSD-3-Clause */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "ctl/config/config.h"
#include "harness.h"

/*
 * A whole configuration file; nothing is opened. Accepted settings are complete; errors name their
 * place.
 */
static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_whole(const struct config *config)
{
	GArray *fds = config_kept_fds(config);

	check(config->netdevs->len > 0 && config->settings.name && config->run_dir);
	for (guint i = 0; i < config->netdevs->len; i++) {
		const struct config_entry *entry = g_ptr_array_index(config->netdevs, i);

		check(entry->opts && config_find(config, "netdev", entry->name) == entry);
	}
	for (guint i = 0; i < config->guests->len; i++) {
		const struct config_entry *entry = g_ptr_array_index(config->guests, i);

		check(entry->opts && config_find(config, "guest", entry->name) == entry);
	}
	g_array_unref(fds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct options options = {.settings = optstr_new(NULL)};
	GError *error = NULL;
	struct config *config =
		config_load_text(&options, (const char *)data, size, "fuzz.conf", &error);

	check(!config == !!error);
	if (config)
		check_whole(config);
	else
		check(g_str_has_prefix(error->message, "fuzz.conf") &&
		      error->domain == USERNET_ERROR && error->code == ERROR_USAGE);
	config_free(config);
	options_clear(&options);
	g_clear_error(&error);
	return 0;
}
