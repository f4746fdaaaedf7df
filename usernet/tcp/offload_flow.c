/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp/offload_flow.h"

#include "base/hash.h"

#define FIRST_BUCKETS 64
#define WAIT_RETRY    (1 * USEC_PER_MSEC)
/* A guest that takes nothing for longer than a full queue lasts may not do so for hours: it is
 * looked after less often. */
#define WAIT_TRIES 64
#define WAIT_LONG  (32 * USEC_PER_MSEC)

static bool key_equal(const struct offload_key *a, const struct offload_key *b)
{
	return a->guest_port == b->guest_port && a->peer_port == b->peer_port &&
	       IN6_ARE_ADDR_EQUAL(&a->guest, &b->guest) && IN6_ARE_ADDR_EQUAL(&a->peer, &b->peer);
}

static struct offload_flow **bucket(struct offload *offload, const struct offload_key *key)
{
	uint64_t words[4], h = hash_seed();

	memcpy(words, &key->guest, sizeof(words)); /* both addresses */
	for (unsigned i = 0; i < 4; i++)
		h = hash_mix(h ^ words[i]);
	h = hash_mix(h ^ ((uint64_t)key->guest_port << 16 | key->peer_port));
	return &offload->buckets[h & (offload->n_buckets - 1)];
}

static void grow(struct offload *offload)
{
	struct offload_flow **old = offload->buckets;
	unsigned n_old = offload->n_buckets;

	offload->n_buckets *= 2;
	offload->buckets = g_new0(struct offload_flow *, offload->n_buckets);
	for (unsigned i = 0; i < n_old; i++) {
		while (old[i]) {
			struct offload_flow *flow = old[i], **at = bucket(offload, &flow->key);

			old[i] = flow->next;
			flow->next = *at;
			*at = flow;
		}
	}
	g_free(old);
}

struct offload_flow *offload_find(struct offload *offload, const struct offload_key *key)
{
	struct offload_flow *flow = offload->cached;

	if (flow && key_equal(&flow->key, key))
		return flow;
	for (flow = *bucket(offload, key); flow; flow = flow->next) {
		if (key_equal(&flow->key, key)) {
			offload->cached = flow;
			break;
		}
	}
	return flow;
}

/* --- times --- */

