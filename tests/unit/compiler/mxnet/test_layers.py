"""Convolutions, pooling and resizing in the forms that no recorded model has, against torch-free references."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from belvedere.core.errors import CompileError
from unit.compiler.mxnet.engines import ENGINES
from unit.compiler.mxnet.operators import apply

_RANDOM = np.random.default_rng(3)


def _normal(*shape: int) -> NDArray[np.float32]:
    return _RANDOM.normal(size=shape).astype(np.float32)


def convolve(
    x: Any, w: Any, stride: tuple[int, ...], pad: tuple[int, ...], dilate: tuple[int, ...], groups: int
) -> Any:
    """Correlation over any number of axes, in loops over the kernel."""
    extent = [d * (k - 1) + 1 for k, d in zip(w.shape[2:], dilate, strict=True)]
    padded = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in pad)])
    size = [(n - e) // s + 1 for n, e, s in zip(padded.shape[2:], extent, stride, strict=True)]
    result = np.zeros((x.shape[0], w.shape[0], *size))
    own, of = x.shape[1] // groups, w.shape[0] // groups
    for tap in product(*(range(k) for k in w.shape[2:])):
        cut = tuple(
            slice(t * d, t * d + (n - 1) * s + 1, s) for t, d, n, s in zip(tap, dilate, size, stride, strict=True)
        )
        part = padded[(slice(None), slice(None), *cut)]
        for g in range(groups):
            kernel = w[(slice(g * of, (g + 1) * of), slice(None), *tap)]
            result[:, g * of : (g + 1) * of] += np.einsum("oc,nc...->no...", kernel, part[:, g * own : (g + 1) * own])
    return result


CONVOLUTIONS: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "one axis": ((2, 4, 9), (6, 4, 3), {"stride": (2,), "pad": (1,)}),
    "three axes": ((1, 4, 5, 6, 4), (6, 2, 3, 2, 1), {"stride": (1, 2, 1), "pad": (1, 0, 0), "num_group": 2}),
    "dilated": ((1, 2, 9, 9), (3, 2, 3, 3), {"dilate": (2, 3), "pad": (2, 3)}),
    "depthwise": ((1, 4, 6, 6), (8, 1, 3, 3), {"num_group": 4}),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolution(tmp_path: Path, case: str, engine: str) -> None:
    shape, kernel, options = CONVOLUTIONS[case]
    data, weight, bias = _normal(*shape), _normal(*kernel), _normal(kernel[0])
    axes = len(kernel) - 2
    (got,) = apply(
        tmp_path,
        engine,
        "Convolution",
        data,
        weights=(weight, bias),
        kernel=kernel[2:],
        num_filter=kernel[0],
        **options,
    )
    expected = convolve(
        data, weight, options.get("stride", (1,) * axes), options.get("pad", (0,) * axes),
        options.get("dilate", (1,) * axes), options.get("num_group", 1),
    )  # fmt: skip
    np.testing.assert_allclose(got, expected + bias.reshape(-1, *(1,) * axes), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_convolution_with_channels_last(tmp_path: Path, engine: str) -> None:
    data, weight = _normal(2, 6, 5, 4), _normal(3, 3, 3, 4)  # rows, columns, channels; filters, kernel, channels
    (got,) = apply(
        tmp_path, engine, "Convolution", data, weights=(weight,), kernel="(3, 3)", num_filter=3, layout="NHWC",
        no_bias="True", pad="(1, 1)",
    )  # fmt: skip
    expected = convolve(data.transpose(0, 3, 1, 2), weight.transpose(0, 3, 1, 2), (1, 1), (1, 1), (1, 1), 1)
    np.testing.assert_allclose(got, expected.transpose(0, 2, 3, 1), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "options",
    [
        {"stride": (2,), "adj": (1,), "pad": (1,)},
        {"stride": (2,), "adj": (1,)},
        {"stride": (3,), "target_shape": (13,)},
        {"target_shape": (7,)},  # one less than it is, at stride 1
        {"dilate": (2,), "target_shape": (8,)},
        {"dilate": (2,)},
    ],
)
def test_deconvolution_over_one_axis(tmp_path: Path, engine: str, options: dict[str, Any]) -> None:
    data, weight = _normal(2, 3, 5), _normal(3, 2, 4)
    (got,) = apply(tmp_path, engine, "Deconvolution", data, weights=(weight,), kernel="(4,)", num_filter=2, **options)
    step, dilate = options.get("stride", (1,))[0], options.get("dilate", (1,))[0]
    full = np.zeros((2, 2, (5 - 1) * step + 3 * dilate + 1))
    for tap in range(4):
        full[:, :, tap * dilate : tap * dilate + 4 * step + 1 : step] += np.einsum(
            "nci,co->noi", data, weight[:, :, tap]
        )
    if "target_shape" in options:
        surplus = full.shape[2] - options["target_shape"][0]
        pad, extra = (surplus + 1) // 2, surplus % 2
    else:
        pad, extra = options.get("pad", (0,))[0], options.get("adj", (0,))[0]
    full = np.concatenate([full, np.zeros((2, 2, extra))], 2)
    np.testing.assert_allclose(got, full[:, :, pad : full.shape[2] - pad], rtol=1e-4, atol=1e-5)


def pool(x: Any, kernel: Any, stride: Any, pad: Any, *, kind: str, convention: str, counted: str) -> Any:
    """Pooling cell by cell, after the specification."""

    def length(n: int, k: int, s: int, p: int) -> int:
        span = n + 2 * p - k
        return {"valid": span // s, "full": -(-span // s), "same": -(-n // s) - 1}[convention] + 1

    size = [length(*each) for each in zip(x.shape[2:], kernel, stride, pad, strict=True)]
    result = np.zeros((*x.shape[:2], *size))
    for place in product(*map(range, size)):
        starts = [i * s - p for i, s, p in zip(place, stride, pad, strict=True)]
        inner = tuple(
            slice(max(b, 0), max(min(b + k, n), 0)) for b, k, n in zip(starts, kernel, x.shape[2:], strict=True)
        )
        cells = x[(slice(None), slice(None), *inner)].reshape(*x.shape[:2], -1)
        nominal = np.prod(
            [
                max(min(b + k, n + p) - max(b, -p), 0)
                for b, k, n, p in zip(starts, kernel, x.shape[2:], pad, strict=True)
            ]
        )
        divisor = {"nominal": nominal, "real": cells.shape[2], "kernel": np.prod(kernel)}[counted]
        if kind == "max":
            value = cells.max(2, initial=np.finfo(np.float32).min)
        else:
            value = cells.sum(2) / (max(divisor, 1) if kind == "avg" else 1)
        result[(slice(None), slice(None), *place)] = value
    return result


_POOLINGS: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    ("Pooling", (2, 3, 11), {"kernel": (3,), "stride": (2,), "pooling_convention": "same"}),
    (
        "Pooling",
        (2, 3, 10),
        {"kernel": (2,), "stride": (3,), "pool_type": "avg", "pooling_convention": "full", "pad": (1,)},
    ),
    ("Pooling", (1, 2, 5, 6, 4), {"kernel": (2, 3, 2), "stride": (2, 2, 1), "pad": (1, 1, 0), "pool_type": "avg"}),
    ("Pooling", (1, 2, 5, 6, 4), {"kernel": (2, 2, 2), "pool_type": "sum"}),
    (
        "Pooling",
        (1, 2, 7, 7),
        {"kernel": (3, 3), "stride": (2, 3), "pad": (1, 2), "pool_type": "sum", "pooling_convention": "full"},
    ),
    ("Pooling", (1, 2, 4, 5), {"kernel": (1, 1), "stride": (2, 2), "pooling_convention": "full"}),
    ("Pooling", (1, 2, 6, 5), {"kernel": (1, 2), "stride": (2, 2), "pad": (1, 2)}),
    (
        "Pooling",
        (1, 2, 6, 5),
        {"kernel": (1, 2), "stride": (2, 2), "pad": (1, 1), "pool_type": "avg", "pooling_convention": "full"},
    ),
    (
        "Pooling",
        (1, 2, 8, 9),
        {"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1), "pool_type": "avg", "pooling_convention": "full"},
    ),
    (
        "Pooling",
        (1, 2, 8, 9),
        {"kernel": (4, 4), "stride": (3, 3), "pad": (1, 1), "pool_type": "avg", "count_include_pad": "False"},
    ),
    (
        "Pooling_v1",
        (1, 2, 8, 9),
        {"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1), "pool_type": "avg", "pooling_convention": "full"},
    ),
    ("Pooling_v1", (1, 2, 8, 9), {"kernel": (3, 3), "stride": (2, 2), "pad": (1, 1)}),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("op", "shape", "options"), _POOLINGS)
def test_pooling(tmp_path: Path, op: str, shape: tuple[int, ...], options: dict[str, Any], engine: str) -> None:
    data, axes = _normal(*shape), len(shape) - 2
    (got,) = apply(tmp_path, engine, op, data, **options)
    nominal = "real" if options.get("count_include_pad") == "False" else "nominal"
    expected = pool(
        data, options["kernel"], options.get("stride", (1,) * axes), options.get("pad", (0,) * axes),
        kind=options.get("pool_type", "max"), convention=options.get("pooling_convention", "valid"),
        counted="kernel" if op == "Pooling_v1" else nominal,
    )  # fmt: skip
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_pooling_with_channels_last_and_everywhere(tmp_path: Path, engine: str) -> None:
    data = _normal(2, 5, 6, 3)
    (got,) = apply(tmp_path / "last", engine, "Pooling", data, kernel="(2, 2)", layout="NHWC")
    expected = pool(data.transpose(0, 3, 1, 2), (2, 2), (1, 1), (0, 0), kind="max", convention="valid", counted="real")
    np.testing.assert_allclose(got, expected.transpose(0, 2, 3, 1))
    (got,) = apply(tmp_path / "sum", engine, "Pooling", data, pool_type="sum", global_pool="True")
    np.testing.assert_allclose(got, data.sum((2, 3), keepdims=True), rtol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_bilinear_upsampling(tmp_path: Path, engine: str, scale: int) -> None:
    size = 2 * scale - scale % 2
    data, weight = _normal(1, 2, 3, 4), _normal(2, 1, size, size)
    (got,) = apply(
        tmp_path, engine, "UpSampling", data, weights=(weight,), scale=scale, sample_type="bilinear", num_args=2
    )
    pad = -(-(scale - 1) // 2)
    full = np.zeros((1, 2, 2 * scale + size, 3 * scale + size))
    for row, column in np.ndindex(3, 4):
        at = np.s_[:, :, row * scale : row * scale + size, column * scale : column * scale + size]
        full[at] += data[:, :, row, column][:, :, None, None] * weight[None, :, 0]
    expected = full[:, :, pad : pad + 3 * scale, pad : pad + 4 * scale]
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"mode": "to_even_down"}, (6, 6)),
        ({"mode": "to_even_up"}, (8, 6)),
        ({"mode": "to_odd_down"}, (7, 5)),
        ({"mode": "to_odd_up"}, (7, 7)),
        ({"mode": "odd_scale", "scale_height": 0.5, "scale_width": 0.5}, (4, 3)),
        ({"scale_height": 2.5, "scale_width": 0.4}, (17, 2)),
        ({"height": 1, "width": 9}, (1, 9)),
    ],
)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("align", ["True", "False"])
def test_bilinear_resize(
    tmp_path: Path, engine: str, options: dict[str, Any], size: tuple[int, int], align: str
) -> None:
    data = _normal(1, 2, 7, 6)
    (got,) = apply(tmp_path, engine, "_contrib_BilinearResize2D", data, align_corners=align, **options)
    rows, columns = (_interpolation(n, m, align=align == "True") for n, m in zip((7, 6), size, strict=True))
    np.testing.assert_allclose(got, np.einsum("ri,ncij,sj->ncrs", rows, data, columns), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "mode", "size"),
    [((45, 50), "size", (63, 115)), ((46, 50), "odd_scale", (64, 115)), ((10, 20), "size", (14, 46))],
)
def test_sizes_are_computed_in_float32(
    tmp_path: Path, shape: tuple[int, int], mode: str, size: tuple[int, int]
) -> None:
    """In float64, 45 times 1.4 and 50 times 2.3 are a little less than 63 and 115."""
    options = {"mode": mode, "scale_height": 1.4, "scale_width": 2.3}
    (got,) = apply(tmp_path, "onnxruntime", "_contrib_BilinearResize2D", _normal(1, 1, *shape), **options)
    assert got.shape[2:] == size


def _interpolation(size: int, goal: int, *, align: bool) -> NDArray[np.float64]:
    matrix = np.zeros((goal, size))
    for index in range(goal):
        place = (
            (index * (size - 1) / (goal - 1) if goal > 1 else 0.0)
            if align
            else max((index + 0.5) * size / goal - 0.5, 0)
        )
        low = min(int(place), size - 1)
        high = min(low + 1, size - 1)
        matrix[index, low] += 1 - (place - low)
        matrix[index, high] += place - low
    return matrix


@pytest.mark.parametrize(
    ("op", "shape", "weights", "options", "words"),
    [
        ("Convolution", (1, 3, 5, 5), ((4, 2, 3, 3),), {"kernel": "(3, 3)", "no_bias": 1}, "expect 2 channels.* has 3"),
        ("Convolution", (1, 2, 5, 5), ((4, 2, 3, 3),), {"kernel": "(2, 2)", "no_bias": 1}, "do not fit the kernel"),
        ("Convolution", (1, 2, 5), ((4, 2, 3, 3),), {"kernel": "(3, 3)", "no_bias": 1}, "needs an input of 4 axes"),
        ("Convolution", (1, 2, 2, 2), ((4, 2, 3, 3),), {"kernel": "(3, 3)", "no_bias": 1}, "larger than its input"),
        ("Convolution", (1, 2, 5, 5), ((4, 2, 3, 3), (3,)), {"kernel": "(3, 3)"}, "bias has 3 values for 4"),
        (
            "Convolution",
            (1, 2, 5, 5),
            ((4, 2, 3, 3),),
            {"kernel": "(3, 3)", "num_filter": 9, "no_bias": 1},
            "num_filter=9",
        ),
        ("Convolution", (1, 2, 5, 5), ((4, 2, 3, 3),), {"kernel": "(3, 3)"}, "input 3 is missing"),
        ("Deconvolution", (1, 3, 5, 5), ((2, 4, 3, 3),), {"kernel": "(3, 3)"}, "expect 2 channels.* has 3"),
        (
            "Deconvolution",
            (1, 2, 5, 5),
            ((2, 4, 3, 3),),
            {"kernel": "(3, 3)", "target_shape": "(90, 90)"},
            "larger than",
        ),
        ("FullyConnected", (1, 3, 5), ((4, 9),), {"no_bias": 1}, r"expect 9 values.*\[1, 3, 5\] has 15"),
        ("FullyConnected", (1, 3), ((4, 3),), {"no_bias": 1, "num_hidden": 5}, "num_hidden=5"),
        ("BatchNorm", (1, 3, 5, 5), ((4,), (4,), (4,), (4,)), {}, r"gamma has 4 values.* has 3 channels"),
    ],
)
def test_layers_that_do_not_fit(
    tmp_path: Path, op: str, shape: tuple[int, ...], weights: Any, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(CompileError, match=words) as caught:
        apply(tmp_path, "onnxruntime", op, _normal(*shape), weights=tuple(_normal(*w) for w in weights), **options)
    assert "'op' (node" in str(caught.value)
