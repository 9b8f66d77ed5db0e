"""Turning the sections of a cfg and its weights into an ONNX graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx

from belvedere.compiler.importers.darknet import heads, layers, wiring
from belvedere.compiler.importers.darknet.activations import ACTIVATIONS
from belvedere.compiler.importers.darknet.cfg import Section
from belvedere.compiler.importers.darknet.emit import MAP_VALUES, Emitter, Feature, Port
from belvedere.compiler.importers.darknet.weights import Weights
from belvedere.core.errors import CompileError, LimitError

_WEIGHTED = ("convolutional", "connected")
_IDENTITY = ("dropout", "cost")
_DETECTION = ("yolo", "region")
_ALONE = ("maxpool", "avgpool", "softmax", "crop", "upsample", "reorg", "reorg3d", "activation")
_WIRED = ("route", "shortcut", "scale_channels", "sam")
KINDS = frozenset((*_WEIGHTED, *_IDENTITY, *_DETECTION, *_ALONE, *_WIRED))


@dataclass(frozen=True)
class Built:
    """The finished graph.

    Attributes:
        model: The ONNX model.
        outputs: Its outputs in order.
        detections: Names of those that are detection layers.
    """

    model: onnx.ModelProto
    outputs: list[Port]
    detections: list[str]


def build(sections: Sequence[Section], weights: Weights, data: Port, wanted: Sequence[str], *, maps: bool) -> Built:
    """Emit all layers.

    Args:
        sections: The layers.
        weights: Their weights; all are used up.
        data: The input (batch, channels, height, width); the batch may be -1.
        wanted: Names of the outputs; empty takes the detection layers, or else the last layer.
        maps: Whether detection layers give Darknet's maps instead of rows.

    Raises:
        CompileError: a section, option or size that is not supported or does not fit; weights that do not fit.
        LimitError: a map of more than 2^31 values.
    """
    _check_supported(sections)
    emitter, features, found = Emitter(), list[Feature](), dict[str, heads.Head]()
    batch, channels, height, width = data.shape
    current = Feature(data.name, channels, height, width)
    for section in sections:
        if section.kind not in ("route", *_IDENTITY):
            wiring.readable(section, current, section.index - 1)
        if section.kind in _DETECTION:
            head = (
                heads.yolo(section, current, (height, width))
                if section.kind == "yolo"
                else heads.region(section, current)
            )
            found[_output_name(section, sections)] = head
            current = Feature(current.name, current.channels, current.height, current.width, detections=True)
        else:
            current = _layer(emitter, section, current, features, weights)
        if current.values > MAP_VALUES:
            raise LimitError(f"{section.title}: a map of {current.values} values, more than {MAP_VALUES}")
        features.append(current)
    weights.finish()
    outputs = [
        _output(emitter, name, found, sections, features, batch, maps=maps)
        for name in wanted or found or [_output_name(_last(sections), sections)]
    ]
    model = emitter.model("darknet", [data], outputs)
    return Built(model, outputs, [port.name for port in outputs if port.name in found])


def _layer(e: Emitter, section: Section, x: Feature, features: Sequence[Feature], weights: Weights) -> Feature:
    """Emit one layer that is no detection layer."""
    match section.kind:
        case "convolutional":
            return layers.convolutional(e, section, x, weights)
        case "connected":
            return layers.connected(e, section, x, weights)
        case "maxpool":
            return layers.maxpool(e, section, x)
        case "avgpool":
            return layers.avgpool(e, x)
        case "softmax":
            return layers.softmax(e, section, x)
        case "crop":
            return layers.crop(e, section, x)
        case "upsample":
            return layers.upsample(e, section, x)
        case "reorg":
            return layers.reorg(e, section, x)
        case "reorg3d":
            return layers.reorg3d(e, section, x)
        case "activation":
            return Feature(layers.activated(e, section, x.name, "linear"), x.channels, x.height, x.width)
        case "route":
            return wiring.route(e, section, features)
        case "shortcut":
            return wiring.shortcut(e, section, x, features)
        case "scale_channels":
            return wiring.scale_channels(e, section, x, features)
        case "sam":
            return wiring.sam(e, section, x, features)
    return x  # dropout and cost


def _check_supported(sections: Sequence[Section]) -> None:
    """Raise for all sections and activations that we do not know, at once."""
    faults = [f"[{one.kind}] in line {one.line}" for one in sections if one.kind not in KINDS]
    faults += [
        f"activation={one.text('activation')} in line {one.line}"
        for one in sections
        if one.text("activation", "linear") not in ACTIVATIONS
    ]
    if faults:
        raise CompileError(f"{sections[0].where}: not supported: {'; '.join(faults)}")


def _last(sections: Sequence[Section]) -> Section:
    """The last layer that computes something."""
    computing = [one for one in sections if one.kind not in _IDENTITY]
    return (computing or list(sections))[-1]


def _output_name(section: Section, sections: Sequence[Section]) -> str:
    """``<kind>_<layer>``; the only region layer is called as OpenCV calls it."""
    if section.kind == "region" and sum(one.kind == "region" for one in sections) == 1:
        return "detection_out"
    return f"{section.kind}_{section.index}"


def _output(
    e: Emitter,
    name: str,
    found: dict[str, heads.Head],
    sections: Sequence[Section],
    features: Sequence[Feature],
    batch: int,
    *,
    maps: bool,
) -> Port:
    """Emit an output under its name: a detection layer, a map, or a vector where the map is one cell."""
    if name in found:
        emit = heads.emit_maps if maps else heads.emit_rows
        return Port(name, emit(e, found[name], name, batch))
    names = {_output_name(section, sections): feature for section, feature in zip(sections, features, strict=True)}
    if name not in names:
        known = ", ".join(found) or _output_name(_last(sections), sections)
        raise CompileError(
            f"{sections[0].where}: has no output '{name}'; it has {known}, and every layer as <section>_<number>"
        )
    x = names[name]
    if (x.height, x.width) == (1, 1):
        e.op("Flatten", x.name, name=name, axis=1)
        return Port(name, (batch, x.channels))
    e.op("Identity", x.name, name=name)
    return Port(name, (batch, x.channels, x.height, x.width))
