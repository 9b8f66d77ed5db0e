"""Windows over large inputs: they cover everything once, and their features join without seams."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from belvedere.training.anomaly.features import extract
from belvedere.training.anomaly.geometry import Geometry
from belvedere.training.anomaly.tiles import Span, spans
from belvedere.training.backbones import bundled_backbone
from helpers.features import tiny_backbone
from helpers.parts import part


@given(
    units=st.integers(1, 200), window=st.integers(8, 24), margin=st.integers(0, 3), unit=st.sampled_from([8, 16, 32])
)
def test_spans(units: int, window: int, margin: int, unit: int) -> None:
    length, window, margin = units * unit, window * unit, margin * unit
    found = spans(length, window, margin, unit)
    assert [span.low for span in found] == [0, *(span.high for span in found[:-1])]
    assert found[-1].high == length
    for span in found:
        end = span.start + min(window, length)
        assert 0 <= span.start <= span.low < span.high <= end <= length
        assert not any(value % unit for value in (span.start, span.low, span.high))
        # Away from the picture's own borders every kept part keeps its distance from the window's edges.
        assert span.start == 0 or span.low - span.start >= margin
        assert end == length or end - span.high >= margin


def test_a_short_side_is_one_window() -> None:
    assert spans(96, 256, 32, 16) == [Span(0, 0, 96)]
    assert spans(256, 256, 32, 16) == [Span(0, 0, 256)]


@pytest.mark.parametrize(("width", "height"), [(272, 64), (64, 480), (352, 304), (720, 64)])
def test_joined_features_equal_those_of_the_whole(width: int, height: int) -> None:
    """Exactly, where a cell sees no farther than the margin, also at the picture's borders."""
    backbone = tiny_backbone(reach=24)
    picture = part(0, "scratch", (width, height))[0]
    whole = extract([picture], backbone, Geometry(width, height, 8))[0]
    joined = extract([picture], backbone, Geometry(width, height, 8, tile=True))[0]
    assert joined.shape == whole.shape == ((height // 8) * (width // 8), backbone.channels)
    assert joined.astype(np.float32) == pytest.approx(whole.astype(np.float32), abs=2e-3)


def test_the_bundled_backbone_joins_well() -> None:
    """It sees farther than the margin, so seams are near rather than exact."""
    backbone = bundled_backbone()
    width, height = 352, 96
    picture = part(0, "scratch", (width, height))[0]
    whole = extract([picture], backbone, Geometry(width, height, backbone.stride))[0].astype(np.float32)
    joined = extract([picture], backbone, Geometry(width, height, backbone.stride, tile=True))[0].astype(np.float32)
    assert joined.shape == whole.shape
    across = (whole * joined).sum(axis=1) / np.linalg.norm(whole, axis=1) / np.linalg.norm(joined, axis=1)
    assert np.median(across) > 0.999
    assert across.min() > 0.9
