"""Thresholds from normal pictures alone, with a stated false-alarm rate.

Split-conformal reasoning (Vovk et al. 2005; Angelopoulos and Bates 2021, https://arxiv.org/abs/2107.07511): if a new
normal picture is exchangeable with the n held-out ones, the chance that its score exceeds the k-th largest of theirs
is at most k / (n + 1). So the smallest rate that n pictures can promise is 1 / (n + 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class NormalLimit:
    """A limit on scores learned from normal pictures.

    Attributes:
        limit: Scores above it count as anomalous.
        rate: The false-alarm rate it promises.
        asked: The rate asked for.
        needed: Normal pictures needed to promise the asked rate.
    """

    limit: float
    rate: float
    asked: float
    needed: int


def normal_limit(scores: NDArray[np.float64], asked: float) -> NormalLimit:
    """Limit from held-out scores of n normal pictures for false-alarm rate ``asked``, or 1 / (n + 1) if larger."""
    count = len(scores)
    rank = min(count, max(1, math.floor(asked * (count + 1) + 1e-9)))
    ordered = np.sort(scores)[::-1]
    return NormalLimit(
        limit=float(ordered[rank - 1]),
        rate=rank / (count + 1),
        asked=asked,
        needed=math.ceil(1 / asked - 1e-9) - 1,
    )
