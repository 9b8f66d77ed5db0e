"""What training and prediction cost: seconds, milliseconds, and memory.

    python benchmarks/anomaly_speed.py [--sets boards cookies] [--repeats 200] [--json FILE]

Training and peak memory are measured in fresh processes.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from belvedere.data.dataset import Dataset
from belvedere.runtime import Artifact, Model
from belvedere.runtime.dispatch import decode_of, preprocess_of
from belvedere.runtime.engine import open_engine
from belvedere.training.anomaly import TrainOptions, train
from belvedere.training.anomaly.features import extract
from belvedere.training.anomaly.geometry import Geometry
from belvedere.training.anomaly.memory import fit_memory
from belvedere.training.backbones import bundled_backbone
from belvedere.vision.decode import load_image
from machine import describe, facts, load_now, others_share, wording
from networks import backbone_network, cells_of, search_network, training_facts
from output import Check, checks_as_json, print_checks, print_table, write_json
from sets import BOARDS, SETS, Drawn, draw, open_set
from timing import Times, fresh, interleaved, times_of

NORMAL, ANOMALOUS, SIDE = 20, 10, 256
MOST_TRAINING_S, MOST_PREDICT_MS, MOST_MEMORY_MB, MOST_IMPORT_S = 15.0, 25.0, 1000.0, 0.3
_MEMORY_PICTURES = 60


@dataclass(frozen=True)
class Prediction:
    """Where the time of one prediction goes; milliseconds."""

    whole: Times
    decode: Times
    preprocess: Times
    engine: Times
    read_outputs: Times
    backbone: Times
    search: Times


def train_fresh(name: str, folder: Path, size: str, quick: bool, out: Path) -> dict[str, Any]:
    """Train once in a fresh process: seconds of ``train`` and peak memory of the process in MB."""
    words = ["--child", "train", "--sets", name, "--folder", str(folder), "--size", size, "--out", str(out)]
    return fresh("anomaly_speed.py", *words, *(["--quick"] if quick else []))


def predict_fresh(name: str, folder: Path, quick: bool, artifact: Path) -> dict[str, Any]:
    """Load and predict in a fresh process: seconds to the first result, and peak memory in MB."""
    words = ["--child", "predict", "--sets", name, "--folder", str(folder), "--out", str(artifact)]
    return fresh("anomaly_speed.py", *words, *(["--quick"] if quick else []))


def child(options: argparse.Namespace) -> dict[str, Any]:
    """What a fresh process does."""
    drawn = draw(open_again(options.sets[0], options.folder, options.quick), NORMAL, ANOMALOUS, 0)
    began, busy = time.perf_counter(), time.process_time()
    found: dict[str, Any] = {}
    if options.child == "train":
        artifact = train(drawn.train, TrainOptions(size=options.size if options.size == "auto" else int(options.size)))
        found["seconds"] = time.perf_counter() - began
        found["cpu_seconds"] = time.process_time() - busy
        found["pictures"] = len(drawn.train)
        size = artifact.manifest.inputs[0].resize
        found["input"] = [size.width, size.height]
        found["learners"] = list(training_facts(artifact)["learners"])
        artifact.save(options.out)
    else:
        with Model(Artifact.load(options.out)) as model:
            for index in range(_MEMORY_PICTURES):
                model.predict(drawn.test[index % len(drawn.test)].read())
                found.setdefault("first_seconds", time.perf_counter() - began)
    found["peak_mb"] = peak_mb()
    return found


def peak_mb() -> float:
    """Peak resident memory of this process in MB (10^6 bytes).

    Linux hands ``ru_maxrss`` on from parent to child, so that a fresh process starts with its parent's peak;
    ``VmHWM`` is the process's own.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    # macOS counts in bytes, others in KiB.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def open_again(name: str, folder: Path, quick: bool) -> Dataset:
    """A set that the parent has prepared: boards are not drawn again, which would cost memory and time."""
    from belvedere.data.open import open_dataset

    return open_dataset(folder / BOARDS) if name == BOARDS else open_set(name, folder, quick)


