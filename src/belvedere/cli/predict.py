"""``belvedere predict``: what a model says about pictures."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from belvedere.cli.console import note, say, say_json
from belvedere.cli.inputs import Maps, Picture, drawing_names, find_pictures, map_option, read_stdin
from belvedere.cli.options import engine_options, json_option
from belvedere.cli.outputs import make_folder
from belvedere.core.errors import BelvedereError
from belvedere.core.limits import DEFAULT_LIMITS

if TYPE_CHECKING:
    from belvedere.runtime import Model
    from belvedere.runtime.stream import ItemError
    from belvedere.tasks.result import Result

_SHOWN = 8


@click.command(name="predict")
@click.argument("artifact", type=click.Path(path_type=Path))
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "--draw",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write each picture with what was found drawn on it to DIR/<name>.annotated.png.",
)
@map_option
@json_option
@engine_options
def command(
    *,
    artifact: Path,
    paths: tuple[str, ...],
    draw: Path | None,
    maps: Maps,
    as_json: bool,
    engine: str,
    threads: int | None,
) -> int:
    """Run a model on pictures: anomaly scores, classes, boxes, masks or joints, whatever its task is.

    PATHS are pictures, folders (searched below), quoted patterns such as 'shots/**/*.jpg', manifests or CSV
    files of datasets, and '-' for a picture from stdin. What cannot be read is named on stderr, the rest is
    scored, and the exit code is 1.

    \b
    Example:
      belvedere predict board.tar.gz new/ --json --draw annotated/
    """
    from belvedere.runtime import Artifact, Model

    loaded = Artifact.load(artifact)
    inputs = find_pictures(paths, maps)
    folder = make_folder(draw, "--draw") if draw is not None else None
    names = drawing_names(inputs.pictures)
    failures = inputs.failures
    with (
        Model(loaded, engine=engine, threads=threads) as model,
        closing(scored(model, inputs.pictures)) as outcomes,
    ):
        for picture, name, outcome in zip(inputs.pictures, names, outcomes, strict=True):
            if isinstance(outcome, BelvedereError):
                note(about(picture, outcome))
                failures += 1
                continue
            _print(picture, outcome, as_json)
            if folder is not None:
                write_drawing(outcome, folder / name)
    if failures:
        note(f"{failures} of {len(inputs.pictures) + inputs.failures} inputs could not be scored")
    return 1 if failures else 0


def scored(model: Model, pictures: Sequence[Picture]) -> Generator[Result | ItemError, None, None]:
    """Score pictures in order, a few of them ahead; a picture that cannot be read gives its error."""
    limit = DEFAULT_LIMITS.image_bytes
    sources = (read_stdin(limit) if picture.path is None else picture.path for picture in pictures)
    yield from model.predict_many(sources, on_error="return")


def write_drawing(result: Result, path: Path) -> None:
    """Write the annotated picture as PNG, all of it or nothing. Raises StorageError."""
    from belvedere.core.files import atomic_write

    drawn = result.draw()
    with atomic_write(path) as stream:
        drawn.save(stream, format="PNG")


def about(picture: Picture, error: BelvedereError) -> str:
    """A message that names the picture, once."""
    text = str(error)
    return text if picture.name in text else f"{picture.name}: {text}"


def _print(picture: Picture, result: Result, as_json: bool) -> None:
    if as_json:
        say_json({**result.to_dict(), "path": picture.name})
        return
    say(f"{result_text(result)}  {picture.name}")


def result_text(result: Result) -> str:
    """What a model of any task says about a picture, on one line."""
    found = result.to_dict()
    if "is_anomalous" in found:
        verdict = "anomaly" if found["is_anomalous"] else "normal"
        return f"{verdict:<8}{found['score']:.4f}"
    if "detections" in found:
        rows = sorted(found["detections"], key=lambda row: -row["score"])
        boxes = [f"{row['label']} {row['score']:.3f}" for row in rows]
        return f"{len(rows)} found: {_listed(boxes)}"
    if "people" in found:
        people = [f"{person['score']:.3f}" for person in found["people"]]
        return f"{len(people)} {'person' if len(people) == 1 else 'people'}: {_listed(people)}"
    if "score" not in found:
        return _listed([f"{area['label']} {area['area']:.1%}" for area in found["classes"]])
    return f"{found['label']}  {found['score']:.4f}"


def _listed(parts: Sequence[str]) -> str:
    more = f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
    return (", ".join(parts[:_SHOWN]) + more) or "-"
