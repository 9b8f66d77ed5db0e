"""``belvedere train``, and the whole way through the command line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from belvedere.cli.root import run
from belvedere.samples import write_boards
from helpers.parts import write_parts

SMALL = ["--task", "anomaly", "--size", "96"]


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("boards") / "pictures"
    return write_boards(folder, train=(8, 5), test=(4, 5), size=(160, 120))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--task", "anomaly"], "--out"),
        (["--out", "m.tar.gz"], "--task"),
        ([*SMALL, "--out", "m.tar.gz", "--false-alarms", "2"], "rate between 0 and 1"),
        ([*SMALL, "--out", "m.tar.gz", "--size", "large"], "neither 'auto' nor"),
        ([*SMALL, "--out", "m.tar.gz", "--size", "1"], "expected 64"),
        ([*SMALL, "--out", "m.tar.gz", "--roi", "missing.png"], "missing.png"),
        ([*SMALL, "--out", "m.tar.gz", "--map", "nonsense"], "s3://bucket/prefix=DIR"),
    ],
)
def test_usage(
    boards: Path,
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["train", str(boards), *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert not (tmp_path / "m.tar.gz").exists()


def test_pictures_are_never_replaced_by_a_model(boards: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(boards.rglob("*"))
    assert run(["train", str(boards), *SMALL, "--out", str(boards)]) == 2
    assert "would replace them all" in capsys.readouterr().err
    assert sorted(boards.rglob("*")) == before


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "missing"),
        (lambda folder: folder.mkdir(), "missing"),
        (lambda folder: _one_picture(folder), "normal"),
    ],
)
def test_datasets_that_cannot_be_used(
    make: Any, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "missing")
    assert run(["train", str(tmp_path / "missing"), *SMALL, "--out", str(tmp_path / "m.tar.gz")]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert "internal error" not in captured.err
    assert not (tmp_path / "m.tar.gz").exists()


def _one_picture(folder: Path) -> None:
    (folder / "normal").mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(folder / "normal" / "x.png")


def test_what_could_not_be_used_is_counted_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A picture whose mask is damaged is learned from; one that is a link out of the folder is not."""
    folder = write_parts(tmp_path / "parts", 4, 5, size=(64, 48))
    for mask in sorted((folder / "ground_truth" / "blob").iterdir())[:2]:
        mask.write_bytes(b"no picture")
    outside = tmp_path / "outside.jpg"
    (folder / "normal" / "00.jpg").rename(outside)
    (folder / "normal" / "00.jpg").symlink_to(outside)
    Image.new("RGB", (100, 100), "white").save(tmp_path / "roi.png")
    words = ["--task", "anomaly", "--size", "64", "--roi", str(tmp_path / "roi.png")]
    assert run(["train", str(folder), *words, "--out", str(tmp_path / "m.tar.gz")]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert "belvedere: 1 input could not be used; the model was trained without it" in lines
    assert "belvedere: 2 pictures were used without their masks" in lines
    assert sum("00_mask.png" in line for line in lines) == 1
    assert any("normal/00.jpg: a link out of the dataset's folder" in line for line in lines)
    assert any("the region of interest is 100 x 100, the pictures are 64 x 48" in line for line in lines)


@pytest.mark.slow
def test_the_whole_way(boards: Path, tmp_path: Path, program: Any) -> None:
    (boards / "train" / "normal" / "torn.jpg").write_bytes(b"\xff\xd8\xff torn")
    model = tmp_path / "new" / "board.tar.gz"
    try:
        done = program("train", boards, *SMALL, "--out", model, "--json")
    finally:
        (boards / "train" / "normal" / "torn.jpg").unlink()
    assert done.returncode == 1, done.stderr
    assert b"torn.jpg" in done.stderr
    facts = json.loads(done.stdout)
    assert done.stdout.count(b"\n") == 1
    assert 0 < facts["decoder"]["threshold"] < 1
    assert facts["training"]["learners"]
    assert sorted(path.name for path in model.parent.iterdir()) == ["board.tar.gz"]

    again = program("train", boards, *SMALL, "--out", tmp_path / "again.tar.gz")
    assert again.returncode == 0, again.stderr
    assert b"threshold" in again.stdout

    shown = program("inspect", model)
    assert facts["digest"] in shown.stdout.decode()

    judged = program("evaluate", tmp_path / "again.tar.gz", boards, "--json")
    assert judged.returncode == 0, judged.stderr
    assert json.loads(judged.stdout)["counts"]["pictures"] == 9

    scored = program("predict", model, boards / "test", "--json", "--draw", tmp_path / "drawn")
    assert scored.returncode == 0, scored.stderr
    assert len(scored.stdout.splitlines()) == 9
    assert len(list((tmp_path / "drawn").rglob("*.annotated.png"))) == 9


@pytest.mark.slow
def test_interrupted_training_leaves_nothing_behind(boards: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["train", str(boards), "--task", "anomaly", "--out", str(out / "m.tar.gz")]
    # The interrupt comes with the first sign of progress, so it always hits the middle of the work.
    code = (
        "import os, signal, sys\n"
        "import belvedere.cli.train as train\n"
        "from contextlib import contextmanager\n"
        "@contextmanager\n"
        "def bar():\n"
        "    yield lambda stage, done, total: os.kill(os.getpid(), signal.SIGINT)\n"
        "train.progress_bar = bar\n"
        "from belvedere.cli import main\n"
        "main(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True, check=False, timeout=300,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert done.returncode == 130, done.stderr
    assert b"Traceback" not in done.stderr
    assert done.stdout == b""
    assert list(out.iterdir()) == []
