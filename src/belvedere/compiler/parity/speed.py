"""Timing two ways of running a network in turns, so that what drifts on the machine hits both alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

_LEAST, _MOST, _BLOCK = 5, 200, 4
_SETTLE = 0.03
"""Seconds between the turns: threads of ONNX Runtime spin for some milliseconds after a call."""


@dataclass(frozen=True)
class Speed:
    """Milliseconds a call: median and 95th percentile, and how many calls were timed."""

    p50_ms: float
    p95_ms: float
    calls: int


def measure(calls: Mapping[str, Callable[[], object]], *, seconds: float) -> dict[str, Speed]:
    """Time functions in turns of a few calls each.

    Args:
        calls: Name to function.
        seconds: About how long all of it may take; at least 5 calls of each are made.
    """
    found: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    end = time.perf_counter() + seconds
    while True:
        for name, call in calls.items():
            if len(calls) > 1:
                time.sleep(_SETTLE)
                call()  # pays for what the others left in the caches
            for _ in range(_BLOCK):
                began = time.perf_counter()
                call()
                found[name].append(time.perf_counter() - began)
        done = min(map(len, found.values()))
        if done >= _MOST or (done >= _LEAST and time.perf_counter() >= end):
            return {name: speed_of(times) for name, times in found.items()}


def speed_of(seconds: list[float]) -> Speed:
    """Percentiles of durations."""
    p50, p95 = np.percentile(np.asarray(seconds) * 1000, [50, 95])
    return Speed(float(p50), float(p95), len(seconds))
