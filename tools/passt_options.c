/* SPDX-License-Identifier: BSD-3-Clause */
#include "passt_options.h"

#include <getopt.h>
#include <string.h>

#include "base/error.h"
#include "passt_address.h"

const char passt_options_help[] =
	"Usage: usernet-passt [OPTION]...\n"
	"\n"
	"passt's command line on usernet: libvirt's <backend type='passt'/> and QEMU's\n"
	"-netdev passt,path=usernet-passt start it. The guest gets a private network, which ends\n"
	"with this program, or joins the network that USERNET_NETWORK names, if it runs.\n"
	"\n"
	"  -s, --socket, --socket-path PATH  listen here (default: the first free of\n"
	"                            /tmp/passt_1.socket, /tmp/passt_2.socket, ...)\n"
	"  -F, --fd FD               use this connected socket; implies --one-off\n"
	"  -1, --one-off             exit when the first guest has disconnected\n"
	"  -f, --foreground          do not go to the background once ready\n"
	"  -P, --pid FILE            write the process id to FILE\n"
	"  -l, --log-file FILE       log to FILE, not to syslog\n"
	"      --log-size BYTES      truncate FILE when it is larger (1048576)\n"
	"  -q, --quiet               log only warnings and errors\n"
	"  -d, --debug, --trace      log more\n"
	"  -t, --tcp-ports SPEC      forward TCP ports of the host to the guest; may be repeated\n"
	"  -u, --udp-ports SPEC      the same for UDP\n"
	"      SPEC is none, all, or [ADDRESS/]LIST. LIST is PORT, FIRST-LAST, either with :PORT or\n"
	"      :FIRST-LAST for the guest's side, ~PORT or ~FIRST-LAST to exclude; with commas\n"
	"      between. 22  2222:22  8000-8010  127.0.0.1/8080:80  1-1024,~25  ~5900-5999\n"
	"  -a, --address ADDR        the guest's address; IPv6: its /64 network\n"
	"  -n, --netmask MASK        of --address, bits or dotted (24)\n"
	"  -g, --gateway ADDR        the gateway's address\n"
	"  -m, --mtu MTU             tell guests this MTU\n"
	"  -D, --dns ADDR            ask this server instead of the host's; may be repeated\n"
	"      --dns-host ADDR       the same\n"
	"      --dns-forward ADDR    address of the name server that guests ask\n"
	"  -S, --search LIST         search domains, with spaces between\n"
	"  -H, --hostname NAME       the guest's name; --fqdn NAME likewise\n"
	"  -4, --ipv4-only   -6, --ipv6-only\n"
	"      --no-tcp  --no-udp  --no-icmp    deny the guest this protocol\n"
	"      --no-dhcp             give no addresses\n"
	"      --no-map-gw, --map-host-loopback none    no access to the host's loopback\n"
	"      --version  -h, --help\n"
	"\n"
	"Accepted with a warning, without effect: --interface, --mac-addr, --stderr,\n"
	"--no-dhcpv6, --no-ndp, --no-ra, --no-dhcp-dns, --dhcp-dns, --no-dhcp-search,\n"
	"--dhcp-search, --freebind, --repair-path. On a network that runs already: --address,\n"
	"--dns and the others that say what a network is like.\n"
	"Refused: --vhost-user, --print-capabilities, --outbound, --outbound-if4,\n"
	"--outbound-if6, --pcap, --runas, --map-guest-addr, --conf-path.\n"
	"\n"
	"Environment: USERNET_NETWORK, the network to join; USERNET, the usernet to start.\n"
	"Exit status: 0 once ready (in the background) or ended, 1 a failure or a wrong option.\n";

enum {
	OPT_LOG_SIZE = 256,
	OPT_TRACE,
	OPT_VERSION,
	OPT_DNS_FORWARD,
	OPT_DNS_HOST,
	OPT_FQDN,
	OPT_NO_TCP,
	OPT_NO_UDP,
	OPT_NO_ICMP,
	OPT_NO_DHCP,
	OPT_NO_MAP_GW,
	OPT_MAP_HOST_LOOPBACK,
	OPT_MAP_GUEST_ADDR,
	OPT_REPAIR_PATH,
	OPT_IGNORED,
	OPT_REFUSED,
};

