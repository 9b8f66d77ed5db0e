"""``belvedere predict``: results, drawings, and inputs that cannot be read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import belvedere
from belvedere.cli.root import run


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def predict(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = run(["predict", *map(str, words)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_json_has_what_was_promised(artifact: Path, shots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = predict(capsys, artifact, shots / "a", "--json")
    assert (code, err) == (0, "")
    found = objects(out)
    assert [item["path"] for item in found] == [f"{shots}/a/1.png", f"{shots}/a/2.jpg"]
    for item in found:
        assert {"path", "score", "is_anomalous", "confidence", "threshold", "regions"} <= set(item)
        assert 0 <= item["score"] <= 1


def test_scores_are_those_of_the_library(artifact: Path, shots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = predict(capsys, artifact, shots / "a", "--json")
    with belvedere.load(artifact) as model:
        expected = [model.predict(shots / "a" / name).score for name in ("1.png", "2.jpg")]
    assert [item["score"] for item in objects(out)] == expected


def test_what_cannot_be_read_is_named_and_the_rest_is_done(
    artifact: Path, shots: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = predict(capsys, artifact, shots, shots / "missing.jpg", "--json")
    assert code == 1
    assert len(objects(out)) == 3
    assert "b/2.jpg" in err
    assert "missing.jpg" in err
    assert "2 of 5 inputs" in err
    assert "Traceback" not in err


def test_a_table_for_people(artifact: Path, shots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = predict(capsys, artifact, shots / "a" / "1.png")
    verdict, score, path = out.split()
    assert code == 0
    assert verdict in ("anomaly", "normal")
    assert 0 <= float(score) <= 1
    assert path.endswith("1.png")


def test_drawings_keep_their_folders_where_names_collide(
    artifact: Path, shots: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = tmp_path / "new" / "drawn"
    code, _, _ = predict(capsys, artifact, shots / "a", shots / "b" / "1.png", "--draw", drawn)
    assert code == 0
    names = sorted(path.relative_to(drawn).as_posix() for path in drawn.rglob("*.png"))
    assert names == ["a/1.annotated.png", "a/2.annotated.png", "b/1.annotated.png"]
    with Image.open(drawn / names[0]) as image:
        image.load()
        assert image.size == (80, 60)


def test_manifest_and_pattern(artifact: Path, shots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shots / "list.csv").write_text("image,label\na/1.png,normal\nb/1.png,anomaly\n")
    _, out, _ = predict(capsys, artifact, shots / "list.csv", f"{shots}/*/1.png", "--json")
    assert [Path(item["path"]).parent.name for item in objects(out)] == ["a", "b", "a", "b"]


def test_manifest_with_a_map(artifact: Path, shots: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shots / "manifests"
    folder.mkdir()
    (folder / "x.manifest").write_text('{"source-ref": "s3://bucket/line/1.png"}\n')
    code, _, err = predict(capsys, artifact, folder / "x.manifest", "--json", "--map", f"s3://bucket/line={shots}/a")
    assert (code, err) == (0, "")


def test_no_picture_at_all(artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = predict(capsys, artifact, tmp_path / "*.jpg", "--json")
    assert (code, out) == (1, "")
    assert "no file matches" in err


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_engines(artifact: Path, shots: Path, capsys: pytest.CaptureFixture[str], engine: str) -> None:
    code, out, _ = predict(capsys, artifact, shots / "a", "--engine", engine, "--threads", 1, "--json")
    assert code == 0
    assert len(objects(out)) == 2


def test_process_prints_json_on_stdout_and_nothing_else(artifact: Path, shots: Path, program: Any) -> None:
    done = program("predict", artifact, shots, "--json")
    assert done.returncode == 1
    assert len(objects(done.stdout.decode())) == 3
    assert b"b/2.jpg" in done.stderr


def test_picture_from_stdin(artifact: Path, shots: Path, tmp_path: Path, program: Any) -> None:
    done = program("predict", artifact, "-", "--json", "--draw", tmp_path, stdin=(shots / "a/1.png").read_bytes())
    assert done.returncode == 0
    (item,) = objects(done.stdout.decode())
    assert item["path"] == "-"
    with belvedere.load(artifact) as model:
        assert item["score"] == model.predict(shots / "a/1.png").score
    assert (tmp_path / "stdin.annotated.png").is_file()


def test_nothing_on_stdin(artifact: Path, program: Any) -> None:
    done = program("predict", artifact, "-", "--json")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"belvedere: -: ")


def test_relative_names_stay_relative(artifact: Path, shots: Path, program: Any) -> None:
    done = program("predict", artifact, "a", "--json", cwd=shots)
    assert [item["path"] for item in objects(done.stdout.decode())] == ["a/1.png", "a/2.jpg"]


def test_damaged_artifact(artifact: Path, shots: Path, tmp_path: Path, program: Any) -> None:
    damaged = tmp_path / "damaged.tar.gz"
    shutil.copy(artifact, damaged)
    damaged.write_bytes(damaged.read_bytes()[:-200])
    done = program("predict", damaged, shots)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"damaged.tar.gz" in done.stderr
    assert b"Traceback" not in done.stderr
