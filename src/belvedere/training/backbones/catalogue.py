"""Names of larger backbones on the Hugging Face hub, and which layers of each are used. Needs neither hub nor torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

from belvedere.core.errors import OptionError, TrainingError
from belvedere.core.hub import is_repository, is_revision
from belvedere.training.backbones.bundled import BUNDLED

PREFIX = "hub:"


@dataclass(frozen=True)
class Family:
    """A kind of network that can become a backbone.

    Attributes:
        model_type: What ``config.json`` says under this name.
        kind: ``patches`` for vision transformers, ``stages`` for convolutional networks.
        norm: Normalisation of a layer's output: the network's own last one, one over channels, or none.
    """

    model_type: str
    kind: Literal["patches", "stages"]
    norm: Literal["own", "channels", "none"]


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        family.model_type: family
        for family in (
            Family("dinov2", "patches", "own"),
            Family("dinov2_with_registers", "patches", "own"),
            Family("resnet", "stages", "none"),
            Family("convnext", "stages", "channels"),
        )
    }
)


@dataclass(frozen=True)
class HubBackbone:
    """A checkpoint on the hub.

    Attributes:
        name: How users call it.
        repository: ``owner/name`` on the hub.
        revision: Branch, tag or commit; ``name@revision`` replaces it.
        family: Key of ``FAMILIES``; empty for a repository given by the user, until its ``config.json`` is read.
        stride: Pixels of the input per cell of the finest layer used; 0 until then.
        layers: Blocks (patches) or stages (convolutional) after which features are taken; the deepest last.
        licence: SPDX expression of the weights; empty until the model card is read.
    """

    name: str
    repository: str
    revision: str = "main"
    family: str = ""
    stride: int = 0
    layers: tuple[int, ...] = ()
    licence: str = ""


HUB: Mapping[str, HubBackbone] = MappingProxyType(
    {
        row.name: row
        for row in (
            HubBackbone("dinov2-small", "facebook/dinov2-small", "main", "dinov2", 14, (8, 11), "Apache-2.0"),
            HubBackbone("dinov2-base", "facebook/dinov2-base", "main", "dinov2", 14, (8, 11), "Apache-2.0"),
            HubBackbone("dinov2-large", "facebook/dinov2-large", "main", "dinov2", 14, (16, 22), "Apache-2.0"),
            HubBackbone(
                "dinov2-with-registers-small", "facebook/dinov2-with-registers-small", "main",
                "dinov2_with_registers", 14, (8, 11), "Apache-2.0",
            ),
            HubBackbone(
                "dinov2-with-registers-base", "facebook/dinov2-with-registers-base", "main",
                "dinov2_with_registers", 14, (8, 11), "Apache-2.0",
            ),
            HubBackbone("resnet-50", "microsoft/resnet-50", "main", "resnet", 8, (2, 3), "Apache-2.0"),
            HubBackbone("convnext-tiny", "facebook/convnext-tiny-224", "main", "convnext", 8, (2, 3), "Apache-2.0"),
        )
    }
)  # fmt: skip
"""Name to checkpoint."""


def check_name(name: str) -> None:
    """Raise OptionError unless ``name`` is bundled or one that ``find`` takes."""
    if name not in BUNDLED:
        find(name)


def find(name: str) -> HubBackbone:
    """The checkpoint behind a name: one of ``HUB``, or ``hub:OWNER/REPO``; either with ``@REVISION``.

    Raises:
        OptionError: there is no such name; the message lists those there are.
    """
    plain, at, revision = name.partition("@")
    if at and not is_revision(revision):
        raise OptionError(f"backbone {name!r}: expected a branch, tag or commit after '@'")
    if plain in HUB:
        row = HUB[plain]
    elif plain.startswith(PREFIX):
        repository = plain.removeprefix(PREFIX)
        if not is_repository(repository):
            raise OptionError(f"backbone {name!r}: expected {PREFIX}OWNER/REPO or {PREFIX}OWNER/REPO@REVISION")
        row = HubBackbone(plain, repository)
    else:
        raise OptionError(
            f"unknown backbone {name!r}: expected {', '.join(BUNDLED)} (bundled), {', '.join(HUB)} (from the hub), "
            f"or {PREFIX}OWNER/REPO"
        )
    return replace(row, name=name, revision=revision) if at else row


def fitted(row: HubBackbone, config: Mapping[str, Any]) -> HubBackbone:
    """Check ``config.json`` against the row, and fill in what a user's own repository leaves open.

    Layers then lie at two thirds and eleven twelfths of a transformer's depth (8 and 11 of 12), or after the second
    and third stage of a convolutional network, as in PatchCore (Roth et al. 2022).

    Raises:
        TrainingError: the network is of a family that is not supported, or not what the row says.
    """
    kind = config.get("model_type")
    family = FAMILIES.get(kind) if isinstance(kind, str) else None
    if family is None or kind != (row.family or kind):
        raise TrainingError(
            f"backbone {row.name}: config.json of {row.repository} says model_type {kind!r}; expected "
            f"{row.family or ' or '.join(FAMILIES)}"
        )
    if config.get("num_channels", 3) != 3:
        raise TrainingError(f"backbone {row.name}: {row.repository} is not made for pictures of three channels")
    if row.layers:
        return row
    if family.kind == "stages":
        return replace(row, family=family.model_type, stride=8, layers=(2, 3))
    patch, depth = config.get("patch_size", 14), config.get("num_hidden_layers", 12)
    if not isinstance(patch, int) or not isinstance(depth, int) or not 8 <= patch <= 32 or depth < 2:
        raise TrainingError(
            f"backbone {row.name}: config.json of {row.repository} says patch_size {patch!r} and num_hidden_layers "
            f"{depth!r}; expected patches of 8 to 32 pixels and two layers at least"
        )
    layers = (round(depth * 2 / 3), max(round(depth * 11 / 12), round(depth * 2 / 3) + 1))
    return replace(row, family=family.model_type, stride=patch, layers=layers)
