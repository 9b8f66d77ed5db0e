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
from belvedere.zoo import entries
from helpers.poses import pose_artifact
from helpers.squares import picture_with_squares, squares_artifact, squares_network


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
        assert (item["task"], item["width"], item["height"]) == ("anomaly", 80, 60)
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


@pytest.fixture
def model_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BELVEDERE_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "squares.onnx"
    path.write_bytes(squares_network())
    return path


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.png"
    Image.fromarray(picture_with_squares(200, 150, CORNERS)).save(path)
    return path


CORNERS = [(20, 30), (100, 120), (180, 50)]
BINDING = ("--task", "detection", "--decoder", "yolo", "--mean", "0", "--std", "1", "--resize", "stretch")


def test_a_model_file_is_compiled_first_with_options_between_it_and_the_pictures(
    model_file: Path, large: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("square\n")
    words = [model_file, *BINDING, "--labels", labels, large, "--tile", 64, "--tile-overlap", "0.3", "--json"]
    code, out, err = predict(capsys, *words, "--draw", tmp_path / "out")
    (found,) = objects(out)
    assert code == 0, err
    assert (found["path"], found["task"], found["width"], found["height"]) == (str(large), "detection", 200, 150)
    boxes = sorted(tuple(round(value) for value in row["box"][:2]) for row in found["detections"])
    assert boxes == sorted(CORNERS)
    assert {row["label"] for row in found["detections"]} == {"square"}
    assert (tmp_path / "out" / "large.annotated.png").is_file()
    code, again, err = predict(capsys, *words)
    assert (code, again, err) == (0, out, "")  # from the cache, without a word


def test_without_tiles_small_things_are_not_seen(
    model_file: Path, large: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = predict(capsys, model_file, *BINDING, large)
    assert (code, out) == (0, f"0 found: -  {large}\n")


def test_options_for_model_files_do_not_go_with_an_artifact(
    artifact: Path, shots: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = predict(capsys, artifact, shots, "--task", "detection", "--labels", "coco", "--input", "x=1x3x8x8")
    assert code == 2
    assert "is an artifact" in err
    assert "--inputs" not in err
    for option in ("--task", "--labels", "--input"):
        assert option in err


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--tile", "64"], 2, "tile makes no sense for anomaly models"),
        (["--tile", "8"], 2, "--tile"),
        (["--tile", "64", "--tile-overlap", "1"], 2, "--tile-overlap"),
        (["--precision", "int8"], 2, "--precision"),
    ],
)
def test_options_that_do_not_fit(
    artifact: Path, shots: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, message: str
) -> None:
    found, out, err = predict(capsys, artifact, shots / "a", *options)
    assert (found, out) == (code, "")
    assert message in err


def test_options_for_model_files_do_not_go_with_a_name(large: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = next(iter(entries()))
    code, _, err = predict(capsys, name, large, "--labels", "coco")
    assert code == 2
    assert f"'{name}' is a model of the zoo" in err


def test_weights_are_for_names(model_file: Path, large: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = predict(capsys, model_file, large, "--weights", model_file)
    assert code == 2
    assert "--weights" in err


def test_a_wrong_task_for_a_model_file(model_file: Path, large: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = predict(capsys, model_file, "--task", "pose", large)
    assert (code, out) == (1, "")
    assert "--decoder" in err
    assert "Traceback" not in err


def test_a_wrong_decoder_for_a_model_file(model_file: Path, large: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = predict(capsys, model_file, "--task", "detection", "--decoder", "yolox", large)
    assert code != 0
    assert out == ""
    assert "Traceback" not in err
    assert "internal error" not in err


def test_neither_artifact_nor_model(tmp_path: Path, large: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = predict(capsys, tmp_path / "missing.onnx", large)
    assert code == 1
    assert "missing.onnx" in err
    code, _, err = predict(capsys, "no-such-model", large)
    assert code == 1
    assert "no-such-model" in err
    (tmp_path / "notes.txt").write_text("no model")
    code, _, err = predict(capsys, tmp_path / "notes.txt", large)
    assert code == 1
    assert "notes.txt: no model that is known here" in err


@pytest.mark.parametrize("name", ["rgba.png", "deep.png", "one.png"])
def test_pictures_of_other_kinds_are_found_in_and_drawn_on(
    model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    pixels = picture_with_squares(64, 64, [(10, 20)])
    images = {
        "rgba.png": Image.fromarray(pixels).convert("RGBA"),
        "deep.png": Image.fromarray(pixels[..., 0].astype("uint16") * 257),
        "one.png": Image.fromarray(pixels[:1, :1]),
    }
    images[name].save(tmp_path / name)
    code, out, _ = predict(capsys, model_file, *BINDING, tmp_path / name, "--json", "--draw", tmp_path)
    assert code == 0
    (found,) = objects(out)
    boxes = [[round(value) for value in row["box"]] for row in found["detections"]]
    assert boxes == ([] if name == "one.png" else [[10, 20, 26, 36]])
    with Image.open(tmp_path / f"{Path(name).stem}.annotated.png") as drawn:
        assert (drawn.mode, drawn.size) == ("RGB", images[name].size)


@pytest.fixture
def two_models(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "pose.tar.gz", tmp_path / "people.tar.gz"
    for path, made in zip(paths, (pose_artifact(), squares_artifact(labels=("person",))), strict=True):
        made.save(path)
    return paths


def test_a_detector_finds_the_people_for_a_pose_model(
    two_models: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pose, detector = two_models
    photo = tmp_path / "photo.png"
    Image.fromarray(picture_with_squares(64, 64, [(4, 6), (40, 30)])).save(photo)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    words = (pose, photo, tmp_path / "broken.png", "--people", detector)
    code, out, err = predict(capsys, *words, "--json", "--draw", tmp_path / "out")
    assert code == 1
    assert "broken.png" in err
    (found,) = objects(out)
    assert (found["task"], found["path"]) == ("pose", str(photo))
    assert sorted([round(value) for value in row["box"]] for row in found["detections"]) == [
        [4, 6, 20, 22],
        [40, 30, 56, 46],
    ]
    for row in found["detections"]:
        left, top, right, bottom = row["box"]
        assert all(left <= joint["x"] <= right and top <= joint["y"] <= bottom for joint in row["keypoints"])
    assert (tmp_path / "out" / "photo.annotated.png").is_file()
    code, out, _ = predict(capsys, pose, photo, "--people", detector, "--people-threshold", "1")
    assert (code, out.split()[:2]) == (0, ["0", "people:"])
    code, out, _ = predict(capsys, pose, photo, "--json")
    assert len(objects(out)[0]["detections"]) == 1  # the picture as a whole


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--people-threshold", "0.5"], "--people-threshold is for the boxes of --people"),
        (["--people", "people.tar.gz", "--tile", "64"], "--tile and --people do not go together"),
        (["--people", "pose.tar.gz"], "'red' (task pose) finds no people: expected a detector"),
    ],
)
def test_options_for_people_that_do_not_fit(
    two_models: tuple[Path, Path],
    large: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(two_models[0].parent)
    code, out, err = predict(capsys, two_models[0], large, *words)
    assert (code, out) == (2, "")
    assert message in err


def test_a_detector_that_is_none(
    two_models: tuple[Path, Path], model_file: Path, large: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pose, detector = two_models
    code, _, err = predict(capsys, pose, large, "--people", model_file)
    assert code == 1
    assert "squares.onnx" in err
    code, _, err = predict(capsys, detector, large, "--people", detector)
    assert code == 2
    assert "does not look at one person" in err


@pytest.mark.parametrize("target", ["intel-gpu", "npu", "nvidia"])
def test_an_artifact_for_another_target_is_tried_on_the_one_that_is_named(
    tmp_path: Path, large: Path, capsys: pytest.CaptureFixture[str], target: str
) -> None:
    made = tmp_path / "elsewhere.tar.gz"
    squares_artifact(target=target, engine="onnxruntime" if target == "nvidia" else "openvino").save(made)
    code, out, err = predict(capsys, made, large)
    if code:  # this machine lacks it
        assert (code, out) == (1, "")
        assert f"target {target}" in err
    code, out, err = predict(capsys, made, large, "--target", "cpu", "--json")
    assert (code, err) == (0, "")
    assert objects(out)[0]["task"] == "detection"


@pytest.mark.parametrize("target", ["intel-gpu", "npu", "nvidia"])
def test_a_target_that_this_machine_lacks_is_named(
    tmp_path: Path, large: Path, capsys: pytest.CaptureFixture[str], target: str
) -> None:
    made = tmp_path / "here.tar.gz"
    squares_artifact(engine="openvino" if target == "nvidia" else "onnxruntime").save(made)
    code, _, err = predict(capsys, made, large, "--target", target)
    if code == 0:
        pytest.skip(f"this machine has a {target}")
    assert code == 1
    assert f"for the target {target}" in err
    assert "needs the engine" not in err  # what was chosen for processors does not bind
    assert "Traceback" not in err


@pytest.mark.slow
@pytest.mark.shared
def test_tiles_find_the_small_kites_of_a_photograph(
    shared_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BELVEDERE_CACHE", str(tmp_path))
    model = shared_folder / "models/yolox_nano_coco/yolox_nano.onnx"
    photo = shared_folder / "data/photos/beach_kites.jpg"
    words = (model, "--task", "detection", "--decoder", "yolox", "--labels", "coco", photo, "--json")
    (whole,) = objects(predict(capsys, *words)[1])
    (tiled,) = objects(predict(capsys, *words, "--tile", 416)[1])

    def kites(found: dict[str, Any]) -> int:
        return sum(row["label"] == "kite" for row in found["detections"])

    assert kites(tiled) >= kites(whole) + 2
