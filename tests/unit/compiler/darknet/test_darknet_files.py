"""Files of Darknet networks: finding them, and what is wrong with them."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from belvedere.compiler.importers import darknet
from belvedere.compiler.importing import Declared, Imported, Request, Source
from belvedere.core.errors import CompileError, LimitError, OptionError
from helpers.darknet import Net, network

CONV = ("convolutional", {"filters": 4, "size": 3, "pad": 1, "batch_normalize": 1, "activation": "leaky"})


def small() -> Net:
    return network((3, 8, 8), [CONV, CONV, ("avgpool", {}), ("softmax", {})])


def whole(folder: Path) -> Source:
    return Source(
        folder, folder, tuple(sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file()))
    )


def named(path: Path) -> Source:
    return Source(path, path.parent, (Path(path.name),))


def load(source: Source, **request: Any) -> Imported:
    return darknet.load(source, Request(**request))


def fails(folder: Path, text: str, **request: Any) -> str:
    with pytest.raises(CompileError, match=text) as caught:
        load(whole(folder), **request)
    return str(caught.value)


def edit(folder: Path, old: str, new: str) -> None:
    cfg = folder / "net.cfg"
    assert old in cfg.read_text()
    cfg.write_text(cfg.read_text().replace(old, new, 1))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    small().save(tmp_path)
    return tmp_path


def test_probe_knows_its_own(folder: Path, tmp_path: Path) -> None:
    assert darknet.probe(whole(folder)) > 0.9
    assert darknet.probe(named(folder / "net.cfg")) > 0.9
    assert darknet.probe(named(folder / "net.weights")) > 0.9
    (folder / "net.weights").unlink()
    assert 0.5 < darknet.probe(whole(folder)) < 0.9


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.onnx", b"\x08\x09\x12\x04"),
        ("setup.cfg", b"[metadata]\nname = x\n"),
        ("net.cfg", b""),
        ("net.weights", b"PK\x03\x04" + bytes(40)),
        ("model.json", b"{}"),
    ],
)
def test_probe_leaves_other_files_alone(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert darknet.probe(named(tmp_path / name)) == 0
    assert darknet.probe(whole(tmp_path)) == 0


def test_probe_never_raises(tmp_path: Path) -> None:
    assert darknet.probe(Source(tmp_path / "gone", tmp_path, (Path("gone"),))) == 0
    assert darknet.probe(Source(tmp_path, tmp_path, ())) == 0


def test_a_file_finds_its_partner(folder: Path) -> None:
    (folder / "net.weights").rename(folder / "trained.weights")
    for source in (named(folder / "net.cfg"), whole(folder)):
        assert load(source).outputs[0].shape == (1, 4)


def test_nested_folders_and_other_files(tmp_path: Path) -> None:
    inner = tmp_path / "model" / "yolo"
    inner.mkdir(parents=True)
    small().save(inner)
    (inner / "coco.names").write_text("person\n")
    (tmp_path / "setup.cfg").write_text("[metadata]\n")
    assert load(whole(tmp_path)).framework == "darknet"


def test_missing_partners(folder: Path) -> None:
    (folder / "net.weights").rename(folder / "net.bin")
    fails(folder, "no .weights file")
    (folder / "net.bin").rename(folder / "net.weights")
    (folder / "net.cfg").unlink()
    fails(folder, "no .cfg file")


def test_two_models_are_an_error_unless_one_pairs_up(folder: Path) -> None:
    small().save(folder, "other")
    assert "net.cfg, other.cfg" in fails(folder, "exactly one .cfg and one .weights")
    (folder / "other.weights").unlink()
    assert load(whole(folder)).framework == "darknet"


@pytest.mark.parametrize("version", [(0, 1, 0), (0, 2, 0), (1, 0, 0)])
def test_headers_of_all_versions(tmp_path: Path, version: tuple[int, int, int]) -> None:
    small().save(tmp_path, version=version)
    provenance = load(whole(tmp_path)).provenance
    assert provenance == {"weights_version": ".".join(map(str, version)), "pictures_seen": 64_000}


def test_weights_that_end_early_name_the_layer(folder: Path) -> None:
    weights = folder / "net.weights"
    weights.write_bytes(weights.read_bytes()[:-40])
    text = fails(folder, "ends in net.cfg: .convolutional. in line 15 .layer 1.")
    assert "weights need 144 values, 134 are left of 274" in text


def test_left_over_weights_are_counted(folder: Path) -> None:
    weights = folder / "net.weights"
    weights.write_bytes(weights.read_bytes() + bytes(28))
    fails(folder, "7 of its 291 values are left over")


@pytest.mark.parametrize("length", [0, 5, 15, 16, 19, 21, 22])
def test_weights_shorter_than_a_layer(folder: Path, length: int) -> None:
    weights = folder / "net.weights"
    weights.write_bytes(weights.read_bytes()[:length])
    fails(folder, "too short for the header|no whole number of float32|ends in")


def test_values_that_are_not_finite(folder: Path) -> None:
    weights = folder / "net.weights"
    content = bytearray(weights.read_bytes())
    content[20:24] = struct.pack("<f", np.nan)
    weights.write_bytes(content)
    fails(folder, "biases of net.cfg: .convolutional. in line 8 .layer 0. are not all finite")


def test_huge_layers_allocate_nothing(folder: Path) -> None:
    edit(folder, "filters=4", "filters=16000000")
    fails(folder, "biases need 16000000 values, 284 are left of 284")
    edit(folder, "filters=16000000", "filters=99999999999999999999")
    fails(folder, "filters=99999999999999999999 is no")


def test_huge_maps(tmp_path: Path) -> None:
    layers = [("upsample", {"stride": 64}), ("upsample", {"stride": 64}), ("upsample", {"stride": 64})]
    net = Net((3, 8, 8), layers)
    net.save(tmp_path)
    with pytest.raises(LimitError, match=r"layer 1.: a map of 3221225472 values"):
        load(whole(tmp_path))


def test_a_huge_cfg(folder: Path) -> None:
    (folder / "net.cfg").write_text((folder / "net.cfg").read_text() + "#" * 1024**2)
    with pytest.raises(LimitError, match="too large for a cfg"):
        load(whole(folder))
    (folder / "net.cfg").write_text("[net]\n" + "[avgpool]\n" * 10_001)
    with pytest.raises(LimitError, match="more than 10000 layers"):
        load(whole(folder))


def test_everything_unsupported_is_listed_at_once(folder: Path) -> None:
    text = (folder / "net.cfg").read_text().replace("[softmax]", "[gru]\noutput=4\n\n[Gaussian_yolo]")
    (folder / "net.cfg").write_text(text.replace("activation=leaky", "activation=normalize_channels", 1))
    message = fails(folder, "not supported")
    assert "[gru] in line 24" in message
    assert "[Gaussian_yolo] in line 27" in message
    assert "activation=normalize_channels in line 8" in message


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("size=3", "size=three", "size=three is no number"),
        ("size=3", "size=2.5", "size=2.5 is no whole number"),
        ("size=3", "size=0", "size=0 is no whole number of 1"),
        ("size=3", "size=nan", "size=nan is no"),
        ("size=3", "size", "line 10 is neither"),
        ("[net]", "[nothing]", "no .cfg file that begins with .net."),
        ("pad=1", "groups=2", "groups=2 do not divide 3 channels"),
        ("pad=1", "binary=1", "binary=1 is not supported"),
        ("width=8", "width=0", "width=0 is no whole number"),
        ("width=8", "", "'width' is missing"),
        ("[softmax]", "[softmax]\ntree=9k.tree", "tree=9k.tree is not supported"),
        ("[softmax]", "[softmax]\ntemperature=0", "temperature=0 is not above 0"),
        ("[softmax]", "[softmax]\ngroups=3", "groups=3 do not divide its 4 inputs"),
        ("[softmax]", "[maxpool]\nsize=2\npadding=4", "padding=4 puts whole windows"),
        ("[softmax]", "[route]", "'layers' names no layer"),
        ("[softmax]", "[route]\nlayers=-1,9", "names layer 9, which is not before it"),
        ("[softmax]", "[route]\nlayers=-9", "names layer -6, which is not before it"),
        ("[softmax]", "[route]\nlayers=0,2", "maps of different sizes: 8 x 8, 1 x 1"),
        ("[softmax]", "[route]\nlayers=0\ngroups=2\ngroup_id=2", "no group 2 of 2"),
        ("[softmax]", "[shortcut]\nfrom=-2\nweights_type=per_channel", "weights_type=per_channel is not supported"),
        ("[softmax]", "[shortcut]\nfrom=-2\nbeta=0.5", "only 1"),
        ("[softmax]", "[reorg]\nstride=3", "needs a multiple of 9 channels, not 4"),
        ("[softmax]", "[reorg]\nstride=2", "does not divide the map of 1 x 1"),
        ("[softmax]", "[crop]\ncrop_height=2\ncrop_width=2", "crops 2 x 2 of a map of 1 x 1"),
        ("[softmax]", "[upsample]\nstride=-2", "stride=-2 is no whole number"),
        ("[softmax]", "[convolutional]\nsize=3\nfilters=1", "size=3 is larger than its input of 1"),
        ("[softmax]", "[yolo]\nclasses=2\nnum=2\nanchors=1,2,3,4", "need 14 channels, the layer before has 4"),
        ("[softmax]", "[yolo]\nclasses=2\nnum=2\nanchors=1,2,3", "needs 4 values of anchors, 3 are there"),
        ("[softmax]", "[yolo]\nclasses=2\nnum=1\nmask=1\nanchors=1,2", "names anchors beyond num=1"),
        ("[softmax]", "[region]\nclasses=2\nnum=1\ncoords=5\nanchors=1,2", "coords=5 is not supported"),
        ("[softmax]", "[region]\nclasses=2\nnum=1\ntree=x\nanchors=1,2", "tree=x is not supported"),
    ],
)  # fmt: skip
def test_faults_in_the_cfg(folder: Path, old: str, new: str, text: str) -> None:
    edit(folder, old, new)
    fails(folder, text)


def test_layers_after_a_detection_layer_cannot_read_it(tmp_path: Path) -> None:
    conv = ("convolutional", {"filters": 7, "size": 1, "activation": "linear"})
    head = ("yolo", {"classes": 2, "num": 1, "anchors": "4,5"})
    network((3, 8, 8), [conv, head, ("route", {"layers": -1}), ("avgpool", {})]).save(tmp_path)
    fails(tmp_path, "layer 2.: reads detection layer 1")


@pytest.mark.parametrize(
    "inputs",
    [
        (Declared("data", (1, 1, 8, 8)),),
        (Declared("data", (3, 8, 8)),),
        (Declared("data", (1, 8, 8, 3)),),
        (Declared("data", (0, 3, 8, 8)),),
        (Declared("data", (1, 3, -1, 8)),),
        (Declared("data", (1, 3, 99_999, 8)),),
    ],
)
def test_declared_inputs_that_do_not_fit(folder: Path, inputs: tuple[Declared, ...]) -> None:
    fails(folder, r"expected \[batch, 3, height, width\]", inputs=inputs)


def test_other_faults_of_the_request(folder: Path) -> None:
    fails(folder, "one input, 2 are declared: a, b", inputs=(Declared("a", (1, 3, 8, 8)), Declared("b", (1, 3, 8, 8))))
    fails(folder, "declared as uint8", inputs=(Declared("data", (1, 3, 8, 8), "uint8"),))
    fails(folder, "no output 'nothing'; it has softmax_3", outputs=("nothing",))
    with pytest.raises(OptionError, match="rows or maps"):
        load(whole(folder), options={"darknet_outputs": "boxes"})


def test_the_same_files_give_the_same_model(folder: Path) -> None:
    first, second = (load(whole(folder)).network.SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


def test_weights_that_overflow_are_refused(folder: Path) -> None:
    path = folder / "net.weights"
    header, values = path.read_bytes()[:20], np.frombuffer(path.read_bytes()[20:], np.float32).copy()
    values[np.abs(values) > 0] *= np.float32(1e37)
    path.write_bytes(header + np.abs(values).tobytes())
    fails(folder, "no finite numbers; they are damaged")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_files_end_in_a_clear_error(tmp_path: Path, data: st.DataObject) -> None:
    small().save(tmp_path)
    path = tmp_path / data.draw(st.sampled_from(["net.cfg", "net.weights"]))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        if data.draw(st.booleans()):
            content[place] = data.draw(st.integers(0, 255))
        else:
            del content[place : place + data.draw(st.integers(1, 40))]
        content = content or bytearray(1)
    path.write_bytes(bytes(content))
    with contextlib.suppress(CompileError, LimitError):
        load(whole(tmp_path))
