"""Bad input: every message names the thing and what was expected; the rest is done; nothing is half written."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from belvedere.cli.root import run
from belvedere.core.files import sha256_of
from belvedere.runtime import Artifact
from helpers.parts import part, write_parts

TRAIN = ["--task", "anomaly", "--size", "64"]
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Command:
    """Run the program in this process; its exit code, stdout and stderr."""

    def call(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run([str(word) for word in words])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return call


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Five normal and four anomalous small pictures."""
    return write_parts(tmp_path / "set", 5, 4, size=(80, 60))


# Data sets


def test_an_empty_folder(command: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, out, err = command("train", tmp_path / "empty", *TRAIN, "--out", tmp_path / "m.tar.gz")
    assert (code, out) == (1, "")
    assert "empty" in err
    assert "picture" in err
    assert not (tmp_path / "m.tar.gz").exists()


def test_no_such_folder(command: Command, tmp_path: Path) -> None:
    code, out, err = command("train", tmp_path / "missing", *TRAIN, "--out", tmp_path / "m.tar.gz")
    assert (code, out) == (1, "")
    assert "missing: no such file or folder" in err


@pytest.mark.slow
def test_normal_pictures_alone_work(command: Command, small: Path, tmp_path: Path) -> None:
    shutil.rmtree(small / "anomaly")
    shutil.rmtree(small / "ground_truth")
    code, out, _ = command("train", small, *TRAIN, "--out", tmp_path / "m.tar.gz", "--json")
    assert code == 0
    assert json.loads(out)["training"]["threshold_rule"]["rule"] == "false_alarms"


@pytest.mark.parametrize("normal", [0, 1])
def test_fewer_pictures_than_needed(command: Command, tmp_path: Path, normal: int) -> None:
    folder = write_parts(tmp_path / "set", normal, 3, size=(80, 60))
    code, out, err = command("train", folder, *TRAIN, "--out", tmp_path / "m.tar.gz")
    assert (code, out) == (1, "")
    message = " ".join(err.split())
    assert f"{normal} are usable and labelled normal and 3 anomalous" in message
    assert "at least 2 normal" in message
    assert not (tmp_path / "m.tar.gz").exists()


@pytest.mark.slow
def test_unreadable_and_huge_files_are_named_and_left_out(command: Command, small: Path, tmp_path: Path) -> None:
    normal = small / "normal"
    (normal / "torn.jpg").write_bytes((normal / "00.jpg").read_bytes()[:300])
    (normal / "text.png").write_text("no picture at all")
    (normal / "nothing.jpg").touch()
    Image.new("1", (20_000, 20_000)).save(normal / "vast.png")
    with (normal / "heavy.jpg").open("wb") as stream:
        stream.truncate(300 * 1024**2)
    out = tmp_path / "m.tar.gz"
    code, _, err = command("train", small, *TRAIN, "--normal-only", "--out", out)
    assert code == 1
    for name in ("torn.jpg", "text.png", "nothing.jpg", "vast.png", "heavy.jpg"):
        assert name in err
    artifact = Artifact.load(out)
    training = artifact.manifest.provenance["training"]
    assert training["pictures"]["normal"] == 5  # type: ignore[index, call-overload]
    text = artifact.manifest.to_json().decode()
    assert str(tmp_path) not in text

    code, stdout, err = command("predict", out, normal, "--json")
    assert code == 1
    assert len(stdout.splitlines()) == 5
    for name in ("torn.jpg", "text.png", "nothing.jpg", "vast.png", "heavy.jpg"):
        assert name in err
    assert "5 of 10 inputs could not be scored" in err


@pytest.mark.slow
def test_pictures_that_look_alike_are_mentioned_and_used(command: Command, small: Path, tmp_path: Path) -> None:
    """A fixed camera takes nearly the same picture of good parts; that is no failure."""
    picture = np.asarray(Image.open(small / "normal" / "00.jpg"))
    for level in (1, 2):
        nudged = np.clip(picture.astype(int) + level, 0, 255).astype(np.uint8)
        Image.fromarray(nudged).save(small / "normal" / f"alike{level}.png")
    out = tmp_path / "m.tar.gz"
    code, _, err = command("train", small, *TRAIN, "--normal-only", "--out", out)
    assert "nearly the same picture" in err
    training = Artifact.load(out).manifest.provenance["training"]
    assert training["pictures"]["normal"] == 7  # type: ignore[index, call-overload]
    assert "could not be used" not in err
    assert code == 0


@pytest.mark.slow
def test_a_wrong_manifest_line_is_named_by_its_number(command: Command, small: Path, tmp_path: Path) -> None:
    meta = {"class-name": "normal", "type": "groundtruth/image-classification", "human-annotated": "yes",
            "creation-date": "2022-08-22T20:52:51.851Z", "job-name": "x", "confidence": 1}  # fmt: skip
    lines = [
        json.dumps({"source-ref": f"s3://bucket/set/normal/{i:02}.jpg", "anomaly-label": 0,
                    "anomaly-label-metadata": meta}) for i in range(5)
    ]  # fmt: skip
    lines.insert(2, '{"source-ref": "s3://bucket/set/normal/01.jpg", "anomaly-label"')
    lines.append(lines[0].replace("00.jpg", "missing.jpg"))
    manifest = tmp_path / "train.manifest"
    manifest.write_text("\n".join(lines) + "\n")
    out = tmp_path / "m.tar.gz"
    code, _, err = command("train", manifest, *TRAIN, "--out", out, "--map", f"s3://bucket/set={small}")
    assert code == 1
    assert "train.manifest:3" in err
    assert "train.manifest:7" in err
    assert "missing.jpg" in err
    training = Artifact.load(out).manifest.provenance["training"]
    assert training["pictures"]["normal"] == 5  # type: ignore[index, call-overload]


@pytest.mark.slow
def test_a_missing_picture_does_not_bring_the_place_into_the_digest(
    command: Command, small: Path, tmp_path: Path
) -> None:
    rows = [f"s3://bucket/normal/{i:02}.jpg,normal" for i in range(5)] + ["s3://bucket/normal/missing.jpg,normal"]
    (tmp_path / "set.csv").write_text("\n".join(["image,label", *rows]) + "\n")
    out = tmp_path / "m.tar.gz"
    code, _, err = command("train", tmp_path / "set.csv", *TRAIN, "--out", out, "--map", f"s3://bucket={small}")
    assert code == 1
    assert "missing.jpg" in err
    assert str(tmp_path) not in Artifact.load(out).manifest.to_json().decode()


def test_an_empty_region_of_interest(command: Command, small: Path, tmp_path: Path) -> None:
    Image.new("L", (80, 60)).save(tmp_path / "black.png")
    code, _, err = command("train", small, *TRAIN, "--out", tmp_path / "m.tar.gz", "--roi", tmp_path / "black.png")
    assert code in (1, 2)
    assert "region of interest is empty" in " ".join(err.split())


# Artifacts


@pytest.fixture
def copied(normals: Path, tmp_path: Path) -> Path:
    """The folder form of an artifact, to be spoiled."""
    target: Path = tmp_path / "plates"
    shutil.copytree(normals, target)
    return target


@pytest.fixture
def picture(tmp_path: Path, jpeg: bytes) -> Path:
    path = tmp_path / "part.jpg"
    path.write_bytes(jpeg)
    return path


def refuse(command: Command, artifact: Path, picture: Path) -> str:
    """The message with which ``predict`` refuses the artifact."""
    code, out, err = command("predict", artifact, picture, "--json")
    assert code == 1
    assert out == ""
    assert artifact.name in err
    return " ".join(err.split())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["network.onnx", "manifest.json"])
