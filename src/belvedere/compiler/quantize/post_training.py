"""Post-training quantisation to 8-bit integers: by NNCF, or by ONNX Runtime where that is not installed."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belvedere.compiler.parity.runners import Feeds, Results, Runner, onnxruntime_runner
from belvedere.compiler.passes.clean import is_onnx
from belvedere.compiler.passes.graph import opset_of
from belvedere.compiler.passes.openvino_model import name_of
from belvedere.compiler.quantize.activations import make_activations_unsigned
from belvedere.compiler.quantize.scope import has_soft_activations, kept_in_float, steps_of
from belvedere.core.errors import CompileError, MissingExtraError
from belvedere.runtime.engine_imports import import_nncf, import_onnxruntime

if TYPE_CHECKING:
    import onnx
    import openvino

MOST_CALIBRATION = 300
"""Pictures beyond this number change nothing that can be measured; they are not read."""
_LEAST_OPSET, _WANTED_OPSET = 13, 17
_QUANTISED = frozenset({"FakeQuantize", "QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul"})


@dataclass(frozen=True)
class Validation:
    """Labelled samples, and how to judge a network by them.

    Attributes:
        feeds: Inputs of every sample.
        score: Network outputs of samples (in the order of their numbers) to a figure, the more the better.
        max_drop: Loss of the figure that is accepted, absolute.
    """

    feeds: Sequence[Feeds]
    score: Callable[[Sequence[int], Sequence[Results]], float]
    max_drop: float = 0.01


@dataclass(frozen=True, eq=False)
class Quantized:
    """A quantised network.

    Attributes:
        network: Of the same kind as the one given.
        method: ``nncf``, ``nncf with accuracy control`` or ``onnxruntime``.
        samples: Calibration samples that were used.
        kept: How many operations were excluded by rule (box decoding, choosing, the tail).
    """

    network: onnx.ModelProto | openvino.Model
    method: str
    samples: int
    kept: int


def check_quantisable(network: onnx.ModelProto | openvino.Model, precision: str) -> None:
    """Refuse to quantise a network that is quantised already: its ranges were learnt, and would be guessed anew.

    Raises:
        CompileError: int8 is asked for, and the network computes in 8-bit integers.
    """
    if precision != "int8":
        return
    kinds = {step.kind for step in steps_of(network)}
    if found := sorted(kinds & _QUANTISED):
        raise CompileError(
            f"the network is quantised to 8-bit integers already ({', '.join(found)}): compile it with --precision "
            "f32, which keeps its integers as they are"
        )


def quantize(
    network: onnx.ModelProto | openvino.Model, calibration: Sequence[Feeds], validation: Validation | None = None
) -> Quantized:
    """Quantise weights and activations of the layers to 8 bits.

    Decoding of boxes, non-maximum suppression and the tail behind the last layers stay in float32. With
    ``validation``, layers that cost most are turned back to float32 until the loss is within bounds.

    Args:
        network: In float32; stays as it is.
        calibration: Inputs that the network will see in practice.
        validation: Labelled samples; None to go without.

    Raises:
        CompileError: there are no calibration samples, or the network cannot be quantised.
        MissingExtraError: NNCF is not installed and the network is not ONNX, or accuracy control is wanted.
    """
    if not calibration:
        raise CompileError("int8 needs calibration pictures: ranges that were measured on noise would be worthless")
    calibration = calibration[:MOST_CALIBRATION]
    network = _prepared(network) if is_onnx(network) else network
    steps = steps_of(network)
    kept = kept_in_float(steps)
    if importlib.util.find_spec("nncf") is None:
        if validation is not None:
            raise MissingExtraError("int8 with accuracy control", "quantize")
        if not is_onnx(network):
            raise MissingExtraError("int8 of a network that is not ONNX", "quantize")
        return Quantized(_by_onnxruntime(network, calibration, kept), "onnxruntime", len(calibration), len(kept))
    failures: list[Exception] = []
    try:
        with _quiet():
            result = _by_nncf(network, calibration, kept, has_soft_activations(steps), validation, failures)
    except Exception as error:  # NNCF raises whatever its parts raise
        if failures:
            raise
        raise CompileError(f"NNCF cannot quantise this network ({type(error).__name__}: {error})") from error
    if is_onnx(result):
        make_activations_unsigned(result)
    method = "nncf" if validation is None else "nncf with accuracy control"
    return Quantized(result, method, len(calibration), len(kept))


def _by_nncf(
    network: Any,
    calibration: Sequence[Feeds],
    kept: Sequence[str],
    soft: bool,
    validation: Validation | None,
    failures: list[Exception],
) -> Any:
    import_onnxruntime()
    nncf = import_nncf()

    options: dict[str, Any] = {
        # Symmetric for ReLU networks is fastest; values below zero need an asymmetric scale.
        "preset": nncf.QuantizationPreset.MIXED if soft else nncf.QuantizationPreset.PERFORMANCE,
        "subset_size": len(calibration),
        "target_device": nncf.TargetDevice.CPU,
        "ignored_scope": nncf.IgnoredScope(names=list(kept), validate=False) if kept else None,
        "fast_bias_correction": True,
    }
    dataset = nncf.Dataset([dict(feeds) for feeds in calibration])
    if validation is None:
        return nncf.quantize(network, dataset, **options)
    numbered = nncf.Dataset(list(range(len(validation.feeds))), lambda number: dict(validation.feeds[number]))
    return nncf.quantize_with_accuracy_control(
        network,
        dataset,
        numbered,
        _judge(validation, failures),
        max_drop=validation.max_drop,
        drop_type=nncf.DropType.ABSOLUTE,
        **options,
    )


def _judge(validation: Validation, failures: list[Exception]) -> Callable[[Any, Any], tuple[float, None]]:
    """NNCF's validation function: it hands over a network and the numbers of the samples to judge it by."""

    def judge(candidate: Any, items: Any) -> tuple[float, None]:
        runner = onnxruntime_runner(candidate) if is_onnx(candidate) else _compiled_runner(candidate)
        numbers = [int(item) for item in items]
        try:
            return float(validation.score(numbers, [runner(validation.feeds[number]) for number in numbers])), None
        except Exception as error:  # remembered, because NNCF's own failures look alike
            failures.append(error)
            raise

    return judge


