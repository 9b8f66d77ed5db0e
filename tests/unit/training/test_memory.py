"""The nearest-normal memory in numpy."""

from __future__ import annotations

import numpy as np
import pytest

from belvedere.training.anomaly.memory import (
    DIMENSION,
    NEIGHBOURS,
    SIZE,
    fit_memory,
    patch_distances,
    picture_score,
)
from helpers.features import cells_of


def memory_of(pictures: int = 5, cells: int = 30, channels: int = 6):
    rng = np.random.default_rng(0)
    return fit_memory([cells_of(rng, cells, channels) for _ in range(pictures)], pictures, rng)


def test_what_it_has_seen_is_near_and_what_not_is_far() -> None:
    rng = np.random.default_rng(0)
    seen = [cells_of(rng) for _ in range(6)]
    memory = fit_memory(seen, 6, rng)
    assert patch_distances(memory, seen[2]).max() < 0.02
    odd = seen[2].copy()
    odd[3] += 5
    distances = patch_distances(memory, odd)
    assert distances.argmax() == 3
    assert distances[3] > 5
    assert picture_score(memory, odd, 1) > picture_score(memory, cells_of(rng), 1)


def test_distances_are_those_of_the_features_in_units_of_spacing() -> None:
    """Fewer channels than the reduced dimension: the projection only turns, so distances are those of the input."""
    rng = np.random.default_rng(0)
    seen = [cells_of(rng, channels=5) for _ in range(6)]
    memory = fit_memory(seen, 6, rng)
    x = np.concatenate(seen).astype(np.float64)
    new = cells_of(rng, channels=5).astype(np.float64)
    between = np.sqrt(((x[:, None] - x) ** 2).sum(axis=2))
    np.fill_diagonal(between, np.inf)
    unit = np.median(between.min(axis=1))
    expected = np.sqrt(((new[:, None] - x) ** 2).sum(axis=2)).min(axis=1) / unit
    assert patch_distances(memory, new.astype(np.float16)) == pytest.approx(expected, rel=1e-3, abs=1e-2)


def test_picture_score_is_the_weighted_mean_of_the_farthest() -> None:
    memory = memory_of()
    cells = cells_of(np.random.default_rng(8), 30)
    reduced = cells.astype(np.float32) @ memory.projection.T + memory.offset
    between = np.sqrt(((reduced[:, None] - memory.vectors) ** 2).sum(axis=2))
    expected = []
    for index in np.argsort(-between.min(axis=1))[:4]:
        nearest = between[index].argmin()
        around = np.exp(between[index][memory.neighbours[nearest]])
        own = np.exp(between[index][nearest])
        expected.append((1 - own / around.sum()) * between[index].min())
    assert picture_score(memory, cells, 4) == pytest.approx(np.mean(expected), rel=1e-3)


def test_neighbours_start_with_the_vector_itself() -> None:
    memory = memory_of()
    assert memory.neighbours[:, 0].tolist() == list(range(len(memory.vectors)))
    assert memory.neighbours.shape[1] == NEIGHBOURS


def test_sizes_are_bounded() -> None:
    rng = np.random.default_rng(0)
    cells = [rng.standard_normal((1500, 80)).astype(np.float16) for _ in range(2)]
    memory = fit_memory(cells, 2, rng)
    assert memory.vectors.shape == (SIZE, DIMENSION)
    assert memory.projection.shape == (DIMENSION, 80)


@pytest.mark.parametrize("cells", [1, 2, 3])
def test_very_few_cells(cells: int) -> None:
    rng = np.random.default_rng(0)
    memory = fit_memory([cells_of(rng, cells)], 1, rng)
    assert memory.neighbours.shape == (cells, cells)
    assert np.isfinite(picture_score(memory, cells_of(rng, 5), 2))


def test_all_cells_alike() -> None:
    """A blank picture: distances stay finite, and something else is still far."""
    blank = np.full((20, 6), 0.25, np.float16)
    memory = fit_memory([blank, blank], 2, np.random.default_rng(0))
    assert patch_distances(memory, blank).max() < 1e-3
    assert np.isfinite(patch_distances(memory, blank + 1)).all()
    assert patch_distances(memory, blank + np.float16(1)).min() >= 0


def test_equal_seeds_give_equal_bytes() -> None:
    first, second = memory_of(), memory_of()
    assert first.vectors.tobytes() == second.vectors.tobytes()
    assert first.projection.tobytes() == second.projection.tobytes()
