"""What commands print: JSON lines on stdout, notes on stderr, progress where somebody watches."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import click

ProgressCallback = Callable[[str, int, int], None]


def note(message: str, *, prefix: str = "belvedere: ") -> None:
    """Print a message for people on stderr."""
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
    """Text that any UTF-8 stream takes: lone surrogates of undecodable file names are shown escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def number(value: Any, digits: int = 3) -> str:
    """A measured value with fixed digits; a dash where there is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return "–" if value is None or isinstance(value, float) else str(value)
    return str(value) if isinstance(value, int) else f"{value:.{digits}f}"


def table(rows: Sequence[Sequence[str]], *, header: Sequence[str] | None = None) -> list[str]:
    """Lay out rows in aligned columns, two spaces between them."""
    every = [list(header), *map(list, rows)] if header else [list(row) for row in rows]
    widths = [max(len(row[column]) for row in every) for column in range(len(every[0]))] if every else []
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in every]
    if header:
        lines.insert(1, "  ".join("-" * width for width in widths))
    return lines


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
