"""The thin functions behind ``belvedere.train`` and ``belvedere.evaluate``."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from belvedere.data.open import Source
    from belvedere.evaluation import Report, TaskReport
    from belvedere.evaluation.robustness import RobustnessOptions
    from belvedere.runtime import Artifact, Model
    from belvedere.training.backbones import Backbone

Progress = Callable[[str, int, int], None]
"""Called with the name of a stage, the steps done and the steps in all."""


def train(
    dataset: Source,
    task: str = "anomaly",
    *,
    backbone: str | None = None,
    size: int | Literal["auto"] = "auto",
    tile: bool = False,
    roi: str | os.PathLike[str] | None = None,
    normal_only: bool = False,
    false_alarms: float | None = None,
    seed: int = 0,
    name: str | None = None,
    exif: bool = True,
    maps: Sequence[tuple[str, Path]] = (),
    progress: Progress | None = None,
    engine: str = "auto",
    threads: int | None = None,
) -> Model:
    """Train a model on labelled pictures.

    Example:
        >>> import belvedere as bv
        >>> model = bv.train("pictures/")  # doctest: +SKIP
        >>> model.save("board.tar.gz")  # doctest: +SKIP

    Args:
        dataset: A folder, manifest or CSV file (see ``open_dataset``), or a Dataset.
        task: What the model shall do; ``anomaly``.
        backbone: Name of the feature network; None for the one that comes with the package. Larger ones, such as
            ``dinov2-small``, come from the Hugging Face hub and need the [train] extra; ``hub:OWNER/REPO`` names any
            DINOv2, ResNet or ConvNeXt checkpoint there, and ``@REVISION`` after either a branch, tag or commit.
        size: Side of the network's input in pixels; ``auto`` chooses by cross-validation.
        tile: Look at overlapping tiles of the picture, for small defects.
        roi: A picture that is white where to look, black elsewhere.
        normal_only: Learn from the normal pictures alone.
        false_alarms: Share of normal pictures that may raise an alarm, 0..1 exclusive.
        seed: Seed of all random choices.
        name: What to call the model.
        exif: Whether pictures are turned as their EXIF orientation says.
        maps: Reference prefixes (``s3://bucket/key``) and the folders that hold what is below them.
        progress: Called with (stage, done, total); None draws bars where stderr is a terminal.
        engine: What runs the trained model, see ``load``.
        threads: Threads for one network call of the trained model, see ``load``.

    Raises:
        OptionError: an option has no such value.
        DatasetError: the dataset cannot be read.
        TrainingError: it cannot be trained on, or the backbone cannot be fetched; the message says what is missing.
        MissingExtraError: the backbone needs the [train] extra.
    """
    from belvedere.core.errors import OptionError
    from belvedere.data.open import open_dataset
    from belvedere.runtime import Model
    from belvedere.training.anomaly import train as train_anomaly
    from belvedere.training.anomaly.options import TrainOptions
    from belvedere.training.backbones.catalogue import check_name

    if task != "anomaly":
        raise OptionError(f"unknown task {task!r}: expected anomaly")
    chosen = {"backbone": backbone, "name": name}
    options = TrainOptions(
        size=size,
        tile=tile,
        roi=None if roi is None else Path(roi),
        normal_only=normal_only,
        false_alarms=false_alarms,
        seed=seed,
        exif=exif,
        **{key: value for key, value in chosen.items() if value is not None},
    )
    check_name(options.backbone)
    opened = open_dataset(dataset, task, maps=maps)
    with _shown(progress) as callback:
        artifact = train_anomaly(opened, options, callback, _fetched(options.backbone, callback))
    return Model(artifact, engine=engine, threads=threads)


def evaluate(
    model: Model | Artifact | str | os.PathLike[str],
    dataset: Source,
    *,
    seed: int = 0,
    bootstrap: int = 1000,
    gallery: int = 24,
    robustness: bool | RobustnessOptions = False,
    maps: Sequence[tuple[str, Path]] = (),
    progress: Progress | None = None,
) -> Report | TaskReport:
    """Judge a model on labelled pictures that it was not trained on, by the metrics of its task.

    Example:
        >>> import belvedere as bv
        >>> report = bv.evaluate("board.tar.gz", "held-out/")  # doctest: +SKIP
        >>> report.save("report")  # doctest: +SKIP

    Args:
        model: A model, an artifact, or where one is.
        dataset: A folder, manifest, COCO file or table (see ``open_dataset``), or a Dataset. Of one with parts, the
            test part is judged.
        seed: Seed of the bootstrap intervals.
        bootstrap: Resamples for the intervals; 0 for none.
        gallery: Most pictures in the report's gallery.
        robustness: Whether to judge the model again under other light, resolution and distortion, on a sample of the
            pictures; or how. The report's ``robustness`` holds the outcome.
        maps: Reference prefixes (``s3://bucket/key``) and the folders that hold what is below them.
        progress: Called with (stage, done, total); None draws bars where stderr is a terminal.

    Returns:
        A ``Report`` on an anomaly model, a ``TaskReport`` on one of any other task.

    Raises:
        ArtifactError: the model cannot be loaded, or is bound to no task.
        DatasetError: the dataset cannot be read, has no pictures with what the task needs, or no class in common with
            the model.
        EngineError: the engine cannot be had, or the outputs of no picture can be read.
        OptionError: ``bootstrap`` or ``gallery`` is negative.
    """
    from belvedere.data.open import open_dataset
    from belvedere.evaluation import evaluate as judge
    from belvedere.evaluation.robustness import RobustnessOptions, measure_robustness
    from belvedere.runtime import Model
    from belvedere.zoo import load

    def judged(loaded: Model) -> Report | TaskReport:
        task = loaded.artifact.manifest.task
        opened = open_dataset(dataset, None if task == "anomaly" else task, maps=maps)
        with _shown(progress) as callback:
            report = judge(loaded, opened, seed=seed, bootstrap=bootstrap, gallery=gallery, progress=callback)
            if not robustness:
                return report
            options = RobustnessOptions(seed=seed) if robustness is True else robustness
            return replace(report, robustness=measure_robustness(loaded, opened, report, options, callback))

    if isinstance(model, Model):
        return judged(model)
    with load(model) as loaded:
        return judged(loaded)


def _fetched(name: str, progress: Progress) -> Backbone | None:
    """A backbone from the hub; None for a bundled one, which training loads itself."""
    from belvedere.training.backbones import BUNDLED

    if name in BUNDLED:
        return None
    # Here and not in training.anomaly, which must not need torch.
    from belvedere.training.backbones.hub import hub_backbone

    return hub_backbone(name, progress)


def _shown(progress: Progress | None) -> AbstractContextManager[Progress]:
    """The caller's callback, or bars on a terminal."""
    if progress is not None:
        return nullcontext(progress)
    from belvedere.cli.console import progress_bar

    return progress_bar()
