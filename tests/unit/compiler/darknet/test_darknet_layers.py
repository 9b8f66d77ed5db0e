"""Every Darknet layer against a forward pass after Darknet's own loops, on both engines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest
from numpy.typing import NDArray

from belvedere.compiler.importers import darknet
from belvedere.compiler.importing import Declared, Imported, Request, Source
from helpers.darknet import Layer, Net, activate, forward, network, rows

ACTIVATIONS = (
    "linear", "logistic", "loggy", "relu", "relu6", "elu", "selu", "relie", "ramp", "leaky", "tanh", "hardtan",
    "lhtan", "plse", "stair", "mish", "hard_mish", "swish", "gelu",
)  # fmt: skip


def conv(filters: int, size: int = 3, **options: Any) -> Layer:
    return "convolutional", {"filters": filters, "size": size, "pad": 1, **options}


def load(folder: Path, **request: Any) -> Imported:
    files = tuple(sorted(path.relative_to(folder) for path in folder.iterdir()))
    imported = darknet.load(Source(folder, folder, files), Request(**request))
    assert isinstance(imported.network, onnx.ModelProto)
    onnx.checker.check_model(imported.network, full_check=True)
    assert [(o.domain, o.version) for o in imported.network.opset_import] == [("", 17)]
    assert imported.network.ir_version == 9
    return imported


def run(imported: Imported, tensor: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """What onnxruntime gives, after checking that OpenVINO gives the same."""
    content = imported.network.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found = session.run(None, {imported.inputs[0].name: tensor})
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(content), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    others = compiled([tensor])
    for index, (port, value) in enumerate(zip(imported.outputs, found, strict=True)):
        assert tuple(-1 if axis < 0 else size for axis, size in zip(port.shape, value.shape, strict=True)) == port.shape
        np.testing.assert_allclose(others[index], value, rtol=1e-4, atol=1e-5)
    return found


def check(net: Net, folder: Path, seed: int = 1, **request: Any) -> tuple[Imported, list[NDArray[np.float32]]]:
    """Save, import and run a network; compare its outputs with the reference."""
    net.save(folder)
    imported = load(folder, **request)
    picture = np.random.default_rng(seed).random(net.size, np.float32)
    expected = forward(net, picture)
    found = run(imported, picture[None])
    for port, value in zip(imported.outputs, found, strict=True):
        index = next(i for i, (kind, _) in enumerate(net.layers) if port.name in (f"{kind}_{i}", "detection_out")
                     and (port.name != "detection_out" or kind == "region"))  # fmt: skip
        want = expected[index]
        if net.layers[index][0] in ("yolo", "region") and request.get("options", {}).get("darknet_outputs") != "maps":
            want = rows(net, want, index)
        want = want.reshape(-1) if value.ndim == 2 and value.shape[0] == 1 else want
        value = value[0] if value.shape[0] == 1 else value
        np.testing.assert_allclose(value, want, rtol=2e-4, atol=2e-5)
    return imported, found


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(tmp_path: Path, activation: str) -> None:
    net = network((2, 8, 9), [conv(3, 1, activation=activation)])
    net.weights[0][1] *= 5  # reach the far ends
    check(net, tmp_path)


def test_the_reference_reaches_both_ends_of_every_activation() -> None:
    for kind in ACTIVATIONS:
        assert len({round(activate(x, kind), 6) for x in np.linspace(-6, 8, 57)}) > 2


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_normalize": 1, "activation": "leaky"},
        {"stride": 2, "batch_normalize": 1},
        {"stride_x": 2, "stride_y": 1},
        {"groups": 2, "batch_normalize": 1, "activation": "relu"},
        {"groups": 4, "stride": 2},
        {"pad": 0, "padding": 2},
        {"pad": 0},
        {"dilation": 2},
        {"flipped": 1},
        {"size": 5},
        {"size": 2},
    ],
)
def test_convolutional(tmp_path: Path, options: dict[str, Any]) -> None:
    check(network((4, 9, 8), [conv(8, **{"size": 3, **options})]), tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {"size": 2, "stride": 2},
        {"size": 2, "stride": 1},
        {"size": 5, "stride": 1},
        {"size": 13, "stride": 1},
        {"size": 3, "stride": 2},
        {"size": 3, "stride": 2, "padding": 1},
        {"size": 3, "stride": 2, "padding": 0},
        {"stride": 2},
        {"size": 4, "stride_x": 1, "stride_y": 3},
    ],
)
@pytest.mark.parametrize("size", [(2, 13, 16), (2, 14, 15)])
def test_maxpool(tmp_path: Path, options: dict[str, Any], size: tuple[int, int, int]) -> None:
    check(network(size, [("maxpool", options)]), tmp_path)


@pytest.mark.parametrize(
    "layer",
    [
        ("avgpool", {}),
        ("softmax", {}),
        ("softmax", {"groups": 4, "temperature": 2.5}),
        ("softmax", {"spatial": 1}),
        ("crop", {"crop_height": 5, "crop_width": 4}),
        ("crop", {"crop_height": 4, "crop_width": 6, "noadjust": 1}),
        ("upsample", {"stride": 2}),
        ("upsample", {"stride": 3, "scale": 0.5}),
        ("reorg", {"stride": 2}),
        ("reorg", {"stride": 2, "reverse": 1}),
        ("reorg3d", {"stride": 2}),
        ("connected", {"output": 5, "activation": "linear"}),
        ("connected", {"output": 6, "batch_normalize": 1, "activation": "tanh"}),
        ("activation", {"activation": "mish"}),
        ("dropout", {"probability": 0.5}),
    ],
)
def test_layers_with_one_input(tmp_path: Path, layer: Layer) -> None:
    after: list[Layer] = [("avgpool", {})] if layer[0] == "dropout" else []
    check(network((8, 6, 8), [layer, *after]), tmp_path)


def test_connected_of_a_transposed_file(tmp_path: Path) -> None:
    net = network((3, 4, 5), [("connected", {"output": 4})], transposed=True)
    net.save(tmp_path, version=(1001, 0, 0))
    imported = load(tmp_path)
    picture = np.random.default_rng(2).random(net.size, np.float32)
    np.testing.assert_allclose(run(imported, picture[None])[0][0], forward(net, picture)[0].ravel(), rtol=1e-4)
    assert imported.outputs[0].shape == (1, 4)
    assert imported.provenance["pictures_seen"] == 64_000


@pytest.mark.parametrize(
    "last",
    [
        ("route", {"layers": "-1,0"}),
        ("route", {"layers": "-2"}),
        ("route", {"layers": "0, 1", "groups": 2, "group_id": 1}),
        ("route", {"layers": "-1", "groups": 4, "group_id": 2}),
        ("shortcut", {"from": 0, "activation": "leaky"}),
        ("shortcut", {"from": "-2,-1"}),
        ("sam", {"from": -2}),
    ],
)
def test_layers_with_several_inputs(tmp_path: Path, last: Layer) -> None:
    check(network((3, 6, 5), [conv(8), conv(8), last]), tmp_path)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([conv(4)], [conv(8)]),
        ([conv(8)], [conv(4)]),
        ([conv(8)], [conv(4, stride=2)]),
        ([conv(4)], [conv(6, stride=3)]),
        ([conv(4, stride=2)], [("upsample", {"stride": 2})]),
        ([conv(6, stride=2), conv(2)], [("upsample", {"stride": 3})]),
    ],
)
@pytest.mark.parametrize("size", [(3, 12, 12), (3, 13, 13)])
def test_shortcut_of_other_sizes(
    tmp_path: Path, first: list[Layer], second: list[Layer], size: tuple[int, int, int]
) -> None:
    layers = [*first, *second, ("shortcut", {"from": -1 - len(second), "activation": "linear"})]
    check(network(size, layers), tmp_path)


def test_scale_channels(tmp_path: Path) -> None:
    layers = [conv(6), ("avgpool", {}), conv(6, 1, activation="logistic"), ("scale_channels", {"from": 0})]
    check(network((3, 6, 5), layers), tmp_path)


def yolo(classes: int, mask: str, **options: Any) -> Layer:
    anchors = "10,14, 23,27, 37,58, 81,82, 135,169, 34,31"
    return "yolo", {"mask": mask, "anchors": anchors, "classes": classes, "num": 6, **options}


def tiny_yolo3() -> Net:
    """Backbone, one head, a route back, upsampling, a second head: the wiring of yolov3-tiny."""
    usual = {"batch_normalize": 1, "activation": "leaky"}
    return network(
        (3, 32, 48),
        [
            conv(4, **usual), ("maxpool", {"size": 2, "stride": 2}),
            conv(6, **usual), ("maxpool", {"size": 2, "stride": 2}),
            conv(8, **usual), ("maxpool", {"size": 2, "stride": 1}), conv(6, 1, **usual),
            conv(24, 1, activation="linear"), yolo(3, "3,4,5"),
            ("route", {"layers": -3}), conv(4, 1, **usual), ("upsample", {"stride": 2}), ("route", {"layers": "-1, 2"}),
            conv(16, 1, activation="linear"), yolo(3, "0,2"),
        ],
    )  # fmt: skip


def tiny_yolo4(**head: Any) -> Net:
    """Mish, grouped routes, pyramid of maximum pools, stretched cells: the pieces of yolov4."""
    usual = {"batch_normalize": 1, "activation": "mish"}
    return network(
        (3, 24, 32),
        [
            conv(8, stride=2, **usual), ("route", {"layers": -1, "groups": 2, "group_id": 1}), conv(4, **usual),
            conv(4, **usual), ("route", {"layers": "-1,-2"}), conv(8, 1, **usual), ("route", {"layers": "-6,-1"}),
            ("maxpool", {"size": 2, "stride": 2}), ("maxpool", {"size": 3, "stride": 1}), ("route", {"layers": -2}),
            ("maxpool", {"size": 5, "stride": 1}), ("route", {"layers": "-1,-3,-4"}),
            conv(12, **usual), conv(12, **usual),
            ("shortcut", {"from": -2, "activation": "linear"}),
            conv(21, 1, activation="logistic" if head.get("new_coords") else "linear"),
            yolo(2, "1,2,3", scale_x_y=1.2, **head),
        ],
    )  # fmt: skip


def tiny_yolo2(**options: Any) -> Net:
    """A passthrough by reorg and a region layer: the pieces of yolov2."""
    usual = {"batch_normalize": 1, "activation": "leaky"}
    anchors = "0.57, 0.68, 1.87,2.06, 3.34,5.47"
    head = {"anchors": anchors, "bias_match": 1, "classes": 4, "coords": 4, "num": 3, "softmax": 1, **options}
    return network(
        (3, 24, 16),
        [
            conv(8, stride=2, **usual), conv(8, **usual), ("maxpool", {"size": 2, "stride": 2}), conv(10, **usual),
            ("route", {"layers": -3}), conv(4, 1, **usual), ("reorg", {"stride": 2}), ("route", {"layers": "-1,-4"}),
            conv(27, 1, activation="linear"), ("region", head),
        ],
    )  # fmt: skip


DETECTORS = {
    "v3": tiny_yolo3(),
    "v4": tiny_yolo4(),
    "v4-new-coords": tiny_yolo4(new_coords=1),
    "v2": tiny_yolo2(),
    "v2-logistic": tiny_yolo2(softmax=0),
    "v2-classfix": tiny_yolo2(classfix=-1),
}


@pytest.mark.parametrize("form", ["rows", "maps"])
@pytest.mark.parametrize("net", DETECTORS.values(), ids=DETECTORS)
def test_detectors(tmp_path: Path, net: Net, form: str) -> None:
    imported, found = check(net, tmp_path, options={"darknet_outputs": form})
    names = [f"yolo_{i}" for i, (kind, _) in enumerate(net.layers) if kind == "yolo"] or ["detection_out"]
    assert [port.name for port in imported.outputs] == names
    assert all(np.isfinite(value).all() for value in found)
    assert [port.layout for port in imported.outputs] == ["NCHW" if form == "maps" else ""] * len(names)
    assert names[0] in imported.notes[0]


def test_classifier_ends_in_a_vector(tmp_path: Path) -> None:
    layers = [conv(6, stride=2, batch_normalize=1, activation="leaky"), conv(5, 1, activation="linear"),
              ("avgpool", {}), ("softmax", {"groups": 1}), ("cost", {"type": "sse"})]  # fmt: skip
    imported, found = check(network((3, 12, 12), layers), tmp_path)
    assert [(port.name, port.shape) for port in imported.outputs] == [("softmax_3", (1, 5))]
    assert found[0].sum() == pytest.approx(1)
    assert not imported.notes


def test_declared_size_and_name_win(tmp_path: Path) -> None:
    net = tiny_yolo3()
    net.save(tmp_path)
    imported = load(tmp_path, inputs=(Declared("image", (1, 3, 64, 32), "float32"),))
    assert (imported.inputs[0].name, imported.inputs[0].shape) == ("image", (1, 3, 64, 32))
    assert imported.inputs[0].layout == "NCHW"
    larger = Net((3, 64, 32), net.layers, net.weights)
    picture = np.random.default_rng(3).random(larger.size, np.float32)
    expected = forward(larger, picture)
    for value, index in zip(run(imported, picture[None]), (8, 14), strict=True):
        np.testing.assert_allclose(value, rows(larger, expected[index], index), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("batch", [3, -1])
@pytest.mark.parametrize("net", [tiny_yolo3(), tiny_yolo2(), tiny_yolo4()], ids=["v3", "v2", "v4"])
def test_larger_batches_keep_an_axis(tmp_path: Path, net: Net, batch: int) -> None:
    net.save(tmp_path)
    pictures = np.random.default_rng(4).random((3, *net.size), np.float32)
    single = load(tmp_path)
    many = load(tmp_path, inputs=(Declared(None, (batch, *net.size)),))
    assert all(port.shape[0] == batch and len(port.shape) == 3 for port in many.outputs)
    for index, picture in enumerate(pictures):
        for one, all_rows in zip(run(single, picture[None]), run(many, pictures), strict=True):
            np.testing.assert_allclose(all_rows[index], one, rtol=1e-4, atol=1e-5)


def test_any_layer_can_be_an_output(tmp_path: Path) -> None:
    imported, _ = check(tiny_yolo3(), tmp_path, outputs=("convolutional_4", "yolo_14"))
    assert [port.name for port in imported.outputs] == ["convolutional_4", "yolo_14"]
    assert imported.outputs[0].shape == (1, 8, 8, 12)
