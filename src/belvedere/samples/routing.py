"""Copper traces between pads: a small grid router with 45-degree corners."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from belvedere.samples.layout import BOARD_HEIGHT, BOARD_WIDTH, Layout
from belvedere.samples.packages import Pad, package

_GRID = 0.5
_EDGE = 1.0
_PATIENCE = 2500
_FREE, _BLOCKED = -1, -2

Cell = tuple[int, int]
Point = tuple[float, float]

_STEPS: tuple[Cell, ...] = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx)


@dataclass(frozen=True)
class BoardPad:
    """A pad at its place on the board, axis-aligned; lengths in millimetres."""

    part: int
    x: float
    y: float
    width: float
    height: float
    hole: float


@dataclass(frozen=True)
class Trace:
    """A track of copper through ``points``."""

    points: tuple[Point, ...]
    width: float


@dataclass(frozen=True)
class Copper:
    """All copper that is not poured: pads, traces, vias and the pads that are tied to the pour."""

    pads: tuple[BoardPad, ...]
    traces: tuple[Trace, ...]
    vias: tuple[Point, ...]
    grounded: tuple[BoardPad, ...]


def board_pads(layout: Layout) -> tuple[BoardPad, ...]:
    """Every pad of every part, in board coordinates."""
    pads = []
    for index, part in enumerate(layout.parts):
        for pad in package(part.package).pads:
            x, y = part.to_board(pad.x, pad.y)
            width, height = _turned(pad, part.turns)
            pads.append(BoardPad(index, x, y, width, height, pad.hole))
    return tuple(pads)


def route(layout: Layout) -> Copper:
    """Join pads of different parts that lie near each other; give some of the others a via."""
    rng = np.random.default_rng([layout.product, 0x70D])
    pads = board_pads(layout)
    owner = _occupied(pads, layout.holes)
    joined: set[int] = set()
    traces: list[Trace] = []
    for first, second in _pairs(pads, rng):
        if first in joined and second in joined:
            continue
        path = _search(owner, _cell(pads[first]), _cell(pads[second]), (first, second))
        if path is None:
            continue
        wide = min(*_sides(pads[first]), *_sides(pads[second])) > 1.2
        for cell in path:
            if owner[cell] == _FREE:
                owner[cell] = _BLOCKED
        points = [(pads[first].x, pads[first].y), *(_point(cell) for cell in path[1:-1])]
        traces.append(Trace(_corners([*points, (pads[second].x, pads[second].y)]), 0.42 if wide else 0.24))
        joined |= {first, second}
    free = [index for index, pad in enumerate(pads) if index not in joined and not pad.hole]
    escapes, grounded = _ends(pads, free, owner, rng)
    vias = tuple(trace.points[-1] for trace in escapes)
    return Copper(pads, (*traces, *escapes), vias, grounded)


def _ends(
    pads: Sequence[BoardPad], free: Sequence[int], owner: NDArray[np.int32], rng: np.random.Generator
) -> tuple[tuple[Trace, ...], tuple[BoardPad, ...]]:
    """What becomes of pads without a trace: a short one to a via, or a tie to the pour."""
    escapes: list[Trace] = []
    grounded: list[BoardPad] = []
    for index in free:
        pad = pads[index]
        if rng.random() < 0.45 and min(_sides(pad)) > 0.9:
            grounded.append(pad)
            continue
        escape = _escape(owner, pad, index, rng)
        if escape:
            escapes.append(Trace(((pad.x, pad.y), *escape), 0.24))
    return tuple(escapes), tuple(grounded)


def _turned(pad: Pad, turns: int) -> tuple[float, float]:
    return (pad.height, pad.width) if turns % 2 else (pad.width, pad.height)


def _sides(pad: BoardPad) -> tuple[float, float]:
    return pad.width, pad.height


def _cell(pad: BoardPad) -> Cell:
    return round(pad.y / _GRID), round(pad.x / _GRID)


def _point(cell: Cell) -> Point:
    return cell[1] * _GRID, cell[0] * _GRID


def _occupied(pads: Sequence[BoardPad], holes: Sequence[Point]) -> NDArray[np.int32]:
    """Who may cross each grid point: nobody, anybody, or only traces of the pad with that index."""
    rows, columns = round(BOARD_HEIGHT / _GRID) + 1, round(BOARD_WIDTH / _GRID) + 1
    owner = np.full((rows, columns), _BLOCKED, np.int32)
    margin = round(_EDGE / _GRID)
    owner[margin:-margin, margin:-margin] = _FREE
    y, x = np.mgrid[:rows, :columns] * _GRID
    for hole_x, hole_y in holes:
        owner[np.hypot(x - hole_x, y - hole_y) < 2.5] = _BLOCKED
    for index, pad in enumerate(pads):
        near = (abs(x - pad.x) < pad.width / 2 + 0.3) & (abs(y - pad.y) < pad.height / 2 + 0.3)
        owner[near] = np.where(owner[near] == _FREE, index, _BLOCKED)
    for index, pad in enumerate(pads):
        owner[_cell(pad)] = index
    return owner


def _pairs(pads: Sequence[BoardPad], rng: np.random.Generator) -> list[tuple[int, int]]:
    """Pads to join, nearest first: three candidates for every pad."""
    where = np.array([(pad.x, pad.y) for pad in pads])
    part = np.array([pad.part for pad in pads])
    pairs = set()
    for index in range(len(pads)):
        distance = np.hypot(*(where - where[index]).T) * rng.uniform(0.75, 1.6, len(pads))
        distance[part == part[index]] = np.inf
        for other in np.argsort(distance)[:3]:
            pairs.add((min(index, int(other)), max(index, int(other))))
    return sorted(pairs, key=lambda pair: (float(np.hypot(*(where[pair[0]] - where[pair[1]]))), pair))


def _search(owner: NDArray[np.int32], start: Cell, goal: Cell, allowed: tuple[int, int]) -> list[Cell] | None:
    """A* over eight directions; turning costs a little so that tracks run straight."""

    def estimate(cell: Cell) -> float:
        dy, dx = abs(cell[0] - goal[0]), abs(cell[1] - goal[1])
        return max(dy, dx) + 0.41 * min(dy, dx)

    queue: list[tuple[float, float, Cell, Cell]] = [(estimate(start), 0.0, start, (0, 0))]
    came: dict[Cell, Cell] = {}
    best = {start: 0.0}
    for _ in range(_PATIENCE):
        if not queue:
            return None
        _, cost, cell, heading = heapq.heappop(queue)
        if cell == goal:
            return _walk_back(came, start, goal)
        if cost > best[cell]:
            continue
        for step in _STEPS:
            following: Cell = (cell[0] + step[0], cell[1] + step[1])
            if not _passable(owner, cell, step, allowed):
                continue
            turn = 0.0 if heading in ((0, 0), step) else 0.35
            total = cost + math.hypot(*step) + turn
            if total < best.get(following, math.inf):
                best[following], came[following] = total, cell
                heapq.heappush(queue, (total + estimate(following), total, following, step))
    return None


def _passable(owner: NDArray[np.int32], cell: Cell, step: Cell, allowed: tuple[int, int]) -> bool:
    """Whether a step ends on free ground and, when diagonal, does not cut a corner."""
    cells = [(cell[0] + step[0], cell[1] + step[1])]
    if step[0] and step[1]:
        cells += [(cell[0] + step[0], cell[1]), (cell[0], cell[1] + step[1])]
    return all(owner[each] in (_FREE, *allowed) for each in cells)


def _walk_back(came: dict[Cell, Cell], start: Cell, goal: Cell) -> list[Cell]:
    path = [goal]
    while path[-1] != start:
        path.append(came[path[-1]])
    return path[::-1]


def _corners(points: Sequence[Point]) -> tuple[Point, ...]:
    """The points without those in the middle of a straight run."""
    kept = [points[0]]
    for before, here, after in zip(points, points[1:], points[2:], strict=False):
        cross = (here[0] - before[0]) * (after[1] - here[1]) - (here[1] - before[1]) * (after[0] - here[0])
        if abs(cross) > 1e-6:
            kept.append(here)
    return (*kept, points[-1])


def _escape(
    owner: NDArray[np.int32], pad: BoardPad, index: int, rng: np.random.Generator
) -> tuple[Point, Point] | None:
    """A short track from a pad that ends in a via on free ground: its bend and its end."""
    row, column = _cell(pad)
    for step in rng.permutation(np.array(_STEPS)):
        dy, dx = int(step[0]), int(step[1])
        cells = [(row + dy * reach, column + dx * reach) for reach in (1, 2, 3, 4)]
        if not all(0 <= y < owner.shape[0] and 0 <= x < owner.shape[1] for y, x in cells):
            continue
        owners = [int(owner[cell]) for cell in cells]
        if owners[-1] == owners[-2] == _FREE and all(o in (_FREE, index) for o in owners):
            y, x = cells[-1]
            owner[y - 1 : y + 2, x - 1 : x + 2] = _BLOCKED
            for cell in cells:
                owner[cell] = _BLOCKED
            return _point(cells[1]), _point(cells[-1])
    return None
