"""A small, safe reader of XML: elements and text, nothing else, within bounds.

Document types are refused, so that there are no entities to expand and no files to fetch
(https://docs.python.org/3/library/xml.html#xml-security).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from belvedere.core.errors import DatasetError

MOST_BYTES = 16 * 1024**2
MOST_ELEMENTS = 200_000
DEEPEST = 16


@dataclass
class Element:
    """One element: its tag, the elements in it, and its text without surrounding spaces."""

    tag: str
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def find(self, tag: str) -> Element | None:
        """The first child with this tag."""
        return next((child for child in self.children if child.tag == tag), None)

    def find_all(self, tag: str) -> list[Element]:
        """Every child with this tag."""
        return [child for child in self.children if child.tag == tag]

    def text_of(self, tag: str) -> str | None:
        """The text of the first child with this tag; None where there is none."""
        child = self.find(tag)
        return None if child is None else child.text


def parse_xml(data: bytes, name: str) -> Element:
    """Read a document.

    Raises:
        DatasetError: not well-formed, with a document type, or larger or deeper than allowed; with the line.
    """
    if len(data) > MOST_BYTES:
        raise DatasetError(f"{name}: {len(data)} bytes, over the limit of {MOST_BYTES} for an XML annotation")
    builder = _Builder(name)
    parser = builder.parser
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise DatasetError(f"{name}:{error.lineno}: not well-formed XML ({expat.ErrorString(error.code)})") from error
    except (ValueError, LookupError) as error:  # an encoding that Python does not know, for example
        raise DatasetError(f"{name}: not readable XML ({error})") from error
    assert builder.root is not None  # expat refuses documents without an element
    return builder.root


class _Builder:
    """Builds elements from expat's events."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.root: Element | None = None
        self._open: list[Element] = []
        self._count = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._refuse_doctype
        self.parser.EntityDeclHandler = self._refuse_doctype

    def _start(self, tag: str, _attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MOST_ELEMENTS or len(self._open) >= DEEPEST:
            self._refuse(f"more than {MOST_ELEMENTS} elements, or nested deeper than {DEEPEST}")
        element = Element(tag)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def _end(self, _tag: str) -> None:
        element = self._open.pop()
        element.text = element.text.strip()

    def _characters(self, text: str) -> None:
        self._open[-1].text += text

    def _refuse_doctype(self, *_: object) -> None:
        self._refuse("a document type or entities, which are not read; remove the <!DOCTYPE ...>")

    def _refuse(self, what: str) -> NoReturn:
        raise DatasetError(f"{self.name}:{self.parser.CurrentLineNumber}: {what}")
