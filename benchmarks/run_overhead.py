"""What ``Model.run`` costs above the bare call of the engine: at most 3 % or 0.2 ms.

    python benchmarks/run_overhead.py [--model ARTIFACT ...] [--repeats 200] [--threads N] [--json FILE]

Without ``--model``, on drawn networks from a few microseconds up to large inputs and outputs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from belvedere.runtime import Artifact, Model
from belvedere.runtime.cores import available_cores
from belvedere.runtime.engine_imports import import_onnxruntime, import_openvino
from machine import describe, facts, load_now, others_share, wording
from output import Check, checks_as_json, print_checks, print_table, write_json
from timing import Times, interleaved

MOST_SHARE, MOST_MS = 0.03, 0.2
# Name, channels of the layers, side of the input in pixels, steps between pixels.
DRAWN = (("tiny", (4,), 16, 1), ("small", (16, 32, 32), 128, 2), ("medium", (32, 64, 64, 64), 256, 2))
DRAWN += (("large output", (32, 32), 512, 1),)

Call = Callable[[int], object]


def drawn(name: str, wide: tuple[int, ...], side: int, stride: int) -> Artifact:
    """A tensor artifact of convolutions with random weights."""
    rng = np.random.default_rng(0)
    nodes, weights, last, channels = [], [], "data", 3
    for index, out in enumerate(wide):
        kernel = rng.standard_normal((out, channels, 3, 3)) * np.sqrt(2 / (9 * channels))
        weights.append(numpy_helper.from_array(kernel.astype(np.float32), f"w{index}"))
        pads, strides = [1, 1, 1, 1], [stride, stride]
        nodes.append(helper.make_node("Conv", [last, f"w{index}"], [f"c{index}"], pads=pads, strides=strides))
        nodes.append(helper.make_node("Relu", [f"c{index}"], [f"r{index}"]))
        last, channels, side_out = f"r{index}", out, side // stride ** (index + 1)
    taken, given = [1, 3, side, side], [1, channels, side_out, side_out]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, taken)],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, given)],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return Artifact.build(
        files={"network.onnx": model.SerializeToString()},
        task="tensor",
        name=name,
        network={"file": "network.onnx"},
        inputs=[{"kind": "tensor", "name": "data", "shape": taken}],
        outputs=[{"name": last, "shape": given}],
        decoder={"kind": "tensor"},
    )


def tensors_of(artifact: Artifact) -> dict[str, NDArray[Any]]:
    """Random tensors for a model; free axes get length 1."""
    rng = np.random.default_rng(0)
    found = {}
    for taken in artifact.manifest.inputs:
        shape = [max(axis, 1) for axis in taken.shape]
        found[taken.name] = (rng.random(shape) * 100).astype(taken.dtype)
    return found


def bare_openvino(artifact: Artifact, tensors: Mapping[str, NDArray[Any]], threads: int) -> Call:
    """OpenVINO's own call, set as Belvedere sets it."""
    core = import_openvino().Core()
    network = artifact.network_files
    if network.format == "onnx":
        model = core.read_model(bytes(network.content))
    else:
        model = core.read_model(bytes(network.content), bytes(network.weights or b""))
    model.reshape({name: list(values.shape) for name, values in tensors.items()})
    precision = artifact.manifest.precision
    settings = {
        "INFERENCE_PRECISION_HINT": precision if precision in ("f32", "bf16") else "f32",
        "EXECUTION_MODE_HINT": "ACCURACY",
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,
    }
    compiled = core.compile_model(model, "CPU", settings)
    return lambda _: compiled(dict(tensors))


def bare_onnxruntime(artifact: Artifact, tensors: Mapping[str, NDArray[Any]], threads: int) -> Call:
    """ONNX Runtime's own call, set as Belvedere sets it."""
    runtime = import_onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    session = runtime.InferenceSession(artifact.network, options, providers=["CPUExecutionProvider"])
    return lambda _: session.run(None, dict(tensors))


BARE = {"openvino": bare_openvino, "onnxruntime": bare_onnxruntime}


def measure(artifact: Artifact, engine: str, threads: int, repeats: int) -> tuple[Times, Times]:
    """The bare call's times and those of ``Model.run``, taken in turns."""
    tensors = tensors_of(artifact)
    with Model(artifact, engine=engine, threads=threads, cache=False) as model:
        calls = {"bare": BARE[engine](artifact, tensors, threads), "run": lambda _: model.run(tensors)}
        times = interleaved(calls, repeats, warmup=10)
    return times["bare"], times["run"]


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure what Model.run costs above the bare engine.")
    parser.add_argument("--model", type=Path, nargs="+", default=[], metavar="ARTIFACT", help="artifacts to measure")
    parser.add_argument("--repeats", type=int, default=200, help="calls of each [200]")
    parser.add_argument("--threads", type=int, default=available_cores(), help="threads of a call [all]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here")
    parser.add_argument("--quick", action="store_true", help="a smoke run; its figures mean nothing")
    options = parser.parse_args(arguments)
    repeats = 5 if options.quick else options.repeats
    artifacts = [Artifact.load(path) for path in options.model] or [drawn(*one) for one in DRAWN]
    machine = facts()
    print(describe(machine))
    before = load_now()
    rows, checks, figures = [], [], []
    for artifact in artifacts[:1] if options.quick else artifacts:
        needed = artifact.manifest.engine
        engines = [needed] if needed != "auto" else list(BARE)
        for engine in engines if artifact.manifest.network.format == "onnx" else ["openvino"]:
            bare, run = measure(artifact, engine, options.threads, repeats)
            more = run.p50 - bare.p50
            share = more / bare.p50
            name = artifact.manifest.name
            rows.append([name, engine, str(bare), str(run), f"{more:+.3f}", f"{share:+.1%}"])
            found = f"{more:+.3f} ms, {share:+.1%}"
            reached = more <= MOST_MS or share <= MOST_SHARE
            checks.append(Check(f"{name}, {engine}: at most 3 % or 0.2 ms above the engine", found, reached))
            figures.append({"name": name, "engine": engine, "bare": bare.as_json(), "run": run.as_json()})
    share_of_others = others_share(before, load_now())
    header = ["network", "engine", "bare ms (p50 / p95)", "Model.run ms", "more ms", ""]
    print_table("Model.run above the bare engine", header, rows, left=2)
    print_checks(checks)
    print(wording(share_of_others))
    if options.json:
        measured = {"machine": machine, "others_share": share_of_others, "runs": figures}
        write_json(options.json, {**measured, "checks": checks_as_json(checks)})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
