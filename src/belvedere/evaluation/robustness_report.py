"""What field conditions cost a model, as values and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from belvedere.data.transformations import KINDS
from belvedere.tasks.anomaly.intervals import Interval

Figures = Mapping[str, float | None]


@dataclass(frozen=True)
class Condition:
    """What was measured under one transformation at one level.

    Attributes:
        name: The transformation.
        level: 1 to 5.
        figures: The model's figures; None where the pictures do not define one.
        pictures: How many pictures took part.
        example: JPEG of the example picture under it.
    """

    name: str
    level: int
    figures: Figures
    pictures: int
    example: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class RobustnessReport:
    """What a model is worth under field conditions, on a sample of the pictures.

    Means over conditions are those of Michaelis et al. (2019), "Benchmarking robustness in object detection": mean
    performance under corruption, and its share of the performance without.

    Attributes:
        metric: The figure that curves and losses go by.
        clean: The figures of the same pictures as they are.
        interval: 95 % bootstrap interval of ``metric`` there: smaller differences may be chance.
        conditions: What was measured, transformation by transformation, levels rising.
        sample: Names of the pictures.
        available: How many pictures could have been taken.
        levels: The levels that were measured.
        seed: What the sample and the transformations draw from.
        example: JPEG of the example picture as it is.
        example_name: Its name.
        notes: What a reader must know before trusting the figures.
    """

    metric: str
    clean: Figures
    interval: Interval | None
    conditions: tuple[Condition, ...]
    sample: tuple[str, ...]
    available: int
    levels: tuple[int, ...]
    seed: int
    example: bytes = field(repr=False)
    example_name: str
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The transformations, in order."""
        return tuple(dict.fromkeys(one.name for one in self.conditions))

    def curve(self, name: str) -> list[tuple[int, float]]:
        """Level and figure under one transformation, from level 0 (as it is); what is not defined is left out."""
        points = [(0, self.clean.get(self.metric))]
        points += [(one.level, one.figures.get(self.metric)) for one in self.conditions if one.name == name]
        return [(level, value) for level, value in points if value is not None]

    def loss(self, condition: Condition) -> float | None:
        """The share of the figure that a condition takes away; negative where it helps, None where not defined."""
        before, after = self.clean.get(self.metric), condition.figures.get(self.metric)
        return None if not before or after is None else (before - after) / before

    def mean_loss(self, *, name: str | None = None, group: str | None = None) -> float | None:
        """Mean of the losses under one transformation, under those of a group, or under all."""
        return _mean(
            self.loss(one)
            for one in self.conditions
            if name in (None, one.name) and group in (None, KINDS[one.name].group)
        )

    @property
    def mean(self) -> float | None:
        """Mean of the figure over all conditions."""
        return _mean(one.figures.get(self.metric) for one in self.conditions)

    @property
    def relative(self) -> float | None:
        """That mean as a share of the figure without any condition."""
        before, mean = self.clean.get(self.metric), self.mean
        return None if not before or mean is None else mean / before

    @property
    def worst(self) -> Condition | None:
        """The condition with the largest loss; of equal ones the lowest level."""
        known = [(loss, -one.level, one) for one in self.conditions if (loss := self.loss(one)) is not None]
        return max(known, key=lambda entry: entry[:2])[2] if known else None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        worst = self.worst
        return {
            "metric": self.metric,
            "clean": dict(self.clean),
            "clean_interval": None if self.interval is None else asdict(self.interval),
            "mean": self.mean,
            "relative": self.relative,
            "worst": None if worst is None else {"transformation": worst.name, **self._row(worst)},
            "groups": {
                group: {"loss": self.mean_loss(group=group)}
                for group in dict.fromkeys(KINDS[name].group for name in self.names)
            },
            "transformations": {
                name: {
                    "group": KINDS[name].group,
                    "loss": self.mean_loss(name=name),
                    "levels": [self._row(one) for one in self.conditions if one.name == name],
                }
                for name in self.names
            },
            "levels": list(self.levels),
            "sample": {
                "pictures": len(self.sample),
                "of": self.available,
                "seed": self.seed,
                "names": list(self.sample),
            },
            "notes": list(self.notes),
        }

    def _row(self, one: Condition) -> dict[str, Any]:
        return {
            "level": one.level,
            "parameters": dict(KINDS[one.name].levels[one.level - 1]),
            **one.figures,
            "loss": self.loss(one),
            "pictures": one.pictures,
        }


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
