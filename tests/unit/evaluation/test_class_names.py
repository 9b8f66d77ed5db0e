from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.evaluation.class_names import match_classes
from belvedere.evaluation.synonyms import SYNONYMS
from belvedere.tasks.label_sets import label_set


def test_all_of_voc_are_in_coco():
    match = match_classes(label_set("coco80"), label_set("voc20"))
    assert match.names == label_set("voc20")
    assert (match.by, match.dataset_only) == ("name", ())
    assert len(match.model_only) == 60
    assert match.renamed["sofa"] == "couch"
    assert match.renamed["tvmonitor"] == "tv"
    ids = np.array([label_set("coco80").index("airplane"), 2, -1, 80])
    assert match.of(ids).tolist() == [0, label_set("voc20").index("car"), -1, -1]


@pytest.mark.parametrize(
    ("labels", "classes", "expected"),
    [
        (["Dog", "Traffic Light"], ["dog", "traffic_light"], {"dog": 0, "traffic_light": 1}),
        (["cat"], ["dog", "CAT "], {"CAT ": 0}),
        (["???", "dog", "???"], ["???", "dog"], {"dog": 1}),
        # A word of a list is enough, unless two labels have it.
        (["malamute, malemute", "husky, sled dog", "chow, sled dog"], ["malemute", "sled dog"], {"malemute": 0}),
        (
            ["spiny lobster", "crayfish"],
            ["spiny lobster, crawfish, crayfish"],
            {"spiny lobster, crawfish, crayfish": 0},
        ),
        # A whole name goes before a word of another label.
        (["crane, bird", "crane"], ["crane"], {"crane": 1}),
        (["crane", "crane"], ["crane"], {"crane": (0, 1)}),
    ],
)
def test_names(labels, classes, expected):
    match = match_classes(labels, classes)
    found = {name: match.number[name] for name in match.number}
    assert set(found) == set(expected)
    for name, ids in expected.items():
        members = np.flatnonzero(match.of_model == found[name]).tolist()
        assert members == (list(ids) if isinstance(ids, tuple) else [ids])


def test_names_that_mean_the_same_are_one_class():
    match = match_classes(["tv", "dog"], ["tvmonitor", "television", "dog"])
    assert match.names == ("tvmonitor", "dog")
    assert match.number == {"tvmonitor": 0, "television": 0, "dog": 1}


def test_numbers_stand_for_classes_where_no_name_fits():
    match = match_classes(["a", "b", "c"], ["0", "2"])
    assert (match.by, match.number) == ("number", {"0": 0, "2": 1})
    assert match.of_model.tolist() == [0, -1, 1]
    assert match_classes(["a", "b", "c"], ["0", "3"]).names == ()


def test_folders_named_by_imagenets_ids():
    match = match_classes(label_set("imagenet1000"), ["n01440764", "n15075141", "n00000001"])
    assert match.by == "ImageNet id"
    assert np.flatnonzero(match.of_model >= 0).tolist() == [0, 999]
    assert match.dataset_only == ("n00000001",)


def test_a_model_without_names_takes_the_datasets_order():
    match = match_classes((), ["a", "b"])
    assert (match.by, match.names, match.of_model.tolist()) == ("order", ("a", "b"), [0, 1])


def test_no_common_class():
    match = match_classes(["a"], ["b"])
    assert (match.names, match.model_only, match.dataset_only) == ((), ("a",), ("b",))


def test_no_name_is_in_two_rows_of_synonyms():
    every = [name.replace(" ", "") for row in SYNONYMS for name in {word.replace(" ", "") for word in row}]
    assert len(every) == len(set(every))


names = st.text(st.sampled_from("abC ,-_?"), max_size=6)


@given(st.lists(names, max_size=6), st.lists(names, max_size=6, unique=True))
def test_every_class_is_judged_or_named(labels, classes):
    match = match_classes(labels, classes)
    assert set(match.number) | set(match.dataset_only) == set(classes)
    assert set(match.number.values()) == set(range(len(match.names)))
    assert set(match.of_model[match.of_model >= 0].tolist()) == set(range(len(match.names)))
    numbers = np.arange(-1, len(match.of_model) + 1)
    assert match.of(numbers)[[0, -1]].tolist() == [-1, -1]
