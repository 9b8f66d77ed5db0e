"""Real photographs: the Getting Started set of Lookout for Vision, from its own manifest."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.shared]


def test_cookies(shared_folder: Path, program: Any, tmp_path: Path) -> None:
    cookies = shared_folder / "data" / "anomaly" / "cookies"
    if not cookies.is_dir():
        pytest.skip(f"no {cookies}")
    out = tmp_path / "cookies.tar.gz"
    done = program(
        "train", cookies / "manifests" / "template.manifest", "--task", "anomaly", "--size", 192, "--out", out, "--json"
    )
    assert done.returncode == 0, done.stderr.decode()
    facts = json.loads(done.stdout)
    assert facts["training"]["pictures"]["normal"] == 31
    assert facts["training"]["pictures"]["anomalous"] == 32
    assert facts["training"]["pictures"]["with_masks"] == 32
    assert facts["decoder"]["types"] == ["cracked"]
    assert facts["decoder"]["colors"] == ["#23A436"]
    for path in (cookies / "test-images").iterdir():
        label = "anomaly" if "anomaly" in path.name else "normal"
        (tmp_path / "test" / label).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, tmp_path / "test" / label / path.name)
    judged = program("evaluate", out, tmp_path / "test", "--json")
    assert judged.returncode == 0, judged.stderr.decode()
    found = json.loads(judged.stdout)
    assert found["auroc"] > 0.95
    assert found["f1"] > 0.8
