"""Archives: what is refused, what is bounded, what repeats."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from belvedere.core.archives import plain_tar, read_tar, safe_member_name, tar_gz
from belvedere.core.errors import ArtifactError, LimitError
from belvedere.core.limits import Limits

FILES = {"manifest.json": b"{}", "network.onnx": bytes(range(256)) * 20, "reports/speed.json": b"[]"}


def archive_of(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=form) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def member(name: str, data: bytes = b"x", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def read(folder: Path, data: bytes, limits: Limits | None = None) -> dict[str, bytes]:
    path = folder / "some.tar"
    path.write_bytes(data)
    return read_tar(path, limits or Limits())


@pytest.mark.parametrize("pack", [tar_gz, plain_tar])
def test_round_trip_sorted_and_repeatable(tmp_path: Path, pack) -> None:
    packed = pack(FILES)
    assert packed == pack(dict(reversed(FILES.items())))
    assert read(tmp_path, packed) == FILES
    assert list(read(tmp_path, packed)) == sorted(FILES)


def test_members_hold_no_time_owner_or_mode_of_this_machine() -> None:
    with tarfile.open(fileobj=io.BytesIO(tar_gz(FILES))) as archive:
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in archive} == {(0, 0, 0, "", "", 0o644)}
    assert tar_gz(FILES)[4:8] == bytes(4)  # the gzip header's time


def test_long_and_international_names_round_trip(tmp_path: Path) -> None:
    files = {"a" * 150 + "/" + "b" * 150: b"1", "bücher/写真.bin": b"2"}
    assert read(tmp_path, tar_gz(files)) == files


def test_an_archive_of_the_tar_command_is_read(tmp_path: Path) -> None:
    folder = member("./", b"", type=tarfile.DIRTYPE)
    inner = member("./reports/", b"", type=tarfile.DIRTYPE)
    data = archive_of(folder, inner, member("./a.txt", b"hello"), form=tarfile.GNU_FORMAT)
    assert read(tmp_path, data) == {"a.txt": b"hello"}


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (member("../evil"), "unsafe path"),
        (member("a/../../evil"), "unsafe path"),
        (member("/etc/passwd"), "unsafe path"),
        (member("C:/evil"), "unsafe path"),
        (member("a\\..\\evil"), "unsafe path"),
        (member("a\nb"), "unsafe path"),
        (member("../evil/", b"", type=tarfile.DIRTYPE), "unsafe path"),
        (member("link", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "link or device"),
        (member("hard", b"", type=tarfile.LNKTYPE, linkname="ok"), "link or device"),
        (member("dev", b"", type=tarfile.CHRTYPE), "link or device"),
        (member("block", b"", type=tarfile.BLKTYPE), "link or device"),
        (member("fifo", b"", type=tarfile.FIFOTYPE), "link or device"),
        (member("ok"), "there twice"),
        (member("./ok"), "there twice"),
    ],
)
def test_unsafe_members_are_refused(tmp_path: Path, entry, reason: str) -> None:
    with pytest.raises(ArtifactError, match=reason):
        read(tmp_path, archive_of(member("ok"), entry))


def test_a_sparse_member_is_refused(tmp_path: Path) -> None:
    header = bytearray(member("hole", b"")[0].tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[386:398] = b"00000000000\0"  # one extent, at 0
    header[398:410] = b"00000000000\0"  # of no bytes
    header[483:495] = b"77777777777\0"  # of 8 GiB in all
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    with pytest.raises(ArtifactError, match="hole"):
        read(tmp_path, bytes(header) + bytes(1024))


@pytest.mark.parametrize("keep", [1, 2, 9, 100, 400, -9, -8, -4, -1])
def test_a_truncated_gzip_is_refused(tmp_path: Path, keep: int) -> None:
    with pytest.raises(ArtifactError, match="truncated"):
        read(tmp_path, tar_gz(FILES)[:keep])


def test_a_tar_cut_inside_a_member_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="truncated"):
        read(tmp_path, plain_tar(FILES)[:3000])


@pytest.mark.parametrize("data", [b"", b"\x1f\x8b", b"PK\x03\x04" + bytes(600), b"text" * 500, b"\xff" * 2048])
def test_other_files_are_no_archive(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ArtifactError, match="not a readable tar archive"):
        read(tmp_path, data)


@pytest.mark.parametrize("suffix", ["bz2", "xz"])
def test_other_compressions_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "some.tar"
    with tarfile.open(path, f"w:{suffix}") as archive:
        archive.addfile(member("a", b"")[0])
    with pytest.raises(ArtifactError, match="not a readable tar archive"):
        read_tar(path)


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no such file"):
        read_tar(tmp_path / "none.tar.gz")
    with pytest.raises(ArtifactError, match="cannot be read"):
        read_tar(tmp_path)


def test_too_many_members(tmp_path: Path) -> None:
    data = plain_tar({str(number): b"" for number in range(4)})
    with pytest.raises(LimitError, match="more than 3 files"):
        read(tmp_path, data, Limits(archive_members=3))


def test_too_many_bytes(tmp_path: Path) -> None:
    with pytest.raises(LimitError, match="more than 4096 bytes"):
        read(tmp_path, plain_tar(FILES), Limits(archive_bytes=4096))


HUGE = bytes(64 * 1024**2)


@pytest.mark.parametrize(
    "plain",
    [
        pytest.param(archive_of(member("zeros", HUGE)), id="member"),
        pytest.param(archive_of(member("ok"), member("n" * 40_000_000)), id="pax header"),
        pytest.param(archive_of(member("ok"), member("n" * 40_000_000), form=tarfile.GNU_FORMAT), id="gnu name"),
        pytest.param(archive_of(member("ok", b"")) + HUGE, id="after the end"),
        pytest.param(archive_of(member("d", HUGE, type=tarfile.DIRTYPE)), id="folder with content"),
    ],
)
def test_nothing_unpacks_beyond_the_bound(tmp_path: Path, plain: bytes) -> None:
    bomb = gzip.compress(plain, 6)
    assert len(bomb) < 300_000
    with pytest.raises(LimitError, match="unpacks to more than"):
        read(tmp_path, bomb, Limits(archive_bytes=20 * 1024**2))


def test_a_bomb_stops_at_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decompressor is asked for little more than the bound, whatever the headers say."""
    given_out = 0
    original = gzip.GzipFile.read

    def counted(self, size: int | None = -1) -> bytes:
        nonlocal given_out
        data = original(self, size)
        given_out += len(data)
        return data

    bomb = gzip.compress(archive_of(member("zeros", HUGE)))
    monkeypatch.setattr(gzip.GzipFile, "read", counted)
    with pytest.raises(LimitError, match="unpacks to more than"):
        read(tmp_path, bomb, Limits(archive_ratio=1.0))
    assert given_out <= 16 * 1024**2 + 1


