"""Which field conditions a model is judged under, and on how many pictures."""

from __future__ import annotations

from dataclasses import dataclass

from belvedere.core.errors import OptionError
from belvedere.data.transformations import KINDS, Transformation


@dataclass(frozen=True)
class RobustnessOptions:
    """Which conditions, and on how many pictures.

    Attributes:
        transformations: Names of transformations (see `belvedere.data.transformations.KINDS`).
        levels: Levels of each, 1 to 5.
        pictures: Most pictures that are judged under each.
        seed: What the sample and the transformations draw from.

    Raises:
        OptionError: there is no such transformation or level, or no picture is wanted.
    """

    transformations: tuple[str, ...] = tuple(KINDS)
    levels: tuple[int, ...] = (1, 3, 5)
    pictures: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.transformations or not self.levels or self.pictures < 1:
            raise OptionError("robustness needs at least one transformation, one level and one picture")
        if min(self.levels) < 1:
            raise OptionError(f"level {min(self.levels)}: expected 1 to 5; the pictures as they are are always judged")
        for name in self.transformations:
            for level in self.levels:
                Transformation(name, level, self.seed)

    @property
    def conditions(self) -> tuple[Transformation, ...]:
        """Every transformation at every level, each once, levels rising."""
        levels = sorted(set(self.levels))
        return tuple(
            Transformation(name, level, self.seed) for name in dict.fromkeys(self.transformations) for level in levels
        )
