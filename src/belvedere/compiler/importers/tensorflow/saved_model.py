"""The signatures of a SavedModel, read and re-written in ``saved_model.pb`` without TensorFlow.

Messages (tensorflow/core/protobuf/saved_model.proto, meta_graph.proto): SavedModel.meta_graphs = 2;
MetaGraphDef.meta_info_def = 1, .graph_def = 2, .signature_def = 5 (a map); MetaInfoDef.tags = 4,
.tensorflow_version = 5; SignatureDef.inputs = 1, .outputs = 2 (maps to TensorInfo); TensorInfo.name = 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from belvedere.compiler.importing import DEFAULT_SIGNATURE
from belvedere.compiler.protobuf_wire import LENGTH, Field, fields, length_field, text
from belvedere.core.errors import CompileError

_META_GRAPHS, _META_INFO, _SIGNATURES = 2, 1, 5
_TAGS, _VERSION = 4, 5
_SERVE = "serve"
_INITIALISER = "__saved_model_init_op"


@dataclass(frozen=True, eq=False)
class Signature:
    """A signature of a SavedModel.

    Attributes:
        inputs: Tensor name in the graph, by input name.
        outputs: Tensor name in the graph, by output name.
        definition: The SignatureDef, encoded.
    """

    inputs: dict[str, str]
    outputs: dict[str, str]
    definition: memoryview


@dataclass(frozen=True, eq=False)
class SavedModel:
    """What ``saved_model.pb`` says about its signatures.

    Attributes:
        content: The file.
        meta_graph: The MetaGraphDef for serving, encoded.
        signatures: By name.
        version: Of the TensorFlow that wrote it; empty where it does not say.
    """

    content: memoryview
    meta_graph: memoryview
    signatures: dict[str, Signature]
    version: str


def read_saved_model(path: Path) -> SavedModel:
    """Read the signatures of the graph with the tag ``serve``.

    Raises:
        CompileError: damaged, or without a graph for serving.
    """
    content = memoryview(path.read_bytes())
    try:
        return _read(content)
    except CompileError as error:
        raise CompileError(f"{path}: not a readable SavedModel: {error}") from None


def select_signature(model: SavedModel, wanted: str, where: Path) -> str:
    """The signature to compile: the wanted one, or the only one where none has the default name.

    Raises:
        CompileError: there is none of that name; those that are there are listed.
    """
    names = [name for name in model.signatures if name != _INITIALISER]
    if wanted in names:
        return wanted
    if wanted == DEFAULT_SIGNATURE and len(names) == 1:
        return names[0]
    if not names:
        raise CompileError(f"{where}: the SavedModel has no signatures; save it with signatures=... or model.export()")
    raise CompileError(f"{where}: the SavedModel has no signature '{wanted}'; it has {', '.join(sorted(names))}")


def with_default_signature(model: SavedModel, name: str) -> bytes:
    """The content of ``saved_model.pb`` with the one graph for serving and that one signature, as the default."""
    kept = b"".join(bytes(field.raw) for field in fields(model.meta_graph) if field.number != _SIGNATURES)
    entry = length_field(1, DEFAULT_SIGNATURE.encode()) + length_field(2, model.signatures[name].definition)
    meta_graph = kept + length_field(_SIGNATURES, entry)
    rest = b"".join(bytes(field.raw) for field in fields(model.content) if field.number != _META_GRAPHS)
    return rest + length_field(_META_GRAPHS, meta_graph)


def _read(content: memoryview) -> SavedModel:
    graphs = [field.payload for field in fields(content) if field.number == _META_GRAPHS and field.kind == LENGTH]
    infos = [_info(graph) for graph in graphs]
    serving = [index for index, (tags, _) in enumerate(infos) if _SERVE in tags]
    if not serving:
        tags = sorted({tag for tags, _ in infos for tag in tags})
        raise CompileError(f"no graph has the tag '{_SERVE}' (tags: {', '.join(tags) or 'none'})")
    chosen = min(serving, key=lambda index: len(infos[index][0]))  # "serve" alone before "serve, tpu"
    signatures = {}
    for field in fields(graphs[chosen]):
        if field.number == _SIGNATURES:
            key, definition = _entry(field)
            signatures[key] = Signature(*_ends(definition), definition)
    return SavedModel(content, graphs[chosen], signatures, infos[chosen][1])


def _info(graph: memoryview) -> tuple[list[str], str]:
    """The tags of a MetaGraphDef, and the version of TensorFlow that wrote it."""
    tags, version = [], ""
    for field in fields(graph):
        if field.number == _META_INFO:
            for entry in fields(field.payload):
                tags += [text(entry.payload)] if entry.number == _TAGS else []
                version = text(entry.payload) if entry.number == _VERSION else version
    return tags, version


def _ends(definition: memoryview) -> tuple[dict[str, str], dict[str, str]]:
    ends: tuple[dict[str, str], dict[str, str]] = ({}, {})
    for field in fields(definition):
        if field.number in (1, 2) and field.kind == LENGTH:
            key, tensor = _entry(field)
            names = [text(entry.payload) for entry in fields(tensor) if entry.number == 1]
            ends[field.number - 1][key] = names[-1] if names else ""
    return ends


def _entry(field: Field) -> tuple[str, memoryview]:
    """Key and value of a map's entry."""
    key, value = "", memoryview(b"")
    for part in fields(field.payload):
        key = text(part.payload) if part.number == 1 else key
        value = part.payload if part.number == 2 else value
    return key, value
