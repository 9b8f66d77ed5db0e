"""Names of classes and joints for a bound network."""

from __future__ import annotations

import os
from collections.abc import Sequence

from belvedere.compiler.binding.settings import BoundDecoder
from belvedere.core.errors import OptionError
from belvedere.runtime.decoders import ClassificationDecoder, PoseDecoder, SegmentationDecoder
from belvedere.tasks.label_sets import find_labels

_IMAGENET = 1000
_JOINTS = 17


def bind_labels(
    decoder: BoundDecoder, labels: str | os.PathLike[str] | Sequence[str] | None, classes: int | None
) -> tuple[BoundDecoder, tuple[str, ...], tuple[str, ...]]:
    """The decoder as the labels make it, the labels, and notes.

    A classifier with one class more than labels has a background class in front, as TensorFlow's ImageNet networks do.

    Args:
        decoder: The decoder.
        labels: What the user says.
        classes: How many classes the outputs have; None where they do not tell.

    Raises:
        OptionError: labels cannot be read, or their number does not fit.
    """
    names = _names(labels)
    if isinstance(decoder, PoseDecoder):
        return _joints(decoder, names), (), ()
    if isinstance(decoder, ClassificationDecoder) and classes is not None:
        return _classifier(decoder, names, classes)
    if names and classes is not None and classes != len(names):
        raise OptionError(f"{len(names)} labels for a network with {classes} classes: expected one each")
    if isinstance(decoder, SegmentationDecoder) and decoder.background is None and names[:1] == ("background",):
        decoder = decoder.model_copy(update={"background": 0})
    return decoder, names, () if names else ("classes have numbers, no names: --labels names them",)


def _names(labels: str | os.PathLike[str] | Sequence[str] | None) -> tuple[str, ...]:
    if labels is None:
        return ()
    if isinstance(labels, (str, os.PathLike)):
        return find_labels(os.fsdecode(labels))
    names = tuple(labels)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise OptionError("labels must be names that are not empty")
    return names


def _classifier(
    decoder: ClassificationDecoder, names: tuple[str, ...], classes: int
) -> tuple[BoundDecoder, tuple[str, ...], tuple[str, ...]]:
    background = decoder.background
    if not background and (classes == len(names) + 1 or (not names and classes == _IMAGENET + 1)):
        background = 1
    if names and classes - background != len(names):
        raise OptionError(f"{len(names)} labels for a network with {classes} classes: expected one each")
    notes = []
    if background and not decoder.background:
        notes.append("the first class is taken for background and left out")
    if not names:
        known = " (1000 classes: imagenet1000?)" if classes - background == _IMAGENET else ""
        notes.append(f"classes have numbers, no names: --labels names them{known}")
    return decoder.model_copy(update={"background": background}), names, tuple(notes)


def _joints(decoder: PoseDecoder, names: tuple[str, ...]) -> PoseDecoder:
    if not names:
        return decoder
    skeleton = decoder.skeleton if decoder.names or len(names) != _JOINTS else ()
    return decoder.model_copy(update={"names": names, "skeleton": skeleton})
