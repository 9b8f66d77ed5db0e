"""The picture of a network as SVG: no scripts, no fonts, readable on light and dark ground."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from belvedere.compiler.graph_view.graph import Box
from belvedere.compiler.graph_view.layout import LINE, PADDING, Drawing, Place, lay_out, shape_text, shortened
from belvedere.evaluation.svg import number, rect, text

MOST_BOXES = 3000
"""Larger networks would give a picture that no viewer opens; the middle is left out."""

_STYLE = (
    ".g{fill:#fff}.e{fill:none;stroke:#8a97a6;stroke-width:1.2}"
    ".o{fill:#f2f4f7;stroke:#8a97a6}.l{fill:#dcebf7;stroke:#3c7fb1}.i{fill:#e3f4e6;stroke:#3a8f52}"
    ".u{fill:#fdf0dc;stroke:#b9791f}text{font:11px ui-monospace,Consolas,monospace;text-anchor:middle;fill:#17202b}"
    ".s{fill:#566273}.b{font-weight:600}.a{fill:#8a97a6}"
)
_CLASSES = {"input": "i", "output": "u", "layer": "l"}


def draw_graph(boxes: Sequence[Box], title: str) -> str:
    """The picture of a network as an SVG document.

    Args:
        boxes: What ``graph_boxes`` gave.
        title: What it shows, in words.
    """
    shown = [replace(box, lines=tuple(shortened(_printable(line)) for line in box.lines)) for box in _bounded(boxes)]
    drawing = lay_out(shown)
    parts = [rect(0, 0, drawing.width, drawing.height, "g")]
    parts += [_edge(points) for points in drawing.edges]
    parts += [_box(box, drawing.places[box.name]) for box in shown]
    return _document(drawing, title, parts)


def _bounded(boxes: Sequence[Box]) -> list[Box]:
    if len(boxes) <= MOST_BOXES:
        return list(boxes)
    half = MOST_BOXES // 2
    first, last = list(boxes[:half]), list(boxes[-half:])
    known = {box.name for box in (*first, *last)}
    gap = Box("left out", (f"{len(boxes) - 2 * half} more",), "other", (), (first[-1].name,))

    def linked(box: Box) -> Box:
        return replace(box, inputs=tuple(dict.fromkeys(n if n in known else gap.name for n in box.inputs)))

    return [*first, gap, *map(linked, last)]


def _document(drawing: Drawing, title: str, parts: Sequence[str]) -> str:
    from html import escape

    width, height = number(drawing.width), number(drawing.height)
    arrow = '<marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    arrow += '<path class="a" d="M0 0L8 4L0 8z"/></marker>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img"><title>{escape(_printable(title))}</title><style>{_STYLE}</style><defs>{arrow}</defs>{"".join(parts)}</svg>\n'
    )


def _edge(points: Sequence[tuple[float, float]]) -> str:
    """A smooth line that leaves and arrives vertically."""
    (x, y), *others = points
    steps = [f"M{number(x)} {number(y)}"]
    for to_x, to_y in others:
        middle = (y + to_y) / 2
        ends = f"{number(x)} {number(middle)} {number(to_x)} {number(middle)} {number(to_x)} {number(to_y)}"
        steps.append(f"L{number(to_x)} {number(to_y)}" if to_x == x else f"C{ends}")
        x, y = to_x, to_y
    return f'<path class="e" marker-end="url(#a)" d="{"".join(steps)}"/>'


def _box(box: Box, place: Place) -> str:
    left = place.x - place.width / 2
    parts = [rect(left, place.top, place.width, place.height, _CLASSES.get(box.kind, "o"), _tip(box))]
    for row, line in enumerate(box.lines):
        style = "b" if box.kind != "other" and row == 0 else "t"
        parts.append(text(place.x, place.top + PADDING / 2 + LINE * (row + 0.75), line, style))
    if box.shape:
        below = place.top + PADDING / 2 + LINE * (len(box.lines) + 0.75)
        parts.append(text(place.x, below, shape_text(box.shape), "s"))
    return "".join(parts)


def _tip(box: Box) -> str:
    return _printable(box.name.split(" ", maxsplit=1)[-1])


def _printable(text: str) -> str:
    """Text that XML can hold: names in a model may be anything."""
    return "".join(letter if letter.isprintable() else "·" for letter in text)
