# SPDX-License-Identifier: BSD-3-Clause
"""The files of the source tree, as every style check sees them."""

import os
import re

# Skipped: history, build folders, Python's caches.
IGNORED = re.compile(r"^(\.git|build.*|__pycache__)$")


def entries(root):
    """Names at the top level."""
    return sorted(name for name in os.listdir(root) if not IGNORED.match(name))


def files(root, pattern=r".*"):
    """Paths below ROOT, relative to it, whose name matches PATTERN."""
    found = []
    for top, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not IGNORED.match(name))
        for name in sorted(names):
            path = os.path.relpath(os.path.join(top, name), root)
            if re.fullmatch(pattern, name):
                found.append(path)
    return found


def text(root, path):
    """The file's text, or None when it is not text."""
    with open(os.path.join(root, path), "rb") as file:
        data = file.read()
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def is_source(root, path):
    """True for program sources: C, Python, shell, meson."""
    name = os.path.basename(path)
    if name.endswith((".c", ".h", ".py", ".sh")) or name == "meson.build":
        return True
    content = text(root, path)
    return content is not None and content.startswith("#!")
