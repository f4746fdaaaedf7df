/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/spawner.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/pass_fd.h"
#include "base/spawner_helper.h"

struct spawner {
	GHashTable *commands; /* command -> its position in the list + 1 */
	bool live;
	int control; /* -1: the helper is gone */
	pid_t pid;
	uint32_t next_id;
	struct loop_io io;
	GArray *unsaid; /* of uint32_t: SPAWNER_END messages not sent yet, socket full */
};

static bool fail(GError **error, const char *what, int err)
{
	g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(err), "%s: %s", what,
		    g_strerror(err));
	return false;
}

static GHashTable *index_of(const char *const *commands)
{
	GHashTable *table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

	for (unsigned i = 0; commands[i]; i++)
		g_hash_table_insert(table, g_strdup(commands[i]), GUINT_TO_POINTER(i + 1));
	return table;
}

struct spawner *spawner_new(const char *const *commands, bool live, GError **error)
{
	struct spawner_helper helper = {.commands = commands, .live = live};
	struct spawner *spawner;
	int pair[2];
	pid_t pid;

	helper.n_commands = g_strv_length((char **)commands);
	if (helper.n_commands > SPAWNER_COMMANDS) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%u commands; the limit is %d",
			    helper.n_commands, SPAWNER_COMMANDS);
		return NULL;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		fail(error, "cannot create a socket pair for the helper", errno);
		return NULL;
	}
	sigprocmask(SIG_SETMASK, NULL, &helper.signals);
	pid = fork();
	if (pid == 0) {
		helper.control = pair[1];
		spawner_helper_run(&helper);
	}
	close(pair[1]);
	if (pid < 0) {
		fail(error, "cannot start the helper that runs commands", errno);
		close(pair[0]);
		return NULL;
	}
	spawner = g_new0(struct spawner, 1);
	spawner->commands = index_of(commands);
	spawner->live = live;
	spawner->control = pair[0];
	spawner->pid = pid;
	spawner->unsaid = g_array_new(FALSE, FALSE, sizeof(uint32_t));
	return spawner;
}

static void lose(struct spawner *spawner)
{
	loop_io_remove(&spawner->io);
	close(spawner->control);
	spawner->control = -1;
	g_array_set_size(spawner->unsaid, 0);
}

void spawner_free(struct spawner *spawner)
{
	if (!spawner)
		return;
	if (spawner->control >= 0)
		lose(spawner);
	while (waitpid(spawner->pid, NULL, 0) < 0 && errno == EINTR)
		;
	g_array_unref(spawner->unsaid);
	g_hash_table_unref(spawner->commands);
	g_free(spawner);
}

/* --- messages to and from the helper --- */

static bool say_end(struct spawner *spawner, uint32_t id)
{
	struct spawner_message message = {SPAWNER_END, id, 0};

	return send(spawner->control, &message, sizeof(message), MSG_NOSIGNAL | MSG_DONTWAIT) >=
		       0 ||
	       errno != EAGAIN;
}

static void say_unsaid(struct spawner *spawner)
{
	guint said = 0;

	while (said < spawner->unsaid->len &&
	       say_end(spawner, g_array_index(spawner->unsaid, uint32_t, said)))
		said++;
	if (said)
		g_array_remove_range(spawner->unsaid, 0, said);
	if (!spawner->unsaid->len)
		loop_io_events(&spawner->io, EPOLLIN);
}

static void on_ready(struct loop_io *io, uint32_t revents)
{
	static struct log_limit limit;
	struct spawner *spawner = container_of(io, struct spawner, io);
	struct spawner_message message;
	ssize_t n = recv(spawner->control, &message, sizeof(message), MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		log_error("the helper that runs commands (pid %d) has exited: connections to "
			  "commands are refused until usernet restarts",
			  (int)spawner->pid);
		lose(spawner);
		return;
	}
	if (n == sizeof(message) && message.kind == SPAWNER_FAILED)
		log_limited(&limit, "a command could not be started: %s",
			    g_strerror((int)message.index));
	if (revents & EPOLLOUT)
		say_unsaid(spawner);
}

void spawner_attach(struct spawner *spawner, struct loop *loop)
{
	loop_io_add(loop, &spawner->io, spawner->control, EPOLLIN, on_ready);
}

/* --- public functions --- */

bool spawner_takes(const struct spawner *spawner, const char *command, GError **error)
{
	if (strlen(command) > SPAWNER_COMMAND_MAX) {
		g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
			    "the command has %zu bytes; the limit is %d", strlen(command),
			    SPAWNER_COMMAND_MAX);
		return false;
	}
	if (spawner && (spawner->live || g_hash_table_contains(spawner->commands, command)))
		return true;
	g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_PERM,
		    "only commands known at start may run, and this one was not; --live-commands "
		    "allows others");
	return false;
}

static void put(GByteArray *text, const char *value)
{
	g_byte_array_append(text, (const guint8 *)(value ? value : ""),
			    value ? (guint)strlen(value) + 1 : 1);
}

/* Sends the request, with @fd. */
static bool ask(struct spawner *spawner, const struct spawner_message *message,
		const GByteArray *text, int fd)
{
	struct iovec iov[2] = {{(void *)message, sizeof(*message)}, {text->data, text->len}};

	return pass_fd(spawner->control, iov, 2, fd, MSG_DONTWAIT) >= 0;
}

int spawner_run(struct spawner *spawner, const char *command, const struct spawner_env *env,
		uint32_t *id, GError **error)
{
	g_autoptr(GByteArray) text = g_byte_array_new();
	unsigned index = GPOINTER_TO_UINT(g_hash_table_lookup(spawner->commands, command));
	struct spawner_message message = {SPAWNER_RUN, spawner->next_id,
					  index ? index - 1 : SPAWNER_UNLISTED};
	autofd int ours = -1, theirs = -1;
	int pair[2];

	if (spawner->control < 0) {
		fail(error, "the helper that runs commands has exited", EPIPE);
		return -1;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		fail(error, "cannot create a socket pair for a command", errno);
		return -1;
	}
	ours = pair[0];
	theirs = pair[1];
	put(text, index ? NULL : command);
	put(text, env->network);
	put(text, env->guest);
	put(text, env->guest_name);
	if (!g_unix_set_fd_nonblocking(ours, TRUE, error))
		return -1;
	if (!ask(spawner, &message, text, theirs)) {
		fail(error, "the helper that runs commands does not respond", errno);
		return -1;
	}
	*id = spawner->next_id++;
	return steal_fd(&ours);
}

void spawner_end(struct spawner *spawner, uint32_t id)
{
	if (spawner->control < 0 || (!spawner->unsaid->len && say_end(spawner, id)))
		return;
	g_array_append_val(spawner->unsaid, id);
	loop_io_events(&spawner->io, EPOLLIN | EPOLLOUT);
}
