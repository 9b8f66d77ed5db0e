"""Small Darknet networks: cfg and weights written to disk, and a forward pass after Darknet's own loops.

Layers work on flat memory the way Darknet's C code does, in float64, one value at a time where that keeps them plainly
comparable with ``convolutional_layer.c``, ``maxpool_layer.c``, ``blas.c``, ``yolo_layer.c`` and ``region_layer.c``.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Layer = tuple[str, dict[str, Any]]


@dataclass
class Net:
    """A network as sections, with its weights in file order.

    Attributes:
        size: Channels, height, width.
        layers: Section name and options.
        weights: One list of arrays a layer, in file order.
    """

    size: tuple[int, int, int]
    layers: list[Layer]
    weights: list[list[NDArray[np.float32]]] = field(default_factory=list)
    transposed: bool = False

    def cfg(self) -> str:
        """Text of the cfg file."""
        channels, height, width = self.size
        lines = ["[net]", "# a comment", "batch=1", f"width={width}", f"height = {height}", f"channels={channels}"]
        for kind, options in self.layers:
            lines += ["", f"[{kind}]", *(f"{key}={value}" for key, value in options.items())]
        return "\n".join(lines) + "\n"

    def values(self) -> bytes:
        """All weights as they lie in the file."""
        return b"".join(array.astype("<f4").tobytes() for arrays in self.weights for array in arrays)

    def save(self, folder: Path, name: str = "net", version: tuple[int, int, int] = (0, 2, 5)) -> None:
        """Write ``name``.cfg and ``name``.weights."""
        wide = version[0] * 10 + version[1] >= 2 and version[0] < 1000 and version[1] < 1000
        head = struct.pack("<iii", *version) + struct.pack("<Q" if wide else "<i", 64_000)
        (folder / f"{name}.cfg").write_text(self.cfg())
        (folder / f"{name}.weights").write_bytes(head + self.values())


def network(size: tuple[int, int, int], layers: list[Layer], seed: int = 0, *, transposed: bool = False) -> Net:
    """A network with random weights that keep values near one."""
    net = Net(size, layers, transposed=transposed)
    random = np.random.default_rng(seed)
    shapes: list[tuple[int, int, int]] = []
    now = size
    for index, (kind, options) in enumerate(layers):
        made: list[NDArray[np.float32]] = []
        if kind in ("convolutional", "connected"):
            n = options["filters"] if kind == "convolutional" else options["output"]
            if kind == "convolutional":
                fan = now[0] // options.get("groups", 1) * options["size"] ** 2
            else:
                fan = math.prod(now)
            weights = random.normal(0, math.sqrt(2 / fan), n * fan)
            norm = [random.uniform(0.5, 1.5, n), random.normal(0, 0.3, n), random.uniform(0.2, 2, n)]
            norm = norm if options.get("batch_normalize") else []
            order = [random.normal(0, 0.3, n)]
            order += [*norm, weights] if kind == "convolutional" else [weights, *norm]
            made = [array.astype(np.float32) for array in order]
        net.weights.append(made)
        now = _shape(kind, options, now, shapes, index)
        shapes.append(now)
    return net


def forward(net: Net, picture: NDArray[np.float32]) -> list[Array]:
    """What every layer leaves in its output, for one picture (channels, height, width)."""
    outputs: list[Array] = []
    shapes: list[tuple[int, int, int]] = []
    x, now = picture.astype(np.float64).ravel(), net.size
    for index, (kind, options) in enumerate(net.layers):
        after = _shape(kind, options, now, shapes, index)
        weights = [array.astype(np.float64) for array in net.weights[index]]
        x = _LAYERS[kind](options, x, now, after, weights, outputs, shapes, index, net)
        if kind not in ("yolo", "region", "softmax"):
            default = "logistic" if kind in ("convolutional", "connected") else "linear"
            x = np.array([activate(value, options.get("activation", default)) for value in x])
        outputs.append(x)
        shapes.append(after)
        now = after
    return [output.reshape(shape) for output, shape in zip(outputs, shapes, strict=True)]


def activate(x: float, kind: str) -> float:
    """``activations.h``, one value."""
    match kind:
        case "linear":
            return x
        case "logistic":
            return 1 / (1 + math.exp(-x))
        case "loggy":
            return 2 / (1 + math.exp(-x)) - 1
        case "relu":
            return x * (x > 0)
        case "relu6":
            return min(max(x, 0), 6)
        case "elu":
            return (x >= 0) * x + (x < 0) * (math.exp(min(x, 0)) - 1)
        case "selu":
            return (x >= 0) * 1.0507 * x + (x < 0) * 1.0507 * 1.6732 * (math.exp(min(x, 0)) - 1)
        case "relie":
            return x if x > 0 else 0.01 * x
        case "ramp":
            return x * (x > 0) + 0.1 * x
        case "leaky":
            return x if x > 0 else 0.1 * x
        case "tanh":
            return math.tanh(x)
        case "hardtan":
            return max(-1.0, min(1.0, x))
        case "lhtan":
            return 0.001 * x if x < 0 else 0.001 * (x - 1) + 1 if x > 1 else x
        case "plse":
            return 0.01 * (x + 4) if x < -4 else 0.01 * (x - 4) + 1 if x > 4 else 0.125 * x + 0.5
        case "stair":
            n = math.floor(x)
            return math.floor(x / 2) if n % 2 == 0 else (x - n) + math.floor(x / 2)
        case "mish":
            return x * math.tanh(math.log1p(math.exp(x)))
        case "hard_mish":
            return x if x > 0 else x * x / 2 + x if x > -2 else 0.0
        case "swish":
            return x / (1 + math.exp(-x))
        case "gelu":
            return 0.5 * x * (1 + math.tanh(0.797885 * x + 0.035677 * x**3))
    raise AssertionError(kind)


def rows(net: Net, output: Array, index: int) -> Array:
    """A detection layer's output as OpenCV's rows before its threshold: one a cell and anchor."""
    kind, options = net.layers[index]
    classes, height, width = options["classes"], output.shape[1], output.shape[2]
    mask = _mask(options)
    values = output.reshape(len(mask), 5 + classes, height, width)
    anchors = [float(text) for text in str(options["anchors"]).split(",")]
    found = []
    for j in range(height):
        for i in range(width):
            for place, n in enumerate(mask):
                x, y, w, h, score, *scores = values[place, :, j, i]
                if kind == "region":
                    w, h = math.exp(w) * anchors[2 * n] / width, math.exp(h) * anchors[2 * n + 1] / height
                elif options.get("new_coords"):
                    w = w * w * 4 * anchors[2 * n] / net.size[2]
                    h = h * h * 4 * anchors[2 * n + 1] / net.size[1]
                else:
                    w = math.exp(w) * anchors[2 * n] / net.size[2]
                    h = math.exp(h) * anchors[2 * n + 1] / net.size[1]
                weight = 0.0 if options.get("classfix") == -1 and score < 0.5 else score
                row = [(i + x) / width, (j + y) / height, w, h, score]
                found.append([*row, *(weight * probability for probability in scores)])
    return np.array(found)


def _mask(options: dict[str, Any]) -> list[int]:
    return [int(n) for n in str(options["mask"]).split(",")] if "mask" in options else list(range(options["num"]))


def _shape(
    kind: str, options: dict[str, Any], now: tuple[int, int, int], shapes: list[tuple[int, int, int]], index: int
) -> tuple[int, int, int]:
    c, h, w = now
    match kind:
        case "convolutional":
            size, stride = options["size"], options.get("stride", 1)
            pad = size // 2 if options.get("pad") else options.get("padding", 0)
            sides = [(side + 2 * pad - size) // options.get(key, stride) + 1 for side, key in _sides(h, w)]
            return (options["filters"], *sides)
        case "maxpool":
            stride = options.get("stride", 1)
            size = options.get("size", stride)
            padding = options.get("padding", size - 1)
            sides = [(side + padding - size) // options.get(key, stride) + 1 for side, key in _sides(h, w)]
            return (c, *sides)
        case "connected":
            return options["output"], 1, 1
        case "avgpool":
            return c, 1, 1
        case "crop":
            return c, options["crop_height"], options["crop_width"]
        case "upsample":
            return c, h * options["stride"], w * options["stride"]
        case "reorg":
            s = options["stride"]
            return (c // s // s, h * s, w * s) if options.get("reverse") else (c * s * s, h // s, w // s)
        case "reorg3d":
            s = options["stride"]
            return c * s * s, h // s, w // s
        case "route":
            picked = [shapes[n] for n in _indices(options["layers"], index)]
            return sum(shape[0] for shape in picked) // options.get("groups", 1), picked[0][1], picked[0][2]
        case "scale_channels":
            return shapes[_indices(options["from"], index)[0]]
    return now


def _sides(h: int, w: int) -> list[tuple[int, str]]:
    return [(h, "stride_y"), (w, "stride_x")]


def _indices(text: object, index: int) -> list[int]:
    numbers = [int(number) for number in str(text).split(",")]
    return [number if number >= 0 else index + number for number in numbers]


def _convolutional(o, x, now, after, weights, outputs, shapes, index, net):
    c, h, w = now
    n, out_h, out_w = after
    size, groups, dilation = o["size"], o.get("groups", 1), o.get("dilation", 1)
    steps = [o.get(key, o.get("stride", 1)) for key in ("stride_y", "stride_x")]
    pad = (size // 2 if o.get("pad") else o.get("padding", 0)) * dilation
    kernel = weights[-1]
    kernel = kernel.reshape(-1, n).T.ravel() if o.get("flipped") else kernel
    kernel = kernel.reshape(n, c // groups, size, size)
    image, result = x.reshape(c, h, w), np.zeros(after)
    for f in range(n):
        first = f // (n // groups) * (c // groups)
        for j in range(out_h):
            for i in range(out_w):
                for a in range(size):
                    for b in range(size):
                        row, column = j * steps[0] - pad + a * dilation, i * steps[1] - pad + b * dilation
                        if 0 <= row < h and 0 <= column < w:
                            window = image[first : first + c // groups, row, column]
                            result[f, j, i] += kernel[f, :, a, b] @ window
    return _norm(result.reshape(n, -1), weights[0], weights[1:-1]).ravel()


def _connected(o, x, now, after, weights, outputs, shapes, index, net):
    matrix = weights[1]
    matrix = matrix.reshape(x.size, -1).T if net.transposed else matrix.reshape(-1, x.size)
    return _norm((matrix @ x)[:, None], weights[0], weights[2:]).ravel()


def _norm(x: Array, biases: Array, norm: list[Array]) -> Array:
    if norm:
        scales, mean, variance = norm
        x = (x - mean[:, None]) / (np.sqrt(variance[:, None]) + 0.000001) * scales[:, None]
    return x + biases[:, None]


def _maxpool(o, x, now, after, weights, outputs, shapes, index, net):
    _, h, w = now
    stride = o.get("stride", 1)
    size = o.get("size", stride)
    offset = -(o.get("padding", size - 1) // 2)
    steps = [o.get(key, stride) for key in ("stride_y", "stride_x")]
    image, result = x.reshape(now), np.full(after, -np.inf)
    for j in range(after[1]):
        for i in range(after[2]):
            for a in range(size):
                for b in range(size):
                    row, column = offset + j * steps[0] + a, offset + i * steps[1] + b
                    if 0 <= row < h and 0 <= column < w:
                        result[:, j, i] = np.maximum(result[:, j, i], image[:, row, column])
    return result.ravel()


def _avgpool(o, x, now, after, weights, outputs, shapes, index, net):
    return x.reshape(now[0], -1).mean(axis=1)


def _softmax(o, x, now, after, weights, outputs, shapes, index, net):
    parts = x.reshape(now[0], -1).T if o.get("spatial") else x.reshape(o.get("groups", 1), -1)
    power = np.exp((parts - parts.max(axis=1, keepdims=True)) / o.get("temperature", 1))
    parts = power / power.sum(axis=1, keepdims=True)
    return (parts.T if o.get("spatial") else parts).ravel()


def _crop(o, x, now, after, weights, outputs, shapes, index, net):
    top, left = (now[1] - after[1]) // 2, (now[2] - after[2]) // 2
    cut = x.reshape(now)[:, top : top + after[1], left : left + after[2]].ravel()
    return cut if o.get("noadjust") else cut * 2 - 1


def _upsample(o, x, now, after, weights, outputs, shapes, index, net):
    c, h, w = now
    s, result = o["stride"], np.zeros(math.prod(after))
    for k in range(c):
        for j in range(h * s):
            for i in range(w * s):
                result[k * w * h * s * s + j * w * s + i] = o.get("scale", 1) * x[k * w * h + j // s * w + i // s]
    return result


def _reorg(o, x, now, after, weights, outputs, shapes, index, net):
    """``reorg_cpu`` of blas.c on the sizes of the input."""
    c, h, w = now
    s, result = o["stride"], np.zeros(x.size)
    out_c = c // (s * s)
    for k in range(c):
        for j in range(h):
            for i in range(w):
                in_index = i + w * (j + h * k)
                c2, offset = k % out_c, k // out_c
                w2, h2 = i * s + offset % s, j * s + offset // s
                out_index = w2 + w * s * (h2 + h * s * c2)
                if o.get("reverse"):
                    result[out_index] = x[in_index]
                else:
                    result[in_index] = x[out_index]
    return result


def _reorg3d(o, x, now, after, weights, outputs, shapes, index, net):
    """The same loop on the sizes of the output."""
    s, result = o["stride"], np.zeros(x.size)
    out_c, out_h, out_w = after
    for k in range(out_c):
        for j in range(out_h):
            for i in range(out_w):
                c2, offset = k % now[0], k // now[0]
                w2, h2 = i * s + offset % s, j * s + offset // s
                result[i + out_w * (j + out_h * k)] = x[w2 + out_w * s * (h2 + out_h * s * c2)]
    return result


def _route(o, x, now, after, weights, outputs, shapes, index, net):
    groups, group = o.get("groups", 1), o.get("group_id", 0)
    parts = []
    for n in _indices(o["layers"], index):
        part = outputs[n].size // groups
        parts.append(outputs[n][part * group : part * (group + 1)])
    return np.concatenate(parts)


def _shortcut(o, x, now, after, weights, outputs, shapes, index, net):
    """``shortcut_cpu`` of blas.c."""
    c2, h2, w2 = now
    result = x.copy()
    for n in _indices(o["from"], index):
        c1, h1, w1 = shapes[n]
        stride, sample = max(1, w1 // w2), max(1, w2 // w1)
        for k in range(min(c1, c2)):
            for j in range(min(h1, h2)):
                for i in range(min(w1, w2)):
                    out_index = i * sample + w2 * (j * sample + h2 * k)
                    result[out_index] += outputs[n][i * stride + w1 * (j * stride + h1 * k)]
    return result


def _scale_channels(o, x, now, after, weights, outputs, shapes, index, net):
    return (outputs[_indices(o["from"], index)[0]].reshape(after) * x[:, None, None]).ravel()


def _sam(o, x, now, after, weights, outputs, shapes, index, net):
    return x * outputs[_indices(o["from"], index)[0]]


def _yolo(o, x, now, after, weights, outputs, shapes, index, net):
    scale, values = o.get("scale_x_y", 1), x.reshape(len(_mask(o)), 5 + o["classes"], -1).copy()
    for anchor in values:
        if not o.get("new_coords"):
            for entry in (0, 1, *range(4, 5 + o["classes"])):
                anchor[entry] = 1 / (1 + np.exp(-anchor[entry]))
        anchor[:2] = anchor[:2] * scale - 0.5 * (scale - 1)
    return values.ravel()


def _region(o, x, now, after, weights, outputs, shapes, index, net):
    values = x.reshape(o["num"], 5 + o["classes"], -1).copy()
    for anchor in values:
        for entry in (0, 1, 4, *(() if o.get("softmax") else range(5, 5 + o["classes"]))):
            anchor[entry] = 1 / (1 + np.exp(-anchor[entry]))
        if o.get("softmax"):
            power = np.exp(anchor[5:] - anchor[5:].max(axis=0))
            anchor[5:] = power / power.sum(axis=0)
    return values.ravel()


def _same(o, x, now, after, weights, outputs, shapes, index, net):
    return x


_LAYERS = {
    "convolutional": _convolutional, "connected": _connected, "maxpool": _maxpool, "avgpool": _avgpool,
    "softmax": _softmax, "crop": _crop, "upsample": _upsample, "reorg": _reorg, "reorg3d": _reorg3d, "route": _route,
    "shortcut": _shortcut, "scale_channels": _scale_channels, "sam": _sam, "yolo": _yolo, "region": _region,
    "dropout": _same, "cost": _same, "activation": _same,
}  # fmt: skip
