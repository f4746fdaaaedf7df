/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <string.h>

#include "base/error.h"
#include "ctl/options/user.h"
#include "fwd/rule.h"
#include "net/user_loopback.h"
#include "net/vlan.h"

#define SMB_INSTEAD                                                                                \
	"run Samba on the host (smbd with \"smb ports = 1445\") and write "                        \
	"guestfwd=tcp:10.0.2.4:445-tcp:127.0.0.1:1445; guests then reach it as 10.0.2.4, as in "   \
	"QEMU"

/* QEMU qapi/net.json NetdevUserOptions; our extensions are below the line. */
const struct opt_spec user_option_specs[] = {
	{.key = "ipv4", .type = OPT_BOOL},
	{.key = "ipv6", .type = OPT_BOOL},
	{.key = "net"},
	{.key = "host"},
	{.key = "dns"},
	{.key = "dhcpstart"},
	{.key = "ipv6-net"},
	{.key = "ipv6-prefix"},
	{.key = "ipv6-prefixlen", .type = OPT_NUMBER, .min = 1, .max = 126},
	{.key = "ipv6-host"},
	{.key = "ipv6-dns"},
	{.key = "restrict", .type = OPT_BOOL},
	{.key = "hostname"},
	{.key = "dnssearch", .flags = OPT_REPEATS},
	{.key = "domainname"},
	{.key = "tftp"},
	{.key = "tftp-server-name"},
	{.key = "bootfile"},
	{.key = "hostfwd", .flags = OPT_REPEATS, .split = fwd_rule_split},
	{.key = "guestfwd", .flags = OPT_REPEATS},
	{.key = "smb", .instead = SMB_INSTEAD},
	{.key = "smbserver", .instead = SMB_INSTEAD},
	/* --- */
	{.key = "http"},
	{.key = "dhcp", .type = OPT_BOOL},
	{.key = "dhcpend"},
	{.key = "dhcpv6-range"},
	/* one for each of boot_archs (net/boot_file.c) */
	{.key = "bootfile.x86-bios"},
	{.key = "bootfile.x86-efi"},
	{.key = "bootfile.x86_64-efi"},
	{.key = "bootfile.arm-efi"},
	{.key = "bootfile.arm64-efi"},
	{.key = "bootfile.ppc-openfirmware"},
	{.key = "bootfile.ppc-epapr"},
	{.key = "bootfile.ppc-opal"},
	{.key = "bootfile.x86-efi-http"},
	{.key = "bootfile.x86_64-efi-http"},
	{.key = "bootfile.arm-efi-http"},
	{.key = "bootfile.arm64-efi-http"},
	{.key = "bootfile.x86-bios-http"},
	{.key = "bootfile.arm-uboot"},
	{.key = "bootfile.arm64-uboot"},
	{.key = "bootfile.arm-uboot-http"},
	{.key = "bootfile.arm64-uboot-http"},
	{.key = "bootfile.riscv32-efi"},
	{.key = "bootfile.riscv32-efi-http"},
	{.key = "bootfile.riscv64-efi"},
	{.key = "bootfile.riscv64-efi-http"},
	{.key = "bootfile.s390x"},
	{.key = "bootfile.s390x-extended"},
	{.key = "bootfile.mips32-efi"},
	{.key = "bootfile.mips64-efi"},
	{.key = "bootfile.loongarch32-efi"},
	{.key = "bootfile.loongarch32-efi-http"},
	{.key = "bootfile.loongarch64-efi"},
	{.key = "bootfile.loongarch64-efi-http"},
	{.key = "bootfile.ipxe"},
	{.key = "bootfile-param", .flags = OPT_REPEATS},
	{.key = "lease-time", .type = OPT_NUMBER, .min = 10, .max = UINT32_MAX - 1},
	{.key = "leases-per-port", .type = OPT_NUMBER, .min = 1, .max = 65536},
	{.key = "dhcp-strict", .type = OPT_BOOL},
	{.key = "mtu", .type = OPT_NUMBER, .min = 68, .max = 65535},
	{.key = "host-loopback"},
	{.key = "host-addresses", .type = OPT_BOOL},
	{.key = "policy"},
	{.key = "dns-policy"},
	{.key = "allow", .flags = OPT_REPEATS},
	{.key = "deny", .flags = OPT_REPEATS},
	{.key = "hostfwd-addr"},
	{.key = "isolate", .type = OPT_BOOL},
	{.key = "capture"},
	{.key = "vlan", .type = OPT_NUMBER, .min = 1, .max = VLAN_MAX},
	{.key = "dns-server", .flags = OPT_REPEATS},
	{.key = "route", .flags = OPT_REPEATS},
	{.key = "ntp", .flags = OPT_REPEATS},
	{.key = "outgoing", .flags = OPT_REPEATS},
	{.key = "resolv-conf"},
	{.key = "dns-host-search", .type = OPT_BOOL},
	{.key = "offload", .type = OPT_BOOL},
	{.key = "checksum"},
	{.key = "max-guests", .type = OPT_NUMBER, .min = 1, .max = 65536},
	{NULL},
};

