"""Deciding whether turned copies of the pictures join the training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from belvedere.training.anomaly.features import extract
from belvedere.training.anomaly.geometry import Geometry
from belvedere.training.anomaly.loading import Views
from belvedere.training.anomaly.options import TrainOptions
from belvedere.training.anomaly.pictures import Pictures
from belvedere.training.anomaly.sizes import most_pictures
from belvedere.training.anomaly.turning import angles, reduced, shown, turned, turning_helps
from belvedere.training.backbones import Backbone

_MOST_PICTURES, _TURNS = 5, 11
_PROJECTED = 64


def natural_turns(
    pictures: Pictures,
    backbone: Backbone,
    geometry: Geometry,
    options: TrainOptions,
    report: Callable[[str, int, int], None],
) -> Views:
    """Angles of the copies to add: none, or as many (up to eleven) as memory allows.

    See ``turning`` for the test. It looks at five normal pictures at most.
    """
    room = most_pictures(geometry, backbone) // len(pictures.records) - 1
    count = min(_TURNS, room)
    if count < 3:
        return Views()
    rng = np.random.default_rng((options.seed, 7))
    normal = pictures.normal
    few = [normal[i].image(exif=options.exif) for i in sorted(rng.permutation(len(normal))[:_MOST_PICTURES])]
    tried = angles(_TURNS)
    steps = len(few) * (1 + len(tried))
    done = iter(range(1, steps + 1))
    small = [reduced(picture, geometry.width, geometry.height) for picture in few]
    every = [view for picture in small for view in (picture, *(turned(picture, angle) for angle in tried))]
    cells = extract(every, backbone, geometry, lambda: report("comparing angles", next(done), steps))
    each = 1 + len(tried)
    masks = [shown(geometry.rows, geometry.columns, angle) for angle in tried]
    projection = np.random.default_rng((options.seed, 8)).standard_normal((backbone.channels, _PROJECTED))
    vectors = [c.astype(np.float32) @ projection.astype(np.float32) for c in cells]
    plain = [vectors[i * each] for i in range(len(few))]
    copies = [[vectors[i * each + 1 + j][mask] for j, mask in enumerate(masks)] for i in range(len(few))]
    return Views(tuple(angles(count))) if turning_helps(plain, copies, options.seed) else Views()
