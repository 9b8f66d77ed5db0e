"""Engines: the same numbers however they are asked, within 1e-4 of each other, readable errors."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from belvedere.core.errors import EngineError, OptionError
from belvedere.runtime import engine_imports
from belvedere.runtime.batching import run_batched
from belvedere.runtime.cores import available_cores
from belvedere.runtime.engine import Engine, open_engine
from helpers.artifacts import tiny_network

NAMES = ("openvino", "onnxruntime")
COUNT = 6


@pytest.fixture(scope="module")
def network() -> bytes:
    return tiny_network(types=2)


@pytest.fixture(scope="module")
def tensors() -> np.ndarray:
    return np.random.default_rng(3).standard_normal((COUNT, 3, 32, 48)).astype(np.float32)


@pytest.fixture(scope="module", params=NAMES)
def engine(request: pytest.FixtureRequest, network: bytes) -> Iterator[Engine]:
    opened = open_engine(network, engine=request.param)
    yield opened
    opened.close()


def run_each(engine: Engine, tensors: np.ndarray) -> dict[str, np.ndarray]:
    return run_batched(engine, {"image": tensors}, 1)


def same(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return first.keys() == second.keys() and all(np.array_equal(first[k], second[k]) for k in first)


def test_outputs_have_names_shapes_and_dtype(engine: Engine, tensors: np.ndarray) -> None:
    outputs = engine.run({"image": tensors[:1]})
    assert {name: values.shape for name, values in outputs.items()} == {
        "score": (1,), "heatmap": (1, 8, 12), "types": (1, 3, 8, 12),
    }  # fmt: skip
    assert {values.dtype for values in outputs.values()} == {np.dtype(np.float32)}


def test_says_what_it_is(engine: Engine) -> None:
    assert engine.name in NAMES
    assert engine.version[0].isdigit()
    assert engine.precision == "f32"
    assert 1 <= engine.threads <= available_cores()


def test_repeated_runs_are_bit_equal(engine: Engine, tensors: np.ndarray) -> None:
    assert same(run_each(engine, tensors), run_each(engine, tensors))


def test_parallel_runs_are_bit_equal_to_serial_ones(engine: Engine, tensors: np.ndarray) -> None:
    expected = run_each(engine, tensors)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: run_each(engine, tensors), range(16)))
    assert all(same(expected, one) for one in found)


def test_another_engine_object_gives_the_same_bits(engine: Engine, network: bytes, tensors: np.ndarray) -> None:
    with_other = open_engine(network, engine=engine.name)
    assert same(run_each(engine, tensors), run_each(with_other, tensors))


def test_results_are_the_callers_own(engine: Engine, tensors: np.ndarray) -> None:
    first = engine.run({"image": tensors[:1]})
    kept = {name: values.copy() for name, values in first.items()}
    for index in range(1, COUNT):
        other = engine.run({"image": tensors[index : index + 1]})
        assert not any(np.shares_memory(first[name], other[name]) for name in first)
    assert same(first, kept)
    for values in first.values():
        values[...] = -1
    assert same(engine.run({"image": tensors[:1]}), kept)


def test_the_input_is_not_changed_and_may_be_changed_afterwards(engine: Engine, tensors: np.ndarray) -> None:
    tensor = tensors[:1].copy()
    outputs = engine.run({"image": tensor})
    assert np.array_equal(tensor, tensors[:1])
    kept = {name: values.copy() for name, values in outputs.items()}
    tensor[...] = 0
    assert same(outputs, kept)


def test_a_strided_tensor_gives_the_same_bits(engine: Engine, tensors: np.ndarray) -> None:
    turned = np.ascontiguousarray(tensors[:1].transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    assert not turned.flags["C_CONTIGUOUS"]
    assert same(engine.run({"image": turned}), engine.run({"image": tensors[:1]}))


def test_engines_agree(network: bytes, tensors: np.ndarray) -> None:
    first, second = (run_each(open_engine(network, engine=name), tensors) for name in NAMES)
    assert {name: np.abs(first[name] - second[name]).max() < 1e-4 for name in first} == {
        "score": True, "heatmap": True, "types": True,
    }  # fmt: skip
    assert np.ptp(first["score"]) > 1e-3  # different pictures, different scores


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("batch", [2, 4])
def test_batches_are_padded_and_close_to_single_calls(
    network: bytes, tensors: np.ndarray, name: str, batch: int
) -> None:
    single = run_each(open_engine(network, engine=name), tensors)
    batched = run_batched(open_engine(network, engine=name, batch=batch), {"image": tensors[:5]}, batch)
    for key, values in batched.items():
        np.testing.assert_allclose(values, single[key][:5], atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_threads_are_as_asked(network: bytes, tensors: np.ndarray, name: str) -> None:
    engine = open_engine(network, engine=name, threads=1)
    assert engine.threads == 1
    np.testing.assert_allclose(
        run_each(engine, tensors)["score"],
        run_each(open_engine(network, engine=name), tensors)["score"],
        atol=1e-5,
    )


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({}, "takes the inputs"),
        ({"picture": np.zeros((1, 3, 32, 48), np.float32)}, "takes the inputs"),
        ({"image": np.zeros((1, 3, 32, 47), np.float32)}, r"float32 \[1, 3, 32, 47\]"),
        ({"image": np.zeros((3, 32, 48), np.float32)}, r"float32 \[3, 32, 48\]"),
        ({"image": np.zeros((1, 3, 32, 48), np.float64)}, r"float64 \[1, 3, 32, 48\]"),
    ],
)
def test_tensors_that_do_not_fit(engine: Engine, inputs: dict[str, np.ndarray], reason: str) -> None:
    with pytest.raises(EngineError, match=reason):
        engine.run(inputs)


@pytest.mark.parametrize("tensor", [np.zeros((0, 3, 32, 48), np.float32), np.float32(1)])
def test_no_pictures_are_no_batch(engine: Engine, tensor: np.ndarray) -> None:
    with pytest.raises(EngineError, match="first axis"):
        run_batched(engine, {"image": np.asarray(tensor)}, 1)


@pytest.mark.parametrize("name", ["auto", *NAMES])
@pytest.mark.parametrize("keep", [0, 1, 500, -100])
def test_damaged_networks(network: bytes, name: str, keep: int) -> None:
    with pytest.raises(EngineError, match="refuses the network"):
        open_engine(network[:keep], engine=name)


@pytest.mark.parametrize("options", [{"engine": "tensorrt"}, {"precision": "f8"}, {"threads": 0}, {"engine": ""}])
def test_unknown_options(network: bytes, options: dict[str, object]) -> None:
    with pytest.raises(OptionError):
        open_engine(network, **options)


def test_closed_engines_refuse(network: bytes, tensors: np.ndarray) -> None:
    for name in NAMES:
        engine = open_engine(network, engine=name)
        engine.close()
        engine.close()
        with pytest.raises(EngineError, match="closed"):
            engine.run({"image": tensors[:1]})


def test_closing_while_others_run_ends_cleanly(engine: Engine, network: bytes, tensors: np.ndarray) -> None:
    own = open_engine(network, engine=engine.name)
    expected, started, seen = run_each(own, tensors), threading.Barrier(5), []

    def work() -> None:
        started.wait()
        try:
            while True:
                seen.append(same(run_each(own, tensors), expected))
        except EngineError:
            return

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    started.wait()
    own.close()
    for thread in threads:
        thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads)
    assert all(seen)


def test_auto_is_openvino(network: bytes) -> None:
    assert open_engine(network).name == "openvino"


def test_auto_says_so_where_openvino_is_missing(network: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    original = engine_imports._import

    def without(name: str):
        if name == "openvino":
            raise EngineError("the engine 'openvino' cannot be loaded")
        return original(name)

    monkeypatch.setattr(engine_imports, "_import", without)
    assert open_engine(network).name == "onnxruntime"
    with pytest.raises(EngineError, match="openvino"):
        open_engine(network, engine="openvino")


def test_a_missing_engine_says_what_to_install() -> None:
    with pytest.raises(EngineError, match="pip install no_such_engine"):
        engine_imports._import("no_such_engine")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_engines_write_nothing_home_and_open_no_connection(name: str, network: bytes, tmp_path: Path) -> None:
    """Telemetry of both is off: nothing in the home folder, no thread or socket that is not the engine's."""
    home, file = tmp_path / "home", tmp_path / "network.onnx"
    home.mkdir()
    file.write_bytes(network)
    code = (
        "import os, sys, socket\n"
        "def refuse(*args, **kwargs): raise SystemExit('somebody looked up ' + repr(args))\n"
        "socket.getaddrinfo = refuse\n"
        "from belvedere.runtime.engine import open_engine\n"
        f"engine = open_engine(open(sys.argv[1], 'rb').read(), engine={name!r})\n"
        "import numpy as np\n"
        "engine.run({'image': np.zeros((1, 3, 32, 48), np.float32)})\n"
        "links = [os.readlink(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd') if "
        "os.path.islink(f'/proc/self/fd/{fd}')] if os.path.isdir('/proc/self/fd') else []\n"
        "assert not [link for link in links if link.startswith('socket')], links\n"
        "assert 'openvino_telemetry' not in sys.modules\n"
    )
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(home.rglob("*")) == []


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_names_are_those_of_the_file_where_nodes_beside_the_borders_do_nothing(engine: str) -> None:
    nodes = [
        helper.make_node("Cast", ["image"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Relu", ["cast"], ["inner"]),
        helper.make_node("Identity", ["inner"], ["score"]),
    ]
    shape = [1, 3]
    graph = helper.make_graph(
        nodes,
        "borders",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    with closing(open_engine(model.SerializeToString(), engine=engine)) as opened:
        found = opened.run({"image": np.array([[-1.0, 2.0, 3.0]], np.float32)})
    assert list(found) == ["score"]
    np.testing.assert_array_equal(found["score"], [[0.0, 2.0, 3.0]])
