"""A model: an artifact, an engine, and the pictures that go through them."""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from belvedere.core.errors import ArtifactError, EngineError, OptionError
from belvedere.core.limits import DEFAULT_LIMITS, Limits
from belvedere.runtime.artifact import Artifact
from belvedere.runtime.batching import infer_batched
from belvedere.runtime.blob_cache import default_cache
from belvedere.runtime.dispatch import decode_of, preprocess_of
from belvedere.runtime.engine import ENGINES, Engine, EngineOptions, open_engine
from belvedere.runtime.engine_options import check_choice
from belvedere.runtime.feeding import borders_of, feed, pictures_axis
from belvedere.runtime.inputs import ImageInput, TensorInput
from belvedere.runtime.people import predict_people
from belvedere.runtime.pictures import Pictures
from belvedere.runtime.selftest import SelfTestReport, compare, read_selftest
from belvedere.runtime.tiling import check_tiled, predict_tiled, predict_tiled_many
from belvedere.vision.decode import ImageSource
from belvedere.vision.streams import is_stream
from belvedere.vision.windows import Tiling

_ONE_PICTURE = (str, bytes, bytearray, memoryview, os.PathLike, np.ndarray, Image.Image)


class Model:
    """A model that is ready to run; any number of threads may use it at the same time.

    ``predict`` takes pictures and gives typed results, where the model is bound to a task; ``run`` takes tensors and
    gives the network's outputs, whatever the model is. The engine is opened at the first call. With the manifest's
    batch of 1 every picture is a network call of its own, so a picture gets the same result through every entry:
    alone, in a list, from a stream.

    Example:
        >>> import belvedere as bv
        >>> with bv.load("board.tar.gz") as model:  # doctest: +SKIP
        ...     print(model.predict("part.jpg").score)

    Args:
        artifact: The model's files and manifest.
        engine: ``auto`` (what the artifact needs, else OpenVINO, else ONNX Runtime), ``openvino`` or ``onnxruntime``.
        threads: Threads for one network call; None for every core that this process may use.
        limits: Bounds on pictures.
        target: ``cpu``, ``intel-gpu``, ``nvidia`` or ``npu``; None for what the artifact was made for.
        hint: ``latency`` for one call at a time as fast as can be, ``throughput`` for many side by side.
        streams: Network calls that run side by side; None leaves it to ``hint``.
        cache: Whether compiled networks are kept on disk, in the folder that ``BELVEDERE_CACHE`` names or the
            platform's cache folder.

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
        target: str | None = None,
        hint: str = "latency",
        streams: int | None = None,
        cache: bool = True,
    ) -> None:
        check_choice("engine", engine, ENGINES)
        manifest = artifact.manifest
        self.artifact = artifact
        self.limits = limits
        self._choice = engine
        self._options = EngineOptions(
            precision=manifest.precision,
            target=target or manifest.target,
            threads=threads,
            hint=hint,
            streams=streams,
            cache=default_cache() if cache else None,
        )
        self._borders = borders_of(manifest)
        self._counts_pictures = pictures_axis(manifest)
        self._pictures = None if manifest.task == "tensor" else self._reading(limits)
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
                self._engine = open_engine(
                    self.artifact.network_files,
                    engine=_engine_for(self.artifact, self._choice, self._options.target),
                    borders=self._borders,
                    options=self._options,
                )
            return self._engine

    def predict(
        self,
        source: ImageSource | Iterable[ImageSource],
        *,
        boxes: Sequence[Sequence[float]] | NDArray[Any] | None = None,
        tile: int | None = None,
        tile_overlap: float = 0.2,
    ) -> Any:
        """What the model says about one picture, or about each picture of an iterable.

        Args:
            source: A path, encoded bytes, a file opened in binary mode, a Pillow picture, an RGB array (H, W, 3); or
                an iterable of such.
            boxes: For pose networks that look at one person (HRNet, SimplePose, ViTPose, MoveNet): boxes (n, 4) of the
                people on the one picture, left, top, right, bottom in its pixels, such as
                ``DetectionResult.boxes_xyxy``. Each person is cut out as `predict_people` says, and the result has one
                person per box. None takes the picture as a whole for one person's.
            tile: Edge in pixels of overlapping tiles that large pictures are cut into, so that small things are found:
                tiles and the picture as a whole go through the network, and what they find is merged (Akyon et al.
                2022); of semantic segmentation the tiles' maps are stitched. None looks at the whole alone.
            tile_overlap: Share of the edge that neighbouring tiles have in common, 0 to 0.9.

        Returns:
            The result of one picture, typed per task (``tasks.result.Result`` and more); of an iterable a lazy
            iterator of results in the same order, which reads a few pictures ahead. A picture that cannot be read
            raises at its place and ends the iteration: ``predict_many`` can go on.

        Raises:
            ImageError: missing, damaged, or no picture.
            LimitError: a picture over a limit.
            EngineError: the engine cannot be had, or failed.
            ArtifactError: the model is bound to no task; the message tells how to bind it.
            OptionError: ``tile`` or ``boxes`` make no sense for the model, or are out of bounds.
        """
        if not isinstance(source, _ONE_PICTURE) and not is_stream(source) and isinstance(source, Iterable):
            if boxes is not None:
                raise OptionError("boxes belong to one picture, and several are given: call predict for each")
            return self.predict_many(source, tile=tile, tile_overlap=tile_overlap)
        pictures, tiling = self._bound(), self._tiling(tile, tile_overlap)
        one = cast("ImageSource", source)
        if boxes is not None:
            return predict_people(pictures, one, boxes)
        return pictures.one(one) if tiling is None else predict_tiled(pictures, one, tiling)

    def predict_many(
        self,
        items: Iterable[ImageSource],
        *,
        on_error: Literal["raise", "return"] = "raise",
        tile: int | None = None,
        tile_overlap: float = 0.2,
    ) -> Iterator[Any]:
        """Go through the pictures of an iterable lazily and in order, reading a few ahead in a thread pool.

        The iterable is pulled in the thread that iterates the results; closing the iterator ends the work.

        Args:
            items: Pictures as ``predict`` takes them.
            on_error: What a picture that cannot be read does at its place: ``raise`` its error and end, or
                ``return`` the error itself instead of a result and go on.
            tile: As ``predict`` takes it; pictures then go one after the other, and the tiles of each side by side.
            tile_overlap: As ``predict`` takes it.

        Yields:
            One result per picture, or with ``return`` an ImageError or LimitError.

        Raises:
            OptionError: ``on_error`` has no such value, or ``tile`` makes no sense for the task.
            ImageError: see ``on_error``.
            LimitError: see ``on_error``.
            EngineError: the engine cannot be had, or failed.
            ArtifactError: the model is bound to no task.
        """
        if on_error not in ("raise", "return"):
            raise OptionError(f"unknown on_error {on_error!r}: expected raise or return")
        pictures, tiling, stop = self._bound(), self._tiling(tile, tile_overlap), on_error == "raise"
        if tiling is None:
            return pictures.many(items, stop=stop)
        return predict_tiled_many(pictures, items, tiling, stop=stop)

    def run(self, tensors: Mapping[str, NDArray[Any]] | NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Run the bare network.

        Values are converted only where nothing can be lost, such as uint8 to float32 or int32 to int64; float64 for
        a float32 input is refused. Shapes must fit as they are.

        Args:
            tensors: Input name to tensor, of the shapes and types in the manifest (``net.artifact.manifest.inputs``);
                or one array, for a network with one input. Where that one is a picture input, the first axis may
                have any length of at least 1: pictures go through the network in calls of the manifest's batch.

        Returns:
            The outputs in the manifest's order, as arrays of the caller's own.

        Raises:
            EngineError: a name, shape or type does not fit, the message shows what does; or the engine cannot be had
                or failed.
        """
        engine = self.engine
        fitting = feed(engine.inputs, tensors, any_first=self._counts_pictures)
        if self._counts_pictures:
            return infer_batched(engine, fitting, self.artifact.manifest.batch)
        return engine.infer(fitting)

    def selftest(self) -> SelfTestReport:
        """Compare what the model gives here with what it gave where it was made.

        Raises:
            ArtifactError: the artifact holds no such test, or a damaged one.
            EngineError: the engine cannot be had, or failed.
        """
        inputs, _ = read_selftest(self.artifact)
        return compare(self.artifact, self.run(inputs), self.engine)

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
        taken = ", ".join(map(_described, manifest.inputs))
        return f"<Model '{manifest.name}': {manifest.task}, {taken}, digest {self.artifact.digest[:12]}>"

    def _reading(self, limits: Limits) -> Pictures:
        manifest = self.artifact.manifest
        taken = manifest.inputs[0]
        return Pictures(
            manifest=manifest,
            preprocess=preprocess_of(manifest),
            decode=decode_of(manifest),
            exif=isinstance(taken, ImageInput) and taken.exif,
            limits=limits,
            run=self.run,
        )

    def _tiling(self, tile: int | None, overlap: float) -> Tiling | None:
        """How pictures are cut. Raises OptionError: that makes no sense for the task, or is out of bounds."""
        if tile is None:
            return None
        check_tiled(self.artifact.manifest.task)
        return Tiling(tile, overlap)

    def _bound(self) -> Pictures:
        """What the model does with pictures. Raises ArtifactError if it is bound to no task."""
        if self._pictures is None:
            raise ArtifactError(
                f"the model '{self.artifact.manifest.name}' is bound to no task, so it takes tensors, not pictures: "
                "call run with tensors, or bind it with belvedere compile MODEL --task TASK --out FILE "
                "(classification, detection, semantic-segmentation, instance-segmentation or pose)"
            )
        return self._pictures


