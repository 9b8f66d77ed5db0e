"""What compiling gains: latency against torch eager and plain ONNX Runtime, precision by precision; task loss; import.

    python benchmarks/compile.py [--networks resnet50 yolov3] [--repeats 60] [--json FILE]

Every network is run by torch eager, by ONNX Runtime as it was imported, and by our artifacts in float32, bfloat16 and
int8, all in turns. Random-weight networks (resnet50, yolov3) count for speed only. Importing the full-size YOLOv3 from
MXNet files is measured in a fresh process.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from belvedere.compiler.compile import compile as compile_model
from belvedere.compiler.importers import pytorch
from belvedere.compiler.importing import Declared, Request
from belvedere.compiler.parity.agreement import METRICS, metric_of
from belvedere.compiler.parity.runners import onnxruntime_runner
from belvedere.compiler.pipeline.measure import results_of
from belvedere.compiler.pipeline.samples import read_labelled
from belvedere.compiler.source import open_source
from belvedere.core.errors import BelvedereError
from belvedere.runtime import Artifact, Model
from belvedere.runtime.cores import available_cores
from compile_networks import TorchNetwork, networks
from machine import describe, facts, load_now, others_share, wording
from output import Check, checks_as_json, print_checks, print_table, write_json
from timing import Times, fresh, interleaved

PRECISIONS = ("f32", "bf16", "int8")
LEAST = {"f32": 1.3, "bf16": 2.5, "int8": 3.0}
NEEDS = {"bf16": ("avx512_bf16", "amx_bf16"), "int8": ("avx512_vnni", "avx_vnni", "amx_int8")}
MOST_LOSS, MOST_SLOWER, MOST_OVERHEAD, MOST_OVERHEAD_MS = 0.01, 1.03, 0.03, 0.2
IMPORTED, MOST_IMPORT_S, MOST_IMPORT_RATIO = "yolo3_darknet53_coco", 30.0, 3.0
_RANDOM_CALIBRATION = 16


@dataclass(frozen=True)
class Measured:
    """One network.

    Attributes:
        times: Way of running to milliseconds: ``torch``, ``onnxruntime``, the precisions, ``bare`` (the f32 engine).
        engines: Precision to the engine that was chosen.
        metric: The task's metric; empty for random weights.
        quality: Precision to its value.
        failures: Precision to the reason why it could not be compiled.
    """

    times: dict[str, Times]
    engines: dict[str, str]
    metric: str
    quality: dict[str, float]
    failures: dict[str, str]

    def ratio(self, name: str, against: str = "torch") -> float | None:
        """How many times as fast as another way it is; None where it was not measured."""
        if name not in self.times or against not in self.times:
            return None
        return self.times[against].p50 / self.times[name].p50


def compiled(network: TorchNetwork, path: Path, precision: str, quick: bool) -> Artifact:
    """The artifact of one precision.

    Raises:
        BelvedereError: it cannot be compiled so.
    """
    options: dict[str, Any] = {"seconds": 0.1 if quick else 2.0, **network.binding}
    random = not network.binding
    if random:
        options |= {"task": "tensor", "tolerance": 10.0}
    if precision == "int8":
        pictures = network.calibration()
        options["calibrate"] = pictures or [{"input0": network.input(seed)} for seed in range(_RANDOM_CALIBRATION)]
    shape = (1, 3, network.side, network.side)
    return compile_model(path, inputs={"input0": shape}, framework="pytorch", precision=precision, **options)


def source_runner(path: Path, side: int) -> Callable[[Any], Any]:
    """The network as it was imported, on ONNX Runtime."""
    with open_source(path) as source:
        found = pytorch.load(source, Request((Declared("input0", (1, 3, side, side)),)))
    return onnxruntime_runner(found.network)


def measure(network: TorchNetwork, folder: Path, options: argparse.Namespace) -> Measured:
    """Compile one network to every precision and time all ways of running it in turns."""
    import torch

    torch.set_num_threads(available_cores())
    path = network.save(folder)
    feeds = {"input0": network.input()}
    tensor = torch.from_numpy(feeds["input0"])
    plain = source_runner(path, network.side)

    def eager(_: int) -> object:
        with torch.inference_mode():
            return network.module(tensor)

    calls: dict[str, Callable[[int], object]] = {"torch": eager, "onnxruntime": lambda _: plain(feeds)}
    engines, quality, failures = {}, {}, {}
    metric = ""
    with ExitStack() as stack:
        for precision in options.precisions:
            print(f"{network.name}: {precision}", file=sys.stderr, flush=True)
            try:
                artifact = compiled(network, path, precision, options.quick)
            except BelvedereError as error:
                failures[precision] = str(error)
                continue
            model = stack.enter_context(Model(artifact, cache=False))
            name = artifact.manifest.inputs[0].name
            engines[precision] = model.engine.name
            calls[precision] = lambda _, model=model, name=name: model.run({name: feeds["input0"]})
            if precision == "f32":
                bare = model.engine
                calls["bare"] = lambda _, bare=bare, name=name: bare.infer({name: feeds["input0"]})
            if network.binding and not options.quick and not options.no_quality:
                metric = METRICS[artifact.manifest.task]
                quality[precision] = judged(network, model)
        times = interleaved(calls, options.repeats)
    return Measured(times, engines, metric, quality, failures)


def judged(network: TorchNetwork, model: Model) -> float:
    """The task's metric on the labelled samples."""
    manifest = model.artifact.manifest
    _, judge = metric_of(manifest.task)
    results, truths = [], []
    for picture, truth in network.samples():
        sample = read_labelled([(picture, truth)], manifest, 1)[0]
        results += results_of(manifest, [model.run(sample.tensors)], [sample])
        truths.append(truth)
    return float(judge(results, truths))


