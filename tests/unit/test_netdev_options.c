/* SPDX-License-Identifier: BSD-3-Clause */
#include "optionbed.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/control.h"
#include "ctl/fd_names.h"
#include "net/netdev.h"
#include "net/network.h"
#include "run_suite.h"

/* Each with a part of its message. */
static const struct {
	const char *text, *part;
} mistakes[] = {
	{"", "Parameter 'type' is missing"},
	{"id=x", "Parameter 'type' is missing"},
	{"carrier-pigeon,id=x", "does not accept value 'carrier-pigeon'; the netdevs are user,"},
	{"user", "Parameter 'id' is missing"},
	{"user,id=1x", "Parameter 'id' expects an identifier"},
	{"user,id=x,trunk=1", "Parameter 'trunk' is unexpected"},
	{"user,id=x,vlan=4095", "'vlan' expects a number from 1 to 4094"},
	{"stream,id=x,server=on,addr.type=unix,addr.path=/x,trunk=1-2", "trunk=1-2 is not a list"},
	{"user,id=x,outgoing=eth0", "outgoing=eth0 is not an IPv4 or IPv6 address of this host"},
	{"user,id=x,outgoing=0.0.0.0", "outgoing=0.0.0.0 is not an IPv4 or IPv6 address"},
	{"user,id=x,outgoing=fe80::1", "outgoing=fe80::1 is not an IPv4 or IPv6 address"},
	{"user,id=x,outgoing=192.0.2.1,outgoing=192.0.2.2", "is a second IPv4 address"},
	{"user,id=x,outgoing=fd00::1,outgoing=fd00::2", "is a second IPv6 address"},
	{"vxlan,id=x,remote=10.0.0.1", "Parameter 'vni' is missing"},
	{"vxlan,id=x,vni=16777216,remote=10.0.0.1", "from 0 to 16777215"},
	{"vxlan,id=x,vni=1", "Parameter 'remote' is missing"},
	{"vxlan,id=x,vni=1,remote=host", "remote=host is not an IPv4 or IPv6 address"},
	{"vxlan,id=x,vni=1,remote=10.0.0.1;", "remote= is not an IPv4 or IPv6 address"},
	{"vxlan,id=x,vni=1,remote=10.0.0.1;fd00::1", "must all be IPv4 or all be IPv6"},
	{"vxlan,id=x,vni=1,remote=10.0.0.1;10.0.0.1", "remote=10.0.0.1 is given twice"},
	{"vxlan,id=x,vni=1,remote=239.1.1.1", "is a multicast group"},
	{"vxlan,id=x,vni=1,remote=::", "remote=:: is no host's address"},
	{"vxlan,id=x,vni=1,remote=10.0.0.1,local=10.0.0.1", "remote=10.0.0.1 is this host"},
	{"vxlan,id=x,vni=1,remote=10.0.0.1,local=::1", "must both be IPv4 or both IPv6"},
	{"tap,id=x,vhost=on", "vhost=on: the kernel cannot move frames past usernet"},
	{"tap,id=x,script=/etc/qemu-ifup", "script=/etc/qemu-ifup: usernet runs no scripts"},
	{"tap,id=x,queues=2", "queues= more than 1"},
	{"tap,id=x,fds=3:4", "'fds'"},
	{"tap,id=x,vhostfd=3", "'vhostfd'"},
	{"tap,id=x,fd=9,ifname=tap0", "invalid with fd="},
	{"tap,id=x,br=br0,vnet_hdr=on", "invalid with helper= and br="},
	{"tap,id=x,sndbuf=1x", "sndbuf=1x is not a size"},
	{"tap,id=x,fd=1000", "file descriptor 1000 is not open"},
	{"tap,id=x,ifname=no-such-tap-interface", "longer than 15 characters"},
	{"tap,id=x,br=br0", "helper= in a command needs --live-commands"},
	{"user,id=x,net=300.0.0.0/8", "net=300.0.0.0/8"},
	{"user,id=x,net=10.0.2.0/33", "must be in range 4-32"},
	{"user,id=x,net=10.0.2.0/255.0.255.0", "must be in range 4-32"},
	{"user,id=x,net=10.0.2.0/31", "net"},
	{"user,id=x,host=nobody", "Failed to parse host: host=nobody"},
	{"user,id=x,host=10.9.0.1", "host"},
	{"user,id=x,dns=1", "Failed to parse DNS: dns=1"},
	{"user,id=x,dhcpstart=10.9.0.1", "dhcpstart"},
	{"user,id=x,ipv4=off,ipv6=off", "IPv4 and IPv6 disabled: leave one of them on"},
	{"user,id=x,ipv4=off,net=10.0.2.0/24", "IPv4 disabled but"},
	{"user,id=x,ipv6=off,ipv6-net=fd00::/64", "IPv6 disabled but"},
	{"user,id=x,ipv6-net=fd00::/0", "IPv6 prefix"},
	{"user,id=x,ipv6-net=zz", "ipv6-net=zz"},
	{"user,id=x,ipv6-net=fd00::/64,ipv6-prefix=fd00::", "give one"},
	{"user,id=x,host-loopback=80;x", "host-loopback"},
	{"user,id=x,host-loopback=0", "host-loopback"},
	{"user,id=x,hostfwd-addr=x", "hostfwd-addr=x"},
	{"user,id=x,bootfile.z80=x", "Parameter 'bootfile.z80' is unexpected"},
	{"user,id=x,leases-per-port=0", "leases-per-port"},
	{"user,id=x,dhcpv6-range=fec0::1", "dhcpv6-range=fec0::1 is neither on, off, nor"},
	{"user,id=x,dhcpv6-range=fd00::1-fd00::9", "dhcpv6-range: lies outside ipv6-net"},
	{"user,id=x,dhcpv6-range=fec0::9-fec0::8", "must not be zero or above the last"},
	{"user,id=x,ipv6=off,dhcpv6-range=on", "IPv6 disabled but"},
	{"user,id=x,tftp=/nonexistent", "tftp: cannot serve '/nonexistent'"},
	{"user,id=x,guestfwd=tcp:10.0.2.100:80", "Missing - separator"},
	{"user,id=x,guestfwd=tcp:10.0.2.2:80-cmd:true", "10.0.2.2 is the gateway's"},
	{"user,id=x,net=10.9.0.0/16,guestfwd=tcp:10.0.2.4:80-cmd:true",
	 "10.0.2.4 is not a host's address in the network 10.9.0.0/16"},
	{"user,id=x,ipv6=off,guestfwd=tcp:[fec0::4]:80-cmd:true", "the network has no IPv6"},
	{"user,id=x,guestfwd=tcp::80-cmd:true,guestfwd=:10.0.2.4:80-unix:/x",
	 "'tcp::80-cmd:true' is for the same address and port"},
	{"stream,id=x", "Parameter 'addr' is missing"},
	{"stream,id=x,addr.path=/x", "Parameter 'addr.type' is missing"},
	{"stream,id=x,addr.type=unix", "Parameter 'addr.path' is missing"},
	{"stream,id=x,addr.type=inet,addr.port=1", "Parameter 'addr.host' is missing"},
	{"stream,id=x,addr.type=inet,addr.host=127.0.0.1", "Parameter 'addr.port' is missing"},
	{"stream,id=x,addr.type=unix,addr.path=/x,addr.port=1", "'addr.port' is unexpected"},
	{"stream,id=x,addr.type=inet,addr.host=nosuch.test,addr.port=1", "nosuch.test"},
	{"stream,id=x,addr.type=inet,addr.host=127.0.0.1,addr.port=65536", "65536"},
	{"stream,id=x,addr.type=vsock", "does not accept value 'vsock'"},
	{"stream,id=x,server=on,reconnect=1,addr.type=unix,addr.path=/x", "incompatible"},
	{"stream,id=x,reconnect=1,reconnect-ms=1,addr.type=unix,addr.path=/x", "exclusive"},
	{"stream,id=x,addr.type=fd", "Parameter 'addr.str' is missing"},
	{"stream,id=x,addr.type=fd,addr.str=name", "Invalid file descriptor number 'name'"},
	{"stream,id=x,addr.type=fd,addr.str=1", "Invalid file descriptor number '1'"},
	{"stream,id=x,addr.type=fd,addr.str=1000", "file descriptor 1000 is not open"},
	{"stream,id=x,server=on,addr.type=fd,addr.str=9,reconnect-ms=1", "incompatible"},
	{"stream,id=x,addr.type=fd,addr.str=9,reconnect-ms=1", "'reconnect-ms' is unexpected"},
	{"stream,id=x,server=on,addr.type=inet,addr.host=,addr.port=0,addr.ipv4=off,addr.ipv6=off",
	 "Cannot disable IPv4 and IPv6 at same time"},
	{"stream,id=x,addr.type=inet,addr.host=127.0.0.1,addr.port=1,addr.ipv6=on",
	 "addr.host '127.0.0.1' is an IPv4 address, which addr.ipv4 and .ipv6 rule out"},
	{"stream,id=x,addr.type=inet,addr.host=::1,addr.port=1,addr.ipv6=off",
	 "addr.host '::1' is an IPv6 address"},
	{"stream,id=x,addr.type=inet,addr.host=127.0.0.1,addr.port=1,addr.to=9",
	 "Parameter 'addr.to' is unexpected"},
	{"stream,id=x,server=on,addr.type=inet,addr.host=127.0.0.1,addr.port=9,addr.to=8",
	 "addr.to '8' is less than addr.port '9'"},
	{"stream,id=x,server=on,addr.type=inet,addr.host=127.0.0.1,addr.port=9,addr.to=65536",
	 "Parameter 'addr.to' expects a number from 0 to 65535"},
	{"stream,id=x,addr.type=inet,addr.host=127.0.0.1,addr.port=1,addr.keep-alive-count=128",
	 "'addr.keep-alive-count' expects a number from 0 to 127"},
	{"stream,id=x,addr.type=unix,addr.path=/x,addr.numeric=on",
	 "'addr.numeric' is unexpected: it belongs to addr.type=inet"},
	{"stream,id=x,addr.type=inet,addr.host=127.0.0.1,addr.port=1,addr.tight=on",
	 "'addr.tight' is unexpected: it belongs to addr.type=unix"},
	{"stream,id=x,addr.type=unix,addr.path=/x,mode=0660", "Parameter 'mode' is unexpected"},
	{"stream,id=x,server=on,addr.type=unix,addr.path=x,addr.abstract=on,group=0",
	 "Parameter 'group' is unexpected"},
	{"stream,id=x,server=on,addr.type=unix,addr.path=/x,isolate=9", "isolate=9 is neither"},
	{"socket,id=x,listen=:1,guard=maybe", "Parameter 'guard' expects 'on' or 'off'"},
	{"user,id=x,isolate=red", "Parameter 'isolate' expects 'on' or 'off'"},
	{"stream,id=x,server=on,addr.type=unix,addr.path=/x,mode=0888",
	 "'mode' expects permissions in octal"},
	{"stream,id=x,server=on,addr.type=unix,addr.path=/x,group=no-such-group",
	 "there is no group 'no-such-group'"},
	{"dgram,id=x,local.type=inet,local.host=127.0.0.1,local.port=1,remote.type=inet,"
	 "remote.host=127.0.0.1,remote.port=1,mode=0660",
	 "Parameter 'mode' is unexpected"},
	{"dgram,id=x,local.type=inet,local.host=127.0.0.1,local.port=1,local.to=2,"
	 "remote.type=inet,remote.host=127.0.0.1,remote.port=1",
	 "Parameter 'local.to' is unexpected"},
	{"dgram,id=x,local.type=inet,local.host=127.0.0.1,local.port=1,remote.type=inet,"
	 "remote.host=127.0.0.1,remote.port=1,remote.keep-alive=on",
	 "'remote.keep-alive' is unexpected: datagrams have no connection"},
	{"dgram,id=x,local.type=inet,local.host=127.0.0.1,local.port=1,remote.type=inet,"
	 "remote.host=127.0.0.1,remote.port=1,remote.mptcp=on",
	 "'remote.mptcp' is unexpected"},
	{"dgram,id=x,local.type=inet,local.host=127.0.0.1,local.port=1,local.ipv4=off,"
	 "remote.type=inet,remote.host=127.0.0.1,remote.port=1",
	 "local.host '127.0.0.1' is an IPv4 address"},
	{"dgram,id=x", "dgram requires local="},
	{"dgram,id=x,local.type=inet,local.host=127.0.0.1,local.port=1", "requires remote"},
	{"dgram,id=x,local.type=unix,local.path=/x,remote.type=inet,remote.host=127.0.0.1,"
	 "remote.port=1",
	 "must be the same"},
	{"dgram,id=x,local.type=fd,local.str=9,remote.type=unix,remote.path=/x",
	 "don't set remote"},
	{"dgram,id=x,local.type=unix,local.path=/x,remote.type=inet,remote.host=230.0.0.1,"
	 "remote.port=1",
	 "takes local.type=inet"},
	{"dgram,id=x,local.type=inet,local.host=127.0.0.1,remote.type=inet,remote.host=127.0.0.1,"
	 "remote.port=1",
	 "Parameter 'local.port' is missing"},
	{"dgram,id=x,local.type=inet,local.host=127.0.0.1,local.port=1,remote.type=fd,"
	 "remote.str=9",
	 "must be the same"},
	{"dgram,id=x,local.type=fd,local.str=1000", "file descriptor 1000 is not open"},
	{"dgram,id=x,local.type=unix,local.path=/nowhere/x", "/nowhere/x"},
	{"socket,id=x,connect=nosuch", "doesn't contain ':'"},
	{"socket,id=x,fd=1000", "file descriptor 1000 is not open"},
	{"socket,id=x,udp=127.0.0.1:1,localaddr=x", "localaddr"},
	{"socket,id=x,mcast=230.0.0.1:1,localaddr=nosuch.test", "nosuch.test"},
	{"socket,id=x", "exactly one of listen="},
	{"socket,id=x,listen=:1,connect=127.0.0.1:1", "exactly one of listen="},
	{"socket,id=x,listen=1234", "doesn't contain ':'"},
	{"socket,id=x,udp=127.0.0.1:1", "localaddr= is mandatory with udp="},
	{"socket,id=x,listen=:1,localaddr=:2", "localaddr= is only valid with"},
	{"socket,id=x,mcast=10.0.0.1:1", "not an IPv4 multicast address"},
};

