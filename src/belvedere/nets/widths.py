"""Channel counts of mobile networks."""

from __future__ import annotations


def make_divisible(value: float, divisor: int = 8) -> int:
    """Round to a multiple of ``divisor``, but not down by more than a tenth (MobileNet's reference code)."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded
