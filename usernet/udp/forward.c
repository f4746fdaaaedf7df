/* SPDX-License-Identifier: BSD-3-Clause */
#include "udp/forward.h"

#include "conntrack/neighbour.h"
#include "net/outbox.h"
#include "net/user_config.h"
#include "net/vswitch.h"
#include "packet/udp.h"
#include "udp/forward_priv.h"
#include "udp/peer.h"
#include "udp/socket.h"

/*
 * The way of a datagram: udp_run() reads a batch (row.c), unless the guest's port is congested:
 * then it waits in the kernel. take() holds it if the guest is not there (hold.h), else deliver()
 * finds or opens its session, and puts it into the outbox as the guest sees it.
 *
 * And back, from the gateway's gateway_serve(): udp_forwards_match(), then udp_forwards_answer().
 */
#define HEARD_TRUSTED (60 * USEC_PER_SEC) /* after which the guest is asked for again */
#define ASK_INTERVAL  (1 * USEC_PER_SEC)  /* RFC 1122 2.3.2.1: limit per address */

/* --- targets --- */

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
	mac = neighbour_find(forwards->neighbours, &target->addr);
	/* Guests may have addresses that the guest table does not know. */
	if (!mac && target->mac && udp_forwards_now(forwards) - target->heard < HEARD_TRUSTED &&
	    vswitch_lookup(forwards->udp->env.network->vswitch, target->mac))
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

	if (!udp_peer_choose(forwards->sessions, forwards->udp->env.config, client,
			     forward->masquerade, &flow))
		return NULL;
	session = udp_session_open(forwards->sessions, &forward->sessions, client, &flow,
				   udp_forwards_now(forwards));
	if (!loop_timer_is_set(&forwards->expire))
		loop_timer_set(&forwards->expire, udp_forwards_now(forwards) + UDP_SESSION_IDLE);
	return session;
}

static void drop(struct udp_forwards *forwards, enum drop_reason why, uint64_t n)
{
	port_drop(forwards->udp->env.outbox->port, why, n);
}

/* Sessions work even when the conn table is full. */
static void count_flow(const struct udp_forward *forward, const struct udp_session *session,
		       unsigned n, size_t len)
{
	struct udp_forwards *forwards = forward->all;
	struct conn_table *conns = forwards->udp->env.conns;
	const struct port *port = vswitch_lookup(forwards->udp->env.network->vswitch, session->mac);
	const struct conn_key key = udp_forward_flow(session);
	const struct conn_origin origin = {
		.opener = CONN_BY_FORWARD,
		.rule = forward->rule,
		.mac = session->mac,
		.port_id = port ? port->id : 0,
	};

	if (!conn_seen_to_guest(conns, &key, (unsigned)len, &origin, udp_forwards_now(forwards)))
		return;
	if (n > 1)
		conn_passed(conns, conn_find(conns, &key), CONN_TO_GUEST, n - 1, 0,
			    udp_forwards_now(forwards));
}

/*
 * The session of @client, opened if needed, to the guest at @mac; @address: as the guest sees it.
 * NULL: no room.
 */
static struct udp_session *session_for(struct udp_forward *forward, mac_t mac,
				       const struct udp_client *client, struct udp_address *address)
{
	struct udp_forwards *forwards = forward->all;
	struct udp_session *session =
		udp_session_by_client(forwards->sessions, &forward->sessions, client);

	if (session)
		udp_session_use(forwards->sessions, session, udp_forwards_now(forwards));
	else
		session = open_session(forward, client);
	if (!session)
		return NULL;
	session->mac = mac;
	*address = (struct udp_address){
		.eth_src = forwards->udp->mac,
		.eth_dst = mac,
		.src = session->flow.peer,
		.dst = session->flow.guest,
		.sport = session->flow.peer_port,
		.dport = session->flow.guest_port,
	};
	return session;
}

/* Delivers a held datagram. */
static void deliver_held(struct udp_forward *forward, mac_t mac, const struct udp_held *held)
{
	struct udp_forwards *forwards = forward->all;
	struct udp_address address;
	struct udp_session *session = session_for(forward, mac, &held->client, &address);

	if (!session || held->len > UDP_SEND_MAX) {
		drop(forwards, session ? DROP_OVERSIZE : drop_reason_no_room(), 1);
		return;
	}
	udp_send(forwards->udp->env.outbox, &address, held->data, held->len,
		 user_config_mtu(forwards->udp->env.config));
	count_flow(forward, session, 1, held->len);
}

/* Delivers message @i of the batch. */
static void deliver(struct udp_forward *forward, mac_t mac, const struct udp_client *client,
		    unsigned i)
{
	struct udp_forwards *forwards = forward->all;
	struct udp *udp = forwards->udp;
	const struct udp_message *message = udp_message_get(udp->receiver, i);
	unsigned n = udp_message_count(message);
	struct udp_address address;
	struct udp_session *session = session_for(forward, mac, client, &address);

	if (!session || (n == 1 && message->len > UDP_SEND_MAX)) {
		drop(forwards, session ? DROP_OVERSIZE : drop_reason_no_room(), n);
		return;
	}
	udp_message_deliver(udp->receiver, i, udp->env.outbox, &address);
	count_flow(forward, session, n, message->len);
}

