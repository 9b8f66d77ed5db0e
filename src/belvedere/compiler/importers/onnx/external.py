"""External data: tensors of a model that lie in files beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from belvedere.compiler.passes.walking import tensors
from belvedere.core.errors import CompileError

if TYPE_CHECKING:
    import onnx

LARGEST_INLINE = 1_800_000_000
"""Bytes; with more than this a model cannot be one protocol buffer of 2 GB, so its tensors stay in their files."""

_SMALL_TENSOR = 65_536
_MOST_SHOWN = 8


@dataclass(frozen=True)
class _Place:
    """Where a tensor's bytes lie."""

    file: Path
    offset: int
    length: int


def attach_external_data(
    model: onnx.ModelProto, folder: Path, where: str, *, largest: int = LARGEST_INLINE
) -> tuple[str, ...]:
    """Check where external tensors lie, and read them into the model where it stays under 2 GB with them.

    In a larger model only small tensors, which decide about shapes, are read; the others stay external.

    Args:
        model: Changed in place.
        folder: The model's folder; paths must stay inside it.
        where: What error messages begin with.
        largest: Most bytes to read.

    Returns:
        Notes for the user.

    Raises:
        CompileError: a path leads out of the folder, or a file is missing or too short; all faults in one message.
    """
    found = [tensor for tensor in tensors(model) if is_external(tensor)]
    faults: dict[str, None] = {}
    missing: dict[str, list[str]] = {}
    places: list[_Place] = []
    for tensor in found:
        try:
            places.append(_place(tensor, folder))
        except _MissingFileError as error:
            missing.setdefault(error.location, []).append(tensor.name)
        except CompileError as error:
            faults[str(error)] = None
    if faults or missing:
        listed = [*(_missing_text(location, names) for location, names in missing.items()), *faults]
        more = f"; and {len(listed) - _MOST_SHOWN} more" if len(listed) > _MOST_SHOWN else ""
        raise CompileError(f"{where}: external data cannot be read: {'; '.join(listed[:_MOST_SHOWN])}{more}")
    whole = model.ByteSize() + sum(place.length for place in places) <= largest
    for tensor, place in zip(found, places, strict=True):
        if whole or place.length <= _SMALL_TENSOR:
            _read_into(tensor, place)
    if whole or not found:
        return ()
    total = sum(place.length for place in places)
    return (f"the model has {total / 1e9:.1f} GB of external data, which are kept in a file of their own",)


class _MissingFileError(CompileError):
    """A file with tensors is not there."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


def _missing_text(location: str, names: Sequence[str]) -> str:
    """What lies in a file that is missing: one sentence a file, however many tensors that are."""
    tensors_in = f"'{names[0]}'" if len(names) == 1 else f"{len(names)} tensors, '{names[0]}' first,"
    lie = "lies" if len(names) == 1 else "lie"
    return f"{tensors_in} {lie} in {location}, which is missing; keep it beside the model"


def is_external(tensor: onnx.TensorProto) -> bool:
    """Whether a tensor's content lies in another file."""
    import onnx

    return bool(tensor.data_location == onnx.TensorProto.EXTERNAL)


def tensor_bytes(tensor: onnx.TensorProto) -> int | None:
    """Bytes that a tensor's dimensions and type ask for; None for texts and unknown types.

    Raises:
        CompileError: a negative dimension.
    """
    import onnx

    if any(axis < 0 for axis in tensor.dims):
        raise CompileError(f"'{tensor.name}' has a negative dimension: {list(tensor.dims)}")
    elements = math.prod(tensor.dims)
    names = onnx.TensorProto.DataType.values()
    if tensor.data_type not in names or tensor.data_type in (onnx.TensorProto.UNDEFINED, onnx.TensorProto.STRING):
        return None
    packed = onnx.TensorProto.DataType.Name(tensor.data_type)
    for suffix, per_byte in (("INT4", 2), ("FLOAT4E2M1", 2), ("INT2", 4)):
        if packed.endswith(suffix):
            return int(-(-elements // per_byte))
    size = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    return int(elements * size)


def _place(tensor: onnx.TensorProto, folder: Path) -> _Place:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    pure = PurePosixPath(location)
    if not location or pure.is_absolute() or ".." in pure.parts or "\\" in location or not location.isprintable():
        raise CompileError(f"'{tensor.name}' lies at {location!r}: expected a file in the model's folder or below")
    file = folder / pure
    inside = folder.resolve()
    with suppress(OSError):
        if not file.resolve().is_relative_to(inside):
            raise CompileError(f"'{tensor.name}' lies in {location}, a link out of the model's folder")
    if not file.is_file():
        raise _MissingFileError(location)
    size = file.stat().st_size
    offset, needed = _number(entries.get("offset", "0"), tensor), tensor_bytes(tensor)
    length = _number(entries["length"], tensor) if entries.get("length") else (needed or 0)
    if needed is None or length != needed:
        raise CompileError(f"'{tensor.name}' has {length} bytes in {location}; its dimensions ask for {needed}")
    if offset + length > size:
        raise CompileError(f"'{tensor.name}' ends at byte {offset + length} of {location}, which has {size}: truncated")
    return _Place(file, offset, length)


def _number(text: str, tensor: onnx.TensorProto) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise CompileError(f"'{tensor.name}' has an offset or length {text[:30]!r}")
    return int(text)


def _read_into(tensor: onnx.TensorProto, place: _Place) -> None:
    import onnx

    with place.file.open("rb") as stream:
        stream.seek(place.offset)
        tensor.raw_data = stream.read(place.length)
    del tensor.external_data[:]
    tensor.data_location = onnx.TensorProto.DEFAULT
