"""The part of YAML in which ``data.yaml`` files are written; everything else is refused by name and line.

Read are mappings and lists, by indentation and in ``[...]`` and ``{...}`` on one line, plain and quoted scalars,
comments, and texts after ``|`` and ``>``. Not read are anchors, aliases, tags, directives, several documents,
complex keys and flow values over several lines (YAML 1.2, https://yaml.org/spec/1.2.2/).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from belvedere.core.errors import DatasetError

MOST_BYTES = 4 * 1024**2
DEEPEST = 16
_LONGEST_NUMBER = 20

Value = Any

_INT = re.compile(r"[-+]?[0-9]{1,17}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Value] = {"true": True, "false": False, "null": None, "~": None, "": None}
_KEY = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s\[\]{},&*!|>'"%@`#-][^#]*?|-[^\s#][^#]*?)\s*:(?=\s|$)""")


def parse_yaml(text: str, name: str) -> Value:
    """Read a document: nested dicts, lists, and scalars as YAML's core schema types them.

    Raises:
        DatasetError: something that is not read, or no YAML; with the line.
    """
    if len(text) > MOST_BYTES:
        raise DatasetError(f"{name}: more than {MOST_BYTES} characters")
    parser = _Parser(_lines(text, name), name)
    value = parser.block(0, 0)
    parser.require_end()
    return value


@dataclass(frozen=True)
class _Line:
    """A line that is neither blank nor a comment: number, indentation, content; and the text as it stands."""

    number: int
    indent: int
    content: str
    raw: str


def _lines(text: str, name: str) -> list[_Line]:
    lines = []
    for number, raw in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        content = raw.strip(" \r")
        if number == 1 and content == "---":
            content = ""
        if raw[: len(raw) - len(raw.lstrip())].count("\t"):
            raise DatasetError(f"{name}:{number}: a tab before the text; YAML is indented by spaces")
        if content in {"---", "..."} or content.startswith("%"):
            raise DatasetError(f"{name}:{number}: '{content[:20]}' (several documents or directives) is not read")
        lines.append(_Line(number, len(raw) - len(raw.lstrip(" ")), content, raw))
    return lines


