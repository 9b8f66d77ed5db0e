"""The heads that learn from labels, in numpy."""

from __future__ import annotations

import numpy as np
import pytest

from belvedere.training.anomaly.pixel import PixelExample, fit_pixel_head, pixel_logits, pixel_score
from belvedere.training.anomaly.supervised import fit_picture_head, head_score, pool
from helpers.features import cells_of

CELLS = 30


def marked(rng: np.random.Generator, kind: int | None, types: int = 2, share: float = 1.0) -> PixelExample:
    """A picture, with a defect of ``kind`` in cells 10..13."""
    cells, cover = cells_of(rng, CELLS), np.zeros((types, CELLS), np.float32)
    if kind is not None:
        cells[10:14, kind] += 5
        cover[kind, 10:14] = share
    return PixelExample(cells, cover)


@pytest.mark.parametrize("share", [1.0, 0.1])
def test_pixel_head_finds_place_and_type(share: float) -> None:
    """Also where a defect is smaller than a cell, so that no cell is full."""
    rng = np.random.default_rng(0)
    examples = [marked(rng, kind, share=share) for kind in [None] * 6 + [0, 1] * 4]
    head = fit_pixel_head(examples, 2, rng)
    assert head is not None
    for kind in (0, 1):
        logits = pixel_logits(head, marked(rng, kind).cells)
        assert (logits[10:14].argmax(axis=1) == kind).all()
        assert logits[10:14, kind].min() > 0
        others = np.delete(logits, range(10, 14), axis=0)
        assert (others.max(axis=1) < 0).mean() > 0.9
    assert pixel_score(head, marked(rng, 1).cells, 2) > pixel_score(head, marked(rng, None).cells, 2) + 2


def test_pixel_head_needs_a_defect() -> None:
    rng = np.random.default_rng(0)
    assert fit_pixel_head([marked(rng, None) for _ in range(3)], 2, rng) is None


def test_a_type_without_examples_is_never_found() -> None:
    rng = np.random.default_rng(0)
    head = fit_pixel_head([marked(rng, kind) for kind in (None, None, 0, 0)], 2, rng)
    assert head is not None
    assert (pixel_logits(head, marked(rng, 1).cells)[:, 1] < -10).all()


def test_partly_covered_cells_teach_nothing() -> None:
    """Cells that a mask touches without filling are neither defect nor background."""
    rng = np.random.default_rng(0)
    examples = [marked(rng, kind) for kind in [None] * 4 + [0] * 4]
    spoiled = []
    for example in examples:
        cells, cover = example.cells.copy(), example.cover.copy()
        if cover.any():
            cells[20:24] = -50
            cover[0, 20:24] = 0.2
        spoiled.append(PixelExample(cells, cover))
    rng = np.random.default_rng(1)
    head = fit_pixel_head(spoiled, 2, rng)
    assert head is not None
    assert np.abs(head.local).max() < 50
    assert pixel_logits(head, marked(rng, 0).cells)[:, 0].argmax() in range(10, 14)


def test_pooled_features() -> None:
    cells = np.array([[1, 4], [3, 0]], np.float16)
    assert pool(cells) == pytest.approx([2, 2, 3, 4, 1, 2], abs=1e-5)


def test_picture_head_separates() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(20) >= 12
    pooled = np.stack([pool(cells_of(rng, CELLS, shift=0.8 * label)) for label in labels])
    head = fit_picture_head(pooled, labels)
    fresh = [head_score(head, pool(cells_of(rng, CELLS, shift=shift))) for shift in [0.0] * 20 + [0.8] * 20]
    assert np.mean(np.array(fresh[20:]) > 0) > 0.8
    assert np.mean(np.array(fresh[:20]) < 0) > 0.8
