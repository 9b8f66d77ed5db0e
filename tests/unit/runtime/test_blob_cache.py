"""Compiled networks on disk: used when they fit exactly, never when they are damaged or somebody else's."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.runtime import Model, blob_cache, openvino_engine
from belvedere.runtime.blob_cache import BlobCache, default_cache, key_of
from belvedere.runtime.engine import EngineOptions, open_engine
from belvedere.runtime.network import NetworkFiles
from helpers.tensors import as_ir, dense_artifact, dense_network

ROW = np.random.default_rng(0).standard_normal((1, 8)).astype(np.float32)
KEY, OTHER = key_of({"a": 1}), key_of({"a": 2})


@pytest.fixture
def cache(tmp_path: Path) -> BlobCache:
    return BlobCache(tmp_path / "cache", least_seconds=0.0)


def entries(cache: BlobCache) -> list[Path]:
    return sorted(cache.folder.iterdir()) if cache.folder.exists() else []


def test_the_second_engine_comes_from_the_cache_and_gives_the_same_bits(cache: BlobCache) -> None:
    options = EngineOptions(cache=cache)
    first = open_engine(dense_network(), options=options)
    second = open_engine(dense_network(), options=options)
    assert (first.from_cache, second.from_cache) == (False, True)
    assert len(entries(cache)) == 1
    assert np.array_equal(first.run({"x": ROW})["y"], second.run({"x": ROW})["y"])
    facts = ("name", "version", "device", "threads", "streams", "precision", "computes", "inputs", "outputs")
    assert [getattr(first, name) for name in facts] == [getattr(second, name) for name in facts]


def test_what_the_compiled_network_depends_on_makes_another_entry(
    cache: BlobCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = EngineOptions(cache=cache, threads=1)
    xml, weights = as_ir(dense_network())
    runs = [
        (dense_network(), plain, 1),
        (dense_network(seed=1), plain, 1),
        (dense_network(free=True), plain, 1),
        (dense_network(free=True), plain, 2),
        (NetworkFiles(xml, "openvino-ir", weights), plain, 1),
        (dense_network(), dataclasses.replace(plain, precision="bf16"), 1),
        (dense_network(), dataclasses.replace(plain, hint="throughput", streams=2), 1),
    ]
    for network, options, batch in runs:
        assert not open_engine(network, options=options, batch=batch, engine="openvino").from_cache
    assert len(entries(cache)) == len(runs)
    monkeypatch.setattr(openvino_engine, "machine_facts", lambda: ("another machine",))
    assert not open_engine(dense_network(), options=plain).from_cache


def test_f16_and_int8_share_what_f32_compiles_to_on_a_processor(cache: BlobCache) -> None:
    for precision in ("f32", "f16", "int8"):
        engine = open_engine(dense_network(), options=EngineOptions(cache=cache, precision=precision))
        assert (engine.precision, engine.computes) == (precision, "f32")
    assert len(entries(cache)) == 1


@pytest.mark.parametrize("keep", [0, 5, 40, 100, -1])
def test_a_truncated_entry_is_compiled_anew(cache: BlobCache, keep: int) -> None:
    options = EngineOptions(cache=cache)
    expected = open_engine(dense_network(), options=options).run({"x": ROW})["y"]
    (entry,) = entries(cache)
    entry.write_bytes(entry.read_bytes()[:keep])
    engine = open_engine(dense_network(), options=options)
    assert not engine.from_cache
    assert np.array_equal(engine.run({"x": ROW})["y"], expected)
    assert open_engine(dense_network(), options=options).from_cache


@settings(max_examples=40, deadline=None)
@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_flipped_bit_never_reaches_the_engine(place: int, bit: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    cache = BlobCache(tmp_path_factory.mktemp("flip"), least_seconds=0.0)
    cache.folder.chmod(0o700)
    cache.put(KEY, b"compiled" * 20, 1.0)
    data = bytearray((cache.folder / KEY).read_bytes())
    data[place % len(data)] ^= 1 << bit
    (cache.folder / KEY).write_bytes(data)
    assert cache.get(KEY) is None
    assert entries(cache) == []


def test_a_blob_that_the_engine_refuses_is_dropped(cache: BlobCache) -> None:
    options = EngineOptions(cache=cache)
    open_engine(dense_network(), options=options)
    (entry,) = entries(cache)
    cache.put(entry.name, b"a whole entry, but no network", 1.0)
    assert not open_engine(dense_network(), options=options).from_cache
    assert open_engine(dense_network(), options=options).from_cache


def test_what_compiles_quickly_is_not_kept(tmp_path: Path) -> None:
    cache = BlobCache(tmp_path / "cache", least_seconds=1000.0)
    open_engine(dense_network(), options=EngineOptions(cache=cache))
    assert entries(cache) == []


def test_the_oldest_entries_go_first(tmp_path: Path) -> None:
    cache = BlobCache(tmp_path / "cache", most_bytes=1000, least_seconds=0.0)
    names = [key_of({"n": number}) for number in range(4)]
    for age, name in enumerate(names[:3]):
        cache.put(name, bytes(250), 1.0)
        os.utime(cache.folder / name, (1000 + age, 1000 + age))
    assert cache.get(names[0]) == bytes(250)  # used again, so no longer the oldest
    cache.put(names[3], bytes(250), 1.0)
    assert {path.name for path in entries(cache)} == {names[0], names[2], names[3]}
    cache.put(key_of({"large": 1}), bytes(900), 1.0)
    assert len(entries(cache)) == 3


def test_what_a_killed_process_left_is_cleared_after_a_day(cache: BlobCache) -> None:
    cache.put(KEY, b"x", 1.0)
    old, new = (cache.folder / f".{name}.part" for name in ("old", "new"))
    old.write_bytes(b"")
    new.write_bytes(b"")
    os.utime(old, (time.time() - 2 * 24 * 3600,) * 2)
    cache.put(OTHER, b"x", 1.0)
    assert {path.name for path in entries(cache)} == {KEY, OTHER, new.name}


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_folder_that_others_write_to_is_not_used(cache: BlobCache, mode: int) -> None:
    cache.put(KEY, b"x", 1.0)
    assert cache.get(KEY) == b"x"
    cache.folder.chmod(mode)
    assert cache.get(KEY) is None
    cache.put(OTHER, b"x", 1.0)
    assert cache.subfolder(OTHER) is None
    assert [path.name for path in entries(cache)] == [KEY]


def test_no_folder_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    cache = BlobCache(tmp_path / "file" / "cache", least_seconds=0.0)
    engine = open_engine(dense_network(), options=EngineOptions(cache=cache))
    assert not engine.from_cache
    assert cache.get(KEY) is None
    assert cache.subfolder(KEY) is None


def test_a_full_disk_is_no_error(cache: BlobCache, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    open_engine(dense_network(), options=EngineOptions(cache=cache))
    assert entries(cache) == []


def test_subfolders_count_and_are_removed_whole(tmp_path: Path) -> None:
    cache = BlobCache(tmp_path / "cache", most_bytes=60_000, least_seconds=0.0)
    folder = cache.subfolder(KEY)
    assert folder is not None
    (folder / "engine").write_bytes(bytes(50_000))
    os.utime(folder, (1000, 1000))
    cache.put(OTHER, bytes(20_000), 1.0)
    assert [path.name for path in entries(cache)] == [OTHER]


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(blob_cache.sys, "platform", "linux")
    monkeypatch.setenv("BELVEDERE_CACHE", str(tmp_path / "own"))
    found = default_cache()
    assert found is not None
    assert found.folder == tmp_path / "own" / "compiled"
    for word in ("off", "OFF", "0"):
        monkeypatch.setenv("BELVEDERE_CACHE", word)
        assert default_cache() is None
    monkeypatch.setenv("BELVEDERE_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    found = default_cache()
    assert found is not None
    assert found.folder == tmp_path / "xdg" / "belvedere" / "compiled"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # to be ignored, says its specification
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    found = default_cache()
    assert found is not None
    assert found.folder == tmp_path / "home" / ".cache" / "belvedere" / "compiled"


def test_a_model_keeps_what_it_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELVEDERE_CACHE", str(tmp_path))
    monkeypatch.setattr(BlobCache, "__init__", _with_no_least(BlobCache.__init__))
    with Model(dense_artifact(), engine="openvino", cache=False) as model:
        model.run(ROW)
    assert list(tmp_path.rglob("*")) == []
    for known in (False, True):
        with Model(dense_artifact(), engine="openvino") as model:
            model.run(ROW)
            assert model.engine.from_cache == known


def _with_no_least(original):
    def init(self, folder: Path, **settings: object) -> None:
        original(self, folder, least_seconds=0.0)

    return init
