"""What a pose network says about one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import OptionError

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Keypoint:
    """One joint.

    Attributes:
        name: Its name.
        xy: Where it is, in pixels of the picture.
        score: Confidence, 0..1 for networks that were trained so.
    """

    name: str
    xy: tuple[float, float]
    score: float

    def to_dict(self) -> dict[str, Any]:
        """The keypoint as JSON-serialisable values."""
        return {"name": self.name, "xy": list(self.xy), "score": self.score}


@dataclass(frozen=True, eq=False)
class PoseResult:
    """The joints of each person on one picture.

    Attributes:
        keypoints_xy: float32 (n, K, 2): joints of n people in pixels of the picture; they may lie beside it.
        keypoint_scores: float32 (n, K).
        names: K names.
        skeleton: Pairs of joints that a line joins.
        threshold: The score from which a joint is drawn and counts for a person's score.
        image: The decoded picture, RGB uint8 (H, W, 3), kept for drawing.
        path: Where the picture came from, if it had a name.
    """

    keypoints_xy: NDArray[np.float32]
    keypoint_scores: NDArray[np.float32]
    names: tuple[str, ...]
    skeleton: tuple[tuple[int, int], ...]
    threshold: float
    image: NDArray[np.uint8]
    path: str | None = None

    def __post_init__(self) -> None:
        people = (len(self.keypoint_scores), len(self.names))
        if self.keypoint_scores.shape != people or self.keypoints_xy.shape != (*people, 2):
            raise OptionError(
                f"keypoints {self.keypoints_xy.shape} and scores {self.keypoint_scores.shape}: "
                f"expected {(*people, 2)} and {people}"
            )

    def __len__(self) -> int:
        return len(self.keypoint_scores)

    @property
    def width(self) -> int:
        """Width of the picture in pixels."""
        return int(self.image.shape[1])

    @property
    def height(self) -> int:
        """Its height in pixels."""
        return int(self.image.shape[0])

    @property
    def scores(self) -> NDArray[np.float32]:
        """A person's score: the mean of the joints at or above the threshold, 0 where there are none; float32 (n,)."""
        counted = self.keypoint_scores >= self.threshold
        sums = np.where(counted, self.keypoint_scores, 0).sum(axis=1)
        return np.asarray(sums / np.maximum(counted.sum(axis=1), 1), dtype=np.float32)

    @property
    def people(self) -> tuple[tuple[Keypoint, ...], ...]:
        """The joints of each person, all of them."""
        rows = zip(self.keypoints_xy.tolist(), self.keypoint_scores.tolist(), strict=True)
        return tuple(
            tuple(Keypoint(name, (x, y), score) for name, (x, y), score in zip(self.names, points, values, strict=True))
            for points, values in rows
        )

    def draw(self, *, scale: int = 1) -> Image.Image:
        """The picture with the skeleton of each person; joints below the threshold are left out.

        Args:
            scale: Whole number by which the picture is enlarged.

        Raises:
            OptionError: ``scale`` is below 1.
        """
        from belvedere.tasks.label_names import class_color
        from belvedere.vision.draw import canvas_of
        from belvedere.vision.skeleton import paint_skeleton

        picture = canvas_of(self.image, scale)
        for number in range(len(self)):
            shown = self.keypoint_scores[number] >= self.threshold
            paint_skeleton(picture, self.keypoints_xy[number] * scale, shown, self.skeleton, class_color(number))
        return picture

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON-serialisable values."""
        people = [
            {"score": float(score), "keypoints": [point.to_dict() for point in points]}
            for score, points in zip(self.scores, self.people, strict=True)
        ]
        return {"path": self.path, "width": self.width, "height": self.height, "people": people}
