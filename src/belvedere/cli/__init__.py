"""The ``belvedere`` command: one module per sub-command, loaded when it is used."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from typing import NoReturn

__all__ = ["main"]

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit; see ``root.main``.

    Args:
        arguments: The words after the program's name; those of the process where not given.
    """
    # Imported here, so that an interrupt while the program still loads ends it like any other. Nothing is open yet
    # that would need closing, and an exception could get lost in a callback of the import system.
    try:
        usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if usual:
            signal.signal(signal.SIGINT, _leave)
        from belvedere.cli.root import main as run

        if usual:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        run(arguments)
    except KeyboardInterrupt:
        _leave()


def _leave(*_: object) -> NoReturn:
    os.write(2, b"belvedere: interrupted\n")
    os._exit(_INTERRUPTED)
