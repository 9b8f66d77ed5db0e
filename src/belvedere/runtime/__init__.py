"""Running models: the artifact, the engines, and the model that puts pictures through them."""

from __future__ import annotations

from belvedere.runtime.artifact import Artifact
from belvedere.runtime.engine import Engine, open_engine
from belvedere.runtime.manifest import Manifest
from belvedere.runtime.model import Model, load

__all__ = ["Artifact", "Engine", "Manifest", "Model", "load", "open_engine"]