def imported(folder: Path, quick: bool) -> dict[str, Any]:
    """Write the network as MXNet files, import it in a fresh process."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from tools.mxnet_networks import write_network

    name = "squeezenet1.1" if quick else IMPORTED
    inputs = write_network(name, folder / name)
    found = fresh("compile_import.py", str(folder / name), "--input", json.dumps(inputs))
    return {"network": name, **found}


def checks_of(found: dict[str, Measured], importing: dict[str, Any] | None, units: list[str]) -> list[Check]:
    """What is required and whether it is reached."""
    checks = []
    for name, one in found.items():
        for precision in PRECISIONS:
            has_unit = any(unit in units for unit in NEEDS.get(precision, units))
            ratio = one.ratio(precision)
            if ratio is not None and has_unit:
                limit = f"{name}: {precision} at least {LEAST[precision]} times as fast as torch eager"
                checks.append(Check(limit, f"{ratio:.2f}", ratio >= LEAST[precision]))
            elif precision in one.failures:
                checks.append(Check(f"{name}: {precision} compiles", one.failures[precision][:60], False))
        slower = one.ratio("onnxruntime", "f32")
        if slower is not None:
            limit = f"{name}: f32 at most {MOST_SLOWER} times the time of plain onnxruntime"
            checks.append(Check(limit, f"{slower:.3f}", slower <= MOST_SLOWER))
        if "bare" in one.times:
            more = one.times["f32"].p50 - one.times["bare"].p50
            small = more <= MOST_OVERHEAD_MS or more <= MOST_OVERHEAD * one.times["bare"].p50
            checks.append(Check(f"{name}: Model.run within 3 % or 0.2 ms of the engine", f"{more:+.3f} ms", small))
        for precision, value in one.quality.items():
            loss = one.quality.get("f32", value) - value
            if precision != "f32":
                limit = f"{name}: {precision} loses at most {MOST_LOSS} {one.metric}"
                checks.append(Check(limit, f"{loss:+.4f}", loss <= MOST_LOSS))
    if importing is not None and importing["network"] == IMPORTED:
        seconds, ratio = importing["seconds"], importing["ratio"]
        checks.append(Check(f"importing {IMPORTED} at most 30 s", f"{seconds:.1f} s", seconds <= MOST_IMPORT_S))
        limit = "its memory at most 3 times the size of the files"
        checks.append(Check(limit, f"{ratio:.2f}", ratio <= MOST_IMPORT_RATIO))
    return checks


def table(found: dict[str, Measured]) -> list[list[str]]:
    """Rows of the table: median and 95th percentile in milliseconds, then ratios to torch."""
    rows = []
    for name, one in found.items():
        ways = ("torch", "onnxruntime", *PRECISIONS)
        row = [name, *(str(one.times[way]) if way in one.times else "-" for way in ways)]
        ratios = [one.ratio(precision) for precision in PRECISIONS]
        row += ["-" if ratio is None else f"{ratio:.2f}" for ratio in ratios]
        row.append(" ".join(f"{one.quality[p]:.4f}" if p in one.quality else "-" for p in PRECISIONS))
        rows.append([*row, one.engines.get("f32", "-")])
    return rows


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure what compiling gains.")
    parser.add_argument("--networks", nargs="+", metavar="NAME", help=f"default: {' '.join(networks(False))}")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    parser.add_argument("--repeats", type=int, default=60, metavar="N", help="timed calls of each; default 60")
    parser.add_argument("--no-quality", action="store_true", help="leave the task's metrics out")
    parser.add_argument("--no-import", action="store_true", help="leave the import of the full-size YOLOv3 out")
    parser.add_argument("--quick", action="store_true", help="a smoke run on one tiny network; no figures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark."""
    parser = _parser()
    options = parser.parse_args(arguments)
    makers = networks(options.quick)
    unknown = set(options.networks or ()) - set(makers)
    if unknown:
        parser.error(f"unknown networks {', '.join(sorted(unknown))}: expected {', '.join(makers)}")
    if options.quick:
        options.repeats = 5
    machine = facts()
    print(describe(machine))
    before = load_now()
    found: dict[str, Measured] = {}
    importing = None
    with tempfile.TemporaryDirectory() as scratch:
        for name in options.networks or makers:
            found[name] = measure(makers[name](), Path(scratch), options)
        if not options.no_import:
            importing = imported(Path(scratch), options.quick)
    share = others_share(before, load_now())
    header = ["network", "torch", "onnxruntime", *PRECISIONS, *(f"x {p}" for p in PRECISIONS), "quality", "engine"]
    print_table("milliseconds a call, median / 95 %; x: times as fast as torch eager", header, table(found))
    for name, one in found.items():
        for precision, reason in one.failures.items():
            print(f"{name} {precision}: {reason}")
    if importing is not None:
        size, peak = importing["file_bytes"] / 2**20, importing["peak_bytes"] / 2**20
        print(
            f"importing {importing['network']} ({size:.0f} MiB): {importing['seconds']:.1f} s, {peak:.0f} MiB above "
            f"the process before, {importing['ratio']:.2f} times the files"
        )
    checks = checks_of(found, importing, machine["vector_units"])
    if not options.quick:
        print_checks(checks)
    print(wording(share))
    if options.json:
        values = {
            "machine": machine,
            "others_share": share,
            "networks": {
                name: {
                    "times": {way: times.as_json() for way, times in one.times.items()},
                    "engines": one.engines,
                    "metric": one.metric,
                    "quality": one.quality,
                    "failures": one.failures,
                }
                for name, one in found.items()
            },
            "import": importing,
            "checks": checks_as_json(checks),
        }
        write_json(options.json, values)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
