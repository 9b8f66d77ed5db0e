"""The mistakes of a detector, drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from belvedere.data.annotations import Instance
from belvedere.evaluation.class_names import ClassMatch
from belvedere.evaluation.look import Look
from belvedere.evaluation.mistakes import choose_mistakes, focus_of
from belvedere.evaluation.side_by_side import DrawnThing, thing_pair
from belvedere.evaluation.task_parts import Mistake
from belvedere.evaluation.thing_figures import ThingFigures
from belvedere.evaluation.true_things import TrueThings, found_things, true_things
from belvedere.tasks.detection.compared import Found, Kind, Truth, checked
from belvedere.tasks.detection.errors import DetectionError, DetectionErrors
from belvedere.tasks.detection.overlaps import all_overlaps
from belvedere.tasks.detection.result import DetectionResult

RIGHT_FROM = 0.5
"""Overlap from which a detection is right, where mistakes are told."""


def thing_gallery(
    look: Look,
    match: ClassMatch,
    figures: ThingFigures,
    sizes: Sequence[NDArray[np.float64]],
    kinds: Sequence[Kind],
    room: int,
) -> list[Mistake]:
    """Draw the chosen mistakes; their pictures are looked at again instead of having kept all of them in memory."""
    items = []
    kind = kinds[-1]
    for error in choose_mistakes(figures.examples, sizes, room):
        record = look.kept[error.picture]
        result = look.again(record).own
        there = true_things(record, match, result.width, result.height, masks=kind == "mask")
        found, rows = found_things(result, match, masks=kind == "mask")
        wrong = wrong_found(figures.examples, error.picture)
        agrees = taken_truths(kind, found, there.truth, wrong, len(match.names))
        items.append(_drawn(error, record.name, result, there, match, rows, wrong, agrees))
    return items


def wrong_found(errors: DetectionErrors, picture: int) -> set[int]:
    """Numbers of the false detections on a picture."""
    every = (one for examples in errors.examples.values() for one in examples)
    return {one.found for one in every if one.picture == picture and one.found is not None}


def taken_truths(
    kind: Kind, found: Found, truth: Truth, wrong: set[int], classes: int, sigmas: Sequence[float] = ()
) -> NDArray[np.bool_]:
    """Which truths a right detection has found, (m,)."""
    rows, true = checked(found, truth, kind, classes, len(sigmas))
    near = all_overlaps(kind, rows, true, sigmas)
    near[rows.class_ids[:, None] != true.class_ids] = 0.0
    taken = np.zeros(len(true.class_ids), dtype=bool)
    for number in np.argsort(-rows.scores, kind="stable").tolist():
        free = np.where(taken, 0.0, near[number])
        if number not in wrong and free.size and free.max() >= RIGHT_FROM:
            taken[int(free.argmax())] = True
    return taken


def _drawn(
    error: DetectionError,
    name: str,
    result: DetectionResult,
    there: TrueThings,
    match: ClassMatch,
    rows: NDArray[np.intp],
    wrong: set[int],
    agrees: NDArray[np.bool_],
) -> Mistake:
    labels = [match.names[number] for number in match.of(result.class_ids[rows]).tolist()]
    truths = [
        DrawnThing(
            one.box_xyxy,
            one.label,
            bool(agrees[number]),
            _pixels(one, result.height, result.width) if result.has_masks else None,
            faint=one.crowd or one.ignore,
            focus=number == error.truth,
        )
        for number, one in enumerate(there.instances)
    ]
    boxes, scores = result.boxes_xyxy[rows].tolist(), result.scores[rows].tolist()
    said = [
        DrawnThing(
            tuple(boxes[number]),
            f"{label} {scores[number]:.2f}",
            number not in wrong,
            result.mask(int(rows[number])) if result.has_masks else None,
            focus=number == error.found,
        )
        for number, label in enumerate(labels)
    ]
    label = None if error.found is None else labels[error.found]
    true = None if error.truth is None else there.instances[error.truth].label
    pair = thing_pair(result.image, truths, said, focus_of(truths, said))
    return Mistake(error.kind, name, caption_of(error, label, true), *pair)


def caption_of(error: DetectionError, label: str | None, true: str | None, measure: str = "IoU") -> str:
    """What is wrong, in words."""
    score = "" if error.score is None else f" ({error.score:.2f})"
    return {
        "missed": f"{true} missed",
        "background": f"{label}{score} where none is marked",
        "class": f"{true} taken for {label}{score}",
        "localisation": f"{label}{score}: {measure} {error.overlap:.2f} with the marked one",
        "duplicate": f"{label}{score} found again",
        "both": f"{label}{score}: neither class nor place right",
    }[error.kind]


def _pixels(one: Instance, height: int, width: int) -> NDArray[np.bool_] | None:
    shape = one.run_lengths(height, width)
    return None if shape is None else shape.to_mask()
