/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_enter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/pass_fd.h"
#include "ctl_client.h"
#include "enter_space.h"

/*
 * Three processes:
 *
 *     usernetctl ── keeps the QMP connection; usernet removes the tap when it closes
 *       └ inside ── in the namespaces: makes the tap, asks for a lease and renews it
 *           └ command
 *
 * The tap's descriptor goes from inside to usernetctl, and over QMP to usernet: no process copies
 * frames. Everything ends with the command: what it left running is killed.
 */
#define EXIT_FAILED     125 /* as env(1): we failed */
#define EXIT_NO_EXEC    126
#define EXIT_NO_COMMAND 127

/* Passed to the process inside the namespaces. */
struct inside {
	const struct ctl_enter *enter;
	char **command; /* NULL: stay until the process to join ends */
	int sock;       /* to usernetctl */
	int pidfd;      /* of the process to join; -1: none */
	bool has_gateway, has_dhcp, has_v6;
	char *resolv_conf;
	struct enter_dhcp dhcp;
};

/* --- inside --- */

static void G_GNUC_NORETURN die(GError *error)
{
	fprintf(stderr, "usernetctl: enter: %s\n", error->message);
	_exit(EXIT_FAILED);
}

static bool send_tap(int sock, int fd)
{
	char byte = 't';
	struct iovec iov = {&byte, 1};

	return pass_fd(sock, &iov, 1, fd, 0) == 1;
}

/* "10.0.2.77/24" */
static bool parse_address(const char *text, struct enter_lease *lease)
{
	g_auto(GStrv) parts = g_strsplit(text, "/", 2);
	guint64 len;

	if (!parts[0] || !parts[1] || inet_pton(AF_INET, parts[0], &lease->addr) != 1 ||
	    !g_ascii_string_to_unsigned(parts[1], 10, 1, 32, &len, NULL))
		return false;
	lease->mask.s_addr = htonl((uint32_t)(UINT64_C(0xffffffff) << (32 - len)));
	return true;
}

/* The resolv.conf of a lease; NULL: it names no server. */
static char *servers_of(const struct enter_lease *lease)
{
	GString *text;

	if (!lease->n_dns)
		return NULL;
	text = g_string_new("# usernet\n");
	if (lease->domain[0])
		g_string_append_printf(text, "search %s\n", lease->domain);
	for (unsigned i = 0; i < lease->n_dns; i++) {
		char addr[INET_ADDRSTRLEN];

		g_string_append_printf(text, "nameserver %s\n",
				       inet_ntop(AF_INET, &lease->dns[i], addr, sizeof(addr)));
	}
	return g_string_free(text, FALSE);
}

static void configure(struct inside *in, const char *ifname)
{
	const char *hostname = in->enter->hostname ? in->enter->hostname : g_get_host_name();
	GError *error = NULL;

	in->dhcp.fd = -1;
	if (!enter_space_up(ifname, &error))
		die(error);
	if (in->enter->address) {
		(void)parse_address(in->enter->address, &in->dhcp.lease);
	} else if (!in->has_dhcp) {
		if (!in->has_v6)
			fprintf(stderr, "usernetctl: enter: the network gives no addresses; "
					"use --address\n");
	} else if (!enter_dhcp_ask(&in->dhcp, ifname, hostname)) {
		fprintf(stderr, "usernetctl: enter: no lease by DHCP: %s%s\n", g_strerror(errno),
			in->has_gateway ? "" : "; use --address");
		if (in->has_gateway)
			_exit(EXIT_FAILED);
	}
	if (!in->resolv_conf)
		in->resolv_conf = servers_of(&in->dhcp.lease);
	if (in->dhcp.lease.addr.s_addr && !enter_space_configure(ifname, &in->dhcp.lease, &error))
		die(error);
	if (in->has_v6)
		enter_space_await_v6(ifname);
	if (in->resolv_conf && (in->command || !in->enter->pid) &&
	    !enter_space_resolv_conf(in->resolv_conf, &error)) {
		fprintf(stderr, "usernetctl: enter: names of the network are unknown: %s\n",
			error->message);
		g_clear_error(&error);
	}
}

static void set_signals(int how, sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigprocmask(how, set, NULL);
}

static pid_t start_command(const struct inside *in)
{
	pid_t parent = getpid(), pid = fork();
	sigset_t set;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILED);
	set_signals(SIG_UNBLOCK, &set);
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	enter_space_keep_rights();
	execvp(in->command[0], in->command);
	fprintf(stderr, "usernetctl: %s: %s\n", in->command[0], g_strerror(errno));
	_exit(errno == ENOENT ? EXIT_NO_COMMAND : EXIT_NO_EXEC);
}

