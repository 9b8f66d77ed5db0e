"""Holding the outputs of a finished network against those of its source, output by output."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from belvedere.compiler.parity.bisect import Drift, first_drift
from belvedere.compiler.parity.feeds import Sample
from belvedere.compiler.parity.parts import Parts, Stage, agreement_on_same_numbers, compare_parts, part_drift
from belvedere.compiler.parity.runners import Feeds
from belvedere.compiler.parity.tensors import LEAST_AGREEMENT, NO_DIFFERENCE, TOLERANCES, Difference, difference

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
        judged_by: Tensors at which the network was cut to judge it part by part, because the output comes out of a
            choice (top-k, non-maximum suppression); the one that decided, whose error it is, comes first. Empty where
            the output was compared as a whole.
        drift: Where the network first drifted, if it did.
    """

    name: str
    difference: Difference
    error: float
    tolerance: float
    ok: bool
    judged_by: tuple[str, ...] = ()
    drift: Drift | None = None


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

    An output is within tolerance where its own error is. One that comes out of a choice may also be judged part by
    part (``parts``): all parts that lead to it must be within tolerance. In float32, where only a tie may fall
    otherwise, nearly all of its values must agree too, whatever their order: with the source, or with what that
    chooses from the finished network's own numbers.

    Args:
        names: Names of the outputs, in order.
        expected: Outputs of the source network, one entry a sample.
        found: Runs the finished network.
        samples: The samples.
        source: The source network, before anything was done to it or cleaned.
        finished: The finished one; tensors of the same name in both are taken for the same.
        precision: Of the finished network.
        tolerance: Largest accepted error; None for that of the precision.
    """
    most = TOLERANCES[precision] if tolerance is None else tolerance
    worst = dict.fromkeys(names, NO_DIFFERENCE)
    for sample, wanted in zip(samples, expected, strict=True):
        for name, first, second in zip(names, wanted, found(sample.finished), strict=True):
            worst[name] = worst[name].worse(difference(first, second))
    if all(own.error(precision) <= most for own in worst.values()):
        return tuple(_whole(name, worst[name], precision, most) for name in names)
    parts = compare_parts(names, samples, source, finished)
    outputs = []
    again: Mapping[str, float] | None = None
    for name in names:
        output = _whole(name, worst[name], precision, most)
        if not output.ok and parts is not None and name in parts.ends:
            output = _by_parts(output, parts, precision)
            if output.ok and precision == "f32" and worst[name].agreement < LEAST_AGREEMENT:
                again = agreement_on_same_numbers(parts, samples, source, finished) if again is None else again
                if again.get(name, 0.0) < LEAST_AGREEMENT:
                    output = _whole(name, worst[name], precision, most)
        outputs.append(output if output.ok else _traced(output, parts, samples[0], source, finished, precision))
    return tuple(outputs)


def _whole(name: str, own: Difference, precision: str, most: float) -> OutputParity:
    error = own.error(precision)
    return OutputParity(name, own, error, most, error <= most)


def _by_parts(output: OutputParity, parts: Parts, precision: str) -> OutputParity:
    value, error = parts.decisive(output.name, precision, output.tolerance)
    by = tuple(dict.fromkeys((value, *parts.of(output.name))))
    return replace(output, error=error, judged_by=by, ok=error <= output.tolerance)


def _traced(
    output: OutputParity, parts: Parts | None, sample: Sample, source: Stage, finished: Stage, precision: str
) -> OutputParity:
    """Add the layer at which the output, or the part that decided, first left the source."""
    if parts is not None and output.judged_by:
        drift = part_drift(
            parts, output.judged_by[0], sample, source, finished, precision=precision, tolerance=output.tolerance
        )
    else:
        drift = first_drift(
            source.network,
            finished.network,
            output.name,
            sample.source,
            finished_feeds=sample.finished,
            run_reference=source.open,
            run_reduced=finished.open,
            precision=precision,
            tolerance=output.tolerance,
        )
    return replace(output, drift=drift)


def sentence(outputs: Sequence[OutputParity]) -> str:
    """What drifted, for people; empty where nothing did."""
    parts = []
    for output in outputs:
        if not output.ok:
            place = f" in the part that ends at '{output.judged_by[0]}'" if output.judged_by else ""
            what = (
                f"output '{output.name}' has a relative error of {output.error:.2g}{place}, {output.tolerance:.2g} is "
                "allowed"
            )
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