/* QEMU's message for the key, then the reason. */
static bool parse_v4(const struct optstr *opts, const char *key, const char *qemu_text,
		     struct in_addr *out, GError **error)
{
	const char *text = optstr_get(opts, key);

	if (!text || inet_pton(AF_INET, text, out) == 1)
		return true;
	return error_usage(error, "%s: %s=%s is not an IPv4 address", qemu_text, key, text);
}

static bool parse_v6(const struct optstr *opts, const char *key, const char *qemu_text,
		     struct in6_addr *out, GError **error)
{
	const char *text = optstr_get(opts, key);

	if (!text || inet_pton(AF_INET6, text, out) == 1)
		return true;
	return error_usage(error, "%s: %s=%s is not an IPv6 address", qemu_text, key, text);
}

/* Without a prefix length QEMU uses the address class (QEMU net/slirp.c net_slirp_init). */
static unsigned class_length(struct in_addr net)
{
	static const struct {
		uint32_t value, mask;
		unsigned len;
	} classes[] = {
		{0x00000000, 0x80000000, 8},  /* class A */
		{0xac100000, 0xfff00000, 12}, /* 172.16.0.0/12 */
		{0x80000000, 0xc0000000, 16}, /* class B */
		{0xc0a80000, 0xffff0000, 16}, /* 192.168.0.0/16 */
		{0xc6120000, 0xfffe0000, 15}, /* 198.18.0.0/15, benchmarks */
		{0xe0000000, 0xe0000000, 24},
	};
	uint32_t addr = ntohl(net.s_addr);

	for (size_t i = 0; i < G_N_ELEMENTS(classes); i++) {
		if ((addr & classes[i].mask) == classes[i].value)
			return classes[i].len;
	}
	return 28;
}

/* "/24", or "/255.255.255.0" with ones first. */
static bool parse_netmask(const char *text, unsigned *len)
{
	struct in_addr mask;
	guint64 number;
	uint32_t bits;

	if (g_ascii_string_to_unsigned(text, 10, 4, 32, &number, NULL)) {
		*len = (unsigned)number;
		return true;
	}
	if (inet_pton(AF_INET, text, &mask) != 1)
		return false;
	bits = ntohl(mask.s_addr);
	*len = bits ? 32 - (unsigned)__builtin_ctz(bits) : 0;
	return *len >= 4 && bits == (uint32_t)(UINT64_C(0xffffffff) << (32 - *len));
}

static bool parse_net(const struct optstr *opts, struct user_config *config, GError **error)
{
	const char *text = optstr_get(opts, "net");
	const char *slash = text ? strchr(text, '/') : NULL;
	g_autofree char *addr = NULL;
	uint32_t mask;

	if (!text)
		return true;
	addr = slash ? g_strndup(text, (gsize)(slash - text)) : g_strdup(text);
	if (inet_pton(AF_INET, addr, &config->net) != 1)
		return error_usage(error,
				   "Failed to parse netmask: net=%s is not an IPv4 network "
				   "such as 10.0.2.0/24",
				   text);
	if (!slash)
		config->net_len = class_length(config->net);
	else if (!parse_netmask(slash + 1, &config->net_len))
		return error_usage(
			error, "Invalid netmask provided (must be in range 4-32): net=%s", text);
	mask = (uint32_t)(UINT64_C(0xffffffff) << (32 - config->net_len));
	config->net.s_addr &= htonl(mask);
	return true;
}

