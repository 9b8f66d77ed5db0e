"""Darknet's activation functions (``activations.h``) in ONNX operators."""

from __future__ import annotations

from collections.abc import Callable

from belvedere.compiler.importers.darknet.emit import Emitter

Activation = Callable[[Emitter, str], str]


def _gelu(e: Emitter, x: str) -> str:
    """The tanh approximation: x/2 (1 + tanh(0.797885 x + 0.035677 x^3))."""
    square = e.op("Mul", x, x)
    inner = e.op("Mul", x, e.add(e.multiply(square, 0.035677), 0.797885))
    return e.op("Mul", e.multiply(x, 0.5), e.add(e.op("Tanh", inner), 1.0))


def _hard_mish(e: Emitter, x: str) -> str:
    """x above 0, x^2/2 + x above -2, else 0."""
    low = e.op("Clip", x, e.constant(-2.0), e.constant(0.0))
    curve = e.op("Add", e.multiply(e.op("Mul", low, low), 0.5), low)
    return e.op("Add", e.op("Relu", x), curve)


def _lhtan(e: Emitter, x: str) -> str:
    """x in 0 to 1, slope 0.001 outside."""
    middle = e.op("Clip", x, e.constant(0.0), e.constant(1.0))
    return e.op("Add", middle, e.multiply(e.op("Sub", x, middle), 0.001))


def _plse(e: Emitter, x: str) -> str:
    """x/8 + 1/2 in -4 to 4, slope 0.01 outside."""
    middle = e.op("Clip", x, e.constant(-4.0), e.constant(4.0))
    inside = e.add(e.multiply(middle, 0.125), 0.5)
    return e.op("Add", inside, e.multiply(e.op("Sub", x, middle), 0.01))


def _stair(e: Emitter, x: str) -> str:
    """Steps at even numbers: flat from an even number to the next odd one, slope 1 from there."""
    floor, half = e.op("Floor", x), e.op("Floor", e.multiply(x, 0.5))
    odd = e.op("Sub", floor, e.multiply(half, 2.0))
    return e.op("Add", half, e.op("Mul", odd, e.op("Sub", x, floor)))


ACTIVATIONS: dict[str, Activation] = {
    "linear": lambda _e, x: x,
    "logistic": lambda e, x: e.op("Sigmoid", x),
    "loggy": lambda e, x: e.add(e.multiply(e.op("Sigmoid", x), 2.0), -1.0),
    "relu": lambda e, x: e.op("Relu", x),
    "relu6": lambda e, x: e.op("Clip", x, e.constant(0.0), e.constant(6.0)),
    "relie": lambda e, x: e.op("LeakyRelu", x, alpha=0.01),
    "ramp": lambda e, x: e.op("Add", e.op("Relu", x), e.multiply(x, 0.1)),
    "leaky": lambda e, x: e.op("LeakyRelu", x, alpha=0.1),
    "elu": lambda e, x: e.op("Elu", x, alpha=1.0),
    "selu": lambda e, x: e.op("Selu", x, alpha=1.6732, gamma=1.0507),
    "tanh": lambda e, x: e.op("Tanh", x),
    "hardtan": lambda e, x: e.op("Clip", x, e.constant(-1.0), e.constant(1.0)),
    "lhtan": _lhtan,
    "plse": _plse,
    "stair": _stair,
    "mish": lambda e, x: e.op("Mul", x, e.op("Tanh", e.op("Softplus", x))),
    "hard_mish": _hard_mish,
    "swish": lambda e, x: e.op("Mul", x, e.op("Sigmoid", x)),
    "gelu": _gelu,
}
