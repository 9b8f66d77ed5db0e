"""Measuring a finished artifact: does it run, what does it give, how fast, and does the target exist here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from belvedere.compiler.parity.agreement import AGREEMENT, agreement, metric_of
from belvedere.compiler.parity.feeds import Sample
from belvedere.compiler.parity.judge import OutputParity, judge
from belvedere.compiler.parity.parts import Stage
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
    before: Callable[[GivenSample], Outputs],
    after: Callable[[GivenSample], Outputs],
    samples: Sequence[GivenSample],
    *,
    metric: Callable[[Sequence[Any], Sequence[Any]], float] | None,
    allowed: float | None,
    labelled: bool,
    given: int,
) -> TaskParity | None:
    """The task's figure before and after; without labels, how far both agree. None where no task is bound.

    Outputs are turned into results one sample after the other, so that no more than one sample's are held.

    Args:
        manifest: The model's.
        before: Runs the source network on a sample.
        after: Runs the finished one.
        samples: With their pictures.
        metric: The user's own; None for the task's.
        allowed: Largest loss that is accepted; None for any.
        labelled: Whether the samples have labels.
        given: How many samples the user handed over.
    """
    task = manifest.task
    some = [sample for sample in samples if sample.image is not None]
    if task == "tensor" and metric is not None:
        some = list(samples)
    if not some or (task == "tensor" and metric is None):
        return None
    pairs = ((results_of(manifest, [run(one)], [one])[0] for run in (before, after)) for one in some)
    if not labelled:
        mean = sum(agreement(first, second) for first, second in pairs) / len(some)
        return TaskParity(AGREEMENT[task], False, len(some), 1.0, mean, allowed, given)
    name, judge_by = ("the given metric", metric) if metric is not None else metric_of(task)
    first, second = zip(*map(tuple, pairs), strict=True)
    truths = [one.truth for one in some]
    figures = [float(judge_by(list(results), truths)) for results in (first, second)]
    return TaskParity(name, True, len(some), figures[0], figures[1], allowed, given)


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
