/* SPDX-License-Identifier: BSD-3-Clause */
#include "udp/forward.h"

#include <sys/epoll.h>
#include <unistd.h>

#include "net/outbox.h"
#include "net/user_config.h"
#include "net/vswitch.h"
#include "packet/udp.h"
#include "udp/forward_priv.h"
#include "udp/peer.h"
#include "udp/socket.h"

/*
 * The way of a datagram:
 *
 *     on_ready()   reads a batch, unless the guest's port is congested or the turn's outbox is half
 *                  full: then it waits in the kernel
 *     take()       without a guest it is held (udp_hold.h), else
 *     deliver()    its session is found or opened, and it goes to the outbox as the guest sees it
 *
 * and back, from the gateway's serve(): udp_forwards_match(), then udp_forwards_answer().
 */
#define CONGESTED_RETRY (2 * USEC_PER_MSEC)
#define HEARD_TRUSTED   (60 * USEC_PER_SEC) /* then it is asked for again */
#define ASK_INTERVAL    (1 * USEC_PER_SEC)  /* RFC 1122 2.3.2.1: no more often for one address */

/* --- where they lead --- */

static bool is_known(const struct udp_target *target)
{
	return !IN6_IS_ADDR_UNSPECIFIED(&target->addr);
}

static mac_t holder(const struct udp_forward *forward)
{
	struct udp_forwards *forwards = forward->all;
	const struct udp_target *target = forward->target;
	mac_t mac;

	if (!is_known(target))
		return 0;
	mac = forwards->ops.holder(forwards->ops_data, &target->addr);
	/* Guests may have addresses beside the one in the guest table. */
	if (!mac && target->mac && udp_forwards_now(forwards) - target->heard < HEARD_TRUSTED &&
	    vswitch_lookup(forwards->network->vswitch, target->mac))
		mac = target->mac;
	return mac;
}

static struct in6_addr guest_address(const struct sockaddr_any *guest)
{
	if (guest->sa.sa_family == AF_INET6)
		return guest->in6.sin6_addr;
	return guest->in.sin_addr.s_addr ? address_map4(guest->in.sin_addr.s_addr)
					 : (struct in6_addr){0};
}

static void lead_to(struct udp_forward *forward, const struct sockaddr_any *guest)
{
	struct in6_addr addr = guest_address(guest);
	struct udp_target *target = g_hash_table_lookup(forward->all->targets, &addr);

	if (!target) {
		target = g_new0(struct udp_target, 1);
		target->addr = addr;
		list_init(&target->forwards);
		g_hash_table_insert(forward->all->targets, &target->addr, target);
	}
	forward->target = target;
	forward->guest_port =
		ntohs(guest->sa.sa_family == AF_INET6 ? guest->in6.sin6_port : guest->in.sin_port);
	list_append(&target->forwards, &forward->target_link);
}

static void lead_nowhere(struct udp_forward *forward)
{
	struct udp_target *target = forward->target;

	list_remove(&forward->target_link);
	forward->target = NULL;
	if (!list_empty(&target->forwards))
		return;
	g_hash_table_remove(forward->all->targets, &target->addr);
	g_free(target);
}

/* --- to the guest --- */

static struct udp_session *open_session(struct udp_forward *forward,
					const struct udp_client *client)
{
	struct udp_forwards *forwards = forward->all;
	struct udp_flow flow = {.guest = forward->target->addr, .guest_port = forward->guest_port};
	struct udp_session *session;

	if (!udp_peer_choose(forwards->sessions, forwards->config, client, forward->masquerade,
			     &flow))
		return NULL;
	session = udp_session_open(forwards->sessions, &forward->sessions, client, &flow,
				   udp_forwards_now(forwards));
	if (!loop_timer_is_set(&forwards->expire))
		loop_timer_set(&forwards->expire, udp_forwards_now(forwards) + UDP_SESSION_IDLE);
	return session;
}

/* udp.h has IPv4 addresses bare. */
static struct in6_addr bare(const struct in6_addr *addr)
{
	struct in6_addr out = {0};

