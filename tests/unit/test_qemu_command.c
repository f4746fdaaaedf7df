/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/qemu_command.h"

#include "run_suite.h"
#include "tools/qemu_netdev.h"

#define MAC "52:54:00:00:00:01"

/* The command line that comes of @text, whose words are separated by blanks. */
static char *moved(const char *text, struct qemu_command **command)
{
	g_auto(GStrv) argv = g_strsplit(text, " ", -1);
	g_auto(GStrv) out = NULL;

	*command = qemu_command_read(argv);
	out = qemu_command_write(*command, "NETDEV", "virtio-net-pci", MAC);
	return g_strjoinv(" ", out);
}

static void expect_moved(const char *text, const char *expected)
{
	struct qemu_command *command;
	g_autofree char *got = moved(text, &command);

	ck_assert_str_eq(got, expected);
	qemu_command_free(command);
}

START_TEST(netdev_and_device_are_added_to_a_line_without_network)
{
	expect_moved("q -m 512 disk.img", "q -m 512 disk.img -netdev NETDEV -device "
					  "virtio-net-pci,netdev=usernet,mac=" MAC);
}
END_TEST

START_TEST(netdev_user_is_replaced_and_its_device_gets_the_mac)
{
	expect_moved("q -netdev user,id=n0 -device e1000,netdev=n0 -m 1",
		     "q -netdev NETDEV -device e1000,netdev=n0,mac=" MAC " -m 1");
	expect_moved("q --device e1000,netdev=n0 --netdev user,id=n0",
		     "q --device e1000,netdev=n0,mac=" MAC " -netdev NETDEV");
	expect_moved("q -netdev user,id=n0 -net nic,netdev=n0",
		     "q -netdev NETDEV -net nic,netdev=n0,macaddr=" MAC);
}
END_TEST

START_TEST(mac_of_the_line_is_kept_and_told)
{
	struct qemu_command *command;
	g_autofree char *got = moved("q -netdev user,id=a -device x,netdev=b,mac=9 -device "
				     "e1000,netdev=a,mac=02:00:00:00:00:09",
				     &command);

	ck_assert_str_eq(got, "q -netdev NETDEV -device x,netdev=b,mac=9 -device "
			      "e1000,netdev=a,mac=02:00:00:00:00:09");
	ck_assert_str_eq(command->mac, "02:00:00:00:00:09");
	ck_assert_str_eq(command->id, "a");
	qemu_command_free(command);
}
END_TEST

START_TEST(nic_user_becomes_a_netdev_and_a_card_that_qemu_chooses)
{
	expect_moved("q -nic user", "q -netdev NETDEV -net nic,netdev=usernet,macaddr=" MAC);
	expect_moved("q -nic user,model=rtl8139,id=n,hostfwd=tcp::1-:2 x",
		     "q -netdev NETDEV -net nic,netdev=n,macaddr=" MAC ",model=rtl8139 x");
}
END_TEST

START_TEST(net_user_is_joined_with_its_net_nic)
{
	expect_moved("q -net nic,model=e1000 -net user,hostfwd=tcp::1-:2",
		     "q -net nic,model=e1000,netdev=usernet,macaddr=" MAC " -netdev NETDEV");
	expect_moved("q -net user", "q -netdev NETDEV -net nic,netdev=usernet,macaddr=" MAC);
}
END_TEST

START_TEST(other_netdevs_stay)
{
	struct qemu_command *command;
	g_autofree char *got =
		moved("q -netdev tap,id=t -netdev user,id=a -netdev user,id=b -nic none", &command);

	ck_assert_str_eq(got, "q -netdev tap,id=t -netdev NETDEV -netdev user,id=b -nic none");
	ck_assert_uint_eq(command->left->len, 1);
	ck_assert_str_eq(command->left->pdata[0], "the user netdev number two, user,id=b");
	qemu_command_free(command);
}
END_TEST

START_TEST(rules_and_keys_are_told_apart)
{
	struct qemu_command *command;
	g_autofree char *got =
		moved("q -name guest=web,process=x -M microvm,a=b -netdev "
		      "user,id=n,hostfwd=tcp::2222-:22,hostfwd=udp::53-:53,guestfwd="
		      "tcp:10.0.2.100:80-cmd:cat,,x,net=10.9.0.0/24,ipv4=on,restrict=y",
		      &command);

	ck_assert_ptr_nonnull(got);
	ck_assert_uint_eq(command->hostfwd->len, 2);
	ck_assert_str_eq(command->hostfwd->pdata[1], "udp::53-:53");
	ck_assert_uint_eq(command->guestfwd->len, 1);
	ck_assert_str_eq(command->guestfwd->pdata[0], "tcp:10.0.2.100:80-cmd:cat,x");
	ck_assert_uint_eq(command->left->len, 1);
	ck_assert_str_eq(command->left->pdata[0], "net=10.9.0.0/24");
	ck_assert(command->restricted);
	ck_assert_str_eq(command->name, "web");
	ck_assert_str_eq(command->machine, "microvm,a=b");
	qemu_command_free(command);
}
END_TEST

