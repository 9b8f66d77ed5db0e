"""Finding the file that a manifest or table refers to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, unquote_plus

from belvedere.core.errors import DatasetError
from belvedere.data.reading import is_file, is_inside

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):/", re.IGNORECASE)
_LONGEST = 4096
_LONGEST_SHOWN = 200


@dataclass(frozen=True)
class Resolver:
    """Turns references into files.

    Attributes:
        folders: Where relative references, and the ends of ``s3://`` keys, are looked for; in this order.
        maps: Pairs of a prefix (``s3://bucket/folder``, or the start of any other reference) and the folder
            that holds what lies below it. The longest matching prefix decides.
        beside: What messages call the file that holds the references.
    """

    folders: tuple[Path, ...]
    maps: tuple[tuple[str, Path], ...] = ()
    beside: str = "the file that names it"

    def resolve(self, reference: str) -> Path:
        """Find the file.

        A mapped prefix decides. Otherwise a relative path is looked for below ``folders``, and of an
        ``s3://`` reference the longest end of ``bucket/key`` that is a file there. Names are tried as they
        stand, then percent-decoded, then with ``+`` for a space. Nothing outside of ``folders`` and maps is
        ever returned.

        Raises:
            DatasetError: no such file, a reference that climbs out with ``..``, or one of another kind
                (``file://``, ``http://``, absolute); the message is the reason without the reference.
        """
        _refuse_kinds(reference)
        mapped = self._mapped(reference)
        if mapped is not None:
            rest, folder = mapped
            path = _below(folder, rest)
            if path is None:
                raise DatasetError(f"no file '{rest}' in the folder that the map points to")
            return path
        is_s3 = reference.lower().startswith("s3://")
        if reference.startswith("/"):
            raise DatasetError(f"absolute paths are not followed; {_how_to_map(reference)}")
        path = self._by_suffix(reference[5:]) if is_s3 else self._relative(reference)
        if path is None:
            beside = f"no file of that name beside {self.beside}; copy the pictures there, or " if self.folders else ""
            raise DatasetError(f"{beside}{_how_to_map(reference)}")
        return path

    def _mapped(self, reference: str) -> tuple[str, Path] | None:
        best: tuple[int, str, Path] | None = None
        for prefix, folder in self.maps:
            start = prefix.rstrip("/")
            if prefix and not start:  # the map of '/' itself
                start = ""
                matches = reference.startswith("/")
            else:
                matches = not start or reference == start or reference.startswith(f"{start}/")
            if matches and (best is None or len(start) > best[0]):
                best = (len(start), reference[len(start) :].lstrip("/"), folder)
        return None if best is None else best[1:]

    def _relative(self, reference: str) -> Path | None:
        return next((path for path in (_below(folder, reference) for folder in self.folders) if path), None)

    def _by_suffix(self, bucket_and_key: str) -> Path | None:
        for spelling in _spellings(bucket_and_key):
            parts = _parts(spelling)
            for start in range(len(parts)):
                for folder in self.folders:
                    path = _below(folder, "/".join(parts[start:]), decode=False)
                    if path is not None:
                        return path
        return None


def canonical(reference: str) -> str:
    """The form in which references are compared and records are named.

    ``s3://bucket/key`` becomes ``bucket/key``; of a relative path, ``.`` and empty parts are dropped.
    """
    if reference.lower().startswith("s3://"):
        return reference[5:]
    return PurePosixPath(reference).as_posix()


def _how_to_map(reference: str) -> str:
    """What to do about a file that lies elsewhere, for the folder of this reference."""
    prefix = reference.rpartition("/")[0]
    if prefix.endswith("/") or not 0 < len(prefix) <= _LONGEST_SHOWN:
        prefix = "PREFIX"
    return f"say which folder holds them: --map {prefix}=DIR (in Python maps=[('{prefix}', DIR)])"


def _refuse_kinds(reference: str) -> None:
    if not reference.strip():
        raise DatasetError("the reference is empty")
    if len(reference) > _LONGEST:
        raise DatasetError(f"the reference is longer than {_LONGEST} characters")
    if any(ord(letter) < 32 for letter in reference):
        raise DatasetError("the reference holds control characters")
    scheme = _SCHEME.match(reference)
    if scheme is not None and not reference.lower().startswith("s3://"):
        raise DatasetError(
            f"{scheme[1].lower()}:// references are not followed (nothing is fetched); "
            "use a path relative to the manifest, or s3:// with a map"
        )


def _below(folder: Path, relative: str, decode: bool = True) -> Path | None:
    """The file ``relative`` in ``folder``, or None. Raises DatasetError where it climbs out."""
    for spelling in _spellings(relative) if decode else (relative,):
        parts = _parts(spelling)
        if not parts:
            continue
        path = folder.joinpath(*parts)
        if is_file(path):
            if not is_inside(path, folder):
                raise DatasetError(f"'{relative}' is a link out of {folder}; copy the picture instead")
            return path
    return None


def _spellings(reference: str) -> Iterator[str]:
    yield from dict.fromkeys((reference, unquote(reference), unquote_plus(reference)))


def _parts(reference: str) -> list[str]:
    parts = [part for part in reference.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise DatasetError("the reference climbs out with '..'; it must stay below the manifest's folder or a map")
    return parts


def base_folders(manifest: Path) -> tuple[Path, ...]:
    """The folders that references of a manifest are relative to.

    Its own folder; and, if it lies in or up to two folders below a folder called ``manifests`` (as in the
    getting-started dataset of Lookout for Vision and the output of Ground Truth jobs), the folder that holds
    ``manifests``.
    """
    own = manifest.absolute().parent
    for depth, folder in enumerate((own, *own.parents)):
        if depth > 2:
            break
        if folder.name.casefold() == "manifests":
            return (own, folder.parent)
    return (own,)


def resolver_for(manifest: Path, maps: Sequence[tuple[str, Path]]) -> Resolver:
    """The resolver for references of ``manifest``."""
    folders = tuple((prefix, Path(folder)) for prefix, folder in maps)
    return Resolver(base_folders(manifest), folders, manifest.name)
