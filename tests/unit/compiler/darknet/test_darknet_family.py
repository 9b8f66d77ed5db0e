"""The published networks of the YOLO family: their cfgs take exactly the values of the published weight files."""

from __future__ import annotations

from pathlib import Path

import pytest

from belvedere.compiler.importers import darknet
from belvedere.compiler.importing import Imported, Request, Source
from belvedere.core.errors import CompileError
from helpers.darknet import Layer, Net

POOL: Layer = ("maxpool", {"size": 2, "stride": 2})
UP: Layer = ("upsample", {"stride": 2})
HALF: Layer = ("route", {"layers": -1, "groups": 2, "group_id": 1})
ANCHORS = "12,16, 19,36, 40,28, 36,75, 76,55, 72,146, 142,110, 192,243, 459,401"


def conv(filters: int, size: int = 3, stride: int = 1, activation: str = "leaky") -> Layer:
    options = {"batch_normalize": 1, "filters": filters, "size": size, "stride": stride, "pad": 1}
    return "convolutional", {**options, "activation": activation}


def plain(filters: int) -> Layer:
    return "convolutional", {"filters": filters, "size": 1, "pad": 1, "activation": "linear"}


def route(*layers: int) -> Layer:
    return "route", {"layers": ",".join(map(str, layers))}


def yolo(mask: str, num: int = 9) -> Layer:
    anchors = ANCHORS if num == 9 else ",".join(ANCHORS.split(",")[: 2 * num])
    return "yolo", {"mask": mask, "anchors": anchors, "classes": 80, "num": num}


def residual(inner: int, outer: int, activation: str = "leaky") -> list[Layer]:
    return [conv(inner, 1, 1, activation), conv(outer, 3, 1, activation), ("shortcut", {"from": -3})]


def turns(width: int, times: int) -> list[Layer]:
    """1x1 and 3x3 convolutions in turn, the last one 1x1."""
    return [conv(width, 1) if index % 2 == 0 else conv(2 * width) for index in range(times)]


def yolov2() -> list[Layer]:
    blocks = [[(32, 3)], [(64, 3)], [(128, 3), (64, 1), (128, 3)], [(256, 3), (128, 1), (256, 3)]]
    layers = [layer for block in blocks for layer in (*(conv(*one) for one in block), POOL)]
    layers += [conv(512), conv(256, 1), conv(512), conv(256, 1), conv(512), POOL]
    layers += [conv(1024), conv(512, 1), conv(1024), conv(512, 1), conv(1024), conv(1024), conv(1024)]
    layers += [route(-9), conv(64, 1), ("reorg", {"stride": 2}), route(-1, -4), conv(1024), plain(425)]
    anchors = "0.57, 0.68, 1.87, 2.06, 3.34, 5.47, 7.88, 3.53, 9.77, 9.17"
    return [*layers, ("region", {"anchors": anchors, "classes": 80, "coords": 4, "num": 5, "softmax": 1})]


