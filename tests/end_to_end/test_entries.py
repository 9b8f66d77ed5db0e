"""The same score for the same picture through every entry, engine, and without Belvedere."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import belvedere as bv
from helpers.parts import part

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "score_without_belvedere.py"
BLOCKED = """
import sys, runpy
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("belvedere", "openvino", "sklearn", "scipy", "onnx", "pydantic"):
            raise ImportError(f"{name} is not there")
sys.meta_path.insert(0, Refuse())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["labelled", "normals"])
def artifact(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(request.param)
    return path


def without_belvedere(artifact: Path, picture: Path) -> dict[str, Any]:
    """Run the example where nothing but NumPy, Pillow and ONNX Runtime can be imported."""
    line = [sys.executable, "-c", BLOCKED, str(EXAMPLE), str(artifact), str(picture)]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(line, capture_output=True, check=False, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_entry_gives_exactly_the_same_score(artifact: Path, jpeg: bytes, tmp_path: Path, program: Any) -> None:
    path = tmp_path / "part.jpg"
    path.write_bytes(jpeg)
    image = Image.open(io.BytesIO(jpeg))
    array = np.asarray(image.convert("RGB"))
    with bv.load(artifact) as model:
        expected = model.predict(path).score
        forms = [str(path), jpeg, image, array]
        assert [model.predict(form).score for form in forms] == [expected] * 4
        assert [result.score for result in model.predict(forms)] == [expected] * 4
        assert [result.score for result in model.predict(form for form in [path, *forms])] == [expected] * 5
        tensor = model._pictures.preprocess.apply(array)
        assert float(model.run({"image": tensor})[0][0]) == expected
    with bv.load(artifact) as model:
        # Also as one of many, with others before and after it.
        many = [part(seed)[0] for seed in range(3)] + [array] + [part(seed, "scratch")[0] for seed in range(3)]
        assert [result.score for result in model.predict(many)][3] == expected
    done = program("predict", artifact, path, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["score"] == expected
    piped = program("predict", artifact, "-", "--json", stdin=jpeg)
    assert json.loads(piped.stdout)["score"] == expected


def test_saving_and_loading_change_nothing(artifact: Path, jpeg: bytes, tmp_path: Path) -> None:
    with bv.load(artifact) as model:
        expected, digest = model.predict(jpeg), model.artifact.digest
        for name in ("again.tar.gz", "again.tar", "again"):
            model.save(tmp_path / name)
    for name in ("again.tar.gz", "again.tar", "again"):
        with bv.load(tmp_path / name) as copy:
            found = copy.predict(jpeg)
            assert copy.artifact.digest == digest
        assert found.score == expected.score
        assert np.array_equal(found.grid, expected.grid)


def test_engines_agree(artifact: Path, new: Path) -> None:
    pictures = sorted(path for path in new.rglob("*.jpg"))
    found = {}
    for engine in ("openvino", "onnxruntime"):
        with bv.load(artifact, engine=engine) as model:
            found[engine] = list(model.predict(pictures))
    assert len(pictures) == 16
    for first, second in zip(found["openvino"], found["onnxruntime"], strict=True):
        assert first.score == pytest.approx(second.score, abs=1e-4)
        # The heatmap's extreme values amplify distances; its verdicts agree all the same.
        assert first.grid == pytest.approx(second.grid, abs=1e-3)
        assert first.is_anomalous == second.is_anomalous


@pytest.mark.parametrize("orientation", [1, 8])
def test_score_from_the_jpeg_file_without_belvedere(
    artifact: Path, jpeg: bytes, tmp_path: Path, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "part.jpg"
    Image.open(io.BytesIO(jpeg)).save(path, quality=95, exif=exif)
    found = without_belvedere(artifact, path)
    for engine in ("onnxruntime", "openvino"):
        with bv.load(artifact, engine=engine) as model:
            expected = model.predict(path)
        assert found["score"] == pytest.approx(expected.score, abs=1e-4)
        assert found["threshold"] == expected.threshold
        assert found["is_anomalous"] == expected.is_anomalous


def test_belvedere_is_really_blocked(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("import belvedere")
    line = [sys.executable, "-c", BLOCKED, str(tmp_path / "script.py")]
    done = subprocess.run(line, capture_output=True, check=False, timeout=60)
    assert done.returncode != 0
    assert b"belvedere is not there" in done.stderr
