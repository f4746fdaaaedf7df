/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture/pcapng.h"

#include <stdbool.h>
#include <string.h>

/* draft-ietf-opsawg-pcapng, section 11.1 and the sections of each block */
enum {
	BLOCK_INTERFACE = 1,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
	BLOCK_SECTION = 0x0a0d0d0a,
};
enum {
	OPT_END = 0,
	OPT_COMMENT = 1,
	SHB_USERAPPL = 4,
	IF_NAME = 2,
	IF_DESCRIPTION = 3,
	EPB_FLAGS = 2,
	ISB_STARTTIME = 2,
	ISB_ENDTIME = 3,
	ISB_IFRECV = 4,
	ISB_IFDROP = 5,
};
#define BYTE_ORDER_MAGIC  0x1a2b3c4d
#define LINKTYPE_ETHERNET 1

/* A block being written: fails as a whole if it does not fit. */
struct block {
	uint8_t *out;
	size_t room, len;
	bool full;
};

static void put(struct block *block, const void *data, size_t len)
{
	size_t padded = (len + 3) & ~(size_t)3;

	if (block->full || block->room - block->len < padded) {
		block->full = true;
		return;
	}
	if (len)
		memcpy(block->out + block->len, data, len);
	memset(block->out + block->len + len, 0, padded - len);
	block->len += padded;
}

static void put32(struct block *block, uint32_t value)
{
	put(block, &value, sizeof(value));
}

static void put64(struct block *block, uint64_t value)
{
	put(block, &value, sizeof(value));
}

/* Times are written as two halves, the upper first, in any byte order. */
static void put_time(struct block *block, uint64_t time)
{
	put32(block, (uint32_t)(time >> 32));
	put32(block, (uint32_t)time);
}

static void put_option(struct block *block, uint16_t code, uint16_t len)
{
	uint16_t head[] = {code, len};

	put(block, head, sizeof(head));
}

static void put_text(struct block *block, uint16_t code, const char *text)
{
	size_t len = text ? strnlen(text, PCAPNG_TEXT_MAX) : 0;

	if (!len)
		return;
	put_option(block, code, (uint16_t)len);
	put(block, text, len);
}

static struct block begin(uint8_t *out, size_t room, uint32_t type)
{
	struct block block = {.out = out, .room = room};

	put32(&block, type);
	put32(&block, 0); /* the length: end() */
	return block;
}

static size_t end(struct block *block)
{
	uint32_t total = (uint32_t)block->len + 4;

	put32(block, total);
	if (block->full)
		return 0;
	memcpy(block->out + 4, &total, sizeof(total));
	return block->len;
}

size_t pcapng_section(uint8_t *out, size_t room, const char *application, const char *comment)
{
	static const uint16_t version[] = {1, 0};
	struct block block = begin(out, room, BLOCK_SECTION);

	put32(&block, BYTE_ORDER_MAGIC);
	put(&block, version, sizeof(version));
	put64(&block, UINT64_MAX); /* the section's length is not known */
	put_text(&block, SHB_USERAPPL, application);
	put_text(&block, OPT_COMMENT, comment);
	put_option(&block, OPT_END, 0);
	return end(&block);
}

size_t pcapng_interface(uint8_t *out, size_t room, const char *name, const char *description,
			uint32_t snap_len)
{
	static const uint16_t link[] = {LINKTYPE_ETHERNET, 0};
	struct block block = begin(out, room, BLOCK_INTERFACE);

	put(&block, link, sizeof(link));
	put32(&block, snap_len);
	put_text(&block, IF_NAME, name);
	put_text(&block, IF_DESCRIPTION, description);
	put_option(&block, OPT_END, 0);
	return end(&block);
}

size_t pcapng_packet(uint8_t *out, size_t room, const struct pcapng_packet *packet)
{
	struct block block = begin(out, room, BLOCK_PACKET);

	put32(&block, packet->interface);
	put_time(&block, packet->time);
	put32(&block, packet->kept);
	put32(&block, packet->len);
	put(&block, packet->data, packet->kept);
	put_option(&block, EPB_FLAGS, 4);
	put32(&block, packet->flags);
	put_text(&block, OPT_COMMENT, packet->comment);
	put_option(&block, OPT_END, 0);
	return end(&block);
}

size_t pcapng_statistics(uint8_t *out, size_t room, const struct pcapng_counts *counts)
{
	struct block block = begin(out, room, BLOCK_STATISTICS);

	put32(&block, counts->interface);
	put_time(&block, counts->time);
	put_option(&block, ISB_STARTTIME, 8);
	put_time(&block, counts->begin);
	put_option(&block, ISB_ENDTIME, 8);
	put_time(&block, counts->end);
	put_option(&block, ISB_IFRECV, 8);
	put64(&block, counts->received);
	put_option(&block, ISB_IFDROP, 8);
	put64(&block, counts->lost);
	put_option(&block, OPT_END, 0);
	return end(&block);
}
