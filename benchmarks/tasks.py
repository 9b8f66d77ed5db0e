"""From JPEG bytes to detections: speed against the usual sample script, and quality against the recorded figures.

    python benchmarks/tasks.py [--repeats 100] [--json FILE]

The same network (YOLOX-Nano, 416 px) and the same pictures (``shared/data/detection/voc-mini``) go through the sample
script (onnxruntime, OpenCV, numpy) and through our artifacts in float32 and bfloat16, in turns. Throughput: the sample
script in a loop, ours by ``predict_many`` with the throughput hint. Needs ``opencv-python-headless``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from belvedere.compiler.compile import compile as compile_model
from belvedere.compiler.report.machine import FLAGS, cpu_info
from belvedere.data import open_dataset
from belvedere.evaluation import evaluate
from belvedere.runtime import Artifact, Model
from belvedere.tasks.detection.result import DetectionResult
from belvedere.vision.decode import load_image
from machine import describe, facts, load_now, others_share, wording
from output import Check, checks_as_json, print_checks, print_table, write_json
from sample_script import sample_detector
from sets import shared_folder
from timing import Times, interleaved

NETWORK, PICTURES = "models/yolox_nano_coco/yolox_nano.onnx", "data/detection/voc-mini"
SCORE, OVERLAP = 0.3, 0.45
LEAST = {"f32": 1.25, "bf16": 1.7}
LEAST_THROUGHPUT, MOST_BESIDE_MS, LEAST_MAP50 = 2.0, 3.0, 0.77
NEEDS = ("avx512_bf16", "amx_bf16")


def compiled(precision: str, threshold: float, overlap: float) -> Artifact:
    """YOLOX-Nano as an artifact."""
    decoder = {"form": "yolox", "threshold": threshold, "iou": overlap}
    network = shared_folder() / NETWORK
    return compile_model(network, precision=precision, task="detection", labels="coco80", decoder=decoder)


def latencies(models: dict[str, Model], pictures: Sequence[bytes], repeats: int) -> dict[str, Times]:
    """Milliseconds a call of every way in turns: whole predictions, and parts of the float32 one."""
    sample = sample_detector(shared_folder() / NETWORK, SCORE, OVERLAP)
    first = next(iter(models.values()))
    shape = first.artifact.manifest.inputs[0].shape
    tensor = np.zeros((1, *shape[1:]), np.float32)
    calls: dict[str, Callable[[int], object]] = {"sample": lambda i: sample(pictures[i % len(pictures)])}
    for name, model in models.items():
        calls[name] = lambda i, model=model: model.predict(pictures[i % len(pictures)])  # type: ignore[misc]
        calls[f"{name} engine"] = lambda _, model=model: model.run(tensor)  # type: ignore[misc]
    calls["decode"] = lambda i: load_image(pictures[i % len(pictures)])
    return interleaved(calls, repeats, block=10)


def throughput(work: Callable[[Sequence[bytes]], Any], pictures: Sequence[bytes], seconds: float) -> float:
    """Pictures a second over about ``seconds``, the best of three rounds."""
    began = time.perf_counter()
    work(pictures)
    count = max(len(pictures), int(seconds / 3 * len(pictures) / (time.perf_counter() - began)))
    rounds = []
    for _ in range(3):
        chosen = list(itertools.islice(itertools.cycle(pictures), count))
        began = time.perf_counter()
        work(chosen)
        rounds.append(count / (time.perf_counter() - began))
    return max(rounds)


def agreement(model: Model, recorded: Sequence[str], picture: Path) -> float:
    """Least overlap of the recorded objects ('label score x1 y1 x2 y2') with ours of the same class; 0 if one lacks."""
    result = model.predict(picture)
    assert isinstance(result, DetectionResult)
    least = 1.0
    for line in recorded:
        label, _, *numbers = line.rsplit(maxsplit=5)
        box = tuple(float(number) for number in numbers)
        least = min(least, max((_iou(box, each.box_xyxy) for each in result if each.label == label), default=0.0))
    return least


def _iou(a: Sequence[float], b: Sequence[float]) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = sum((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b))
    return width * height / (areas - width * height)


def quality() -> tuple[list[list[str]], list[Check]]:
    """Recorded figures met through our decoders."""
    recorded = json.loads((shared_folder() / "models" / "expected.json").read_text())["yolox_nano.onnx"]
    objects = next(value for key, value in recorded.items() if key.startswith("dog.jpg"))
    with Model(compiled("f32", SCORE, OVERLAP)) as model:
        least = agreement(model, objects, shared_folder() / "data" / "photos" / "dog.jpg")
    with Model(compiled("f32", 0.01, 0.65)) as model:
        found = evaluate(model, open_dataset(shared_folder() / PICTURES / "val.json")).to_dict()["ap50"]
    rows = [["dog.jpg, least IoU with the recorded objects", f"{least:.3f}"], ["voc-mini, mAP50", f"{found:.4f}"]]
    return rows, [
        Check("dog.jpg: the recorded objects at IoU >= 0.8", f"{least:.3f}", least >= 0.8),
        Check(f"voc-mini: mAP50 >= {LEAST_MAP50}", f"{found:.4f}", found >= LEAST_MAP50),
    ]


def speed(repeats: int, seconds: float) -> tuple[list[list[str]], list[Check], dict[str, Any]]:
    """Latency and throughput."""
    pictures = [path.read_bytes() for path in sorted((shared_folder() / PICTURES / "images").glob("*.jpg"))]
    flags = set(cpu_info().get("flags", "").split()) & set(FLAGS)
    precisions = ["f32", *(["bf16"] if flags & set(NEEDS) else [])]
    artifacts = {precision: compiled(precision, SCORE, OVERLAP) for precision in precisions}
    models = {precision: Model(artifact) for precision, artifact in artifacts.items()}
    times = latencies(models, pictures, repeats)
    for model in models.values():
        model.close()
    sample = sample_detector(shared_folder() / NETWORK, SCORE, OVERLAP)
    rates = {"sample": throughput(lambda chosen: [sample(each) for each in chosen], pictures, seconds)}
    for precision, artifact in artifacts.items():
        with Model(artifact, hint="throughput") as model:
            rates[precision] = throughput(lambda chosen, m=model: list(m.predict_many(chosen)), pictures, seconds)  # type: ignore[misc]
    base = times["sample"].p50
    rows = [["sample script", str(times["sample"]), "1.00", f"{rates['sample']:.1f}", "1.00"]]
    checks = []
    for precision in precisions:
        ratio, faster = base / times[precision].p50, rates[precision] / rates["sample"]
        rows.append([precision, str(times[precision]), f"{ratio:.2f}", f"{rates[precision]:.1f}", f"{faster:.2f}"])
        rows.append([f"  engine alone, {precision}", str(times[f"{precision} engine"]), "", "", ""])
        least = LEAST[precision]
        checks.append(Check(f"latency {precision} >= {least} times the script", f"{ratio:.2f}", ratio >= least))
    rows.append(["  JPEG decoding", str(times["decode"]), "", "", ""])
    beside = times["f32"].p50 - times["f32 engine"].p50 - times["decode"].p50
    checks.append(
        Check(f"beyond engine and decoding <= {MOST_BESIDE_MS} ms", f"{beside:.2f}", beside <= MOST_BESIDE_MS)
    )
    if "bf16" in precisions:
        faster = rates["bf16"] / rates["sample"]
        title = f"throughput with bf16 and streams >= {LEAST_THROUGHPUT} times the script"
        checks.append(Check(title, f"{faster:.2f}", faster >= LEAST_THROUGHPUT))
    figures = {"times": {name: value.as_json() for name, value in times.items()}, "pictures_per_second": rates}
    return rows, checks, figures


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Speed and quality of whole predictions.")
    parser.add_argument("--repeats", type=int, default=100, metavar="N", help="calls of each way; default 100")
    parser.add_argument("--seconds", type=float, default=15.0, metavar="S", help="per throughput figure; default 15")
    parser.add_argument("--no-quality", action="store_true", help="speed alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    options = parser.parse_args(arguments)
    before, machine = load_now(), facts()
    rows, checks, figures = speed(options.repeats, options.seconds)
    share = others_share(before, load_now())
    print(describe(machine))
    print(wording(share))
    header = ["JPEG bytes to result", "ms p50 / p95", "ratio", "pictures/s", "ratio"]
    print_table("YOLOX-Nano, 416 px, voc-mini", header, rows)
    if not options.no_quality:
        found, more = quality()
        print_table("Quality", ["", "found"], found)
        checks += more
    print_checks(checks)
    if options.json:
        write_json(options.json, {"machine": machine, "share": share, **figures, "checks": checks_as_json(checks)})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
