#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs wire tests with strace on the daemon; fails if it makes a system call that the sandbox does
not allow. Also prints what is allowed and was not seen.

    USERNET=… USERNETCTL=… USERNET_ALLOWED=build/tests/sandbox/allowed drift.py [--all | NAME…]

NAME is that of tests/wire/test_NAME.py; --all means all of them, for half an hour. Needs strace.
"""
import collections
import ctypes
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

WIRE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'wire')
# They open, bind and write whatever the daemon can, and use each netdev and service. The others are
# run by hand (--all).
TESTS = ['sandbox', 'config', 'tftp', 'hostfwd', 'guestfwd', 'udp_forward', 'gvproxy_api',
         'fdstore']
# They compare times, or trace the daemon themselves.
NOT_TRACED = ['neighbour', 'neighbour_held', 'scale', 'many_names', 'many_flows']

CALL = re.compile(r'(?:\d+ +)?(\w+)\(')
LOCKED = re.compile(r'seccomp\(SECCOMP_SET_MODE_FILTER, .* = 0$')
END_SECONDS = 20


PR_SET_PTRACER, PTRACER_ANY = 0x59616d61, ctypes.c_ulong(-1)  # prctl(2)


def is_traced():
    with open('/proc/self/status', encoding='ascii') as file:
        return any(line.startswith('TracerPid:') and line.split()[1] != '0' for line in file)


def become_traced(log, words):
    """
    Runs a program under strace, as this process. "strace PROGRAM" would not do: the tests wait for
    the end of pipes, which strace would inherit.
    """
    ctypes.CDLL(None).prctl(PR_SET_PTRACER, PTRACER_ANY, 0, 0, 0)
    ours, child = os.getpid(), os.fork()
    if child == 0:
        os.setsid()
        if os.fork():  # the daemon shall have no child of ours
            os._exit(0)
        null = os.open('/dev/null', os.O_RDWR)
        for fd in range(3):
            os.dup2(null, fd)
        os.closerange(3, 65536)
        os.execvp('strace', ['strace', '-q', '-ff', '-o', log, '-p', str(ours)])
    os.waitpid(child, 0)
    while not is_traced():
        time.sleep(0.01)
    os.execvp(words[0], words)


def read_log(path, seen):
    """Adds the calls after the lock. Returns the call that the process was killed for, or None."""
    locked, last = False, None
    with open(path, encoding='ascii', errors='replace') as file:
        for line in file:
            if 'killed by SIGSYS' in line and locked:
                return last
            call = CALL.match(line)
            if locked and call:
                last = call.group(1)
                seen[last] += 1
            locked = locked or bool(LOCKED.match(line.rstrip('\n')))
    return None


def wait_for(logs):
    """strace runs beside the daemon, so it may still write after the daemon's end."""
    end = time.monotonic() + END_SECONDS
    for path in logs:
        while time.monotonic() < end:
            with open(path, 'rb') as file:
                if b'+++ ' in file.read()[-200:]:
                    break
            time.sleep(0.1)


def all_tests():
    return sorted(os.path.basename(path)[5:-3] for path in glob.glob(os.path.join(WIRE, 'test_*.py')))


def main():
    if sys.argv[1:2] == ['--trace']:
        become_traced(sys.argv[2], sys.argv[3:])
    every = sys.argv[1:] == ['--all']
    names = [name for name in all_tests() if name not in NOT_TRACED] if every else \
        sys.argv[1:] or TESTS
    allowed = subprocess.run([os.environ['USERNET_ALLOWED']], stdout=subprocess.PIPE, text=True,
                             check=True).stdout.split()
    allowed = list(dict.fromkeys(allowed))
    if not shutil.which('strace'):
        sys.exit('needs strace')
    folder = tempfile.mkdtemp(prefix='usernet-drift-')
    if os.geteuid() == 0:
        os.chmod(folder, 0o777)  # the tests become another user
    seen = collections.Counter()
    try:
        wrapper = f'{sys.executable} {os.path.abspath(__file__)} --trace {folder}/log'
        failed = subprocess.run(
            [sys.executable, os.path.join(WIRE, 'run'), *(f'test_{name}.py' for name in names)],
            env={**os.environ, 'USERNET_WRAPPER': wrapper, 'USERNET_TEST_SCALE': '5'},
            check=False).returncode
        logs = glob.glob(folder + '/log.*')
        wait_for(logs)
        killed = {call for path in logs if (call := read_log(path, seen))}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    strange = sorted(killed | (set(seen) - set(allowed)))
    print(f'{len(logs)} processes; after the lock:',
          ', '.join(f'{name} {count}' for name, count in seen.most_common()))
    print('allowed and not seen:', ', '.join(name for name in allowed if name not in seen))
    for name in strange:
        print(f'{name} is not allowed{" and killed the daemon" if name in killed else ""}')
    if not seen:
        print('no process was locked')
    # Some tests wait less than strace makes the daemon take.
    sys.exit(1 if (failed and not every) or strange or not seen else 0)


if __name__ == '__main__':
    main()
