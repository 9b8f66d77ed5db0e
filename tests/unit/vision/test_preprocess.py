from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from belvedere.core.errors import ImageError, OptionError
from belvedere.vision.decode import load_image
from belvedere.vision.preprocess import Preprocess
from belvedere.vision.resize import KERNELS
from unit.vision.pictures import encoded, scene

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", [(32, 16), (40, 24), (64, 50)])
def test_is_the_formula_bit_for_bit(kernel, size):
    rgb = scene()
    resized = np.asarray(Image.fromarray(rgb).resize(size, KERNELS[kernel]))
    f = np.float32
    naive = (resized.astype(f) * f(1 / 255) - np.array(IMAGENET["mean"], f)) / np.array(IMAGENET["std"], f)
    tensor = Preprocess(*size, kernel=kernel, **IMAGENET).apply(rgb)
    assert tensor.dtype == np.float32
    assert tensor.shape == (1, 3, size[1], size[0])
    assert tensor.flags.c_contiguous
    assert np.array_equal(tensor[0], naive.transpose(2, 0, 1))


def test_color_and_layout():
    rgb = scene()
    plain = Preprocess(20, 12, **IMAGENET).apply(rgb)
    swapped = {name: values[::-1] for name, values in IMAGENET.items()}
    assert np.array_equal(Preprocess(20, 12, color="BGR", **swapped).apply(rgb), plain[:, ::-1])
    last = Preprocess(20, 12, layout="NHWC", **IMAGENET).apply(rgb)
    assert last.shape == (1, 12, 20, 3)
    assert last.flags.c_contiguous
    assert np.array_equal(last.transpose(0, 3, 1, 2), plain)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize(
    ("scale", "mean", "std"),
    [(1.0, (0.0,), (1.0,)), (1.0, (103.53, 0.0, 123.675), (57.375, 57.12, 1.0)), (1 / 127.5, (1.0,), (1.0,))],
)
def test_steps_that_are_left_out_change_nothing(layout, scale, mean, std):
    rgb = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    f = np.float32
    naive = (rgb[..., ::-1].astype(f) * f(scale) - np.array(mean, f)) / np.array(std, f)
    settings = {"color": "BGR", "layout": layout, "scale": scale, "mean": mean, "std": std}
    tensor = Preprocess(16, 16, **settings).apply(rgb)
    assert np.array_equal(tensor[0], naive if layout == "NHWC" else naive.transpose(2, 0, 1))
    half = Preprocess(16, 16, dtype="float16", **settings).apply(rgb)
    assert half.dtype == np.float16
    assert np.array_equal(half, tensor.astype(np.float16))


def test_a_letterbox_of_an_uneven_colour():
    tensor = Preprocess(10, 40, mode="letterbox", fill=(1, 2, 3), scale=1.0).apply(scene())
    assert np.array_equal(tensor[0, :, 0, 0], [1, 2, 3])
    assert np.array_equal(tensor[0, :, -1, -1], [1, 2, 3])


def test_the_same_picture_gives_the_same_tensor_through_every_entry(tmp_path):
    data = encoded(scene(), "JPEG")
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    preprocess = Preprocess(31, 17, **IMAGENET)
    tensors = [preprocess.apply(load_image(source)) for source in (data, path, Image.open(path))]
    tensors.append(preprocess.apply(load_image(load_image(data))))
    assert all(np.array_equal(tensor, tensors[0]) for tensor in tensors)


def test_lists_become_tuples_so_that_equal_settings_are_equal():
    assert Preprocess(8, 8, mean=[0, 0, 0]) == Preprocess(8, 8)
    assert hash(Preprocess(8, 8, std=[1, 1, 1])) == hash(Preprocess(8, 8))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"width": 0}, "width"),
        ({"height": 2.5}, "height"),
        ({"width": True}, "width"),
        ({"kernel": "area"}, "kernel.*bilinear"),
        ({"scale": 0}, "scale"),
        ({"scale": float("nan")}, "scale"),
        ({"mean": (1, 2)}, "mean"),
        ({"mean": (0, float("inf"), 0)}, "mean"),
        ({"std": (1, 0, 1)}, "std"),
        ({"color": "GREY"}, "RGB, BGR or GRAY"),
        ({"layout": "CHW"}, "NCHW or NHWC"),
    ],
)
def test_fields_are_checked(fields, message):
    with pytest.raises(OptionError, match=message):
        Preprocess(**{"width": 8, "height": 8, **fields})


@pytest.mark.parametrize("array", [scene() / 255, scene()[..., 0], scene()[:0], scene().transpose(2, 0, 1)])
def test_other_arrays_are_refused(array):
    with pytest.raises(ImageError, match="RGB uint8"):
        Preprocess(8, 8).apply(array)
