"""Large pictures through a network in overlapping windows."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import ImageError, LimitError, OptionError
from belvedere.runtime.pictures import Pictures, workers
from belvedere.runtime.stream import ItemError, ordered
from belvedere.vision.decode import ImageSource
from belvedere.vision.windows import Tiling, Window

TILED_TASKS = ("detection", "instance-segmentation", "semantic-segmentation")
"""Tasks whose results of windows can be put together."""

_WHY_NOT = {
    "classification": "classes belong to the whole picture",
    "pose": "a person that a tile cuts has no pose",
    "anomaly": "train with tile=True for small defects",
}


def check_tiled(task: str) -> None:
    """Raises OptionError for a task whose pictures cannot be cut into windows; the message says why."""
    if task not in TILED_TASKS:
        reason = _WHY_NOT.get(task, "it takes no pictures")
        raise OptionError(f"tile makes no sense for {task} models: {reason}; it works for {', '.join(TILED_TASKS)}")


def predict_tiled(pictures: Pictures, source: ImageSource, tiling: Tiling) -> Any:
    """The result of one picture from its windows, and for things from the picture scaled as a whole besides.

    Windows go through the network side by side. A picture that is no larger than a window is looked at once.

    Args:
        pictures: What the model does with pictures.
        source: The picture.
        tiling: How to cut it.

    Raises:
        ImageError: the picture cannot be read.
        LimitError: it is over a limit, or gives more than 1024 windows.
        EngineError: the engine cannot be had, or failed.
    """
    image, path = pictures.load(source)
    windows = tiling.windows(image.shape[1], image.shape[0])
    if len(windows) == 1:
        return pictures.of_image(image, path)
    if pictures.manifest.task == "semantic-segmentation":
        from belvedere.tasks.segmentation.tiling import stitch_classes

        with closing(_results(pictures, image, path, windows)) as results:
            return stitch_classes(zip(windows, results, strict=True), image, path)
    from belvedere.tasks.detection.tiling import IOU, merge_detections

    every = (*windows, Window(0, 0, image.shape[1], image.shape[0]))
    with closing(_results(pictures, image, path, every)) as results:
        found = list(zip(every, results, strict=True))
    return merge_detections(found, image, iou=_iou(pictures.manifest.decoder) or IOU, path=path)


def predict_tiled_many(
    pictures: Pictures, items: Iterable[ImageSource], tiling: Tiling, *, stop: bool
) -> Iterator[Any]:
    """Results in the order of the items, one picture after the other.

    Args:
        pictures: What the model does with pictures.
        items: Pulled lazily.
        tiling: How to cut each.
        stop: Whether a picture that cannot be read ends the iteration with its error; else the error is yielded.
    """
    for item in items:
        outcome: Any
        try:
            outcome = predict_tiled(pictures, item, tiling)
        except (ImageError, LimitError) as error:
            if stop:
                raise
            outcome = error
        yield outcome


def _results(
    pictures: Pictures, image: NDArray[np.uint8], path: str | None, windows: Iterable[Window]
) -> Generator[Any, None, None]:
    """The results of windows, in order."""

    def one(window: Window) -> Any:
        part = image[window.top : window.bottom, window.left : window.right]
        return pictures.of_image(np.ascontiguousarray(part), path)

    with closing(ordered(one, windows, workers=workers())) as outcomes:
        for outcome in outcomes:
            if isinstance(outcome, ItemError):
                raise outcome
            yield outcome


def _iou(decoder: Any) -> float | None:
    """The overlap of boxes that a detector's settings state, where they do."""
    found = getattr(getattr(decoder, "boxes", decoder), "iou", None)
    return float(found) if found is not None else None
