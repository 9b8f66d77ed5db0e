"""Reading MXNet's parameter files: lists of named arrays, in every layout that MXNet has written."""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.importers.mxnet.sparse import DENSE, dense_csr, dense_row_sparse
from belvedere.core.errors import CompileError

FILE_MAGIC = 0x112
_TVM_MAGIC = 0xF7E58D4F05049CB7
_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_LARGEST_RANK = 32
_LONGEST_NAME = 4096
_SMALLEST_ARRAY = 4
_SMALLEST_NAME = 8
# A sparse array may be this many times as large as the file once it is dense.
_SPARSE_GROWTH = 20
_SPARSE_FLOOR = 64 * 1024**2
_BFLOAT16 = 12
_DTYPES = {
    0: "<f4", 1: "<f8", 2: "<f2", 3: "u1", 4: "<i4", 5: "i1", 6: "<i8", 7: "?", 8: "<i2", 9: "<u2", 10: "<u4",
    11: "<u8", _BFLOAT16: "<u2",
}  # fmt: skip
_AUXILIARIES = {1: 1, 2: 2}


@dataclass(frozen=True, eq=False)
class Parameters:
    """The arrays of a parameter file.

    Attributes:
        arrays: By name without ``arg:`` and ``aux:``; half, double and bfloat16 arrays are float32, the others are
            read-only views of the file as it is stored. Entries without a value are left out.
        prefixed: Whether the file marks names with ``arg:`` or ``aux:``, as exported models do.
    """

    arrays: dict[str, NDArray[Any]]
    prefixed: bool


def is_params(path: Path) -> bool:
    """Whether the file starts as MXNet's array lists do. Never raises."""
    try:
        with path.open("rb") as stream:
            return stream.read(8) == struct.pack("<Q", FILE_MAGIC)
    except OSError:
        return False


def read_params(path: Path) -> Parameters:
    """Map a ``.params`` file into memory and read its arrays, all counts and sizes checked against the file first.

    Source of the layouts: ``NDArray::Save`` and ``NDArray::Load`` of Apache MXNet 0.5 to 1.9 (versions V0 to V3).

    Raises:
        CompileError: not such a file, damaged, truncated, or with bytes left over.
    """
    try:
        with path.open("rb") as stream:
            data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # ValueError: an empty file
        raise CompileError(f"{path.name}: cannot be read as an MXNet parameter file ({error})") from error
    reader = _Reader(np.frombuffer(data, np.uint8), path.name)
    values = list(_arrays(reader))
    names = list(_names(reader, len(values)))
    if reader.left:
        raise reader.damaged(f"{reader.left} bytes are left over at the end")
    return _named(reader, names, values)


class _Reader:
    """A cursor over the file's bytes that never runs over their end."""

    def __init__(self, data: NDArray[np.uint8], name: str) -> None:
        self._data = data
        self._name = name
        self.at = 0

    @property
    def left(self) -> int:
        return self._data.size - self.at

    @property
    def size(self) -> int:
        return self._data.size

    def numbers(self, form: str, what: str) -> tuple[int, ...]:
        """Little-endian numbers, in the letters of ``struct``."""
        data = self.take(struct.calcsize("<" + form), what)
        return struct.unpack("<" + form, data.tobytes())

    def take(self, count: int, what: str) -> NDArray[np.uint8]:
        if not 0 <= count <= self.left:
            raise self.damaged(f"{what} needs {count} bytes, {self.left} are left: the file is damaged or truncated")
        data = self._data[self.at : self.at + count]
        self.at += count
        return data

    def damaged(self, reason: str) -> CompileError:
        return CompileError(f"{self._name}: no readable MXNet parameter file, at byte {self.at}: {reason}")


def _arrays(reader: _Reader) -> Iterator[NDArray[Any] | None]:
    magic, _, count = reader.numbers("QQQ", "the head")
    if magic == _TVM_MAGIC:
        raise reader.damaged("a parameter file of TVM, compiled by Neo; compile the MXNet model that it was made of")
    if magic != FILE_MAGIC:
        raise reader.damaged(f"it starts with {magic:#x}, expected {FILE_MAGIC:#x}")
    if count > reader.left // _SMALLEST_ARRAY:
        raise reader.damaged(f"it claims to hold {count} arrays, which {reader.left} bytes cannot")
    for index in range(count):
        yield _array(reader, f"array {index}")


def _names(reader: _Reader, arrays: int) -> Iterator[str]:
    (count,) = reader.numbers("Q", "the number of names")
    if count not in (0, arrays):
        raise reader.damaged(f"{count} names for {arrays} arrays")
    for index in range(count):
        (length,) = reader.numbers("Q", f"the length of name {index}")
        if length > _LONGEST_NAME:
            raise reader.damaged(f"name {index} has {length} bytes, more than {_LONGEST_NAME}")
        try:
            yield reader.take(length, f"name {index}").tobytes().decode()
        except UnicodeDecodeError as error:
            raise reader.damaged(f"name {index} is not UTF-8") from error


