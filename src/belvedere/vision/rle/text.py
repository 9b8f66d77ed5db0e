"""The letters in which COCO files keep run lengths.

From the fourth on, each count is the difference to the one before the last. A number is cut into groups of five bits,
lowest first; each group is a letter, of code 48 and more, and its sixth bit says that another follows. The highest bit
of the last group is the sign (``rleToString`` of the COCO API).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import DatasetError

_BITS, _FIRST, _MORE, _SIGN = 5, 48, 0x20, 0x10
_MOST_LETTERS = 7
"""Letters of the longest number: a difference of two counts of 32 bits."""


def write_counts(counts: NDArray[np.uint32]) -> str:
    """Counts as letters."""
    numbers = counts.astype(np.int64)
    numbers[3:] -= counts[1:-2].astype(np.int64)
    shifts = _BITS * np.arange(_MOST_LETTERS)
    limits = np.int64(_SIGN) << shifts
    fits = (numbers[:, None] >= -limits) & (numbers[:, None] < limits)
    length = fits.argmax(axis=1) + 1
    place = np.arange(_MOST_LETTERS)
    groups = (numbers[:, None] >> shifts) & 0x1F
    groups = np.where(place < length[:, None] - 1, groups | _MORE, groups) + _FIRST
    return str(groups[place < length[:, None]].astype(np.uint8).tobytes(), "ascii")


def read_counts(text: str) -> NDArray[np.int64]:
    """Counts from letters, int64 (n,); they may be negative or too many where the text is damaged.

    Raises:
        DatasetError: a letter is none of the 64, or the last number is cut off.
    """
    try:
        letters = np.frombuffer(text.encode("ascii"), dtype=np.uint8).astype(np.int64) - _FIRST
    except UnicodeEncodeError as error:
        raise DatasetError("compressed counts hold a letter that is not ASCII") from error
    if not letters.size:
        raise DatasetError("compressed counts are empty")
    if letters.min() < 0 or letters.max() > 0x3F:
        raise DatasetError("compressed counts hold a letter beyond '0' to 'o'")
    last = np.flatnonzero(letters & _MORE == 0)
    if not last.size or last[-1] != len(letters) - 1:
        raise DatasetError("compressed counts are cut off")
    first = np.concatenate([[0], last[:-1] + 1])
    length = last - first + 1
    if length.max() > _MOST_LETTERS:
        raise DatasetError(f"compressed counts hold a number of {length.max()} letters: expected {_MOST_LETTERS}")
    place = np.arange(len(letters)) - np.repeat(first, length)
    numbers = np.add.reduceat((letters & 0x1F) << (_BITS * place), first)
    numbers -= np.where(letters[last] & _SIGN, np.int64(1) << (_BITS * length), 0)
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return np.asarray(numbers)
