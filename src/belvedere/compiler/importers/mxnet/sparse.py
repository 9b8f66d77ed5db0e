"""Making MXNet's sparse arrays dense."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

DENSE = (-1, 0)  # undefined storage is dense
_MATRIX = 2


def dense_row_sparse(shape: tuple[int, ...], rows: NDArray[Any], indices: NDArray[Any]) -> NDArray[Any]:
    """Spread the stored rows over an array of zeros.

    Raises:
        ValueError: rows and indices do not fit each other or the shape.
    """
    if rows.shape[1:] != shape[1:] or indices.shape != rows.shape[:1]:
        raise ValueError(f"stored rows {rows.shape} with {indices.shape} indices do not fit the shape {shape}")
    _check_range(indices, shape[0])
    dense = np.zeros(shape, rows.dtype)
    dense[indices.astype(np.int64)] = rows
    return dense


def dense_csr(
    shape: tuple[int, ...], values: NDArray[Any], starts: NDArray[Any], columns: NDArray[Any]
) -> NDArray[Any]:
    """Spread compressed sparse rows over a matrix of zeros.

    Raises:
        ValueError: the index arrays do not fit each other or the shape.
    """
    if len(shape) != _MATRIX or starts.shape != (shape[0] + 1,) or columns.shape != values.shape or columns.ndim != 1:
        raise ValueError(f"index arrays {starts.shape} and {columns.shape} do not fit a matrix of {shape}")
    starts = starts.astype(np.int64)
    counts = np.diff(starts)
    if starts[0] != 0 or starts[-1] != values.size or (counts < 0).any():
        raise ValueError("the row starts do not ascend to the number of stored values")
    _check_range(columns, shape[1])
    dense = np.zeros(shape, values.dtype)
    dense[np.repeat(np.arange(shape[0]), counts), columns.astype(np.int64)] = values
    return dense


def _check_range(indices: NDArray[Any], size: int) -> None:
    if indices.size and not (int(indices.min()) >= 0 and int(indices.max()) < size):
        raise ValueError(f"an index lies outside of 0 to {size - 1}")
