"""Architectures: the sizes that their papers' reference code has, and what they give."""

from __future__ import annotations

from pathlib import Path

import pytest

from belvedere import nets
from belvedere.core.errors import OptionError
from helpers.torch_models import needs_torch

pytestmark = needs_torch

# Parameters of the same networks in torchvision 0.20 and in the YOLOX project.
PARAMETERS = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "resnext50_32x4d": 25_028_904,
    "wide_resnet50_2": 68_883_240,
    "vgg11": 132_863_336,
    "vgg16": 138_357_544,
    "vgg16_bn": 138_365_992,
    "densenet121": 7_978_856,
    "densenet161": 28_681_000,
    "densenet169": 14_149_480,
    "densenet201": 20_013_928,
    "mobilenet_v2": 3_504_872,
    "mobilenet_v3_large": 5_483_032,
    "mobilenet_v3_small": 2_542_856,
    "squeezenet1_0": 1_248_424,
    "squeezenet1_1": 1_235_496,
    "deeplabv3_resnet50": 39_638_869,  # 42,004,074 less the auxiliary classifier's 2,365,205
    "yolox_nano": 912_159,
    "yolox_tiny": 5_055_855,
    "yolox_s": 8_968_255,
    "yolox_m": 25_326_495,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters(name: str) -> None:
    import torch

    with torch.device("meta"):
        net = nets.create(name)
    assert sum(parameter.numel() for parameter in net.parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("name", nets.names())
def test_every_network_takes_its_usual_picture_and_names_its_head(name: str) -> None:
    import torch

    row = nets.describe(name)
    with torch.device("meta"):
        net = nets.create(name, classes=7)
        found = net(torch.empty(2, *row.input))
    assert nets.classes_in(name, net.state_dict()) == 7
    assert not net.training
    values = list(found.values()) if isinstance(found, dict) else [found]
    assert len(values) == len(row.outputs)
    channels, height, width = row.input
    assert channels == 3
    if name.startswith("deeplab"):
        assert values[0].shape == (2, 7, height, width)
    elif name.startswith("yolox"):
        cells = sum((height // stride) * (width // stride) for stride in (8, 16, 32))
        assert values[0].shape == (2, cells, 12)
    else:
        assert values[0].shape == (2, 7)


def test_keys_of_the_field() -> None:
    import torch

    wanted: dict[str, tuple[str, ...]] = {
        "resnet50": ("layer1.0.downsample.1.running_mean", "layer4.2.bn3.bias"),
        "vgg16_bn": ("features.41.running_var", "classifier.3.weight"),
        "densenet121": ("features.denseblock4.denselayer16.conv2.weight", "features.transition3.norm.bias"),
        "mobilenet_v2": ("features.17.conv.3.running_var", "features.18.0.weight"),
        "mobilenet_v3_large": ("features.4.block.2.fc1.weight", "features.16.0.weight", "classifier.0.bias"),
        "squeezenet1_0": ("features.12.expand3x3.weight", "classifier.1.bias"),
        "deeplabv3_resnet50": ("backbone.layer4.2.conv3.weight", "classifier.0.convs.4.1.weight", "classifier.4.bias"),
        "yolox_nano": ("backbone.C3_p4.m.0.conv2.dconv.bn.weight", "head.reg_convs.2.1.pconv.conv.weight"),
    }
    for name, keys in wanted.items():
        with torch.device("meta"):
            own = nets.create(name).state_dict()
        assert all(key in own for key in keys), name


@pytest.mark.parametrize("size", [(8, 8), (9, 9), (8, 9), (7, 12)])
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (1, 1), (5, 2)])
def test_same_padding_is_that_of_tensorflow(size: tuple[int, int], kernel: int, stride: int) -> None:
    import numpy as np
    import onnxruntime
    import torch
    from onnx import TensorProto, helper

    from belvedere.nets.mobilenet_v2 import SameConv2d

    conv = SameConv2d(2, 3, kernel, stride, bias=False)
    x = torch.rand(1, 2, *size)
    # ONNX's SAME_UPPER is defined as TensorFlow's SAME.
    node = helper.make_node("Conv", ["x", "w"], ["y"], auto_pad="SAME_UPPER", strides=[stride, stride])
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in "xwy"]
    model = helper.make_model(
        helper.make_graph([node], "g", ports[:2], ports[2:]), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    expected = session.run(None, {"x": x.numpy(), "w": conv.weight.detach().numpy()})[0]
    np.testing.assert_allclose(conv(x).detach().numpy(), expected, atol=1e-5)


def test_options() -> None:
    import torch

    half = nets.create("mobilenet-V2", width=0.5)
    assert half.classifier[1].weight.shape == (1000, 1280)
    assert half.features[0][0].weight.shape[0] == 16
    torch.manual_seed(0)
    same = nets.create("mobilenet_v2_same", classes=3)
    symmetric = nets.create("mobilenet_v2", classes=3, padding="symmetric")
    symmetric.load_state_dict(same.state_dict())
    x = torch.rand(1, 3, 32, 32)
    one, other = same.features(x), symmetric.features(x)
    assert (one - other).abs().max() > 0.01 * one.abs().max()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet19", {}, "no architecture 'resnet19'; known are deeplabv3"),
        ("resnet18", {"wings": 2}, "resnet18: .*wings"),
        ("resnet18", {"classes": 0}, "0 classes"),
        ("resnet18", {"classes": 10**9}, "1000000000 classes"),
        ("mobilenet_v2", {"padding": "odd"}, "padding 'odd'"),
    ],
)
def test_what_is_refused(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        nets.create(name, **options)


def test_the_table_is_known_without_torch() -> None:
    import subprocess
    import sys

    code = "import sys; from belvedere import nets; nets.describe('vgg11'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("formats/samplenet/samplenet.pth", "samplenet"),
        ("mobilenet_v2_imagenet/mobilenet_v2_imagenet_fp16.pt", "mobilenet_v2_same"),
        ("squeezenet1_1_imagenet/squeezenet1_1_imagenet_fp16.pt", "squeezenet1_1"),
        ("yolox_nano_coco/yolox_nano_coco.pt", "yolox_nano"),
    ],
)
def test_published_weights_load(shared_folder: Path, file: str, name: str) -> None:
    import torch

    state = torch.load(shared_folder / "models" / file, weights_only=True, map_location="cpu")
    net = nets.create(name)
    net.load_state_dict(state, strict=True)
    held = net.state_dict()
    floats = [key for key, value in state.items() if value.is_floating_point()]
    assert len(floats) > 5
    assert [key for key in floats if not torch.equal(held[key], state[key].to(held[key].dtype))] == []
