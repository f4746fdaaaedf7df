/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl/doors/slirp4netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/log.h"
#include "ctl/attachment.h"
#include "ctl/control.h"
#include "ctl/doors/door.h"
#include "ctl/doors/door_rules.h"
#include "ctl/doors/json_extent.h"
#include "ctl/options/json_text.h"
#include "net/network.h"

struct slirp4netns {
	struct door door;
	struct control *control;
	struct door_rules rules;
	struct list clients; /* heads client::link */
};

struct client {
	struct slirp4netns *owner;
	struct loop_io io;
	struct loop_timer timer;
	char request[SLIRP4NETNS_MAX_REQUEST + 1];
	size_t len;       /* of request */
	char *answer;     /* NULL: still reading */
	size_t done;      /* bytes of answer that are sent */
	struct list link; // slirp4netns::clients
};

/* --- answers --- */

/* {"@name": @value}; takes ownership. */
static char *answer(const char *name, JsonNode *value)
{
	g_autoptr(JsonNode) root = json_node_new(JSON_NODE_OBJECT);
	JsonObject *object = json_object_new();

	json_object_set_member(object, name, value);
	json_node_take_object(root, object);
	return json_to_string(root, FALSE);
}

static char *answer_object(const char *name, JsonObject *object)
{
	JsonNode *node = json_node_new(JSON_NODE_OBJECT);

	json_node_take_object(node, object);
	return answer(name, node);
}

static char *refuse(const char *reason)
{
	g_autofree char *text = g_strconcat("bad request: ", reason, NULL);
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	JsonObject *object = json_object_new();

	json_object_set_string_member(object, "desc", valid);
	return answer_object("error", object);
}

static char *refuse_because(const char *reason, const GError *why)
{
	g_autofree char *text = g_strdup_printf("%s: %s", reason, why->message);

	return refuse(text);
}

/* --- arguments --- */

static const char *string_argument(JsonObject *arguments, const char *name)
{
	JsonNode *node = arguments ? json_object_get_member(arguments, name) : NULL;

	return node && JSON_NODE_HOLDS_VALUE(node) &&
			       json_node_get_value_type(node) == G_TYPE_STRING
		       ? json_node_get_string(node)
		       : NULL;
}

/* 0: not a number from 1 to @max. A fraction is cut. */
static int number_argument(JsonObject *arguments, const char *name, int max)
{
	JsonNode *node = arguments ? json_object_get_member(arguments, name) : NULL;
	GType type = node && JSON_NODE_HOLDS_VALUE(node) ? json_node_get_value_type(node)
							 : G_TYPE_INVALID;
	double number =
		type == G_TYPE_INT64 || type == G_TYPE_DOUBLE ? json_node_get_double(node) : 0;

	return number >= 1 && number < (double)max + 1 ? (int)number : 0;
}

/* "" and none: @otherwise. NULL: not an IPv4 address. */
static const char *address_argument(JsonObject *arguments, const char *name, const char *otherwise)
{
	const char *text = string_argument(arguments, name);
	struct in_addr ignored;

	if (!text || !text[0])
		return otherwise;
	return inet_pton(AF_INET, text, &ignored) == 1 ? text : NULL;
}

/* --- commands --- */

static char *add_hostfwd(struct slirp4netns *self, JsonObject *arguments)
{
	const char *proto = string_argument(arguments, "proto");
	const char *host = address_argument(arguments, "host_addr", "0.0.0.0");
	const char *guest = address_argument(arguments, "guest_addr", "");
	int host_port = number_argument(arguments, "host_port", G_MAXUINT16);
	int guest_port = number_argument(arguments, "guest_port", G_MAXUINT16);
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	struct attachment *user;
	struct door_rule *rule;
	JsonObject *result;

	if (!proto || (strcmp(proto, "tcp") != 0 && strcmp(proto, "udp") != 0))
		return refuse("add_hostfwd: bad arguments.proto");
	if (!host)
		return refuse("add_hostfwd: bad arguments.host_addr");
	if (!host_port)
		return refuse("add_hostfwd: bad arguments.host_port");
	if (!guest)
		return refuse("add_hostfwd: bad arguments.guest_addr");
	if (!guest_port)
		return refuse("add_hostfwd: bad arguments.guest_port");
	text = g_strdup_printf("%s:%s:%d-%s:%d", proto, host, host_port, guest, guest_port);
	user = control_find_user(self->control, NULL, &error);
	rule = user ? door_rules_add(&self->rules, user->forwards, text, &error) : NULL;
	if (!rule)
		return refuse_because("add_hostfwd: slirp_add_hostfwd failed", error);
	result = json_object_new();
	json_object_set_int_member(result, "id", rule->id);
	return answer_object("return", result);
}

static void set_address(JsonObject *object, const char *name, const char *port_name,
			const struct sockaddr_any *addr)
{
	char text[INET_ADDRSTRLEN] = "";
	g_autofree char *port = g_strconcat(port_name, "_port", NULL);

	inet_ntop(AF_INET, &addr->in.sin_addr, text, sizeof(text));
	json_object_set_string_member(object, name, text);
	json_object_set_int_member(object, port, ntohs(addr->in.sin_port));
}

static char *list_hostfwd(struct slirp4netns *self)
{
	JsonArray *array = json_array_new();
	JsonNode *node = json_node_new(JSON_NODE_ARRAY);

	for (guint i = 0; i < self->rules.rules->len; i++) {
		const struct door_rule *rule = g_ptr_array_index(self->rules.rules, i);
		JsonObject *object = json_object_new();

		json_object_set_int_member(object, "id", rule->id);
		json_object_set_string_member(object, "proto",
					      rule->entry->rule.udp ? "udp" : "tcp");
		set_address(object, "host_addr", "host", &rule->entry->bound);
		set_address(object, "guest_addr", "guest", &rule->entry->listeners[0].guest);
		json_array_add_object_element(array, object);
	}
	json_node_take_array(node, array);
	return answer("entries", node);
}

