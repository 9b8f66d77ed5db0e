"""A pixel head: which cells are defective, and by which type, learned from masks.

Shrunk linear discriminant analysis per type (see ``discriminant``) against the background, on a cell's features and
the picture's mean features, so that a cell can be judged against its own picture. Normal pictures count as background
everywhere; cells that a mask covers only partly are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from belvedere.training.anomaly.discriminant import fit_discriminant
from belvedere.training.anomaly.onnx_graph import GraphBuilder

_MOST_BACKGROUND, _MOST_BESIDE, _MOST_DEFECT = 6000, 3000, 3000
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
    x, labels = _sample(examples, rng)
    if not labels.any():
        return None
    local, whole, bias = [], [], []
    for kind in range(types):
        if not (labels == kind + 1).any():
            local.append(np.zeros(x.shape[1] // 2, np.float32))
            whole.append(local[-1])
            bias.append(np.float32(_NEVER))
            continue
        wanted = (labels == 0) | (labels == kind + 1)
        weights, offset = fit_discriminant(x[wanted], labels[wanted] > 0)
        half = len(weights) // 2
        local.append(weights[:half])
        whole.append(weights[half:])
        bias.append(np.float32(offset))
    return PixelHead(np.stack(local), np.stack(whole), np.array(bias, np.float32))


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
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Rows [cell, picture mean] and labels: 0 background, else type + 1."""
    background, beside, defect, kinds = [], [], [], []
    share = max(1, _MOST_BACKGROUND // max(1, len(examples)))
    for example in examples:
        cells = example.cells.astype(np.float32)
        rows = np.concatenate([cells, np.broadcast_to(cells.mean(axis=0), cells.shape)], axis=1)
        covered = example.cover.max(axis=0)
        clean = np.flatnonzero(covered == 0)
        if not covered.any():
            background.append(rows[rng.permutation(clean)[:share]])
            continue
        beside.append(rows[rng.permutation(clean)[:share]])
        full = np.flatnonzero(defective_cells(covered))
        full = rng.permutation(full)[: max(4, 2 * _MOST_DEFECT // max(1, len(examples)))]
        defect.append(rows[full])
        kinds.append(example.cover[:, full].argmax(axis=0) + 1)
    clean_rows = [*background, *_thinned(beside, _MOST_BESIDE, rng)]
    labels = np.concatenate([np.zeros(sum(len(rows) for rows in clean_rows), np.int64), *kinds])
    return np.concatenate([*clean_rows, *defect]), labels


def _thinned(parts: list[NDArray[np.float32]], most: int, rng: np.random.Generator) -> list[NDArray[np.float32]]:
    if not parts:
        return []
    rows = np.concatenate(parts)
    return [rows[rng.permutation(len(rows))[:most]]]
