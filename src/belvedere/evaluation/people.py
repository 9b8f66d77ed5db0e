"""Judging pose networks: people and their joints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from belvedere.data.dataset import Dataset
from belvedere.data.record import Record
from belvedere.evaluation.joints import Joints, found_people, match_joints, true_people
from belvedere.evaluation.look import Look
from belvedere.evaluation.options import Options
from belvedere.evaluation.outcome import Outcome
from belvedere.evaluation.people_gallery import people_gallery
from belvedere.evaluation.subject import Subject
from belvedere.evaluation.task_parts import Value
from belvedere.evaluation.thing_figures import ThingMeters
from belvedere.evaluation.things import picture_rows
from belvedere.tasks.detection.compared import Found, Truth
from belvedere.tasks.pose.result import PERSON
from belvedere.tasks.pose.similarity import oks_of_pairs

NEAR = 0.1
"""A joint is placed right (PCK) within this share of the longer side of the person's box."""

_TASK_MAIN = ("keypoint_ap", "keypoint_ap50", "keypoint_ap75", "keypoint_ar", "oks", "pck")


def judge_people(subject: Subject, dataset: Dataset, records: Sequence[Record], options: Options) -> Outcome:
    """Judge joints on pictures of people whose keypoints are marked.

    Raises:
        DatasetError: model and dataset have no joint in common, or no picture can be judged.
    """
    look = Look(subject, records, options.progress, boxes=_boxes if subject.wants_boxes else None)
    joints: Joints | None = None
    meters: ThingMeters | None = None
    sizes: list[NDArray[np.float64]] = []
    near: list[NDArray[np.float64]] = []
    left_out = several = 0
    for record, seen in look.pictures():
        if joints is None or meters is None:
            joints = match_joints(dataset, seen.own.names, seen.own.skeleton)
            meters = ThingMeters(
                ("keypoints",), (PERSON,), subject.threshold or 0.0, sigmas=joints.sigmas, unit="people"
            )
        people, truth, skipped = true_people(record, joints)
        own, wide = (found_people(result, joints) for result in (seen.own, seen.wide))
        meters.add(own, wide, truth)
        near.append(_of_joints(own, truth, ~skipped, joints.sigmas))
        sizes.append(np.array([one.size for one in people]) / (seen.own.width * seen.own.height))
        left_out += int(skipped.sum())
        several += int((~skipped).sum() > 1)
    assert joints is not None
    assert meters is not None
    figures = meters.figures(resamples=options.bootstrap, seed=options.seed)
    per_joint, overall = _per_joint(near, joints.names)
    return Outcome(
        look=look,
        truths=int(figures.truths.sum()),
        left_out=left_out,
        figures={**figures.figures, **overall},
        main=_TASK_MAIN,
        per_class=figures.per_class,
        intervals=figures.intervals,
        classes=None,
        notes=[*joints.notes, *_about_boxes(subject, several)],
        confusion=None,
        per_joint=per_joint,
        errors=figures.errors,
        curves=figures.curves,
        sweep=figures.sweep if subject.threshold else None,
        calibration=figures.calibration,
        pictures=picture_rows(look.kept, figures),
        gallery=people_gallery(look, joints, figures, sizes, options.gallery),
    )


def _boxes(record: Record) -> NDArray[np.float64]:
    """Boxes of the people that a network which looks at one person is shown."""
    marked = [
        one.box_xyxy
        for one in record.instances or ()
        if one.keypoints is not None and not one.crowd and (one.keypoints[:, 2] > 0).any()
    ]
    boxes = np.array(marked, dtype=np.float64).reshape(-1, 4)
    return boxes[(boxes[:, 2:] > boxes[:, :2]).all(axis=1)]


def _of_joints(found: Found, truth: Truth, counted: NDArray[np.bool_], sigmas: Sequence[float]) -> NDArray[np.float64]:
    """For each person that counts: likeness (OKS), then for each joint its own likeness and whether it is near.

    Each true person is paired with the most alike one that was found; NaN for joints without a mark.

    Returns:
        float64 (m, K, 3): likeness of the person, of the joint, and 1 where the joint is near.
    """
    points = np.asarray(truth.keypoints)[counted]
    boxes, areas = np.asarray(truth.boxes_xyxy)[counted], np.asarray(truth.areas)[counted]
    said = np.asarray(found.keypoints_xy, dtype=np.float64)
    marked = points[..., 2] > 0
    values = np.zeros((*points.shape[:2], 3))
    if len(points) and len(said):
        first, second = np.indices((len(said), len(points))).reshape(2, -1)
        likeness = oks_of_pairs(said[first], points[second], areas[second], sigmas, boxes[second])
        likeness = likeness.reshape(len(said), len(points))
        for _ in range(min(likeness.shape)):
            one, person = np.unravel_index(int(likeness.argmax()), likeness.shape)
            if likeness[one, person] <= 0:
                break
            away = np.hypot(*(said[one] - points[person, :, :2]).T)
            spread = 2 * (areas[person] + np.spacing(1)) * (2 * np.asarray(sigmas)) ** 2
            side = float(max(boxes[person, 2] - boxes[person, 0], boxes[person, 3] - boxes[person, 1]))
            values[person, :, 0] = likeness[one, person]
            values[person, :, 1] = np.exp(-(away**2) / spread)
            values[person, :, 2] = away <= NEAR * side
            likeness[one], likeness[:, person] = -1, -1
    values[~marked] = np.nan
    return values


def _per_joint(
    near: Sequence[NDArray[np.float64]], names: Sequence[str]
) -> tuple[dict[str, dict[str, Value]], dict[str, Value]]:
    every = np.concatenate(near) if near else np.zeros((0, len(names), 3))
    rows: dict[str, dict[str, Value]] = {}
    for number, name in enumerate(names):
        marked = every[np.isfinite(every[:, number, 0]), number]
        known = len(marked) > 0
        rows[name] = {
            "truths": len(marked),
            "oks": float(marked[:, 1].mean()) if known else None,
            "pck": float(marked[:, 2].mean()) if known else None,
        }
    likeness = np.nanmax(every[..., 0], axis=1) if len(every) else np.zeros(0)
    placed = every[..., 2][np.isfinite(every[..., 2])]
    return rows, {
        "oks": float(likeness.mean()) if likeness.size else None,
        "pck": float(placed.mean()) if placed.size else None,
    }


def _about_boxes(subject: Subject, several: int) -> list[str]:
    if subject.wants_boxes:
        return [
            "The model looks at one person at a time: it was shown the marked boxes, so missed people do not count."
        ]
    if subject.one_person and several:
        noun = "1 picture shows" if several == 1 else f"{several} pictures show"
        return [f"The model finds one person a picture, but {noun} several: the others count as missed."]
    return []
