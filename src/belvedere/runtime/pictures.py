"""From pictures to results: decode, preprocess, run, and read the outputs, one by one or as a stream."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from belvedere.core.errors import EngineError
from belvedere.core.limits import Limits
from belvedere.runtime.cores import available_cores
from belvedere.runtime.dispatch import Decode
from belvedere.runtime.manifest import Manifest
from belvedere.runtime.stream import ItemError, ordered
from belvedere.vision.decode import ImageSource, load_image
from belvedere.vision.preprocess import Preprocess
from belvedere.vision.streams import is_stream, stream_name

_MOST_WORKERS = 8
Outcomes = Generator[Any, None, None]
Run = Callable[[NDArray[Any]], tuple[NDArray[Any], ...]]
"""Runs the network on prepared pictures; outputs in the manifest's order."""


class _Prepared(NamedTuple):
    """A picture (RGB uint8 (H, W, 3)), its network input with a first axis of 1, and its name."""

    image: NDArray[np.uint8]
    tensor: NDArray[Any]
    path: str | None


@dataclass(frozen=True)
class Pictures:
    """What a model that is bound to a task does with pictures.

    Attributes:
        manifest: Of the model.
        preprocess: From a picture to the network's input.
        decode: From the network's outputs to a result.
        exif: Whether the EXIF orientation is applied on decoding.
        limits: Bounds on pictures.
        run: The network.
    """

    manifest: Manifest
    preprocess: Preprocess
    decode: Decode
    exif: bool
    limits: Limits
    run: Run

    def one(self, source: ImageSource) -> Any:
        """The result of one picture. Raises ImageError, LimitError, EngineError."""
        return self._results([self._prepared(source)])[0]

    def load(self, source: ImageSource) -> tuple[NDArray[np.uint8], str | None]:
        """The decoded picture, RGB uint8 (H, W, 3), and its name. Raises ImageError, LimitError."""
        path = os.fsdecode(source) if isinstance(source, (str, os.PathLike)) else _opened_by(source)
        return load_image(source, limits=self.limits, exif=self.exif), path

    def of_image(self, image: NDArray[np.uint8], path: str | None) -> Any:
        """The result of a decoded picture. Raises EngineError."""
        return self._results([_Prepared(image, self.preprocess.apply(image), path)])[0]

    def many(self, items: Iterable[ImageSource], *, stop: bool) -> Iterator[Any]:
        """Results in the order of the items.

        Args:
            items: Pulled lazily, in the thread that iterates the results.
            stop: Whether a picture that cannot be read ends the iteration with its error; else the error is yielded.
        """
        scoring = self._one_by_one if self.manifest.batch == 1 else self._in_batches
        with closing(scoring(items)) as outcomes:
            for outcome in outcomes:
                if stop and isinstance(outcome, ItemError):
                    raise outcome
                yield outcome

    def _one_by_one(self, items: Iterable[ImageSource]) -> Outcomes:
        """Every picture is a network call of its own; calls run in parallel."""
        return ordered(self.one, items, workers=workers())

    def _in_batches(self, items: Iterable[ImageSource]) -> Outcomes:
        """Pictures share network calls; errors keep their places."""
        waiting: list[_Prepared | ItemError] = []
        with closing(ordered(self._prepared, items, workers=workers())) as entries:
            for entry in entries:
                waiting.append(entry)
                if len(waiting) == self.manifest.batch:
                    yield from self._around_errors(waiting)
                    waiting.clear()
        yield from self._around_errors(waiting)

    def _around_errors(self, entries: list[_Prepared | ItemError]) -> Iterator[Any]:
        pictures = [entry for entry in entries if isinstance(entry, _Prepared)]
        results = iter(self._results(pictures) if pictures else ())
        for entry in entries:
            yield next(results) if isinstance(entry, _Prepared) else entry

    def _prepared(self, source: ImageSource) -> _Prepared:
        image, path = self.load(source)
        return _Prepared(image, self.preprocess.apply(image), path)

    def outputs(self, tensors: Sequence[NDArray[Any]]) -> Iterator[dict[str, NDArray[Any]]]:
        """The network's outputs by name for each tensor, first axis 1. Raises EngineError.

        Args:
            tensors: Inputs, at least one, first axis 1 each; they go through the network in calls of the batch.
        """
        found = self.run(np.concatenate(tensors) if len(tensors) > 1 else tensors[0])
        names = [output.name for output in self.manifest.outputs]
        for index in range(len(tensors)):
            # One picture a call owns the outputs whole: their first axis need not be that of pictures.
            own = found if self.manifest.batch == 1 else tuple(value[index : index + 1] for value in found)
            yield dict(zip(names, own, strict=True))

    def _results(self, pictures: list[_Prepared]) -> list[Any]:
        """Run prepared pictures, at least one, through the network and read their outputs."""
        outputs = self.outputs([picture.tensor for picture in pictures])
        return [self._decoded(own, picture) for own, picture in zip(outputs, pictures, strict=True)]

    def _decoded(self, outputs: dict[str, NDArray[Any]], picture: _Prepared) -> Any:
        """The result of one picture. Raises EngineError."""
        with self.reading(picture.path):
            return self.decode(outputs, picture.image, picture.path)

    @contextmanager
    def reading(self, path: str | None) -> Iterator[None]:
        """Reading outputs: an EngineError (they do not fit, or are no numbers) names the picture and the model."""
        try:
            yield
        except EngineError as error:
            name = self.manifest.name
            raise EngineError(
                f"{path or 'a picture'}: the model '{name}' gave outputs that cannot be read: {error}"
            ) from error


def _opened_by(source: object) -> str | None:
    """The path of an open file; a Pillow picture that has one was loaded long ago, maybe changed."""
    return stream_name(source) if is_stream(source) else None


def workers() -> int:
    """Threads that decode and prepare pictures; 2 at least, so that one decodes while the network runs."""
    return max(2, min(available_cores(), _MOST_WORKERS))
