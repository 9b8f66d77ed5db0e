"""The importer: from a file to a model that our engines take."""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from belvedere.compiler.importers.onnx.checking import check_graph, check_sizes
from belvedere.compiler.importers.onnx.engines import check_runs, suit_engines
from belvedere.compiler.importers.onnx.external import attach_external_data
from belvedere.compiler.importers.onnx.interface import bind_inputs, ports, select_outputs
from belvedere.compiler.importers.onnx.operators import check_operators, inline_functions
from belvedere.compiler.importing import Imported, Request, Source
from belvedere.compiler.passes.graph import opset_of
from belvedere.compiler.passes.walking import has_valid_texts
from belvedere.compiler.protobuf_wire import LENGTH, VARINT, fields
from belvedere.core.errors import CompileError

if TYPE_CHECKING:
    import onnx

SUFFIX = ".onnx"
_PROTOBUF_SUFFIXES = (SUFFIX, ".pb")
_LONGEST_FACT = 80

# Fields of ModelProto by number and wire type (onnx.proto3). GraphDef has a message where ONNX has ir_version.
_IR_VERSION, _GRAPH, _OPSETS = (1, VARINT), (7, LENGTH), (8, LENGTH)


def probe(source: Source) -> float:
    """See ``Importer.probe``."""
    sureness = 0.0
    for file in _candidates(source):
        if _holds_model(source.root / file):
            return 1.0
        if file.suffix.lower() == SUFFIX:
            sureness = 0.6  # damaged, most likely: the error should say so
    return sureness


def load(source: Source, request: Request) -> Imported:
    """See ``Importer.load``."""
    file = _model_file(source)
    model = read_model(source.root / file)
    notes = attach_external_data(model, external_folder(source), str(source.path))
    return import_model(model, request, str(source.path), framework="onnx", notes=notes)


def external_folder(source: Source) -> Path:
    """The folder that the external data of a source's model lies in.

    Tensors of models over 2 GB stay there, referred to by ``Imported.network``: read them before the source is closed.
    """
    return (source.root / _model_file(source)).parent


def import_model(
    model: onnx.ModelProto, request: Request, where: str, *, framework: str, notes: Iterable[str] = ()
) -> Imported:
    """Check a model, bind it to the request and suit it to the engines.

    Args:
        model: Changed in place.
        request: What the user said.
        where: What error messages begin with.
        framework: For ``Imported.framework``.
        notes: What was found out before.

    Raises:
        CompileError: see ``Importer.load``.
    """
    facts = _provenance(model)
    gathered = [*notes]
    check_operators(model, where)
    model = inline_functions(model, where)
    gathered += check_graph(model, where)
    model, suited = suit_engines(model, where)
    gathered += suited
    select_outputs(model, request.outputs, where)
    bound, changed = bind_inputs(model, request.inputs, where)
    check_sizes(model, where)
    if changed:
        check_runs(model, changed, where)
    inputs, outputs = ports(model, where)
    return Imported(
        framework=framework,
        network=model,
        inputs=inputs,
        outputs=outputs,
        notes=(*gathered, *bound),
        provenance=facts,
    )


def read_model(path: Path) -> onnx.ModelProto:
    """Parse a model file; external data stay where they are.

    Raises:
        CompileError: it cannot be read or is no ONNX model.
    """
    import onnx

    try:
        model = onnx.load(str(path), format="protobuf", load_external_data=False)
    except (_decode_error(), ValueError, RuntimeError, MemoryError) as error:
        reason = str(error).strip().splitlines()
        raise CompileError(
            f"{path}: not an ONNX model, or truncated ({reason[0] if reason else type(error).__name__})"
        ) from error
    except OSError as error:
        raise CompileError(f"{path}: cannot be read ({error.strerror})") from error
    if not model.HasField("graph") or not model.graph.node:
        raise CompileError(f"{path}: the ONNX file holds no network, or it was cut off")
    if not has_valid_texts(model):
        raise CompileError(f"{path}: a damaged ONNX file: names in it are not UTF-8")
    return model


def _candidates(source: Source) -> list[Path]:
    found = [file for file in source.files if file.suffix.lower() in _PROTOBUF_SUFFIXES]
    return found or (list(source.files) if len(source.files) == 1 else [])


def _model_file(source: Source) -> Path:
    candidates = _candidates(source)
    certain = [file for file in candidates if _holds_model(source.root / file)]
    named = [file for file in candidates if file.suffix.lower() == SUFFIX]
    found = certain or named or candidates
    if len(found) != 1:
        what = "Multiple onnx files provided" if found else "No onnx file provided"
        listed = ", ".join(file.as_posix() for file in (found or source.files)[:8])
        raise CompileError(f"{source.path}: {what}; found {listed}: expected one .onnx file")
    return found[0]


def _holds_model(path: Path) -> bool:
    """Whether the file has the outermost fields of an ONNX model, to its end; nothing of it is copied."""
    try:
        with (
            path.open("rb") as stream,
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as content,
        ):
            return _is_model(content)
    except (OSError, ValueError):  # CompileError, a ValueError, for what is no protocol buffer
        return False


def _is_model(content: memoryview) -> bool:
    seen = set()
    for field in fields(content):
        seen.add((field.number, field.kind))
        field.payload.release()
        field.raw.release()
    return _IR_VERSION in seen and _GRAPH in seen and _OPSETS in seen


def _decode_error() -> type[Exception]:
    """What protocol buffers raise; the package has no types."""
    error: type[Exception] = import_module("google.protobuf.message").DecodeError
    return error


def _provenance(model: onnx.ModelProto) -> dict[str, Any]:
    producer = f"{model.producer_name} {model.producer_version}".strip()
    facts: dict[str, Any] = {"opset": opset_of(model), "ir_version": model.ir_version}
    if producer.isprintable() and producer:
        facts["producer"] = producer[:_LONGEST_FACT]
    return facts
