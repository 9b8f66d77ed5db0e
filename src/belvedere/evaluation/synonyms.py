"""Names that datasets and label sets use for the same class."""

from __future__ import annotations

SYNONYMS: tuple[tuple[str, ...], ...] = (
    # COCO's name first; PASCAL VOC's, CIFAR's and those of Open Images and Objects365 behind it.
    ("airplane", "aeroplane", "plane"),
    ("background", "bg"),
    ("bicycle", "bike"),
    ("car", "automobile"),
    ("cell phone", "mobile phone", "smartphone"),
    ("couch", "sofa"),
    ("cow", "cattle"),
    ("dining table", "diningtable"),
    ("donut", "doughnut"),
    ("fire hydrant", "hydrant"),
    ("hair drier", "hair dryer"),
    ("keyboard", "computer keyboard"),
    ("motorcycle", "motorbike"),
    ("mouse", "computer mouse"),
    ("person", "people", "human"),
    ("potted plant", "pottedplant", "houseplant"),
    ("refrigerator", "fridge"),
    ("remote", "remote control"),
    ("skis", "ski"),
    ("tv", "tvmonitor", "tv monitor", "television"),
    ("wine glass", "wineglass"),
)
"""Each row is one class. Case, spaces, ``-`` and ``_`` do not matter in any name."""
