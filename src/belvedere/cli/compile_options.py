"""Reading the options of ``belvedere compile``."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

FRAMEWORKS = ("auto", "onnx", "pytorch", "tensorflow", "tflite", "keras", "mxnet", "darknet")
PRECISIONS = ("f32", "bf16", "f16", "int8")
TARGETS = ("cpu", "intel-gpu", "nvidia", "npu")
TASKS = ("classification", "detection", "segmentation", "pose", "tensor")

decoder_option: Callable[[Any], Any] = click.option(
    "--decoder",
    metavar="NAME|JSON",
    help="What the outputs are: a family such as yolox or ssd, or an object of decoder settings.",
)


def parse_numbers(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    """Read one number or one per channel, divided by commas or blanks. Raises click.BadParameter for anything else."""
    if value is None:
        return None
    try:
        found = tuple(float(part) for part in value.replace(",", " ").split())
    except ValueError:
        found = ()
    if len(found) not in (1, 3) or not all(map(math.isfinite, found)):
        raise click.BadParameter(f"'{value}' is not one number or three (for example 0.485,0.456,0.406).")
    return found


def parse_inputs(values: Sequence[str]) -> Any:
    """What ``--input`` says: nothing, one text of any form, or several of the form NAME=SHAPE."""
    if not values:
        return None
    return values[0] if len(values) == 1 else list(values)


def parse_decoder(value: str | None) -> str | Mapping[str, Any] | None:
    """A family's name, or the object that a JSON text holds. Raises click.BadParameter for broken JSON."""
    if value is None or not value.lstrip().startswith("{"):
        return value
    try:
        found = json.loads(value)
    except ValueError as error:
        raise click.BadParameter(f"not valid JSON ({error}).", param_hint="'--decoder'") from None
    assert isinstance(found, dict)
    return found