static int status_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Our children: /proc/PID/task/TID/children (proc(5)). */
static bool kill_children(void)
{
	g_autofree char *path = g_strdup_printf("/proc/self/task/%d/children", (int)getpid());
	g_autofree char *text = NULL;
	g_auto(GStrv) words = NULL;
	bool any = false;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return false;
	words = g_strsplit(text, " ", -1);
	for (char **word = words; *word; word++) {
		int pid = atoi(*word);

		if (pid > 0) {
			kill(pid, SIGKILL);
			any = true;
		}
	}
	return any;
}

/* Processes that the command left would keep the namespace. Orphans come to us (subreaper). */
static void kill_the_rest(void)
{
	while (kill_children())
		(void)waitpid(-1, NULL, 0);
}

/* When to renew next (monotonic, in us); -1: never. A server may give a lease of no seconds. */
static gint64 renew_at(const struct inside *in)
{
	if (in->dhcp.fd < 0 || in->dhcp.lease.seconds == G_MAXUINT32)
		return -1;
	return g_get_monotonic_time() +
	       (gint64)CLAMP(in->dhcp.lease.seconds / 2, 1, 86400) * G_USEC_PER_SEC;
}

/* In ms, rounded up; -1: never. */
static int until(gint64 at)
{
	return at < 0 ? -1 : (int)((MAX(at - g_get_monotonic_time(), 0) + 999) / 1000);
}

static int reap(pid_t command, bool *ended)
{
	int status, result = 0;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == command) {
			*ended = true;
			result = status_of(status);
		}
	}
	return result;
}

/* Waits for the end of the command, or of the process to join; renews the lease. */
static int supervise(struct inside *in)
{
	sigset_t set;
	int signals, status = 0;
	bool ended = false;
	pid_t command = 0;
	struct pollfd fds[3];
	gint64 renewal = renew_at(in);

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	set_signals(SIG_BLOCK, &set);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (in->command)
		command = start_command(in);
	fds[0] = (struct pollfd){.fd = signals, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = in->pidfd, .events = POLLIN};
	fds[2] = (struct pollfd){.fd = in->sock}; /* usernetctl lost usernet */
	while (!ended) {
		struct signalfd_siginfo info;
		int n = poll(fds, 3, until(renewal));

		if (n == 0) {
			if (!enter_dhcp_renew(&in->dhcp))
				fprintf(stderr, "usernetctl: enter: the lease was not renewed\n");
			renewal = renew_at(in);
		}
		if (n <= 0)
			continue;
		if (fds[1].revents && !in->command)
			break;
		if (fds[2].revents) {
			status = EXIT_FAILED;
			break;
		}
		if (!fds[0].revents || read(signals, &info, sizeof(info)) != sizeof(info))
			continue;
		if (info.ssi_signo == SIGCHLD)
			status = reap(command, &ended);
		else if (command)
			kill(command, (int)info.ssi_signo);
		else
			break;
	}
	kill_the_rest();
	enter_dhcp_release(&in->dhcp);
	return status;
}

static int run_inside(struct inside *in)
{
	char ifname[IFNAMSIZ] = "";
	GError *error = NULL;
	char answer = 0;
	int tap;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	if (in->enter->ifname)
		g_strlcpy(ifname, in->enter->ifname, IFNAMSIZ);
	if (in->enter->pid ? !enter_space_join(in->enter->pid, in->command != NULL, &error)
			   : !enter_space_make(in->enter->root, &error))
		die(error);
	tap = enter_space_tap(ifname, &error);
	if (tap < 0)
		die(error);
	if (!send_tap(in->sock, tap) || read(in->sock, &answer, 1) != 1)
		_exit(EXIT_FAILED);
	close(tap);
	configure(in, ifname);
	if (in->enter->ready_fd) {
		(void)!write(in->enter->ready_fd, "1", 1);
		close(in->enter->ready_fd);
	}
	return supervise(in);
}

/* --- outside --- */

static int receive_tap(int sock)
{
	char byte;
	struct iovec iov = {&byte, 1};
	int fd;

	take_fd(sock, &iov, 1, &fd, 0);
	return fd;
}

static int attach(struct ctl_session *session, int tap)
{
	JsonObject *args = json_object_new();
	g_autofree char *id = g_strdup_printf("enter-%d", (int)getpid());
	g_autoptr(JsonNode) result = NULL;
	int status = ctl_pass_fd(session, tap, "tap");

	json_object_set_string_member(args, "type", "tap");
	json_object_set_string_member(args, "id", id);
	json_object_set_string_member(args, "fd", "tap");
	json_object_set_boolean_member(args, "with-client", TRUE);
	if (status == CTL_DONE)
		return ctl_request(session, "netdev_add", args, &result);
	json_object_unref(args);
	return status;
}

