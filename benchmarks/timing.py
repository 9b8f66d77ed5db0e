"""Timing calls in this process, and running measurements in fresh ones."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
_BLOCK = 5


@dataclass(frozen=True)
class Times:
    """Durations of repeated calls in milliseconds: median, 95th percentile, and how many calls."""

    p50: float
    p95: float
    count: int

    def __str__(self) -> str:
        return f"{self.p50:.2f} / {self.p95:.2f}"

    def as_json(self) -> dict[str, float]:
        """JSON values."""
        return {"p50_ms": round(self.p50, 4), "p95_ms": round(self.p95, 4), "calls": self.count}


def times_of(seconds: Sequence[float]) -> Times:
    """Percentiles of durations in seconds."""
    p50, p95 = np.percentile(np.asarray(seconds) * 1000, [50, 95])
    return Times(float(p50), float(p95), len(seconds))


SETTLE = 0.03
"""Seconds between the turns: threads of ONNX Runtime spin for some milliseconds after a call."""


def interleaved(
    calls: Mapping[str, Callable[[int], object]], repeats: int, *, warmup: int = 3, block: int = _BLOCK
) -> dict[str, Times]:
    """Time several calls in turns, so that what drifts on the machine hits all of them alike.

    Args:
        calls: Name to a function of the repetition's number.
        repeats: How often each is called.
        warmup: Calls of each before, which do not count.
        block: Calls of one before the next one's turn.
    """
    found: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        for index in range(warmup):
            call(index)
    for start in range(0, repeats, block):
        for name, call in calls.items():
            # The first call of a turn pays for what the others left in the caches; it does not count. Before it, their
            # threads get the time to stop waiting for more work, which keeps processors busy.
            if len(calls) > 1:
                time.sleep(SETTLE)
                call(start)
            for index in range(start, min(start + block, repeats)):
                began = time.perf_counter()
                call(index)
                found[name].append(time.perf_counter() - began)
    return {name: times_of(values) for name, values in found.items()}


def fresh(script: str, *words: str) -> dict[str, Any]:
    """Run a script of this folder in a fresh process; its last line on stdout is a JSON object.

    Raises:
        RuntimeError: it failed; the message holds the end of its stderr.
    """
    line = [sys.executable, str(HERE / script), *words]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{script} {' '.join(words)} failed: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found
