"""Placing the boxes of a graph in layers: longest paths, few crossings, long edges led around.

The method is that of Sugiyama, Tagawa and Toda (1981) with barycentres for the order within a layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from belvedere.compiler.graph_view.graph import Box

CHARACTER, LINE, PADDING = 6.6, 15.0, 9.0
GAP_X, GAP_Y, BEND_WIDTH = 22.0, 30.0, 12.0
_SWEEPS = 8
_WIDEST = 30


@dataclass(frozen=True)
class Place:
    """Where a box is: centre on the x axis, top, and size, in SVG units."""

    x: float
    top: float
    width: float
    height: float

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.top + self.height


@dataclass(frozen=True)
class Drawing:
    """A graph with coordinates.

    Attributes:
        places: Box name to where it is.
        edges: Points from the lower edge of one box to the upper edge of another.
        width: Of the whole.
        height: Of the whole.
    """

    places: Mapping[str, Place]
    edges: tuple[tuple[tuple[float, float], ...], ...]
    width: float
    height: float


def lay_out(boxes: Sequence[Box]) -> Drawing:
    """Place boxes so that every edge leads downwards.

    Args:
        boxes: In topological order.
    """
    level: dict[str, int] = {}
    for box in boxes:
        level[box.name] = max((level[name] + 1 for name in box.inputs), default=0)
    _lower_sources(boxes, level)
    rows, links = _rows_with_bends(boxes, level)
    _order(rows, links)
    sizes = {box.name: size_of(box) for box in boxes}
    centres = _centres(rows, links, sizes)
    tops, top = [], PADDING
    for row in rows:
        tops.append(top)
        top += max((sizes[name][1] for name in row if name in sizes), default=0.0) + GAP_Y
    left = min(centres[name] - _width(name, sizes) / 2 for row in rows for name in row) - PADDING
    places = {
        name: Place(centres[name] - left, tops[place], *sizes[name])
        for place, row in enumerate(rows)
        for name in row
        if name in sizes
    }
    bends = {name: (centres[name] - left, tops[place]) for place, row in enumerate(rows) for name in row}
    edges = tuple(_points(box.name, source, level, places, bends) for box in boxes for source in box.inputs)
    width = max(place.x + place.width / 2 for place in places.values()) + PADDING
    width = max([width, *(x + PADDING for edge in edges for x, _ in edge)])
    return Drawing(places, edges, width, top - GAP_Y + PADDING)


def size_of(box: Box) -> tuple[float, float]:
    """Width and height of a box that holds its lines and, below them, its shape."""
    texts = [*box.lines, shape_text(box.shape)]
    return max(map(len, texts)) * CHARACTER + 2 * PADDING, len([t for t in texts if t]) * LINE + PADDING


def shape_text(shape: Sequence[int]) -> str:
    """A shape as people write it, ``N`` where an axis is free."""
    return "×".join("N" if size < 0 else str(size) for size in shape)


def shortened(text: str) -> str:
    """A line that is not wider than a box may be."""
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def _lower_sources(boxes: Sequence[Box], level: dict[str, int]) -> None:
    """Move what has no inputs right above its first reader, so that it does not hang at the top."""
    for box in boxes:
        if not box.inputs and box.kind != "input":
            readers = [level[other.name] for other in boxes if box.name in other.inputs]
            if readers:
                level[box.name] = max(0, min(readers) - 1)


def _rows_with_bends(boxes: Sequence[Box], level: Mapping[str, int]) -> tuple[list[list[str]], dict[str, list[str]]]:
    """Boxes by level, with a point in every level that a long edge passes; and what is above each."""
    rows: list[list[str]] = [[] for _ in range(max(level.values(), default=0) + 1)]
    for box in boxes:
        rows[level[box.name]].append(box.name)
    links: dict[str, list[str]] = {box.name: [] for box in boxes}
    for box in boxes:
        for source in box.inputs:
            above = source
            for between in range(level[source] + 1, level[box.name]):
                bend = _bend(source, between)
                if bend not in links:  # edges from one box share their way
                    rows[between].append(bend)
                    links[bend] = [above]
                above = bend
            links[box.name].append(above)
    return rows, links


def _bend(source: str, level: int) -> str:
    return f"\x00{level}\x00{source}"


def _order(rows: list[list[str]], links: Mapping[str, Sequence[str]]) -> None:
    """Sort every level by the mean place of its neighbours, downwards and upwards in turns."""
    below: dict[str, list[str]] = {}
    for name, sources in links.items():
        for source in sources:
            below.setdefault(source, []).append(name)
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        neighbours = links if downwards else below
        numbers = range(1, len(rows)) if downwards else range(len(rows) - 2, -1, -1)
        for number in numbers:
            other = rows[number - 1 if downwards else number + 1]
            place = {name: index for index, name in enumerate(other)}
            row = rows[number]
            keys = {name: _mean(neighbours.get(name, ()), place, index) for index, name in enumerate(row)}
            row.sort(key=keys.__getitem__)


def _mean(names: Sequence[str], place: Mapping[str, int], otherwise: int) -> float:
    found = [place[name] for name in names if name in place]
    return sum(found) / len(found) if found else float(otherwise)


def _centres(
    rows: Sequence[Sequence[str]], links: Mapping[str, Sequence[str]], sizes: Mapping[str, tuple[float, float]]
) -> dict[str, float]:
    """X of everything: as near below its sources as its neighbours in the level allow."""
    centres: dict[str, float] = {}
    for row in rows:
        wanted = []
        for name in row:
            above = [centres[source] for source in links[name] if source in centres]
            wanted.append(sum(above) / len(above) if above else 0.0)
        half = [_width(name, sizes) / 2 for name in row]
        found: list[float] = []
        for index, x in enumerate(wanted):
            least = found[-1] + half[index - 1] + half[index] + GAP_X if found else x
            found.append(max(x, least))
        if row:
            # Pushed to the right only so far; half of that is given back to all.
            shift = sum(x - y for x, y in zip(found, wanted, strict=True)) / len(row)
            found = [x - shift for x in found]
        centres.update(zip(row, found, strict=True))
    return centres


def _width(name: str, sizes: Mapping[str, tuple[float, float]]) -> float:
    return sizes[name][0] if name in sizes else BEND_WIDTH


def _points(
    target: str,
    source: str,
    level: Mapping[str, int],
    places: Mapping[str, Place],
    bends: Mapping[str, tuple[float, float]],
) -> tuple[tuple[float, float], ...]:
    start, end = places[source], places[target]
    between = [bends[_bend(source, number)] for number in range(level[source] + 1, level[target])]
    # A bend runs straight down beside the boxes of its level.
    through = [point for x, top in between for point in ((x, top), (x, top + LINE))]
    return ((start.x, start.bottom), *through, (end.x, end.top))
