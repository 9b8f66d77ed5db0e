"""Layers that read several features: route, shortcut, scale_channels, sam."""

from __future__ import annotations

from collections.abc import Sequence

from belvedere.compiler.importers.darknet.cfg import Section
from belvedere.compiler.importers.darknet.emit import Emitter, Feature
from belvedere.compiler.importers.darknet.layers import activated
from belvedere.core.errors import CompileError


def sources(section: Section, key: str, features: Sequence[Feature]) -> list[Feature]:
    """The features that a list of layer numbers names; negative ones count from this layer.

    Raises:
        CompileError: the list is empty or names a layer that is not before this one, or a detection layer.
    """
    numbers = section.integers(key)
    if not numbers:
        raise CompileError(f"{section.title}: '{key}' names no layer")
    found = []
    for number in numbers:
        index = number if number >= 0 else section.index + number
        if not 0 <= index < len(features):
            raise CompileError(
                f"{section.title}: {key}={section.text(key)} names layer {index}, which is not before it"
            )
        found.append(readable(section, features[index], index))
    return found


def readable(section: Section, feature: Feature, index: int) -> Feature:
    """The feature, if a layer can read it.

    Raises:
        CompileError: it comes from a detection layer.
    """
    if feature.detections:
        raise CompileError(f"{section.title}: reads detection layer {index}; that is not supported")
    return feature


def route(e: Emitter, section: Section, features: Sequence[Feature]) -> Feature:
    """``[route]``: layers side by side; of ``groups`` equal parts of each, the one numbered ``group_id``."""
    found = sources(section, "layers", features)
    groups, group = section.integer("groups", 1, low=1), section.integer("group_id", 0)
    if any((one.height, one.width) != (found[0].height, found[0].width) for one in found):
        sizes = ", ".join(f"{one.height} x {one.width}" for one in found)
        raise CompileError(f"{section.title}: its layers have maps of different sizes: {sizes}")
    if group >= groups or any(one.channels % groups for one in found):
        widths = ", ".join(str(one.channels) for one in found)
        raise CompileError(f"{section.title}: no group {group} of {groups} in layers of {widths} channels")
    parts = []
    for one in found:
        part = one.channels // groups
        parts.append(one.name if groups == 1 else e.slice(one.name, [group * part], [(group + 1) * part], [1]))
    name = parts[0] if len(parts) == 1 else e.op("Concat", *parts, axis=1)
    return Feature(name, sum(one.channels // groups for one in found), found[0].height, found[0].width)


def shortcut(e: Emitter, section: Section, x: Feature, features: Sequence[Feature]) -> Feature:
    """``[shortcut]``: adds other layers where they overlap, as Darknet does.

    Channels beyond the narrower of both stay as they are. A larger map is read at every ``stride``-th cell; a smaller
    one is added to every ``sample``-th cell.
    """
    section.refuse("weights_type", "weights_normalization")
    alpha, beta = section.number("alpha", 1.0), section.number("beta", 1.0)
    if (alpha, beta) != (1.0, 1.0):
        raise CompileError(f"{section.title}: alpha={alpha:g} and beta={beta:g} are not supported, only 1")
    total = x.name
    for other in sources(section, "from", features):
        total = e.op("Add", total, _fitted(e, section, other, x))
    return Feature(activated(e, section, total, "linear"), x.channels, x.height, x.width)


def scale_channels(e: Emitter, section: Section, x: Feature, features: Sequence[Feature]) -> Feature:
    """``[scale_channels]``: the layer ``from``, each channel times one value of this one."""
    section.refuse("scale_wh")
    other = sources(section, "from", features)[0]
    if (x.height, x.width) != (1, 1) or x.channels != other.channels:
        raise CompileError(
            f"{section.title}: {x.channels} x {x.height} x {x.width} values cannot scale {other.channels} channels"
        )
    y = activated(e, section, e.op("Mul", other.name, x.name), "linear")
    return Feature(y, other.channels, other.height, other.width)


def sam(e: Emitter, section: Section, x: Feature, features: Sequence[Feature]) -> Feature:
    """``[sam]``: this layer times the layer ``from``, value by value."""
    other = sources(section, "from", features)[0]
    if (x.channels, x.height, x.width) != (other.channels, other.height, other.width):
        raise CompileError(f"{section.title}: the maps that it multiplies have different sizes")
    return Feature(activated(e, section, e.op("Mul", x.name, other.name), "linear"), x.channels, x.height, x.width)


def _fitted(e: Emitter, section: Section, other: Feature, x: Feature) -> str:
    """``other`` cut, thinned or spread to the size of ``x``, with zeros where it has nothing to add."""
    stride, sample = max(1, other.width // x.width), max(1, x.width // other.width)
    if stride != max(1, other.height // x.height) or sample != max(1, x.height // other.height):
        raise CompileError(
            f"{section.title}: a map of {other.height} x {other.width} cannot be added to one of {x.height} x {x.width}"
        )
    name, channels = other.name, min(other.channels, x.channels)
    height, width = min(other.height, x.height), min(other.width, x.width)
    if (channels, height, width) != (other.channels, other.height, other.width):
        ends = [channels, (height - 1) * stride + 1, (width - 1) * stride + 1]
        name = e.slice(name, [0, 0, 0], ends, [1, 2, 3], [1, stride, stride])
    if sample > 1:
        name = e.reshape(name, 0, channels, height, 1, width, 1)
        pads = [0] * 9 + [sample - 1, 0, sample - 1]
        name = e.op("Pad", name, e.constant(pads, "int64"))
        height, width = height * sample, width * sample
        name = e.reshape(name, 0, channels, height, width)
        if height > x.height or width > x.width:
            height, width = min(height, x.height), min(width, x.width)
            name = e.slice(name, [0, 0], [height, width], [2, 3])
    missing = [x.channels - channels, x.height - height, x.width - width]
    if any(missing):
        name = e.op("Pad", name, e.constant([0] * 5 + missing, "int64"))
    return name
