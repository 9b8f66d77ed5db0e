from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.core.errors import DatasetError, OptionError
from belvedere.data.dataset import Dataset
from belvedere.data.partition import classes_of, partition
from belvedere.data.record import Record
from helpers.instances import thing


def dataset(*labels: tuple[str, ...]) -> Dataset:
    records = tuple(
        Record(f"{number}.png", Path(f"{number}.png"), instances=tuple(thing(name, 0, 0, 1, 1) for name in names))
        for number, names in enumerate(labels)
    )
    return Dataset(records)


def counts(part: Dataset) -> Counter[str]:
    return Counter(name for record in part for name in classes_of(record))


def test_every_class_gets_its_share_even_a_rare_one() -> None:
    data = dataset(*[("cat",)] * 60, *[("dog",)] * 30, *[("cat", "owl")] * 10, *[()] * 20)
    train, test = partition(data, (0.8, 0.2), seed=3)
    assert (len(train), len(test)) == (96, 24)
    assert counts(test) == {"instance cat": 14, "instance dog": 6, "instance owl": 2, "nothing marked": 4}
    assert {record.split for record in train} == {"train"}
    assert {record.split for record in test} == {"test"}


def test_three_parts() -> None:
    parts = partition(dataset(*[("cat",)] * 20), (0.5, 0.3, 0.2), seed=0)
    assert [len(part) for part in parts] == [10, 6, 4]
    assert [(part.records[0].split, part.records[0].part) for part in parts] == [
        ("train", None),
        ("train", "val"),
        ("test", None),
    ]


label_sets = st.lists(st.sets(st.sampled_from("abcd")).map(lambda names: tuple(sorted(names))), min_size=3, max_size=40)


@given(label_sets, st.sampled_from([(0.8, 0.2), (0.5, 0.5), (0.6, 0.2, 0.2)]), st.integers(0, 5))
@settings(max_examples=80, deadline=None)
def test_parts_cover_everything_once_and_do_not_depend_on_the_order(
    labels: list[tuple[str, ...]], fractions: tuple[float, ...], seed: int
) -> None:
    data = dataset(*labels)
    parts = partition(data, fractions, seed)
    names = [record.name for part in parts for record in part]
    assert sorted(names) == sorted(record.name for record in data)
    assert all(len(part) for part in parts)
    turned = partition(replace(data, records=data.records[::-1]), fractions, seed)
    assert [{record.name for record in part} for part in parts] == [{record.name for record in part} for part in turned]


def test_another_seed_divides_otherwise() -> None:
    data = dataset(*[("cat",)] * 40)
    halves = [{record.name for record in partition(data, (0.5, 0.5), seed)[0]} for seed in range(3)]
    assert len(set(map(frozenset, halves))) == 3


def test_equal_content_stays_together() -> None:
    data = dataset(*[("cat",)] * 10)
    hashes = {record.name: str(int(record.name[0]) // 2) for record in data}
    train, test = partition(data, (0.6, 0.4), 0, hashes)
    assert not {hashes[record.name] for record in train} & {hashes[record.name] for record in test}


def test_classes_and_labels_count_too() -> None:
    assert classes_of(Record("a", Path("a"), "anomaly", "dent")) == {"label anomaly", "kind dent"}
    assert classes_of(Record("a", Path("a"), category="cat")) == {"class cat"}
    assert classes_of(Record("a", Path("a"), categories=("x", "y"))) == {"class x", "class y"}


@pytest.mark.parametrize("fractions", [(), (1.0,), (0.5, 0.6), (1.2, -0.2), (0.25,) * 4, (0.5, float("nan"))])
def test_wrong_fractions(fractions: tuple[float, ...]) -> None:
    with pytest.raises(OptionError, match="expected two or three above 0 whose sum is 1"):
        partition(dataset(("a",), ("b",)), fractions, 0)


def test_too_few_pictures() -> None:
    with pytest.raises(DatasetError, match="1 different pictures cannot be divided in 2"):
        partition(dataset(("a",)), (0.5, 0.5), 0)
