/* SPDX-License-Identifier: BSD-3-Clause */
#include "enter_space.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <net/route.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"

#define V6_WAIT_MS 2000

static bool fail(GError **error, const char *what)
{
	g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno), "%s: %s", what,
		    g_strerror(errno));
	return false;
}

static bool write_file(const char *path, const char *text)
{
	autofd int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static void set_sysctl(const char *text, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Unknown to some kernels, and not essential. */
static void set_sysctl(const char *text, const char *format, ...)
{
	g_autofree char *path = NULL;
	va_list args;

	va_start(args, format);
	path = g_strdup_vprintf(format, args);
	va_end(args);
	(void)write_file(path, text);
}

/* --- namespaces --- */

static bool map_ids(uid_t uid, gid_t gid, bool root, GError **error)
{
	g_autofree char *users =
		g_strdup_printf("%u %u 1", root ? 0 : (unsigned)uid, (unsigned)uid);
	g_autofree char *groups =
		g_strdup_printf("%u %u 1", root ? 0 : (unsigned)gid, (unsigned)gid);

	/* Kernels before 3.19 lack setgroups. */
	if (!write_file("/proc/self/setgroups", "deny") && errno != ENOENT)
		return fail(error, "/proc/self/setgroups");
	if (!write_file("/proc/self/uid_map", users))
		return fail(error, "/proc/self/uid_map");
	if (!write_file("/proc/self/gid_map", groups))
		return fail(error, "/proc/self/gid_map");
	return true;
}

bool enter_space_make(bool root, GError **error)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (uid == 0 && unshare(CLONE_NEWNS | CLONE_NEWNET) == 0)
		return true;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) < 0)
		return fail(error,
			    "cannot make a user namespace (see kernel.unprivileged_userns_clone "
			    "and user.max_user_namespaces)");
	return map_ids(uid, gid, root, error);
}

static bool is_own(int fd, const char *name)
{
	g_autofree char *path = g_strdup_printf("/proc/self/ns/%s", name);
	struct stat own, other;

	return stat(path, &own) == 0 && fstat(fd, &other) == 0 && own.st_ino == other.st_ino &&
	       own.st_dev == other.st_dev;
}

static int open_space(pid_t pid, const char *name)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/ns/%s", (int)pid, name);

	return open(path, O_RDONLY | O_CLOEXEC);
}

bool enter_space_join(pid_t pid, bool mounts, GError **error)
{
	g_autofree char *who = g_strdup_printf("namespaces of process %d", (int)pid);
	autofd int user = open_space(pid, "user");
	autofd int net = open_space(pid, "net");
	autofd int mnt = open_space(pid, "mnt");

	if (user < 0 || net < 0 || mnt < 0)
		return fail(error, who);
	if (is_own(net, "net")) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
			    "process %d has no network namespace of its own", (int)pid);
		return false;
	}
	if (!is_own(user, "user") && setns(user, CLONE_NEWUSER) < 0)
		return fail(error, who);
	if (setns(net, CLONE_NEWNET) < 0)
		return fail(error, who);
	if (!mounts)
		return true;
	if ((!is_own(mnt, "mnt") && setns(mnt, CLONE_NEWNS) < 0) || unshare(CLONE_NEWNS) < 0)
		return fail(error, who);
	return true;
}

void enter_space_keep_rights(void)
{
	static const int rights[] = {CAP_NET_RAW, CAP_NET_ADMIN, CAP_NET_BIND_SERVICE};
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	if (syscall(SYS_capget, &header, data) < 0)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(rights); i++)
		data[0].inheritable |= data[0].permitted & (1u << rights[i]);
	if (syscall(SYS_capset, &header, data) < 0)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(rights); i++)
		(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, rights[i], 0, 0);
}

/* --- interfaces --- */

int enter_space_tap(char *ifname, GError **error)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		fail(error, "/dev/net/tun");
		return -1;
	}
	g_strlcpy(request.ifr_name, ifname[0] ? ifname : "tap%d", IFNAMSIZ);
	if (ioctl(fd, TUNSETIFF, &request) < 0) {
		fail(error, ifname[0] ? ifname : "tap");
		g_close(fd, NULL);
		return -1;
	}
	g_strlcpy(ifname, request.ifr_name, IFNAMSIZ);
	return fd;
}

