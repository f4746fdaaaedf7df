/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TESTS_OPTIONBED_H
#define USERNET_TESTS_OPTIONBED_H

#include "ctl/control.h"
#include "ctl/fd_names.h"
#include "net/network.h"

/* A network whose netdevs are added by option strings; error is that of the last add(). */

static struct loop *loop;
static struct network *network;
static struct control *control;
static GError *error;

static void setup(void)
{
	loop = loop_new(NULL);
	loop_attach(loop, NULL);
	network = network_new(loop, "test");
	control = control_new(network, "/nowhere");
	error = NULL;
}

static void teardown(void)
{
	control_free(control);
	network_free(network);
	loop_free(loop);
	g_clear_error(&error);
}

static struct attachment *add(const char *text)
{
	struct optstr *opts = optstr_parse_any(text, "type", &error);

	return opts ? control_add_netdev(control, opts, fd_numbers(), ORIGIN_LIVE, &error) : NULL;
}

#endif
