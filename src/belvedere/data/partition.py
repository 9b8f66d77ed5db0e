"""Dividing a dataset into parts that each hold their share of every class."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from belvedere.core.errors import DatasetError, OptionError
from belvedere.data.dataset import Dataset
from belvedere.data.record import Record, Split

PARTS: Mapping[int, tuple[tuple[str | None, Split], ...]] = {
    2: ((None, "train"), (None, "test")),
    3: ((None, "train"), ("val", "train"), (None, "test")),
}
"""``part`` and ``split`` of the records of each part, by the number of parts."""

Group = tuple[Record, ...]


def partition(
    dataset: Dataset, fractions: Sequence[float], seed: int, hashes: Mapping[str, str] | None = None
) -> tuple[Dataset, ...]:
    """Divide a dataset into ``train`` and ``test``, or ``train``, ``val`` and ``test``.

    Pictures are dealt out by iterative stratification (Sechidis, Tsoumakas, Vlahavas 2011, "On the stratification of
    multi-label data", https://doi.org/10.1007/978-3-642-23808-6_10): the rarest class first, each picture to the part
    that is shortest of that class. A class is anything that is known of a picture: normal or anomaly and the kind, its
    classes, the labels of its instances. The result depends on the seed and on names and classes of the pictures, not
    on their order.

    Args:
        dataset: What to divide; its own parts are ignored.
        fractions: The share of each part, positive, together 1.
        seed: Another seed gives another division.
        hashes: Content hash by name. Pictures of equal content stay together.

    Returns:
        A dataset for each part, its records in the order of ``dataset`` and with their part set.

    Raises:
        OptionError: not two or three positive fractions whose sum is 1.
        DatasetError: fewer pictures than parts.
    """
    if len(fractions) not in PARTS or not all(0 < share < 1 for share in fractions) or abs(sum(fractions) - 1) > 1e-6:
        shown = " ".join(f"{share:g}" for share in fractions)
        raise OptionError(f"fractions are {shown or 'none'}: expected two or three above 0 whose sum is 1, as 0.8 0.2")
    groups = _groups(dataset, hashes)
    if len(groups) < len(fractions):
        raise DatasetError(f"{dataset.name}: {len(groups)} different pictures cannot be divided in {len(fractions)}")
    owner = _deal(groups, fractions, seed)
    parts = []
    for number, (part, split) in enumerate(PARTS[len(fractions)]):
        names = {record.name for place, group in enumerate(groups) if owner[place] == number for record in group}
        records = tuple(replace(record, split=split, part=part) for record in dataset.records if record.name in names)
        parts.append(replace(dataset, records=records))
    return tuple(parts)


def classes_of(record: Record) -> frozenset[str]:
    """Everything that a picture shall be counted by, with what sort of thing it is."""
    found = {f"label {record.label}", f"kind {record.kind}"} if record.label or record.kind else set()
    found.update(f"class {name}" for name in record.classes)
    found.update(f"instance {instance.label}" for instance in record.instances or ())
    if record.instances == ():
        found.add("nothing marked")
    return frozenset(found)


def _groups(dataset: Dataset, hashes: Mapping[str, str] | None) -> list[Group]:
    """Pictures that stay together: those of equal content; sorted by name."""
    together: defaultdict[str, list[Record]] = defaultdict(list)
    for record in sorted(dataset.records, key=lambda record: record.name):
        content = None if hashes is None else hashes.get(record.name)
        together[f"name {record.name}" if content is None else f"content {content}"].append(record)
    return [tuple(group) for group in together.values()]


def _deal(groups: Sequence[Group], fractions: Sequence[float], seed: int) -> dict[int, int]:
    """The part of each group, by its place."""
    classes = [frozenset().union(*map(classes_of, group)) for group in groups]
    order = sorted(range(len(groups)), key=lambda place: _order(seed, groups[place][0].name))
    owner: dict[int, int] = {}
    members: defaultdict[str, list[int]] = defaultdict(list)
    for place in order:
        for name in classes[place]:
            members[name].append(place)
    # How many groups each part still wants: of all, and of each class.
    wanted = [share * len(groups) for share in fractions]
    wanted_of = {name: [share * len(places) for share in fractions] for name, places in members.items()}
    left = Counter({name: len(places) for name, places in members.items()})

    def deal(place: int, of_class: Sequence[float]) -> None:
        part = max(range(len(fractions)), key=lambda one: (of_class[one], wanted[one], -one))
        owner[place] = part
        wanted[part] -= 1
        for name in classes[place]:
            wanted_of[name][part] -= 1
            left[name] -= 1

    while +left:
        rarest = min(+left, key=lambda name: (left[name], name))
        for place in members[rarest]:
            if place not in owner:
                deal(place, wanted_of[rarest])
    for place in order:
        if place not in owner:
            deal(place, wanted)
    return _without_empty(owner, order, len(fractions))


def _without_empty(owner: dict[int, int], order: Sequence[int], parts: int) -> dict[int, int]:
    """Every part with a group at least: an empty one gets the last of the largest."""
    for part in range(parts):
        sizes = Counter(owner.values())
        if not sizes[part]:
            largest = max(sizes, key=lambda one: (sizes[one], -one))
            owner[next(place for place in reversed(order) if owner[place] == largest)] = part
    return owner


def _order(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode("utf-8", "surrogatepass")).digest()
