# SPDX-License-Identifier: BSD-3-Clause
"""The numbers of a bench: for each row and peer the values of all rounds, or the reason why there
are none. Kept as JSON, from which table, plot and check can be made again."""

import json
import statistics


class Results:
    def __init__(self):
        self.machine = [] # lines
        self.peers = [] # names, in the table's order
        self.notes = []
        self.rows = {} # id -> (label, unit, better)
        self.values = {} # id -> peer -> [number]
        self.reasons = {} # id -> peer -> why there is none
        self.sending = [] # peer, direction, MTU, flows, buffer, iperf3's options
        self.failures = [] # unexpected failures

    def add_row(self, row):
        self.rows.setdefault(row.id, (row.label, row.unit, row.better))

    def add(self, row_id, peer, value):
        self.values.setdefault(row_id, {}).setdefault(peer, []).append(value)

    def cannot(self, row_id, peer, reason):
        self.reasons.setdefault(row_id, {})[peer] = reason

    def median(self, row_id, peer):
        """None where there is no number."""
        values = self.values.get(row_id, {}).get(peer)
        return statistics.median(values) if values else None

    def reason(self, row_id, peer):
        return self.reasons.get(row_id, {}).get(peer)

    def best(self, row_id):
        """The peers whose median is the best of the row."""
        medians = {peer: self.median(row_id, peer) for peer in self.peers}
        numbers = [value for value in medians.values() if value is not None]
        better = self.rows[row_id][2]
        if len(numbers) < 2 or not better:
            return set()
        best = max(numbers) if better == "high" else min(numbers)
        return {peer for peer, value in medians.items() if value == best}

    def save(self, path):
        with open(path, "w", encoding="utf-8") as file:
            json.dump(vars(self), file, indent=1)
            file.write("\n")

    @classmethod
    def load(cls, path):
        results = cls()
        with open(path, encoding="utf-8") as file:
            kept = json.load(file)
        if not isinstance(kept, dict) or set(kept) != set(vars(results)):
            raise ValueError(f"{path} is no results.json of this bench")
        vars(results).update(kept)
        return results
