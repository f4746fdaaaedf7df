/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture/capture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/reserve.h"
#include "capture/filter.h"
#include "capture/pcapng.h"
#include "net/guest.h"
#include "net/netdev.h"
#include "net/network.h"

/* Written at once when this much waits, else after this time. */
#define WRITE_MANY  ((size_t)64 * 1024)
#define WRITE_DELAY (20 * USEC_PER_MSEC)
/* Room that frames leave for new interfaces, and that both leave for each one's statistics. */
#define ROOM_INTERFACES ((size_t)64 * 1024)
#define ROOM_STATISTICS 128

struct interface {
	unsigned port;    /* port::id */
	char *label;      /* the guest that the file last named; NULL: none */
	unsigned version; /* capture::version, when label was looked at */
	uint64_t received, lost;
	uint64_t told; /* lost, as in the last statistics */
};

struct capture {
	struct network *network;
	char *id;
	enum capture_scope scope;
	char *name;
	mac_t mac;
	uint32_t snap_len;
	struct filter *filter;
	int fd;
	bool is_socket, is_file;
	bool closing; /* capture_finish() was called */
	bool failed;
	uint64_t begun;
	uint8_t *buffer;
	size_t len, done; /* bytes in the buffer, and of these written */
	GArray *interfaces;
	GHashTable *by_port; /* port::id -> number + 1 */
	unsigned last_port;  /* of the last lookup */
	guint last;
	unsigned version; /* grows when guests change */
	struct capture_counts counts;
	struct loop_io io;
	struct loop_timer timer;
	struct loop_task flush, reap;
	void (*ended)(void *data, struct capture *capture);
	void *data;
	struct list link; // captures::all
};

static uint64_t wall_clock(void)
{
	return (uint64_t)g_get_real_time();
}

/* --- writing --- */

static void fail(struct capture *capture, const char *why)
{
	if (capture->failed)
		return;
	capture->failed = true;
	if (why)
		log_warning("%s ends: %s", capture->id, why);
	loop_io_remove(&capture->io);
	loop_timer_cancel(&capture->timer);
	loop_task_defer(&capture->reap);
}

static ssize_t write_some(const struct capture *capture)
{
	const uint8_t *from = capture->buffer + capture->done;
	size_t n = capture->len - capture->done;

	return capture->is_socket ? send(capture->fd, from, n, MSG_NOSIGNAL | MSG_DONTWAIT)
				  : write(capture->fd, from, n);
}

static void write_out(struct capture *capture)
{
	while (!capture->failed && capture->done < capture->len) {
		ssize_t n = write_some(capture);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			/* The reader has had enough. */
			bool gone = errno == EPIPE || errno == ECONNRESET;

			fail(capture, gone ? NULL : g_strerror(errno));
			return;
		}
		capture->done += (size_t)n;
	}
	if (capture->done == capture->len) {
		capture->done = capture->len = 0;
		if (capture->closing)
			fail(capture, NULL);
	}
	if (!capture->is_file && !capture->failed)
		loop_io_events(&capture->io, EPOLLRDHUP | (capture->len ? EPOLLOUT : 0));
}

static void ready(struct loop_io *io, uint32_t revents)
{
	struct capture *capture = container_of(io, struct capture, io);

	if (revents & (EPOLLERR | EPOLLHUP | EPOLLRDHUP))
		fail(capture, NULL);
	else
		write_out(capture);
}

static void flush(struct loop_task *task)
{
	write_out(container_of(task, struct capture, flush));
}

static void fire(struct loop_timer *timer)
{
	write_out(container_of(timer, struct capture, timer));
}

static void reap(struct loop_task *task)
{
	struct capture *capture = container_of(task, struct capture, reap);

	capture->ended(capture->data, capture);
}

/* --- the buffer --- */

/* Where to write, and how much. @spare bytes stay free. */
static uint8_t *space(struct capture *capture, size_t spare, size_t *room)
{
	if (capture->done > CAPTURE_BUFFER / 2) {
		capture->len -= capture->done;
		memmove(capture->buffer, capture->buffer + capture->done, capture->len);
		capture->done = 0;
	}
	*room = CAPTURE_BUFFER - capture->len;
	*room = *room > spare ? *room - spare : 0;
	return capture->buffer + capture->len;
}

