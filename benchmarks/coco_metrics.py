"""COCO's figures for detections on 5,000 pictures: ours against pycocotools, same numbers in less time.

    python benchmarks/coco_metrics.py [--pictures 5000] [--repeats 2] [--only boxes]
        [--quick] [--json FILE]

Times are processor time: both run on one core, so other programs matter little. Needs pycocotools (extra ``dev``).
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.tasks.detection.coco import CocoMeter, CocoMetrics
from belvedere.tasks.detection.compared import Found, Kind, Truth
from belvedere.vision.rle import from_coco
from machine import describe, facts, load_now, others_share, wording
from output import Check, checks_as_json, print_checks, print_table, write_json

WIDTH, HEIGHT = 640, 480
IOU_TYPE = {"box": "bbox", "mask": "segm", "keypoints": "keypoints"}
FIGURES = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar1", "ar10", "ar100")
FIGURES += ("ar_small", "ar_medium", "ar_large")
KEYPOINT_FIGURES = ("ap", "ap50", "ap75", "ap_medium", "ap_large", "ar20", "ar50", "ar75", "ar_medium", "ar_large")
SAME = 1e-6


@dataclass(frozen=True)
class Case:
    """What is judged: kind, classes, things and detections a picture on average, and the slowest that is enough."""

    name: str
    kind: Kind
    classes: int
    truths: int
    found: int
    limit: float

    @property
    def figures(self) -> tuple[str, ...]:
        """Names of the figures, in pycocotools' order."""
        return KEYPOINT_FIGURES if self.kind == "keypoints" else FIGURES


CASES = (
    Case("boxes, 80 classes", "box", 80, 7, 40, 1.0),
    Case("boxes, 1 class", "box", 1, 7, 40, 1.0),
    Case("keypoints", "keypoints", 1, 3, 8, 1.0),
    Case("masks, 80 classes", "mask", 80, 7, 20, 2.0),
    Case("masks, 1 class", "mask", 1, 7, 20, 2.0),
)


@dataclass(frozen=True)
class Rows:
    """A COCO data set and results on it, as JSON values."""

    dataset: dict[str, Any]
    results: list[dict[str, Any]]


def drawn(case: Case, pictures: int) -> Rows:
    """Random things and detections: near hits, repeats, wrong classes, and some of nothing."""
    rng = np.random.default_rng(0)
    images, truths, results = [], [], []
    for number in range(1, pictures + 1):
        images.append({"id": number, "width": WIDTH, "height": HEIGHT})
        # The classes on one picture are few, as on photographs.
        present = rng.integers(0, case.classes, 3)
        boxes = _boxes(rng, rng.poisson(case.truths))
        ids = rng.choice(present, len(boxes))
        seeds = rng.integers(0, 1 << 31, len(boxes))
        for box, class_, seed in zip(boxes, ids, seeds, strict=True):
            truth = {"id": len(truths) + 1, "image_id": number, "category_id": int(class_)}
            truth |= {"iscrowd": int(rng.random() < 0.02), "area": float(box[2] * box[3] * 0.6), "bbox": box.tolist()}
            truths.append(truth | _shape(case.kind, box, int(seed), truth=True))
        count = rng.poisson(case.found)
        near = rng.integers(0, max(len(boxes), 1), count)
        free = _boxes(rng, count)
        for index in range(count):
            hit = bool(len(boxes)) and rng.random() < 0.7
            box = boxes[near[index]] + rng.normal(0, 4, 4) if hit else free[index]
            box = np.array([*box[:2], *np.maximum(box[2:], 2)])
            right = hit and rng.random() < 0.8
            class_ = ids[near[index]] if right else rng.integers(0, case.classes)
            result = {"image_id": number, "category_id": int(class_), "score": round(float(rng.random()), 3)}
            seed = int(seeds[near[index]]) if hit else index
            results.append(result | _shape(case.kind, box, seed, truth=False))
    categories = [{"id": number, "name": str(number)} for number in range(case.classes)]
    return Rows({"images": images, "annotations": truths, "categories": categories}, results)


