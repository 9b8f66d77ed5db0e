"""``belvedere samples``: draw sample pictures."""

from __future__ import annotations

from pathlib import Path

import click

from belvedere.cli.console import progress_bar, say, say_json
from belvedere.cli.options import json_option, parse_dimensions


@click.command(name="samples")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--normal",
    type=click.IntRange(min=0),
    metavar="N",
    default=20,
    show_default=True,
    help="Good boards to train on.",
)
@click.option(
    "--anomalous",
    type=click.IntRange(min=0),
    metavar="N",
    default=10,
    show_default=True,
    help="Faulty boards to train on.",
)
@click.option(
    "--test-normal",
    type=click.IntRange(min=0),
    metavar="N",
    default=12,
    show_default=True,
    help="Good boards to judge with.",
)
@click.option(
    "--test-anomalous",
    type=click.IntRange(min=0),
    metavar="N",
    default=12,
    show_default=True,
    help="Faulty boards to judge with.",
)
@click.option(
    "--size",
    default="480x360",
    show_default=True,
    metavar="WIDTHxHEIGHT",
    callback=parse_dimensions,
    help="Size of the pictures in pixels.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    default=0,
    show_default=True,
    help="Another seed, other boards.",
)
@json_option
def command(
    *,
    folder: Path,
    normal: int,
    anomalous: int,
    test_normal: int,
    test_anomalous: int,
    size: tuple[int, int],
    seed: int,
    as_json: bool,
) -> int:
    """Draw circuit boards with and without defects, and masks, into DIR.

    DIR gets train/ and test/, each with normal/ and anomaly/<kind>/, and the masks in ground_truth/. The same
    seed and versions draw the same pictures.

    \b
    Example:
      belvedere samples pictures/
    """
    from belvedere.samples import write_boards

    with progress_bar() as progress:
        write_boards(
            folder,
            train=(normal, anomalous),
            test=(test_normal, test_anomalous),
            size=size,
            seed=seed,
            progress=lambda done, total: progress("draw", done, total),
        )
    counts = {
        "train": {"normal": normal, "anomaly": anomalous},
        "test": {"normal": test_normal, "anomaly": test_anomalous},
    }
    if as_json:
        say_json({"folder": str(folder), **counts})
        return 0
    for part, found in counts.items():
        say(f"{folder / part}: {found['normal']} normal, {found['anomaly']} anomalous")
    return 0
