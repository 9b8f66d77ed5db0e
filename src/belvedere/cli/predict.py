"""``belvedere predict``: what a model says about pictures."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from belvedere.cli.console import note, say, say_json
from belvedere.cli.inputs import Maps, Picture, drawing_names, find_pictures, map_option, read_stdin
from belvedere.cli.model_argument import model_options, open_detector, open_model
from belvedere.cli.options import engine_options, json_option, target_option
from belvedere.cli.outputs import make_folder
from belvedere.core.errors import BelvedereError
from belvedere.core.limits import DEFAULT_LIMITS
from belvedere.vision.windows import LARGEST, SMALLEST

if TYPE_CHECKING:
    from belvedere.runtime import Artifact, Model
    from belvedere.runtime.stream import ItemError
    from belvedere.tasks.result import Result

_SHOWN = 8


@click.command(name="predict")
@click.argument("model")
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "--draw",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write each picture with what was found drawn on it to DIR/<name>.annotated.png.",
)
@click.option(
    "--tile",
    type=click.IntRange(SMALLEST, LARGEST),
    metavar="N",
    help="Cut large pictures into overlapping tiles of N pixels, so that small things are found.",
)
@click.option(
    "--tile-overlap",
    type=click.FloatRange(0, 0.9),
    default=0.2,
    show_default=True,
    metavar="SHARE",
    help="Share of a tile's edge that neighbours have in common.",
)
@click.option(
    "--people",
    metavar="DETECTOR",
    help="For a pose model that looks at one person: the detector that finds them, an artifact or a name of the zoo.",
)
@click.option(
    "--people-threshold",
    type=click.FloatRange(0, 1),
    metavar="SCORE",
    help="Least score of the box of a person  [default: the detector's].",
)
@map_option
@json_option
@target_option
@engine_options
@model_options
def command(
    *,
    model: str,
    paths: tuple[str, ...],
    draw: Path | None,
    tile: int | None,
    tile_overlap: float,
    people: str | None,
    people_threshold: float | None,
    maps: Maps,
    as_json: bool,
    target: str | None,
    engine: str,
    threads: int | None,
    **binding: Any,
) -> int:
    """Run a model on pictures: anomaly scores, classes, boxes, masks or joints, whatever its task is.

    MODEL is an artifact, a name of the zoo (belvedere models list), or a model file, folder or archive of another
    framework: that is compiled into the cache first, and the options from --framework to --decoder say what it is,
    as they do for belvedere compile.

    PATHS are pictures, folders (searched below), quoted patterns such as 'shots/**/*.jpg', manifests or CSV
    files of datasets, and '-' for a picture from stdin. What cannot be read is named on stderr, the rest is
    scored, and the exit code is 1.

    A pose model that looks at one person takes a whole picture for one person's. With --people a detector finds the
    people first, and the pose model looks at each in turn; --target, --engine and --threads then count for both.

    \b
    Examples:
      belvedere predict board.tar.gz new/ --json --draw annotated/
      belvedere predict yolox_nano.onnx --task detection --decoder yolox --labels coco street.jpg --draw out/
    """
    from belvedere.runtime import Model

    if people_threshold is not None and people is None:
        raise click.UsageError("--people-threshold is for the boxes of --people.")
    if tile is not None and people is not None:
        raise click.UsageError("--tile and --people do not go together: a person that a tile cuts has no pose.")
    loaded = open_model(model, binding)
    detector = None if people is None else open_detector(people)
    inputs = find_pictures(paths, maps)
    folder = make_folder(draw, "--draw") if draw is not None else None
    names = drawing_names(inputs.pictures)
    failures = inputs.failures
    with ExitStack() as stack:

        def opened(artifact: Artifact) -> Model:
            return stack.enter_context(Model(artifact, engine=engine, threads=threads, target=target))

        if detector is None:
            outcomes = scored(opened(loaded), inputs.pictures, tile, tile_overlap)
        else:
            outcomes = posed(opened(loaded), opened(detector), inputs.pictures, people_threshold or 0.0)
        stack.enter_context(closing(outcomes))
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


def scored(
    model: Model, pictures: Sequence[Picture], tile: int | None = None, overlap: float = 0.2
) -> Generator[Result | ItemError, None, None]:
    """Score pictures in order, a few of them ahead; a picture that cannot be read gives its error."""
    yield from model.predict_many(_sources(pictures), on_error="return", tile=tile, tile_overlap=overlap)


def posed(
    model: Model, detector: Model, pictures: Sequence[Picture], threshold: float
) -> Generator[Result | ItemError, None, None]:
    """Find people and their joints, as `scored` scores."""
    from belvedere.runtime.found_people import predict_found_people

    yield from predict_found_people(model, detector, _sources(pictures), threshold=threshold)


def _sources(pictures: Sequence[Picture]) -> Iterator[Path | bytes]:
    limit = DEFAULT_LIMITS.image_bytes
    return (read_stdin(limit) if picture.path is None else picture.path for picture in pictures)


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
    return _TEXTS[result.task](result)


def _verdict(result: Any) -> str:
    return f"{'anomaly' if result.is_anomalous else 'normal':<8}{result.score:.4f}"


def _best_class(result: Any) -> str:
    return f"{result.label}  {result.score:.4f}"


def _things(result: Any) -> str:
    return f"{len(result)} found: {_listed([f'{one.label} {one.score:.3f}' for one in result])}"


def _people(result: Any) -> str:
    scores = [f"{score:.3f}" for score in result.scores.tolist()]
    return f"{len(scores)} {'person' if len(scores) == 1 else 'people'}: {_listed(scores)}"


def _areas(result: Any) -> str:
    return _listed([f"{area.label} {area.area:.1%}" for area in result.areas])


_TEXTS: dict[str, Callable[[Any], str]] = {
    "anomaly": _verdict,
    "classification": _best_class,
    "detection": _things,
    "instance-segmentation": _things,
    "pose": _people,
    "semantic-segmentation": _areas,
}


def _listed(parts: Sequence[str]) -> str:
    more = f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
    return (", ".join(parts[:_SHOWN]) + more) or "-"
