"""A network's borders as recognising sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from belvedere.compiler.binding.families import Family
from belvedere.compiler.importing import Port

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Picture:
    """How an input takes a picture.

    Attributes:
        port: The input.
        layout: ``NCHW`` or ``NHWC``.
        channels: 1 or 3.
        width: In pixels, -1 where it is free.
        height: In pixels, -1 where it is free.
    """

    port: Port
    layout: str
    channels: int
    width: int
    height: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height


@dataclass(frozen=True)
class Recognised:
    """What a network seems to be.

    Attributes:
        family: Its family.
        settings: Fields of the decoder in the manifest, without ``kind`` and ``form``.
        classes: How many classes its outputs have; None where they do not tell.
        sure: Whether its borders and graph leave no other reading that is as likely; where they do, the user has to
            say so.
    """

    family: Family
    settings: dict[str, Any] = field(default_factory=dict)
    classes: int | None = None
    sure: bool = True


def picture_of(inputs: Sequence[Port]) -> Picture | None:
    """The only input as a picture: four axes, one or three channels, first or last; None where it is none."""
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        return None
    port = inputs[0]
    _, first, middle, last = port.shape
    layouts = [layout for layout, channels in (("NCHW", first), ("NHWC", last)) if channels in (1, 3)]
    if port.layout in layouts:
        layouts = [port.layout]
    # Where both ends could be channels the smaller one is not a side of a picture: (1, 3, 3, 1) is none.
    if len(layouts) != 1:
        return None
    if layouts[0] == "NCHW":
        return Picture(port, "NCHW", first, last, middle)
    return Picture(port, "NHWC", last, middle, first)


def per_picture(port: Port) -> Shape:
    """The shape for one picture."""
    return tuple(port.shape[1:])


def by_name(outputs: Sequence[Port]) -> dict[str, Port]:
    """Outputs by the names that their makers gave them, without what exporters add."""
    return {port.name.split(":")[0].rsplit("/", 1)[-1]: port for port in outputs}
