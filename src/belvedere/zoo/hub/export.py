"""From a checkpoint on the hub to an artifact that is bound to its task."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from belvedere.compiler.compile import compile as compile_model
from belvedere.core.errors import MissingExtraError
from belvedere.runtime import Artifact
from belvedere.zoo.catalogue import Entry
from belvedere.zoo.finish import Progress, finished
from belvedere.zoo.hub.architectures import task_of
from belvedere.zoo.hub.checkpoint import Checkpoint, fetch_checkpoint, labels_of, wanted_by
from belvedere.zoo.hub.preprocessor import PictureInput, read_preprocessor

_INPUT = "image"
_MOST = 1000


def export_checkpoint(
    entry: Entry,
    *,
    size: tuple[int, int] | None = None,
    task: str = "",
    options: Mapping[str, Any] | None = None,
    progress: Progress,
) -> Artifact:
    """Fetch a checkpoint where the cache lacks it, and compile it.

    Args:
        entry: Of the source ``hub``.
        size: Width and height of the input; None for the checkpoint's own.
        task: What to bind it to, where the checkpoint can do several things; empty for the entry's.
        options: Further options of ``belvedere.compile``, such as ``precision``.
        progress: Called with (stage, done, total).

    Raises:
        MissingExtraError: torch or transformers is not installed.
        CompileError: the checkpoint cannot be had, used or compiled.
        OptionError: an option does not fit.
    """
    _need_torch(entry)
    wanted = wanted_by(entry)

    def told(done: int, total: int) -> None:
        progress(f"fetching {entry.name}, MB", done, total)

    checkpoint = fetch_checkpoint(entry, told)
    bound = task_of(checkpoint.architecture, task or entry.task, wanted)
    picture = read_preprocessor(checkpoint.preprocessor, checkpoint.config, wanted, size or _stated(entry, checkpoint))
    from belvedere.zoo.hub.network import write_network

    with tempfile.TemporaryDirectory(prefix="belvedere-zoo-") as folder:
        path = Path(folder) / "network.pt"
        progress("loading the checkpoint", 0, 1)
        parameters = write_network(checkpoint, (picture.width, picture.height), path, wanted)
        progress("loading the checkpoint", 1, 1)
        artifact = compile_model(
            path,
            inputs={_INPUT: (1, 3, picture.height, picture.width)},
            framework="pytorch",
            task=bound,
            labels=None if bound == "pose" else labels_of(checkpoint, wanted) or None,
            mean=picture.mean,
            std=picture.std,
            scale=picture.scale,
            color="RGB",
            resize=picture.mode,
            decoder=_decoder(checkpoint, bound, picture),
            progress=progress,
            **{"name": plain_name(entry), **(options or {})},
        )
    return finished(artifact, resize=_resize(picture), zoo=_facts(entry, checkpoint, parameters), note=picture.note)


def plain_name(entry: Entry) -> str:
    """What the artifact is called: the entry's name, of a repository its last part."""
    return entry.name.rpartition("/")[2].replace("@", "-")


def _stated(entry: Entry, checkpoint: Checkpoint) -> tuple[int, int] | None:
    """The catalogue's size where the checkpoint's own processor leaves it to the picture."""
    size = checkpoint.preprocessor.get("size")
    exact = isinstance(size, int) or (isinstance(size, Mapping) and "height" in size)
    return None if exact or entry.task != "detection" else entry.size


def _decoder(checkpoint: Checkpoint, task: str, picture: PictureInput) -> dict[str, Any]:
    fields: dict[str, Any] = {"family": checkpoint.architecture.decoders[task], "kernel": picture.kernel}
    queries = checkpoint.config.get("num_queries")
    if task in ("detection", "instance-segmentation") and isinstance(queries, int) and 0 < queries <= _MOST:
        fields["most"] = queries
    return fields


def _resize(picture: PictureInput) -> dict[str, Any]:
    return {
        "mode": picture.mode,
        "kernel": picture.kernel,
        "width": picture.width,
        "height": picture.height,
        "anchor": picture.anchor,
        "fill": picture.fill,
        "short": picture.short,
    }


def _facts(entry: Entry, checkpoint: Checkpoint, parameters: int) -> dict[str, Any]:
    import torch
    import transformers

    return {
        "name": entry.name,
        "source": "hub",
        "repository": entry.repository,
        "revision": entry.revision,
        "commit": checkpoint.commit,
        "architecture": checkpoint.architecture.name,
        "licence": checkpoint.licence,
        "parameters": parameters,
        "torch": torch.__version__.partition("+")[0],
        "transformers": transformers.__version__,
    }


def _need_torch(entry: Entry) -> None:
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(f"Model {entry.name}", "train") from error
