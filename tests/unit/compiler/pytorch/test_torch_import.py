"""PyTorch models of every kind: the same numbers as torch gives, under declared names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from belvedere import nets
from belvedere.compiler.importing import Port
from belvedere.core.errors import CompileError
from helpers.onnx_models import run
from helpers.torch_models import imported, needs_torch

pytestmark = [needs_torch, pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")]


def small_net() -> Any:
    import torch

    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(2),
        torch.nn.Flatten(),
    ).eval()  # fmt: skip


def picture(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).random(shape).astype(np.float32)


def torch_says(net: Any, *values: np.ndarray) -> Any:
    import torch

    with torch.no_grad():
        return net(*map(torch.from_numpy, values))


def save_traced(net: Any, path: Path) -> None:
    import torch

    torch.jit.trace(net, torch.zeros(1, 3, 8, 8)).save(str(path))


def save_scripted(net: Any, path: Path) -> None:
    import torch

    torch.jit.script(net).save(str(path))


def save_program(net: Any, path: Path) -> None:
    import torch

    torch.export.save(torch.export.export(net, (torch.zeros(1, 3, 8, 8),)), str(path))


def save_decomposed(net: Any, path: Path) -> None:
    import torch

    program = torch.export.export(net, (torch.zeros(1, 3, 8, 8),)).run_decompositions()
    torch.export.save(program, str(path))


@pytest.mark.parametrize("save", [save_traced, save_scripted, save_program, save_decomposed])
def test_every_kind_of_file_gives_what_torch_gives(tmp_path: Path, save: Callable[[Any, Path], None]) -> None:
    net = small_net()
    path = tmp_path / ("net.pt2" if "progr" in save.__name__ or "decomp" in save.__name__ else "net.pt")
    save(net, path)
    found = imported(path, "data=1x3x8x8")
    assert found.framework == "pytorch"
    assert found.inputs == (Port("data", (1, 3, 8, 8), "float32", "NCHW"),)
    assert found.outputs == (Port("output0", (1, 16), "float32"),)
    x = picture(1, 3, 8, 8)
    np.testing.assert_allclose(run(found.network, x)[0], torch_says(net, x).numpy(), rtol=1e-4, atol=1e-6)


def test_a_free_batch(tmp_path: Path) -> None:
    net = small_net()
    save_traced(net, tmp_path / "net.pt")
    found = imported(tmp_path / "net.pt", "data=?x3x8x8")
    assert (found.inputs[0].shape, found.outputs[0].shape) == ((-1, 3, 8, 8), (-1, 16))
    x = picture(5, 3, 8, 8)
    np.testing.assert_allclose(run(found.network, x)[0], torch_says(net, x).numpy(), rtol=1e-4, atol=1e-6)


def test_inputs_are_named_by_position(tmp_path: Path) -> None:
    import torch

    class Difference(torch.nn.Module):
        def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
            return left - right

    torch.jit.script(Difference()).save(str(tmp_path / "net.pt"))
    values = picture(2, 3), picture(2, 3)[::-1].copy()
    for inputs, names in (("[[2, 3], [2, 3]]", ["input0", "input1"]), ('{"b": [2, 3], "a": [2, 3]}', ["b", "a"])):
        found = imported(tmp_path / "net.pt", inputs)
        assert [port.name for port in found.inputs] == names
        np.testing.assert_allclose(run(found.network, *values)[0], values[0] - values[1])
    with pytest.raises(CompileError, match=r"1 inputs are declared, but the network takes 2 \(left, right\)"):
        imported(tmp_path / "net.pt", "[[2, 3]]")
    with pytest.raises(CompileError, match="no inputs are declared"):
        imported(tmp_path / "net.pt")


@pytest.mark.parametrize("script", [False, True])
def test_outputs_in_tuples_lists_and_dictionaries(tmp_path: Path, script: bool) -> None:
    import torch

    class Many(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor], list[torch.Tensor]]:
            return x + 1, {"out": x * 2, "it's": x * 3}, [x * 4, x * 5]

    net = torch.jit.script(Many()) if script else torch.jit.trace(Many(), torch.zeros(1, 2), strict=False)
    net.save(str(tmp_path / "net.pt"))
    found = imported(tmp_path / "net.pt", "1x2")
    assert [port.name for port in found.outputs] == ["output0", "out", "it's", "output3", "output4"]
    x = picture(1, 2)
    for got, expected in zip(run(found.network, x), (x + 1, x * 2, x * 3, x * 4, x * 5), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_scripted_control_flow(tmp_path: Path) -> None:
    import torch

    class Loops(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = x * 2 if bool(x.sum() > 0) else x - 1
            for step in range(x.shape[1]):
                y = y + step
            return y

    net = torch.jit.script(Loops())
    net.save(str(tmp_path / "net.pt"))
    found = imported(tmp_path / "net.pt", "1x3")
    for x in (picture(1, 3), -picture(1, 3)):
        np.testing.assert_allclose(run(found.network, x)[0], torch_says(net, x).numpy(), rtol=1e-6)


def test_other_element_types(tmp_path: Path) -> None:
    import torch

    class Pick(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[:, :2] + 1

    torch.jit.script(Pick()).save(str(tmp_path / "net.pt"))
    assert imported(tmp_path / "net.pt", "1x3", dtype="int64").inputs[0].dtype == "int64"
    assert imported(tmp_path / "net.pt", "a=1x3:int32", dtype="int64").inputs[0].dtype == "int32"


def test_weights_in_half_precision_are_widened(tmp_path: Path) -> None:
    import torch

    net = small_net().half()
    with torch.no_grad():
        torch.jit.trace(net, torch.zeros(1, 3, 8, 8).half()).save(str(tmp_path / "net.pt"))
    found = imported(tmp_path / "net.pt", "1x3x8x8")
    assert found.inputs[0].dtype == "float32"
    assert "widened" in found.notes[0]
    x = picture(1, 3, 8, 8)
    np.testing.assert_allclose(run(found.network, x)[0], torch_says(net.float(), x).numpy(), rtol=1e-3, atol=1e-4)


def test_weights_in_float64_are_rounded(tmp_path: Path) -> None:
    import torch

    net = small_net().double()
    torch.jit.trace(net, torch.zeros(1, 3, 8, 8).double()).save(str(tmp_path / "net.pt"))
    found = imported(tmp_path / "net.pt", "1x3x8x8")
    assert found.inputs[0].dtype == "float32"
    assert "weights in float64 were rounded to float32" in found.notes[0]
    x = picture(1, 3, 8, 8)
    np.testing.assert_allclose(run(found.network, x)[0], torch_says(net.float(), x).numpy(), rtol=1e-4, atol=1e-5)


def test_a_program_with_a_free_batch_and_a_dictionary(tmp_path: Path) -> None:
    import torch

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 4, 3)
            self.scale = torch.full((1, 4, 1, 1), 2.0)

        def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"maps": self.conv(image) * self.scale, "mean": image.flatten(1).mean(1)}

    net = Net().eval()
    dynamic = ({0: torch.export.Dim("N", min=1, max=16)},)
    program = torch.export.export(net, (torch.zeros(2, 3, 8, 8),), dynamic_shapes=dynamic)
    torch.export.save(program, str(tmp_path / "net.pt2"))
    free = imported(tmp_path / "net.pt2")
    assert free.inputs == (Port("image", (-1, 3, 8, 8), "float32", "NCHW"),)
    fixed = imported(tmp_path / "net.pt2", "data=3x3x8x8")
    assert [port.shape for port in (*fixed.inputs, *fixed.outputs)] == [(3, 3, 8, 8), (3, 4, 6, 6), (3,)]
    assert [port.name for port in fixed.outputs] == ["maps", "mean"]
    x = picture(3, 3, 8, 8)
    for got, expected in zip(run(fixed.network, x), torch_says(net, x).values(), strict=True):
        np.testing.assert_allclose(got, expected.numpy(), rtol=1e-4, atol=1e-6)
    with pytest.raises(CompileError, match="was exported for: image"):
        imported(tmp_path / "net.pt2", "3x3x9x9")


def state_of(net: Any, wrap: str, folder: Path) -> Path:
    import torch

    state = net.state_dict()
    content = {
        "plain": state,
        "half": {key: value.half() if value.is_floating_point() else value for key, value in state.items()},
        "parallel": {f"module.{key}": value for key, value in state.items()},
        "checkpoint": {"epoch": 3, "state_dict": {f"model.{key}": value for key, value in state.items()}, "loss": 0.5},
        "old": state,
    }[wrap]
    path = folder / ("net.pth.tar" if wrap == "checkpoint" else "net.pth")
    torch.save(content, path, _use_new_zipfile_serialization=wrap != "old")
    return path


@pytest.mark.parametrize("wrap", ["plain", "half", "parallel", "checkpoint", "old"])
def test_state_dicts(tmp_path: Path, wrap: str) -> None:
    import torch

    torch.manual_seed(1)
    net = nets.create("samplenet", classes=4)
    found = imported(state_of(net, wrap, tmp_path), "data=2x3x32x32", "samplenet")
    assert found.outputs == (Port("output0", (2, 4), "float32"),)
    assert found.provenance["arch"] == "samplenet"
    x = picture(2, 3, 32, 32)
    close = {"rtol": 2e-2, "atol": 2e-3} if wrap == "half" else {"rtol": 1e-4, "atol": 1e-6}
    np.testing.assert_allclose(run(found.network, x)[0], torch_says(net, x).numpy(), **close)


def test_the_auxiliary_classifier_of_torchvisions_weights_is_dropped(tmp_path: Path) -> None:
    import torch

    from belvedere.compiler.importers.pytorch.state import open_state
    from belvedere.compiler.importing import Request

    state = nets.create("deeplabv3_resnet50", classes=2).state_dict()
    torch.save({**state, "aux_classifier.4.weight": torch.zeros(2, 256, 1, 1)}, tmp_path / "net.pth")
    network = open_state(tmp_path / "net.pth", Request(arch="deeplabv3_resnet50"))
    assert network.outputs == ("out",)
    assert network.module.classifier[4].weight.shape[0] == 2


def test_options_reach_the_architecture(tmp_path: Path) -> None:
    import torch

    torch.save(nets.create("mobilenet_v2", width=0.25, classes=3).state_dict(), tmp_path / "net.pth")
    found = imported(tmp_path / "net.pth", "1x3x32x32", "mobilenet_v2", width="0.25")
    assert found.outputs[0].shape == (1, 3)


@pytest.mark.shared
def test_real_samplenet(shared_folder: Path) -> None:
    path = shared_folder / "models/formats/samplenet/samplenet.pth"
    found = imported(path, None, "samplenet")
    assert found.inputs[0].shape == (1, 3, 32, 32)
    with pytest.raises(CompileError, match=r"its keys and shapes fit samplenet$"):
        imported(path)


@pytest.mark.slow
@pytest.mark.shared
def test_real_yolox_gives_the_same_as_its_onnx_file(shared_folder: Path) -> None:
    import onnx

    folder = shared_folder / "models/yolox_nano_coco"
    found = imported(folder / "yolox_nano_coco.pt", "images=1x3x416x416", "yolox_nano")
    assert found.outputs == (Port("output", (1, 3549, 85), "float32"),)
    x = picture(1, 3, 416, 416) * 255
    expected = run(onnx.load(folder / "yolox_nano.onnx"), x)[0]
    np.testing.assert_allclose(run(found.network, x)[0], expected, rtol=1e-3, atol=2e-4)


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "arch", "scaled", "first"),
    [
        ("mobilenet_v2_imagenet/mobilenet_v2_imagenet_fp16.pt", "mobilenet_v2_same", True, {"cat": 285, "parrot": 88}),
        ("squeezenet1_1_imagenet/squeezenet1_1_imagenet_fp16.pt", "squeezenet1_1", False, {"cat": 285, "parrot": 88}),
    ],
)
def test_real_classifiers_recognise_photos(
    shared_folder: Path, file: str, arch: str, scaled: bool, first: dict[str, int]
) -> None:
    from PIL import Image

    found = imported(shared_folder / "models" / file, None, arch)
    for name, index in first.items():
        (path,) = (shared_folder / "data").rglob(f"{name}.jpg")
        picture = np.asarray(Image.open(path).convert("RGB").resize((224, 224)), np.float32)
        value = picture / 127.5 - 1 if scaled else picture - np.array((123, 117, 104), np.float32)
        logits = run(found.network, value.transpose(2, 0, 1)[None])[0]
        assert logits.argmax() == index, name
