"""Networks whose inputs and outputs are float16 are bound and predict as their twins in float32 do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from belvedere.compiler.compile import compile as compile_model
from belvedere.runtime import Artifact, Model

SIDE, CLASSES = 32, 10


def network(kind: str, dtype: Any) -> bytes:
    """A convolution, then class scores of the picture, or of every pixel, all in ``dtype``."""
    from onnx import helper, numpy_helper

    element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    rng = np.random.default_rng(0)
    maps = CLASSES if kind == "classification" else 5
    weights = {"kernel": rng.normal(0, 0.5, (maps, 3, 3, 3)).astype(np.float16).astype(dtype)}
    nodes = [helper.make_node("Conv", ["image", "kernel"], ["maps"], pads=[1, 1, 1, 1])]
    shape = [1, maps, SIDE, SIDE]
    if kind == "classification":
        nodes += [
            helper.make_node("GlobalAveragePool", ["maps"], ["mean"]),
            helper.make_node("Flatten", ["mean"], ["flat"]),
        ]
        shape = [1, maps]
    nodes.append(helper.make_node("Softmax", ["flat" if kind == "classification" else "maps"], ["scores"], axis=1))
    graph = helper.make_graph(
        nodes,
        kind,
        [helper.make_tensor_value_info("image", element, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("scores", element, shape)],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())


def compiled(folder: Path, kind: str, dtype: str, **options: Any) -> Artifact:
    path = folder / f"{kind}-{dtype}.onnx"
    path.write_bytes(network(kind, dtype))
    return compile_model(path, mean=(0.5,), std=(0.25,), seconds=0.02, **options)


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("kind", ["classification", "semantic-segmentation"])
def test_half_predicts_as_single_does(tmp_path: Path, kind: str, engine: str) -> None:
    half, single = (compiled(tmp_path, kind, dtype, engine=engine) for dtype in ("float16", "float32"))
    assert half.manifest.task == single.manifest.task == kind
    assert half.manifest.inputs[0].dtype == half.manifest.outputs[0].dtype == "float16"
    half.save(tmp_path / "half.tar.gz")
    picture = np.random.default_rng(1).integers(0, 256, (48, 40, 3), dtype=np.uint8)
    with Model(Artifact.load(tmp_path / "half.tar.gz")) as first, Model(single) as second:
        found, expected = first.predict(picture), second.predict(picture)
        assert first.run(_tensor())[0].dtype == np.float16
        assert [type(one) for one in first.predict([picture, picture])] == [type(found)] * 2
    if kind == "classification":
        assert found.index == expected.index
        assert found.scores == pytest.approx(expected.scores, abs=2e-2)
    else:
        assert np.mean(found.class_map == expected.class_map) > 0.98


def _tensor() -> np.ndarray:
    return np.zeros((1, 3, SIDE, SIDE), np.float16)
