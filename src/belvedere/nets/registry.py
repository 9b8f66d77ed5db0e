"""The table of architectures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from belvedere.core.errors import MissingExtraError, OptionError

if TYPE_CHECKING:
    import torch

MOST_CLASSES = 100_000


@dataclass(frozen=True)
class Architecture:
    """What is known of an architecture without torch.

    Attributes:
        name: As in ``create``.
        module: Module of this package that has it.
        maker: Function of the module; takes ``classes`` and ``options``.
        options: Fixed arguments of the maker.
        head: Key of the state dict whose first axis is the number of classes.
        classes: Of the usual weights: 1000 for ImageNet, 80 for COCO, 21 for VOC.
        input: Channels, height and width that the usual weights were trained with.
        outputs: Names of what ``forward`` gives.
        unused: Starts of keys of state dicts that only training needs, and that the network here has no place for.
    """

    name: str
    module: str
    maker: str
    options: Mapping[str, Any] = field(default_factory=dict)
    head: str = "fc.weight"
    classes: int = 1000
    input: tuple[int, int, int] = (3, 224, 224)
    outputs: tuple[str, ...] = ("output0",)
    unused: tuple[str, ...] = ()


def names() -> tuple[str, ...]:
    """The architectures that ``create`` knows, sorted."""
    return tuple(sorted(_TABLE))


def describe(name: str) -> Architecture:
    """The row of an architecture.

    Raises:
        OptionError: there is none of that name.
    """
    found = _TABLE.get(name.strip().lower().replace("-", "_"))
    if found is None:
        raise OptionError(f"no architecture {name!r}; known are {', '.join(names())}")
    return found


def create(name: str, *, classes: int | None = None, **options: Any) -> torch.nn.Module:
    """Make a network with random weights, in evaluation mode.

    Example:
        >>> from belvedere import nets
        >>> net = nets.create("mobilenet_v2", classes=10)  # doctest: +SKIP

    Args:
        name: One of ``names()``.
        classes: Length of the class axis of the output; None for that of the usual weights.
        options: Further arguments of the architecture, such as ``padding="same"`` of ``mobilenet_v2``.

    Raises:
        OptionError: no such architecture or option.
        MissingExtraError: torch is not installed.
    """
    row = describe(name)
    count = row.classes if classes is None else classes
    if not 1 <= count <= MOST_CLASSES:
        raise OptionError(f"architecture {row.name}: {count} classes; expected 1 to {MOST_CLASSES}")
    try:
        module = import_module(f"belvedere.nets.{row.module}")
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingExtraError(f"Architecture {row.name}", "torch") from error
    try:
        net: torch.nn.Module = getattr(module, row.maker)(classes=count, **{**row.options, **options})
    except TypeError as error:
        raise OptionError(f"architecture {row.name}: {error}") from error
    return net.eval()


def classes_in(name: str, state: Mapping[str, Any]) -> int | None:
    """The number of classes that a state dict was trained for; None where it lacks the head.

    Raises:
        OptionError: there is no architecture of that name.
    """
    head = state.get(describe(name).head)
    shape = tuple(int(axis) for axis in getattr(head, "shape", ()))
    return shape[0] if shape else None


def _rows() -> list[Architecture]:
    growth: dict[int, dict[str, Any]] = {
        121: {"blocks": (6, 12, 24, 16)},
        161: {"blocks": (6, 12, 36, 24), "growth": 48, "first": 96},
        169: {"blocks": (6, 12, 32, 32)},
        201: {"blocks": (6, 12, 48, 32)},
    }
    rows = [
        Architecture(f"resnet{depth}", "resnet", "resnet", {"blocks": blocks, "bottleneck": depth >= 50})
        for depth, blocks in {
            18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3),
        }.items()
    ]  # fmt: skip
    wide: dict[str, Any] = {"blocks": (3, 4, 6, 3), "bottleneck": True}
    rows += [
        Architecture("resnext50_32x4d", "resnet", "resnet", {**wide, "groups": 32, "group_width": 4}),
        Architecture("wide_resnet50_2", "resnet", "resnet", {**wide, "group_width": 128}),
    ]
    rows += [
        Architecture(f"vgg{depth}{end}", "vgg", "vgg", {"depth": depth, "norm": bool(end)}, "classifier.6.weight")
        for depth in (11, 13, 16, 19)
        for end in ("", "_bn")
    ]
    rows += [
        Architecture(f"densenet{depth}", "densenet", "densenet", options, "classifier.weight")
        for depth, options in growth.items()
    ]
    rows += [
        Architecture("mobilenet_v2", "mobilenet_v2", "mobilenet_v2", head="classifier.1.weight"),
        Architecture(
            "mobilenet_v2_same", "mobilenet_v2", "mobilenet_v2", {"padding": "same"}, head="classifier.1.weight"
        ),
        Architecture(
            "mobilenet_v3_large", "mobilenet_v3", "mobilenet_v3", {"size": "large"}, head="classifier.3.weight"
        ),
        Architecture(
            "mobilenet_v3_small", "mobilenet_v3", "mobilenet_v3", {"size": "small"}, head="classifier.3.weight"
        ),
        Architecture("squeezenet1_0", "squeezenet", "squeezenet", {"version": "1.0"}, head="classifier.1.weight"),
        Architecture("squeezenet1_1", "squeezenet", "squeezenet", {"version": "1.1"}, head="classifier.1.weight"),
        Architecture("samplenet", "samplenet", "samplenet", head="fc3.weight", classes=10, input=(3, 32, 32)),
    ]
    rows += [
        Architecture(
            f"deeplabv3_resnet{depth}",
            "deeplab",
            "deeplabv3_resnet",
            {"blocks": blocks},
            head="classifier.4.weight",
            classes=21,
            input=(3, 520, 520),
            outputs=("out",),
            unused=("aux_classifier.",),
        )
        for depth, blocks in {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}.items()
    ]
    rows += [
        Architecture(
            f"yolox_{size}",
            "yolox",
            "yolox",
            {"depth": depth, "width": width, "depthwise": size == "nano"},
            head="head.cls_preds.0.weight",
            classes=80,
            input=(3, side, side),
            outputs=("output",),
        )
        for size, depth, width, side in (
            ("nano", 0.33, 0.25, 416),
            ("tiny", 0.33, 0.375, 416),
            ("s", 0.33, 0.5, 640),
            ("m", 0.67, 0.75, 640),
            ("l", 1.0, 1.0, 640),
            ("x", 1.33, 1.25, 640),
        )
    ]
    return rows


_TABLE: Mapping[str, Architecture] = MappingProxyType({row.name: row for row in _rows()})