static bool parse_net6(const struct optstr *opts, struct user_config *config, GError **error)
{
	const char *text = optstr_get(opts, "ipv6-net");
	const char *slash = text ? strchr(text, '/') : NULL;
	g_autofree char *addr = slash ? g_strndup(text, (gsize)(slash - text)) : g_strdup(text);
	guint64 len;

	if (text && (optstr_get(opts, "ipv6-prefix") || optstr_get(opts, "ipv6-prefixlen")))
		return error_usage(error, "'ipv6-net' and 'ipv6-prefix' are the same: give one");
	config->net6_len = (unsigned)optstr_number(opts, "ipv6-prefixlen", config->net6_len);
	if (!text)
		return parse_v6(opts, "ipv6-prefix", "Failed to parse IPv6 prefix", &config->net6,
				error);
	if (inet_pton(AF_INET6, addr, &config->net6) != 1)
		return error_usage(error,
				   "Failed to parse IPv6 prefix: ipv6-net=%s is not an IPv6 "
				   "network such as fec0::/64",
				   text);
	if (!slash)
		return true;
	if (!g_ascii_string_to_unsigned(slash + 1, 10, 1, 126, &len, NULL))
		return error_usage(error,
				   "Invalid IPv6 prefix provided (IPv6 prefix length must be "
				   "between 1 and 126): ipv6-net=%s",
				   text);
	config->net6_len = (unsigned)len;
	return true;
}

/* "off", "on", or FIRST-LAST, which also tells guests to use DHCPv6. */
static bool parse_range6(const struct optstr *opts, struct user_config *config, GError **error)
{
	const char *text = optstr_get(opts, "dhcpv6-range"),
		   *dash = text ? strchr(text, '-') : NULL;
	g_autofree char *first = dash ? g_strndup(text, (gsize)(dash - text)) : NULL;
	bool on;

	if (!text)
		return true;
	if (optstr_parse_bool(text, &on)) {
		config->dhcp6_off = !on;
		config->dhcp6_managed = on;
		return true;
	}
	config->dhcp6_managed = true;
	if (dash && inet_pton(AF_INET6, first, &config->dhcp6_start) == 1 &&
	    inet_pton(AF_INET6, dash + 1, &config->dhcp6_end) == 1 &&
	    !IN6_IS_ADDR_UNSPECIFIED(&config->dhcp6_start))
		return true;
	return error_usage(error,
			   "dhcpv6-range=%s is neither on, off, nor FIRST-LAST, two IPv6 addresses",
			   text);
}

static bool parse_loopback(struct user_options *out, const char *text, bool sandbox, GError **error)
{
	if (!text) {
		if (sandbox)
			out->config.loopback = LOOPBACK_OFF;
		return true;
	}
	if (!user_loopback_parse(text, &out->config.loopback, &out->ports, error))
		return error_blame_usage(error);
	out->config.loopback_ports = out->ports;
	return true;
}

static bool check_families(const struct optstr *opts, const struct user_config *config,
			   GError **error)
{
	static const char *const v4[] = {"net", "host", "dns", "dhcpstart", "dhcpend"};
	static const char *const v6[] = {"ipv6-net", "ipv6-prefix", "ipv6-host", "ipv6-dns",
					 "dhcpv6-range"};

	if (!config->ipv4 && !config->ipv6)
		return error_usage(error, "IPv4 and IPv6 disabled: leave one of them on");
	for (size_t i = 0; i < G_N_ELEMENTS(v4) && !config->ipv4; i++) {
		if (optstr_get(opts, v4[i]))
			return error_usage(
				error, "IPv4 disabled but netmask/host/dns provided: %s=", v4[i]);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(v6) && !config->ipv6; i++) {
		if (optstr_get(opts, v6[i]))
			return error_usage(
				error, "IPv6 disabled but prefix/host6/dns6 provided: %s=", v6[i]);
	}
	return true;
}

