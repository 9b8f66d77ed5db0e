"""Our nearest-normal memory against a straightforward PatchCore on the same features, in the same run.

python benchmarks/patchcore_baseline.py [--set magnetic-tile] [--normals 200 20] [--json FILE]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.data.dataset import Dataset
from belvedere.runtime import Model
from belvedere.runtime.engine import Engine, open_engine
from belvedere.tasks.anomaly.metrics import auroc
from belvedere.training.anomaly import TrainOptions, train
from belvedere.training.anomaly.features import extract, preprocess_for
from belvedere.training.anomaly.geometry import Geometry
from belvedere.training.anomaly.memory import fit_memory
from belvedere.training.backbones import bundled_backbone
from belvedere.vision.decode import load_image
from belvedere.vision.preprocess import Preprocess
from belvedere.vision.resize import resize_map
from machine import describe, facts, load_now, others_share, wording
from networks import backbone_network, cells_of, search_network, training_facts
from output import Check, checks_as_json, print_checks, print_table, write_json
from patchcore import Search, fit_bank, searches
from sets import BOARDS, SETS, Drawn, draw, labels, open_set
from timing import Times, interleaved

OURS = "belvedere"
HEADER = (
    "normals", "", "searched", "search ms p50 / p95", "ratio", "whole ms p50 / p95", "ratio", "AUROC", "difference"
)  # fmt: skip
SEARCH_RATIO, WHOLE_RATIO, WORST_AUROC, MANY = 4.0, 2.0, 0.005, 100


@dataclass(frozen=True)
class Side:
    """One of the compared: vectors searched and their dimension, search step and whole prediction, picture AUROC."""

    searched: tuple[int, ...]
    search: Times
    whole: Times
    auroc: float


@dataclass(frozen=True, eq=False)
class Front:
    """What comes before the search, the same code and engine for both: decode, preprocess, backbone."""

    preprocess: Preprocess
    engine: Engine

    def cells(self, picture: bytes) -> NDArray[np.float32]:
        """Encoded picture to cells float32 (P, C)."""
        tensor = self.preprocess.apply(load_image(picture))
        return cells_of(self.engine.run({"image": tensor})["features"])


def compare(dataset: Dataset, normals: int, size: int, repeats: int, seed: int) -> dict[str, Side]:
    """Train both on the same normal pictures, judge both on all test pictures, time both in turns."""
    drawn = draw(dataset, normals, 0, seed)
    backbone = bundled_backbone()
    _say(f"training on {len(drawn.train)} normal pictures")
    artifact = train(drawn.train, TrainOptions(size=size, seed=seed))
    wanted = artifact.manifest.inputs[0].resize
    geometry = Geometry(wanted.width, wanted.height, backbone.stride)
    grids = extract((record.image() for record in drawn.train.normal), backbone, geometry)
    _say("building the coreset of the baseline")
    bank = fit_bank(grids, seed)
    memory = fit_memory(grids, len(grids), np.random.default_rng((seed, 1)))
    kept = training_facts(artifact)["memory"]["vectors"]
    if kept != len(memory.vectors):
        _say(f"turned copies: the model's memory holds {kept} vectors, the one timed alone {len(memory.vectors)}")
    pictures = [record.read() for record in drawn.test]
    with (
        Model(artifact) as model,
        closing(open_engine(backbone_network(backbone, geometry))) as features,
        closing(open_engine(search_network(memory, backbone.channels, geometry))) as search,
    ):
        front = Front(preprocess_for(backbone, geometry), features)
        cells = [front.cells(picture) for picture in pictures[:16]]
        baselines = searches(bank)
        steps: dict[str, Callable[[int], object]] = {
            OURS: lambda i: search.run({"image": cells[i % len(cells)][None]}),
            **{name: _step(run, cells) for name, run in baselines.items()},
        }
        wholes: dict[str, Callable[[int], object]] = {
            OURS: lambda i: model.predict(pictures[i % len(pictures)]),
            **{name: _whole(run, front, geometry, pictures) for name, run in baselines.items()},
        }
        _say("timing")
        step_times, whole_times = interleaved(steps, repeats), interleaved(wholes, repeats)
        _say("scoring the test pictures")
        qualities = _qualities(drawn, pictures, model, front, baselines)
    sizes = {OURS: memory.vectors.shape}
    return {
        name if name == OURS else f"PatchCore, {name}": Side(
            sizes.get(name, bank.vectors.shape), step_times[name], whole_times[name], qualities[name]
        )
        for name in steps
    }


def _step(run: Search, cells: list[NDArray[np.float32]]) -> Callable[[int], object]:
    return lambda i: run(cells[i % len(cells)])


def _whole(run: Search, front: Front, geometry: Geometry, pictures: list[bytes]) -> Callable[[int], object]:
    """Encoded picture to score and heatmap at the network's resolution, which our network also gives."""

    def call(index: int) -> object:
        score, distances = run(front.cells(pictures[index % len(pictures)]))
        grid = distances.reshape(geometry.rows, geometry.columns)
        return score, resize_map(grid, geometry.width, geometry.height)

    return call


