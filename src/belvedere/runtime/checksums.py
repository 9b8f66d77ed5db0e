"""``reports/SHA256SUMS``: the reports' own checksums, in the form that ``sha256sum -c`` reads."""

from __future__ import annotations

from collections.abc import Mapping

from belvedere.core.errors import ArtifactError
from belvedere.core.files import sha256_of
from belvedere.runtime.folder import Content

REPORTS = "reports/"
SUMS = "SHA256SUMS"


def checksum_lines(reports: Mapping[str, Content]) -> bytes:
    """One ``<hash>  <name>`` line per report, sorted by name."""
    return "".join(f"{sha256_of(reports[name])}  {name}\n" for name in sorted(reports)).encode()


def check_reports(reports: Mapping[str, Content], where: str) -> dict[str, Content]:
    """Verify the content of ``reports/`` against the checksums in it.

    Returns:
        The reports without the checksum file.

    Raises:
        ArtifactError: the checksum file is missing, or does not list exactly these contents.
    """
    found = dict(reports)
    if not found:
        return {}
    if SUMS not in found:
        raise ArtifactError(f"{where}: {REPORTS}{SUMS} is missing")
    listed = _parse(bytes(found.pop(SUMS)), where)
    actual = {name: sha256_of(data) for name, data in found.items()}
    for name in sorted(listed.keys() | actual.keys()):
        if listed.get(name) != actual.get(name):
            fault = "missing" if name not in actual else "not listed" if name not in listed else "changed"
            raise ArtifactError(f"{where}: {REPORTS}{name} is {fault} (against {REPORTS}{SUMS})")
    return found


def _parse(data: bytes, where: str) -> dict[str, str]:
    listed: dict[str, str] = {}
    for number, line in enumerate(data.decode(errors="replace").splitlines(), start=1):
        digest, separator, name = line.partition("  ")
        if not separator or name in listed:
            raise ArtifactError(f"{where}: line {number} of {REPORTS}{SUMS} is not '<sha256>  <name>'")
        listed[name] = digest
    return listed