/* Both families; the order decides which error is reported first. */
static bool parse_addresses(const struct optstr *opts, struct user_config *config, GError **error)
{
	return check_families(opts, config, error) && parse_net(opts, config, error) &&
	       parse_v4(opts, "host", "Failed to parse host", &config->host, error) &&
	       parse_v4(opts, "dns", "Failed to parse DNS", &config->dns, error) &&
	       parse_v4(opts, "dhcpstart", "Failed to parse DHCP start address",
			&config->dhcp_start, error) &&
	       parse_v4(opts, "dhcpend", "Failed to parse DHCP end address", &config->dhcp_end,
			error) &&
	       parse_net6(opts, config, error) &&
	       parse_v6(opts, "ipv6-host", "Failed to parse IPv6 host", &config->host6, error) &&
	       parse_v6(opts, "ipv6-dns", "Failed to parse IPv6 DNS", &config->dns6, error) &&
	       parse_range6(opts, config, error);
}

static bool parse_checksum(const char *text, struct user_config *config, GError **error)
{
	config->verify_checksums = g_strcmp0(text, "verify") == 0;
	if (!text || config->verify_checksums || strcmp(text, "auto") == 0)
		return true;
	return error_usage(error, "checksum=%s is neither 'auto' nor 'verify'", text);
}

/* The index of the word @text of @words, @otherwise for NULL; -1: none of them. */
static int find_word(const char *text, const char *const *words, int otherwise)
{
	if (!text)
		return otherwise;
	for (int i = 0; words[i]; i++) {
		if (!strcmp(words[i], text))
			return i;
	}
	return -1;
}

bool user_is_sandbox(const struct optstr *opts)
{
	return g_strcmp0(optstr_get(opts, "policy"), "sandbox") == 0;
}

static bool parse_policy(const struct optstr *opts, struct user_config *config, GError **error)
{
	static const char *const modes[] = {"rules", "sandbox", "learn", NULL};
	static const char *const answers[] = {"refused", "nxdomain", "answer", NULL};
	const char *mode = optstr_get(opts, "policy"), *dns = optstr_get(opts, "dns-policy");
	int m = find_word(mode, modes, POLICY_MODE_RULES);
	/* musl does not take REFUSED for an answer: it waits for another one for 5 s. */
	int d = find_word(dns, answers,
			  m == POLICY_MODE_SANDBOX ? DNS_POLICY_NXDOMAIN : DNS_POLICY_REFUSED);

	if (m < 0)
		return error_usage(error, "policy=%s is none of 'rules', 'sandbox' and 'learn'",
				   mode);
	if (d < 0)
		return error_usage(
			error, "dns-policy=%s is none of 'refused', 'nxdomain' and 'answer'", dns);
	config->policy = (enum policy_mode)m;
	config->dns_policy = (enum dns_policy)d;
	config->dns_policy_given = dns != NULL;
	return true;
}

static bool parse_routes(struct user_options *out, const struct optstr *opts, GError **error)
{
	g_autofree const char **words = optstr_all(opts, "route");
	unsigned n = 0;

	while (words[n])
		n++;
	out->routes = g_new(struct user_route, n);
	for (unsigned i = 0; i < n; i++) {
		if (!user_route_parse(words[i], &out->routes[i], error))
			return error_blame_usage(error);
	}
	out->config.routes = n ? out->routes : NULL;
	out->config.n_routes = n;
	return true;
}

static bool parse_outgoing(struct user_options *out, const struct optstr *opts, GError **error)
{
	g_autofree const char **words = optstr_all(opts, "outgoing");

	for (unsigned i = 0; words[i]; i++) {
		if (!outgoing_parse(&out->config.outgoing, words[i], error))
			return error_blame_usage(error);
	}
	return true;
}

static bool parse_ntp(struct user_options *out, const struct optstr *opts, GError **error)
{
	g_autofree const char **words = optstr_all(opts, "ntp");
	unsigned n = 0;

	while (words[n])
		n++;
	out->ntp = g_new0(struct in_addr, n + 1);
	for (unsigned i = 0; i < n; i++) {
		if (inet_pton(AF_INET, words[i], &out->ntp[i]) != 1 || !out->ntp[i].s_addr)
			return error_usage(error, "ntp=%s is not the IPv4 address of a time server",
					   words[i]);
	}
	out->config.ntp = n ? out->ntp : NULL;
	return true;
}

