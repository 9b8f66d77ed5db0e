"""Imports one model in a fresh process and prints seconds and memory as JSON; started by ``compile.py``.

The last line on stdout is a JSON object.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from pathlib import Path

from belvedere.compiler.declared import declared_inputs
from belvedere.compiler.detect import choose_importer
from belvedere.compiler.importing import Request
from belvedere.compiler.source import open_source
from belvedere.runtime.engine_imports import import_onnxruntime, import_openvino


def memory(key: str) -> int:
    """``VmRSS`` or ``VmHWM`` of this process in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {key}")


def main() -> int:
    """Import the model."""
    parser = argparse.ArgumentParser(description="Started by compile.py.")
    parser.add_argument("model", type=Path)
    parser.add_argument("--input", default=None)
    options = parser.parse_args()
    import onnx  # noqa: F401  what any import needs is there before it begins

    import_onnxruntime()
    import_openvino()
    size = sum(file.stat().st_size for file in options.model.rglob("*") if file.is_file())
    with open_source(options.model) as source:
        _, importer = choose_importer(source)
        gc.collect()
        before = memory("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        began = time.perf_counter()
        imported = importer.load(source, Request(declared_inputs(options.input)))
        seconds = time.perf_counter() - began
        peak = memory("VmHWM") - before
    found = {
        "framework": imported.framework,
        "outputs": [port.name for port in imported.outputs],
        "seconds": seconds,
        "file_bytes": size,
        "peak_bytes": peak,
        "ratio": peak / size,
    }
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
