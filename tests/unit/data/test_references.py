from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.core.errors import DatasetError
from belvedere.data.references import Resolver, base_folders, canonical, resolver_for

Make = Callable[..., Path]


def resolver(root: Path, *maps: tuple[str, str]) -> Resolver:
    return Resolver((root,), tuple((prefix, root / folder) for prefix, folder in maps))


FOUND = [
    # reference, file, maps
    ("a.png", "a.png", ()),
    ("./sub//a.png", "sub/a.png", ()),
    ("sub/a%20b.png", "sub/a b.png", ()),
    ("a%20b.png", "a%20b.png", ()),
    ("s3://bucket/deep/key/a.png", "bucket/deep/key/a.png", ()),
    ("s3://bucket/deep/key/a.png", "key/a.png", ()),
    ("S3://bucket/deep/key/a.png", "a.png", ()),
    ("s3://bucket/a+b%2Bc.png", "a b+c.png", ()),
    ("s3://bucket/a b.png", "a b.png", ()),
    ("s3://bucket/set/a.png", "here/a.png", (("s3://bucket/set", "here"),)),
    ("s3://bucket/set/a.png", "here/a.png", (("s3://bucket/set/", "here"),)),
    ("s3://bucket/set/x%20y.png", "here/x y.png", (("s3://bucket", "other"), ("s3://bucket/set", "here"))),
    ("s3://bucket/a.png", "here/bucket/a.png", (("s3://", "here"),)),
    ("/mnt/line1/a.png", "here/a.png", (("/mnt/line1", "here"),)),
    ("/mnt/a.png", "here/mnt/a.png", (("/", "here"),)),
    ("line1/a.png", "here/a.png", (("line1", "here"),)),
]


@pytest.mark.parametrize(("reference", "file", "maps"), FOUND)
def test_found(
    reference: str, file: str, maps: tuple[tuple[str, str], ...], make_picture: Make, tmp_path: Path
) -> None:
    expected = make_picture(file)
    assert resolver(tmp_path, *maps).resolve(reference) == expected


def test_the_longest_end_of_the_key_wins(make_picture: Make, tmp_path: Path) -> None:
    make_picture("a.png")
    expected = make_picture("key/a.png")
    assert resolver(tmp_path).resolve("s3://bucket/deep/key/a.png") == expected


def test_a_prefix_ends_at_a_slash(make_picture: Make, tmp_path: Path) -> None:
    make_picture("here/2/a.png")
    expected = make_picture("set2/a.png")
    assert resolver(tmp_path, ("s3://b/set", "here")).resolve("s3://b/set2/a.png") == expected


def test_a_map_decides_alone(make_picture: Make, tmp_path: Path) -> None:
    make_picture("a.png")
    with pytest.raises(DatasetError, match="in the folder that the map points to"):
        resolver(tmp_path, ("s3://b", "empty")).resolve("s3://b/a.png")


REFUSED = [
    ("../secret.png", "climbs out"),
    ("sub/../../secret.png", "climbs out"),
    ("s3://bucket/../secret.png", "climbs out"),
    ("%2e%2e/secret.png", "climbs out"),
    ("s3://b/x/%2e%2e/secret.png", "climbs out"),
    ("mapped/../secret.png", "climbs out"),
    ("file:///etc/passwd", "file:// references are not followed"),
    ("https://example.org/a.png", "https:// references are not followed"),
    ("HTTP://example.org/a.png", "http:// references are not followed"),
    ("/etc/passwd", "absolute paths are not followed; .*--map /etc=DIR"),
    ("/passwd", "--map PREFIX=DIR"),
    ("", "empty"),
    ("  ", "empty"),
    ("a\0.png", "control characters"),
    ("gone.png", "no file of that name"),
    ("s3://bucket/gone.png", "--map s3://bucket=DIR"),
    ("s3://bucket/boards/3/gone.png", "--map s3://bucket/boards/3=DIR"),
    ("s3://" + "b" * 500 + "/gone.png", "--map PREFIX=DIR"),
    ("x" * 5000, "longer than"),
    ("y" * 4000, "no file of that name"),
    ("sub", "no file of that name"),
    ("\ud800.png", "no file of that name"),
    ("link.png", "is a link out of"),
]


@pytest.mark.parametrize(("reference", "reason"), REFUSED)
def test_refused(reference: str, reason: str, make_picture: Make, tmp_path: Path) -> None:
    secret = make_picture("secret.png")
    make_picture("set/sub/a.png")
    (tmp_path / "set/link.png").symlink_to(secret)
    with pytest.raises(DatasetError, match=reason):
        resolver(tmp_path / "set", ("mapped", "sub")).resolve(reference)


@given(st.text(max_size=60) | st.text(alphabet="./%2e5cs3:ab\\", max_size=40))
def test_nothing_outside_is_ever_returned(tmp_path_factory: pytest.TempPathFactory, reference: str) -> None:
    root = tmp_path_factory.getbasetemp() / "hypothesis-references"
    (root / "set" / "a").mkdir(parents=True, exist_ok=True)
    for name in ("b", "set/a/b", "set/b"):
        (root / name).write_bytes(b"")
    try:
        path = Resolver((root / "set",), (("s", root / "set" / "a"),)).resolve(reference)
    except DatasetError:
        return
    assert path.resolve().is_relative_to((root / "set").resolve())


def test_base_folders() -> None:
    assert base_folders(Path("/d/x.manifest")) == (Path("/d"),)
    assert base_folders(Path("/d/Manifests/x.manifest")) == (Path("/d/Manifests"), Path("/d"))
    assert base_folders(Path("/d/manifests/output/output.manifest")) == (
        Path("/d/manifests/output"),
        Path("/d"),
    )
    assert base_folders(Path("/manifests/a/b/c/x.manifest")) == (Path("/manifests/a/b/c"),)


def test_messages_name_the_file_that_was_read(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"beside set\.csv; .*--map sub=DIR"):
        resolver_for(tmp_path / "set.csv", ()).resolve("sub/gone.png")
    with pytest.raises(DatasetError, match=r"^say which folder holds them: --map s3://b=DIR"):
        Resolver(()).resolve("s3://b/gone.png")


def test_canonical() -> None:
    assert canonical("s3://b/k/a.png") == "b/k/a.png"
    assert canonical("./a//b.png") == "a/b.png"
