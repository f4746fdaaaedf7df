# SPDX-License-Identifier: BSD-3-Clause
"""What usernet promises of its speed, as ratios within one run on 2 cores; --check judges them.
Higher numbers are better in Gbit/s and rates, lower ones in CPU seconds and microseconds."""

from typing import NamedTuple

US, PASST, QEMU = "usernet", "passt", "QEMU user"


class Limit(NamedTuple):
    row: str
    sign: str # ">=" or "<="
    ratio: float # usernet's median divided by the other's
    peer: str # whose
    other: str = "" # which row of theirs; the same
    issue: int = 5


class Bound(NamedTuple):
    """A number that is no ratio."""

    row: str
    most: float
    issue: int = 4


UP, DOWN = "tcp.up.1500.1", "tcp.down.1500.1"

LIMITS = [
    Limit(f"{UP}.gbps", ">=", 2.0, PASST),
    Limit(f"{UP}.gbps", ">=", 3.0, QEMU),
    Limit(f"{DOWN}.gbps", ">=", 1.0, PASST),
    Limit(f"{DOWN}.gbps", ">=", 1.8, QEMU),
    Limit(f"{DOWN}.cpu", "<=", 0.85, PASST),
    Limit(f"{DOWN}.cpu", "<=", 0.6, QEMU),
    Limit(f"{UP}.cpu", "<=", 1.4, PASST),
    Limit(f"{UP}.cpu", "<=", 0.3, QEMU),
    Limit("switch.1514.mpps", ">=", 4, QEMU),
    Limit("switch.64.mpps", ">=", 25, QEMU),
    Limit("idle.5000.up.gbps", ">=", 0.9, US, "idle.0.up.gbps"),
    Limit("idle.5000.down.gbps", ">=", 0.9, US, "idle.0.down.gbps"),
    Limit("guests.500.up.gbps", ">=", 0.9, US, "guests.1.up.gbps"),
    Limit("guests.500.down.gbps", ">=", 0.9, US, "guests.1.down.gbps"),
    Limit("latency.p50", "<=", 1.0, QEMU),
    Limit("connect.1.rate", ">=", 1.0, QEMU),
    Limit("connect.50.rate", ">=", 1.0, QEMU),
    Limit("loss.down.gbps", ">=", 0.5, US, f"{DOWN}.gbps"),
    Limit("storm.200.rate", ">=", 1.0, QEMU, issue=4),
    Limit("storm.1.rate", ">=", 1.0, QEMU, issue=4),
    Bound("storm.200.errors", 0),
    Bound("storm.1.errors", 0),
    Bound("storm.200.kept", 0),
    Bound("storm.1.kept", 0),
    # Before there was offload: no worse than QEMU, and a switch of batches.
    Limit("switch.1514.mpps", ">=", 3, QEMU, issue=2),
    Limit("switch.64.mpps", ">=", 10, QEMU, issue=2),
    Limit(f"{UP}.gbps", ">=", 1.0, QEMU, issue=2),
    Limit(f"{DOWN}.gbps", ">=", 1.0, QEMU, issue=2),
    Limit(f"{UP}.cpu", "<=", 1.0, QEMU, issue=2),
    Limit(f"{DOWN}.cpu", "<=", 1.0, QEMU, issue=2),
]


class Verdict(NamedTuple):
    limit: object
    text: str # the promise
    value: object # what was measured; None: nothing
    good: bool


def judge_bound(limit, results):
    value = results.median(limit.row, US)
    return Verdict(limit, f"{limit.row} at most {limit.most:g}", value,
                   value is not None and value <= limit.most)


def judge_limit(limit, results):
    other = limit.other or limit.row
    what = f"{limit.row} {limit.sign} {limit.ratio:g} x "
    what += f"{limit.peer}'s" if limit.peer != US else other
    ours, theirs = results.median(limit.row, US), results.median(other, limit.peer)
    if ours is None or theirs is None:
        return Verdict(limit, what, None, False)
    # A peer that got nothing done at all is outdone by anything.
    ratio = ours / theirs if theirs else float("inf")
    return Verdict(limit, what, ratio,
                   ratio >= limit.ratio if limit.sign == ">=" else ratio <= limit.ratio)


def judge(results):
    return [judge_bound(limit, results) if isinstance(limit, Bound) else judge_limit(limit, results)
            for limit in LIMITS]


def report(verdicts):
    """A line each."""
    lines = []
    for verdict in verdicts:
        word = "not measured" if verdict.value is None else "holds" if verdict.good else \
            "FALLS SHORT"
        value = "" if verdict.value is None else f"{verdict.value:.2f}"
        lines.append(f"{word:13} {value:>8}  {verdict.text} (issue {verdict.limit.issue})")
    return lines
