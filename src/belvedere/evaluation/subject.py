"""The model that is judged: asked for what it says, and for what it would say at a lower threshold."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.evaluation.predictor import Predictor
from belvedere.runtime.decoders import DetectionDecoder, InstanceDecoder, MaskQueryDecoder, PoseDecoder
from belvedere.runtime.dispatch import Decode, decode_of, preprocess_of
from belvedere.runtime.inputs import ImageInput
from belvedere.runtime.manifest import Manifest
from belvedere.runtime.model import Model
from belvedere.runtime.people import ONE_PERSON
from belvedere.runtime.pictures import Pictures

LOWEST_SCORE = 0.001
"""Average precision looks at detections from this score on, as detectors are usually judged on COCO."""

MOST_OF_A_CLASS = 100
"""Boxes of a picture and class that it looks at."""

MOST_MASKS = 300
"""Things with masks of a picture that it looks at: as many as the largest set of queries."""

_UNKNOWN_CLASSES = 1000


@dataclass(frozen=True)
class Seen:
    """What the model says about one picture.

    Attributes:
        own: Its result, as ``predict`` gives it.
        wide: The result with a threshold that is low enough for average precision.
        seconds: How long ``own`` took, from encoded bytes.
    """

    own: Any
    wide: Any
    seconds: float


class Subject:
    """A model as an evaluation needs it; the artifact stays as it is.

    Args:
        model: A `belvedere.runtime.Model`, or anything that predicts: then ``own`` is ``wide`` from the manifest's
            threshold on.
    """

    def __init__(self, model: Predictor) -> None:
        manifest = model.artifact.manifest
        self.model = model
        self.labels: tuple[str, ...] = tuple(manifest.labels)
        self.threshold: float | None = threshold_of(manifest)
        decoder = getattr(manifest, "decoder", None)
        form = decoder.form if isinstance(decoder, PoseDecoder) else ""
        self.one_person = form in ONE_PERSON
        self.wants_boxes = form in _TOP_DOWN
        self._twice = _twin(model) if isinstance(model, Model) else None
        if isinstance(model, Model):
            _ = model.engine  # opened before the first picture, whose time it is not

    def see(self, data: Any, boxes_xyxy: NDArray[np.float64] | None = None) -> Seen:
        """Look at a picture.

        Args:
            data: Encoded bytes, or RGB uint8 (H, W, 3).
            boxes_xyxy: Boxes (n, 4) of the people to look at, for a model that ``wants_boxes``.

        Raises:
            ImageError: the picture cannot be read.
            LimitError: it is over a limit.
            EngineError: the engine failed, or the outputs cannot be read.
        """
        start = time.perf_counter()
        if boxes_xyxy is not None and isinstance(self.model, Model):
            people = self.model.predict(data, boxes=boxes_xyxy)
            return Seen(people, people, time.perf_counter() - start)
        if self._twice is not None:
            own, wide, extra = self._twice.one(data)
            return Seen(own, wide, time.perf_counter() - start - extra)
        wide = self.model.predict(data)
        seconds = time.perf_counter() - start
        own = wide.above(self.threshold) if self.threshold is not None and hasattr(wide, "above") else wide
        return Seen(own, wide, seconds)


def threshold_of(manifest: Any) -> float | None:
    """The least score of what a model reports; None where its task has no such thing."""
    decoder = getattr(manifest, "decoder", None)
    if isinstance(decoder, InstanceDecoder):
        return decoder.boxes.threshold
    if isinstance(decoder, PoseDecoder):
        return decoder.person_threshold if decoder.form in _SEVERAL else 0.0
    found = getattr(decoder, "threshold", None)
    return None if found is None else float(found)


def widened(manifest: Manifest) -> Manifest | None:
    """The manifest with a decoder that lets through what average precision looks at; None where that is none."""
    decoder: Any = manifest.decoder
    least = {"threshold": min(decoder.threshold, LOWEST_SCORE)} if hasattr(decoder, "threshold") else {}
    if isinstance(decoder, DetectionDecoder):
        most = MOST_OF_A_CLASS * (len(manifest.labels) or _UNKNOWN_CLASSES // MOST_OF_A_CLASS)
        changed = {**least, "most": min(max(decoder.most, most), 100_000)}
    elif isinstance(decoder, InstanceDecoder):
        boxes = {"threshold": min(decoder.boxes.threshold, LOWEST_SCORE), "most": max(decoder.boxes.most, MOST_MASKS)}
        changed = {"boxes": decoder.boxes.model_copy(update=boxes)}
    elif isinstance(decoder, MaskQueryDecoder):
        changed = {**least, "most": max(decoder.most, MOST_MASKS)}
    elif isinstance(decoder, PoseDecoder) and decoder.form in _SEVERAL:
        changed = {"person_threshold": min(decoder.person_threshold, LOWEST_SCORE)}
    else:
        return None
    return manifest.model_copy(update={"decoder": decoder.model_copy(update=changed)})


_TOP_DOWN = ("heatmaps", "vitpose")
"""Forms of pose networks that are made to be shown one person's box."""

_SEVERAL = ("movenet-multipose", "posenet", "yolo-pose")


def _twin(model: Model) -> Pictures:
    """The model's pictures with a decoder that reads the outputs twice."""
    manifest = model.artifact.manifest
    own, wider = decode_of(manifest), widened(manifest)
    wide = None if wider is None else decode_of(wider)
    taken = manifest.inputs[0]
    return Pictures(
        manifest=manifest,
        preprocess=preprocess_of(manifest),
        decode=_both(own, wide),
        exif=isinstance(taken, ImageInput) and taken.exif,
        limits=model.limits,
        run=model.run,
    )


def _both(own: Decode, wide: Decode | None) -> Any:
    def decode(outputs: Mapping[str, NDArray[Any]], image: NDArray[np.uint8], path: str | None) -> Any:
        result = own(outputs, image, path)
        if wide is None:
            return result, result, 0.0
        start = time.perf_counter()
        more = wide(outputs, image, path)
        return result, more, time.perf_counter() - start

    return decode
