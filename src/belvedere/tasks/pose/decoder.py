"""How a pose network's outputs are read, as checked settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from belvedere.core.errors import OptionError
from belvedere.tasks.pose.keypoints import COCO_KEYPOINTS, COCO_SKELETON
from belvedere.tasks.pose.personlab import RADIUS, TREE

Form = Literal["heatmaps", "vitpose", "movenet", "movenet-multipose", "posenet-single", "posenet", "yolo-pose"]

FURTHER: Mapping[str, tuple[str, ...]] = {
    "posenet-single": ("offsets",),
    "posenet": ("offsets", "forward displacements", "backward displacements"),
}
"""What ``further`` outputs are, of the forms that have some."""


@dataclass(frozen=True)
class PoseDecoder:
    """How a pose network's outputs are read; part of the artifact.

    Attributes:
        output: Name of the output; of several, that of the heatmaps.
        form: One of

            - ``heatmaps``: one map per joint (1, K, h, w), a quarter of a cell's correction (SimplePose, HRNet);
            - ``vitpose``: the same maps, read by DARK and UDP;
            - ``movenet``: rows (1, n, K, 3) of y, x, score, relative to the input;
            - ``movenet-multipose``: rows (1, n, 3 K + 5): the same numbers, then the person's top, left, bottom,
              right and score;
            - ``posenet-single``: heatmaps and offsets of one person;
            - ``posenet``: heatmaps, offsets and displacements of several people;
            - ``yolo-pose``: columns (1, 5 + 3 K, n): centre and size of the person and its score, then x, y, score of
              each joint, in pixels of the input.
        threshold: The score from which a joint counts.
        names: Names of the joints in order.
        skeleton: Pairs of joints that a line joins.
        further: Names of further outputs: offsets and displacements (forward, backward) of PoseNet.
        layout: Axes of maps: ``NCHW`` or ``NHWC``.
        activation: ``sigmoid`` where heatmaps are logits.
        person_threshold: Least score of a person, where several are found.
        most: Most people.
        iou: ``yolo-pose``: largest overlap of the boxes of two people.
        seed_threshold: ``posenet``: least score of a joint that a person is begun from.
        radius: ``posenet``: pixels of the input within which two people's same joint is one.

    Raises:
        OptionError: a field has no usable value.
    """

    output: str
    form: Form
    threshold: float = 0.3
    names: tuple[str, ...] = COCO_KEYPOINTS
    skeleton: tuple[tuple[int, int], ...] = COCO_SKELETON
    further: tuple[str, ...] = ()
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    activation: Literal["none", "sigmoid"] = "none"
    person_threshold: float = 0.25
    most: int = 20
    iou: float = 0.65
    seed_threshold: float = 0.5
    radius: float = RADIUS

    def __post_init__(self) -> None:
        if self.form not in get_args(Form):
            raise OptionError(f"unknown pose format {self.form!r}: expected one of {', '.join(get_args(Form))}")
        ends = [end for bone in self.skeleton for end in bone]
        if not self.names or not all(0 <= end < len(self.names) for end in ends):
            raise OptionError(
                f"a skeleton over {len(self.names)} joints names others: expected 0 to {len(self.names) - 1}"
            )
        wanted = FURTHER.get(self.form, ())
        if len(self.further) != len(wanted):
            raise OptionError(
                f"{len(self.further)} further outputs for pose format {self.form!r}: "
                f"expected {', '.join(wanted) or 'none'}"
            )
        joints = len(TREE) + 1
        if self.form == "posenet" and len(self.names) != joints:
            raise OptionError(f"{len(self.names)} joints: posenet's tree has COCO's {joints}")
        if self.layout not in ("NCHW", "NHWC") or self.activation not in ("none", "sigmoid"):
            raise OptionError(
                f"layout {self.layout!r}, activation {self.activation!r}: expected NCHW or NHWC, none or sigmoid"
            )
        shares = (self.threshold, self.person_threshold, self.iou, self.seed_threshold)
        if not all(0 <= share <= 1 for share in shares) or self.most < 1 or not self.radius >= 0:
            raise OptionError(
                f"thresholds and iou {shares}, most {self.most}, radius {self.radius}: expected 0 to 1, and at least 1 "
                "and 0"
            )
