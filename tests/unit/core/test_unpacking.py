"""Unpacking archives: what comes out, what is refused."""

from __future__ import annotations

import contextlib
import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from belvedere.core.archives import plain_tar, tar_gz
from belvedere.core.errors import ArtifactError, BelvedereError, LimitError
from belvedere.core.limits import Limits
from belvedere.core.unpacking import unpack

FILES = {"model/net.onnx": bytes(range(256)) * 20, "labels.txt": b"cat\ndog\n", "empty": b""}


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


def zip_member(name: str, mode: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.create_system = 3
        info.external_attr = mode << 16
        archive.writestr(info, "/etc/passwd")
    return packed.getvalue()


def unpacked(folder: Path, data: bytes, limits: Limits | None = None) -> dict[str, bytes]:
    path, target = folder / "some.archive", folder / "unpacked"
    path.write_bytes(data)
    target.mkdir(exist_ok=True)
    files = unpack(path, target, limits or Limits())
    return {file.as_posix(): (target / file).read_bytes() for file in files}


@pytest.mark.parametrize("pack", [tar_gz, plain_tar, zipped])
def test_every_file_comes_out_as_it_went_in(tmp_path: Path, pack) -> None:
    assert unpacked(tmp_path, pack(FILES)) == FILES


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "a\\..\\evil", "C:/evil"])
def test_paths_that_climb_out_are_refused(tmp_path: Path, name: str) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
    for data in (zipped({name: b"x"}), packed.getvalue()):
        with pytest.raises(ArtifactError, match="unsafe path"):
            unpacked(tmp_path, data)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["some.archive", "unpacked"]


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o644, stat.S_IFCHR | 0o644])
def test_links_and_devices_in_a_zip_are_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(ArtifactError, match="link or device"):
        unpacked(tmp_path, zip_member("a", mode))


def test_a_zip_bomb_is_stopped_by_its_declared_size(tmp_path: Path) -> None:
    with pytest.raises(LimitError, match="unpacks to more than"):
        unpacked(tmp_path, zipped({"zeros": bytes(40_000_000)}))
    assert not list((tmp_path / "unpacked").iterdir())


def test_a_zip_that_understates_its_size_is_damaged(tmp_path: Path) -> None:
    data = zipped({"zeros": bytes(1000)})
    with pytest.raises(ArtifactError, match="not a readable zip"):
        unpacked(tmp_path, data.replace((1000).to_bytes(4, "little"), (10).to_bytes(4, "little")))


def test_a_tar_bomb_is_stopped_while_it_is_read(tmp_path: Path) -> None:
    with pytest.raises(LimitError, match="unpacks to more than"):
        unpacked(tmp_path, tar_gz({"zeros": bytes(40_000_000)}))
    assert sum(file.stat().st_size for file in (tmp_path / "unpacked").iterdir()) < 20_000_000


@pytest.mark.parametrize("pack", [plain_tar, zipped])
def test_too_many_files_are_refused(tmp_path: Path, pack) -> None:
    with pytest.raises(LimitError, match="more than 5 files"):
        unpacked(tmp_path, pack({str(n): b"" for n in range(6)}), Limits(archive_members=5))


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    data = bytearray(zipped({"a": b"secret"}, zipfile.ZIP_STORED))
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + at] |= 1
    with pytest.raises(ArtifactError, match="encrypted"):
        unpacked(tmp_path, bytes(data))


def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    data = zipped({"a1": b"x", "a2": b"y"}).replace(b"a2", b"a1")
    with pytest.raises(ArtifactError, match="there twice"):
        unpacked(tmp_path, data)


@pytest.mark.parametrize("pack", [plain_tar, zipped])
def test_a_name_that_is_a_file_and_a_folder_is_refused(tmp_path: Path, pack) -> None:
    with pytest.raises(ArtifactError, match="a file and a folder"):
        unpacked(tmp_path, pack({"a": b"x", "a/b": b"y"}))


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"no archive at all" * 100])
def test_no_archive(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ArtifactError):
        unpacked(tmp_path, data)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_ends_in_our_errors(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    packed = bytearray(data.draw(st.sampled_from([zipped(FILES), zipped(FILES, zipfile.ZIP_LZMA), plain_tar(FILES)])))
    cut = data.draw(st.integers(0, len(packed)))
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(packed) - 1), st.integers(0, 255)), max_size=6)):
        packed[at] = value
    with contextlib.suppress(BelvedereError):
        unpacked(tmp_path_factory.mktemp("damaged"), bytes(packed[:cut]))
