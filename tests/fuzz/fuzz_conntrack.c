/* SPDX-License-Identifier: BSD-3-Clause */
#include "bytes.h"
#include "harness.h"
#include "packets.h"

#include "conntrack/charge.h"
#include "conntrack/conntrack.h"
#include "net/network.h"
#include "net/user_config.h"
#include "net/vswitch.h"
#include "policy/table.h"

/*
 * conntrack beside a model of the policy. The input is a list of steps: rules come and go, and two
 * guests send packets. Nothing that the model forbids may pass, at any time; what it allows is not
 * denied by policy.
 */
#define STEPS_MAX 400

/* A rule, written twice: as text, and as the model knows it. */
struct model_rule {
	const char *text, *net; /* net NULL: every */
	unsigned len;           /* of 128 */
	uint8_t proto;
	uint16_t first, last;
};

static const struct model_rule rules[] = {
	{"*", NULL, 0, 0, 0, 65535},
	{"tcp:*", NULL, 0, IPPROTO_TCP, 0, 65535},
	{"*:53", NULL, 0, 0, 53, 53},
	{"icmp:*", NULL, 0, IPPROTO_ICMP, 0, 65535},
	{"10.0.0.0/8", "::ffff:10.0.0.0", 104, 0, 0, 65535},
	{"10.1.0.0/16:80..90", "::ffff:10.1.0.0", 112, 0, 80, 90},
	{"udp:10.1.2.0/24", "::ffff:10.1.2.0", 120, IPPROTO_UDP, 0, 65535},
	{"10.1.2.3", "::ffff:10.1.2.3", 128, 0, 0, 65535},
	{"tcp:10.1.2.3:443", "::ffff:10.1.2.3", 128, IPPROTO_TCP, 443, 443},
	{"0.0.0.0/0", "::ffff:0.0.0.0", 96, 0, 0, 65535},
	{"[fd00::/8]", "fd00::", 8, 0, 0, 65535},
	{"[fd00::1]:22", "fd00::1", 128, 0, 22, 22},
	{"tcp:[2001:db8::/32]:443", "2001:db8::", 32, IPPROTO_TCP, 443, 443},
};

/* Destinations; "as": the IPv4 address within, which is judged instead. */
static const struct {
	const char *text, *as;
} targets[] = {
	{"10.1.2.3", NULL},
	{"10.1.2.4", NULL},
	{"10.200.0.1", NULL},
	{"192.0.2.1", NULL},
	{"fd00::1", NULL},
	{"fd00::2", NULL},
	{"2001:db8::1", NULL},
	{"64:ff9b::10.1.2.3", "10.1.2.3"},
	{"2002:a01:203::1", "10.1.2.3"},
	{"64:ff9b::192.0.2.1", "192.0.2.1"},
};

static const uint16_t ports[] = {22, 53, 80, 443};

static enum { ABSENT, ALLOW, DENY } state[G_N_ELEMENTS(rules)];
static bool restricted;

static bool matches(const struct model_rule *rule, uint8_t proto, const struct in6_addr *dst,
		    uint16_t port)
{
	bool has_ports = proto == IPPROTO_TCP || proto == IPPROTO_UDP;
	struct in6_addr net;

	if (proto == IPPROTO_ICMPV6)
		proto = IPPROTO_ICMP;
	if (rule->proto && rule->proto != proto)
		return false;
	if ((rule->first || rule->last != 65535) &&
	    (!has_ports || port < rule->first || port > rule->last))
		return false;
	if (!rule->net)
		return true;
	inet_pton(AF_INET6, rule->net, &net);
	for (unsigned bit = 0; bit < rule->len; bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		if ((net.s6_addr[bit / 8] ^ dst->s6_addr[bit / 8]) & mask)
			return false;
	}
	return true;
}

static bool is_narrower(size_t a, size_t b)
{
	const struct model_rule *one = &rules[a], *two = &rules[b];
	int len = one->net ? (int)one->len : -1, other = two->net ? (int)two->len : -1;

	if (len != other)
		return len > other;
	if (one->last - one->first != two->last - two->first)
		return one->last - one->first < two->last - two->first;
	return one->proto && !two->proto;
}

static bool model_allows(uint8_t proto, const struct in6_addr *dst, uint16_t port)
{
	int best = -1;

	for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
		if (state[i] != ABSENT && matches(&rules[i], proto, dst, port) &&
		    (best < 0 || is_narrower(i, (size_t)best)))
			best = (int)i;
	}
	return best < 0 ? !restricted : state[best] == ALLOW;
}

static struct in6_addr address_of(const char *text)
{
	struct in6_addr addr;
	struct in_addr four;

	if (inet_pton(AF_INET, text, &four) == 1)
		return address_map4(four.s_addr);
	inet_pton(AF_INET6, text, &addr);
	return addr;
}

/* --- steps --- */

