"""The guard against pictures of something else."""

from __future__ import annotations

import numpy as np
import pytest

from belvedere.training.anomaly.novelty import Scene, add_scene, fit_scene
from belvedere.training.anomaly.onnx_graph import GraphBuilder
from helpers.features import cells_of, run_on_cells, strangeness


def scene_of(count: int, anomalous: int = 0, seed: int = 0) -> Scene:
    rng = np.random.default_rng(seed)
    normal = [[cells_of(rng)] for _ in range(count)]
    return fit_scene(normal, [cells_of(rng, shift=0.3) for _ in range(anomalous)], rng)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_graph(engine: str) -> None:
    scene, rng = scene_of(6), np.random.default_rng(1)
    batch = np.stack([cells_of(rng, shift=shift) for shift in (0.0, 1.5, 6.0)])
    graph = GraphBuilder()
    found = run_on_cells(graph, {"score": add_scene(graph, scene, "image")}, batch, engine)["score"]
    assert found == pytest.approx([strangeness(scene, cells) for cells in batch], rel=1e-3, abs=1e-3)
    assert found[0] == 0 < found[2]


@pytest.mark.parametrize("count", [2, 3, 5, 20])
def test_pictures_of_the_scene_add_nothing(count: int) -> None:
    added = []
    for seed in range(40):
        scene, rng = scene_of(count, seed=seed), np.random.default_rng((seed, 1))
        added += [strangeness(scene, cells_of(rng)) > 0 for _ in range(10)]
    assert np.mean(added) < 0.02


def test_anomalous_pictures_of_the_training_belong_to_the_scene() -> None:
    rng = np.random.default_rng(3)
    far = cells_of(rng, shift=2.0)
    normal = [[cells_of(rng)] for _ in range(6)]
    assert strangeness(fit_scene(normal, [], rng), far) > 0
    assert strangeness(fit_scene(normal, [far], rng), far) == 0


def test_turned_copies_are_of_their_picture() -> None:
    """A picture's own copies are no measure of how different pictures are."""
    rng = np.random.default_rng(4)
    views = [[one := cells_of(rng), one] for _ in range(6)]
    assert fit_scene(views, [], rng).limit == pytest.approx(fit_scene([v[:1] for v in views], [], rng).limit)


def test_very_many_and_blank_pictures() -> None:
    rng = np.random.default_rng(5)
    assert len(fit_scene([[cells_of(rng)] for _ in range(400)], [], rng).means) == 256
    blank = np.zeros((16, 6), np.float16)
    scene = fit_scene([[blank], [blank]], [], rng)
    assert scene.limit > 0
    assert strangeness(scene, blank) == 0
