"""TFLite: float, float16, dynamic-range and integer models, read by OpenVINO without TensorFlow."""

from __future__ import annotations

from pathlib import Path

from belvedere.compiler.declared_ports import declared_as_json
from belvedere.compiler.importers.tflite.schema import IDENTIFIER
from belvedere.compiler.importing import Imported, Request, Source
from belvedere.compiler.openvino_form.ports import imported
from belvedere.compiler.openvino_form.process import convert_isolated
from belvedere.compiler.tf2onnx_form.loading import load_as_onnx, wants_onnx
from belvedere.core.errors import CompileError

_CONVERT = "belvedere.compiler.importers.tflite.convert"
_CONVERT_TO_ONNX = "belvedere.compiler.importers.tflite.onnx_convert"
_SUFFIXES = (".tflite", ".lite")


def probe(source: Source) -> float:
    """How sure it is that the source is TFLite, 0 to 1: by the mark in the file, else by the suffix."""
    if any(_marked(source.root / path) for path in source.files):
        return 0.95
    return 0.3 if any(path.suffix in _SUFFIXES for path in source.files) else 0.0


def load(source: Source, request: Request) -> Imported:
    """Read a TFLite file.

    Element types of inputs and outputs stay as they are (uint8, int8, int64 too); quantisation becomes
    FakeQuantize. ``TFLite_Detection_PostProcess`` is replaced by a graph of our own. Names lose
    ``serving_default_`` and ``:0``. The file is read in a process of its own with bounded time and memory. Where
    ``request.options`` has the format ``onnx``, it becomes ONNX, which takes TensorFlow and tf2onnx, has QuantizeLinear
    for quantisation and no ``TFLite_Detection_PostProcess``.

    Args:
        source: A ``.tflite`` file, or a folder that holds just one.
        request: Declared inputs in the graph's own layout (NHWC as a rule), and outputs.

    Raises:
        CompileError: damaged, more than one file, operators that cannot be translated, unknown inputs or outputs.
        LimitError: reading it takes more time or memory than the limits allow.
        MissingExtraError: ONNX is wanted, and TensorFlow or tf2onnx is not installed.
    """
    path = _locate(source)
    if wants_onnx(request):
        return load_as_onnx("tflite", _CONVERT_TO_ONNX, path, request)
    job = {
        "path": str(path),
        "inputs": declared_as_json(request.inputs),
        "outputs": list(request.outputs),
    }
    return imported("tflite", convert_isolated(_CONVERT, job, path))


def _locate(source: Source) -> Path:
    found = [path for path in source.files if _marked(source.root / path)]
    found = found or [path for path in source.files if path.suffix in _SUFFIXES]
    if len(found) > 1:
        names = ", ".join(str(path) for path in found)
        raise CompileError(f"{source.path}: exactly one TFLite file is allowed, here are several: {names}")
    if not found:
        raise CompileError(f"{source.path}: no TFLite file here")
    return (source.root / found[0]).absolute()


def _marked(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(8)[4:] == IDENTIFIER
    except OSError:
        return False
