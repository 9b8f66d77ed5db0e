"""Turned copies: what is turned, which cells show the picture, and when turning helps."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from belvedere.training.anomaly.turning import angles, shown, turned, turning_helps
from belvedere.training.anomaly.turns import natural_turns
from helpers.features import tiny_backbone


def test_angles() -> None:
    assert angles(3) == [90, 180, 270]
    assert len(angles(11)) == 11
    assert 0 not in angles(11)


def test_a_half_turn_is_exact() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    assert np.array_equal(turned(picture, 180), picture[::-1, ::-1])


def test_a_quarter_turn_of_a_square_is_exact() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    assert np.array_equal(turned(picture, 90), np.rot90(picture))


@pytest.mark.parametrize("size", [(40, 40), (30, 80), (80, 30), (3, 50)])
def test_size_stays_and_corners_take_the_border(size: tuple[int, int]) -> None:
    height, width = size
    picture = np.full((height, width, 3), 130, np.uint8)
    for angle in (30.0, 90.0, 211.0):
        copy = turned(picture, angle)
        assert copy.shape == picture.shape
        assert copy.min() == copy.max() == 130


@pytest.mark.parametrize("angle", [30.0, 45.0, 90.0, 180.0, 330.0])
@pytest.mark.parametrize(("rows", "columns"), [(20, 20), (12, 30)])
def test_shown_leaves_out_the_corners(angle: float, rows: int, columns: int) -> None:
    """A white picture on black, turned: the cells shown are white all over."""
    mask = shown(rows, columns, angle)
    white = Image.new("L", (columns * 16, rows * 16), 255).rotate(angle, Image.Resampling.BILINEAR)
    full = np.asarray(white).reshape(rows, 16, columns, 16).min(axis=(1, 3)) == 255
    assert mask.shape == (rows * columns,)
    assert mask.mean() > 0.2
    # Up to the half pixel by which the resampling blurs.
    assert (mask & ~full.reshape(-1)).mean() < 0.03
    assert (full.reshape(-1) & ~mask).mean() < 0.12


def test_a_half_turn_shows_everything() -> None:
    assert shown(9, 13, 180.0).all()


def hammer(angle: float, seed: int, side: int = 128) -> np.ndarray:
    """An asymmetric part on a plain ground, turned about the middle, with some noise."""
    picture = np.full((side, side, 3), 70, np.uint8)
    picture[58:70, 20:100] = (200, 170, 60)
    picture[40:88, 88:108] = (60, 60, 200)
    picture = turned(picture, angle)
    noise = np.random.default_rng(seed).normal(0, 2, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def grain(seed: int, side: int) -> np.ndarray:
    """A fine texture that looks alike from every side, with a camera's noise."""
    rng = np.random.default_rng(seed)
    noise = Image.fromarray(rng.integers(0, 256, (2 * side, 2 * side), dtype=np.uint8))
    smooth = np.asarray(noise.filter(ImageFilter.GaussianBlur(4)), np.float32)[side // 2 :, side // 2 :][:side, :side]
    grey = 120 + 25 * (smooth - smooth.mean()) / smooth.std()
    return np.clip(grey[..., None] + rng.normal(0, 3, (side, side, 3)), 0, 255).astype(np.uint8)


def answer(pictures: list[np.ndarray], side: int = 128) -> bool:
    """What ``natural_turns`` finds, with the bundled backbone."""
    from types import SimpleNamespace

    from belvedere.training.anomaly.geometry import Geometry
    from belvedere.training.anomaly.options import TrainOptions
    from belvedere.training.backbones import bundled_backbone

    records = [SimpleNamespace(image=lambda exif, picture=picture: picture) for picture in pictures]
    backbone = bundled_backbone()
    views = natural_turns(
        SimpleNamespace(records=records, normal=records),  # type: ignore[arg-type]
        backbone, Geometry(side, side, backbone.stride), TrainOptions(), lambda *_: None,
    )  # fmt: skip
    return bool(views.angles)


@pytest.mark.slow
def test_a_part_photographed_at_any_angle_is_turned() -> None:
    rng = np.random.default_rng(0)
    assert answer([hammer(float(angle), seed) for seed, angle in enumerate(rng.uniform(0, 360, 6))])


@pytest.mark.slow
def test_a_part_in_a_fixed_pose_is_not() -> None:
    rng = np.random.default_rng(0)
    assert not answer([hammer(float(angle), seed) for seed, angle in enumerate(rng.normal(0, 1, 6))])


@pytest.mark.slow
@pytest.mark.parametrize(("first", "side"), [(0, 256), (0, 128), (100, 128), (1400, 128), (1100, 64)])
def test_an_isotropic_texture_is_not(first: int, side: int) -> None:
    """Small pictures of it resemble each other at some angle by chance, but these angles do not fit together."""
    assert not answer([grain(first + number, side) for number in range(5)], side)


@pytest.mark.slow
def test_camera_noise_is_not() -> None:
    assert not answer([np.random.default_rng(n).integers(0, 256, (64, 64, 3), dtype=np.uint8) for n in range(5)], 64)


@pytest.mark.slow
def test_a_symmetric_part_photographed_at_any_angle_is_turned() -> None:
    """A square looks the same at four angles: which of them is taken for the best is chance."""
    rng = np.random.default_rng(3)
    square = np.full((128, 128, 3), 70, np.uint8)
    square[32:96, 32:96] = (200, 170, 60)
    square[56:72, 56:72] = (60, 60, 200)
    pictures = []
    for number, angle in enumerate(rng.uniform(0, 360, 5)):
        noise = np.random.default_rng(number).normal(0, 2, square.shape)
        pictures.append(np.clip(turned(square, float(angle)) + noise, 0, 255).astype(np.uint8))
    assert answer(pictures)


def test_without_room_for_copies_nothing_is_compared() -> None:
    from types import SimpleNamespace

    from belvedere.training.anomaly.geometry import Geometry
    from belvedere.training.anomaly.options import TrainOptions

    def image(exif: bool) -> np.ndarray:
        raise AssertionError("no picture is needed")

    many = [SimpleNamespace(image=image)] * 100_000
    pictures = SimpleNamespace(records=many, normal=many)
    views = natural_turns(pictures, tiny_backbone(), Geometry(128, 128, 8), TrainOptions(), lambda *_: None)  # type: ignore[arg-type]
    assert views.angles == ()


def test_gain_is_measured_between_pictures_not_within() -> None:
    """One picture alone, or copies that explain nothing, give no."""
    rng = np.random.default_rng(0)
    plain = [rng.standard_normal((40, 4)).astype(np.float32) for _ in range(3)]
    assert not turning_helps(plain[:1], [[plain[0]]], 0)
    far = [[cells + 100] for cells in plain]
    assert not turning_helps(plain, far, 0)
    cured = [[np.concatenate(plain)]] * 3
    assert turning_helps(plain, cured, 0)


def test_pictures_without_any_difference_are_not_turned() -> None:
    flat = [np.zeros((40, 4), np.float32)] * 3
    assert not turning_helps(flat, [[flat[0]] * 11] * 3, 0)


def test_angles_that_fit_together_are_told_from_others() -> None:
    """Every pair gains; with pictures at 0, 60 and 150 degrees the copies fit, with shuffled copies they do not."""
    rng = np.random.default_rng(5)
    directions = [rng.standard_normal((60, 8)).astype(np.float32) * 10 for _ in range(12)]
    noise = [rng.standard_normal((60, 8)).astype(np.float32) * 0.1 for _ in range(3)]
    poses = [0, 2, 5]
    plain = [directions[pose] + extra for pose, extra in zip(poses, noise, strict=True)]
    copies = [[directions[(pose + step) % 12] for step in range(1, 12)] for pose in poses]
    assert turning_helps(plain, copies, 0)
    wrong = [[copies[number][step] for step in np.random.default_rng(number).permutation(11)] for number in range(3)]
    assert not turning_helps(plain, wrong, 0)