static usec_t earlier(usec_t a, usec_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

void offload_flow_arm(struct offload_flow *flow)
{
	usec_t at = earlier(flow->end_at, earlier(flow->up.probe_at, flow->down.retry_at));

	/* A timer that comes too early finds nothing to do and sets itself again: cheaper than to
	 * move it with every acknowledgement. */
	if (at && (!loop_timer_is_set(&flow->timer) || flow->timer.at > at))
		loop_timer_set(&flow->timer, at);
}

static void on_timer(struct loop_timer *timer)
{
	struct offload_flow *flow = container_of(timer, struct offload_flow, timer);
	struct offload *offload = flow->offload;
	usec_t now = loop_now(offload->loop);

	if (flow->end_at && now >= flow->end_at) {
		if (flow->state == OFFLOAD_OPENING)
			offload_flow_kill(flow);
		else if (now - flow->down.heard_at >= OFFLOAD_HALF_OPEN)
			offload_flow_abort(flow);
		else
			flow->end_at = flow->down.heard_at + OFFLOAD_HALF_OPEN;
	}
	if (!flow->dead && flow->down.retry_at && now >= flow->down.retry_at)
		offload_down_timeout(flow, now);
	if (!flow->dead && flow->up.probe_at && now >= flow->up.probe_at)
		offload_up_timeout(flow, now);
	if (!flow->dead)
		offload_flow_arm(flow);
	offload->ops->wake(offload->ops_data);
}

static void on_retry(struct loop_timer *timer)
{
	struct offload *offload = container_of(timer, struct offload, retry);

	offload->n_in_vain++;
	list_splice(&offload->due, &offload->waiting);
	offload->ops->wake(offload->ops_data);
}

void offload_look_again(struct offload *offload)
{
	if (list_empty(&offload->waiting))
		return;
	loop_timer_cancel(&offload->retry);
	list_splice(&offload->due, &offload->waiting);
	offload->ops->wake(offload->ops_data);
}

/* --- life --- */

void offload_table_init(struct offload *offload)
{
	offload->n_buckets = FIRST_BUCKETS;
	offload->buckets = g_new0(struct offload_flow *, FIRST_BUCKETS);
	list_init(&offload->merging);
	list_init(&offload->due);
	list_init(&offload->waiting);
	list_init(&offload->dead);
	loop_timer_init(offload->loop, &offload->retry, on_retry);
}

void offload_table_fini(struct offload *offload)
{
	offload_reap(offload);
	loop_timer_cancel(&offload->retry);
	g_free(offload->buckets);
}

static bool has_room(const struct offload *offload, const struct offload_guest *guest)
{
	unsigned at_port = guest->share ? guest->share->n_flows : guest->n_flows;

	if (offload->n_flows >= OFFLOAD_FLOWS - OFFLOAD_FLOWS / 4)
		return offload->n_flows < OFFLOAD_FLOWS && at_port < OFFLOAD_FEW_FLOWS;
	return at_port < OFFLOAD_PORT_FLOWS;
}

struct offload_flow *offload_flow_new(struct offload *offload, struct offload_guest *guest,
				      const struct offload_key *key)
{
	struct offload_flow *flow, **at;

	if (!has_room(offload, guest))
		return NULL;
	if (offload->n_flows >= offload->n_buckets)
		grow(offload);
	flow = g_new0(struct offload_flow, 1);
	flow->offload = offload;
	flow->guest = guest;
	flow->key = *key;
	list_init(&flow->guest_link);
	list_init(&flow->merging_link);
	list_init(&flow->due_link);
	list_init(&flow->up.held);
	loop_timer_init(offload->loop, &flow->timer, on_timer);
	at = bucket(offload, key);
	flow->next = *at;
	*at = flow;
	offload->n_flows++;
	list_append(&guest->flows, &flow->guest_link);
	guest->n_flows++;
	if (guest->share)
		guest->share->n_flows++;
	return flow;
}

void offload_flow_kill(struct offload_flow *flow)
{
	struct offload *offload = flow->offload;

	if (flow->dead)
		return;
	flow->dead = true;
	for (struct offload_flow **at = bucket(offload, &flow->key); *at; at = &(*at)->next) {
		if (*at == flow) {
			*at = flow->next;
			break;
		}
	}
	if (offload->cached == flow)
		offload->cached = NULL;
	offload->n_flows--;
	offload_up_clear(flow);
	offload_down_clear(flow);
	list_remove(&flow->guest_link);
	flow->guest->n_flows--;
	if (flow->guest->share)
		flow->guest->share->n_flows--;
	list_remove(&flow->merging_link);
	list_remove(&flow->due_link);
	list_append(&offload->dead, &flow->due_link);
	loop_timer_cancel(&flow->timer);
}

bool offload_flow_is_done(struct offload_flow *flow)
{
	const struct offload_up *up = &flow->up;
	const struct offload_down *down = &flow->down;

	if (flow->state == OFFLOAD_OPEN && down->ended && down->told_ack == down->end &&
	    offload_up_ended(up) && up->acked == up->next)
		flow->state = OFFLOAD_DONE;
	return flow->state == OFFLOAD_DONE;
}

void offload_reap(struct offload *offload)
{
	list_for_each_safe (flow, &offload->dead, struct offload_flow, due_link)
		g_free(flow);
	list_init(&offload->dead);
}

void offload_flow_due(struct offload_flow *flow)
{
	if (flow->dead)
		return;
	list_remove(&flow->due_link); /* it may be waiting */
	list_append(&flow->offload->due, &flow->due_link);
}

void offload_flow_wait(struct offload_flow *flow)
{
	struct offload *offload = flow->offload;

	list_remove(&flow->due_link);
	list_append(&offload->waiting, &flow->due_link);
	flow->waited = true;
	if (!loop_timer_is_set(&offload->retry))
		loop_timer_set(&offload->retry,
			       loop_now(offload->loop) +
				       (offload->n_in_vain < WAIT_TRIES ? WAIT_RETRY : WAIT_LONG));
}

void offload_flow_go_on(struct offload_flow *flow)
{
	if (flow->waited)
		flow->offload->n_in_vain = 0;
	flow->waited = false;
}

void offload_flow_abort(struct offload_flow *flow)
{
	if (flow->state == OFFLOAD_OPEN)
		offload_up_empty(flow, flow->up.given, TCP_FLAG_RST | TCP_FLAG_ACK);
	offload_flow_kill(flow);
}
