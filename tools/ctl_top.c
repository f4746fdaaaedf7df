/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_top.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define PERIOD_MS 2000
#define FIRST_MS  1000 /* until the first rates */

/* The counters of one port. */
struct sample {
	gint64 rx_bytes, tx_bytes, frames, drops;
};

struct row {
	char *name, *address, *port;
	double in, out, frames, drops; /* per second; in: from the guest */
	unsigned conns;
	bool link;
};

struct top {
	struct ctl_session *session;
	GHashTable *before; /* port's name -> struct sample */
	gint64 at;          /* when these were read, in microseconds */
	gint64 dns_before;
	GPtrArray *rows;
	double dns;         /* queries per second */
	unsigned dns_waits; /* queries under way */
	bool terminal;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int signo)
{
	interrupted = 1;
}

static const char *text_of(JsonObject *object, const char *key)
{
	return json_object_get_string_member_with_default(object, key, NULL);
}

static gint64 number_of(JsonObject *object, const char *key)
{
	return json_object_get_int_member_with_default(object, key, 0);
}

static void free_row(void *data)
{
	struct row *row = data;

	g_free(row->name);
	g_free(row->address);
	g_free(row->port);
	g_free(row);
}

/* --- reading --- */

static gint64 sum_of(JsonObject *drops)
{
	g_autoptr(GList) values = json_object_get_values(drops);
	gint64 sum = 0;

	for (GList *each = values; each; each = each->next)
		sum += json_node_get_int(each->data);
	return sum;
}

static struct sample read_sample(JsonObject *port)
{
	return (struct sample){
		.rx_bytes = number_of(port, "rx-bytes"),
		.tx_bytes = number_of(port, "tx-bytes"),
		.frames = number_of(port, "rx-frames") + number_of(port, "tx-frames"),
		.drops = sum_of(json_object_get_object_member(port, "drops")),
	};
}

static double rate(gint64 now, gint64 then, double seconds)
{
	return now > then && seconds > 0 ? (double)(now - then) / seconds : 0;
}

/* The only guest at the port, or how many there are; NULL: none. */
static JsonObject *guest_at(JsonArray *guests, const char *port, unsigned *n)
{
	JsonObject *found = NULL;

	*n = 0;
	for (guint i = 0; i < json_array_get_length(guests); i++) {
		JsonObject *guest = json_array_get_object_element(guests, i);

		if (g_strcmp0(text_of(guest, "port"), port))
			continue;
		found = guest;
		(*n)++;
	}
	return found;
}

static unsigned count_conns(JsonArray *conns, const char *port)
{
	unsigned n = 0;

	for (guint i = 0; i < json_array_get_length(conns); i++)
		n += !g_strcmp0(text_of(json_array_get_object_element(conns, i), "port"), port);
	return n;
}

static void add_row(struct top *top, JsonObject *port, JsonArray *guests, JsonArray *conns,
		    double seconds)
{
	const char *name = text_of(port, "name");
	struct sample now = read_sample(port), *then = g_hash_table_lookup(top->before, name);
	struct row *row = g_new0(struct row, 1);
	unsigned n;
	JsonObject *guest = guest_at(guests, name, &n);

	if (!then)
		then = &now;
	row->port = g_strdup(name);
	row->name = n > 1                             ? g_strdup_printf("(%u guests)", n)
		    : guest && text_of(guest, "name") ? g_strdup(text_of(guest, "name"))
		    : guest                           ? g_strdup(text_of(guest, "mac"))
						      : g_strdup("-");
	row->address =
		g_strdup(guest && n == 1 && text_of(guest, "ipv4") ? text_of(guest, "ipv4") : "-");
	row->in = 8 * rate(now.rx_bytes, then->rx_bytes, seconds);
	row->out = 8 * rate(now.tx_bytes, then->tx_bytes, seconds);
	row->frames = rate(now.frames, then->frames, seconds);
	row->drops = rate(now.drops, then->drops, seconds);
	row->conns = count_conns(conns, name);
	row->link = json_object_get_boolean_member_with_default(port, "link", TRUE);
	g_ptr_array_add(top->rows, row);
	g_hash_table_insert(top->before, g_strdup(name), g_memdup2(&now, sizeof(now)));
}

static void read_dns(struct top *top, JsonNode *answer, double seconds)
{
	JsonObject *dns = json_node_get_object(answer), *counters;
	gint64 now;

	if (!json_object_has_member(dns, "counters"))
		return;
	counters = json_object_get_object_member(dns, "counters");
	now = number_of(counters, "queries-udp") + number_of(counters, "queries-tcp");
	top->dns = rate(now, top->at ? top->dns_before : now, seconds);
	top->dns_before = now;
	top->dns_waits = (unsigned)number_of(counters, "outstanding");
}

static int by_rate(const void *a, const void *b)
{
	const struct row *x = *(struct row *const *)a, *y = *(struct row *const *)b;
	double left = x->in + x->out, right = y->in + y->out;

	return left < right ? 1 : left > right ? -1 : strcmp(x->port, y->port);
}

