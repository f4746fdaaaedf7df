/* SPDX-License-Identifier: BSD-3-Clause */
#include "doctor_host.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FEW_DESCRIPTORS  4096 /* a guest that browses the web opens hundreds */
#define GROUPS_MAX       256
#define ANSWER_MS        2000
#define LANDLOCK_VERSION 1U /* LANDLOCK_CREATE_RULESET_VERSION, linux/landlock.h */

void doctor_well(const char *format, ...)
{
	va_list args;

	fputs("ok     ", stdout);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

void doctor_found(struct doctor *doctor, const char *mend, const char *format, ...)
{
	va_list args;

	fputs("FOUND  ", stdout);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n       mend: %s\n", mend);
	doctor->n_found++;
}

/* --- rights and limits --- */

static bool has_group(unsigned first, unsigned last)
{
	gid_t groups[GROUPS_MAX];
	int n = getgroups(GROUPS_MAX, groups);
	bool found = getegid() >= first && getegid() <= last;

	for (int i = 0; i < n; i++)
		found = found || (groups[i] >= first && groups[i] <= last);
	return found;
}

void doctor_host_pings(struct doctor *doctor)
{
	g_autofree char *text = NULL;
	unsigned first, last;

	if (!g_file_get_contents("/proc/sys/net/ipv4/ping_group_range", &text, NULL, NULL) ||
	    sscanf(text, "%u %u", &first, &last) != 2)
		return;
	if (has_group(first, last))
		doctor_well("guests can ping: ping_group_range has a group of this user");
	else
		doctor_found(doctor,
			     "as root: sysctl -w net.ipv4.ping_group_range='0 2147483647', and the "
			     "same in a file in /etc/sysctl.d",
			     "guests cannot ping beyond the network: ping_group_range is %u %u",
			     first, last);
}

void doctor_host_limits(struct doctor *doctor)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	if (limit.rlim_max >= FEW_DESCRIPTORS)
		doctor_well("open files: up to %llu", (unsigned long long)limit.rlim_max);
	else
		doctor_found(doctor,
			     "raise the hard limit: nofile in /etc/security/limits.conf, or "
			     "LimitNOFILE= of the unit",
			     "a process may open %llu files only; each connection of a guest needs "
			     "one",
			     (unsigned long long)limit.rlim_max);
}

void doctor_host_kernel(struct doctor *doctor)
{
	long landlock = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);

	if (landlock > 0)
		doctor_well("kernel: Landlock version %ld", landlock);
	else
		doctor_found(
			doctor,
			"use a kernel with Landlock (5.13 or later), and landlock in lsm= of its "
			"command line; usernet also runs without",
			"the kernel has no Landlock: the sandbox does not restrict paths");
}

/* --- QEMU --- */

#if defined(__x86_64__)
#define QEMU "qemu-system-x86_64"
#elif defined(__aarch64__)
#define QEMU "qemu-system-aarch64"
#elif defined(__riscv)
#define QEMU "qemu-system-riscv64"
#elif defined(__powerpc64__)
#define QEMU "qemu-system-ppc64"
#elif defined(__s390x__)
#define QEMU "qemu-system-s390x"
#else
#define QEMU "qemu-system-i386"
#endif

void doctor_host_qemu(struct doctor *doctor)
{
	g_autofree char *path = g_find_program_in_path(QEMU), *out = NULL;
	char *argv[] = {path, (char *)"--version", NULL};
	unsigned major = 0, minor = 0;
	const char *version;

	if (!path) {
		doctor_well(QEMU " is not in PATH; guests may come from elsewhere");
		return;
	}
	if (!g_spawn_sync(NULL, argv, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &out, NULL,
			  NULL, NULL) ||
	    !(version = strstr(out, "version ")) ||
	    sscanf(version, "version %u.%u", &major, &minor) != 2) {
		doctor_found(doctor, "reinstall it", "%s prints no version", path);
		return;
	}
	if (major > 7 || (major == 7 && minor >= 2))
		doctor_well("QEMU %u.%u", major, minor);
	else
		doctor_found(doctor,
			     "use QEMU 7.2 or later; or -netdev socket,connect= with usernet's "
			     "--netdev socket,listen=",
			     "QEMU %u.%u has no -netdev stream and dgram", major, minor);
}

/* --- name servers --- */

/* A query for the name servers of the root: any answer will do. */
static const uint8_t query[] = {0x75, 0x6e, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1};

