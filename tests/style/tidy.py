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
    'bugprone-implicit-widening-of-multiplication-result': 'sizes that are small constants',
    'bugprone-reserved-identifier': '_GNU_SOURCE, and functions of the C library',
    'cert-dcl37-c': 'the same',
    'cert-dcl51-cpp': 'the same',
    'cert-err33-c': 'snprintf() and the like, whose results are known',
    'cert-err34-c': 'numbers from the kernel and the service manager',
    'bugprone-macro-parentheses': 'macros that take types and statements',
    'bugprone-suspicious-string-compare': 'strcmp() as a truth value is the custom of C',
    'bugprone-sizeof-expression': 'g_clear_pointer()',
    'bugprone-branch-clone': 'cases that mean different things and do the same',
    'clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling':
        'asks for memcpy_s(), which the C library has not',
    'clang-analyzer-unix.Malloc':
        'does not follow g_autofree and list_remove(); sanitizers and gcc look for the same',
}
CHECKS = ','.join(['-*', 'bugprone-*', 'cert-*', 'clang-analyzer-*',
                   *(f'-{check}' for check in LEFT_OUT)])

# What clang-tidy 14 finds and is not so: (file, check) -> why.
EXPLAINED = {
    ('fwd/rule_parse.c', 'clang-analyzer-core.UndefinedBinaryOperatorResult'):
        'take_protocol() sets it when it is true',
    ('fwd/table.c', 'clang-analyzer-core.NullDereference'):
        'entries of a list are never NULL',
    ('usernet/base/list.h', 'clang-analyzer-core.NullDereference'):
        'a list has no NULL once it was initialised',
    ('usernet/base/sockaddr.c', 'clang-analyzer-core.NonNullParamChecker'):
        'callers pass the text of an address',
    ('usernet/sandbox/namespaces.c', 'clang-analyzer-core.NonNullParamChecker'):
        'g_strdup() of a text is no NULL',
    ('usernet/packet/udp.c', 'clang-analyzer-deadcode.DeadStores'):
        'g_autofree reads it',
    ('usernet/link/dgram_out.c', 'clang-analyzer-core.NullDereference'):
        'g_renew() made it, as none was noted',
    ('usernet/link/dialer.c', 'bugprone-integer-division'):
        'half of a number of microseconds',
    ('usernet/dhcp/dhcpv6.c', 'clang-analyzer-core.NonNullParamChecker'):
        'an option with a length has bytes',
    ('usernet/dhcp/options6.c', 'bugprone-not-null-terminated-result'):
        'the option has a length, no end',
    ('usernet/gateway/other_gateway.c', 'bugprone-not-null-terminated-result'):
        'a field of fixed length',
    ('usernet/dns/reverse.c', 'clang-analyzer-core.CallAndMessage'):
        'the suffix has two labels, so there are as many',
    ('usernet/dns/upstream.c', 'clang-analyzer-core.NullDereference'):
        'a flight has a group as long as it waits',
    ('usernet/tcp/down.c', 'clang-analyzer-core.DivideZero'):
        'the handshake bounds the MSS from below',
    ('usernet/ctl/netdev_vxlan.c', 'clang-analyzer-core.UndefinedBinaryOperatorResult'):
        'parse_address() sets it when it is true',
    ('tools/usernetctl.c', 'clang-analyzer-deadcode.DeadStores'):
        'g_autofree reads it',
    ('tools/ctl_log.c', 'clang-analyzer-deadcode.DeadStores'):
        'a variable has a value from its declaration on',
    ('tools/ctl_names.c', 'clang-analyzer-core.NullDereference'):
        'guest_arguments() sets the error when it fails',
    ('tools/ctl_run.c', 'clang-analyzer-core.CallAndMessage'):
        'the version is read before; else the command has ended',
    ('usernet/ctl/statedir.c', 'clang-analyzer-core.NullDereference'):
        'statedir_path() and make() set the error when they fail',
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