def yolov3() -> list[Layer]:
    layers = [conv(32)]
    for width, times in ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4)):
        layers += [conv(width, 3, 2), *residual(width // 2, width) * times]
    layers += [*turns(512, 5), conv(1024), plain(255), yolo("6,7,8")]
    layers += [route(-4), conv(256, 1), UP, route(-1, 61), *turns(256, 5), conv(512), plain(255), yolo("3,4,5")]
    return [*layers, route(-4), conv(128, 1), UP, route(-1, 36), *turns(128, 5), conv(256), plain(255), yolo("0,1,2")]


def yolov3_tiny() -> list[Layer]:
    layers = [layer for width in (16, 32, 64, 128, 256) for layer in (conv(width), POOL)]
    layers += [conv(512), ("maxpool", {"size": 2, "stride": 1}), conv(1024), conv(256, 1), conv(512), plain(255)]
    layers += [yolo("3,4,5", 6), route(-4), conv(128, 1), UP, route(-1, 8), conv(256), plain(255)]
    return [*layers, yolo("0,1,2", 6)]


def yolov4() -> list[Layer]:
    layers = [conv(32, activation="mish")]
    for width, times in ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4)):
        part, inner = (64, 32) if times == 1 else (width // 2, width // 2)
        layers += [conv(width, 3, 2, "mish"), conv(part, 1, 1, "mish"), route(-2), conv(part, 1, 1, "mish")]
        layers += residual(inner, part, "mish") * times
        layers += [conv(part, 1, 1, "mish"), route(-1, -4 - 3 * times), conv(width, 1, 1, "mish")]
    layers += turns(512, 3)
    for size, back in ((5, -2), (9, -4)):
        layers += [("maxpool", {"size": size, "stride": 1}), route(back)]
    layers += [("maxpool", {"size": 13, "stride": 1}), route(-1, -3, -5, -6), *turns(512, 3)]
    for width, source in ((256, 85), (128, 54)):
        layers += [conv(width, 1), UP, route(source), conv(width, 1), route(-1, -3), *turns(width, 5)]
    layers += [conv(256), plain(255), yolo("0,1,2")]
    for width, back, mask in ((256, -16, "3,4,5"), (512, -37, "6,7,8")):
        layers += [route(-4), conv(width, 3, 2), route(-1, back), *turns(width, 5), conv(2 * width), plain(255)]
        layers += [yolo(mask)]
    return layers


def yolov4_tiny() -> list[Layer]:
    layers = [conv(32, 3, 2), conv(64, 3, 2)]
    for width in (64, 128, 256):
        layers += [conv(width), HALF, conv(width // 2), conv(width // 2), route(-1, -2), conv(width, 1)]
        layers += [route(-6, -1), POOL]
    layers += [conv(512), conv(256, 1), conv(512), plain(255), yolo("3,4,5", 6)]
    layers += [route(-4), conv(128, 1), UP, route(-1, 23), conv(256), plain(255), yolo("1,2,3", 6)]
    return layers


def save(folder: Path, layers: list[Layer], size: int, count: int) -> None:
    """A cfg, and a weights file of zeros that takes no space on the disk."""
    net = Net((3, size, size), layers, [[] for _ in layers])
    # The published yolov2 is of version 0.1, with a picture count of 32 bits.
    net.save(folder, version=(0, 1, 0) if layers[-1][0] == "region" else (0, 2, 0))
    with (folder / "net.weights").open("r+b") as stream:
        stream.truncate(count)


def load(folder: Path) -> Imported:
    return darknet.load(Source(folder, folder, (Path("net.cfg"), Path("net.weights"))), Request())


# Bytes of the published file, input side, and the outputs at that size.
FAMILY = {
    "yolov2": (yolov2, 203_934_260, 608, {"detection_out": 19 * 19 * 5}),
    "yolov3": (yolov3, 248_007_048, 416, {"yolo_82": 507, "yolo_94": 2028, "yolo_106": 8112}),
    "yolov3-tiny": (yolov3_tiny, 35_434_956, 416, {"yolo_16": 507, "yolo_23": 2028}),
    "yolov4": (yolov4, 257_717_640, 608, {"yolo_139": 17_328, "yolo_150": 4332, "yolo_161": 1083}),
    "yolov4-tiny": (yolov4_tiny, 24_251_276, 416, {"yolo_30": 507, "yolo_37": 2028}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILY)
def test_published_weights_fit_exactly(tmp_path: Path, name: str) -> None:
    make, size, side, outputs = FAMILY[name]
    save(tmp_path, make(), side, size)
    imported = load(tmp_path)
    assert {port.name: port.shape for port in imported.outputs} == {key: (n, 85) for key, n in outputs.items()}
    save(tmp_path, make(), side, size - 4)
    with pytest.raises(CompileError, match=r"ends in net\.cfg: \[convolutional\]"):
        load(tmp_path)
    save(tmp_path, make(), side, size + 4)
    with pytest.raises(CompileError, match=r"net\.weights: 1 of its \d+ values are left over"):
        load(tmp_path)
