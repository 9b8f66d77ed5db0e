"""``belvedere demo``: the whole way of a picture, on boards that it draws itself."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from belvedere.cli.console import note, progress_bar, say, table
from belvedere.cli.contact_sheet import contact_sheet
from belvedere.cli.evaluate import report_lines
from belvedere.cli.inputs import find_pictures
from belvedere.cli.outputs import make_folder
from belvedere.cli.predict import write_drawing
from belvedere.cli.summary import training_lines
from belvedere.core.files import write_bytes

if TYPE_CHECKING:
    from PIL import Image

    from belvedere.runtime import Model

TRAIN, TEST, NEW = (20, 10), (12, 12), (4, 5)


@click.command(name="demo")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="[DIR]", default="demo")
@click.option(
    "--seed",
    type=click.IntRange(min=0, max=999_998),
    metavar="N",
    default=0,
    show_default=True,
    help="Other boards.",
)
def command(*, folder: Path, seed: int) -> int:
    """Train on 30 drawn pictures, evaluate, score new ones; write everything to DIR (demo/ by default).

    DIR gets the pictures, the model (board.tar.gz), the report (report.html), annotated pictures
    (annotated/), and some of them on one sheet (contact-sheet.png).

    \b
    Example:
      belvedere demo
    """
    import belvedere

    started = time.perf_counter()
    make_folder(folder, "DIR")
    with progress_bar() as progress:
        _draw(folder, seed)
        say(f"drew {sum(TRAIN)} boards to train on, {sum(TEST)} to judge with, {sum(NEW)} new ones")
        clock = time.perf_counter()
        model = belvedere.train(folder / "pictures", task="anomaly", name="board", seed=seed, progress=progress)
        say(f"trained in {time.perf_counter() - clock:.1f} s:")
        for line in training_lines(model.artifact.manifest):
            say(line)
        with model:
            model.save(folder / "board.tar.gz")
            report = belvedere.evaluate(model, folder / "pictures", progress=progress)
            report.save(folder)
            say()
            for line in report_lines(report.to_dict()):
                say(line)
            say()
            right = _score(model, folder)
    say()
    say(f"{right} of {sum(NEW)} new boards judged correctly; {time.perf_counter() - started:.0f} s in all")
    note(f"look at {folder / 'report.html'} and {folder / 'contact-sheet.png'}")
    return 0


def _draw(folder: Path, seed: int) -> None:
    from belvedere.samples import write_boards

    write_boards(folder / "pictures", train=TRAIN, test=TEST, seed=seed)
    write_boards(folder / "new", train=(0, 0), test=NEW, seed=seed + 1)


def _score(model: Model, folder: Path) -> int:
    """Score the new boards, print a table, write the annotated pictures; how many verdicts are right."""
    pictures = [picture.path for picture in find_pictures([str(folder / "new")]).pictures if picture.path]
    rows: list[list[str]] = []
    drawn: list[Image.Image] = []
    right = 0
    for path, result in zip(pictures, model.predict(pictures), strict=True):
        truth = "normal" if path.parent.name == "normal" else path.parent.name
        verdict = "anomaly" if result.is_anomalous else "normal"
        correct = result.is_anomalous == (truth != "normal")
        right += correct
        rows.append([path.stem, truth, verdict, f"{result.score:.3f}", "" if correct else "wrong"])
        write_drawing(result, folder / "annotated" / f"{path.stem}.annotated.png")
        drawn.append(result.draw())
    for line in table(rows, header=["new picture", "truth", "verdict", "score", ""]):
        say(line)
    write_bytes(folder / "contact-sheet.png", contact_sheet(_chosen(drawn), columns=3, width=1200))
    return right


def _chosen(drawn: list[Image.Image]) -> list[Image.Image]:
    """Some of the pictures for the sheet: one of each defect, and a normal one to close with."""
    anomalies, normals = drawn[: NEW[1]], drawn[NEW[1] :]
    return [*anomalies, *normals[:1]]
