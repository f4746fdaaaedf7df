#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Checks house rules. Usage: check.py RULE ROOT; prints each breach; status 1 if there is one."""

import os
import re
import subprocess
import sys

import tree

# The rooms, lowest first: a room may include itself and what stands in a row above it, and no room
# of its own row. "fwd" is the folder beside usernet/.
ROOMS = (
    ("base",),
    ("net",),
    ("packet", "fwd", "sandbox", "capture"),
    ("link", "dhcp", "dns", "tftp", "http", "policy"),
    ("conntrack",),
    ("tcp", "udp"),
    ("slirp",),
    ("forward",),
    ("gateway",),
    ("ctl/options",),
    ("ctl",),
    ("ctl/config",),
    ("ctl/qmp", "ctl/doors"),
    ("main",),
)
RANK = {room: rank for rank, row in enumerate(ROOMS) for room in row}
# usernetctl reaches the daemon only through its sockets.
TOOLS = {"base", "net", "tools"}

# The room that calls libslirp.
SLIRP_ROOM = "slirp"

# These start threads (isolation is set up while there is one).
THREADED_HEADERS = re.compile(r"gio/|pthread\.h|threads\.h")
THREADED_CALLS = re.compile(r"\b(g_unix_signal_\w+|g_thread_\w+|g_child_watch_\w+|pthread_create)\b")

TOP_LEVEL = {"usernet", "fwd", "tools", "tests", "findings", "meson.build", "meson_options.txt",
             "README", "COPYING"}

SPDX = "SPDX-License-Identifier: BSD-3-Clause"

# Think at 600 lines, split before 900.
THINK_LINES = 600
SPLIT_LINES = 900


def room_of(path):
    """The room of PATH, or None if it may include anything (tests)."""
    folder = os.path.dirname(path)
    if folder.split("/")[0] in ("fwd", "tools"):
        return folder.split("/")[0]
    if folder == "usernet":
        return "main"
    return folder[len("usernet/"):] if folder.startswith("usernet/") else None


def sees(room, target):
    if room == "tools":
        return target in TOOLS
    return target == room or (target in RANK and RANK[target] < RANK[room])


def layers(root):
    breaches = []
    include = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)
    for path in tree.files(root, r".*\.[ch]"):
        room = room_of(path)
        if room is None:
            continue
        if room != "tools" and room not in RANK:
            breaches.append(f"{path}: no room is called {room!r}")
            continue
        for quote, name in include.findall(tree.text(root, path)):
            if quote == "<":
                if "slirp" in name and room != SLIRP_ROOM:
                    breaches.append(f"{path}: includes <{name}>; only usernet/{SLIRP_ROOM} may")
                if room != "tools" and THREADED_HEADERS.match(name):
                    breaches.append(f"{path}: includes <{name}>, which may start threads")
                continue
            # Only main and the tools have headers that stand beside them.
            target = os.path.dirname(name) or ("tools" if room == "tools" else "main")
            if target == "main" and room != "main":
                breaches.append(f'{path}: includes "{name}", which names no room')
            elif not sees(room, target):
                breaches.append(f'{path}: includes "{name}": {room} may not see {target}')
    return breaches


def calls(root):
    """The daemon has one thread, and only main.c ends it."""
    breaches = []
    for path in tree.files(root, r".*\.[ch]"):
        if room_of(path) in (None, "tools"):
            continue
        for number, line in enumerate(tree.text(root, path).split("\n"), 1):
            if path != "usernet/main.c" and re.search(r"(?<![\w.>])exit\s*\(", line):
                breaches.append(f"{path}:{number}: calls exit; only usernet/main.c may")
            threaded = THREADED_CALLS.search(line)
            if threaded:
                breaches.append(f"{path}:{number}: {threaded.group()} starts a thread")
    return breaches


def sizes(root):
    breaches = []
    for path in tree.files(root, r".*\.[ch]"):
        lines = tree.text(root, path).count("\n")
        if lines > SPLIT_LINES:
            breaches.append(f"{path}: {lines} lines; split it (limit {SPLIT_LINES})")
        elif lines > THINK_LINES:
            print(f"note: {path}: {lines} lines; think about splitting it")
    return breaches


def top_level(root):
    return [f"{name}: does not belong at the top level" for name in tree.entries(root)
            if name not in TOP_LEVEL and not name.startswith(".")]


def spdx(root):
    breaches = []
    for path in tree.files(root):
        if not tree.is_source(root, path):
            continue
        lines = tree.text(root, path).split("\n")
        # The first line, or the second after a "#!".
        line = lines[1] if lines[0].startswith("#!") and len(lines) > 1 else lines[0]
        if SPDX not in line:
            breaches.append(f"{path}: does not begin with '{SPDX}'")
    return breaches


def paths(root):
    """No file names a path of one machine."""
    # Spelled in pieces, so this file is not a breach itself.
    places = re.compile("(?<![\\w.])/(" + "|".join((
        "wor" + r"k\b", "home/[a-z]", "roo" + r"t\b", "opt/[a-z]", "tmp/[a-z]*build")) + ")")
    breaches = []
    for path in tree.files(root):
        for number, line in enumerate((tree.text(root, path) or "").split("\n"), 1):
            if places.search(line):
                breaches.append(f"{path}:{number}: names a place of one machine: {line.strip()}")
    return breaches


def listed(root):
    """Every test file has its place in its folder's meson.build, or it would never run."""
    breaches = []
    for path in tree.files(root, r"test_\w+\.(py|c)"):
        folder, file = os.path.split(path)
        name = os.path.splitext(file)[0].removeprefix("test_")
        build = tree.text(root, os.path.join(folder, "meson.build")) or ""
        if f"'{name}'" not in build and f"'{file}'" not in build:
            breaches.append(f"{path}: {folder}/meson.build does not name it")
    return breaches


def run(words, root):
    """Runs a program; its output is the breach if it fails."""
    result = subprocess.run(words, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True)
    return [] if result.returncode == 0 else [result.stdout or f"{words[0]} failed"]


def clang_format(root):
    return run(["clang-format", "--dry-run", "-Werror", "--style=file",
                *tree.files(root, r".*\.[ch]")], root)


def cppcheck(root):
    return run(["cppcheck", "--quiet", "-j2", "--std=c11", "--library=gnu", "--library=posix",
                "--library=gtk", "--enable=warning,performance,portability", "--inline-suppr",
                "--suppressions-list=" + os.path.join(os.path.dirname(__file__), "cppcheck.txt"),
                "--error-exitcode=1", "-I", "usernet", "-I", ".", "-D_GNU_SOURCE",
                '-DUSERNET_VERSION="0"', '-DG_LOG_DOMAIN="usernet"',
                *tree.files(root, r".*\.c")], root)


RULES = {
    "layers": layers,
    "calls": calls,
    "sizes": sizes,
    "top-level": top_level,
    "spdx": spdx,
    "paths": paths,
    "listed": listed,
    "clang-format": clang_format,
    "cppcheck": cppcheck,
}


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in RULES:
        sys.exit(__doc__ + "\nRULEs: " + " ".join(RULES))
    breaches = RULES[sys.argv[1]](sys.argv[2])
    for breach in breaches:
        print(breach)
    sys.exit(1 if breaches else 0)


if __name__ == "__main__":
    main()
