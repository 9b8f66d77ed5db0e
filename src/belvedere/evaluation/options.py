"""How an evaluation is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from belvedere.core.errors import OptionError

Progress = Callable[[str, int, int], None]
"""Called with the name of the step, how many are done, and how many there are."""


@dataclass(frozen=True)
class Options:
    """Options that evaluations of all tasks have.

    Attributes:
        seed: Seed of the bootstrap.
        bootstrap: Resamples for the intervals; 0 for none.
        gallery: Most pictures in the report's gallery.
        progress: Called after every picture.

    Raises:
        OptionError: ``bootstrap`` or ``gallery`` is negative.
    """

    seed: int = 0
    bootstrap: int = 1000
    gallery: int = 24
    progress: Progress | None = None

    def __post_init__(self) -> None:
        if self.bootstrap < 0 or self.gallery < 0:
            raise OptionError(f"bootstrap ({self.bootstrap}) and gallery ({self.gallery}) must be 0 or more")
