"""Atomic writes: the old content or the new, on every failure."""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from belvedere.core import files as module
from belvedere.core.errors import StorageError
from belvedere.core.exchange import exchange
from belvedere.core.files import atomic_write, folder_or_backup, write_bytes, write_folder, write_text

OLD = {"a.txt": b"old a", "sub/b.txt": b"old b"}
NEW = {"a.txt": b"new a", "c.txt": b"new c"}


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.fixture(params=["exchange", "two renames"])
def swapping(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "two renames":
        monkeypatch.setattr(module, "exchange", lambda first, second: False)
    return request.param


def test_write_and_replace(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.bin"
    write_bytes(path, b"1")
    write_text(path, "zwölf")
    assert path.read_bytes() == "zwölf".encode()
    assert leftovers(path.parent) == []


def test_modes_are_those_of_a_plain_open(tmp_path: Path) -> None:
    plain, ours, kept = tmp_path / "plain", tmp_path / "ours", tmp_path / "kept"
    plain.write_bytes(b"")
    write_bytes(ours, b"")
    assert stat.S_IMODE(ours.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    kept.write_bytes(b"")
    kept.chmod(0o640)
    write_bytes(kept, b"1")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640
    (tmp_path / "folder").mkdir()
    write_folder(tmp_path / "written", NEW)
    assert (tmp_path / "written").stat().st_mode == (tmp_path / "folder").stat().st_mode


def test_an_error_in_the_block_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def fail() -> None:
        with atomic_write(path) as stream:
            stream.write(b"half")
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail()
    assert path.read_bytes() == b"old"
    assert leftovers(tmp_path) == []


def test_a_full_disk_keeps_the_old_file(tmp_path: Path) -> None:
    """The kernel refuses the write itself: the limit on a file's size stands for the full disk."""
    path = tmp_path / "x"
    path.write_bytes(b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
        with pytest.raises(StorageError, match="unchanged"):
            write_bytes(path, bytes(1_000_000))
        with pytest.raises(StorageError, match="unchanged"):
            write_folder(tmp_path / "folder", {"big": bytes(1_000_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == b"old"
    assert not (tmp_path / "folder").exists()
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(("where", "call"), [(os, "fsync"), (os, "mkdir"), (module, "_create"), (os, "rename")])
def test_no_space_left_anywhere_keeps_the_old_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: object, call: str
) -> None:
    path = tmp_path / "model"
    write_folder(path, OLD)
    monkeypatch.setattr(module, "exchange", lambda first, second: False)

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(where, call, refuse)
        with pytest.raises(StorageError, match="No space left"):
            write_folder(path, NEW)
    assert content(path) == OLD
    assert leftovers(tmp_path) == []


def test_folder_is_replaced_whole(tmp_path: Path, swapping: str) -> None:
    path = tmp_path / "deep" / "model"
    write_folder(path, OLD)
    assert content(path) == OLD
    write_folder(path, NEW)
    assert content(path) == NEW
    assert leftovers(path.parent) == []


def test_second_rename_fails_and_the_old_folder_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model"
    write_folder(path, OLD)
    monkeypatch.setattr(module, "exchange", lambda first, second: False)
    original = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if self.name.endswith(".part"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return original(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(StorageError, match="could not be written"):
        write_folder(path, NEW)
    assert content(path) == OLD
    assert leftovers(tmp_path) == []


def test_backup_of_a_crash_is_found_and_cleared(tmp_path: Path, swapping: str) -> None:
    path = tmp_path / "model"
    write_folder(path, OLD)
    path.rename(tmp_path / ".model.old")  # where a crash between the two renames leaves it
    assert content(folder_or_backup(path)) == OLD
    write_folder(path, NEW)
    assert folder_or_backup(path) == path
    assert content(path) == NEW
    assert leftovers(tmp_path) == []


def test_a_file_is_not_replaced_by_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(b"precious")
    with pytest.raises(StorageError, match="is a file"):
        write_folder(path, NEW)
    with pytest.raises(StorageError, match="could not be written"):
        write_bytes(path / "below", b"")
    assert path.read_bytes() == b"precious"


def test_a_folder_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    write_folder(tmp_path / "model", OLD)
    with pytest.raises(StorageError, match="could not be written"):
        write_bytes(tmp_path / "model", b"")
    assert content(tmp_path / "model") == OLD
    assert leftovers(tmp_path) == []


def test_permission_denied_is_a_storage_error(tmp_path: Path) -> None:
    """Without privileges: root may write everywhere, so the writes run as another user."""
    locked = tmp_path / "locked"
    write_folder(locked, OLD)
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from belvedere.core.errors import StorageError\n"
        "from belvedere.core.files import write_bytes, write_folder\n"
        "if os.getuid() == 0: os.seteuid(65534)\n"
        "for write, value in ((write_bytes, b'x'), (write_folder, {'a': b'x'})):\n"
        "    try: write(Path(sys.argv[1]) / 'new', value)\n"
        "    except StorageError as error: print(error)\n"
    )
    locked.chmod(0o555)
    try:
        done = subprocess.run([sys.executable, "-c", code, str(locked)], capture_output=True, text=True, check=True)
    finally:
        locked.chmod(0o755)
    assert done.stdout.count("could not be written") == 2, done.stdout + done.stderr
    assert content(locked) == OLD


@pytest.mark.skipif(sys.platform != "linux", reason="renameat2 is a call of Linux")
def test_exchange_swaps(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").mkdir()
    if not exchange(tmp_path / "a", tmp_path / "b"):
        pytest.skip("this file system has no exchange")
    assert (tmp_path / "a").is_dir()
    assert (tmp_path / "b").read_bytes() == b"a"
    with pytest.raises(FileNotFoundError):
        exchange(tmp_path / "a", tmp_path / "missing")


def test_no_exchange_on_other_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert exchange(tmp_path, tmp_path) is False


KILLED_WRITERS = """
import os, signal, sys
from pathlib import Path
from belvedere.core import files

class Deadly(dict):
    def items(self):
        yield "a.txt", b"half"
        os.kill(os.getpid(), signal.SIGKILL)

path = Path(sys.argv[2])
if sys.argv[1] == "folder":
    files.write_folder(path, Deadly(a=b""))
with files.atomic_write(path) as stream:
    stream.write(b"half")
    stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model"
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", KILLED_WRITERS, kind, str(path)], check=False)
        assert done.returncode == -signal.SIGKILL
    assert len(leftovers(tmp_path)) == 1  # the second has cleared away what the first left
    assert not path.exists()
    (tmp_path / ".other.0123456789ab.part").write_bytes(b"of another file")
    (tmp_path / ".model.mine.part").write_bytes(b"not of this form")
    (tmp_path / ".model.0123456789ab.part").symlink_to(tmp_path / ".other.0123456789ab.part")
    if kind == "folder":
        write_folder(path, NEW)
        assert content(path) == NEW
    else:
        write_bytes(path, b"new")
        assert path.read_bytes() == b"new"
    assert sorted(leftovers(tmp_path)) == [
        ".model.0123456789ab.part", ".model.mine.part", ".other.0123456789ab.part"
    ]  # fmt: skip


def test_a_living_writer_keeps_its_temporary(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with atomic_write(path) as first:
        first.write(b"first")
        write_bytes(path, b"second")
        assert len(leftovers(tmp_path)) == 1
    assert path.read_bytes() == b"first"
    assert leftovers(tmp_path) == []


def test_without_locks_files_are_written_and_nothing_foreign_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network file systems refuse every lock."""
    import fcntl

    def refuse(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    left = tmp_path / ".model.0123456789ab.part"
    left.mkdir()
    write_folder(tmp_path / "model", NEW)
    assert content(tmp_path / "model") == NEW
    assert leftovers(tmp_path) == [left.name]


def test_a_new_temporary_taken_for_a_leftover_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another writer looks between the creation and the lock."""
    from belvedere.core import leftovers as rooms

    original, stolen = rooms._locked, []

    def steal(path: Path) -> int | None:
        if not stolen:
            stolen.append(path)
            path.unlink()
        return original(path)

    monkeypatch.setattr(rooms, "_locked", steal)
    write_bytes(tmp_path / "x", b"1")
    assert stolen
    assert (tmp_path / "x").read_bytes() == b"1"
    assert leftovers(tmp_path) == []


def test_the_hash_of_a_file_is_that_of_its_content(tmp_path: Path) -> None:
    data = bytes(range(256)) * 20_000
    (tmp_path / "data").write_bytes(data)
    assert module.sha256_of_file(tmp_path / "data") == module.sha256_of(data)
