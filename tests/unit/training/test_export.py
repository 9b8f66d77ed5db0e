"""The exported network computes what torch computes, in both engines and at every size."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from belvedere.core.errors import TrainingError
from belvedere.runtime.engine import open_engine
from belvedere.training.backbones.catalogue import HubBackbone, find, fitted
from helpers.checkpoints import CONFIGS, make_checkpoint
from helpers.hub import needs_train_extra

pytestmark = [pytest.mark.train_extra, pytest.mark.slow, needs_train_extra]

CLOSE = 1e-3


@pytest.fixture(scope="module")
def export() -> Any:
    from belvedere.training.backbones import export

    return export


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[HubBackbone, Path]]:
    made: dict[str, tuple[HubBackbone, Path]] = {}

    def make(family: str) -> tuple[HubBackbone, Path]:
        if family not in made:
            folder = make_checkpoint(tmp_path_factory.mktemp(family), family)
            made[family] = fitted(find(f"hub:tiny/{family}"), json.loads((folder / "config.json").read_text())), folder
        return made[family]

    return make


def pictures(width: int, height: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.standard_normal((1, 3, height, width)).astype(np.float32) for _ in range(2)]


def reference(family: str, folder: Path, layers: tuple[int, ...], image: np.ndarray) -> list[np.ndarray]:
    """Maps of the layers from transformers' own backbone classes or hidden states, before pooling and scaling."""
    import torch
    import transformers

    batch = torch.from_numpy(image)
    with torch.no_grad():
        if family.startswith("dinov2"):
            names = [f"stage{layer}" for layer in layers]
            kinds = {"dinov2": "Dinov2Backbone", "dinov2_with_registers": "Dinov2WithRegistersBackbone"}
            model = getattr(transformers, kinds[family]).from_pretrained(folder, out_features=names).eval()
            return [m.numpy() for m in model(batch).feature_maps]
        model = transformers.AutoModel.from_pretrained(folder).eval()
        states = model(batch, output_hidden_states=True).hidden_states
        found = [states[layer] for layer in layers]
        if family == "convnext":
            normed = [torch.nn.functional.layer_norm(x.movedim(1, 3), x.shape[1:2], eps=1e-6) for x in found]
            found = [x.movedim(3, 1) for x in normed]
        return [torch.nn.functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False).numpy() for x in found]


def engine_runs(network: bytes, engine: str, image: np.ndarray) -> np.ndarray:
    opened = open_engine(network, engine=engine, batch=len(image))
    try:
        return opened.run({"image": image})["features"]
    finally:
        opened.close()


