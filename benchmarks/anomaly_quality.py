"""How well anomaly models judge pictures they have not seen, by how many pictures they were trained on.

    python benchmarks/anomaly_quality.py [--sets cookies wafer] [--rows 20 20+10] [--seeds 5] [--json FILE]

An interrupted run goes on where it stopped if ``--json`` names the same file: cells that were computed by the same
code are kept, all others are computed again.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from belvedere.data.dataset import Dataset
from machine import code_digest, describe, facts, load_now, others_share, wording
from output import Check, checks_as_json, print_checks, print_table, write_json
from quality_cells import (
    LABELLED,
    NORMALS,
    REFERENCE,
    ROWS,
    WITHHELD,
    Cell,
    Key,
    cell_as_json,
    cell_from_json,
    gap_closed,
    interval,
    run_cell,
)
from sets import BOARDS, SETS, SHARED_SETS, open_set

RECORDED = {"cookies": 1.00, "ball-screw": 0.95, "magnetic-tile": 0.91, "wafer": 0.67}
"""The baseline: picture AUROC of a plain nearest-neighbour search on MobileNetV2 features, 19 to 60 normal pictures."""
_AT_LEAST = {"cookies": 0.99, "ball-screw": 0.95, "magnetic-tile": 0.91, "wafer": 0.67}
_OBJECTS, _TEXTURES = ("cookies", BOARDS), ("magnetic-tile",)
Cells = dict[tuple[str, str], list[Cell]]
"""Set and row to cells, one a seed."""


def collect(options: argparse.Namespace, datasets: dict[str, Dataset]) -> tuple[Cells, dict[str, Any]]:
    """Compute every cell that is missing; returns all of them, and facts about the machine and the run."""
    found = facts()
    code = code_digest()
    known = _read(options.json) if options.json else {}
    document: dict[str, Any] = {"machine": found, "cells": []}
    cells: Cells = {(name, row): [] for name in datasets for row in options.rows}
    # Seeds outermost: an interrupted run has all rows for some seeds.
    for seed in range(options.seeds):
        for name, row in cells:
            key = Key(name, row, seed, options.size, code)
            cell = known.get(key)
            if cell is None:
                before = load_now()
                cell = run_cell(datasets[name], ROWS[row], key)
                known[key] = cell
                _note(cell, others_share(before, load_now()))
                if options.json:
                    document["cells"] = [cell_as_json(each) for each in known.values()]
                    write_json(options.json, document)
            cells[name, row].append(cell)
    # Cells of other sets and rows stay in the file; those of other code do not.
    document["cells"] = [cell_as_json(cell) for cell in known.values() if cell.key.code == code]
    return cells, document


def quality_rows(cells: Cells, datasets: dict[str, Dataset]) -> list[list[str]]:
    """One line per set and row."""
    lines = []
    for (name, row), group in cells.items():
        first = group[0]
        lines.append(
            [
                name,
                row,
                f"{first.normal}+{first.anomalous}",
                _with_interval([cell.auroc for cell in group]),
                _with_interval([cell.f1 for cell in group]),
                _with_interval([cell.false_alarms for cell in group]),
                f"{np.median([cell.training_seconds for cell in group]):.1f}",
                f"{np.median([cell.picture_ms for cell in group]):.1f}",
                _sizes(group),
                _against(name, row, cells, datasets),
            ]
        )
    return lines


def kind_rows(cells: Cells, name: str) -> tuple[list[str], list[list[str]]]:
    """Header and lines of the AUROC per kind of anomaly of one set."""
    rows = [row for (which, row) in cells if which == name]
    kinds = sorted({kind for row in rows for cell in cells[name, row] for kind in cell.by_kind})
    lines = []
    for row in rows:
        group = cells[name, row]
        values = [[cell.by_kind[kind] for cell in group if kind in cell.by_kind] for kind in kinds]
        lines.append([row, *(f"{np.mean(each):.3f}" if each else "-" for each in values)])
    return ["trained on", *kinds], lines


def requirements(cells: Cells, datasets: dict[str, Dataset]) -> list[Check]:
    """What the project promises, for the sets and rows that were run."""
    checks = []
    for name, least in _AT_LEAST.items():
        if (name, REFERENCE) in cells:
            value = float(np.mean([cell.auroc for cell in cells[name, REFERENCE]]))
            above = " (recorded baseline)" if name != "cookies" else ""
            checks.append(
                Check(f"{name}, normal only: AUROC >= {least:.2f}{above}", f"{value:.4f}", round(value, 4) >= least)
            )
    for name in _OBJECTS:
        if (name, LABELLED) in cells:
            value = float(np.mean([cell.auroc for cell in cells[name, LABELLED]]))
            checks.append(Check(f"{name}, object set, 20+10: AUROC >= 0.97", f"{value:.4f}", value >= 0.97))
    for name in _TEXTURES:
        checks += _texture_checks(name, cells, datasets)
    return checks


def _texture_checks(name: str, cells: Cells, datasets: dict[str, Dataset]) -> list[Check]:
    checks = []
    if (name, LABELLED) in cells:
        value = float(np.mean([cell.auroc for cell in cells[name, LABELLED]]))
        checks.append(Check(f"{name}, 20+10 with masks: AUROC >= 0.90", f"{value:.4f}", value >= 0.90))
    for row in (LABELLED, WITHHELD):
        if (name, row) in cells and (name, NORMALS) in cells:
            closed = gap_closed(cells[name, row], cells[name, NORMALS], datasets[name])
            if closed is not None:
                title = f"{name}, {row}: half of the gap to 1.00 closed"
                checks.append(Check(title, f"{closed:.0%}", closed >= 0.5))
    return checks


def _against(name: str, row: str, cells: Cells, datasets: dict[str, Dataset]) -> str:
    """The row's difference to its baseline."""
    mean = float(np.mean([cell.auroc for cell in cells[name, row]]))
    if row == REFERENCE and name in RECORDED:
        return f"{mean - RECORDED[name]:+.3f} to recorded {RECORDED[name]:.2f}"
    if ROWS[row].anomalous and (name, NORMALS) in cells:
        closed = gap_closed(cells[name, row], cells[name, NORMALS], datasets[name])
        return "nothing to close" if closed is None else f"{closed:+.0%} of the gap of row {NORMALS}"
    return ""


