"""Darknet cfg and weights to ONNX."""

from __future__ import annotations

from collections.abc import Sequence

from belvedere.compiler.importers.darknet import emit, files
from belvedere.compiler.importers.darknet.cfg import Section, read_cfg
from belvedere.compiler.importers.darknet.network import build
from belvedere.compiler.importers.darknet.weights import Weights
from belvedere.compiler.importing import Declared, Imported, Port, Request, Source
from belvedere.core.errors import CompileError, OptionError

_SIDE = 16_384
_CHANNELS = 4_096
_FORMS = ("rows", "maps")


def load(source: Source, request: Request) -> Imported:
    """Read a Darknet network: detectors of the YOLO family (v2 to v4) and classifiers.

    The input is named as declared, else ``data``: (batch, channels, height, width), float32, RGB, 0..1 as Darknet
    scales pictures. Its size is the declared one, else the cfg's; a batch of -1 stays free. Outputs are the detection
    layers in order, named ``yolo_<layer>`` or ``detection_out``; without any, the last layer (a vector where its map
    is one cell). ``request.outputs`` may name any layer as ``<section>_<number>``.

    ``request.options["darknet_outputs"]`` is ``rows`` (the default) or ``maps``; see ``heads`` for both.

    Raises:
        CompileError: files missing or damaged, a section or option that is not supported (all named), sizes or weights
            that do not fit.
        LimitError: a cfg or a map over the limits.
        OptionError: ``darknet_outputs`` has another value.
    """
    form = request.options.get("darknet_outputs", "rows")
    if form not in _FORMS:
        raise OptionError(f"darknet_outputs is '{form}'; it can be {' or '.join(_FORMS)}")
    cfg, weights_file = files.find(source)
    net, sections = read_cfg(cfg)
    data = emit.Port(*_input(net, request.inputs))
    weights = Weights(weights_file)
    built = build(sections, weights, data, request.outputs, maps=form == "maps")
    major, minor, revision = weights.version
    return Imported(
        framework="darknet",
        network=built.model,
        inputs=(Port(data.name, data.shape, "float32", "NCHW"),),
        outputs=tuple(_port(port) for port in built.outputs),
        notes=tuple(_notes(built.detections, form)),
        provenance={"weights_version": f"{major}.{minor}.{revision}", "pictures_seen": weights.seen},
    )


def _input(net: Section, declared: Sequence[Declared]) -> tuple[str, tuple[int, ...]]:
    """Name and shape of the input."""
    if len(declared) > 1:
        names = ", ".join(str(one.name) for one in declared)
        raise CompileError(f"{net.where}: a Darknet network has one input, {len(declared)} are declared: {names}")
    channels = net.integer("channels", 3, low=1, high=_CHANNELS)
    if not declared:
        sides = [net.integer(key, low=1, high=_SIDE) for key in ("height", "width")]
        return "data", (1, channels, *sides)
    one = declared[0]
    name = one.name or "data"
    if one.dtype not in (None, "float32"):
        raise CompileError(f"{net.where}: input '{name}' is declared as {one.dtype}; Darknet networks take float32")
    shape = one.shape
    fits = len(shape) == 4 and (shape[0] > 0 or shape[0] == -1) and shape[1] == channels
    if not fits or not all(0 < side <= _SIDE for side in shape[2:]):
        raise CompileError(
            f"{net.where}: input '{name}' is declared as {list(shape)}; expected [batch, {channels}, height, width] "
            f"with sides of 1 to {_SIDE}, such as {[1, channels, *_sides(net)]}"
        )
    return name, shape


def _sides(net: Section) -> list[int]:
    return [net.integer(key, 416, low=1, high=_SIDE) for key in ("height", "width")]


def _port(port: emit.Port) -> Port:
    return Port(port.name, port.shape, "float32", "NCHW" if len(port.shape) == 4 else "")


def _notes(detections: Sequence[str], form: str) -> list[str]:
    """What the user should know of the outputs."""
    if not detections:
        return []
    names = ", ".join(detections)
    if form == "maps":
        return [f"{names}: Darknet's maps of activated values, not decoded."]
    text = (
        "rows of centre x, centre y, width, height (relative to the input), objectness, class scores times objectness"
    )
    return [f"{names}: {text}; as OpenCV gives them, but neither thresholded nor suppressed."]
