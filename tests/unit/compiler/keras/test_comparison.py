"""The converted network is held against Keras's own run of the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from belvedere.compiler.declared_ports import Bound, Own
from belvedere.compiler.importers.keras.comparison import drift_of
from belvedere.runtime.engine_imports import import_openvino


def network(factor: float) -> Any:
    """Takes NCHW ``x`` and integers ``n``; gives NHWC ``y``, ``x`` turned and scaled, and ``z``, ``n`` doubled."""
    openvino = import_openvino()
    opset = openvino.opset13
    x = opset.parameter([1, 3, 4, 5], np.float32)
    n = opset.parameter([1, 2], np.int32)
    for node, name in ((x, "x"), (n, "n")):
        node.output(0).get_tensor().set_names({name})
    y = opset.multiply(opset.transpose(x, np.array([0, 2, 3, 1])), np.float32(factor))
    z = opset.multiply(n, np.int32(2))
    for node, name in ((y, "y"), (z, "z")):
        node.output(0).get_tensor().set_names({name})
    return openvino.Model([opset.result(y), opset.result(z)], [x, n])


BOUND = [
    Bound(Own("image", (-1, 4, 5, 3), "float32"), "x", (1, 4, 5, 3), "float32", nchw=True),
    Bound(Own("count", (1, 2), "int32"), "n", None, "int32"),
]


def run(values: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Stands in for Keras: integers first, then a picture with channels last."""
    count, image = values
    assert (count.dtype, image.shape) == (np.int32, (1, 4, 5, 3))
    return [count * 2, image * 3]


@pytest.mark.parametrize(("factor", "said"), [(3.0, None), (3.1, "'y' is off by 0.033 of its largest value")])
def test_values_are_compared_in_the_layout_and_order_of_each(factor: float, said: str | None) -> None:
    assert drift_of(network(factor), run, BOUND, ["count", "image"], {"y": 1, "z": 0}) == said


def test_a_wrong_place_is_noticed() -> None:
    said = drift_of(network(3.0), run, BOUND, ["count", "image"], {"y": 0, "z": 1})
    assert said is not None
    assert "in Keras [1, 2]" in said
