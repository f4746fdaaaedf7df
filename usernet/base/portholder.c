/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/portholder.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

/* proc_pid_net(5); include/net/tcp_states.h of the kernel. */
#define STATE_UNCONNECTED 7 /* TCP_CLOSE: any UDP socket that is not connected */
#define STATE_LISTEN      10

struct held {
	uint64_t inode;
	unsigned uid;
};

/*
 * /proc prints an address as the hexadecimal of each 32-bit word read in host order, so comparing
 * words compares addresses. An IPv4 address is taken as v4-mapped, as IPv6 sockets hold it.
 */
static void address_words(const struct sockaddr_any *addr, uint32_t words[4])
{
	if (addr->sa.sa_family == AF_INET) {
		memset(words, 0, 4 * sizeof(*words));
		words[2] = htonl(0xffff);
		words[3] = addr->in.sin_addr.s_addr;
		return;
	}
	memcpy(words, &addr->in6.sin6_addr, 4 * sizeof(*words));
}

static bool words_are_any(const uint32_t words[4])
{
	return !words[0] && !words[1] && !words[3] && (!words[2] || words[2] == htonl(0xffff));
}

/* Searches one table; its addresses have @columns words. */
static bool search_table(const char *path, unsigned columns, const uint32_t want[4], unsigned port,
			 unsigned state, struct held *held)
{
	bool want_v4 = !want[0] && !want[1] && want[2] == htonl(0xffff);
	FILE *file = fopen(path, "re");
	char line[512];
	bool found = false;

	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file)) {
		uint32_t w[4] = {0, 0, htonl(0xffff), 0};
		unsigned its_port, its_state;
		int n;

		if (columns == 1)
			n = sscanf(line, "%*u: %8" SCNx32 ":%x %*[0-9A-F]:%*x %x", &w[3], &its_port,
				   &its_state) +
			    3;
		else
			n = sscanf(line,
				   "%*u: %8" SCNx32 "%8" SCNx32 "%8" SCNx32 "%8" SCNx32
				   ":%x %*[0-9A-F]:%*x %x",
				   &w[0], &w[1], &w[2], &w[3], &its_port, &its_state);
		if (n != 6 || its_port != port || its_state != state)
			continue;
		if (memcmp(w, want, sizeof(w)) != 0 && !words_are_any(w) && !words_are_any(want))
			continue;
		/* An IPv4 address and a specific IPv6 address never conflict. */
		if (columns == 4 && want_v4 && !words_are_any(w) && memcmp(w, want, 12) != 0)
			continue;
		found = sscanf(line, "%*u: %*s %*s %*s %*s %*s %*s %u %*s %" SCNu64, &held->uid,
			       &held->inode) == 2;
	}
	fclose(file);
	return found;
}

static bool process_holds(const char *pid, const char *link)
{
	g_autofree char *path = g_strdup_printf("/proc/%s/fd", pid);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *entry = g_strdup_printf("%s/%s", path, name);
		char target[64];
		ssize_t len = readlink(entry, target, sizeof(target) - 1);

		if (len < 0)
			continue;
		target[len] = '\0';
		if (!strcmp(target, link))
			return true;
	}
	return false;
}

/* "pid 1234 (nginx)"; NULL when we may not see the process's descriptors. */
static char *find_process(uint64_t inode)
{
	g_autofree char *link = g_strdup_printf("socket:[%" PRIu64 "]", inode);
	g_autoptr(GDir) proc = g_dir_open("/proc", 0, NULL);
	const char *name;

	while (proc && (name = g_dir_read_name(proc))) {
		g_autofree char *path = NULL, *comm = NULL;

		if (!g_ascii_isdigit(name[0]) || !process_holds(name, link))
			continue;
		path = g_strdup_printf("/proc/%s/comm", name);
		if (g_file_get_contents(path, &comm, NULL, NULL))
			return g_strdup_printf("pid %s (%s)", name, g_strchomp(comm));
		return g_strdup_printf("pid %s", name);
	}
	return NULL;
}

char *port_holder(const struct sockaddr_any *addr, int type)
{
	unsigned state = type == SOCK_STREAM ? STATE_LISTEN : STATE_UNCONNECTED;
	const char *name = type == SOCK_STREAM ? "tcp" : "udp";
	bool v4 = addr->sa.sa_family == AF_INET;
	unsigned port = ntohs(v4 ? addr->in.sin_port : addr->in6.sin6_port);
	g_autofree char *table4 = g_strdup_printf("/proc/self/net/%s", name);
	g_autofree char *table6 = g_strdup_printf("/proc/self/net/%s6", name);
	struct held held = {0};
	uint32_t want[4];
	char *holder;

	address_words(addr, want);
	if (!(v4 && search_table(table4, 1, want, port, state, &held)) &&
	    !search_table(table6, 4, want, port, state, &held))
		return NULL;
	holder = find_process(held.inode);
	return holder ? holder : g_strdup_printf("a process of user %u", held.uid);
}
