from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from belvedere.core.errors import DatasetError, LimitError
from belvedere.core.limits import Limits
from belvedere.data.checks import check
from belvedere.data.manifest_line import parse_line
from belvedere.data.manifest_reader import parse_manifest, read_manifest
from belvedere.data.masks import ColorMask
from belvedere.data.references import Resolver

Make = Callable[..., Path]


def line(source: str, class_name: object = "normal", value: object = 0, **more: Any) -> dict[str, Any]:
    return {
        "source-ref": source,
        "anomaly-label": value,
        "anomaly-label-metadata": {
            "class-name": class_name,
            "human-annotated": "yes",
            "type": "groundtruth/image-classification",
        },
        **more,
    }


def mask(reference: str, *labels: tuple[str, str], key: str = "anomaly-mask-ref") -> dict[str, Any]:
    colors = {str(n): {"class-name": name, "hex-color": color} for n, (name, color) in enumerate(labels)}
    return {
        key: reference,
        f"{key}-metadata": {"internal-color-map": colors, "type": "groundtruth/semantic-segmentation"},
    }


def write(folder: Path, *lines: dict[str, Any] | str) -> Path:
    path = folder / "set.manifest"
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines))
    return path


@pytest.fixture
def folder(make_picture: Make, tmp_path: Path) -> Path:
    for name in ("a.png", "b.png", "c.png", "d.png"):
        make_picture(name)
    return tmp_path


def test_class_name_alone_decides(folder: Path) -> None:
    path = write(
        folder,
        line("a.png", "normal", 1),
        line("b.png", "anomaly", "0"),
        line("c.png", "Anomaly", 1),
        {"source-ref": "d.png"},
    )
    dataset = read_manifest(path, strict=True)
    assert {record.name: record.label for record in dataset} == {
        "a.png": "normal",
        "b.png": "anomaly",
        "c.png": None,
        "d.png": None,
    }
    assert dataset.records[0].line == line("a.png", "normal", 1)
    assert dataset.records[0].split is None


def test_the_first_classification_attribute_counts(folder: Path) -> None:
    fields = {
        "x-metadata": {"type": "groundtruth/object-detection", "class-name": "anomaly"},
        "x": 1,
        "first-metadata": {"type": "groundtruth/image-classification", "class-name": "normal"},
        "second": 1,
        "second-metadata": {"type": "groundtruth/image-classification", "class-name": "anomaly"},
        "first": 0,
        "source-ref": "a.png",
    }
    assert read_manifest(write(folder, fields)).records[0].label == "normal"


def test_blank_lines_line_ends_and_byte_order_mark(folder: Path) -> None:
    path = folder / "x.manifest"
    text = "\r\n\r\n".join(json.dumps(line(name)) for name in ("a.png", "b.png"))
    path.write_bytes(b"\xef\xbb\xbf" + text.encode() + b"\r\n  \r\n")
    assert [record.name for record in read_manifest(path, strict=True)] == ["a.png", "b.png"]


def test_the_last_of_repeated_references_wins(folder: Path) -> None:
    dataset = read_manifest(write(folder, line("a.png"), line("b.png"), line("./a.png", "anomaly")), strict=True)
    assert [(record.name, record.label) for record in dataset] == [("b.png", "normal"), ("a.png", "anomaly")]


