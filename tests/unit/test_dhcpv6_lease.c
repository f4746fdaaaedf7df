/* SPDX-License-Identifier: BSD-3-Clause */
#include "dhcpv6bed.h"
#include "run_suite.h"

/* --- addresses --- */

static const uint8_t no_addrs[] = {0, 13, 0, 2, 0, 2};
static const uint8_t no_binding[] = {0, 13, 0, 2, 0, 3};

/* An association of client @n, with @addr where there is one. */
static void association(const char *addr)
{
	uint8_t value[12 + 28] = {1, 2, 3, 4};

	packet_put16(value + 12, 5);
	packet_put16(value + 14, 24);
	if (addr)
		inet_pton(AF_INET6, addr, value + 16);
	option(3, value, addr ? sizeof value : 12);
}

static void from_client(uint8_t type, unsigned n)
{
	uint8_t duid[sizeof their_duid];

	memcpy(duid, their_duid, sizeof duid);
	duid[9] = (uint8_t)n;
	begin(type);
	option(1, duid, sizeof duid);
	if (type == 3 || type == 5 || type == 8 || type == 9)
		option(2, our_duid, sizeof our_duid);
}

/* The answer's one address, valid for @valid seconds. */
static const char *given(uint32_t valid)
{
	static char text[INET6_ADDRSTRLEN];
	size_t len;
	const uint8_t *value = find(3, &len);

	ck_assert_ptr_nonnull(value);
	ck_assert_mem_eq(value, ia, 4);
	ck_assert_uint_ge(len, 12 + 28);
	ck_assert_uint_eq(packet_u16(value + 12), 5);
	ck_assert_uint_eq(packet_u32(value + 12 + 4 + 20), valid);
	return inet_ntop(AF_INET6, value + 16, text, sizeof text);
}

static void assert_refused(const uint8_t status[6])
{
	size_t len;
	const uint8_t *value = find(3, &len);

	ck_assert_ptr_nonnull(value);
	ck_assert_uint_eq(len, 18);
	ck_assert_mem_eq(value + 12, status, 6);
}

/* SOLICIT and REQUEST: returns the address. */
static char *get(unsigned n)
{
	g_autofree char *offered = NULL;

	from_client(1, n);
	association(NULL);
	ck_assert(deliver());
	assert_type(2);
	offered = g_strdup(given(86400));
	ck_assert_uint_eq(outcome.n_granted, 0);
	from_client(3, n);
	association(offered);
	ck_assert(deliver());
	assert_type(7);
	ck_assert_str_eq(given(86400), offered);
	ck_assert_uint_eq(outcome.n_granted, 1);
	return g_steal_pointer(&offered);
}

START_TEST(client_gets_an_address_of_the_range_and_keeps_it)
{
	g_autofree char *first = NULL, *again = NULL, *second = NULL;
	struct in6_addr addr;

	give_addresses(0x1fff);
	first = get(1);
	inet_pton(AF_INET6, first, &addr);
	ck_assert_uint_eq(addr.s6_addr[14] >> 4, 1);
	second = get(2);
	ck_assert_str_ne(first, second);
	from_client(5, 1);
	association(first);
	ck_assert(deliver());
	ck_assert_str_eq(given(86400), first);
	/* The same in another process. */
	give_addresses(0x1fff);
	again = get(1);
	ck_assert_str_eq(first, again);
}
END_TEST

START_TEST(rapid_commit_takes_two_messages)
{
	give_addresses(0x1fff);
	from_client(1, 1);
	option(14, "", 0);
	association("fec0::1234");
	ck_assert(deliver());
	assert_type(7);
	assert_option(14, "", 0);
	ck_assert_str_eq(given(86400), "fec0::1234");
	ck_assert_uint_eq(outcome.n_granted, 1);
}
END_TEST

START_TEST(renewal_of_an_unknown_address_is_granted_when_it_is_free)
{
	give_addresses(0x1fff);
	from_client(5, 1);
	association("fec0::1234");
	ck_assert(deliver());
	ck_assert_str_eq(given(86400), "fec0::1234");
	from_client(6, 2);
	association("fec0::1234");
	ck_assert(deliver());
	assert_refused(no_binding);
	from_client(5, 3);
	association("2001:db8::1");
	ck_assert(deliver());
	assert_refused(no_binding);
	/* Another address beside its own gets lifetime 0. */
	from_client(5, 1);
	association("fec0::1111");
	ck_assert(deliver());
	ck_assert_str_eq(given(86400), "fec0::1234");
	{
		size_t len;
		const uint8_t *value = find(3, &len);

		ck_assert_uint_eq(len, 12 + 2 * 28);
		ck_assert_uint_eq(packet_u32(value + 12 + 28 + 4 + 20), 0);
	}
}
END_TEST

