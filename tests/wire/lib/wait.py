# SPDX-License-Identifier: BSD-3-Clause
"""Waits for events; the time limit only decides that a test has failed."""
import os
import time

# Everything takes longer under valgrind.
LIMIT = 100.0 if os.environ.get('USERNET_WRAPPER') else 15.0


class Never(AssertionError):
    """An event did not happen in time."""


def until(condition, what='condition', limit=LIMIT):
    """
    Calls condition until it returns something true, and returns that. what: what did not happen if
    it never does, in words or a function that then finds them.
    """
    end = time.monotonic() + limit
    pause = 0.001
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise Never(f'never within {limit:.0f} s: {what() if callable(what) else what}')
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
