"""What a network takes and gives, and checking tensors against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import EngineError

# Unsigned and signed integers of 64 bit have values that float64 rounds, though NumPy calls that cast safe.
_ROUNDED_IN_FLOAT64 = (np.dtype(np.int64), np.dtype(np.uint64))


@dataclass(frozen=True)
class Port:
    """One input of a network: shape with -1 for free axes, and element type."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        return f"{self.dtype} {list(self.shape)}"

    def takes(self, tensor: NDArray[Any]) -> bool:
        """Whether ``tensor`` fits."""
        return tensor.dtype == self.dtype and self.fits(tensor.shape)

    def fits(self, shape: Sequence[int]) -> bool:
        """Whether a tensor of this shape fits."""
        if len(shape) != len(self.shape):
            return False
        return all(axis in (-1, size) for axis, size in zip(self.shape, shape, strict=True))


@dataclass(frozen=True)
class Borders:
    """What the user of a network knows about it: its inputs by name, and the names of its outputs, both in order."""

    inputs: Mapping[str, Port]
    outputs: tuple[str, ...]


def check_inputs(ports: Mapping[str, Port], inputs: Mapping[str, NDArray[Any]]) -> None:
    """Raise EngineError unless ``inputs`` are exactly what the network takes."""
    if inputs.keys() != ports.keys():
        raise EngineError(_names_differ(ports, inputs))
    for name, port in ports.items():
        tensor = inputs[name]
        if not port.takes(tensor):
            raise EngineError(f"input '{name}' is {tensor.dtype} {list(tensor.shape)}: the network takes {port}")


def exact(tensor: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """``tensor`` as ``dtype`` where every value of its type has an equal one there, else ``tensor`` itself.

    So uint8 becomes float32 and int32 becomes int64; float64 stays float64 where float32 is asked for.
    """
    if tensor.dtype == dtype or not np.can_cast(tensor.dtype, dtype, "safe") or tensor.dtype in _ROUNDED_IN_FLOAT64:
        return tensor
    return tensor.astype(dtype)


def listed(ports: Mapping[str, Port]) -> str:
    """The inputs as a message shows them."""
    return ", ".join(f"'{name}' {port}" for name, port in ports.items()) or "none"


def matched(wanted: Sequence[str], found: Sequence[frozenset[str]]) -> list[int]:
    """For every wanted name the index of the tensor that has it.

    One tensor may have several names, and be there several times: then every place is used once. A tensor whose
    only name was made up by the engine is taken for the one at its place.

    Args:
        wanted: Names as the manifest or the network's file lists them.
        found: The names of every tensor of the compiled network; empty where it has none of its own.

    Raises:
        EngineError: some names are not there; the message lists them.
    """
    indices: list[int] = []
    missing = []
    for place, name in enumerate(wanted):
        having = [index for index, names in enumerate(found) if name in names]
        free = [index for index in having if index not in indices]
        if having:
            indices.append((free or having)[0])
        elif len(wanted) == len(found) and not found[place]:
            indices.append(place)
        else:
            missing.append(name)
    if missing:
        raise EngineError(f"the network lacks outputs that the manifest lists: {', '.join(missing)}")
    return indices


def _names_differ(ports: Mapping[str, Port], inputs: Mapping[str, NDArray[Any]]) -> str:
    parts = [f"the network takes the inputs {listed(ports)}"]
    unknown = [str(name) for name in inputs if name not in ports]
    missing = [name for name in ports if name not in inputs]
    if unknown:
        parts.append(f"unknown: {', '.join(unknown)}")
    if missing:
        parts.append(f"not given: {', '.join(missing)}")
    return "; ".join(parts)
