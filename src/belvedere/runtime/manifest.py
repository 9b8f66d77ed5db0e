"""``manifest.json``: everything about a model that is not its weights, as typed and checked data."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from belvedere.core.archives import safe_member_name
from belvedere.core.errors import ArtifactError

FORMAT: Literal["belvedere-artifact"] = "belvedere-artifact"
SCHEMA_VERSION: Literal[1] = 1

_MOST_BYTES = 16 * 1024**2

Axis = Annotated[int, Field(ge=-1)]
Threshold = Annotated[float, Field(ge=0.0)]
Positive = Annotated[float, Field(gt=0.0)]
Triple = tuple[float, float, float]
Color = Annotated[str, Field(pattern=r"^#[0-9A-Fa-f]{6}$")]
Name = Annotated[str, Field(min_length=1, max_length=256)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Network(_Part):
    """The network file inside the artifact."""

    file: Name
    format: Literal["onnx"] = "onnx"
    opset: int | None = None


class Resize(_Part):
    """How a picture becomes the network's input size; kernels are those of ``vision.resize``."""

    kernel: Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"] = "bilinear"
    mode: Literal["stretch"] = "stretch"
    width: Annotated[int, Field(ge=1, le=16384)]
    height: Annotated[int, Field(ge=1, le=16384)]


class ImageInput(_Part):
    """One picture input: value = (resized RGB * scale - mean) / std, channels first.

    ``shape`` is (N, 3, height, width), -1 where an axis is free. ``exif`` tells whether the EXIF orientation
    is applied on decoding.
    """

    name: Name
    shape: tuple[Axis, Axis, Axis, Axis]
    layout: Literal["NCHW"] = "NCHW"
    dtype: Literal["float32"] = "float32"
    color: Literal["RGB"] = "RGB"
    resize: Resize
    scale: Positive = 1 / 255
    mean: Triple = (0.0, 0.0, 0.0)
    std: tuple[Positive, Positive, Positive] = (1.0, 1.0, 1.0)
    exif: bool = True

    @model_validator(mode="after")
    def _shape_fits_resize(self) -> Self:
        expected = (3, self.resize.height, self.resize.width)
        if self.shape[1:] != expected:
            raise ValueError(f"shape {list(self.shape)} does not fit the resize: expected {[-1, *expected]}")
        return self


class Output(_Part):
    """One output tensor of the network; -1 where an axis is free."""

    name: Name
    shape: tuple[Axis, ...]
    dtype: Literal["float32"] = "float32"
    description: str = ""


class AnomalyDecoder(_Part):
    """Thresholds (over 1 flags nothing) and anomaly types with one colour each, for task ``anomaly``."""

    kind: Literal["anomaly"] = "anomaly"
    threshold: Threshold
    pixel_threshold: Threshold
    types: Annotated[tuple[Name, ...], Field(max_length=254)] = ()
    colors: tuple[Color, ...] = ()

    @model_validator(mode="after")
    def _one_color_per_type(self) -> Self:
        if len(self.types) != len(self.colors):
            raise ValueError(f"{len(self.types)} types but {len(self.colors)} colors: expected one per type")
        if len(set(self.types)) != len(self.types):
            raise ValueError("a type is named twice")
        return self


class FileEntry(_Part):
    """Size and content of one file of the artifact."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0)]


class Manifest(_Part):
    """One model, ready to run: what it takes, what it gives, how to read it, and what its files are.

    Attributes:
        format: Always ``belvedere-artifact``.
        schema_version: Version of this layout.
        task: What the model does, ``anomaly``.
        name: What people call the model.
        labels: Names the model tells apart: for ``anomaly`` the anomaly types, maybe none.
        network: Where the network is.
        inputs: The network's inputs with everything that preprocessing needs.
        outputs: The network's outputs, in the order ``Model.run`` returns them.
        decoder: How outputs become a result.
        precision: What the engine computes in.
        batch: Pictures per network call; 1 gives the same score through every entry.
        provenance: Facts about where the model comes from, free JSON, no time, host or path.
        files: Relative path to size and SHA-256 of every file except this one and ``reports/``.
    """

    format: Literal["belvedere-artifact"] = FORMAT
    schema_version: Literal[1] = SCHEMA_VERSION
    task: Name
    name: Name
    labels: tuple[Name, ...] = ()
    network: Network
    inputs: Annotated[tuple[ImageInput, ...], Field(min_length=1, max_length=1)]
    outputs: Annotated[tuple[Output, ...], Field(min_length=1)]
    decoder: AnomalyDecoder
    precision: Literal["f32"] = "f32"
    batch: Annotated[int, Field(ge=1, le=1024)] = 1
    provenance: dict[str, JsonValue] = {}
    files: dict[str, FileEntry]

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        for path in self.files:
            if safe_member_name(path, "files") != path:
                raise ValueError(f"files: {path!r} is not a plain relative path")
        if self.network.file not in self.files:
            raise ValueError(f"network.file {self.network.file!r} is not among files")
        if self.labels != self.decoder.types:
            raise ValueError("labels and decoder.types differ")
        if self.inputs[0].shape[0] not in (-1, self.batch):
            raise ValueError(f"inputs[0] takes {self.inputs[0].shape[0]} pictures a call, batch is {self.batch}")
        return self

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
        return Manifest.model_validate_json(json.dumps(document, allow_nan=False))
    except ValidationError as error:
        raise ArtifactError(f"{where}: {_sentences(error)}") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise ArtifactError(f"{where}: holds what JSON cannot ({error})") from None


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
    return "; ".join(f"{_json_path(fault['loc'])}{_plain(fault['type'], fault['msg'])}" for fault in error.errors())


def _json_path(location: tuple[int | str, ...]) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    return f"{path}: " if path else ""


def _plain(kind: str, message: str) -> str:
    known = {"missing": "is missing", "extra_forbidden": "is not a known field"}
    text = known.get(kind, message.removeprefix("Value error, "))
    return text[:1].lower() + text[1:]
