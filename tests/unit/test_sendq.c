/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>
#include <errno.h>
#include <glib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link/sendq.h"
#include "run_suite.h"

/* Frames with their prefix, adjacent; each with its own length and content. */
#define N_FRAMES 4096
static uint8_t *memory;
static size_t memory_len;
static struct frame frames[N_FRAMES];
static int ours, theirs;
static struct sendq queue;

static void setup(void)
{
	int fds[2], small = 16384;

	memory = g_malloc((size_t)N_FRAMES * 1600);
	memory_len = 0;
	for (size_t i = 0; i < N_FRAMES; i++) {
		size_t len = 1000 + i % 500;
		uint8_t *data = memory + memory_len + FRAME_PREFIX;

		memset(data, (int)i, len);
		frame_set_prefix(data, (uint32_t)len);
		frames[i] = (struct frame){data, (uint32_t)len};
		memory_len += FRAME_PREFIX + len;
	}
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ours = fds[0];
	theirs = fds[1];
	setsockopt(ours, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	sendq_init(&queue, ours);
}

static void teardown(void)
{
	sendq_clear(&queue);
	close(ours);
	close(theirs);
	g_free(memory);
}

/* Everything that can be read now. */
static GByteArray *read_all(void)
{
	GByteArray *got = g_byte_array_new();
	uint8_t part[8192];
	ssize_t n;

	while ((n = recv(theirs, part, sizeof(part), MSG_DONTWAIT)) > 0)
		g_byte_array_append(got, part, (guint)n);
	return got;
}

static GByteArray *read_while_draining(void)
{
	GByteArray *got = read_all();

	while (sendq_held(&queue)) {
		GByteArray *more;

		ck_assert(sendq_drain(&queue));
		more = read_all();
		g_byte_array_append(got, more->data, more->len);
		g_byte_array_unref(more);
	}
	return got;
}

START_TEST(neighbours_in_memory_leave_as_one_run)
{
	g_autoptr(GByteArray) got = NULL;

	sendq_note(&queue, frames, 5);
	sendq_note(&queue, frames + 5, 3);
	ck_assert_uint_eq(queue.n_iov, 1);
	sendq_note(&queue, frames + 9, 1);
	ck_assert_uint_eq(queue.n_iov, 2);
	ck_assert(sendq_flush(&queue));
	ck_assert_uint_eq(sendq_held(&queue), 0);
	ck_assert_uint_eq(queue.n_iov, 0);
	got = read_all();
	ck_assert_uint_eq(got->len, queue.n_dropped + 9 * 4 + 9 * 1000 + 28 + 9);
	ck_assert_mem_eq(got->data, memory, 8 * 1004 + 28);
}
END_TEST

START_TEST(what_the_socket_refuses_is_held_and_arrives_in_order)
{
	g_autoptr(GByteArray) got = NULL;

	for (size_t i = 0; i < 500; i += 100) {
		sendq_note(&queue, frames + i, 100);
		ck_assert(sendq_flush(&queue));
	}
	ck_assert_uint_gt(sendq_held(&queue), 0);
	ck_assert_uint_eq(queue.n_dropped, 0);
	got = read_while_draining();
	ck_assert_uint_eq(got->len, (size_t)(frames[500].data - FRAME_PREFIX - memory));
	ck_assert_mem_eq(got->data, memory, got->len);
}
END_TEST

START_TEST(over_the_bound_whole_frames_are_dropped_and_the_stream_stays_sound)
{
	g_autoptr(GByteArray) got = NULL;
	size_t n = 0, at = 0;
	size_t next = 0;

	/* one after the other with a gap: each an iovec of its own */
	for (size_t i = 0; i < N_FRAMES; i += 2)
		sendq_note(&queue, frames + i, 1);
	ck_assert(sendq_flush(&queue));
	ck_assert_uint_le(sendq_held(&queue), SENDQ_MAX);
	ck_assert_uint_gt(queue.n_dropped, 0);
	got = read_while_draining();
	while (at < got->len) {
		uint32_t len = (uint32_t)got->data[at + 2] << 8 | got->data[at + 3];

		while (next < N_FRAMES && (frames[next].len != len ||
					   memcmp(frames[next].data, got->data + at + 4, len)))
			next += 2;
		ck_assert_msg(next < N_FRAMES, "frame %zu is not one that was sent", n);
		next += 2;
		at += 4 + len;
		n++;
	}
	ck_assert_uint_eq(at, got->len);
	ck_assert_uint_eq(n + queue.n_dropped, N_FRAMES / 2);
}
END_TEST

/* Short frames, each followed by other bytes in memory. */
#define N_SHORT 1000
static uint8_t short_memory[N_SHORT][FRAME_PREFIX + FRAME_PADDED];

static struct frame short_frame(unsigned i)
{
	uint32_t len = FRAME_MIN + i % (FRAME_PADDED - FRAME_MIN);
	uint8_t *data = short_memory[i] + FRAME_PREFIX;

	memset(data, (int)i, FRAME_PADDED);
	data[0] = (uint8_t)(i >> 8);
	frame_set_prefix(data, len);
	return (struct frame){data, len};
}

static void check_padded(const uint8_t *got, unsigned i)
{
	struct frame frame = short_frame(i);

	ck_assert_mem_eq(got, "\0\0\0\74", FRAME_PREFIX);
	got += FRAME_PREFIX;
	ck_assert_mem_eq(got, frame.data, frame.len);
	for (size_t at = frame.len; at < FRAME_PADDED; at++)
		ck_assert_msg(!got[at], "frame %u is padded with %u", i, got[at]);
}

START_TEST(short_frames_are_padded_with_zeroes_and_leave_as_one_run)
{
	g_autoptr(GByteArray) got = NULL;

	for (unsigned i = 0; i < 10; i++) {
		struct frame frame = short_frame(i);

		sendq_note(&queue, &frame, 1);
	}
	ck_assert_uint_eq(queue.n_iov, 1);
	sendq_note(&queue, frames, 1);
	ck_assert(sendq_flush(&queue));
	ck_assert_ptr_null(queue.pad.slots);
	got = read_all();
	ck_assert_uint_eq(got->len, 10 * 64 + 1004);
	for (unsigned i = 0; i < 10; i++)
		check_padded(got->data + (size_t)i * 64, i);
	ck_assert_mem_eq(got->data + 640, memory, 1004);
}
END_TEST

START_TEST(more_short_frames_than_a_pad_holds_arrive_in_order)
{
	g_autoptr(GByteArray) got = NULL;

	for (unsigned i = 0; i < N_SHORT; i++) {
		struct frame frame = short_frame(i);

		sendq_note(&queue, &frame, 1);
	}
	ck_assert(sendq_flush(&queue));
	ck_assert_uint_gt(sendq_held(&queue), 0);
	got = read_while_draining();
	ck_assert_uint_eq(got->len, (size_t)N_SHORT * 64);
	for (unsigned i = 0; i < N_SHORT; i++)
		check_padded(got->data + (size_t)i * 64, i);
}
END_TEST

/* A full list is flushed, which must keep the copy. */
START_TEST(a_short_frame_behind_a_full_list_is_sent_whole)
{
	g_autoptr(GByteArray) got = NULL;
	size_t at = 0, n = 0;

	for (unsigned i = 0; i < 8192; i++)
		sendq_note(&queue, frames + 2 * (i % 8), 1);
	for (unsigned i = 0; i < 2; i++) {
		struct frame frame = short_frame(i);

		sendq_note(&queue, &frame, 1);
	}
	ck_assert(sendq_flush(&queue));
	got = read_while_draining();
	for (; at + 2 * 64 < got->len; n++)
		at += 4 + ((size_t)got->data[at + 2] << 8 | got->data[at + 3]);
	ck_assert_uint_eq(n + queue.n_dropped, 8192);
	check_padded(got->data + at, 0);
	check_padded(got->data + at + 64, 1);
}
END_TEST

START_TEST(an_idle_queue_owns_no_memory)
{
	g_autoptr(GByteArray) got = NULL;

	for (size_t i = 0; i < 1000; i += 2)
		sendq_note(&queue, frames + i, 1);
	ck_assert(sendq_flush(&queue));
	got = read_while_draining();
	ck_assert_ptr_null(queue.held.data);
	ck_assert_ptr_null(queue.iov);
}
END_TEST

START_TEST(a_peer_that_is_gone_is_an_error_without_a_signal)
{
	close(theirs);
	sendq_note(&queue, frames, 1);
	ck_assert(!sendq_flush(&queue));
	ck_assert_int_eq(queue.error, EPIPE);
	sendq_note(&queue, frames, 1);
	ck_assert(!sendq_flush(&queue));
	ck_assert_uint_eq(sendq_held(&queue), 0);
	theirs = dup(ours);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sendq");
	TCase *tc = tcase_create("sendq");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, neighbours_in_memory_leave_as_one_run);
	tcase_add_test(tc, what_the_socket_refuses_is_held_and_arrives_in_order);
	tcase_add_test(tc, over_the_bound_whole_frames_are_dropped_and_the_stream_stays_sound);
	tcase_add_test(tc, short_frames_are_padded_with_zeroes_and_leave_as_one_run);
	tcase_add_test(tc, more_short_frames_than_a_pad_holds_arrive_in_order);
	tcase_add_test(tc, a_short_frame_behind_a_full_list_is_sent_whole);
	tcase_add_test(tc, an_idle_queue_owns_no_memory);
	tcase_add_test(tc, a_peer_that_is_gone_is_an_error_without_a_signal);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
