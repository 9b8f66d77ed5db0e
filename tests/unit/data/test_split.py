from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.core.errors import DatasetError, OptionError
from belvedere.data import Dataset, Record, k_folds, stratified_split


def dataset(normal: int = 20, **kinds: int) -> Dataset:
    records = [Record(f"n{i}", Path(f"n{i}"), "normal") for i in range(normal)]
    for kind, count in kinds.items():
        records += [Record(f"{kind}{i}", Path("x"), "anomaly", kind) for i in range(count)]
    return Dataset(tuple(records))


def names(part: Dataset) -> set[str]:
    return {record.name for record in part}


def test_split_is_stratified_by_label_and_kind() -> None:
    whole = dataset(20, dent=10, cut=5)
    first, second = stratified_split(whole, 0.2, 7)
    assert names(first).isdisjoint(names(second))
    assert names(first) | names(second) == names(whole)
    assert Counter((r.label, r.kind) for r in second) == {
        ("normal", None): 4,
        ("anomaly", "dent"): 2,
        ("anomaly", "cut"): 1,
    }


def test_split_depends_on_seed_and_names_only() -> None:
    whole = dataset(30, dent=9)
    backwards = replace(whole, records=whole.records[::-1])
    first, second = stratified_split(whole, 0.3, 1)
    assert names(stratified_split(backwards, 0.3, 1)[1]) == names(second)
    assert names(stratified_split(whole, 0.3, 2)[1]) != names(second)
    assert [r.name for r in first] == [r.name for r in whole if r.name in names(first)]


def test_the_same_split_in_every_release() -> None:
    assert sorted(names(stratified_split(dataset(8, dent=2), 0.25, 0)[1])) == ["dent0", "n1", "n4"]


def test_adding_pictures_moves_few_others() -> None:
    small, large = dataset(40), dataset(41)
    moved = names(stratified_split(small, 0.25, 3)[1]) ^ names(stratified_split(large, 0.25, 3)[1])
    assert len(moved - {"n40"}) <= 1
    folds = [{r.name: i for i, (_, fold) in enumerate(k_folds(d, 5, 3)) for r in fold} for d in (small, large)]
    assert sum(folds[0][name] != folds[1][name] for name in folds[0]) <= 5


@pytest.mark.parametrize("normal", [2, 3, 10])
@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.99])
def test_a_label_with_two_pictures_is_on_both_sides(normal: int, fraction: float) -> None:
    for part in stratified_split(dataset(normal, dent=2), fraction, 0):
        assert part.normal
        assert part.anomalous


def test_equal_content_stays_together() -> None:
    whole = dataset(40)
    hashes = {record.name: str(i // 4) for i, record in enumerate(whole)}
    parts = stratified_split(whole, 0.25, 5, hashes)
    contents = [{hashes[name] for name in names(part)} for part in parts]
    assert contents[0].isdisjoint(contents[1])
    for rest, fold in k_folds(whole, 5, 5, hashes):
        assert {hashes[r.name] for r in rest}.isdisjoint({hashes[r.name] for r in fold})


@given(
    st.integers(0, 30),
    st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(1, 7), max_size=3),
    st.integers(2, 6),
    st.integers(0, 5),
)
def test_folds_partition_the_dataset(normal: int, kinds: dict[str, int], k: int, seed: int) -> None:
    whole = dataset(normal, **kinds)
    if len(whole) < k:
        with pytest.raises(DatasetError):
            k_folds(whole, k, seed)
        return
    folds = k_folds(whole, k, seed)
    assert len(folds) == k
    counts = Counter(record.name for _, fold in folds for record in fold)
    assert counts == Counter(names(whole))
    for rest, fold in folds:
        assert len(fold)
        assert len(rest) + len(fold) == len(whole)
        assert abs(len(fold.normal) - normal / k) < 1
        for kind, count in kinds.items():
            assert abs(sum(r.kind == kind for r in fold) - count / k) < 1


@given(
    st.integers(2, 40),
    st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(1, 9), max_size=3),
    st.floats(0.01, 0.99),
)
def test_shares_are_right(normal: int, kinds: dict[str, int], fraction: float) -> None:
    first, second = stratified_split(dataset(normal, **kinds), fraction, 0)
    assert abs(len(second.normal) - normal * fraction) <= 1
    anomalous = sum(kinds.values())
    assert abs(len(second.anomalous) - anomalous * fraction) <= 1
    assert len(first) + len(second) == normal + anomalous


@pytest.mark.parametrize("fraction", [0, 1, -0.5, 2, float("nan")])
def test_bad_fraction(fraction: float) -> None:
    with pytest.raises(OptionError, match="fraction"):
        stratified_split(dataset(), fraction, 0)


def test_too_few() -> None:
    with pytest.raises(DatasetError):
        stratified_split(dataset(1), 0.5, 0)
    with pytest.raises(OptionError):
        k_folds(dataset(), 1, 0)
    with pytest.raises(DatasetError, match="cannot fill 5 folds"):
        k_folds(dataset(20), 5, 0, {f"n{i}": str(i % 4) for i in range(20)})
