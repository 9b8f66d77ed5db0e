"""The examples run, and the one without Belvedere gets Belvedere's scores."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import belvedere
from helpers.artifacts import pictures, tiny_artifact

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def run_example(name: str, *words: object) -> str:
    line = [sys.executable, str(EXAMPLES / name), *map(str, words)]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["tiny.tar.gz", "tiny"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_score_without_belvedere(tmp_path: Path, name: str, orientation: int) -> None:
    tiny_artifact().save(tmp_path / name)
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = tmp_path / "part.jpg"
    Image.fromarray(pictures(1)[0]).save(picture, exif=exif)
    found = json.loads(run_example("score_without_belvedere.py", tmp_path / name, picture))
    for engine in ("onnxruntime", "openvino"):
        with belvedere.load(tmp_path / name, engine=engine) as model:
            expected = model.predict(picture)
        assert found["score"] == pytest.approx(expected.score, abs=1e-4)
        assert found["threshold"] == expected.threshold
        assert found["is_anomalous"] == expected.is_anomalous


def test_the_script_needs_no_belvedere() -> None:
    text = (EXAMPLES / "score_without_belvedere.py").read_text()
    assert "import belvedere" not in text
    assert "from belvedere" not in text


@pytest.mark.slow
def test_train_and_predict() -> None:
    out = run_example("train_and_predict.py")
    assert "AUROC" in out
    verdicts = [line.split()[0] for line in out.splitlines()[1:]]
    assert len(verdicts) == 4
    assert set(verdicts) <= {"anomaly", "normal"}