static bool answers(const struct sockaddr *addr, socklen_t len)
{
	int fd = socket(addr->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	uint8_t answer[512];
	bool ok;

	if (fd < 0)
		return false;
	ok = connect(fd, addr, len) == 0 && send(fd, query, sizeof(query), 0) > 0 &&
	     poll(&poll_fd, 1, ANSWER_MS) == 1 && recv(fd, answer, sizeof(answer), 0) >= 12 &&
	     !memcmp(answer, query, 2);
	close(fd);
	return ok;
}

/* False: it is not an address alone. */
static bool parse(const char *text, struct sockaddr_storage *addr, socklen_t *len)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)addr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)addr;

	memset(addr, 0, sizeof(*addr));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(53);
		*len = sizeof(*v4);
		return true;
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(53);
		*len = sizeof(*v6);
		return true;
	}
	return false;
}

void doctor_host_resolvers(struct doctor *doctor, const char *const *servers)
{
	if (!servers[0])
		doctor_found(doctor,
			     "name one in /etc/resolv.conf, or with dns-server= of the user "
			     "netdev",
			     "the host has no name server");
	for (; *servers; servers++) {
		struct sockaddr_storage addr;
		socklen_t len;

		if (!parse(*servers, &addr, &len))
			continue;
		if (answers((struct sockaddr *)&addr, len))
			doctor_well("the name server %s answers", *servers);
		else
			doctor_found(doctor,
				     "correct /etc/resolv.conf or the host's route to it, or "
				     "name another with dns-server= of the user netdev",
				     "the name server %s does not answer within %d s", *servers,
				     ANSWER_MS / 1000);
	}
}

char **doctor_host_servers(void)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	GPtrArray *servers = g_ptr_array_new();

	if (g_file_get_contents("/etc/resolv.conf", &text, NULL, NULL))
		lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; line && *line; line++) {
		char server[64];

		if (sscanf(*line, "nameserver %63s", server) == 1)
			g_ptr_array_add(servers, g_strdup(server));
	}
	g_ptr_array_add(servers, NULL);
	return (char **)g_ptr_array_free(servers, FALSE);
}

/* --- ports --- */

#define STATE_LISTEN 0x0a /* TCP_LISTEN, linux/include/net/tcp_states.h */

/* An address of /proc/net/tcp: words of 8 digits in the byte order of the host. */
static bool read_address(const char *hex, struct in6_addr *out, bool v6)
{
	for (unsigned i = 0; i < (v6 ? 4 : 1); i++) {
		uint32_t word;

		if (sscanf(hex + i * 8, "%8x", &word) != 1)
			return false;
		memcpy(&out->s6_addr[i * 4], &word, 4);
	}
	if (v6)
		return true;
	memmove(&out->s6_addr[12], out->s6_addr, 4);
	memset(out->s6_addr, 0, 10);
	memset(&out->s6_addr[10], 0xff, 2);
	return true;
}

/* Calls for each listening socket; returns how many listen at @port elsewhere than @ours. */
static unsigned count_others(const char *path, bool v6, uint16_t port, const struct in6_addr *ours)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	unsigned n = 0;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return 0;
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++) {
		struct in6_addr address = IN6ADDR_ANY_INIT;
		char local[40];
		unsigned at, state;

		if (sscanf(*line, " %*d: %39[0-9A-F]:%x %*[0-9A-F]:%*x %x", local, &at, &state) !=
			    3 ||
		    at != port || state != STATE_LISTEN || strlen(local) != (v6 ? 32 : 8))
			continue;
		if (read_address(local, &address, v6) && memcmp(&address, ours, sizeof(address)))
			n++;
	}
	return n;
}

void doctor_host_port(struct doctor *doctor, const char *address, uint16_t port, const char *rule)
{
	g_autofree char *mapped = g_strdup_printf("::ffff:%s", address);
	struct in6_addr ours;

	if (inet_pton(AF_INET6, strchr(address, ':') ? address : mapped, &ours) != 1)
		return;
	if (count_others("/proc/net/tcp", false, port, &ours) +
	    count_others("/proc/net/tcp6", true, port, &ours))
		doctor_found(doctor,
			     "give the forward another port, or end the other program "
			     "(ss -ltnp shows it)",
			     "another program listens on port %u, at another address than the "
			     "forward %s: clients may reach the wrong one",
			     port, rule);
}