static int any_socket(void)
{
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static bool start(int fd, const char *ifname)
{
	struct ifreq request = {0};

	g_strlcpy(request.ifr_name, ifname, IFNAMSIZ);
	if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return false;
	request.ifr_flags |= IFF_UP | IFF_RUNNING;
	return ioctl(fd, SIOCSIFFLAGS, &request) == 0;
}

bool enter_space_up(const char *ifname, GError **error)
{
	autofd int fd = any_socket();
	g_autofree char *groups =
		g_strdup_printf("%u %u", (unsigned)getegid(), (unsigned)getegid());

	if (!start(fd, "lo"))
		return fail(error, "lo");
	/* DHCP's answers come before there is an address. */
	set_sysctl("0", "/proc/sys/net/ipv4/conf/all/rp_filter");
	set_sysctl("0", "/proc/sys/net/ipv4/conf/%s/rp_filter", ifname);
	/* ping without raw sockets */
	set_sysctl(groups, "/proc/sys/net/ipv4/ping_group_range");
	/* The guard of usernet finds duplicates; the command need not wait for it. */
	set_sysctl("0", "/proc/sys/net/ipv6/conf/%s/accept_dad", ifname);
	set_sysctl("0", "/proc/sys/net/ipv6/conf/%s/router_solicitation_delay", ifname);
	set_sysctl("1", "/proc/sys/net/ipv6/conf/%s/accept_ra", ifname);
	if (!start(fd, ifname))
		return fail(error, ifname);
	return true;
}

static void set_address(void *to, struct in_addr addr)
{
	const struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = addr};

	memcpy(to, &in, sizeof(in));
}

static bool add_route(int fd, const char *ifname, const struct enter_route *route)
{
	struct rtentry entry = {.rt_flags = RTF_UP, .rt_dev = (char *)ifname};
	struct in_addr mask = {
		route->len ? htonl((uint32_t)(UINT64_C(0xffffffff) << (32 - route->len))) : 0};

	set_address(&entry.rt_dst, route->net);
	set_address(&entry.rt_genmask, mask);
	if (route->via.s_addr) {
		set_address(&entry.rt_gateway, route->via);
		entry.rt_flags |= RTF_GATEWAY;
	}
	return ioctl(fd, SIOCADDRT, &entry) == 0 || errno == EEXIST;
}

bool enter_space_configure(const char *ifname, const struct enter_lease *lease, GError **error)
{
	struct ifreq request = {0};
	autofd int fd = any_socket();

	g_strlcpy(request.ifr_name, ifname, IFNAMSIZ);
	if (lease->mtu) {
		request.ifr_mtu = (int)lease->mtu;
		if (ioctl(fd, SIOCSIFMTU, &request) < 0)
			return fail(error, "the network's MTU");
	}
	set_address(&request.ifr_addr, lease->addr);
	if (ioctl(fd, SIOCSIFADDR, &request) < 0)
		return fail(error, "the address");
	set_address(&request.ifr_netmask, lease->mask);
	if (ioctl(fd, SIOCSIFNETMASK, &request) < 0)
		return fail(error, "the netmask");
	for (unsigned i = 0; i < lease->n_routes; i++) {
		if (!add_route(fd, ifname, &lease->routes[i]))
			return fail(error, "a route");
	}
	return true;
}

#define LINK_SCOPE 0x20 /* net/ipv6.h IPV6_ADDR_LINKLOCAL */

/* if_inet6: address, index, prefix length, scope, flags, name. fec0::/64 has a scope of its own. */
static bool has_global_v6(const char *ifname)
{
	FILE *file = fopen("/proc/self/net/if_inet6", "re");
	char name[32];
	unsigned scope;
	bool found = false;

	while (file && !found && fscanf(file, "%*32s %*x %*x %x %*x %31s", &scope, name) == 2)
		found = scope != LINK_SCOPE && !strcmp(name, ifname);
	if (file)
		fclose(file);
	return found;
}

void enter_space_await_v6(const char *ifname)
{
	for (int i = 0; i < V6_WAIT_MS / 10 && !has_global_v6(ifname); i++)
		g_usleep(10000);
}

/* --- names --- */

/*
 * Resolvers of the host that programs ask over a unix socket, so in the host's network. @shown: a
 * file of that directory to keep.
 */
static void hide(const char *dir)
{
	if (g_file_test(dir, G_FILE_TEST_IS_DIR))
		(void)mount("usernet", dir, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
}

static bool fill(const char *path, const char *text)
{
	autofd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	return fd >= 0 && fchmod(fd, 0644) == 0 && write(fd, text, strlen(text)) >= 0;
}

bool enter_space_resolv_conf(const char *text, GError **error)
{
	g_autofree char *target = realpath("/etc/resolv.conf", NULL);
	char path[] = "/tmp/usernet-resolv-XXXXXX";
	autofd int fd = -1;
	bool ok;

	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return fail(error, "mount namespace");
	hide("/run/systemd/resolve");
	hide("/run/nscd");
	if (!target) {
		errno = ENOENT;
		return fail(error, "/etc/resolv.conf");
	}
	if (g_str_has_prefix(target, "/run/systemd/resolve/"))
		return fill(target, text) || fail(error, target);
	fd = mkstemp(path);
	if (fd < 0)
		return fail(error, path);
	ok = fchmod(fd, 0644) == 0 && write(fd, text, strlen(text)) >= 0 &&
	     mount(path, target, NULL, MS_BIND, NULL) == 0;
	if (!ok)
		fail(error, target);
	unlink(path);
	return ok;
}