static void read_boot_files(struct user_options *out, const struct optstr *opts)
{
	GArray *files = g_array_new(TRUE, TRUE, sizeof(struct boot_file));

	for (const struct boot_arch *arch = boot_archs; arch->name; arch++) {
		g_autofree char *key = g_strconcat("bootfile.", arch->name, NULL);
		struct boot_file file = {arch->number, optstr_get(opts, key)};

		if (file.name)
			g_array_append_val(files, file);
	}
	out->boot_files = (struct boot_file *)g_array_free(files, FALSE);
	out->config.boot_files = out->boot_files;
	out->boot_params = optstr_all(opts, "bootfile-param");
	out->config.boot_params = out->boot_params[0] ? out->boot_params : NULL;
}

static void read_plain(struct user_config *config, const struct optstr *opts)
{
	config->id = optstr_get(opts, "id");
	/*
	 * As in QEMU, naming one family switches the other off (QEMU net/slirp.c net_init_slirp).
	 */
	config->ipv4 = optstr_bool(opts, "ipv4", !optstr_bool(opts, "ipv6", false));
	config->ipv6 = optstr_bool(opts, "ipv6", !optstr_bool(opts, "ipv4", false));
	config->host_addresses = optstr_bool(opts, "host-addresses", !user_is_sandbox(opts));
	config->restricted = optstr_bool(opts, "restrict", false);
	config->no_dhcp = !optstr_bool(opts, "dhcp", true);
	config->hostname = optstr_get(opts, "hostname");
	config->domainname = optstr_get(opts, "domainname");
	if (!config->domainname)
		config->domainname = USER_DOMAIN_DEFAULT;
	config->resolv_conf = optstr_get(opts, "resolv-conf");
	config->dns_host_search = optstr_bool(opts, "dns-host-search", !user_is_sandbox(opts));
	config->http = optstr_get(opts, "http");
	config->tftp = optstr_get(opts, "tftp");
	config->tftp_server_name = optstr_get(opts, "tftp-server-name");
	config->bootfile = optstr_get(opts, "bootfile");
	config->offload = optstr_bool(opts, "offload", config->offload);
	config->lease_time = (unsigned)optstr_number(opts, "lease-time", config->lease_time);
	config->leases_per_port = (unsigned)optstr_number(opts, "leases-per-port", 0);
	config->dhcp_strict = optstr_bool(opts, "dhcp-strict", false);
	config->isolated = optstr_bool(opts, "isolate", user_is_sandbox(opts));
	config->mtu = (unsigned)optstr_number(opts, "mtu", config->mtu);
	config->max_guests = (unsigned)optstr_number(opts, "max-guests", config->max_guests);
}

bool user_options_read(struct user_options *out, const struct optstr *opts, GError **error)
{
	memset(out, 0, sizeof(*out));
	user_config_defaults(&out->config);
	out->forward_host.s_addr = htonl(INADDR_ANY);
	read_plain(&out->config, opts);
	out->search = optstr_all(opts, "dnssearch");
	out->dns_servers = optstr_all(opts, "dns-server");
	read_boot_files(out, opts);
	out->config.dnssearch = out->search[0] ? out->search : NULL;
	out->config.dns_servers = out->dns_servers[0] ? out->dns_servers : NULL;
	return parse_addresses(opts, &out->config, error) &&
	       parse_loopback(out, optstr_get(opts, "host-loopback"), user_is_sandbox(opts),
			      error) &&
	       parse_policy(opts, &out->config, error) &&
	       parse_checksum(optstr_get(opts, "checksum"), &out->config, error) &&
	       parse_v4(opts, "hostfwd-addr", "Failed to parse host address of forwards",
			&out->forward_host, error) &&
	       parse_routes(out, opts, error) && parse_ntp(out, opts, error) &&
	       parse_outgoing(out, opts, error);
}

void user_options_clear(struct user_options *options)
{
	g_free(options->ports);
	g_free(options->search);
	g_free(options->dns_servers);
	g_free(options->routes);
	g_free(options->ntp);
	g_free(options->boot_files);
	g_free(options->boot_params);
}
