"""Dividing a dataset, the same way every time.

Pictures are ordered by a hash of the seed and their name, and the parts are cut from that order. So the
result depends on seed and names only, not on the order of the records, and adding pictures moves few of the
others.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence

from belvedere.core.errors import DatasetError, OptionError
from belvedere.data.dataset import Dataset
from belvedere.data.record import Record

Group = tuple[Record, ...]
Stratum = tuple[str, str]


def stratified_split(
    dataset: Dataset, fraction: float, seed: int, hashes: Mapping[str, str] | None = None
) -> tuple[Dataset, Dataset]:
    """Divide a dataset in two.

    Every label with at least two pictures is in both parts, in the share asked for as nearly as whole
    pictures allow; within a label, the kinds are too. Of pictures that are neither normal nor anomalous, every
    class is. For pictures with several classes or instances see ``belvedere.data.partition``.

    Args:
        dataset: What to divide; its own parts (``split``) are ignored.
        fraction: Share of the second part, between 0 and 1.
        seed: Another seed gives another division.
        hashes: Content hash by name (``CheckResult.hashes``). Pictures of equal content stay together.

    Returns:
        The first part (for training) and the second (for testing).

    Raises:
        OptionError: ``fraction`` is not between 0 and 1.
        DatasetError: fewer than two pictures.
    """
    if not 0 < fraction < 1:
        raise OptionError(f"fraction is {fraction}; expected a number between 0 and 1, such as 0.2")
    if len(dataset) < 2:
        raise DatasetError(f"{dataset.name}: {len(dataset)} pictures cannot be divided in two")
    strata = _strata(dataset, seed, hashes)
    second: set[str] = set()
    for label in sorted({label for label, _ in strata}):
        kinds = {kind: groups for (other, kind), groups in strata.items() if other == label}
        for kind, quota in _quotas(kinds, fraction).items():
            second.update(record.name for group in kinds[kind][:quota] for record in group)
    return _without_and_with(dataset, second)


def k_folds(
    dataset: Dataset, k: int, seed: int, hashes: Mapping[str, str] | None = None
) -> tuple[tuple[Dataset, Dataset], ...]:
    """Divide a dataset into ``k`` folds, each label and kind spread over all of them.

    Args:
        dataset: What to divide.
        k: Number of folds, at least 2.
        seed: Another seed gives other folds.
        hashes: Content hash by name; pictures of equal content stay together.

    Returns:
        For each fold, the pictures outside of it and the pictures in it. Every picture is in one fold.

    Raises:
        OptionError: ``k`` is less than 2.
        DatasetError: fewer different pictures than folds.
    """
    if k < 2:
        raise OptionError(f"k is {k}; expected at least 2 folds")
    strata = _strata(dataset, seed, hashes)
    count = sum(len(groups) for groups in strata.values())
    if count < k:
        raise DatasetError(f"{dataset.name}: {count} different pictures cannot fill {k} folds")
    folds: list[set[str]] = [set() for _ in range(k)]
    for stratum in sorted(strata):
        groups = strata[stratum]
        # Smallest folds first, so that strata of fewer than k pictures do not pile up in the same ones.
        order = sorted(range(k), key=lambda fold: (len(folds[fold]), fold))
        for rank, group in enumerate(groups):
            place = rank if len(groups) < k else rank * k // len(groups)
            folds[order[place]].update(record.name for record in group)
    return tuple(_without_and_with(dataset, fold) for fold in folds)


def _without_and_with(dataset: Dataset, names: set[str]) -> tuple[Dataset, Dataset]:
    return dataset.subset(lambda record: record.name not in names), dataset.subset(names)


def _strata(dataset: Dataset, seed: int, hashes: Mapping[str, str] | None) -> dict[Stratum, list[Group]]:
    """Groups of pictures that stay together, by label and kind, in the order of the seed."""
    together: defaultdict[str, list[Record]] = defaultdict(list)
    for record in sorted(dataset.records, key=lambda record: record.name):
        content = None if hashes is None else hashes.get(record.name)
        together[f"name {record.name}" if content is None else f"content {content}"].append(record)
    strata: defaultdict[Stratum, list[Group]] = defaultdict(list)
    for group in together.values():
        first = group[0]
        strata[first.label or "", first.kind or first.category or ""].append(tuple(group))
    for groups in strata.values():
        groups.sort(key=lambda group: _order(seed, group[0].name))
    return dict(strata)


def _order(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode("utf-8", "surrogatepass")).digest()


def _quotas(kinds: Mapping[str, Sequence[Group]], fraction: float) -> dict[str, int]:
    """How many groups of each kind go into the second part: largest remainders of the exact shares."""
    total = sum(len(groups) for groups in kinds.values())
    wanted = min(max(round(total * fraction), 1), total - 1)
    exact = {kind: len(groups) * wanted / total for kind, groups in kinds.items()}
    quotas = {kind: int(share) for kind, share in exact.items()}
    by_remainder = sorted(kinds, key=lambda kind: (quotas[kind] - exact[kind], kind))
    for kind in by_remainder[: wanted - sum(quotas.values())]:
        quotas[kind] += 1
    return quotas
