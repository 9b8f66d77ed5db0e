"""Holding a finished artifact against the model it was made from, sample by sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from belvedere.compiler.parity.agreement import AGREEMENT, LEAST_SAME, agreement
from belvedere.compiler.parity.tensors import NO_DIFFERENCE, TOLERANCES, Difference, difference
from belvedere.compiler.pipeline.measure import results_of
from belvedere.compiler.pipeline.original import Original
from belvedere.compiler.pipeline.samples import GivenSample
from belvedere.runtime import Model
from belvedere.runtime.inputs import ImageInput

if TYPE_CHECKING:
    from PIL import Image

_CAPTION = 22


@dataclass(frozen=True, eq=False)
class ComparedSample:
    """One sample.

    Attributes:
        name: Its name.
        outputs: Difference of every output, in the manifest's order.
        agreement: How far both say the same of the picture, 0..1; None where no task is bound.
    """

    name: str
    outputs: tuple[Difference, ...]
    agreement: float | None

    @property
    def badness(self) -> tuple[float, float]:
        """Sorts samples: by agreement first, then by the largest error."""
        return (1.0 - (1.0 if self.agreement is None else self.agreement), max(one.rms_rel for one in self.outputs))


@dataclass(frozen=True, eq=False)
class Comparison:
    """What a comparison found.

    Attributes:
        names: Names of the outputs.
        worst: Worst difference of every output over all samples.
        samples: One entry a sample.
        metric: What agreement means; empty where no task is bound.
        agreement: Its mean; None where no task is bound.
    """

    names: tuple[str, ...]
    worst: tuple[Difference, ...]
    samples: tuple[ComparedSample, ...]
    metric: str
    agreement: float | None

    @property
    def worst_sample(self) -> int:
        """Number of the sample that differs most."""
        return max(range(len(self.samples)), key=lambda place: self.samples[place].badness)


def compare_models(model: Model, original: Original, samples: Sequence[GivenSample]) -> Comparison:
    """Run both on every sample.

    Args:
        model: The artifact, open.
        original: What it is held against.
        samples: At least one.
    """
    manifest = model.artifact.manifest
    found = []
    for sample in samples:
        first, second = original.run(sample.tensors), model.run(sample.tensors)
        pairs = zip(first, second, strict=True)
        each = tuple(difference(one, other) for one, other in pairs)
        same = None
        if manifest.task != "tensor" and sample.image is not None:
            before, after = (results_of(manifest, [outputs], [sample])[0] for outputs in (first, second))
            same = agreement(before, after)
        found.append(ComparedSample(sample.name, each, same))
    worst = [NO_DIFFERENCE] * len(manifest.outputs)
    for one in found:
        worst = [old.worse(new) for old, new in zip(worst, one.outputs, strict=True)]
    known = [one.agreement for one in found if one.agreement is not None]
    return Comparison(
        tuple(output.name for output in manifest.outputs),
        tuple(worst),
        tuple(found),
        AGREEMENT[manifest.task] if known else "",
        float(np.mean(known)) if known else None,
    )


@dataclass(frozen=True)
class Verdict:
    """What a comparison comes to.

    Attributes:
        same: Whether every output is within the tolerance of the precision, or else the results agree.
        words: In one sentence.
    """

    same: bool
    words: str


def judged(found: Comparison, precision: str) -> Verdict:
    """Judge a comparison by the tolerances of ``compile``.

    Args:
        found: The comparison.
        precision: Of the artifact.
    """
    allowed = TOLERANCES[precision]
    errors = {name: worst.error(precision) for name, worst in zip(found.names, found.worst, strict=True)}
    name = max(errors, key=lambda each: errors[each])
    if errors[name] <= allowed:
        return Verdict(True, f"same: every output is within {allowed:g}, which {precision} allows")
    differs = f"output '{name}' is off by {errors[name]:.2g}; {precision} allows {allowed:g}"
    if found.agreement is None:
        return Verdict(False, f"different: {differs}")
    agree = f"{found.metric} {found.agreement:.3f}, {LEAST_SAME:g} is asked"
    if found.agreement >= LEAST_SAME:
        return Verdict(True, f"same by results ({agree}), but {differs}")
    return Verdict(False, f"different: {differs}; the results differ too ({agree})")


def draw_comparison(model: Model, original: Original, sample: GivenSample, title: str) -> Image.Image:
    """The original's result on the left, the artifact's on the right; of a model without a task the input on the left
    and the largest output's differences on the right.

    Args:
        model: The artifact, open.
        original: What it is held against.
        sample: The sample.
        title: Written above.
    """
    first, second = original.run(sample.tensors), model.run(sample.tensors)
    if model.artifact.manifest.task != "tensor" and sample.image is not None:
        results = [results_of(model.artifact.manifest, [outputs], [sample])[0] for outputs in (first, second)]
        return _beside([result.draw() for result in results], [f"{original.name}", "artifact"], title)
    from PIL import Image

    pictures = [] if sample.image is None else [Image.fromarray(sample.image)]
    if sample.image is None:
        pictures = [Image.fromarray(_as_picture(next(iter(sample.tensors.values())), model))]
    place = int(np.argmax([np.size(output) for output in first]))
    pictures.append(Image.fromarray(_heat(np.asarray(first[place], float) - np.asarray(second[place], float))))
    output = model.artifact.manifest.outputs[place].name
    return _beside(pictures, [sample.name, f"differences of {output}"], title)


def _beside(pictures: Sequence[Image.Image], captions: Sequence[str], title: str) -> Image.Image:
    from PIL import Image, ImageDraw

    height = max(picture.height for picture in pictures)
    fitted = [picture.convert("RGB").resize((max(1, picture.width * height // picture.height), height))
              for picture in pictures]  # fmt: skip
    page = Image.new("RGB", (sum(picture.width for picture in fitted), height + 2 * _CAPTION), "white")
    pen = ImageDraw.Draw(page)
    pen.text((6, 4), title, fill="black")
    left = 0
    for picture, caption in zip(fitted, captions, strict=True):
        pen.text((left + 6, _CAPTION + 4), caption, fill="black")
        page.paste(picture, (left, 2 * _CAPTION))
        left += picture.width
    return page


def _as_picture(tensor: NDArray[Any], model: Model) -> NDArray[np.uint8]:
    """A tensor as a grey picture: its first plane, spread over 0..255."""
    taken = model.artifact.manifest.inputs[0]
    last = isinstance(taken, ImageInput) and taken.layout == "NHWC"
    values = np.asarray(tensor, float)
    values = values[..., 0] if last and values.ndim == 4 else values
    return _spread(_plane(values))


def _heat(apart: NDArray[Any]) -> NDArray[np.uint8]:
    """Absolute differences, white where largest."""
    return _spread(_plane(np.abs(apart)))


def _plane(values: NDArray[Any]) -> NDArray[Any]:
    """Two axes of a tensor: the last two, of the first entry of every other; a square of what has fewer."""
    if values.ndim >= 2 and min(values.shape[-2:]) >= 8:
        return np.asarray(values.reshape(-1, *values.shape[-2:])[0])
    flat = values.reshape(-1)
    side = int(np.ceil(np.sqrt(max(flat.size, 1))))
    padded = np.zeros(side * side)
    padded[: flat.size] = flat
    return np.asarray(np.kron(padded.reshape(side, side), np.ones((max(1, 256 // side),) * 2)))


def _spread(values: NDArray[Any]) -> NDArray[np.uint8]:
    finite = np.nan_to_num(values)
    low, high = float(finite.min()), float(finite.max())
    scaled = (finite - low) / (high - low) if high > low else np.zeros_like(finite)
    return np.asarray(scaled * 255, np.uint8)
