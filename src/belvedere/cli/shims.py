"""``belvedere shims``: the folder with stand-ins for packages of other makers."""

from __future__ import annotations

from pathlib import Path

import click

import belvedere
from belvedere.cli.console import say


def shims_folder() -> Path:
    """The folder to put on Python's path, so that ``import dlr`` finds the stand-in."""
    return Path(belvedere.__file__).resolve().parent / "shims"


@click.command(name="shims")
def command() -> int:
    """Print the folder of the stand-ins for packages of other makers, such as dlr.

    With PYTHONPATH="$(belvedere shims)" a program imports them; belvedere run does the same for one script.
    """
    say(str(shims_folder()))
    return 0
