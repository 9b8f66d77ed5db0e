"""``belvedere train``: from labelled pictures to an artifact."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from belvedere.cli.console import note, progress_bar, say, say_json
from belvedere.cli.inputs import Maps, map_option
from belvedere.cli.options import json_option, parse_rate, parse_size
from belvedere.cli.outputs import prepare_artifact_path
from belvedere.cli.summary import input_lines, training_lines

if TYPE_CHECKING:
    from belvedere.data import Dataset
    from belvedere.runtime import Artifact

TASKS = ("anomaly",)


@click.command(name="train")
@click.argument("dataset")
@click.option("--task", type=click.Choice(TASKS), required=True, help="What the model shall do.")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="ARTIFACT",
    help="Where the model goes: a name ending in .tar.gz, or a folder.",
)
@click.option(
    "--backbone",
    metavar="NAME",
    help="Feature network, such as dinov2-small, or hub:OWNER/REPO [default: the bundled one].",
)
@click.option(
    "--size",
    default="auto",
    show_default=True,
    metavar="N|auto",
    callback=parse_size,
    help="Network input: side of a square of the same area, in pixels; auto chooses by cross-validation.",
)
@click.option("--tile", is_flag=True, help="Look at the picture in overlapping tiles, for small defects.")
@click.option(
    "--roi",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="MASK",
    help="A picture that is white where to look, black elsewhere.",
)
@click.option("--normal-only", is_flag=True, help="Learn from the normal pictures alone.")
@click.option(
    "--false-alarms",
    metavar="RATE",
    callback=parse_rate,
    help="Share of normal pictures that may raise an alarm, such as 0.01 or 1% "
    "[default: 10% from normal pictures alone, else the best F1].",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    default=0,
    show_default=True,
    help="Seed of all random choices.",
)
@click.option("--name", help="What to call the model [default: anomaly].")
@map_option
@json_option
def command(
    *,
    dataset: str,
    task: str,
    out: Path,
    backbone: str | None,
    size: int | Literal["auto"],
    tile: bool,
    roi: Path | None,
    normal_only: bool,
    false_alarms: float | None,
    seed: int,
    name: str | None,
    maps: Maps,
    as_json: bool,
) -> int:
    """Learn from the labelled pictures of DATASET and write a model.

    DATASET is a folder (normal/ and anomaly/, or good/ and others, or train/ and test/ as in MVTec), a
    Lookout for Vision or Ground Truth manifest, or a CSV file.

    \b
    Example:
      belvedere train pictures/ --task anomaly --out board.tar.gz
    """
    prepare_artifact_path(out)
    import belvedere

    opened = belvedere.open_dataset(dataset, task, maps=maps)
    for problem in opened.problems:
        note(str(problem))
    with progress_bar() as progress:
        model = belvedere.train(
            opened,
            task,
            backbone=backbone,
            size=size,
            tile=tile,
            roi=roi,
            normal_only=normal_only,
            false_alarms=false_alarms,
            seed=seed,
            name=name,
            progress=progress,
        )
    artifact = model.artifact
    artifact.save(out)
    pictures, masks = _name_problems(opened, artifact)
    if as_json:
        say_json({"artifact": str(out), **facts(artifact)})
    else:
        say(f"{out}: digest {artifact.digest[:16]}")
        for line in (*input_lines(artifact.manifest), *training_lines(artifact.manifest)):
            say(line)
    if pictures:
        inputs = "1 input" if pictures == 1 else f"{pictures} inputs"
        note(f"{inputs} could not be used; the model was trained without {'it' if pictures == 1 else 'them'}")
    if masks:
        note("1 picture was used without its mask" if masks == 1 else f"{masks} pictures were used without their masks")
    return 1 if pictures or masks else 0


def _name_problems(dataset: Dataset, artifact: Artifact) -> tuple[int, int]:
    """Name what training found wrong or left out; how many inputs, and how many masks alone, could not be used."""
    told = {str(problem): problem.kept for problem in dataset.problems}
    unusable, masks = _sentences(artifact, "unusable"), _sentences(artifact, "unusable_masks")
    for text in (*unusable, *masks, *_sentences(artifact, "notes")):
        if text not in told:
            note(text)
    told.update(dict.fromkeys(unusable, False))
    told.update(dict.fromkeys(masks, True))
    kept = sum(told.values())
    return len(told) - kept, kept


def _sentences(artifact: Artifact, key: str) -> list[str]:
    """What training recorded about the pictures."""
    training = artifact.manifest.provenance.get("training")
    pictures = training.get("pictures") if isinstance(training, dict) else None
    found = pictures.get(key) if isinstance(pictures, dict) else None
    return [str(text) for text in found] if isinstance(found, list) else []


def facts(artifact: Artifact) -> dict[str, Any]:
    """What ``--json`` tells about a trained model: its digest, decoder and the facts of its training."""
    manifest = artifact.manifest
    return {
        "digest": artifact.digest,
        "name": manifest.name,
        "task": manifest.task,
        "decoder": manifest.decoder.model_dump(mode="json"),
        "training": manifest.provenance.get("training", {}),
    }