static const char short_options[] = ":dqfel:hs:F:p:P:m:a:n:M:g:i:o:D:S:46H:1t:u:c:";
static const struct option long_options[] = {
	{"debug", no_argument, NULL, 'd'},
	{"trace", no_argument, NULL, OPT_TRACE},
	{"quiet", no_argument, NULL, 'q'},
	{"foreground", no_argument, NULL, 'f'},
	{"stderr", no_argument, NULL, 'e'},
	{"log-file", required_argument, NULL, 'l'},
	{"log-size", required_argument, NULL, OPT_LOG_SIZE},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, OPT_VERSION},
	{"socket", required_argument, NULL, 's'},
	{"socket-path", required_argument, NULL, 's'},
	{"fd", required_argument, NULL, 'F'},
	{"pid", required_argument, NULL, 'P'},
	{"mtu", required_argument, NULL, 'm'},
	{"address", required_argument, NULL, 'a'},
	{"netmask", required_argument, NULL, 'n'},
	{"mac-addr", required_argument, NULL, 'M'},
	{"gateway", required_argument, NULL, 'g'},
	{"interface", required_argument, NULL, 'i'},
	{"dns", required_argument, NULL, 'D'},
	{"dns-forward", required_argument, NULL, OPT_DNS_FORWARD},
	{"dns-host", required_argument, NULL, OPT_DNS_HOST},
	{"search", required_argument, NULL, 'S'},
	{"hostname", required_argument, NULL, 'H'},
	{"fqdn", required_argument, NULL, OPT_FQDN},
	{"no-tcp", no_argument, NULL, OPT_NO_TCP},
	{"no-udp", no_argument, NULL, OPT_NO_UDP},
	{"no-icmp", no_argument, NULL, OPT_NO_ICMP},
	{"no-map-gw", no_argument, NULL, OPT_NO_MAP_GW},
	{"map-host-loopback", required_argument, NULL, OPT_MAP_HOST_LOOPBACK},
	{"map-guest-addr", required_argument, NULL, OPT_MAP_GUEST_ADDR},
	{"repair-path", required_argument, NULL, OPT_REPAIR_PATH},
	{"ipv4-only", no_argument, NULL, '4'},
	{"ipv6-only", no_argument, NULL, '6'},
	{"one-off", no_argument, NULL, '1'},
	{"tcp-ports", required_argument, NULL, 't'},
	{"udp-ports", required_argument, NULL, 'u'},
	{"no-dhcp", no_argument, NULL, OPT_NO_DHCP},
	{"no-dhcpv6", no_argument, NULL, OPT_IGNORED},
	{"no-ndp", no_argument, NULL, OPT_IGNORED},
	{"no-ra", no_argument, NULL, OPT_IGNORED},
	{"no-dhcp-dns", no_argument, NULL, OPT_IGNORED},
	{"dhcp-dns", no_argument, NULL, OPT_IGNORED},
	{"no-dhcp-search", no_argument, NULL, OPT_IGNORED},
	{"dhcp-search", no_argument, NULL, OPT_IGNORED},
	{"freebind", no_argument, NULL, OPT_IGNORED},
	{"vhost-user", no_argument, NULL, OPT_REFUSED},
	{"print-capabilities", no_argument, NULL, OPT_REFUSED},
	{"outbound", required_argument, NULL, 'o'},
	{"outbound-if4", required_argument, NULL, OPT_REFUSED},
	{"outbound-if6", required_argument, NULL, OPT_REFUSED},
	{"pcap", required_argument, NULL, 'p'},
	{"runas", required_argument, NULL, OPT_REFUSED},
	{"conf-path", required_argument, NULL, 'c'},
	{NULL, 0, NULL, 0},
};