START_TEST(mistakes_name_the_part_and_leave_nothing)
{
	ck_assert_ptr_null(add(mistakes[_i].text));
	ck_assert_ptr_nonnull(error);
	ck_assert_msg(strstr(error->message, mistakes[_i].part) != NULL, "%s: %s",
		      mistakes[_i].text, error->message);
	ck_assert(list_empty(&network->netdevs));
	ck_assert(list_empty(&control->attachments));
}
END_TEST

/* Every key of QEMU 7.2 to 11.1, where it means something. */
static const char *const accepted[] = {
	"stream,id=x,server=on,addr.type=inet,addr.host=127.0.0.1,addr.port=0,addr.numeric=on,"
	"addr.ipv4=on,addr.ipv6=off,addr.keep-alive=on,addr.mptcp=off",
	"stream,id=x,server=on,addr.type=inet,addr.host=,addr.port=0,addr.ipv4=on,addr.ipv6=on",
	"stream,id=x,server=on,addr.type=inet,addr.host=,addr.port=0,addr.ipv4=off",
	"stream,id=x,server=on,addr.type=inet,addr.host=localhost,addr.port=0,addr.ipv6=on",
	"stream,id=x,server=on,addr.type=inet,addr.host=127.0.0.1,addr.port=0,addr.to=65535",
	"stream,id=x,addr.type=inet,addr.host=127.0.0.1,addr.port=1,addr.keep-alive=off",
	"stream,id=x,addr.type=inet,addr.host=127.0.0.1,addr.port=1,addr.keep-alive-count=3,"
	"addr.keep-alive-idle=7,addr.keep-alive-interval=0,reconnect-ms=4294967295",
	"stream,id=x,addr.type=inet,addr.host=::1,addr.port=1,addr.ipv4=on,addr.ipv6=on,reconnect=5",
	"stream,id=x,addr.type=unix,addr.path=/nowhere/x,addr.tight=on,reconnect=0",
	"stream,id=x,addr.type=unix,addr.path=x,addr.abstract=on,addr.tight=off,",
	"{\"type\":\"stream\",\"id\":\"x\",\"server\":true,\"addr\":{\"type\":\"inet\","
	"\"host\":\"127.0.0.1\",\"port\":\"0\",\"to\":65535,\"ipv4\":true,\"keep-alive\":true,"
	"\"keep-alive-idle\":9}}",
	"dgram,id=x,local.type=inet,local.host=127.0.0.1,local.port=0,local.ipv4=on,"
	"local.numeric=on,remote.type=inet,remote.host=127.0.0.1,remote.port=9,remote.ipv6=off,"
	"remote.keep-alive=off,remote.mptcp=off",
};

