"""Pictures, two trained artifacts, and the program as a process. Everything is trained once a session."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from belvedere.vision.encode import jpeg_bytes
from helpers.parts import part, write_parts

Completed = subprocess.CompletedProcess[bytes]
Program = Callable[..., Completed]
SIZE = 112


@pytest.fixture(scope="session")
def program() -> Program:
    """Run ``belvedere`` in a process of its own."""

    def run(*words: object, stdin: bytes = b"", cwd: Path | None = None, **environment: str) -> Completed:
        line = [sys.executable, "-c", "from belvedere.cli import main; main()", *map(str, words)]
        return subprocess.run(
            line, input=stdin, capture_output=True, check=False, cwd=cwd, timeout=300, env={**os.environ, **environment}
        )

    return run


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve normal and eight anomalous pictures of two kinds, with masks."""
    return write_parts(tmp_path_factory.mktemp("parts") / "plates", 12, 8)


@pytest.fixture(scope="session")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures that no model has seen, laid out like the others."""
    return write_parts(tmp_path_factory.mktemp("new") / "plates", 8, 8, seed=7)


@pytest.fixture(scope="session")
def labelled(parts: Path, program: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained by the program on both labels and masks."""
    out = tmp_path_factory.mktemp("labelled") / "plates.tar.gz"
    done = program("train", parts, "--task", "anomaly", "--size", SIZE, "--out", out)
    assert done.returncode == 0, done.stderr.decode()
    return out


@pytest.fixture(scope="session")
def normals(parts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained by the library on a folder of normal pictures alone."""
    import belvedere as bv

    top = tmp_path_factory.mktemp("normals")
    shutil.copytree(parts / "normal", top / "set" / "normal")
    with bv.train(top / "set", size=SIZE) as model:
        model.save(top / "plates")
    return top / "plates"


@pytest.fixture(scope="session")
def jpeg() -> bytes:
    """A picture with a blob."""
    return jpeg_bytes(part(4321, "blob")[0], quality=95)