static void written(struct capture *capture, size_t n)
{
	capture->len += n;
	if (capture->len - capture->done >= WRITE_MANY)
		loop_task_defer(&capture->flush);
	else if (!loop_timer_is_set(&capture->timer))
		loop_timer_set(&capture->timer, loop_now(capture->network->loop) + WRITE_DELAY);
}

static size_t room_for_statistics(const struct capture *capture)
{
	return (capture->interfaces->len + 1) * ROOM_STATISTICS;
}

static struct interface *interface_at(const struct capture *capture, guint number)
{
	return &g_array_index(capture->interfaces, struct interface, number);
}

static bool tell_counts(struct capture *capture, guint number, size_t spare)
{
	struct interface *interface = interface_at(capture, number);
	uint64_t now = wall_clock();
	struct pcapng_counts counts = {.interface = number,
				       .time = now,
				       .begin = capture->begun,
				       .end = now,
				       .received = interface->received,
				       .lost = interface->lost};
	size_t room, n;
	uint8_t *out = space(capture, spare, &room);

	n = pcapng_statistics(out, room, &counts);
	if (!n)
		return false;
	interface->told = interface->lost;
	written(capture, n);
	return true;
}

/* --- interfaces --- */

/* The guest at the port, or the only one that the capture is about; NULL: not known. */
static const struct guest *guest_of(const struct capture *capture, const struct port *port)
{
	if (capture->scope == CAPTURE_GUEST)
		return guest_by_mac(capture->network->guests, capture->mac);
	if (port->n_guests != 1)
		return NULL;
	return list_first(&port->guests, struct guest, port_link);
}

/* "guest web, 52:54:00:a1:00:01, 10.0.2.20" */
static char *describe_guest(const struct guest *guest)
{
	char v4[INET_ADDRSTRLEN] = "";

	if (guest->v4.s_addr)
		inet_ntop(AF_INET, &guest->v4, v4, sizeof(v4));
	return g_strdup_printf("guest %s%s" MAC_FMT "%s%s", guest->name ? guest->name : "",
			       guest->name ? ", " : "", MAC_ARGS(guest->mac), v4[0] ? ", " : "",
			       v4);
}

static char *describe(const struct capture *capture, const struct port *port)
{
	const struct guest *guest = guest_of(capture, port);

	if (guest)
		return describe_guest(guest);
	return port->trusted ? g_strdup("gateway") : g_strdup(port->peer);
}

/* The interface's number, or -1: there is no room for it. */
static int add_interface(struct capture *capture, const struct port *port)
{
	struct interface interface = {.port = port->id, .version = capture->version};
	g_autofree char *text = describe(capture, port);
	size_t room, n;
	uint8_t *out = space(capture, room_for_statistics(capture), &room);

	if (capture->interfaces->len >= CAPTURE_INTERFACES)
		return -1;
	n = pcapng_interface(out, room, port->name, text, capture->snap_len);
	if (!n)
		return -1;
	written(capture, n);
	if (guest_of(capture, port))
		interface.label = g_steal_pointer(&text);
	g_array_append_val(capture->interfaces, interface);
	g_hash_table_insert(capture->by_port, GUINT_TO_POINTER(port->id),
			    GUINT_TO_POINTER(capture->interfaces->len));
	return (int)capture->interfaces->len - 1;
}

static int interface_of(struct capture *capture, const struct port *port)
{
	guint found;

	if (capture->last_port == port->id && capture->interfaces->len)
		return (int)capture->last;
	found = GPOINTER_TO_UINT(g_hash_table_lookup(capture->by_port, GUINT_TO_POINTER(port->id)));
	if (!found) {
		int made = add_interface(capture, port);

		if (made < 0)
			return made;
		found = (guint)made + 1;
	}
	capture->last_port = port->id;
	capture->last = found - 1;
	return (int)capture->last;
}

/*
 * The interface was named before the guest had its name and address: the next frame's comment tells
 * them. NULL: nothing has changed.
 */
