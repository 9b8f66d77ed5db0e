"""Reading a network's outputs, with errors that say what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import EngineError

Outputs = Mapping[str, NDArray[Any]]
"""Output name to array for one picture, first axis 1."""


def find_output(outputs: Outputs, name: str, *, rows: bool = False) -> NDArray[Any]:
    """The output ``name``; float16 as float32, in which everything behind it computes.

    Args:
        outputs: What there is.
        name: Which one.
        rows: Whether it may have no rows, as that of a network that found nothing.

    Raises:
        EngineError: there is none, or it is empty.
    """
    if name not in outputs:
        have = ", ".join(outputs) or "none"
        raise EngineError(f"the network has no output '{name}' (it has: {have}); the artifact does not fit")
    values = outputs[name]
    if not values.size and not (rows and len(values) and values.ndim > 1):
        raise EngineError(f"network output '{name}' is empty: shape {values.shape}")
    return values.astype(np.float32) if values.dtype == np.float16 else values


def as_rows(name: str, values: NDArray[Any], columns: int | None) -> NDArray[np.float32]:
    """One picture's output as rows, float32 (n, columns): all axes but the last are rows; ``columns`` 1 flattens.

    The rows are those of the output itself where it is float32: they are to be read, not written.

    Args:
        name: Name of the output, for messages.
        values: The output.
        columns: Length of the last axis; None for any of at least 2.

    Raises:
        EngineError: the last axis has another length.
    """
    if columns == 1:
        return values.reshape(-1, 1).astype(np.float32, copy=False)
    fits = values.ndim >= 2 and (values.shape[-1] == columns if columns else values.shape[-1] >= 2)
    if not fits:
        wanted = columns or "at least 2"
        raise EngineError(
            f"network output '{name}' has shape {values.shape}, expected {wanted} numbers on its last axis"
        )
    return values.reshape(-1, values.shape[-1]).astype(np.float32, copy=False)


def check_numbers(name: str, values: NDArray[Any]) -> None:
    """Raises EngineError where a value is not a finite number."""
    if not np.isfinite(values).all():
        raise EngineError(f"network output '{name}' holds values that are not finite numbers")
