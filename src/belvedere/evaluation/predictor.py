"""What evaluation needs of a model; ``runtime.Model`` has it, and so has anything that scores pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class ManifestFacts(Protocol):
    """The names in an artifact's manifest."""

    @property
    def name(self) -> str:
        """What people call the model."""

    @property
    def labels(self) -> Sequence[str]:
        """The names it tells apart, maybe none."""


class ArtifactFacts(Protocol):
    """What identifies a model."""

    @property
    def digest(self) -> str:
        """SHA-256 of its content."""

    @property
    def manifest(self) -> ManifestFacts:
        """Its description."""

    @property
    def reports(self) -> Mapping[str, bytes | memoryview]:
        """Name to content of the reports that came with it."""


class Predictor(Protocol):
    """A model that looks at one encoded picture at a time."""

    @property
    def artifact(self) -> ArtifactFacts:
        """Where the model comes from."""

    def predict(self, source: bytes, /) -> Any:
        """The typed result of an encoded picture. Raises ImageError or LimitError for one that cannot be decoded."""
