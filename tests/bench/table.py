# SPDX-License-Identifier: BSD-3-Clause
"""Results as a table: plain text for a terminal and README, and Markdown. A dash is a missing
number, with a letter for the reason."""

NONE = "\u2014"


def number(value):
    """Three significant digits."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 or value == 0 else f"{value:.3f}"


class Table:
    def __init__(self, results):
        self.results = results
        self.footnotes = [] # reasons; the first is "a"

    def letter(self, reason):
        if reason not in self.footnotes:
            self.footnotes.append(reason)
        place = self.footnotes.index(reason)
        first, second = divmod(place, 26)
        return (chr(ord("a") + first - 1) if first else "") + chr(ord("a") + second)

    def cell(self, row_id, peer):
        value = self.results.median(row_id, peer)
        if value is not None:
            return number(value) + ("*" if peer in self.results.best(row_id) else " ")
        reason = self.results.reason(row_id, peer)
        return f"{NONE} {self.letter(reason)}" if reason else NONE + " "

    def lines(self):
        """[label, unit, cell of each peer] of each row that has a number or a reason."""
        found = []
        for row_id, (label, unit, _) in self.results.rows.items():
            known = {**self.results.values.get(row_id, {}), **self.results.reasons.get(row_id, {})}
            if known:
                found.append([label, unit, *(self.cell(row_id, peer)
                                             for peer in self.results.peers)])
        return found

    def legend(self):
        lines = ["* the best of the row; medians"]
        lines += [f"{self.letter(reason)}  {reason}" for reason in self.footnotes]
        return lines + self.results.notes

    def text(self):
        heads = ["", "", *(peer + " " for peer in self.results.peers)]
        lines = self.lines()
        widths = [max(len(line[column]) for line in [heads, *lines]) for column in range(len(heads))]
        out = list(self.results.machine) + [""]
        for line in [heads, *lines]:
            cells = [line[0].ljust(widths[0]), line[1].ljust(widths[1])]
            cells += [cell.rjust(width) for cell, width in zip(line[2:], widths[2:])]
            out.append("  ".join(cells).rstrip())
        return "\n".join(out + [""] + self.legend()) + "\n"

    def markdown(self):
        lines = self.lines()
        out = [*self.results.machine, "", "| measure | unit | " + " | ".join(self.results.peers) + " |",
               "| --- | --- |" + " ---: |" * len(self.results.peers)]
        for line in lines:
            cells = [cell.strip() for cell in line[2:]]
            cells = [f"**{cell[:-1]}**" if cell.endswith("*") else cell for cell in cells]
            out.append("| " + " | ".join([line[0], line[1], *cells]) + " |")
        return "\n\n".join(["\n".join(out), *self.legend()[1:]]) + "\n"