static char *remove_hostfwd(struct slirp4netns *self, JsonObject *arguments)
{
	int id = number_argument(arguments, "id", G_MAXINT32);
	struct attachment *user = control_find_user(self->control, NULL, NULL);
	g_autoptr(GError) error = NULL;

	for (guint i = 0; user && i < self->rules.rules->len; i++) {
		struct door_rule *rule = g_ptr_array_index(self->rules.rules, i);

		if (rule->id != id)
			continue;
		if (!door_rules_remove(&self->rules, user->forwards, rule, &error))
			return refuse_because("remove_hostfwd: slirp_remove_hostfwd failed", error);
		return answer_object("return", json_object_new());
	}
	return refuse("remove_hostfwd: bad arguments.id");
}

static char *run(struct slirp4netns *self, const char *text)
{
	g_autoptr(JsonNode) root = json_text_parse(text, NULL);
	struct attachment *user = control_find_user(self->control, NULL, NULL);
	JsonObject *request, *arguments = NULL;
	const char *name;
	JsonNode *node;

	if (!root)
		return refuse("cannot parse JSON");
	if (!JSON_NODE_HOLDS_OBJECT(root))
		return refuse("json_object() failed");
	request = json_node_get_object(root);
	name = string_argument(request, "execute");
	if (!name)
		return refuse("no execute found");
	node = json_object_get_member(request, "arguments");
	if (node && JSON_NODE_HOLDS_OBJECT(node))
		arguments = json_node_get_object(node);
	door_rules_update(&self->rules, user ? user->forwards : NULL);
	if (!strcmp(name, "add_hostfwd"))
		return add_hostfwd(self, arguments);
	if (!strcmp(name, "list_hostfwd"))
		return list_hostfwd(self);
	if (!strcmp(name, "remove_hostfwd"))
		return remove_hostfwd(self, arguments);
	return refuse("unknown execute");
}

/* --- clients --- */

static void drop(struct client *client)
{
	int fd = client->io.fd;

	loop_timer_cancel(&client->timer);
	loop_io_remove(&client->io);
	close(fd);
	list_remove(&client->link);
	door_left(&client->owner->door);
	g_free(client->answer);
	g_free(client);
}

static void expired(struct loop_timer *timer)
{
	drop(container_of(timer, struct client, timer));
}

/* May free @client. */
static void send_answer(struct client *client)
{
	size_t len = strlen(client->answer);

	while (client->done < len) {
		ssize_t n = send(client->io.fd, client->answer + client->done, len - client->done,
				 MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			loop_io_events(&client->io, EPOLLOUT);
			return;
		}
		if (n < 0)
			break;
		client->done += (size_t)n;
	}
	drop(client);
}

/* The answer to what was read so far; NULL: the request is not whole. */
static char *try_request(struct client *client, bool at_end)
{
	size_t len = client->len;

	if (len > SLIRP4NETNS_MAX_REQUEST)
		return refuse("too large message");
	switch (json_extent(client->request, &len)) {
	case JSON_EXTENT_WHOLE:
		break;
	case JSON_EXTENT_OPEN:
		/* Also a number or a string alone. */
		if (!at_end)
			return NULL;
		break;
	case JSON_EXTENT_INVALID:
		return refuse("cannot parse JSON");
	}
	/* A NUL would hide what follows it. */
	if (memchr(client->request, '\0', len))
		return refuse("cannot parse JSON");
	client->request[len] = '\0';
	return run(client->owner, client->request);
}

static void ready(struct loop_io *io, uint32_t revents)
{
	struct client *client = container_of(io, struct client, io);
	ssize_t n;

	if (client->answer) {
		send_answer(client);
		return;
	}
	n = recv(io->fd, client->request + client->len, sizeof(client->request) - client->len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		drop(client);
		return;
	}
	client->len += (size_t)n;
	client->answer = try_request(client, n == 0);
	if (client->answer)
		send_answer(client);
}

static void on_client(struct door *door, int fd)
{
	struct slirp4netns *self = container_of(door, struct slirp4netns, door);
	struct loop *loop = self->control->network->loop;
	struct client *client = g_new0(struct client, 1);

	client->owner = self;
	list_append(&self->clients, &client->link);
	loop_timer_init(loop, &client->timer, expired);
	loop_timer_set(&client->timer, loop_now(loop) + SLIRP4NETNS_MAX_SECONDS * USEC_PER_SEC);
	loop_io_add(loop, &client->io, fd, EPOLLIN, ready);
}

/* --- lifecycle --- */

struct slirp4netns *slirp4netns_new(struct control *control, const char *path, GError **error)
{
	struct slirp4netns *self = g_new0(struct slirp4netns, 1);

	self->control = control;
	list_init(&self->clients);
	door_rules_init(&self->rules);
	if (!door_open(&self->door, control->network->loop, "slirp4netns-api", path, on_client,
		       error)) {
		slirp4netns_free(self);
		return NULL;
	}
	return self;
}

void slirp4netns_free(struct slirp4netns *self)
{
	if (!self)
		return;
	list_for_each_safe (client, &self->clients, struct client, link)
		drop(client);
	door_close(&self->door);
	door_rules_clear(&self->rules);
	g_free(self);
}
