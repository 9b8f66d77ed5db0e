"""Reading JSON and Python literals alike, as DataInputConfig and hand-written options have them."""

from __future__ import annotations

import json
import re
from typing import Any

from belvedere.core.errors import CompileError

LONGEST_TEXT = 16_384
"""Characters; the bound of CreateCompilationJob on DataInputConfig."""

_DEEPEST = 16
# Each alternative begins with another character, so that reading is linear in the text.
_TOKEN = re.compile(
    r"\s+"
    r"|(?P<open>[\[({])|(?P<close>[\])}])|(?P<mark>[,:])"
    r'|(?P<double>"(?:[^"\\]|\\.)*")'
    r"|u?(?P<single>'[^'\\]*')"
    r"|(?P<number>-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)[lL]?"
    r"|(?P<word>[A-Za-z]+)"
)
_WORDS = {"None": "null", "null": "null", "True": "true", "true": "true", "False": "false", "false": "false"}
_JSON_BRACKET = {"(": "[", ")": "]"}
_PAIRS = {"[": "]", "(": ")", "{": "}"}


def read_literal(text: str, what: str = "the declared inputs") -> Any:
    """Read JSON, or a Python literal of the same meaning: single quotes, tuples, None, trailing commas.

    Nothing is evaluated: the text is translated to JSON token by token. Tuples become lists.

    Args:
        text: At most 16,384 characters, nested at most 16 deep.
        what: What the text is, as the start of error messages.

    Raises:
        CompileError: neither of these, too long or too deep, or an object with a key twice.
    """
    if len(text) > LONGEST_TEXT:
        raise CompileError(f"{what}: {len(text)} characters; at most {LONGEST_TEXT} are read")
    try:
        return json.loads(_as_json(text, what), object_pairs_hook=lambda pairs: _object(pairs, what))
    except CompileError:
        raise
    except (ValueError, RecursionError) as error:
        raise _unreadable(text, what) from error


def _as_json(text: str, what: str) -> str:
    parts: list[str] = []
    expected: list[str] = []
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise _unreadable(text, what)
        at = token.end()
        kind, value = token.lastgroup, token.group(token.lastgroup) if token.lastgroup else ""
        if kind == "open":
            expected.append(_PAIRS[value])
            if len(expected) > _DEEPEST:
                raise CompileError(f"{what}: nested more than {_DEEPEST} deep")
        elif kind == "close":
            if not expected or expected.pop() != value:
                raise _unreadable(text, what)
            if parts and parts[-1] == ",":
                parts.pop()
        elif kind == "single":
            value = json.dumps(value[1:-1])
        elif kind == "word":
            if value not in _WORDS:
                raise _unreadable(text, what)
            value = _WORDS[value]
        if value:
            parts.append(_JSON_BRACKET.get(value, value))
    return " ".join(parts)


def _object(pairs: list[tuple[str, Any]], what: str) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise CompileError(f"{what}: a name is there twice: {', '.join(name for name, _ in pairs)}")
    return found


def _unreadable(text: str, what: str) -> CompileError:
    shown = text if len(text) <= 80 else f"{text[:77]}..."
    return CompileError(
        f'{what}: {shown!r} is neither JSON nor a Python literal; expected such as {{"data": [1, 3, 224, 224]}}'
    )