def _compiled_runner(compiled: Any) -> Runner:
    request = compiled.create_infer_request()

    def run(feeds: Feeds) -> Results:
        results = request.infer(dict(feeds))
        return {name_of(port): results[port].copy() for port in compiled.outputs}

    return run


def _by_onnxruntime(network: onnx.ModelProto, calibration: Sequence[Feeds], kept: Sequence[str]) -> onnx.ModelProto:
    import onnx

    import_onnxruntime()
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left: Iterator[Feeds] = iter(calibration)

        def get_next(self) -> Any:
            return next(self._left, None)

    with tempfile.TemporaryDirectory(prefix="belvedere-") as name, _quiet():
        before, after = Path(name) / "before.onnx", Path(name) / "after.onnx"
        onnx.save_model(network, before)
        try:
            quantize_static(
                str(before),
                str(after),
                Reader(),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=list(kept),
            )
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            raise CompileError(f"ONNX Runtime cannot quantise this network ({error})") from error
        return onnx.load_model(after)


def _prepared(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose nodes have names of their own, at an operator set that knows scales per channel."""
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    if opset_of(copy) < _LEAST_OPSET:
        try:
            copy = onnx.version_converter.convert_version(copy, _WANTED_OPSET)
        except (RuntimeError, ValueError) as error:
            raise CompileError(
                f"int8 needs operator set {_LEAST_OPSET} or newer; this network has {opset_of(model)} and onnx cannot "
                f"convert it ({error}): export it again with a newer one"
            ) from error
    taken: set[str] = set()
    for number, node in enumerate(copy.graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}_{number}"
            while node.name in taken:
                node.name += "_"
        taken.add(node.name)
    return copy


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep progress bars, log lines and warnings of the quantisers off the terminal."""
    loggers = [logging.getLogger(name) for name in ("nncf", None)]
    levels = [logger.level for logger in loggers]
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
