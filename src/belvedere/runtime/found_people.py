"""Joints of the people that a detector finds: two models, one after the other."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import OptionError
from belvedere.runtime.inputs import ImageInput
from belvedere.runtime.model import Model
from belvedere.runtime.people import check_one_person
from belvedere.runtime.pictures import workers
from belvedere.runtime.stream import ItemError, ordered
from belvedere.vision.decode import ImageSource, load_image

if TYPE_CHECKING:
    from belvedere.tasks.pose.result import PoseResult

PERSON = "person"


def person_class(detector: Model) -> int:
    """The number of a detector's class ``person``.

    Raises:
        OptionError: the model finds no boxes, or has no class of that name.
    """
    manifest = detector.artifact.manifest
    if manifest.task not in ("detection", "instance-segmentation"):
        raise OptionError(f"the model '{manifest.name}' (task {manifest.task}) finds no people: expected a detector")
    names = [name.strip().lower() for name in manifest.labels]
    if PERSON not in names:
        has = f"its classes are {', '.join(manifest.labels[:8])}" if names else "its classes have no names"
        raise OptionError(
            f"the model '{manifest.name}' has no class '{PERSON}': {has}; a detector for COCO has it, compiled with "
            "--labels coco80"
        )
    return names.index(PERSON)


def predict_found_people(
    model: Model, detector: Model, items: Iterable[ImageSource], *, threshold: float = 0.0
) -> Generator[PoseResult | ItemError, None, None]:
    """The joints of every person that a detector finds, picture by picture, a few of them ahead.

    Each picture is decoded once, as the pose network wants it.

    Args:
        model: A pose network that looks at one person.
        detector: A detector with a class ``person``.
        items: Pictures as ``Model.predict`` takes them, pulled lazily.
        threshold: Least score of a box; the detector's own is the least in any case.

    Yields:
        What ``model.predict(picture, boxes=...)`` gives for the boxes of people, highest score first; a picture that
        cannot be read gives its ImageError or LimitError.

    Raises:
        OptionError: the models are no such two.
        EngineError: an engine cannot be had, or failed.
    """
    check_one_person(model.artifact.manifest)
    number = person_class(detector)
    taken = model.artifact.manifest.inputs[0]
    exif = isinstance(taken, ImageInput) and taken.exif

    def one(source: ImageSource) -> PoseResult:
        image = load_image(source, limits=model.limits, exif=exif)
        people: PoseResult = model.predict(image, boxes=_boxes(detector.predict(image), number, threshold))
        return replace(people, path=os.fsdecode(source)) if isinstance(source, (str, os.PathLike)) else people

    return _outcomes(ordered(one, items, workers=workers()))


def _outcomes(
    results: Generator[PoseResult | ItemError, None, None],
) -> Generator[PoseResult | ItemError, None, None]:
    with closing(results):
        yield from results


def _boxes(found: Any, number: int, threshold: float) -> NDArray[np.float32]:
    """The boxes of people, highest score first."""
    chosen = np.flatnonzero((found.class_ids == number) & (found.scores >= threshold))
    return np.asarray(found.boxes_xyxy[chosen[np.argsort(-found.scores[chosen], kind="stable")]])
