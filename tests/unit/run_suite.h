/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_TESTS_RUN_SUITE_H
#define USERNET_TESTS_RUN_SUITE_H

#include <check.h>

/* Runs @suite, takes it, and is what main() ends with. CK_VERBOSITY says how much is told. */
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
