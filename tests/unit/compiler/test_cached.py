"""Model files that are compiled into the user's cache."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from belvedere.compiler import cached
from belvedere.compiler.cached import compile_cached, is_artifact
from belvedere.core.errors import CompileError, OptionError
from belvedere.runtime import Model
from helpers.artifacts import tiny_artifact
from helpers.squares import picture_with_squares, squares_network

# Named, because which engine is faster is measured, and differs from time to time on a small network.
OPTIONS = {"task": "detection", "decoder": "yolo", "mean": (0.0,), "std": (1.0,), "engine": "openvino"}


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BELVEDERE_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "squares.onnx"
    path.write_bytes(squares_network())
    return path


def entries(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "cache" / "artifacts"
    return sorted(folder.iterdir()) if folder.exists() else []


def test_the_second_time_it_comes_from_the_cache_and_is_the_same(model, tmp_path):
    first, was = compile_cached(model, **OPTIONS)
    assert not was
    assert len(entries(tmp_path)) == 1
    second, was = compile_cached(model, **OPTIONS)
    assert was
    assert second.digest == first.digest
    with Model(second) as loaded:
        (found,) = loaded.predict(picture_with_squares(64, 64, [(10, 20)]))
        assert found.box_xyxy == pytest.approx((10, 20, 26, 36), abs=0.1)


@pytest.mark.slow
def test_what_the_artifact_depends_on_makes_another_entry(model, tmp_path, monkeypatch):
    labels = tmp_path / "labels.txt"
    labels.write_text("square\n")
    variants = [{}, {"labels": str(labels)}, {"precision": "bf16"}, {"decoder": {"family": "yolo", "threshold": 0.5}}]
    for number, more in enumerate(variants, start=1):
        artifact, was = compile_cached(model, **{**OPTIONS, **more})
        assert (was, len(entries(tmp_path))) == (False, number)
    labels.write_text("white square\n")
    artifact, was = compile_cached(model, **{**OPTIONS, "labels": str(labels)})
    assert not was
    assert artifact.manifest.labels == ("white square",)
    model.write_bytes(squares_network(factor=0.5))
    assert not compile_cached(model, **OPTIONS)[1]
    monkeypatch.setattr(cached, "__version__", "0.0.0")
    assert not compile_cached(model, **OPTIONS)[1]
    assert len(entries(tmp_path)) == len(variants) + 3


def test_files_beside_the_model_belong_to_it(tmp_path, monkeypatch):
    monkeypatch.setenv("BELVEDERE_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "external.onnx"
    network = onnx.load_from_string(squares_network())
    onnx.save_model(network, path, save_as_external_data=True, location="weights.bin", size_threshold=1024)
    artifact, _ = compile_cached(path, **OPTIONS)
    assert compile_cached(path, **OPTIONS)[1]
    data = tmp_path / "weights.bin"
    values = np.frombuffer(data.read_bytes(), np.float32) * np.float32(0.5)
    data.write_bytes(values.tobytes())
    changed, was = compile_cached(path, **OPTIONS)
    assert not was
    assert changed.digest != artifact.digest


def test_without_a_cache_nothing_is_kept(model, tmp_path, monkeypatch):
    monkeypatch.setenv("BELVEDERE_CACHE", "off")
    assert [compile_cached(model, **OPTIONS)[1] for _ in range(2)] == [False, False]
    assert entries(tmp_path) == []


def test_a_cache_that_cannot_be_written_is_done_without(model, tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("BELVEDERE_CACHE", str(blocked / "below"))
    assert not compile_cached(model, **OPTIONS)[1]
    monkeypatch.setenv("BELVEDERE_CACHE", str(tmp_path / "open"))
    (tmp_path / "open" / "artifacts").mkdir(parents=True)
    (tmp_path / "open" / "artifacts").chmod(0o777)  # others could put anything there
    assert [compile_cached(model, **OPTIONS)[1] for _ in range(2)] == [False, False]
    assert not list((tmp_path / "open" / "artifacts").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["change", "remove", "empty"])
def test_a_damaged_entry_is_made_anew(model, tmp_path, harm):
    first, _ = compile_cached(model, **OPTIONS)
    (entry,) = entries(tmp_path)
    network = entry / first.manifest.network.file
    if harm == "change":
        data = bytearray(network.read_bytes())
        data[len(data) // 2] ^= 255
        network.write_bytes(data)
    elif harm == "remove":
        network.unlink()
    else:
        for file in sorted(entry.rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()
    again, was = compile_cached(model, **OPTIONS)
    assert not was
    assert again.digest == first.digest
    assert compile_cached(model, **OPTIONS)[1]


def test_what_fails_leaves_nothing_behind(model, tmp_path):
    with pytest.raises(OptionError):
        compile_cached(model, **{**OPTIONS, "labels": "no such list"})
    with pytest.raises(CompileError):
        compile_cached(model, task="pose")
    model.write_bytes(b"no model")
    with pytest.raises(CompileError):
        compile_cached(model, **OPTIONS)
    assert entries(tmp_path) == []


@pytest.mark.slow
def test_processes_at_the_same_time(model, tmp_path):
    code = (
        "import sys; from belvedere.compiler.cached import compile_cached; "
        "print(compile_cached(sys.argv[1], task='detection', decoder='yolo', mean=(0.0,), std=(1.0,), "
        "engine='openvino')[0].digest)"
    )
    line = [sys.executable, "-c", code, str(model)]
    processes = [subprocess.Popen(line, stdout=subprocess.PIPE) for _ in range(3)]
    digests = {process.communicate(timeout=300)[0] for process in processes}
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(digests) == 1
    (entry,) = entries(tmp_path)  # nothing half-written beside it
    assert is_artifact(entry)
    assert compile_cached(model, **OPTIONS)[1]


def test_what_is_an_artifact(model, tmp_path):
    for name in ("a.tar.gz", "a.tar", "folder"):
        tiny_artifact().save(tmp_path / name)
        assert is_artifact(tmp_path / name)
    damaged = tmp_path / "damaged.tar.gz"
    damaged.write_bytes((tmp_path / "a.tar.gz").read_bytes()[:100])
    assert is_artifact(damaged)
    assert not is_artifact(model)
    assert not is_artifact(tmp_path)
    assert not is_artifact(tmp_path / "missing")
