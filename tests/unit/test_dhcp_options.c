/* SPDX-License-Identifier: BSD-3-Clause */
#include "dhcpbed.h"
#include "run_suite.h"

START_TEST(client_that_asks_for_nothing_is_told_all)
{
	get_lease(1, &port, "10.0.2.15");
	assert_ip(dhcp_option_addr(&msg, DHCP_OPT_NETMASK), "255.255.255.0");
	assert_ip(dhcp_option_addr(&msg, DHCP_OPT_ROUTER), "10.0.2.2");
	assert_ip(dhcp_option_addr(&msg, DHCP_OPT_DNS), "10.0.2.3");
	assert_ip(dhcp_option_addr(&msg, DHCP_OPT_BROADCAST), "10.0.2.255");
	ck_assert(!msg.present[DHCP_OPT_MTU]);
	ck_assert(!msg.present[DHCP_OPT_HOSTNAME]);
	assert_ip(msg.siaddr, "0.0.0.0");
}
END_TEST

START_TEST(configuration_is_told)
{
	static const char *const search[] = {"lan", "example.org", "not..a.name", NULL};

	config.mtu = 1400;
	config.hostname = "vm";
	config.domainname = "example.org";
	config.dnssearch = search;
	config.tftp_server_name = "boot.example.org";
	config.bootfile = "/ipxe.efi";
	get_lease(1, &port, "10.0.2.15");
	ck_assert_uint_eq(dhcp_option_u16(&msg, DHCP_OPT_MTU, 0), 1400);
	assert_text(DHCP_OPT_HOSTNAME, "vm");
	assert_text(DHCP_OPT_DOMAIN, "example.org");
	assert_text(DHCP_OPT_TFTP_NAME, "boot.example.org");
	assert_text(DHCP_OPT_BOOTFILE, "/ipxe.efi");
	assert_bytes(DHCP_OPT_SEARCH, "\3lan\0\7example\3org", 18);
	ck_assert_str_eq((char *)msg.file, "/ipxe.efi");
	assert_ip(msg.siaddr, "10.0.2.2");
}
END_TEST

START_TEST(options_come_in_the_clients_order)
{
	static const uint8_t wanted[] = {DHCP_OPT_DNS, DHCP_OPT_MTU, 250, DHCP_OPT_ROUTER,
					 DHCP_OPT_DNS};

	config.mtu = 1400;
	begin(1, DHCP_DISCOVER);
	sent_option(&m, DHCP_OPT_PARAMETERS, wanted, sizeof wanted);
	ck_assert(deliver(1));
	/* The options are in one area as received; check the bytes. */
	{
		static const uint8_t order[] = {
			DHCP_OPT_TYPE,   DHCP_OPT_SERVER_ID, DHCP_OPT_LEASE_TIME, DHCP_OPT_T1,
			DHCP_OPT_T2,     DHCP_OPT_NETMASK,   DHCP_OPT_DNS,        DHCP_OPT_MTU,
			DHCP_OPT_ROUTER, DHCP_OPT_END};
		const uint8_t *p = out + DHCP_HEADERS + DHCP_FIXED_LEN + 4;

		for (unsigned i = 0; i < sizeof order; i++, p += 2 + p[1])
			ck_assert_uint_eq(*p, order[i]);
	}
}
END_TEST

START_TEST(restricted_network_has_a_name_server_and_no_router)
{
	config.restricted = true;
	get_lease(1, &port, "10.0.2.15");
	ck_assert(!msg.present[DHCP_OPT_ROUTER]);
	ck_assert(msg.present[DHCP_OPT_DNS]);
	ck_assert(msg.present[DHCP_OPT_NETMASK]);
}
END_TEST

START_TEST(lease_time_asked_for_is_given_up_to_ours)
{
	static const uint8_t short_time[] = {0, 0, 1, 44}, long_time[] = {0x7f, 0, 0, 0},
			     no_time[4] = {0};

	begin(1, DHCP_DISCOVER);
	sent_option(&m, DHCP_OPT_LEASE_TIME, short_time, 4);
	ck_assert(deliver(1));
	ck_assert_uint_eq(dhcp_option_u32(&msg, DHCP_OPT_LEASE_TIME, 0), 300);
	begin(1, DHCP_DISCOVER);
	sent_option(&m, DHCP_OPT_LEASE_TIME, long_time, 4);
	ck_assert(deliver(1));
	ck_assert_uint_eq(dhcp_option_u32(&msg, DHCP_OPT_LEASE_TIME, 0), 86400);
	begin(1, DHCP_DISCOVER);
	sent_option(&m, DHCP_OPT_LEASE_TIME, no_time, 4);
	ck_assert(deliver(1));
	ck_assert_uint_eq(dhcp_option_u32(&msg, DHCP_OPT_LEASE_TIME, 0), 60);
}
END_TEST

