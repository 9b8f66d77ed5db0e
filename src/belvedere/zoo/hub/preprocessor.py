"""``preprocessor_config.json`` in our terms: how a picture becomes the network's input.

The image processors of the transformers library need torchvision and are not used; the values that parameterise them
are. What they do with sizes follows their PIL versions: https://github.com/huggingface/transformers, one
``image_processing_*`` file an architecture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from belvedere.core.errors import CompileError

_KERNELS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}
"""Pillow's numbers of kernels, which the files hold."""

_BY_SHORT = frozenset({"convnext", "convnextv2", "resnet", "detr", "mask2former"})
_WIDE = 384  # ConvNeXt and ResNet: from this side on pictures are stretched, below they are cropped
_CROP_PCT = 224 / 256
_LANDSCAPE = 4 / 3
_SIDE = 16384


@dataclass(frozen=True)
class PictureInput:
    """How a picture becomes the network's input; the fields are those of ``ImageInput`` and its ``Resize``.

    Attributes:
        width: Of the input, in pixels.
        height: Of the input.
        mode: ``stretch``, ``letterbox`` or ``crop``.
        kernel: Resize kernel.
        short: The shorter side before a crop.
        anchor: Where a letterbox puts the picture.
        fill: Colour of a letterbox's rest.
        scale: Factor on 0..255.
        mean: Subtracted after scaling, per channel (RGB).
        std: Divided by at last.
        note: A sentence for the user where the processor would do something that one fixed size cannot.
    """

    width: int
    height: int
    mode: Literal["stretch", "letterbox", "crop"]
    kernel: str
    short: int | None
    anchor: Literal["center", "top-left"]
    fill: str
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    note: str = ""


def read_preprocessor(
    preprocessor: Mapping[str, Any],
    config: Mapping[str, Any],
    wanted: str,
    size: tuple[int, int] | None = None,
) -> PictureInput:
    """Read the file for one fixed input size.

    Args:
        preprocessor: ``preprocessor_config.json``.
        config: ``config.json``.
        wanted: Start of messages.
        size: Width and height of the input; None for what the file says. Where it keeps pictures' shape (a shorter
            and a longest side), None stands for landscape 4:3 with that shorter side.

    Raises:
        CompileError: a value is missing or none that the processors of transformers take.
    """
    kind = str(config.get("model_type"))
    kernel = _kernel(preprocessor, wanted)
    scale, mean, std = _normalisation(preprocessor, wanted)
    fixed: dict[str, Any] = {"kernel": kernel, "scale": scale, "mean": mean, "std": std}
    if preprocessor.get("do_resize", True) is not True and not size:
        raise CompileError(f"{wanted}: preprocessor_config.json resizes nothing, so the size must be named (--size)")
    if kind == "vitpose":
        return _pose(preprocessor, wanted, size, fixed)
    sides = _sides(preprocessor.get("size"), wanted, kind, preprocessor.get("max_size", preprocessor.get("_max_size")))
    if kind in ("convnext", "convnextv2", "resnet") and sides.short is not None:
        return _classic(sides.short, preprocessor, wanted, size, fixed)
    if preprocessor.get("do_center_crop") is True:
        return _cropped(sides, preprocessor, wanted, size, fixed)
    if kind == "eomt":
        return _eomt(sides, preprocessor, size, fixed)
    multiple = preprocessor.get("size_divisor", 32) if kind == "mask2former" else 1
    return _stretched(sides, wanted, size, fixed, multiple if _is_side(multiple) else 1)


@dataclass(frozen=True)
class _Sides:
    """``size``: exact sides, or the shorter and the longest one."""

    exact: tuple[int, int] | None = None
    short: int | None = None
    longest: int | None = None


def _sides(value: Any, wanted: str, kind: str, longest: Any = None) -> _Sides:
    if _is_side(value):
        # A plain number means the shorter side for these, a square for the others.
        if kind in _BY_SHORT:
            return _Sides(short=value, longest=longest if _is_side(longest) else None)
        return _Sides(exact=(value, value))
    if isinstance(value, Mapping):
        if _is_side(value.get("height")) and _is_side(value.get("width")):
            return _Sides(exact=(value["width"], value["height"]))
        short, longest = value.get("shortest_edge"), value.get("longest_edge")
        if _is_side(short) and (longest is None or _is_side(longest)):
            return _Sides(short=short, longest=longest)
    raise CompileError(
        f"{wanted}: preprocessor_config.json says size {value!r}; expected a number of pixels, height and width, or "
        "shortest_edge and longest_edge"
    )


