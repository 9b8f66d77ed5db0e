"""Options of ``belvedere evaluate`` for judging a model under field conditions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

_Function = TypeVar("_Function", bound=Callable[..., Any])
_LEVELS = "1,3,5"
_PICTURES = 64


def robustness_options(function: _Function) -> _Function:
    """Add ``--robustness``, ``--robustness-levels`` and ``--robustness-pictures`` to a command."""
    wanted = click.option(
        "--robustness",
        is_flag=True,
        help="Judge again under other light, resolution and distortion; see the manual for the conditions.",
    )
    levels = click.option(
        "--robustness-levels",
        metavar="LEVELS",
        default=_LEVELS,
        show_default=True,
        callback=_parse_levels,
        help="Levels of each condition, of 1 (hardly seen) to 5.",
    )
    pictures = click.option(
        "--robustness-pictures",
        type=click.IntRange(min=1),
        metavar="N",
        default=_PICTURES,
        show_default=True,
        help="Most pictures that are judged under each.",
    )
    return wanted(levels(pictures(function)))


def _parse_levels(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[int, ...]:
    """Read ``1,3,5``. Raises click.BadParameter for anything else than levels."""
    words = value.replace(",", " ").split()
    if not words or any(word not in {"1", "2", "3", "4", "5"} for word in words):
        raise click.BadParameter(f"'{value}' is not a list of levels of 1 to 5, such as {_LEVELS}.")
    return tuple(sorted({int(word) for word in words}))
