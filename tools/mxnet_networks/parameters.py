"""Parameters with reproducible random values, and the file that holds them (importers.md, section 3: layout V2)."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

Initial = Callable[[np.random.Generator, tuple[int, ...]], NDArray[np.float32]]

_FILE_MAGIC = 0x112
_ARRAY_MAGIC = 0xF993FAC9
_DENSE, _CPU, _FLOAT32 = 0, 1, 0


@dataclass(frozen=True, eq=False)
class Parameter:
    """One array of a network.

    Attributes:
        name: Name of its variable.
        shape: Its shape.
        initial: Makes its values.
        kind: ``learned``, ``statistics`` (moving mean or variance) or ``constant`` (anchor tables).
    """

    name: str
    shape: tuple[int, ...]
    initial: Initial
    kind: str

    @property
    def size(self) -> int:
        return math.prod(self.shape)


def scaled(gain: float = 1.0, fan: int | None = None) -> Initial:
    """Normal values that keep the second moment through a ReLU: standard deviation gain * sqrt(2 / fan in).

    (He et al. 2015, https://arxiv.org/abs/1502.01852)
    """

    def values(random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
        deviation = gain * math.sqrt(2.0 / (fan or max(1, math.prod(shape[1:]))))
        return random.standard_normal(shape, np.float32) * np.float32(deviation)

    return values


def normal(deviation: float, mean: float = 0.0) -> Initial:
    """Normal values."""
    return lambda random, shape: random.standard_normal(shape, np.float32) * np.float32(deviation) + np.float32(mean)


def uniform(low: float, high: float) -> Initial:
    """Values evenly between two bounds."""
    return lambda random, shape: random.random(shape, np.float32) * np.float32(high - low) + np.float32(low)


def fixed(array: NDArray[np.float64] | NDArray[np.float32]) -> Initial:
    """These values, for constants."""
    return lambda _random, shape: np.asarray(array, np.float32).reshape(shape)


def write_params(path: Path, parameters: Sequence[Parameter], seed: int) -> None:
    """Write a params file, one array at a time; values depend on the seed and the parameter's name only."""
    unique = list({parameter.name: parameter for parameter in parameters}.values())
    with path.open("wb") as stream:
        stream.write(struct.pack("<QQQ", _FILE_MAGIC, 0, len(unique)))
        for parameter in unique:
            _write_array(stream, parameter, seed)
        stream.write(struct.pack("<Q", len(unique)))
        for parameter in unique:
            name = f"{'aux' if parameter.kind == 'statistics' else 'arg'}:{parameter.name}".encode()
            stream.write(struct.pack("<Q", len(name)) + name)


def _write_array(stream: BinaryIO, parameter: Parameter, seed: int) -> None:
    shape = parameter.shape
    stream.write(struct.pack("<Ii", _ARRAY_MAGIC, _DENSE))
    stream.write(struct.pack(f"<i{len(shape)}q", len(shape), *shape))
    stream.write(struct.pack("<iii", _CPU, 0, _FLOAT32))
    random = np.random.Generator(np.random.SFC64([seed, zlib.crc32(parameter.name.encode())]))
    values = np.ascontiguousarray(parameter.initial(random, shape), "<f4")
    assert values.shape == shape, parameter.name
    stream.write(values.data)
