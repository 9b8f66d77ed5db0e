"""Files of the Hugging Face hub, through its cache: text and safetensors only, nothing that can run code.

Where files come from and go to is set the usual way: ``HF_ENDPOINT``, ``HF_HOME``, ``HF_HUB_CACHE``, ``HF_TOKEN``,
``HF_HUB_OFFLINE``; ``BELVEDERE_OFFLINE=1`` forbids the network as well. What was fetched of a broken download is kept
and continued. Needs huggingface_hub, which the [train] extra brings; callers say so when it is missing.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from belvedere.core.errors import BelvedereError, CompileError

WEIGHTS = "model.safetensors"
LARGEST_TEXT = 1_000_000
_REPOSITORY = re.compile(r"[\w][\w.-]*/[\w][\w.-]*", re.ASCII)
_REVISION = re.compile(r"[\w][\w./-]*", re.ASCII)
_SPDX = {"apache-2.0": "Apache-2.0", "mit": "MIT", "bsd-3-clause": "BSD-3-Clause", "cc-by-4.0": "CC-BY-4.0",
         "cc-by-nc-4.0": "CC-BY-NC-4.0", "cc0-1.0": "CC0-1.0"}  # fmt: skip
_LICENCE_LINE = re.compile(r"^license:[ \t]*['\"]?([A-Za-z0-9.-]+)['\"]?[ \t]*$", re.MULTILINE)

Told = Callable[[int, int], None]
"""Called with megabytes fetched, and in all."""


@dataclass(frozen=True)
class Repository:
    """A repository on the hub, and who asks for it.

    Attributes:
        name: ``owner/name``.
        revision: Branch, tag or commit.
        wanted: What it is for; messages begin with it.
        failure: The error that is raised when it cannot be had.
    """

    name: str
    revision: str
    wanted: str
    failure: type[BelvedereError] = CompileError


def is_repository(text: str) -> bool:
    """Whether a text can be ``owner/name``."""
    return _REPOSITORY.fullmatch(text) is not None


def is_revision(text: str) -> bool:
    """Whether a text can be a branch, tag or commit."""
    return _REVISION.fullmatch(text) is not None


def offline() -> bool:
    """Whether the network must not be used: ``BELVEDERE_OFFLINE`` or ``HF_HUB_OFFLINE`` says so."""
    said = [os.environ.get(name, "") for name in ("BELVEDERE_OFFLINE", "HF_HUB_OFFLINE")]
    return any(value.strip().lower() not in ("", "0", "false", "no", "off") for value in said)


def fetch(
    repository: Repository,
    file: str,
    commit: str = "",
    told: Told = lambda _done, _total: None,
    *,
    most_bytes: int | None = None,
) -> Path:
    """Fetch a file, or find it in the cache.

    Args:
        repository: Where it is.
        file: Its name there.
        commit: Of the repository; empty for its revision, which is then looked up on the hub.
        told: Called while it is fetched.
        most_bytes: Largest size; a larger file is not fetched.

    Raises:
        BelvedereError: of the repository's kind: no such repository, revision or file, over the size, or neither in
            the cache nor to be had.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    revision = commit or repository.revision
    if commit and (found := cached(repository, file, commit)) is not None:
        return found
    with _explained(repository, file):
        if most_bytes is not None and not offline():
            size = get_hf_file_metadata(hf_hub_url(repository.name, file, revision=revision)).size
            if size is not None and size > most_bytes:
                raise repository.failure(
                    f"{repository.wanted}: {file} of {repository.name} has {size} bytes, the most is {most_bytes}"
                )
        return Path(
            hf_hub_download(repository.name, file, revision=revision, tqdm_class=_bar(told), local_files_only=offline())
        )


def cached(repository: Repository, file: str, commit: str = "") -> Path | None:
    """A file that is in the cache already, without asking the hub; None where it is not."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository.name, file, revision=commit or repository.revision)
    return Path(found) if isinstance(found, str) else None


def commit_of(path: Path) -> str:
    """The commit of a fetched file: the cache keeps each in a folder of its name."""
    return path.parent.name


def read_object(repository: Repository, path: Path) -> dict[str, Any]:
    """The JSON object in a fetched file. Raises the repository's error for anything else."""
    if path.stat().st_size <= LARGEST_TEXT:
        try:
            value = json.loads(path.read_bytes())
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            return value
    raise repository.failure(f"{repository.wanted}: {path.name} of {repository.name} is not a JSON object")


def is_missing(error: BelvedereError) -> bool:
    """Whether ``fetch`` failed because the repository has no such file."""
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    cause = error.__cause__
    return isinstance(cause, EntryNotFoundError) and not isinstance(cause, LocalEntryNotFoundError)


def licence_of(repository: Repository, commit: str) -> str:
    """What the model card's header says, in SPDX; NOASSERTION where it says nothing."""
    try:
        path = fetch(repository, "README.md", commit)
    except repository.failure as error:
        if is_missing(error):
            return "NOASSERTION"
        raise
    with path.open("rb") as file:
        text = file.read(LARGEST_TEXT).decode(errors="replace").replace("\r\n", "\n")
    header = text[3:].partition("\n---")[0] if text.startswith("---\n") else ""
    found = _LICENCE_LINE.search(header)
    if found is None:
        return "NOASSERTION"
    return _SPDX.get(found[1].lower(), f"LicenseRef-{found[1]}")


def _bar(told: Told) -> type:
    """The hub's way to tell about downloads: a bar, here one that draws nothing and calls ``told``."""
    from tqdm import tqdm

    class Silent(tqdm):  # type: ignore[misc]
        monitor_interval = 0

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{**options, "file": io.StringIO()})

        def update(self, n: float | None = 1) -> bool | None:
            drawn: bool | None = super().update(n)
            told(int(self.n) // 10**6, max(1, int(self.total or self.n) // 10**6))
            return drawn

    return Silent


@contextmanager
def _explained(repository: Repository, file: str) -> Iterator[None]:
    """Turn the hub's errors into ours; they name the repository and what to do."""
    from huggingface_hub import errors

    start, name, failure = f"{repository.wanted}: ", repository.name, repository.failure
    try:
        yield
    except errors.RepositoryNotFoundError as error:
        raise failure(
            f"{start}the hub has no repository {name}, or shows it only to some: check the name, or set HF_TOKEN to a "
            "token that may read it"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise failure(f"{start}{name} has no revision {repository.revision!r}") from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise failure(
            f"{start}{file} of {name} is not in the cache and the hub cannot be reached: connect this machine once "
            "(HF_ENDPOINT names the hub, HF_HUB_OFFLINE=1 or BELVEDERE_OFFLINE=1 forbids it), or copy the cache of one "
            "that has it and name the folder in HF_HUB_CACHE"
        ) from error
    except errors.EntryNotFoundError as error:
        raise failure(f"{start}{name} has no {file}{_instead(file)}") from error
    # HTTPError is the base of what the hub's HTTP client raises; it is not an OSError.
    except (errors.HTTPError, errors.HFValidationError, OSError) as error:
        if isinstance(error, BelvedereError):
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise failure(
            f"{start}{file} of {name} could not be fetched ({reason}); try again, what was fetched is kept"
        ) from error


def _instead(file: str) -> str:
    if file == WEIGHTS:
        return ": weights in one safetensors file are needed, pickled ones are not loaded because they can run code"
    return ": expected a checkpoint as the transformers library writes it"
