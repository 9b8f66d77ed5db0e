"""One transformation at one level, applied to pictures and to what is marked on them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import OptionError
from belvedere.data.annotations import Instance
from belvedere.data.transformations.catalogue import KINDS, LEVELS, Group, Kind
from belvedere.data.transformations.following import follow
from belvedere.data.transformations.showing import show, show_labels
from belvedere.data.transformations.warps import AnyWarp


@dataclass(frozen=True)
class Transformation:
    """A field condition in a certain strength.

    What is drawn (where a shadow falls, from which side a picture is seen) depends on the seed and on the picture's
    name alone, so a picture has the same shadow at every level, only deeper, and in every run.

    Attributes:
        name: Which one, a key of ``KINDS``.
        level: 1 (hardly seen) to 5; 0 leaves everything as it is.
        seed: What it draws from.

    Raises:
        OptionError: there is no such transformation or level, or the seed is negative.
    """

    name: str
    level: int
    seed: int = 0

    def __post_init__(self) -> None:
        if self.name not in KINDS:
            raise OptionError(f"unknown transformation '{self.name}': expected one of {', '.join(KINDS)}")
        if not 0 <= self.level <= LEVELS:
            raise OptionError(f"level {self.level} of '{self.name}': expected 0 to {LEVELS}")
        if self.seed < 0:
            raise OptionError(f"seed {self.seed} of '{self.name}': expected 0 or more")

    @property
    def kind(self) -> Kind:
        """What sort of transformation it is."""
        return KINDS[self.name]

    @property
    def group(self) -> Group:
        """``lighting``, ``resolution`` or ``distortion``."""
        return self.kind.group

    @property
    def parameters(self) -> Mapping[str, float]:
        """The parameters of its level; none at level 0."""
        return self.kind.levels[self.level - 1] if self.level else {}

    def apply(
        self, image: NDArray[np.uint8], instances: Sequence[Instance] = (), *, picture: str = ""
    ) -> tuple[NDArray[np.uint8], tuple[Instance, ...]]:
        """Transform a picture, and what is marked on it.

        Args:
            image: RGB uint8 (H, W, 3), at least one pixel.
            instances: What is marked on it; see `belvedere.data.transformations.following` for what becomes of it.
            picture: Its name, which decides what is drawn.

        Returns:
            RGB uint8 of the same size, of a smaller one from ``crop``; and the instances.

        Raises:
            OptionError: the array is no such picture.
            DatasetError: a mask is not of the picture's size.
        """
        height, width = image.shape[:2]
        return self.image(image, picture=picture), self.instances(instances, width, height, picture=picture)

    def image(self, image: NDArray[np.uint8], *, picture: str = "") -> NDArray[np.uint8]:
        """The picture alone; see `apply`."""
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise OptionError(f"an array of {image.dtype} {image.shape}: expected uint8 (H, W, 3), RGB")
        warp = self.warp(image.shape[1], image.shape[0], picture=picture)
        if warp is not None:
            return show(image, warp)
        if self.kind.paint is None or not self.level:
            return image
        return self.kind.paint(image, self._rng(picture), **self.parameters)

    def instances(
        self, instances: Sequence[Instance], width: int, height: int, *, picture: str = ""
    ) -> tuple[Instance, ...]:
        """What is marked on a picture of this size alone; see `apply`."""
        warp = self.warp(width, height, picture=picture)
        return tuple(instances) if warp is None else follow(instances, warp)

    def labels(self, labels: NDArray[Any], *, picture: str = "") -> NDArray[Any]:
        """A class map or mask of the picture, (H, W) of any dtype: every pixel takes the number that it shows."""
        warp = self.warp(labels.shape[1], labels.shape[0], picture=picture)
        return labels if warp is None else show_labels(labels, warp)

    def warp(self, width: int, height: int, *, picture: str = "") -> AnyWarp | None:
        """Where the points of a picture of this size go; None where they stay."""
        if self.kind.move is None or not self.level:
            return None
        return self.kind.move(width, height, self._rng(picture), **self.parameters)

    def size(self, width: int, height: int, *, picture: str = "") -> tuple[int, int]:
        """Width and height of what it makes of a picture of this size."""
        warp = self.warp(width, height, picture=picture)
        return (width, height) if warp is None else warp.size

    def _rng(self, picture: str) -> np.random.Generator:
        drawn = hashlib.sha256(f"{self.seed}\0{self.name}\0{picture}".encode("utf-8", "surrogatepass")).digest()
        return np.random.default_rng(int.from_bytes(drawn[:16], "little"))