/* Why an option has no effect, by name or short letter. */
static const struct {
	const char *name, *why;
} ignored[] =
	{
		{"interface", "traffic follows the host's routes"},
		{"mac-addr", "the gateway's MAC address follows from its address"},
		{"stderr", "messages go to stderr until the guest's network is ready"},
		{"no-dhcpv6", "guests that send requests are answered"},
		{"no-ndp", "the gateway answers neighbour solicitations; --ipv4-only ends IPv6"},
		{"no-ra", "the gateway sends router advertisements; --ipv4-only ends IPv6"},
		{"no-dhcp-dns", "guests are told the name server"},
		{"dhcp-dns", "the name server is always announced to guests"},
		{"no-dhcp-search", "search domains are announced to guests"},
		{"dhcp-search", "search domains are always announced to guests"},
		{"freebind", "forwards bind only to addresses of the host"},
},
  refused[] = {
	  {"vhost-user", "usernet serves stream sockets; it has no vhost-user device"},
	  {"print-capabilities", "usernet has no vhost-user device"},
	  {"outbound", "usernet does not bind outgoing connections to an address"},
	  {"outbound-if4", "usernet does not bind outgoing connections to an interface"},
	  {"outbound-if6", "usernet does not bind outgoing connections to an interface"},
	  {"pcap", "usernet-passt writes no capture"},
	  {"runas", "usernet runs as the user who starts it"},
	  {"conf-path", "use usernetctl hostfwd add and remove while the guest runs"},
};

static bool warn(struct passt_options *options, const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(ignored); i++) {
		if (!strcmp(ignored[i].name, name))
			g_ptr_array_add(options->warnings, g_strdup_printf("--%s has no effect: %s",
									   name, ignored[i].why));
	}
	return true;
}

static bool refuse(const char *name, GError **error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
		if (!strcmp(refused[i].name, name))
			return error_usage(error, "--%s is refused: %s", name, refused[i].why);
	}
	return error_usage(error, "--%s is refused", name);
}

static bool set_once(char **member, const char *option, const char *value, GError **error)
{
	if (*member)
		return error_usage(error, "%s is given twice", option);
	*member = g_strdup(value);
	return true;
}

static bool read_number(const char *option, const char *text, guint64 max, guint64 *number,
			GError **error)
{
	if (g_ascii_string_to_unsigned(text, 10, 0, max, number, NULL))
		return true;
	return error_usage(error, "%s '%s' should be a number, at most %" G_GUINT64_FORMAT, option,
			   text, max);
}

/* A key of the user netdev; doubles the commas in @value for the option string. */
static bool user_key(struct passt_options *options, const char *key, const char *value)
{
	g_autoptr(GString) text = g_string_new(value);

	g_string_replace(text, ",", ",,", 0);
	g_ptr_array_add(options->user, g_strdup_printf("%s=%s", key, text->str));
	options->shapes_network = true;
	return true;
}

static void add_spec(struct passt_options *options, bool udp, const char *text)
{
	struct passt_spec *spec = g_new0(struct passt_spec, 1);

	spec->udp = udp;
	spec->text = g_strdup(text);
	g_ptr_array_add(options->specs, spec);
}

static bool add_mtu(struct passt_options *options, const char *text, GError **error)
{
	guint64 mtu;

	if (!read_number("--mtu", text, 65535, &mtu, error))
		return false;
	if (mtu && mtu < 68) /* RFC 791 3.2 */
		return error_usage(error, "--mtu '%s' should be 0, or from 68 to 65535", text);
	return !mtu || user_key(options, "mtu", text);
}

static bool add_server(struct passt_options *options, const char *option, const char *text,
		       GError **error)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (!*text || !strcmp(text, "none")) {
		g_ptr_array_add(options->warnings,
				g_strdup_printf("%s '%s' has no effect: guests are told the name "
						"server",
						option, text));
		return true;
	}
	return passt_address_note(option, text, &v4, &v6, error) &&
	       user_key(options, "dns-server", text);
}

static void add_search(struct passt_options *options, const char *text)
{
	g_auto(GStrv) names = g_strsplit(text, " ", -1);

	for (char **name = names; *name; name++) {
		if (**name && strcmp(text, "none"))
			user_key(options, "dnssearch", *name);
	}
}

