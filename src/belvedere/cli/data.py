"""``belvedere data``: look at datasets, convert, count and divide them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from belvedere.cli.console import note, progress_bar, say, say_json
from belvedere.cli.data_figures import facts, stats_lines
from belvedere.cli.fractions import SpacedNumbers, parse_fractions
from belvedere.cli.inputs import Maps, map_option
from belvedere.cli.options import json_option
from belvedere.cli.outputs import make_folder

if TYPE_CHECKING:
    from belvedere.data import Conversion, Dataset

TASKS = ("anomaly", "classification", "detection", "semantic-segmentation", "instance-segmentation", "pose")
FORMS = ("coco", "voc", "yolo", "yolo-segment", "yolo-pose", "manifest", "csv", "folders")
MOST_PROBLEMS = 20

task_option = click.option(
    "--task", type=click.Choice(TASKS), help="What the dataset is for, where its folders could mean several things."
)
out_option = click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="A new or empty folder.",
)
seed_option = click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    default=0,
    show_default=True,
    help="Another seed, another choice.",
)


@click.group(name="data")
def command() -> None:
    """Look at datasets, convert, count and divide them.

    SOURCE is whatever belvedere takes for a dataset: a COCO file or a folder with some, a folder with VOC or YOLO
    annotations, a data.yaml, a Ground Truth, Custom Labels or Lookout for Vision manifest, a CSV table, folders
    of classes, or of normal and anomalous pictures.
    """


@command.command(name="convert")
@click.argument("source")
@click.option("--to", "form", required=True, type=click.Choice(FORMS), help="The form to write.")
@out_option
@click.option("--prefix", metavar="S3URI", help="Put before the pictures' paths in a manifest.")
@task_option
@map_option
@json_option
def convert_command(
    *, source: str, form: str, out: Path, prefix: str | None, task: str | None, maps: Maps, as_json: bool
) -> int:
    """Write SOURCE, its pictures included, in another form.

    What the form cannot say is said on stderr. The exit code is 1 where something of SOURCE could not be used.

    \b
    Examples:
      belvedere data convert train.json --to yolo --out cars-yolo/
      belvedere data convert VOCdevkit/VOC2012 --to coco --out voc-coco/
      belvedere data convert boards/ --to manifest --prefix s3://my-bucket/boards --out boards-manifest/
    """
    from belvedere.data import convert

    dataset, failed = _readable(_opened(source, task, maps))
    written = convert(dataset, form, out, prefix=prefix)
    return _report_written(dataset, written, as_json, failed)


@command.command(name="stats")
@click.argument("source")
@task_option
@map_option
@json_option
def stats_command(*, source: str, task: str | None, maps: Maps, as_json: bool) -> int:
    """Count what SOURCE holds: pictures, parts, labels, classes, instances, box sizes.

    \b
    Example:
      belvedere data stats cars/train.json
    """
    dataset = _opened(source, task, maps)
    counted = dataset.statistics()
    for name in counted.unreadable:
        note(f"{name}: the picture cannot be read")
    for name in counted.wrong_sizes:
        note(f"{name}: the annotation declares another size than the picture has")
    if as_json:
        say_json(facts(dataset, counted))
    else:
        for line in stats_lines(dataset, counted):
            say(line)
    return 1 if dataset.problems or counted.unreadable or counted.wrong_sizes else 0


@command.command(name="split", cls=SpacedNumbers)
@click.argument("source")
@out_option
@click.option(
    "--fractions",
    default="0.8,0.2",
    metavar="N N [N]",
    callback=lambda _ctx, _param, value: parse_fractions(value),
    help="Shares of train and test, or of train, val and test  [default: 0.8 0.2]",
)
@seed_option
@click.option("--to", "form", type=click.Choice(FORMS), help="The form to write  [default: that of SOURCE].")
@task_option
@map_option
@json_option
def split_command(
    *,
    source: str,
    out: Path,
    fractions: Sequence[float],
    seed: int,
    form: str | None,
    task: str | None,
    maps: Maps,
    as_json: bool,
) -> int:
    """Divide SOURCE into train and test, or train, val and test, each with its share of every class.

    The same seed and pictures give the same parts. Pictures of equal content stay together. The parts are written
    as one dataset.

    \b
    Example:
      belvedere data split cars/train.json --fractions 0.7 0.15 0.15 --out cars-split/
    """
    from dataclasses import replace

    from belvedere.data import convert, partition

    dataset, failed = _readable(_opened(source, task, maps))
    hashes: dict[str, str] = {}
    with progress_bar() as progress:
        for done, record in enumerate(dataset.records, 1):
            hashes[record.name] = record.content_hash()
            progress("read", done, len(dataset))
    parts = partition(dataset, fractions, seed, hashes)
    records = tuple(record for part in parts for record in part.records)
    written = convert(replace(dataset, records=records), form or _own_form(dataset), out)
    counts = {part.records[0].part_name or "": len(part) for part in parts}
    return _report_written(dataset, written, as_json, failed, {"parts": counts, "seed": seed})


@command.command(name="view")
@click.argument("source")
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="PNG", help="The sheet to write."
)
@click.option(
    "--count", type=click.IntRange(1, 400), metavar="N", default=12, show_default=True, help="How many pictures."
)
@seed_option
@task_option
@map_option
def view_command(*, source: str, out: Path, count: int, seed: int, task: str | None, maps: Maps) -> int:
    """Draw some pictures of SOURCE with what is marked on them on one sheet, every class in turn.

    \b
    Example:
      belvedere data view cars/train.json --out cars.png
    """
    import numpy as np

    from belvedere.core.files import write_bytes
    from belvedere.data.overview import draw_overview
    from belvedere.vision.encode import jpeg_bytes, png_bytes

    make_folder(out.absolute().parent, "--out")
    dataset = _opened(source, task, maps)
    sheet, problems = draw_overview(dataset, count, seed)
    pixels = np.asarray(sheet)
    is_jpeg = out.suffix.casefold() in {".jpg", ".jpeg"}
    write_bytes(out, jpeg_bytes(pixels) if is_jpeg else png_bytes(pixels))
    for problem in problems:
        note(str(problem))
    say(f"{out}: {sheet.width} x {sheet.height} pixels")
    return 1 if problems or dataset.problems else 0


def _opened(source: str, task: str | None, maps: Maps) -> Dataset:
    import belvedere

    dataset = belvedere.open_dataset(source, task, maps=maps)
    for problem in dataset.problems[:MOST_PROBLEMS]:
        note(str(problem))
    if len(dataset.problems) > MOST_PROBLEMS:
        note(f"and {len(dataset.problems) - MOST_PROBLEMS} more like these")
    return dataset


def _readable(dataset: Dataset) -> tuple[Dataset, int]:
    """The dataset without the pictures that cannot be read, which are named; and how many those are."""
    from belvedere.data.sizes import readable

    kept, problems = readable(dataset)
    for problem in problems:
        note(str(problem))
    return kept, len(problems)


def _own_form(dataset: Dataset) -> str:
    """The form in which a dataset came, as far as it can be written."""
    if dataset.form in FORMS:
        return dataset.form
    return "coco" if dataset.annotated else "folders"


def _report_written(
    dataset: Dataset, written: Conversion, as_json: bool, failed: int, more: dict[str, Any] | None = None
) -> int:
    for problem in written.problems:
        note(str(problem))
    for sentence in written.lost:
        note(f"left out, {written.form} cannot say it: {sentence}")
    for sentence in written.added:
        note(f"added, {written.form} wants it: {sentence}")
    if as_json:
        counts = {
            "pictures": written.pictures,
            "lost": list(written.lost),
            "added": list(written.added),
            "problems": len(dataset.problems) + failed,
        }
        say_json({"folder": str(written.folder), "form": written.form, **counts, **(more or {})})
    else:
        parts = (more or {}).get("parts", {})
        shown = f" ({', '.join(f'{name} {count}' for name, count in parts.items())})" if parts else ""
        say(f"{written.folder}: {written.pictures} pictures as {written.form}{shown}")
    return 1 if dataset.problems or written.problems or failed else 0
