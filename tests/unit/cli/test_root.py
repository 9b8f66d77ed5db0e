"""The process boundary: exit codes, messages, and what the program loads."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from belvedere.cli.root import COMMANDS, LazyGroup, root, run
from belvedere.core.errors import CompileError, ImageError, MissingExtraError, OptionError, StorageError

PROGRAM = [sys.executable, "-c", "from belvedere.cli import main; main()"]


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException | int], None]:
    """Make every command raise an exception, or return a number."""

    def set_outcome(outcome: BaseException | int) -> None:
        @click.command()
        def command() -> int:
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        monkeypatch.setattr(LazyGroup, "get_command", lambda *_: command)

    return set_outcome


@pytest.mark.parametrize(
    ("outcome", "code", "message"),
    [
        (0, 0, ""),
        (1, 1, ""),
        (ImageError("a.png: truncated"), 1, "belvedere: a.png: truncated\n"),
        (MissingExtraError("Cameras", "edge"), 1, "belvedere: Cameras needs the [edge] extra"),
        (OptionError("size 1: expected 64 to 2048"), 2, "belvedere: size 1: expected 64 to 2048\n"),
        (StorageError("x could not be written"), 1, "belvedere: x could not be written\n"),
        (PermissionError(13, "Permission denied", "x"), 1, "Permission denied: 'x'"),
        (MemoryError(), 1, "belvedere: not enough memory\n"),
        (ZeroDivisionError("division by zero"), 1, "internal error (ZeroDivisionError: division by zero)"),
        (click.UsageError("no such thing"), 2, "no such thing"),
        (click.ClickException("broken"), 1, "belvedere: broken"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (BrokenPipeError(), 1, ""),
    ],
)
def test_exit_codes(
    stand_in: Callable[[BaseException | int], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    outcome: BaseException | int,
    code: int,
    message: str,
) -> None:
    monkeypatch.setattr("belvedere.cli.root._close_stdout", lambda: None)
    stand_in(outcome)
    assert run(["anything"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert "Traceback" not in captured.err
    if not message:
        assert captured.err == ""


@pytest.mark.parametrize("words", [["--debug", "anything"], ["anything", "--debug"]])
def test_debug_shows_the_traceback(
    stand_in: Callable[[BaseException | int], None], capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    stand_in(ImageError("a.png: truncated"))
    assert run(words) == 1
    error = capsys.readouterr().err
    assert "Traceback (most recent call last)" in error
    assert error.endswith("belvedere: a.png: truncated\n")


def test_debug_behind_the_divider_is_a_name() -> None:
    from belvedere.cli.root import _take_debug

    assert _take_debug(["predict", "m", "--", "--debug"]) == (["predict", "m", "--", "--debug"], False)
    assert _take_debug(["predict", "--debug", "--", "x"]) == (["predict", "--", "x"], True)


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["--version"], *([name, "--help"] for name in COMMANDS)])
def test_help_works(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 0
    assert "belvedere" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["fly"], ["predict"], ["train", "x"], ["predict", "a", "b", "--nonsense"]])
def test_usage_errors(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Usage: belvedere" in captured.err


def test_every_command_has_a_help_text_and_every_option_too() -> None:
    context = click.Context(root)
    for name in COMMANDS:
        command = root.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.help
        for parameter in command.params:
            assert not isinstance(parameter, click.Option) or parameter.help, (name, parameter.name)


def test_unknown_task_lists_what_there_is(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["train", str(tmp_path), "--task", "poetry", "--out", str(tmp_path / "m.tar.gz")]) == 2
    assert "'anomaly'" in capsys.readouterr().err


def test_help_is_light() -> None:
    code = (
        "import sys\nfrom belvedere.cli.root import run\nrun(['--help'])\n"
        "heavy = 'numpy PIL openvino sklearn scipy onnx onnxruntime pydantic rich jinja2'.split()\n"
        "print(sorted(set(heavy) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    for name in COMMANDS:
        assert name in done.stdout


def test_missing_artifact_is_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, "inspect", str(tmp_path / "no.tar.gz")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("belvedere: ")
    assert "no.tar.gz" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_debug_from_the_environment(tmp_path: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, "inspect", str(tmp_path / "no.tar.gz")],
        capture_output=True, text=True, check=False, env={**os.environ, "BELVEDERE_DEBUG": "1"},
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" in done.stderr


ENDLESS = """
import sys, time, click
from belvedere.cli import root
@click.command()
def command():
    from belvedere.cli.console import say_json
    number = 0
    while True:
        say_json({"number": number})
        number += 1
        time.sleep(float(sys.argv[1]))
root.LazyGroup.get_command = lambda *_: command
root.main(["x"])
"""


def test_a_reader_that_leaves_gets_no_message() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS, "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline()) == {"number": 0}
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 1


def test_interrupt_gives_130() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS, "0.01"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert b"interrupted" in err
    for line in out.splitlines():
        json.loads(line)


@pytest.mark.parametrize("module", ["click", "belvedere.cli.root", "belvedere.cli.predict", "belvedere.runtime"])
def test_an_interrupt_while_the_program_loads_gives_130(module: str) -> None:
    code = (
        "import sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {module!r}:\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "from belvedere.cli import main\n"
        "main(['predict', 'no-model', 'no-picture'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stderr.strip() == "belvedere: interrupted"


def test_python_runs_the_package(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "belvedere", "inspect", str(tmp_path / "no.tar.gz")]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("belvedere: ")


def test_a_list_of_reasons_stays_a_list_and_a_name_stays_one_line(
    stand_in: Callable[[BaseException | int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(CompileError("m.json: operators are not supported: A, B\n  a1: A\n  b1: B"))
    assert run(["anything"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "belvedere: m.json: operators are not supported: A, B",
        "    a1: A",
        "    b1: B",
    ]
    stand_in(ImageError("x\nbelvedere: all is well.png: truncated"))
    assert run(["anything"]) == 1
    assert capsys.readouterr().err == "belvedere: x\\nbelvedere: all is well.png: truncated\n"
    stand_in(click.UsageError("no file 'x\nbelvedere: all is well'"))
    assert run(["anything"]) == 2
    assert "\nbelvedere: all" not in capsys.readouterr().err


def test_names_that_are_no_text_are_shown_escaped(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff.tar.gz"
    done = subprocess.run([*PROGRAM, "inspect", name], capture_output=True, check=False)
    assert done.returncode == 1
    assert b"\\udcff.tar.gz" in done.stderr


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "belvedere", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("belvedere ")
