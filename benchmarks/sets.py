"""The pictures that benchmarks train and judge on: real sets of the shared folder, and drawn boards."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from belvedere.data.dataset import Dataset
from belvedere.data.open import open_dataset
from belvedere.data.record import BinaryMask, Record

SHARED_SETS = ("cookies", "magnetic-tile", "ball-screw", "wafer")
BOARDS = "boards"
SETS = (*SHARED_SETS, BOARDS)


@dataclass(frozen=True)
class Drawn:
    """What one run trains on, and what it is judged on: the test pictures less those it was trained on."""

    train: Dataset
    test: tuple[Record, ...]


def shared_folder() -> Path:
    """The folder with real pictures: ``BELVEDERE_SHARED``, else ``shared`` beside the checkout."""
    return Path(os.environ.get("BELVEDERE_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def read_set(name: str, shared: Path) -> Dataset:
    """Read one of ``SHARED_SETS``; its index lists file, split, label, defect and mask of every picture.

    Raises:
        FileNotFoundError: there is no such set; the message says how to name the folder.
    """
    folder = shared / "data" / "anomaly" / name
    index = folder / "index.json"
    if not index.is_file():
        raise FileNotFoundError(f"{index} is missing: set BELVEDERE_SHARED to the folder that has data/anomaly")
    records = tuple(_record(folder, entry) for entry in json.loads(index.read_text()))
    types = sorted({record.mask.type for record in records if isinstance(record.mask, BinaryMask)})
    return Dataset(records, name=name, types=tuple(types))


def draw_boards(
    folder: Path,
    train: tuple[int, int] = (60, 10),
    test: tuple[int, int] = (40, 40),
    size: tuple[int, int] = (480, 360),
) -> Dataset:
    """Draw boards into ``folder`` and open them: the set that needs no shared folder."""
    from belvedere.samples import write_boards

    return replace(open_dataset(write_boards(folder, train=train, test=test, size=size)), name=BOARDS)


def open_set(name: str, scratch: Path, quick: bool = False) -> Dataset:
    """Open a set by name; boards are drawn into ``scratch``, few and small ones for a quick look."""
    if name != BOARDS:
        return read_set(name, shared_folder())
    if quick:
        return draw_boards(scratch / BOARDS, train=(6, 4), test=(4, 4), size=(128, 96))
    return draw_boards(scratch / BOARDS)


def draw(dataset: Dataset, normal: int, anomalous: int, seed: int, *, masks: bool = True) -> Drawn:
    """Draw training pictures.

    Smaller draws of one seed are contained in its larger ones, and the normal pictures do not depend on how many
    anomalous ones are drawn. Anomalous pictures come from the set's training part where it has any, else from its
    test part, and then are not judged on.

    Args:
        dataset: Pictures with the splits ``train`` and ``test``.
        normal: How many normal pictures; all where there are fewer.
        anomalous: How many anomalous ones; all where there are fewer.
        seed: Decides which.
        masks: Whether training sees the masks.
    """
    good = dataset.split("train").normal
    bad = dataset.split("train").anomalous or dataset.split("test").anomalous
    chosen = [good[i] for i in np.random.default_rng([seed, 0]).permutation(len(good))[:normal]]
    chosen += [bad[i] for i in np.random.default_rng([seed, 1]).permutation(len(bad))[:anomalous]]
    names = {record.name for record in chosen}
    test = tuple(record for record in dataset.split("test").labelled() if record.name not in names)
    records = tuple(replace(record, split=None, mask=record.mask if masks else None) for record in chosen)
    return Drawn(replace(dataset, records=records, types=dataset.types if masks else ()), test)


def labels(records: Sequence[Record]) -> list[bool]:
    """True for the anomalous ones."""
    return [record.label == "anomaly" for record in records]


def _record(folder: Path, entry: dict[str, Any]) -> Record:
    kind, mask = entry.get("defect"), entry.get("mask")
    return Record(
        name=entry["file"],
        path=folder / entry["file"],
        label=entry["label"],
        kind=kind,
        split=entry["split"],
        mask=BinaryMask(folder / mask, kind or "anomaly") if mask else None,
    )
