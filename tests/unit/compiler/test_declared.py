"""Declared inputs in the forms that users have."""

from __future__ import annotations

import contextlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.compiler.declared import declared_inputs, read_descriptor
from belvedere.compiler.importing import Declared
from belvedere.compiler.literals import read_literal
from belvedere.core.errors import CompileError

PICTURE = (1, 3, 224, 224)


@pytest.mark.parametrize(
    "value",
    [
        '{"data": [1, 3, 224, 224]}',
        "{'data': [1,3,224,224]}",
        "{'data':(1, 3, 224, 224,),}",
        "{u'data': (1L, 3L, 224L, 224L)}",
        ' {"data": {"shape": [1, 3, 224, 224]}} ',
        '{"data": "1x3x224x224"}',
        '[{"name": "data", "shape": [1, 3, 224, 224]}]',
        "data=1x3x224x224",
        "data = 1 x 3 x 224 x 224",
        "data=1,3,224,224",
        "data=[1, 3, 224, 224]",
        ["data=1x3x224x224"],
        {"data": PICTURE},
        {"data": [1, 3, 224, 224]},
        {"data": np.array(PICTURE).tolist()},
        {"data": tuple(np.array(PICTURE))},
        Declared("data", PICTURE),
        [Declared("data", PICTURE)],
    ],
)
def test_forms_of_one_named_input(value: object) -> None:
    assert declared_inputs(value) == (Declared("data", PICTURE),)


@pytest.mark.parametrize(
    "value", ["[[1,3,224,224]]", "[1,3,224,224]", "1x3x224x224", [PICTURE], PICTURE, [list(PICTURE)], ["1x3x224x224"]]
)
def test_forms_of_one_input_without_a_name(value: object) -> None:
    assert declared_inputs(value) == (Declared(None, PICTURE),)


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("data=?x3x224x224", (-1, 3, 224, 224)),
        ("data=-1x3x-1x-1", (-1, 3, -1, -1)),
        ('{"data": [null, 3, -1, 224]}', (-1, 3, -1, 224)),
        ("{'data': [None, 3, '?', 224]}", (-1, 3, -1, 224)),
        ({"data": (None, 3, 8, 8)}, (-1, 3, 8, 8)),
        ('{"data": {"shape": ["1..10", 160, 160, 3], "default_shape": [1, 160, 160, 3]}}', (1, 160, 160, 3)),
        ('{"data": {"shape": ["1..10", 160, "4..4", 3]}}', (-1, 160, 4, 3)),
        ('{"data": {"shape": [[1, 224, 224, 3], [1, 160, 160, 3]]}}', (1, 224, 224, 3)),
        (
            '{"data": {"shape": [[1, 224, 224, 3], [1, 160, 160, 3]], "default_shape": [1, 160, 160, 3]}}',
            (1, 160, 160, 3),
        ),
        ('{"data": {"shape": [1, 3], "default_shape": [2, 3], "type": "Image", "scale": 0.5}}', (1, 3)),
        ("data=scalar", ()),
        ('{"data": []}', ()),
        ('{"data": 5}', (5,)),
    ],
)
def test_shapes(value: object, shape: tuple[int, ...]) -> None:
    assert declared_inputs(value) == (Declared("data", shape),)