	if (!IN6_IS_ADDR_V4MAPPED(addr))
		return *addr;
	memcpy(&out, &addr->s6_addr[12], 4);
	return out;
}

static void drop(struct udp_forwards *forwards, enum drop_reason why, uint64_t n)
{
	port_drop(forwards->outbox->port, why, n);
}

/* Sessions work even when the flow table is full. */
static void count_flow(const struct udp_forward *forward, const struct udp_session *session,
		       size_t len)
{
	struct udp_forwards *forwards = forward->all;
	const struct port *port = vswitch_lookup(forwards->network->vswitch, session->mac);
	const struct conn_key key = udp_forward_flow(session);
	const struct conn_origin origin = {
		.opener = CONN_BY_FORWARD,
		.rule = forward->rule,
		.mac = session->mac,
		.port_id = port ? port->id : 0,
	};

	conn_seen_to_guest(forwards->flows, &key, (unsigned)len, &origin,
			   udp_forwards_now(forwards));
}

static void deliver(struct udp_forward *forward, mac_t mac, const struct udp_client *client,
		    const void *data, size_t len)
{
	struct udp_forwards *forwards = forward->all;
	struct udp_session *session =
		udp_session_by_client(forwards->sessions, &forward->sessions, client);
	struct udp_address address;

	if (session)
		udp_session_use(forwards->sessions, session, udp_forwards_now(forwards));
	else
		session = open_session(forward, client);
	if (!session || len > UDP_SEND_MAX) {
		drop(forwards, session ? DROP_OVERSIZE : DROP_BUDGET, 1);
		return;
	}
	session->mac = mac;
	address = (struct udp_address){
		.eth_src = user_config_mac(forwards->config),
		.eth_dst = mac,
		.v6 = !IN6_IS_ADDR_V4MAPPED(&session->flow.guest),
		.src = bare(&session->flow.peer),
		.dst = bare(&session->flow.guest),
		.sport = session->flow.peer_port,
		.dport = session->flow.guest_port,
	};
	udp_send(forwards->outbox, &address, data, len, user_config_mtu(forwards->config));
	count_flow(forward, session, len);
}

/* The guest may be there without having said so. */
static void ask(struct udp_forward *forward)
{
	struct udp_forwards *forwards = forward->all;
	struct udp_target *target = forward->target;

	if (!is_known(target) ||
	    (target->asked && udp_forwards_now(forwards) - target->asked < ASK_INTERVAL))
		return;
	target->asked = udp_forwards_now(forwards);
	forwards->ops.resolve(forwards->ops_data, &target->addr);
}

static void take(struct udp_forward *forward, mac_t mac, const struct udp_datagram *datagram)
{
	struct udp_forwards *forwards = forward->all;

	if (!datagram->from.port) { /* nobody could answer it (RFC 768: none is meant) */
		drop(forwards, DROP_MALFORMED, 1);
	} else if (mac) {
		deliver(forward, mac, &datagram->from, datagram->data, datagram->len);
	} else if (!udp_hold_add(&forwards->hold, &forward->held, &datagram->from, datagram->data,
				 datagram->len, udp_forwards_now(forwards))) {
		drop(forwards, DROP_NO_RECEIVER, 1);
	} else if (!loop_timer_is_set(&forwards->give_up)) {
		loop_timer_set(&forwards->give_up, udp_forwards_now(forwards) + UDP_HOLD_TIME);
	}
}

void udp_forward_deliver_held(struct udp_forward *forward)
{
	struct udp_forwards *forwards = forward->all;
	struct udp_held *held;
	mac_t mac;

	if (!forward->held.n)
		return;
	mac = holder(forward);
	if (!mac) {
		ask(forward);
	} else {
		while ((held = udp_hold_take(&forwards->hold, &forward->held))) {
			deliver(forward, mac, &held->client, held->data, held->len);
			g_free(held);
		}
	}
	forwards->ops.wake(forwards->ops_data);
}

