from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from sklearn import metrics as sklearn_metrics

from belvedere.core.errors import OptionError
from belvedere.tasks.anomaly.pixel_metrics import PixelAccumulator

BINS = 64


def pictures(seed, count=4, size=(20, 24)):
    """Heatmaps whose values are bin centres, so that binning loses nothing; several regions each."""
    generator = np.random.default_rng(seed)
    found = []
    for number in range(count):
        blobs = ndimage.gaussian_filter(generator.normal(size=size), 2)
        truth = (blobs > np.quantile(blobs, 0.85)).astype(np.uint8) if number else np.zeros(size, np.uint8)
        truth[generator.random(size) < 0.2] = 0
        heat = np.clip(0.3 * truth + generator.beta(2, 5, size), 0, 0.999)
        found.append((((np.floor(heat * BINS) + 0.5) / BINS).astype(np.float32), truth))
    return found


def accumulate(cases, threshold=0.5, bins=BINS):
    accumulator = PixelAccumulator(bins)
    for heat, truth in cases:
        accumulator.add(heat, heat >= threshold, truth, ("dent",))
    return accumulator.metrics()


def reference_aupro(cases, limit=0.3):
    """Every threshold, every region, one at a time (Bergmann et al. 2020)."""
    regions = []
    for heat, truth in cases:
        numbers, count = ndimage.label(truth, structure=np.ones((3, 3)))
        regions += [heat[numbers == number] for number in range(1, count + 1)]
    normal = np.concatenate([heat[truth == 0] for heat, truth in cases])
    rates, overlaps = [0.0], [0.0]
    for threshold in sorted({value for heat, _ in cases for value in heat.ravel()}, reverse=True):
        rates.append(np.mean(normal >= threshold))
        overlaps.append(np.mean([np.mean(region >= threshold) for region in regions]))
    fine = np.linspace(0, limit, 20001)
    heights = np.interp(fine, rates, overlaps)
    return np.sum((heights[1:] + heights[:-1]) / 2) * (fine[1] - fine[0]) / limit, len(regions)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_aupro_is_the_plain_definition(seed):
    cases = pictures(seed)
    expected, regions = reference_aupro(cases)
    found = accumulate(cases)
    assert found.regions == regions
    assert found.aupro == pytest.approx(expected, abs=2e-4)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_ranking_and_threshold_metrics_are_sklearns(seed):
    cases = pictures(seed)
    found = accumulate(cases)
    heat = np.concatenate([heat.ravel() for heat, _ in cases])
    truth = np.concatenate([truth.ravel() > 0 for _, truth in cases])
    assert found.auroc == pytest.approx(sklearn_metrics.roc_auc_score(truth, heat))
    assert found.average_precision == pytest.approx(sklearn_metrics.average_precision_score(truth, heat))
    assert found.f1 == pytest.approx(sklearn_metrics.f1_score(truth, heat >= 0.5))
    assert found.precision == pytest.approx(sklearn_metrics.precision_score(truth, heat >= 0.5))
    assert found.recall == pytest.approx(sklearn_metrics.recall_score(truth, heat >= 0.5))
    assert found.iou_pooled == pytest.approx(sklearn_metrics.jaccard_score(truth, heat >= 0.5))
    best = max(sklearn_metrics.f1_score(truth, heat >= cut / BINS) for cut in range(BINS))
    assert found.best_f1 == pytest.approx(best)
    assert sklearn_metrics.f1_score(truth, heat >= found.best_threshold) == pytest.approx(best)


def test_the_default_resolution_is_fine_enough_for_raw_values():
    generator = np.random.default_rng(4)
    truth = (generator.random((80, 80)) < 0.05).astype(np.uint8)
    heat = (generator.random((80, 80)) * 0.01 + 0.002 * truth).astype(np.float32)  # uses 1 % of the scale
    accumulator = PixelAccumulator()
    accumulator.add(heat, heat >= 0.5, truth, ("dent",))
    expected = sklearn_metrics.roc_auc_score(truth.ravel(), heat.ravel())
    assert accumulator.metrics().auroc == pytest.approx(expected, abs=1e-3)


def test_a_perfect_map_reaches_one_everywhere():
    truth = np.zeros((8, 8), np.uint8)
    truth[2:4, 2:5] = truth[6, 6] = 1
    found = accumulate([(np.where(truth, 0.9, 0.1).astype(np.float32), truth)])
    for name in ("auroc", "average_precision", "aupro", "f1", "iou", "iou_pooled", "best_f1"):
        assert getattr(found, name) == pytest.approx(1.0), name
    assert 0.1 < found.best_threshold <= 0.9


