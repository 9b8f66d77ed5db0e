"""Recognising networks that see with queries: DETR and its successors, MaskFormer and its."""

from __future__ import annotations

from collections.abc import Sequence

from belvedere.compiler.binding.borders import Picture, Recognised, by_name, per_picture
from belvedere.compiler.binding.facts import Facts
from belvedere.compiler.binding.families import FAMILIES
from belvedere.compiler.importing import Port

_SIGMOID, _SOFTMAX = (80, 90, 91, 365, 366), (92,)
"""Class columns of networks for COCO and Objects365: those with 92 have COCO's 91 ids and no-object."""


def detr(_picture: Picture, outputs: Sequence[Port], _facts: Facts) -> Recognised | None:
    """Class numbers and boxes of queries, maybe with masks: by the names of transformers or RF-DETR."""
    names = by_name(outputs)
    roboflow = "dets" in names and "labels" in names
    queries, boxes = (names.get(name) for name in (("labels", "dets") if roboflow else ("logits", "pred_boxes")))
    if queries is None or boxes is None:
        return None
    rows, columns = per_picture(boxes), per_picture(queries)
    if len(rows) != 2 or len(columns) != 2 or rows[1] != 4 or rows[0] != columns[0] or rows[0] < 1:
        return None
    settings = {"outputs": (queries.name, boxes.name), "most": rows[0]}
    masks = names.get("masks" if roboflow else "pred_masks")
    if masks is not None:
        # transformers' DETR for segmentation has no-object, RF-DETR has none.
        if len(per_picture(masks)) != 3 or per_picture(masks)[0] != rows[0] or columns[1] in _SOFTMAX:
            return None
        return Recognised(FAMILIES["rf-detr-seg"], {"boxes": settings, "masks": masks.name}, columns[1])
    if roboflow:
        return Recognised(FAMILIES["rf-detr"], settings, columns[1])
    # Whether there is a column for no-object cannot be seen, only guessed: where it is not known, it must be named.
    if columns[1] in _SOFTMAX:
        return Recognised(FAMILIES["detr"], settings, columns[1] - 1)
    if columns[1] in _SIGMOID:
        return Recognised(FAMILIES["rt-detr"], settings, columns[1])
    return None


def detr_decoded(_picture: Picture, outputs: Sequence[Port], _facts: Facts) -> Recognised | None:
    """Labels, boxes and scores, as RT-DETR and D-FINE are exported by their makers."""
    names = by_name(outputs)
    if set(names) != {"labels", "boxes", "scores"}:
        return None
    labels, boxes, scores = (per_picture(names[name]) for name in ("labels", "boxes", "scores"))
    if len(boxes) != 2 or boxes[1] != 4 or not labels == scores == boxes[:1]:
        return None
    named = tuple(names[name].name for name in ("labels", "scores", "boxes"))
    return Recognised(FAMILIES["detr-decoded"], {"outputs": named})


def mask_queries(outputs: Sequence[Port], task: str | None) -> Recognised | None:
    """Class and mask logits of queries, where the task says whether they are things or classes of pixels."""
    names = by_name(outputs)
    queries, masks = names.get("class_queries_logits"), names.get("masks_queries_logits")
    if queries is None or masks is None:
        return None
    rows, columns = per_picture(masks), per_picture(queries)
    if len(rows) != 3 or len(columns) != 2 or rows[0] != columns[0] or columns[1] < 2:
        return None
    if task == "instance-segmentation":
        settings = {"queries": queries.name, "masks": masks.name}
        return Recognised(FAMILIES["mask2former"], settings, columns[1] - 1)
    if task == "semantic-segmentation":
        settings = {"queries": queries.name, "output": masks.name}
        return Recognised(FAMILIES["mask2former-semantic"], settings, columns[1] - 1)
    return None