SEGMENTATION = {"type": "groundtruth/semantic-segmentation"}
WRONG = {
    "no object": ("[1]", "not a JSON object"),
    "cut": ('{"source-ref": "b.png"', "not a JSON object"),
    "no source": ("{}", "no 'source-ref'"),
    "source is a number": ('{"source-ref": 5}', "no 'source-ref'"),
    "too long": (json.dumps({"source-ref": "b.png", "x": "y" * 8200}), "more than 8192"),
    "NaN": ('{"source-ref": "b.png", "x": NaN}', "NaN is not JSON"),
    "nested": ("[" * 4000 + "]" * 4000, "nested too deep|not a JSON object"),
    "nested inside": ('{"source-ref": "b.png", "x": ' + "[" * 3500 + "]" * 3500 + "}", "nested too deep"),
    "huge number": ('{"source-ref": "b.png", "x": ' + "9" * 5000 + "}", "not a JSON object"),
    "half a surrogate pair": ('{"source-ref": "b\\ud800.png"}', "surrogate"),
    "NUL": ('{"source-ref": "b\\u0000.png"}', "control characters"),
    "label without value": (
        json.dumps({"source-ref": "b.png", "l-metadata": {"type": "groundtruth/image-classification"}}),
        "no 'l' beside it",
    ),
    "no color map": (
        json.dumps({"source-ref": "b.png", "m-ref": "m.png", "m-ref-metadata": SEGMENTATION}),
        "internal-color-map",
    ),
    "mask is a number": (
        json.dumps({"source-ref": "b.png", "m-ref": 4, "m-ref-metadata": SEGMENTATION}),
        "'m-ref'",
    ),
    "bad color": (
        json.dumps({"source-ref": "b.png", **mask("m.png", ("crack", "green"))}),
        "the 'hex-color' of 'crack' is 'green': expected six digits",
    ),
    "short color": (
        json.dumps({"source-ref": "b.png", **mask("m.png", ("crack", "#zz"))}),
        "the 'hex-color' of 'crack' is '#zz': expected six digits",
    ),
    "color that is no text": (
        json.dumps({"source-ref": "b.png", **mask("m.png", ("crack", [0] * 100))}),  # type: ignore[arg-type]
        r"the 'hex-color' of 'crack' is \[0, 0.*\.\.\.: expected six digits",
    ),
    "no class": (json.dumps({"source-ref": "b.png", **mask("m.png", ("", "#112233"))}), "no 'class-name'"),
    "same color": (
        json.dumps({"source-ref": "b.png", **mask("m.png", ("crack", "#abcdef"), ("dent", "#ABCDEF"))}),
        "'crack' and 'dent' have the same colour #ABCDEF",
    ),
    "picture not there": (json.dumps(line("gone.png")), "'gone.png': no file"),
    "climbing": (json.dumps(line("../b.png")), "climbs out"),
    "web": (json.dumps(line("https://example.org/b.png")), "https:// references are not followed"),
}


@pytest.mark.parametrize(("text", "reason"), WRONG.values(), ids=WRONG.keys())
def test_wrong_lines_are_named_and_the_rest_is_read(folder: Path, text: str, reason: str) -> None:
    path = write(folder, line("a.png"), "", text, line("c.png"))
    dataset = read_manifest(path)
    assert [record.name for record in dataset] == ["a.png", "c.png"]
    (problem,) = dataset.problems
    assert problem.where == "set.manifest:3"
    with pytest.raises(DatasetError, match=rf"set\.manifest:3: .*({reason})"):
        read_manifest(path, strict=True)


def test_not_utf8(folder: Path) -> None:
    path = folder / "x.manifest"
    path.write_bytes(json.dumps(line("a.png")).encode() + b'\n{"source-ref": "\xff.png"}\n')
    (problem,) = read_manifest(path).problems
    assert (problem.where, problem.reason) == ("x.manifest:2", "not UTF-8 (byte 16)")


def test_8192_characters_are_accepted(folder: Path) -> None:
    empty = len(json.dumps({"source-ref": "a.png", "x": ""}))
    text = json.dumps({"source-ref": "a.png", "x": "y" * (8192 - empty)})
    assert len(text) == 8192
    assert len(read_manifest(write(folder, text), strict=True)) == 1


def test_two_references_to_one_file(folder: Path) -> None:
    dataset = read_manifest(write(folder, line("s3://b/line1/a.png"), line("s3://b/line2/a.png", "anomaly")))
    assert [record.name for record in dataset] == ["b/line1/a.png"]
    assert "as line 1 does" in dataset.problems[0].reason


def test_maps(folder: Path, make_picture: Make) -> None:
    make_picture("one/a.png")
    make_picture("two/a.png")
    path = write(folder, line("s3://b/line1/a.png"), line("s3://b/line2/a.png"))
    dataset = read_manifest(
        path, maps=[("s3://b/line1", folder / "one"), ("s3://b/line2", folder / "two")], strict=True
    )
    assert [record.path.parent.name for record in dataset] == ["one", "two"]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"{}\n", b"\x00\x01", b"[]"])
def test_nothing_usable(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.manifest").write_bytes(data)
    with pytest.raises(DatasetError, match="no usable line"):
        read_manifest(tmp_path / "x.manifest")


def test_a_manifest_without_its_pictures_says_how_to_map_them(tmp_path: Path) -> None:
    path = write(tmp_path, *(line(f"s3://bkt/cook/{number}.jpg") for number in range(63)), "no json")
    with pytest.raises(DatasetError) as caught:
        read_manifest(path)
    message = str(caught.value)
    assert message.count("set.manifest") == 2, "once as the file, once as what the pictures should lie beside"
    assert "line 1: 's3://bkt/cook/0.jpg', line 2: 's3://bkt/cook/1.jpg', line 3: " in message
    assert "and 60 more: no file of that name beside set.manifest" in message
    assert "--map s3://bkt/cook=DIR" in message
    assert message.count("--map") == 1
    assert "; line 64: not a JSON object" in message


def test_more_kinds_of_problems_than_are_shown_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path, *(line(f"s3://bkt/{number}/a.jpg") for number in range(9)))
    with pytest.raises(DatasetError, match=r"--map s3://bkt/2=DIR \(.*\) and 6 more$"):
        read_manifest(path)


