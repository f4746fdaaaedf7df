# SPDX-License-Identifier: BSD-3-Clause
"""A manual page's source (mdoc) as its subsections: text, keys, and the examples of usernet-qmp(7)."""
import json
import os
import re

MANUALS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', '..', 'tools', 'man')


def unescape(text):
    return text.replace('\\&', '').replace('\\-', '-').replace('\\(ha', '^').replace('\\(ti', '~') \
               .replace('\\(aq', "'").replace('\\e', '\\')


def source(page):
    with open(os.path.join(MANUALS, page), encoding='utf-8') as file:
        return unescape(file.read())


def _split(text, macro):
    """[(heading, body)] of the parts that MACRO begins."""
    parts = re.split(rf'^\.{macro} (.*)$', text, flags=re.M)
    return list(zip(parts[1::2], parts[2::2]))


def section(page, name):
    return dict(_split(source(page), 'Sh'))[name]


def subsections(page, name):
    """The subsections of a section by name, in the page's order."""
    return dict(_split(section(page, name), 'Ss'))


def keys(text):
    """The words of ".It Cm WORD" lines."""
    return re.findall(r'^\.It Cm (\S+)', text, flags=re.M)


def messages(text):
    """[(arrow, object)] of the examples: an object after each "-> " or "<- "."""
    found = []
    for block in re.findall(r'^\.Bd -literal.*?\n(.*?)^\.Ed$', text, flags=re.M | re.S):
        parts = re.split(r'^(->|<-) ', block, flags=re.M)
        found += [(arrow, json.loads(body)) for arrow, body in zip(parts[1::2], parts[2::2])]
    return found
