"""Artifacts: whole or refused; the same bytes and digest again."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.core.archives import read_tar, tar_gz
from belvedere.core.errors import ArtifactError, BelvedereError, LimitError, NotAnArtifactError, StorageError
from belvedere.core.files import sha256_of
from belvedere.core.limits import Limits
from belvedere.runtime.artifact import Artifact
from belvedere.runtime.manifest import ImageInput
from helpers.artifacts import tiny_artifact, tiny_fields

FORMS = ["model", "model.tar", "model.tar.gz", "model.tgz"]


@pytest.fixture(scope="module")
def artifact() -> Artifact:
    made = tiny_artifact(types=2)
    return made.with_report("speed.json", b"{}").with_report("parity/openvino.json", b"[1]")


@pytest.mark.parametrize("form", FORMS)
def test_save_and_load(artifact: Artifact, tmp_path: Path, form: str) -> None:
    artifact.save(tmp_path / form)
    loaded = Artifact.load(tmp_path / form)
    assert loaded.manifest == artifact.manifest
    assert loaded.files == artifact.files
    assert loaded.reports == artifact.reports
    assert loaded.digest == artifact.digest
    assert loaded.network == artifact.files["network.onnx"]


@pytest.mark.parametrize("form", FORMS[1:])
def test_saving_twice_gives_the_same_bytes(tmp_path: Path, form: str) -> None:
    tiny_artifact().save(tmp_path / form)
    first = (tmp_path / form).read_bytes()
    tiny_artifact().save(tmp_path / form)
    assert (tmp_path / form).read_bytes() == first


def test_saving_over_another_model_leaves_nothing_of_it(artifact: Artifact, tmp_path: Path) -> None:
    artifact.save(tmp_path / "model")
    plain = tiny_artifact()
    plain.save(tmp_path / "model")
    assert Artifact.load(tmp_path / "model").reports == {}
    assert Artifact.load(tmp_path / "model").digest == plain.digest


def test_digest_is_of_the_canonical_manifest(artifact: Artifact, tmp_path: Path) -> None:
    artifact.save(tmp_path / "model")
    assert artifact.digest == sha256_of((tmp_path / "model/manifest.json").read_bytes())
    document = json.loads((tmp_path / "model/manifest.json").read_bytes())
    (tmp_path / "model/manifest.json").write_text(json.dumps(document))  # another spelling, the same model
    assert Artifact.load(tmp_path / "model").digest == artifact.digest


def test_digest_follows_content_and_not_reports(artifact: Artifact) -> None:
    assert artifact.with_report("new.txt", b"x").digest == artifact.digest
    assert tiny_artifact(types=2).digest == artifact.digest
    assert tiny_artifact(types=2, seed=1).digest != artifact.digest
    assert tiny_artifact(types=2, name="other").digest != artifact.digest


def test_with_report_leaves_the_original(artifact: Artifact) -> None:
    more = artifact.with_report("new.txt", b"x")
    assert more.reports["new.txt"] == b"x"
    assert "new.txt" not in artifact.reports


@pytest.mark.parametrize("name", ["../up", "/abs", "a//b", "", "SHA256SUMS"])
def test_report_names_are_plain(artifact: Artifact, name: str) -> None:
    with pytest.raises(ArtifactError):
        artifact.with_report(name, b"")


def test_repr_is_short(artifact: Artifact) -> None:
    size = len(artifact.network)
    assert repr(artifact) == f"<Artifact 'tiny': anomaly, {size} bytes, digest {artifact.digest[:12]}>"


def test_contents_are_frozen(artifact: Artifact) -> None:
    with pytest.raises(TypeError):
        artifact.files["network.onnx"] = b""  # type: ignore[index]


def test_report_sums_are_those_of_sha256sum(artifact: Artifact, tmp_path: Path) -> None:
    artifact.save(tmp_path / "model")
    lines = (tmp_path / "model/reports/SHA256SUMS").read_text().splitlines()
    assert lines == [f"{sha256_of(b'[1]')}  parity/openvino.json", f"{sha256_of(b'{}')}  speed.json"]


@pytest.mark.parametrize(
    ("path", "data", "reason"),
    [
        ("network.onnx", b"tampered", "changed since the artifact was made: network.onnx"),
        ("network.onnx", None, "missing: network.onnx"),
        ("extra.bin", b"x", "not listed in the manifest: extra.bin"),
        (".hidden/extra.bin", b"x", "not listed in the manifest: .hidden/extra.bin"),
        ("manifest.sha256", None, "missing: manifest.sha256"),
        ("manifest.sha256", b"", "changed since the artifact was made: manifest.json"),
        ("manifest.json", None, "no manifest.json"),
        ("manifest.json", b"{}", "is missing"),
        ("reports/speed.json", b"[]", "reports/speed.json is changed"),
        ("reports/speed.json", None, "reports/speed.json is missing"),
        ("reports/more.json", b"[]", "reports/more.json is not listed"),
        ("reports/SHA256SUMS", None, "reports/SHA256SUMS is missing"),
        ("reports/SHA256SUMS", b"\xff", "line 1 of reports/SHA256SUMS"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_tampering_is_named(
    artifact: Artifact, tmp_path: Path, path: str, data: bytes | None, reason: str, *, packed: bool
) -> None:
    target = tmp_path / "model"
    artifact.save(target)
    file = target / path
    if data is None:
        file.unlink()
    else:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(data)
    if packed:
        contents = {p.relative_to(target).as_posix(): p.read_bytes() for p in target.rglob("*") if p.is_file()}
        target = tmp_path / "model.tar.gz"
        target.write_bytes(tar_gz(contents))
    with pytest.raises(ArtifactError) as caught:
        Artifact.load(target)
    assert reason in str(caught.value)
    assert target.name in str(caught.value)


@pytest.fixture(scope="module")
def saved(artifact: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    for form in FORMS[1:3]:
        artifact.save(folder / form)
    return folder


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(FORMS[1:3]), st.integers(0, 10**6), st.integers(0, 7))
def test_a_flipped_bit_never_goes_unnoticed(saved: Path, form: str, place: int, bit: int) -> None:
    """Loading fails with one of our errors, or gives exactly the same model."""
    damaged = bytearray((saved / form).read_bytes())
    damaged[place % len(damaged)] ^= 1 << bit
    (saved / "damaged").write_bytes(damaged)
    try:
        loaded = Artifact.load(saved / "damaged")
    except (ArtifactError, LimitError):
        return
    intact = Artifact.load(saved / form)
    assert (loaded.digest, loaded.files) == (intact.digest, intact.files)


def test_an_edited_threshold_is_noticed(artifact: Artifact, tmp_path: Path) -> None:
    artifact.save(tmp_path / "model")
    text = (tmp_path / "model/manifest.json").read_text()
    assert '"threshold": 0.5' in text
    (tmp_path / "model/manifest.json").write_text(text.replace('"threshold": 0.5', '"threshold": 0.6'))
    with pytest.raises(ArtifactError, match=r"changed since the artifact was made: manifest\.json"):
        Artifact.load(tmp_path / "model")


def test_links_are_refused(artifact: Artifact, tmp_path: Path) -> None:
    artifact.save(tmp_path / "model")
    (tmp_path / "secret").write_bytes(b"x")
    (tmp_path / "model/link").symlink_to(tmp_path / "secret")
    with pytest.raises(ArtifactError, match="'link' is a link"):
        Artifact.load(tmp_path / "model")
    (tmp_path / "model/link").unlink()
    os.mkfifo(tmp_path / "model/pipe")
    with pytest.raises(ArtifactError, match="'pipe' is a link or special file"):
        Artifact.load(tmp_path / "model")


def test_path_traversal_writes_nothing(artifact: Artifact, tmp_path: Path) -> None:
    path = tmp_path / "in" / "evil.tar.gz"
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("../evil.txt")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"evil"))
    with pytest.raises(ArtifactError, match=r"unsafe path '\.\./evil\.txt'"):
        Artifact.load(path)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["evil.tar.gz", "in"]


def test_limits_hold_for_folders_and_archives(artifact: Artifact, tmp_path: Path) -> None:
    for form in ("model", "model.tar.gz"):
        artifact.save(tmp_path / form)
        with pytest.raises(LimitError):
            Artifact.load(tmp_path / form, Limits(archive_bytes=1000))
        with pytest.raises(LimitError):
            Artifact.load(tmp_path / form, Limits(archive_members=2))


def test_what_is_no_artifact(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="there is no such artifact"):
        Artifact.load(tmp_path / "none.tar.gz")
    with pytest.raises(ArtifactError, match="not a Belvedere artifact"):
        Artifact.load(tmp_path)
    (tmp_path / "x.tar.gz").write_bytes(tar_gz({"model/manifest.json": b"{}"}))
    with pytest.raises(ArtifactError, match="not a Belvedere artifact"):
        Artifact.load(tmp_path / "x.tar.gz")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("net.onnx", "an ONNX model"), ("NET.PT", "a PyTorch model"), ("net.h5", "a Keras model"),
     ("net.tflite", "a TFLite model"), ("net-symbol.json", "an MXNet model"), ("yolo.weights", "a Darknet model")],
)  # fmt: skip
def test_a_source_model_is_said_to_be_one(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / name).write_bytes(b"whatever")
    with pytest.raises(NotAnArtifactError, match=f"this is {kind}; compile it first, belvedere compile {name} "):
        Artifact.load(tmp_path / name)


def test_packed_source_models_are_said_to_be_such(tmp_path: Path) -> None:
    (tmp_path / "model.tar.gz").write_bytes(tar_gz({"a/net-symbol.json": b"{}", "a/net-0000.params": b""}))
    with pytest.raises(NotAnArtifactError, match=r"model\.tar\.gz: .*this is an MXNet model; compile it first"):
        Artifact.load(tmp_path / "model.tar.gz")
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"")
    with pytest.raises(NotAnArtifactError, match="this is a TensorFlow model"):
        Artifact.load(tmp_path / "saved")


def test_a_newer_artifact_is_refused_with_help(artifact: Artifact, tmp_path: Path) -> None:
    contents = {"manifest.json": b'{"schema_version": 2, "everything": "else"}', "net.bin": b""}
    (tmp_path / "x.tar.gz").write_bytes(tar_gz(contents))
    with pytest.raises(ArtifactError, match="upgrade with pip install -U belvedere"):
        Artifact.load(tmp_path / "x.tar.gz")


def test_the_backup_of_an_interrupted_save_is_loaded(artifact: Artifact, tmp_path: Path) -> None:
    artifact.save(tmp_path / "model")
    (tmp_path / "model").rename(tmp_path / ".model.old")
    assert Artifact.load(tmp_path / "model").digest == artifact.digest


def test_build_takes_models_as_well_as_mappings() -> None:
    fields = tiny_fields()
    as_model = ImageInput.model_validate_json(json.dumps(fields["inputs"][0]))
    assert Artifact.build(**{**fields, "inputs": [as_model]}).digest == Artifact.build(**fields).digest


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"batch": 0}, "batch"),
        ({"provenance": {"when": float("nan")}}, "holds what JSON cannot"),
        ({"provenance": {"path": Path("x")}}, "holds what JSON cannot"),
        ({"files": {}}, "network.file 'network.onnx' is not among files"),
        ({"files": {"network.onnx": b"", "manifest.json": b""}}, "must not list manifest.json"),
        ({"files": {"network.onnx": b"", "reports/x": b""}}, "must not list reports/x"),
        ({"decoder": {"threshold": 0.5}}, "decoder.pixel_threshold: is missing"),
    ],
)
def test_build_refuses_what_load_would(changed: dict[str, object], reason: str) -> None:
    with pytest.raises(ArtifactError) as caught:
        tiny_artifact(**changed)
    assert reason in str(caught.value)


def test_files_and_manifest_must_agree(artifact: Artifact) -> None:
    with pytest.raises(ArtifactError, match=r"missing: network\.onnx"):
        Artifact(artifact.manifest, {})


def test_a_disk_that_refuses_leaves_the_old_artifact(
    artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    for form in ("model", "model.tar.gz"):
        artifact.save(tmp_path / form)
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", refuse)
            with pytest.raises(StorageError, match="No space left"):
                tiny_artifact(seed=1).save(tmp_path / form)
        assert Artifact.load(tmp_path / form).digest == artifact.digest


def test_every_error_is_ours(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir(mode=0o700)
    (tmp_path / "x/manifest.json").mkdir()
    with pytest.raises(BelvedereError):
        Artifact.load(tmp_path / "x")


def test_archive_layout(artifact: Artifact, tmp_path: Path) -> None:
    artifact.save(tmp_path / "model.tar.gz")
    assert list(read_tar(tmp_path / "model.tar.gz")) == [
        "manifest.json", "manifest.sha256", "network.onnx", "reports/SHA256SUMS", "reports/parity/openvino.json",
        "reports/speed.json",
    ]  # fmt: skip


def test_saving_refuses_to_replace_a_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "part.jpg").write_bytes(b"kept")
    with pytest.raises(StorageError, match="other files"):
        tiny_artifact().save(tmp_path / "pictures")
    assert (tmp_path / "pictures" / "part.jpg").read_bytes() == b"kept"
