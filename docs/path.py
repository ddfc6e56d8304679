#!/usr/bin/env python3
"""Draws the path of a message: python3 docs/path.py >docs/path.svg. `make tidy` compares."""

from xml.sax.saxutils import escape

BOX, GAP, HEIGHT, MARGIN = 132, 44, 78, 24
TOP, BOTTOM = 64, 208

# Name, what it does, and whether it is somebody else's.
STAGES = [
    ("SQS", ["the queue"], True),
    ("poller", ["ReceiveMessage", "10 at a time"], False),
    ("record + mask", ["one parse, typed,", "PII to tokens"], False),
    ("segment", ["rows as binary", "COPY, in place"], False),
    ("loader", ["one transaction:", "ledger, rows,", "quarantine"], False),
    ("PostgreSQL", ["COMMIT"], True),
]
ON_THE_WAY = ["HTTP", "bodies", "rows", "sealed", "COPY"]

STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328; text-anchor: middle; }
  .name { font-weight: 600; font-size: 14px; }
  .small { font-size: 11.5px; fill: #59636e; }
  rect { fill: #ddf4ff; stroke: #0969da; rx: 8; }
  .peer { fill: #f6f8fa; stroke: #59636e; }
  .after { fill: #dafbe1; stroke: #1a7f37; }
  path { fill: none; stroke: #59636e; stroke-width: 1.5; }
  .back { stroke: #1a7f37; }
  .head { fill: #59636e; stroke: none; } .green { fill: #1a7f37; stroke: none; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .small { fill: #9198a1; }
    rect { fill: #0c2d4d; stroke: #4493f8; } .peer { fill: #212830; stroke: #9198a1; }
    .after { fill: #12351e; stroke: #3fb950; } path { stroke: #9198a1; } .back { stroke: #3fb950; }
    .head { fill: #9198a1; } .green { fill: #3fb950; }
  }"""


def left(i):
    return MARGIN + i * (BOX + GAP)


def middle(i):
    return left(i) + BOX / 2


def text(x, y, words, kind=""):
    return f'<text x="{x:g}" y="{y:g}"{f" class={kind!r}" if kind else ""}>{escape(words)}</text>'


def box(x, y, name, lines, kind=""):
    first = y + HEIGHT / 2 - 8 * len(lines) + 4
    yield f'<rect x="{x:g}" y="{y:g}" width="{BOX}" height="{HEIGHT}"{f" class={kind!r}" if kind else ""}/>'
    yield text(x + BOX / 2, first, name, "name")
    for n, line in enumerate(lines, 1):
        yield text(x + BOX / 2, first + 3 + 14 * n, line, "small")


def arrow(points, kind=""):
    """Lines with right angles, and a head in the direction of the last."""
    (x0, y0), (x, y) = points[-2:]
    dx, dy = (x > x0) - (x < x0), (y > y0) - (y < y0)
    head = [(x, y), (x - 8 * dx + 4 * dy, y - 8 * dy + 4 * dx), (x - 8 * dx - 4 * dy, y - 8 * dy - 4 * dx)]
    line = "M" + " L".join(f"{a:g},{b:g}" for a, b in points)
    yield f'<path d="{line}"{" class=" + repr(kind) if kind else ""}/>'
    shape = "M" + " L".join(f"{a:g},{b:g}" for a, b in head) + "Z"
    yield f'<path d="{shape}" class={("green" if kind else "head")!r}/>'


def draw():
    width = left(len(STAGES)) - GAP + MARGIN
    centre = TOP + HEIGHT / 2
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} 320" role="img"'
    yield '  aria-label="A message goes from SQS by poller, record, mask, segment and loader to PostgreSQL; after'
    yield '  the commit the settler deletes it from SQS.">'
    yield f"<style>{STYLE}\n</style>"
    title = "A message is deleted only after the transaction that holds its row has been committed"
    yield text(width / 2, 30, title, "name")
    for i, (name, lines, peer) in enumerate(STAGES):
        yield from box(left(i), TOP, name, lines, "peer" if peer else "")
    for i, words in enumerate(ON_THE_WAY):
        yield from arrow([(left(i) + BOX, centre), (left(i + 1), centre)])
        yield text(left(i) + BOX + GAP / 2, centre - 8, words, "small")

    under = BOTTOM + HEIGHT / 2
    yield from box(left(3), BOTTOM, "settler", ["deletes, extends,", "gives back"], "after")
    yield from arrow([(middle(5), TOP + HEIGHT), (middle(5), under), (left(3) + BOX, under)], "back")
    yield text(middle(4) + 20, under - 8, "committed", "small")
    yield from arrow([(left(3), under), (middle(0), under), (middle(0), TOP + HEIGHT)], "back")
    yield text(middle(1) + 60, under - 8, "DeleteMessageBatch, many calls in flight", "small")
    yield text(middle(1) + 60, under + 18, "ChangeMessageVisibilityBatch: longer, or 0 to give back", "small")
    note = "What fails before the commit leaves the message in the queue; the ledger knows one that comes again"
    yield text(width / 2, 308, note, "small")
    yield "</svg>"


if __name__ == "__main__":
    print("\n".join(draw()))
