/* SPDX-License-Identifier: BSD-3-Clause */
#include <slirp/libslirp.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "net/network.h"
#include "net/user_config.h"
#include "net/vswitch.h"
#include "slirp/instance.h"

/* libslirp's callbacks and its descriptors in the loop. */

/*
 * MSS of libslirp's segments, whatever the guest's MTU. Its buffers of 128 KB hold a whole number
 * of them; otherwise libslirp enlarges both when a connection opens (tcp_input.c tcp_mss, sbuf.c
 * sbreserve), which copies and so touches all of the memory.
 */
#define SLIRP_MSS 16384

/*
 * libslirp 4.9 deprecates descriptors as int; its configuration version 6 has sockets instead,
 * which are the same on Linux (libslirp.h slirp_os_socket).
 */
#if SLIRP_CHECK_VERSION(4, 9, 0)
#define CONFIG_VERSION 6
#define pollfds_fill   slirp_pollfds_fill_socket
#else
#define CONFIG_VERSION 4
#define pollfds_fill   slirp_pollfds_fill
#endif

#define SLIRP_IDLE_TIMEOUT 1000         /* fill's timeout when it needs no tick (slirp.c) */
#define READ_ON_BYTES      (128 * 1024) /* bytes of datagrams per turn; half of SENDQ_HIGH */
#define READ_ON_LEAST      2048         /* counted per round at least */

/* --- descriptors --- */

static void on_fds_ready(struct nat_fdset *set)
{
	instance_set_ready(container_of(set, struct instance, fds));
}

static void on_fds_counted(struct nat_fdset *set, int n)
{
	struct instance *instance = container_of(set, struct instance, fds);

	if (n > 0)
		charge_force(instance->charge, CHARGE_FDS, (unsigned)n);
	else
		charge_give(instance->charge, CHARGE_FDS, (unsigned)-n);
}

static int on_add_poll(int fd, int events, void *opaque)
{
	struct instance *instance = opaque;
	uint32_t wanted = 0;

	if (events & SLIRP_POLL_IN)
		wanted |= EPOLLIN;
	if (events & SLIRP_POLL_OUT)
		wanted |= EPOLLOUT;
	if (events & SLIRP_POLL_PRI)
		wanted |= EPOLLPRI;
	return nat_fdset_wait(&instance->fds, fd, wanted);
}

static int on_get_revents(int number, void *opaque)
{
	const struct instance *instance = opaque;
	uint32_t came = nat_fdset_revents(&instance->fds, number);
	int revents = 0;

	if (came & EPOLLIN)
		revents |= SLIRP_POLL_IN;
	if (came & EPOLLOUT)
		revents |= SLIRP_POLL_OUT;
	if (came & EPOLLPRI)
		revents |= SLIRP_POLL_PRI;
	if (came & EPOLLERR)
		revents |= SLIRP_POLL_ERR;
	if (came & EPOLLHUP)
		revents |= SLIRP_POLL_HUP;
	return revents;
}

void instance_init_fds(struct instance *instance)
{
	nat_fdset_init(&instance->fds, instance->env->fds, on_fds_ready, on_fds_counted);
}

static int no_revents(int index, void *opaque)
{
	return 0;
}

void instance_fill(struct instance *instance)
{
	struct loop *loop = instance->env->nat.network->loop;
	uint32_t timeout = UINT32_MAX;

	nat_fdset_begin(&instance->fds);
	pollfds_fill(instance->slirp, &timeout, on_add_poll, instance);
	nat_fdset_end(&instance->fds);
	if (timeout < SLIRP_IDLE_TIMEOUT || instance->unresolved_until > loop_now(loop))
		loop_timer_set(&instance->timer, loop_now(loop) + timeout * USEC_PER_MSEC);
	else
		loop_timer_cancel(&instance->timer);
	list_remove(&instance->dirty_link);
}

/*
 * libslirp reads one datagram of a socket per poll. One per turn would cost a wait and a write
 * each, so sockets with more to read are polled again, round by round. With very many sockets a
 * round costs too much, and the turn has had many datagrams already.
 */
static void read_on(struct instance *instance)
{
	size_t bytes = 0;

	if (!instance->mac || instance->unresolved_until)
		return; /* libslirp would queue them */
	for (;;) {
		size_t more = nat_fdset_read_on(&instance->fds);

		bytes += MAX(more, READ_ON_LEAST);
		if (more == 0 || bytes > READ_ON_BYTES)
			return;
		slirp_pollfds_poll(instance->slirp, 0, on_get_revents, instance);
	}
}

void instance_poll(struct instance *instance)
{
	instance->env->clock_turn = loop_turn(instance->env->nat.network->loop);
	slirp_pollfds_poll(instance->slirp, 0, on_get_revents, instance);
	read_on(instance);
	instance_set_dirty(instance);
}

void instance_set_clock(struct instance *instance)
{
	struct instance_env *env = instance->env;
	uint64_t turn = loop_turn(env->nat.network->loop);

	if (env->clock_turn == turn)
		return;
	env->clock_turn = turn;
	slirp_pollfds_poll(instance->slirp, 1, no_revents, NULL);
}

/* --- libslirp's callbacks --- */

static int64_t on_clock(void *opaque)
{
	struct instance *instance = opaque;

	return loop_now(instance->env->nat.network->loop) * 1000;
}

