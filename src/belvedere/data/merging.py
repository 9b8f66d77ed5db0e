"""Several files as the parts of one dataset."""

from __future__ import annotations

from collections.abc import Sequence

from belvedere.data import labels
from belvedere.data.dataset import Dataset, Problem
from belvedere.data.parts import with_parts
from belvedere.data.record import Record


def merge_parts(datasets: Sequence[Dataset], name: str) -> Dataset:
    """One dataset of several, each of which is the part that its name says; the names of pictures must not clash.

    A picture that several hold is taken from the first.
    """
    if len(datasets) == 1 and not labels.is_split_word(datasets[0].name):
        return datasets[0]
    records: dict[str, Record] = {}
    words: dict[str, str] = {}
    problems: list[Problem] = []
    classes: dict[str, None] = {}
    colors: dict[str, str] = {}
    for dataset in datasets:
        problems += dataset.problems
        classes.update(dict.fromkeys(dataset.classes))
        colors = {**dataset.colors, **colors}
        for record in dataset.records:
            if record.name in records:
                problems.append(Problem(dataset.name, f"'{record.name}' is in another part too; that counts"))
                continue
            records[record.name] = record
            if labels.is_split_word(dataset.name):
                words[record.name] = dataset.name
    types = tuple(dict.fromkeys(kind for dataset in datasets for kind in dataset.types))
    parted = with_parts(records.values(), words)
    return Dataset(parted, name, types, colors, tuple(problems), tuple(classes), form=datasets[0].form)
