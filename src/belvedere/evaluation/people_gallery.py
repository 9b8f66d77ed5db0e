"""The mistakes of a pose network, drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.data.record import Record
from belvedere.evaluation.joints import Joints, found_people, true_people
from belvedere.evaluation.look import Look
from belvedere.evaluation.mistakes import choose_mistakes, focus_of
from belvedere.evaluation.side_by_side import DrawnThing, thing_pair
from belvedere.evaluation.task_parts import Mistake
from belvedere.evaluation.thing_figures import ThingFigures
from belvedere.evaluation.thing_gallery import caption_of, taken_truths, wrong_found
from belvedere.tasks.detection.errors import DetectionError
from belvedere.tasks.pose.result import PERSON, PoseResult


def people_gallery(
    look: Look, joints: Joints, figures: ThingFigures, sizes: Sequence[NDArray[np.float64]], room: int
) -> list[Mistake]:
    """Draw the chosen mistakes; their pictures are looked at again instead of having kept all of them in memory."""
    items = []
    for error in choose_mistakes(figures.examples, sizes, room):
        record = look.kept[error.picture]
        items.append(
            _drawn(error, record, look.again(record).own, joints, wrong_found(figures.examples, error.picture))
        )
    return items


def _drawn(error: DetectionError, record: Record, result: PoseResult, joints: Joints, wrong: set[int]) -> Mistake:
    people, truth, skipped = true_people(record, joints)
    agrees = taken_truths("keypoints", found_people(result, joints), truth, wrong, 1, joints.sigmas)
    points: Any = truth.keypoints
    truths = [
        DrawnThing(
            one.box_xyxy, PERSON, bool(agrees[number]), None, points[number, :, :2], points[number, :, 2] > 0,
            faint=bool(skipped[number]), focus=number == error.truth,
        )
        for number, one in enumerate(people)
    ]  # fmt: skip
    order = list(joints.of_model)
    said_xy = result.keypoints_xy.astype(np.float64)
    said = [
        DrawnThing(
            tuple(box), f"{score:.2f}", number not in wrong, None, said_xy[number, order],
            result.visible[number, order], focus=number == error.found,
        )
        for number, (box, score) in enumerate(zip(result.boxes_xyxy.tolist(), result.scores.tolist(), strict=True))
    ]  # fmt: skip
    pair = thing_pair(result.image, truths, said, focus_of(truths, said), joints.bones)
    return Mistake(error.kind, record.name, caption_of(error, PERSON, PERSON, "OKS"), *pair)
