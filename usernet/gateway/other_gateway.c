/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/other_gateway.h"

#include "base/address.h"
#include "base/log.h"
#include "net/network.h"
#include "net/outbox.h"
#include "net/port.h"
#include "net/troubles.h"
#include "net/user_config.h"
#include "net/vswitch.h"

#define MAGIC      "usernet gateway\1"
#define PAUSE      (1 * USEC_PER_SEC) /* between answers */
#define AT_MAGIC   ETH_HEADER
#define AT_START   (AT_MAGIC + 16)
#define AT_ID      (AT_START + 8)
#define AT_ADDR    (AT_ID + 8)
#define HELLO_SIZE (AT_ADDR + 4)

G_STATIC_ASSERT(sizeof(MAGIC) == 16 + 1);
G_STATIC_ASSERT(HELLO_SIZE <= OTHER_GATEWAY_FRAME);

static void write64(uint8_t *p, uint64_t v)
{
	v = GUINT64_TO_BE(v);
	memcpy(p, &v, sizeof(v));
}

static uint64_t read64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return GUINT64_FROM_BE(v);
}

bool other_gateway_parse(const struct frame *frame, struct other_gateway_hello *hello)
{
	if (frame->len < HELLO_SIZE || frame_ethertype(frame) != OTHER_GATEWAY_ETHERTYPE ||
	    memcmp(frame->data + AT_MAGIC, MAGIC, 16))
		return false;
	hello->start = read64(frame->data + AT_START);
	hello->id = read64(frame->data + AT_ID);
	memcpy(&hello->addr, frame->data + AT_ADDR, 4);
	return true;
}

/* @start: 0 where we do not yield. */
static void announce(struct other_gateway *self, uint64_t start)
{
	usec_t now = loop_now(self->network->loop);
	uint8_t *p;

	if (self->sent && now - self->sent < PAUSE)
		return;
	p = outbox_reserve(self->outbox, OTHER_GATEWAY_FRAME);
	if (!p)
		return;
	self->sent = now;
	memset(p, 0, OTHER_GATEWAY_FRAME);
	mac_write(p, MAC_BROADCAST);
	p[12] = OTHER_GATEWAY_ETHERTYPE >> 8;
	p[13] = OTHER_GATEWAY_ETHERTYPE & 0xff;
	memcpy(p + AT_MAGIC, MAGIC, 16);
	write64(p + AT_START, start);
	write64(p + AT_ID, self->id);
	if (self->config->ipv4)
		memcpy(p + AT_ADDR, &self->config->host, 4);
	outbox_commit(self->outbox, OTHER_GATEWAY_FRAME);
	/* Not the gateway's own: the other one may have the same, and would drop it. */
	mac_write(p + MAC_LEN, self->mac);
	loop_task_defer(self->service);
}

static bool has_uplink(const struct other_gateway *self)
{
	list_for_each (port, vswitch_ports(self->network->vswitch), struct port, link) {
		if (port->uplink)
			return true;
	}
	return false;
}

static void yield(struct other_gateway *self, bool yields)
{
	self->yields = yields;
	guard_set_yields(self->network->guard, yields);
}

static void fire(struct loop_timer *timer)
{
	struct other_gateway *self = container_of(timer, struct other_gateway, timer);
	usec_t now = loop_now(self->network->loop);
	bool has = has_uplink(self);

	if (self->yields && now - self->heard >= OTHER_GATEWAY_LOST) {
		yield(self, false);
		log_warning("the other gateway is gone: this network's serves DHCP again");
	}
	if (has)
		announce(self, self->start);
	if (has || self->yields)
		loop_timer_set(timer, now + OTHER_GATEWAY_PERIOD);
}

void other_gateway_uplink(struct other_gateway *self)
{
	loop_timer_set(&self->timer, loop_now(self->network->loop));
}

static bool is_older(const struct other_gateway *self, const struct other_gateway_hello *hello)
{
	return hello->start < self->start || (hello->start == self->start && hello->id < self->id);
}

void other_gateway_input(struct other_gateway *self, struct port *from, const struct frame *frame)
{
	static struct log_limit limit;
	struct other_gateway_hello hello;
	bool yields;

	if (!other_gateway_parse(frame, &hello))
		return;
	if (hello.id == self->id) {
		log_limited(&limit,
			    "frames of this network come back at %s: switches are linked in a "
			    "ring; give the links uplink=on",
			    from->name);
		return;
	}
	yields = from->uplink && is_older(self, &hello);
	troubles_note(self->network->troubles,
		      &(struct trouble_facts){.kind = TROUBLE_OTHER_GATEWAY,
					      .addr = address_map4(hello.addr.s_addr),
					      .port = from,
					      .what = yields ? "there" : "here"});
	if (!yields) {
		announce(self, from->uplink ? self->start : 0);
		return;
	}
	self->heard = loop_now(self->network->loop);
	if (!self->yields)
		yield(self, true);
	if (!loop_timer_is_set(&self->timer))
		loop_timer_set(&self->timer, self->heard + OTHER_GATEWAY_PERIOD);
}

void other_gateway_init(struct other_gateway *self, struct network *network,
			const struct user_config *config, struct outbox *outbox,
			struct loop_task *service)
{
	*self = (struct other_gateway){
		.network = network,
		.config = config,
		.outbox = outbox,
		.service = service,
		.start = (uint64_t)g_get_real_time(),
		.id = (uint64_t)g_random_int() << 32 | g_random_int(),
	};
	/* Locally administered, and not a group (IEEE 802). */
	self->mac = (self->id & UINT64_C(0xfcffffffffff)) | UINT64_C(0x020000000000);
	loop_timer_init(network->loop, &self->timer, fire);
	other_gateway_uplink(self);
}

void other_gateway_clear(struct other_gateway *self)
{
	loop_timer_cancel(&self->timer);
	if (self->yields)
		yield(self, false);
}
