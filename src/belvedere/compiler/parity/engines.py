"""Which engine runs a network: whether both compute the same, and which is faster here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from belvedere.compiler.parity.feeds import Sample
from belvedere.compiler.parity.parts import Stage, compare_parts
from belvedere.compiler.parity.runners import Runner, onnxruntime_runner, openvino_runner
from belvedere.compiler.parity.speed import Speed, measure
from belvedere.compiler.parity.tensors import LEAST_AGREEMENT, NO_DIFFERENCE, TOLERANCES, difference
from belvedere.core.errors import EngineError

if TYPE_CHECKING:
    import onnx

OPENVINO, ONNXRUNTIME = "openvino", "onnxruntime"
_GATES = {"int8": 0.1}
SLOWER_BY = 1.03
"""OpenVINO may take this many times ONNX Runtime's time before that is chosen instead."""


@dataclass(frozen=True)
class EngineChoice:
    """The engine for a network on processors.

    Attributes:
        engine: For the manifest: ``auto`` where any will do and OpenVINO is taken, else the one that it has to be.
        runs_on: ``openvino`` or ``onnxruntime``.
        reason: Why, in words.
        gate: Largest relative difference between both engines; None where only one runs it.
        speeds: Milliseconds a call by engine, where both were measured.
    """

    engine: str
    runs_on: str
    reason: str
    gate: float | None = None
    speeds: dict[str, Speed] | None = None


def choose_engine(
    network: onnx.ModelProto, samples: Sequence[Sample], *, precision: str = "f32", seconds: float = 2.0
) -> EngineChoice:
    """Try an ONNX network on both engines.

    What they compute in float32 must agree within 1e-3 of the largest value, a quantised network within a tenth as a
    whole, because each rounds differently. Where they do not, ONNX Runtime is taken, which is the reference for ONNX.
    Else the faster one, OpenVINO where there is little between them.

    Args:
        network: The finished network.
        samples: Inputs.
        precision: Of the network.
        seconds: How long to measure.

    Raises:
        EngineError: neither runs it; the message holds both reasons.
    """
    runners: dict[str, Runner] = {}
    failures: dict[str, str] = {}
    for name, opened in ((OPENVINO, openvino_runner), (ONNXRUNTIME, onnxruntime_runner)):
        try:
            runner = opened(network)
            runner(samples[0].finished)
            runners[name] = runner
        except (EngineError, RuntimeError) as error:
            failures[name] = str(error)
        except Exception as error:  # noqa: BLE001  ONNX Runtime's status classes have no common base
            failures[name] = f"{type(error).__name__}: {error}"
    if not runners:
        raise EngineError("; ".join(failures.values()))
    if len(runners) == 1:
        only = next(iter(runners))
        other = next(iter(failures))
        return EngineChoice(only, only, f"{other} cannot run it: {failures[other]}")
    most = _GATES.get(precision, TOLERANCES["f32"])
    gate = _largest_difference(network, runners, samples, "int8" if precision == "int8" else "f32", most)
    if gate > most:
        if not np.isfinite(gate):
            return EngineChoice(ONNXRUNTIME, ONNXRUNTIME, "OpenVINO chooses other rows, or finds other values infinite")
        return EngineChoice(
            ONNXRUNTIME, ONNXRUNTIME, f"OpenVINO computes something else (relative difference {gate:.2g})", gate
        )
    feeds = samples[0].finished
    speeds = measure({name: (lambda run=run: run(feeds)) for name, run in runners.items()}, seconds=seconds)  # type: ignore[misc]
    if speeds[OPENVINO].p50_ms > SLOWER_BY * speeds[ONNXRUNTIME].p50_ms:
        ratio = speeds[OPENVINO].p50_ms / speeds[ONNXRUNTIME].p50_ms
        return EngineChoice(ONNXRUNTIME, ONNXRUNTIME, f"OpenVINO takes {ratio:.2f} times as long", gate, speeds)
    return EngineChoice("auto", OPENVINO, "both engines agree, OpenVINO is not slower", gate, speeds)


def _largest_difference(
    network: onnx.ModelProto, runners: dict[str, Runner], samples: Sequence[Sample], precision: str, most: float
) -> float:
    """Largest relative difference over outputs; of an output beyond ``most`` that is chosen, that of a part.

    Infinite in float32 where the choice itself falls otherwise for more than a few rows.
    """
    names = [value.name for value in network.graph.output]
    worst = dict.fromkeys(names, NO_DIFFERENCE)
    for sample in samples:
        first, second = runners[OPENVINO](sample.finished), runners[ONNXRUNTIME](sample.finished)
        for name in names:
            worst[name] = worst[name].worse(difference(second[name], first[name]))
    errors = {name: own.error(precision) for name, own in worst.items()}
    unclear = [name for name, error in errors.items() if error > most]
    if not unclear:
        return float(np.max(list(errors.values()), initial=0.0))
    both = [Sample(one.name, one.finished, one.finished) for one in samples]
    parts = compare_parts(names, both, Stage(network, onnxruntime_runner), Stage(network, openvino_runner))
    if parts is not None:
        for name in unclear:
            if name in parts.ends:
                falls_otherwise = precision == "f32" and worst[name].agreement < LEAST_AGREEMENT
                errors[name] = np.inf if falls_otherwise else parts.decisive(name, precision, most)[1]
    return float(np.max(list(errors.values()), initial=0.0))
