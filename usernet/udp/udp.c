/* SPDX-License-Identifier: BSD-3-Clause */
#include "udp/udp.h"

#include "net/vswitch.h"
#include "packet/echo.h"
#include "udp/udp_priv.h"

/*
 * The way of a datagram:
 *
 *     udp_input()   finds the conn's socket and queues the datagram there
 *     udp_run()     udp_flush(): one sendmmsg for each socket with queued datagrams (out.c)
 *                   udp_read_ready(): recvmmsg, and frames into the outbox (in.c); errors that the
 *                   network has reported (error.c)
 */

struct port *udp_port_of(struct udp *udp, mac_t mac)
{
	uint64_t turn = loop_turn(udp->env.network->loop);

	if (udp->port_turn != turn || udp->port_mac != mac) {
		udp->port = vswitch_lookup(udp->env.network->vswitch, mac);
		udp->port_mac = mac;
		udp->port_turn = turn;
	}
	return udp->port;
}

bool udp_is_gateway(const struct udp *udp, const struct in6_addr *addr)
{
	const struct user_config *config = udp->env.config;

	return address_is_v4(addr) ? address_v4(addr).s_addr == config->host.s_addr
				   : IN6_ARE_ADDR_EQUAL(addr, &config->host6);
}

struct in6_addr udp_shown(const struct udp *udp, const struct in6_addr *addr)
{
	const struct user_config *config = udp->env.config;

	if (IN6_IS_ADDR_LOOPBACK(addr))
		return config->host6;
	if (address_is_v4(addr) && addr->s6_addr[12] == 127)
		return address_map4(config->host.s_addr);
	return *addr;
}

struct in6_addr udp_meant(const struct udp *udp, const struct in6_addr *addr)
{
	if (!udp_is_gateway(udp, addr))
		return *addr;
	return address_is_v4(addr) ? address_map4(htonl(INADDR_LOOPBACK)) : in6addr_loopback;
}

/* --- from guests --- */

/* IPv6 routers do not fragment, but a datagram that came in fragments may leave in fragments. */
static bool is_not_to_be_fragmented(const struct udp *udp, const struct packet *packet)
{
	if (packet->len > ETH_HEADER + user_config_mtu(udp->env.config))
		return false;
	return packet->v6 || packet->frame[ETH_HEADER + 6] & 0x40;
}

static bool is_intact(struct udp *udp, const struct packet *packet)
{
	const struct port *port = udp_port_of(udp, mac_read(packet->frame + MAC_LEN));
	bool is_udp = packet->proto == IPPROTO_UDP;

	if (!port || !port->unreliable)
		return !is_udp || !packet->v6 || packet_u16(packet->frame + packet->l4 + 6);
	return is_udp ? udp_is_intact(packet) : echo_is_intact(packet);
}

bool udp_input(struct udp *udp, struct conn *conn, const struct packet *packet,
	       enum drop_reason *why)
{
	bool local = udp_is_gateway(udp, &packet->dst), is_udp = packet->proto == IPPROTO_UDP;
	uint16_t from = is_udp ? packet->payload : packet->l4;
	struct udp_socket *socket = conn->udp;
	struct udp_out out = {
		.frame = packet->frame,
		.frame_len = packet->len,
		.data = packet->frame + from,
		.len = packet->len - from,
		.peer = udp_meant(udp, &packet->dst),
		.port = is_udp ? packet->dport : 0,
		.next = UDP_OUT_NONE,
		.ttl = packet_hops(packet),
		.tos = packet_tos(packet),
		.dont_fragment = is_not_to_be_fragmented(udp, packet),
	};

	if (!is_intact(udp, packet)) {
		*why = DROP_MALFORMED;
		return false;
	}
	/* The host is one hop behind the gateway; its loopback is the gateway itself. */
	if (!local && out.ttl <= 1) {
		udp_tell_expired(udp, packet);
		return true;
	}
	out.ttl = (uint8_t)(local ? MAX(out.ttl, 1) : out.ttl - 1);
	if (!socket)
		socket = udp_attach(udp, conn);
	socket->mac = mac_read(packet->frame + MAC_LEN);
	if (!udp_revive(socket, conn, &out, why))
		return false;
	udp_queue(&socket->host, &out);
	udp_used(socket);
	conn_passed(udp->env.conns, conn, CONN_FROM_GUEST, 1, packet->len - packet->payload,
		    udp_now(udp));
	return true;
}

/* --- the turn --- */

void udp_flush(struct udp *udp)
{
	while (!list_empty(&udp->sending)) {
		struct udp_host *host = list_first(&udp->sending, struct udp_host, out_link);

		list_remove(&host->out_link);
		udp_send_queued(host);
		udp_host_release(host);
	}
	udp->n_out = 0;
}

void udp_run(struct udp *udp)
{
	udp_flush(udp);
	udp_read_ready(udp);
}

/* --- the whole --- */

unsigned udp_count(const struct udp *udp)
{
	return udp->n_open;
}

uint64_t udp_evicted(const struct udp *udp)
{
	return udp->n_evicted;
}

struct udp *udp_new(const struct udp_env *env)
{
	struct udp *udp = g_new0(struct udp, 1);

	udp->env = *env;
	udp->mac = user_config_mac(env->config);
	udp->sockets = g_hash_table_new(udp_key_hash, udp_key_equal);
	udp->shares = g_hash_table_new(NULL, NULL);
	list_init(&udp->sending);
	list_init(&udp->ready);
	loop_timer_init(env->network->loop, &udp->look_again, udp_look_again);
	udp->sender = udp_sender_new();
	udp->receiver = udp_receiver_new(env->network->chunks, user_config_mtu(env->config));
	udp->error_tokens = UDP_ERRORS_BURST;
	udp->error_at = udp_now(udp);
	return udp;
}

static void detach(void *data, struct conn *conn)
{
	udp_detach(conn);
}

void udp_free(struct udp *udp)
{
	if (!udp)
		return;
	udp_flush(udp);
	conn_foreach(udp->env.conns, detach, udp);
	g_assert(g_hash_table_size(udp->sockets) == 0);
	loop_timer_cancel(&udp->look_again);
	g_hash_table_destroy(udp->sockets);
	g_hash_table_destroy(udp->shares);
	udp_sender_free(udp->sender);
	udp_receiver_free(udp->receiver);
	g_free(udp);
}
