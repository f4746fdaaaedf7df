/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/other_gateway.h"
#include "guardbed.h"
#include "net/outbox.h"
#include "net/user_config.h"

/* Two gateways' ends of one wire: what one announces is given to the other. */
static struct outbox outbox;
static struct other_gateway self;
static struct user_config config;
static struct loop_task service;
static struct fakeport gateway;

static void serve(struct loop_task *task)
{
}

static void other_setup(void)
{
	setup();
	user_config_defaults(&config);
	config.host.s_addr = inet_addr("10.0.2.2");
	port_init(&gateway.port, &fakeport_ops, NULL, "gateway");
	gateway.port.trusted = true;
	vswitch_add_port(network->vswitch, &gateway.port);
	vswitch_add_port(network->vswitch, &a.port);
	outbox_init(&outbox, network->chunks, &gateway.port);
	loop_task_init(loop, &service, LOOP_SERVICE, serve);
	other_gateway_init(&self, network, &config, &outbox, &service);
}

static void other_teardown(void)
{
	other_gateway_clear(&self);
	loop_task_cancel(&service);
	outbox_fini(&outbox);
	vswitch_remove_port(&gateway.port);
	port_fini(&gateway.port);
	teardown();
}

static void put64(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (56 - 8 * i));
}

static uint8_t hello_bytes[OTHER_GATEWAY_FRAME];

static struct frame hello(uint64_t start, uint64_t id)
{
	uint8_t *p = hello_bytes;

	memset(p, 0, sizeof(hello_bytes));
	mac_write(p, MAC_BROADCAST);
	mac_write(p + MAC_LEN, MAC_B);
	p[12] = 0x88;
	p[13] = 0xb6;
	memcpy(p + 14, "usernet gateway\1", 16);
	put64(p + 30, start);
	put64(p + 38, id);
	memcpy(p + 46, (uint8_t[]){10, 0, 2, 4}, 4);
	return (struct frame){.data = p, .len = sizeof(hello_bytes)};
}

static unsigned n_troubles(const char *what)
{
	unsigned n = 0;

	list_for_each (trouble, troubles_list(network->troubles), struct trouble, link)
		n += trouble->kind == TROUBLE_OTHER_GATEWAY && !strcmp(trouble->what, what);
	return n;
}

START_TEST(frames_that_are_short_or_of_others_are_no_announcement)
{
	struct other_gateway_hello got;
	struct frame f = hello(5, 6);

	ck_assert(other_gateway_parse(&f, &got));
	ck_assert_uint_eq(got.start, 5);
	ck_assert_uint_eq(got.id, 6);
	ck_assert_uint_eq(got.addr.s_addr, inet_addr("10.0.2.4"));
	for (uint32_t len = FRAME_MIN; len < 50; len++) {
		g_autofree uint8_t *exact = g_memdup2(f.data, len); /* for a sanitizer */
		struct frame cut = {.data = exact, .len = len};

		ck_assert(!other_gateway_parse(&cut, &got));
	}
	hello_bytes[29] = 2; /* another version */
	ck_assert(!other_gateway_parse(&f, &got));
}
END_TEST

START_TEST(an_older_gateway_at_an_uplink_serves_dhcp)
{
	struct frame f = hello(self.start - 1, self.id);

	f = hello(self.start - 1, self.id + 1);
	a.port.uplink = true;
	other_gateway_input(&self, &a.port, &f);
	ck_assert(self.yields);
	ck_assert_uint_eq(n_troubles("there"), 1);
	ck_assert_uint_eq(outbox.n, 0);
	/* Its server messages pass, even from our MAC address; others do not. */
	put_ethernet(&t, MAC_B, MAC_GATEWAY, ETHERTYPE_V4);
	put_ip4(&t, IPPROTO_UDP, "10.0.2.2", "10.0.2.15");
	put_udp(&t, 67, 68);
	ck_assert(pass());
	a.port.uplink = false;
	assert_refused(DROP_BAD_SOURCE);
}
END_TEST

START_TEST(a_younger_gateway_is_answered)
{
	struct frame f = hello(self.start, self.id + 1);
	struct other_gateway_hello answer;

	a.port.uplink = true;
	other_gateway_input(&self, &a.port, &f);
	ck_assert(!self.yields);
	ck_assert_uint_eq(n_troubles("here"), 1);
	ck_assert_uint_eq(outbox.n, 1);
	ck_assert(other_gateway_parse(&outbox.frames[0], &answer));
	ck_assert_uint_eq(answer.start, self.start);
	/* It has an address of its own, as the other may have ours. */
	ck_assert_uint_eq(frame_src(&outbox.frames[0]), self.mac);
	other_gateway_input(&self, &a.port, &f);
	ck_assert_uint_eq(outbox.n, 1);
}
END_TEST

START_TEST(nothing_yields_to_a_guest)
{
	struct frame f = hello(1, 1);
	struct other_gateway_hello answer;

	other_gateway_input(&self, &a.port, &f);
	ck_assert(!self.yields);
	ck_assert_uint_eq(n_troubles("here"), 1);
	ck_assert(other_gateway_parse(&outbox.frames[0], &answer));
	ck_assert_uint_eq(answer.start, 0);
}
END_TEST

START_TEST(a_lost_gateway_is_replaced)
{
	struct frame f = hello(1, 1);

	a.port.uplink = true;
	other_gateway_input(&self, &a.port, &f);
	ck_assert(self.yields);
	self.timer.fire(&self.timer);
	ck_assert(self.yields);
	self.heard -= OTHER_GATEWAY_LOST;
	self.timer.fire(&self.timer);
	ck_assert(!self.yields);
}
END_TEST

START_TEST(frames_that_come_back_yield_to_nobody)
{
	struct frame f = hello(self.start, self.id);

	a.port.uplink = true;
	other_gateway_input(&self, &a.port, &f);
	ck_assert(!self.yields);
	ck_assert_uint_eq(outbox.n, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("other_gateway");
	TCase *tcase = tcase_create("other_gateway");

	tcase_add_checked_fixture(tcase, other_setup, other_teardown);
	tcase_add_test(tcase, frames_that_are_short_or_of_others_are_no_announcement);
	tcase_add_test(tcase, an_older_gateway_at_an_uplink_serves_dhcp);
	tcase_add_test(tcase, a_younger_gateway_is_answered);
	tcase_add_test(tcase, nothing_yields_to_a_guest);
	tcase_add_test(tcase, a_lost_gateway_is_replaced);
	tcase_add_test(tcase, frames_that_come_back_yield_to_nobody);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
