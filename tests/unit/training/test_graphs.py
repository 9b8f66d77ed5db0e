"""Each learner's ONNX graph gives the scores of its numpy form, on both engines."""

from __future__ import annotations

import numpy as np
import pytest

from belvedere.training.anomaly.memory import add_memory, fit_memory, patch_distances, picture_score
from belvedere.training.anomaly.onnx_graph import GraphBuilder
from belvedere.training.anomaly.pixel import PixelExample, add_pixel_head, fit_pixel_head, pixel_logits, pixel_score
from belvedere.training.anomaly.supervised import add_picture_head, fit_picture_head, head_score, pool
from helpers.features import cells_of, run_on_cells

CELLS, CHANNELS = 40, 10
ENGINES = ("onnxruntime", "openvino")


@pytest.fixture(scope="module")
def batch() -> np.ndarray:
    """Three pictures' cells: like the training ones, a little off, far off; float16 [N, P, C]."""
    rng = np.random.default_rng(50)
    return np.stack([cells_of(rng, CELLS, CHANNELS, shift) for shift in (0.0, 0.5, 4.0)])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("pictures", "top"), [(6, 1), (6, 5), (1, 2)])
def test_memory(batch: np.ndarray, engine: str, pictures: int, top: int) -> None:
    rng = np.random.default_rng(1)
    memory = fit_memory([cells_of(rng, CELLS, CHANNELS) for _ in range(pictures)], pictures, rng)
    graph = GraphBuilder()
    distances, score = add_memory(graph, memory, "image", top)
    found = run_on_cells(graph, {"distances": distances, "score": score}, batch, engine)
    for index, cells in enumerate(batch):
        # Squared distances lose their last digits to cancellation, most where they are near zero.
        assert found["distances"][index] == pytest.approx(patch_distances(memory, cells), rel=1e-4, abs=2e-3)
        assert found["score"][index] == pytest.approx(picture_score(memory, cells, top), rel=1e-4, abs=1e-4)
    assert found["score"][2] > found["score"][0]


@pytest.mark.parametrize("engine", ENGINES)
def test_picture_head(batch: np.ndarray, engine: str) -> None:
    rng = np.random.default_rng(2)
    cells = [cells_of(rng, CELLS, CHANNELS, shift) for shift in [0.0] * 8 + [0.7] * 6]
    head = fit_picture_head(np.stack([pool(one) for one in cells]), np.arange(14) >= 8)
    graph = GraphBuilder()
    found = run_on_cells(graph, {"score": add_picture_head(graph, head, "image")}, batch, engine)
    expected = [head_score(head, pool(one)) for one in batch]
    assert found["score"] == pytest.approx(expected, rel=1e-4, abs=1e-4)
    assert expected[0] < 0 < expected[2]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("types", "top"), [(1, 1), (2, 4)])
def test_pixel_head(batch: np.ndarray, engine: str, types: int, top: int) -> None:
    rng = np.random.default_rng(3)
    examples = []
    for index in range(8):
        cells, cover = cells_of(rng, CELLS, CHANNELS), np.zeros((types, CELLS), np.float32)
        if index % 2:
            kind = index // 2 % types
            cover[kind, 5:9] = 1.0
            cells[5:9, kind] += 6
        examples.append(PixelExample(cells, cover))
    head = fit_pixel_head(examples, types, rng)
    assert head is not None
    graph = GraphBuilder()
    logits, score = add_pixel_head(graph, head, "image", top)
    found = run_on_cells(graph, {"logits": logits, "score": score}, batch, engine)
    for index, cells in enumerate(batch):
        assert found["logits"][index] == pytest.approx(pixel_logits(head, cells), rel=1e-4, abs=1e-4)
        assert found["score"][index] == pytest.approx(pixel_score(head, cells, top), rel=1e-4, abs=1e-4)


def test_equal_calls_give_equal_bytes() -> None:
    def build() -> bytes:
        rng = np.random.default_rng(1)
        memory = fit_memory([cells_of(rng, CELLS, CHANNELS)], 1, rng)
        graph = GraphBuilder()
        _, score = add_memory(graph, memory, "image", 2)
        return graph.model(["N", CELLS, CHANNELS], [("score", score, ["N"])])

    assert build() == build()
