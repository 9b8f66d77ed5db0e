"""Checks on what a command is going to write, made before the work starts and not after it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import click

ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar")
_OTHER_SUFFIXES = (".zip", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".onnx", ".pt", ".json")


def prepare_artifact_path(path: Path) -> None:
    """Make the folders above an artifact that will be written, and refuse what must not be replaced.

    Raises:
        click.BadParameter: the path is a folder that holds something else than an artifact, a folder where an
            archive is wanted, or nothing can be written there.
    """
    if not path.is_dir() and path.name.endswith(_OTHER_SUFFIXES) and not path.name.endswith(ARCHIVE_SUFFIXES):
        raise click.BadParameter(
            f"'{path}': artifacts are folders or archives whose name ends in {', '.join(ARCHIVE_SUFFIXES)}.",
            param_hint="'--out'",
        )
    if path.is_dir():
        if path.name.endswith(ARCHIVE_SUFFIXES):
            raise click.BadParameter(f"'{path}' is a folder; name a file to write an archive.", param_hint="'--out'")
        if any(path.iterdir()) and not _is_artifact(path):
            raise click.BadParameter(
                f"'{path}' is a folder with other files in it, and saving would replace them all. "
                f"Name a new folder or a file that ends in {', '.join(ARCHIVE_SUFFIXES)}.",
                param_hint="'--out'",
            )
    elif path.exists() and not path.name.endswith(ARCHIVE_SUFFIXES):
        raise click.BadParameter(
            f"'{path}' is a file and its name is not that of an archive ({', '.join(ARCHIVE_SUFFIXES)}).",
            param_hint="'--out'",
        )
    make_folder(path.absolute().parent, "--out")


def make_folder(folder: Path, option: str) -> Path:
    """Create a folder with its parents and see that files can be put into it.

    Raises:
        click.BadParameter: it cannot be created or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"'{folder}' cannot be created: {error.strerror or error}"
        raise click.BadParameter(reason, param_hint=f"'{option}'") from error
    try:
        # Rights alone do not tell: a file system may be read-only, or no place for files at all.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = f"'{folder}' cannot be written to: {error.strerror or error}"
        raise click.BadParameter(reason, param_hint=f"'{option}'") from error
    return folder


def _is_artifact(folder: Path) -> bool:
    try:
        document = json.loads((folder / "manifest.json").read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and document.get("format") == "belvedere-artifact"
