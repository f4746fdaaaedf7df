/* SPDX-License-Identifier: BSD-3-Clause */
#include "http/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/folder.h"
#include "base/sockaddr.h"
#include "http/range.h"
#include "http/server.h"

#define BLOCK (32 * 1024)

static const struct http_library *mhd; /* the server's; NULL before the first http_new() */

struct http {
	struct folder *folder;
	struct http_server server;
	struct list conns; /* heads http_conn::link */
	unsigned n_conns;
	struct http_conn *coming; /* within http_take() */
};

struct http_conn {
	struct http *http;
	struct list link; /* http::conns */
	unsigned port_id;
};

/* A file under way; of its response. */
struct body {
	int fd;
	uint64_t first;
};

/* --- answers --- */

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status,
				   const char *text)
{
	struct MHD_Response *response =
		mhd->create_response(strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result;

	mhd->add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		mhd->add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = mhd->queue_response(connection, status, response);
	mhd->destroy_response(response);
	return result;
}

static enum MHD_Result answer_error(struct MHD_Connection *connection, int err)
{
	switch (err) {
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG:
	case EISDIR:
		return answer_text(connection, MHD_HTTP_NOT_FOUND, "There is no such file.\n");
	case EXDEV:
	case ELOOP:
	case EACCES:
	case EPERM:
		return answer_text(connection, MHD_HTTP_FORBIDDEN, "This file is not served.\n");
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "Busy.\n");
	default:
		return answer_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
				   "The file cannot be opened.\n");
	}
}

/* By read and not by sendfile(), which the sandbox does not have. */
static ssize_t read_body(void *data, uint64_t at, char *out, size_t max)
{
	struct body *body = data;
	ssize_t n = pread(body->fd, out, max, (off_t)(body->first + at));

	if (n > 0)
		return n;
	/* The file was cut while it was sent. */
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

static void free_body(void *data)
{
	struct body *body = data;

	close(body->fd);
	g_free(body);
}

static enum MHD_Result answer_file(struct MHD_Connection *connection, int fd, uint64_t size)
{
	const char *asked =
		mhd->lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_RANGE);
	struct body *body = g_new0(struct body, 1);
	uint64_t first = 0, len = size;
	enum http_range range = http_range_read(asked, size, &first, &len);
	unsigned status = range == HTTP_RANGE_PART ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK;
	struct MHD_Response *response;
	enum MHD_Result result;
	char text[80];

	if (range == HTTP_RANGE_NONE) {
		status = MHD_HTTP_RANGE_NOT_SATISFIABLE;
		len = 0;
	}
	*body = (struct body){.fd = fd, .first = first};
	response = mhd->create_response_from_callback(len, BLOCK, read_body, body, free_body);
	if (!response) {
		free_body(body);
		return MHD_NO;
	}
	mhd->add_response_header(response, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
	mhd->add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
				 "application/octet-stream");
	if (range == HTTP_RANGE_PART)
		g_snprintf(text, sizeof(text), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first,
			   first + len - 1, size);
	else
		g_snprintf(text, sizeof(text), "bytes */%" PRIu64, size);
	if (range != HTTP_RANGE_ALL)
		mhd->add_response_header(response, MHD_HTTP_HEADER_CONTENT_RANGE, text);
	result = mhd->queue_response(connection, status, response);
	mhd->destroy_response(response);
	return result;
}

/* MHD calls it when the request's head is there, and again for a body, of which it has none. */
static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_len, void **state)
{
	static int begun;
	struct http *http = data;
	struct stat st;
	int fd;

	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET or HEAD.\n");
	/* An answer at the first call would close the connection behind it. */
	if (!*state) {
		*state = &begun;
		return MHD_YES;
	}
	if (*upload_len > 0) { /* read it away */
		*upload_len = 0;
		return MHD_YES;
	}
	fd = folder_open_file(http->folder, url, &st);
	if (fd < 0)
		return answer_error(connection, errno);
	return answer_file(connection, fd, (uint64_t)st.st_size);
}

/* --- connections --- */

static void on_connection(void *data, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct http *http = data;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = http->coming;
		http->coming = NULL;
	} else if (*context) {
		struct http_conn *conn = *context;

		list_remove(&conn->link);
		http->n_conns--;
		g_free(conn);
	}
}

static unsigned count_of(const struct http *http, unsigned port_id)
{
	unsigned n = 0;
	list_for_each (conn, &http->conns, struct http_conn, link)
		n += conn->port_id == port_id;
	return n;
}

static void write_address(const struct packet *syn, struct sockaddr_any *to)
{
	*to = (struct sockaddr_any){.len = 0};
	if (syn->v6) {
		to->len = sizeof(to->in6);
		to->in6.sin6_family = AF_INET6;
		to->in6.sin6_addr = syn->src;
		to->in6.sin6_port = htons(syn->sport);
	} else {
		to->len = sizeof(to->in);
		to->in.sin_family = AF_INET;
		to->in.sin_addr = address_v4(&syn->src);
		to->in.sin_port = htons(syn->sport);
	}
}

bool http_take(struct http *http, int fd, unsigned port_id, const struct packet *syn)
{
	struct sockaddr_any from;
	struct http_conn *conn;
	bool taken;

	if (http->n_conns >= HTTP_MAX || count_of(http, port_id) >= HTTP_MAX_PER_PORT) {
		close(fd);
		return false;
	}
	conn = g_new0(struct http_conn, 1);
	conn->http = http;
	conn->port_id = port_id;
	list_append(&http->conns, &conn->link);
	http->n_conns++;
	http->coming = conn;
	write_address(syn, &from);
	taken = http_server_add(&http->server, fd, &from.sa, from.len);
	if (http->coming) { /* it was not started */
		http->coming = NULL;
		list_remove(&conn->link);
		http->n_conns--;
		g_free(conn);
	}
	return taken;
}

unsigned http_connections(const struct http *http)
{
	return http->n_conns;
}

/* --- life --- */

static bool start(struct http *http, struct loop *loop, GError **error)
{
	const struct MHD_OptionItem options[] = {
		{MHD_OPTION_CONNECTION_LIMIT, HTTP_MAX, NULL},
		{MHD_OPTION_CONNECTION_TIMEOUT, HTTP_IDLE, NULL},
		{MHD_OPTION_CONNECTION_MEMORY_LIMIT, HTTP_MEMORY, NULL},
		{MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, http},
		{MHD_OPTION_END, 0, NULL},
	};

	if (!http_server_start(&http->server, "http", loop, on_request, http, options, error)) {
		g_prefix_error(error, "user: http: ");
		return false;
	}
	mhd = http->server.library;
	return true;
}

struct http *http_new(struct loop *loop, const char *dir, GError **error)
{
	struct http *http = g_new0(struct http, 1);

	list_init(&http->conns);
	if (start(http, loop, error))
		http->folder = folder_open("http", dir, error);
	if (!http->folder) {
		http_free(http);
		return NULL;
	}
	return http;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	http_server_stop(&http->server);
	folder_close(http->folder);
	g_free(http);
}