class _Parser:
    """Reads lines from top to bottom."""

    def __init__(self, lines: list[_Line], name: str) -> None:
        self.lines = lines
        self.name = name
        self.at = 0

    def refuse(self, line: _Line, what: str) -> DatasetError:
        return DatasetError(f"{self.name}:{line.number}: {what}")

    def peek(self) -> _Line | None:
        """The next line with content."""
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if line.content and not line.content.startswith("#"):
                return line
            self.at += 1
        return None

    def require_end(self) -> None:
        line = self.peek()
        if line is not None:
            raise self.refuse(line, f"'{line.content[:40]}' is indented as nothing above it is")

    def block(self, indent: int, depth: int) -> Value:
        """The mapping or list whose lines are indented by at least ``indent``; None where there is none."""
        line = self.peek()
        if line is None or line.indent < indent:
            return None
        if depth > DEEPEST:
            raise self.refuse(line, f"nested deeper than {DEEPEST}")
        if _is_item(line.content):
            return self._list(line.indent, depth)
        if _KEY.match(line.content):
            return self._mapping(line.indent, depth)
        self.at += 1
        return self._scalar(line.content, line)

    def _list(self, indent: int, depth: int) -> list[Value]:
        values: list[Value] = []
        while (line := self.peek()) is not None and line.indent == indent and _is_item(line.content):
            rest = line.content[1:].lstrip(" ")
            if not rest or rest.startswith("#"):
                self.at += 1
                values.append(self.block(indent + 1, depth + 1))
            elif _KEY.match(rest) or _is_item(rest):
                # What follows the dash is a block of its own, indented by where it begins.
                begin = indent + len(line.content) - len(rest)
                self.lines[self.at] = _Line(line.number, begin, rest, line.raw)
                values.append(self.block(begin, depth + 1))
            else:
                self.at += 1
                values.append(self._value(rest, line, indent))
        return values

    def _mapping(self, indent: int, depth: int) -> dict[Value, Value]:
        values: dict[Value, Value] = {}
        while (line := self.peek()) is not None and line.indent == indent and not _is_item(line.content):
            match = _KEY.match(line.content)
            if match is None:
                raise self.refuse(line, f"expected 'key: value', found '{line.content[:40]}'")
            key = self._scalar(match[1], line)
            if key in values:
                raise self.refuse(line, f"the key '{key}' is there twice")
            rest = line.content[match.end() :].strip()
            self.at += 1
            if rest and not rest.startswith("#"):
                values[key] = self._value(rest, line, indent)
                continue
            following = self.peek()
            # A list below a key may stand under the key itself.
            lists = following is not None and following.indent == indent and _is_item(following.content)
            values[key] = self.block(indent if lists else indent + 1, depth + 1)
        return values

    def _value(self, rest: str, line: _Line, indent: int) -> Value:
        if rest[0] in "|>":
            return self._text(rest, line, indent)
        return self._scalar(rest, line)

    def _text(self, head: str, line: _Line, indent: int) -> str:
        """The lines below, as they stand, that are indented more than the key."""
        if not re.fullmatch(r"[|>][-+]?\s*(#.*)?", head):
            raise self.refuse(line, f"'{head[:20]}' is not read")
        kept: list[str] = []
        while self.at < len(self.lines):
            below = self.lines[self.at]
            if below.content and below.indent <= indent:
                break
            kept.append(below.raw)
            self.at += 1
        first = next((len(raw) - len(raw.lstrip(" ")) for raw in kept if raw.strip()), 0)
        return ("\n" if head[0] == "|" else " ").join(raw[first:].rstrip() for raw in kept).strip()

    def _scalar(self, text: str, line: _Line) -> Value:
        value, rest = self._flow(text.strip(), line, 0, inside=False)
        if rest.strip() and not rest.lstrip().startswith("#"):
            raise self.refuse(line, f"'{rest.strip()[:40]}' after a value is not read")
        return value

    def _flow(self, text: str, line: _Line, depth: int, *, inside: bool) -> tuple[Value, str]:
        """The value at the start of ``text``, and what stands behind it."""
        if depth > DEEPEST:
            raise self.refuse(line, f"nested deeper than {DEEPEST}")
        head = text[:1]
        if head in ("[", "{"):
            return self._collection(text, line, depth)
        if head == '"':
            match = re.match(r'"(?:[^"\\]|\\.)*"', text)
            try:
                return json.loads(match[0] if match else ""), text[match.end() if match else 0 :]
            except ValueError:
                raise self.refuse(line, f"{text[:40]} is not read: a text in double quotes on one line") from None
        if head == "'":
            match = re.match(r"'(?:[^']|'')*'", text)
            if match is None:
                raise self.refuse(line, f"{text[:40]} has no closing quote on its line")
            return match[0][1:-1].replace("''", "'"), text[match.end() :]
        if head and head in "&*!|>%@`":
            raise self.refuse(line, f"'{text[:40]}' (an anchor, alias, tag or reserved sign) is not read")
        end = re.search(r"[,\[\]{}]|\s#|:\s" if inside else r"\s#", text)
        plain = text[: end.start()] if end else text
        if not inside and re.search(r":(\s|$)", plain):
            raise self.refuse(line, f"'{plain[:40]}' holds ': '; put the text into quotes")
        return _typed(plain.strip()), text[end.start() :] if end else ""

    def _collection(self, text: str, line: _Line, depth: int) -> tuple[Value, str]:
        """A list or mapping in brackets."""
        is_list = text[0] == "["
        close = "]" if is_list else "}"
        values: list[Value] = []
        pairs: dict[Value, Value] = {}
        rest = text[1:].lstrip()
        while not rest.startswith(close):
            if not rest or rest.startswith("#"):
                raise self.refuse(line, f"'{text[:40]}' is not closed on its line; that is not read")
            value, rest = self._flow(rest, line, depth + 1, inside=True)
            rest = rest.lstrip()
            if is_list:
                values.append(value)
            else:
                if not rest.startswith(":") or isinstance(value, (list, dict)):
                    raise self.refuse(line, f"'{text[:40]}': expected 'key: value' pairs in braces")
                pairs[value], rest = self._flow(rest[1:].lstrip(), line, depth + 1, inside=True)
                rest = rest.lstrip()
            if rest.startswith(","):
                rest = rest[1:].lstrip()
            elif not rest.startswith(close):
                raise self.refuse(line, f"'{text[:40]}': expected ',' or '{close}'")
        return (values if is_list else pairs), rest[1:]


def _is_item(content: str) -> bool:
    return content == "-" or content.startswith("- ")


def _typed(text: str) -> Value:
    """A plain scalar by YAML's core schema; numbers that are too long for it stay texts."""
    if text.casefold() in _WORDS:
        return _WORDS[text.casefold()]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) and len(text) <= _LONGEST_NUMBER else text