def load(
    path_or_artifact: str | os.PathLike[str] | Artifact,
    *,
    engine: str = "auto",
    threads: int | None = None,
    target: str | None = None,
    hint: str = "latency",
    streams: int | None = None,
    cache: bool = True,
    limits: Limits = DEFAULT_LIMITS,
) -> Model:
    """Load a model.

    Args:
        path_or_artifact: A folder, a ``.tar``, ``.tar.gz`` or ``.tgz``, or an Artifact.
        engine: See ``Model``, as are the others.
        threads: Threads for one network call; None for every core that this process may use.
        target: What kind of device runs it; None for what it was made for.
        hint: ``latency`` or ``throughput``.
        streams: Network calls that run side by side.
        cache: Whether compiled networks are kept on disk.
        limits: Bounds on the artifact and on pictures.

    Raises:
        ArtifactError: there is none, or it is damaged, unsafe, changed, or of a newer version.
        LimitError: it unpacks to more than ``limits`` allow.
        OptionError: an option has no such value.
    """
    source = path_or_artifact
    artifact = source if isinstance(source, Artifact) else Artifact.load(source, limits)
    return Model(
        artifact,
        engine=engine,
        threads=threads,
        limits=limits,
        target=target,
        hint=hint,
        streams=streams,
        cache=cache,
    )


def _engine_for(artifact: Artifact, choice: str, target: str) -> str:
    """The engine asked for, unless the network needs another one. Raises EngineError.

    An engine that was chosen for the target the artifact was made for says nothing about another one.
    """
    manifest = artifact.manifest
    needed = manifest.engine
    if target not in (manifest.target, "cpu"):
        needed = "auto"
    if needed == "auto" or choice in ("auto", needed):
        return choice if needed == "auto" else needed
    raise EngineError(
        f"the network of '{manifest.name}' needs the engine {needed}, it cannot run on {choice}: leave the engine out"
    )


def _described(taken: ImageInput | TensorInput) -> str:
    if isinstance(taken, ImageInput):
        return f"{taken.resize.width}x{taken.resize.height}"
    return f"{taken.name} {taken.dtype} {list(taken.shape)}"
