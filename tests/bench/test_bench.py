#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Tests the bench itself: its arithmetic, and that a short run measures usernet. Speed is not
judged here."""

import json
import os
import pwd
import subprocess
import sys
import tempfile
import unittest
from xml.etree import ElementTree

SVG = "{http://www.w3.org/2000/svg}"
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import limits # noqa: E402
import measures # noqa: E402
import peers # noqa: E402
import plot # noqa: E402
from measures.base import Row # noqa: E402
from results import Results # noqa: E402
from table import Table, number # noqa: E402

BUILD = os.environ.get("BUILD", "build")


def some_results():
    results = Results()
    results.peers = ["usernet", "passt", "QEMU user"]
    results.machine = ["two cores & a <kernel>"]
    results.add_row(Row("tcp.up.1500.1.gbps", "TCP up", "Gbit/s", "high"))
    results.add_row(Row("tcp.up.1500.1.cpu", "TCP up", "CPU s/GB", "low"))
    for value in (5.0, 6.0, 60.0):
        results.add("tcp.up.1500.1.gbps", "usernet", value)
    results.add("tcp.up.1500.1.gbps", "passt", 2.5)
    results.cannot("tcp.up.1500.1.gbps", "QEMU user", "is not at home")
    results.add("tcp.up.1500.1.cpu", "usernet", 0.5)
    results.add("tcp.up.1500.1.cpu", "QEMU user", 2.0)
    return results


class Numbers(unittest.TestCase):
    def test_three_digits_that_mean_something(self):
        said = [number(value) for value in (0, 0.0123, 0.5, 1.234, 12.34, 123.4, 12345)]
        self.assertEqual(said, ["0.00", "0.012", "0.50", "1.23", "12.3", "123", "12,345"])

    def test_table_has_medians_the_best_and_reasons(self):
        text = Table(some_results()).text()
        self.assertRegex(text, r"TCP up +Gbit/s +6\.00\* +2\.50 +\u2014 a\n")
        self.assertRegex(text, r"TCP up +CPU s/GB +0\.50\* +\u2014 +2\.00\n")
        self.assertIn("a  is not at home", text)

    def test_markdown_table_has_as_many_cells_in_each_row(self):
        lines = [line for line in Table(some_results()).markdown().split("\n")
                 if line.startswith("|")]
        self.assertEqual(len(lines), 4)
        self.assertEqual({line.count("|") for line in lines}, {6})
        self.assertIn("**6.00**", lines[2])

    def test_plot_is_svg_and_its_bars_stay_inside(self):
        drawing = ElementTree.fromstring(plot.svg(some_results()))
        bars = [bar for bar in drawing.iter(SVG + "rect") if bar.find(SVG + "title") is not None]
        self.assertEqual(len(bars), 4)
        for bar in bars:
            self.assertGreaterEqual(float(bar.get("y")), plot.TOP)
            self.assertGreater(float(bar.get("height")), 0)

    def test_results_come_back_from_their_file(self):
        results = some_results()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "results.json")
            results.save(path)
            self.assertEqual(Table(Results.load(path)).text(), Table(results).text())
            with open(path, "w", encoding="utf-8") as file:
                json.dump({"rows": {}}, file)
            self.assertRaises(ValueError, Results.load, path)


class Limits(unittest.TestCase):
    def verdicts(self):
        return {verdict.text: verdict for verdict in limits.judge(some_results())}

    def test_ratio_of_medians_is_judged(self):
        found = self.verdicts()
        self.assertEqual(found["tcp.up.1500.1.gbps >= 1.1 x passt's"][2:], (2.4, True))
        self.assertEqual(found["tcp.up.1500.1.cpu <= 0.3 x QEMU user's"][2:], (0.25, True))

    def test_what_was_not_measured_does_not_hold(self):
        verdict = self.verdicts()["tcp.up.1500.1.gbps >= 3 x QEMU user's"]
        self.assertEqual(verdict[2:], (None, False))

    def test_falling_short_is_said(self):
        results = some_results()
        results.values["tcp.up.1500.1.gbps"]["passt"] = [8.0]
        lines = limits.report(limits.judge(results))
        self.assertIn("FALLS SHORT       0.75  tcp.up.1500.1.gbps >= 1.1 x passt's (issue 9)", lines)

    def test_limits_and_plot_name_rows_that_are_measured(self):
        rows = {row.id for measure in measures.ALL.values() for case in measure.cases(False)
                for row in case.rows}
        names = {name for limit in limits.LIMITS for name in (limit.row, getattr(limit, "other", ""))}
        names |= {row for _, _, groups in plot.BARS for _, row in groups}
        names |= {row.format(100) for _, _, row in plot.LINES}
        self.assertEqual(names - rows - {""}, set())

    def test_readmes_tables_are_of_the_results_that_are_kept(self):
        with open(os.path.join(HERE, "README"), encoding="utf-8") as file:
            speed = file.read().partition("\nSPEED\n")[2]
        for rounds, name, least in (("two", "tcp-results.json", 21), ("four", "tap-results.json", 9),
                                    ("five", "results.json", 21)):
            kept = Results.load(os.path.join(HERE, "results", name))
            whole = {" ".join(line.split()) for line in Table(kept).text().splitlines()}
            table = speed.partition(rounds + " rounds of a second each:\n\n")[2].partition("\n\n")[0]
            rows = {" ".join(line.split()) for line in table.splitlines()}
            self.assertGreaterEqual(len(rows), least)
            self.assertEqual(rows - whole, set())

    def test_limits_name_peers_that_are_there(self):
        names = {limit.peer for limit in limits.LIMITS if isinstance(limit, limits.Limit)}
        self.assertEqual(names - {peer.name for peer in peers.ALL.values()} - {peers.BEFORE},
                         set())


class Run(unittest.TestCase):
    def run_bench(self, *words):
        return subprocess.run([os.path.join(HERE, "run"), "--build", BUILD, *words],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)

    def test_quick_run_measures_usernet(self):
        with tempfile.TemporaryDirectory() as folder:
            done = self.run_bench("--quick", "--peer", "usernet", "--only", "latency", "--only",
                                  "switch", "--out", folder)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertEqual(sorted(os.listdir(folder)),
                             ["plot.svg", "results.json", "table.md", "table.txt"])
            results = Results.load(os.path.join(folder, "results.json"))
        self.assertEqual(results.failures, [])
        for row in ("latency.p50", "connect.1.rate", "switch.1514.gbps"):
            self.assertGreater(results.median(row, "usernet"), 0)

    def test_what_is_missing_is_said(self):
        with tempfile.TemporaryDirectory() as folder:
            done = self.run_bench("--build", folder, "--only", "switch", "--peer", "usernet")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("tapguest is not there: build first", done.stderr)

    def test_wrong_options_are_refused(self):
        for words in (["--only", "luck"], ["--peer", "tap"], ["--rounds", "0"]):
            self.assertEqual(self.run_bench(*words).returncode, 2)


def become_unprivileged():
    if os.geteuid() != 0:
        return
    user = pwd.getpwnam(os.environ.get("USERNET_TEST_USER", "nobody"))
    os.initgroups(user.pw_name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


if __name__ == "__main__":
    become_unprivileged()
    unittest.main()
