"""Feeding any number of pictures to an engine that takes a fixed number per call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import EngineError
from belvedere.runtime.engine import Engine


def run_batched(engine: Engine, tensors: Mapping[str, NDArray[Any]], batch: int) -> dict[str, NDArray[np.float32]]:
    """Run pictures through the network in calls of exactly ``batch``; the last one is padded with zeros.

    Args:
        engine: Opened for ``batch``.
        tensors: Input name to tensor; all have the same first axis.
        batch: Pictures per call.

    Returns:
        Output name to tensor with that same first axis.

    Raises:
        EngineError: no pictures, first axes that differ, or what ``Engine.run`` raises.
    """
    counts = {tensor.shape[0] if tensor.ndim else 0 for tensor in tensors.values()}
    if len(counts) != 1 or 0 in counts:
        raise EngineError(f"expected inputs of one first axis of at least 1, got {sorted(counts)}")
    total = counts.pop()
    parts = [engine.run(part) for part in _calls(tensors, total, batch)]
    return {name: np.concatenate([part[name] for part in parts])[:total] for name in parts[0]}


def _calls(tensors: Mapping[str, NDArray[Any]], total: int, batch: int) -> Iterator[dict[str, NDArray[Any]]]:
    for start in range(0, total, batch):
        yield {name: _padded(tensor[start : start + batch], batch) for name, tensor in tensors.items()}


def _padded(tensor: NDArray[Any], batch: int) -> NDArray[Any]:
    missing = batch - tensor.shape[0]
    if not missing:
        return np.ascontiguousarray(tensor)
    return np.concatenate([tensor, np.zeros((missing, *tensor.shape[1:]), tensor.dtype)])
