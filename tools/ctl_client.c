/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/pass_fd.h"
#include "base/sockaddr.h"

struct ctl_client {
	int fd;
	GString *in; /* received, not yet returned */
};

/* Anyone may create a directory in /tmp: ignore directories of other users. */
static bool is_ours(const char *base)
{
	struct stat st;

	return lstat(base, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

/* Each directory once; first the one that usernet would use in our environment. NULL-terminated. */
static char **list_bases(void)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	unsigned uid = (unsigned)geteuid();
	g_autofree char *login = g_strdup_printf("/run/user/%u/usernet", uid);
	GPtrArray *bases = g_ptr_array_new();

	if (runtime && runtime[0] == '/')
		g_ptr_array_add(bases, g_strdup_printf("%s/usernet", runtime));
	if (!bases->len || strcmp(bases->pdata[0], login))
		g_ptr_array_add(bases, g_steal_pointer(&login));
	g_ptr_array_add(bases, g_strdup_printf("/tmp/usernet-%u", uid));
	g_ptr_array_add(bases, NULL);
	return (char **)g_ptr_array_free(bases, FALSE);
}

char **ctl_client_bases(void)
{
	char **all = list_bases(), **to = all;

	for (char **base = all; *base; base++) {
		if (is_ours(*base))
			*to++ = *base;
		else
			g_free(*base);
	}
	*to = NULL;
	return all;
}

static bool answers(const char *path)
{
	struct sockaddr_any addr;
	int fd;
	bool ok;

	if (!sockaddr_unix(&addr, path, false, NULL))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ok = fd >= 0 && connect(fd, &addr.sa, addr.len) == 0;
	if (fd >= 0)
		close(fd);
	return ok;
}

char *ctl_client_default_path(const char *name)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	g_auto(GStrv) bases = ctl_client_bases();

	for (char **base = bases; *base; base++) {
		g_autofree char *path = g_strdup_printf("%s/%s/qmp.sock", *base, name);

		if (answers(path))
			return g_steal_pointer(&path);
	}
	if (runtime && runtime[0] == '/')
		return g_strdup_printf("%s/usernet/%s/qmp.sock", runtime, name);
	return g_strdup_printf("/tmp/usernet-%u/%s/qmp.sock", (unsigned)geteuid(), name);
}

static void *fail_errno(GError **error, const char *what)
{
	g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno), "%s: %s", what,
		    g_strerror(errno));
	return NULL;
}

JsonNode *ctl_client_read(struct ctl_client *client, GError **error)
{
	char *end;
	JsonNode *node;

	/* usernet ends every message with a newline and uses none within. */
	while (!(end = memchr(client->in->str, '\n', client->in->len))) {
		char buf[65536];
		ssize_t n = read(client->fd, buf, sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_errno(error, "usernet");
		if (n == 0) {
			g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_PIPE,
				    "usernet closed the connection");
			return NULL;
		}
		g_string_append_len(client->in, buf, n);
	}
	*end = '\0';
	node = json_from_string(client->in->str, error);
	g_string_erase(client->in, 0, end + 1 - client->in->str);
	if (node && !JSON_NODE_HOLDS_OBJECT(node)) {
		json_node_unref(node);
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "usernet does not speak QMP");
		return NULL;
	}
	return node;
}

/* Passes @fd with the first byte, unless it is -1. */
static ssize_t send_some(const struct ctl_client *client, char *text, size_t len, int fd)
{
	struct iovec iov = {text, len};

	return pass_fd(client->fd, &iov, 1, fd, 0);
}

JsonNode *ctl_client_request(struct ctl_client *client, JsonNode *request, GError **error)
{
	return ctl_client_pass(client, request, -1, error);
}

JsonNode *ctl_client_pass(struct ctl_client *client, JsonNode *request, int fd, GError **error)
{
	g_autofree char *text = json_to_string(request, FALSE);

	for (size_t done = 0, len = strlen(text); done < len;) {
		ssize_t n = send_some(client, text + done, len - done, done ? -1 : fd);

		if (n < 0 && errno != EINTR)
			return fail_errno(error, "usernet");
		done += n > 0 ? (size_t)n : 0;
	}
	for (;;) {
		JsonNode *answer = ctl_client_read(client, error);

		if (!answer || !json_object_has_member(json_node_get_object(answer), "event"))
			return answer;
		json_node_unref(answer);
	}
}

static bool negotiate(struct ctl_client *client, GError **error)
{
	g_autoptr(JsonNode) greeting = ctl_client_read(client, error);
	g_autoptr(JsonNode) request = json_from_string("{\"execute\":\"qmp_capabilities\"}", NULL);
	g_autoptr(JsonNode) answer = NULL;

	if (!greeting)
		return false;
	if (!json_object_has_member(json_node_get_object(greeting), "QMP")) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "this is not a QMP socket");
		return false;
	}
	answer = ctl_client_request(client, request, error);
	return answer != NULL;
}

struct ctl_client *ctl_client_new(const char *path, GError **error)
{
	struct ctl_client *client;
	struct sockaddr_any addr;
	int fd;

	if (!sockaddr_unix(&addr, path, false, error))
		return NULL;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail_errno(error, "socket");
	if (connect(fd, &addr.sa, addr.len) < 0) {
		fail_errno(error, path);
		close(fd);
		return NULL;
	}
	client = g_new0(struct ctl_client, 1);
	client->fd = fd;
	client->in = g_string_new(NULL);
	if (!negotiate(client, error)) {
		ctl_client_free(client);
		return NULL;
	}
	return client;
}

int ctl_client_fd(const struct ctl_client *client)
{
	return client->fd;
}

void ctl_client_free(struct ctl_client *client)
{
	close(client->fd);
	g_string_free(client->in, TRUE);
	g_free(client);
}
