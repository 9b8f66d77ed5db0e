"""Activations and softmax."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from belvedere.compiler.importers.mxnet.builder import Builder, Tensor
from belvedere.compiler.importers.mxnet.call import Call, Translator
from belvedere.compiler.importers.mxnet.shaping import as_float, axis_of, cast, reshape, scalar
from belvedere.core.errors import CompileError

_ACTIVATIONS = {"relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "softrelu": "Softplus", "softsign": "Softsign"}
_LEAKY = ("leaky", "prelu", "elu", "selu", "gelu", "rrelu")


def activation(call: Call) -> Tensor:
    """Activation: relu, sigmoid, tanh, softrelu (log(1 + e^x)) or softsign."""
    kind = call.attributes.choice("act_type", tuple(_ACTIVATIONS))
    return call.emit.op(_ACTIVATIONS[kind], as_float(call.emit, call.input()))


def leaky_relu(call: Call) -> Tensor:
    """LeakyReLU in all its modes; the random slope of rrelu is the mean of its bounds at inference."""
    emit, data = call.emit, as_float(call.emit, call.input())
    kind = call.attributes.choice("act_type", _LEAKY, "leaky")
    if kind == "prelu":
        return _prelu(emit, data, as_float(emit, call.input(1)))
    if kind == "elu":
        return emit.op("Elu", data, alpha=call.attributes.number("slope", 0.25))
    if kind == "selu":
        return emit.op("Selu", data)
    if kind == "gelu":
        half = emit.op("Mul", data, scalar(data, 0.5))
        error = emit.op("Erf", emit.op("Mul", data, scalar(data, math.sqrt(0.5))))
        return emit.op("Mul", half, emit.op("Add", error, scalar(data, 1)))
    slope = call.attributes.number("slope", 0.25)
    if kind == "rrelu":
        bounds = call.attributes.number("lower_bound", 0.125), call.attributes.number("upper_bound", 0.334)
        slope = sum(bounds) / 2
    return emit.op("LeakyRelu", data, alpha=slope)


def _prelu(emit: Builder, data: Tensor, gamma: Tensor) -> Tensor:
    """PReLU with a slope for every channel (axis 1), or one slope."""
    slopes = math.prod(gamma.shape)
    if gamma.shape == data.shape:
        return emit.op("PRelu", data, gamma)
    if data.rank < 2 or slopes not in (1, data.shape[1]):
        raise CompileError(f"its {slopes} slopes do not fit an input of shape {list(data.shape)}")
    return emit.op("PRelu", data, reshape(emit, gamma, (slopes, *(1,) * (data.rank - 2))))


def hard_sigmoid(call: Call) -> Tensor:
    """hard_sigmoid: alpha * x + beta, cut to 0..1."""
    data = as_float(call.emit, call.input())
    slope, offset = call.attributes.number("alpha", 0.2), call.attributes.number("beta", 0.5)
    return call.emit.op("HardSigmoid", data, alpha=slope, beta=offset)


def smooth_l1(call: Call) -> Tensor:
    """smooth_l1: 0.5 s² x² for abs(x) < 1 / s², else abs(x) - 0.5 / s²."""
    emit, data = call.emit, as_float(call.emit, call.input())
    square = call.attributes.number("scalar", 1.0) ** 2
    if square == 0:
        raise CompileError("its attribute scalar is 0")
    size = emit.op("Abs", data)
    inner = emit.op("Mul", emit.op("Mul", data, data), scalar(data, 0.5 * square))
    outer = emit.op("Sub", size, scalar(data, 0.5 / square))
    return emit.op("Where", emit.op("Less", size, scalar(data, 1 / square)), inner, outer)


def softmax(call: Call) -> Tensor:
    """Softmax along an axis, of the input divided by a temperature."""
    return _softmax(call, "Softmax", 1.0)


def softmin(call: Call) -> Tensor:
    """Softmin: softmax of the negative input."""
    return _softmax(call, "Softmax", -1.0)


def log_softmax(call: Call) -> Tensor:
    """Logarithm of softmax."""
    return _softmax(call, "LogSoftmax", 1.0)


def _softmax(call: Call, kind: str, sign: float) -> Tensor:
    emit, data = call.emit, as_float(call.emit, call.input())
    if call.attributes.flag("use_length"):
        raise CompileError("use_length is not supported")
    temperature = sign * (call.attributes.optional_number("temperature") or 1.0)
    if temperature != 1:
        data = emit.op("Div", data, scalar(data, temperature))
    result = emit.op(kind, data, axis=axis_of(call.attributes.integer("axis", -1), data.rank))
    return cast(emit, result, call.attributes.dtype("dtype"))


def softmax_activation(call: Call) -> Tensor:
    """SoftmaxActivation: over everything but the batch, or over axis 1 (mode channel)."""
    data = as_float(call.emit, call.input())
    if call.attributes.choice("mode", ("instance", "channel"), "instance") == "channel":
        return call.emit.op("Softmax", data, axis=axis_of(1, data.rank))
    return softmax_of_instance(call.emit, data)


def softmax_of_instance(emit: Builder, data: Tensor) -> Tensor:
    """Softmax over everything but the batch."""
    flat = reshape(emit, data, (data.shape[0], math.prod(data.shape[1:])))
    return reshape(emit, emit.op("Softmax", flat, axis=1), data.shape)


def softmax_output(call: Call) -> Tensor:
    """SoftmaxOutput, a training head: softmax at inference."""
    emit, data = call.emit, as_float(call.emit, call.input())
    if call.attributes.flag("multi_output"):
        return emit.op("Softmax", data, axis=axis_of(1, data.rank))
    if call.attributes.flag("preserve_shape"):
        return emit.op("Softmax", data, axis=data.rank - 1)
    return softmax_of_instance(emit, data)


def logistic_output(call: Call) -> Tensor:
    """LogisticRegressionOutput, a training head: sigmoid at inference."""
    return call.emit.op("Sigmoid", as_float(call.emit, call.input()))


def identity(call: Call) -> Tensor:
    """What does nothing at inference."""
    return call.input()


def dropout(call: Call) -> Tensor:
    """Dropout does nothing at inference, unless it is told to drop always."""
    if call.attributes.choice("mode", ("training", "always"), "training") == "always":
        raise CompileError("mode=always draws random numbers at inference, which is not supported")
    return call.input()


def clip(call: Call) -> Tensor:
    """Clip to a_min .. a_max."""
    data = call.input()
    low, high = call.attributes.number("a_min"), call.attributes.number("a_max")
    if not data.is_float:
        info = np.iinfo(data.dtype)
        low, high = max(math.ceil(max(low, info.min)), info.min), min(math.floor(min(high, info.max)), info.max)
    return call.emit.op("Clip", data, scalar(data, low), scalar(data, high))


TRANSLATORS: Mapping[str, Translator] = {
    "Activation": activation,
    "LeakyReLU": leaky_relu,
    "hard_sigmoid": hard_sigmoid,
    "smooth_l1": smooth_l1,
    "softmax": softmax,
    "softmin": softmin,
    "log_softmax": log_softmax,
    "SoftmaxActivation": softmax_activation,
    **dict.fromkeys(("SoftmaxOutput", "Softmax"), softmax_output),
    "LogisticRegressionOutput": logistic_output,
    **dict.fromkeys(
        (
            "LinearRegressionOutput", "MAERegressionOutput", "SVMOutput", "MakeLoss", "make_loss", "BlockGrad",
            "stop_gradient", "identity", "_copy", "_CrossDeviceCopy", "_identity_with_attr_like_rhs",
            "IdentityAttachKLSparseReg",
        ),
        identity,
    ),
    "Dropout": dropout,
    "clip": clip,
}  # fmt: skip
