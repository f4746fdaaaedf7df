#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
tidy.py BUILD [WORD]...: clang-tidy over the daemon and the tools, as BUILD compiles them (only files
with one of the words in their path). Minutes; the status is 1 when there is a finding that is not
explained below, or an explanation that no finding needs any more.
"""
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from analyze import jobs

SECONDS = 300  # for a file
WARNING = re.compile(r'^(\S+?):(\d+):\d+: (?:warning|error): (.*) \[([\w.,-]+)\]$', re.M)

# What they find that is meant: the check -> why.
LEFT_OUT = {
    'bugprone-easily-swappable-parameters': 'most functions of two numbers',
    'bugprone-narrowing-conversions': 'conversions are explicit where they can lose something',
    'bugprone-reserved-identifier': '_GNU_SOURCE, and functions of the C library',
    'cert-dcl37-c': 'the same',
    'cert-dcl51-cpp': 'the same',
    'cert-err33-c': 'snprintf() and the like, whose results are known',
    'bugprone-macro-parentheses': 'macros that take types and statements',
    'bugprone-assignment-in-if-condition': 'clang-tidy of Debian 12 has it not',
    'clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling':
        'asks for memcpy_s(), which the C library has not',
}
CHECKS = ','.join(['-*', 'bugprone-*', 'cert-*', 'clang-analyzer-*',
                   *(f'-{check}' for check in LEFT_OUT)])

# What clang-tidy 14 finds and is not so: (file, check) -> why.
EXPLAINED = {
}


def tidy(job):
    name, words, folder = job
    source = next(word for word in words if word.endswith(name))
    flags = [word for word in words[1:]
             if word.startswith(('-I', '-D', '-isystem', '-std', '-pthread'))]
    try:
        done = subprocess.run(
            ['clang-tidy', '--quiet', f'--checks={CHECKS}', source, '--', *flags], cwd=folder,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=SECONDS,
            check=False)
    except subprocess.TimeoutExpired:
        return name, [(name, '0', f'took more than {SECONDS} s', 'timeout')]
    findings = set()
    for path, line, text, check in WARNING.findall(done.stdout):
        path = re.sub(r'^.*/((usernet|fwd|tools)/)', r'\1', os.path.normpath(path))
        findings.add((path, line, text, check))
    return name, sorted(findings)


def main():
    found, needed, seen = 0, set(), set()
    work = list(jobs(sys.argv[1], sys.argv[2:]))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _, findings in pool.map(tidy, work):
            for path, line, text, check in findings:
                needed.add((path, check))
                if (path, check) in EXPLAINED or (path, line, check) in seen:
                    continue
                seen.add((path, line, check))
                found += 1
                print(f'{path}:{line}: {text} ({check})', flush=True)
    unneeded = [key for key in EXPLAINED if key not in needed] if not sys.argv[2:] else []
    for path, check in unneeded:
        print(f'{path}: {check} is explained, but not found')
    print(f'{len(work)} files, {found} findings that are not explained')
    sys.exit(1 if found or unneeded or not work else 0)


if __name__ == '__main__':
    main()
