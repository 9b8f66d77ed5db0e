"""Parsing the attributes of MXNet's operators, which the symbol file holds as text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from belvedere.core.errors import CompileError

_LONGEST = 100_000
_LARGEST = 2**63 - 1
_TRUE, _FALSE = frozenset({"true", "1"}), frozenset({"false", "0"})
_WHOLE = re.compile(r"[+-]?[0-9]{1,19}[lL]?")
_BOOL = ("bool", "7")
# What the network computes in: half and double networks are imported as float32 ones.
_DTYPES: Mapping[str, Any] = {
    "float32": np.float32, "0": np.float32, "float64": np.float32, "1": np.float32, "float16": np.float32,
    "2": np.float32, "bfloat16": np.float32, "12": np.float32, "bool": np.float32, "7": np.float32, "uint8": np.uint8,
    "3": np.uint8, "int32": np.int32, "4": np.int32, "int8": np.int8, "5": np.int8, "int64": np.int64, "6": np.int64,
}  # fmt: skip


class Attributes:
    """The attributes of one node, parsed when they are asked for.

    A getter without a default demands the attribute; a missing one gets the default.

    Raises:
        CompileError: an attribute is missing or is not of the kind asked for; the message names it.
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def __contains__(self, name: str) -> bool:
        return self.text(name, None) is not None

    def text(self, name: str, default: str | None = "") -> str | None:
        """The text; None and ``"None"`` count as missing."""
        found = self._texts.get(name, "None").strip()
        if len(found) > _LONGEST:
            raise CompileError(f"its attribute {name} is longer than {_LONGEST} characters")
        return default if found == "None" else found

    def choice(self, name: str, options: tuple[str, ...], default: str | None = None) -> str:
        """One of several words."""
        found = self.text(name, default)
        if found is None:
            raise _missing(name)
        if found not in options:
            raise CompileError(f"its attribute {name} is {found!r}; supported are {', '.join(options)}")
        return found

    def flag(self, name: str, *, default: bool = False) -> bool:
        """True or False, as Python or C++ write it."""
        found = self.text(name, None)
        if found is None:
            return default
        if found.lower() not in _TRUE | _FALSE:
            raise _not(name, found, "True or False")
        return found.lower() in _TRUE

    def integer(self, name: str, default: int | None = None) -> int:
        """A whole number."""
        found = self.optional_integer(name)
        if found is None and default is None:
            raise _missing(name)
        return found if found is not None else default or 0

    def optional_integer(self, name: str) -> int | None:
        """A whole number, or None where it is missing or None."""
        found = self.text(name, None)
        return None if found is None else _integer(name, found)

    def number(self, name: str, default: float | None = None) -> float:
        """A floating-point number."""
        found = self.optional_number(name)
        if found is None and default is None:
            raise _missing(name)
        return found if found is not None else default or 0.0

    def optional_number(self, name: str) -> float | None:
        """A floating-point number, or None where it is missing or None."""
        found = self.text(name, None)
        return None if found is None else _number(name, found)

    def integers(self, name: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Whole numbers: a tuple, a list or one alone; the default where it is missing, None or empty."""
        found = self.text(name, None)
        parts = () if found is None else _parts(found)
        return tuple(_integer(name, part) for part in parts) or default

    def optional_integers(self, name: str) -> tuple[int | None, ...]:
        """Whole numbers with None among them; empty where it is missing."""
        found = self.text(name, None)
        parts = () if found is None else _parts(found)
        return tuple(None if part == "None" else _integer(name, part) for part in parts)

    def numbers(self, name: str, default: tuple[float, ...]) -> tuple[float, ...]:
        """Floating-point numbers: a tuple, a list or one alone."""
        found = self.text(name, None)
        parts = () if found is None else _parts(found)
        return tuple(_number(name, part) for part in parts) or default

    def is_bool(self, name: str) -> bool:
        """Whether the element type is bool."""
        return self.text(name) in _BOOL

    def dtype(self, name: str, default: Any = np.float32) -> np.dtype[Any]:
        """The element type that the importer computes in: float32 for every floating-point type and for bool."""
        found = self.text(name, None)
        if found is None or found == "-1":
            default_type: np.dtype[Any] = np.dtype(default)
            return default_type
        if found not in _DTYPES:
            raise CompileError(f"its attribute {name} is {found!r}, no element type that is known")
        dtype: np.dtype[Any] = np.dtype(_DTYPES[found])
        return dtype


def _parts(text: str) -> list[str]:
    inner = text.strip()
    if inner[:1] in ("(", "[") and inner[-1:] in (")", "]"):
        inner = inner[1:-1]
    parts = [part.strip() for part in inner.split(",")]
    return parts[:-1] if parts and not parts[-1] else parts


def _integer(name: str, text: str) -> int:
    if _WHOLE.fullmatch(text):
        value = int(text.rstrip("lL"))
    elif text.lower() in ("true", "false"):
        value = int(text.lower() == "true")
    else:
        number = _number(name, text)
        if not number.is_integer():
            raise _not(name, text, "a whole number")
        value = int(number)
    if abs(value) > _LARGEST:
        raise _not(name, text, "a number of 64 bits")
    return value


def _number(name: str, text: str) -> float:
    if not text.isascii():
        raise _not(name, text, "a number")
    try:
        return float(text.rstrip("lL") if _WHOLE.fullmatch(text) else text)
    except ValueError:
        raise _not(name, text, "a number") from None


def _missing(name: str) -> CompileError:
    return CompileError(f"it has no attribute {name}")


def _not(name: str, text: str, kind: str) -> CompileError:
    return CompileError(f"its attribute {name} is {text[:80]!r}, expected {kind}")
