from __future__ import annotations

import pytest

from belvedere.evaluation.gallery import choose
from belvedere.evaluation.report import PictureRow


def rows(*scores, threshold=0.5):
    """``n0.7`` is a normal picture with score 0.7, ``a0.2`` an anomalous one."""
    return [
        PictureRow(text, "normal" if text[0] == "n" else "anomaly", None, float(text[1:]), float(text[1:]) >= threshold)
        for text in scores
    ]


ALL = ("n0.1", "a0.2", "n0.9", "a0.4", "n0.6", "a0.55", "a0.95", "n0.3", "n0.45", "a0.1")


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (10, ["a0.1", "a0.2", "a0.4", "n0.9", "n0.6", "n0.45", "a0.55", "n0.3", "a0.95", "n0.1"]),
        (6, ["a0.1", "a0.2", "n0.9", "n0.6", "n0.45", "a0.95"]),
        (3, ["a0.1", "n0.9", "n0.45"]),
        (1, ["a0.1"]),
        (0, []),
    ],
)
def test_worst_mistakes_first_then_close_then_clear(size, expected):
    table = rows(*ALL)
    assert [table[index].name for index, _ in choose(table, 0.5, size)] == expected


def test_groups_say_why():
    groups = {rows(*ALL)[index].name: group for index, group in choose(rows(*ALL), 0.5, 10)}
    assert groups["a0.1"] == "missed"
    assert groups["n0.9"] == "false alarm"
    assert groups["n0.45"] == "close call"
    assert groups["a0.95"] == "clear"


def test_room_that_one_kind_of_mistake_leaves_goes_to_the_other():
    table = rows("a0.1", "a0.15", "a0.2", "a0.25", "a0.3", "n0.9")
    shown = [table[index].name for index, _ in choose(table, 0.5, 5)]
    assert shown == ["a0.1", "a0.15", "a0.2", "a0.25", "n0.9"]


@pytest.mark.parametrize("size", range(12))
def test_never_more_than_asked_for_and_never_twice(size):
    chosen = [index for index, _ in choose(rows(*ALL), 0.5, size)]
    assert len(chosen) == len(set(chosen)) == min(size, len(ALL))
