"""Opening models: files, folders and archives."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from belvedere.compiler.source import is_archive, open_source
from belvedere.core.archives import plain_tar, tar_gz
from belvedere.core.errors import CompileError, LimitError
from belvedere.core.limits import Limits

NEO = {
    "./export/model-symbol.json": b"{}",
    "export/model-0000.params": b"\x12\x01",
    "export/._model-symbol.json": b"mac",
    ".hidden/model.onnx": b"x",
    "code/inference.py": b"import os",
    "code/model.onnx": b"x",
    "__MACOSX/model.onnx": b"x",
    "model-shapes.json": b"[]",
}
SEEN = ["export/model-0000.params", "export/model-symbol.json", "model-shapes.json"]


def zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "pack"),
    [("m.tar.gz", tar_gz), ("m.tgz", tar_gz), ("m.tar", plain_tar), ("m.zip", zipped), ("model", tar_gz)],
)
def test_an_archive_is_unpacked_for_as_long_as_the_block_lasts(tmp_path: Path, name: str, pack) -> None:
    path = tmp_path / name
    path.write_bytes(pack(NEO))
    with open_source(path) as source:
        assert [file.as_posix() for file in source.files] == SEEN
        assert (source.root / "export/model-0000.params").read_bytes() == b"\x12\x01"
        assert source.path == path
        assert not source.single
        root = source.root
    assert not root.exists()
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_shows_the_same_files_as_its_archive(tmp_path: Path) -> None:
    for name, data in NEO.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    os.mkfifo(tmp_path / "pipe")
    with open_source(tmp_path) as source:
        assert [file.as_posix() for file in source.files] == SEEN
        assert source.root == tmp_path


def test_a_single_file_keeps_its_neighbours_in_reach(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"x")
    (tmp_path / "net.onnx.data").write_bytes(b"y")
    with open_source(str(tmp_path / "net.onnx")) as source:
        assert source.single
        assert source.files == (Path("net.onnx"),)
        assert (source.root / "net.onnx.data").exists()


@pytest.mark.parametrize("name", ["net.pt", "net.pth", "net.pt2", "net.keras", "net.pth.tar", "net.tar"])
def test_model_files_that_are_zip_files_are_not_unpacked(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(zipped({"archive/data.pkl": b"x"}))
    assert not is_archive(tmp_path / name)
    with open_source(tmp_path / name) as source:
        assert source.single


def test_a_damaged_archive_says_what_neo_said(tmp_path: Path) -> None:
    (tmp_path / "model.tar.gz").write_bytes(tar_gz(NEO)[:-20])
    with (
        pytest.raises(CompileError, match=r"unable to untar input model: .*model\.tar\.gz"),
        open_source(tmp_path / "model.tar.gz"),
    ):
        pass


def test_a_link_in_an_archive_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "model.tar", "w") as archive:
        link = tarfile.TarInfo("model.onnx")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(CompileError, match="link or device"), open_source(tmp_path / "model.tar"):
        pass


def test_the_temporary_folder_goes_when_the_block_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = tmp_path / "model.tar.gz"
    for content, kind in ((tar_gz(NEO), KeyError), (tar_gz(NEO)[:100], CompileError)):
        path.write_bytes(content)
        with pytest.raises(kind), open_source(path):
            raise KeyError
        assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_a_model(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".git").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, message in (("no", "no such file"), ("empty", "no model in it"), ("pipe", "neither a file nor a folder")):
        with pytest.raises(CompileError, match=message), open_source(tmp_path / name):
            pass


def test_a_folder_of_very_many_files_is_not_searched_to_its_end(tmp_path: Path) -> None:
    for number in range(8):
        (tmp_path / str(number)).touch()
    with pytest.raises(LimitError, match="more than 7 files"), open_source(tmp_path, Limits(archive_members=7)):
        pass
