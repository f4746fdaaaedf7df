/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/spawner.h"
#include "forward/guestfwd_priv.h"
#include "net/guest.h"
#include "net/network.h"
#include "net/reservation.h"
#include "tcp/tcp.h"

/*
 * Theory of operation
 *
 * A guest's SYN to a server's address opens a socket of the host, or starts a command with one end
 * of a socket pair as its input and output; tcp/ joins the guest to it as to any other connection.
 * There is no listener on the host, so no other process can reach the server.
 *
 * A connection stays on its rule's list until tcp/ reports its end; then its command, if it has
 * one, is ended.
 */
struct guestfwd_conn {
	struct guestfwd *fwd;
	struct tcp_owner owner;
	struct conn *conn;
	unsigned port_id;
	bool runs; /* a command runs; its id follows */
	uint32_t command;
	struct list link; // guestfwd::conns
};

/*
 * A guest's SYN for a unix socket whose backlog is full. The kernel does not queue the connect
 * (connect(2), EAGAIN), so it is repeated every GUESTFWD_PAUSE, for GUESTFWD_WAIT.
 */
struct guestfwd_wait {
	struct conn_key key;
	usec_t give_up;
	struct list link; // guestfwd::waiting
	uint32_t len;
	uint8_t syn[]; /* the SYN's frame */
};

static struct loop *loop_of(const struct guestfwd *fwd)
{
	return fwd->all->env.network->loop;
}

static unsigned port_count(const struct guestfwds *all, unsigned port_id)
{
	return GPOINTER_TO_UINT(g_hash_table_lookup(all->per_port, GUINT_TO_POINTER(port_id)));
}

static void count(struct guestfwd *fwd, unsigned port_id, int n)
{
	struct guestfwds *all = fwd->all;
	unsigned port = port_count(all, port_id) + (unsigned)n;

	fwd->counts.open += (unsigned)n;
	all->n_open += (unsigned)n;
	if (port)
		g_hash_table_insert(all->per_port, GUINT_TO_POINTER(port_id),
				    GUINT_TO_POINTER(port));
	else
		g_hash_table_remove(all->per_port, GUINT_TO_POINTER(port_id));
}

static void refuse(struct guestfwd *fwd, const char *why)
{
	fwd->counts.refused++;
	log_limited(&fwd->limit, "guestfwd %s: %s", fwd->text, why);
}

static void on_ended(struct tcp_owner *owner, int err)
{
	struct guestfwd_conn *conn = container_of(owner, struct guestfwd_conn, owner);
	struct guestfwd *fwd = conn->fwd;

	if (err)
		refuse(fwd, g_strerror(err));
	if (conn->runs)
		spawner_end(fwd->all->env.network->spawner, conn->command);
	count(fwd, conn->port_id, -1);
	list_remove(&conn->link);
	g_free(conn);
}

static void forget_wait(struct guestfwd *fwd, struct guestfwd_wait *wait)
{
	list_remove(&wait->link);
	fwd->n_waiting--;
	g_free(wait);
}

void guestfwd_reset_conns(struct guestfwd *fwd)
{
	while (!list_empty(&fwd->conns)) {
		struct guestfwd_conn *conn = list_first(&fwd->conns, struct guestfwd_conn, link);

		tcp_reset(fwd->all->env.tcp, conn->conn);
	}
	while (!list_empty(&fwd->waiting))
		forget_wait(fwd, list_first(&fwd->waiting, struct guestfwd_wait, link));
	loop_timer_cancel(&fwd->retry);
}

/* --- to the target --- */

/* A guest's own host name is not to be trusted. */
static const char *name_of(const struct guestfwd *fwd, const struct in6_addr *addr)
{
	const struct network *network = fwd->all->env.network;
	const struct guest *guest = IN6_IS_ADDR_V4MAPPED(addr)
					    ? guest_by_v4(network->guests, address_v4(addr))
					    : guest_by_v6(network->guests, addr);
	const struct reservation *reservation =
		guest ? reservation_by_mac(network->reservations, guest->mac) : NULL;

	return reservation ? reservation->name : NULL;
}

static int start_command(struct guestfwd *fwd, const struct in6_addr *addr, uint32_t *id)
{
	const struct network *network = fwd->all->env.network;
	char guest[INET6_ADDRSTRLEN];
	struct spawner_env env = {network->name, guest, name_of(fwd, addr)};
	g_autoptr(GError) error = NULL;
	int fd;

	if (IN6_IS_ADDR_V4MAPPED(addr))
		inet_ntop(AF_INET, &addr->s6_addr[12], guest, sizeof(guest));
	else
		inet_ntop(AF_INET6, addr, guest, sizeof(guest));
	fd = spawner_run(network->spawner, fwd->command, &env, id, &error);
	if (fd < 0)
		refuse(fwd, error->message);
	return fd;
}

static int dial(struct guestfwd *fwd, bool *again)
{
	bool in_progress;
	int fd = socket_connect(&fwd->to, SOCK_STREAM, &in_progress);

	*again = fd < 0 && errno == EAGAIN;
	if (fd < 0 && !*again)
		refuse(fwd, g_strerror(errno));
	return fd;
}

