"""The bounded reader of FlatBuffers: damage ends in an error and never elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.compiler.importers.tflite.flatbuffer import root
from belvedere.compiler.importers.tflite.operator_names import operator_name
from belvedere.compiler.importers.tflite.schema import read_graph, without_operator
from belvedere.core.errors import CompileError
from helpers.tflite_files import File, Op, Tensor, encode

FILE = encode(
    File(
        [
            Tensor("x", (1, 4), "uint8", None, 0.5, 3),
            Tensor("weights", (2, 2), "float32", np.float32([[1, 2], [3, 4]])),
            Tensor("y", (1, 4)),
            Tensor("z", (1, 4)),
        ],
        [Op(19, [0], [2]), Op(32, [2, 1], [3], "Own", b"abc"), Op(14, [2], [3])],
        [0],
        [3],
    )
)


def graph_of(content: bytes, folder):
    path = folder / "model.tflite"
    path.write_bytes(content)
    return read_graph(path)


def test_what_was_written_is_read(tmp_path):
    graph = graph_of(FILE, tmp_path)
    assert [(t.name, t.shape, t.dtype, t.scale, t.zero_point) for t in graph.tensors] == [
        ("x", (1, 4), "uint8", 0.5, 3),
        ("weights", (2, 2), "float32", None, 0),
        ("y", (1, 4), "float32", None, 0),
        ("z", (1, 4), "float32", None, 0),
    ]
    np.testing.assert_array_equal(graph.tensors[1].value(), [[1, 2], [3, 4]])
    assert [(op.kind, op.custom, op.inputs, op.outputs, bytes(op.options)) for op in graph.operators] == [
        ("RELU", False, (0,), (2,), b""),
        ("Own", True, (2, 1), (3,), b"abc"),
        ("LOGISTIC", False, (2,), (3,), b""),
    ]
    assert (graph.inputs, graph.outputs) == ((0,), (3,))


@pytest.mark.parametrize("index", [0, 1, 2])
def test_an_operator_can_be_taken_out_wherever_it_stands(tmp_path, index):
    graph = graph_of(FILE, tmp_path)
    cut = graph_of(without_operator(graph, graph.operators[index], (2, 0, 1)), tmp_path)
    kept = [op for op in graph.operators if op.index != index]
    assert [(op.kind, op.inputs, op.outputs) for op in cut.operators] == [
        (op.kind, op.inputs, op.outputs) for op in kept
    ]
    assert cut.outputs == (2, 0, 1)
    assert [tensor.name for tensor in cut.tensors] == [tensor.name for tensor in graph.tensors]


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(FILE) - 1), st.integers(0, 255)), max_size=8), st.integers(0, len(FILE)))
def test_any_damage_is_an_error_of_ours(tmp_path_factory, changes, keep):
    damaged = bytearray(FILE)
    for place, value in changes:
        damaged[place] = value
    folder = tmp_path_factory.getbasetemp()
    try:
        graph = graph_of(bytes(damaged[:keep]), folder)
        for tensor in graph.tensors:
            tensor.value() if len(tensor.content) else None
    except CompileError:
        return
    assert keep > 100


def test_lists_longer_than_the_file_are_refused():
    content = bytearray(FILE)
    table = root(memoryview(FILE), b"TFL3")
    at = table.field(1)
    assert at is not None
    start = at + int.from_bytes(FILE[at : at + 4], "little")
    content[start : start + 4] = b"\xff\xff\xff\x7f"
    with pytest.raises(CompileError, match="ends outside the file"):
        root(memoryview(bytes(content)), b"TFL3").tables(1)


@pytest.mark.parametrize(
    ("code", "name"), [(0, "ADD"), (32, "CUSTOM"), (97, "RESIZE_NEAREST_NEIGHBOR"), (5000, "operator 5000")]
)
def test_operators_have_names(code, name):
    assert operator_name(code) == name
