from __future__ import annotations

import pytest

from belvedere.samples.layout import BOARD_HEIGHT, BOARD_WIDTH, design
from belvedere.samples.packages import package
from belvedere.samples.routing import route


@pytest.mark.parametrize("product", range(12))
def test_parts_lie_on_the_board_and_apart(product):
    layout = design(product)
    parts = layout.parts
    assert len({part.name for part in parts}) == len(parts)
    boxes = []
    for part in parts:
        half_x, half_y = part.extent
        boxes.append((part.x - half_x, part.y - half_y, part.x + half_x, part.y + half_y))
    for part, (left, top, right, bottom) in zip(parts, boxes, strict=True):
        assert left > 0.3, part
        assert top > 0.3, part
        assert right < BOARD_WIDTH - 0.3, part
        assert bottom < BOARD_HEIGHT - 0.3, part
        for x, y in layout.holes:
            assert not (left - 1.5 < x < right + 1.5 and top - 1.5 < y < bottom + 1.5), part
    for i, a in enumerate(boxes):
        for j, b in enumerate(boxes[:i]):
            apart = a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3]
            assert apart, (parts[i], parts[j])


def test_products_differ():
    assert len({design(product).parts for product in range(12)}) == 12
    assert design(5) == design(5)


@pytest.mark.parametrize("product", [0, 7])
def test_traces_run_in_steps_of_45_degrees_and_never_touch_another(product):
    copper = route(design(product))
    assert len(copper.traces) > 20
    seen: dict[tuple[float, float], set[tuple[float, float]]] = {}
    for trace in copper.traces:
        for (x0, y0), (x1, y1) in zip(trace.points[1:-2], trace.points[2:-1], strict=True):
            dx, dy = abs(x1 - x0), abs(y1 - y0)
            assert min(dx, dy) < 1e-9 or abs(dx - dy) < 1e-9
        ends = {trace.points[0], trace.points[-1]}
        for point in trace.points[1:-1]:
            assert seen.setdefault(point, ends) & ends  # only traces from the same pad may meet


@pytest.mark.parametrize(("name", "pads"), [("soic8", 8), ("qfp32", 32), ("connector4", 4)])
def test_pins_are_counted_from_the_mark(name, pads):
    outline = package(name)
    assert len(outline.pads) == pads
    if outline.pitch:
        assert outline.pads[0].x < 0
        assert outline.pads[0].y < 0
        gaps = [abs(a.x - b.x) + abs(a.y - b.y) for a, b in zip(outline.pads, outline.pads[1:], strict=False)]
        assert min(gaps) == pytest.approx(outline.pitch)