def test_a_tampered_file(command: Command, copied: Path, picture: Path, name: str) -> None:
    data = bytearray((copied / name).read_bytes())
    place = data.index(b'"threshold": 0.5') + 13 if name == "manifest.json" else len(data) // 2
    data[place] ^= 1
    (copied / name).write_bytes(data)
    message = refuse(command, copied, picture)
    assert f"changed since the artifact was made: {name}" in message


@pytest.mark.slow
def test_a_threshold_lowered_with_its_own_checksum_is_noticed_by_the_digest(copied: Path) -> None:
    """Whoever rewrites everything makes another model; the digest that was noted down tells."""
    before = Artifact.load(copied).digest
    text = (copied / "manifest.json").read_bytes().replace(b'"threshold": 0.5', b'"threshold": 0.9', 1)
    (copied / "manifest.json").write_bytes(text)
    (copied / "manifest.sha256").write_text(f"{sha256_of(text)}  manifest.json\n")
    assert Artifact.load(copied).digest != before


@pytest.mark.slow
@pytest.mark.parametrize("name", ["network.onnx", "manifest.sha256", "manifest.json"])
def test_a_missing_file(command: Command, copied: Path, picture: Path, name: str) -> None:
    (copied / name).unlink()
    assert name in refuse(command, copied, picture)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_truncated_archive(command: Command, labelled: Path, picture: Path, tmp_path: Path, share: float) -> None:
    data = labelled.read_bytes()
    torn = tmp_path / "torn.tar.gz"
    torn.write_bytes(data[: int(share * len(data))])
    refuse(command, torn, picture)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["../escaped.txt", "/tmp/belvedere-escaped.txt", "a/../../escaped.txt"])
def test_path_traversal(command: Command, normals: Path, picture: Path, tmp_path: Path, name: str) -> None:
    evil = tmp_path / "inner" / "evil.tar.gz"
    evil.parent.mkdir()
    with tarfile.open(evil, "w:gz") as archive:
        for path in sorted(normals.rglob("*")):
            if path.is_file():
                archive.add(path, path.relative_to(normals).as_posix())
        entry = tarfile.TarInfo(name)
        entry.size = 3
        archive.addfile(entry, io.BytesIO(b"bad"))
    refuse(command, evil, picture)
    assert not list(tmp_path.rglob("*escaped*"))
    assert not Path("/tmp/belvedere-escaped.txt").exists()


def test_something_else(command: Command, picture: Path, tmp_path: Path) -> None:
    refuse(command, picture, picture)
    missing = tmp_path / "missing.tar.gz"
    assert "no such artifact" in refuse(command, missing, picture)


# Pictures


@pytest.mark.slow
def test_predict_names_what_it_cannot_read_and_scores_the_rest(
    command: Command, normals: Path, picture: Path, tmp_path: Path
) -> None:
    shots = tmp_path / "shots"
    shots.mkdir()
    shutil.copy(picture, shots / "1.jpg")
    (shots / "2.jpg").write_bytes(picture.read_bytes()[:500])
    Image.fromarray(part(5)[0]).save(shots / "3.png")
    code, out, err = command("predict", normals, shots, tmp_path / "nowhere.jpg", "--json")
    assert code == 1
    assert [Path(json.loads(line)["path"]).name for line in out.splitlines()] == ["1.jpg", "3.png"]
    assert "2.jpg" in err
    assert "nowhere.jpg" in err