def _qualities(
    drawn: Drawn, pictures: list[bytes], model: Model, front: Front, baselines: dict[str, Search]
) -> dict[str, float]:
    truth = labels(drawn.test)
    found = {OURS: [model.predict(picture).score for picture in pictures]}
    every = [front.cells(picture) for picture in pictures]
    found |= {name: [run(cells)[0] for cells in every] for name, run in baselines.items()}
    return {name: auroc(scores, truth) or 0.0 for name, scores in found.items()}


def table_rows(normals: int, sides: dict[str, Side]) -> list[list[str]]:
    """One line per side, with its ratios to ours."""
    ours = sides[OURS]
    return [
        [
            str(normals),
            name,
            " x ".join(map(str, side.searched)),
            str(side.search),
            "" if side is ours else f"{side.search.p50 / ours.search.p50:.2f}",
            str(side.whole),
            "" if side is ours else f"{side.whole.p50 / ours.whole.p50:.2f}",
            f"{side.auroc:.4f}",
            "" if side is ours else f"{ours.auroc - side.auroc:+.4f}",
        ]
        for name, side in sides.items()
    ]


def requirements(normals: int, sides: dict[str, Side]) -> list[Check]:
    """What is required against the fastest baseline, and against the one with the highest AUROC."""
    ours, others = sides[OURS], [side for name, side in sides.items() if name != OURS]
    step = min(side.search.p50 for side in others) / ours.search.p50
    whole = min(side.whole.p50 for side in others) / ours.whole.p50
    least_step, least_whole = (SEARCH_RATIO, WHOLE_RATIO) if normals >= MANY else (1.0, 1.0)
    checks = [
        Check(f"{normals} normals: search step >= {least_step:g} times as fast", f"{step:.2f}", step >= least_step),
        Check(f"{normals} normals: end to end >= {least_whole:g} times as fast", f"{whole:.2f}", whole >= least_whole),
    ]
    if normals >= MANY:
        lower = max(side.auroc for side in others) - ours.auroc
        text = f"{normals} normals: AUROC at most {WORST_AUROC} lower"
        checks.append(Check(text, f"{-lower:+.4f}", lower <= WORST_AUROC))
    return checks


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Compare with a straightforward PatchCore on the same features.")
    parser.add_argument("--set", choices=SETS, default="magnetic-tile", help="default: magnetic-tile")
    parser.add_argument("--normals", nargs="+", type=int, default=[200, 20], metavar="N", help="default: 200 20")
    parser.add_argument("--size", type=int, default=256, metavar="N", help="network input; default 256")
    parser.add_argument("--repeats", type=int, default=60, metavar="N", help="timed calls of each; default 60")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default 0")
    parser.add_argument("--quick", action="store_true", help="a smoke run on a few small drawn boards; no figures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    if options.quick:
        options.set, options.normals, options.size, options.repeats = BOARDS, [6], 128, 5
    machine = facts()
    print(describe(machine))
    rows: list[list[str]] = []
    checks: list[Check] = []
    figures: dict[str, Any] = {}
    before = load_now()
    with tempfile.TemporaryDirectory() as scratch:
        dataset = open_set(options.set, Path(scratch), options.quick)
        for normals in options.normals:
            sides = compare(dataset, normals, options.size, options.repeats, options.seed)
            rows += table_rows(normals, sides)
            checks += requirements(normals, sides)
            figures[str(normals)] = {name: asdict(side) for name, side in sides.items()}
    share = others_share(before, load_now())
    print_table(f"{options.set}: ratios are theirs to ours", HEADER, rows, left=2)
    if not options.quick:
        print_checks(checks)
    print(wording(share))
    if options.json:
        values = {"machine": machine, "others_share": share, "normals": figures, "checks": checks_as_json(checks)}
        write_json(options.json, values)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
