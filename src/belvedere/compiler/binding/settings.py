"""The decoder of a bound network: what is recognised, what a named family needs, and what the user says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from belvedere.compiler.binding.facts import Facts
from belvedere.compiler.binding.families import Family
from belvedere.compiler.binding.recognise import Picture, Recognised, activation_of
from belvedere.compiler.importing import Imported, Port
from belvedere.core.errors import CompileError, OptionError
from belvedere.runtime.decoders import (
    ClassificationDecoder,
    DetectionDecoder,
    InstanceDecoder,
    PoseDecoder,
    SegmentationDecoder,
)
from belvedere.tasks.detection.formats import ROLES, SUPPRESSED

BoundDecoder = ClassificationDecoder | DetectionDecoder | InstanceDecoder | PoseDecoder | SegmentationDecoder

_KINDS: Mapping[str, type[BoundDecoder]] = {
    "classification": ClassificationDecoder,
    "detection": DetectionDecoder,
    "instances": InstanceDecoder,
    "pose": PoseDecoder,
    "segmentation": SegmentationDecoder,
}
_IOU = 0.45


def decoder_settings(
    family: Family,
    seen: Recognised | None,
    imported: Imported,
    picture: Picture,
    facts: Facts,
    fields: Mapping[str, Any],
) -> tuple[BoundDecoder, int | None]:
    """The decoder, and how many classes its outputs have (None where they do not tell).

    Args:
        family: The family that was named or recognised.
        seen: What the network seems to be.
        imported: The network.
        picture: Its input.
        facts: What its graph tells.
        fields: Fields of the decoder that the user gives.

    Raises:
        CompileError: the network's outputs do not fit the family.
        OptionError: a field has no such value.
    """
    fits = seen is not None and (seen.family.kind, seen.family.form) == (family.kind, family.form)
    if fits and seen is not None:
        settings, classes = dict(seen.settings), seen.classes
    else:
        settings, classes = _by_position(family, imported.outputs, picture, facts)
    form = {"form": family.form} if family.form and family.kind != "instances" else {}
    given = {**form, **settings, **fields}
    if family.kind == "instances":
        boxes = {key: given.pop(key) for key in ("threshold", "most", "iou") if key in given}
        given["boxes"] = {**given["boxes"], **boxes}
    names = {port.name for port in imported.outputs}
    decoder = _checked(family, given)
    missing = [name for name in _outputs_of(decoder) if name not in names]
    if missing:
        raise OptionError(f"the network has no output {missing[0]!r}: it has {', '.join(sorted(names))}")
    return decoder, classes


def _checked(family: Family, given: Mapping[str, Any]) -> BoundDecoder:
    try:
        return _KINDS[family.kind].model_validate_json(json.dumps(given))
    except TypeError as error:
        raise OptionError(f"decoder {family.name!r}: {error}") from None
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise OptionError(f"decoder {family.name!r}: {faults}") from None


def _by_position(
    family: Family, outputs: Sequence[Port], picture: Picture, facts: Facts
) -> tuple[dict[str, Any], int | None]:
    """Settings for a family that was named although the outputs do not look like it: outputs in their order."""
    if family.kind == "classification":
        port = _first(family, outputs, 1)
        return {"output": port.name, **activation_of(port, facts)}, port.shape[-1] if len(port.shape) == 2 else None
    if family.kind == "segmentation":
        port = _first(family, outputs, 1)
        return {"output": port.name, "layout": picture.layout}, None
    if family.kind == "pose":
        return {"output": _first(family, outputs, 1).name}, None
    roles = ROLES[family.form]
    fewest = len([role for role in roles if role != "count"])
    many = len(outputs) if family.form == "darknet" else len(roles)
    masked = family.kind == "instances"
    _first(family, outputs, fewest + masked)
    names = tuple(port.name for port in outputs)
    if masked:
        return {"boxes": {"form": family.form, "outputs": names[: len(names) - 1][:many]}, "masks": names[-1]}, None
    iou = {} if family.form in SUPPRESSED else {"iou": _IOU}
    return {"outputs": names[:many], **iou}, None


def _first(family: Family, outputs: Sequence[Port], count: int) -> Port:
    if len(outputs) < count:
        have = ", ".join(f"{port.name} {list(port.shape)}" for port in outputs)
        raise CompileError(f"decoder {family.name!r} reads {count} outputs: the network has {have}")
    return outputs[0]


def _outputs_of(decoder: BoundDecoder) -> tuple[str, ...]:
    if isinstance(decoder, DetectionDecoder):
        return decoder.outputs
    if isinstance(decoder, InstanceDecoder):
        return (*decoder.boxes.outputs, decoder.masks)
    return (decoder.output,)
