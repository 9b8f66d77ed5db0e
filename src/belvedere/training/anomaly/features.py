"""From pictures to feature cells, by the same preprocessing and engine that the finished model uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from belvedere.runtime.engine import Engine, open_engine
from belvedere.training.anomaly.geometry import Geometry
from belvedere.training.anomaly.onnx_graph import GraphBuilder
from belvedere.training.anomaly.tiles import add_features
from belvedere.training.backbones import Backbone
from belvedere.vision.preprocess import Preprocess

Cells = NDArray[np.float16]
KERNEL = "bilinear"


def preprocess_for(backbone: Backbone, geometry: Geometry) -> Preprocess:
    """The preprocessing that goes into the manifest."""
    return Preprocess(width=geometry.width, height=geometry.height, kernel=KERNEL, mean=backbone.mean, std=backbone.std)


def extract(
    pictures: Iterable[NDArray[np.uint8]],
    backbone: Backbone,
    geometry: Geometry,
    advance: Callable[[], None] = lambda: None,
) -> list[Cells]:
    """Features of every cell of the grid.

    Args:
        pictures: RGB uint8 (H, W, 3), any sizes.
        backbone: The feature network.
        geometry: Input size; its region of interest does not matter here.
        advance: Called after each picture.

    Returns:
        Per picture float16 (rows * columns, C): half precision keeps hundreds of pictures in memory.
    """
    preprocess = preprocess_for(backbone, geometry)
    with closing(_engine(backbone, geometry)) as engine:
        return list(_run(pictures, preprocess, engine, advance))


def _run(
    pictures: Iterable[NDArray[np.uint8]],
    preprocess: Preprocess,
    engine: Engine,
    advance: Callable[[], None],
) -> Iterator[Cells]:
    for picture in pictures:
        features = engine.run({"image": preprocess.apply(picture)})["features"][0]
        yield np.ascontiguousarray(features.reshape(len(features), -1).T, np.float16)
        advance()


def _engine(backbone: Backbone, geometry: Geometry) -> Engine:
    graph = GraphBuilder()
    features = add_features(graph, backbone, geometry)
    grid: list[int | str] = ["N", backbone.channels, geometry.rows, geometry.columns]
    shape: list[int | str] = ["N", 3, geometry.height, geometry.width]
    return open_engine(graph.model(shape, [("features", features, grid)]))
