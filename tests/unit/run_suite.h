/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TESTS_RUN_SUITE_H
#define USERNET_TESTS_RUN_SUITE_H

#include <check.h>

/* Runs @suite and frees it; its result is main()'s. CK_VERBOSITY sets the output. */
static inline int run_suite(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}

#endif