START_TEST(address_keys_of_qemu_are_taken)
{
	ck_assert_msg(add(accepted[_i]) != NULL, "%s: %s", accepted[_i],
		      error ? error->message : "");
}
END_TEST

START_TEST(families_choose_the_host_of_an_empty_name)
{
	static const struct {
		const char *keys;
		int family;
	} cases[] = {
		{"", AF_INET},
		{",addr.ipv4=on", AF_INET},
		{",addr.ipv6=off", AF_INET},
		{",addr.ipv6=on", AF_INET6},
		{",addr.ipv4=off", AF_INET6},
		{",addr.ipv4=on,addr.ipv6=on", AF_INET6},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = g_strdup_printf(
			"stream,id=x,server=on,addr.type=inet,addr.host=,addr.port=0%s",
			cases[i].keys);
		struct attachment *x = add(text);

		ck_assert_msg(x != NULL, "%s: %s", text, error ? error->message : "");
		ck_assert_msg(x->addr.sa.sa_family == cases[i].family, "%s", text);
		ck_assert(control_del_netdev(control, "x", NULL));
	}
}
END_TEST

START_TEST(a_filled_abstract_name_is_another_and_its_line_says_so)
{
	g_autofree char *name = g_strdup_printf("usernet-test-%d", (int)getpid());
	g_autofree char *tight = g_strdup_printf("stream,id=t,server=on,addr.type=unix,"
						 "addr.path=%s,addr.abstract=on",
						 name);
	g_autofree char *filled = g_strdup_printf("stream,id=f,server=on,addr.type=unix,"
						  "addr.path=%s,addr.abstract=on,addr.tight=off",
						  name);
	g_autofree char *part =
		g_strdup_printf("addr.path=%s,addr.abstract=on,addr.tight=off -device", name);
	struct attachment *t = add(tight), *f = add(filled);
	g_autofree char *one = NULL, *two = NULL;

	ck_assert_msg(t && f, "%s", error ? error->message : "");
	one = attachment_qemu_line(t, "/nowhere");
	two = attachment_qemu_line(f, "/nowhere");
	ck_assert_ptr_null(strstr(one, "tight"));
	ck_assert_msg(strstr(two, part) != NULL, "%s", two);
}
END_TEST

