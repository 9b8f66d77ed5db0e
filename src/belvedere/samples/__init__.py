"""Pictures that Belvedere draws itself: circuit boards with and without defects, and their ground truth."""

from __future__ import annotations

from belvedere.samples.board import Board
from belvedere.samples.defects import DEFECTS
from belvedere.samples.draw import Sample, draw_board
from belvedere.samples.write import write_boards

__all__ = ["DEFECTS", "Board", "Sample", "draw_board", "write_boards"]
