"""The networks by name: how they are built, their input, their outputs, and how many parameters are published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tools.mxnet_networks import classifiers, gated, keypoints, mobilenets, one_stage, resnets, segmentation, two_stage
from tools.mxnet_networks.symbol import Graph, Tensor

Size = tuple[int, int]
Shapes = tuple[tuple[int, ...], ...]

# Where the numbers of parameters are published.
MXNET = "MXNet model zoo page, moving statistics included"
TORCHVISION = "torchvision model page"
TIMM = "timm results table"
DARKNET = "values in yolov3.weights, moving statistics included"
POSE = "Xiao et al. 2018, table 2 (ResNet v1b)"


@dataclass(frozen=True)
class Network:
    """One network.

    Attributes:
        prefix: Start of its names.
        build: Adds it to a graph, given the input and its size, and returns the outputs.
        size: Height and width of its input (1, 3, height, width) unless told.
        outputs: Shapes of its outputs for an input size.
        published: Number of parameters published for it; None where none is.
        source: Where, and what is counted.
        slack: Part by which our count may differ, where the published network is a near relative.
    """

    prefix: str
    build: Callable[[Graph, Tensor, Size], list[Tensor]]
    size: Size
    outputs: Callable[[Size], Shapes]
    published: int | None = None
    source: str = ""
    slack: float = 0.01

    @property
    def statistics(self) -> bool:
        """Whether the published number counts moving means and variances."""
        return "statistics" in self.source


def _classifier(
    prefix: str, build: Callable[[Graph, Tensor], list[Tensor]], published: int, source: str, size: int = 224
) -> Network:
    return Network(prefix, lambda g, x, _size: build(g, x), (size, size), lambda _size: ((1, 1000),), published, source)


def _rows(count: int) -> Callable[[Size], Shapes]:
    return lambda _size: ((1, count, 1), (1, count, 1), (1, count, 4))


def _yolo3(prefix: str, stages: Callable[[Graph, Tensor], list[Tensor]], published: int | None) -> Network:
    def build(g: Graph, x: Tensor, _size: Size) -> list[Tensor]:
        return one_stage.yolo3(g, stages(g, x), 80)

    return Network(prefix, build, (416, 416), _rows(100), published, DARKNET if published else "")


def _mobilenet_strides(g: Graph, x: Tensor) -> list[Tensor]:
    """Feature maps of MobileNet 1.0 at strides 8, 16 and 32."""
    with g.scope("mobilenet0_"):
        layers = mobilenets.mobilenet_v1_layers(g, x, 1.0)
    return [layers[10], layers[22], layers[26]]


def _ssd(prefix: str, features: Callable[[Graph, Tensor], list[Tensor]], classes: int) -> Network:
    def build(g: Graph, x: Tensor, _size: Size) -> list[Tensor]:
        return one_stage.ssd_512(g, features(g, x), classes)

    return Network(prefix, build, (512, 512), _rows(100))


def _ssd_resnet50(g: Graph, x: Tensor) -> list[Tensor]:
    with g.scope("resnetv10_"):
        return resnets.resnet_v1_stages(g, x, 50)[2:]


def _segmentation(
    prefix: str, head: segmentation.Head, classes: int, published: int | None, source: str, slack: float = 0.01
) -> Network:
    def build(g: Graph, x: Tensor, size: Size) -> list[Tensor]:
        return segmentation.segmentation(g, x, size, classes, head)

    return Network(prefix, build, (480, 480), lambda s: ((1, classes, *s),) * 2, published, source, slack)


def _pose(depth: int, published: int) -> Network:
    def build(g: Graph, x: Tensor, _size: Size) -> list[Tensor]:
        return keypoints.simple_pose(g, x, depth)

    def outputs(size: Size) -> Shapes:
        return ((1, keypoints.JOINTS, size[0] // 4, size[1] // 4),)

    return Network("simpleposeresnet0_", build, (256, 192), outputs, published, POSE)


def _center_net(classes: int) -> Network:
    def build(g: Graph, x: Tensor, _size: Size) -> list[Tensor]:
        return keypoints.center_net(g, x, classes)

    return Network("centernet0_", build, (512, 512), lambda _size: ((1, 40), (1, 40), (1, 40, 4)))


def _faster(g: Graph, x: Tensor, _size: Size) -> list[Tensor]:
    return two_stage.faster_rcnn(g, x, two_stage.FASTER_VOC)


def _mask(g: Graph, x: Tensor, _size: Size) -> list[Tensor]:
    return two_stage.mask_rcnn(g, x, two_stage.MASK_COCO)


_V1, _V1B, _V2 = resnets.resnet_v1, resnets.resnet_v1b, resnets.resnet_v2
_V1D = partial(resnets.resnet_v1b, variant=resnets.V1D)
_MASKS = (*_rows(1000)((0, 0)), (1, 1000, 14, 14))

NETWORKS: dict[str, Network] = {
    "resnet18_v1": _classifier("resnetv10_", partial(_V1, depth=18), 11_699_112, MXNET),
    "resnet50_v1": _classifier("resnetv10_", partial(_V1, depth=50), 25_629_032, MXNET),
    "resnet18_v1b": _classifier("resnetv1b0_", partial(_V1B, depth=18), 11_689_512, TORCHVISION),
    "resnet50_v1b": _classifier("resnetv1b0_", partial(_V1B, depth=50), 25_557_032, TORCHVISION),
    "resnet18_v1d": _classifier("resnetv1d0_", partial(_V1D, depth=18), 11_710_000, TIMM + " (resnet18d)"),
    "resnet50_v1d": _classifier("resnetv1d0_", partial(_V1D, depth=50), 25_576_264, TIMM + " (resnet50d)"),
    "resnet18_v2": _classifier("resnetv20_", partial(_V2, depth=18), 11_695_796, MXNET),
    "resnet50_v2": _classifier("resnetv20_", partial(_V2, depth=50), 25_595_060, MXNET),
    "mobilenet0.75": _classifier("mobilenet0_", partial(mobilenets.mobilenet_v1, multiplier=0.75), 2_601_976, MXNET),
    "mobilenet1.0": _classifier("mobilenet0_", partial(mobilenets.mobilenet_v1, multiplier=1.0), 4_253_864, MXNET),
    "mobilenetv2_1.0": _classifier(
        "mobilenetv20_", partial(mobilenets.mobilenet_v2, multiplier=1.0), 3_539_136, MXNET
    ),
    "mobilenetv3_large": _classifier(
        "mobilenetv3_", partial(mobilenets.mobilenet_v3, large=True), 5_483_032, TORCHVISION
    ),
    "mobilenetv3_small": _classifier(
        "mobilenetv3_", partial(mobilenets.mobilenet_v3, large=False), 2_945_288,
        TORCHVISION + " (2,542,856) with the head 1280 instead of 1024 wide",
    ),
    "densenet121": _classifier("densenet0_", partial(classifiers.densenet, depth=121), 8_062_504, MXNET),
    "densenet201": _classifier("densenet0_", partial(classifiers.densenet, depth=201), 20_242_984, MXNET),
    "inceptionv3": _classifier("inception30_", classifiers.inception_v3, 23_869_000, MXNET, 299),
    "googlenet": _classifier("googlenet0_", classifiers.googlenet, 6_624_904, TORCHVISION),
    "squeezenet1.0": _classifier("squeezenet0_", partial(classifiers.squeezenet, version="1.0"), 1_248_424, MXNET),
    "squeezenet1.1": _classifier("squeezenet0_", partial(classifiers.squeezenet, version="1.1"), 1_235_496, MXNET),
    "se_resnext50_32x4d": _classifier("resnext0_", gated.se_resnext50_32x4d, 27_559_896, TIMM + " (seresnext50_32x4d)"),
    "senet_154": _classifier("senet0_", gated.senet_154, 115_088_984, TIMM + " (senet154)"),
    "resnest50": _classifier("resnest_", gated.resnest50, 27_483_240, TIMM + " (resnest50d)"),
    "xception": _classifier("xception650_", classifiers.xception65, 39_920_000, TIMM + " (xception65)", 299),
    "darknet53": _classifier("darknetv30_", classifiers.darknet53, 41_609_928, TIMM + " (darknet53)"),
    "yolo3_darknet53_coco": _yolo3("yolov30_", classifiers.darknet53_stages, 62_001_757),
    "yolo3_mobilenet1.0_coco": _yolo3("yolov30_", _mobilenet_strides, None),
    "ssd_512_resnet50_v1_voc": _ssd("ssd0_", _ssd_resnet50, 20),
    "ssd_512_mobilenet1.0_voc": _ssd("ssd0_", lambda g, x: _mobilenet_strides(g, x)[1:], 20),
    "ssd_512_mobilenet1.0_coco": _ssd("ssd0_", lambda g, x: _mobilenet_strides(g, x)[1:], 80),
    "fcn_resnet50_voc": _segmentation(
        "fcn0_", segmentation.fcn_head, 21, 35_322_218, TORCHVISION + " (fcn_resnet50, 21 classes, ordinary stem)"
    ),
    "deeplab_resnet50_ade": _segmentation(
        "deeplabv30_", segmentation.deeplab_head, 150, 42_004_074,
        TORCHVISION + " (deeplabv3_resnet50, 21 classes, ordinary stem)",
    ),
    "psp_resnet50_ade": _segmentation("pspnet0_", segmentation.psp_head, 150, None, ""),
    "simple_pose_resnet50_v1d": _pose(50, 34_000_000),
    "simple_pose_resnet152_v1d": _pose(152, 68_600_000),
    "center_net_resnet18_v1b_voc": _center_net(20),
    "center_net_resnet18_v1b_coco": _center_net(80),
    "faster_rcnn_resnet50_v1b_voc": Network("fasterrcnn0_", _faster, (600, 800), _rows(20 * 300)),
    "mask_rcnn_resnet50_v1b_coco": Network("maskrcnn0_", _mask, (800, 1088), lambda _size: _MASKS),
}  # fmt: skip
