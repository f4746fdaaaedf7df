/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CTL_QMP_EVENTS_H
#define USERNET_CTL_QMP_EVENTS_H

#include "net/network.h"

/* Turns events of the network into QMP events. */
struct control;
struct qmp;

struct events {
	struct network_observer observer;
	struct control *control;
	struct qmp *qmp;
};

/* Observes until events_stop(). */
void events_start(struct events *events, struct control *control, struct qmp *qmp);
void events_stop(struct events *events);

#endif
