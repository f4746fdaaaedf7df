/* SPDX-License-Identifier: BSD-3-Clause */
#include <glib.h>

#include "base/hash.h"
#include "tcp/conn.h"

/*
 * The congestion window towards the guest. There is one wire, and nobody else sends on it. It loses
 * frames where the guest's card has no descriptor left (emulated cards have 32 to 256), which
 * depends on how much is sent at once. So the window is what the guest has shown to take at once:
 *
 * - Slow start (RFC 5681) from ten segments (RFC 6928). Above SLOW_SEGMENTS it adds half of them a
 *   round (RFC 3742), so that a ring overflows by few frames.
 * - Above CARD_SEGMENTS, which most rings hold, it grows so only for guests that acknowledge them
 *   within FAST_TIME. A slower guest gains little from more, and its ring overflows. It is sent
 *   e times as much after SLOW_GROWTH.
 * - Losses are compared with what arrives. Up to 1 in TOLERATED leaves the window as it is: a wire
 *   that loses 1 in 1000 is as wide as any.
 * - Above that, the window becomes KEEP_PERCENT of what arrived of the flight with the loss. It
 *   then grows as in RFC 9438: slowly around the old size, faster later. The time back to the old
 *   size is fixed (GROWTH_TIME), because the RTT says nothing about a card's ring.
 * - The size is remembered per guest, for its next connection.
 */
#define SLOW_SEGMENTS 32
#define CARD_SEGMENTS 40
#define FAST_TIME     400 /* us */
#define FAST_ROUNDS   16  /* the window grows for so many rounds after a fast one */
#define LONG_WAY      (10 * USEC_PER_MSEC) /* a wire to another site */
#define SLOW_GROWTH   (20 * USEC_PER_SEC)
#define TOLERATED     200
#define COUNTED       4096 /* segments; above it the older half fades */
#define KEEP_PERCENT  85
#define GROWTH_TIME   2000 /* ms */
#define GROWTH_MAX    20000
#define LIMIT_AGE     (600 * USEC_PER_SEC)

static uint32_t first_window(const struct tcp_conn *c)
{
	return MIN(10 * c->mss, MAX(2 * c->mss, 14600)); /* RFC 6928 section 2 */
}

static struct guest_limit *limit_of(struct tcp_conn *c)
{
	return &c->tcp->limits[hash_mix(c->conn->mac ^ hash_seed()) % GUEST_LIMITS];
}

static void remember(struct tcp_conn *c)
{
	*limit_of(c) = (struct guest_limit){c->conn->mac, c->w_max, tcp_now(c->tcp)};
}

void congestion_moved(struct tcp_conn *c)
{
	const struct port *port = guest_port(c->tcp, c->conn->mac);

	c->out_max = port && port->takes_offload ? TCP_INFLIGHT_TAP : TCP_INFLIGHT_MAX;
	c->cwnd = MIN(c->cwnd, c->out_max);
}

void congestion_init(struct tcp_conn *c)
{
	const struct guest_limit *limit = limit_of(c);

	congestion_moved(c);
	c->cwnd = first_window(c);
	c->round_end = c->snd_nxt;
	c->ssthresh = c->out_max;
	if (limit->mac != c->conn->mac || tcp_now(c->tcp) - limit->at > LIMIT_AGE)
		return;
	c->w_max = limit->bytes;
	c->epoch = limit->at;
	c->ssthresh = MAX(2 * c->mss, c->w_max / 100 * KEEP_PERCENT);
	c->cwnd = MIN(c->cwnd, c->ssthresh);
}

/* w_max + (1 - KEEP) w_max ((t - K) / K)^3, K being GROWTH_TIME. */
static uint32_t grown(const struct tcp_conn *c)
{
	int64_t t = (tcp_now(c->tcp) - c->epoch) / USEC_PER_MSEC - GROWTH_TIME;
	int64_t part = (int64_t)(c->w_max / 100) * (100 - KEEP_PERCENT);
	const int64_t cube = (int64_t)GROWTH_TIME * GROWTH_TIME * GROWTH_TIME;
	int64_t window;

	t = MIN(t, GROWTH_MAX);
	window = c->w_max + part * (t * t * t) / cube;
	return (uint32_t)CLAMP(window, 0, c->out_max);
}

