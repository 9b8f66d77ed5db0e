"""People drawn onto their picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from belvedere.vision.draw import canvas_of
from belvedere.vision.paint import paint_labels
from belvedere.vision.skeleton import paint_skeleton

if TYPE_CHECKING:
    from belvedere.tasks.pose.result import PoseResult

MOST_PEOPLE = 100
MOST_LABELS = 40
# People are told apart by colour; after eight they repeat.
_COLORS = ("#FF7A00", "#00B8D4", "#E91E9C", "#7CB800", "#7A5CFF", "#FFC400", "#E53935", "#3D7BFF")


def draw_people(result: PoseResult, scale: int = 1) -> Image.Image:
    """See `PoseResult.draw`."""
    picture = canvas_of(result.image, scale)
    count = min(len(result), MOST_PEOPLE)
    colors = [_COLORS[number % len(_COLORS)] for number in range(count)]
    visible, boxes = result.visible, result.boxes_xyxy * scale
    for number in reversed(range(count)):  # the highest score on top
        box = boxes[number]
        size = float(max(box[2] - box[0], box[3] - box[1]))
        points = result.keypoints_xy[number] * scale
        paint_skeleton(picture, points, visible[number], result.skeleton, colors[number], size)
    scores = result.scores
    labels = [
        f"person {scores[number]:.2f}" if number < MOST_LABELS and visible[number].any() else None
        for number in range(count)
    ]
    paint_labels(picture, [tuple(box) for box in boxes[:count].tolist()], labels, colors)
    return picture
