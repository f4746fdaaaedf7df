/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/socket_maker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/pass_fd.h"
#include "base/portholder.h"
#include "base/socket_unix.h"

enum kind { MAKER_BIND, MAKER_SHARE, MAKER_UNLINK, MAKER_HOLDER };

struct request {
	enum kind kind;
	int type; /* MAKER_BIND, with a descriptor; MAKER_HOLDER */
	struct sockaddr_any addr;
	struct socket_file file; /* MAKER_SHARE */
};

#define TEXT_MAX 1024

struct reply {
	bool done;
	int code;            /* of G_FILE_ERROR */
	char text[TEXT_MAX]; /* the error; MAKER_HOLDER: port_holder() */
};

static int control = -1;
static pid_t helper;

/* --- the helper --- */

/* A socket that it bound: the path may meanwhile be another file. */
struct made {
	char *path;
	dev_t dev;
	ino_t ino;
};

static void free_made(void *data)
{
	struct made *made = data;

	g_free(made->path);
	g_free(made);
}

static bool refuse(GError **error, const char *path, const char *why)
{
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_ACCES, "socket '%s': %s", path, why);
	return false;
}

static struct made *find(const GPtrArray *all, const struct sockaddr_any *addr)
{
	struct stat st;

	if (lstat(addr->un.sun_path, &st) < 0)
		return NULL;
	for (guint i = 0; i < all->len; i++) {
		struct made *made = all->pdata[i];

		if (!strcmp(made->path, addr->un.sun_path) && made->dev == st.st_dev &&
		    made->ino == st.st_ino)
			return made;
	}
	return NULL;
}

static bool bind_for(GPtrArray *all, const struct request *request, int fd, GError **error)
{
	const char *path = request->addr.un.sun_path;
	struct made *made;
	struct stat st;

	if (all->len >= SOCKET_MAKER_MAX)
		return refuse(error, path, "too many were made");
	if (!unix_socket_bind(fd, &request->addr, request->type, error))
		return false;
	if (lstat(path, &st) < 0)
		return refuse(error, path, "it was removed at once");
	made = g_new0(struct made, 1);
	made->path = g_strdup(path);
	made->dev = st.st_dev;
	made->ino = st.st_ino;
	g_ptr_array_add(all, made);
	return true;
}

static bool serve(GPtrArray *all, const struct request *request, int fd, GError **error)
{
	const struct sockaddr_un *un = &request->addr.un;
	struct made *made;

	if (un->sun_family != AF_UNIX || un->sun_path[0] == '\0' ||
	    request->addr.len > sizeof(*un) ||
	    request->addr.len <= offsetof(struct sockaddr_un, sun_path) ||
	    !memchr(un->sun_path, '\0', sizeof(un->sun_path)))
		return refuse(error, "", "not a path");
	if (request->kind == MAKER_BIND)
		return bind_for(all, request, fd, error);
	made = find(all, &request->addr);
	if (!made)
		return refuse(error, un->sun_path, "it was not made while the network runs");
	if (request->kind == MAKER_SHARE)
		return unix_socket_share(&request->addr, &request->file, error);
	unix_socket_unlink(&request->addr);
	g_ptr_array_remove_fast(all, made);
	return true;
}

static bool name_holder(const struct request *request, char text[TEXT_MAX])
{
	int family = request->addr.sa.sa_family;
	g_autofree char *holder = NULL;

	if (family == AF_INET || family == AF_INET6)
		holder = port_holder(&request->addr, request->type);
	if (holder)
		g_strlcpy(text, holder, TEXT_MAX);
	return holder != NULL;
}

/* False: the other side has closed. */
static bool answer(GPtrArray *all, int sock)
{
	struct request request;
	struct iovec iov = {&request, sizeof(request)};
	struct reply reply;
	g_autoptr(GError) error = NULL;
	autofd int fd = -1;
	ssize_t n = take_fd(sock, &iov, 1, &fd, 0);

	if (n < 0)
		return errno == EINTR;
	if (n == 0)
		return false;
	memset(&reply, 0, sizeof(reply));
	if (n == sizeof(request) && request.kind == MAKER_HOLDER)
		reply.done = name_holder(&request, reply.text);
	else if (n == sizeof(request))
		reply.done = serve(all, &request, fd, &error);
	if (error) {
		reply.code = error->code;
		g_strlcpy(reply.text, error->message, sizeof(reply.text));
	}
	return send(sock, &reply, sizeof(reply), MSG_NOSIGNAL) == sizeof(reply);
}

