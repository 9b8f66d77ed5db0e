"""Our normal-only models against a plain nearest-neighbour search on MobileNetV2 features, on the same draws.

    python benchmarks/mobilenet_baseline.py [--sets cookies wafer] [--normals 60] [--seeds 5] [--json FILE]

The baseline is what one writes first: an ImageNet MobileNetV2 (``shared/models``, through torch), its features at
stride 16 averaged over 3 x 3 cells, every cell of every normal picture kept, and the largest distance of a cell to its
nearest neighbour as the picture's score. Both sides see the same training and test pictures at 256 x 256 pixels, ours
at the size that training chooses.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.data.record import Record
from belvedere.tasks.anomaly.metrics import auroc
from belvedere.vision.decode import decode
from belvedere.vision.preprocess import Preprocess
from machine import code_digest, describe, facts
from output import Check, checks_as_json, print_checks, print_table, write_json
from quality_cells import REFERENCE, ROWS, Key, interval, run_cell
from sets import SHARED_SETS, Drawn, draw, labels, open_set, shared_folder

SIDE, STAGES = 256, 14
"""Input in pixels, and the blocks of MobileNetV2 up to the last one at stride 16 (96 channels)."""
WEIGHTS = "models/mobilenet_v2_imagenet/mobilenet_v2_imagenet_fp16.pt"
Features = Callable[[Record], NDArray[np.float32]]
"""A picture to its cells (256, 96)."""


def mobilenet_features() -> Features:
    """The baseline's features; what was computed once is kept."""
    import torch
    from torch.nn.functional import avg_pool2d

    from belvedere.nets.mobilenet_v2 import mobilenet_v2

    network = mobilenet_v2(classes=1000, padding="same").eval()
    state = torch.load(shared_folder() / WEIGHTS, weights_only=True)
    network.load_state_dict({name: values.float() for name, values in state.items()})
    stages = network.features[:STAGES]
    preprocess = Preprocess(width=SIDE, height=SIDE, kernel="bilinear", mean=(0.5,) * 3, std=(0.5,) * 3)
    known: dict[str, NDArray[np.float32]] = {}

    def features(record: Record) -> NDArray[np.float32]:
        if record.name not in known:
            picture = torch.from_numpy(preprocess.apply(decode(record.read(), name=record.name)))
            with torch.inference_mode():
                cells = avg_pool2d(stages(picture), 3, 1, 1)[0]
            known[record.name] = np.ascontiguousarray(cells.flatten(1).T.numpy())
        return known[record.name]

    return features


def baseline_auroc(drawn: Drawn, features: Features) -> float:
    """Picture AUROC of the baseline."""
    memory = np.concatenate([features(record) for record in drawn.train.normal])
    norms = np.einsum("ij,ij->i", memory, memory)

    def score(cells: NDArray[np.float32]) -> float:
        nearest = (norms - 2 * (cells @ memory.T)).min(axis=1) + np.einsum("ij,ij->i", cells, cells)
        return float(nearest.max())

    found = auroc([score(features(record)) for record in drawn.test], labels(drawn.test))
    assert found is not None
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Compare with a plain search on MobileNetV2 features.")
    parser.add_argument("--sets", nargs="+", choices=SHARED_SETS, default=list(SHARED_SETS), help="default: all")
    parser.add_argument("--normals", type=int, default=ROWS[REFERENCE].normal, metavar="N", help="default 60")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="how many draws; default 5")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    os.environ.setdefault("BELVEDERE_SHARED", str(shared_folder()))
    row, code = replace(ROWS[REFERENCE], normal=options.normals), code_digest()
    rows, checks, document = [], [], list[dict[str, Any]]()
    with tempfile.TemporaryDirectory() as scratch:
        for name in options.sets:
            dataset, features = open_set(name, Path(scratch)), mobilenet_features()
            theirs, ours = [], []
            for seed in range(options.seeds):
                theirs.append(baseline_auroc(draw(dataset, row.normal, 0, seed), features))
                ours.append(run_cell(dataset, row, Key(name, row.name, seed, "auto", code)).auroc)
            apart = [mine - other for mine, other in zip(ours, theirs, strict=True)]
            bounds = interval(apart)
            spread = "" if bounds is None else f" [{bounds[0]:+.3f}, {bounds[1]:+.3f}]"
            rows.append(
                [
                    name,
                    f"{np.mean(theirs):.4f}",
                    f"{min(theirs):.3f} to {max(theirs):.3f}",
                    f"{np.mean(ours):.4f}",
                    f"{min(ours):.3f} to {max(ours):.3f}",
                    f"{np.mean(apart):+.4f}{spread}",
                ]
            )
            document.append({"set": name, "baseline": theirs, "belvedere": ours})
            title = f"{name}: AUROC at least that of MobileNetV2 features on the same draws"
            checks.append(Check(title, f"{np.mean(apart):+.4f}", float(np.mean(apart)) >= -5e-4))
    machine = facts()
    print(describe(machine))
    header = ["set", "MobileNetV2", "lowest to highest", "belvedere", "lowest to highest", "difference"]
    print_table(f"Picture AUROC, up to {row.normal} normal pictures, mean of {options.seeds} draws", header, rows)
    print_checks(checks)
    if options.json:
        write_json(options.json, {"machine": machine, "sets": document, "checks": checks_as_json(checks)})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
