"""``belvedere models``: the zoo, what is in it, fetching and exporting."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from belvedere.cli.compile_options import PRECISIONS, TARGETS
from belvedere.cli.console import note, number, progress_bar, say, say_json, table
from belvedere.cli.options import json_option, parse_dimensions
from belvedere.cli.outputs import prepare_artifact_path

if TYPE_CHECKING:
    from belvedere.zoo import Entry

_MEGABYTES = 4  # a million parameters in float32


@click.group(name="models")
def command() -> None:
    """Models by name: bundled ones, those of the Hugging Face hub, GluonCV's with your own weights.

    NAME is a name that `list` shows, or hub:OWNER/REPO for another checkpoint of the same architectures on the hub;
    either with @REVISION for a branch, tag or commit. Every command that takes a model takes such a name; it wins over
    a file that is called the same, ./NAME is the file.
    """


@command.command(name="list")
@click.option("--task", metavar="TASK", help="Only models for this task, such as detection.")
@click.option("--source", type=click.Choice(["bundled", "hub", "gluoncv"]), help="Only models from there.")
@json_option
def list_models(*, task: str | None, source: str | None, as_json: bool) -> int:
    """List the models of the zoo with task, licence, size and what their makers measured."""
    from belvedere.zoo import entries

    found = [e for e in entries().values() if task in (None, e.task) and source in (None, e.source)]
    if as_json:
        for entry in found:
            say_json(_described(entry))
        return 0
    rows = [[e.name, e.task, e.source, e.licence or "–", _megabytes(e), _measured(e)] for e in found]
    for line in table(rows, header=["name", "task", "source", "licence", "MB", "published"]):
        say(line)
    if not found:
        note(f"no model of the zoo does {task!r}: `belvedere models list` shows all")
    return 0


@command.command(name="show")
@click.argument("name")
@json_option
def show_model(*, name: str, as_json: bool) -> int:
    """Show what is known of a model, and whether it is on this machine."""
    from belvedere.zoo import find

    entry = find(name)
    facts = {**_described(entry), **_state(entry)}
    if as_json:
        say_json(facts)
        return 0
    say(f"{entry.name}: {entry.task or 'task by its checkpoint'}, {entry.origin}")
    labels = {"input": "input", "decoder": "decoder", "licence": "licence", "needs": "needs", "commit": "commit"}
    for key, label in labels.items():
        if facts.get(key):
            say(f"  {label:<15} {facts[key]}")
    if entry.parameters:
        say(f"  {'parameters':<15} {entry.parameters:g} million, about {_megabytes(entry)} MB")
    if entry.metric:
        say(f"  {'published':<15} {_measured(entry)} ({entry.metric.source})")
    say(f"  {'here':<15} {facts['here']}")
    return 0


@command.command(name="pull")
@click.argument("name")
@json_option
def pull_model(*, name: str, as_json: bool) -> int:
    """Fetch a model from the hub into its cache, so that it can be used without network.

    A branch is looked up on the hub, and the commit that it stands for now is what is used from then on, until the
    next pull. A broken download is continued. HF_ENDPOINT, HF_HOME, HF_HUB_CACHE and HF_TOKEN count as usual;
    BELVEDERE_OFFLINE=1 and HF_HUB_OFFLINE=1 forbid the network.
    """
    from belvedere.core.errors import OptionError
    from belvedere.zoo import find

    entry = find(name)
    if entry.source == "gluoncv":
        raise OptionError(
            f"model {name}: its weights cannot be fetched, they are yours to bring; `belvedere models export {name} "
            "--weights FILE.params --out FILE.tar.gz`"
        )
    if entry.source == "bundled":
        note(f"{name} comes with the package: there is nothing to fetch")
        return 0
    from belvedere.zoo.hub.checkpoint import fetch_checkpoint

    with progress_bar() as progress:
        found = fetch_checkpoint(
            entry, lambda done, total: progress(f"fetching {entry.name}, MB", done, total), fresh=True
        )
    facts: dict[str, Any] = {
        "name": entry.name,
        "repository": entry.repository,
        "revision": entry.revision,
        "commit": found.commit,
        "architecture": found.architecture.name,
        "licence": found.licence,
        "bytes": found.weights.stat().st_size,
        "folder": str(found.folder),
    }
    if as_json:
        say_json(facts)
    else:
        say(f"{entry.name}: {entry.repository} at {found.commit}, {found.architecture.name}, {found.licence}")
        say(f"  {facts['bytes'] / 1e6:.1f} MB in {found.folder}")
    return 0


@command.command(name="export")
@click.argument("name")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="FILE.tar.gz", help="Artifact to write.")
@click.option("--weights", type=click.Path(path_type=Path), metavar="FILE.params", help="Weights of a GluonCV name.")
@click.option(
    "--size",
    metavar="WIDTHxHEIGHT",
    callback=lambda ctx, param, value: None if value is None else parse_dimensions(ctx, param, value),
    help="Size of the network's input  [default: the model's own].",
)
@click.option("--task", metavar="TASK", help="Where a checkpoint can do several things, such as semantic-segmentation.")
@click.option("--precision", type=click.Choice(PRECISIONS), default=None, help="What it computes in  [default: f32].")
@click.option("--calibrate", type=click.Path(path_type=Path), metavar="PICTURES", help="Pictures for int8.")
@click.option("--target", type=click.Choice(TARGETS), default=None, help="What runs it  [default: cpu].")
@json_option
def export_model(
    *,
    name: str,
    out: Path,
    weights: Path | None,
    size: tuple[int, int] | None,
    task: str | None,
    as_json: bool,
    **rest: Any,
) -> int:
    """Write a model as an artifact: one file that runs without network, torch or this catalogue.

    \b
    Examples:
      belvedere models export rt-detr-v2-r18 --out detector.tar.gz
      belvedere models export yolo3_darknet53_coco --weights yolo3.params --size 683x512 --out yolo.tar.gz
    """
    from belvedere.zoo import zoo_artifact
    from belvedere.zoo.finish import note_of

    prepare_artifact_path(out)
    options = {key: value for key, value in rest.items() if value is not None}
    with progress_bar() as progress:
        artifact = zoo_artifact(
            name, weights=weights, size=size, task=task or "", options=options or None, progress=progress
        )
    artifact.save(out)
    facts = {
        "name": name,
        "artifact": str(out),
        "task": artifact.manifest.task,
        "digest": artifact.digest,
        "zoo": artifact.manifest.provenance.get("zoo"),
    }
    if as_json:
        say_json(facts)
    else:
        say(f"{name}: {artifact.manifest.task}, {sum(map(len, artifact.files.values())) / 1e6:.1f} MB")
        say(f"  artifact        {out}")
        say(f"  digest          {artifact.digest}")
    if note_of(artifact):
        note(note_of(artifact))
    return 0


def _described(entry: Entry) -> dict[str, Any]:
    metric = entry.metric
    return {
        "name": entry.name,
        "task": entry.task,
        "source": entry.source,
        "origin": entry.origin,
        "repository": entry.repository or None,
        "revision": entry.revision if entry.repository else None,
        "licence": entry.licence or None,
        "input": entry.input or None,
        "decoder": entry.decoder or None,
        "parameters": None if entry.parameters is None else round(entry.parameters * 1e6),
        "bytes": None if entry.parameters is None else round(entry.parameters * 1e6 * _MEGABYTES),
        "metric": metric and {"name": metric.name, "value": metric.value, "source": metric.source},
    }


def _state(entry: Entry) -> dict[str, Any]:
    """What using it needs, and what of it is on this machine already."""
    if entry.source == "bundled":
        return {"needs": None, "here": "comes with the package", "commit": None}
    if entry.source == "gluoncv":
        return {"needs": "your .params file (--weights)", "here": "its structure, not its weights", "commit": None}
    from belvedere.core.hub import WEIGHTS, cached
    from belvedere.zoo.hub.checkpoint import cached_commit, repository_of

    commit = cached_commit(entry)
    whole = commit is not None and cached(repository_of(entry), WEIGHTS, commit) is not None
    here = "fetched" if whole else f"not fetched: `belvedere models pull {entry.name}`"
    return {"needs": "the [train] extra, once, to export it", "here": here, "commit": commit if whole else None}


def _megabytes(entry: Entry) -> str:
    return number(None if entry.parameters is None else entry.parameters * _MEGABYTES, 0)


def _measured(entry: Entry) -> str:
    return f"{entry.metric.name} {entry.metric.value:g}" if entry.metric else "–"
