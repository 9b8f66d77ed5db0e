"""What a classifier says about one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import OptionError
from belvedere.tasks.label_names import class_name, label_color
from belvedere.tasks.result import OfPicture

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class ClassScore:
    """One class with its score.

    Attributes:
        index: Number of the class from 0.
        label: Its name, ``class 7`` where it has none.
        score: A probability where the network or its decoder makes one, else a raw number.
    """

    index: int
    label: str
    score: float

    def to_dict(self) -> dict[str, Any]:
        """The class as JSON-serialisable values."""
        return {"label": self.label, "class_id": self.index, "score": self.score}


@dataclass(frozen=True, eq=False)
class ClassificationResult(OfPicture):
    """The scores of all classes for one picture.

    Attributes:
        scores: float32 (C,), one per class.
        labels: Names of the classes, maybe none.
        image: The decoded picture, RGB uint8 (H, W, 3), kept for drawing.
        path: Where the picture came from, if it had a name.
    """

    scores: NDArray[np.float32]
    labels: tuple[str, ...]
    image: NDArray[np.uint8]
    path: str | None = None

    @property
    def task(self) -> str:
        """``classification``."""
        return "classification"

    @property
    def index(self) -> int:
        """Number of the highest class, the first among equals."""
        return int(self.scores.argmax())

    @property
    def label(self) -> str:
        """Name of the highest class."""
        return class_name(self.labels, self.index)

    @property
    def score(self) -> float:
        """Score of the highest class."""
        return float(self.scores[self.index])

    def top(self, count: int = 5) -> tuple[ClassScore, ...]:
        """The highest classes, at most ``count``, falling; the lower index first among equals.

        Raises:
            OptionError: ``count`` is below 1.
        """
        if count < 1:
            raise OptionError(f"count is {count}: expected at least 1")
        order = np.argsort(-self.scores, kind="stable")[:count]
        return tuple(ClassScore(int(i), class_name(self.labels, int(i)), float(self.scores[i])) for i in order)

    def draw(self, *, scale: int = 1) -> Image.Image:
        """The picture with a caption that names the highest class and its score.

        Args:
            scale: Whole number by which the picture is enlarged.

        Raises:
            OptionError: ``scale`` is below 1.
        """
        from belvedere.vision.draw import canvas_of
        from belvedere.vision.paint import find_caption, paint_caption

        picture = canvas_of(self.image, scale)
        caption = find_caption(picture.size, [f"{self.label} {self.score:.2f}", self.label, f"{self.score:.2f}"])
        if caption is not None:
            paint_caption(picture, *caption, label_color(self.label), filled=True)
        return picture

    def to_dict(self) -> dict[str, Any]:
        """The result with its five highest classes as JSON-serialisable values."""
        return {**self.header(), "labels": [found.to_dict() for found in self.top(5)]}

    def to_supervision(self) -> Any:
        """The scores of all classes as ``supervision.Classifications``.

        Raises:
            MissingExtraError: the package ``supervision`` is not installed.
        """
        from belvedere.tasks.interchange import supervision_package

        return supervision_package().Classifications(
            class_id=np.arange(len(self.scores)), confidence=self.scores.copy()
        )
