"""A sheet that shows what a dataset is: some of its pictures, drawn, with the classes and their counts above."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping

from PIL import Image

from belvedere.core.errors import DatasetError, ImageError, LimitError, OptionError
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data.dataset import Dataset, Problem
from belvedere.data.drawing import ANOMALY, NORMAL, NOTHING, draw_record, words_of
from belvedere.data.partition import classes_of
from belvedere.data.record import Record
from belvedere.data.statistics import size_of
from belvedere.vision.name_colors import name_color
from belvedere.vision.sheet import Heading, Strip, arrange, make_sheet

MOST_PICTURES = 400
WIDTH = 1600
_ROW = {6: 420, 16: 300, 40: 230}


def draw_overview(
    dataset: Dataset, count: int = 12, seed: int = 0, limits: Limits = DEFAULT_LIMITS
) -> tuple[Image.Image, tuple[Problem, ...]]:
    """Draw some pictures of a dataset on one sheet.

    Args:
        dataset: What to show.
        count: How many pictures; every class gets its turn. All of them where there are fewer.
        seed: Another seed, other pictures.
        limits: Bounds on each picture.

    Returns:
        An RGB picture 1600 pixels wide, and the pictures that could not be drawn.

    Raises:
        OptionError: ``count`` is not 1 to 400.
        DatasetError: no picture can be read.
    """
    if not 1 <= count <= MOST_PICTURES:
        raise OptionError(f"a sheet of {count} pictures: expected 1 to {MOST_PICTURES}")
    problems: list[Problem] = []
    chosen: list[tuple[Record, tuple[int, int]]] = []
    for record in _ordered(choose(dataset, count, seed), dataset):
        try:
            chosen.append((record, size_of(record, limits)))
        except (ImageError, LimitError) as error:
            problems.append(_problem(record, error))
    row = next((height for most, height in _ROW.items() if len(chosen) <= most), 180)
    tiles = arrange([size for _, size in chosen], WIDTH, row)
    pictures, strips = [], []
    shown = 0
    for (record, size), tile in zip(chosen, tiles, strict=True):
        text, colors = words_of(record)
        try:
            pictures.append(draw_record(record, dataset, tile.width, tile.height, limits))
            shown += 1
        except (ImageError, LimitError) as error:
            problems.append(_problem(record, error))
            pictures.append(Image.new("RGB", (tile.width, tile.height), "#F4F4F5"))
            text, colors = "cannot be read", (NOTHING,)
        strips.append(Strip(text, f"{record.name} · {size[0]} x {size[1]}", colors))
    if not shown:
        raise DatasetError(f"{dataset.name}: no picture can be read" + "".join(f"; {one}" for one in problems[:3]))
    return make_sheet(tiles, pictures, strips, _heading(dataset, shown, seed), WIDTH), tuple(problems)


def choose(dataset: Dataset, count: int, seed: int) -> list[Record]:
    """Some records, class by class in turn, the same ones for the same seed and names."""
    order = sorted(dataset.records, key=lambda record: _order(seed, record.name))
    queues: defaultdict[str, list[Record]] = defaultdict(list)
    for record in reversed(order):
        for name in classes_of(record) or {""}:
            queues[name].append(record)
    chosen: dict[str, Record] = {}
    while len(chosen) < min(count, len(order)):
        for name in sorted(queues):
            queue = queues[name]
            while queue and queue[-1].name in chosen:
                queue.pop()
            if queue and len(chosen) < count:
                record = queue.pop()
                chosen[record.name] = record
    return list(chosen.values())


def _ordered(records: list[Record], dataset: Dataset) -> list[Record]:
    """Normal before anomalous, class by class, else as in the dataset."""
    places = {record.name: place for place, record in enumerate(dataset.records)}
    return sorted(
        records,
        key=lambda one: (one.label is None, one.label == "anomaly", one.kind or "", one.classes, places[one.name]),
    )


def _heading(dataset: Dataset, shown: int, seed: int) -> Heading:
    parts: defaultdict[str, int] = defaultdict(int)
    for record in dataset:
        if record.part_name:
            parts[record.part_name] += 1
    instances = sum(len(record.instances or ()) for record in dataset)
    facts = [f"{len(dataset):,} pictures"]
    facts += [f"{instances:,} instances"] if dataset.annotated else []
    facts += [", ".join(f"{name} {count:,}" for name, count in parts.items())] if parts else []
    facts += [f"{shown} shown, seed {seed}"] if shown < len(dataset) else []
    return Heading(dataset.name, "  ·  ".join(facts), _chips(dataset))


def _chips(dataset: Dataset) -> tuple[tuple[str, str], ...]:
    """The classes, most frequent first, with how often they are there."""
    counts: defaultdict[str, int] = defaultdict(int)
    colors: dict[str, str] = {}
    for record in dataset:
        for name, color in _counted(record, dataset.colors):
            counts[name] += 1
            colors[name] = color
    unused = [name for name in dataset.classes if name not in counts]
    chips = [
        (f"{name}  {counts[name]:,}", colors[name]) for name in sorted(counts, key=lambda one: (-counts[one], one))
    ]
    return (*chips, *((f"{name}  0", NOTHING) for name in unused))


def _counted(record: Record, colors: Mapping[str, str]) -> list[tuple[str, str]]:
    if record.instances is not None:
        return [(one.label, name_color(one.label)) for one in record.instances]
    if record.classes:
        return [(name, name_color(name)) for name in record.classes]
    if record.label == "normal":
        return [("normal", NORMAL)]
    if record.label == "anomaly":
        return [(record.kind or "anomaly", colors.get(record.kind or "", ANOMALY))]
    return [("no label", NOTHING)]


def _problem(record: Record, error: Exception) -> Problem:
    return Problem(record.name, str(error).removeprefix(f"{record.name}: "))


def _order(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode("utf-8", "surrogatepass")).digest()
