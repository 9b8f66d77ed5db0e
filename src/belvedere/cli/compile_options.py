"""Reading the options of ``belvedere compile``."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

_Function = TypeVar("_Function", bound=Callable[..., Any])

FRAMEWORKS = ("auto", "onnx", "pytorch", "tensorflow", "tflite", "keras", "mxnet", "darknet")
PRECISIONS = ("f32", "bf16", "f16", "int8")
TARGETS = ("cpu", "intel-gpu", "nvidia", "npu")
TASKS = (
    "classification",
    "detection",
    "semantic-segmentation",
    "instance-segmentation",
    "segmentation",
    "pose",
    "tensor",
)
"""As the compiler knows them; ``segmentation`` is either of the two kinds."""
_FORMER_TASKS = ("segmentation",)

decoder_option: Callable[[Any], Any] = click.option(
    "--decoder",
    metavar="NAME|JSON",
    help="What the outputs are: a family such as yolox or ssd, or an object of decoder settings.",
)


def framework_option(function: _Function) -> _Function:
    """Add ``--framework`` to a command."""
    option = click.option(
        "--framework",
        type=click.Choice(FRAMEWORKS),
        default="auto",
        show_default=True,
        help="Where the model comes from; auto looks at its content.",
    )
    return option(function)


def input_option(function: _Function) -> _Function:
    """Add ``--input`` to a command, as ``inputs``."""
    option = click.option(
        "--input",
        "inputs",
        multiple=True,
        metavar="NAME=SHAPE",
        help="An input, such as data=1x3x224x224 or data=1x3x224x224:uint8; or a DataInputConfig, or the path of a "
        "Panorama descriptor. May be repeated. [default: the model's own]",
    )
    return option(function)


def binding_options(function: _Function) -> _Function:
    """Add the options that say what a network does and takes: from ``--arch`` to ``--decoder``."""
    options = (
        click.option("--arch", metavar="NAME", help="Architecture of a PyTorch state dict, such as resnet50."),
        click.option(
            "--task",
            type=TaskChoice(TASKS),
            default=None,
            help="What it does; tensor for none  [default: recognised].",
        ),
        click.option(
            "--labels", metavar="NAME|FILE", help="Class names: a known list such as coco80, or a file, one a line."
        ),
        click.option("--mean", metavar="N[,N,N]", callback=parse_numbers, help="Subtracted from the scaled picture."),
        click.option("--std", metavar="N[,N,N]", callback=parse_numbers, help="Divided by at last."),
        click.option(
            "--scale",
            type=float,
            metavar="N",
            help="Factor on 0..255  [default: 1/255 where mean and std lie within 0 to 1, else 1].",
        ),
        click.option(
            "--color", type=click.Choice(["RGB", "BGR", "GRAY"]), default=None, help="Channels that it takes."
        ),
        click.option(
            "--resize", type=click.Choice(["stretch", "letterbox", "crop"]), default=None, help="How pictures fit."
        ),
        decoder_option,
    )
    for option in reversed(options):
        function = option(function)
    return function


class TaskChoice(click.Choice[str]):
    """The tasks, and names that they once had, which are not shown."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The task as it was written. Raises click.BadParameter for what is none."""
        return value if value in _FORMER_TASKS else super().convert(value, param, ctx)


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