START_TEST(json_is_read_and_written_as_json)
{
	const char *argv[] = {
		"q",
		"-netdev",
		"{\"type\":\"user\",\"id\":\"n\",\"hostfwd\":[{\"str\":\"tcp::1-:2\"}],"
		"\"restrict\":true}",
		"-device",
		"{\"driver\":\"e1000\",\"netdev\":\"n\"}",
		"-netdev",
		"{broken",
		NULL};
	struct qemu_command *command = qemu_command_read((char *const *)argv);
	g_auto(GStrv) out = qemu_command_write(command, "NETDEV", "x", MAC);

	ck_assert_str_eq(command->hostfwd->pdata[0], "tcp::1-:2");
	ck_assert(command->restricted);
	ck_assert_str_eq(out[2], "NETDEV");
	ck_assert_str_eq(out[4], "{\"driver\":\"e1000\",\"netdev\":\"n\",\"mac\":\"" MAC "\"}");
	ck_assert_str_eq(out[6], "{broken");
	qemu_command_free(command);
}
END_TEST

START_TEST(option_without_its_value_stays)
{
	expect_moved("q -netdev", "q -netdev -netdev NETDEV -device "
				  "virtio-net-pci,netdev=usernet,mac=" MAC);
}
END_TEST

START_TEST(forward_leads_to_the_guest_by_name)
{
	static const char *const rules[][2] = {
		{"tcp::2222-:22", "tcp::2222-web:22"},
		{"::2222-10.0.2.15:22", "::2222-web:22"},
		{"unix:/run/a-b.sock-:22", "unix:/run/a-b.sock-web:22"},
		{"tcp::2222", "tcp::2222"},
		{"tcp::2222-22", "tcp::2222-22"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(rules); i++) {
		g_autofree char *got = qemu_command_forward(rules[i][0], "web");

		ck_assert_str_eq(got, rules[i][1]);
	}
}
END_TEST

START_TEST(netdev_has_the_form_that_the_version_survives_with)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{"QEMU emulator version 7.2.22 (Debian 1:7.2)",
		 "stream,id=n,server=on,addr.type=unix,addr.path=/r/guests/web.sock"},
		{"QEMU emulator version 8.0.0",
		 "stream,id=n,addr.type=unix,addr.path=/r/a,,b,reconnect=1"},
		{"QEMU emulator version 9.1.3",
		 "stream,id=n,addr.type=unix,addr.path=/r/a,,b,reconnect=1"},
		{"QEMU emulator version 9.2.0",
		 "stream,id=n,addr.type=unix,addr.path=/r/a,,b,reconnect-ms=500"},
		{"QEMU emulator version 11.1.3",
		 "stream,id=n,addr.type=unix,addr.path=/r/a,,b,reconnect-ms=500"},
	};
	struct qemu_doors doors = {"/r/a,b", "/r/guests/"};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct qemu_version version;
		g_autofree char *got = NULL;
		bool survives;

		ck_assert(qemu_version_parse(cases[i].text, &version));
		got = qemu_netdev_text(version, &doors, "n", "web", &survives, NULL);
		ck_assert_str_eq(got, cases[i].expected);
		ck_assert(survives);
	}
}
END_TEST

START_TEST(netdev_falls_back_to_the_way_in_that_there_is)
{
	struct qemu_doors server = {"/r/a", NULL}, dir = {NULL, "/r/g/"}, none = {NULL, NULL};
	struct qemu_version v7 = {7, 2}, v11 = {11, 1}, v6 = {6, 2};
	g_autoptr(GError) error = NULL, old = NULL;
	bool survives;
	g_autofree char *plain = qemu_netdev_text(v7, &server, "n", "web", &survives, NULL);
	g_autofree char *listening = NULL;

	ck_assert_str_eq(plain, "stream,id=n,addr.type=unix,addr.path=/r/a");
	ck_assert(!survives);
	listening = qemu_netdev_text(v11, &dir, "n", "web", &survives, NULL);
	ck_assert_str_eq(listening, "stream,id=n,server=on,addr.type=unix,addr.path=/r/g/web.sock");
	ck_assert(survives);
	ck_assert_ptr_null(qemu_netdev_text(v11, &none, "n", "web", &survives, &error));
	ck_assert_ptr_nonnull(error);
	ck_assert_ptr_null(qemu_netdev_text(v6, &server, "n", "web", &survives, &old));
	ck_assert_str_eq(old->message, "QEMU 6.2 has no stream netdev; use QEMU 7.2 or later");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("qemu_command");
	TCase *moving = tcase_create("moving"), *netdev = tcase_create("netdev");

	tcase_add_test(moving, netdev_and_device_are_added_to_a_line_without_network);
	tcase_add_test(moving, netdev_user_is_replaced_and_its_device_gets_the_mac);
	tcase_add_test(moving, mac_of_the_line_is_kept_and_told);
	tcase_add_test(moving, nic_user_becomes_a_netdev_and_a_card_that_qemu_chooses);
	tcase_add_test(moving, net_user_is_joined_with_its_net_nic);
	tcase_add_test(moving, other_netdevs_stay);
	tcase_add_test(moving, rules_and_keys_are_told_apart);
	tcase_add_test(moving, json_is_read_and_written_as_json);
	tcase_add_test(moving, option_without_its_value_stays);
	tcase_add_test(moving, forward_leads_to_the_guest_by_name);
	suite_add_tcase(suite, moving);
	tcase_add_test(netdev, netdev_has_the_form_that_the_version_survives_with);
	tcase_add_test(netdev, netdev_falls_back_to_the_way_in_that_there_is);
	suite_add_tcase(suite, netdev);
	return run_suite(suite);
}
