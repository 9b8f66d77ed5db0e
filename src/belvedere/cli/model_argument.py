"""What the word MODEL of a command line means: an artifact, a name of the zoo, or a model file to compile first."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from belvedere.cli.compile_options import (
    PRECISIONS,
    binding_options,
    framework_option,
    input_option,
    parse_decoder,
    parse_inputs,
)
from belvedere.cli.console import note, progress_bar

if TYPE_CHECKING:
    from belvedere.runtime import Artifact

_Function = TypeVar("_Function", bound=Callable[..., Any])

# int8 needs pictures to calibrate with: `belvedere compile` takes them.
_PRECISIONS = tuple(name for name in PRECISIONS if name != "int8")


def model_options(function: _Function) -> _Function:
    """Add the options that say how a model file is compiled; they are for `open_model`."""
    precision = click.option(
        "--precision", type=click.Choice(_PRECISIONS), default=None, help="What it computes in  [default: f32]."
    )
    weights = click.option(
        "--weights",
        type=click.Path(exists=True, path_type=Path),
        metavar="FILE",
        help="The .params file, where MODEL is one of GluonCV's names.",
    )
    return weights(framework_option(input_option(precision(binding_options(function)))))


def open_model(word: str, given: Mapping[str, Any]) -> Artifact:
    """The artifact that MODEL names; a model file of another framework is compiled into the user's cache first.

    Args:
        word: A name of the zoo, an artifact, or a model file, folder or archive as ``belvedere compile`` takes it. A
            name wins over a file that is called the same; ``./name`` is the file.
        given: Values of `model_options`.

    Raises:
        click.UsageError: options for a model file beside an artifact or a name.
        BelvedereError: it cannot be loaded or compiled.
    """
    from belvedere.compiler.cached import compile_cached, is_artifact
    from belvedere.zoo import is_name, open_artifact

    options, model = _asked(given), Path(word)
    weights = options.pop("weights", None)
    named = is_name(word)
    if named or not model.exists() or is_artifact(model):
        if options and (named or model.exists()):
            names = ", ".join(f"--{'input' if name == 'inputs' else name}" for name in options)
            what = "a model of the zoo" if named else "an artifact"
            raise click.UsageError(
                f"'{word}' is {what}, which knows all about itself: {names} is for model files of other frameworks. "
                "To bind it anew, compile it again."
            )
        with progress_bar() as progress:
            return open_artifact(word, weights=weights, progress=progress)
    if weights is not None:
        raise click.UsageError(
            f"'{word}' is a model file: --weights is for GluonCV's names; name the files themselves."
        )
    with progress_bar() as progress:
        artifact, cached = compile_cached(model, progress=progress, **options)
    for text in () if cached else _notes(artifact):  # the first time only
        note(text)
    return artifact


def open_detector(word: str) -> Artifact:
    """The artifact that DETECTOR names: one on disk, or a name of the zoo. Raises BelvedereError."""
    from belvedere.zoo import open_artifact

    with progress_bar() as progress:
        return open_artifact(word, progress=progress)


def _asked(given: Mapping[str, Any]) -> dict[str, Any]:
    """What the user said, as ``compile`` takes it."""
    options = {**given, "inputs": parse_inputs(given["inputs"]), "decoder": parse_decoder(given["decoder"])}
    if options["framework"] == "auto":
        del options["framework"]
    return {name: value for name, value in options.items() if value is not None}


def _notes(artifact: Artifact) -> list[str]:
    """What compiling found worth telling."""
    from belvedere.compiler.report.report import JSON_NAME

    return [str(text) for text in json.loads(bytes(artifact.reports[JSON_NAME]))["notes"]]
