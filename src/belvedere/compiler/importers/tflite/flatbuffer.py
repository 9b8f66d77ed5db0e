"""Reading a FlatBuffer with every offset and length checked against the file.

The ``flatbuffers`` package for Python has no verifier; this reads what the importer needs and no more. Source of the
format: https://flatbuffers.dev/internals/
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from belvedere.core.errors import CompileError

_LONGEST_NAME = 65_536


@dataclass(frozen=True, eq=False)
class Table:
    """A table of a FlatBuffer.

    Attributes:
        data: The whole file.
        position: Where the table starts.
    """

    data: memoryview
    position: int

    def scalar(self, slot: int, code: str, default: float = 0) -> int:
        """A whole-number field; ``code`` is the ``struct`` letter of its type."""
        at = self.field(slot)
        return int(default if at is None else unpack(self.data, at, code))

    def text(self, slot: int) -> str:
        """A string field; empty where it is missing."""
        return bytes(self.octets(slot)).decode("utf-8", "replace")[:_LONGEST_NAME]

    def octets(self, slot: int) -> memoryview:
        """A string field or a vector of bytes, without copying."""
        at = self.field(slot)
        if at is None:
            return self.data[:0]
        start, count = vector(self.data, at, 1)
        return self.data[start : start + count]

    def numbers(self, slot: int, code: str) -> tuple[int | float, ...]:
        """A vector of numbers; ``code`` is the ``struct`` letter of their type."""
        at = self.field(slot)
        if at is None:
            return ()
        start, count = vector(self.data, at, struct.calcsize(code))
        return struct.unpack_from(f"<{count}{code}", self.data, start)

    def table(self, slot: int) -> Table | None:
        """A table that a field refers to."""
        at = self.field(slot)
        return None if at is None else _table(self.data, at)

    def tables(self, slot: int) -> tuple[Table, ...]:
        """A vector of tables."""
        at = self.field(slot)
        if at is None:
            return ()
        start, count = vector(self.data, at, 4)
        return tuple(_table(self.data, start + 4 * index) for index in range(count))

    def field(self, slot: int) -> int | None:
        """Where the field with that number lies in the file; None where the table does not have it."""
        start = self.position - unpack(self.data, self.position, "i")
        if not 0 <= start <= len(self.data) - 4:
            raise CompileError(f"a table at byte {self.position} has its layout outside the file")
        entry = 4 + 2 * slot
        if entry + 2 > unpack(self.data, start, "H"):
            return None
        offset = unpack(self.data, start + entry, "H")
        return self.position + offset if offset else None


def root(data: memoryview, identifier: bytes) -> Table:
    """The root table.

    Raises:
        CompileError: the file does not carry that identifier, or ends too early.
    """
    if len(data) < 8 or bytes(data[4:8]) != identifier:
        raise CompileError(f"the file lacks the mark {identifier.decode()}")
    return _table(data, 0)


def vector(data: memoryview, at: int, size: int) -> tuple[int, int]:
    """First byte and number of elements of the vector that the offset at ``at`` refers to."""
    start = at + unpack(data, at, "I")
    count = unpack(data, start, "I")
    if count * size > len(data) - start - 4:
        raise CompileError(f"a list of {count} entries at byte {start} ends outside the file")
    return start + 4, count


def unpack(data: memoryview, at: int, code: str) -> int:
    """The number at that byte.

    Raises:
        CompileError: it lies outside the file.
    """
    if not 0 <= at <= len(data) - struct.calcsize(code):
        raise CompileError(f"byte {at} is outside the file")
    return int(struct.unpack_from(f"<{code}", data, at)[0])


def _table(data: memoryview, at: int) -> Table:
    position = at + unpack(data, at, "I")
    unpack(data, position, "i")
    return Table(data, position)