void congestion_sent(struct tcp_conn *c)
{
	c->flight = MAX(c->flight, recovery_pipe(c));
}

/* A round ends when everything under way at its start is acknowledged. */
static void count_round(struct tcp_conn *c)
{
	if (seq_before(c->snd_una, c->round_end))
		return;
	c->last_flight = c->flight;
	c->flight = recovery_pipe(c);
	c->round_end = c->snd_nxt;
	c->fast_rounds -= c->fast_rounds > 0;
}

/*
 * Does the guest gain from more than CARD_SEGMENTS? Looks at the segments just acknowledged. On a
 * busy host only some of many come fast.
 */
static bool is_fast(struct tcp_conn *c)
{
	if (c->rack_rtt <= FAST_TIME && c->cwnd >= CARD_SEGMENTS * c->mss)
		c->fast_rounds = FAST_ROUNDS;
	return c->fast_rounds || c->min_rtt >= LONG_WAY;
}

static uint32_t slow_growth(const struct tcp_conn *c, uint32_t bytes)
{
	return (uint32_t)((uint64_t)bytes * c->rack_rtt / SLOW_GROWTH);
}

void congestion_acked(struct tcp_conn *c, uint32_t bytes, uint32_t out_before)
{
	uint32_t most = c->ssthresh;

	count_round(c);
	if (c->delivered_segments > COUNTED) {
		c->delivered_segments /= 2;
		c->lost_segments /= 2;
	}
	if (c->in_recovery && !c->after_timeout)
		return;
	/* An unused window shows nothing (RFC 9438 5.8). */
	if (out_before < c->cwnd / 2)
		return;
	if (c->cwnd >= c->ssthresh && c->w_max)
		most = MAX(c->cwnd, grown(c));
	if (!is_fast(c))
		most = MIN(most, MAX(CARD_SEGMENTS * c->mss, c->cwnd + slow_growth(c, bytes)));
	if (c->cwnd >= c->ssthresh)
		bytes /= 2;
	else if (c->cwnd >= SLOW_SEGMENTS * c->mss)
		bytes = (uint32_t)((uint64_t)bytes * (SLOW_SEGMENTS / 2 * c->mss) / c->cwnd);
	c->cwnd = MAX(c->cwnd, MIN(c->cwnd + bytes, most));
	c->cwnd = MIN(c->cwnd, c->out_max);
}

static uint32_t least_window(const struct tcp_conn *c)
{
	return MAX(2 * c->mss, MIN(5 * c->mss, 14600));
}

void congestion_lost(struct tcp_conn *c, uint32_t bytes)
{
	uint32_t flight = MAX(c->flight, c->last_flight);

	c->episode_lost += bytes;
	c->lost_segments++;
	if (!c->cut && c->lost_segments <= 1 + c->delivered_segments / TOLERATED)
		return;
	c->cut = true;
	c->w_max = MAX(flight - MIN(c->episode_lost, flight), least_window(c));
	c->ssthresh = MAX(least_window(c), c->w_max / 100 * KEEP_PERCENT);
	c->cwnd = MIN(c->cwnd, c->ssthresh);
	c->epoch = tcp_now(c->tcp);
	c->lost_segments = c->delivered_segments = 0;
	remember(c);
}

/* RFC 5681 3.1, equation 4; restarts with one segment. */
void congestion_timeout(struct tcp_conn *c)
{
	if (!c->after_timeout)
		c->ssthresh = MAX(least_window(c), recovery_pipe(c) / 2);
	c->w_max = c->ssthresh;
	c->epoch = tcp_now(c->tcp);
	c->cwnd = c->mss;
}