def _named(reader: _Reader, names: list[str], values: list[NDArray[Any] | None]) -> Parameters:
    if values and not names:
        raise reader.damaged("its arrays have no names: save the model with its symbol (export)")
    arrays: dict[str, NDArray[Any]] = {}
    for name, value in zip(names, values, strict=True):
        bare = name.removeprefix("arg:").removeprefix("aux:")
        if bare in arrays:
            raise reader.damaged(f"the array '{bare}' is there twice")
        if value is not None:
            arrays[bare] = value
    return Parameters(arrays, prefixed=any(name.startswith(("arg:", "aux:")) for name in names))


def _array(reader: _Reader, what: str) -> NDArray[Any] | None:
    """One array, None where the entry has no value."""
    (magic,) = reader.numbers("I", what)
    if magic == _V1:
        return _plain(reader, _shape(reader, what), what)
    if magic == _V2:
        return _stored(reader, what)
    if magic == _V3:
        return _numpy_semantics(reader, what)
    if magic > _LARGEST_RANK:
        raise reader.damaged(f"{what} starts with {magic:#x}, no layout that is known")
    return _plain(reader, reader.numbers(f"{magic}I", f"{what}'s shape"), what)


def _numpy_semantics(reader: _Reader, what: str) -> NDArray[Any] | None:
    """Layout V3: rank 0 is a scalar, rank -1 is no value."""
    (storage,) = reader.numbers("i", f"{what}'s storage type")
    if storage not in DENSE:
        raise reader.damaged(f"{what} is sparse (storage type {storage}), which its layout does not have")
    shape = _shape(reader, what, least=-1)
    return None if shape is None else _values(reader, shape, _dtype(reader, what), what)


def _stored(reader: _Reader, what: str) -> NDArray[Any] | None:
    """Layout V2: dense, or sparse with index arrays."""
    (storage,) = reader.numbers("i", f"{what}'s storage type")
    if storage in DENSE:
        return _plain(reader, _shape(reader, what), what)
    if storage not in _AUXILIARIES:
        raise reader.damaged(f"{what} has the storage type {storage}, expected 0 (dense), 1 (row sparse) or 2 (csr)")
    stored = _shape(reader, what)
    shape = _shape(reader, what)
    if not shape or stored is None:
        return None
    dtype = _dtype(reader, what)
    kinds = []
    for _ in range(_AUXILIARIES[storage]):
        (code,) = reader.numbers("i", f"{what}'s index type")
        kinds.append((_known(reader, code, what), _shape(reader, what) or ()))
    _check_dense_size(reader, shape, dtype, what)
    # A csr array saved right after its creation says that it stores nothing.
    size = kinds[-1][1] if storage == 2 else stored
    values = _values(reader, size, dtype, what)
    indices = [_values(reader, extent, kind, f"{what}'s indices") for kind, extent in kinds]
    try:
        return dense_row_sparse(shape, values, *indices) if storage == 1 else dense_csr(shape, values, *indices)
    except ValueError as error:
        raise reader.damaged(f"{what}: {error}") from error


def _check_dense_size(reader: _Reader, shape: tuple[int, ...], dtype: str, what: str) -> None:
    most = max(_SPARSE_FLOOR, _SPARSE_GROWTH * reader.size)
    if math.prod(shape) * np.dtype(dtype).itemsize > most:
        raise reader.damaged(f"{what} is a sparse array of {list(shape)}, over the {most} bytes that are unpacked")


def _plain(reader: _Reader, shape: tuple[int, ...] | None, what: str) -> NDArray[Any] | None:
    return _values(reader, shape, _dtype(reader, what), what) if shape else None


def _shape(reader: _Reader, what: str, least: int = 0) -> tuple[int, ...] | None:
    (rank,) = reader.numbers("i", f"{what}'s rank")
    if not least <= rank <= _LARGEST_RANK:
        raise reader.damaged(f"{what} has {rank} axes, expected {least} to {_LARGEST_RANK}")
    if rank < 0:
        return None
    shape = reader.numbers(f"{rank}q", f"{what}'s shape")
    if any(axis < 0 for axis in shape):
        raise reader.damaged(f"{what} has the shape {list(shape)}")
    return shape


def _dtype(reader: _Reader, what: str) -> str:
    # The device that the array lay on does not matter; files saved on a GPU are common.
    *_, code = reader.numbers("iii", f"{what}'s device and element type")
    return _known(reader, code, what)


def _known(reader: _Reader, code: int, what: str) -> str:
    if code not in _DTYPES:
        raise reader.damaged(f"{what} has the element type {code}, expected 0 to {_BFLOAT16}")
    return "bfloat16" if code == _BFLOAT16 else _DTYPES[code]


def _values(reader: _Reader, shape: tuple[int, ...], dtype: str, what: str) -> NDArray[Any]:
    stored = np.dtype("<u2" if dtype == "bfloat16" else dtype)
    data = reader.take(math.prod(shape) * stored.itemsize, f"{what} of {list(shape)}").view(np.uint8)
    values = np.frombuffer(data, stored).reshape(shape)
    if dtype == "bfloat16":
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float32) if stored.kind in "fb" and stored.itemsize != 4 else values
