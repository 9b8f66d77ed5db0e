from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, jaccard_score

from belvedere.tasks.segmentation import SegmentationMeter


def test_figures_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    meter, truths, predictions = SegmentationMeter(6), [], []
    for _ in range(4):
        truth = rng.integers(0, 5, (20, 30)).astype(np.uint8)
        predicted = np.where(rng.random(truth.shape) < 0.6, truth, rng.integers(0, 5, truth.shape)).astype(np.uint8)
        meter.add(predicted, truth)
        truths.append(truth.ravel())
        predictions.append(predicted.ravel())
    true, said, found = np.concatenate(truths), np.concatenate(predictions), meter.metrics()
    iou = jaccard_score(true, said, labels=range(5), average=None)
    assert [found.classes[class_] for class_ in range(5)] == pytest.approx(iou.tolist())
    counts = confusion_matrix(true, said, labels=range(6))
    assert found.confusion[:, :-1].tolist() == counts.tolist()
    assert not found.confusion[:, -1].any()
    recall = np.diag(counts)[:5] / counts.sum(axis=1)[:5]
    assert [found.accuracy[class_] for class_ in range(5)] == pytest.approx(recall.tolist())
    assert found.mean_iou == pytest.approx(iou.mean())
    assert found.mean_accuracy == pytest.approx(recall.mean())
    assert found.pixel_accuracy == pytest.approx(np.mean(true == said))


def test_pixels_that_are_not_judged_and_pixels_without_a_class():
    meter = SegmentationMeter(300)
    truth = np.array([[0, 299, -1, 255, 3]], dtype=np.int16)
    meter.add(np.array([[0, -1, 5, 6, 4]], dtype=np.int16), truth)
    found = meter.metrics()
    assert found.confusion.sum() == 3
    assert found.confusion[299, 300] == 1
    assert found.classes == {0: 1.0, 3: 0.0, 4: 0.0, 299: 0.0}
    assert found.accuracy == {0: 1.0, 3: 0.0, 299: 0.0}
    assert found.mean_accuracy == pytest.approx(1 / 3)
    assert SegmentationMeter(2).metrics().mean_accuracy is None
