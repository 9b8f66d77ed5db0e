"""A model: an artifact, an engine, and the pictures that go through them."""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self, cast, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from belvedere.core.errors import EngineError, OptionError
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.runtime.artifact import Artifact
from belvedere.runtime.batching import run_batched
from belvedere.runtime.cores import available_cores
from belvedere.runtime.dispatch import decode_of, preprocess_of
from belvedere.runtime.engine import ENGINES, Engine, open_engine
from belvedere.runtime.stream import ItemError, ordered
from belvedere.tasks.anomaly.result import AnomalyResult
from belvedere.vision.decode import ImageSource, load_image

_MOST_WORKERS = 8
Outcomes = Generator[AnomalyResult | ItemError, None, None]
_ONE_PICTURE = (str, bytes, bytearray, memoryview, os.PathLike, np.ndarray, Image.Image)


class _Prepared(NamedTuple):
    """A picture (RGB uint8 (H, W, 3)), its network input (1, 3, height, width), and its name."""

    image: NDArray[np.uint8]
    tensor: NDArray[np.float32]
    path: str | None


class Model:
    """A trained model that scores pictures; any number of threads may use it at the same time.

    The engine is opened at the first picture. With the manifest's batch of 1 every picture is a network call
    of its own, so a picture gets the same score through every entry: alone, in a list, from a stream.

    Example:
        >>> import belvedere as bv
        >>> with bv.load("board.tar.gz") as model:  # doctest: +SKIP
        ...     print(model.predict("part.jpg").score)

    Args:
        artifact: The model's files and manifest.
        engine: ``auto`` (OpenVINO, else ONNX Runtime), ``openvino`` or ``onnxruntime``.
        threads: Threads for one network call; None for every core that this process may use.
        limits: Bounds on pictures.

    Raises:
        OptionError: an option has no such value.
        ArtifactError: the artifact is for a task that this release does not know.
    """

    def __init__(
        self,
        artifact: Artifact,
        *,
        engine: str = "auto",
        threads: int | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        if engine not in ENGINES:
            raise OptionError(f"unknown engine {engine!r}: expected one of {', '.join(ENGINES)}")
        if threads is not None and threads < 1:
            raise OptionError(f"threads must be at least 1, not {threads}")
        self.artifact = artifact
        self._choice = engine
        self._threads = threads
        self._limits = limits
        self._preprocess = preprocess_of(artifact.manifest)
        self._decode = decode_of(artifact.manifest)
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._closed = False

    @property
    def engine(self) -> Engine:
        """The engine, opened on first use. Raises EngineError: it cannot be had, or the model is closed."""
        with self._lock:
            if self._closed:
                raise EngineError("the model is closed: load it again")
            if self._engine is None:
                manifest = self.artifact.manifest
                self._engine = open_engine(
                    self.artifact.network,
                    engine=self._choice,
                    precision=manifest.precision,
                    threads=self._threads,
                    batch=manifest.batch,
                )
            return self._engine

    @overload
    def predict(self, source: ImageSource) -> AnomalyResult: ...  # type: ignore[overload-overlap]

    @overload
    def predict(self, source: Iterable[ImageSource]) -> Iterator[AnomalyResult]: ...

    def predict(self, source: ImageSource | Iterable[ImageSource]) -> AnomalyResult | Iterator[AnomalyResult]:
        """Score one picture, or each picture of an iterable.

        Args:
            source: A path, encoded bytes, a Pillow picture, an RGB array (H, W, 3); or an iterable of such.

        Returns:
            The result of one picture; of an iterable a lazy iterator of results in the same order, which
            reads a few pictures ahead. A picture that cannot be read raises at its place and ends the
            iteration: ``predict_many`` can go on.

        Raises:
            ImageError: missing, damaged, or no picture.
            LimitError: a picture over a limit.
            EngineError: the engine cannot be had, or failed.
        """
        if not isinstance(source, _ONE_PICTURE) and isinstance(source, Iterable):
            return self.predict_many(source)
        return self._score([self._prepare(cast("ImageSource", source))])[0]

    @overload
    def predict_many(
        self, items: Iterable[ImageSource], *, on_error: Literal["raise"] = "raise"
    ) -> Iterator[AnomalyResult]: ...

    @overload
    def predict_many(
        self, items: Iterable[ImageSource], *, on_error: Literal["return"]
    ) -> Iterator[AnomalyResult | ItemError]: ...

    def predict_many(
        self, items: Iterable[ImageSource], *, on_error: Literal["raise", "return"] = "raise"
    ) -> Iterator[Any]:
        """Score the pictures of an iterable lazily and in order, reading a few ahead in a thread pool.

        The iterable is pulled in the thread that iterates the results; closing the iterator ends the work.

        Args:
            items: Pictures as ``predict`` takes them.
            on_error: What a picture that cannot be read does at its place: ``raise`` its error and end, or
                ``return`` the error itself instead of a result and go on.

        Yields:
            One result per picture, or with ``return`` an ImageError or LimitError.

        Raises:
            OptionError: ``on_error`` has no such value.
            ImageError: see ``on_error``.
            LimitError: see ``on_error``.
            EngineError: the engine cannot be had, or failed.
        """
        if on_error not in ("raise", "return"):
            raise OptionError(f"unknown on_error {on_error!r}: expected raise or return")
        return self._outcomes(items, stop=on_error == "raise")

    def run(self, tensors: Mapping[str, NDArray[Any]]) -> tuple[NDArray[np.float32], ...]:
        """Run the bare network on preprocessed pictures.

        Args:
            tensors: Input name to tensor, float32 (N, 3, height, width) with any N of at least 1.

        Returns:
            The outputs in the manifest's order, first axis N.

        Raises:
            EngineError: a tensor does not fit the network, or the engine cannot be had or failed.
        """
        outputs = run_batched(self.engine, tensors, self.artifact.manifest.batch)
        wanted = [output.name for output in self.artifact.manifest.outputs]
        missing = [name for name in wanted if name not in outputs]
        if missing:
            raise EngineError(f"the network lacks outputs that the manifest lists: {', '.join(missing)}")
        return tuple(outputs[name] for name in wanted)

    def evaluate(self, dataset: Any, **options: Any) -> Any:
        """Judge the model on a labelled dataset: ``belvedere.evaluate`` tells options, result and errors."""
        # By name, because evaluation lies further out than the runtime.
        return importlib.import_module("belvedere").evaluate(self, dataset, **options)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the artifact, see ``Artifact.save``. Raises StorageError."""
        self.artifact.save(path)

    def close(self) -> None:
        """Free the engine; calls in progress end normally, later ones raise EngineError."""
        with self._lock:
            self._closed = True
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        manifest = self.artifact.manifest
        size = manifest.inputs[0].resize
        return (
            f"<Model '{manifest.name}': {manifest.task}, {size.width}x{size.height}, "
            f"digest {self.artifact.digest[:12]}>"
        )

    def _outcomes(self, items: Iterable[ImageSource], *, stop: bool) -> Iterator[AnomalyResult | ItemError]:
        scoring = self._one_by_one if self.artifact.manifest.batch == 1 else self._in_batches
        with closing(scoring(items)) as outcomes:
            for outcome in outcomes:
                if stop and not isinstance(outcome, AnomalyResult):
                    raise outcome
                yield outcome

    def _one_by_one(self, items: Iterable[ImageSource]) -> Outcomes:
        """Every picture is a network call of its own; calls run in parallel."""
        return ordered(lambda item: self._score([self._prepare(item)])[0], items, workers=_workers())

    def _in_batches(self, items: Iterable[ImageSource]) -> Outcomes:
        """Pictures share network calls; errors keep their places."""
        waiting: list[_Prepared | ItemError] = []
        with closing(ordered(self._prepare, items, workers=_workers())) as entries:
            for entry in entries:
                waiting.append(entry)
                if len(waiting) == self.artifact.manifest.batch:
                    yield from self._score_around_errors(waiting)
                    waiting.clear()
        yield from self._score_around_errors(waiting)

    def _score_around_errors(self, entries: list[_Prepared | ItemError]) -> Iterator[AnomalyResult | ItemError]:
        pictures = [entry for entry in entries if isinstance(entry, _Prepared)]
        results = iter(self._score(pictures) if pictures else ())
        for entry in entries:
            yield next(results) if isinstance(entry, _Prepared) else entry

    def _prepare(self, source: ImageSource) -> _Prepared:
        image = load_image(source, limits=self._limits, exif=self.artifact.manifest.inputs[0].exif)
        path = os.fsdecode(source) if isinstance(source, (str, os.PathLike)) else None
        return _Prepared(image, self._preprocess.apply(image), path)

    def _score(self, pictures: list[_Prepared]) -> list[AnomalyResult]:
        """Run prepared pictures, at least one, through the network and read their outputs."""
        name = self.artifact.manifest.inputs[0].name
        outputs = self.run({name: np.concatenate([picture.tensor for picture in pictures])})
        names = [output.name for output in self.artifact.manifest.outputs]
        results = []
        for index, picture in enumerate(pictures):
            own = {key: value[index : index + 1] for key, value in zip(names, outputs, strict=True)}
            results.append(self._decode(own, picture.image, picture.path))
        return results


def load(
    path_or_artifact: str | os.PathLike[str] | Artifact, *, engine: str = "auto", threads: int | None = None
) -> Model:
    """Load a model.

    Args:
        path_or_artifact: A folder, a ``.tar``, ``.tar.gz`` or ``.tgz``, or an Artifact.
        engine: ``auto`` (OpenVINO, else ONNX Runtime), ``openvino`` or ``onnxruntime``.
        threads: Threads for one network call; None for every core that this process may use.

    Raises:
        ArtifactError: there is none, or it is damaged, unsafe, changed, or of a newer version.
        LimitError: it unpacks to more than ``core.limits`` allow.
        OptionError: an option has no such value.
    """
    source = path_or_artifact
    artifact = source if isinstance(source, Artifact) else Artifact.load(source)
    return Model(artifact, engine=engine, threads=threads)


def _workers() -> int:
    """Threads that decode and prepare pictures; 2 at least, so that one decodes while the network runs."""
    return max(2, min(available_cores(), _MOST_WORKERS))
