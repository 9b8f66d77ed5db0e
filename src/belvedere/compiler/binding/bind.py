"""From an imported network and a user's wishes to the parts of a manifest that bind it to a task."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from belvedere.compiler.binding.advice import how_to_bind, looks_like, unbindable
from belvedere.compiler.binding.facts import Facts, facts_of
from belvedere.compiler.binding.families import FAMILIES, serves
from belvedere.compiler.binding.names import bind_labels
from belvedere.compiler.binding.pictures import DTYPES, image_input, normalisation_of
from belvedere.compiler.binding.recognise import Picture, Recognised, picture_of, recognise
from belvedere.compiler.binding.settings import decoder_settings
from belvedere.compiler.binding.trying import check_shapes
from belvedere.compiler.importing import Imported, Port
from belvedere.core.errors import CompileError, OptionError
from belvedere.runtime.decoders import (
    FORMER_TASKS,
    ClassificationDecoder,
    DetectionDecoder,
    InstanceDecoder,
    MaskQueryDecoder,
    PoseDecoder,
    SegmentationDecoder,
    TensorDecoder,
)
from belvedere.runtime.inputs import ImageInput, TensorInput

TaskDecoder = (
    ClassificationDecoder
    | DetectionDecoder
    | InstanceDecoder
    | MaskQueryDecoder
    | PoseDecoder
    | SegmentationDecoder
    | TensorDecoder
)
TASKS = ("classification", "detection", "semantic-segmentation", "instance-segmentation", "pose")


@dataclass(frozen=True)
class Wanted:
    """What the user says about binding; None leaves it to what is recognised.

    Attributes:
        task: ``classification``, ``detection``, ``semantic-segmentation``, ``instance-segmentation`` or ``pose``;
            ``segmentation`` is either of the two; ``tensor`` binds to none.
        labels: A label set's name, a file with one label a line, or the labels; for pose the names of the joints.
        decoder: Name of a family (`FAMILIES`); or fields of the decoder, with ``family`` among them where it is not
            recognised. The fields below may be among them; the scale of a classifier's own output is ``output_scale``.
        mean: Subtracted after scaling, one number or one per channel.
        std: Divided by at last, one number or one per channel.
        scale: Factor on 0..255; None for 1/255 where every mean and std lies within 0 to 1, else 1.
        color: ``RGB``, ``BGR`` or ``GRAY``.
        resize: ``stretch``, ``letterbox`` or ``crop``.
        kernel: Resize kernel.
        size: Width and height in pixels, where the network leaves them free.
    """

    task: str | None = None
    labels: str | os.PathLike[str] | Sequence[str] | None = None
    decoder: str | Mapping[str, Any] | None = None
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    scale: float | None = None
    color: str | None = None
    resize: str | None = None
    kernel: str | None = None
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Bound:
    """Parts of a manifest.

    Attributes:
        task: What the model does; ``tensor`` where it is bound to none.
        inputs: For a task one picture input, else tensors.
        decoder: How outputs become a result.
        labels: Names of the classes, maybe none.
        notes: Sentences that the user should read.
        family: The family by whose conventions it is bound; empty for ``tensor``.
        normalisation_known: Whether it is known how pictures are normalised; where it is not, pixels go in as they are
            and a note says so.
    """

    task: str
    inputs: tuple[ImageInput | TensorInput, ...]
    decoder: TaskDecoder
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    family: str = ""
    normalisation_known: bool = True

    @property
    def batch(self) -> int:
        """Pictures per network call, as the manifest needs it."""
        first = self.inputs[0]
        return first.shape[0] if isinstance(first, ImageInput) and first.shape[0] > 0 else 1

    def parts(self, outputs: Sequence[Port]) -> dict[str, Any]:
        """``task``, ``labels``, ``inputs``, ``outputs``, ``decoder`` and ``batch`` of the manifest, as JSON values.

        Args:
            outputs: The network's outputs.
        """
        return {
            "task": self.task,
            "labels": list(self.labels),
            "inputs": [taken.model_dump(mode="json") for taken in self.inputs],
            "outputs": [{"name": port.name, "shape": list(port.shape), "dtype": port.dtype} for port in outputs],
            "decoder": self.decoder.model_dump(mode="json"),
            "batch": self.batch,
        }

    def provenance(self) -> dict[str, Any]:
        """Facts for the manifest: the family, and whether the normalisation is known."""
        if self.task == "tensor":
            return {}
        return {"family": self.family, "normalisation": "known" if self.normalisation_known else "not known"}


def bind(imported: Imported, wanted: Wanted | None = None, *, facts: Facts | None = None) -> Bound:
    """Bind a network to a task, where the user names one or the network is recognised.

    Args:
        imported: The network with its inputs and outputs.
        wanted: What the user says.
        facts: What its graph tells, where that is known already.

    Returns:
        The parts; for the task ``tensor`` with a note on how to bind it.

    Raises:
        CompileError: the network cannot be bound as asked; the message tells what its borders are and what would fit.
        OptionError: an option has no such value, or labels do not fit the number of classes.
    """
    wanted = _spread(wanted or Wanted())
    if wanted.task is not None and wanted.task not in (*TASKS, *FORMER_TASKS, "tensor"):
        raise OptionError(f"unknown task {wanted.task!r}: expected {', '.join(TASKS)} or tensor")
    if wanted.task == "tensor":
        return _tensors(imported, ())
    facts = facts or facts_of(imported)
    labelled = wanted.labels is not None
    seen = recognise(imported.inputs, imported.outputs, facts, wanted.task, labelled=labelled)
    name, fields = _named(wanted.decoder)
    picture = picture_of(imported.inputs)
    if picture is None or (seen is None and name is None):
        if _asked(wanted):
            raise CompileError(unbindable(imported, facts, wanted.task))
        return _tensors(imported, (how_to_bind(imported, facts),))
    if name is None and seen is not None and not serves(seen.family, wanted.task):
        raise CompileError(looks_like(seen, wanted.task))
    if not _asked(wanted) and _cannot_be_picture(picture):
        return _tensors(imported, (how_to_bind(imported, facts),))
    return _bound(imported, wanted, facts, seen, picture, name, fields)


def _bound(
    imported: Imported,
    wanted: Wanted,
    facts: Facts,
    seen: Recognised | None,
    picture: Picture,
    name: str | None,
    fields: Mapping[str, Any],
) -> Bound:
    if name is not None:
        family = FAMILIES[name]
    else:
        assert seen is not None
        family = seen.family
    if not serves(family, wanted.task):
        raise OptionError(f"decoder {family.name!r} is for {family.task}, the task is {wanted.task}")
    decoder, classes = decoder_settings(family, seen, imported, picture, facts, fields)
    normalisation = normalisation_of(
        picture, family, facts, named=name is not None, scale=wanted.scale, mean=wanted.mean, std=wanted.std
    )
    taken = image_input(
        picture, family, normalisation, color=wanted.color, resize=wanted.resize, kernel=wanted.kernel, size=wanted.size
    )
    decoder, labels, notes = bind_labels(decoder, wanted.labels, classes)
    said = "bound as" if name is not None else "recognised as"
    found = Bound(
        task=family.task,
        inputs=(taken,),
        decoder=decoder,
        labels=labels,
        notes=(f"{said} {family.title}: task {family.task}", normalisation.note, *notes),
        family=family.name,
        normalisation_known=normalisation.known,
    )
    check_shapes(found.parts(imported.outputs), imported.outputs, family.name)
    return found


def _spread(wanted: Wanted) -> Wanted:
    """Fields of this class that stand among those of the decoder, moved to their place."""
    if not isinstance(wanted.decoder, Mapping):
        return wanted
    fields = dict(wanted.decoder)
    own = [key for key in vars(wanted) if key in fields and key not in ("task", "decoder")]
    moved = {key: fields.pop(key) for key in own}
    twice = [key for key in own if getattr(wanted, key) is not None]
    if twice:
        raise OptionError(f"{twice[0]} is said twice: alone and among the decoder's fields")
    # A classifier's decoder has a scale of its own, that of its quantised output.
    if "output_scale" in fields:
        fields["scale"] = fields.pop("output_scale")
    return Wanted(**{**vars(wanted), **moved, "decoder": fields})


def _named(decoder: str | Mapping[str, Any] | None) -> tuple[str | None, Mapping[str, Any]]:
    """The family that was named, and fields of the decoder."""
    fields = dict(decoder) if isinstance(decoder, Mapping) else {}
    name = fields.pop("family", None) if isinstance(decoder, Mapping) else decoder
    if name is not None and name not in FAMILIES:
        raise OptionError(f"unknown decoder {name!r}: expected one of {', '.join(FAMILIES)}")
    return name, fields


def _asked(wanted: Wanted) -> bool:
    """Whether the user said anything that only a bound model has."""
    return any(value is not None for value in vars(wanted).values())


def _cannot_be_picture(picture: Picture) -> bool:
    return picture.port.dtype not in DTYPES or min(picture.size) < 1


def _tensors(imported: Imported, notes: tuple[str, ...]) -> Bound:
    inputs = tuple(
        TensorInput.model_validate({"name": port.name, "shape": port.shape, "dtype": port.dtype, "layout": port.layout})
        for port in imported.inputs
    )
    return Bound("tensor", inputs, TensorDecoder(), notes=notes)
