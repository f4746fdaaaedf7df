# SPDX-License-Identifier: BSD-3-Clause
"""Results as a picture: panels of bars, a group for each row and a bar for each peer, and panels of
lines over a number of flows or guests. SVG by hand, since it is a few lines."""

from html import escape

from table import number

COLOURS = ("#1b6ca8", "#d1495b", "#edae49", "#66a182", "#8d6a9f")
WIDTH, HEIGHT = 560, 300 # of a panel
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 40, 56 # around what is drawn in it
COLUMNS = 2
FONT = 'font-family="sans-serif"'

# Title and unit of a panel, and its groups: (label, row id).
BARS = [
    ("TCP, MTU 1500", "Gbit/s", [("up, 1 flow", "tcp.up.1500.1.gbps"),
                                 ("up, 8", "tcp.up.1500.8.gbps"),
                                 ("down, 1 flow", "tcp.down.1500.1.gbps"),
                                 ("down, 8", "tcp.down.1500.8.gbps")]),
    ("CPU for it, less is better", "s/GB", [("up, 1 flow", "tcp.up.1500.1.cpu"),
                                            ("up, 8", "tcp.up.1500.8.cpu"),
                                            ("down, 1 flow", "tcp.down.1500.1.cpu"),
                                            ("down, 8", "tcp.down.1500.8.cpu")]),
    ("TCP, one flow, larger MTUs", "Gbit/s", [("up, 9000", "tcp.up.9000.1.gbps"),
                                              ("up, 65520", "tcp.up.65520.1.gbps"),
                                              ("down, 9000", "tcp.down.9000.1.gbps"),
                                              ("down, 65520", "tcp.down.65520.1.gbps")]),
    ("UDP, 1400 bytes", "1000/s", [("up", "udp.up.flood.kpps"), ("down", "udp.down.flood.kpps")]),
    ("guest to guest", "Gbit/s", [("1514 bytes", "switch.1514.gbps"),
                                  ("64 bytes", "switch.64.gbps")]),
    ("connections", "1/s", [("from the guest, 1", "connect.1.rate"), ("50 at once", "connect.50.rate"),
                            ("forward, 1", "storm.1.rate"), ("200 at once", "storm.200.rate")]),
]

# The same with a number in the row's id, which is the axis.
LINES = [
    ("TCP down beside idle flows", "Gbit/s", "idle.{}.down.gbps"),
    ("memory with idle flows", "MB", "idle.{}.mb"),
    ("TCP down among guests", "Gbit/s", "guests.{}.down.gbps"),
    ("memory with guests", "MB", "guests.{}.mb"),
]


def text(x, y, words, size=12, anchor="middle", more=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" {FONT}'
            f'{more}>{escape(words)}</text>')


class Panel:
    """A frame with a scale; the top of the scale is a round number above the highest value."""

    def __init__(self, title, unit, labels, highest):
        self.top = round_up(highest)
        self.step = (WIDTH - LEFT - RIGHT) / len(labels)
        self.parts = [text(LEFT, 22, f"{title} ({unit})", 15, "start")]
        for tick in range(5):
            value = self.top * tick / 4
            self.parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{self.y(value):.1f}" '
                              f'y2="{self.y(value):.1f}" stroke="#ddd"/>')
            self.parts.append(text(LEFT - 6, self.y(value) + 4, number(value), 11, "end"))
        for place, label in enumerate(labels):
            self.parts.append(text(self.x(place), HEIGHT - BOTTOM + 18, label))

    def x(self, place):
        """The middle of a group."""
        return LEFT + self.step * (place + 0.5)

    def y(self, value):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / self.top

    def bar(self, place, peer, peers, value):
        width = self.step * 0.8 / peers
        x = self.x(place) - self.step * 0.4 + width * peer
        self.parts.append(f'<rect x="{x:.1f}" y="{self.y(value):.1f}" width="{width:.1f}" '
                          f'height="{HEIGHT - BOTTOM - self.y(value):.1f}" fill="{COLOURS[peer]}">'
                          f'<title>{number(value)}</title></rect>')

    def line(self, peer, points):
        """POINTS: (place, value)."""
        path = " ".join(f"{self.x(place):.1f},{self.y(value):.1f}" for place, value in points)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[peer]}" '
                          'stroke-width="2"/>')
        for place, value in points:
            self.parts.append(f'<circle cx="{self.x(place):.1f}" cy="{self.y(value):.1f}" r="3" '
                              f'fill="{COLOURS[peer]}"><title>{number(value)}</title></circle>')


def round_up(value):
    scale = 1e-3
    while True:
        for digit in (1, 2, 4, 5, 8):
            if value <= digit * scale:
                return digit * scale
        scale *= 10


def bars(results, title, unit, groups):
    """None where nothing of it was measured."""
    values = [[results.median(row, peer) for peer in results.peers] for _, row in groups]
    known = [value for group in values for value in group if value is not None]
    if not known:
        return None
    panel = Panel(title, unit, [label for label, _ in groups], max(known))
    for place, group in enumerate(values):
        for peer, value in enumerate(group):
            if value is not None:
                panel.bar(place, peer, len(group), value)
    return panel


def lines(results, title, unit, row):
    head, _, tail = row.partition("{}")
    found = [name[len(head):len(name) - len(tail)] for name in results.rows
             if name.startswith(head) and name.endswith(tail)]
    counts = sorted(int(count) for count in found if count.isdigit())
    rows = [row.format(count) for count in counts]
    series = [[(place, results.median(name, peer)) for place, name in enumerate(rows)]
              for peer in results.peers]
    series = [[point for point in points if point[1] is not None] for points in series]
    known = [value for points in series for _, value in points]
    if not known:
        return None
    panel = Panel(title, unit, [f"{count:,}" for count in counts], max(known))
    for peer, points in enumerate(series):
        if points:
            panel.line(peer, points)
    return panel


def svg(results):
    panels = [bars(results, *what) for what in BARS] + [lines(results, *what) for what in LINES]
    panels = [panel for panel in panels if panel]
    width, legend = WIDTH * COLUMNS, 40
    height = legend + HEIGHT * -(-len(panels) // COLUMNS) + 18 * len(results.machine) + 12
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">',
           f'<rect width="{width}" height="{height}" fill="white"/>']
    for place, peer in enumerate(results.peers):
        x = LEFT + 130 * place
        out.append(f'<rect x="{x}" y="14" width="14" height="14" fill="{COLOURS[place]}"/>')
        out.append(text(x + 20, 26, peer, 14, "start"))
    for place, panel in enumerate(panels):
        row, column = divmod(place, COLUMNS)
        out.append(f'<g transform="translate({column * WIDTH},{legend + row * HEIGHT})">')
        out += panel.parts + ["</g>"]
    for place, line in enumerate(reversed(results.machine)):
        out.append(text(LEFT, height - 12 - 18 * place, line, 12, "start"))
    return "\n".join(out + ["</svg>"]) + "\n"
