"""kill -9 and a full disk while ``belvedere train`` saves: the old artifact or the new one, never half of one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("failing_saves.py")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="needs fork, SIGKILL and RLIMIT_FSIZE"),
]


def failing_saves(parts: Path, target: Path, how: str) -> tuple[list[int], str]:
    line = [sys.executable, str(SCRIPT), str(parts), str(target), how]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[1]), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()], done.stderr


@pytest.mark.parametrize("name", ["plates.tar.gz", "plates"])
def test_killed_while_saving(parts: Path, tmp_path: Path, name: str) -> None:
    (old, new, code), _ = failing_saves(parts, tmp_path / name, "kill")
    assert code == 0, "the last one survived"
    assert old >= 3, "killed before the swap, at several steps"
    assert new >= 2, "killed after the swap, and not at all"


@pytest.mark.parametrize("name", ["plates.tar.gz", "plates"])
def test_a_full_disk(parts: Path, tmp_path: Path, name: str) -> None:
    (old, new, code), message = failing_saves(parts, tmp_path / name, "full")
    assert (old, new, code) == (1, 0, 1)
    assert "could not be written" in message
    assert "what was there before is unchanged" in " ".join(message.split())
    assert [path.name for path in tmp_path.iterdir()] == [name], "nothing is left behind"