START_TEST(id_is_taken_once)
{
	ck_assert_ptr_nonnull(add("user,id=x"));
	ck_assert_ptr_null(add("socket,id=x,listen=127.0.0.1:0"));
	ck_assert_str_eq(error->message, "Duplicate ID 'x' for netdev");
	g_clear_error(&error);
	ck_assert(control_del_netdev(control, "x", &error));
	ck_assert_ptr_nonnull(add("socket,id=x,listen=127.0.0.1:0"));
}
END_TEST

START_TEST(descriptor_of_a_stream_or_datagram_socket_is_taken_over)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM};
	g_autofree char *text = NULL;
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, types[_i], 0, fds), 0);
	text = g_strdup_printf("socket,id=x,fd=%d", fds[0]);
	ck_assert_msg(add(text) != NULL, "%s", error ? error->message : "");
	ck_assert(control_del_netdev(control, "x", &error));
	ck_assert_int_eq(fcntl(fds[0], F_GETFD), -1);
	close(fds[1]);
}
END_TEST

START_TEST(descriptor_that_is_no_socket_is_refused)
{
	g_autofree char *text = NULL;
	int fd = open("/dev/null", O_RDWR);

	ck_assert_int_ge(fd, 3);
	text = g_strdup_printf("socket,id=x,fd=%d", fd);
	ck_assert_ptr_null(add(text));
	ck_assert_msg(strstr(error->message, "not a socket") != NULL, "%s", error->message);
}
END_TEST