static struct port guests[2];
static struct conntrack *conntrack;

static void no_send(struct port *port, const struct frame *frames, size_t n)
{
}

static const struct port_ops ops = {.send = no_send};

static void change_rule(struct bytes *in)
{
	struct policy_table *table = conntrack_egress(conntrack);
	size_t i = bytes_8(in) % G_N_ELEMENTS(rules);
	bool allow = bytes_8(in) & 1;

	if (state[i] == ABSENT) {
		g_assert_true(policy_table_add(table, NULL, allow, rules[i].text, NULL));
		state[i] = allow ? ALLOW : DENY;
	} else {
		g_assert_true(
			policy_table_remove(table, NULL, state[i] == ALLOW, rules[i].text, NULL));
		state[i] = ABSENT;
	}
	conntrack_rejudge(conntrack);
	while (conntrack_next_reset(conntrack))
		;
}

static size_t put_some(struct bytes *in, uint8_t *frame, const struct ends *ends)
{
	static const uint8_t flags[] = {TCP_FLAG_SYN, TCP_FLAG_ACK, TCP_FLAG_ACK | TCP_FLAG_FIN,
					TCP_FLAG_RST};
	uint8_t what = bytes_8(in);

	switch (what & 3) {
	case 0:
		return put_udp(frame, ends, "x", 1);
	case 1:
		return put_echo(frame, ends, 8);
	default:
		return put_tcp(frame, ends, what, 0, flags[what >> 2 & 3], NULL, 0, NULL, 0);
	}
}

static void check_verdict(const struct packet *packet, const char *as, enum conntrack_answer answer,
			  const struct conn *conn, enum drop_reason why)
{
	struct in6_addr within = as ? address_of(as) : packet->dst;
	bool allowed = model_allows(packet->proto, &within, packet->dport);

	if (answer == CONNTRACK_PASS && conn)
		g_assert_true(allowed);
	if (answer == CONNTRACK_DROP && why == DROP_POLICY && conn_is_syn(packet))
		g_assert_false(allowed);
}

static void send_packet(struct bytes *in)
{
	uint8_t who = bytes_8(in), where = bytes_8(in);
	size_t target = where % G_N_ELEMENTS(targets);
	bool v6 = strchr(targets[target].text, ':');
	struct ends ends = {v6,
			    v6        ? who & 1 ? "fec0::16" : "fec0::15"
			    : who & 1 ? "10.0.2.16"
				      : "10.0.2.15",
			    targets[target].text, (uint16_t)(4000 + (who >> 1 & 3)),
			    ports[who >> 3 & 3]};
	enum drop_reason why = DROP_N_REASONS;
	enum conntrack_answer answer;
	struct conn *conn = NULL;
	struct packet packet;
	uint8_t frame[200];
	struct conn_key key;

	packet = parsed(frame, put_some(in, frame, &ends));
	if (conn_key_of(&key, &packet, CONN_FROM_GUEST))
		conn = conn_find(conntrack_conns(conntrack), &key);
	answer = conntrack_from_guest(conntrack, &guests[who & 1], 0x525400123450 + (who & 1),
				      &packet, false, &conn, &why);
	check_verdict(&packet, targets[target].as, answer, conn, why);
	/* A cut conn stays closed until the policy allows it again. */
	if (conn && conn->cut)
		g_assert_cmpint(answer, !=, CONNTRACK_PASS);
}

static void no_task(struct loop_task *task)
{
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = {data, data + size};
	struct loop *loop = loop_new(NULL);
	struct network *network = network_new(loop, "fuzz");
	struct charge_book *charges = charge_book_new(8);
	struct user_config config;
	struct loop_task service;

	user_config_defaults(&config);
	config.id = "nat";
	restricted = config.restricted = bytes_8(&in) & 1;
	config.offload = false; /* then conntrack follows the states of TCP itself */
	memset(state, 0, sizeof(state));
	g_assert_true(user_config_resolve(&config, NULL));
	loop_task_init(loop, &service, LOOP_SERVICE, no_task);
	conntrack = conntrack_new(network, &config, charges, &service, NULL);
	g_assert_nonnull(conntrack);
	for (unsigned i = 0; i < G_N_ELEMENTS(guests); i++) {
		port_init(&guests[i], &ops, NULL, "guest");
		vswitch_add_port(network->vswitch, &guests[i]);
	}
	for (unsigned i = 0; i < STEPS_MAX && bytes_left(&in); i++) {
		if (bytes_8(&in) & 3)
			send_packet(&in);
		else
			change_rule(&in);
	}
	conntrack_free(conntrack);
	for (unsigned i = 0; i < G_N_ELEMENTS(guests); i++) {
		vswitch_remove_port(&guests[i]);
		port_fini(&guests[i]);
	}
	charge_book_free(charges);
	loop_task_cancel(&service);
	network_free(network);
	loop_free(loop);
	return 0;
}
