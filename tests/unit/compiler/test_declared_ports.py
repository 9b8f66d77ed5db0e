"""Declared inputs against the graph's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from belvedere.compiler.declared_ports import Own, bare, bind
from belvedere.compiler.importing import Declared
from belvedere.core.errors import CompileError

WHERE = Path("model")
IMAGE = Own("serving_default_image:0", (-1, 32, 32, 3), "float32")
META = Own("serving_default_meta:0", (-1, 5), "float32")


@pytest.mark.parametrize(
    ("name", "short"), [("serving_default_a:0", "a"), ("a:0", "a"), ("a:1", "a:1"), ("a/b", "a/b"), ("a", "a")]
)
def test_names_lose_what_converters_add(name, short):
    assert bare(name) == short


@pytest.mark.parametrize("name", ["image", "image:0", "serving_default_image", "serving_default_image:0"])
def test_every_spelling_of_a_name_finds_the_input_and_stays(name):
    (bound, other), notes = bind([META, IMAGE], [Declared(name, (1, 32, 32, 3))], WHERE)
    assert (bound.own, bound.name, bound.shape) == (IMAGE, name, (1, 32, 32, 3))
    assert (other.name, other.shape) == ("meta", None)
    assert "not declared" in notes[0]


def test_inputs_without_names_are_taken_by_position():
    bound, notes = bind([IMAGE, META], [Declared(None, (1, 32, 32, 3)), Declared(None, (1, 5))], WHERE)
    assert [entry.name for entry in bound] == ["image", "meta"]
    assert notes == ()


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ([Declared("a", (1,)), Declared("b", (1,))], "no input 'a'; there is no input 'b'"),
        ([Declared("image", (1, 3, 32, 32))], r"cannot have the shape \[1, 3, 32, 32\]"),
        ([Declared("image", (1, 32, 32, 3), "float64")], "float64 does not fit"),
        ([Declared("image", (1, 32, 32, 3)), Declared("image:0", (1, 32, 32, 3))], "no input 'image:0'"),
        ([Declared(None, (1,))] * 3, "no input '2'"),
    ],
)
def test_faults_are_listed_with_what_there_is(declared, words):
    with pytest.raises(CompileError, match=words) as caught:
        bind([IMAGE, META], declared, WHERE)
    assert "image [?, 32, 32, 3] float32, meta [?, 5] float32" in str(caught.value)


@pytest.mark.parametrize(
    ("own", "declared", "shape", "turned", "noted"),
    [
        ((-1, 32, 32, 3), (1, 3, 32, 32), (1, 32, 32, 3), True, False),
        ((-1, -1, -1, 3), (1, 3, 40, 56), (1, 40, 56, 3), True, False),
        ((-1, 32, 32, 3), (1, 32, 32, 3), (1, 32, 32, 3), False, True),
        ((-1, 3, 3, 3), (1, 3, 3, 3), (1, 3, 3, 3), True, False),
    ],
    ids=["channels-first", "free-size", "channels-last", "either"],
)
def test_keras_shapes_are_channels_first_unless_only_the_other_reading_fits(own, declared, shape, turned, noted):
    (bound,), notes = bind([Own("x", own, "float32")], [Declared("x", declared)], WHERE, channels_first=True)
    assert (bound.shape, bound.nchw, bool(notes)) == (shape, turned, noted)


def test_a_shape_that_fits_neither_way_names_the_expected_one():
    with pytest.raises(CompileError, match=r"expected NCHW format, \[\?, 3, 32, 32\]"):
        bind([IMAGE], [Declared("image", (1, 4, 32, 32))], WHERE, channels_first=True)
