"""Joints of people whose boxes are known: a top-down pose network looks at each person's part of the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import OptionError
from belvedere.runtime.decoders import PoseDecoder
from belvedere.runtime.manifest import Manifest
from belvedere.runtime.pictures import Pictures
from belvedere.runtime.settings import settings_of
from belvedere.vision.decode import ImageSource

if TYPE_CHECKING:
    from belvedere.tasks.pose.result import PoseResult

ONE_PERSON = ("heatmaps", "vitpose", "movenet", "posenet-single")
"""Forms of pose networks that look at one person."""
_MOST_PEOPLE = 1000


def check_one_person(manifest: Manifest) -> PoseDecoder:
    """The decoder of a pose network that looks at one person. Raises OptionError for any other model."""
    decoder = manifest.decoder
    if not isinstance(decoder, PoseDecoder) or decoder.form not in ONE_PERSON:
        raise OptionError(
            f"the model '{manifest.name}' (task {manifest.task}) does not look at one person, so it takes no boxes: "
            f"expected a pose network with a decoder of form {', '.join(ONE_PERSON)}"
        )
    return decoder


def predict_people(
    pictures: Pictures, source: ImageSource, boxes_xyxy: Sequence[Sequence[float]] | NDArray[Any]
) -> PoseResult:
    """Find the joints of each person.

    Each box is grown to the shape of the network's input and by a quarter, and cut out bilinearly, black beyond the
    picture, as SimplePose, HRNet and ViTPose are run.

    Args:
        pictures: What a pose network that looks at one person does with pictures.
        source: A picture as ``Model.predict`` takes it.
        boxes_xyxy: Boxes (n, 4) of people: left, top, right, bottom in pixels of the picture, such as
            ``DetectionResult.boxes_xyxy``; none is fine.

    Returns:
        One person per box, in the order of the boxes; ``person_boxes_xyxy`` are the boxes as given.

    Raises:
        OptionError: the model is no such network, or the boxes are not of this shape, or empty ones are among them.
        ImageError: missing, damaged, or no picture.
        LimitError: a picture over a limit.
        EngineError: the engine cannot be had, or failed.
    """
    from belvedere.tasks.pose.decode import decode_pose
    from belvedere.tasks.pose.person import cut_person, place_person
    from belvedere.tasks.pose.result import PoseResult

    decoder = settings_of(check_one_person(pictures.manifest))
    boxes = _boxes(boxes_xyxy)
    image, path = pictures.load(source)
    # The cut has the input's size already: only colours and numbers are left to prepare.
    size, prepare = (image.shape[1], image.shape[0]), replace(pictures.preprocess, mode="stretch")
    places = [place_person(box, size, (prepare.width, prepare.height)) for box in boxes]
    points = [np.zeros((0, len(decoder.names), 2), np.float32)]
    scores = [np.zeros((0, len(decoder.names)), np.float32)]
    for start in range(0, len(places), pictures.manifest.batch):
        some = places[start : start + pictures.manifest.batch]
        outputs = pictures.outputs([prepare.apply(cut_person(image, place)) for place in some])
        for own, place in zip(outputs, some, strict=True):
            with pictures.reading(path):
                one = decode_pose(own, decoder, place, image)
            points.append(one.keypoints_xy[:1])
            scores.append(one.keypoint_scores[:1])
    return PoseResult(
        keypoints_xy=np.concatenate(points),
        keypoint_scores=np.concatenate(scores),
        names=decoder.names,
        skeleton=decoder.skeleton,
        threshold=decoder.threshold,
        image=image,
        path=path,
        person_boxes_xyxy=boxes,
    )


def _boxes(given: Sequence[Sequence[float]] | NDArray[Any]) -> NDArray[np.float32]:
    if not len(given):
        return np.zeros((0, 4), dtype=np.float32)
    try:
        boxes = np.asarray(given, dtype=np.float32)
    except (TypeError, ValueError):
        raise OptionError("boxes of people: expected four numbers each") from None
    if boxes.ndim != 2 or boxes.shape[1] != 4 or len(boxes) > _MOST_PEOPLE:
        raise OptionError(f"boxes of people have shape {boxes.shape}: expected (n, 4), n at most {_MOST_PEOPLE}")
    return boxes
