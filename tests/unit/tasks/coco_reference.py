"""pycocotools' verdict on the same detections, and random ones to judge."""

from __future__ import annotations

import contextlib
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from belvedere.tasks.detection.compared import Found, Truth
from belvedere.tasks.pose import COCO_SIGMAS
from belvedere.vision.rle import RunLengths, encode, to_coco

OF_KIND = {"box": "bbox", "mask": "segm", "keypoints": "keypoints"}
HUGE = 4e10
"""An area beyond all of COCO's sizes: the only way to make pycocotools ignore what is no crowd."""


def xywh(box):
    x1, y1, x2, y2 = map(float, box)
    return [x1, y1, x2 - x1, y2 - y1]


def reference(pictures, kind, classes, size=(400, 300)):
    """COCOeval after ``accumulate`` and ``summarize`` of (Found, Truth) pairs."""
    width, height = size
    images = [{"id": index + 1, "width": width, "height": height} for index in range(len(pictures))]
    truths, rows = [], []
    for image, (found, truth) in zip(images, pictures, strict=True):
        count = len(truth.class_ids)
        for index in range(count):
            row = {"id": len(truths) + 1, "image_id": image["id"], "category_id": int(truth.class_ids[index])}
            row["iscrowd"] = int(truth.crowd is not None and bool(truth.crowd[index]))
            row["area"] = float(truth.areas[index])
            if truth.ignore is not None and truth.ignore[index]:
                row["area"] = HUGE
            if truth.boxes_xyxy is not None:
                row["bbox"] = xywh(truth.boxes_xyxy[index])
            if kind == "mask":
                row["segmentation"] = to_coco(truth.masks[index])
            if kind == "keypoints":
                row["keypoints"] = np.asarray(truth.keypoints[index], float).ravel().tolist()
                row["num_keypoints"] = int((np.asarray(truth.keypoints[index])[:, 2] > 0).sum())
            truths.append(row)
        for index in range(len(found.scores)):
            row = {"image_id": image["id"], "category_id": int(found.class_ids[index])}
            row["score"] = float(found.scores[index])
            if kind == "box":
                row["bbox"] = xywh(found.boxes_xyxy[index])
            elif kind == "mask":
                row["segmentation"] = to_coco(found.masks[index])
            else:
                points = np.asarray(found.keypoints_xy[index], float)
                row["keypoints"] = np.column_stack([points, np.ones(len(points))]).ravel().tolist()
            rows.append(row)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {"images": images, "annotations": truths, "categories": [{"id": c} for c in range(classes)]}
        coco.createIndex()
        judged = COCOeval(coco, coco.loadRes(rows), OF_KIND[kind])
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    return judged


def random_pictures(rng, kind, count, classes, *, most=12, size=(400, 300), levels=12):
    """Truths, and detections that hit, nearly hit, repeat, confuse and invent them; many scores are equal."""
    return [_picture(rng, kind, classes, most, size, levels) for _ in range(count)]


def _picture(rng, kind, classes, most, size, levels):
    width, height = size
    truths = int(rng.integers(0, most)) * bool(rng.random() < 0.9)
    boxes = _boxes(rng, truths, width, height)
    ids = rng.integers(0, max(classes - 1, 1), truths)  # the last class has detections only
    spread = rng.choice([0, 1, 4, 20], (truths * 3, 1))
    close = np.repeat(boxes, 3, axis=0) + rng.normal(0, 1, (truths * 3, 4)) * spread
    close_ids = np.where(rng.random(truths * 3) < 0.8, np.repeat(ids, 3), rng.integers(0, classes, truths * 3))
    kept = rng.random(truths * 3) < 0.6
    free = _boxes(rng, int(rng.integers(0, most)), width, height)
    found = np.concatenate([close[kept], free])
    found = np.concatenate([np.minimum(found[:, :2], found[:, 2:]), np.maximum(found[:, :2], found[:, 2:])], axis=1)
    found_ids = np.concatenate([close_ids[kept], rng.integers(0, classes, len(free))])
    order = rng.permutation(len(found))
    found, found_ids = found[order], found_ids[order]
    scores = rng.integers(0, levels, len(found)) / levels
    flags = {"crowd": rng.random(truths) < 0.15, "ignore": rng.random(truths) < 0.15}
    # Annotated areas are smaller than the boxes, and not rarely at the borders between sizes.
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) * rng.uniform(0.5, 1, truths)
    areas = np.where(rng.random(truths) < 0.2, rng.choice([32.0**2, 96.0**2], truths), areas)
    if kind == "box":
        return Found(scores, found_ids, boxes_xyxy=found), Truth(ids, boxes_xyxy=boxes, areas=areas, **flags)
    if kind == "mask":
        masks = [_ellipse(rng, box, width, height) for box in found]
        true = [_ellipse(rng, box, width, height) for box in boxes]
        return Found(scores, found_ids, masks=masks), Truth(ids, masks=true, areas=areas, **flags)
    del flags["ignore"]  # an area that pycocotools ignores would also say how near is near
    joints = _joints(rng, boxes)
    points = _joints(np.random.default_rng(7), found)[..., :2] + rng.normal(0, 2, (len(found), 17, 2))
    return (
        Found(scores, found_ids, keypoints_xy=points),
        Truth(ids, boxes_xyxy=boxes, keypoints=joints, areas=areas, **flags),
    )


def _boxes(rng, count, width, height):
    centre = rng.uniform(0, 1, (count, 2)) * (width, height)
    half = np.exp(rng.uniform(np.log(3), np.log(120), (count, 2)))
    boxes = np.concatenate([centre - half, centre + half], axis=1)
    boxes = np.clip(boxes.round(rng.integers(0, 3)), 0, [width, height, width, height])
    boxes[:, 2:] += 1
    return boxes


def _ellipse(rng, box, width, height) -> RunLengths:
    x1, y1, x2, y2 = box
    y, x = np.mgrid[:height, :width] + 0.5
    inside = ((2 * x - x1 - x2) / max(x2 - x1, 1)) ** 2 + ((2 * y - y1 - y2) / max(y2 - y1, 1)) ** 2
    return encode(inside < rng.uniform(0.9, 1.1))


def _joints(rng, boxes):
    places = np.random.default_rng(5).uniform(0.1, 0.9, (len(COCO_SIGMAS), 2))
    points = boxes[:, None, :2] + places * (boxes[:, None, 2:] - boxes[:, None, :2])
    visible = rng.integers(0, 3, (len(boxes), len(COCO_SIGMAS), 1))
    visible[rng.random(len(boxes)) < 0.15] = 0
    return np.concatenate([points, visible], axis=2) if len(boxes) else np.zeros((0, len(COCO_SIGMAS), 3))
