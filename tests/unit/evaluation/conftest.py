"""A dataset on disk and a model that answers from a table, so that nothing needs an engine."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from belvedere.data.dataset import Dataset
from belvedere.data.record import BinaryMask, Record
from belvedere.tasks.anomaly.result import AnomalyResult
from belvedere.vision.decode import decode

SIZE = (48, 32)
BOX = (slice(8, 16), slice(12, 28))


@dataclass
class TablePredictor:
    """Gives each picture the score that was written down for it, and a heatmap over the box where it is high."""

    threshold: float = 0.5
    types: tuple[str, ...] = ()
    scores: dict[str, float] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    reports: dict[str, bytes] = field(default_factory=dict)

    @property
    def artifact(self):
        manifest = SimpleNamespace(name="board", labels=self.types)
        return SimpleNamespace(digest="ab" * 32, manifest=manifest, reports=self.reports)

    def predict(self, source, /):
        image = decode(source)
        key = hashlib.sha256(source).hexdigest()
        self.calls.append(key)
        score = self.scores[key]
        height, width = image.shape[:2]
        grid = np.full((height, width), 0.1, dtype=np.float32)
        grid[BOX] = score
        type_grid = (grid >= 0.5).astype(np.uint8) if self.types else None
        return AnomalyResult(
            score,
            self.threshold,
            width,
            height,
            grid,
            0.5,
            image,
            types=self.types,
            colors=("#23A436",) * len(self.types),
            type_grid=type_grid,
        )


@pytest.fixture
def build(tmp_path):
    """Make a dataset and its predictor from rows (name, label, score) with kind, split and mask optional."""

    def _build(rows, *, threshold=0.5, types=(), **facts):
        predictor = TablePredictor(threshold, types)
        records = []
        for number, row in enumerate(rows):
            name, label, score, *more = row
            kind, split, marked = (*more, None, None, None)[:3]
            path = tmp_path / f"{number}.png"
            pixels = np.full((SIZE[1], SIZE[0], 3), 40 + number, dtype=np.uint8)
            Image.fromarray(pixels).save(path)
            predictor.scores[hashlib.sha256(path.read_bytes()).hexdigest()] = score
            mask = None
            if marked:
                mask = BinaryMask(tmp_path / f"{number}.mask.png", kind or "anomaly")
                index = np.zeros((SIZE[1], SIZE[0]), dtype=np.uint8)
                index[BOX] = 255
                Image.fromarray(index).save(mask.path)
            records.append(Record(name, path, label, kind, split, mask))
        return Dataset(tuple(records), **{"name": "boards", **facts}), predictor

    return _build


@dataclass
class TableModel:
    """A model of any task that answers from a table of results by picture."""

    task: str
    labels: tuple[str, ...] = ()
    threshold: float | None = None
    results: dict[str, object] = field(default_factory=dict)
    reports: dict[str, bytes] = field(default_factory=dict)
    calls: int = 0

    @property
    def artifact(self):
        decoder = None if self.threshold is None else SimpleNamespace(threshold=self.threshold)
        manifest = SimpleNamespace(name="table", labels=self.labels, task=self.task, decoder=decoder)
        return SimpleNamespace(digest="cd" * 32, manifest=manifest, reports=self.reports)

    def predict(self, source, /):
        image = decode(source)
        self.calls += 1
        answer = self.results[hashlib.sha256(source).hexdigest()]
        if isinstance(answer, Exception):
            raise answer
        return answer(image)


@pytest.fixture
def table(tmp_path):
    """Make a dataset and its model from rows (name, what the record has, the answer: a result of the picture)."""

    def _table(task, rows, *, labels=(), threshold=None, size=(100, 80), **facts):
        model = TableModel(task, tuple(labels), threshold)
        records = []
        for number, (name, known, answer) in enumerate(rows):
            path = tmp_path / f"t{number}.png"
            pixels = np.full((size[1], size[0], 3), 60, dtype=np.uint8)
            pixels[0, 0] = number
            Image.fromarray(pixels).save(path)
            model.results[hashlib.sha256(path.read_bytes()).hexdigest()] = answer
            records.append(Record(name, path, **known))
        return Dataset(tuple(records), **{"name": "things", **facts}), model

    return _table
