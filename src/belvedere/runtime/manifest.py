"""``manifest.json``: everything about a model that is not its weights, as typed and checked data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, ValidationError, model_validator
from pydantic_core import ErrorDetails

from belvedere.core.archives import safe_member_name
from belvedere.core.errors import ArtifactError
from belvedere.runtime.decoders import FORMER_TASKS, TASKS, AnomalyDecoder, Decoder
from belvedere.runtime.fields import Axis, DType, Name, Part, Positive
from belvedere.runtime.inputs import ImageInput, Input, Resize, TensorInput

FORMAT: Literal["belvedere-artifact"] = "belvedere-artifact"
SCHEMA_VERSION: Literal[1] = 1

_MOST_BYTES = 16 * 1024**2

__all__ = [
    "FORMAT",
    "SCHEMA_VERSION",
    "AnomalyDecoder",
    "FileEntry",
    "ImageInput",
    "Manifest",
    "Network",
    "Output",
    "Resize",
    "SelfTest",
    "TensorInput",
    "checked_manifest",
    "parse_manifest",
]


Task = Literal[
    "anomaly", "tensor", "classification", "detection", "semantic-segmentation", "instance-segmentation", "pose"
]
Precision = Literal["f32", "bf16", "f16", "int8"]
Target = Literal["cpu", "intel-gpu", "nvidia", "npu"]


class Network(Part):
    """The network inside the artifact.

    Attributes:
        file: The ONNX file, or the XML file of an OpenVINO IR.
        format: ``onnx`` or ``openvino-ir``.
        weights: The IR's ``.bin`` file; None where it has no weights.
        external_data: Further files with an ONNX network's weights, as they lie beside or below it.
        opset: The ONNX operator set, for people.
    """

    file: Name
    format: Literal["onnx", "openvino-ir"] = "onnx"
    weights: Name | None = None
    external_data: Annotated[tuple[Name, ...], Field(max_length=4096)] = ()
    opset: int | None = None

    @model_validator(mode="after")
    def _files_fit_format(self) -> Self:
        if self.weights is not None and self.format == "onnx":
            raise ValueError("weights are a file of an openvino-ir network; external_data is what an onnx one has")
        if self.external_data and self.format != "onnx":
            raise ValueError("external_data belongs to an onnx network; weights is what an openvino-ir one has")
        folder = PurePosixPath(self.file).parent
        outside = [name for name in self.external_data if not PurePosixPath(name).is_relative_to(folder)]
        if outside:
            raise ValueError(f"external_data {outside[0]!r} does not lie beside or below {self.file!r}")
        return self


class Output(Part):
    """One output tensor of the network: shape of any rank, -1 where an axis is free, and NumPy's element type."""

    name: Name
    shape: Annotated[tuple[Axis, ...], Field(max_length=32)]
    dtype: DType = "float32"
    description: str = ""


class SelfTest(Part):
    """Inputs with the outputs that were measured when the model was made, see ``runtime.selftest``.

    Attributes:
        file: The ``.npz`` file with both.
        tolerance: Largest difference allowed, as a share of an output's largest absolute value.
    """

    file: Name
    tolerance: Positive


