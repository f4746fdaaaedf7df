/* SPDX-License-Identifier: BSD-3-Clause */
#include "enter_dhcp.h"

#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIXED     240 /* RFC 2131 2, with the magic cookie */
#define MESSAGE   576
#define TRIES     4
#define WAIT_MS   1000
#define NAME_MAX_ 63

enum { DISCOVER = 1, OFFER = 2, REQUEST = 3, ACK = 5, NAK = 6, RELEASE = 7 };

/* RFC 2132, 3442 */
enum {
	OPT_MASK = 1,
	OPT_ROUTER = 3,
	OPT_DNS = 6,
	OPT_NAME = 12,
	OPT_DOMAIN = 15,
	OPT_MTU = 26,
	OPT_ADDRESS = 50,
	OPT_LEASE = 51,
	OPT_TYPE = 53,
	OPT_SERVER = 54,
	OPT_LIST = 55,
	OPT_ROUTES = 121,
	OPT_END = 255,
};

static unsigned char *put(unsigned char *p, unsigned char code, const void *data, size_t len)
{
	p[0] = code;
	p[1] = (unsigned char)len;
	memcpy(p + 2, data, len);
	return p + 2 + len;
}

/* @renew: the address is ours, and the message goes to the server alone. */
static bool say(struct enter_dhcp *dhcp, unsigned char type, bool renew)
{
	static const unsigned char list[] = {OPT_MASK,   OPT_ROUTER, OPT_DNS,
					     OPT_DOMAIN, OPT_MTU,    OPT_ROUTES};
	const struct enter_lease *lease = &dhcp->lease;
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(67)};
	unsigned char message[MESSAGE] = {1, 1, 6, 0}, *p = message + FIXED;
	unsigned xid = htonl(dhcp->xid);

	to.sin_addr.s_addr = renew ? lease->server.s_addr : htonl(INADDR_BROADCAST);
	memcpy(message + 4, &xid, 4);
	if (renew)
		memcpy(message + 12, &lease->addr, 4);
	else
		message[10] = 0x80; /* answers by broadcast */
	memcpy(message + 28, dhcp->mac, 6);
	memcpy(message + 236, (const unsigned char[]){99, 130, 83, 99}, 4);
	p = put(p, OPT_TYPE, &type, 1);
	if (type == REQUEST && !renew)
		p = put(p, OPT_ADDRESS, &lease->addr, 4);
	if ((type == REQUEST && !renew) || type == RELEASE)
		p = put(p, OPT_SERVER, &lease->server, 4);
	if (type != RELEASE) {
		if (dhcp->name)
			p = put(p, OPT_NAME, dhcp->name, MIN(strlen(dhcp->name), NAME_MAX_));
		p = put(p, OPT_LIST, list, sizeof(list));
	}
	*p++ = OPT_END;
	return sendto(dhcp->fd, message, MAX((size_t)(p - message), 300), 0, (struct sockaddr *)&to,
		      sizeof(to)) >= 0;
}

static void add_route(struct enter_lease *lease, struct in_addr net, unsigned len,
		      struct in_addr via)
{
	if (lease->n_routes < ENTER_ROUTES_MAX)
		lease->routes[lease->n_routes++] = (struct enter_route){net, via, len};
}

/* RFC 3442: length, the significant bytes of the network, router. */
static void read_routes(struct enter_lease *lease, const unsigned char *p, size_t rem)
{
	lease->n_routes = 0; /* it replaces the router option */
	while (rem) {
		struct in_addr net = {0}, via;
		unsigned len = p[0], bytes = (len + 7) / 8;

		if (len > 32 || rem < 1 + bytes + 4)
			return;
		memcpy(&net, p + 1, bytes);
		memcpy(&via, p + 1 + bytes, 4);
		add_route(lease, net, len, via);
		p += 1 + bytes + 4;
		rem -= 1 + bytes + 4;
	}
}

static unsigned read_number(const unsigned char *p, size_t len)
{
	unsigned n = 0;

	for (size_t i = 0; i < len; i++)
		n = n << 8 | p[i];
	return n;
}

/* It goes to resolv.conf: nothing but letters, digits, dots and hyphens. */
static void read_domain(struct enter_lease *lease, const unsigned char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!g_ascii_isalnum(p[i]) && !strchr(".-_", p[i]))
			return;
	}
	memcpy(lease->domain, p, len);
	lease->domain[len] = 0;
}

static void read_servers(struct enter_lease *lease, const unsigned char *p, size_t len)
{
	lease->n_dns = (unsigned)MIN(len / 4, (size_t)ENTER_SERVERS_MAX);
	memcpy(lease->dns, p, 4 * lease->n_dns);
}

