"""Writes small TFLite files that consist of one TFLite_Detection_PostProcess, and computes what it gives."""

from __future__ import annotations

from dataclasses import dataclass, field

import flatbuffers
import numpy as np
from flatbuffers import flexbuffers

DTYPES = {"float32": 0, "uint8": 3, "int8": 9}


@dataclass
class Tensor:
    name: str
    shape: tuple
    dtype: str = "float32"
    value: np.ndarray | None = None
    scale: float | None = None
    zero: int = 0


@dataclass
class Op:
    code: int  # of BuiltinOperator
    inputs: list
    outputs: list
    custom: str = ""
    options: bytes = b""


@dataclass
class File:
    tensors: list
    ops: list
    inputs: list
    outputs: list
    codes: list = field(default_factory=list)


def encode(file: File) -> bytes:
    """The TFLite file, after the field numbers of schema.fbs."""
    b = flatbuffers.Builder(4096)

    def offsets(values):
        b.StartVector(4, len(values), 4)
        for value in reversed(values):
            b.PrependUOffsetTRelative(value)
        return b.EndVector()

    def numbers(values, code, size):
        b.StartVector(size, len(values), size)
        for value in reversed(values):
            getattr(b, f"Prepend{code}")(value)
        return b.EndVector()

    def table(slots):
        b.StartObject(max(slots, default=0) + 1)
        for slot, (kind, value) in slots.items():
            if kind == "offset":
                b.PrependUOffsetTRelativeSlot(slot, value, 0)
            else:
                getattr(b, f"Prepend{kind}Slot")(slot, value, 0)
        return b.EndObject()

    buffers = [table({})]
    tensors = []
    for tensor in file.tensors:
        index = 0
        if tensor.value is not None:
            index = len(buffers)
            buffers.append(table({0: ("offset", b.CreateNumpyVector(np.frombuffer(tensor.value.tobytes(), np.uint8)))}))
        slots = {
            0: ("offset", numbers(tensor.shape, "Int32", 4)),
            1: ("Int8", DTYPES[tensor.dtype]),
            2: ("Uint32", index),
            3: ("offset", b.CreateString(tensor.name)),
        }
        if tensor.scale is not None:
            quantised = {
                2: ("offset", numbers([tensor.scale], "Float32", 4)),
                3: ("offset", numbers([tensor.zero], "Int64", 8)),
            }
            slots[4] = ("offset", table(quantised))
        tensors.append(table(slots))
    codes, operators = [], []
    for index, op in enumerate(file.ops):
        slots = {0: ("Int8", min(op.code, 127)), 2: ("Int32", 1), 3: ("Int32", op.code)}
        if op.custom:
            slots[1] = ("offset", b.CreateString(op.custom))
        codes.append(table(slots))
        slots = {
            0: ("Uint32", index),
            1: ("offset", numbers(op.inputs, "Int32", 4)),
            2: ("offset", numbers(op.outputs, "Int32", 4)),
        }
        if op.options:
            slots[5] = ("offset", b.CreateByteVector(op.options))
        operators.append(table(slots))
    graph = table(
        {
            0: ("offset", offsets(tensors)),
            1: ("offset", numbers(file.inputs, "Int32", 4)),
            2: ("offset", numbers(file.outputs, "Int32", 4)),
            3: ("offset", offsets(operators)),
            4: ("offset", b.CreateString("main")),
        }
    )
    model = table(
        {
            0: ("Uint32", 3),
            1: ("offset", offsets(codes)),
            2: ("offset", offsets([graph])),
            3: ("offset", b.CreateString("test")),
            4: ("offset", offsets(buffers)),
        }
    )
    b.Finish(model, b"TFL3")
    return bytes(b.Output())


def options(**changes) -> dict:
    """Options of the operator as the object-detection API writes them."""
    standard = {
        "max_detections": 5,
        "max_classes_per_detection": 1,
        "detections_per_class": 100,
        "use_regular_nms": False,
        "nms_score_threshold": 0.3,
        "nms_iou_threshold": 0.5,
        "num_classes": 3,
        "y_scale": 10.0,
        "x_scale": 10.0,
        "h_scale": 5.0,
        "w_scale": 5.0,
    }
    return standard | changes


def encode_options(values: dict) -> bytes:
    b = flexbuffers.Builder()
    with b.Map():
        for key, value in values.items():
            b.Key(key)
            if isinstance(value, bool):
                b.Bool(value)
            elif isinstance(value, int):
                b.Int(value)
            else:
                b.Float(value)
    return bytes(b.Finish())


def detector(
    anchors: np.ndarray, values: dict, *, background: bool = True, quantised: bool = False, width: int = 4
) -> bytes:
    """A file with just the operator, which reads its inputs: encodings and scores, quantised or not."""
    count = len(anchors)
    classes = values["num_classes"] + background
    kind = "uint8" if quantised else "float32"
    quant = {"encodings": (0.05, 128), "scores": (1 / 256, 0), "anchors": (1 / 255, 0)} if quantised else {}
    stored = np.round(anchors * 255).astype(np.uint8) if quantised else anchors.astype(np.float32)
    tensors = [
        Tensor("encodings", (1, count, width), kind, None, *quant.get("encodings", ())),
        Tensor("scores", (1, count, classes), kind, None, *quant.get("scores", ())),
        Tensor("anchors", (count, 4), kind, stored, *quant.get("anchors", ())),
    ]
    rows = values["max_detections"] * values["max_classes_per_detection"]
    tensors += [
        Tensor("boxes", (1, rows, 4)),
        Tensor("classes", (1, rows)),
        Tensor("top", (1, rows)),
        Tensor("count", (1,)),
    ]
    op = Op(32, [0, 1, 2], [3, 4, 5, 6], "TFLite_Detection_PostProcess", encode_options(values))
    return encode(File(tensors, [op], [0, 1], [3, 4, 5, 6]))
