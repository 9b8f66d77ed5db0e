"""Checking tensors against what a network takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import EngineError


@dataclass(frozen=True)
class Port:
    """One input of a network: shape with -1 for free axes, and element type."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def takes(self, tensor: NDArray[Any]) -> bool:
        """Whether ``tensor`` fits."""
        return (
            tensor.dtype == self.dtype
            and tensor.ndim == len(self.shape)
            and all(axis in (-1, size) for axis, size in zip(self.shape, tensor.shape, strict=True))
        )


def check_inputs(ports: Mapping[str, Port], inputs: Mapping[str, NDArray[Any]]) -> None:
    """Raise EngineError unless ``inputs`` are exactly what the network takes."""
    if inputs.keys() != ports.keys():
        raise EngineError(f"the network takes the inputs {sorted(ports)}, not {sorted(inputs)}")
    for name, port in ports.items():
        tensor = inputs[name]
        if not port.takes(tensor):
            raise EngineError(
                f"input '{name}' is {tensor.dtype} {list(tensor.shape)}: "
                f"the network takes {port.dtype} {list(port.shape)}"
            )
