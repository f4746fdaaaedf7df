# SPDX-License-Identifier: BSD-3-Clause
"""The speed that usernet promises, as ratios within one run on 2 cores; --check judges them. Higher
is better for Gbit/s and rates, lower for CPU seconds and microseconds."""

from typing import NamedTuple

US, PASST, QEMU, BEFORE = "usernet", "passt", "QEMU user", "usernet before"


class Limit(NamedTuple):
    row: str
    sign: str # ">=" or "<="
    ratio: float # usernet's median divided by the other's
    peer: str # the other peer
    other: str = "" # the other's row; None: the same
    issue: int = 5
    us: str = US


class Bound(NamedTuple):
    """A limit that is not a ratio."""

    row: str
    most: float
    issue: int = 4


UP, DOWN = "tcp.up.1500.1", "tcp.down.1500.1"

TCP_KINDS = [f"{mtu}.{flows}" for mtu in (1500, 9000, 65520) for flows in (1, 8)]


def tcp_limits():
    """TCP of each MTU, beside passt and beside an earlier build of ours (--before)."""
    for kind in TCP_KINDS:
        yield Limit(f"tcp.down.{kind}.cpu", "<=", 0.7, PASST, issue=9)
        yield Limit(f"tcp.down.{kind}.gbps", ">=", 1.1, PASST, issue=9)
        yield Limit(f"tcp.up.{kind}.cpu", "<=", 0.95, PASST, issue=9)
        yield Limit(f"tcp.up.{kind}.gbps", ">=", 1.0 if kind == "65520.8" else 1.1, PASST, issue=9)
        for direction in ("up", "down"):
            yield Limit(f"tcp.{direction}.{kind}.cpu", "<=", 0.5, BEFORE, issue=9)


def tap_limits():
    """A tap beside slirp4netns's: --peer usernet-tap --peer slirp4netns."""
    for direction in ("up", "down"):
        for mtu in (1500, 65520):
            yield Limit(f"tcp.{direction}.{mtu}.1.gbps", ">=", 2, "slirp4netns", issue=13,
                        us="usernet tap")


LIMITS = [
    *tap_limits(),
    *tcp_limits(),
    *(Limit(f"udp.{way}.flood.kpps", ">=", 2, PASST, issue=9) for way in ("up", "down")),
    *(Limit(f"udp.{way}.flood.cpu", "<=", 0.35, BEFORE, issue=9) for way in ("up", "down")),
    Limit("latency.p50", "<=", 1.0, PASST, issue=9),
    Limit("latency.p99", "<=", 1.0, PASST, issue=9),
    Limit("connect.1.rate", ">=", 1.0, PASST, issue=9),
    Limit("connect.50.rate", ">=", 1.0, PASST, issue=9),
    Limit("storm.200.rate", ">=", 2, PASST, issue=9),
    Limit("storm.1.rate", ">=", 1.1, PASST, issue=9),
    Limit("idle.5000.mb", "<=", 1.0, PASST, issue=9),
    Limit("idle.5000.mb", "<=", 0.2, BEFORE, issue=9),
    *(Limit(f"loss.{way}.gbps", ">=", 0.9, US, f"tcp.{way}.1500.1.gbps", issue=9)
      for way in ("up", "down")),
    Limit("switch.1514.mpps", ">=", 4.5, QEMU, issue=9),
    Limit("switch.64.mpps", ">=", 30, QEMU, issue=9),
    Limit("switch.1514.mpps", ">=", 1.0, BEFORE, issue=9),
    Limit("switch.64.mpps", ">=", 1.0, BEFORE, issue=9),
    Limit(f"{UP}.gbps", ">=", 3.0, QEMU),
    Limit(f"{DOWN}.gbps", ">=", 1.8, QEMU),
    Limit(f"{DOWN}.cpu", "<=", 0.6, QEMU),
    Limit(f"{UP}.cpu", "<=", 0.3, QEMU),
    Limit("idle.5000.up.gbps", ">=", 0.9, US, "idle.0.up.gbps"),
    Limit("idle.5000.down.gbps", ">=", 0.9, US, "idle.0.down.gbps"),
    Limit("guests.500.up.gbps", ">=", 0.9, US, "guests.1.up.gbps"),
    Limit("guests.500.down.gbps", ">=", 0.9, US, "guests.1.down.gbps"),
    Limit("latency.p50", "<=", 1.0, QEMU),
    Limit("connect.1.rate", ">=", 1.0, QEMU),
    Limit("connect.50.rate", ">=", 1.0, QEMU),
    *(Limit(f"capture.{way}.ended.gbps", ">=", 0.95, US, f"capture.{way}.off.gbps", issue=14)
      for way in ("up", "down")),
    *(Limit(f"capture.{way}.nomatch.gbps", ">=", 0.85, US, f"capture.{way}.off.gbps", issue=14)
      for way in ("up", "down")),
    *(Limit(f"policy.{way}.{kind}.gbps", ">=", 0.97, US, f"policy.{way}.none.gbps", issue=15)
      for way in ("up", "down") for kind in ("name", "sni", "many")),
    *(Limit(f"policy.{way}.turns.many.gbps", ">=", 0.97, US, f"policy.{way}.turns.none.gbps",
            issue=15) for way in ("up", "down")),
    Bound("storm.200.errors", 0),
    Bound("storm.1.errors", 0),
    Bound("storm.200.kept", 0),
    Bound("storm.1.kept", 0),
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
    ours, theirs = results.median(limit.row, limit.us), results.median(other, limit.peer)
    if ours is None or theirs is None:
        return Verdict(limit, what, None, False)
    # Any number beats a peer that failed.
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
