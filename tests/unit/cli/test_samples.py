"""``belvedere samples``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from belvedere.cli.root import run
from belvedere.data import open_dataset

SMALL = ["--normal", "2", "--anomalous", "1", "--test-normal", "1", "--test-anomalous", "1", "--size", "96x64"]


def test_draws_a_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["samples", str(tmp_path / "boards"), *SMALL, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["train"] == {"normal": 2, "anomaly": 1}
    dataset = open_dataset(tmp_path / "boards")
    assert (len(dataset.split("train").normal), len(dataset.split("train").anomalous)) == (2, 1)
    assert (len(dataset.split("test").normal), len(dataset.split("test").anomalous)) == (1, 1)
    assert dataset.problems == ()
    assert all(record.mask is not None for record in dataset.anomalous)
    assert dataset.records[0].image().shape == (64, 96, 3)


def test_never_replaces_other_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    assert run(["samples", str(tmp_path), *SMALL]) == 1
    assert "holiday.jpg" in capsys.readouterr().err
    assert (tmp_path / "holiday.jpg").read_bytes() == b"x"


def test_wrong_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["samples", str(tmp_path / "x"), "--size", "1x1"]) == 2
    assert not (tmp_path / "x").exists()
    assert capsys.readouterr().out == ""
