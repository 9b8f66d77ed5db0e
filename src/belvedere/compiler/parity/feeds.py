"""Inputs to compare networks with: seeded ones that look like pictures, and the user's samples."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.importing import Port

_CELL = 4
_FREE_SIDE = 128
_MEAN, _STD = 0.45, 0.23


def seeded_inputs(ports: Sequence[Port], seed: int) -> dict[str, NDArray[Any]]:
    """One set of inputs that depends on nothing but names, shapes and the seed.

    Pictures are random cells of 4 by 4 pixels: neither flat nor white noise. Floating ones are scaled like a
    normalised photograph; integers that are no pictures are 0 or 1.

    Args:
        ports: The network's inputs; free axes become 1 picture, or 128 pixels.
        seed: Of the random numbers.
    """
    return {port.name: _tensor(port, seed) for port in ports}


def blank_inputs(ports: Sequence[Port], tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The same with zeros for what is no picture, such as boxes and indices that random numbers put out of bounds."""
    return {
        port.name: tensors[port.name] if len(port.shape) == 4 else np.zeros_like(tensors[port.name]) for port in ports
    }


def concrete(port: Port) -> tuple[int, ...]:
    """The port's shape with its free axes filled in."""
    return tuple((1 if place == 0 else _FREE_SIDE) if size < 0 else size for place, size in enumerate(port.shape))


def random_picture(height: int, width: int, channels: int, seed: int) -> NDArray[np.uint8]:
    """A picture of random cells, uint8 (height, width, channels)."""
    rng = np.random.default_rng(seed)
    rows, columns = -(-height // _CELL), -(-width // _CELL)
    cells = rng.integers(0, 256, (rows, columns, channels), dtype=np.uint8)
    return cells.repeat(_CELL, axis=0).repeat(_CELL, axis=1)[:height, :width]


def _tensor(port: Port, seed: int) -> NDArray[Any]:
    shape = concrete(port)
    own = (seed, zlib.crc32(port.name.encode()))
    dtype = np.dtype(port.dtype)
    if len(shape) == 4 and dtype != np.bool_:
        last = _channels_last(port, shape)
        height, width, channels = (shape[1], shape[2], shape[3]) if last else (shape[2], shape[3], shape[1])
        made = [random_picture(height, width, channels, sum(own) + number) for number in range(shape[0])]
        batch = np.stack(made)
        batch = batch if last else np.ascontiguousarray(batch.transpose(0, 3, 1, 2))
        if dtype == np.uint8:
            return batch
        if dtype.kind == "f":
            return ((batch.astype(np.float32) / np.float32(255) - np.float32(_MEAN)) / np.float32(_STD)).astype(dtype)
        return (batch % 2).astype(dtype)
    rng = np.random.default_rng(own)
    if dtype.kind == "f":
        return (np.round(rng.standard_normal(shape) * 64) / 64).astype(dtype)
    if dtype == np.uint8:
        return rng.integers(0, 256, shape, dtype=np.uint8)
    return rng.integers(0, 2, shape).astype(dtype)


def _channels_last(port: Port, shape: tuple[int, ...]) -> bool:
    if port.layout in ("NCHW", "NHWC"):
        return port.layout == "NHWC"
    return shape[3] in (1, 3, 4) and shape[1] not in (1, 3, 4)


@dataclass(frozen=True, eq=False)
class Sample:
    """One set of inputs as the source takes it and as the finished network takes it, which may differ in layout.

    Attributes:
        name: For messages and reports.
        source: Inputs of the source network.
        finished: Inputs of the finished one.
    """

    name: str
    source: Mapping[str, NDArray[Any]]
    finished: Mapping[str, NDArray[Any]]