/* The guest may be there without having sent anything. */
static void ask(struct udp_forward *forward)
{
	struct udp_forwards *forwards = forward->all;
	struct udp_target *target = forward->target;

	if (!is_known(target) ||
	    (target->asked && udp_forwards_now(forwards) - target->asked < ASK_INTERVAL))
		return;
	target->asked = udp_forwards_now(forwards);
	neighbour_ask(forwards->neighbours, &target->addr);
}

/* Holds a few of the datagrams of message @i until the guest is known. */
static void hold(struct udp_forward *forward, const struct udp_client *client, unsigned i)
{
	static uint8_t data[UDP_MESSAGE_MAX];
	struct udp_forwards *forwards = forward->all;
	struct udp_receiver *receiver = forwards->udp->receiver;
	const struct udp_message *message = udp_message_get(receiver, i);
	uint32_t segment = message->segment ? message->segment : message->len, at = 0;

	forward->waited += udp_message_count(message);
	udp_message_copy(receiver, i, data);
	for (unsigned n = udp_message_count(message); n > 0; n--, at += segment) {
		uint32_t len = MIN(segment, message->len - at);

		if (!udp_hold_add(&forwards->hold, &forward->held, client, data + at, len,
				  udp_forwards_now(forwards))) {
			drop(forwards, DROP_NO_RECEIVER, n);
			break;
		}
	}
	if (!list_empty(&forwards->hold.all) && !loop_timer_is_set(&forwards->give_up))
		loop_timer_set(&forwards->give_up, udp_forwards_now(forwards) + UDP_HOLD_TIME);
}

static void take(struct udp_forward *forward, mac_t mac, unsigned i)
{
	struct udp_forwards *forwards = forward->all;
	const struct udp_message *message = udp_message_get(forwards->udp->receiver, i);
	const struct udp_client client = {
		.addr = message->from,
		.local = message->local,
		.scope = message->scope,
		.port = message->port,
	};

	if (!client.port) /* cannot be answered (RFC 768: no reply is meant) */
		drop(forwards, DROP_MALFORMED, udp_message_count(message));
	else if (mac)
		deliver(forward, mac, &client, i);
	else
		hold(forward, &client, i);
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
			deliver_held(forward, mac, held);
			g_free(held);
		}
	}
	loop_task_defer(forwards->udp->env.service);
}

/* --- the sockets --- */

static size_t read_batch(struct udp_host *host)
{
	struct udp_forward *forward = container_of(host, struct udp_forward, host);
	mac_t mac = holder(forward);
	size_t bytes = 0;
	unsigned n;

	if (mac && udp_host_waits(host, mac))
		return 0;
	n = udp_host_receive(host);
	for (unsigned i = 0; i < n; i++) {
		bytes += udp_message_get(host->udp->receiver, i)->len;
		take(forward, mac, i);
	}
	if (n > 0 && !mac)
		ask(forward);
	return bytes;
}

static void on_last(struct udp_host *host)
{
	g_free(container_of(host, struct udp_forward, host));
}

/* The label of the forward's sessions, in the form of TCP's (forward/hostfwd.c). */
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

	if (!charge_take(forwards->charge, CHARGE_FDS, 1)) {
		g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_MFILE,
				    "all descriptors that connections and forwards may have are in "
				    "use: raise the limit of open files (ulimit -n)");
		return NULL;
	}
	fd = udp_socket_open(&spec->host, spec->early, bound, error);
	if (fd < 0) {
		charge_give(forwards->charge, CHARGE_FDS, 1);
		return NULL;
	}
	forward = g_new0(struct udp_forward, 1);
	udp_host_init(forwards->udp, &forward->host);
	forward->host.v6 = bound->sa.sa_family == AF_INET6;
	forward->host.last = on_last;
	forward->host.read = read_batch;
	forward->all = forwards;
	forward->masquerade = spec->masquerade;
	forward->bound = *bound;
	forward->rule = make_rule(bound, &spec->guest);
	udp_session_list_init(&forward->sessions);
	udp_hold_list_init(&forward->held);
	list_init(&forward->target_link);
	lead_to(forward, &spec->guest);
	udp_host_watch(&forward->host, fd);
	return forward;
}

void udp_forward_remove(struct udp_forward *forward)
{
	struct udp_forwards *forwards = forward->all;

	udp_host_close(&forward->host);
	charge_give(forwards->charge, CHARGE_FDS, 1);
	udp_session_list_clear(forwards->sessions, &forward->sessions);
	udp_hold_clear(&forwards->hold, &forward->held);
	lead_nowhere(forward);
	g_ref_string_release(forward->rule);
	udp_host_release(&forward->host);
}

uint64_t udp_forward_waited(const struct udp_forward *forward)
{
	return forward->waited;
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
