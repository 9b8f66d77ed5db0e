"""Reading detectors that write boxes relative to prior boxes, and sets of queries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from belvedere.core.errors import EngineError
from belvedere.tasks.detection.priors import decode_boxes, prior_boxes
from belvedere.tasks.detection.rows import Array, Reading, Rows, best_class, class_scores, corners, every_class


def read_ssd_raw(arrays: Sequence[Array], reading: Reading) -> Rows:
    """SSD without its suppression (Liu et al. 2016): box codes, class numbers, and priors in a third output or not.

    Every class of a prior that reaches the threshold counts, as in SSD's own post-processing.
    """
    codes, numbers, *third = arrays
    codes = codes.reshape(-1, 4) if codes.size % 4 == 0 else codes
    if codes.shape[-1] != 4:
        raise EngineError(f"box codes have shape {codes.shape}: expected four numbers each")
    count = len(codes)
    priors, variances = _priors(third[0], reading) if third else (prior_boxes(reading.priors), reading.variances)
    if len(priors) != count or (numbers.size % count if count else numbers.size):
        raise EngineError(
            f"{count} box codes, {len(priors)} prior boxes and class numbers of shape {numbers.shape}: "
            "expected as many of each"
        )
    if not count:
        raise EngineError("the network writes no box codes: expected one for each prior box")
    scores = class_scores("class numbers", numbers.reshape(count, -1), reading)
    best, ids, used = every_class(scores, reading.threshold)
    chosen = codes[used]
    if reading.box_order == "yxhw":
        chosen = chosen[:, [1, 0, 3, 2]]
    return Rows(decode_boxes(chosen, priors[used], variances) * reading.twice, best, ids, used)


def read_detr(arrays: Sequence[Array], reading: Reading) -> Rows:
    """Queries of DETR and its successors: class numbers (n, C) and boxes (n, 4), centre and size 0..1.

    Softmax with no-object at the end (DETR, YOLOS): each query has its best class. Sigmoid (Deformable DETR, RT-DETR,
    D-FINE, RF-DETR): the highest pairs of query and class, as many as there are queries; a query may be there twice.
    This is what ``post_process_object_detection`` of ``DetrImageProcessor`` and ``RTDetrImageProcessor`` in
    transformers do.
    """
    numbers, boxes = arrays
    if len(numbers) != len(boxes):
        raise EngineError(f"{len(numbers)} queries with classes and {len(boxes)} with boxes: expected one each")
    scores = class_scores("class numbers of queries", numbers, reading)
    if reading.activation == "softmax":
        best, ids, used = best_class(scores, reading.threshold)
    else:
        best, ids, used = every_class(scores, reading.threshold)
        if len(best) > len(boxes):
            first = np.argsort(-best, kind="stable")[: len(boxes)]
            best, ids, used = best[first], ids[first], used[first]
    chosen = boxes[used]
    return Rows(corners(chosen[:, :2], chosen[:, 2:]) * reading.twice, best, ids, used)


def _priors(given: Array, reading: Reading) -> tuple[Array, Sequence[float]]:
    """Priors that the network writes, as centre and size, and the variances.

    Caffe's ``PriorBox`` has two rows, the variances in the second.
    """
    variances: Sequence[float] = reading.variances
    values = given
    if given.ndim == 2 and given.shape[0] == 2 and given.shape[1] % 4 == 0 and given.shape[1] != 4:
        own = given[1].reshape(-1, 4)
        if not np.array_equal(own, np.broadcast_to(own[:1], own.shape)):
            raise EngineError("the network's prior boxes have variances that differ: expected one set for all")
        variances, values = own[0].tolist(), given[0]
    if values.size % 4:
        raise EngineError(f"prior boxes have shape {given.shape}: expected four numbers each")
    rows = values.reshape(-1, 4)
    if reading.priors_as == "centers":
        return (rows[:, [1, 0, 3, 2]] if reading.box_order == "yxhw" else rows), variances
    low, high = rows[:, :2], rows[:, 2:]
    return np.concatenate([(low + high) / 2, high - low], axis=1), variances
