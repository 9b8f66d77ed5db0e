"""Tables on stdout and figures as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Check:
    """One requirement.

    Attributes:
        name: What is required, with its limit.
        found: The figure that was measured, in words.
        reached: Whether it is enough.
    """

    name: str
    found: str
    reached: bool


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> None:
    """Print a table; the first ``left`` columns are text, the others figures."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    for index, name in enumerate(header):
        table.add_column(name, justify="left" if index < left else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console = Console()
    if not console.is_terminal:
        # A pipe or file has no width: nothing must be cut off.
        console = Console(width=240)
    console.print(table)


def print_checks(checks: Sequence[Check]) -> None:
    """Print which requirements are reached."""
    rows = [[check.name, check.found, "reached" if check.reached else "MISSED"] for check in checks]
    print_table("Requirements", ["required", "found", ""], rows, left=2)


def checks_as_json(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """The checks as JSON values."""
    return [asdict(check) for check in checks]


def write_json(path: Path, values: Any) -> None:
    """Write through a temporary file, so that an interrupted run leaves what was there."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(values, indent=1) + "\n")
    part.replace(path)