START_TEST(infinite_lease_is_never_renewed)
{
	config.lease_time = UINT32_MAX;
	get_lease(1, &port, "10.0.2.15");
	ck_assert_uint_eq(dhcp_option_u32(&msg, DHCP_OPT_LEASE_TIME, 0), UINT32_MAX);
	ck_assert(!msg.present[DHCP_OPT_T1]);
	ck_assert_int_eq(lease_next_end(dhcp_leases(dhcp)), LEASE_FOREVER);
}
END_TEST

START_TEST(answers_keep_to_the_clients_size)
{
	static const char *search[40];
	static const uint8_t size[] = {1472 >> 8, 1472 & 0xff}, tiny[] = {0, 10};
	static char name[64];

	memset(name, 'n', 40);
	for (unsigned i = 0; i < 20; i++)
		search[i] = name;
	config.dnssearch = search;
	begin(1, DHCP_DISCOVER);
	ck_assert(deliver(1));
	ck_assert_uint_le(out[16] << 8 | out[17], 576);
	ck_assert(!msg.present[DHCP_OPT_SEARCH]);
	ck_assert(msg.present[DHCP_OPT_ROUTER]);
	begin(1, DHCP_DISCOVER);
	sent_option(&m, DHCP_OPT_MAX_SIZE, tiny, 2);
	ck_assert(deliver(1));
	ck_assert(msg.present[DHCP_OPT_ROUTER]);
	begin(1, DHCP_DISCOVER);
	sent_option(&m, DHCP_OPT_MAX_SIZE, size, 2);
	ck_assert(deliver(1));
	ck_assert_uint_le(out[16] << 8 | out[17], 1472);
	ck_assert_uint_eq(msg.len[DHCP_OPT_SEARCH], 20 * 42);
	begin(1, DHCP_DISCOVER);
	sent_option(&m, DHCP_OPT_MAX_SIZE, "\377\377", 2);
	ck_assert(deliver(1));
	ck_assert_uint_le(out[16] << 8 | out[17], 1500);
}
END_TEST

START_TEST(client_identifier_is_echoed)
{
	begin(1, DHCP_DISCOVER);
	sent_option(&m, DHCP_OPT_CLIENT_ID, "\377some-duid", 10);
	ck_assert(deliver(1));
	assert_bytes(DHCP_OPT_CLIENT_ID, "\377some-duid", 10);
}
END_TEST

START_TEST(fqdn_is_answered_in_its_own_encoding)
{
	config.domainname = "lan";
	begin(1, DHCP_REQUEST);
	sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "10.0.2.15");
	sent_option(&m, DHCP_OPT_FQDN, "\5\0\0\3WEB\7example\0", 16);
	ck_assert(deliver(1));
	assert_bytes(DHCP_OPT_FQDN, "\5\377\377\3web\3lan\0", 12);
	ck_assert_str_eq(outcome.hostname, "web");
	begin(1, DHCP_REQUEST);
	sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "10.0.2.15");
	sent_option(&m, DHCP_OPT_FQDN, "\0\0\0db.example", 13);
	ck_assert(deliver(1));
	assert_bytes(DHCP_OPT_FQDN, "\3\377\377db.lan", 9);
	ck_assert_str_eq(outcome.hostname, "db");
	/* Truncated, or with an overlong label: as if absent. */
	for (size_t len = 0; len < 5; len++) {
		begin(1, DHCP_REQUEST);
		sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "10.0.2.15");
		sent_option(&m, DHCP_OPT_FQDN, "\4\0\0\300a", len);
		ck_assert(deliver(1));
	}
}
END_TEST

START_TEST(hostnames_are_cleaned)
{
	static const struct {
		const char *sent, *is;
	} names[] = {
		{"web", "web"},
		{"WEB.example.org", "web"},
		{"my_vm 1", "my-vm-1"},
		{"-a-", "a"},
		{"a;rm -rf", "arm--rf"},
		{"\033[31m", "31m"},
		{"\303\244", ""},
		{"...", ""},
		{"localhost.localdomain", ""},
		/* Names that guests must not claim. */
		{"DNS", ""},
		{"wpad.lan", ""},
		{"isatap", ""},
		{"_gateway", ""},
		{"autodiscover", ""},
		{"wpad2", "wpad2"},
	};
	char many[201];

	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
		restart();
		begin(1, DHCP_REQUEST);
		sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "10.0.2.15");
		sent_option(&m, DHCP_OPT_HOSTNAME, names[i].sent, strlen(names[i].sent));
		ck_assert(deliver(1));
		ck_assert_str_eq(outcome.hostname, names[i].is);
	}
	memset(many, 'x', 200);
	begin(1, DHCP_REQUEST);
	sent_addr(&m, DHCP_OPT_REQUESTED_ADDR, "10.0.2.15");
	sent_option(&m, DHCP_OPT_HOSTNAME, many, 200);
	ck_assert(deliver(1));
	ck_assert_uint_eq(strlen(outcome.hostname), 63);
}
END_TEST

/* --- network boot --- */

static const uint8_t uefi_wants[] = {DHCP_OPT_ROUTER, DHCP_OPT_VENDOR, DHCP_OPT_CLASS,
				     DHCP_OPT_TFTP_NAME, DHCP_OPT_BOOTFILE};

