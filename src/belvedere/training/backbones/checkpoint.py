"""Checkpoints of the Hugging Face hub, through its cache: JSON and safetensors only, nothing that can run code.

Where files come from and go to is set the usual way: ``HF_ENDPOINT``, ``HF_HOME``, ``HF_HUB_CACHE``, ``HF_TOKEN``,
``HF_HUB_OFFLINE``.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from belvedere.core.errors import TrainingError
from belvedere.training.backbones.catalogue import HubBackbone

WEIGHTS = "model.safetensors"
LARGEST_FILE = 2_000_000_000
_LARGEST_TEXT = 1_000_000
_SPDX = {"apache-2.0": "Apache-2.0", "mit": "MIT", "bsd-3-clause": "BSD-3-Clause", "cc-by-4.0": "CC-BY-4.0",
         "cc-by-nc-4.0": "CC-BY-NC-4.0", "cc0-1.0": "CC0-1.0"}  # fmt: skip
_LICENCE_LINE = re.compile(r"^license:[ \t]*['\"]?([A-Za-z0-9.-]+)['\"]?[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Checkpoint:
    """The small files of a checkpoint.

    Attributes:
        folder: Of the cache; the weights come to lie there as well.
        revision: The commit; further files are of the same one.
        config: ``config.json``.
        mean: Per channel (RGB) of pixels in 0..1, from ``preprocessor_config.json``.
        std: Likewise.
        licence: SPDX expression from the model card.
    """

    folder: Path
    revision: str
    config: Mapping[str, Any]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    licence: str


def fetch_checkpoint(row: HubBackbone) -> Checkpoint:
    """Fetch everything but the weights.

    Raises:
        TrainingError: the hub cannot be reached and the cache lacks the files, there is no such repository or
            revision, or a file is missing or not what it should be.
    """
    path = _fetch(row, row.revision, "config.json")
    # The cache keeps each commit in a folder of its name: what follows is of the same commit, even if a branch moves.
    commit = path.parent.name
    config = _json(row, path)
    preprocessor = _json(row, _fetch(row, commit, "preprocessor_config.json"))
    licence = row.licence or _licence(row, commit)
    return Checkpoint(
        folder=path.parent,
        revision=commit,
        config=config,
        mean=_three(row, preprocessor, "image_mean"),
        std=_three(row, preprocessor, "image_std"),
        licence=licence,
    )


def fetch_weights(row: HubBackbone, commit: str, progress: Callable[[int, int], None]) -> Path:
    """Fetch ``model.safetensors`` of a commit.

    Args:
        row: The checkpoint.
        commit: As in ``Checkpoint.revision``.
        progress: Called with megabytes fetched, and in all.

    Raises:
        TrainingError: the hub cannot be reached, or the repository has no such file or one of over 2 GB.
    """
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url, try_to_load_from_cache

    cached = try_to_load_from_cache(row.repository, WEIGHTS, revision=commit)
    if isinstance(cached, str):
        return Path(cached)
    if not constants.HF_HUB_OFFLINE:
        with _explained(row, WEIGHTS):
            size = get_hf_file_metadata(hf_hub_url(row.repository, WEIGHTS, revision=commit)).size
        if size is not None and size > LARGEST_FILE:
            raise TrainingError(
                f"backbone {row.name}: {WEIGHTS} of {row.repository} has {size} bytes, the most is {LARGEST_FILE}"
            )
    return _fetch(row, commit, WEIGHTS, progress)


def _fetch(
    row: HubBackbone, revision: str, file: str, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> Path:
    from huggingface_hub import hf_hub_download

    with _explained(row, file):
        return Path(hf_hub_download(row.repository, file, revision=revision, tqdm_class=_bar(progress)))


def _bar(progress: Callable[[int, int], None]) -> type:
    """The hub's way to tell about downloads: a bar, here one that draws nothing and calls ``progress``."""
    from tqdm import tqdm

    class Told(tqdm):  # type: ignore[misc]
        monitor_interval = 0

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{**options, "file": io.StringIO()})

        def update(self, n: float | None = 1) -> bool | None:
            drawn: bool | None = super().update(n)
            progress(int(self.n) // 10**6, max(1, int(self.total or self.n) // 10**6))
            return drawn

    return Told


@contextmanager
def _explained(row: HubBackbone, file: str) -> Iterator[None]:
    """Turn the hub's errors into ours; they name the repository and what to do."""
    from huggingface_hub import errors

    start = f"backbone {row.name}: "
    try:
        yield
    except errors.RepositoryNotFoundError as error:
        raise TrainingError(
            f"{start}the hub has no repository {row.repository}, or shows it only to some: check the name, or set "
            "HF_TOKEN to a token that may read it"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise TrainingError(f"{start}{row.repository} has no revision {row.revision!r}") from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise TrainingError(
            f"{start}{file} of {row.repository} is not in the cache and the hub cannot be reached: connect this "
            "machine once (HF_ENDPOINT names the hub, HF_HUB_OFFLINE=1 forbids it), or copy the cache of one that has "
            "it and name the folder in HF_HUB_CACHE"
        ) from error
    except errors.EntryNotFoundError as error:
        raise TrainingError(f"{start}{row.repository} has no {file}{_instead(file)}") from error
    # HTTPError is the base of what the hub's HTTP client raises; it is not an OSError.
    except (errors.HTTPError, errors.HFValidationError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise TrainingError(
            f"{start}{file} of {row.repository} could not be fetched ({reason}); try again, what was fetched is kept"
        ) from error


def _instead(file: str) -> str:
    if file == WEIGHTS:
        return ": weights in one safetensors file are needed, pickled ones are not loaded because they can run code"
    return ": expected a checkpoint as the transformers library writes it"


def _json(row: HubBackbone, path: Path) -> dict[str, Any]:
    if path.stat().st_size <= _LARGEST_TEXT:
        try:
            value = json.loads(path.read_bytes())
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            return value
    raise TrainingError(f"backbone {row.name}: {path.name} of {row.repository} is not a JSON object")


def _three(row: HubBackbone, preprocessor: Mapping[str, Any], key: str) -> tuple[float, float, float]:
    value = preprocessor.get(key)
    if isinstance(value, list) and len(value) == 3 and all(isinstance(v, int | float) and 0 <= v <= 1 for v in value):
        red, green, blue = (float(v) for v in value)
        if key != "image_std" or min(red, green, blue) > 0:
            return red, green, blue
    raise TrainingError(
        f"backbone {row.name}: preprocessor_config.json of {row.repository} says {key} {value!r}; expected three "
        "numbers between 0 and 1"
    )


def _licence(row: HubBackbone, commit: str) -> str:
    """What the model card's header says, in SPDX; NOASSERTION where it says nothing."""
    from huggingface_hub.errors import EntryNotFoundError

    try:
        path = _fetch(row, commit, "README.md")
    except TrainingError as error:
        if isinstance(error.__cause__, EntryNotFoundError):
            return "NOASSERTION"
        raise
    with path.open("rb") as file:
        text = file.read(_LARGEST_TEXT).decode(errors="replace").replace("\r\n", "\n")
    header = text[3:].partition("\n---")[0] if text.startswith("---\n") else ""
    found = _LICENCE_LINE.search(header)
    if found is None:
        return "NOASSERTION"
    return _SPDX.get(found[1].lower(), f"LicenseRef-{found[1]}")
