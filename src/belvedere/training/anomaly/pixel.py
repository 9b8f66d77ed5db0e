"""A pixel head: which cells are defective, and by which type, learned from masks.

Shrunk linear discriminant analysis of the types (see ``discriminant``) against the background, on a cell's features
and the picture's mean features, so that a cell can be judged against its own picture. Normal pictures count as
background everywhere; cells that a mask covers only partly are left out. Every picture's defect counts alike, however
large it is: else a few wide ones would outweigh many small ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from belvedere.training.anomaly.discriminant import fit_discriminants
from belvedere.training.anomaly.onnx_graph import GraphBuilder

_MOST_ROWS = 8000
"""Background rows in all; as many at most of defects."""
_BESIDE = 0.5
"""What the background beside a defect counts against that of a normal picture: masks are not exact."""
_NEVER = -20.0


@dataclass(frozen=True, eq=False)
class PixelHead:
    """Linear maps to one log-odds per type.

    Attributes:
        local: float32 (T, C), on a cell's features.
        whole: float32 (T, C), on the picture's mean features.
        bias: float32 (T,).
    """

    local: NDArray[np.float32]
    whole: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class PixelExample:
    """One picture to learn from: cells (P, C) and, per type, the share of each cell it covers, float32 (T, P)."""

    cells: NDArray[np.float16]
    cover: NDArray[np.float32]


def fit_pixel_head(examples: Sequence[PixelExample], types: int, rng: np.random.Generator) -> PixelHead | None:
    """Fit one discriminant per type; None when there is no defective cell at all.

    A type without a cell of its own among the examples is never found.
    """
    x, labels, share = _sample(examples, rng)
    if not labels.any():
        return None
    weights, bias = fit_discriminants(x, labels, types, share)
    absent = [kind for kind in range(types) if not (labels == kind + 1).any()]
    bias[absent] = _NEVER
    half = x.shape[1] // 2
    return PixelHead(
        np.ascontiguousarray(weights[:, :half]), np.ascontiguousarray(weights[:, half:]), bias.astype(np.float32)
    )


def pixel_logits(head: PixelHead, cells: NDArray[np.float16]) -> NDArray[np.float32]:
    """Log-odds per cell and type, float32 (P, T)."""
    x = cells.astype(np.float32)
    logits: NDArray[np.float32] = x @ head.local.T + (x.mean(axis=0) @ head.whole.T + head.bias)
    return logits


def pixel_score(head: PixelHead, cells: NDArray[np.float16], top: int) -> float:
    """Mean over the ``top`` highest cells of the highest type's log-odds."""
    highest = pixel_logits(head, cells).max(axis=1)
    return float(np.sort(highest)[-top:].mean())


def add_pixel_head(graph: GraphBuilder, head: PixelHead, cells: str, top: int) -> tuple[str, str]:
    """Add the head over ``cells`` [N, P, C]; returns (log-odds [N, P, T], picture score [N])."""
    mean = graph.node("ReduceMean", cells, graph.ints(1), keepdims=1)
    whole = graph.node("MatMul", mean, graph.constant(np.ascontiguousarray(head.whole.T)))
    whole = graph.node("Add", whole, graph.constant(head.bias))
    logits = graph.node("MatMul", cells, graph.constant(np.ascontiguousarray(head.local.T)))
    logits = graph.node("Add", logits, whole)
    highest = graph.node("ReduceMax", logits, graph.ints(2), keepdims=0)
    values, _ = graph.nodes("TopK", 2, highest, graph.ints(top), axis=1)
    return logits, graph.node("ReduceMean", values, graph.ints(1), keepdims=0)


def defective_cells(covered: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Cells that count as defective, from the share of each that a mask covers, both (P,).

    Those covered by half; of a defect that fills no cell, such as a hair crack, those covered at least half as much
    as its fullest one.
    """
    most = float(covered.max(initial=0.0))
    return np.asarray((covered > 0) & (covered >= 0.5 * min(1.0, most)))


def _sample(
    examples: Sequence[PixelExample], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float64]]:
    """Rows [cell, picture mean], labels (0 background, else type + 1), and how much each row counts."""
    rows: list[NDArray[np.float32]] = []
    labels: list[NDArray[np.int64]] = []
    share: list[NDArray[np.float64]] = []

    def take(features: NDArray[np.float32], index: NDArray[np.int64], kinds: NDArray[np.int64], weight: float) -> None:
        if len(index):
            rows.append(features[index])
            labels.append(kinds)
            share.append(np.full(len(index), weight / len(index)))

    most = max(1, _MOST_ROWS // max(1, len(examples)))
    for example in examples:
        cells = example.cells.astype(np.float32)
        features = np.concatenate([cells, np.broadcast_to(cells.mean(axis=0), cells.shape)], axis=1)
        covered = example.cover.max(axis=0)
        clean = rng.permutation(np.flatnonzero(covered == 0))[:most]
        marked = bool(covered.any())
        take(features, clean, np.zeros(len(clean), np.int64), _BESIDE if marked else 1.0)
        if marked:
            full = rng.permutation(np.flatnonzero(defective_cells(covered)))[: max(4, most)]
            take(features, full, example.cover[:, full].argmax(axis=0) + 1, 1.0)
    return np.concatenate(rows), np.concatenate(labels), np.concatenate(share)
