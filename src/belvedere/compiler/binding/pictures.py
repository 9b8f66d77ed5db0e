"""The picture input of a bound network: size, colours, normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from belvedere.compiler.binding.facts import Facts
from belvedere.compiler.binding.families import Family, named_like
from belvedere.compiler.binding.recognise import Picture
from belvedere.core.errors import CompileError, OptionError
from belvedere.runtime.inputs import ImageInput

DTYPES = ("float32", "float16", "uint8")
"""Element types that pictures go in as."""

_CROPPED = 0.875
"""Share of the shorter side that ImageNet classifiers look at: 224 of 256."""

_USUAL_SIDES = {"tf-detection": 300, "ssd": 300, "scores": 512, "classes": 513}
"""Sides of the input that networks usually have, by the form of their outputs, as an example for messages."""


@dataclass(frozen=True)
class Normalisation:
    """value = (pixel * scale - mean) / std, and a sentence on where it comes from."""

    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    note: str
    known: bool = True


def normalisation_of(
    picture: Picture,
    family: Family,
    facts: Facts,
    *,
    named: bool,
    scale: float | None,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
) -> Normalisation:
    """How pixels become numbers: what the user says, else the named family's convention, else as they are.

    Args:
        picture: The input.
        family: The family that was named or recognised.
        facts: What the graph tells.
        named: Whether the user named the family.
        scale: What the user says; None for 1/255 where every mean and std lies within 0 to 1, else 1.
        mean: What the user says, per channel.
        std: What the user says, per channel.

    Raises:
        OptionError: a number does not fit.
    """
    if scale is not None or mean is not None or std is not None:
        return _given(picture, scale, mean, std)
    if picture.port.dtype == "uint8":
        return Normalisation(1.0, (0.0,), (1.0,), "the input takes bytes: pixels go in as they are")
    if family.scale is not None and (named or family.inherent) and not facts.normalises:
        note = f"pictures go in as {family.normalisation} ({family.source})"
        return Normalisation(family.scale, family.mean, family.std, note)
    as_they_are = Normalisation(1.0, (0.0,), (1.0,), "")
    if facts.normalises:
        note = "the network begins with arithmetic of its own: pixels go in as they are, 0 to 255"
        return Normalisation(as_they_are.scale, as_they_are.mean, as_they_are.std, note)
    return Normalisation(1.0, (0.0,), (1.0,), _unknown(family), known=False)


def image_input(
    picture: Picture,
    family: Family,
    normalisation: Normalisation,
    *,
    color: str | None,
    resize: str | None,
    kernel: str | None,
    size: tuple[int, int] | None,
) -> ImageInput:
    """The input in the manifest.

    Args:
        picture: The input of the network.
        family: The family whose conventions fill in what the user does not say.
        normalisation: How pixels become numbers.
        color: ``RGB``, ``BGR`` or ``GRAY``; None for the family's.
        resize: ``stretch``, ``letterbox`` or ``crop``; None for the family's.
        kernel: Resize kernel; None for the family's.
        size: Width and height where the network leaves them free.

    Raises:
        CompileError: the network's input cannot be a picture, or its size is free and not said.
        OptionError: an option does not fit.
    """
    if picture.port.dtype not in DTYPES:
        raise CompileError(
            f"input '{picture.port.name}' takes {picture.port.dtype}: pictures go in as {', '.join(DTYPES)}"
        )
    width, height = _size(picture, family, size)
    mode = resize or family.mode
    wanted: dict[str, Any] = {
        "name": picture.port.name,
        "shape": _shape(picture, width, height),
        "layout": picture.layout,
        "dtype": picture.port.dtype,
        "color": _color(picture, family, color),
        "scale": normalisation.scale,
        "mean": normalisation.mean,
        "std": normalisation.std,
        "resize": {
            "mode": mode,
            "kernel": kernel or family.kernel,
            "width": width,
            "height": height,
            "anchor": family.anchor,
            "fill": family.fill,
            "short": round(max(width, height) / _CROPPED) if mode == "crop" else None,
        },
    }
    try:
        return ImageInput.model_validate(wanted)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise OptionError(f"the picture input cannot be bound so: {faults}") from None


def _given(
    picture: Picture, scale: float | None, mean: Sequence[float] | None, std: Sequence[float] | None
) -> Normalisation:
    means, stds = _numbers("mean", mean, 0.0, picture), _numbers("std", std, 1.0, picture)
    if picture.port.dtype == "uint8":
        raise OptionError(
            f"input '{picture.port.name}' takes bytes: it has room for no scale, mean or std; leave them out"
        )
    if scale is None:
        small = (mean is not None or std is not None) and all(0 <= value <= 1 for value in (*means, *stds))
        scale = 1 / 255 if small else 1.0
    note = f"pictures are normalised as asked: (pixel * {scale:g} - {list(means)}) / {list(stds)}"
    return Normalisation(scale, means, stds, note)


def _numbers(name: str, values: Sequence[float] | None, default: float, picture: Picture) -> tuple[float, ...]:
    numbers = tuple(float(value) for value in values) if values is not None else (default,)
    if len(numbers) not in (1, picture.channels):
        raise OptionError(f"{name} has {len(numbers)} numbers: the input has {picture.channels} channels")
    return numbers * (picture.channels // len(numbers))


def _unknown(family: Family) -> str:
    named = [f"--decoder {other.name} ({other.normalisation})" for other in named_like(family)]
    choices = f", or {', '.join(named)}" if named else ""
    return (
        "nothing in the file tells how its pictures are normalised: pixels go in as they are, 0 to 255. If it was "
        f"trained otherwise, results are worthless until you say how: --mean and --std{choices}"
    )


def declaration(picture: Picture, family: Family | None) -> str:
    """The ``--input`` that declares the size of an input that leaves it free, for a network of a family.

    Args:
        picture: The input.
        family: What the network seems to be; None where that is not known.
    """
    usual = _USUAL_SIDES.get(family.form or family.kind if family else "", 224)
    width, height = (side if side > 0 else usual for side in picture.size)
    shape = _shape(picture, width, height)
    return f"--input {picture.port.name}={'x'.join(map(str, (max(shape[0], 1), *shape[1:])))}"


def _size(picture: Picture, family: Family, size: tuple[int, int] | None) -> tuple[int, int]:
    own = (picture.width, picture.height)
    if min(own) > 0:
        if size is not None and size != own:
            raise OptionError(f"size {size[0]}x{size[1]}: the network takes {own[0]}x{own[1]}")
        return own
    if size is None:
        raise CompileError(
            f"input '{picture.port.name}' leaves its size free (shape {list(picture.port.shape)}): declare its size: "
            f"{declaration(picture, family)}"
        )
    return size


def _shape(picture: Picture, width: int, height: int) -> tuple[int, int, int, int]:
    batch = picture.port.shape[0]
    if picture.layout == "NCHW":
        return batch, picture.channels, height, width
    return batch, height, width, picture.channels


def _color(picture: Picture, family: Family, color: str | None) -> str:
    if color is not None and color not in ("RGB", "BGR", "GRAY"):
        raise OptionError(f"color is {color!r}: expected RGB, BGR or GRAY")
    if (picture.channels == 1) != (color == "GRAY") and color is not None:
        raise OptionError(f"color {color} does not fit: the input has {picture.channels} channels")
    return color or ("GRAY" if picture.channels == 1 else family.color)