static struct guestfwd *find_rule(const struct guestfwds *all, const struct packet *packet)
{
	list_for_each (fwd, &all->rules, struct guestfwd, link) {
		if (fwd->port == packet->dport && IN6_ARE_ADDR_EQUAL(&fwd->addr, &packet->dst))
			return fwd;
	}
	return NULL;
}

/* --- waiting for the target --- */

static bool waits_already(const struct guestfwd *fwd, const struct conn *conn)
{
	list_for_each (wait, &fwd->waiting, struct guestfwd_wait, link) {
		if (conn_key_equal(&wait->key, &conn->key))
			return true;
	}
	return false;
}

/* False: too many wait already. */
static bool wait_for_target(struct guestfwd *fwd, const struct conn *conn, const struct packet *syn)
{
	struct guestfwd_wait *wait;

	if (waits_already(fwd, conn))
		return true;
	if (fwd->n_waiting >= GUESTFWD_WAITING)
		return false;
	wait = g_malloc(sizeof(*wait) + syn->len);
	*wait = (struct guestfwd_wait){
		.key = conn->key,
		.give_up = loop_now(loop_of(fwd)) + GUESTFWD_WAIT,
		.len = syn->len,
	};
	memcpy(wait->syn, syn->frame, syn->len);
	list_append(&fwd->waiting, &wait->link);
	fwd->n_waiting++;
	if (!loop_timer_is_set(&fwd->retry))
		loop_timer_set(&fwd->retry, loop_now(loop_of(fwd)) + GUESTFWD_PAUSE);
	return true;
}

static void join(struct guestfwd *fwd, struct conn *conn, const struct packet *syn, int fd,
		 uint32_t command)
{
	struct tcp *tcp = fwd->all->env.tcp;
	struct guestfwd_conn *made = g_new0(struct guestfwd_conn, 1);

	made->fwd = fwd;
	made->owner.ended = on_ended;
	made->conn = conn;
	made->port_id = conn->port_id;
	made->runs = fwd->command != NULL;
	made->command = command;
	list_append(&fwd->conns, &made->link);
	fwd->counts.accepted++;
	count(fwd, made->port_id, 1);
	tcp_accept(tcp, conn, syn, fd);
	if (conn->ops)
		tcp_own(conn, &made->owner);
	else
		on_ended(&made->owner, 0); /* the port's charge has no room for it */
}

/* False: the target still has no room. */
static bool try_again(struct guestfwd *fwd, const struct guestfwd_wait *wait)
{
	struct guestfwds *all = fwd->all;
	const struct frame frame = {wait->syn, wait->len};
	struct conn *conn = conn_find(all->env.conns, &wait->key);
	struct packet syn;
	enum drop_reason why;
	bool again;
	int fd;

	if (!conn || conn->ops || conn_is_closed(conn) || !packet_parse(&syn, &frame, &why))
		return true;
	fd = dial(fwd, &again);
	if (again && loop_now(loop_of(fwd)) < wait->give_up)
		return false;
	if (fd >= 0)
		join(fwd, conn, &syn, fd, 0);
	else
		tcp_refuse(all->env.tcp, conn, &syn, ECONNREFUSED);
	return true;
}

static void on_retry(struct loop_timer *timer)
{
	struct guestfwd *fwd = container_of(timer, struct guestfwd, retry);

	list_for_each_safe (wait, &fwd->waiting, struct guestfwd_wait, link) {
		if (!try_again(fwd, wait))
			break; /* later ones wait behind it */
		forget_wait(fwd, wait);
	}
	if (!list_empty(&fwd->waiting))
		loop_timer_set(timer, loop_now(loop_of(fwd)) + GUESTFWD_PAUSE);
}

void guestfwd_init_conns(struct guestfwd *fwd)
{
	list_init(&fwd->conns);
	list_init(&fwd->waiting);
	loop_timer_init(loop_of(fwd), &fwd->retry, on_retry);
}

/* --- guests' SYNs --- */

bool guestfwds_serve(const struct guestfwds *all, const struct packet *packet)
{
	return find_rule(all, packet) != NULL;
}

bool guestfwds_open(struct guestfwds *all, struct conn *conn, const struct packet *syn)
{
	struct guestfwd *fwd = find_rule(all, syn);
	bool again = false;
	uint32_t command = 0;
	int fd;

	if (all->n_open >= all->max_open || fwd->counts.open >= GUESTFWD_PER_RULE ||
	    port_count(all, conn->port_id) >= GUESTFWD_PER_PORT) {
		refuse(fwd, "too many connections");
		return false;
	}
	fd = fwd->command ? start_command(fwd, &syn->src, &command) : dial(fwd, &again);
	if (again)
		return wait_for_target(fwd, conn, syn);
	if (fd < 0)
		return false;
	join(fwd, conn, syn, fd, command);
	return true;
}
