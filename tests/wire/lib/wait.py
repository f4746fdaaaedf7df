# SPDX-License-Identifier: BSD-3-Clause
"""Waiting for what must happen: a limit that only a failure reaches decides nothing else."""
import os
import time

# Under valgrind everything takes its time.
LIMIT = 100.0 if os.environ.get('USERNET_WRAPPER') else 15.0


class Never(AssertionError):
    """What must happen did not."""


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