class FileEntry(Part):
    """Size and content of one file of the artifact."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0)]


class Manifest(Part):
    """One model, ready to run: what it takes, what it gives, how to read it, and what its files are.

    Attributes:
        format: Always ``belvedere-artifact``.
        schema_version: Version of this layout.
        task: What the model does; ``tensor`` for one that is bound to no task.
        name: What people call the model.
        labels: Names the model tells apart: for ``anomaly`` the anomaly types, maybe none.
        network: Where the network is.
        inputs: The network's inputs, pictures with everything that preprocessing needs, or plain tensors.
        outputs: The network's outputs, in the order ``Model.run`` returns them.
        decoder: How outputs become a result.
        precision: What the engine computes in; ``f16`` is how weights are stored, and what accelerators compute in;
            ``int8`` is in the network, the rest of which is float32.
        target: What kind of device it was made for.
        engine: The engine that can run the network; ``auto`` where any can.
        batch: Pictures per network call, where the network takes one picture input; 1 gives the same score through
            every entry.
        selftest: A check that the model gives here what it gave where it was made.
        provenance: Facts about where the model comes from, free JSON, no time, host or path.
        files: Relative path to size and SHA-256 of every file except this one and ``reports/``.
    """

    format: Literal["belvedere-artifact"] = FORMAT
    schema_version: Literal[1] = SCHEMA_VERSION
    task: Task
    name: Name
    labels: tuple[Name, ...] = ()
    network: Network
    inputs: Annotated[tuple[Input, ...], Field(min_length=1, max_length=64)]
    outputs: Annotated[tuple[Output, ...], Field(min_length=1, max_length=1024)]
    decoder: Decoder
    precision: Precision = "f32"
    target: Target = "cpu"
    engine: Literal["auto", "openvino", "onnxruntime"] = "auto"
    batch: Annotated[int, Field(ge=1, le=1024)] = 1
    selftest: SelfTest | None = None
    provenance: dict[str, JsonValue] = Field(default_factory=dict)
    files: dict[str, FileEntry]

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        for path in self.files:
            if safe_member_name(path, "files") != path:
                raise ValueError(f"files: {path!r} is not a plain relative path")
        for field, name in self._named_files():
            if name not in self.files:
                raise ValueError(f"{field} {name!r} is not among files")
        # An output may be there twice, as in networks that return one tensor in two places.
        if len({part.name for part in self.inputs}) != len(self.inputs):
            raise ValueError("inputs: a name is there twice")
        if isinstance(self.decoder, AnomalyDecoder) and self.labels != self.decoder.types:
            raise ValueError("labels and decoder.types differ")
        if TASKS[self.decoder.kind] != self.task:
            raise ValueError(
                f"the model '{self.name}' is for the task {self.task!r}, its decoder is {self.decoder.kind!r}"
            )
        self._check_batch()
        self._check_engine()
        return self

    def _named_files(self) -> Iterator[tuple[str, str]]:
        yield "network.file", self.network.file
        if self.network.weights is not None:
            yield "network.weights", self.network.weights
        for name in self.network.external_data:
            yield "network.external_data", name
        if self.selftest is not None:
            yield "selftest.file", self.selftest.file

    def _check_batch(self) -> None:
        pictures = [part for part in self.inputs if isinstance(part, ImageInput)]
        for index, part in enumerate(self.inputs):
            if isinstance(part, ImageInput) and part.shape[0] not in (-1, self.batch):
                raise ValueError(f"inputs[{index}] takes {part.shape[0]} pictures a call, batch is {self.batch}")
        if self.batch > 1 and (len(self.inputs) != 1 or not pictures):
            raise ValueError(f"batch is {self.batch}, which only a network with one picture input can have")

    def _check_engine(self) -> None:
        if self.network.format == "openvino-ir" and (self.engine == "onnxruntime" or self.target == "nvidia"):
            raise ValueError("an openvino-ir network runs on OpenVINO alone, which has no target nvidia")
        if self.engine == "onnxruntime" and self.target in ("intel-gpu", "npu"):
            raise ValueError(f"the target {self.target} needs OpenVINO, the engine is onnxruntime")
        if self.engine == "openvino" and self.target == "nvidia":
            raise ValueError("the target nvidia needs onnxruntime, the engine is openvino")

    def to_json(self) -> bytes:
        """Canonical form: UTF-8, sorted keys, two spaces, shortest exact floats, a newline at the end."""
        plain = self.model_dump(mode="json")
        text = json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
        return text.encode() + b"\n"


def parse_manifest(data: bytes, where: str) -> Manifest:
    """Read and check a ``manifest.json``.

    Args:
        data: Content of the file.
        where: Its name, for messages.

    Raises:
        ArtifactError: not JSON, of a newer schema, or with a field that is missing, unknown or wrong;
            the message holds one sentence per fault with its path in the document.
    """
    document = _parse_json(data, where)
    version = document.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise ArtifactError(
            f"{where}: made by a newer Belvedere (schema {version}; this one knows {SCHEMA_VERSION}): "
            "upgrade with pip install -U belvedere"
        )
    return checked_manifest(document, where)


def checked_manifest(document: dict[str, Any], where: str) -> Manifest:
    """Build a Manifest from plain JSON values. Raises ArtifactError as ``parse_manifest``."""
    try:
        return Manifest.model_validate_json(json.dumps(_as_named_today(document), allow_nan=False))
    except ValidationError as error:
        raise ArtifactError(f"{where}: {_sentences(error)}") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise ArtifactError(f"{where}: holds what JSON cannot ({error})") from None


def _as_named_today(document: dict[str, Any]) -> dict[str, Any]:
    """A task's former name replaced by the one that it has today."""
    task, decoder = document.get("task"), document.get("decoder")
    if not isinstance(task, str) or task not in FORMER_TASKS:
        return document
    kind = decoder.get("kind") if isinstance(decoder, dict) else None
    served = TASKS.get(kind) if isinstance(kind, str) else None
    now = FORMER_TASKS[task]
    return {**document, "task": served if served in now else now[0]}


def _parse_json(data: bytes, where: str) -> dict[str, Any]:
    if len(data) > _MOST_BYTES:
        raise ArtifactError(f"{where}: {len(data)} bytes, more than the {_MOST_BYTES} a manifest may have")
    try:
        document = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{where}: not valid JSON ({error})") from None
    if not isinstance(document, dict):
        raise ArtifactError(f"{where}: expected a JSON object, found {type(document).__name__}")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _sentences(error: ValidationError) -> str:
    """One sentence per fault: path in the document, then what is wrong."""
    return "; ".join(f"{_json_path(fault['loc'])}{_plain(fault)}" for fault in error.errors())


def _json_path(location: tuple[int | str, ...]) -> str:
    """The place in the document; pydantic adds the kind that it chose for a decoder or an input, which is not there."""
    extra = {"decoder": 1, "inputs": 2}.get(str(location[0]), len(location)) if location else 0
    parts = [part for place, part in enumerate(location) if place != extra]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")
    return f"{path}: " if path else ""


def _plain(fault: ErrorDetails) -> str:
    known = {"missing": "is missing", "extra_forbidden": "is not a known field"}
    if fault["type"] == "union_tag_invalid":
        facts = fault.get("ctx", {})
        return f"kind is {facts.get('tag')!r}: expected {facts.get('expected_tags')}"
    text = known.get(fault["type"], fault["msg"].removeprefix("Value error, "))
    return text[:1].lower() + text[1:]
