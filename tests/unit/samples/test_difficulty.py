"""No statistic of colours alone may tell good boards from bad ones."""

from __future__ import annotations

import numpy as np
import pytest

from belvedere.samples import DEFECTS, draw_board

SIZE = (240, 180)
COUNT = 40
LIMIT = 0.75


@pytest.fixture(scope="module")
def pictures(board):
    """Reference, normal and anomalous pictures, all from different seeds."""
    reference = [draw_board(5000 + i, size=SIZE, board=board).image for i in range(20)]
    normal = [draw_board(i, size=SIZE, board=board).image for i in range(COUNT)]
    anomalous = [draw_board(1000 + i, DEFECTS[i % len(DEFECTS)], size=SIZE, board=board).image for i in range(COUNT)]
    return reference, normal, anomalous


def _auroc(normal: list[float], anomalous: list[float]) -> float:
    """Area under the curve of the better direction."""
    a, b = np.array(normal)[:, None], np.array(anomalous)[None, :]
    area = float(((b > a) + 0.5 * (b == a)).mean())
    return max(area, 1 - area)


def _channels(image: np.ndarray) -> np.ndarray:
    """Red, green, blue, luminance and saturation, each 0..255; (5, h * w)."""
    rgb = image.reshape(-1, 3).T.astype(float)
    luminance = np.array([0.299, 0.587, 0.114]) @ rgb
    high, low = rgb.max(axis=0), rgb.min(axis=0)
    return np.stack([*rgb, luminance, 255 * (high - low) / np.maximum(high, 1)])


def _histogram(image: np.ndarray) -> np.ndarray:
    levels = (image // 32).astype(int) @ np.array([64, 8, 1])
    return np.bincount(levels.ravel(), minlength=512) / levels.size


@pytest.mark.slow
def test_pixels_over_any_colour_threshold_do_not_tell(pictures):
    _, normal, anomalous = pictures
    thresholds = np.arange(8, 256, 8)
    good, bad = (
        np.array([[np.searchsorted(np.sort(c), thresholds) for c in _channels(image)] for image in images])
        for images in (normal, anomalous)
    )
    worst = max(_auroc(good[:, c, t], bad[:, c, t]) for c in range(5) for t in range(len(thresholds)))
    assert worst < LIMIT


@pytest.mark.slow
def test_mean_colour_does_not_tell(pictures):
    _, normal, anomalous = pictures
    good, bad = ([_channels(image).mean(axis=1) for image in images] for images in (normal, anomalous))
    assert max(_auroc([g[c] for g in good], [b[c] for b in bad]) for c in range(5)) < LIMIT


@pytest.mark.slow
def test_distance_from_the_normal_histogram_does_not_tell(pictures):
    reference, normal, anomalous = pictures
    usual = np.mean([_histogram(image) for image in reference], axis=0)
    good, bad = ([float(abs(_histogram(image) - usual).sum()) for image in images] for images in (normal, anomalous))
    assert _auroc(good, bad) < LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("summary", [np.max, np.mean, lambda d: np.quantile(d, 0.999)])
def test_difference_from_the_mean_picture_does_not_tell(pictures, summary):
    reference, normal, anomalous = pictures
    usual = np.mean([image.astype(float) for image in reference], axis=0)
    good, bad = ([float(summary(abs(image - usual))) for image in images] for images in (normal, anomalous))
    assert _auroc(good, bad) < LIMIT


@pytest.mark.slow
def test_the_measure_itself_can_tell(pictures):
    """A board with a gaudy defect is found by these statistics, so the tests above can fail."""
    _, normal, anomalous = pictures
    gaudy = []
    for image in anomalous:
        painted = image.copy()
        painted[80:100, 80:110] = (255, 0, 255)
        gaudy.append(painted)
    red = [[(_channels(image)[0] > 232).sum() for image in images] for images in (normal, gaudy)]
    assert _auroc(*red) > 0.9
