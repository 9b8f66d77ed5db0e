"""The command group, and the process boundary: which failure becomes which message and exit code.

Exit codes: 0 done; 1 anything failed; 2 usage; 130 interrupted. Results go to stdout, all else to stderr.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import click

from belvedere._version import __version__
from belvedere.cli.console import note
from belvedere.core.errors import BelvedereError, CompileError, OptionError

# Command name -> the module that holds it as `command`.
COMMANDS: dict[str, str] = {
    "train": "belvedere.cli.train",
    "evaluate": "belvedere.cli.evaluate",
    "predict": "belvedere.cli.predict",
    "compile": "belvedere.cli.compile",
    "models": "belvedere.cli.models",
    "inspect": "belvedere.cli.inspect",
    "benchmark": "belvedere.cli.benchmark",
    "compare": "belvedere.cli.compare",
    "data": "belvedere.cli.data",
    "samples": "belvedere.cli.samples",
    "demo": "belvedere.cli.demo",
    "run": "belvedere.cli.run",
    "shims": "belvedere.cli.shims",
}

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


class LazyGroup(click.Group):
    """A group that imports the module of a command only when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Names of the commands, in the order in which a user meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return one command; None where there is no such name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name]).command
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="belvedere", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show tracebacks (BELVEDERE_DEBUG=1 does the same).")
def root(debug: bool) -> None:
    """Train, judge, compile and run computer-vision models on your own machine."""
    del debug  # `run` has taken it out before, so that it may stand anywhere; here it is listed in the help


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    Args:
        arguments: The words after the program's name; those of the process where not given.
    """
    _tolerate_odd_names()
    words = list(sys.argv[1:] if arguments is None else arguments)
    code = run(words, debug=os.environ.get("BELVEDERE_DEBUG", "") not in ("", "0"))
    _flush()
    sys.exit(code)


def run(arguments: Sequence[str], *, debug: bool = False) -> int:
    """Run one command line in this process and return its exit code; messages go to stderr."""
    words, asked = _take_debug(arguments)
    debug = debug or asked
    try:
        outcome = root.main(words, prog_name="belvedere", standalone_mode=False)
    except click.UsageError as error:
        _show_usage(error)
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        note("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _close_stdout()
        return FAILED
    except click.ClickException as error:
        note(error.format_message())
        return FAILED
    except OptionError as error:
        _explain(error, str(error), debug)
        return USAGE
    except (BelvedereError, OSError) as error:
        _explain(error, str(error), debug)
        return FAILED
    except MemoryError as error:
        _explain(error, "not enough memory", debug)
        return FAILED
    except Exception as error:  # noqa: BLE001  the process boundary: a user gets a sentence, not a traceback
        _explain(error, f"internal error ({type(error).__name__}: {error}); please report it", debug)
        return FAILED
    return outcome if isinstance(outcome, int) else DONE


def _take_debug(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """Remove ``--debug`` wherever it stands before a ``--``; say whether it was there.

    Behind ``run`` it belongs to the script.
    """
    words = list(arguments)
    command = next((word for word in words if not word.startswith("-")), None)
    ends = ["--", *(["run"] if command == "run" else [])]
    end = min((words.index(word) for word in ends if word in words), default=len(words))
    options = [word for word in words[:end] if word != "--debug"]
    return options + words[end:], len(options) < end


def _explain(error: BaseException, message: str, debug: bool) -> None:
    if debug:
        for line in "".join(traceback.format_exception(error)).splitlines():
            note(line, prefix="")
    # Reasons why a model cannot be compiled may be a list, one a line; elsewhere a line end is part of some name.
    first, *others = message.splitlines() if isinstance(error, CompileError) and message else [message]
    note(first)
    for line in others:
        note(line, prefix="  ")
    if not debug and "internal error" in message:
        note("BELVEDERE_DEBUG=1 shows where it happened", prefix="")


def _show_usage(error: click.UsageError) -> None:
    """As click does it, but with the message on one line."""
    if error.ctx is not None:
        click.echo(f"{error.ctx.get_usage()}\nTry '{error.ctx.command_path} --help' for help.\n", err=True)
    note(error.format_message(), prefix="Error: ")


def _tolerate_odd_names() -> None:
    """File names that are no valid text in the terminal's encoding are shown escaped, and never end a run."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _flush() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _close_stdout()


def _close_stdout() -> None:
    """Point stdout to nowhere, so that the interpreter's last flush does not complain about the pipe."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
