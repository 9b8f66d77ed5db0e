"""Networks are cut where they choose, and nowhere else."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from belvedere.compiler.parity.choosing import Cuts, cuts_of
from belvedere.compiler.parity.excerpts import cut, given_name, has_values, tensors_like, with_tensors
from belvedere.compiler.parity.flow import flow_of
from belvedere.compiler.parity.runners import onnxruntime_runner, openvino_runner
from belvedere.core.errors import CompileError
from belvedere.runtime.engine_imports import import_openvino
from helpers.onnx_networks import Net, classifier, normal

DATA = {"data": [1, 3, 8, 8]}


def choosing() -> onnx.ModelProto:
    net = Net()
    x = net.op("Relu", net.conv("data", 3, 4), name="features")
    scores = net.op("ReduceMean", x, axes=[1, 2], keepdims=0, name="scores")
    net.nodes.append(helper.make_node("TopK", [scores, net.constant(np.array([3]))], ["best", "where"]))
    net.nodes.append(helper.make_node("Mul", ["best", net.constant(np.float32(2))], ["doubled"]))
    net.nodes.append(helper.make_node("Identity", ["features"], ["plain"]))
    return net.model(DATA, {"doubled": None, "plain": None})


def cuts(model: Any) -> Cuts:
    return cuts_of(flow_of(model))


def as_openvino(model: onnx.ModelProto) -> Any:
    return import_openvino().Core().read_model(model.SerializeToString())


def test_a_network_is_cut_at_a_choice() -> None:
    found = cuts(choosing())
    assert found == Cuts(("scores",), ("best", "where"), {"doubled": ("scores", "best", "where")})
    other = cuts(as_openvino(choosing()))
    assert list(other.before) == ["doubled"]
    assert (len(other.values), len(other.chosen)) == (1, 2)


@pytest.mark.parametrize("openvino", [False, True])
def test_given_values_are_read_in_place_of_those_that_are_computed(openvino: bool) -> None:
    model = choosing()
    feeds = {"data": normal((1, 3, 8, 8))}
    run = openvino_runner if openvino else onnxruntime_runner
    network = as_openvino(model) if openvino else model
    found = cuts(network)
    value, best = found.values[0], found.chosen[0]
    (scores,) = run(with_tensors(network, [value]))(feeds).values()
    np.testing.assert_allclose(scores, onnxruntime_runner(with_tensors(model, ["scores"]))(feeds)["scores"], atol=1e-5)
    other = np.arange(8, dtype=np.float32).reshape(1, 8)
    given = {value: other, best: np.full((1, 3), 7, np.float32)}
    parts = cut(
        network, {name: [tensor] for name, tensor in given.items()}, [value, best, flow_of(network).outputs["doubled"]]
    )
    computed, chosen, doubled = run(parts)({**feeds, **tensors_like(given)}).values()
    np.testing.assert_allclose(computed, scores, atol=1e-5)
    assert chosen.tolist() == [[7, 6, 5]]
    assert doubled.tolist() == [[14, 14, 14]]
    assert given_name(value) not in [one.name for one in model.graph.input]
    assert has_values(network, [value])
    assert not has_values(network, [value, "nowhere"])
    with pytest.raises(CompileError, match="no tensor nowhere"):
        cut(network, {"nowhere": [other]}, [value])


def test_axes_that_differ_among_given_tensors_are_free() -> None:
    model = choosing()
    tensors = [np.zeros((1, size), np.float32) for size in (5, 8)]
    parts = cut(model, {"scores": tensors}, ["best"])
    taken = next(value for value in parts.graph.input if value.name == given_name("scores"))
    assert [axis.dim_value for axis in taken.type.tensor_type.shape.dim] == [1, 0]
    run = onnxruntime_runner(parts)
    for tensor in tensors:
        assert run({"data": normal((1, 3, 8, 8)), **tensors_like({"scores": tensor})})["best"].shape == (1, 3)


def with_subgraph(kind: str, *, layer: bool = False) -> onnx.ModelProto:
    """An output of an ``If`` whose branches read a value from outside."""
    net = Net()
    net.op("Relu", net.conv("data", 3, 4), name="features")
    flag = net.constant(np.array(True))
    inner = [helper.make_node("TopK", ["features", "three"], ["b", "bi"])] if kind == "TopK" else []
    inner += [helper.make_node("Conv", ["features", net.weights[0].name], ["l"])] if layer else []
    net.constant(np.array([3]), "three")
    branches = [
        helper.make_graph(
            [*inner, helper.make_node("Neg", ["b" if kind == "TopK" else "features"], [name])], name, [],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)],
        )
        for name in ("yes", "no")
    ]  # fmt: skip
    net.nodes.append(helper.make_node("If", [flag], ["out"], then_branch=branches[0], else_branch=branches[1]))
    return net.model(DATA, {"out": None})


def test_choices_in_subgraphs() -> None:
    assert cuts(with_subgraph("TopK")) == Cuts(("features",), ("out",), {"out": ("features", "out")})
    assert cuts(with_subgraph("TopK", layer=True)).before == {}  # cut there, the layer would not be judged
    model = with_subgraph("Neg")
    assert cuts(model).before == {}
    given = {"features": np.ones((1, 4, 8, 8), np.float32)}
    run = onnxruntime_runner(cut(model, {name: [tensor] for name, tensor in given.items()}, ["out"]))
    assert (run({"data": normal((1, 3, 8, 8)), **tensors_like(given)})["out"] == -1).all()


def gated(net: Net, x: str) -> str:
    """A ReLU written as a comparison."""
    zero = net.constant(np.float32(0))
    return net.op("Where", net.op("Greater", x, zero), x, zero)


def resized(net: Net, x: str) -> str:
    """Half as large again, the size computed from the tensor's own as PyTorch exports it."""
    sizes = net.op("Cast", net.op("Shape", x), to=TensorProto.FLOAT)
    scaled = net.op("Floor", net.op("Mul", sizes, net.constant(np.array([1, 1, 1.5, 1.5], np.float32))))
    return net.op("Resize", x, "", "", net.op("Cast", scaled, to=TensorProto.INT64), mode="nearest")


