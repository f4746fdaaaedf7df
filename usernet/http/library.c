/* SPDX-License-Identifier: BSD-3-Clause */
#include "http/library.h"

#include <dlfcn.h>

#include "base/error.h"

/* Its interface since 2012 (libmicrohttpd 0.9.24). */
#define LIBRARY "libmicrohttpd.so.12"

const struct http_library *http_library_load(GError **error)
{
	static struct http_library library;
	const struct {
		const char *name;
		void *to;
	} functions[] = {
		{"MHD_start_daemon", &library.start_daemon},
		{"MHD_stop_daemon", &library.stop_daemon},
		{"MHD_get_daemon_info", &library.get_daemon_info},
		{"MHD_add_connection", &library.add_connection},
		{"MHD_run", &library.run},
		{"MHD_get_timeout", &library.get_timeout},
		{"MHD_create_response_from_buffer", &library.create_response},
		{"MHD_create_response_from_callback", &library.create_response_from_callback},
		{"MHD_add_response_header", &library.add_response_header},
		{"MHD_lookup_connection_value", &library.lookup_connection_value},
		{"MHD_queue_response", &library.queue_response},
		{"MHD_destroy_response", &library.destroy_response},
	};
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	for (size_t i = 0; i < G_N_ELEMENTS(functions); i++) {
		void *found = handle ? dlsym(handle, functions[i].name) : NULL;

		if (!found) {
			const char *why = dlerror();

			g_set_error(error, USERNET_ERROR, ERROR_FAILED,
				    "cannot load " LIBRARY
				    ": %s; install it (Debian: libmicrohttpd12); a running usernet "
				    "cannot load it behind its sandbox: give the option at start",
				    why ? why : "unknown");
			return NULL;
		}
		/* C has no conversion from void * to a function (dlsym(3)). */
		*(void **)functions[i].to = found;
	}
	return &library;
}