@pytest.mark.parametrize("compressed", [False, True])
def test_a_member_is_refused_by_the_size_in_its_header(tmp_path: Path, compressed: bool) -> None:
    """Before any of it is unpacked: a few megabytes of packed zeros would keep the reader busy for a minute."""
    header = tarfile.TarInfo("zeros")
    header.size = 3 * 1024**3
    content = header.tobuf() + bytes(1024)
    with pytest.raises(LimitError, match="unpacks to more than"):
        read(tmp_path, gzip.compress(content) if compressed else content, Limits())


def test_padding_behind_the_end_is_bounded(tmp_path: Path) -> None:
    content = archive_of(member("ok", b"x"))
    padded = {size: read(tmp_path, content + bytes(size * 1024**2), Limits()) for size in (1, 8)}
    assert padded == {size: {"ok": b"x"} for size in (1, 8)}
    with pytest.raises(LimitError, match="bytes behind the end of the archive"):
        read(tmp_path, content + bytes(20 * 1024**2), Limits())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=3000))
@example(bytes(1024))
def test_any_bytes_give_files_or_our_errors(tmp_path: Path, data: bytes) -> None:
    try:
        files = read(tmp_path, data)
    except (ArtifactError, LimitError):
        return
    assert all(safe_member_name(name, "x") == name for name in files)


PAX = archive_of(member("é" * 80, b"abc" * 200), member("b/c", b"1", mtime=1.5))


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_bit_flips_and_splices_give_files_or_our_errors(tmp_path: Path, data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from([PAX, plain_tar(FILES), tar_gz(FILES)]))
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        piece = data.draw(st.binary(min_size=1, max_size=8))
        damaged[place : place + len(piece)] = piece
    try:
        files = read(tmp_path, bytes(damaged))
    except (ArtifactError, LimitError):
        return
    assert all(safe_member_name(name, "x") == name for name in files)


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flip_inside_gzip_data_never_changes_content_unnoticed(tmp_path: Path, place: int) -> None:
    damaged = bytearray(tar_gz(FILES))
    damaged[10 + place % (len(damaged) - 10)] ^= 0x10
    try:
        files = read(tmp_path, bytes(damaged))
    except (ArtifactError, LimitError):
        return
    assert files == FILES  # a bit that deflate does not use


@pytest.mark.parametrize("place", range(-8, 0))
def test_the_checksum_and_length_behind_the_data_are_verified(tmp_path: Path, place: int) -> None:
    damaged = bytearray(tar_gz(FILES))
    damaged[place] ^= 1
    with pytest.raises(ArtifactError, match="not a readable tar archive"):
        read(tmp_path, bytes(damaged))


@pytest.mark.parametrize(("name", "plain"), [("a", "a"), ("./a/./b", "a/b"), ("a//b", "a/b"), ("ü/ x", "ü/ x")])
def test_safe_names_are_normalised(name: str, plain: str) -> None:
    assert safe_member_name(name, "x") == plain


@pytest.mark.parametrize("name", ["", ".", "/", "..", "a/..", "\x00", "a\x7f", "\udc80", "c:x", "a\\b", "//a"])
def test_unsafe_names_are_refused(name: str) -> None:
    with pytest.raises(ArtifactError, match="unsafe path"):
        safe_member_name(name, "x")
