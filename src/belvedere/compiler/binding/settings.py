"""The decoder of a bound network: what is recognised, what a named family needs, and what the user says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pydantic import ValidationError

from belvedere.compiler.binding.facts import Facts
from belvedere.compiler.binding.families import Family
from belvedere.compiler.binding.priors import priors_of
from belvedere.compiler.binding.recognise import Picture, Recognised, activation_of
from belvedere.compiler.importing import Imported, Port
from belvedere.core.errors import CompileError, OptionError
from belvedere.runtime.decoders import (
    ClassificationDecoder,
    DetectionDecoder,
    InstanceDecoder,
    MaskQueryDecoder,
    PoseDecoder,
    SegmentationDecoder,
)
from belvedere.runtime.settings import settings_of
from belvedere.tasks.detection.formats import MANY, OPTIONAL, ROLES, SUPPRESSED
from belvedere.tasks.pose.decoder import FURTHER

BoundDecoder = (
    ClassificationDecoder | DetectionDecoder | InstanceDecoder | MaskQueryDecoder | PoseDecoder | SegmentationDecoder
)

_KINDS: Mapping[str, type[BoundDecoder]] = {
    "classification": ClassificationDecoder,
    "detection": DetectionDecoder,
    "instances": InstanceDecoder,
    "mask-queries": MaskQueryDecoder,
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
    given = _merged(family, settings, fields, picture)
    names = {port.name for port in imported.outputs}
    decoder = _checked(family, given)
    missing = [name for name in _outputs_of(decoder) if name not in names]
    if missing:
        raise OptionError(f"the network has no output {missing[0]!r}: it has {', '.join(sorted(names))}")
    return decoder, classes


def _checked(family: Family, given: Mapping[str, Any]) -> BoundDecoder:
    try:
        decoder = _KINDS[family.kind].model_validate_json(json.dumps(given))
    except TypeError as error:
        raise OptionError(f"decoder {family.name!r}: {error}") from None
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise OptionError(f"decoder {family.name!r}: {faults}") from None
    try:
        settings_of(decoder)
    except OptionError as error:
        raise OptionError(f"decoder {family.name!r}: {error}") from None
    return decoder


def _merged(family: Family, settings: Mapping[str, Any], fields: Mapping[str, Any], picture: Picture) -> dict[str, Any]:
    """What the family fixes, what the network shows and what the user says, the later before the earlier."""
    priors = [asdict(grid) for grid in priors_of(family, picture.size)] if family.form == "ssd-raw" else []
    boxes: dict[str, Any] = {"priors": priors} if priors else {}
    if family.kind != "instances":
        form = {"form": family.form} if family.form else {}
        return {**form, **boxes, **family.settings, **settings, **fields}
    own = InstanceDecoder.model_fields
    of_boxes = {key: value for key, value in fields.items() if key not in own}
    for part in (family.settings, settings, fields, {"boxes": of_boxes}):
        boxes |= part.get("boxes", {})
    of_masks = {key: value for key, value in fields.items() if key in own}
    return {**family.settings, **settings, **of_masks, "boxes": {"form": family.form, **boxes}}


def _by_position(
    family: Family, outputs: Sequence[Port], picture: Picture, facts: Facts
) -> tuple[dict[str, Any], int | None]:
    """Settings for a family that was named although the outputs do not look like it: outputs in their order."""
    if family.kind == "classification":
        port = _first(family, outputs, 1)
        return {"output": port.name, **activation_of(port, facts)}, port.shape[-1] if len(port.shape) == 2 else None
    names = tuple(port.name for port in outputs)
    if family.kind == "segmentation":
        port = _first(family, outputs, 2 if family.form == "queries" else 1)
        if family.form == "queries":
            return {"queries": names[0], "output": names[1]}, None
        return {"output": port.name, "layout": picture.layout}, None
    if family.kind == "mask-queries":
        _first(family, outputs, 2)
        return {"queries": names[0], "masks": names[1]}, None
    if family.kind == "pose":
        further = len(FURTHER.get(family.form, ()))
        _first(family, outputs, 1 + further)
        return {"output": names[0], **({"further": names[1 : 1 + further]} if further else {})}, None
    if family.kind == "instances":
        return _instances_by_position(family, outputs), None
    roles = ROLES[family.form]
    _first(family, outputs, len([role for role in roles if role not in OPTIONAL]))
    many = len(outputs) if family.form in MANY else len(roles)
    return {"outputs": names[:many], **_suppression(family)}, None


def _instances_by_position(family: Family, outputs: Sequence[Port]) -> dict[str, Any]:
    """Outputs of boxes, then maybe coefficients, then masks; YOLACT writes its priors between the two."""
    names = tuple(port.name for port in outputs)
    roles = ROLES[family.form]
    if family.form == "ssd-raw":
        _first(family, outputs, 5)
        boxes: dict[str, Any] = {"outputs": (names[0], names[1], names[3])}
        return {"boxes": {**boxes, **_suppression(family)}, "coefficients": names[2], "masks": names[4]}
    _first(family, outputs, len([role for role in roles if role not in OPTIONAL]) + 1)
    return {"boxes": {"outputs": names[:-1][: len(roles)], **_suppression(family)}, "masks": names[-1]}


def _suppression(family: Family) -> dict[str, Any]:
    return {} if family.form in SUPPRESSED else {"iou": _IOU}


def _first(family: Family, outputs: Sequence[Port], count: int) -> Port:
    if len(outputs) < count:
        have = ", ".join(f"{port.name} {list(port.shape)}" for port in outputs)
        raise CompileError(f"decoder {family.name!r} reads {count} outputs: the network has {have}")
    return outputs[0]


def _outputs_of(decoder: BoundDecoder) -> tuple[str, ...]:
    if isinstance(decoder, DetectionDecoder):
        return decoder.outputs
    if isinstance(decoder, InstanceDecoder):
        more = (decoder.coefficients,) if decoder.coefficients is not None else ()
        return (*decoder.boxes.outputs, *more, decoder.masks)
    if isinstance(decoder, MaskQueryDecoder):
        return decoder.queries, decoder.masks
    if isinstance(decoder, SegmentationDecoder):
        return (decoder.output,) if decoder.queries is None else (decoder.queries, decoder.output)
    if isinstance(decoder, PoseDecoder):
        return (decoder.output, *decoder.further)
    return (decoder.output,)
