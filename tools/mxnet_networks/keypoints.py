"""Networks with a heat map: Simple Pose and CenterNet (GluonCV ``simple_pose_resnet.py``, ``center_net.py``)."""

from __future__ import annotations

from tools.mxnet_networks.layers import (
    add,
    arange,
    concat,
    conv,
    conv_norm_relu,
    deconv,
    norm,
    pool,
    relu,
    reshape,
    scalar,
    subtract,
    transpose,
)
from tools.mxnet_networks.parameters import normal
from tools.mxnet_networks.resnets import V1B, V1D, resnet_v1b_stages
from tools.mxnet_networks.symbol import Graph, Tensor

JOINTS = 17


def simple_pose(g: Graph, x: Tensor, depth: int) -> list[Tensor]:
    """ResNet v1d, three deconvolutions, 17 heat maps at stride 4 (Xiao et al. 2018, https://arxiv.org/abs/1804.06208)."""
    x = resnet_v1b_stages(g, x, depth, V1D)[-1]
    for _ in range(3):
        x = relu(g, norm(g, deconv(g, x, 256, 4, 2, 1)))
    return [conv(g, x, JOINTS, 1, bias=True)]


def center_net(g: Graph, x: Tensor, classes: int, top: int = 40) -> list[Tensor]:
    """ResNet-18 v1b with deconvolutions: ids (1, top), scores (1, top), corners (1, top, 4) in input pixels.

    (Zhou et al. 2019, https://arxiv.org/abs/1904.07850)
    """
    x = resnet_v1b_stages(g, x, 18, V1B)[-1]
    for width in (256, 128, 64):
        x = conv_norm_relu(g, x, width, 3, 1, 1, bias=True)
        x = relu(g, norm(g, deconv(g, x, width, 4, 2, 1)))
    heat = _head(g, x, classes, bias=-2.19, spread=0.25)
    sizes = _head(g, x, 2, bias=8.0, spread=0.3)
    offsets = _head(g, x, 2, bias=0.5, spread=0.2)
    heat = g.op("sigmoid", "sigmoid", heat)
    peaks = g.op("broadcast_equal", "broadcast_equal", pool(g, heat, "max", 3, 1, 1), heat)
    with g.numbered("centernetdecoder"):
        return _decode(g, g.op("elemwise_mul", "_mul", peaks, heat), sizes, offsets, top)


def _head(g: Graph, x: Tensor, width: int, *, bias: float, spread: float = 1.0) -> Tensor:
    x = relu(g, conv(g, x, 64, 3, 1, 1, bias=True))
    return conv(g, x, width, 1, bias=True, biases=normal(0.1, bias), gain=spread)


def _decode(g: Graph, heat: Tensor, sizes: Tensor, offsets: Tensor, top: int) -> list[Tensor]:
    """``CenterNetDecoder``: the ``top`` best cells of all classes, their offsets and sizes."""
    best = g.op("topk", "topk", reshape(g, heat, 0, -1), outputs=2, k=top, ret_typ="both")
    scores, places = best, Tensor(best.node, 1)
    places = _cast(g, places, "int64")
    split = g.op("SliceChannel", "split", g.op("shape_array", "shape_array", heat), outputs=4, axis=0, num_outputs=4)
    height, width = Tensor(split.node, 2), Tensor(split.node, 3)
    ids = _cast(g, _integer(g, "div", places, g.op("elemwise_mul", "_mul", height, width)), "float32")
    places = _integer(g, "mod", places, g.op("elemwise_mul", "_mul", height, width))
    xs = _cast(g, _integer(g, "mod", places, width), "float32")
    ys = _cast(g, _integer(g, "div", places, width), "float32")
    offsets = reshape(g, transpose(g, offsets, 0, 2, 3, 1), 0, -1, 2)
    sizes = reshape(g, transpose(g, sizes, 0, 2, 3, 1), 0, -1, 2)
    batch = g.op("slice_like", "slice_like", arange(g, 256, None), offsets, axes=0)
    batch = g.op("tile", "tile", g.op("expand_dims", "expand_dims", batch, axis=-1), reps=(1, top))
    batch = _cast(g, batch, "int64")
    zeros = g.op("zeros_like", "zeros_like", batch, dtype="int64")
    ones = g.op("ones_like", "ones_like", batch, dtype="int64")

    def pick(values: Tensor, column: Tensor) -> Tensor:
        where = reshape(g, concat(g, batch, places, column, dim=0), 3, -1)
        return _cast(g, reshape(g, g.op("gather_nd", "gather_nd", values, where), -1, top), "float32")

    xs, ys = add(g, xs, pick(offsets, zeros)), add(g, ys, pick(offsets, ones))
    half_width = scalar(g, "div", pick(sizes, zeros), 2)
    half_height = scalar(g, "div", pick(sizes, ones), 2)
    corners = [
        subtract(g, xs, half_width), subtract(g, ys, half_height), add(g, xs, half_width), add(g, ys, half_height),
    ]  # fmt: skip
    boxes = concat(g, *(g.op("expand_dims", "expand_dims", corner, axis=-1) for corner in corners), dim=-1)
    return [ids, scores, scalar(g, "mul", boxes, 4.0)]


def _cast(g: Graph, x: Tensor, dtype: str) -> Tensor:
    return g.op("Cast", "cast", x, dtype=dtype)


def _integer(g: Graph, what: str, a: Tensor, b: Tensor) -> Tensor:
    return g.op(f"broadcast_{what}", f"broadcast_{what}", a, b)
