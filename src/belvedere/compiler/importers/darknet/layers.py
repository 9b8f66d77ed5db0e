"""Layers that read one feature: convolution, connected, pooling, softmax, crop, upsample, reorg."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.importers.darknet.activations import ACTIVATIONS
from belvedere.compiler.importers.darknet.cfg import Section
from belvedere.compiler.importers.darknet.emit import Emitter, Feature
from belvedere.compiler.importers.darknet.weights import Weights
from belvedere.core.errors import CompileError

_BATCH_NORM_EPSILON = 1e-6


def convolutional(e: Emitter, section: Section, x: Feature, weights: Weights) -> Feature:
    """``[convolutional]``; batch norm is folded into its weights, in float64."""
    section.refuse(
        "binary", "xnor", "share_index", "antialiasing", "deform", "sway", "rotate", "stretch", "stretch_sway",
        "coordconv", "dontload", "dontloadscales", "bin_output",
    )  # fmt: skip
    filters, size = section.integer("filters", 1, low=1), section.integer("size", 1, low=1)
    groups = section.integer("groups", 1, low=1)
    stride = section.integer("stride", 1, low=1)
    strides = [section.integer(key, stride, low=1) for key in ("stride_y", "stride_x")]
    dilation = section.integer("dilation", 1, low=1) if size > 1 else 1
    padding = size // 2 if section.integer("pad", 0) else section.integer("padding", 0)
    if x.channels % groups or filters % groups:
        raise CompileError(
            f"{section.title}: groups={groups} do not divide {x.channels} channels and {filters} filters"
        )
    if dilation > 1 and 2 * padding != size - 1:
        raise CompileError(f"{section.title}: dilation={dilation} needs pad=1 and an odd size")
    height = _output(section, x.height, size, 2 * padding, strides[0])
    width = _output(section, x.width, size, 2 * padding, strides[1])
    biases = weights.take(section, "biases", filters)
    scales = _batch_norm(section, weights, filters)
    flat = (filters, x.channels // groups * size * size)
    if section.integer("flipped", 0):
        kernel = weights.take(section, "weights", *flat[::-1]).T
    else:
        kernel = weights.take(section, "weights", *flat)
    kernel, biases = _folded(section, kernel, biases, scales)
    shaped = np.ascontiguousarray(kernel).reshape(filters, x.channels // groups, size, size)
    y = e.op(
        "Conv", x.name, e.constant(shaped, name=f"{_label(section)}.weight"),
        e.constant(biases, name=f"{_label(section)}.bias"),
        kernel_shape=[size, size], strides=strides, pads=[padding * dilation] * 4, group=groups,
        dilations=[dilation] * 2,
    )  # fmt: skip
    return Feature(activated(e, section, y, "logistic"), filters, height, width)


def connected(e: Emitter, section: Section, x: Feature, weights: Weights) -> Feature:
    """``[connected]`` on all values of the feature, channels first."""
    section.refuse("dontload", "dontloadscales")
    width = section.integer("output", 1, low=1)
    biases = weights.take(section, "biases", width)
    if weights.transposed:
        matrix = weights.take(section, "weights", x.values, width).T
    else:
        matrix = weights.take(section, "weights", width, x.values)
    scales = _batch_norm(section, weights, width)
    matrix, biases = _folded(section, matrix, biases, scales)
    flat = e.op("Flatten", x.name, axis=1)
    named = [
        e.constant(np.ascontiguousarray(values), name=f"{_label(section)}.{what}")
        for values, what in ((matrix, "weight"), (biases, "bias"))
    ]
    y = e.reshape(e.op("Gemm", flat, *named, transB=1), 0, width, 1, 1)
    return Feature(activated(e, section, y, "logistic"), width, 1, 1)


def maxpool(e: Emitter, section: Section, x: Feature) -> Feature:
    """``[maxpool]``: padding ``size - 1`` in all unless told, the smaller half before."""
    section.refuse("maxpool_depth", "antialiasing")
    stride = section.integer("stride", 1, low=1)
    strides = [section.integer(key, stride, low=1) for key in ("stride_y", "stride_x")]
    size = section.integer("size", stride, low=1)
    padding = section.integer("padding", size - 1)
    before, after = padding // 2, padding - padding // 2
    if after >= size:
        raise CompileError(f"{section.title}: padding={padding} puts whole windows of size {size} outside the map")
    height = _output(section, x.height, size, padding, strides[0])
    width = _output(section, x.width, size, padding, strides[1])
    pads = [before, before, after, after]
    y = e.op("MaxPool", x.name, kernel_shape=[size, size], strides=strides, pads=pads)
    return Feature(y, x.channels, height, width)


def avgpool(e: Emitter, x: Feature) -> Feature:
    """``[avgpool]``: the mean of each channel."""
    return Feature(e.op("GlobalAveragePool", x.name), x.channels, 1, 1)


def softmax(e: Emitter, section: Section, x: Feature) -> Feature:
    """``[softmax]`` over groups of consecutive values, or over channels where ``spatial``."""
    section.refuse("tree")
    groups = section.integer("groups", 1, low=1)
    temperature = section.number("temperature", 1.0)
    if temperature <= 0:
        raise CompileError(f"{section.title}: temperature={temperature:g} is not above 0")
    scaled = x.name if temperature == 1 else e.multiply(x.name, 1 / temperature)
    if section.number("spatial", 0.0):
        return Feature(e.op("Softmax", scaled, axis=1), x.channels, x.height, x.width)
    if x.values % groups:
        raise CompileError(f"{section.title}: groups={groups} do not divide its {x.values} inputs")
    flat = e.op("Softmax", e.reshape(scaled, 0, groups, x.values // groups), axis=2)
    return Feature(e.reshape(flat, 0, x.channels, x.height, x.width), x.channels, x.height, x.width)


def crop(e: Emitter, section: Section, x: Feature) -> Feature:
    """``[crop]`` as Darknet tests: the centre, scaled from 0..1 to -1..1 unless ``noadjust``."""
    height, width = (section.integer(key, 1, low=1) for key in ("crop_height", "crop_width"))
    if height > x.height or width > x.width:
        raise CompileError(f"{section.title}: crops {height} x {width} of a map of {x.height} x {x.width}")
    top, left = (x.height - height) // 2, (x.width - width) // 2
    y = e.slice(x.name, [top, left], [top + height, left + width], [2, 3])
    if not section.integer("noadjust", 0):
        y = e.add(e.multiply(y, 2.0), -1.0)
    return Feature(y, x.channels, height, width)


def upsample(e: Emitter, section: Section, x: Feature) -> Feature:
    """``[upsample]``: every value repeated ``stride`` times a side, times ``scale``."""
    stride = section.integer("stride", 2, low=1, high=64)
    scale = section.number("scale", 1.0)
    sides = x.height * stride, x.width * stride
    factors = e.constant([1.0, 1.0, stride, stride])
    y = e.op(
        "Resize", x.name, "", factors,
        mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor",
    )  # fmt: skip
    return Feature(y if scale == 1 else e.multiply(y, scale), x.channels, *sides)


def reorg(e: Emitter, section: Section, x: Feature) -> Feature:
    """``[reorg]`` in Darknet's memory order.

    Darknet's loop takes the input's memory for a map of (c / s^2, h s, w s), moves space to depth in that, and takes
    the result's memory for one of (c s^2, h / s, w / s). ``reverse`` is plain depth to space.
    """
    section.refuse("flatten", "extra")
    stride = section.integer("stride", 1, low=1, high=64)
    area = stride * stride
    if x.channels % area:
        raise CompileError(f"{section.title}: stride={stride} needs a multiple of {area} channels, not {x.channels}")
    if section.integer("reverse", 0):
        y = e.op("DepthToSpace", x.name, blocksize=stride, mode="DCR")
        return Feature(y, x.channels // area, x.height * stride, x.width * stride)
    _divides(section, x, stride)
    seen = e.reshape(x.name, 0, x.channels // area, x.height * stride, x.width * stride)
    shape = x.channels * area, x.height // stride, x.width // stride
    return Feature(e.reshape(e.op("SpaceToDepth", seen, blocksize=stride), 0, *shape), *shape)


def reorg3d(e: Emitter, section: Section, x: Feature) -> Feature:
    """``[reorg3d]``: plain space to depth."""
    section.refuse("flatten", "extra", "reverse")
    stride = section.integer("stride", 1, low=1, high=64)
    _divides(section, x, stride)
    y = e.op("SpaceToDepth", x.name, blocksize=stride)
    return Feature(y, x.channels * stride * stride, x.height // stride, x.width // stride)


def activated(e: Emitter, section: Section, x: str, default: str) -> str:
    """The layer's activation of ``x``; Darknet's default for convolutions is logistic."""
    return ACTIVATIONS[section.text("activation", default)](e, x)


def _divides(section: Section, x: Feature, stride: int) -> None:
    if x.height % stride or x.width % stride:
        raise CompileError(f"{section.title}: stride={stride} does not divide the map of {x.height} x {x.width}")


def _output(section: Section, length: int, size: int, padding: int, stride: int) -> int:
    side = (length + padding - size) // stride + 1
    if length + padding < size:
        raise CompileError(f"{section.title}: size={size} is larger than its input of {length} with {padding} padding")
    return side


def _batch_norm(section: Section, weights: Weights, width: int) -> tuple[NDArray[np.float32], ...] | None:
    """Scales, means and variances of the layer, if it has batch norm."""
    if not section.integer("batch_normalize", 0):
        return None
    scales, means, variances = (weights.take(section, what, width) for what in ("scales", "means", "variances"))
    if (variances < 0).any():
        raise CompileError(f"{section.title}: variances below 0; the weights are damaged or belong to another cfg")
    return scales, means, variances


def _folded(
    section: Section,
    kernel: NDArray[np.float32],
    biases: NDArray[np.float32],
    norm: tuple[NDArray[np.float32], ...] | None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights and biases that do the batch norm too: (x - mean) / (sqrt(variance) + 1e-6) * scale + bias."""
    if norm is None:
        return kernel, biases
    scales, means, variances = (values.astype(np.float64) for values in norm)
    factor = scales / (np.sqrt(variances) + _BATCH_NORM_EPSILON)
    with np.errstate(all="ignore"):
        folded = (kernel * factor[:, None]).astype(np.float32), (biases - means * factor).astype(np.float32)
    if not all(np.isfinite(part).all() for part in folded):
        raise CompileError(
            f"{section.title}: weights that are no finite numbers; they are damaged or belong to another cfg"
        )
    return folded


def _label(section: Section) -> str:
    return f"{section.kind}_{section.index}"
