"""The bundled feature network."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import numpy as np
import pytest

from belvedere.core.errors import OptionError
from belvedere.runtime.engine import open_engine
from belvedere.training.backbones import BUNDLED, DEFAULT_BACKBONE, Backbone, bundled_backbone

# Licences under which weights may lie in an Apache-2.0 package.
FREE = {"Apache-2.0", "MIT", "BSD-3-Clause", "CC0-1.0"}


@pytest.fixture(scope="module", params=sorted(BUNDLED))
def stored(request: pytest.FixtureRequest) -> tuple[str, bytes]:
    name: str = request.param
    return name, files("belvedere.training.backbones").joinpath("weights", BUNDLED[name]).read_bytes()


def test_the_default_is_bundled() -> None:
    assert DEFAULT_BACKBONE in BUNDLED
    assert bundled_backbone().name == DEFAULT_BACKBONE


def test_weights_are_small_and_stored_in_half_precision(stored: tuple[str, bytes]) -> None:
    import onnx
    from onnx import TensorProto

    _, data = stored
    assert len(data) <= 4 * 10**6
    graph = onnx.load_model_from_string(data).graph
    sizes = {True: 0, False: 0}
    for tensor in graph.initializer:
        sizes[tensor.data_type == TensorProto.FLOAT16] += int(np.prod(tensor.dims))
    assert sizes[True] > 100_000
    assert sizes[False] < 0.01 * sizes[True]


def test_facts(stored: tuple[str, bytes]) -> None:
    backbone = bundled_backbone(stored[0])
    assert backbone.licence in FREE
    assert backbone.origin
    assert backbone.multiple % backbone.stride == 0
    assert len(backbone.mean) == len(backbone.std) == 3
    assert all(value > 0 for value in backbone.std)


def run_stored(data: bytes, image: np.ndarray) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    result: Any = session.run(["features"], {"image": image})[0]
    return np.asarray(result)


def run_widened(backbone: Backbone, image: np.ndarray, engine: str) -> np.ndarray:
    opened = open_engine(backbone.network, engine=engine, batch=len(image))
    try:
        return opened.run({"image": image})["features"]
    finally:
        opened.close()


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("shape", [(1, 3, 64, 96), (2, 3, 96, 64)])
def test_widened_network_computes_what_the_stored_one_does(
    stored: tuple[str, bytes], shape: tuple[int, ...], engine: str
) -> None:
    """ONNX Runtime runs the stored file, which casts its weights itself."""
    name, data = stored
    backbone = bundled_backbone(name)
    image = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    expected = run_stored(data, image)
    found = run_widened(backbone, image, engine)
    rows, columns = shape[2] // backbone.stride, shape[3] // backbone.stride
    assert found.shape == expected.shape == (shape[0], backbone.channels, rows, columns)
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_the_widened_network_is_plain_float32() -> None:
    import onnx
    from onnx import TensorProto

    graph = onnx.load_model_from_string(bundled_backbone().network).graph
    assert not [node for node in graph.node if node.op_type == "Cast"]
    assert not [tensor for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT16]


def test_features_say_something() -> None:
    """No channel is dead on noise and edges, and cells differ."""
    backbone = bundled_backbone()
    image = np.random.default_rng(0).standard_normal((1, 3, 128, 128)).astype(np.float32)
    image[:, :, 40:90, 40:90] += 3
    features = run_widened(backbone, image, "onnxruntime")[0].reshape(backbone.channels, -1)
    assert np.isfinite(features).all()
    assert (features.std(axis=1) > 1e-4).mean() > 0.9
    assert np.abs(features).max() < 6e4, "cells are kept in half precision"


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(OptionError, match=f"'nonsense'.*{DEFAULT_BACKBONE}"):
        bundled_backbone("nonsense")
