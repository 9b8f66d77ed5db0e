"""Write the structures of GluonCV's networks that the package carries: symbols without weights, and parameter names.

python -m tools.gluoncv_structures --out src/belvedere/zoo/gluoncv/structures.json.xz

Needs an environment with mxnet 1.9.1, gluoncv 0.10 or 0.11 and numpy below 1.24; nothing is downloaded. A file that
GluonCV published (``yolo3_darknet53_coco-09767802.params``) names parameters by their place in the Python object
(``stages.0.0.weight``), the symbol by a running number (``yolov30_conv0_weight``): both are kept.
"""

from __future__ import annotations

import argparse
import json
import lzma
import sys
import warnings
from pathlib import Path
from typing import Any

DEPTHS = (18, 34, 50, 101, 152)
BACKBONES = ("resnet50", "resnet101")
NAMES = (
    *(f"resnet{depth}_{version}" for version in ("v1", "v1b", "v2") for depth in DEPTHS),
    *(f"resnet{depth}_v1d" for depth in DEPTHS[2:]),
    *(f"mobilenet{width}" for width in ("1.0", "0.75", "0.5", "0.25")),
    *(f"mobilenetv2_{width}" for width in ("1.0", "0.75", "0.5", "0.25")),
    "mobilenetv3_large", "mobilenetv3_small", "vgg16", "squeezenet1.0", "squeezenet1.1", "densenet121", "densenet201",
    "inceptionv3", "darknet53",
    *(f"yolo3_{base}_{data}" for base in ("darknet53", "mobilenet1.0") for data in ("voc", "coco")),
    *(f"ssd_{base}_{data}" for base in ("300_vgg16_atrous", "512_vgg16_atrous", "512_resnet50_v1", "512_mobilenet1.0")
      for data in ("voc", "coco")),
    "faster_rcnn_resnet50_v1b_voc", "faster_rcnn_resnet50_v1b_coco", "faster_rcnn_resnet101_v1d_coco",
    "faster_rcnn_fpn_resnet50_v1b_coco", "faster_rcnn_fpn_resnet101_v1d_coco",
    "mask_rcnn_resnet50_v1b_coco", "mask_rcnn_resnet101_v1d_coco",
    "mask_rcnn_fpn_resnet50_v1b_coco", "mask_rcnn_fpn_resnet101_v1d_coco",
    *(f"center_net_{base}_{data}" for base in ("resnet18_v1b", "resnet50_v1b", "resnet101_v1b")
      for data in ("voc", "coco")),
    *(f"simple_pose_resnet{depth}_{version}" for depth in (50, 101, 152) for version in ("v1b", "v1d")),
    "simple_pose_resnet18_v1b",
    *(f"{head}_{base}_ade" for head in ("fcn", "psp", "deeplab") for base in BACKBONES),
    *(f"{head}_resnet101_{data}" for head in ("fcn", "psp", "deeplab") for data in ("coco", "voc")),
)  # fmt: skip


def structure(name: str) -> dict[str, Any]:
    """One network: its symbol, and for each parameter that the symbol reads its name in a file of weights."""
    import mxnet
    from gluoncv.model_zoo import get_model

    options = (
        {}
        if name.startswith(("resnet", "mobilenet", "vgg", "squeeze", "dense", "incep", "darknet"))
        else {"pretrained_base": False}
    )
    net = get_model(name, pretrained=False, **options)
    outputs = net(mxnet.sym.var("data"))
    symbol = mxnet.sym.Group(list(outputs)) if isinstance(outputs, (list, tuple)) else outputs
    graph = json.loads(symbol.tojson())
    read = {node["name"] for node in graph["nodes"] if node["op"] == "null"} - {"data"}
    held = net._collect_params_with_prefix()
    auxiliary = set(symbol.list_auxiliary_states())
    names = {place: parameter.name for place, parameter in held.items() if parameter.name in read}
    missing = sorted(read - set(names.values()))
    if missing:
        raise SystemExit(f"{name}: the symbol reads {missing[:3]}, which are no parameters of the object")
    return {
        "name": name,
        "symbol": {"nodes": [plain(node) for node in graph["nodes"]], "heads": graph["heads"], "attrs": graph["attrs"],
                   "arg_nodes": graph["arg_nodes"], "node_row_ptr": graph["node_row_ptr"]},
        "parameters": names,
        "auxiliary": sorted(auxiliary),
        "classes": list(getattr(net, "classes", ()) or ()),
    }  # fmt: skip


def plain(node: dict[str, Any]) -> dict[str, Any]:
    """A node without hidden attributes: no initialiser, shape or learning rate is needed to run it."""
    attributes = {key: value for key, value in node.get("attrs", {}).items() if not key.startswith("__")}
    return {key: value for key, value in (("op", node["op"]), ("name", node["name"]), ("attrs", attributes),
                                          ("inputs", node["inputs"])) if value or key == "inputs"}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="networks; all of the list where none is named")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    lines = []
    for name in arguments.names or NAMES:
        try:
            found = structure(name)
        except (ValueError, RuntimeError, AttributeError, TypeError, NotImplementedError) as error:
            print(f"{name}: left out ({str(error).splitlines()[0]})", file=sys.stderr)
            continue
        lines.append(json.dumps(found, separators=(",", ":")))
        print(f"{name}: {len(found['symbol']['nodes'])} nodes, {len(found['parameters'])} parameters", flush=True)
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 64 << 20}]
    arguments.out.write_bytes(lzma.compress("\n".join(lines).encode(), format=lzma.FORMAT_XZ, filters=filters))


if __name__ == "__main__":
    main()
