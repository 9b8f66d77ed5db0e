"""Thinned heatmaps: by hand, and in the network."""

from __future__ import annotations

import numpy as np
import pytest

from belvedere.runtime.engine import open_engine
from belvedere.training.anomaly.geometry import Geometry
from belvedere.training.anomaly.onnx_graph import GraphBuilder
from belvedere.training.anomaly.thinning import add_thinning, thinned


def test_a_spread_by_one_cell_is_taken_back() -> None:
    """A defect of 2 x 2 cells that shines on the four neighbours of each; and one at the border of the picture."""
    geometry = Geometry(64, 48, 8)
    marked = np.zeros((6, 8), bool)
    marked[2:4, 3:5] = marked[0, 7] = True
    shone = marked.copy()
    for row, column in np.argwhere(marked):
        for y, x in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if 0 <= y < 6 and 0 <= x < 8:
                shone[y, x] = True
    found = thinned(np.where(shone, 3.0, -2.0).reshape(-1), geometry).reshape(6, 8)
    assert (found == np.where(marked, 3.0, -2.0)).all()


def test_a_single_cell_is_lost() -> None:
    """Why it is a choice and not a rule."""
    values = np.full(48, -2.0)
    values[20] = 5.0
    assert (thinned(values, Geometry(64, 48, 8)) == -2.0).all()


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("share", [None, 0.6, 0.1])
def test_the_network_thins_alike(engine: str, share: float | None) -> None:
    rng = np.random.default_rng(4)
    roi = None if share is None else rng.random((5, 7)) < share
    geometry = Geometry(7, 5, 1, roi=roi)
    values = rng.normal(size=len(geometry.cells)).astype(np.float32)
    graph = GraphBuilder()
    # The builder's one input is called image; any shape does.
    name = add_thinning(graph, "image", geometry)
    opened = open_engine(graph.model([1, 1, len(values)], [("thin", name, [1, 1, len(values)])]), engine=engine)
    found = opened.run({"image": values[None, None]})["thin"][0, 0]
    opened.close()
    assert found == pytest.approx(thinned(values.astype(np.float64), geometry), abs=1e-6)
