"""A straightforward PatchCore, to compare with: the features as they are, a coreset of a tenth, brute-force search.

Roth et al. 2022, "Towards Total Recall in Industrial Anomaly Detection", https://arxiv.org/abs/2106.08265. The
search is written as one would write it with numpy or torch when speed matters: one matrix product for all distances,
worked on in place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.runtime.cores import available_cores
from belvedere.training.anomaly.coreset import greedy_coreset

RATIO, NEIGHBOURS, PROJECTED = 0.1, 9, 128
Found = tuple[float, NDArray[np.float32]]
Search = Callable[[NDArray[np.float32]], Found]
"""Cells float32 (P, C) to the picture's score and the patch distances float32 (P,)."""


@dataclass(frozen=True, eq=False)
class Bank:
    """The coreset: vectors float32 (M, C)."""

    vectors: NDArray[np.float32]


def fit_bank(pictures: Sequence[NDArray[np.floating[Any]]], seed: int = 0) -> Bank:
    """Choose a tenth of all cells (per picture (P, C)) by the greedy coreset over a random projection (section 3.2).

    The selection is exact but made in blocks (see ``belvedere.training.anomaly.coreset``): the plain loop gives the
    same kind of coreset and takes half an hour for 200 pictures. Building is not part of the comparison.
    """
    cells = np.concatenate([picture.astype(np.float32) for picture in pictures])
    rng = np.random.default_rng(seed)
    projection = rng.standard_normal((cells.shape[1], PROJECTED)).astype(np.float32) / PROJECTED**0.5
    chosen = greedy_coreset(cells @ projection, max(1, int(len(cells) * RATIO)), rng)
    return Bank(np.ascontiguousarray(cells[chosen]))


def numpy_search(bank: Bank) -> Search:
    """Search with numpy; its BLAS uses all cores."""
    transposed = np.ascontiguousarray(bank.vectors.T)
    norms = np.einsum("ij,ij->i", bank.vectors, bank.vectors)

    def squared(cells: NDArray[np.float32]) -> NDArray[np.float32]:
        """Squared distances (P, M), each row less the squared norm of its cell."""
        cross: NDArray[np.float32] = cells @ transposed
        cross *= -2
        cross += norms
        return cross

    def search(cells: NDArray[np.float32]) -> Found:
        own = np.einsum("ij,ij->i", cells, cells)
        cross = squared(cells)
        nearest = cross.argmin(axis=1)
        distances = np.sqrt(np.maximum(cross[np.arange(len(cells)), nearest] + own, 0))
        patch = int(distances.argmax())
        around = squared(bank.vectors[nearest[patch]][None])[0].argpartition(NEIGHBOURS)[:NEIGHBOURS]
        apart = np.linalg.norm(bank.vectors[around] - cells[patch], axis=1)
        return _weighted(float(distances[patch]), apart), distances

    return search


def torch_search(bank: Bank) -> Search:
    """Search with torch on the CPU and all cores."""
    import torch

    torch.set_num_threads(available_cores())
    vectors = torch.from_numpy(bank.vectors)

    def search(cells: NDArray[np.float32]) -> Found:
        with torch.inference_mode():
            queries = torch.from_numpy(cells)
            distances, nearest = torch.cdist(queries, vectors).min(dim=1)
            patch = int(distances.argmax())
            around = torch.cdist(vectors[nearest[patch]][None], vectors)[0].topk(NEIGHBOURS, largest=False).indices
            apart = torch.linalg.norm(vectors[around] - queries[patch], dim=1).numpy()
        return _weighted(float(distances[patch]), apart), distances.numpy()

    return search


def searches(bank: Bank) -> dict[str, Search]:
    """The searches that can be had here: numpy's, and torch's where torch is installed."""
    found = {"numpy": numpy_search(bank)}
    if find_spec("torch") is not None:
        found["torch"] = torch_search(bank)
    return found


def _weighted(distance: float, apart: NDArray[np.float32]) -> float:
    """Re-weight by how crowded the bank is around the nearest vector (equation 7).

    Args:
        distance: From the patch to its nearest vector.
        apart: From the patch to the vectors around that one, itself among them.
    """
    shifted = np.exp(apart - apart.max())
    own = float(np.exp(distance - apart.max()))
    return (1 - own / float(shifted.sum())) * distance
