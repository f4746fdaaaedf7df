/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_ssh.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "program.h"

/* What host names of guests end with: ".usernet", or ".NETWORK.usernet". */
static char *ending(const struct ctl_session *session)
{
	if (!strcmp(session->name, "default"))
		return g_strdup(".usernet");
	return g_strdup_printf(".%s.usernet", session->name);
}

char *ctl_ssh_guest(const struct ctl_session *session, const char *host)
{
	g_autofree char *end = ending(session);

	return g_str_has_suffix(host, end) ? g_strndup(host, strlen(host) - strlen(end))
					   : g_strdup(host);
}

/* ssh(1) expands %h and %p, and passes the text to a shell. */
static char *proxy_command(const struct ctl_session *session, const char *program)
{
	GString *out = g_string_new(NULL);
	g_autofree char *quoted = g_shell_quote(program);

	g_string_append(out, strpbrk(program, " \t'\"$&;()<>|*?[]#~=%\\`") ? quoted : program);
	if (session->socket) {
		g_autofree char *socket = g_shell_quote(session->socket);

		g_string_append_printf(out, " --socket %s", socket);
	}
	g_string_replace(out, "%", "%%", 0);
	g_string_append_printf(out, " --name %s connect %%h %%p", session->name);
	return g_string_free(out, FALSE);
}

int ctl_run_ssh(struct ctl_session *session, char **params)
{
	g_autofree char *self = program_self(), *command = proxy_command(session, self);
	g_autofree char *option = g_strdup_printf("ProxyCommand=%s", command);
	g_autofree char *end = ending(session), *host = NULL;
	g_autoptr(GPtrArray) words = g_ptr_array_new();

	host = g_str_has_suffix(params[0], end) ? g_strdup(params[0])
						: g_strconcat(params[0], end, NULL);
	g_ptr_array_add(words, (char *)"ssh");
	g_ptr_array_add(words, (char *)"-o");
	g_ptr_array_add(words, option);
	g_ptr_array_add(words, host);
	for (char **word = params + 1; *word; word++)
		g_ptr_array_add(words, *word);
	g_ptr_array_add(words, NULL);
	execvp("ssh", (char **)words->pdata);
	fprintf(stderr, "usernetctl: cannot run ssh: %s\n", g_strerror(errno));
	return CTL_REFUSED;
}

int ctl_run_ssh_config(struct ctl_session *session, char **params)
{
	g_autofree char *found = g_find_program_in_path("usernetctl"), *self = program_self();
	g_autofree char *command = proxy_command(session, found ? "usernetctl" : self);
	g_autofree char *end = ending(session);

	printf("# Guests of the usernet network %s, for ~/.ssh/config: ssh web%s\n", session->name,
	       end);
	/* The others name their network in front. */
	printf("Host *%s%s\n", end, strcmp(session->name, "default") ? "" : " !*.*.usernet");
	printf("\tProxyCommand %s\n", command);
	return CTL_DONE;
}
