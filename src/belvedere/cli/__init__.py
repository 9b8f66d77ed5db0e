"""The ``belvedere`` command: one module per sub-command, loaded when it is used."""

from belvedere.cli.root import main

__all__ = ["main"]
