"""Masks as run lengths, the way COCO keeps them: small, and overlaps are counted without painting a pixel."""

from belvedere.vision.rle.coco import from_coco, to_coco
from belvedere.vision.rle.overlaps import MaskStack, rle_iou, shared_pixels
from belvedere.vision.rle.polygons import from_polygons
from belvedere.vision.rle.runs import RunLengths, encode

__all__ = [
    "MaskStack",
    "RunLengths",
    "encode",
    "from_coco",
    "from_polygons",
    "rle_iou",
    "shared_pixels",
    "to_coco",
]
