/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_HTTP_LIBRARY_H
#define USERNET_HTTP_LIBRARY_H

#include <glib.h>
#include <microhttpd.h>

/*
 * libmicrohttpd, loaded when it is needed: it brings GnuTLS with it, which would cost each network
 * 7 ms at start and 2 MB of memory. Call it before the sandbox is closed. Never unloaded.
 */
struct http_library {
	__typeof__(MHD_start_daemon) *start_daemon;
	__typeof__(MHD_stop_daemon) *stop_daemon;
	__typeof__(MHD_get_daemon_info) *get_daemon_info;
	__typeof__(MHD_add_connection) *add_connection;
	__typeof__(MHD_run) *run;
	__typeof__(MHD_get_timeout) *get_timeout;
	__typeof__(MHD_create_response_from_buffer) *create_response;
	__typeof__(MHD_create_response_from_callback) *create_response_from_callback;
	__typeof__(MHD_add_response_header) *add_response_header;
	__typeof__(MHD_lookup_connection_value) *lookup_connection_value;
	__typeof__(MHD_queue_response) *queue_response;
	__typeof__(MHD_destroy_response) *destroy_response;
};

/* NULL: it is not installed, or the sandbox is closed. */
const struct http_library *http_library_load(GError **error);

#endif
