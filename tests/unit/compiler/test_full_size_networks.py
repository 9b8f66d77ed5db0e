"""Full-size MXNet networks with random weights: written by the tool, imported, run."""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from belvedere.compiler.importers import mxnet
from belvedere.compiler.importing import Declared, Importer, Request, Source

ROOT = Path(__file__).resolve().parents[3]
IMPORTER: Importer = mxnet

# Name and input size, None for the published one.
RUN = [
    ("squeezenet1.1", None),
    ("mobilenetv3_small", None),
    ("resnet18_v2", None),
    ("densenet121", None),
    ("resnest50", None),
    ("xception", None),
    ("yolo3_mobilenet1.0_coco", (480, 600)),
    ("yolo3_darknet53_coco", None),
    ("ssd_512_mobilenet1.0_voc", None),
    ("ssd_512_resnet50_v1_voc", None),
    ("deeplab_resnet50_ade", (161, 200)),
    ("psp_resnet50_ade", (176, 176)),
    ("simple_pose_resnet50_v1d", None),
    ("center_net_resnet18_v1b_coco", (256, 320)),
    ("faster_rcnn_resnet50_v1b_voc", (192, 256)),
]
DETECTORS = ("yolo3", "ssd", "faster_rcnn", "mask_rcnn")


@pytest.fixture(scope="module")
def tool() -> Iterator[Any]:
    """The package tools/mxnet_networks."""
    sys.path.insert(0, str(ROOT))
    try:
        yield importlib.import_module("tools.mxnet_networks")
    finally:
        sys.path.remove(str(ROOT))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """An empty folder that is cleared afterwards: these files are large."""
    yield tmp_path
    shutil.rmtree(tmp_path)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def imported_and_run(folder: Path, inputs: dict[str, tuple[int, ...]]) -> list[NDArray[np.float32]]:
    source = Source(folder, folder, tuple(sorted(path.relative_to(folder) for path in folder.iterdir())))
    assert IMPORTER.probe(source) > 0.5
    declared = tuple(Declared(name, shape) for name, shape in inputs.items())
    imported = IMPORTER.load(source, Request(inputs=declared))
    assert isinstance(imported.network, onnx.ModelProto)
    assert [(port.name, port.shape) for port in imported.inputs] == list(inputs.items())
    session = onnxruntime.InferenceSession(imported.network.SerializeToString(), providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    outputs = session.run(None, {name: random.standard_normal(shape, np.float32) for name, shape in inputs.items()})
    assert [port.shape for port in imported.outputs] == [output.shape for output in outputs]
    return list(outputs)


def test_parameter_counts_are_the_published_ones(tool: Any) -> None:
    far = {}
    for name, network in tool.NETWORKS.items():
        if network.published is not None:
            ours = tool.parameter_count(name, statistics=network.statistics)
            if abs(ours - network.published) > 0.01 * network.published:
                far[name] = (ours, network.published)
    assert not far
    assert sum(network.published is not None for network in tool.NETWORKS.values()) > 25


def test_the_table_of_the_readme_is_up_to_date(tool: Any) -> None:
    text = (ROOT / "tools" / "mxnet_networks" / "README.md").read_text()
    assert importlib.import_module(f"{tool.__name__}.__main__").table() in text


def test_weights_depend_on_the_seed_only(tool: Any, tmp_path: Path) -> None:
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        tool.write_network("squeezenet1.1", tmp_path / folder, seed=seed)
    params = [digest(tmp_path / folder / "squeezenet1.1-0000.params") for folder in "abc"]
    symbols = [digest(tmp_path / folder / "squeezenet1.1-symbol.json") for folder in "abc"]
    assert params[0] == params[1] != params[2]
    assert len(set(symbols)) == 1


def test_files_are_laid_out_as_mxnet_writes_them(tool: Any, tmp_path: Path) -> None:
    inputs = tool.write_network("mobilenetv3_small", tmp_path, size=96)
    assert inputs == {"data": (1, 3, 96, 96)}
    content = (tmp_path / "mobilenetv3_small-0000.params").read_bytes()
    magic, reserved, count = struct.unpack_from("<QQQ", content)
    assert (magic, reserved) == (0x112, 0)
    assert struct.unpack_from("<Iii4qiii", content, 24) == (0xF993FAC9, 0, 4, 16, 3, 3, 3, 1, 0, 0)
    graph = json.loads((tmp_path / "mobilenetv3_small-symbol.json").read_text())
    variables = {node["name"] for node in graph["nodes"] if node["op"] == "null"}
    assert len(variables) == count + 1
    assert content.count(b"aux:") == sum(name.endswith(("running_mean", "running_var")) for name in variables)
    assert all(entry[0] < index for index, node in enumerate(graph["nodes"]) for entry in node["inputs"])
    assert graph["attrs"] == {"mxnet_version": ["int", 10901]}
    assert len(graph["node_row_ptr"]) == len(graph["nodes"]) + 1


def test_anchor_tables(tool: Any) -> None:
    one_stage, two_stage = (importlib.import_module(f"{tool.__name__}.{name}") for name in ("one_stage", "two_stage"))
    table = two_stage.rpn_anchor_table()
    assert table.shape == (128, 128, 60)
    # The first of py-faster-rcnn's boxes at ratio 0.5: 23 x 12 times 2, centred on 7.5.
    np.testing.assert_allclose(table[0, 0, :4], [-15, -4, 30, 19])
    np.testing.assert_allclose(table[2, 3, :4] - table[0, 0, :4], [48, 32, 48, 32])
    table = one_stage.ssd_anchor_table(0)
    assert table.shape == (128, 128, 16)
    np.testing.assert_allclose(table[1, 0, :4], [8, 24, 51.2, 51.2])
    np.testing.assert_allclose(table[0, 0, 6:8], [np.sqrt(51.2 * 102.4)] * 2)
    np.testing.assert_allclose(table[0, 0, 10] / table[0, 0, 11], 2)


@pytest.mark.parametrize("start", [["tools/mxnet_networks"], ["-m", "tools.mxnet_networks"]])
def test_command_line(tmp_path: Path, start: list[str]) -> None:
    line = [sys.executable, *start, "squeezenet1.1", "--out", str(tmp_path), "--size", "227x240"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "(1, 3, 227, 240)" in done.stdout
    assert (tmp_path / "squeezenet1.1-0000.params").stat().st_size > 4_900_000


def test_command_line_knows_its_networks() -> None:
    line = [sys.executable, "tools/mxnet_networks", "resnet51"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 2
    assert "no such network: resnet51" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("name", "size"), RUN, ids=[name for name, _ in RUN])
def test_networks_import_and_run(tool: Any, folder: Path, name: str, size: tuple[int, int] | None) -> None:
    inputs = tool.write_network(name, folder, size)
    outputs = imported_and_run(folder, inputs)
    height, width = inputs["data"][2:]
    assert tuple(output.shape for output in outputs) == tool.NETWORKS[name].outputs((height, width))
    for output in outputs:
        assert np.isfinite(output).all()
        assert output.std() > 0
    if name.startswith(DETECTORS):
        ids, scores, boxes = (output[0] for output in outputs[:3])
        used = ids[:, 0] >= 0
        assert used.any()
        assert (boxes[~used] == -1).all()
        assert (scores[~used] == -1).all()
        assert ((scores[used] > 0) & (scores[used] <= 1)).all()
