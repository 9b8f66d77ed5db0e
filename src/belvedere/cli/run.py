"""``belvedere run``: a user's script, in a process of its own, with the stand-ins on its path."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import click

from belvedere.cli.shims import shims_folder

_FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGBREAK")


@click.command(name="run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("script", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(*, script: Path, arguments: Sequence[str]) -> int:
    """Run a Python script that was written for another runtime, such as dlr, without changing it.

    The script finds Belvedere's stand-ins where it imports those packages. What stands behind SCRIPT goes to it.
    The exit code is the script's, or 128 and the number of the signal that ended it.
    """
    code = _run_child([sys.executable, os.fspath(script), *arguments], _environment())
    return 128 - code if code < 0 else code


def _environment() -> dict[str, str]:
    """This process's environment, with the stand-ins before all else on Python's path."""
    known = os.environ.get("PYTHONPATH", "")
    path = os.pathsep.join([os.fspath(shims_folder()), *([known] if known else [])])
    return {**os.environ, "PYTHONPATH": path}


def _run_child(line: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command and hand on to it the signals that this process gets; its exit code, negative for a signal."""
    child: subprocess.Popen[bytes] | None = None
    early: list[int] = []
    from_terminal = sys.stdin is not None and sys.stdin.isatty()

    def hand_on(number: int, _frame: object) -> None:
        if from_terminal and number == signal.SIGINT:
            return  # the terminal sends it to the child as well
        if child is None:
            early.append(number)
            return
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(number)

    with _handling(hand_on):
        child = subprocess.Popen(line, env=environment)
        for number in early:
            hand_on(number, None)
        return child.wait()


@contextlib.contextmanager
def _handling(handler: Callable[[int, object], None]) -> Iterator[None]:
    """Let ``handler`` have the signals of this process for the length of the block."""
    before = {}
    for name in _FORWARDED:
        number = getattr(signal, name, None)
        if number is None or signal.getsignal(number) is signal.SIG_IGN:  # what is ignored, the child ignores too
            continue
        # Python lets only the main thread handle signals; elsewhere whoever embeds us handles its own.
        with contextlib.suppress(ValueError, OSError):
            before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