def predictions(artifact: Artifact, drawn: Drawn, repeats: int) -> Prediction:
    """Time a single prediction from encoded bytes, its stages, and the network's parts in the same engine."""
    manifest = artifact.manifest
    preprocess, read_outputs = preprocess_of(manifest), decode_of(manifest)
    size = manifest.inputs[0].resize
    backbone = bundled_backbone()
    geometry = Geometry(size.width, size.height, backbone.stride)
    pictures = [record.read() for record in drawn.test]
    images = [load_image(picture) for picture in pictures]
    tensors = [preprocess.apply(image) for image in images]
    grids = extract((record.image() for record in drawn.train.normal), backbone, geometry)
    memory = fit_memory(grids, len(grids), np.random.default_rng((0, 1)))
    names = [output.name for output in manifest.outputs]
    count = len(pictures)
    with (
        Model(artifact) as model,
        closing(open_engine(backbone_network(backbone, geometry))) as features,
        closing(open_engine(search_network(memory, backbone.channels, geometry))) as search,
    ):
        outputs = [dict(zip(names, model.run({"image": tensor}), strict=True)) for tensor in tensors]
        cells = [cells_of(features.run({"image": tensor})["features"])[None] for tensor in tensors]
        calls = {
            "whole": lambda i: model.predict(pictures[i % count]),
            "decode": lambda i: load_image(pictures[i % count]),
            "preprocess": lambda i: preprocess.apply(images[i % count]),
            "engine": lambda i: model.run({"image": tensors[i % count]}),
            "read_outputs": lambda i: read_outputs(outputs[i % count], images[i % count], None),
            "backbone": lambda i: features.run({"image": tensors[i % count]}),
            "search": lambda i: search.run({"image": cells[i % count]}),
        }
        return Prediction(**interleaved(calls, repeats))


def stream(artifact: Artifact, drawn: Drawn, repeats: int) -> tuple[float, float]:
    """Pictures a second: one call after the other, and as a stream."""
    pictures = [record.read() for record in drawn.test]
    many = [pictures[i % len(pictures)] for i in range(repeats)]
    with Model(artifact) as model:
        for _ in model.predict(pictures[:4]):
            pass
        began = time.perf_counter()
        for picture in many:
            model.predict(picture)
        middle = time.perf_counter()
        for _ in model.predict(many):
            pass
        return repeats / (middle - began), repeats / (time.perf_counter() - middle)


def import_times(repeats: int) -> tuple[Times, Times]:
    """Fresh processes: what ``import belvedere`` takes, and the whole process that does nothing else."""
    code = "import time; t = time.perf_counter(); import belvedere; print(time.perf_counter() - t)"
    inside, whole = [], []
    for _ in range(repeats):
        began = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        whole.append(time.perf_counter() - began)
        inside.append(float(done.stdout))
    return times_of(inside), times_of(whole)


def measure(options: argparse.Namespace, scratch: Path) -> tuple[dict[str, Any], list[Check]]:
    """Measure everything, print the tables; returns the figures and what is required of them."""
    repeats, runs = (10, 1) if options.quick else (options.repeats, options.runs)
    found: dict[str, Any] = {"training": {}, "prediction": {}, "stream": {}}
    checks: list[Check] = []
    for name in options.sets:
        dataset = open_set(name, scratch, options.quick)
        for size in ("128",) if options.quick else ("auto", str(SIDE)):
            out = scratch / f"{name}-{size}.tar"
            trained = [train_fresh(name, scratch, size, options.quick, out) for _ in range(runs)]
            found["training"][f"{name}, {size}"] = trained
        drawn = draw(dataset, NORMAL, ANOMALOUS, 0)
        prediction = predictions(Artifact.load(out), drawn, repeats)
        used = predict_fresh(name, scratch, options.quick, out)
        found["prediction"][name] = {part: times.as_json() for part, times in _parts(prediction).items()} | used
        found["stream"][name] = stream(Artifact.load(out), drawn, repeats)
        checks += _checks(name, found["training"], prediction, used)
        _print_prediction(name, prediction, used, found["stream"][name])
    inside, whole = import_times(3 if options.quick else 15)
    found["import"] = {"import": inside.as_json(), "process": whole.as_json()}
    _print_training(found["training"])
    _print_import(inside, whole)
    text = f"import belvedere <= {MOST_IMPORT_S} s, in a fresh process, p50"
    checks.append(Check(text, f"{inside.p50 / 1000:.3f} s", inside.p50 / 1000 <= MOST_IMPORT_S))
    return found, checks


def _parts(prediction: Prediction) -> dict[str, Times]:
    return {name: Times(**values) for name, values in asdict(prediction).items()}