START_TEST(confirm_says_whether_the_address_is_of_this_link)
{
	give_addresses(0x1fff);
	from_client(4, 1);
	association("fec0::99");
	ck_assert(deliver());
	assert_type(7);
	assert_option(13, "\0\0", 2);
	from_client(4, 1);
	association("2001:db8::1");
	ck_assert(deliver());
	assert_option(13, "\0\4", 2);
	from_client(4, 1);
	association(NULL);
	ck_assert(!deliver());
}
END_TEST

START_TEST(released_address_is_free_and_declined_one_rests)
{
	g_autofree char *addr = NULL;

	give_addresses(0x1000); /* one address */
	addr = get(1);
	from_client(1, 2);
	association(NULL);
	ck_assert(deliver());
	assert_refused(no_addrs);
	ck_assert_str_eq(outcome.refused, "no address is free");
	from_client(8, 2);
	association(addr);
	ck_assert(deliver());
	assert_refused(no_binding); /* another's */
	from_client(8, 1);
	association(addr);
	ck_assert(deliver());
	assert_option(13, "\0\0", 2);
	assert_absent(3);
	g_free(get(2));
	from_client(9, 2);
	association(addr);
	ck_assert(deliver());
	assert_option(13, "\0\0", 2);
	assert_absent(3);
	from_client(1, 1);
	association(NULL);
	ck_assert(deliver());
	assert_refused(no_addrs);
}
END_TEST

START_TEST(one_port_leaves_addresses_to_others)
{
	unsigned given_out = 0;

	give_addresses(0x103f);
	for (unsigned i = 0; i < 200; i++) {
		from_client(1, i);
		option(14, "", 0);
		association(NULL);
		ck_assert(deliver());
		given_out += outcome.n_granted;
	}
	ck_assert_uint_eq(given_out, LEASE_SHARE);
	from_client(1, 201);
	association(NULL);
	ck_assert(deliver_from(&other));
	ck_assert_ptr_nonnull(given(86400));
}
END_TEST

/* --- boot --- */

static void assert_text(uint16_t code, const char *text)
{
	assert_option(code, text, strlen(text));
}

START_TEST(boot_file_is_told_as_a_url)
{
	static const char *const params[] = {"console=ttyS0", "quiet", NULL};

	begin(11);
	option(6, "\0\27\0\30\0\73\0\74", 8);
	ck_assert(deliver());
	assert_absent(59);
	config.bootfile = "/boot/grub.efi";
	config.boot_params = params;
	ck_assert(deliver());
	assert_text(59, "tftp://[fec0::2]/boot/grub.efi");
	assert_option(60, "\0\15console=ttyS0\0\5quiet", 22);
	config.tftp_server_name = "10.0.2.30";
	ck_assert(deliver());
	assert_text(59, "tftp://[fec0::2]/boot/grub.efi");
	config.tftp_server_name = "fec0::30";
	ck_assert(deliver());
	assert_text(59, "tftp://[fec0::30]/boot/grub.efi");
	config.tftp_server_name = "boot.lan";
	ck_assert(deliver());
	assert_text(59, "tftp://boot.lan/boot/grub.efi");
	config.bootfile = "http://[fec0::2]:8000/grub.efi";
	ck_assert(deliver());
	assert_text(59, "http://[fec0::2]:8000/grub.efi");
	assert_absent(16);
}
END_TEST

START_TEST(boot_file_follows_architecture_and_class)
{
	static const struct boot_file files[] = {
		{7, "x64.efi"}, {16, "http://boot/x64.efi"}, {BOOT_ARCH_IPXE, "menu.ipxe"}, {0}};

	config.bootfile = "other";
	config.boot_files = files;
	begin(11);
	option(61, "\0\7", 2);
	ck_assert(deliver());
	assert_text(59, "tftp://[fec0::2]/x64.efi");
	option(15, "\0\4iPXE", 6);
	ck_assert(deliver());
	assert_text(59, "tftp://[fec0::2]/menu.ipxe");
	begin(11);
	option(61, "\0\13", 2);
	ck_assert(deliver());
	assert_text(59, "tftp://[fec0::2]/other");
	begin(11);
	option(61, "\0\20", 2);
	option(16, "\0\0\1\127\0\41HTTPClient:Arch:00016:UNDI:003016", 4 + 2 + 33);
	ck_assert(deliver());
	assert_text(59, "http://boot/x64.efi");
	assert_option(16, "\0\0\1\127\0\12HTTPClient", 16);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dhcpv6_lease");
	TCase *tc = tcase_create("dhcpv6_lease");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, client_gets_an_address_of_the_range_and_keeps_it);
	tcase_add_test(tc, rapid_commit_takes_two_messages);
	tcase_add_test(tc, renewal_of_an_unknown_address_is_granted_when_it_is_free);
	tcase_add_test(tc, confirm_says_whether_the_address_is_of_this_link);
	tcase_add_test(tc, released_address_is_free_and_declined_one_rests);
	tcase_add_test(tc, one_port_leaves_addresses_to_others);
	tcase_add_test(tc, boot_file_is_told_as_a_url);
	tcase_add_test(tc, boot_file_follows_architecture_and_class);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
