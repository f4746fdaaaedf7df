#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""
analyze.py BUILD [WORD]...: gcc -fanalyzer over the daemon and the tools, as BUILD compiles them (only
files with one of the words in their path). Minutes; the status is 1 when there is a finding that is
not explained below, or an explanation that no finding needs any more.
"""
import json
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

SECONDS = 300  # for a file
WARNING = re.compile(r'^(\S+?):\d+:\d+: warning: (.*) \[-Wanalyzer-([a-z-]+)\]$', re.M)

# What gcc 12 finds and is not so: (file compiled, warning) -> why.
EXPLAINED = {
    ('usernet/base/checksum.c', 'shift-count-overflow'):
        'a vector is shifted lane by lane; its lanes have 64 bits',
    ('usernet/base/portholder.c', 'use-of-uninitialized-value'):
        'g_autofree variables of a loop are NULL from their declaration on',
    ('usernet/base/spawner_helper.c', 'use-of-uninitialized-value'):
        'list_for_each ends at the head and does not use what would contain it',
    ('usernet/packet/ndp.c', 'use-of-uninitialized-value'):
        'memcpy() fills the rest of the address',
    ('usernet/ctl/netdev_kind.c', 'null-dereference'):
        'attachment_check() fails when there is no such kind',
    ('usernet/ctl/statedir.c', 'null-dereference'):
        'statedir_path() and make() set the error when they fail',
    ('tools/ctl_names.c', 'null-dereference'):
        'guest_arguments() sets the error when it fails',
    ('tools/ctl_run.c', 'use-of-uninitialized-value'):
        'g_autofree variables are NULL from their declaration on',
    ('tools/doctor_host.c', 'use-of-uninitialized-value'):
        'the same',
    ('usernet/ctl/doors/gvproxy_api.c', 'use-of-uninitialized-value'):
        'the same',
    ('usernet/policy/policy.c', 'null-dereference'):
        'an entry stands in its group until it is removed',
    ('usernet/malloc.c', 'malloc-leak'):
        'malloc() returns what it allocates',
}


def jobs(build, wanted):
    """(file, words, folder) of what belongs to the daemon and the tools."""
    with open(os.path.join(build, 'compile_commands.json'), encoding='utf-8') as file:
        entries = json.load(file)
    seen = set()
    for entry in entries:
        path = os.path.normpath(os.path.join(entry['directory'], entry['file']))
        name = re.sub(r'^.*/((usernet|fwd|tools)/)', r'\1', path)
        if name in seen or '/tests/' in path or (wanted and not any(w in name for w in wanted)):
            continue
        seen.add(name)
        words = [word for word in shlex.split(entry['command'])
                 if word not in ('-MD', '-Werror') and not word.startswith('-fdiagnostics')]
        for option in ('-MQ', '-MF', '-o'):
            at = words.index(option)
            del words[at:at + 2]
        yield name, [*words, '-fanalyzer', '-O1', '-o', '/dev/null'], entry['directory']


def analyze(job):
    name, words, folder = job
    try:
        done = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return name, [('', f'took more than {SECONDS} s', 'timeout')], ''
    if done.returncode:
        return name, [('', 'does not compile', 'error')], done.stdout
    return name, [(where, re.sub(r' \[CWE-\d+\]$', '', text), kind)
                  for where, text, kind in WARNING.findall(done.stdout)], done.stdout


def main():
    found, needed = 0, set()
    work = list(jobs(sys.argv[1], sys.argv[2:]))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, findings, output in pool.map(analyze, work):
            new = [f for f in findings if (name, f[2]) not in EXPLAINED]
            needed.update((name, f[2]) for f in findings)
            found += len(new)
            for where, text, kind in new:
                print(f'{name}: {where}: {text} ({kind})')
            if new:
                print(output)
    unneeded = [key for key in EXPLAINED if key not in needed] if not sys.argv[2:] else []
    for name, kind in unneeded:
        print(f'{name}: {kind} is explained, but not found')
    print(f'{len(work)} files, {found} findings that are not explained')
    sys.exit(1 if found or unneeded or not work else 0)


if __name__ == '__main__':
    main()