/* Passes TERM and HUP to the inside; ends with it, or when usernet quits. */
static int wait_for(pid_t inside, struct ctl_session *session, int sock)
{
	struct pollfd fds[2];
	sigset_t set;
	int status;

	set_signals(SIG_BLOCK, &set);
	fds[0] = (struct pollfd){.fd = signalfd(-1, &set, SFD_CLOEXEC), .events = POLLIN};
	fds[1] = (struct pollfd){.fd = ctl_client_fd(session->client), .events = POLLIN};
	while (waitpid(inside, &status, WNOHANG) != inside) {
		struct signalfd_siginfo info;

		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents) {
			GError *error = NULL;
			g_autoptr(JsonNode) node = ctl_client_read(session->client, &error);

			if (!node) { /* events are ignored; this is the end of usernet */
				ctl_lost(error);
				shutdown(sock, SHUT_RDWR);
				fds[1].fd = -1;
			}
		}
		if (fds[0].revents && read(fds[0].fd, &info, sizeof(info)) == sizeof(info) &&
		    info.ssi_signo != SIGCHLD)
			kill(inside, (int)info.ssi_signo);
	}
	return status_of(status);
}

static const char *member(JsonObject *object, const char *name)
{
	return json_object_get_string_member_with_default(object, name, NULL);
}

/* Reads the addresses of the network by query-network. */
static int look_up(struct ctl_session *session, struct inside *in)
{
	g_autoptr(JsonNode) result = NULL;
	int status = ctl_request(session, "query-network", NULL, &result);
	GString *text;
	JsonObject *gateway;

	in->has_dhcp = true; /* perhaps beyond a link */
	if (status != CTL_DONE || !json_object_has_member(json_node_get_object(result), "gateway"))
		return status;
	gateway = json_object_get_object_member(json_node_get_object(result), "gateway");
	in->has_gateway = true;
	in->has_dhcp = member(gateway, "host") && json_object_get_boolean_member(gateway, "dhcp");
	in->has_v6 = member(gateway, "ipv6-host") != NULL;
	text = g_string_new("# usernet\n");
	g_string_append_printf(text, "search %s\n",
			       member(gateway, "domainname") ? member(gateway, "domainname")
							     : "usernet.internal");
	if (member(gateway, "dns"))
		g_string_append_printf(text, "nameserver %s\n", member(gateway, "dns"));
	if (member(gateway, "ipv6-dns"))
		g_string_append_printf(text, "nameserver %s\n", member(gateway, "ipv6-dns"));
	in->resolv_conf = g_string_free(text, FALSE);
	return status;
}

static int run(struct ctl_session *session, struct inside *in, int sock)
{
	pid_t pid = fork();
	int tap, status;

	if (pid == 0) {
		close(sock);
		_exit(run_inside(in));
	}
	close(in->sock);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	tap = receive_tap(sock);
	if (tap >= 0) {
		status = attach(session, tap);
		close(tap);
		if (status == CTL_DONE)
			(void)!write(sock, "", 1);
		else
			shutdown(sock, SHUT_RDWR); /* the inside sees the end and exits */
	}
	return wait_for(pid, session, sock);
}

int ctl_run_enter(struct ctl_session *session, char **params)
{
	const struct ctl_enter *enter = session->enter;
	struct enter_lease lease;
	char sh[] = "/bin/sh";
	char *shell[] = {getenv("SHELL") ? getenv("SHELL") : sh, NULL};
	struct inside in = {.enter = enter, .pidfd = -1};
	int socks[2], status;

	if (enter->address && !parse_address(enter->address, &lease))
		return ctl_usage("--address %s: write ADDRESS/LENGTH, like 10.0.2.77/24",
				 enter->address);
	if (enter->pid) {
		in.pidfd = (int)syscall(SYS_pidfd_open, enter->pid, 0);
		if (in.pidfd < 0)
			return ctl_usage("--pid %d: %s", enter->pid, g_strerror(errno));
	}
	in.command = params[0] ? params : enter->pid ? NULL : shell;
	status = look_up(session, &in);
	if (status != CTL_DONE)
		return status;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks) < 0) {
		fprintf(stderr, "usernetctl: enter: %s\n", g_strerror(errno));
		return EXIT_FAILED;
	}
	in.sock = socks[1];
	setenv("USERNET_NETWORK", session->name, 1);
	status = run(session, &in, socks[0]);
	g_free(in.resolv_conf);
	return status;
}
