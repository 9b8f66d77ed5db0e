"""Symbol files: their ages, their attributes, and damage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from belvedere.compiler.importers.mxnet.attributes import Attributes
from belvedere.compiler.importers.mxnet.symbol import reachable, read_symbol, version_text
from belvedere.core.errors import BelvedereError, CompileError, LimitError
from unit.compiler.mxnet.models import Symbol


def _file(folder: Path, content: Any) -> Path:
    path = folder / "net-symbol.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def _chain() -> Symbol:
    symbol = Symbol()
    symbol.op("relu", "act", symbol.variable("data"))
    return symbol


def test_versions(tmp_path: Path) -> None:
    assert read_symbol(_file(tmp_path, _chain().json([1, 0]))).version == 10901
    assert read_symbol(_file(tmp_path, _chain().json([1, 0], version=None))).version == 800
    assert [version_text(v) for v in (800, 905, 1100, 10901)] == ["0.8.0", "0.9.5", "0.11.0", "1.9.1"]


def test_attributes_of_every_age_are_merged(tmp_path: Path) -> None:
    content = _chain().json([1, 0])
    content["nodes"][1] |= {"attr": {"a": "1", "b": "1"}, "param": {"b": "2", "c": "2"}, "attrs": {"c": "3", "d": 4}}
    node = read_symbol(_file(tmp_path, content)).nodes[1]
    assert node.attributes == {"a": "1", "b": "2", "c": "3", "d": "4"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "JSON"),
        ("[1", "JSON"),
        ("[]", "no list of nodes"),
        ({"nodes": []}, "no list of nodes"),
        ({"nodes": [{"op": "null"}]}, "no operator and name"),
        ({"nodes": [{"op": "null", "name": "a", "inputs": [[0, "x"]]}]}, "form"),
        ({"nodes": [{"op": "null", "name": "a", "inputs": [[True, 0]]}]}, "form"),
        ({"nodes": [{"op": "null", "name": "a", "attrs": [1]}]}, "no object"),
        ({"nodes": [{"op": "null", "name": "a"}]}, "heads"),
        ({"nodes": [{"op": "null", "name": "a"}], "heads": []}, "no heads"),
        ({"nodes": [{"op": "null", "name": "a"}], "heads": [[5, 0]]}, "refers to node 5"),
        ({"nodes": [{"op": "null", "name": "a"}], "heads": [[-1, 0]]}, "form"),
        ({"nodes": [{"op": "tvm_op", "name": "a"}], "heads": [[0, 0]]}, "compiled"),
    ],
)
def test_damage_is_named(tmp_path: Path, content: Any, words: str) -> None:
    with pytest.raises(CompileError, match=words) as caught:
        read_symbol(_file(tmp_path, content))
    assert "net-symbol.json" in str(caught.value)


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LimitError, match="nested"):
        read_symbol(_file(tmp_path, '{"nodes": ' + "[" * 200_000 + "]" * 200_000 + "}"))


def test_brackets_in_strings_do_not_count(tmp_path: Path) -> None:
    content = _chain().json([1, 0])
    content["nodes"][1]["attrs"] = {"__init__": '[[[[[[[[[[[[[[[[[[[[[[["\\'}
    assert len(read_symbol(_file(tmp_path, content)).nodes) == 2


def test_large_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("belvedere.compiler.importers.mxnet.symbol._MOST_BYTES", 10)
    with pytest.raises(LimitError, match="at most 10"):
        read_symbol(_file(tmp_path, _chain().json([1, 0])))


def test_cycles_are_named(tmp_path: Path) -> None:
    content = _chain().json([2, 0])
    content["nodes"].append({"op": "relu", "name": "second", "inputs": [[1, 0, 0]]})
    content["nodes"][1]["inputs"] = [[2, 0, 0]]
    symbol = read_symbol(_file(tmp_path, content))
    with pytest.raises(CompileError, match=r"cycle: 'second' \(node 2\) → 'act' \(node 1\) → 'second'"):
        reachable(symbol, symbol.heads, {})


def test_a_long_chain_needs_no_deep_stack(tmp_path: Path) -> None:
    symbol = Symbol()
    entry = symbol.variable("data")
    for index in range(20_000):
        entry = symbol.op("relu", f"act{index}", entry)
    read = read_symbol(_file(tmp_path, symbol.json(entry)))
    assert [node.index for node in reachable(read, read.heads, {})] == list(range(20_001))


def test_unreachable_nodes_are_left_out(tmp_path: Path) -> None:
    symbol = _chain()
    symbol.op("Custom", "training", [0, 0])
    read = read_symbol(_file(tmp_path, symbol.json([1, 0])))
    assert [node.name for node in reachable(read, read.heads, {})] == ["data", "act"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(1, 1)", (1, 1)),
        ("[2,3]", (2, 3)),
        ("(2,)", (2,)),
        ("()", (9,)),
        ("None", (9,)),
        ("1", (1,)),
        ("(1L, 2L)", (1, 2)),
        ("(1.0, 2)", (1, 2)),
        (" ( 3 , 4 ) ", (3, 4)),
        ("(-1,)", (-1,)),
    ],
)
def test_tuples(text: str, expected: tuple[int, ...]) -> None:
    assert Attributes({"a": text}).integers("a", (9,)) == expected


def test_other_attributes() -> None:
    found = Attributes({"i": "3L", "f": "1e-05", "t": "true", "o": "0", "n": "None", "w": " avg ", "s": "(None, 2)"})
    assert (found.integer("i"), found.number("f"), found.flag("t"), found.flag("o", default=True)) == (
        3,
        1e-5,
        True,
        False,
    )
    assert (found.optional_integer("n"), found.number("n", 0.5), found.flag("n", default=True)) == (None, 0.5, True)
    assert found.choice("w", ("max", "avg"), "max") == "avg"
    assert found.optional_integers("s") == (None, 2)
    assert "i" in found
    assert "n" not in found


@pytest.mark.parametrize("text", ["x", "1.5", "1e400", str(2**70), "(1", "1 2", "0x10", "١"])
def test_no_whole_number(text: str) -> None:
    with pytest.raises(CompileError, match="attribute a"):
        Attributes({"a": text}).integer("a")


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    found = Attributes({"a": text})
    for getter in (found.integer, found.number, found.integers, found.optional_integers, found.flag, found.dtype):
        try:
            getter("a")
        except CompileError:
            continue


GOOD = json.dumps(_chain().json([1, 0])).encode()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=6),
    cut=st.integers(0, 20),
)
def test_flipped_bytes_are_read_or_refused(tmp_path: Path, changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(GOOD[: len(GOOD) - cut])
    for at, value in changes:
        data[at % len(data)] = value
    path = tmp_path / "net-symbol.json"
    path.write_bytes(data)
    try:
        symbol = read_symbol(path)
        reachable(symbol, symbol.heads, {})
    except BelvedereError:
        pass
