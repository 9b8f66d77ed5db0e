"""Choosing the input size: the bookkeeping, with sizes judged by hand; and for real on faint small defects."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from belvedere.data.open import open_dataset
from belvedere.training.anomaly import sizes
from belvedere.training.anomaly.geometry import Geometry
from belvedere.training.anomaly.loading import Views
from belvedere.training.anomaly.options import TrainOptions
from belvedere.training.anomaly.pictures import choose_pictures
from belvedere.training.anomaly.sizes import Trial, choose_size, make_geometry, most_pictures
from helpers.features import tiny_backbone
from helpers.parts import write_parts


def silent(stage: str, done: int, total: int) -> None:
    """No progress."""


@pytest.mark.parametrize(
    ("qualities", "chosen", "compared"),
    [
        ({256: 0.8, 384: 0.9}, 384, {256: 0.8, 384: 0.9}),
        ({256: 0.8, 384: 0.805}, 256, {256: 0.8, 384: 0.805}),
        ({256: 0.9, 384: 0.7}, 256, {256: 0.9, 384: 0.7}),
        ({256: 0.995, 384: 1.0}, 256, {256: 0.995}),
        ({256: 0.8, 192: 0.9, 384: 0.99}, 192, {256: 0.8, 192: 0.9}),
        ({256: 0.8, 192: 0.805, 384: 0.9}, 384, {256: 0.8, 192: 0.805, 384: 0.9}),
        ({256: 0.8, 192: 0.7, 384: 0.8}, 256, {256: 0.8, 192: 0.7, 384: 0.8}),
        ({256: None}, 256, {}),
    ],
)
def test_bookkeeping(
    monkeypatch: pytest.MonkeyPatch, qualities: dict[int, float | None], chosen: int, compared: dict[int, float]
) -> None:
    judged: list[bool] = []

    def run(pictures: Any, geometry: Geometry, *rest: Any) -> Trial:
        judged.append(rest[4])
        return Trial(geometry, [], None, qualities[geometry.width])  # type: ignore[arg-type]

    monkeypatch.setattr(sizes, "run_trial", run)
    pictures = SimpleNamespace(sizes=[(300, 300)], labelled=True, records=[None] * 3)
    trial = choose_size(
        pictures, tuple(qualities), tiny_backbone(), TrainOptions(), Views(), None, silent  # type: ignore[arg-type]
    )  # fmt: skip
    assert trial.geometry.width == chosen
    assert trial.compared == compared
    assert judged == [len(qualities) > 1] * len(judged)


def test_mirrored_copies_join_only_at_the_size_that_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, bool, int | None, bool]] = []

    def run(pictures: Any, geometry: Geometry, *rest: Any) -> Trial:
        views, folds, judge = rest[2:5]
        calls.append((geometry.width, views.mirrored, folds, judge))
        return Trial(geometry, [], None, {192: 0.7, 256: 0.8, 384: 0.9}[geometry.width] if judge else None)  # type: ignore[arg-type]

    monkeypatch.setattr(sizes, "run_trial", run)
    pictures = SimpleNamespace(sizes=[(300, 300)], labelled=True, records=[None] * 3)
    trial = choose_size(
        pictures, (256, 192, 384), tiny_backbone(), TrainOptions(), Views(mirrored=True), None, silent  # type: ignore[arg-type]
    )  # fmt: skip
    brief = sizes.FOLDS_BRIEF
    assert calls == [
        (256, False, brief, True),
        (192, False, brief, True),
        (384, False, brief, True),
        (384, True, None, False),
    ]
    assert trial.geometry.width == 384
    assert trial.compared == {256: 0.8, 192: 0.7, 384: 0.9}


def test_sizes_that_do_not_fit_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def run(pictures: Any, geometry: Geometry, *rest: Any) -> Trial:
        tried.append(geometry.width)
        return Trial(geometry, [], None, 0.5)  # type: ignore[arg-type]

    monkeypatch.setattr(sizes, "run_trial", run)
    backbone = tiny_backbone(channels=512)
    count = most_pictures(Geometry(256, 256, 8), backbone)
    pictures = SimpleNamespace(sizes=[(300, 300)], labelled=True, records=[None] * count)
    choose_size(pictures, (256, 384), backbone, TrainOptions(), Views(), None, silent)  # type: ignore[arg-type]
    assert tried == [256]


def test_most_pictures() -> None:
    backbone = tiny_backbone(channels=272)
    assert most_pictures(Geometry(256, 256, 8), backbone) == 320 * 1024**2 // (1024 * 272 * 2)
    assert most_pictures(Geometry(2048, 2048, 8), backbone) == 16
    roi = np.zeros((32, 32), bool)
    roi[:16] = True
    whole, half = (most_pictures(Geometry(256, 256, 8, roi=region), backbone) for region in (None, roi))
    assert half == pytest.approx(2 * whole, abs=2)


def test_geometry_of_the_pictures() -> None:
    pictures = SimpleNamespace(sizes=[(400, 300)])
    geometry = make_geometry(pictures, 256, tiny_backbone(), True, None)  # type: ignore[arg-type]
    assert (geometry.width, geometry.height, geometry.tile, geometry.roi) == (288, 224, True, None)
    white = np.full((30, 40, 3), 255, np.uint8)
    white[:, :20] = 0
    inside = make_geometry(pictures, 256, tiny_backbone(), False, white)  # type: ignore[arg-type]
    assert inside.roi is not None
    assert inside.roi.shape == (28, 36)
    assert inside.roi.mean() == pytest.approx(0.5)


@pytest.mark.parametrize("anomalous", [0, 6])
def test_sizes_are_judged_on_labels_or_probes(tmp_path: Path, anomalous: int) -> None:
    dataset = open_dataset(write_parts(tmp_path / "parts", 6, anomalous, masks=False))
    pictures = choose_pictures(dataset, False, True, lambda done, total: None)
    stages: list[str] = []
    trial = choose_size(
        pictures, (64, 96), tiny_backbone(), TrainOptions(), Views(), None,
        lambda stage, done, total: stages.append(stage),
    )  # fmt: skip
    assert 64 in trial.compared
    assert all(0 <= quality <= 1 for quality in trial.compared.values())
    assert trial.quality is not None
    assert set(trial.held.scores) == ({"memory", "picture"} if anomalous else {"memory"})
    assert "cross-validation" in stages
    assert len(trial.examples) == 6 + anomalous


def test_a_defect_visible_only_at_the_larger_size_chooses_it(tmp_path: Path) -> None:
    """A faint chequer of single pixels, fading out at its edges, averages out exactly at half the size."""
    from PIL import Image

    rng = np.random.default_rng(0)
    y, x = np.mgrid[:256, :256]
    chequer = np.where((x + y) % 2, 1.0, -1.0)[..., None]
    for index in range(20):
        picture = 120 + rng.normal(0, 4, (256, 256, 3))
        if index >= 12:
            row, column = rng.integers(60, 196, 2)
            picture += 40 * np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * 20**2))[..., None] * chequer
        folder = tmp_path / ("normal" if index < 12 else "anomaly")
        folder.mkdir(exist_ok=True)
        Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(folder / f"{index}.png")
    pictures = choose_pictures(open_dataset(tmp_path), False, True, lambda done, total: None)
    trial = choose_size(pictures, (128, 256), tiny_backbone(16), TrainOptions(), Views(), None, silent)
    assert trial.geometry.width == 256
    assert trial.compared[256] > trial.compared[128] + 0.01
