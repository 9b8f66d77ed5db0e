"""How near found joints are to true ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from belvedere.core.errors import OptionError
from belvedere.tasks.pose.keypoints import COCO_SIGMAS
from belvedere.tasks.pose.similarity import oks_of_pairs


def keypoint_similarity(
    found_xy: ArrayLike,
    true_xy: ArrayLike,
    visible: ArrayLike,
    area: float,
    *,
    sigmas: Sequence[float] = COCO_SIGMAS,
) -> float | None:
    """COCO's object keypoint similarity (OKS) of one person.

    The mean over labelled joints of exp(-d^2 / (2 s k^2)), with d the distance in pixels, s the person's area and k
    twice the joint's sigma.

    Args:
        found_xy: Found joints (K, 2) in pixels.
        true_xy: True joints (K, 2).
        visible: Joints that are labelled, (K,), non-zero for yes.
        area: Area of the person in square pixels, above 0.
        sigmas: One per joint.

    Returns:
        0..1; None where no joint is labelled.

    Raises:
        OptionError: shapes do not fit or ``area`` is not above 0.
    """
    distance, labelled = _distances(found_xy, true_xy, visible)
    if len(sigmas) != len(distance) or not area > 0:
        raise OptionError(f"{len(sigmas)} sigmas for {len(distance)} joints, area {area}: expected one each, above 0")
    if not labelled.any():
        return None
    truth = np.column_stack([np.asarray(true_xy, dtype=np.float64), labelled])
    found = np.asarray(found_xy, dtype=np.float64)
    return float(oks_of_pairs(found[None], truth[None], np.array([float(area)]), sigmas)[0])


def percentage_of_correct_keypoints(
    found_xy: ArrayLike, true_xy: ArrayLike, visible: ArrayLike, reference: float, *, share: float = 0.5
) -> float | None:
    """PCK: the share of labelled joints that lie within ``share`` of a reference length of the true ones.

    Args:
        found_xy: Found joints (K, 2) in pixels.
        true_xy: True joints (K, 2).
        visible: Joints that are labelled, (K,), non-zero for yes.
        reference: A length of the person in pixels, such as that of head or torso, above 0.
        share: Share of the reference.

    Returns:
        0..1; None where no joint is labelled.

    Raises:
        OptionError: shapes do not fit, or a length is not above 0.
    """
    distance, labelled = _distances(found_xy, true_xy, visible)
    if not reference > 0 or not share > 0:
        raise OptionError(f"reference {reference} and share {share}: expected numbers above 0")
    return float(np.mean(distance[labelled] <= share * reference)) if labelled.any() else None


def _distances(found_xy: ArrayLike, true_xy: ArrayLike, visible: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    found, true = np.asarray(found_xy, dtype=np.float64), np.asarray(true_xy, dtype=np.float64)
    labelled = np.asarray(visible) > 0
    if found.ndim != 2 or found.shape != true.shape or found.shape[1] != 2 or labelled.shape != found.shape[:1]:
        raise OptionError(f"joints {found.shape}, {true.shape}, flags {labelled.shape}: expected (K, 2) twice and (K,)")
    return np.hypot(*(found - true).T), labelled
