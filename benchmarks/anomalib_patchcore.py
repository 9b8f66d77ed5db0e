"""Our nearest-normal memory against anomalib's PatchCore on the same features.

    python benchmarks/anomalib_patchcore.py --install      # makes a virtual environment of anomalib's own, then runs
    python benchmarks/anomalib_patchcore.py                # runs with the one made before

anomalib's model gets the bundled backbone's features and runs everything behind them. Where anomalib cannot be had
the script says why and ends with exit code 0.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from belvedere.data.dataset import Dataset
from belvedere.runtime import Model
from belvedere.runtime.cores import available_cores
from belvedere.runtime.engine import open_engine
from belvedere.tasks.anomaly.metrics import auroc
from belvedere.training.anomaly import TrainOptions, train
from belvedere.training.anomaly.features import extract, preprocess_for
from belvedere.training.anomaly.geometry import Geometry
from belvedere.training.anomaly.memory import fit_memory
from belvedere.training.backbones import bundled_backbone
from machine import describe, facts, load_now, others_share, wording
from networks import backbone_network, search_network
from output import checks_as_json, print_checks, print_table, write_json
from patchcore import fit_bank
from patchcore_baseline import HEADER, OURS, Front, Side, requirements, table_rows
from sets import BOARDS, SETS, draw, labels, open_set
from timing import HERE, Times, interleaved, times_of

ANOMALIB, TORCH = "anomalib==2.7.0", "torch==2.13.0"
ENVIRONMENT = "belvedere-anomalib"
_INSTALL_SECONDS, _OWN_CORESET_MOST = 1200, 50


class UnavailableError(Exception):
    """anomalib cannot be had here; the message says why."""


def environment(options: argparse.Namespace) -> Path:
    """Python of the environment with anomalib.

    Raises:
        UnavailableError: it is not installed, cannot be installed, or cannot be imported.
    """
    python: Path = options.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        if not options.install:
            raise UnavailableError(f"there is no environment at {options.folder}; --install makes one")
        _install(options.folder, python)
    line = [str(python), str(HERE / "anomalib_child.py")]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UnavailableError(f"anomalib is installed but cannot be imported: {_last_line(done.stderr)}")
    return python


def _install(folder: Path, python: Path) -> None:
    print(f"installing {ANOMALIB} into {folder} (some minutes)", file=sys.stderr, flush=True)
    venv.create(folder, with_pip=True)
    # In one command, so that pip picks the torchvision that belongs to this torch.
    line = [str(python), "-m", "pip", "install", "--quiet", TORCH, "torchvision", ANOMALIB]
    try:
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=_INSTALL_SECONDS)
    except subprocess.TimeoutExpired as error:
        python.unlink()
        raise UnavailableError(f"pip did not install anomalib within {_INSTALL_SECONDS} s") from error
    if done.returncode != 0:
        # Without its Python the environment counts as missing, and --install tries again.
        python.unlink()
        raise UnavailableError(f"pip cannot install {ANOMALIB}: {_last_line(done.stderr)}")


def compare(dataset: Dataset, normals: int, options: argparse.Namespace, python: Path) -> dict[str, Side]:
    """Train both on the same normal pictures, judge both on all test pictures, time one after the other."""
    drawn = draw(dataset, normals, 0, options.seed)
    backbone = bundled_backbone()
    artifact = train(drawn.train, TrainOptions(size=options.size, seed=options.seed))
    wanted = artifact.manifest.inputs[0].resize
    geometry = Geometry(wanted.width, wanted.height, backbone.stride)
    grids = extract((record.image() for record in drawn.train.normal), backbone, geometry)
    memory = fit_memory(grids, len(grids), np.random.default_rng((options.seed, 1)))
    pictures = [record.read() for record in drawn.test]
    truth = labels(drawn.test)
    with (
        Model(artifact) as model,
        closing(open_engine(backbone_network(backbone, geometry))) as features,
        closing(open_engine(search_network(memory, backbone.channels, geometry))) as search,
    ):
        front = Front(preprocess_for(backbone, geometry), features)
        every = [front.cells(picture) for picture in pictures]
        ours = interleaved({"search": lambda i: search.run({"image": every[i % len(every)][None]})}, options.repeats)
        wholes = interleaved(
            {
                "whole": lambda i: model.predict(pictures[i % len(pictures)]),
                "front": lambda i: front.cells(pictures[i % len(pictures)]),
            },
            options.repeats,
        )
        quality = auroc([model.predict(picture).score for picture in pictures], truth) or 0.0
    theirs = _run_child(python, grids, every, geometry, options)
    whole = times_of(theirs["whole_seconds"])
    return {
        OURS: Side(memory.vectors.shape, ours["search"], wholes["whole"], quality),
        f"anomalib {theirs['anomalib']}": Side(
            tuple(theirs["vectors"]),
            times_of(theirs["search_seconds"]),
            # Decode, preprocess and backbone are ours for both; anomalib's model begins behind them.
            Times(wholes["front"].p50 + whole.p50, wholes["front"].p95 + whole.p95, whole.count),
            auroc(theirs["scores"], truth) or 0.0,
        ),
    }


def _run_child(
    python: Path,
    grids: list[NDArray[np.float16]],
    every: list[NDArray[np.float32]],
    geometry: Geometry,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Hand the features over as files and let anomalib run."""
    own = options.own_coreset or len(grids) <= _OWN_CORESET_MOST
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if own:
            np.save(folder / "train.npy", np.stack(grids).astype(np.float32))
        else:
            # anomalib's own loop takes half an hour for 200 pictures; the coreset here is greedy too and as large.
            np.save(folder / "bank.npy", fit_bank(grids, options.seed).vectors)
        maps = [cells.T.reshape(-1, geometry.rows, geometry.columns) for cells in every]
        np.save(folder / "test.npy", np.stack(maps))
        given = {
            "own_coreset": own,
            "threads": available_cores(),
            "input": [geometry.height, geometry.width],
            "repeats": options.repeats,
        }
        (folder / "facts.json").write_text(json.dumps(given))
        line = [str(python), str(HERE / "anomalib_child.py"), str(folder)]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise UnavailableError(f"anomalib failed: {_last_line(done.stderr)}")
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return found


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Compare with anomalib's PatchCore on the same features.")
    parser.add_argument("--install", action="store_true", help="make the environment if it is not there")
    default = Path(tempfile.gettempdir()) / ENVIRONMENT
    parser.add_argument("--folder", type=Path, default=default, metavar="DIR", help="the environment")
    parser.add_argument("--set", choices=SETS, default="magnetic-tile", help="default: magnetic-tile")
    parser.add_argument("--normals", nargs="+", type=int, default=[200, 20], metavar="N", help="default: 200 20")
    parser.add_argument("--size", type=int, default=256, metavar="N", help="network input; default 256")
    parser.add_argument("--repeats", type=int, default=60, metavar="N", help="timed calls of each; default 60")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default 0")
    parser.add_argument("--own-coreset", action="store_true", help="let anomalib choose the coreset, however long")
    parser.add_argument("--quick", action="store_true", help="a smoke run on a few small drawn boards; no figures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark, or say why it cannot be run."""
    options = _parser().parse_args(arguments)
    if options.quick:
        options.set, options.normals, options.size, options.repeats = BOARDS, [6], 128, 5
    machine = facts()
    print(describe(machine))
    figures: dict[str, dict[str, Side]] = {}
    before = load_now()
    try:
        python = environment(options)
        with tempfile.TemporaryDirectory() as scratch:
            dataset = open_set(options.set, Path(scratch), options.quick)
            for normals in options.normals:
                figures[str(normals)] = compare(dataset, normals, options, python)
    except UnavailableError as error:
        print(f"Nothing was compared: {error}")
        return 0
    share = others_share(before, load_now())
    rows = [row for normals, sides in figures.items() for row in table_rows(int(normals), sides)]
    print_table(f"{options.set}: ratios are theirs to ours", HEADER, rows, left=2)
    checks = [check for normals, sides in figures.items() for check in requirements(int(normals), sides)]
    if not options.quick:
        print_checks(checks)
    print(wording(share))
    if options.json:
        sides_json = {n: {name: asdict(side) for name, side in sides.items()} for n, sides in figures.items()}
        values = {"machine": machine, "others_share": share, "normals": sides_json, "checks": checks_as_json(checks)}
        write_json(options.json, values)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
