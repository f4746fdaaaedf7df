/* SPDX-License-Identifier: BSD-3-Clause */
#include <check.h>

#include <unistd.h>

#include "run_suite.h"
#include "slirp/nat_budget.h"

static struct nat_budget budget;

static void setup(void)
{
	nat_budget_init(&budget, 1000);
	budget.fds_max = 1000;
}

static void teardown(void)
{
	nat_budget_fini(&budget);
}

START_TEST(one_port_cannot_take_the_last_quarter)
{
	struct nat_share *greedy = NULL, *modest;
	unsigned n = 0, m = 0;

	for (struct nat_share *share; (share = nat_share_take(&budget, 1)); n++)
		greedy = share;
	ck_assert_uint_eq(n, 750);
	while ((modest = nat_share_take(&budget, 2)) && m < 2000)
		m++;
	ck_assert_uint_eq(m, NAT_INSTANCES_SMALL);
	ck_assert_uint_eq(greedy->instances, 750);
	ck_assert_uint_eq(budget.instances, 750 + m);
}
END_TEST

START_TEST(descriptors_of_a_greedy_port_leave_room_for_others)
{
	struct nat_share *greedy = nat_share_take(&budget, 1), *modest = nat_share_take(&budget, 2);
	unsigned n = 0, m = 0;

	for (; nat_share_allows(&budget, greedy); n++)
		nat_share_count_fds(&budget, greedy, 1);
	ck_assert_uint_eq(n, 750);
	for (; nat_share_allows(&budget, modest); m++)
		nat_share_count_fds(&budget, modest, 1);
	ck_assert_uint_eq(m, NAT_FDS_SMALL);
	nat_share_count_fds(&budget, greedy, -200);
	ck_assert(nat_share_allows(&budget, greedy));
}
END_TEST

START_TEST(all_of_it_is_a_bound_for_everybody)
{
	struct nat_share *share = nat_share_take(&budget, 1);

	nat_share_count_fds(&budget, NULL, 1000);
	ck_assert(!nat_share_allows(&budget, share));
	ck_assert(!nat_share_allows(&budget, NULL));
}
END_TEST

START_TEST(a_share_given_back_is_forgotten)
{
	nat_share_give_back(&budget, nat_share_take(&budget, 7));
	ck_assert_uint_eq(budget.instances, 0);
	ck_assert_uint_eq(g_hash_table_size(budget.shares), 0);
}
END_TEST

START_TEST(clamped_nothing_can_be_opened)
{
	struct nat_budget real;
	int fd;

	nat_budget_init(&real, 1);
	nat_budget_clamp(&real);
	ck_assert_int_lt(dup(0), 0);
	nat_budget_unclamp(&real);
	fd = dup(0);
	ck_assert_int_ge(fd, 0);
	close(fd);
	nat_budget_fini(&real);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nat_budget");
	TCase *tcase = tcase_create("nat_budget");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, one_port_cannot_take_the_last_quarter);
	tcase_add_test(tcase, descriptors_of_a_greedy_port_leave_room_for_others);
	tcase_add_test(tcase, all_of_it_is_a_bound_for_everybody);
	tcase_add_test(tcase, a_share_given_back_is_forgotten);
	tcase_add_test(tcase, clamped_nothing_can_be_opened);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
