"""ONNX models that are damaged, hostile, or not for these engines."""

from __future__ import annotations

import contextlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from belvedere.core.errors import BelvedereError, CompileError, LimitError
from helpers.onnx_models import constant, conv_net, imported, model, tensor


def test_custom_operators_are_all_listed_with_their_nodes(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Magic", ["x"], ["a"], "first", domain="acme"),
        helper.make_node("Magic", ["a"], ["b"], domain="acme"),
        helper.make_node("Wobble", ["b"], ["c"], "wobbly"),
        helper.make_node("If", ["cond"], ["y"], "if", then_branch=_branch("Hidden"), else_branch=_branch("Relu")),
    ]
    ports = [tensor("x", [1]), tensor("cond", [], TensorProto.BOOL)]
    with pytest.raises(CompileError) as error:
        imported(tmp_path, model(nodes, ports, [tensor("y", [1])], domains=["acme"]))
    message = str(error.value)
    assert "acme::Magic in 'first', 'b'" in message
    assert "Wobble (opset 17) in 'wobbly'" in message
    assert "Hidden (opset 17)" in message
    assert "If" not in message.replace("'if'", "").split("operators")[1][:10]


def _branch(op: str) -> onnx.GraphProto:
    return helper.make_graph([helper.make_node(op, ["c"], ["z"])], "branch", [], [tensor("z", [1])])


def test_an_operator_of_onnx_runtime_is_taken_and_noted(tmp_path: Path) -> None:
    node = helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")
    found = imported(tmp_path, model([node], [tensor("x", [2])], [tensor("y", [2])], domains=["com.microsoft"]))
    assert "Gelu" in found.notes[0]


def test_a_cycle_is_named(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["s"], "start"),
        helper.make_node("Add", ["s", "c"], ["a"], "one"),
        helper.make_node("Relu", ["a"], ["b"], "two"),
        helper.make_node("Relu", ["b"], ["c"], "three"),
        helper.make_node("Relu", ["c"], ["y"], "end"),
    ]
    with pytest.raises(CompileError, match=r"cycle: .*'one' -> 'two' -> 'three'|cycle: .*'two' -> 'three' -> 'one'"):
        imported(tmp_path, model(nodes, [tensor("x", [1])], [tensor("y", [1])]))


def test_functions_that_call_each_other(tmp_path: Path) -> None:
    def function(name: str, calls: str, times: int = 1) -> onnx.FunctionProto:
        names = ["x", *(f"t{n}" for n in range(times - 1)), "y"]
        body = [helper.make_node(calls, [a], [b], domain="mine") for a, b in pairwise(names)]
        return helper.make_function("mine", name, ["x"], ["y"], body, [helper.make_opsetid("mine", 1)])

    def net(functions: list[onnx.FunctionProto]) -> onnx.ModelProto:
        call = helper.make_node("A", ["x"], ["y"], domain="mine")
        return model([call], [tensor("x", [1])], [tensor("y", [1])], domains=["mine"], functions=functions)

    with pytest.raises(CompileError, match="in a circle: A -> B -> A"):
        imported(tmp_path, net([function("A", "B"), function("B", "A")]))
    doubling = [function("A", "F0"), *(function(f"F{n}", f"F{n + 1}", 2) for n in range(40))]
    relu = [helper.make_node("Relu", ["x"], ["y"])]
    last = helper.make_function("mine", "F40", ["x"], ["y"], relu, [helper.make_opsetid("", 17)])
    with pytest.raises(LimitError, match="too many nodes"):
        imported(tmp_path, net([*doubling, last]))
    chain = [function("A", "F0"), *(function(f"F{n}", f"F{n + 1}") for n in range(300))]
    with pytest.raises(LimitError, match="deep"):
        imported(
            tmp_path,
            net([*chain, helper.make_function("mine", "F300", ["x"], ["y"], relu, [helper.make_opsetid("", 17)])]),
        )


def test_absurd_sizes_are_refused_before_anything_is_allocated(tmp_path: Path) -> None:
    huge = helper.make_node("ConstantOfShape", ["shape"], ["big"], "huge")
    mean = helper.make_node("ReduceMax", ["big"], ["y"], keepdims=0)
    shape = constant("shape", [100_000, 100_000], np.int64)
    with pytest.raises(CompileError, match=r"'big' of node 'huge' \(ConstantOfShape\): 100000x100000"):
        imported(tmp_path, model([huge, mean], [tensor("x", [1])], [tensor("y", [])], [shape]))
    with pytest.raises(CompileError, match="'x' of the input"):
        imported(
            tmp_path,
            model([helper.make_node("Relu", ["x"], ["y"])], [tensor("x", [1 << 40, 1 << 20])], [tensor("y", None)]),
        )


def test_damaged_constants_are_all_listed(tmp_path: Path) -> None:
    net = conv_net()
    net.graph.initializer[0].raw_data = b"1234"
    net.graph.initializer.append(TensorProto(name="v", data_type=TensorProto.FLOAT, dims=[1 << 40, 1 << 20]))
    net.graph.initializer.append(TensorProto(name="n", data_type=TensorProto.FLOAT, dims=[-1]))
    net.graph.initializer.append(TensorProto(name="t", data_type=99, dims=[1]))
    with pytest.raises(CompileError) as error:
        imported(tmp_path, net)
    for text in (
        "'w' has 4 bytes",
        "'v' has 0 values",
        "'n' has a negative dimension",
        "'t' is of the unknown type 99",
    ):
        assert text in str(error.value)


def test_tensors_that_nothing_makes_are_all_listed(tmp_path: Path) -> None:
    nodes = [helper.make_node("Add", ["x", "lost"], ["a"], "adder"), helper.make_node("Relu", ["gone"], ["b"])]
    with pytest.raises(
        CompileError, match=r"'lost' of node 'adder' \(Add\); 'gone' of node 'b' \(Relu\); 'z', an output"
    ):
        imported(tmp_path, model(nodes, [tensor("x", [1])], [tensor("z", [1])]))


def test_what_the_checker_objects_to(tmp_path: Path) -> None:
    bad = model([helper.make_node("Conv", ["x"], ["y"])], [tensor("x", [1, 3, 8, 8])], [tensor("y", None)])
    with pytest.raises(CompileError, match="not a valid ONNX model"):
        imported(tmp_path, bad)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x08\x07", conv_net().SerializeToString()[:200]])
def test_no_model(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(CompileError, match=r"net\.onnx"):
        imported(tmp_path, content)


def test_an_input_of_texts(tmp_path: Path) -> None:
    ports = [tensor("x", [1], TensorProto.STRING)], [tensor("y", [1], TensorProto.STRING)]
    with pytest.raises(CompileError, match="no tensor of numbers"):
        imported(tmp_path, model([helper.make_node("Identity", ["x"], ["y"])], *ports))


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_ends_in_our_errors(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = bytearray(conv_net().SerializeToString())
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=4)):
        content[at] = value
    cut = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    with contextlib.suppress(BelvedereError):
        imported(tmp_path_factory.mktemp("damaged"), bytes(content[:cut]))
