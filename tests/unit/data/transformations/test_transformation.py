"""Properties of every transformation at every level: repeatable, bounded, and nothing at level 0."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from belvedere.core.errors import OptionError
from belvedere.data.transformations import KINDS, LEVELS, Transformation
from helpers.instances import thing

NAMES = tuple(KINDS)
KEEPING = tuple(name for name in NAMES if name != "crop")


def _picture(width: int = 60, height: int = 40, seed: int = 0) -> np.ndarray:
    """Smooth colours with a few edges, so that blur, bends and compression all show."""
    y, x = np.mgrid[:height, :width]
    rng = np.random.default_rng(seed)
    image = np.stack([40 + 180 * x / max(width - 1, 1), 60 + 120 * y / max(height - 1, 1), 128 + 0 * x], axis=-1)
    for _ in range(6):
        left, top = int(rng.integers(width)), int(rng.integers(height))
        image[top : top + height // 4 + 1, left : left + width // 5 + 1] = rng.integers(0, 256, 3)
    return np.clip(image, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", range(1, LEVELS + 1))
def test_changes_the_picture_and_keeps_its_form(name, level):
    image = _picture(300, 200)
    before = image.copy()
    found = Transformation(name, level).image(image, picture="a")
    assert found.dtype == np.uint8
    assert found.ndim == 3
    assert (found.shape == image.shape) == (name != "crop")
    assert found.shape != image.shape or (found != image).any()
    assert (image == before).all(), "the picture that was given must stay as it is"


@pytest.mark.parametrize("name", NAMES)
def test_level_0_leaves_everything_as_it_is(name):
    image, instances = _picture(), (thing("a", -2, 3, 20, 70, area=7.0),)
    found, followed = Transformation(name, 0).apply(image, instances, picture="a")
    assert (found == image).all()
    assert followed == instances
    labels = np.arange(2400).reshape(40, 60)
    assert (Transformation(name, 0).labels(labels) == labels).all()


@given(
    name=st.sampled_from(NAMES),
    level=st.integers(1, LEVELS),
    width=st.integers(1, 24),
    height=st.integers(1, 24),
    seed=st.integers(0, 5),
)
@settings(max_examples=150, deadline=None)
def test_any_size_gives_a_picture_of_the_size_that_was_told(name, level, width, height, seed):
    transformation = Transformation(name, level, seed)
    image = _picture(width, height, seed)
    found, instances = transformation.apply(image, (thing("a", 0, 0, width, height),), picture=str(seed))
    assert found.shape[1::-1] == transformation.size(width, height, picture=str(seed))
    assert 1 <= found.shape[0] <= height
    assert 1 <= found.shape[1] <= width
    for instance in instances:
        left, top, right, bottom = instance.box_xyxy
        assert 0 <= left < right <= found.shape[1]
        assert 0 <= top < bottom <= found.shape[0]


@pytest.mark.parametrize("name", NAMES)
def test_depends_on_seed_and_picture_alone(name):
    image = _picture()
    first = Transformation(name, 4, seed=3).image(image, picture="a")
    assert (Transformation(name, 4, seed=3).image(image, picture="a") == first).all()
    others = [
        Transformation(name, 4, seed=s).image(image, picture=p) for s, p in ((3, "b"), (3, "c"), (4, "a"), (5, "a"))
    ]
    drawn = {"gamma", "shadow", "glare", "noise", "perspective", "crop"}
    assert any(one.shape != first.shape or (one != first).any() for one in others) == (name in drawn)


def test_a_shadow_lies_in_the_same_place_at_every_level():
    image = np.full((80, 120, 3), 200, np.uint8)
    masks = [Transformation("shadow", level).image(image, picture="a")[..., 0] < 199 for level in (2, 5)]
    assert masks[0].any()
    assert (masks[0] & masks[1]).sum() >= 0.97 * max(mask.sum() for mask in masks)


@pytest.mark.parametrize("name", NAMES)
def test_higher_levels_change_more(name):
    image = _picture(120, 90)
    if name == "crop":
        areas = [np.prod(Transformation(name, level).size(120, 90)) for level in range(LEVELS + 1)]
        assert areas == sorted(areas, reverse=True)
        return
    changes = [
        float(np.abs(Transformation(name, level).image(image, picture="a").astype(int) - image).mean())
        for level in range(LEVELS + 1)
    ]
    assert changes[0] == 0
    assert all(later > 1.05 * earlier for earlier, later in pairwise(changes[1:])), changes


def test_names_that_are_no_text_have_a_place_too():
    name = b"\xff.jpg".decode("utf-8", "surrogateescape")
    assert Transformation("noise", 1).image(_picture(), picture=name).shape == (40, 60, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fog", 1), "unknown transformation 'fog': expected one of underexposure"),
        (("blur", 6), "level 6 of 'blur': expected 0 to 5"),
        (("blur", -1), "level -1 of 'blur'"),
        (("blur", 1, -1), "seed -1"),
    ],
)
def test_refuses_what_there_is_not(arguments, message):
    with pytest.raises(OptionError, match=message):
        Transformation(*arguments)


@pytest.mark.parametrize(
    "array",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)],
)
def test_refuses_what_is_no_rgb_picture(array):
    with pytest.raises(OptionError, match="expected uint8"):
        Transformation("blur", 1).image(array)


def test_each_kind_paints_or_moves_and_has_five_levels():
    for kind in KINDS.values():
        assert (kind.paint is None) != (kind.move is None)
        assert (kind.move is not None) == (kind.group == "distortion")
        assert len(kind.levels) == LEVELS


def test_the_manual_states_the_parameters():
    page = Path(__file__).resolve().parents[4] / "docs" / "how-to" / "robustness.md"
    lines = page.read_text(encoding="utf-8").splitlines()
    for kind in KINDS.values():
        for name in kind.levels[0]:
            values = " | ".join(f"{level[name]:g}".replace("-", "−") for level in kind.levels)
            assert any(f"`{kind.name}`" in line and f"| {values} |" in line for line in lines), f"{kind.name}: {values}"