/* DISCOVER of @class, for the architecture @arch. */
static void boots(const char *class, uint8_t arch)
{
	const uint8_t archs[] = {0, arch};

	begin(1, DHCP_DISCOVER);
	sent_option(&m, DHCP_OPT_PARAMETERS, uefi_wants, sizeof uefi_wants);
	if (class)
		sent_option(&m, DHCP_OPT_CLASS, class, strlen(class));
	sent_option(&m, DHCP_OPT_ARCH, archs, sizeof archs);
	ck_assert(deliver(1));
}

START_TEST(http_client_is_told_its_class_with_a_url)
{
	config.bootfile = "http://10.0.2.2:8000/x64.efi";
	boots("HTTPClient:Arch:00016:UNDI:003016", 16);
	assert_text(DHCP_OPT_CLASS, "HTTPClient");
	assert_text(DHCP_OPT_BOOTFILE, config.bootfile);
	ck_assert(!msg.present[DHCP_OPT_VENDOR]);
	config.bootfile = "x64.efi";
	boots("HTTPClient:Arch:00016:UNDI:003016", 16);
	ck_assert(!msg.present[DHCP_OPT_CLASS]);
}
END_TEST

START_TEST(pxe_client_that_asks_is_told_to_boot_the_file)
{
	boots("PXEClient:Arch:00007:UNDI:003016", 7);
	ck_assert(!msg.present[DHCP_OPT_CLASS]); /* nothing to boot */
	config.bootfile = "x64.efi";
	boots("PXEClient:Arch:00007:UNDI:003016", 7);
	assert_text(DHCP_OPT_CLASS, "PXEClient");
	assert_bytes(DHCP_OPT_VENDOR, "\6\1\10\377", 4);
	boots(NULL, 7);
	ck_assert(!msg.present[DHCP_OPT_CLASS]);
	ck_assert(!msg.present[DHCP_OPT_VENDOR]);
	begin(1, DHCP_DISCOVER);
	sent_option(&m, DHCP_OPT_CLASS, "PXEClient", 9);
	sent_option(&m, DHCP_OPT_PARAMETERS, uefi_wants, 1);
	ck_assert(deliver(1));
	ck_assert(!msg.present[DHCP_OPT_CLASS]);
}
END_TEST

START_TEST(boot_file_follows_architecture)
{
	static const struct boot_file files[] = {{0, "pxelinux.0"},
						 {7, "x64.efi"},
						 {16, "http://boot/x64.efi"},
						 {BOOT_ARCH_IPXE, "menu.ipxe"},
						 {0, NULL}};
	static const struct {
		uint8_t arch;
		const char *file;
	} cases[] = {{0, "pxelinux.0"},
		     {7, "x64.efi"},
		     {9, "x64.efi"},
		     {11, "other"},
		     {16, "http://boot/x64.efi"}};

	config.bootfile = "other";
	config.boot_files = files;
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		boots(NULL, cases[i].arch);
		assert_text(DHCP_OPT_BOOTFILE, cases[i].file);
		ck_assert_str_eq((char *)msg.file, cases[i].file);
		assert_ip(msg.siaddr, "10.0.2.2");
	}
	/* The first of several architectures with a file. */
	begin(1, DHCP_DISCOVER);
	sent_option(&m, DHCP_OPT_ARCH, "\0\13\0\7\0\0", 6);
	ck_assert(deliver(1));
	assert_text(DHCP_OPT_BOOTFILE, "x64.efi");
	/* iPXE, loaded by the firmware. */
	begin(1, DHCP_DISCOVER);
	sent_option(&m, DHCP_OPT_ARCH, "\0\7", 2);
	sent_option(&m, DHCP_OPT_USER_CLASS, "iPXE", 4);
	ck_assert(deliver(1));
	assert_text(DHCP_OPT_BOOTFILE, "menu.ipxe");
	/* A client without an architecture. */
	begin(1, DHCP_DISCOVER);
	ck_assert(deliver(1));
	assert_text(DHCP_OPT_BOOTFILE, "other");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dhcp_options");
	TCase *tcase = tcase_create("dhcp_options");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, client_that_asks_for_nothing_is_told_all);
	tcase_add_test(tcase, configuration_is_told);
	tcase_add_test(tcase, options_come_in_the_clients_order);
	tcase_add_test(tcase, restricted_network_has_a_name_server_and_no_router);
	tcase_add_test(tcase, lease_time_asked_for_is_given_up_to_ours);
	tcase_add_test(tcase, infinite_lease_is_never_renewed);
	tcase_add_test(tcase, answers_keep_to_the_clients_size);
	tcase_add_test(tcase, client_identifier_is_echoed);
	tcase_add_test(tcase, fqdn_is_answered_in_its_own_encoding);
	tcase_add_test(tcase, hostnames_are_cleaned);
	tcase_add_test(tcase, http_client_is_told_its_class_with_a_url);
	tcase_add_test(tcase, pxe_client_that_asks_is_told_to_boot_the_file);
	tcase_add_test(tcase, boot_file_follows_architecture);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
