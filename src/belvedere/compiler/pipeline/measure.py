"""Measuring a finished artifact: does it run, what does it give, how fast, and does the target exist here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from belvedere.compiler.parity.agreement import AGREEMENT, agreement, metric_of
from belvedere.compiler.parity.feeds import Sample
from belvedere.compiler.parity.judge import OutputParity, Stage, judge
from belvedere.compiler.parity.runners import Feeds, Runner, onnxruntime_runner, openvino_runner, reference_runner
from belvedere.compiler.parity.speed import Speed, measure
from belvedere.compiler.passes.clean import is_onnx
from belvedere.compiler.pipeline.samples import GivenSample
from belvedere.compiler.report.report import TaskParity
from belvedere.core.errors import EngineError
from belvedere.runtime import Artifact, Manifest, Model
from belvedere.runtime.dispatch import decode_of

if TYPE_CHECKING:
    import onnx
    import openvino

Outputs = Sequence[NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Expected:
    """What the source network gives.

    Attributes:
        runner: Runs it in float32.
        outputs: Of every sample, in order.
    """

    runner: Callable[[Feeds], Outputs]
    outputs: tuple[Outputs, ...]


@dataclass(frozen=True)
class Tried:
    """Whether an artifact was run on its target.

    Attributes:
        model: Open on the target, or on the processor where that could not be.
        target: Whether it is the target.
        why_not: The exact reason why not.
    """

    model: Model
    target: bool
    why_not: str = ""


def run_source(network: onnx.ModelProto | openvino.Model, names: Sequence[str], feeds: Sequence[Feeds]) -> Expected:
    """Run the source network.

    Args:
        network: As it came.
        names: Of its outputs, in order.
        feeds: Its inputs, one entry a sample.

    Raises:
        EngineError: no engine runs it, or it does not take these inputs.
    """
    runner = reference_runner(network, names)

    def run(tensors: Feeds) -> Outputs:
        try:
            found = runner(tensors)
        except Exception as error:  # ONNX Runtime's status classes have no common base
            raise EngineError(f"the network failed on its inputs: {error}") from error
        return [found[name] for name in names]

    return Expected(run, tuple(run(tensors) for tensors in feeds))


def open_on_target(artifact: Artifact) -> Tried:
    """Open an artifact on the target it is made for; where this machine lacks that, on the processor.

    Raises:
        EngineError: the processor cannot run it either.
    """
    target = artifact.manifest.target
    model = Model(artifact, cache=False)
    try:
        model.engine  # noqa: B018  opens it
    except EngineError as error:
        if target == "cpu":
            raise
        model = Model(artifact, target="cpu", cache=False)
        model.engine  # noqa: B018
        return Tried(model, False, str(error))
    return Tried(model, True)


def stages(
    exact: onnx.ModelProto | openvino.Model,
    network: onnx.ModelProto | openvino.Model,
    *,
    precision: str,
    engine: str,
) -> tuple[Stage, Stage]:
    """The network before and after its precision was lowered, each with what opens it or an excerpt of it.

    Args:
        exact: In float32.
        network: In the final precision.
        precision: What the engine computes in.
        engine: Name of the engine that runs the final one.
    """
    hint = "bf16" if precision == "bf16" else "f32"

    def run_final(one: Any) -> Runner:
        if engine == "onnxruntime" and is_onnx(one):
            return onnxruntime_runner(one)
        return openvino_runner(one, precision=hint)

    return Stage(exact, reference_runner), Stage(network, run_final)


def compare(
    model: Model,
    expected: Expected,
    samples: Sequence[Sample],
    source: Stage,
    finished: Stage,
    *,
    precision: str,
    tolerance: float | None,
) -> tuple[OutputParity, ...]:
    """Hold the artifact's outputs against the source's."""
    names = [output.name for output in model.artifact.manifest.outputs]
    return judge(
        names,
        expected.outputs,
        model.run,
        samples,
        source=source,
        finished=finished,
        precision=precision,
        tolerance=tolerance,
    )


def time_both(model: Model, expected: Expected, sample: Sample, seconds: float) -> tuple[Speed, Speed]:
    """Milliseconds a call of the source network and of the artifact, measured in turns."""
    found = measure(
        {"source": partial(expected.runner, sample.source), "artifact": partial(model.run, sample.finished)},
        seconds=seconds,
    )
    return found["source"], found["artifact"]


def compare_task(
    manifest: Manifest,
    before: Sequence[Outputs],
    after: Sequence[Outputs],
    samples: Sequence[GivenSample],
    *,
    metric: Callable[[Sequence[Any], Sequence[Any]], float] | None,
    allowed: float,
    labelled: bool,
) -> TaskParity | None:
    """The task's figure before and after; without labels, how far both agree. None where no task is bound.

    Args:
        manifest: The model's.
        before: Outputs of the source network for every sample.
        after: The finished one's.
        samples: With their pictures.
        metric: The user's own; None for the task's.
        allowed: Largest loss that is accepted, with labels.
        labelled: Whether the samples have labels.
    """
    task = manifest.task
    usable = [place for place, sample in enumerate(samples) if sample.image is not None]
    if task == "tensor" and metric is not None:
        usable = list(range(len(samples)))
    if not usable or (task == "tensor" and metric is None):
        return None
    some = [samples[place] for place in usable]
    first = results_of(manifest, [before[place] for place in usable], some)
    second = results_of(manifest, [after[place] for place in usable], some)
    if not labelled:
        both = [agreement(one, other) for one, other in zip(first, second, strict=True)]
        return TaskParity(AGREEMENT[task], False, len(both), 1.0, sum(both) / len(both))
    name, judge_by = ("the given metric", metric) if metric is not None else metric_of(task)
    truths = [one.truth for one in some]
    return TaskParity(name, True, len(usable), float(judge_by(first, truths)), float(judge_by(second, truths)), allowed)


def results_of(manifest: Manifest, outputs: Sequence[Outputs], samples: Sequence[GivenSample]) -> list[Any]:
    """Typed results of outputs; of a model that is bound to no task the outputs themselves, as tuples.

    Args:
        manifest: The model's.
        outputs: One entry a sample.
        samples: With their pictures.
    """
    if manifest.task == "tensor":
        return [tuple(found) for found in outputs]
    decode = decode_of(manifest)
    names = [output.name for output in manifest.outputs]
    found = []
    for own, sample in zip(outputs, samples, strict=True):
        assert sample.image is not None
        found.append(decode(dict(zip(names, own, strict=True)), sample.image, sample.name))
    return found
