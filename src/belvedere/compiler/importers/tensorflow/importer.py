"""TensorFlow: SavedModel folders and frozen graphs, read by OpenVINO without TensorFlow."""

from __future__ import annotations

import itertools
import mmap
from pathlib import Path

from belvedere.compiler.declared_ports import declared_as_json
from belvedere.compiler.importing import Imported, Request, Source
from belvedere.compiler.openvino_form.ports import imported
from belvedere.compiler.openvino_form.process import convert_isolated
from belvedere.compiler.protobuf_wire import LENGTH, VARINT, Field, fields
from belvedere.compiler.tf2onnx_form.loading import load_as_onnx, wants_onnx
from belvedere.core.errors import CompileError

_CONVERT = "belvedere.compiler.importers.tensorflow.convert"
_CONVERT_TO_ONNX = "belvedere.compiler.importers.tensorflow.onnx_convert"
_SAVED_MODEL = "saved_model.pb"
_TEXT_GRAPHS = (".pbtxt", ".meta")


def probe(source: Source) -> float:
    """How sure it is that the source is a SavedModel or a frozen graph, 0 to 1; nothing but file heads is read."""
    saved_models, graphs = _candidates(source)
    if saved_models and any(_looks_saved(source.root / path) for path in saved_models):
        return 0.95
    if any(_looks_frozen(source.root / path) for path in graphs):
        return 0.9
    return 0.2 if saved_models or graphs else 0.0


def load(source: Source, request: Request) -> Imported:
    """Read a SavedModel (TensorFlow 1 or 2) or a frozen graph.

    Inputs and outputs of a SavedModel are those of its signature, by name and sorted; the outputs of a frozen graph
    are those asked for, else those of the object-detection API where they are there, else the graph's leaves.
    The file is read in a process of its own with bounded time and memory. It becomes an OpenVINO model, or ONNX where
    ``request.options`` has the format ``onnx``, which takes TensorFlow and tf2onnx.

    Args:
        source: A SavedModel folder, its ``saved_model.pb``, a ``.pb`` file, or a folder that holds just one of these.
        request: Declared inputs in the graph's own layout (NHWC as a rule), outputs, signature.

    Raises:
        CompileError: damaged, more than one model, operators that OpenVINO does not know (all listed), unknown
            inputs, outputs or signature (what is there is listed).
        LimitError: reading it takes more time or memory than the limits allow.
        MissingExtraError: ONNX is wanted, and TensorFlow or tf2onnx is not installed.
    """
    path = _locate(source)
    if wants_onnx(request):
        return load_as_onnx("tensorflow", _CONVERT_TO_ONNX, path, request)
    job = {
        "path": str(path),
        "inputs": declared_as_json(request.inputs),
        "outputs": list(request.outputs),
        "signature": request.signature,
    }
    return imported("tensorflow", convert_isolated(_CONVERT, job, path))


def _locate(source: Source) -> Path:
    """The SavedModel's folder or the frozen graph's file."""
    saved_models, graphs = _candidates(source)
    found = saved_models or graphs
    if len(found) > 1:
        names = ", ".join(str(path) for path in found)
        raise CompileError(f"{source.path}: exactly one TensorFlow model (.pb) is allowed, here are several: {names}")
    if not found:
        text = [str(path) for path in source.files if path.suffix in _TEXT_GRAPHS]
        hint = f" ({', '.join(text)}: text graphs and checkpoints are not read; freeze the graph)" if text else ""
        raise CompileError(f"{source.path}: no SavedModel and no frozen graph (.pb) here{hint}")
    path = source.root / found[0]
    return (path.parent if saved_models else path).absolute()


def _candidates(source: Source) -> tuple[list[Path], list[Path]]:
    """``saved_model.pb`` files, and other ``.pb`` files that lie in no SavedModel's folder."""
    saved_models = sorted(path for path in source.files if path.name == _SAVED_MODEL)
    folders = {path.parent for path in saved_models}
    graphs = sorted(path for path in source.files if path.suffix == ".pb" and not folders.intersection(path.parents))
    return saved_models, graphs


def _looks_saved(path: Path) -> bool:
    """A schema version, then a graph."""
    head = _head(path)
    return [(field.number, field.kind) for field in head[:2]] == [(1, VARINT), (2, LENGTH)]


def _looks_frozen(path: Path) -> bool:
    """A node with a name and an operator."""
    head = _head(path)
    if not head or (head[0].number, head[0].kind) != (1, LENGTH):
        return False
    try:
        kinds = {(field.number, field.kind) for field in fields(head[0].payload)}
    except CompileError:
        return False
    return kinds >= {(1, LENGTH), (2, LENGTH)}


def _head(path: Path) -> list[Field]:
    """The first two fields of a file; what cannot be read is left out."""
    found: list[Field] = []
    try:
        with path.open("rb") as stream:
            content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        for field in itertools.islice(fields(memoryview(content)), 2):
            found.append(field)  # noqa: PERF402 - what was found before the damage counts
    except (OSError, ValueError):  # ValueError: an empty file, or no protocol buffer
        return found
    return found
