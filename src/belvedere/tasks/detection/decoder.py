"""How a detector's outputs are read, as checked settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from belvedere.core.errors import OptionError
from belvedere.tasks.detection.formats import MANY, OPTIONAL, ROLES, SUPPRESSED
from belvedere.tasks.detection.priors import VARIANCES, PriorMap, prior_boxes
from belvedere.tasks.detection.rows import STRIDES, Reading

Suppression = Literal["hard", "soft-linear", "soft-gaussian"]


@dataclass(frozen=True)
class DetectionDecoder:
    """How a detector's outputs are read; part of the artifact.

    Attributes:
        form: How they are written, one of `belvedere.tasks.detection.formats.ROLES`.
        outputs: Names of the outputs in the order of the format's roles; ``ssd`` and ``tf-detection`` may lack the
            count, ``ssd-raw`` the priors; ``darknet``, ``yolo3`` and ``nanodet`` may have several.
        threshold: Least score of a detection.
        iou: Largest overlap of two boxes of one class (non-maximum suppression); None leaves out suppression, as is
            right for formats whose networks have done it.
        most: Most detections to keep.
        strides: Pixels per cell of a raw grid.
        labels: Names of the classes, maybe none.
        suppression: ``hard`` drops boxes that overlap a better one; ``soft-linear`` and ``soft-gaussian`` lower their
            scores (Bodla et al. 2017).
        sigma: Width of the bell of ``soft-gaussian``.
        candidates: How many candidates of the highest score go into suppression; None for all.
        anchors: ``yolo3``: for each output width and height of each anchor in pixels of the input, one after the other.
        priors: ``ssd-raw``: the prior boxes, where no output holds them.
        variances: ``ssd-raw``: factors of the codes' x, y, width and height.
        box_order: ``ssd-raw``: order of a code's numbers, ``xywh`` or TensorFlow's ``yxhw``.
        priors_as: ``ssd-raw``: how an output writes priors: as ``corners`` (Caffe), or ``centers`` and sizes
            (TensorFlow, YOLACT); in ``box_order`` where they are centers.
        activation: ``ssd-raw`` and ``detr``: what makes scores of class numbers.
        background: ``ssd-raw`` and ``detr``: the column that is no class.
        bins: ``nanodet``: steps of a distance's distribution, ``reg_max`` + 1.
        layout: ``yolo3``: axes of the heads.
        extra: Numbers at the end of each row that are no class scores, such as coefficients of masks.

    Raises:
        OptionError: a field has no usable value.
    """

    form: str
    outputs: tuple[str, ...]
    threshold: float = 0.3
    iou: float | None = None
    most: int = 100
    strides: tuple[int, ...] = STRIDES
    labels: tuple[str, ...] = ()
    suppression: Suppression = "hard"
    sigma: float = 0.5
    candidates: int | None = None
    anchors: tuple[tuple[float, ...], ...] = ()
    priors: tuple[PriorMap, ...] = ()
    variances: tuple[float, ...] = VARIANCES
    box_order: Literal["xywh", "yxhw"] = "xywh"
    priors_as: Literal["corners", "centers"] = "corners"
    activation: Literal["none", "sigmoid", "softmax"] = "none"
    background: Literal["none", "first", "last"] = "none"
    bins: int = 8
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    extra: int = 0

    def __post_init__(self) -> None:
        self._check_outputs()
        if not 0 <= self.threshold <= 1 or (self.iou is not None and not 0 <= self.iou <= 1):
            raise OptionError(f"threshold {self.threshold} and iou {self.iou}: expected 0 to 1")
        if self.iou is None and self.form not in SUPPRESSED:
            raise OptionError(f"format {self.form!r} needs suppression: expected an iou, such as 0.45")
        if self.most < 1 or not self.strides or min(self.strides) < 1:
            raise OptionError(f"most {self.most} and strides {self.strides}: expected whole numbers of at least 1")
        if self.suppression not in ("hard", "soft-linear", "soft-gaussian") or not self.sigma > 0:
            raise OptionError(
                f"suppression {self.suppression!r} and sigma {self.sigma}: expected hard, soft-linear or "
                "soft-gaussian, and a number above 0"
            )
        if self.suppression != "hard" and self.iou is None:
            raise OptionError(f"suppression {self.suppression!r} needs an iou, such as 0.45")
        if (self.candidates is not None and self.candidates < 1) or self.bins < 2 or self.extra < 0:
            raise OptionError(
                f"candidates {self.candidates}, bins {self.bins} and extra {self.extra}: expected at least 1, 2 and 0"
            )
        self._check_form()

    def _check_outputs(self) -> None:
        if self.form not in ROLES:
            raise OptionError(f"unknown detection format {self.form!r}: expected one of {', '.join(ROLES)}")
        roles, count = ROLES[self.form], len(self.outputs)
        fewest = len([role for role in roles if role not in OPTIONAL])
        if count < fewest or (count > len(roles) and self.form not in MANY):
            raise OptionError(f"{count} outputs for format {self.form!r}: expected {', '.join(roles)}")
        if self.form.startswith("nanodet") and count not in (1, 2 * len(self.strides)):
            raise OptionError(
                f"{count} outputs for format {self.form!r}: expected one, or scores and distances of each of the "
                f"{len(self.strides)} strides"
            )

    def _check_form(self) -> None:
        whole = all(len(grid) >= 2 and len(grid) % 2 == 0 and min(grid) > 0 for grid in self.anchors)
        if self.form == "yolo3" and (len(self.anchors) != len(self.outputs) or not whole):
            raise OptionError(
                f"anchors {self.anchors} for {len(self.outputs)} outputs: expected widths and heights above 0 for each"
            )
        if self.form == "ssd-raw" and len(self.outputs) < 3:
            if not self.priors:
                raise OptionError("format 'ssd-raw' needs priors, or a third output that holds them")
            prior_boxes(self.priors)
        if len(self.variances) != 4 or not min(self.variances) > 0:
            raise OptionError(f"variances {self.variances}: expected four numbers above 0")
        known = (
            ("box_order", self.box_order, ("xywh", "yxhw")),
            ("priors_as", self.priors_as, ("corners", "centers")),
            ("activation", self.activation, ("none", "sigmoid", "softmax")),
            ("background", self.background, ("none", "first", "last")),
            ("layout", self.layout, ("NCHW", "NHWC")),
        )
        for name, value, allowed in known:
            if value not in allowed:
                raise OptionError(f"{name} is {value!r}: expected {', '.join(allowed)}")

    @property
    def roles(self) -> tuple[str, ...]:
        """What each of ``outputs`` is."""
        own = ROLES[self.form]
        return own * len(self.outputs) if self.form in MANY else own[: len(self.outputs)]

    def reading(self, size: tuple[int, int]) -> Reading:
        """What the format's reader needs to know, for an input of width and height ``size``."""
        return Reading(
            size=size,
            threshold=self.threshold,
            strides=self.strides,
            anchors=self.anchors,
            priors=self.priors,
            variances=self.variances,
            box_order=self.box_order,
            priors_as=self.priors_as,
            activation=self.activation,
            background=self.background,
            bins=self.bins,
            layout=self.layout,
            extra=self.extra,
        )
