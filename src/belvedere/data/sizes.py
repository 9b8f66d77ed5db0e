"""Whether pictures are as large as their annotations say."""

from __future__ import annotations

from belvedere.core.errors import ImageError, LimitError
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.data.dataset import Dataset, Problem
from belvedere.data.record import Record
from belvedere.data.statistics import size_of


def size_problems(dataset: Dataset, limits: Limits = DEFAULT_LIMITS) -> tuple[Problem, ...]:
    """The pictures whose annotation declares another size than they have; reads the head of each that declares one.

    Pictures that cannot be read are not named here.
    """
    found = []
    for record in dataset.records:
        if record.declared_size is None:
            continue
        try:
            size = size_of(record, limits)
        except (ImageError, LimitError):
            continue
        problem = size_problem(record, size)
        if problem is not None:
            found.append(problem)
    return tuple(found)


def readable(dataset: Dataset, limits: Limits = DEFAULT_LIMITS) -> tuple[Dataset, tuple[Problem, ...]]:
    """The pictures whose head can be read, and what is wrong with the others."""
    found: dict[str, Problem] = {}
    for record in dataset.records:
        try:
            size_of(record, limits)
        except (ImageError, LimitError) as error:
            reason = str(error).removeprefix(f"{record.name}: ")
            found[record.name] = Problem(record.name, f"{reason}; left out")
    return dataset.subset(lambda record: record.name not in found), tuple(found.values())


def size_problem(record: Record, size: tuple[int, int]) -> Problem | None:
    """What is wrong with the declared size of a picture of this width and height; None where nothing is."""
    declared = record.declared_size
    if declared is None or declared == size:
        return None
    reason = f"the annotation says {declared[0]} x {declared[1]} pixels, but the picture is {size[0]} x {size[1]}"
    if declared == (size[1], size[0]):
        reason += " as its EXIF orientation turns it; it was annotated lying on its side: its boxes are in wrong places"
    else:
        reason += "; its boxes are in wrong places"
    return Problem(record.name, reason)
