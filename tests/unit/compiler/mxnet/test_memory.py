"""The cost of importing a large file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from unit.compiler.mxnet.models import Symbol, save

_SIDE = 4096
_PROGRAM = """
import sys
from pathlib import Path
import onnx, onnx.reference
from belvedere.compiler.importers.mxnet import load
from belvedere.compiler.importing import Declared, Request, Source

def status(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))

folder = Path(sys.argv[1])
files = tuple(path.relative_to(folder) for path in folder.iterdir())
before = status("VmRSS")
model = load(Source(folder, folder, files), Request(inputs=(Declared("data", (1, int(sys.argv[2]))),)))
assert len(model.network.graph.initializer) == 2
print(status("VmHWM") - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from /proc")
def test_importing_costs_at_most_three_times_the_file(tmp_path: Path) -> None:
    symbol = Symbol()
    entry, arrays = symbol.variable("data"), {}
    for index in range(2):
        name = f"fc{index}_weight"
        arrays[name] = np.full((_SIDE, _SIDE), 0.5, np.float32)
        entry = symbol.op("FullyConnected", f"fc{index}", entry, symbol.variable(name), num_hidden=_SIDE, no_bias=True)
    folder = save(tmp_path / "net", symbol.json(entry), arrays)
    size = (folder / "model-0000.params").stat().st_size
    command = [sys.executable, "-c", _PROGRAM, str(folder), str(_SIDE)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert int(result.stdout) <= 3 * size
