"""The wire format of protocol buffers: what is walked over is what was written, and nothing else gets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.compiler.protobuf_wire import LENGTH, fields, length_field
from belvedere.core.errors import CompileError


@given(st.lists(st.tuples(st.integers(1, 2**20), st.binary(max_size=300)), max_size=20))
def test_written_fields_are_read_back(entries):
    message = b"".join(length_field(number, payload) for number, payload in entries)
    found = list(fields(memoryview(message)))
    assert [(field.number, bytes(field.payload)) for field in found] == entries
    assert b"".join(bytes(field.raw) for field in found) == message
    assert all(field.kind == LENGTH for field in found)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_whole_or_refused(message):
    try:
        found = list(fields(memoryview(message)))
    except CompileError:
        return
    assert b"".join(bytes(field.raw) for field in found) == message


def test_numbers_and_fixed_fields_are_known():
    message = b"\x08\x96\x01" + b"\x11" + bytes(8) + b"\x1d" + bytes(4)
    assert [(field.number, field.value, len(field.payload)) for field in fields(memoryview(message))] == [
        (1, 150, 0),
        (2, 0, 8),
        (3, 0, 4),
    ]


@pytest.mark.parametrize("message", [b"\x0b", b"\x00\x01", b"\x0a\x05abc", b"\x08" + b"\xff" * 11, b"\x0a"])
def test_damage_is_refused(message):
    with pytest.raises(CompileError, match="protocol buffer"):
        list(fields(memoryview(message)))
