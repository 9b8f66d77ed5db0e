"""FCN, DeepLab v3 and PSPNet on a dilated ResNet-50 v1s (GluonCV ``fcn.py``, ``deeplabv3.py``, ``pspnet.py``).

Each gives the main and the auxiliary map at the input's size: (1, classes, height, width).
"""

from __future__ import annotations

from collections.abc import Callable

from tools.mxnet_networks.layers import adaptive_pool, concat, conv, conv_norm_relu, dropout, global_pool
from tools.mxnet_networks.resnets import V1S_DILATED, resnet_v1b_stages
from tools.mxnet_networks.symbol import Graph, Tensor

Size = tuple[int, int]
Head = Callable[[Graph, Tensor, int, Size], Tensor]


def segmentation(g: Graph, x: Tensor, size: Size, classes: int, head: Head) -> list[Tensor]:
    """Backbone, head on stage 4, auxiliary head on stage 3, both enlarged to ``size`` (height, width)."""
    *_, third, fourth = resnet_v1b_stages(g, x, 50, V1S_DILATED)
    main = head(g, fourth, classes, (-(-size[0] // 8), -(-size[1] // 8)))
    with g.numbered("_fcnhead_aux"):
        auxiliary = _fcn(g, third, classes)
    return [_resize(g, main, size), _resize(g, auxiliary, size)]


def fcn_head(g: Graph, x: Tensor, classes: int, _size: Size) -> Tensor:
    """Long et al. 2015 (https://arxiv.org/abs/1411.4038)."""
    with g.numbered("_fcnhead"):
        return _fcn(g, x, classes)


def _fcn(g: Graph, x: Tensor, classes: int) -> Tensor:
    x = dropout(g, conv_norm_relu(g, x, x.channels // 4, 3, 1, 1), 0.1)
    return conv(g, x, classes, 1, bias=True)


def deeplab_head(g: Graph, x: Tensor, classes: int, size: Size) -> Tensor:
    """Atrous spatial pyramid pooling at rates 12, 24, 36 (Chen et al. 2017, https://arxiv.org/abs/1706.05587)."""
    with g.numbered("_deeplabhead"):
        parts = [conv_norm_relu(g, x, 256, 1)]
        parts += [conv_norm_relu(g, x, 256, 3, 1, rate, rate) for rate in (12, 24, 36)]
        parts.append(_resize(g, conv_norm_relu(g, global_pool(g, x), 256, 1), size))
        x = dropout(g, conv_norm_relu(g, concat(g, *parts), 256, 1), 0.5)
        x = dropout(g, conv_norm_relu(g, x, 256, 3, 1, 1), 0.1)
        return conv(g, x, classes, 1, bias=True)


def psp_head(g: Graph, x: Tensor, classes: int, size: Size) -> Tensor:
    """Pyramid pooling into 1, 2, 3 and 6 bins a side (Zhao et al. 2017, https://arxiv.org/abs/1612.01105)."""
    with g.numbered("_psphead"):
        pooled = [conv_norm_relu(g, adaptive_pool(g, x, bins), x.channels // 4, 1) for bins in (1, 2, 3, 6)]
        x = concat(g, x, *(_resize(g, part, size) for part in pooled))
        x = dropout(g, conv_norm_relu(g, x, 512, 3, 1, 1), 0.1)
        return conv(g, x, classes, 1, bias=True)


def _resize(g: Graph, x: Tensor, size: Size) -> Tensor:
    return g.op("_contrib_BilinearResize2D", "bilinearresize2d", x, height=size[0], width=size[1])