/* A network without a gateway has no name server, and that is fine. */
static bool has_gateway(struct ctl_session *session)
{
	g_autoptr(JsonNode) network = NULL;

	return ctl_request(session, "query-network", NULL, &network) == CTL_DONE &&
	       json_object_has_member(json_node_get_object(network), "gateway");
}

static int read_all(struct top *top, bool gateway)
{
	g_autoptr(JsonNode) netdevs = NULL, guests = NULL, conns = NULL, dns = NULL;
	struct ctl_session *session = top->session;
	gint64 now = g_get_monotonic_time();
	double seconds = top->at ? (double)(now - top->at) / G_USEC_PER_SEC : 0;
	int status = ctl_request(session, "query-netdevs", NULL, &netdevs);

	if (status == CTL_DONE)
		status = ctl_request(session, "query-guests", NULL, &guests);
	if (status == CTL_DONE)
		status = ctl_request(session, "query-connections", NULL, &conns);
	if (status == CTL_DONE && gateway)
		status = ctl_request(session, "query-dns", NULL, &dns);
	if (status != CTL_DONE)
		return status;
	g_ptr_array_set_size(top->rows, 0);
	for (guint i = 0; i < json_array_get_length(json_node_get_array(netdevs)); i++) {
		JsonArray *ports = json_object_get_array_member(
			json_array_get_object_element(json_node_get_array(netdevs), i), "ports");

		for (guint j = 0; j < json_array_get_length(ports); j++)
			add_row(top, json_array_get_object_element(ports, j),
				json_node_get_array(guests), json_node_get_array(conns), seconds);
	}
	if (dns)
		read_dns(top, dns, seconds);
	g_ptr_array_sort(top->rows, by_rate);
	top->at = now;
	return CTL_DONE;
}

/* --- printing --- */

/* "1.2 M" in at most 8 characters. */
static void print_rate(double value)
{
	static const char units[] = " kMGT";
	const char *unit = units;

	while (value >= 1000 && unit[1]) {
		value /= 1000;
		unit++;
	}
	printf(" %7.*f%c", value < 100 && unit > units ? 1 : 0, value, *unit);
}

static unsigned lines_of_terminal(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row < 5)
		return 24;
	return size.ws_row;
}

static void print_all(const struct top *top)
{
	unsigned conns = 0, room = top->terminal ? lines_of_terminal() - 3 : UINT32_MAX;

	for (guint i = 0; i < top->rows->len; i++)
		conns += ((struct row *)top->rows->pdata[i])->conns;
	if (top->terminal)
		fputs("\033[H\033[2J", stdout);
	printf("network %s: %u ports, %u connections, %.1f DNS queries/s, %u waiting%s\n",
	       top->session->name, top->rows->len, conns, top->dns, top->dns_waits,
	       top->terminal ? "; q quits" : "");
	printf("%-20s %-15s %-14s %8s %8s %8s %8s %6s\n", "GUEST", "IPV4", "PORT", "FROM-b/s",
	       "TO-b/s", "FRAMES/s", "DROPS/s", "CONNS");
	for (guint i = 0; i < top->rows->len && i < room; i++) {
		const struct row *row = top->rows->pdata[i];

		printf("%-20.20s %-15s %-14.14s", row->name, row->address, row->port);
		print_rate(row->in);
		print_rate(row->out);
		print_rate(row->frames);
		print_rate(row->drops);
		printf(" %6u%s\n", row->conns, row->link ? "" : " link down");
	}
	fflush(stdout);
}

/* --- running --- */

/* Keys arrive at once and are not shown. */
static bool take_keys(struct termios *before)
{
	struct termios raw;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, before) < 0)
		return false;
	raw = *before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	return tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

/* False: the user wants to end. */
static bool wait_for(int ms, bool keys)
{
	struct pollfd fd = {.fd = keys ? STDIN_FILENO : -1, .events = POLLIN};
	char key;

	if (poll(&fd, 1, ms) < 0)
		return errno == EINTR && !interrupted;
	if (fd.revents)
		return read(STDIN_FILENO, &key, 1) == 1 && key != 'q' && key != 'Q';
	return !interrupted;
}

int ctl_run_top(struct ctl_session *session, char **params)
{
	struct top top = {.session = session, .terminal = isatty(STDOUT_FILENO)};
	struct sigaction action = {.sa_handler = on_signal};
	bool gateway = has_gateway(session), keys = false;
	struct termios before;
	int status, wait = FIRST_MS;

	top.before = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	top.rows = g_ptr_array_new_with_free_func(free_row);
	if (top.terminal) {
		sigaction(SIGINT, &action, NULL);
		sigaction(SIGTERM, &action, NULL);
		keys = take_keys(&before);
	}
	status = read_all(&top, gateway);
	while (status == CTL_DONE) {
		if (top.terminal)
			print_all(&top);
		if (!wait_for(wait, keys))
			break;
		status = read_all(&top, gateway);
		wait = PERIOD_MS;
		if (!top.terminal) {
			if (status == CTL_DONE)
				print_all(&top);
			break;
		}
	}
	if (keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	g_hash_table_unref(top.before);
	g_ptr_array_unref(top.rows);
	return status;
}
