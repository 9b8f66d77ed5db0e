"""Which class of a model is which class of a dataset."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from belvedere.data.labels import squeeze
from belvedere.evaluation.synonyms import SYNONYMS
from belvedere.tasks.label_names import class_name

_UNNAMED = frozenset({"", "???"})
_WORDNET = re.compile(r"n\d{8}")
_IMAGENET = 1000

By = Literal["name", "number", "order", "ImageNet id"]


@dataclass(frozen=True, eq=False)
class ClassMatch:
    """Classes of a model beside those of a dataset.

    Attributes:
        names: The classes that both know, by the dataset's names, in its order.
        by: How they were matched: by ``name``; by ``number``, where the dataset's classes are called 0, 1, ...; by
            ``order``, where the model names none; or by ``ImageNet id``, such as n01440764.
        number: Name of a class in the dataset to its place in ``names``; unknown ones are missing.
        of_model: Place in ``names`` of each class of the model, int64 (L,); -1 where the dataset lacks it.
        model_only: Classes that the dataset lacks.
        dataset_only: Classes that the model cannot know.
        renamed: Dataset's name to the model's, where they differ.
    """

    names: tuple[str, ...]
    by: By
    number: Mapping[str, int]
    of_model: NDArray[np.int64]
    model_only: tuple[str, ...]
    dataset_only: tuple[str, ...]
    renamed: Mapping[str, str]

    def of(self, class_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Places in ``names`` of classes of the model, -1 where the dataset lacks them, int64 (n,)."""
        known = (class_ids >= 0) & (class_ids < len(self.of_model))
        return np.where(known, self.of_model[np.where(known, class_ids, 0)] if len(self.of_model) else -1, -1)


def match_classes(labels: Sequence[str], classes: Sequence[str]) -> ClassMatch:
    """Match names; case, spaces, ``-`` and ``_`` do not matter, nor which of several words for a thing is used.

    A name is the same as its row of `belvedere.evaluation.synonyms.SYNONYMS`; where a label is a list with commas, as
    ImageNet's are, one of its words is enough if no other label has it; of a dataset's list the first such word
    decides. Classes of a dataset that mean the same are one class, and so are labels of a model.

    Args:
        labels: The model's, by class number; ``???`` and empty ones stand for nothing.
        classes: The dataset's.

    Returns:
        The match; maybe without any class that both know.
    """
    if not labels:
        numbers = {name: number for number, name in enumerate(classes)}
        return _matched("order", [class_name((), number) for number in range(len(classes))], numbers)
    named = _by_name(labels, classes)
    if not named and classes and all(name.isdecimal() and int(name) < len(labels) for name in classes):
        return _matched("number", labels, {name: int(name) for name in classes})
    if not named and len(labels) == _IMAGENET and any(_WORDNET.fullmatch(name) for name in classes):
        ids = {name: number for number, name in enumerate(_imagenet_ids())}
        return _matched("ImageNet id", labels, {name: ids[name] for name in classes if name in ids}, classes)
    return _matched("name", labels, named, classes)


def _matched(
    by: By, labels: Sequence[str], found: Mapping[str, int | tuple[int, ...]], classes: Iterable[str] | None = None
) -> ClassMatch:
    """A match from the model's class numbers of each name."""
    places: dict[tuple[int, ...], int] = {}
    names: list[str] = []
    number: dict[str, int] = {}
    renamed: dict[str, str] = {}
    of_model = np.full(len(labels), -1, dtype=np.int64)
    for name, ids in found.items():
        key = ids if isinstance(ids, tuple) else (ids,)
        if key not in places:
            places[key] = len(names)
            names.append(name)
            of_model[list(key)] = places[key]
        number[name] = places[key]
        if labels[key[0]] != name:
            renamed[name] = labels[key[0]]
    left = [label for label, place in zip(labels, of_model.tolist(), strict=True) if place < 0]
    return ClassMatch(
        names=tuple(names),
        by=by,
        number=number,
        of_model=of_model,
        model_only=tuple(label for label in left if label not in _UNNAMED),
        dataset_only=tuple(name for name in classes or () if name not in number),
        renamed=renamed,
    )


def _by_name(labels: Sequence[str], classes: Sequence[str]) -> dict[str, tuple[int, ...]]:
    whole: defaultdict[str, list[int]] = defaultdict(list)
    words: defaultdict[str, set[int]] = defaultdict(set)
    for number, label in enumerate(labels):
        if label not in _UNNAMED:
            whole[_key(label)].append(number)
            for word in label.split(","):
                words[_key(word)].add(number)
    found = {name: tuple(whole[_key(name)]) for name in classes if _key(name) in whole}
    taken = {number for numbers in found.values() for number in numbers}
    for name in classes:
        if name in found:
            continue
        meant = [words[_key(word)] - taken for word in name.split(",") if _key(word) in words]
        single = next((numbers for numbers in meant if len(numbers) == 1), None)
        if single is not None:
            found[name] = tuple(single)
    return {name: found[name] for name in classes if name in found}


def _key(name: str) -> str:
    plain = squeeze(name)
    return _CANONICAL.get(plain, plain)


def _imagenet_ids() -> list[str]:
    """WordNet ids of ImageNet's 1000 classes in the usual order."""
    return resources.files("belvedere.evaluation").joinpath("imagenet_ids.txt").read_text("ascii").split()


_CANONICAL = {squeeze(name): squeeze(row[0]) for row in SYNONYMS for name in row}
