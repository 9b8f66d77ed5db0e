"""Holding the outputs of a finished network against those of its source, output by output."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from belvedere.compiler.parity.bisect import Drift, MakeRunner, first_drift
from belvedere.compiler.parity.choosing import judged_instead
from belvedere.compiler.parity.feeds import Sample
from belvedere.compiler.parity.runners import Feeds, with_tensors
from belvedere.compiler.parity.tensors import LEAST_AGREEMENT, NO_DIFFERENCE, TOLERANCES, Difference, difference
from belvedere.core.errors import CompileError, EngineError

if TYPE_CHECKING:
    import onnx
    import openvino

Run = Callable[[Feeds], Sequence[NDArray[Any]]]
"""Runs a network once; outputs in order."""


@dataclass(frozen=True)
class OutputParity:
    """One output of the finished network against the source's.

    Attributes:
        name: The output.
        difference: Worst over all samples.
        error: The figure that is held against the tolerance.
        tolerance: Largest accepted error.
        ok: Whether it is within.
        judged_by: Tensors that were compared instead, because the output is chosen from them (top-k, non-maximum
            suppression); empty where the output itself was.
        drift: Where the network first drifted, if it did.
    """

    name: str
    difference: Difference
    error: float
    tolerance: float
    ok: bool
    judged_by: tuple[str, ...] = ()
    drift: Drift | None = None


@dataclass(frozen=True, eq=False)
class Stage:
    """A network that can be opened whole or in part.

    Attributes:
        network: The network.
        open: Opens it, or an excerpt of it.
    """

    network: onnx.ModelProto | openvino.Model
    open: MakeRunner


def judge(
    names: Sequence[str],
    expected: Sequence[Sequence[NDArray[Any]]],
    found: Run,
    samples: Sequence[Sample],
    *,
    source: Stage,
    finished: Stage,
    precision: str,
    tolerance: float | None = None,
) -> tuple[OutputParity, ...]:
    """Compare all outputs over all samples and trace what drifted.

    Args:
        names: Names of the outputs, in order.
        expected: Outputs of the source network, one entry a sample.
        found: Runs the finished network.
        samples: The samples.
        source: The source network, before anything was done to it or cleaned.
        finished: The finished one; tensors of the same name in both are compared where it drifted.
        precision: Of the finished network.
        tolerance: Largest accepted error; None for that of the precision.
    """
    most = TOLERANCES[precision] if tolerance is None else tolerance
    worst = dict.fromkeys(names, NO_DIFFERENCE)
    for sample, wanted in zip(samples, expected, strict=True):
        for name, first, second in zip(names, wanted, found(sample.finished), strict=True):
            worst[name] = worst[name].worse(difference(first, second))
    chosen = judged_instead(finished.network, names)
    both = judged_instead(source.network, names)
    outputs = []
    for name in names:
        error = worst[name].error(precision)
        if error <= most or name not in chosen:
            outputs.append(OutputParity(name, worst[name], error, most, error <= most))
        else:
            by = tuple(entry for entry in chosen[name] if entry in both.get(name, ()))
            outputs.append(_by_others(name, worst[name], by, samples, source, finished, precision, most))
    return tuple(
        output if output.ok else _traced(output, samples[0], source, finished, precision) for output in outputs
    )


def _by_others(
    name: str,
    own: Difference,
    tensors: tuple[str, ...],
    samples: Sequence[Sample],
    source: Stage,
    finished: Stage,
    precision: str,
    most: float,
) -> OutputParity:
    """Judge a chosen output by what it was chosen from.

    Whether the engine chooses as the reference does was seen when it was chosen (``engines``), on one and the same
    network; here folded layers alone may break a tie otherwise.
    """
    if not tensors:
        return OutputParity(name, own, own.error(precision), most, own.agreement >= LEAST_AGREEMENT)
    try:
        first = source.open(with_tensors(source.network, tensors))
        second = finished.open(with_tensors(finished.network, tensors))
    except (EngineError, CompileError):
        return OutputParity(name, own, own.error(precision), most, own.agreement >= LEAST_AGREEMENT)
    error = 0.0
    for sample in samples:
        wanted, found = first(sample.source), second(sample.finished)
        pairs = zip(wanted.values(), found.values(), strict=True)
        error = max([error, *(difference(one, other).error(precision) for one, other in pairs)])
    return OutputParity(name, own, error, most, error <= most, tensors)


def _traced(output: OutputParity, sample: Sample, source: Stage, finished: Stage, precision: str) -> OutputParity:
    """Add the layer at which the output's tensor first left the source."""
    for end in output.judged_by or (output.name,):
        drift = first_drift(
            source.network,
            finished.network,
            end,
            sample.source,
            finished_feeds=sample.finished,
            run_reference=source.open,
            run_reduced=finished.open,
            precision=precision,
            tolerance=output.tolerance,
        )
        if drift is not None:
            return OutputParity(
                output.name, output.difference, output.error, output.tolerance, False, output.judged_by, drift
            )
    return output


def sentence(outputs: Sequence[OutputParity]) -> str:
    """What drifted, for people; empty where nothing did."""
    parts = []
    for output in outputs:
        if not output.ok:
            what = (
                f"output '{output.name}' has a relative error of {output.error:.2g}, {output.tolerance:.2g} is allowed"
            )
            if output.judged_by:
                what += f" (judged by {', '.join(output.judged_by)})"
            if output.drift is not None:
                what += f"; it first drifts at {output.drift}"
            parts.append(what)
    return "; ".join(parts)


def as_json(outputs: Sequence[OutputParity]) -> list[Mapping[str, Any]]:
    """The outputs as JSON values; infinite errors as None."""
    return [
        {
            "name": output.name,
            "max_abs": _finite(output.difference.max_abs),
            "max_rel": _finite(output.difference.max_rel),
            "rms_rel": _finite(output.difference.rms_rel),
            "agreement": output.difference.agreement,
            "error": _finite(output.error),
            "tolerance": output.tolerance,
            "ok": output.ok,
            "judged_by": list(output.judged_by),
            "first_drift": None if output.drift is None else {
                "tensor": output.drift.tensor,
                "operator": output.drift.operator,
                "error": _finite(output.drift.error),
                "error_before": _finite(output.drift.before),
            },
        }
        for output in outputs
    ]  # fmt: skip


def _finite(value: float) -> float | None:
    return value if value == value and abs(value) != float("inf") else None