/* The gateway does neighbour discovery (ndp.h): only libslirp's solicitations matter. */
static bool is_solicitation(const uint8_t *frame, size_t len, bool *is_ndp)
{
	static const size_t icmp6 = ETH_HEADER + 40;

	*is_ndp = len > icmp6 && frame[ETH_HEADER + 6] == IPPROTO_ICMPV6 && frame[icmp6] >= 133 &&
		  frame[icmp6] <= 137; /* RFC 4861 4 */
	return *is_ndp && frame[icmp6] == 135;
}

/* The origin of a conn that libslirp's packet begins: a peer that sends unasked. */
static struct conn_origin origin_of(const struct instance *instance)
{
	return (struct conn_origin){
		.opener = CONN_BY_PEER,
		.mac = instance->mac,
		.port_id = charge_port_id(instance->charge),
	};
}

static bool passes(struct instance *instance, const uint8_t *buf, size_t len)
{
	struct conntrack *conntrack = instance->env->nat.conntrack;
	const struct frame frame = {buf, (uint32_t)len};
	enum conntrack_answer answer;
	struct packet packet;
	enum drop_reason why;

	if (!packet_parse(&packet, &frame, &why))
		return true;
	answer = conntrack_to_guest(conntrack, &packet);
	if (answer == CONNTRACK_OPENS) {
		struct conn_origin origin = origin_of(instance);

		answer = conntrack_open_to_guest(conntrack, &packet, &origin);
	}
	return answer == CONNTRACK_PASS;
}

static ssize_t on_send_packet(const void *buf, size_t len, void *opaque)
{
	struct instance *instance = opaque;
	const struct frame frame = {buf, (uint32_t)len};
	bool is_ndp = false, wants = false;

	if (len < ETH_HEADER)
		return (ssize_t)len;
	if (frame_ethertype(&frame) == ETHERTYPE_ARP_)
		wants = is_ndp = true;
	else if (frame_ethertype(&frame) == ETHERTYPE_V6)
		wants = is_solicitation(buf, len, &is_ndp);
	if (wants) {
		instance->unresolved_until = on_clock(instance) / 1000 + USEC_PER_SEC;
		instance_set_dirty(instance);
	}
	/* The buffer is on libslirp's stack (if.c if_encap), valid for this call. */
	if (!is_ndp && passes(instance, buf, len))
		instance_to_guest(instance, buf, len);
	return (ssize_t)len;
}

static void on_guest_error(const char *message, void *opaque)
{
	static struct log_limit limit;

	log_limited(&limit, "libslirp: %s", message);
}

/* libslirp's one timer sends router advertisements; the gateway sends its own (ndp.h). */
static void *on_timer_new(SlirpTimerId id, void *cb_opaque, void *opaque)
{
	return opaque;
}

static void on_timer_free(void *timer, void *opaque)
{
}

static void on_timer_mod(void *timer, int64_t expire_time, void *opaque)
{
}

/*
 * Over its budget libslirp's socket() fails (instance_input()), and it reports the missing
 * descriptor: in UDP and ICMP before it uses it, in TCP when it closes it.
 */
static void count_over_budget(const struct instance *instance)
{
	struct port *port = vswitch_lookup(instance->env->nat.network->vswitch, instance->mac);

	if (port)
		port_drop(port, drop_reason_no_room(), 1);
}

static void on_register_fd(int fd, void *opaque)
{
	struct instance *instance = opaque;

	if (fd < 0) {
		count_over_budget(instance);
		return;
	}
	nat_fdset_claim(&instance->fds, fd);
	instance_set_dirty(instance);
}

static void on_unregister_fd(int fd, void *opaque)
{
	struct instance *instance = opaque;

	if (fd < 0) {
		count_over_budget(instance);
		return;
	}
	nat_fdset_release(&instance->fds, fd);
	instance_set_dirty(instance);
}

static void on_notify(void *opaque)
{
	instance_set_dirty(opaque);
}

static const SlirpCb callbacks = {
	.send_packet = on_send_packet,
	.guest_error = on_guest_error,
	.clock_get_ns = on_clock,
	.timer_free = on_timer_free,
	.timer_mod = on_timer_mod,
#if SLIRP_CHECK_VERSION(4, 9, 0)
	.register_poll_socket = on_register_fd,
	.unregister_poll_socket = on_unregister_fd,
#else
	.register_poll_fd = on_register_fd,
	.unregister_poll_fd = on_unregister_fd,
#endif
	.notify = on_notify,
	.timer_new_opaque = on_timer_new,
};

void instance_open_slirp(struct instance *instance, const struct user_config *config)
{
	const unsigned headers = (instance->v6 ? 40 : 20) + 20;
	const size_t if_mtu = SLIRP_MSS + headers;
	SlirpConfig slirp = {
		.version = CONFIG_VERSION,
		.in_enabled = !instance->v6,
		.vnetwork = config->net,
		.vnetmask.s_addr = htonl(~UINT32_C(0) << (32 - config->net_len)),
		.vhost = config->host,
		.in6_enabled = instance->v6,
		.vprefix_addr6 = config->net6,
		.vprefix_len = (uint8_t)config->net6_len,
		.vhost6 = config->host6,
		.vdhcp_start = config->dhcp_start,
		.vnameserver = config->dns,
		.vnameserver6 = config->dns6,
		.if_mtu = if_mtu,
		.if_mru = if_mtu,
		.disable_dhcp = true,
		.disable_dns = true,
	};

	if (outgoing_find(instance->env->nat.network, config, instance->mac, instance->v6,
			  &instance->outgoing)) {
		if (instance->v6)
			slirp.outbound_addr6 = &instance->outgoing.in6;
		else
			slirp.outbound_addr = &instance->outgoing.in;
	}
	instance->slirp = slirp_new(&slirp, &callbacks, instance);
}
