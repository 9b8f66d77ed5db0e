"""The picture of a network: chains share boxes, edges lead downwards, nothing overlaps."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import onnx
import pytest
from onnx import helper

from belvedere.compiler.graph_view.graph import Box, graph_boxes, operator_counts
from belvedere.compiler.graph_view.layout import lay_out, shape_text
from belvedere.compiler.graph_view.svg import draw_graph
from belvedere.compiler.passes import clean
from belvedere.runtime.engine_imports import import_openvino
from helpers.onnx_networks import Net, classifier

SVG = "{http://www.w3.org/2000/svg}"


def branching() -> onnx.ModelProto:
    """A residual block, a swish, two heads."""
    net = Net()
    x = net.op("Relu", net.conv("data", 3, 8))
    gate = net.conv(x, 8, 8)
    swish = net.op("Mul", gate, net.op("Sigmoid", gate))
    total = net.op("Add", x, net.op("Identity", net.conv(swish, 8, 8)))
    net.nodes.append(helper.make_node("Sigmoid", [net.conv(total, 8, 1, 1, pad=0, strides=[2, 2])], ["score"]))
    net.nodes.append(helper.make_node("Identity", [net.conv(total, 8, 4, 1, pad=0)], ["box"]))
    return net.model({"data": [1, 3, 8, 8]}, {"score": None, "box": None})


def test_chains_share_boxes() -> None:
    model = clean(branching()).network
    boxes = graph_boxes(model)
    lines = [box.lines for box in boxes]
    assert ("Conv 3×3", "Relu") in lines
    assert ("Conv 3×3", "Swish") in lines
    assert ("Conv 1×1 /2", "Sigmoid") in lines
    assert ("Add",) in lines
    assert [box.lines for box in boxes if box.kind == "input"] == [("data",)]
    assert {box.lines for box in boxes if box.kind == "output"} == {("score",), ("box",)}
    assert next(box for box in boxes if box.lines == ("Add",)).shape == (1, 8, 8, 8)
    assert operator_counts(model)["Conv"] == 5


def test_openvino_models_give_the_same_picture() -> None:
    network = import_openvino().Core().read_model(branching().SerializeToString())
    clean(network)
    boxes = graph_boxes(network)
    assert any(box.lines[0].startswith("Convolution 3×3") for box in boxes)
    assert {box.lines for box in boxes if box.kind == "output"} == {("score",), ("box",)}
    assert all("Constant" not in line for box in boxes for line in box.lines)
    assert operator_counts(network)["Convolution"] == 5


def test_quantised_layers_are_readable() -> None:
    net = Net()
    scale, zero = net.constant(np.float32(0.1)), net.constant(np.uint8(3))
    quantised = net.op("QuantizeLinear", net.conv("data", 3, 4), scale, zero)
    net.nodes.append(helper.make_node("Relu", [net.op("DequantizeLinear", quantised, scale, zero)], ["out"]))
    boxes = graph_boxes(net.model({"data": [1, 3, 8, 8]}, {"out": None}))
    assert ("Conv 3×3", "to int8", "Relu") in [box.lines for box in boxes]


def test_nothing_overlaps_and_everything_leads_down() -> None:
    boxes = graph_boxes(clean(branching()).network)
    drawing = lay_out(boxes)
    places = list(drawing.places.values())
    for one in places:
        assert one.x - one.width / 2 >= 0
        assert one.x + one.width / 2 <= drawing.width
        for other in places:
            apart = abs(one.x - other.x) >= (one.width + other.width) / 2 or one.top >= other.bottom
            assert one is other or apart or other.top >= one.bottom
    assert len(drawing.edges) == sum(len(box.inputs) for box in boxes)
    for points in drawing.edges:
        heights = [y for _, y in points]
        assert heights == sorted(heights)


def test_the_picture_is_valid_and_escapes_names() -> None:
    boxes = [
        Box("input <&>\x00", ("<script>",), "input", (1, 3), ()),
        Box("b", ("Very\x07" + "Long" * 20,), "other", (-1, 3), ("input <&>\x00",)),
    ]
    text = draw_graph(boxes, 'a "title" <x>')
    root = ElementTree.fromstring(text)
    assert root.find(f"{SVG}title").text == 'a "title" <x>'  # type: ignore[union-attr]
    texts = [entry.text or "" for entry in root.iter(f"{SVG}text")]
    assert "<script>" in texts
    assert "N×3" in texts
    assert max(map(len, texts)) <= 30
    assert "<script>" not in text


def test_huge_networks_are_cut_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("belvedere.compiler.graph_view.svg.MOST_BOXES", 20)
    boxes = [Box(str(i), ("Conv",), "layer", (), (str(i - 1),) if i else ()) for i in range(100)]
    root = ElementTree.fromstring(draw_graph(boxes, "deep"))
    texts = [entry.text for entry in root.iter(f"{SVG}text")]
    assert "80 more" in texts
    assert texts.count("Conv") == 20


def test_shapes() -> None:
    assert shape_text((-1, 3, 4)) == "N×3×4"
    assert graph_boxes(classifier())[0].kind == "input"