def test_small_regions_weigh_as_much_as_large_ones_in_aupro():
    truth = np.zeros((20, 20), np.uint8)
    truth[0:10, 0:10] = 1
    truth[15, 15] = 1
    heat = np.full((20, 20), 0.1, np.float32)
    heat[0:10, 0:10] = 0.9  # the large one is found, the small one lies as low as the background
    found = accumulate([(heat, truth)])
    # From 0.5 at false-positive rate 0 the straight line rises to (1, 1), so to 0.65 at 0.3.
    assert found.aupro == pytest.approx((0.5 + 0.65) / 2)
    assert found.auroc > 0.99


def test_types_are_judged_by_name_and_iou_is_the_mean_over_pictures():
    accumulator = PixelAccumulator(BINS)
    flat = np.full((2, 4), 0.9, np.float32)
    flagged = np.array([[1, 1, 1, 0], [0, 0, 0, 0]], dtype=bool)
    accumulator.add(  # dent: 2 of 2 right and one too many; scratch: missed
        flat,
        flagged,
        np.array([[1, 1, 0, 2], [0, 0, 0, 0]], np.uint8),
        ("dent", "scratch"),
        predicted=np.array([[2, 2, 2, 0], [0, 0, 0, 0]], np.uint8),
        predicted_types=("scratch", "dent"),
    )
    accumulator.add(  # other order of names; dent: 1 of 4
        flat,
        flagged,
        np.array([[2, 2, 2, 2], [0, 0, 0, 0]], np.uint8),
        ("scratch", "dent"),
        predicted=np.array([[2, 0, 0, 0], [0, 0, 0, 0]], np.uint8),
        predicted_types=("scratch", "dent"),
    )
    accumulator.add(  # nothing marked: a false alarm counts in the pooled values only
        flat,
        ~flagged,
        np.zeros((2, 4), np.uint8),
        predicted=np.array([[2, 0, 0, 0], [0, 0, 0, 0]], np.uint8),
        predicted_types=("scratch", "dent"),
    )
    found = accumulator.metrics()
    dent, scratch = found.types["dent"], found.types["scratch"]
    assert dent.iou == pytest.approx((2 / 3 + 1 / 4) / 2)
    assert dent.iou_pooled == pytest.approx(3 / 8)
    assert (dent.precision, dent.recall) == (pytest.approx(3 / 5), pytest.approx(3 / 6))
    assert dent.f1 == pytest.approx(6 / 11)
    assert (dent.pictures, dent.coverage) == (2, pytest.approx(5 / 6))
    assert (scratch.pictures, scratch.iou, scratch.recall, scratch.coverage) == (1, 0.0, 0.0, 0.0)
    assert scratch.precision is None
    assert found.pictures == 3


def test_a_model_without_types_has_only_coverage_per_type():
    found = accumulate(pictures(3)).types["dent"]
    assert found.coverage is not None
    assert (found.precision, found.recall, found.f1, found.iou, found.iou_pooled) == (None,) * 5


def test_nothing_marked_means_no_metrics():
    accumulator = PixelAccumulator()
    assert accumulator.metrics() is None
    zeros = np.zeros((4, 4), np.float32)
    accumulator.add(zeros, zeros > 0, np.zeros((4, 4), np.uint8))
    assert accumulator.metrics() is None


def test_everything_marked_leaves_ranking_undefined():
    found = accumulate([(np.full((4, 4), 0.7, np.float32), np.ones((4, 4), np.uint8))])
    assert (found.auroc, found.average_precision, found.aupro) == (None, None, None)
    assert found.recall == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"truth": np.zeros((3, 3), np.uint8)}, "one shape"),
        ({"truth": np.full((2, 2), 2, np.uint8)}, "index 2"),
        ({"predicted": np.ones((2, 2), np.uint8)}, "index 1, but 0"),
        ({"heatmap": np.full((2, 2), np.nan, np.float32)}, "not finite"),
    ],
)
def test_maps_that_do_not_fit_are_refused(change, message):
    maps = {
        "heatmap": np.zeros((2, 2), np.float32),
        "flagged": np.zeros((2, 2), bool),
        "truth": np.zeros((2, 2), np.uint8),
        "types": ("dent",),
    }
    with pytest.raises(OptionError, match=message):
        PixelAccumulator().add(**{**maps, **change})