static const char *news(struct capture *capture, struct interface *interface,
			const struct port *port)
{
	const struct guest *guest;
	g_autofree char *text = NULL;

	if (interface->version == capture->version)
		return NULL;
	interface->version = capture->version;
	guest = guest_of(capture, port);
	text = guest ? describe_guest(guest) : NULL;
	if (!text || !g_strcmp0(text, interface->label))
		return NULL;
	g_free(interface->label);
	interface->label = g_steal_pointer(&text);
	return interface->label;
}

void capture_guests_changed(struct capture *capture)
{
	capture->version++;
}

/* --- frames --- */

bool capture_wants(const struct capture *capture, const struct port *port)
{
	if (capture->closing)
		return false;
	switch (capture->scope) {
	case CAPTURE_NETWORK:
		return true;
	case CAPTURE_NETDEV:
		return port->netdev && !strcmp(port->netdev->id, capture->name);
	case CAPTURE_PORT:
		return !strcmp(port->name, capture->name);
	case CAPTURE_GUEST: /* it may move */
		return !port->trusted;
	}
	return false;
}

/* Where the guest is now; false: elsewhere. */
static bool is_at(const struct capture *capture, const struct port *port)
{
	const struct guest *guest = guest_by_mac(capture->network->guests, capture->mac);

	return guest && guest->port == port;
}

static bool is_about(const struct capture *capture, const struct frame *frame)
{
	mac_t dst;

	if (capture->scope != CAPTURE_GUEST || frame->len < ETH_HEADER)
		return true;
	dst = frame_dst(frame);
	return dst == capture->mac || frame_src(frame) == capture->mac || mac_is_multicast(dst);
}

static void take(struct capture *capture, struct interface *interface, guint number,
		 struct pcapng_packet *packet)
{
	size_t spare = room_for_statistics(capture) + ROOM_INTERFACES, room, n;
	uint8_t *out;

	if (interface->told != interface->lost && !tell_counts(capture, number, spare)) {
		interface->lost++;
		capture->counts.lost++;
		return;
	}
	out = space(capture, spare, &room);
	n = pcapng_packet(out, room, packet);
	if (!n) {
		interface->lost++;
		capture->counts.lost++;
		loop_task_defer(&capture->flush);
		return;
	}
	capture->counts.frames++;
	capture->counts.bytes += packet->len;
	written(capture, n);
}

void capture_frames(struct capture *capture, const struct port *port, enum tap_way way,
		    const struct frame *frames, size_t n, enum drop_reason why)
{
	struct pcapng_packet packet = {.flags = way == TAP_IN ? PCAPNG_IN : PCAPNG_OUT};
	struct interface *interface = NULL;
	char dropped[64];

	if (capture->failed || (capture->scope == CAPTURE_GUEST && !is_at(capture, port)))
		return;
	if (why != DROP_N_REASONS)
		g_snprintf(dropped, sizeof(dropped), "dropped: %s", drop_reason_name(why));
	for (size_t i = 0; i < n; i++) {
		uint32_t keep = capture->filter ? filter_run(capture->filter, &frames[i])
						: CAPTURE_SNAP_MAX;

		if (!keep || !is_about(capture, &frames[i]))
			continue;
		if (!interface) {
			int number = interface_of(capture, port);

			if (number < 0) {
				capture->counts.lost++;
				continue;
			}
			interface = interface_at(capture, (guint)number);
			packet.interface = (uint32_t)number;
			packet.time = wall_clock();
			packet.comment =
				why != DROP_N_REASONS ? dropped : news(capture, interface, port);
		}
		interface->received++;
		packet.data = frames[i].data;
		packet.len = frames[i].len;
		packet.kept = MIN(packet.len, MIN(keep, capture->snap_len));
		take(capture, interface, packet.interface, &packet);
		if (why == DROP_N_REASONS)
			packet.comment = NULL;
	}
}

/* --- life --- */