/* --- the sockets --- */

/* The guest does not take what it is sent: what comes waits in the kernel. */
static bool park(struct udp_forward *forward, mac_t mac)
{
	struct udp_forwards *forwards = forward->all;
	const struct port *port = vswitch_lookup(forwards->network->vswitch, mac);

	if (!port || !port->congested)
		return false;
	list_append(&forwards->parked, &forward->parked_link);
	loop_io_events(&forward->io, 0);
	if (!loop_timer_is_set(&forwards->retry))
		loop_timer_set(&forwards->retry, udp_forwards_now(forwards) + CONGESTED_RETRY);
	return true;
}

static void on_ready(struct loop_io *io, uint32_t revents)
{
	struct udp_forward *forward = container_of(io, struct udp_forward, io);
	struct udp_forwards *forwards = forward->all;
	mac_t mac = holder(forward);
	unsigned n;

	if (mac && park(forward, mac))
		return;
	/* Too much for this turn would be dropped; the rest is read in the next. */
	if (forwards->outbox->n_chunks > OUTBOX_MAX_CHUNKS / 2)
		return;
	n = udp_batch_receive(forwards->batch, forward->fd);
	if (!n)
		return;
	for (unsigned i = 0; i < n; i++)
		take(forward, mac, udp_batch_get(forwards->batch, i));
	if (!mac)
		ask(forward);
	forwards->ops.wake(forwards->ops_data);
}

/* The label of the forward's sessions, in the form that TCP's have (forward/hostfwd.c). */
static char *make_rule(const struct sockaddr_any *bound, const struct sockaddr_any *guest)
{
	g_autofree char *where = sockaddr_format(bound);
	g_autofree char *to = sockaddr_format(guest);
	g_autofree char *rule = g_strconcat("hostfwd=udp:", where, "-", to, NULL);

	return g_ref_string_new(rule);
}

struct udp_forward *udp_forward_add(struct udp_forwards *forwards,
				    const struct udp_forward_spec *spec, struct sockaddr_any *bound,
				    GError **error)
{
	struct udp_forward *forward;
	int fd;

	if (!forwards->ops.has_room(forwards->ops_data)) {
		g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_MFILE,
				    "all descriptors that connections and forwards may have are in "
				    "use: raise the limit of open files (ulimit -n)");
		return NULL;
	}
	fd = udp_socket_open(&spec->host, bound, error);
	if (fd < 0)
		return NULL;
	forwards->ops.hold_fds(forwards->ops_data, 1);
	forward = g_new0(struct udp_forward, 1);
	forward->all = forwards;
	forward->fd = fd;
	forward->masquerade = spec->masquerade;
	forward->bound = *bound;
	forward->rule = make_rule(bound, &spec->guest);
	udp_session_list_init(&forward->sessions);
	udp_hold_list_init(&forward->held);
	list_init(&forward->target_link);
	list_init(&forward->parked_link);
	lead_to(forward, &spec->guest);
	loop_io_add(forwards->network->loop, &forward->io, fd, EPOLLIN, on_ready);
	return forward;
}

void udp_forward_remove(struct udp_forward *forward)
{
	struct udp_forwards *forwards = forward->all;

	loop_io_remove(&forward->io);
	close(forward->fd);
	forwards->ops.hold_fds(forwards->ops_data, -1);
	list_remove(&forward->parked_link);
	udp_session_list_clear(forwards->sessions, &forward->sessions);
	udp_hold_clear(&forwards->hold, &forward->held);
	lead_nowhere(forward);
	g_ref_string_release(forward->rule);
	g_free(forward);
}

void udp_forward_retarget(struct udp_forward *forward, const struct sockaddr_any *guest)
{
	udp_session_list_clear(forward->all->sessions, &forward->sessions);
	lead_nowhere(forward);
	g_ref_string_release(forward->rule);
	forward->rule = make_rule(&forward->bound, guest);
	lead_to(forward, guest);
	udp_forward_deliver_held(forward);
}
