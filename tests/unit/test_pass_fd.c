/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/pass_fd.h"
#include "run_suite.h"

/* What the other side may send: two descriptors in one message. */
START_TEST(a_descriptor_too_many_is_closed)
{
	int pair[2], got, next;
	char byte = 0;
	struct iovec iov = {&byte, 1};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} control = {.header = {.cmsg_len = CMSG_LEN(2 * sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS}};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	memcpy(CMSG_DATA(&control.header), pair, sizeof(pair));
	ck_assert_int_eq(sendmsg(pair[0], &message, 0), 1);
	ck_assert_int_eq(take_fd(pair[1], &iov, 1, &got, 0), 1);
	ck_assert_int_ge(got, 0);
	next = dup(got);
	ck_assert_int_eq(next, got + 1);
	close(next);
	close(got);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pass_fd");
	TCase *tcase = tcase_create("pass_fd");

	tcase_add_test(tcase, a_descriptor_too_many_is_closed);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
