"""Self-tests: they pass where the model is what it was, and fail or are refused where it is not."""

from __future__ import annotations

import io
import math
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.core.errors import ArtifactError, BelvedereError
from belvedere.runtime import Artifact, Model
from belvedere.runtime import selftest as module
from belvedere.runtime.selftest import SELFTEST, largest_error, selftest_file
from helpers.tensors import dense_network, mixed_artifact, mixed_network, tensor_artifact

ROW = np.random.default_rng(0).standard_normal((1, 8)).astype(np.float32)
MIXED = {"pixels": np.ones((2, 4), np.uint8), "gain": np.array(2, np.float32), "offset": np.arange(3)}
PORTS = [("x", "float32", [1, 8])], [("y", "float32", [1, 8])]


def with_selftest(content: bytes, *, seed: int = 0, tolerance: float = 1e-4) -> Artifact:
    return tensor_artifact(
        dense_network(seed=seed),
        *PORTS,
        files={"network.onnx": dense_network(seed=seed), SELFTEST: content},
        selftest={"file": SELFTEST, "tolerance": tolerance},
    )


@pytest.fixture(scope="module")
def measured() -> bytes:
    with Model(tensor_artifact(dense_network(), *PORTS), cache=False) as model:
        return selftest_file({"x": ROW}, model.run(ROW))


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_it_passes_where_the_model_is_what_it_was(engine: str, measured: bytes) -> None:
    with Model(with_selftest(measured), engine=engine, cache=False) as model:
        report = model.selftest()
    assert report.ok
    assert [output.name for output in report.outputs] == ["y"]
    assert report.outputs[0].error < 1e-5
    assert report.engine.startswith(engine)
    assert str(report).startswith(f"self-test passed on {engine}")


def test_it_fails_where_the_model_is_another(measured: bytes) -> None:
    report = Model(with_selftest(measured, seed=1), cache=False).selftest()
    assert not report.ok
    assert report.outputs[0].error > 0.01
    assert "FAILED" in str(report)
    assert "'y'" in str(report)
    assert Model(with_selftest(measured, seed=1, tolerance=100.0), cache=False).selftest().ok


def test_every_input_and_output_counts() -> None:
    with Model(mixed_artifact(), cache=False) as model:
        outputs = model.run(MIXED)
    names = ("total", "index", "bright", "twice")
    files = {"network.onnx": mixed_network(), SELFTEST: selftest_file(MIXED, outputs)}
    named = {"file": SELFTEST, "tolerance": 1e-6}
    report = Model(mixed_artifact(files=files, selftest=named), cache=False).selftest()
    assert [(output.name, output.error) for output in report.outputs] == [(name, 0.0) for name in names]
    wrong = [*outputs[:2], ~outputs[2], outputs[3]]
    files[SELFTEST] = selftest_file(MIXED, wrong)
    report = Model(mixed_artifact(files=files, selftest=named), cache=False).selftest()
    assert [output.ok for output in report.outputs] == [True, True, False, True]


def test_equal_arrays_give_equal_bytes_that_numpy_reads() -> None:
    one, other = (selftest_file({"x": ROW}, [ROW * 2]) for _ in range(2))
    assert one == other
    with np.load(io.BytesIO(one), allow_pickle=False) as arrays:
        assert sorted(arrays) == ["input:x", "output:0"]
        assert np.array_equal(arrays["output:0"], ROW * 2)


def test_none_is_told() -> None:
    with pytest.raises(ArtifactError, match="holds no self-test"):
        Model(tensor_artifact(dense_network(), *PORTS), cache=False).selftest()


def archive(**entries: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as files:
        for name, content in entries.items():
            files.writestr(f"{name}.npy", content)
    return packed.getvalue()


def npy(header: str, content: bytes = b"") -> bytes:
    text = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a readable .npz"),
        (b"PK\x03\x04", "not a readable .npz"),
        (archive(), "lacks input:x, output:0"),
        (archive(**{"input:x": b"x"}), "not a readable .npz"),
        (
            archive(**{"input:x": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 99999999999)}")}),
            "truncated",
        ),
        (
            archive(**{"input:x": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", bytes(4))}),
            "truncated",
        ),
        (archive(**{"input:x": npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", b"cos\n")}), "objects"),
        (archive(**{"input:x": npy("__import__('os')")}), "not a readable .npz"),
    ],
)
def test_a_damaged_or_hostile_file(content: bytes, reason: str) -> None:
    with pytest.raises(ArtifactError, match=reason):
        Model(with_selftest(content), cache=False).selftest()


def test_a_bomb_is_not_unpacked(measured: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_BYTES", 100)
    with pytest.raises(ArtifactError, match="more than 100 bytes"):
        Model(with_selftest(measured), cache=False).selftest()


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 10**6), value=st.integers(0, 255))
def test_any_damaged_byte_ends_in_a_report_or_our_error(measured: bytes, place: int, value: int) -> None:
    damaged = bytearray(measured)
    damaged[place % len(damaged)] = value
    try:
        module.read_selftest(with_selftest(bytes(damaged)))
    except BelvedereError:
        return


@pytest.mark.parametrize(
    ("found", "expected", "error"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0.0),
        ([1.0, 2.5], [1.0, 2.0], 0.25),
        ([0.0], [1e-9], 1e-6),
        ([np.nan, np.inf], [np.nan, np.inf], 0.0),
        ([np.nan], [1.0], math.inf),
        ([1.0], [np.inf], math.inf),
        ([np.inf, 1.5], [np.inf, 1.0], 0.5),
        ([1.0], [1.0, 2.0], math.inf),
        ([], [], 0.0),
    ],
)
def test_largest_error(found: list[float], expected: list[float], error: float) -> None:
    assert largest_error(np.array(found), np.array(expected)) == pytest.approx(error)
