from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.core.errors import OptionError
from belvedere.tasks.detection import DetectionDecoder, decode_detection
from belvedere.tasks.detection.soft_suppression import soften
from belvedere.tasks.detection.suppression import suppress
from belvedere.vision.placement import Placement


def iou(first, second):
    across = min(first[2], second[2]) - max(first[0], second[0])
    down = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(across, 0) * max(down, 0)
    whole = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)) - shared
    return shared / whole if whole > 0 else 0.0


def naive(boxes, scores, classes, method, limit, sigma, threshold, most):
    """Figure 2 of Bodla et al. 2017, class by class: keep the best, rescore the rest, and so on."""
    left, kept = {i: float(score) for i, score in enumerate(scores) if score >= threshold}, []
    while left and len(kept) < most:
        best = max(left, key=lambda i: (left[i], -i))
        kept.append((best, left.pop(best)))
        for i in list(left):
            if classes[i] != classes[best]:
                continue
            overlap = iou(boxes[best], boxes[i])
            factor = math.exp(-(overlap**2) / sigma)
            if method == "linear":
                factor = 1 - overlap if overlap > limit else 1
            left[i] *= factor
            if left[i] < threshold:
                del left[i]
    return kept


def drawn(seed, count):
    rng = np.random.default_rng(seed)
    boxes = rng.uniform(0, 40, (count, 4))
    boxes[:, 2:] += boxes[:, :2]
    return boxes, rng.random(count), rng.integers(0, 2, count)


@given(
    st.integers(0, 12), st.integers(0, 999), st.sampled_from(["linear", "gaussian"]), st.floats(0, 1),
    st.sampled_from([0.1, 0.5, 2.0]), st.sampled_from([0.001, 0.2]), st.integers(1, 12),
)  # fmt: skip
def test_as_the_paper_writes_it(count, seed, method, limit, sigma, threshold, most):
    boxes, scores, classes = drawn(seed, count)
    found, order = soften(boxes, scores, classes, method=method, iou=limit, sigma=sigma, threshold=threshold, most=most)
    wanted = naive(boxes, scores, classes, method, limit, sigma, threshold, most)
    assert order.tolist() == [index for index, _ in wanted]
    assert found[order] == pytest.approx(np.array([score for _, score in wanted]), rel=1e-5)
    assert (np.diff(found[order]) <= 0).all()


def test_linear_without_overlap_over_the_limit_keeps_scores():
    boxes, scores, classes = drawn(1, 9)
    found, order = soften(boxes, scores, classes, method="linear", iou=1.0, sigma=0.5, threshold=0.0, most=99)
    assert found == pytest.approx(scores.astype(np.float32))
    assert order.tolist() == suppress(boxes, scores, classes, 1.0, 99).tolist()


ROWS = np.array([[[50, 50, 40, 40, 1, 0.9, 0], [54, 50, 40, 40, 1, 0.8, 0], [54, 50, 40, 40, 1, 0, 0.7]]], np.float32)


def decoded(**settings):
    decoder = DetectionDecoder("yolo", ("rows",), iou=0.5, **settings)
    place = Placement(100, 100, 100, 100, 1, 1)
    return decode_detection({"rows": ROWS}, decoder, place, np.zeros((100, 100, 3), np.uint8))


def test_a_decoder_may_ask_for_it():
    overlap = 36 / 44
    assert decoded().scores == pytest.approx([0.9, 0.7])
    soft = decoded(suppression="soft-linear", threshold=0.1)
    assert soft.scores == pytest.approx([0.9, 0.7, 0.8 * (1 - overlap)])
    assert soft.class_ids.tolist() == [0, 1, 0]
    bell = decoded(suppression="soft-gaussian", sigma=0.5, threshold=0.1)
    assert bell.scores == pytest.approx([0.9, 0.7, 0.8 * math.exp(-(overlap**2) / 0.5)])
    assert len(decoded(suppression="soft-linear", threshold=0.3)) == 2


@pytest.mark.parametrize(
    "settings", [{"suppression": "hardest"}, {"sigma": 0.0}, {"suppression": "soft-linear", "iou": None}]
)
def test_settings_without_sense(settings):
    with pytest.raises(OptionError):
        DetectionDecoder("gluoncv", ("a", "b", "c"), **{"iou": 0.5, **settings})
