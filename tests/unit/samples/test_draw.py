from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from belvedere.core.errors import OptionError
from belvedere.samples import DEFECTS, Board, draw_board

SIZE = (160, 120)


def _grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    image = Image.fromarray(((mask > 0) * 255).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.MaxFilter(2 * pixels + 1))) > 0


def test_a_good_board_has_no_mask(board):
    sample = draw_board(1, size=SIZE, board=board)
    assert sample.image.shape == (120, 160, 3)
    assert sample.image.dtype == sample.mask.dtype == np.uint8
    assert sample.mask.shape == (120, 160)
    assert not sample.mask.any()
    assert sample.kinds == ()


@pytest.mark.parametrize("defect", [None, *DEFECTS])
def test_the_same_seed_draws_the_same_bytes(board, defect):
    first = draw_board(5, defect, size=SIZE, board=board)
    again = draw_board(5, defect, size=SIZE, board=Board())
    assert first.image.tobytes() == again.image.tobytes()
    assert first.mask.tobytes() == again.mask.tobytes()


def test_another_seed_draws_another_picture(board):
    pictures = {draw_board(seed, size=SIZE, board=board).image.tobytes() for seed in range(4)}
    assert len(pictures) == 4


def test_another_product_has_another_layout(board):
    here = draw_board(1, size=SIZE, board=board).image.astype(int)
    there = draw_board(1, size=SIZE, board=Board(3)).image.astype(int)
    again = draw_board(1, size=SIZE, board=Board(0)).image.astype(int)
    assert abs(here - again).max() == 0
    assert abs(here - there).mean() > 12


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("defect", DEFECTS)
def test_the_mask_holds_what_the_defect_changes(board, defect, seed):
    size = (320, 240)
    good = draw_board(seed, size=size, board=board).image.astype(int)
    sample = draw_board(seed, defect, size=size, board=board)
    assert sample.kinds == (defect,)
    assert set(np.unique(sample.mask)) == {0, DEFECTS.index(defect) + 1}
    assert 0.002 < np.count_nonzero(sample.mask) / sample.mask.size < 0.1
    change = abs(sample.image.astype(int) - good).max(axis=2)
    inside = change[sample.mask > 0].mean()
    assert inside > 8
    # Shadows and mirrored light change a little beyond the mask, compression hardly anything far from it.
    assert inside > 4 * change[~_grown(sample.mask, 6)].mean()
    assert change[~_grown(sample.mask, 20)].max() <= 6


@pytest.mark.parametrize("size", [(64, 64), (200, 90), (90, 200)])
def test_other_shapes_show_the_whole_board(board, size):
    sample = draw_board(3, "missing_part", size=size, board=board)
    assert sample.image.shape == (size[1], size[0], 3)
    assert sample.mask.any()
    green = sample.image[..., 1].astype(int) - sample.image[..., 0]
    edges = np.concatenate([green[0], green[-1], green[:, 0], green[:, -1]])
    assert green.max() > 30
    assert np.median(edges) < 15


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": 1, "defect": "cracked"}, "known are solder_bridge"),
        ({"seed": -1}, "must not be negative"),
        ({"seed": 1, "size": (32, 200)}, "ask for another size"),
        ({"seed": 1, "size": (4000, 3000)}, "ask for another size"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments, message):
    with pytest.raises(OptionError, match=message):
        draw_board(**arguments)


def _extent(mask: np.ndarray) -> float:
    """The longer side of the box around a mask, as a share of the picture's width."""
    rows, columns = np.nonzero(mask)
    return max(np.ptp(rows), np.ptp(columns)) / mask.shape[1]


@pytest.mark.parametrize(
    ("defect", "least", "most"),
    [("scratch", 0.16, 0.55), ("stain", 0.07, 0.32), ("solder_bridge", 0.08, 0.26), ("rotated_part", 0.12, 0.5)],
)
def test_defects_are_large_enough_to_be_seen_and_local(board, defect, least, most):
    extents = [_extent(draw_board(seed, defect, size=SIZE, board=board).mask) for seed in range(20, 30)]
    assert min(extents) >= least
    assert max(extents) <= most
