"""What commands print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.cli.console import jsonable, note, number, plain, progress_bar, say, say_json, table

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(values)
def test_any_value_becomes_valid_json(value: Any) -> None:
    json.loads(json.dumps(jsonable(value), allow_nan=False))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (float("-inf"), None),
        (np.float32(0.5), 0.5),
        (np.float64("nan"), None),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([[1, 2]]), [[1, 2]]),
        ((1, 2), [1, 2]),
        ({1: Path("x")}, {"1": "x"}),
    ],
)
def test_jsonable(value: Any, expected: Any) -> None:
    assert jsonable(value) == expected


def test_one_line_of_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    say_json({"path": "naïve\n\udcff.png"})
    out = capsys.readouterr().out
    assert out.isascii()
    assert out.count("\n") == 1
    assert json.loads(out) == {"path": "naïve\n\udcff.png"}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nbelvedere: done.jpg", "a\\nbelvedere: done.jpg"),
        ("a\r\x1b[2Kb.jpg", "a\\r\\x1b[2Kb.jpg"),
        ("a\x9b31mb\u2028c\u202ed.jpg", "a\\x9b31mb\\u2028c\\u202ed.jpg"),
        ("naïve – 図\t.jpg", "naïve – 図\t.jpg"),
        ("\udcff.jpg", "\\udcff.jpg"),
    ],
)
def test_a_name_cannot_break_a_line(name: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    note(f"{name}: truncated")
    say(name)
    captured = capsys.readouterr()
    assert captured.err == f"belvedere: {shown}: truncated\n"
    assert captured.out == f"{shown}\n"


@given(st.text())
def test_any_text_is_one_line_of_utf8(text: str) -> None:
    assert len(plain(text).encode().decode().splitlines()) <= 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.12345, "0.123"), (None, "–"), (float("nan"), "–"), (3, "3"), ("word", "word"), (True, "True")],
)
def test_number(value: Any, expected: str) -> None:
    assert number(value) == expected


def test_table_is_aligned() -> None:
    assert table([["a", "1"], ["long", "22"]], header=["x", "y"]) == [
        "x     y",
        "----  --",
        "a     1",
        "long  22",
    ]
    assert table([]) == []


def test_progress_is_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar() as progress:
        progress("features", 1, 2)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_progress_on_a_terminal_goes_to_stderr(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with progress_bar() as progress:
        progress("features", 1, 2)
        progress("features", 2, 2)
        progress("memory", 1, 1)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "features" in captured.err
    assert "memory" in captured.err
