"""``belvedere inspect``: what an artifact holds."""

from __future__ import annotations

from pathlib import Path

import click

from belvedere.cli.console import say, say_json
from belvedere.cli.options import json_option
from belvedere.cli.summary import model_lines


@click.command(name="inspect")
@click.argument("artifact", type=click.Path(path_type=Path))
@json_option
def command(*, artifact: Path, as_json: bool) -> int:
    """Show what a model is: task, input, threshold, how it was trained, and its digest.

    Every file of the artifact is verified on the way. --json prints the manifest.
    """
    from belvedere.runtime import Artifact

    loaded = Artifact.load(artifact)
    if as_json:
        say_json({**loaded.manifest.model_dump(mode="json"), "digest": loaded.digest})
        return 0
    for line in model_lines(loaded):
        say(line)
    return 0
