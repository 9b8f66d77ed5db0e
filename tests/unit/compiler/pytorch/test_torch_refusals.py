"""PyTorch files that are damaged or hostile: our errors, no code run, no file touched."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from belvedere import nets
from belvedere.compiler.importers import pytorch as importer
from belvedere.compiler.importing import Request
from belvedere.compiler.source import open_source
from belvedere.core.errors import BelvedereError, CompileError, LimitError, MissingExtraError
from helpers.torch_models import imported, needs_torch

pytestmark = [needs_torch, pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")]


class Touch:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def files(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def repacked(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def program(folder: Path) -> Path:
    import torch

    path = folder / "net.pt2"
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.ReLU()).eval()
    dynamic = ({0: torch.export.Dim("N", min=1, max=9)},)
    torch.export.save(torch.export.export(net, (torch.zeros(2, 3, 8, 8),), dynamic_shapes=dynamic), str(path))
    return path


@pytest.mark.parametrize("old", [False, True])
def test_pickled_code_does_not_run(tmp_path: Path, old: bool) -> None:
    import torch

    path = tmp_path / "net.pth"
    torch.save({"state_dict": Touch(tmp_path / "touched")}, path, _use_new_zipfile_serialization=not old)
    with pytest.raises(CompileError, match=r"pickled Python objects \((?:posix\.mkdir|os\.mkdir)\).*--arch"):
        imported(path, arch="resnet18")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Touch(tmp_path / "touched")))
    with pytest.raises(CompileError, match="is a pickle, which can run code"):
        imported(tmp_path / "plain.pth")
    assert not (tmp_path / "touched").exists()


def test_a_pickled_module_is_refused_with_advice(tmp_path: Path) -> None:
    import torch

    torch.save(nets.create("samplenet"), tmp_path / "net.pth")
    with pytest.raises(CompileError, match=r"belvedere\.nets\.samplenet\.SampLeNet.*torch\.jit\.trace"):
        imported(tmp_path / "net.pth", arch="samplenet")


def test_torchscript_that_touches_files_is_not_loaded(tmp_path: Path) -> None:
    import torch

    class Writes(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + torch.from_file("touched", True, 4)

    torch.jit.script(Writes()).save(str(tmp_path / "net.pt"))
    with pytest.raises(CompileError, match="reads or writes files"):
        imported(tmp_path / "net.pt", "4")


def test_custom_operators_are_listed(tmp_path: Path) -> None:
    import torch

    library = torch.library.Library("belvedere_test", "DEF")
    library.define("strange(Tensor x) -> Tensor")
    library.impl("strange", lambda x: x + 1, "CPU")

    class Strange(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.ops.belvedere_test.strange(x)

    torch.jit.script(Strange()).save(str(tmp_path / "net.pt"))
    with pytest.raises(CompileError, match="custom operators that torch does not have: belvedere_test::strange"):
        imported(tmp_path / "net.pt", "4")
    del library


def test_weights_that_do_not_fit_are_all_listed(tmp_path: Path) -> None:
    import torch

    state = nets.create("samplenet").state_dict()
    state["extra.weight"] = state.pop("fc1.bias")
    state["conv1.weight"] = torch.zeros(6, 4, 5, 5)
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(CompileError) as error:
        imported(tmp_path / "net.pth", arch="samplenet")
    for text in ("1 missing: fc1.bias", "1 unknown: extra.weight", "conv1.weight [6, 4, 5, 5] for [6, 3, 5, 5]"):
        assert text in str(error.value)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [("1x1x32x32", "takes pictures N x 3 x H x W"), ("3x32x32", "takes pictures"), ("[[1,3,32,32],[1]]", "takes one")],
)
def test_inputs_that_an_architecture_does_not_take(tmp_path: Path, inputs: str, message: str) -> None:
    import torch

    torch.save(nets.create("samplenet").state_dict(), tmp_path / "net.pth")
    with pytest.raises(CompileError, match=message):
        imported(tmp_path / "net.pth", inputs, "samplenet")


def test_shapes_that_the_network_does_not_run_on(tmp_path: Path) -> None:
    import torch

    torch.save(nets.create("samplenet").state_dict(), tmp_path / "net.pth")
    with pytest.raises(CompileError, match=r"does not run on the declared inputs .*1x3x64x64"):
        imported(tmp_path / "net.pth", "1x3x64x64", "samplenet")


def test_a_checkpoint_without_tensors(tmp_path: Path) -> None:
    import torch

    torch.save({"epoch": 3, "loss": 0.5}, tmp_path / "net.pth")
    with pytest.raises(CompileError, match="no state dict in it; found epoch, loss"):
        imported(tmp_path / "net.pth", arch="samplenet")


def test_a_network_of_random_numbers_is_refused(tmp_path: Path) -> None:
    import torch

    class Noise(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + torch.rand_like(x)

    torch.jit.script(Noise()).save(str(tmp_path / "net.pt"))
    with pytest.raises(CompileError, match="computes something else than torch"):
        imported(tmp_path / "net.pt", "1x100")


def test_a_program_in_float64_is_refused_with_advice(tmp_path: Path) -> None:
    import torch

    net = torch.nn.Conv2d(3, 2, 3).double().eval()
    torch.export.save(torch.export.export(net, (torch.zeros(1, 3, 8, 8).double(),)), str(tmp_path / "net.pt2"))
    with pytest.raises(CompileError, match=r"cannot run .*in float64.*save it in float32, model\.float\(\)"):
        imported(tmp_path / "net.pt2")


def test_what_neither_exporter_knows_is_said_without_internals(tmp_path: Path) -> None:
    import torch

    class Odd(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.special.i0(x)

    torch.jit.trace(Odd(), torch.zeros(4)).save(str(tmp_path / "net.pt"))
    with pytest.raises(CompileError) as error:
        imported(tmp_path / "net.pt", "4")
    said = str(error.value)
    assert "ONNX (Exporting the operator 'aten::i0'" in said
    assert said.endswith("nor read by OpenVINO (it has no translation for aten::i0)")


def test_reasons_of_engines_come_without_their_source_files() -> None:
    from belvedere.compiler.importers.pytorch.reasons import reason

    said = (
        "Check 'a == b' failed at src/core/reshape.hpp:360:\nWhile validating node 'x'\n"
        "Requested output shape [2,8] is incompatible with input shape\n"
    )
    assert reason(RuntimeError(said)) == "Requested output shape [2,8] is incompatible with input shape"
    assert reason(RuntimeError("Unsupported: a size. Please feel free to ask [Caused by x")) == "Unsupported: a size"
    assert reason(RuntimeError("")) == "RuntimeError"


def test_a_zip_bomb(tmp_path: Path) -> None:
    import torch

    torch.save(nets.create("samplenet").state_dict(), tmp_path / "net.pth")
    with zipfile.ZipFile(tmp_path / "net.pth", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net/data/9999", bytes(200_000_000))
    with pytest.raises(LimitError, match="unpacks to more than"):
        imported(tmp_path / "net.pth", arch="samplenet")


def edited(members: dict[str, bytes], edit: Callable[[dict[str, Any]], None]) -> dict[str, bytes]:
    (name,) = (name for name in members if name.endswith("models/model.json"))
    value = json.loads(members[name])
    edit(value)
    return {**members, name: json.dumps(value).encode()}


def edit_target(value: dict[str, Any]) -> None:
    value["graph_module"]["graph"]["nodes"][0]["target"] = "torch.hub.load"


def edit_name(value: dict[str, Any]) -> None:
    value["graph_module"]["graph"]["nodes"][0]["name"] = "x): __import__('os').mkdir('touched')\ndef f("


def edit_argument(value: dict[str, Any]) -> None:
    value["graph_module"]["graph"]["inputs"][0]["as_tensor"]["name"] = "x=__import__('os').mkdir('touched')"


def edit_size(value: dict[str, Any]) -> None:
    values = value["graph_module"]["graph"]["tensor_values"]
    next(iter(values.values()))["sizes"][0] = {
        "as_expr": {"expr_str": "__import__('os').mkdir('touched')", "hint": {"as_int": 2}}
    }


def edit_tree(value: dict[str, Any]) -> None:
    signature = value["graph_module"]["module_call_graph"][0]["signature"]
    context = '{\\"default_factory_module\\": \\"os\\", \\"default_factory_name\\": \\"abort\\"}'
    signature["in_spec"] = '[1, {"type": "collections.defaultdict", "context": "%s", "children_spec": []}]' % context  # noqa: UP031


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (edit_target, r"it calls 'torch\.hub\.load'"),
        (edit_name, "has characters that names do not have"),
        (edit_argument, "has characters that names do not have"),
        (edit_size, "is no arithmetic expression"),
        (edit_tree, "its arguments are of the type 'collections.defaultdict'"),
    ],
)
def test_programs_with_code_in_their_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edit: Callable[[dict[str, Any]], None], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = program(tmp_path)
    repacked(path, edited(files(path), edit))
    with pytest.raises(CompileError, match=message):
        imported(path)
    assert not (tmp_path / "touched").exists()


def test_guards_of_a_program_are_not_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = program(tmp_path)
    guard = "__import__('os').mkdir('touched') is None"
    repacked(path, edited(files(path), lambda value: value.update(guards_code=[guard])))
    assert imported(path).outputs
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ("data/constants/opaque_obj_0", "it has a member 'data/constants/opaque_obj_0'"),
        ("data/constants/custom_obj_0", "it has a member"),
        ("data/weights/model.pt", "it has a member"),
        ("data/aotinductor/model/x.so", "machine code of AOTInductor"),
    ],
)
def test_programs_with_pickles_or_compiled_code(tmp_path: Path, member: str, message: str) -> None:
    path = program(tmp_path)
    members = files(path)
    root = next(iter(members)).partition("/")[0]
    repacked(path, {**members, f"{root}/{member}": pickle.dumps(Touch(tmp_path / "touched"))})
    with pytest.raises(CompileError, match=message):
        imported(path)
    assert not (tmp_path / "touched").exists()


def test_example_inputs_of_a_program_are_not_unpickled(tmp_path: Path) -> None:
    path = program(tmp_path)
    members = files(path)
    (name,) = (name for name in members if name.endswith("sample_inputs/model.pt"))
    repacked(path, {**members, name: pickle.dumps(Touch(tmp_path / "touched"))})
    assert imported(path).outputs
    assert not (tmp_path / "touched").exists()


def test_a_pickled_tensor_of_a_program_is_refused(tmp_path: Path) -> None:
    path = program(tmp_path)
    members = files(path)
    (name,) = (name for name in members if name.endswith("model_weights_config.json"))
    config = json.loads(members[name])
    for entry in config["config"].values():
        entry["use_pickle"] = True
    repacked(path, {**members, name: json.dumps(config).encode()})
    with pytest.raises(CompileError, match="is pickled"):
        imported(path)


@pytest.mark.parametrize(("name", "content"), [("a.pt", b""), ("a.pth", b"hello"), ("a.pt2", b"PK\x03\x04 damaged")])
def test_no_pytorch_file(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CompileError, match="no PyTorch file, or it is damaged"):
        imported(tmp_path / name)


def test_other_zip_files_are_not_ours(tmp_path: Path) -> None:
    repacked(tmp_path / "net.keras", {"config.json": b"{}", "model.weights.h5": b""})
    with open_source(tmp_path / "net.keras") as source:
        assert importer.probe(source) == 0.0


def test_without_torch_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    import torch

    torch.save(nets.create("samplenet").state_dict(), tmp_path / "net.pth")
    monkeypatch.setitem(sys.modules, "torch", None)
    with open_source(tmp_path / "net.pth") as source:
        assert importer.probe(source) > 0.5
        with pytest.raises(MissingExtraError, match=r"\[torch\] extra"):
            importer.load(source, Request(arch="samplenet"))


@cache
def samples() -> list[bytes]:
    import torch

    net = torch.nn.Linear(2, 2)
    found = []
    for old in (False, True):
        state = io.BytesIO()
        torch.save(net.state_dict(), state, _use_new_zipfile_serialization=not old)
        found.append(state.getvalue())
    script = io.BytesIO()
    torch.jit.save(torch.jit.trace(net, torch.zeros(1, 2)), script)
    written = io.BytesIO()
    torch.export.save(torch.export.export(net, (torch.zeros(1, 2),)), written)
    return [*found, script.getvalue(), written.getvalue()]


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_ends_in_our_errors(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(samples())))
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=4)):
        content[at] = value
    path = tmp_path_factory.mktemp("damaged") / "net.pt"
    path.write_bytes(bytes(content[: data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))]))
    with contextlib.suppress(BelvedereError):
        imported(path, "1x2", "samplenet")
