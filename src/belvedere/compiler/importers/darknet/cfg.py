"""Reading a Darknet cfg file: sections of ``key=value`` lines, the first of which is ``[net]``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from belvedere.core.errors import CompileError, LimitError

CFG_BYTES = 1024**2
_SECTIONS = 10_000
_NET = ("net", "network")
# Other spellings that Darknet accepts.
_ALIASES = {"conv": "convolutional", "conn": "connected", "max": "maxpool", "avg": "avgpool", "soft": "softmax"}


@dataclass(frozen=True)
class Section:
    """One section.

    Attributes:
        where: The file, for messages.
        kind: Its name, such as ``convolutional``.
        index: Its layer number as routes count: the section after ``[net]`` is 0; -1 is ``[net]``.
        line: Line number of its head.
        options: Key to value, blanks removed; of a key given twice the first counts, as in Darknet.
    """

    where: str
    kind: str
    index: int
    line: int
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """How messages call it."""
        return f"{self.where}: [{self.kind}] in line {self.line}" + (
            f" (layer {self.index})" if self.index >= 0 else ""
        )

    def text(self, key: str, default: str = "") -> str:
        """The value as text."""
        return self.options.get(key, default)

    def integer(self, key: str, default: int | None = None, *, low: int = 0, high: int = 2**24) -> int:
        """The value as an integer in ``low`` to ``high``; an error without ``default`` if it is missing."""
        value = self.number(key, None if default is None else float(default))
        if value != int(value) or not low <= value <= high:
            raise CompileError(f"{self.title}: {key}={self.text(key)} is no whole number of {low} to {high}")
        return int(value)

    def number(self, key: str, default: float | None = None) -> float:
        """The value as a number; an error without ``default`` if it is missing."""
        if key not in self.options:
            if default is None:
                raise CompileError(f"{self.title}: '{key}' is missing")
            return default
        return self._parsed(key, self.options[key])

    def numbers(self, key: str) -> list[float]:
        """A comma-separated list; empty if it is missing."""
        parts = self.text(key).split(",")
        return [self._parsed(key, part) for part in parts if part]

    def integers(self, key: str) -> list[int]:
        """A comma-separated list of integers; empty if it is missing."""
        values = self.numbers(key)
        if any(value != int(value) or abs(value) > 2**24 for value in values):
            raise CompileError(f"{self.title}: {key}={self.text(key)} is no list of whole numbers")
        return [int(value) for value in values]

    def refuse(self, *keys: str) -> None:
        """Raise for options that change what the layer computes and that are not supported, all at once."""
        if asked := [key for key in keys if self.text(key, "0") not in ("", "0", "none")]:
            values = ", ".join(f"{key}={self.text(key)}" for key in asked)
            raise CompileError(f"{self.title}: {values} is not supported")

    def _parsed(self, key: str, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not abs(value) < 2**53:
            raise CompileError(f"{self.title}: {key}={text[:80]} is no number")
        return value


def looks_like_cfg(path: Path) -> bool:
    """Whether the file's first section is ``[net]``; never raises."""
    try:
        with path.open("rb") as stream:
            head = stream.read(65_536).decode("utf-8", "replace")
    except OSError:
        return False
    for line in head.splitlines():
        if text := _stripped(line):
            return text in {f"[{name}]" for name in _NET}
    return False


def read_cfg(path: Path) -> tuple[Section, list[Section]]:
    """Read a cfg file.

    Returns:
        ``[net]``, and the layers in order.

    Raises:
        CompileError: not readable, or not a cfg file; the message names the line.
        LimitError: larger than 1 MiB, or more than 10,000 layers.
    """
    try:
        if path.stat().st_size > CFG_BYTES:
            raise LimitError(f"{path.name}: larger than {CFG_BYTES} bytes, too large for a cfg file")
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise CompileError(f"{path.name}: cannot be read ({error.strerror})") from error
    sections: list[Section] = []
    options: dict[str, str] = {}
    for number, raw in enumerate(text.splitlines(), start=1):
        line = _stripped(raw)
        if line.startswith("["):
            kind = line[1:].partition("]")[0]
            options = {}
            index = len(sections) - 1
            sections.append(Section(path.name, _ALIASES.get(kind, kind), index, number, options))
        elif line:
            key, equals, value = line.partition("=")
            if not equals or not sections:
                raise CompileError(
                    f"{path.name}: line {number} is neither a [section] nor key=value in one: {line[:80]!r}"
                )
            options.setdefault(key, value)
        if len(sections) > _SECTIONS:
            raise LimitError(f"{path.name}: more than {_SECTIONS} layers")
    if not sections or sections[0].kind not in _NET:
        raise CompileError(f"{path.name}: does not begin with [net], so it is no Darknet cfg file")
    if len(sections) == 1:
        raise CompileError(f"{path.name}: has no layer after [net]")
    return sections[0], sections[1:]


def _stripped(line: str) -> str:
    """The line without blanks and comments; Darknet takes blanks out everywhere."""
    text = "".join(line.split()).replace("\0", "")
    for mark in "#;":
        text = text.partition(mark)[0]
    return text
