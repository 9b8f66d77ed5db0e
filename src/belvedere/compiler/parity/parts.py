"""Judging a network that chooses part by part, each part on what the reference gave the part before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from belvedere.compiler.parity.bisect import Drift, MakeRunner, first_drift
from belvedere.compiler.parity.choosing import Cuts, cuts_of
from belvedere.compiler.parity.excerpts import cut, has_values, tensors_like, with_tensors
from belvedere.compiler.parity.feeds import Sample
from belvedere.compiler.parity.flow import flow_of
from belvedere.compiler.parity.tensors import LEAST_AGREEMENT, NO_DIFFERENCE, Difference, difference
from belvedere.core.errors import CompileError, EngineError

if TYPE_CHECKING:
    import onnx
    import openvino

Given = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Stage:
    """A network that can be opened whole or in part.

    Attributes:
        network: The network.
        open: Opens it, or an excerpt of it.
    """

    network: onnx.ModelProto | openvino.Model
    open: MakeRunner


@dataclass(frozen=True, eq=False)
class Parts:
    """How the parts of a network compare.

    Attributes:
        cuts: Where the network was cut.
        ends: Output to value, of the outputs that lie behind a cut.
        differences: Of the values at the cuts and of the outputs' values, each computed from what the reference holds
            at the cuts before it; worst over all samples.
        given: What the reference holds at the cuts, one entry a sample.
    """

    cuts: Cuts
    ends: Mapping[str, str]
    differences: Mapping[str, Difference]
    given: tuple[Given, ...]

    def of(self, output: str) -> tuple[str, ...]:
        """The values that lead to an output, and its own."""
        return tuple(dict.fromkeys((*self.cuts.before[output], self.ends[output])))

    def decisive(self, output: str, precision: str, most: float) -> tuple[str, float]:
        """The first of them whose error is over ``most``, else the one with the largest; and that error."""
        errors = [(name, self._error(name, precision)) for name in self.of(output)]
        return next((pair for pair in errors if not pair[1] <= most), max(errors, key=lambda pair: pair[1]))

    def _error(self, name: str, precision: str) -> float:
        """The error; 0 of what was chosen from the same numbers where it is the same but for ties."""
        found = self.differences[name]
        if name not in self.cuts.chosen:
            return found.error(precision)
        # In bfloat16 the given numbers are rounded before the choice, and ties are the rule.
        return 0.0 if precision == "bf16" or found.agreement >= LEAST_AGREEMENT else found.error(precision)


def compare_parts(names: Sequence[str], samples: Sequence[Sample], source: Stage, finished: Stage) -> Parts | None:
    """Cut the finished network where it chooses and compare every part with the source.

    Each part takes the inputs, and the source's own numbers at the cuts: so that layers behind a choice are judged on
    the rows that the source chose, and every value of the network lies in a part that is judged.

    Args:
        names: Names of the outputs, in order.
        samples: Inputs.
        source: What it is held against.
        finished: The network to judge; values of the same name in both are taken for the same.

    Returns:
        The differences; None where the source lacks a value at a cut, or an engine cannot show one.
    """
    flow = flow_of(finished.network, names)
    cuts = cuts_of(flow)
    ends = {output: flow.outputs[output] for output in cuts.before}
    at_cuts = (*cuts.values, *cuts.chosen)
    wanted = tuple(dict.fromkeys((*at_cuts, *ends.values())))
    if not ends or not has_values(source.network, wanted):
        return None
    try:
        shown = source.open(with_tensors(source.network, wanted))
        expected = [dict(zip(wanted, shown(one.source).values(), strict=True)) for one in samples]
        given = [{name: one[name] for name in at_cuts} for one in expected]
        apart = finished.open(cut(finished.network, {name: [one[name] for one in given] for name in at_cuts}, wanted))
        worst = dict.fromkeys(wanted, NO_DIFFERENCE)
        for sample, reference, tensors in zip(samples, expected, given, strict=True):
            found = apart({**sample.finished, **tensors_like(tensors)})
            for name, second in zip(wanted, found.values(), strict=True):
                worst[name] = worst[name].worse(difference(reference[name], second))
    except (EngineError, CompileError):
        return None
    return Parts(cuts, ends, worst, tuple(given))


def agreement_on_same_numbers(
    parts: Parts, samples: Sequence[Sample], source: Stage, finished: Stage
) -> Mapping[str, float]:
    """How far the outputs behind a choice agree where the source chooses from the finished network's own numbers.

    Rounding in the last place decides between equal scores. From the same numbers both must choose the same.

    Args:
        parts: What ``compare_parts`` found.
        samples: Inputs.
        source: What the network is held against.
        finished: The network.

    Returns:
        Output to the least agreement over all samples; empty where an engine cannot show the numbers.
    """
    values, ends = parts.cuts.values, tuple(dict.fromkeys(parts.ends.values()))
    wanted = tuple(dict.fromkeys((*values, *ends)))
    least = dict.fromkeys(ends, 1.0)
    try:
        shown = finished.open(with_tensors(finished.network, wanted))
        found = [dict(zip(wanted, shown(one.finished).values(), strict=True)) for one in samples]
        chooses = source.open(cut(source.network, {name: [one[name] for one in found] for name in values}, ends))
        for sample, own in zip(samples, found, strict=True):
            other = chooses({**sample.source, **tensors_like({name: own[name] for name in values})})
            for name, tensor in zip(ends, other.values(), strict=True):
                least[name] = min(least[name], difference(tensor, own[name]).agreement)
    except (EngineError, CompileError):
        return {}
    return {output: least[value] for output, value in parts.ends.items()}


def part_drift(
    parts: Parts, value: str, sample: Sample, source: Stage, finished: Stage, *, precision: str, tolerance: float
) -> Drift | None:
    """The layer at which one part first leaves the source.

    Args:
        parts: What ``compare_parts`` found.
        value: Where the part ends.
        sample: The first of the samples that were compared.
        source: What the network is held against.
        finished: The network.
        precision: Which error counts.
        tolerance: From where on it is drift.
    """
    if value in parts.cuts.chosen:
        return None
    tensors = tensors_like(parts.given[0])
    try:
        first, second = (
            cut(stage.network, {name: [tensor] for name, tensor in parts.given[0].items()}, [value])
            for stage in (source, finished)
        )
    except CompileError:
        return None
    return first_drift(
        first,
        second,
        value,
        {**sample.source, **tensors},
        finished_feeds={**sample.finished, **tensors},
        run_reference=source.open,
        run_reduced=finished.open,
        precision=precision,
        tolerance=tolerance,
    )
