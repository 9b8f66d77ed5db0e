"""Feeding any number of pictures to an engine that takes a fixed number per call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import EngineError
from belvedere.runtime.engine import Engine


def run_batched(engine: Engine, tensors: Mapping[str, NDArray[Any]], batch: int) -> dict[str, NDArray[Any]]:
    """As ``infer_batched``, by output name."""
    return dict(zip(engine.outputs, infer_batched(engine, tensors, batch), strict=True))


def infer_batched(engine: Engine, tensors: Mapping[str, NDArray[Any]], batch: int) -> tuple[NDArray[Any], ...]:
    """Run pictures through the network in calls of exactly ``batch``; the last one is padded with zeros.

    Args:
        engine: Opened for ``batch``.
        tensors: Input name to tensor; all have the same first axis.
        batch: Pictures per call.

    Returns:
        Tensors in the order of ``engine.outputs`` with that same first axis.

    Raises:
        EngineError: no pictures, first axes that differ, an output whose first axis is not that of the pictures, or
            what ``Engine.infer`` raises.
    """
    counts = {tensor.shape[0] if tensor.ndim else 0 for tensor in tensors.values()}
    if len(counts) != 1 or 0 in counts:
        raise EngineError(f"expected inputs of one first axis of at least 1, got {sorted(counts)}")
    total = counts.pop()
    if total == batch:
        return engine.infer(tensors)
    calls = [engine.infer(part) for part in _calls(tensors, total, batch)]
    by_output = zip(engine.outputs, zip(*calls, strict=True), strict=True)
    return tuple(_joined(name, parts, batch)[:total] for name, parts in by_output)


def _joined(name: str, parts: Sequence[NDArray[Any]], batch: int) -> NDArray[Any]:
    for part in parts:
        if part.ndim == 0 or part.shape[0] != batch:
            raise EngineError(
                f"output '{name}' is {list(part.shape)} for {batch} pictures, so the outputs of several calls cannot "
                f"be put together: run {batch} at a time"
            )
    return np.concatenate(parts)


def _calls(tensors: Mapping[str, NDArray[Any]], total: int, batch: int) -> Iterator[dict[str, NDArray[Any]]]:
    for start in range(0, total, batch):
        yield {name: _padded(tensor[start : start + batch], batch) for name, tensor in tensors.items()}


def _padded(tensor: NDArray[Any], batch: int) -> NDArray[Any]:
    missing = batch - tensor.shape[0]
    if not missing:
        return np.ascontiguousarray(tensor)
    return np.concatenate([tensor, np.zeros((missing, *tensor.shape[1:]), tensor.dtype)])