@pytest.mark.parametrize("family", sorted(CONFIGS))
def test_engines_agree_with_torch(family: str, export: Any, checkpoint: Any) -> None:
    import torch

    row, folder = checkpoint(family)
    exported = export.export(row, folder, pictures)
    unit = exported.multiple
    rng = np.random.default_rng(1)
    for batch, rows, columns in ((1, 4, 4), (2, 5, 9), (1, 16, 7)):
        image = rng.standard_normal((batch, 3, rows * unit, columns * unit)).astype(np.float32)
        maps = reference(family, folder, row.layers, image)
        wanted = []
        for order, found in enumerate(maps):
            values = torch.from_numpy(found)
            if family in ("resnet", "convnext"):
                if values.shape[1] > 384:
                    weights = np.random.default_rng((values.shape[1], order)).standard_normal((384, values.shape[1]))
                    flat = torch.from_numpy(weights.astype(np.float32) / math.sqrt(384))
                    values = torch.einsum("oc,nchw->nohw", flat, values)
                if order:
                    values = torch.nn.functional.interpolate(values, scale_factor=2, mode="bilinear")
            wanted.append(values.numpy())
        joined = np.concatenate(wanted, axis=1)
        for engine in ("openvino", "onnxruntime"):
            found = engine_runs(exported.network, engine, image)
            stride = row.stride
            assert found.shape == (batch, exported.channels, rows * unit // stride, columns * unit // stride)
            start = 0
            for part in wanted:
                stop = start + part.shape[1]
                # One factor per layer, found by least squares: it is measured, and tested below.
                factor = float((found[:, start:stop] * part).sum() / (part * part).sum())
                assert np.abs(found[:, start:stop] - factor * part).max() <= CLOSE
                start = stop
            assert start == joined.shape[1]


@pytest.mark.parametrize("family", sorted(CONFIGS))
def test_features_have_unit_size_and_bytes_repeat(family: str, export: Any, checkpoint: Any) -> None:
    row, folder = checkpoint(family)
    exported = export.export(row, folder, pictures)
    image = np.concatenate(pictures(18 * exported.multiple, 14 * exported.multiple))
    found = engine_runs(exported.network, "onnxruntime", image)
    assert math.sqrt(float((found.astype(np.float64) ** 2).mean())) == pytest.approx(1, abs=0.05)
    assert export.export(row, folder, pictures) == exported


def test_the_graph_is_one_that_training_can_include(export: Any, checkpoint: Any) -> None:
    import onnx

    for family in CONFIGS:
        row, folder = checkpoint(family)
        model = onnx.load_model_from_string(export.export(row, folder, pictures).network)
        assert [(item.domain, item.version) for item in model.opset_import] == [("", 18)]
        assert [port.name for port in model.graph.input] == ["image"]
        assert [port.name for port in model.graph.output] == ["features"]
        assert not model.functions
        assert not [n for n in model.graph.node for a in n.attribute if a.HasField("g") or n.doc_string]
        assert str(folder).encode() not in model.SerializeToString()


@pytest.mark.parametrize(("cells", "out"), [(37, 18), (37, 27), (7, 16), (5, 5), (37, 36)])
def test_positions_are_resampled_as_torch_does(cells: int, out: int, export: Any) -> None:
    import torch

    torch.manual_seed(cells)
    grid = torch.randn(cells, cells)
    wanted = torch.nn.functional.interpolate(grid[None, None], size=(out, out), mode="bicubic", antialias=True)[0, 0]
    weights = export._bicubic(out, cells)
    assert float((weights @ grid @ weights.T - wanted).abs().max()) < 1e-5


def _spoil(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    weights = load_file(path)
    change(weights)
    save_file(weights, path, metadata={"format": "pt"})


def _remove(weights: dict[str, Any]) -> None:
    del weights[min(name for name in weights if name.endswith("convolution.weight"))]


def _not_finite(weights: dict[str, Any]) -> None:
    weights[min(name for name in weights if name.endswith("convolution.weight"))][0, 0, 0, 0] = math.nan


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\x80\x04pickle"), "cannot be used"),
        (lambda folder: (folder / "model.safetensors").unlink(), "cannot be used"),
        (lambda folder: _spoil(folder, _remove), "missing or of another shape"),
        (lambda folder: _spoil(folder, _not_finite), "not finite"),
    ],
)
def test_damaged_weights_are_named(spoil: Callable[[Path], Any], message: str, export: Any, tmp_path: Path) -> None:
    folder = make_checkpoint(tmp_path, "resnet")
    row = fitted(find("hub:tiny/resnet"), json.loads((folder / "config.json").read_text()))
    spoil(folder)
    with pytest.raises(TrainingError, match=message) as caught:
        export.export(row, folder, pictures)
    assert "tiny/resnet" in str(caught.value)


def test_large_networks_are_refused_before_their_weights_are_fetched(export: Any, tmp_path: Path) -> None:
    config = {**CONFIGS["dinov2"], "model_type": "dinov2", "hidden_size": 2048, "num_hidden_layers": 40}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(TrainingError, match=r"the most is 1\.5 GB"):
        export.check_size(find("hub:tiny/giant"), tmp_path)


def test_a_configuration_that_makes_no_network(export: Any, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "resnet", "hidden_sizes": "many"}))
    with pytest.raises(TrainingError, match="cannot be used"):
        export.check_size(find("hub:tiny/net"), tmp_path)


def test_stages_of_another_stride_are_refused(export: Any, tmp_path: Path) -> None:
    import transformers

    config = transformers.ResNetConfig(**{**CONFIGS["resnet"], "downsample_in_first_stage": True})
    transformers.AutoModel.from_config(config).save_pretrained(tmp_path)
    with pytest.raises(TrainingError, match="one cell per 8 pixels"):
        export.export(fitted(find("hub:tiny/net"), config.to_dict()), tmp_path, pictures)
