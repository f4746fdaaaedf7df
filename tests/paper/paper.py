# SPDX-License-Identifier: BSD-3-Clause
"""What these tests share: the tree, the programs, and the library of the wire tests."""
import os
import subprocess
import sys

TREE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
sys.path.insert(0, os.path.join(TREE, 'tests', 'wire'))

from lib.daemon import program  # noqa: E402


def tree(*names):
    return os.path.join(TREE, *names)


def text_of(*names):
    with open(tree(*names), encoding='utf-8') as file:
        return file.read()


def help_of(variable):
    """--help of the program that the variable names."""
    return subprocess.run([program(variable), '--help'], stdout=subprocess.PIPE, text=True,
                          check=True, env={**os.environ, 'LC_ALL': 'C.UTF-8'}).stdout