def _stretched(
    sides: _Sides, wanted: str, size: tuple[int, int] | None, fixed: Mapping[str, Any], multiple: int = 1
) -> PictureInput:
    note = ""
    if sides.exact is not None:
        width, height = size or sides.exact
    else:
        assert sides.short is not None
        longest = sides.longest or _SIDE
        landscape = (min(longest, round(sides.short * _LANDSCAPE)), sides.short)
        width, height = size or tuple(-(-side // multiple) * multiple for side in landscape)
        note = (
            f"its own processor keeps the shape of pictures (shorter side {sides.short}"
            + (f", longest {sides.longest}" if sides.longest else "")
            + f"); this network takes {width}x{height}, and pictures of another shape are stretched to it: --size "
            "names the shape that yours have"
        )
    if max(width, height) > _SIDE:
        raise CompileError(f"{wanted}: an input of {width}x{height} pixels, the most is {_SIDE} a side")
    return PictureInput(width, height, "stretch", short=None, anchor="center", fill="#000000", note=note, **fixed)


def _cropped(
    sides: _Sides, preprocessor: Mapping[str, Any], wanted: str, size: tuple[int, int] | None, fixed: Mapping[str, Any]
) -> PictureInput:
    crop = preprocessor.get("crop_size")
    exact = isinstance(crop, Mapping) and "height" in crop
    own = _sides(crop, wanted, "").exact if exact or _is_side(crop) else None
    if own is None:
        raise CompileError(f"{wanted}: preprocessor_config.json says crop_size {crop!r}; expected height and width")
    width, height = size or own
    if sides.short is None:
        # Both sides are resized to exact ones first, so the crop is of a stretched picture.
        if sides.exact != own:
            raise CompileError(
                f"{wanted}: preprocessor_config.json stretches to {sides.exact} and crops to {own}; only a shorter "
                "side (shortest_edge) can be cropped from"
            )
        return _stretched(sides, wanted, size, fixed)
    short = max(round(sides.short * max(width, height) / max(own)), width, height)
    return PictureInput(width, height, "crop", short=short, anchor="center", fill="#000000", **fixed)


def _classic(
    side: int, preprocessor: Mapping[str, Any], wanted: str, size: tuple[int, int] | None, fixed: Mapping[str, Any]
) -> PictureInput:
    """ConvNeXt's processor, which ResNet uses too: below 384 the picture is resized to side / crop_pct and cropped."""
    share = preprocessor.get("crop_pct", _CROP_PCT)
    share = _CROP_PCT if share is None else share
    if not isinstance(share, int | float) or not 0.1 <= share <= 1:
        raise CompileError(f"{wanted}: preprocessor_config.json says crop_pct {share!r}; expected 0.1 to 1")
    width, height = size or (side, side)
    if side >= _WIDE:
        return PictureInput(width, height, "stretch", short=None, anchor="center", fill="#000000", **fixed)
    return PictureInput(
        width, height, "crop", short=max(int(max(width, height) / share), width, height), anchor="center",
        fill="#000000", **fixed,
    )  # fmt: skip


def _eomt(
    sides: _Sides, preprocessor: Mapping[str, Any], size: tuple[int, int] | None, fixed: Mapping[str, Any]
) -> PictureInput:
    """EoMT: padded at the right and below, or cut into square windows, which one fixed size cannot do."""
    width, height = size or sides.exact or (sides.longest or sides.short or 0, sides.short or 0)
    if preprocessor.get("do_split_image") is True:
        short = sides.short or height
        note = (
            "its own processor looks at square windows along the longer side; this network sees the whole picture "
            f"once, stretched to {short}x{short}, so its published figure does not hold for it"
        )
        side = size or (short, short)
        return PictureInput(*side, "stretch", short=None, anchor="center", fill="#000000", note=note, **fixed)
    # Pixels are padded after scaling, before normalisation in some versions: black is what was trained with.
    return PictureInput(width, height, "letterbox", short=None, anchor="top-left", fill="#000000", **fixed)


def _pose(
    preprocessor: Mapping[str, Any], wanted: str, size: tuple[int, int] | None, fixed: Mapping[str, Any]
) -> PictureInput:
    """ViTPose: one person's box, kept in shape, in the middle of the input; the picture is that box."""
    own = _sides(preprocessor.get("size", {"height": 256, "width": 192}), wanted, "vitpose").exact
    width, height = size or own or (192, 256)
    return PictureInput(
        width, height, "letterbox", short=None, anchor="center", fill="#000000", **{**fixed, "kernel": "linear"}
    )


def _kernel(preprocessor: Mapping[str, Any], wanted: str) -> str:
    number = preprocessor.get("resample", 2)
    if number is None:
        number = 2
    if not isinstance(number, int) or number not in _KERNELS:
        raise CompileError(f"{wanted}: preprocessor_config.json says resample {number!r}; expected 0 to 5")
    return _KERNELS[number]


def _normalisation(
    preprocessor: Mapping[str, Any], wanted: str
) -> tuple[float, tuple[float, float, float], tuple[float, float, float]]:
    factor = preprocessor.get("rescale_factor", 1 / 255)
    rescaled = preprocessor.get("do_rescale", True) is not False
    if not isinstance(factor, int | float) or not 0 < factor <= 1:
        raise CompileError(f"{wanted}: preprocessor_config.json says rescale_factor {factor!r}; expected 0 to 1")
    scale = float(factor) if rescaled else 1.0
    if abs(scale - 1 / 255) < 1e-9:
        scale = 1 / 255
    if preprocessor.get("do_normalize", True) is False:
        return scale, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    mean, std = (_three(preprocessor, key, wanted) for key in ("image_mean", "image_std"))
    return scale, mean, std


def _three(preprocessor: Mapping[str, Any], key: str, wanted: str) -> tuple[float, float, float]:
    value = preprocessor.get(key)
    if isinstance(value, list) and len(value) == 3 and all(isinstance(v, int | float) and 0 <= v <= 255 for v in value):
        red, green, blue = (float(v) for v in value)
        if key != "image_std" or min(red, green, blue) > 0:
            return red, green, blue
    raise CompileError(f"{wanted}: preprocessor_config.json says {key} {value!r}; expected three numbers from 0 to 255")


def _is_side(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _SIDE
