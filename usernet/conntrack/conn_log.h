/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_CONNTRACK_CONN_LOG_H
#define USERNET_CONNTRACK_CONN_LOG_H

struct conn;

/* Logs a line at level debug: "conn tcp 10.0.2.15:4000 to 192.0.2.1:443: opened". */
void conn_log(const struct conn *conn, const char *what);

#endif
