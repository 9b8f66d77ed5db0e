"""A tiny artifact, pictures, and the program as a process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from helpers.artifacts import pictures, tiny_artifact

Program = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with a tiny network."""
    path = tmp_path_factory.mktemp("artifact") / "tiny.tar.gz"
    tiny_artifact(types=2).save(path)
    return path


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """A folder with three pictures in two folders and one file that is no picture."""
    folder = tmp_path / "shots"
    for name, pixels in zip(["a/1.png", "a/2.jpg", "b/1.png"], pictures(3), strict=True):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    (folder / "b" / "2.jpg").write_bytes(b"\xff\xd8\xff this is no picture")
    return folder


@pytest.fixture
def program() -> Program:
    """Run the program in a process of its own."""

    def run(*words: object, stdin: bytes = b"", cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
        code = "from belvedere.cli import main; main()"
        line = [sys.executable, "-c", code, *map(str, words)]
        return subprocess.run(line, input=stdin, capture_output=True, check=False, cwd=cwd, timeout=300)

    return run