@pytest.mark.parametrize("between", [gated, resized])
def test_activations_and_sizes_are_no_choice(between: Any) -> None:
    net = Net()
    net.nodes.append(helper.make_node("Identity", [net.conv(between(net, net.conv("data", 3, 4)), 4, 2)], ["out"]))
    model = net.model(DATA, {"out": None})
    for network in (model, as_openvino(model)):
        assert cuts(network) == Cuts((), (), {})


def test_classifiers_have_no_choice() -> None:
    assert cuts(classifier()) == Cuts((), (), {})


def test_comparisons_and_roundings_that_decode_are_cut() -> None:
    net = Net()
    x = net.op("Sigmoid", net.conv("data", 3, 4), name="probability")
    mask = net.op("Cast", net.op("Greater", x, net.constant(np.float32(0.5))), to=TensorProto.FLOAT)
    net.op("Floor", net.op("Mul", mask, x, name="product"), name="out")
    found = cuts(net.model(DATA, {"out": None}))
    assert found == Cuts(("probability", "product"), (), {"out": ("probability", "product")})


def test_a_comparison_before_a_choice_is_cut_though_layers_follow_the_choice() -> None:
    net = Net()
    x = net.conv("data", 3, 4)
    scores = net.op("ReduceMean", x, axes=[1, 2], keepdims=0, name="scores")
    kept = net.op("Where", net.op("Greater", scores, net.constant(np.float32(0))), scores, net.constant(np.float32(-1)),
                  name="kept")  # fmt: skip
    net.nodes.append(helper.make_node("TopK", [kept, net.constant(np.array([3]))], ["best", "where"]))
    net.nodes.append(helper.make_node("Identity", [net.dense("best", 3, 2)], ["out"]))
    found = cuts(net.model(DATA, {"out": None}))
    assert found == Cuts(("scores", "kept"), ("best", "where"), {"out": ("scores", "kept", "best", "where")})
