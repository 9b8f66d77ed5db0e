"""The transformations by name, with what each level of them means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from belvedere.data.transformations import distortion, lighting, resolution
from belvedere.data.transformations.warps import AnyWarp

Group = Literal["lighting", "resolution", "distortion"]

LEVELS = 5
"""Levels of each transformation; 1 is hardly seen, 5 is as bad as anybody would still use."""


@dataclass(frozen=True)
class Kind:
    """A sort of transformation.

    Attributes:
        name: What commands and reports call it.
        group: The field condition that it belongs to.
        means: What it is like, in words.
        levels: The parameters of levels 1 to 5.
        paint: Changes pixels and leaves them in place; None where pixels move.
        move: Tells where pixels go, by width, height and what draws; None where they stay.
    """

    name: str
    group: Group
    means: str
    levels: tuple[Mapping[str, float], ...]
    paint: Callable[..., NDArray[np.uint8]] | None = None
    move: Callable[..., AnyWarp] | None = None


def _levels(**values: tuple[float, float, float, float, float]) -> tuple[Mapping[str, Any], ...]:
    return tuple(MappingProxyType({name: series[level] for name, series in values.items()}) for level in range(LEVELS))


_KINDS = (
    Kind(
        "underexposure", "lighting", "too little light, or too short an exposure",
        _levels(stops=(-0.7, -1.4, -2.1, -2.8, -3.5)), lighting.exposed,
    ),
    Kind(
        "overexposure", "lighting", "too much light, or too long an exposure",
        _levels(stops=(0.5, 1.0, 1.5, 2.0, 2.5)), lighting.exposed,
    ),
    Kind(
        "gamma", "lighting", "another tone curve, darker or lighter by picture",
        _levels(gamma=(1.25, 1.5, 1.8, 2.2, 2.8)), lighting.toned,
    ),
    Kind(
        "shadow", "lighting", "a shadow across the middle of the picture",
        _levels(light=(0.6, 0.4, 0.25, 0.15, 0.08)), lighting.shadowed,
    ),
    Kind(
        "glare", "lighting", "a lamp mirrored in the picture",
        _levels(radius=(0.03, 0.05, 0.07, 0.095, 0.12), light=(0.5, 0.8, 1.2, 1.7, 2.3)), lighting.glaring,
    ),
    Kind(
        "warm", "lighting", "light of a lower colour temperature than the camera is balanced for",
        _levels(kelvin=(5600, 4900, 4200, 3500, 2800)), lighting.tinted,
    ),
    Kind(
        "cool", "lighting", "light of a higher colour temperature than the camera is balanced for",
        _levels(kelvin=(7500, 9000, 11500, 15500, 22000)), lighting.tinted,
    ),
    Kind(
        "downscale", "resolution", "fewer pixels on the scene, enlarged again",
        _levels(factor=(1.5, 2, 3, 4, 6)), resolution.coarsened,
    ),
    Kind(
        "jpeg", "resolution", "strong compression",
        _levels(quality=(40, 25, 15, 10, 6)), resolution.compressed,
    ),
    Kind(
        "blur", "resolution", "out of focus",
        _levels(sigma=(0.8, 1.6, 2.8, 4.4, 6.5)), resolution.blurred,
    ),
    Kind(
        "noise", "resolution", "noise of a sensor in little light",
        _levels(electrons=(2000, 700, 280, 120, 60), read=(3, 3, 3, 3, 3)), resolution.noisy,
    ),
    Kind(
        "barrel", "distortion", "a wide-angle lens bends lines outwards",
        _levels(k1=(-0.05, -0.1, -0.15, -0.21, -0.28)), move=distortion.bent,
    ),
    Kind(
        "pincushion", "distortion", "a lens bends lines inwards",
        _levels(k1=(0.06, 0.12, 0.2, 0.3, 0.45)), move=distortion.bent,
    ),
    Kind(
        "perspective", "distortion", "seen from the side by a tilted camera",
        _levels(inset=(0.05, 0.1, 0.16, 0.22, 0.28)), move=distortion.tilted,
    ),
    Kind(
        "crop", "distortion", "a part beside the middle, at its own size",
        _levels(side=(0.92, 0.84, 0.75, 0.65, 0.55)), move=distortion.off_center,
    ),
)  # fmt: skip

KINDS: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in _KINDS})
"""Every transformation by its name, in the order in which reports list them."""
