"""``preprocessor_config.json`` in our terms, case by case; equality with transformers is in test_hub_models."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.core.errors import CompileError
from belvedere.runtime.inputs import ImageInput
from belvedere.zoo.hub.preprocessor import PictureInput, read_preprocessor

PLAIN = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.25, 0.3], "resample": 2}


def read(kind: str, own: tuple[int, int] | None = None, **fields: Any) -> PictureInput:
    return read_preprocessor({**PLAIN, **fields}, {"model_type": kind}, "model x", own)


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        ("rt_detr_v2", {"size": {"height": 640, "width": 640}}, ("stretch", 640, 640, None)),
        ("segformer", {"size": 512}, ("stretch", 512, 512, None)),
        ("vit", {"size": 224}, ("stretch", 224, 224, None)),
        ("detr", {"size": {"shortest_edge": 800, "longest_edge": 1333}}, ("stretch", 1067, 800, None)),
        ("detr", {"size": 800, "max_size": 1333}, ("stretch", 1067, 800, None)),
        ("mask2former", {"size": {"shortest_edge": 800, "longest_edge": 1333}}, ("stretch", 1088, 800, None)),
        ("mask2former", {"size": {"height": 384, "width": 384}}, ("stretch", 384, 384, None)),
        ("convnext", {"size": {"shortest_edge": 224}, "crop_pct": 0.875}, ("crop", 224, 224, 256)),
        ("convnext", {"size": {"shortest_edge": 224}}, ("crop", 224, 224, 256)),
        ("convnext", {"size": 384}, ("stretch", 384, 384, None)),
        ("resnet", {"size": 224, "crop_pct": None}, ("crop", 224, 224, 256)),
        ("dinov2", {"size": {"shortest_edge": 256}, "do_center_crop": True,
                    "crop_size": {"height": 224, "width": 224}}, ("crop", 224, 224, 256)),
        ("eomt", {"size": {"shortest_edge": 640, "longest_edge": 640}, "do_pad": True}, ("letterbox", 640, 640, None)),
        ("eomt", {"size": {"shortest_edge": 512}, "do_split_image": True}, ("stretch", 512, 512, None)),
        ("vitpose", {"size": {"height": 256, "width": 192}}, ("letterbox", 192, 256, None)),
    ],
)  # fmt: skip
def test_sizes(kind: str, fields: dict[str, Any], expected: tuple[str, int, int, int | None]) -> None:
    found = read(kind, **fields)
    assert (found.mode, found.width, found.height, found.short) == expected


def test_a_size_of_the_users_own() -> None:
    found = read("detr", (640, 480), size={"shortest_edge": 800, "longest_edge": 1333})
    assert (found.width, found.height) == (640, 480)
    crop = read("dinov2", (448, 448), size={"shortest_edge": 256}, do_center_crop=True, crop_size=224)
    assert (crop.width, crop.short) == (448, 512)


def test_what_one_size_cannot_do_is_told() -> None:
    assert "--size" in read("detr", size={"shortest_edge": 800, "longest_edge": 1333}).note
    assert "windows" in read("eomt", size={"shortest_edge": 512}, do_split_image=True).note
    assert not read("rt_detr", size=640).note


def test_normalisation() -> None:
    found = read("vit", size=224, resample=3)
    assert (found.scale, found.mean, found.std, found.kernel) == (1 / 255, (0.5, 0.4, 0.3), (0.2, 0.25, 0.3), "bicubic")
    bare = read("rt_detr", size=64, do_normalize=False, image_mean=None)
    assert (bare.mean, bare.std) == ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    assert read("vit", size=224, do_rescale=False).scale == 1.0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "says size None"),
        ({"size": {"height": 640}}, "says size"),
        ({"size": 0}, "says size 0"),
        ({"size": 224, "resample": 9}, "says resample 9"),
        ({"size": 224, "image_mean": [1, 2]}, "says image_mean"),
        ({"size": 224, "image_std": [0, 1, 1]}, "says image_std"),
        ({"size": 224, "rescale_factor": "x"}, "says rescale_factor"),
        ({"size": 224, "do_resize": False}, "--size"),
        ({"size": {"shortest_edge": 200}, "do_center_crop": True}, "says crop_size None"),
    ],
)
def test_what_is_wrong(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(CompileError, match="model x") as caught:
        read("vit", **fields)
    assert message in str(caught.value)


values = st.none() | st.booleans() | st.integers(-5, 3000) | st.floats() | st.text(max_size=3)
objects = st.dictionaries(st.sampled_from(["height", "width", "shortest_edge", "longest_edge"]), values, max_size=4)


@given(
    st.dictionaries(
        st.sampled_from(
            ["size", "crop_size", "resample", "image_mean", "image_std", "rescale_factor", "do_resize", "do_rescale",
             "do_normalize", "do_center_crop", "do_split_image", "crop_pct", "max_size", "size_divisor"]
        ),
        values | objects | st.lists(values, max_size=4),
    ),
    st.sampled_from(["detr", "convnext", "vit", "eomt", "vitpose", "mask2former", "dinov2"]),
)  # fmt: skip
def test_any_file_gives_a_usable_input_or_an_error(preprocessor: dict[str, Any], kind: str) -> None:
    try:
        found = read_preprocessor(preprocessor, {"model_type": kind}, "model x")
    except CompileError:
        return
    ImageInput.model_validate(
        {
            "name": "image", "shape": [1, 3, found.height, found.width], "scale": found.scale, "mean": found.mean,
            "std": found.std,
            "resize": {"mode": found.mode, "kernel": found.kernel, "width": found.width, "height": found.height,
                       "short": found.short, "anchor": found.anchor, "fill": found.fill},
        }
    )  # fmt: skip
