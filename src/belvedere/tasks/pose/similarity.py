"""COCO's object keypoint similarity (OKS)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def oks_of_pairs(
    found_xy: NDArray[np.float64],
    truth: NDArray[np.float64],
    areas: NDArray[np.float64],
    sigmas: ArrayLike,
    boxes_xyxy: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Similarity of pairs of poses: the mean over labelled joints of exp(-d² / (2 s k²)).

    d is the distance in pixels, s the person's area and k twice the joint's sigma. Where no joint is labelled, d is
    how far each found joint lies outside of the person's box at twice its size, as in ``COCOeval.computeOks``.

    Args:
        found_xy: Found joints (p, K, 2) in pixels.
        truth: True joints (p, K, 3): x, y, and visibility, above 0 where labelled.
        areas: Areas of the true persons in square pixels, (p,).
        sigmas: One per joint, (K,).
        boxes_xyxy: Boxes of the true persons (p, 4); NaN where there is none.

    Returns:
        float64 (p,), 0..1; 0 where neither a joint is labelled nor a box given.
    """
    spread = (np.asarray(sigmas, dtype=np.float64) * 2) ** 2
    labelled = truth[..., 2] > 0
    away = found_xy - truth[..., :2]
    bare = ~labelled.any(axis=1)
    if bare.any():
        boxes = None if boxes_xyxy is None else boxes_xyxy[bare]
        away[bare], labelled[bare] = _outside(found_xy[bare], boxes), True
    ratio = (away**2).sum(axis=2) / spread / (areas[:, None] + np.spacing(1)) / 2
    near = np.where(labelled, np.exp(-ratio), 0)
    return np.asarray(near.sum(axis=1) / labelled.sum(axis=1))


def _outside(found_xy: NDArray[np.float64], boxes_xyxy: NDArray[np.float64] | None) -> NDArray[np.float64]:
    if boxes_xyxy is None:
        return np.full_like(found_xy, np.inf)
    low, high = boxes_xyxy[:, None, :2], boxes_xyxy[:, None, 2:]
    size = high - low
    away = np.maximum(low - size - found_xy, 0) + np.maximum(found_xy - high - size, 0)
    return np.where(np.isnan(away), np.inf, away)
