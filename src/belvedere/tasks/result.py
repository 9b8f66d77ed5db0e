"""What the results of all tasks have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image


class Result(Protocol):
    """What a model says about one picture; each task has a class of its own with this and more."""

    @property
    def task(self) -> str:
        """Name of the task, such as ``detection``."""

    @property
    def path(self) -> str | None:
        """Where the picture came from, if it had a name."""

    @property
    def width(self) -> int:
        """Width of the picture in pixels."""

    @property
    def height(self) -> int:
        """Its height in pixels."""

    @property
    def image(self) -> NDArray[np.uint8]:
        """The decoded picture, RGB uint8 (height, width, 3)."""

    def draw(self, *, scale: int = 1) -> Image.Image:
        """Draw the result onto the picture, enlarged by a whole number; RGB."""

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON-serialisable values, without arrays: what ``predict --json`` prints."""


class OfPicture(ABC):
    """Mixed into results that keep their picture: its size, and what every JSON form begins with.

    Attributes:
        image: The decoded picture, RGB uint8 (height, width, 3).
        path: Where it came from, if it had a name.
    """

    image: NDArray[np.uint8]
    path: str | None

    @property
    @abstractmethod
    def task(self) -> str:
        """Name of the task, such as ``detection``."""

    @property
    def width(self) -> int:
        """Width of the picture in pixels."""
        return int(self.image.shape[1])

    @property
    def height(self) -> int:
        """Its height in pixels."""
        return int(self.image.shape[0])

    def header(self) -> dict[str, Any]:
        """``path``, ``task``, ``width`` and ``height``."""
        return {"path": self.path, "task": self.task, "width": self.width, "height": self.height}
