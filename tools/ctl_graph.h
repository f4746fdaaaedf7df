/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TOOLS_CTL_GRAPH_H
#define USERNET_TOOLS_CTL_GRAPH_H

#include "ctl_session.h"

/* The network as a graph in the language of Graphviz (DOT). */
int ctl_run_graph(struct ctl_session *session, char **params);

#endif
