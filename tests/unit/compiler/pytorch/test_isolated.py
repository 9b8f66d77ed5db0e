"""PyTorch files are read in a process of their own: code that never ends or fills the memory harms nobody else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from belvedere import nets
from belvedere.compiler.importers.pytorch.importer import _memory_of_features, load
from belvedere.compiler.importing import Declared, Imported, Port, Request
from belvedere.compiler.source import open_source
from belvedere.core.errors import CompileError, LimitError, OptionError
from belvedere.core.limits import Limits
from belvedere.runtime.engine_imports import import_openvino
from helpers.onnx_models import run
from helpers.torch_models import imported, needs_torch

pytestmark = [needs_torch, pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")]


def isolated(path: Path, *inputs: Declared, arch: str | None = None, **limits: float) -> Imported:
    with open_source(path) as source:
        return load(source, Request(inputs, arch=arch), limits=Limits(**limits))  # type: ignore[arg-type]


def test_a_loop_without_end_is_stopped(tmp_path: Path) -> None:
    import torch

    class Endless(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            while bool(x.sum() > -1):
                x = x * 1.0
            return x

    torch.jit.script(Endless()).save(str(tmp_path / "net.pt"))
    with pytest.raises(LimitError, match=r"net\.pt: reading it took longer than 25 s and was stopped"):
        isolated(tmp_path / "net.pt", Declared("x", (1, 4)), conversion_seconds=25)


def test_a_small_file_cannot_ask_for_all_memory(tmp_path: Path) -> None:
    import torch

    class Huge(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + torch.ones([60_000, 60_000]).sum()

    torch.jit.script(Huge()).save(str(tmp_path / "net.pt"))
    with pytest.raises(LimitError, match=r"net\.pt: reading it needs more memory than the limit, 3\.0 GiB"):
        isolated(tmp_path / "net.pt", Declared("x", (1, 4)))


def test_what_comes_back_is_what_is_read_in_one_process(tmp_path: Path) -> None:
    import torch

    torch.manual_seed(0)
    net = nets.create("samplenet", classes=4)
    torch.save({key: value.half() for key, value in net.state_dict().items()}, tmp_path / "net.pth")
    found = isolated(tmp_path / "net.pth", Declared("data", (-1, 3, 32, 32)), arch="samplenet")
    wanted = imported(tmp_path / "net.pth", "data=?x3x32x32", "samplenet")
    assert (found.framework, found.inputs, found.outputs) == (wanted.framework, wanted.inputs, wanted.outputs)
    assert (found.notes, found.provenance) == (wanted.notes, wanted.provenance)
    x = np.random.default_rng(0).random((2, 3, 32, 32)).astype(np.float32)
    np.testing.assert_array_equal(run(found.network, x)[0], run(wanted.network, x)[0])


def test_a_network_in_openvinos_form_comes_back_too(tmp_path: Path) -> None:
    import torch

    class Spectrum(torch.nn.Module):  # ONNX of this opset has no form for it
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.fft.rfft2(x).real

    net = Spectrum()
    torch.jit.trace(net, torch.zeros(1, 3, 8, 8)).save(str(tmp_path / "net.pt"))
    found = isolated(tmp_path / "net.pt", Declared("x", (1, 3, 8, 8)))
    assert found.inputs == (Port("x", (1, 3, 8, 8), "float32", "NCHW"),)
    assert "kept in OpenVINO's form" in found.notes[0]
    x = np.random.default_rng(0).random((1, 3, 8, 8)).astype(np.float32)
    compiled = import_openvino().compile_model(found.network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    np.testing.assert_allclose(compiled([x])[0], net(torch.from_numpy(x)).numpy(), rtol=1e-4, atol=1e-4)


def test_errors_of_every_class_come_back(tmp_path: Path) -> None:
    import torch

    torch.save(nets.create("samplenet").state_dict(), tmp_path / "net.pth")
    with pytest.raises(OptionError, match="no_such_net"):
        isolated(tmp_path / "net.pth", arch="no_such_net")
    with pytest.raises(CompileError, match=r"net\.pth: a state dict, weights without a network"):
        isolated(tmp_path / "net.pth")


def test_torch_stays_out_of_this_process(tmp_path: Path) -> None:
    import torch

    torch.jit.trace(torch.nn.Linear(2, 2).eval(), torch.zeros(1, 2)).save(str(tmp_path / "net.pt"))
    script = (
        "import sys; from belvedere.compiler.importers import pytorch; from belvedere.compiler.importing import *\n"
        "from belvedere.compiler.source import open_source\n"
        f"with open_source({str(tmp_path / 'net.pt')!r}) as source:\n"
        "    found = pytorch.load(source, Request((Declared('x', (1, 2)),)))\n"
        "print(found.outputs[0].shape, 'torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said.split("\n")[0] == "(1, 2) False"


def test_large_inputs_may_take_more_memory() -> None:
    assert _memory_of_features([Declared("x", (1, 3, 2160, 3840))]) > 8 * 1024**3
    assert _memory_of_features([Declared("x", (-1, 3, 224, 224))]) < 512 * 1024**2