def test_problems_of_pictures_and_masks_name_their_line(folder: Path, make_mask: Make) -> None:
    """A mask is looked at long after its line was read."""
    make_mask("m.png")
    Image.new("RGB", (12, 8), "#00FF00").save(folder / "green.png")
    (folder / "d.png").write_bytes(b"no picture")
    labels = (("crack", "#23A436"),)
    path = write(
        folder,
        line("a.png", "normal"),
        "",
        line("b.png", "anomaly", 1, **mask("green.png", *labels)),
        line("c.png", "anomaly", 1, **mask("gone.png", *labels)),
        line("d.png", "anomaly"),
    )
    dataset = read_manifest(path)
    assert [(problem.where, problem.kept) for problem in dataset.problems] == [("set.manifest:4", True)]
    result = check(dataset)
    (bad,) = result.bad_masks
    assert bad.where == "b.png"
    assert bad.reason.startswith("mask green.png: colours that the manifest does not declare")
    assert bad.reason.endswith("(set.manifest:3)")
    assert bad.kept, "the picture is used"
    (torn,) = result.unreadable
    assert str(torn).count("d.png") == 1
    assert torn.reason.endswith("(set.manifest:5)")
    assert not torn.kept


def test_over_the_limit(folder: Path) -> None:
    with pytest.raises(LimitError):
        read_manifest(write(folder, line("a.png")), limits=Limits(manifest_bytes=10))
    limited = read_manifest(write(folder, line("a.png"), {"source-ref": "b.png"}), limits=Limits(manifest_line=50))
    assert [record.name for record in limited] == ["b.png"]


def test_mask_forms(folder: Path, make_mask: Make) -> None:
    make_mask("m.png")
    guide = (("BACKGROUND", "#ffffff"), ("crack", "#23A436"), ("dent", "#f76902"))
    path = write(
        folder,
        line("a.png", "anomaly", 1, **mask("m.png", *guide)),
        line("b.png", "anomaly", 1, **mask("m.png", ("cracked", "#23a436"), key="my-ref")),
        line("c.png", "normal", 0, **mask("m.png", ("background", "#010203"))),
        line("d.png", "anomaly"),
    )
    dataset = read_manifest(path, strict=True)
    masks = [record.mask for record in dataset]
    assert masks == [
        ColorMask(folder / "m.png", (("crack", "#23A436"), ("dent", "#F76902")), ("#FFFFFF",)),
        ColorMask(folder / "m.png", (("cracked", "#23A436"),)),
        ColorMask(folder / "m.png", (), ("#010203",)),
        None,
    ]
    assert dataset.types == ("crack", "dent", "cracked")
    assert dict(dataset.colors) == {"crack": "#23A436", "dent": "#F76902", "cracked": "#23A436"}
    assert [record.kind for record in dataset] == [None, "cracked", None, None]


def test_color_map_keys_are_an_order_hint() -> None:
    colors = {
        str(key): {"class-name": name, "hex-color": color}
        for key, name, color in [(10, "z", "#000001"), (2, "b", "#000002"), ("x", "a", "#000003")]
    }
    fields = {
        "source-ref": "a.png",
        "m-ref": "m.png",
        "m-ref-metadata": {**SEGMENTATION, "internal-color-map": colors},
    }
    parsed = parse_line(json.dumps(fields)).mask
    assert parsed is not None
    assert [label for label, _ in parsed.labels] == ["b", "z", "a"]


def test_missing_mask_leaves_the_picture(folder: Path) -> None:
    path = write(
        folder,
        line("a.png", "anomaly", 1, **mask("gone.png", ("crack", "#23A436"))),
        line("b.png", "anomaly", 1, **{"m-ref": "m.png"}),
    )
    dataset = read_manifest(path)
    assert [record.mask for record in dataset] == [None, None]
    assert "mask 'gone.png'" in dataset.problems[0].reason
    assert "no 'm-ref-metadata'" in dataset.problems[1].reason
    with pytest.raises(DatasetError, match=r"set\.manifest:1"):
        read_manifest(path, strict=True)


