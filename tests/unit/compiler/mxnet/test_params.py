"""Parameter files: every layout, sparse arrays, and damage."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from belvedere.compiler.importers.mxnet.params import is_params, read_params
from belvedere.core.errors import CompileError
from unit.compiler.mxnet.models import CODES, V1, V2, V3, array_bytes, file_bytes, params_bytes, shape_bytes

ARRAYS = {"conv_weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4), "bias": np.array([1.5, -2], np.float32)}


def _file(folder: Path, data: bytes) -> Path:
    path = folder / "net-0000.params"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("layout", [None, V1, V2, V3])
def test_every_layout(tmp_path: Path, layout: int | None) -> None:
    found = read_params(_file(tmp_path, params_bytes(ARRAYS, layout)))
    assert found.prefixed
    assert list(found.arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found.arrays[name], array)


@pytest.mark.parametrize("dtype", CODES)
def test_element_types(tmp_path: Path, dtype: str) -> None:
    array = np.array([0, 1, 1], dtype)
    (found,) = read_params(_file(tmp_path, params_bytes({"a": array}))).arrays.values()
    assert found.dtype == (np.float32 if dtype.startswith(("float", "bool")) else array.dtype)
    np.testing.assert_array_equal(found, array)


def test_bfloat16(tmp_path: Path) -> None:
    stored = (np.array([1.5, -2, 3e38], np.float32).view(np.uint32) >> 16).astype(np.uint16)
    data = struct.pack("<Ii", V2, 0) + shape_bytes((3,)) + struct.pack("<iii", 1, 0, 12) + stored.tobytes()
    (found,) = read_params(_file(tmp_path, file_bytes([data], ["arg:a"]))).arrays.values()
    np.testing.assert_allclose(found, [1.5, -2, 3e38], rtol=1e-2)


def test_a_graphics_card_and_both_prefixes(tmp_path: Path) -> None:
    arrays = [array_bytes(array, device=2) for array in ARRAYS.values()]
    found = read_params(_file(tmp_path, file_bytes(arrays, ["arg:a", "aux:b"])))
    assert list(found.arrays) == ["a", "b"]
    assert not read_params(_file(tmp_path, file_bytes(arrays, ["a", "b"]))).prefixed


def test_entries_without_a_value(tmp_path: Path) -> None:
    scalar = struct.pack("<Iii", V3, 0, 0) + struct.pack("<iii", 1, 0, 0) + np.float32(7).tobytes()
    nothing = struct.pack("<Iii", V3, 0, -1)
    none = struct.pack("<Iii", V2, 0, 0)
    oldest = struct.pack("<I", 0)
    data = file_bytes([scalar, nothing, none, oldest, array_bytes(ARRAYS["bias"])], ["a", "b", "c", "d", "e"])
    found = read_params(_file(tmp_path, data)).arrays
    assert list(found) == ["a", "e"]
    assert found["a"].shape == ()
    assert float(found["a"]) == 7


def _sparse(
    kind: int, stored: tuple[int, ...], shape: tuple[int, ...], values: np.ndarray, *indices: np.ndarray
) -> bytes:
    head = struct.pack("<Ii", V2, kind) + shape_bytes(stored) + shape_bytes(shape) + struct.pack("<iii", 1, 0, 0)
    kinds = b"".join(struct.pack("<i", 6) + shape_bytes(index.shape) for index in indices)
    return head + kinds + values.astype(np.float32).tobytes() + b"".join(i.astype(np.int64).tobytes() for i in indices)


def test_sparse_arrays(tmp_path: Path) -> None:
    rows = np.array([[1, 2], [3, 4]])
    row_sparse = _sparse(1, (2, 2), (4, 2), rows, np.array([0, 3]))
    values, starts, columns = np.array([1, 2, 3]), np.array([0, 2, 2, 3]), np.array([0, 2, 1])
    csr = _sparse(2, (3,), (3, 4), values, starts, columns)
    fresh = _sparse(2, (0,), (3, 4), values, starts, columns)  # as saved right after its creation
    found = read_params(_file(tmp_path, file_bytes([row_sparse, csr, fresh], ["a", "b", "c"]))).arrays
    np.testing.assert_array_equal(found["a"], [[1, 2], [0, 0], [0, 0], [3, 4]])
    for name in "bc":
        np.testing.assert_array_equal(found[name], [[1, 0, 2, 0], [0, 0, 0, 0], [0, 3, 0, 0]])


@pytest.mark.parametrize(
    "data",
    [
        _sparse(1, (2, 2), (4, 2), np.ones((2, 2)), np.array([0, 4])),
        _sparse(1, (2, 2), (4, 3), np.ones((2, 2)), np.array([0, 1])),
        _sparse(2, (1,), (3, 4), np.ones(1), np.array([0, 1, 0, 1]), np.array([0])),
        _sparse(2, (1,), (3, 4), np.ones(1), np.array([0, 0, 0, 1]), np.array([-1])),
        _sparse(1, (1, 2), (2**40, 2), np.ones((1, 2)), np.array([0])),
        _sparse(3, (1,), (1,), np.ones(1)),
    ],
)
def test_sparse_arrays_that_contradict_themselves(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(CompileError, match=r"net-0000\.params"):
        read_params(_file(tmp_path, file_bytes([data], ["a"])))


GOOD = params_bytes(ARRAYS)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "cannot be read"),
        (b"\x00" * 40, "expected 0x112"),
        (struct.pack("<Q", 0xF7E58D4F05049CB7) + b"\x00" * 40, "TVM"),
        (GOOD[:-1], "truncated"),
        (GOOD + b"\x00", "1 bytes are left over"),
        (struct.pack("<QQQ", 0x112, 0, 2**62) + GOOD[24:], "claims to hold"),
        (struct.pack("<QQQ", 0x112, 0, 1) + struct.pack("<IiI", V2, 0, 2**31 - 1), "axes"),
        (struct.pack("<QQQ", 0x112, 0, 1) + struct.pack("<Ii", V2, 0) + shape_bytes((-1,)) + b"\x00" * 99, "shape"),
        (
            struct.pack("<QQQ", 0x112, 0, 1) + struct.pack("<Ii", V2, 0) + shape_bytes((2**62,)) + b"\x01\0\0\0" * 9,
            "truncated|type",
        ),
        (struct.pack("<QQQIi", 0x112, 0, 1, 0xFFFF, 0), "no layout"),
        (file_bytes([array_bytes(ARRAYS["bias"])], []), "no names"),
        (file_bytes([array_bytes(ARRAYS["bias"])], ["a", "b"]), "2 names for 1"),
        (file_bytes([array_bytes(ARRAYS["bias"])] * 2, ["arg:a", "aux:a"]), "twice"),
    ],
)
def test_damage_is_named(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(CompileError, match=words) as caught:
        read_params(_file(tmp_path, data))
    assert "net-0000.params" in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    assert not is_params(tmp_path / "none.params")
    with pytest.raises(CompileError, match=r"none\.params"):
        read_params(tmp_path / "none.params")


MIXED = file_bytes(
    [
        array_bytes(ARRAYS["conv_weight"]),
        array_bytes(ARRAYS["bias"], None),
        array_bytes(ARRAYS["bias"], V1),
        _sparse(1, (1, 2), (4, 2), np.ones((1, 2)), np.array([2])),
        _sparse(2, (3,), (3, 4), np.ones(3), np.array([0, 2, 2, 3]), np.array([0, 2, 1])),
    ],
    ["arg:a", "aux:b", "c", "d", "e"],
)
_SETTINGS = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_SETTINGS
@given(cut=st.integers(0, len(MIXED) - 1))
def test_truncated_anywhere(tmp_path: Path, cut: int) -> None:
    with pytest.raises(CompileError):
        read_params(_file(tmp_path, MIXED[:cut]))


@_SETTINGS
@given(changes=st.lists(st.tuples(st.integers(0, len(MIXED) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_flipped_bytes_are_read_or_refused(tmp_path: Path, changes: list[tuple[int, int]]) -> None:
    data = bytearray(MIXED)
    for at, value in changes:
        data[at] = value
    path = _file(tmp_path, bytes(data))
    tracemalloc.start()
    try:
        read_params(path)
    except CompileError:
        pass
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < 128 * 1024**2