static void read_option(struct enter_lease *lease, unsigned char *type, unsigned char code,
			const unsigned char *p, size_t len, bool has_routes)
{
	struct in_addr via, any = {0};

	if (code == OPT_TYPE && len == 1)
		*type = p[0];
	else if (code == OPT_MASK && len == 4)
		memcpy(&lease->mask, p, 4);
	else if (code == OPT_SERVER && len == 4)
		memcpy(&lease->server, p, 4);
	else if (code == OPT_MTU && len == 2)
		lease->mtu = read_number(p, len);
	else if (code == OPT_LEASE && len == 4)
		lease->seconds = read_number(p, len);
	else if (code == OPT_DNS)
		read_servers(lease, p, len);
	else if (code == OPT_DOMAIN)
		read_domain(lease, p, len);
	else if (code == OPT_ROUTES)
		read_routes(lease, p, len);
	else if (code == OPT_ROUTER && len >= 4 && !has_routes) {
		memcpy(&via, p, 4);
		add_route(lease, any, 0, via);
	}
}

/* Returns the message's type; 0: not an answer to us. */
static unsigned char read_message(const struct enter_dhcp *dhcp, const unsigned char *message,
				  size_t size, struct enter_lease *lease)
{
	unsigned xid = htonl(dhcp->xid);
	const unsigned char *p = message + FIXED;
	size_t rem = size - FIXED;
	unsigned char type = 0;

	*lease = (struct enter_lease){.seconds = 3600};
	if (size < FIXED || message[0] != 2 || memcmp(message + 4, &xid, 4) ||
	    memcmp(message + 28, dhcp->mac, 6))
		return 0;
	memcpy(&lease->addr, message + 16, 4);
	while (rem && p[0] != OPT_END) {
		size_t len;

		if (!p[0]) { /* pad */
			p++, rem--;
			continue;
		}
		if (rem < 2 || rem - 2 < p[1])
			return 0;
		len = p[1];
		read_option(lease, &type, p[0], p + 2, len, lease->n_routes > 0);
		p += 2 + len;
		rem -= 2 + len;
	}
	return type;
}

static unsigned char hear(struct enter_dhcp *dhcp, struct enter_lease *lease)
{
	unsigned char message[1500];
	struct pollfd wait = {.fd = dhcp->fd, .events = POLLIN};
	gint64 end = g_get_monotonic_time() + WAIT_MS * 1000;

	for (;;) {
		gint64 left = (end - g_get_monotonic_time()) / 1000;
		unsigned char type;
		ssize_t got;

		if (left < 0 || poll(&wait, 1, (int)left) <= 0)
			return 0;
		got = recv(dhcp->fd, message, sizeof(message), MSG_DONTWAIT);
		type = got >= FIXED ? read_message(dhcp, message, (size_t)got, lease) : 0;
		if (type)
			return type;
	}
}

static bool exchange(struct enter_dhcp *dhcp, unsigned char say_type, bool renew,
		     unsigned char hope)
{
	struct enter_lease lease;

	for (int i = 0; i < TRIES; i++) {
		unsigned char type;

		if (!say(dhcp, say_type, renew))
			return false;
		type = hear(dhcp, &lease);
		if (type == NAK)
			return false;
		if (type == hope) {
			dhcp->lease = lease;
			return true;
		}
	}
	errno = ETIMEDOUT;
	return false;
}

static bool open_socket(struct enter_dhcp *dhcp)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(68)};
	struct ifreq request = {0};
	int one = 1;

	dhcp->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (dhcp->fd < 0)
		return false;
	g_strlcpy(request.ifr_name, dhcp->ifname, IFNAMSIZ);
	if (setsockopt(dhcp->fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one)) ||
	    setsockopt(dhcp->fd, SOL_SOCKET, SO_BINDTODEVICE, dhcp->ifname,
		       (socklen_t)strlen(dhcp->ifname) + 1) ||
	    bind(dhcp->fd, (struct sockaddr *)&any, sizeof(any)) ||
	    ioctl(dhcp->fd, SIOCGIFHWADDR, &request))
		return false;
	memcpy(dhcp->mac, request.ifr_hwaddr.sa_data, 6);
	return true;
}

bool enter_dhcp_ask(struct enter_dhcp *dhcp, const char *ifname, const char *name)
{
	*dhcp = (struct enter_dhcp){.fd = -1, .xid = g_random_int(), .name = name};
	g_strlcpy(dhcp->ifname, ifname, IFNAMSIZ);
	return open_socket(dhcp) && exchange(dhcp, DISCOVER, false, OFFER) &&
	       exchange(dhcp, REQUEST, false, ACK);
}

bool enter_dhcp_renew(struct enter_dhcp *dhcp)
{
	dhcp->xid = g_random_int();
	return exchange(dhcp, REQUEST, true, ACK);
}

void enter_dhcp_release(struct enter_dhcp *dhcp)
{
	if (dhcp->fd < 0)
		return;
	(void)say(dhcp, RELEASE, true);
	close(dhcp->fd);
	dhcp->fd = -1;
}
