"""Write full-size networks as MXNet files with random weights.

python tools/mxnet_networks yolo3_darknet53_coco --out build/networks --size 416
python -m tools.mxnet_networks --list    # the networks and their numbers of parameters
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.mxnet_networks import NETWORKS, parameter_count, write_network


def size(text: str) -> tuple[int, int]:
    """``416`` or ``480x600``, height first."""
    height, _, width = text.partition("x")
    return int(height), int(width or height)


def table() -> str:
    """Markdown: each network's parameters, ours and published."""
    lines = ["| network | input | parameters | published | source |", "|---|---|---:|---:|---|"]
    for name, network in NETWORKS.items():
        ours = parameter_count(name, statistics=network.statistics)
        known = f"{network.published:,}" if network.published else "-"
        lines.append(f"| {name} | {'x'.join(map(str, network.size))} | {ours:,} | {known} | {network.source} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="networks of the list")
    parser.add_argument("--out", type=Path, default=Path("build/networks"), help="folder to write to")
    parser.add_argument("--size", type=size, help="side, or HEIGHTxWIDTH, of the input instead of the published one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--list", action="store_true", help="print the networks and their numbers of parameters")
    arguments = parser.parse_args()
    if arguments.list:
        print(table())
        return
    if unknown := [name for name in arguments.names if name not in NETWORKS]:
        parser.error(f"no such network: {', '.join(unknown)}; --list shows them")
    if not arguments.names:
        parser.error("name at least one network; --list shows them")
    for name in arguments.names:
        inputs = write_network(name, arguments.out, arguments.size, arguments.seed)
        print(f"{arguments.out / name}: {inputs}")


if __name__ == "__main__":
    main()
