"""The segmentation tasks: the class of every pixel, or a mask for every thing."""

from belvedere.tasks.segmentation.decode import SegmentationDecoder, decode_segmentation
from belvedere.tasks.segmentation.instances import InstanceDecoder, decode_instances
from belvedere.tasks.segmentation.mask_queries import MaskQueryDecoder, decode_mask_queries
from belvedere.tasks.segmentation.metrics import SegmentationMeter, SegmentationMetrics
from belvedere.tasks.segmentation.result import ClassArea, SegmentationResult

__all__ = [
    "ClassArea",
    "InstanceDecoder",
    "MaskQueryDecoder",
    "SegmentationDecoder",
    "SegmentationMeter",
    "SegmentationMetrics",
    "SegmentationResult",
    "decode_instances",
    "decode_mask_queries",
    "decode_segmentation",
]