def _boxes(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Left, top, width and height; many small ones, few large ones."""
    size = np.exp(rng.uniform(np.log(12), np.log(300), (count, 2)))
    return np.concatenate([rng.uniform(0, 1, (count, 2)) * np.maximum([WIDTH, HEIGHT] - size, 1), size], axis=1)


def _shape(kind: Kind, box: NDArray[np.float64], seed: int, *, truth: bool) -> dict[str, Any]:
    if kind == "box":
        return {} if truth else {"bbox": box.tolist()}
    rng = np.random.default_rng(seed)
    if kind == "keypoints":
        points = box[:2] + rng.random((17, 2)) * box[2:]
        marks = rng.integers(0, 3, 17) if truth else np.ones(17)
        row: dict[str, Any] = {"keypoints": np.column_stack([points, marks]).ravel().tolist()}
        return row | ({"num_keypoints": int((marks > 0).sum())} if truth else {})
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radius = (0.5 * rng.uniform(0.7, 1, 40))[:, None] * box[2:]
    outline = box[:2] + box[2:] / 2 + radius * np.stack([np.cos(angles), np.sin(angles)], 1)
    polygon = outline.round(2).ravel().tolist()
    return {"segmentation": [polygon] if truth else letters(polygon)}


def letters(polygon: list[float]) -> dict[str, Any]:
    """Compressed counts of a polygon, as results are written."""
    from pycocotools import mask

    made = mask.merge(mask.frPyObjects([polygon], HEIGHT, WIDTH))
    return {"size": made["size"], "counts": made["counts"].decode()}


def ours(case: Case, rows: Rows) -> Callable[[], CocoMetrics]:
    """Our evaluation from arrays; masks from polygons and letters, as pycocotools takes them."""
    truths: dict[int, list[Any]] = {image["id"]: [] for image in rows.dataset["images"]}
    results: dict[int, list[Any]] = {image["id"]: [] for image in rows.dataset["images"]}
    for row in rows.dataset["annotations"]:
        truths[row["image_id"]].append(row)
    for row in rows.results:
        results[row["image_id"]].append(row)
    pictures = [_columns(case.kind, results[number], truths[number]) for number in truths]

    def read(columns: dict[str, Any]) -> dict[str, Any]:
        if "masks" not in columns:
            return columns
        return columns | {"masks": [from_coco(one, HEIGHT, WIDTH) for one in columns["masks"]]}

    def call() -> CocoMetrics:
        meter = CocoMeter(case.kind, case.classes)
        for found, truth in pictures:
            meter.add(Found(**read(found)), Truth(**read(truth)))
        return meter.metrics()

    return call


def _columns(kind: Kind, found: list[Any], truth: list[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    one: dict[str, Any] = {
        "scores": np.array([row["score"] for row in found]),
        "class_ids": np.array([row["category_id"] for row in found], dtype=np.int64),
    }
    two: dict[str, Any] = {
        "class_ids": np.array([row["category_id"] for row in truth], dtype=np.int64),
        "boxes_xyxy": _xyxy([row["bbox"] for row in truth]),
        "areas": np.array([row["area"] for row in truth]),
        "crowd": np.array([row["iscrowd"] for row in truth], dtype=bool),
    }
    if kind == "box":
        one["boxes_xyxy"] = _xyxy([row["bbox"] for row in found])
    elif kind == "mask":
        one["masks"], two["masks"] = ([row["segmentation"] for row in rows] for rows in (found, truth))
    else:
        one["keypoints_xy"] = np.array([row["keypoints"] for row in found]).reshape(-1, 17, 3)[..., :2]
        two["keypoints"] = np.array([row["keypoints"] for row in truth]).reshape(-1, 17, 3)
    return one, two


def _xyxy(boxes: list[list[float]]) -> NDArray[np.float64]:
    values = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    return np.concatenate([values[:, :2], values[:, :2] + values[:, 2:]], axis=1)


def theirs(case: Case, rows: Rows) -> Any:
    """pycocotools' COCOeval with files and results read, which is not counted."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = rows.dataset
        coco.createIndex()
        return COCOeval(coco, coco.loadRes(rows.results), IOU_TYPE[case.kind])


def measure(case: Case, pictures: int, repeats: int) -> dict[str, Any]:
    """Processor seconds of both, the fastest of some turns, and the largest difference of a figure."""
    times: dict[str, list[float]] = {"ours": [], "pycocotools": []}
    difference = 0.0
    for _ in range(repeats):
        rows = drawn(case, pictures)  # pycocotools changes what it is given, so it is made anew
        took, metrics = timed(ours(case, rows))
        times["ours"].append(took)
        judged = theirs(case, rows)
        with contextlib.redirect_stdout(io.StringIO()):
            took, _ = timed(lambda judged=judged: (judged.evaluate(), judged.accumulate()))
            judged.summarize()
        times["pycocotools"].append(took)
        found = [getattr(metrics, name) for name in case.figures]
        pairs = zip(found, judged.stats, strict=True)
        difference = max(difference, *(abs((-1 if one is None else one) - two) for one, two in pairs))
    return {
        "case": case.name,
        "detections": len(rows.results),
        "truths": len(rows.dataset["annotations"]),
        "ap": metrics.ap,
        "ours_s": min(times["ours"]),
        "pycocotools_s": min(times["pycocotools"]),
        "difference": difference,
    }


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds and answer of one call."""
    gc.collect()
    began = time.process_time()
    answer = call()
    return time.process_time() - began, answer


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="COCO's figures: time and equality against pycocotools.")
    parser.add_argument("--pictures", type=int, default=5000, metavar="N", help="pictures to judge (default: 5000)")
    parser.add_argument("--repeats", type=int, default=2, metavar="N", help="turns; the fastest counts (default: 2)")
    parser.add_argument("--only", metavar="WORD", default="", help="only cases whose names begin so, as boxes")
    parser.add_argument("--quick", action="store_true", help="a smoke run on 40 pictures; its figures mean nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures here")
    options = parser.parse_args(arguments)
    pictures, repeats = (40, 1) if options.quick else (options.pictures, options.repeats)
    cases = [case for case in CASES if case.name.startswith(options.only)]
    if not cases:
        parser.error(f"--only {options.only}: expected the beginning of {', '.join(case.name for case in CASES)}")
    machine = facts()
    print(describe(machine))
    before = load_now()
    found = [measure(case, pictures, repeats) for case in cases]
    share = others_share(before, load_now())
    print_table(
        f"Evaluation of {pictures} pictures",
        ["", "truths", "detections", "AP", "ours s", "pycocotools s", "time ratio", "largest difference"],
        [
            [
                row["case"],
                str(row["truths"]),
                str(row["detections"]),
                f"{row['ap']:.4f}",
                f"{row['ours_s']:.2f}",
                f"{row['pycocotools_s']:.2f}",
                f"{row['ours_s'] / row['pycocotools_s']:.2f}",
                f"{row['difference']:.1e}",
            ]
            for row in found
        ],
    )
    checks = []
    for case, row in zip(cases, found, strict=True):
        ratio = row["ours_s"] / row["pycocotools_s"]
        checks.append(
            Check(f"{case.name}: at most {case.limit:g} x pycocotools", f"{ratio:.2f} x", ratio <= case.limit)
        )
        same = row["difference"] <= SAME
        checks.append(Check(f"{case.name}: figures equal to {SAME:g}", f"{row['difference']:.1e}", same))
    print_checks(checks)
    print(wording(share))
    if options.json:
        values = {"machine": machine, "others_share": share, "pictures": pictures, "rows": found}
        write_json(options.json, values | {"checks": checks_as_json(checks)})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