/* The guest's name is one label: the first of a domain name. */
static bool set_guest(struct passt_options *options, const char *name, GError **error)
{
	size_t len = strcspn(name, ".");

	if (!len || strpbrk(name, ", "))
		return error_usage(error, "'%s' should be a host name", name);
	g_free(options->guest);
	options->guest = g_strndup(name, len);
	return true;
}

static bool set_family(struct passt_options *options, const char *any, const char *off,
		       GError **error)
{
	if (strcmp(options->any, "*") && strcmp(options->any, any))
		return error_usage(error, "--ipv4-only and --ipv6-only leave nothing");
	options->any = any;
	return user_key(options, off, "off");
}

static bool take_fd(struct passt_options *options, const char *text, GError **error)
{
	guint64 fd;

	if (!read_number("--fd", text, G_MAXINT, &fd, error))
		return false;
	if (fd < 3)
		return error_usage(error, "--fd '%s' should be 3 or more", text);
	options->fd = (int)fd;
	options->one_off = true; /* with --fd no other guest can connect */
	return true;
}

/* Options of the network and its addresses. */
static bool take_network(struct passt_options *options, struct passt_addresses *addresses, int c,
			 GError **error)
{
	switch (c) {
	case 'm':
		return add_mtu(options, optarg, error);
	case 'a':
		return passt_address_note("--address", optarg, &addresses->guest,
					  &addresses->guest6, error);
	case 'n':
		return passt_netmask_note(optarg, &addresses->len, error);
	case 'g':
		return passt_address_note("--gateway", optarg, &addresses->gateway,
					  &addresses->gateway6, error);
	case OPT_DNS_FORWARD:
		return passt_address_note("--dns-forward", optarg, &addresses->dns,
					  &addresses->dns6, error);
	case 'D':
		return add_server(options, "--dns", optarg, error);
	case OPT_DNS_HOST:
		return add_server(options, "--dns-host", optarg, error);
	case 'S':
		add_search(options, optarg);
		return true;
	case OPT_NO_TCP:
	case OPT_NO_UDP:
		options->denied[c == OPT_NO_UDP] = true;
		return user_key(options, "deny", c == OPT_NO_UDP ? "udp:*" : "tcp:*");
	case OPT_NO_ICMP:
		return user_key(options, "deny", "icmp:*");
	case OPT_NO_DHCP:
		return user_key(options, "dhcp", "off");
	case OPT_NO_MAP_GW:
		return user_key(options, "host-loopback", "off");
	case OPT_MAP_HOST_LOOPBACK:
		if (!strcmp(optarg, "none"))
			return user_key(options, "host-loopback", "off");
		/* Here the host's loopback is at the gateway's address. */
		return passt_address_note("--map-host-loopback", optarg, &addresses->gateway,
					  &addresses->gateway6, error);
	case OPT_MAP_GUEST_ADDR:
		if (!strcmp(optarg, "none"))
			return true;
		return error_usage(error, "--map-guest-addr is refused: guests reach the host's "
					  "addresses as they are");
	case '4':
		return set_family(options, "0.0.0.0", "ipv6", error);
	default: /* '6' */
		return set_family(options, "[::]", "ipv4", error);
	}
}

/* Options of the process; false without @error: not one of them. */
static bool take_process(struct passt_options *options, int c, bool *known, GError **error)
{
	*known = true;
	switch (c) {
	case 'd':
	case OPT_TRACE:
		options->log_level = "debug";
		return true;
	case 'q':
		options->log_level = "warning";
		return true;
	case 'f':
		options->foreground = true;
		return true;
	case 'l':
		return set_once(&options->log_file, "--log-file", optarg, error);
	case OPT_LOG_SIZE:
		return read_number("--log-size", optarg, G_MAXINT64, &options->log_size, error);
	case 'h':
		options->help = true;
		return true;
	case OPT_VERSION:
		options->version = true;
		return true;
	case 's':
		return set_once(&options->socket, "--socket", optarg, error);
	case 'F':
		return take_fd(options, optarg, error);
	case 'P':
		return set_once(&options->pid_file, "--pid", optarg, error);
	case '1':
		options->one_off = true;
		return true;
	case 't':
	case 'u':
		add_spec(options, c == 'u', optarg);
		return true;
	case 'H':
	case OPT_FQDN:
		return set_guest(options, optarg, error);
	case OPT_REPAIR_PATH:
		if (strcmp(optarg, "none"))
			g_ptr_array_add(options->warnings,
					g_strdup("--repair-path has no effect: TCP connections do "
						 "not migrate"));
		return true;
	default:
		*known = false;
		return false;
	}
}