def test_mask_problem_names_the_picture(folder: Path) -> None:
    Image.new("RGB", (12, 8), (200, 0, 0)).save(folder / "m.png")
    path = write(folder, line("a.png", "anomaly", 1, **mask("m.png", ("crack", "#23A436"))))
    record = read_manifest(path).records[0]
    with pytest.raises(DatasetError, match=r"a\.png: mask m\.png: .*'crack' #23A436.*#C80000"):
        record.load_mask(12, 8)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
words = st.sampled_from(
    [
        "normal",
        "anomaly",
        "groundtruth/image-classification",
        "groundtruth/semantic-segmentation",
        "a.png",
        "#23A436",
    ]
)
metadata = st.fixed_dictionaries(
    {},
    optional={
        "type": words | json_values,
        "class-name": words | json_values,
        "internal-color-map": json_values
        | st.dictionaries(
            st.text(max_size=4),
            st.fixed_dictionaries({}, optional={"class-name": words | json_values, "hex-color": words | json_values}),
            max_size=3,
        ),
    },
)
objects = st.fixed_dictionaries(
    {},
    optional={
        "source-ref": words | json_values,
        "l": json_values,
        "l-metadata": metadata | json_values,
        "m-ref": words | json_values,
        "m-ref-metadata": metadata | json_values,
    },
)


def parse_or_problem(data: bytes, folder: Path) -> None:
    """Anything but a dataset or a DatasetError fails the test."""
    try:
        dataset = parse_manifest(data, "fuzz.manifest", Resolver((folder,)))
    except DatasetError:
        return
    for problem in dataset.problems:
        assert problem.where.startswith("fuzz.manifest:")


@pytest.fixture(scope="module")
def fuzz_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "a.png").write_bytes(b"")
    return folder


@given(st.lists(st.binary(max_size=80) | objects.map(lambda o: json.dumps(o).encode()), max_size=4))
@example([b"[" * 9000])
@example([b'{"source-ref":' * 400])
@example([b'{"source-ref": "a.png"}', b"\x00" * 20, b"\xff\xfe"])
@settings(max_examples=150, deadline=None)
def test_no_bytes_crash_the_reader(fuzz_folder: Path, lines: list[bytes]) -> None:
    parse_or_problem(b"\n".join(lines), fuzz_folder)


@given(st.binary(max_size=400))
def test_no_random_bytes_crash_the_reader(fuzz_folder: Path, data: bytes) -> None:
    parse_or_problem(data, fuzz_folder)


@pytest.mark.shared
def test_official_cookies_manifest(shared_folder: Path) -> None:
    cookies = shared_folder / "data" / "anomaly" / "cookies"
    dataset = read_manifest(cookies / "manifests" / "template.manifest", strict=True)
    assert (len(dataset), len(dataset.normal), len(dataset.anomalous)) == (63, 31, 32)
    assert dataset.types == ("cracked",)
    assert dict(dataset.colors) == {"cracked": "#23A436"}
    assert {record.kind for record in dataset.anomalous} == {"cracked"}
    for record in dataset.anomalous:
        mask = record.load_mask(576, 768)
        assert mask is not None
        with Image.open(cookies / "mask-binary" / f"{Path(record.name).stem}.png") as image:
            expected = np.asarray(image, dtype=bool)
        overlap = np.count_nonzero(mask.binary & expected) / np.count_nonzero(mask.binary | expected)
        assert overlap > 0.99, record.name


def test_problems_come_in_the_order_of_the_lines(folder: Path) -> None:
    path = write(folder, line("gone.png"), "no json", line("a.png"), line("lost.png"), "[]")
    assert [problem.where for problem in read_manifest(path).problems] == [f"set.manifest:{n}" for n in (1, 2, 4, 5)]


def test_background_needs_no_colour() -> None:
    """Some tools leave it out, since white and black are background anyway; a label without a colour is wrong."""
    fields = mask("m.png", ("crack", "#23A436"))
    colors = fields["anomaly-mask-ref-metadata"]["internal-color-map"]
    colors["9"] = {"class-name": "Background"}
    parsed = parse_line(json.dumps(line("a.png", "anomaly", 1, **fields)))
    assert parsed.mask is not None
    assert parsed.mask.labels == (("crack", "#23A436"),)
    colors["8"] = {"class-name": "dent"}
    with pytest.raises(DatasetError, match="'dent' has no 'hex-color'"):
        parse_line(json.dumps(line("a.png", "anomaly", 1, **fields)))