/* A pipe's or terminal's reader must not stop us: a regular file has none. */
static bool take_fd(struct capture *capture, int fd, GError **error)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fstat(fd, &st) < 0)
		return error_usage(error, "fd: %s", g_strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode))
		return error_usage(error, "a capture is written to a file, a pipe or a socket");
	if (!S_ISSOCK(st.st_mode) && (flags & O_ACCMODE) == O_RDONLY)
		return error_usage(error, "the descriptor is open for reading only");
	capture->is_socket = S_ISSOCK(st.st_mode);
	capture->is_file = S_ISREG(st.st_mode);
	if (S_ISFIFO(st.st_mode) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return error_usage(error, "fd: %s", g_strerror(errno));
	capture->fd = fd;
	return true;
}

static void begin(struct capture *capture)
{
	g_autofree char *comment =
		g_strdup_printf("network %s%s%s", capture->network->name, capture->name ? ", " : "",
				capture->name ? capture->name : "");
	size_t room;
	uint8_t *out = space(capture, 0, &room);

	capture->begun = wall_clock();
	written(capture, pcapng_section(out, room, "usernet " USERNET_VERSION, comment));
}

static void forget_interface(void *item)
{
	g_free(((struct interface *)item)->label);
}

static void destroy(struct capture *capture)
{
	filter_free(capture->filter);
	g_array_unref(capture->interfaces);
	g_hash_table_unref(capture->by_port);
	g_free(capture->buffer);
	g_free(capture->name);
	g_free(capture->id);
	g_free(capture);
}

struct capture *capture_new(struct network *network, const struct capture_spec *spec, unsigned id,
			    void (*ended)(void *data, struct capture *capture), void *data,
			    GError **error)
{
	struct capture *capture = g_new0(struct capture, 1);

	capture->network = network;
	capture->id = g_strdup_printf("capture%u", id);
	capture->scope = spec->scope;
	capture->name = g_strdup(spec->name);
	capture->mac = spec->mac;
	capture->snap_len = spec->snap_len ? spec->snap_len : CAPTURE_SNAP_MAX;
	capture->filter = spec->filter;
	capture->ended = ended;
	capture->data = data;
	capture->interfaces = g_array_new(FALSE, FALSE, sizeof(struct interface));
	g_array_set_clear_func(capture->interfaces, forget_interface);
	capture->by_port = g_hash_table_new(NULL, NULL);
	capture->buffer = reserve_is_low() ? NULL : g_try_malloc(CAPTURE_BUFFER);
	list_init(&capture->link);
	if (!capture->buffer) {
		g_set_error(error, USERNET_ERROR, ERROR_FAILED, "memory is short");
		destroy(capture);
		return NULL;
	}
	if (!take_fd(capture, spec->fd, error)) {
		destroy(capture);
		return NULL;
	}
	loop_timer_init(network->loop, &capture->timer, fire);
	loop_task_init(network->loop, &capture->flush, LOOP_FLUSH, flush);
	loop_task_init(network->loop, &capture->reap, LOOP_REAP, reap);
	if (!capture->is_file)
		loop_io_add(network->loop, &capture->io, capture->fd, EPOLLRDHUP, ready);
	begin(capture);
	return capture;
}

void capture_finish(struct capture *capture)
{
	if (capture->closing || capture->failed)
		return;
	for (guint i = 0; i < capture->interfaces->len; i++) {
		if (!tell_counts(capture, i, 0))
			break;
	}
	capture->closing = true;
	write_out(capture);
}

bool capture_is_finished(const struct capture *capture)
{
	return capture->closing || capture->failed;
}

void capture_free(struct capture *capture)
{
	capture_finish(capture);
	loop_io_remove(&capture->io);
	loop_timer_cancel(&capture->timer);
	loop_task_cancel(&capture->flush);
	loop_task_cancel(&capture->reap);
	list_remove(&capture->link);
	close(capture->fd);
	destroy(capture);
}

const char *capture_id(const struct capture *capture)
{
	return capture->id;
}

enum capture_scope capture_scope(const struct capture *capture)
{
	return capture->scope;
}

const char *capture_name(const struct capture *capture)
{
	return capture->name;
}

struct capture_counts capture_counts(const struct capture *capture)
{
	return capture->counts;
}

struct list *capture_link(struct capture *capture)
{
	return &capture->link;
}

struct capture *capture_of_link(struct list *link)
{
	return container_of(link, struct capture, link);
}