static void run(int sock) G_GNUC_NORETURN;

static void run(int sock)
{
	GPtrArray *all = g_ptr_array_new_with_free_func(free_made);
	int null = open("/dev/null", O_RDWR);

	prctl(PR_SET_NAME, "usernet-sock");
	prctl(PR_SET_DUMPABLE, 0);
	setsid();
	/* Ignore signals; exit when the daemon closes the socket. */
	for (int signo = 1; signo < NSIG; signo++)
		signal(signo, SIG_IGN);
	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		dup2(null, fd);
	if (sock > 3)
		close_range(3, (unsigned)sock - 1, 0);
	close_range((unsigned)sock + 1, ~0U, 0);
	while (answer(all, sock))
		;
	g_ptr_array_free(all, TRUE);
	_exit(0);
}

/* --- the daemon's side --- */

static bool not_started(GError **error)
{
	g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
		    "cannot start the helper that makes sockets: %s", g_strerror(errno));
	return false;
}

bool socket_maker_start(GError **error)
{
	const struct timeval patience = {.tv_sec = SOCKET_MAKER_WAIT};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return not_started(error);
	helper = fork();
	if (helper == 0)
		run(pair[1]);
	close(pair[1]);
	if (helper < 0) {
		autofd_close(&pair[0]);
		return not_started(error);
	}
	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	control = pair[0];
	return true;
}

void socket_maker_stop(void)
{
	if (control < 0)
		return;
	close(control);
	control = -1;
	while (waitpid(helper, NULL, 0) < 0 && errno == EINTR)
		;
}

bool socket_maker_runs(void)
{
	return control >= 0;
}

static void lose(void)
{
	close(control);
	control = -1;
}

/* All bytes are sent, so all are set. */
static void fill(struct request *request, enum kind kind, const struct sockaddr_any *addr)
{
	memset(request, 0, sizeof(*request));
	request->kind = kind;
	request->addr.len = addr->len;
	memcpy(&request->addr.storage, &addr->storage, MIN(addr->len, sizeof(addr->storage)));
}

/* @fd: -1 for none. */
static bool ask(const struct request *request, int fd, struct reply *reply, GError **error)
{
	struct iovec iov = {(void *)request, sizeof(*request)};

	if (pass_fd(control, &iov, 1, fd, 0) < 0 ||
	    recv(control, reply, sizeof(*reply), 0) != sizeof(*reply)) {
		/* A late answer must not be taken for the next one's. */
		lose();
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_IO,
			    "socket '%s': the helper that makes sockets does not respond; sockets "
			    "in other directories cannot be added until usernet restarts",
			    request->addr.un.sun_path);
		return false;
	}
	reply->text[TEXT_MAX - 1] = '\0';
	if (!reply->done)
		g_set_error_literal(error, G_FILE_ERROR, reply->code, reply->text);
	return reply->done;
}

bool socket_maker_bind(int fd, const struct sockaddr_any *addr, int type, GError **error)
{
	struct request request;
	struct reply reply;

	fill(&request, MAKER_BIND, addr);
	request.type = type;
	return ask(&request, fd, &reply, error);
}

bool socket_maker_share(const struct sockaddr_any *addr, const struct socket_file *file,
			GError **error)
{
	struct request request;
	struct reply reply;

	fill(&request, MAKER_SHARE, addr);
	request.file = *file;
	return ask(&request, -1, &reply, error);
}

void socket_maker_unlink(const struct sockaddr_any *addr)
{
	struct request request;
	struct reply reply;

	fill(&request, MAKER_UNLINK, addr);
	ask(&request, -1, &reply, NULL);
}

char *socket_maker_port_holder(const struct sockaddr_any *addr, int type)
{
	struct request request;
	struct reply reply;

	fill(&request, MAKER_HOLDER, addr);
	request.type = type;
	return ask(&request, -1, &reply, NULL) ? g_strdup(reply.text) : NULL;
}
