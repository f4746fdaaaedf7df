/* SPDX-License-Identifier: BSD-3-Clause */
#include "conntrack/conntrack.h"
#include "conntrack/judge.h"
#include "packet/hello.h"
#include "tcp/conn.h"

/*
 * Rules with +sni and +host: the guest's first bytes wait in the ring until they name a server that
 * policy allows. Nothing passes before, either way. The bytes are read again from the first one
 * whenever there are more, at most HELLO_MAX of them.
 */

void sniff_begin(struct tcp_conn *c)
{
	c->sniffs = c->tcp->env.judge && (c->conn->sni || c->conn->host);
	c->sniff_until = tcp_now(c->tcp) + TCP_SNIFF_TIMEOUT;
}

/* Copies what waits for the host, at most HELLO_MAX bytes. */
static uint32_t gather(const struct tcp_conn *c, uint8_t bytes[HELLO_MAX])
{
	uint32_t n = MIN(up_waiting(c), HELLO_MAX);

	for (uint32_t at = 0; at < n;) {
		uint32_t len = n - at;
		const uint8_t *p = ring_at(c->ring, c->up_nxt + at, &len);

		memcpy(bytes + at, p, len);
		at += len;
	}
	return n;
}

bool sniff_passes(struct tcp_conn *c)
{
	struct tcp *tcp = c->tcp;
	uint8_t bytes[HELLO_MAX];
	struct dns_name name;
	uint32_t n = gather(c, bytes);
	enum hello hello = hello_read(&name, bytes, n, c->conn->sni, c->conn->host);

	/* A guest that has ended says no more. */
	if (hello == HELLO_MORE && !c->fin_taken && !c->host_dead && tcp_now(tcp) < c->sniff_until)
		return true;
	c->sniffs = false;
	if (judge_said(tcp->env.judge, c->conn, hello == HELLO_NAMED ? &name : NULL))
		return true;
	conn_count_drop(tcp, c->conn, DROP_POLICY);
	end_reset(c, true, true);
	return false;
}
