/* SPDX-License-Identifier: BSD-3-Clause */
#include "vswitchbed.h"

#include "run_suite.h"

/* a is in VLAN 10, b carries 10 and 20 with tags, c is open. */
static void set_up_vlans(void)
{
	struct vlan_set set = {0};

	ck_assert(vlan_set_parse(&set, "10;20"));
	netdev_set_vlans(&lan, 0, &set);
	b.port.vlans = (struct vlans){.filters = true, .set = lan.vlans.set};
	a.port.vlans = (struct vlans){.own = 10, .filters = true};
	c.port.vlans = (struct vlans){0};
}

/* A plain frame with a tag. */
static struct frame tagged_frame(struct testframe *frame, mac_t dst, mac_t src, uint16_t vlan)
{
	put_ethernet(frame, dst, src, 0x8100);
	put16(frame, vlan);
	put16(frame, ETHERTYPE_V4);
	put_ip4(frame, 6, "10.0.2.15", "10.0.2.16");
	put_bytes(frame, NULL, 68 - frame->len);
	return finish(frame);
}

static void input_tagged(struct fakeport *from, mac_t dst, mac_t src, uint16_t vlan)
{
	struct frame f = tagged_frame(&t[0], dst, src, vlan);

	vswitch_input(&from->port, &f, 1);
}

static void assert_tag(const struct fakeport *port, size_t i, unsigned vlan)
{
	const struct frame *f = &port->frames[i];

	ck_assert_uint_gt(port->n, i);
	ck_assert_uint_eq(vlan_is_tagged(f) ? vlan_of_tag(f) : 0, vlan);
	ck_assert_uint_eq(f->len, vlan ? 68 : 64);
	ck_assert_uint_eq((unsigned)f->data[-1], f->len);
	/* IPv4 follows the ethernet header or the tag. */
	ck_assert_uint_eq(f->data[f->len - 64 + 12], 0x08);
	ck_assert_uint_eq(f->data[f->len - 64 + 14], 0x45);
}

START_TEST(untagged_frame_gets_the_tag_of_its_vlan)
{
	set_up_vlans();
	input(&a, MAC_BROADCAST, MAC_A);
	assert_tag(&b, 0, 10);
	assert_tag(&c, 0, 10);
	ck_assert_uint_eq(frame_src(&b.frames[0]), MAC_A);
	ck_assert_uint_eq(frame_dst(&b.frames[0]), MAC_BROADCAST);
}
END_TEST

START_TEST(tag_goes_where_the_vlan_is_untagged)
{
	set_up_vlans();
	input_tagged(&b, MAC_BROADCAST, MAC_B, 10);
	assert_tag(&a, 0, 0);
	assert_tag(&c, 0, 10);
	ck_assert_uint_eq(frame_src(&a.frames[0]), MAC_B);
}
END_TEST

START_TEST(vlan_that_a_port_lacks_does_not_pass)
{
	set_up_vlans();
	input_tagged(&b, MAC_BROADCAST, MAC_B, 20);
	ck_assert_uint_eq(a.n, 0);
	assert_tag(&c, 0, 20);
	input_tagged(&b, MAC_BROADCAST, MAC_B, 30);
	input_tagged(&a, MAC_BROADCAST, MAC_A, 20);
	ck_assert_uint_eq(b.port.count.drops[DROP_VLAN], 1);
	ck_assert_uint_eq(a.port.count.drops[DROP_VLAN], 1);
	ck_assert_uint_eq(c.n, 1);
}
END_TEST

START_TEST(station_belongs_to_its_vlan)
{
	set_up_vlans();
	/* One MAC in two VLANs, at two ports. */
	input_tagged(&b, MAC_BROADCAST, MAC_B, 20);
	input(&c, MAC_BROADCAST, MAC_B);
	ck_assert_ptr_eq(vswitch_lookup_in(network->vswitch, 20, MAC_B), &b.port);
	ck_assert_ptr_eq(vswitch_lookup(network->vswitch, MAC_B), &c.port);
	fakeport_clear(&b);
	input_tagged(&c, MAC_B, MAC_C, 20);
	assert_tag(&b, 0, 20);
}
END_TEST

START_TEST(two_vlans_of_one_run_are_kept_apart)
{
	struct frame f[2];

	set_up_vlans();
	f[0] = tagged_frame(&t[0], MAC_BROADCAST, MAC_C, 10);
	f[1] = tagged_frame(&t[1], MAC_BROADCAST, MAC_C, 20);
	vswitch_input(&c.port, f, 2);
	ck_assert_uint_eq(a.n, 1);
	assert_tag(&a, 0, 0);
	assert_tag(&b, 0, 10);
	assert_tag(&b, 1, 20);
}
END_TEST

START_TEST(open_ports_pass_tags_uncopied)
{
	struct frame f;

	learn_all();
	f = tagged_frame(&t[0], MAC_BROADCAST, MAC_A, 99);
	vswitch_input(&a.port, &f, 1);
	ck_assert_ptr_eq(b.frames[0].data, f.data);
	f = tagged_frame(&t[1], MAC_BROADCAST, MAC_A, 0);
	vswitch_input(&a.port, &f, 1);
	ck_assert_ptr_eq(b.frames[1].data, f.data);
}
END_TEST

/* Behind an untagged port there may be another switch, to which the second tag is the first. */
START_TEST(second_tag_is_not_brought_out)
{
	struct vlan_set twenty = {0};
	struct frame f;

	set_up_vlans();
	ck_assert(vlan_set_parse(&twenty, "20"));
	a.port.vlans.set = &twenty;
	put_ethernet(&t[0], MAC_BROADCAST, MAC_C, 0x8100);
	put16(&t[0], 10);
	put16(&t[0], 0x8100);
	put16(&t[0], 20);
	put16(&t[0], ETHERTYPE_V4);
	put_ip4(&t[0], 6, "10.0.2.15", "10.0.2.16");
	put_bytes(&t[0], NULL, 68 - t[0].len);
	f = finish(&t[0]);
	vswitch_input(&c.port, &f, 1);
	ck_assert_uint_eq(a.n, 0);
	ck_assert_uint_eq(a.port.count.drops[DROP_VLAN], 1);
	ck_assert_ptr_eq(b.frames[0].data, f.data);
}
END_TEST

START_TEST(list_of_vlans_is_checked)
{
	static const char *const wrong[] = {"", "0", "4095", "a", "5..", "9..3", "1;;2", "1-2"};
	struct vlan_set set = {0};

	ck_assert(vlan_set_parse(&set, "1;5..7;4094"));
	ck_assert(vlan_set_has(&set, 1) && vlan_set_has(&set, 6) && vlan_set_has(&set, 4094));
	ck_assert(!vlan_set_has(&set, 2) && !vlan_set_has(&set, 8));
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
		ck_assert_msg(!vlan_set_parse(&set, wrong[i]), "%s", wrong[i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vlan");
	TCase *tcase = tcase_create("vlan");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, untagged_frame_gets_the_tag_of_its_vlan);
	tcase_add_test(tcase, tag_goes_where_the_vlan_is_untagged);
	tcase_add_test(tcase, vlan_that_a_port_lacks_does_not_pass);
	tcase_add_test(tcase, station_belongs_to_its_vlan);
	tcase_add_test(tcase, two_vlans_of_one_run_are_kept_apart);
	tcase_add_test(tcase, second_tag_is_not_brought_out);
	tcase_add_test(tcase, open_ports_pass_tags_uncopied);
	tcase_add_test(tcase, list_of_vlans_is_checked);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
