"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import click

from belvedere.cli.compile_options import TARGETS

_Function = TypeVar("_Function", bound=Callable[..., Any])

ENGINES = ("auto", "openvino", "onnxruntime")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout, one object a line.")


target_option: Callable[[Any], Any] = click.option(
    "--target",
    type=click.Choice(TARGETS),
    default=None,
    help="What runs it: cpu for a model made for a device that this machine lacks  [default: the model's].",
)


def engine_options(function: _Function) -> _Function:
    """Add ``--engine`` and ``--threads`` to a command."""
    engine = click.option(
        "--engine",
        type=click.Choice(ENGINES),
        default="auto",
        show_default=True,
        help="What runs the network.",
    )
    threads = click.option(
        "--threads",
        type=click.IntRange(min=1),
        metavar="N",
        default=None,
        help="Processor threads to use [default: all].",
    )
    return engine(threads(function))


def parse_size(_ctx: click.Context, _param: click.Parameter, value: str) -> int | Literal["auto"]:
    """Read ``auto`` or an edge length in pixels. Raises click.BadParameter for anything else."""
    if value == "auto":
        return "auto"
    if not value.isdecimal() or len(value) > 6:
        raise click.BadParameter(f"'{value}' is neither 'auto' nor a number of pixels.")
    return int(value)


def parse_rate(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """Read a rate between 0 and 1, as ``0.01`` or ``1%``. Raises click.BadParameter for anything else."""
    if value is None:
        return None
    try:
        rate = float(value[:-1]) / 100 if value.endswith("%") else float(value)
    except ValueError:
        rate = 0.0
    if not 0.0 < rate < 1.0:
        raise click.BadParameter(f"'{value}' is not a rate between 0 and 1 (for example 0.01 or 1%).")
    return rate


def parse_dimensions(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[int, int]:
    """Read ``WIDTHxHEIGHT`` in pixels. Raises click.BadParameter for anything else."""
    parts = value.lower().split("x")
    if len(parts) != 2 or not all(part.isdecimal() and 0 < int(part) <= 4096 for part in parts):
        raise click.BadParameter(f"'{value}' is not of the form WIDTHxHEIGHT (for example 640x480).")
    return int(parts[0]), int(parts[1])
