"""People with joints that a model and a dataset both know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import DatasetError
from belvedere.data.annotations import Instance, KeypointLayout
from belvedere.data.dataset import Dataset
from belvedere.data.labels import squeeze
from belvedere.data.record import Record
from belvedere.evaluation.outcome import listed
from belvedere.tasks.detection.compared import Found, Truth
from belvedere.tasks.pose.keypoints import COCO_KEYPOINTS, COCO_SIGMAS
from belvedere.tasks.pose.result import PoseResult

_USUAL_SIGMA = float(np.mean(COCO_SIGMAS))


@dataclass(frozen=True, eq=False)
class Joints:
    """The joints that model and dataset both know, in the dataset's order.

    Attributes:
        names: Their names.
        of_dataset: Their places among the dataset's.
        of_model: Their places among the model's.
        sigmas: How widely people's annotations of them scatter.
        bones: Pairs of them that a line joins.
        notes: What to say about the others.
    """

    names: tuple[str, ...]
    of_dataset: tuple[int, ...]
    of_model: tuple[int, ...]
    sigmas: tuple[float, ...]
    bones: tuple[tuple[int, int], ...]
    notes: tuple[str, ...]


def match_joints(dataset: Dataset, names: Sequence[str], skeleton: Sequence[tuple[int, int]]) -> Joints:
    """The joints that both know, by name; by place, where the dataset names none and has as many.

    Raises:
        DatasetError: there is none.
    """
    layout = dataset.keypoints or KeypointLayout(())
    theirs = layout.names or tuple(names)
    places = {squeeze(name): place for place, name in enumerate(names)}
    both = [(number, places[squeeze(name)]) for number, name in enumerate(theirs) if squeeze(name) in places]
    if not both:
        raise DatasetError(
            f"{dataset.name}: the model finds none of its joints. The dataset has {listed(theirs)}; the model has "
            f"{listed(tuple(names))}"
        )
    usual = dict(zip(COCO_KEYPOINTS, COCO_SIGMAS, strict=True))
    known = layout.sigmas or tuple(usual.get(name, _USUAL_SIGMA) for name in theirs)
    of_model = {model: place for place, (_, model) in enumerate(both)}
    notes = []
    missing = [name for name in theirs if squeeze(name) not in places]
    if missing:
        notes.append(f"The model does not know these joints of the dataset, which do not count: {listed(missing)}.")
    if layout.sigmas is None and not set(theirs) <= set(usual):
        notes.append(
            f"Nobody measured how exactly people place these joints: {_USUAL_SIGMA:.3f}, the mean of COCO's sigmas, is "
            "taken for those that COCO lacks."
        )
    return Joints(
        names=tuple(theirs[number] for number, _ in both),
        of_dataset=tuple(number for number, _ in both),
        of_model=tuple(model for _, model in both),
        sigmas=tuple(known[number] for number, _ in both),
        bones=tuple((of_model[a], of_model[b]) for a, b in skeleton if a in of_model and b in of_model),
        notes=tuple(notes),
    )


def true_people(record: Record, joints: Joints) -> tuple[tuple[Instance, ...], Truth, NDArray[np.bool_]]:
    """People with keypoints, their truths, and which do not count, entry by entry."""
    people = tuple(one for one in record.instances or () if one.keypoints is not None or one.crowd)
    count = len(joints.names)
    points = np.zeros((len(people), count, 3))
    for number, one in enumerate(people):
        if one.keypoints is not None:
            points[number] = one.keypoints[list(joints.of_dataset)]
    truth = Truth(
        class_ids=np.zeros(len(people), dtype=np.int64),
        boxes_xyxy=np.array([one.box_xyxy for one in people], dtype=np.float64).reshape(-1, 4),
        keypoints=points,
        areas=np.array([one.size for one in people], dtype=np.float64),
        crowd=np.array([one.crowd for one in people], dtype=bool),
        ignore=np.array([one.ignore for one in people], dtype=bool),
    )
    marked = (points[..., 2] > 0).any(axis=1)
    return people, truth, np.array([one.crowd or one.ignore for one in people], dtype=bool) | ~marked


def found_people(result: PoseResult, joints: Joints) -> Found:
    """The people that were found, with the joints that both know."""
    points = result.keypoints_xy[:, list(joints.of_model)]
    return Found(result.scores, np.zeros(len(result), dtype=np.int64), keypoints_xy=points)