def _with_interval(values: Sequence[float]) -> str:
    bounds = interval(values)
    mean = f"{np.mean(values):.3f}"
    return mean if bounds is None else f"{mean} [{max(0.0, bounds[0]):.3f}, {min(1.0, bounds[1]):.3f}]"


def _sizes(group: Sequence[Cell]) -> str:
    sizes = sorted({cell.input for cell in group})
    return ", ".join(f"{width}x{height}" for width, height in sizes)


def _read(path: Path) -> dict[Key, Cell]:
    if not path.exists():
        return {}
    cells = (cell_from_json(values) for values in json.loads(path.read_text())["cells"])
    return {cell.key: cell for cell in cells}


def _note(cell: Cell, share: float | None) -> None:
    busy = "" if share is None else f", others {share:.0%}"
    key = cell.key
    text = f"AUROC {cell.auroc:.4f}, F1 {cell.f1:.3f}, {cell.training_seconds:.1f} s{busy}"
    print(f"{key.dataset} {key.row} seed {key.seed}: {text}", file=sys.stderr, flush=True)


def _size(text: str) -> int | Literal["auto"]:
    return "auto" if text == "auto" else int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Judge anomaly training on real sets of pictures.")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SHARED_SETS), help="default: the shared sets")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS), help="default: all")
    parser.add_argument("--no-masks", action="store_true", help=f"instead of {LABELLED} run {WITHHELD} alone")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="how many; default 5")
    parser.add_argument("--size", type=_size, default="auto", metavar="N|auto", help="network input; default auto")
    parser.add_argument("--quick", action="store_true", help="a smoke run on a few small drawn boards; no figures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all cells here, and go on from there")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    if options.quick:
        options.sets, options.rows, options.seeds, options.size = [BOARDS], [NORMALS, LABELLED], 2, 128
    if options.no_masks:
        options.rows = [row for row in options.rows if row != LABELLED]
    with tempfile.TemporaryDirectory() as scratch:
        datasets = {name: open_set(name, Path(scratch), options.quick) for name in options.sets}
        before = load_now()
        cells, document = collect(options, datasets)
        share = others_share(before, load_now())
    print(describe(document["machine"]))
    print(wording(share) + " Quality does not depend on it; seconds do.")
    header = ["set", "row", "normal+anom.", "AUROC", "F1", "false alarms", "train s", "ms", "input", "against"]
    title = f"Mean over {options.seeds} seeds [95 % interval, Student's t over the draws of training pictures]"
    print_table(title, header, quality_rows(cells, datasets), left=2)
    for name in datasets:
        kinds, lines = kind_rows(cells, name)
        if len(kinds) > 2:
            print_table(f"{name}: AUROC per kind of anomaly", kinds, lines)
    checks = [] if options.quick else requirements(cells, datasets)
    if checks:
        print_checks(checks)
    if options.json:
        write_json(options.json, {**document, "others_share": share, "checks": checks_as_json(checks)})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