static const char *long_name(int c)
{
	for (const struct option *option = long_options; option->name; option++) {
		if (option->val == c)
			return option->name;
	}
	return "";
}

static bool take(struct passt_options *options, struct passt_addresses *addresses, int c,
		 const char *name, GError **error)
{
	bool known, done = take_process(options, c, &known, error);

	if (known)
		return done;
	switch (c) {
	case OPT_IGNORED:
	case 'i':
	case 'M':
	case 'e':
		return warn(options, name);
	case OPT_REFUSED:
	case 'o':
	case 'p':
	case 'c':
		return refuse(name, error);
	default:
		return take_network(options, addresses, c, error);
	}
}

static bool check_all(struct passt_options *options, struct passt_addresses *addresses,
		      GError **error)
{
	guint n_user = options->user->len;

	if (options->fd >= 0 && options->socket)
		return error_usage(error, "--socket and --fd cannot both be given");
	if (!strcmp(options->any, "[::]") && options->specs->len)
		return error_usage(error, "--ipv6-only: a forward needs an IPv4 guest, because the "
					  "guest chooses its own IPv6 address");
	if (!passt_address_keys(addresses, options->user, options->warnings, error))
		return false;
	if (options->user->len > n_user)
		options->shapes_network = true;
	return true;
}

bool passt_options_parse(struct passt_options *options, int argc, char **argv, GError **error)
{
	struct passt_addresses addresses = {.len = 0};
	int c, index = -1;

	*options = (struct passt_options){
		.fd = -1, .log_level = "info", .log_size = PASST_LOG_SIZE, .any = "*"};
	options->user = g_ptr_array_new_with_free_func(g_free);
	options->specs = g_ptr_array_new();
	options->warnings = g_ptr_array_new_with_free_func(g_free);
	optind = 0; /* getopt(3): restart the scan */
	while ((c = getopt_long(argc, argv, short_options, long_options, &index)) != -1) {
		if (c == '?')
			return error_usage(error, "unknown option %s (see --help)",
					   argv[optind - 1]);
		if (c == ':')
			return error_usage(error, "%s needs a value", argv[optind - 1]);
		if (!take(options, &addresses, c,
			  index >= 0 ? long_options[index].name : long_name(c), error))
			return false;
		index = -1;
	}
	if (optind < argc)
		return error_usage(error, "'%s': options only (see --help)", argv[optind]);
	return options->help || options->version || check_all(options, &addresses, error);
}

void passt_options_clear(struct passt_options *options)
{
	for (guint i = 0; i < options->specs->len; i++) {
		struct passt_spec *spec = g_ptr_array_index(options->specs, i);

		g_free(spec->text);
		g_free(spec);
	}
	g_ptr_array_unref(options->specs);
	g_ptr_array_unref(options->user);
	g_ptr_array_unref(options->warnings);
	g_free(options->socket);
	g_free(options->pid_file);
	g_free(options->log_file);
	g_free(options->guest);
}

char *passt_options_netdev(const struct passt_options *options, const GPtrArray *rules)
{
	GString *text = g_string_new("user,id=nat");

	for (guint i = 0; i < options->user->len; i++)
		g_string_append_printf(text, ",%s", (char *)g_ptr_array_index(options->user, i));
	if (options->guest)
		g_string_append_printf(text, ",hostname=%s", options->guest);
	for (guint i = 0; i < rules->len; i++)
		g_string_append_printf(text, ",hostfwd=%s", (char *)g_ptr_array_index(rules, i));
	return g_string_free(text, FALSE);
}
