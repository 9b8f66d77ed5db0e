"""Networks that exist for torch, each as a TorchScript file, with its eager module to measure against."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere import nets
from sets import shared_folder

VOC_AS_COCO = {
    "aeroplane": "airplane", "motorbike": "motorcycle", "sofa": "couch", "pottedplant": "potted plant",
    "diningtable": "dining table", "tvmonitor": "tv",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class TorchNetwork:
    """A network to compile.

    Attributes:
        name: For the table.
        module: In evaluation mode.
        side: Of its square input in pixels.
        binding: Arguments of ``compile`` that bind it to its task; empty for random weights.
        samples: Labelled pictures (picture, truth), for trained weights.
        calibration: Pictures for int8, none of them among the samples.
    """

    name: str
    module: Any
    side: int
    binding: dict[str, Any] = field(default_factory=dict)
    samples: Callable[[], list[tuple[Any, Any]]] = list
    calibration: Callable[[], list[Any]] = list

    def input(self, seed: int = 0) -> NDArray[np.float32]:
        """One random input of about the spread of a normalised picture."""
        shape = (1, 3, self.side, self.side)
        return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)

    def save(self, folder: Path) -> Path:
        """Trace the module to a TorchScript file."""
        import torch

        path = folder / f"{self.name}.pt"
        with torch.inference_mode():
            traced = torch.jit.trace(self.module, torch.from_numpy(self.input()), check_trace=False)
        traced.save(str(path))
        return path


def networks(quick: bool) -> dict[str, Callable[[], TorchNetwork]]:
    """Name to maker; ``quick`` has one tiny network."""
    if quick:
        return {"samplenet": lambda: TorchNetwork("samplenet", nets.create("samplenet"), 32)}
    return {
        "mobilenet_v2": _mobilenet,
        "squeezenet1_1": _squeezenet,
        "yolox_nano": _yolox,
        "resnet50": lambda: TorchNetwork("resnet50", _seeded(lambda: nets.create("resnet50")), 224),
        "yolov3": lambda: TorchNetwork("yolov3", _seeded(_yolov3), 416),
    }


def _mobilenet() -> TorchNetwork:
    module = nets.create("mobilenet_v2_same")
    binding = {"task": "classification", "labels": "imagenet1000", "mean": (1.0,), "std": (1.0,), "scale": 1 / 127.5}
    return _trained("mobilenet_v2", module, "mobilenet_v2_imagenet/mobilenet_v2_imagenet_fp16.pt", 224, binding)


def _squeezenet() -> TorchNetwork:
    module = nets.create("squeezenet1_1")
    binding = {
        "task": "classification", "labels": "imagenet1000", "mean": (123.0, 117.0, 104.0), "std": (1.0,), "scale": 1.0,
    }  # fmt: skip
    return _trained("squeezenet1_1", module, "squeezenet1_1_imagenet/squeezenet1_1_imagenet_fp16.pt", 227, binding)


def _yolox() -> TorchNetwork:
    module = nets.create("yolox_nano")
    found = _trained("yolox_nano", module, "yolox_nano_coco/yolox_nano_coco.pt", 416, {"labels": "coco80"})
    return TorchNetwork(found.name, found.module, 416, found.binding, _voc_boxes, _objects)


def _trained(name: str, module: Any, file: str, side: int, binding: dict[str, Any]) -> TorchNetwork:
    import torch

    state = torch.load(shared_folder() / "models" / file, weights_only=True, map_location="cpu")
    module.load_state_dict({key: value.float() for key, value in state.items()}, strict=False)
    return TorchNetwork(name, module.eval(), side, binding, _imagenet, _objects)


def _imagenet() -> list[tuple[Path, int]]:
    """One photograph a class, in the order of the classes."""
    folder = shared_folder() / "data" / "unlabeled" / "imagenet-samples"
    return [(path, number) for number, path in enumerate(sorted(folder.glob("*.jpg")))]


def _objects() -> list[Path]:
    """Photographs of varied things."""
    return sorted((shared_folder() / "data" / "unlabeled" / "caltech101").rglob("*.jpg"))[::3]


def _voc_boxes() -> list[tuple[Path, tuple[NDArray[np.float64], list[int]]]]:
    """Photographs with true boxes in pixels and their classes by COCO's numbers."""
    from belvedere.tasks.label_sets import label_set

    folder = shared_folder() / "data" / "detection" / "voc-mini"
    found = json.loads((folder / "val.json").read_text())
    names = {entry["id"]: entry["name"] for entry in found["categories"]}
    coco = list(label_set("coco80"))
    pairs = []
    for image in found["images"]:
        own = [entry for entry in found["annotations"] if entry["image_id"] == image["id"]]
        boxes = np.array([entry["bbox"] for entry in own], float).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        ids = [coco.index(VOC_AS_COCO.get(names[e["category_id"]], names[e["category_id"]])) for e in own]
        pairs.append((folder / image["file_name"], (boxes, ids)))
    return pairs


def _seeded(make: Callable[[], Any]) -> Any:
    import torch

    torch.manual_seed(0)
    return make().eval()


def _yolov3() -> Any:
    """YOLOv3 (Redmon and Farhadi 2018): Darknet-53 and three heads, 62 M parameters; gives the three raw maps."""
    import torch
    from torch import nn

    def conv(narrow: int, wide: int, kernel: int, stride: int = 1) -> Any:
        layer = nn.Conv2d(narrow, wide, kernel, stride, kernel // 2, bias=False)
        return nn.Sequential(layer, nn.BatchNorm2d(wide), nn.LeakyReLU(0.1))

    class Residual(nn.Module):  # type: ignore[misc]
        def __init__(self, wide: int) -> None:
            super().__init__()
            self.body = nn.Sequential(conv(wide, wide // 2, 1), conv(wide // 2, wide, 3))

        def forward(self, x: Any) -> Any:
            return x + self.body(x)

    def five(narrow: int, wide: int) -> Any:
        return nn.Sequential(
            conv(narrow, wide, 1), conv(wide, 2 * wide, 3), conv(2 * wide, wide, 1), conv(wide, 2 * wide, 3),
            conv(2 * wide, wide, 1),
        )  # fmt: skip

    class Yolo(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            stages, wide = [conv(3, 32, 3)], 32
            for count in (1, 2, 8, 8, 4):
                stages.append(nn.Sequential(conv(wide, 2 * wide, 3, 2), *(Residual(2 * wide) for _ in range(count))))
                wide *= 2
            self.stages = nn.ModuleList(stages)
            self.necks = nn.ModuleList([five(1024, 512), five(768, 256), five(384, 128)])
            self.heads = nn.ModuleList(
                nn.Sequential(conv(size, 2 * size, 3), nn.Conv2d(2 * size, 255, 1)) for size in (512, 256, 128)
            )
            self.ups = nn.ModuleList([conv(512, 256, 1), conv(256, 128, 1)])

        def forward(self, x: Any) -> Any:
            kept = []
            for stage in self.stages:
                x = stage(x)
                kept.append(x)
            outputs = []
            for number, neck in enumerate(self.necks):
                if number:
                    wider = nn.functional.interpolate(self.ups[number - 1](x), scale_factor=2.0)
                    x = torch.cat([wider, kept[-1 - number]], 1)
                x = neck(x)
                outputs.append(self.heads[number](x))
            return tuple(outputs)

    return Yolo()