def _checks(name: str, training: dict[str, Any], prediction: Prediction, used: dict[str, Any]) -> list[Check]:
    runs = {key: values for key, values in training.items() if key.startswith(f"{name},")}
    checks = []
    for key, values in runs.items():
        seconds = float(np.median([run["seconds"] for run in values]))
        text = f"{key}: training on {values[0]['pictures']} pictures <= {MOST_TRAINING_S:.0f} s"
        checks.append(Check(text, f"{seconds:.1f} s", seconds <= MOST_TRAINING_S))
    peak = max(run["peak_mb"] for values in runs.values() for run in values)
    text = f"memory <= {MOST_MEMORY_MB:.0f} MB"
    return [
        *checks,
        Check(f"{name}: training, peak {text}", f"{peak:.0f} MB", peak <= MOST_MEMORY_MB),
        Check(f"{name}: prediction, peak {text}", f"{used['peak_mb']:.0f} MB", used["peak_mb"] <= MOST_MEMORY_MB),
        Check(
            f"{name}: JPEG bytes to result at {SIDE} px <= {MOST_PREDICT_MS:.0f} ms, p50",
            f"{prediction.whole.p50:.1f} ms",
            prediction.whole.p50 <= MOST_PREDICT_MS,
        ),
        Check(
            f"{name}: the search costs less than the backbone, p50",
            f"{prediction.search.p50:.2f} against {prediction.backbone.p50:.2f} ms",
            prediction.search.p50 < prediction.backbone.p50,
        ),
    ]


def _print_training(training: dict[str, Any]) -> None:
    rows = []
    for key, runs in training.items():
        seconds = [run["seconds"] for run in runs]
        first = runs[0]
        rows.append(
            [
                key,
                str(first["pictures"]),
                f"{np.median(seconds):.2f}",
                f"{min(seconds):.2f} to {max(seconds):.2f}",
                f"{np.median(seconds) / MOST_TRAINING_S:.2f}",
                f"{np.median([run['cpu_seconds'] for run in runs]):.1f}",
                f"{max(run['peak_mb'] for run in runs):.0f}",
                "x".join(map(str, first["input"])),
                ", ".join(first["learners"]),
            ]
        )
    header = [
        "set, size",
        "pictures",
        "seconds",
        "range",
        "of the limit",
        "CPU seconds",
        "peak MB",
        "input",
        "learners",
    ]
    print_table("Training, each run in a fresh process", header, rows)


def _print_prediction(name: str, prediction: Prediction, used: dict[str, Any], speeds: tuple[float, float]) -> None:
    whole, engine = prediction.whole.p50, prediction.engine.p50
    rest = engine - prediction.backbone.p50 - prediction.search.p50
    stages = (
        ("JPEG bytes to result", prediction.whole),
        ("  decode", prediction.decode),
        ("  preprocess", prediction.preprocess),
        ("  engine: the whole network", prediction.engine),
        ("  read the outputs", prediction.read_outputs),
        ("backbone, a network of its own", prediction.backbone),
        ("search, a network of its own", prediction.search),
    )
    rows = [[text, f"{t.p50:.2f}", f"{t.p95:.2f}", f"{t.p50 / whole:.0%}"] for text, t in stages]
    rows.append(["heads, calibration, upsampling: the network less both", f"{rest:.2f}", "", f"{rest / whole:.0%}"])
    print_table(f"{name}: one prediction, milliseconds", ["", "p50", "p95", "of the whole"], rows)
    text = f"search / backbone {prediction.search.p50 / prediction.backbone.p50:.2f}; "
    text += f"one by one {speeds[0]:.1f} pictures/s, as a stream {speeds[1]:.1f} ({speeds[1] / speeds[0]:.2f} times); "
    text += f"fresh process: first result after {used['first_seconds']:.2f} s, peak memory {used['peak_mb']:.0f} MB"
    print(text + "\n")


def _print_import(inside: Times, whole: Times) -> None:
    rows = [["import belvedere", *_both(inside)], ["python -c 'import belvedere'", *_both(whole)]]
    print_table("Import in fresh processes, milliseconds", ["", "p50", "p95"], rows)


def _both(times: Times) -> tuple[str, str]:
    return f"{times.p50:.1f}", f"{times.p95:.1f}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Time anomaly training and prediction.")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=[BOARDS, "cookies"], help="default: boards cookies")
    parser.add_argument("--repeats", type=int, default=200, metavar="N", help="timed predictions; default 200")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="trainings of each kind; default 3")
    parser.add_argument("--quick", action="store_true", help="a smoke run on a few small drawn boards; no figures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here")
    parser.add_argument("--child", choices=("train", "predict"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--size", default="auto", help=argparse.SUPPRESS)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    if options.child:
        print(json.dumps(child(options)))
        return 0
    if options.quick:
        options.sets = [BOARDS]
    machine = facts()
    print(describe(machine))
    before = load_now()
    with tempfile.TemporaryDirectory() as scratch:
        found, checks = measure(options, Path(scratch))
    share = others_share(before, load_now())
    if not options.quick:
        print_checks(checks)
    print(wording(share))
    if options.json:
        write_json(options.json, {"machine": machine, "others_share": share, **found, "checks": checks_as_json(checks)})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