START_TEST(datagrams_go_to_a_pair_a_group_or_a_descriptor)
{
	g_autofree char *text = NULL;
	int fds[2];

	ck_assert_ptr_nonnull(add("socket,id=p,udp=127.0.0.1:9,localaddr=127.0.0.1:0"));
	ck_assert_ptr_nonnull(add("socket,id=m,mcast=239.255.77.77:0,localaddr=127.0.0.1"));
	ck_assert_ptr_nonnull(add("dgram,id=i,local.type=inet,local.host=127.0.0.1,local.port=0,"
				  "remote.type=inet,remote.host=127.0.0.1,remote.port=9"));
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
	text = g_strdup_printf("dgram,id=f,local.type=fd,local.str=%d", fds[0]);
	ck_assert_msg(add(text) != NULL, "%s", error ? error->message : "");
	close(fds[1]);
}
END_TEST

START_TEST(listening_netdev_prints_the_line_for_qemu)
{
	g_autofree char *dir = g_dir_make_tmp("usernet-test-XXXXXX", NULL);
	g_autofree char *text = g_strdup_printf("stream,id=lan,server=on,addr.type=unix,"
						"addr.path=%s/a,,b",
						dir);
	g_autofree char *start =
		g_strdup_printf("-netdev stream,id=net0,addr.type=unix,addr.path=%s/"
				"a,,b -device virtio-net-pci,netdev=net0,mac=52:54:00:",
				dir);
	struct attachment *lan = add(text);
	g_autofree char *line = NULL;

	ck_assert_ptr_nonnull(lan);
	line = attachment_qemu_line(lan, dir);
	ck_assert_msg(g_str_has_prefix(line, start), "%s", line);
	ck_assert(control_del_netdev(control, "lan", NULL));
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(port_0_and_any_address_become_what_a_guest_can_reach)
{
	struct attachment *l = add("socket,id=l,listen=:0");
	struct attachment *s = add("stream,id=s,server=on,addr.type=inet,addr.host=,addr.port=0");
	g_autofree char *one = NULL, *two = NULL;
	unsigned port = 0;

	ck_assert(l && s);
	one = attachment_qemu_line(l, "/nowhere");
	two = attachment_qemu_line(s, "/nowhere");
	ck_assert_int_eq(sscanf(one, "-netdev socket,id=net0,connect=127.0.0.1:%u ", &port), 1);
	ck_assert_uint_eq(port, ntohs(l->addr.in.sin_port));
	ck_assert_uint_ne(port, 0);
	ck_assert_int_eq(sscanf(two,
				"-netdev stream,id=net0,addr.type=inet,addr.host=127.0.0.1,"
				"addr.port=%u ",
				&port),
			 1);
	ck_assert_uint_eq(port, ntohs(s->addr.in.sin_port));
}
END_TEST

START_TEST(abstract_names_keep_their_side)
{
	g_autofree char *name = g_strdup_printf("usernet-test-%d", (int)getpid());
	g_autofree char *text = g_strdup_printf("dgram,id=d,local.type=unix,local.path=%s,"
						"local.abstract=on",
						name);
	g_autofree char *part =
		g_strdup_printf(",remote.type=unix,remote.path=%s,remote.abstract=on ", name);
	g_autofree char *line = NULL;
	struct attachment *d = add(text);

	ck_assert_ptr_nonnull(d);
	line = attachment_qemu_line(d, "/nowhere");
	ck_assert_msg(strstr(line, part) != NULL, "%s", line);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netdev_options");
	TCase *tc = tcase_create("netdev_options");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, mistakes_name_the_part_and_leave_nothing, 0,
			    G_N_ELEMENTS(mistakes));
	tcase_add_loop_test(tc, address_keys_of_qemu_are_taken, 0, G_N_ELEMENTS(accepted));
	tcase_add_test(tc, families_choose_the_host_of_an_empty_name);
	tcase_add_test(tc, a_filled_abstract_name_is_another_and_its_line_says_so);
	tcase_add_test(tc, id_is_taken_once);
	tcase_add_loop_test(tc, descriptor_of_a_stream_or_datagram_socket_is_taken_over, 0, 2);
	tcase_add_test(tc, descriptor_that_is_no_socket_is_refused);
	tcase_add_test(tc, datagrams_go_to_a_pair_a_group_or_a_descriptor);
	tcase_add_test(tc, listening_netdev_prints_the_line_for_qemu);
	tcase_add_test(tc, port_0_and_any_address_become_what_a_guest_can_reach);
	tcase_add_test(tc, abstract_names_keep_their_side);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
