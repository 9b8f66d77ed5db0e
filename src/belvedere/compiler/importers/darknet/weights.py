"""Reading a Darknet weights file: a header, then float32 values in the order of the cfg (importers.md, section 10)."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.importers.darknet.cfg import Section
from belvedere.core.errors import CompileError

_VERSION = struct.Struct("<iii")


class Weights:
    """Values taken off the file layer by layer; nothing is allocated before the file is known to hold it.

    Attributes:
        version: Major, minor and revision.
        seen: Pictures the network was trained on.

    Args:
        path: The weights file.

    Raises:
        CompileError: not readable, or too short for a header.
    """

    def __init__(self, path: Path) -> None:
        self._name = path.name
        try:
            size = path.stat().st_size
            with path.open("rb") as stream:
                head = stream.read(20)
        except OSError as error:
            raise CompileError(f"{path.name}: cannot be read ({error.strerror})") from error
        if len(head) < 16:
            raise CompileError(f"{path.name}: {size} bytes are too short for the header of a weights file")
        self.version: tuple[int, int, int] = _VERSION.unpack_from(head)
        start, wide = self._header()
        if len(head) < start:
            raise CompileError(f"{path.name}: {size} bytes are too short for the header of a weights file")
        self.seen: int = struct.unpack_from("<Q" if wide else "<i", head, 12)[0]
        if (size - start) % 4:
            raise CompileError(f"{path.name}: the {size - start} bytes after its header are no whole number of float32")
        self.count = (size - start) // 4
        self._values: NDArray[np.float32] = (
            np.memmap(path, "<f4", "r", start, (self.count,)) if self.count else np.empty(0, np.float32)
        )
        self._taken = 0

    def _header(self) -> tuple[int, bool]:
        """Bytes of the header, and whether the picture count has 64 bits (as of version 0.2)."""
        major, minor, _ = self.version
        wide = major * 10 + minor >= 2 and major < 1000 and minor < 1000
        return (20 if wide else 16), wide

    @property
    def transposed(self) -> bool:
        """Whether matrices of connected layers lie input by output."""
        return self.version[0] > 1000 or self.version[1] > 1000

    def take(self, section: Section, what: str, *shape: int) -> NDArray[np.float32]:
        """The next values, as ``what`` of a layer.

        Raises:
            CompileError: the file ends before, or a value is not finite.
        """
        count = 1
        for side in shape:
            count *= side
        left = self.count - self._taken
        if count > left:
            raise CompileError(
                f"{self._name} ends in {section.title}: its {what} need {count} values, {left} are left of "
                f"{self.count}. Give the weights that belong to this cfg, and all of them: files such as "
                "*.conv.74 hold the first layers only"
            )
        values = np.array(self._values[self._taken : self._taken + count], np.float32).reshape(shape)
        self._taken += count
        if not np.isfinite(values).all():
            raise CompileError(
                f"{self._name}: {what} of {section.title} are not all finite; the file is damaged or does not "
                "belong to this cfg"
            )
        return values

    def finish(self) -> None:
        """Check that every value was used.

        Raises:
            CompileError: values are left over.
        """
        if left := self.count - self._taken:
            raise CompileError(
                f"{self._name}: {left} of its {self.count} values are left over after the last layer; "
                "give the weights that belong to this cfg"
            )
