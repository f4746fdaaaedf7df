/* SPDX-License-Identifier: BSD-3-Clause */
#include "bytes.h"
#include "harness.h"
#include "twoways.h"

/*
 * One script drives the whole gateway twice: with offload=on, where tcp/ and udp/ serve the guest,
 * and with offload=off, where libslirp does. In the end both must have done the same:
 *
 * - the same connections were opened and refused;
 * - each brought the guest's stream to the host and the host's to the guest, whole, in order, with
 *   its end, unless an end reset it; then both brought a beginning of it;
 * - the same datagrams arrived, whole, from the same of the guest's ports and the host's sockets.
 *
 * The guest has right checksums, no urgent data and no fragments: libslirp gets what a kernel
 * sends, late, twice, in other pieces or with losses. Comments at step() say what the bytes mean.
 */
#define STEPS_MAX 150
#define WAIT_MAX  (20 * USEC_PER_SEC) /* a script's waits in all: UDP sockets live longer */
#define LEN_MAX   1400                /* of the guest's datagrams and segments */
#define DOWN_MAX  4000                /* of the host's datagrams */
#define STREAM    (1u << 18)          /* bytes of a stream at most */

static usec_t waited;

static void flow_sends(struct flow *flow, struct bytes *in)
{
	uint8_t how = bytes_8(in);
	uint32_t len = bytes_16(in) % (LEN_MAX + 1), from = flow->up_sent, by;

	if (!flow->opened || flow->over)
		return;
	if (how & 1 && !flow->fin && flow->up_made < STREAM)
		flow->up_made += len;
	switch (how >> 1 & 3) {
	case 1: /* again, in other pieces */
		from = flow->up_acked + bytes_8(in);
		break;
	case 2: /* a segment before it is late */
		from += bytes_8(in);
		break;
	case 3: /* overlaps the last one */
		by = bytes_8(in);
		from -= MIN(from, by);
		break;
	default:
		break;
	}
	for (unsigned i = 0; i <= (how >> 7); i++)
		flow_sends_part(flow, from, len);
	ways_turn();
}

static void opens(struct bytes *in)
{
	uint8_t how = bytes_8(in);

	if (n_flows < FLOWS_MAX)
		flow_open(&flows[n_flows++], how & 1, how >> 1 & 3, how & 0x80);
}

static void ends(struct flow *flow, uint8_t who)
{
	if (!flow->opened || flow->over)
		return;
	flow->over = true;
	ways_lose = 0;
	flow->gone = who & 1;
	if (flow->gone)
		flow_segment(flow, TCP_FLAG_RST, flow->up_acked, NULL, 0, 0);
	else
		host_resets(flow);
	ways_turn();
}

static void step(struct bytes *in)
{
	uint8_t what = bytes_8(in);
	struct flow *flow = &flows[(what >> 4) % MAX(n_flows, 1u)];
	usec_t wait;
	uint32_t len;

	switch (what & 15) {
	case 0: /* u8: 4 milliseconds each */
		wait = bytes_8(in) * 4 * USEC_PER_MSEC;
		wait = MIN(wait, WAIT_MAX - waited);
		waited += wait;
		ways_pass(wait);
		break;
	case 1: /* options of its SYN, IPv6, or that nobody listens */
		opens(in);
		break;
	case 2: /* u16: bytes */
	case 3:
		len = bytes_16(in);
		host_writes(flow, MIN(len, STREAM - flow->host_made));
		ways_turn();
		break;
	case 4: /* u16: bytes */
		host_reads(flow, bytes_16(in));
		ways_turn();
		break;
	case 5: /* u16: the guest's window */
		flow->window = bytes_16(in);
		if (flow->opened && !flow->over)
			flow_acks(flow);
		ways_turn();
		break;
	case 6: /* u8: so many frames to the guest are lost */
		ways_lose = bytes_8(in) & 7;
		break;
	case 7: /* the guest's end, the host's */
		if (what & 16)
			flow->fin = true;
		else
			host_shuts(flow);
		ways_turn();
		break;
	case 8: /* u8: who resets; rarely, for the input's sake */
		if (bytes_8(in) == 0x51)
			ends(flow, what >> 4);
		break;
	case 9: /* which port and host, u16: bytes */
	case 10:
		guest_sends_datagram(what >> 4, 1 + bytes_16(in) % LEN_MAX);
		break;
	case 11: /* the same */
		host_sends_datagram(what >> 4, 1 + bytes_16(in) % DOWN_MAX);
		break;
	default: /* how, u16: bytes */
		flow_sends(flow, in);
		break;
	}
}

static void run(const uint8_t *data, size_t size, bool offload, struct outcome *outcome)
{
	struct bytes in = {data, data + size};

	waited = 0;
	ways_open(offload);
	for (unsigned i = 0; i < STEPS_MAX && bytes_left(&in); i++)
		step(&in);
	ways_lose = 0;
	for (unsigned i = 0; i < n_flows; i++)
		flow_finish(&flows[i]);
	ways_close(outcome);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome on, off;

	run(data, size, true, &on);
	run(data, size, false, &off);
	outcomes_are_equal(&on, &off);
	return 0;
}
