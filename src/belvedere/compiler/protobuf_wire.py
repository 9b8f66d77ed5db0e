"""Walking over and re-writing protocol buffers by their wire format, without their schema.

Source of the format: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from belvedere.core.errors import CompileError

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
_FIXED = {FIXED64: 8, FIXED32: 4}
_LONGEST_VARINT = 10


@dataclass(frozen=True)
class Field:
    """One field of a message.

    Attributes:
        number: Its number.
        kind: Its wire type.
        value: The number of a varint; else 0.
        payload: The bytes of a length-delimited or fixed-size field; else empty.
        raw: All bytes of the field, with its key.
    """

    number: int
    kind: int
    value: int
    payload: memoryview
    raw: memoryview


def fields(message: memoryview) -> Iterator[Field]:
    """The fields of a message in the order of the file; nothing is copied.

    Raises:
        CompileError: the bytes are no message, or end too early.
    """
    position = 0
    while position < len(message):
        start = position
        key, position = _varint(message, position)
        number, kind = key >> 3, key & 7
        value, size = 0, 0
        if kind == VARINT:
            value, position = _varint(message, position)
        elif kind == LENGTH:
            size, position = _varint(message, position)
        elif kind in _FIXED:
            size = _FIXED[kind]
        else:
            raise CompileError(f"not a protocol buffer: wire type {kind} at byte {start}")
        if number == 0:
            raise CompileError(f"not a protocol buffer: field number 0 at byte {start}")
        if size > len(message) - position:
            raise CompileError(f"a protocol buffer ends too early: field {number} at byte {start} lacks bytes")
        payload = message[position : position + size]
        position += size
        yield Field(number, kind, value, payload, message[start:position])


def length_field(number: int, payload: bytes | memoryview) -> bytes:
    """A length-delimited field with that payload."""
    return _encoded(number << 3 | LENGTH) + _encoded(len(payload)) + bytes(payload)


def text(payload: memoryview) -> str:
    """A string field's value; bytes that are not UTF-8 are replaced."""
    return bytes(payload).decode("utf-8", "replace")


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(message[position : position + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    raise CompileError(f"not a protocol buffer, or one that ends too early: no number at byte {position}")


def _encoded(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
