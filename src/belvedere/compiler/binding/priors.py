"""Prior boxes of published families, which follow from the size of the input."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from belvedere.compiler.binding.families import Family
from belvedere.tasks.detection.priors import PriorMap, retinanet_priors, tensorflow_priors, torchvision_priors

_SSD300_RATIOS = ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,))
_SSDLITE_RATIOS = ((2, 3),) * 6


def priors_of(family: Family, size: tuple[int, int]) -> tuple[PriorMap, ...]:
    """The prior boxes of a family for an input of width and height ``size``; none where it has no rule."""
    rule = _RULES.get(family.name)
    return rule(size) if rule is not None and min(size) > 0 else ()


def _halved(size: tuple[int, int], count: int) -> list[tuple[int, int]]:
    """Sides of maps, the first at stride 16, each half of the one before."""
    sides = [(-(-size[0] // 16), -(-size[1] // 16))]
    while len(sides) < count:
        sides.append((-(-sides[-1][0] // 2), -(-sides[-1][1] // 2)))
    return sides


def _tensorflow(size: tuple[int, int]) -> tuple[PriorMap, ...]:
    return tensorflow_priors(_halved(size, 6))


def _ssd300(size: tuple[int, int]) -> tuple[PriorMap, ...]:
    if size != (300, 300):
        return ()
    return torchvision_priors(size, [(side, side) for side in (38, 19, 10, 5, 3, 1)], _SSD300_RATIOS)


def _ssdlite(size: tuple[int, int]) -> tuple[PriorMap, ...]:
    scales = [0.2 + 0.75 * index / 5 for index in range(6)] + [1.0]
    return torchvision_priors(size, _halved(size, 6), _SSDLITE_RATIOS, scales=scales, steps=None)


_RULES: Mapping[str, Callable[[tuple[int, int]], tuple[PriorMap, ...]]] = {
    "ssd-tf-raw": _tensorflow,
    "ssd300-torchvision": _ssd300,
    "ssdlite-torchvision": _ssdlite,
    "retinanet-torchvision": retinanet_priors,
}
