"""Greedy coreset selection: a few vectors that leave none of the others far away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_CANDIDATES, _BLOCK = 96, 24


def greedy_coreset(x: NDArray[np.float32], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Farthest-point selection (PatchCore, Roth et al. 2022, section 3.2), exact, in blocks.

    Starting from a random vector, the vector farthest from all chosen ones is chosen next. Several choices are
    made from the farthest candidates before all distances are brought up to date by one matrix product; the block
    ends as soon as a vector outside the candidates could be the farthest, so the order is that of the plain
    algorithm.

    Args:
        x: Vectors, float32 (n, d).
        count: How many to choose; all where there are fewer.
        rng: Chooses the first.

    Returns:
        Indices in the order of choice, int64; fewer than ``count`` when the rest are duplicates.
    """
    total = len(x)
    if count >= total:
        return np.arange(total)
    norms = np.einsum("ij,ij->i", x, x)
    chosen = [int(rng.integers(total))]
    nearest = _squared(x, norms, chosen)[:, 0]
    nearest[chosen] = -1.0
    pool = min(_CANDIDATES, total - 1)
    while len(chosen) < count:
        order = np.argpartition(nearest, total - pool - 1)
        candidates, bound = order[-pool:], float(nearest[order[total - pool - 1]])
        block = _choose(x[candidates], norms[candidates], nearest[candidates], bound, count - len(chosen))
        if not block:
            break
        picked = [int(candidates[i]) for i in block]
        chosen += picked
        np.minimum(nearest, _squared(x, norms, picked).min(axis=1), out=nearest)
        nearest[picked] = -1.0
    return np.array(chosen, np.int64)


def _choose(
    x: NDArray[np.float32], norms: NDArray[np.float32], nearest: NDArray[np.float32], bound: float, most: int
) -> list[int]:
    """Greedy choices among candidates while the best of them is surely the best of all."""
    between = _squared(x, norms, list(range(len(x))))
    nearest = nearest.copy()
    block: list[int] = []
    while len(block) < min(most, _BLOCK):
        best = int(nearest.argmax())
        if nearest[best] <= 0 or (block and nearest[best] < bound):
            break
        block.append(best)
        nearest = np.minimum(nearest, between[:, best])
        nearest[block] = -1.0
    return block


def _squared(x: NDArray[np.float32], norms: NDArray[np.float32], picked: list[int]) -> NDArray[np.float32]:
    """Squared distances from every vector to the picked ones, float32 (n, len(picked))."""
    distances: NDArray[np.float32] = norms[:, None] + norms[picked] - 2 * (x @ x[picked].T)
    return np.maximum(distances, 0, out=distances)