def test_order_names_and_types() -> None:
    assert declared_inputs('{"b": [1], "a": [2]}') == (Declared("b", (1,)), Declared("a", (2,)))
    assert declared_inputs(["image:0=1x300x300x3:uint8", "x=y=4:FP32"]) == (
        Declared("image:0", (1, 300, 300, 3), "uint8"),
        Declared("x=y", (4,), "float32"),
    )
    assert declared_inputs("[[1, 2], [3]]") == (Declared(None, (1, 2)), Declared(None, (3,)))
    assert declared_inputs(None) == declared_inputs([]) == declared_inputs("{}") == ()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("data", "no length of an axis"),
        ("data=", "no shape"),
        ("", "no shape"),
        ("data=1x0x3", "an axis of 0"),
        ("data=1x-3", "'-3' is no length"),
        ('{"data": [1, -3]}', "an axis of -3"),
        ('{"data": [' + "9" * 5000 + "]}", "neither JSON"),
        ("data=1x3x8x8:complex64", "no element type 'complex64'"),
        ('{"data": [1, 3, 224, 224]', "neither JSON nor a Python literal"),
        ('{"data": [1, 3, 224, 224]]', "neither JSON nor a Python literal"),
        ("{'data': [1, __import__('os').getpid()]}", "neither JSON nor a Python literal"),
        ('{"data": [1], "data": [2]}', "there twice"),
        (["data=1x3", "data=1x4"], "declared twice: data"),
        (["data=1x3", "1x4"], "name all or none"),
        ('{"data": [1.5, 3]}', "no length of an axis"),
        ('{"data": [true, 3]}', "no length of an axis"),
        ('{"data": {"type": "Image"}}', "have no shape"),
        ('{"": [1]}', "no name"),
        ({3: (1,)}, "no name"),
        ("data=" + "x".join(["1"] * 9), "9 axes"),
        ("data=1x99999999999", "an axis of 99999999999"),
        ("data=2000000000x2000000000", "elements"),
        ({"data": (1 << 100,)}, "an axis of"),
        ([(1,)] * 65, "at most 64"),
        (3.5, "type float"),
        ("[" * 5000, "nested more than 16 deep"),
        ("(" * 17 + ")" * 17, "nested more than 16 deep"),
        ("[" + "1," * 10_000 + "]", "characters"),
    ],
)
def test_what_is_refused(value: object, message: str) -> None:
    with pytest.raises(CompileError, match=message):
        declared_inputs(value)


def test_a_panorama_descriptor() -> None:
    inputs = [{"name": "data", "shape": [1, 3, 512, 512]}, {"name": "sizes", "shape": [1], "type": "int64"}]
    content = {
        "mlModelDescriptor": {
            "envelopeVersion": "2021-01-01",
            "framework": "PYTORCH",
            "frameworkVersion": "1.8",
            "inputs": inputs,
            "precisionMode": "FP16",
            "outputs": ["boxes", {"name": "scores"}],
        }
    }
    found = read_descriptor(json.dumps(content).encode())
    assert (found.framework, found.version, found.precision) == ("pytorch", "1.8", "f16")
    assert found.inputs == (Declared("data", (1, 3, 512, 512)), Declared("sizes", (1,), "int64"))
    assert found.outputs == ("boxes", "scores")
    assert read_descriptor(content) == found
    del content["mlModelDescriptor"]["precisionMode"]
    assert read_descriptor(content).precision == "f32"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"runtimeDescriptor": {}}', "code package"),
        ('{"mlModelDescriptor": {"inputs": []}}', "no framework"),
        ('{"mlModelDescriptor": {"framework": "MXNET"}}', "lists no inputs"),
        ('{"mlModelDescriptor": {"framework": "MXNET", "inputs": [{"name": "data"}]}}', "no shape|no length"),
        ('{"mlModelDescriptor": {"framework": "MXNET", "inputs": [{"name": "", "shape": [1]}]}}', "no name"),
        (
            '{"mlModelDescriptor": {"framework": "M", "inputs": [{"name": "a", "shape": [1]}], "precisionMode": 8}}',
            "FP16",
        ),
    ],
)
def test_descriptors_that_are_refused(text: str, message: str) -> None:
    with pytest.raises(CompileError, match=message):
        read_descriptor(text)


AXES = st.lists(st.one_of(st.integers(1, 64), st.none()), min_size=1, max_size=4)
NAMES = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)


@given(st.dictionaries(NAMES, AXES, min_size=1, max_size=4))
def test_json_and_python_text_mean_the_same(inputs: dict[str, list[int | None]]) -> None:
    wanted = tuple(Declared(name, tuple(-1 if a is None else a for a in shape)) for name, shape in inputs.items())
    assert declared_inputs(json.dumps(inputs)) == declared_inputs(repr(inputs)) == wanted
    assert declared_inputs(repr({name: tuple(shape) for name, shape in inputs.items()})) == wanted


@given(st.one_of(st.text(max_size=60), st.text("{}[](),:'\"0123456789.xX-= abNone", max_size=60)))
def test_any_text_is_read_or_refused_by_our_error(text: str) -> None:
    for read in (declared_inputs, read_literal, read_descriptor):
        with contextlib.suppress(CompileError):
            read(text)
