"""What a pose network says about one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import OptionError
from belvedere.tasks.interchange import CategoryIds
from belvedere.tasks.pose.keypoints import COCO_KEYPOINTS, COCO_SKELETON
from belvedere.tasks.result import OfPicture

if TYPE_CHECKING:
    from PIL import Image

PERSON = "person"


@dataclass(frozen=True)
class Keypoint:
    """One joint.

    Attributes:
        name: Its name.
        xy: Where it is, in pixels of the picture.
        score: Confidence, 0..1 for networks that were trained so.
        visible: Whether the score reaches the result's threshold.
    """

    name: str
    xy: tuple[float, float]
    score: float
    visible: bool = True

    def to_dict(self) -> dict[str, Any]:
        """The keypoint as JSON-serialisable values."""
        return {"name": self.name, "x": self.xy[0], "y": self.xy[1], "score": self.score, "visible": self.visible}


@dataclass(frozen=True, eq=False)
class PoseResult(OfPicture):
    """The joints of each person on one picture.

    Attributes:
        keypoints_xy: float32 (n, K, 2): joints of n people in pixels of the picture; they may lie beside it.
        keypoint_scores: float32 (n, K).
        names: K names.
        skeleton: Pairs of joints that a line joins.
        threshold: The score from which a joint is visible: drawn, and counted for a person's score and box.
        image: The decoded picture, RGB uint8 (H, W, 3), kept for drawing.
        path: Where the picture came from, if it had a name.
        person_scores: float32 (n,): confidence in each person, of networks that tell it; None where it follows from
            the joints.
        person_boxes_xyxy: float32 (n, 4): the box of each person in pixels of the picture, of networks that find or
            take boxes; None where it follows from the joints.

    Raises:
        OptionError: arrays do not fit together.
    """

    keypoints_xy: NDArray[np.float32]
    keypoint_scores: NDArray[np.float32]
    names: tuple[str, ...]
    skeleton: tuple[tuple[int, int], ...]
    threshold: float
    image: NDArray[np.uint8]
    path: str | None = None
    person_scores: NDArray[np.float32] | None = None
    person_boxes_xyxy: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        people = (len(self.keypoint_scores), len(self.names))
        if self.keypoint_scores.shape != people or self.keypoints_xy.shape != (*people, 2):
            raise OptionError(
                f"keypoints {self.keypoints_xy.shape} and scores {self.keypoint_scores.shape}: "
                f"expected {(*people, 2)} and {people}"
            )
        scores, boxes = self.person_scores, self.person_boxes_xyxy
        if scores is not None and scores.shape != people[:1]:
            raise OptionError(f"scores of people {scores.shape}: expected {people[:1]}")
        if boxes is not None and boxes.shape != (people[0], 4):
            raise OptionError(f"boxes of people {boxes.shape}: expected {(people[0], 4)}")

    def __len__(self) -> int:
        return len(self.keypoint_scores)

    @property
    def task(self) -> str:
        """``pose``."""
        return "pose"

    @property
    def visible(self) -> NDArray[np.bool_]:
        """The joints whose score reaches the threshold, bool (n, K)."""
        return np.asarray(self.keypoint_scores >= self.threshold)

    @property
    def scores(self) -> NDArray[np.float32]:
        """A person's score, float32 (n,): ``person_scores``, else the mean of the visible joints, 0 without any."""
        if self.person_scores is not None:
            return self.person_scores
        counted = self.visible
        sums = np.where(counted, self.keypoint_scores, 0).sum(axis=1)
        return np.asarray(sums / np.maximum(counted.sum(axis=1), 1), dtype=np.float32)

    @property
    def boxes_xyxy(self) -> NDArray[np.float32]:
        """A person's box, float32 (n, 4), clipped to the picture.

        It is that of ``person_boxes_xyxy``, else the smallest one around the visible joints, or around all of them
        where none is visible.
        """
        boxes = self.person_boxes_xyxy
        if boxes is None:
            counted = (self.visible | ~self.visible.any(axis=1, keepdims=True))[..., None]
            low = np.where(counted, self.keypoints_xy, np.inf).min(axis=1)
            high = np.where(counted, self.keypoints_xy, -np.inf).max(axis=1)
            boxes = np.concatenate([low, high], axis=1)
        return np.clip(boxes, 0, [self.width, self.height, self.width, self.height]).astype(np.float32)

    @property
    def people(self) -> tuple[tuple[Keypoint, ...], ...]:
        """The joints of each person, all of them."""
        rows = zip(self.keypoints_xy.tolist(), self.keypoint_scores.tolist(), self.visible.tolist(), strict=True)
        return tuple(
            tuple(
                Keypoint(name, (x, y), score, seen)
                for name, (x, y), score, seen in zip(self.names, points, values, flags, strict=True)
            )
            for points, values, flags in rows
        )

    def draw(self, *, scale: int = 1) -> Image.Image:
        """The picture with skeleton and score of each person; joints below the threshold are left out.

        Args:
            scale: Whole number by which the picture is enlarged.

        Raises:
            OptionError: ``scale`` is below 1.
        """
        from belvedere.tasks.pose.drawing import draw_people

        return draw_people(self, scale)

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON-serialisable values; people are detections of class 0, ``person``."""
        rows = zip(self.scores.tolist(), self.boxes_xyxy.tolist(), self.people, strict=True)
        people = [
            {
                "label": PERSON,
                "class_id": 0,
                "score": score,
                "box": box,
                "keypoints": [point.to_dict() for point in points],
            }
            for score, box, points in rows
        ]
        return {**self.header(), "detections": people}

    def to_coco(self, image_id: int | str, category_ids: CategoryIds | None = (1,)) -> list[dict[str, Any]]:
        """Rows of a COCO keypoint results file, as pycocotools' ``loadRes`` takes them.

        ``keypoints`` are triples of x, y and score. Boxes are left out: pycocotools would take their area for that of
        the joints.

        Args:
            image_id: The picture's id in the annotation file.
            category_ids: The id of class 0, ``person``; None for 0.

        Raises:
            OptionError: the class has no id.
        """
        from belvedere.tasks.pose.interchange import coco_rows

        return coco_rows(self, image_id, category_ids)

    @classmethod
    def from_coco(
        cls,
        rows: Sequence[Mapping[str, Any]],
        image: NDArray[np.uint8],
        names: Sequence[str] = COCO_KEYPOINTS,
        *,
        skeleton: Sequence[tuple[int, int]] = COCO_SKELETON,
        threshold: float = 0.3,
        category_ids: CategoryIds | None = (1,),
        image_id: int | str | None = None,
        path: str | None = None,
    ) -> Self:
        """A result from rows of a COCO keypoint results file, highest score first.

        Args:
            rows: The rows; their ``bbox`` is taken for the person's box where all have one.
            image: The picture, RGB uint8 (H, W, 3).
            names: Names of the joints.
            skeleton: Pairs of joints that a line joins.
            threshold: The score from which a joint is visible.
            category_ids: As `to_coco` takes them.
            image_id: Takes only the rows of this picture; None takes all.
            path: Where the picture came from.

        Raises:
            DatasetError: a row is damaged or of an unknown category; the message names it.
        """
        from belvedere.tasks.pose.interchange import fields_of_rows

        return cls(
            **fields_of_rows(rows, image, len(names), category_ids, image_id),
            names=tuple(names),
            skeleton=tuple(skeleton),
            threshold=threshold,
            image=image,
            path=path,
        )

    def to_supervision(self) -> Any:
        """The result as ``supervision.KeyPoints`` with ``class_name`` in its data.

        Raises:
            MissingExtraError: the package ``supervision`` is not installed.
        """
        from belvedere.tasks.pose.interchange import to_supervision

        return to_supervision(self)
