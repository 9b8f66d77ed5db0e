"""kill -9 while saving: the artifact on disk always loads and verifies, old or new."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("killed_saves.py")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
@pytest.mark.parametrize(("name", "swap"), [("model", "exchange"), ("model", "renames"), ("model.tar.gz", "exchange")])
def test_killed_while_saving(tmp_path: Path, name: str, swap: str) -> None:
    command = [sys.executable, str(SCRIPT), str(tmp_path / name), "40", swap]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[2]), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    first, second = map(int, done.stdout.split())
    assert first + second == 40
    assert second > 0, "no save ever finished, so nothing was tested"
