from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.core.errors import DatasetError
from belvedere.data.yolo.yaml import parse_yaml

COCO = """\
# Ultralytics COCO8
---
path: ../datasets/coco8  # dataset root
train: images/train
val: [images/val, "images/val 2"]
test:

nc: 3
names:
  0: person
  1: "traffic light"
  2: 'driver''s cat'
kpt_shape: [17, 3]
flip_idx: [0, 2,1]
kpt_names:
  0:
    - nose
    - left_eye
roboflow:
  workspace: my-space
  version: 1
  license: CC BY 4.0
  url: https://universe.example/a/b:c
list:
- a
- b: 1
  c: [x, {y: z}]
download: |
  from pathlib import Path
  urls = {"a": 1}  # not: yaml

  print(urls)
after: -1.5e3
yes: True
nothing: ~
""".replace("# Ultralytics COCO8\n---", "---\n# Ultralytics COCO8")


def test_what_data_yaml_files_hold() -> None:
    assert parse_yaml(COCO, "data.yaml") == {
        "path": "../datasets/coco8",
        "train": "images/train",
        "val": ["images/val", "images/val 2"],
        "test": None,
        "nc": 3,
        "names": {0: "person", 1: "traffic light", 2: "driver's cat"},
        "kpt_shape": [17, 3],
        "flip_idx": [0, 2, 1],
        "kpt_names": {0: ["nose", "left_eye"]},
        "roboflow": {
            "workspace": "my-space",
            "version": 1,
            "license": "CC BY 4.0",
            "url": "https://universe.example/a/b:c",
        },
        "list": ["a", {"b": 1, "c": ["x", {"y": "z"}]}],
        "download": 'from pathlib import Path\nurls = {"a": 1}  # not: yaml\n\nprint(urls)',
        "after": -1500.0,
        "yes": True,
        "nothing": None,
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# only words", None),
        ("a", "a"),
        ("[1, two, '3', 4.5, true]", [1, "two", "3", 4.5, True]),
        ("{}", {}),
        ("- - 1\n  - 2\n- 3", [[1, 2], 3]),
        ("a:\n- 1\n- 2\nb: 3", {"a": [1, 2], "b": 3}),
        ('"k 1": v#1 # c', {"k 1": "v#1"}),
        ("12345678901234567890123: x", {"12345678901234567890123": "x"}),
        ("a: C:\\x", {"a": "C:\\x"}),
        ("a: >\n  one\n  two\n", {"a": "one two"}),
        ("names: [a b, c-d]\r\nnc: 2\r\n", {"names": ["a b", "c-d"], "nc": 2}),
    ],
)
def test_values(text: str, value: object) -> None:
    assert parse_yaml(text, "x.yaml") == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\nb: &x 2", r"x\.yaml:2: '&x 2' \(an anchor"),
        ("a: *x", "an anchor, alias, tag"),
        ("a: !!python/object:os.system x", "an anchor, alias, tag"),
        ("a: 1\n---\nb: 2", r"x\.yaml:2: '---' \(several documents"),
        ("%YAML 1.2\na: 1", "directives"),
        ("? a\n: b", r"x\.yaml:2: ': b' is indented as nothing|expected 'key: value'"),
        ("a:\n\tb: 1", r"x\.yaml:2: a tab"),
        ("a: [1,\n 2]", "not closed on its line"),
        ('a: "x', "double quotes"),
        ("a: 'x", "no closing quote"),
        ("a: 1\na: 2", r"x\.yaml:2: the key 'a' is there twice"),
        ("a: 1\n   b: 2", r"x\.yaml:2: .*indented"),
        ("a: b: c", "holds ': '"),
        ("a: [1] x", "after a value"),
        ("a: {1}", "expected 'key: value' pairs"),
        ("a: |2\n  x", r"'\|2' is not read"),
        ("[" * 40, "nested deeper|not closed"),
        ("".join(f"{' ' * depth}a:\n" for depth in range(40)), "nested deeper"),
    ],
)
def test_what_is_not_read_is_named(text: str, reason: str) -> None:
    with pytest.raises(DatasetError, match=reason):
        parse_yaml(text, "x.yaml")


@given(st.text("ab:-[]{},\"'#&*!|> \n\t0", max_size=60) | st.text(max_size=60))
@settings(max_examples=400, deadline=None)
def test_no_text_crashes_the_reader(text: str) -> None:
    with contextlib.suppress(DatasetError):
        parse_yaml(text, "x.yaml")


scalars = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text("abc xyz.-_", min_size=1, max_size=8)


@given(st.dictionaries(st.text("abc_", min_size=1, max_size=5), scalars | st.lists(scalars, max_size=4), max_size=5))
@settings(max_examples=150, deadline=None)
def test_agrees_with_a_full_reader(value: dict[str, object]) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    for flow in (None, True, False):
        assert parse_yaml(yaml.safe_dump(value, default_flow_style=flow, width=10_000), "x.yaml") == value
