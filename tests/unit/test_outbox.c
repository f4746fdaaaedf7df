/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "fakeport.h"
#include "net/netdev.h"
#include "net/network.h"
#include "net/outbox.h"
#include "run_suite.h"

static struct loop *loop;
static struct network *network;
static struct netdev lan;
static struct fakeport gateway;
static struct outbox outbox;

static void destroy_lan(struct netdev *netdev)
{
	netdev_remove_port(&gateway.port);
	netdev_fini(netdev);
}

static const struct netdev_ops lan_ops = {.kind = "test", .destroy = destroy_lan};

static void setup(void)
{
	loop = new_test_loop();
	network = network_new(loop, "test");
	netdev_init(&lan, &lan_ops, network, "nat");
	gateway = (struct fakeport){0};
	netdev_add_port(&lan, &gateway.port, &fakeport_ops, NULL);
	outbox_init(&outbox, network->chunks, &gateway.port);
}

static void teardown(void)
{
	outbox_fini(&outbox);
	network_free(network);
	loop_free(loop);
}

/* A frame of @len bytes in memory that held something else. */
static void commit(size_t len)
{
	uint8_t *data = outbox_reserve(&outbox, len);

	ck_assert_ptr_nonnull(data);
	memset(data, 0xee, FRAME_PADDED);
	memset(data, 0x11, len);
	outbox_commit(&outbox, len);
}

static void check_frame(const struct frame *frame, size_t len)
{
	size_t padded = MAX(len, FRAME_PADDED);

	ck_assert_uint_eq(frame->len, padded);
	ck_assert_uint_eq(frame->data[-1], padded);
	for (size_t i = 0; i < padded; i++)
		ck_assert_uint_eq(frame->data[i], i < len ? 0x11 : 0);
}

START_TEST(short_frames_are_padded_with_zeroes)
{
	static const size_t lengths[] = {42, 54, 59, 60, 61};

	for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++)
		commit(lengths[i]);
	ck_assert_uint_eq(outbox.n, G_N_ELEMENTS(lengths));
	for (size_t i = 0; i < outbox.n; i++) {
		check_frame(&outbox.frames[i], lengths[i]);
		if (i > 0)
			ck_assert_ptr_eq(outbox.frames[i].data - FRAME_PREFIX,
					 outbox.frames[i - 1].data + outbox.frames[i - 1].len);
	}
}
END_TEST

START_TEST(a_frame_that_lies_elsewhere_is_padded_in_place)
{
	uint8_t room[FRAME_PREFIX + FRAME_PADDED];

	memset(room, 0xee, sizeof(room));
	memset(room + FRAME_PREFIX, 0x11, 54);
	outbox_append(&outbox, room + FRAME_PREFIX, 54);
	ck_assert_ptr_eq(outbox.frames[0].data, room + FRAME_PREFIX);
	check_frame(&outbox.frames[0], 54);
}
END_TEST

START_TEST(padding_stays_within_the_chunk)
{
	size_t n = CHUNK_SIZE / (FRAME_PREFIX + FRAME_PADDED);

	for (size_t i = 0; i < n + 1; i++)
		commit(14);
	ck_assert_uint_eq(outbox.n_chunks, 2);
	check_frame(&outbox.frames[n - 1], 14);
	check_frame(&outbox.frames[n], 14);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("outbox");
	TCase *tc = tcase_create("outbox");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, short_frames_are_padded_with_zeroes);
	tcase_add_test(tc, a_frame_that_lies_elsewhere_is_padded_in_place);
	tcase_add_test(tc, padding_stays_within_the_chunk);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
