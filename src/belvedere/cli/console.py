"""What commands print: JSON lines on stdout, notes on stderr, progress where somebody watches."""

from __future__ import annotations

import contextlib
import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import click

from belvedere.core.tables import table

__all__ = ["ProgressCallback", "jsonable", "note", "number", "plain", "progress_bar", "say", "say_json", "table"]

ProgressCallback = Callable[[str, int, int], None]

# Control characters but the tab, line and paragraph separators, direction marks, lone surrogates.
_UNPRINTABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def note(message: str, *, prefix: str = "belvedere: ") -> None:
    """Print a message for people on stderr, on one line whatever names it holds."""
    with contextlib.suppress(BrokenPipeError):
        click.echo(prefix + plain(message), err=True)


def say(line: str = "") -> None:
    """Print one line of a result on stdout at once. Raises BrokenPipeError when the reader is gone."""
    click.echo(plain(line))


def say_json(value: Mapping[str, Any]) -> None:
    """Print one object as one line of JSON on stdout at once; numbers that JSON lacks become null.

    The line is plain ASCII, so it is valid whatever the encoding of the terminal and the names of files are.
    """
    click.echo(json.dumps(jsonable(value), allow_nan=False))


def jsonable(value: Any) -> Any:
    """Turn a nested value into what JSON has: NumPy scalars and arrays to numbers and lists, NaN to None."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [jsonable(item) for item in value]
    if hasattr(value, "tolist"):
        return jsonable(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)


def plain(text: str) -> str:
    """Text on one line that any UTF-8 stream and terminal takes.

    Names of files come from others, and may hold anything but ``/`` and NUL: line ends, which would let one file name
    look like several messages, terminal control sequences, marks that turn the direction of writing, and bytes that
    are no text. All of these are shown escaped.
    """
    return _UNPRINTABLE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def number(value: Any, digits: int = 3) -> str:
    """A measured value with fixed digits; a dash where there is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return "–" if value is None or isinstance(value, float) else str(value)
    return str(value) if isinstance(value, int) else f"{value:.{digits}f}"


@contextlib.contextmanager
def progress_bar() -> Iterator[ProgressCallback]:
    """A callback ``(stage, done, total)`` that draws bars on stderr; silent where that is no terminal."""
    if not sys.stderr.isatty():
        yield _silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    stages: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True)) as bars:

        def show(stage: str, done: int, total: int) -> None:
            if stage not in stages:
                stages[stage] = bars.add_task(stage, total=total)
            bars.update(stages[stage], completed=done, total=total)

        yield show


def _silent(stage: str, done: int, total: int) -> None:
    """No terminal, no progress."""
    del stage, done, total
