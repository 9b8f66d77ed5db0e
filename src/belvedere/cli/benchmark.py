"""``belvedere benchmark``: how fast an artifact is on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from belvedere.cli.console import note, number, say, say_json, table
from belvedere.cli.figures import ratio_text
from belvedere.cli.options import ENGINES, json_option, target_option

if TYPE_CHECKING:
    from belvedere.runtime import Model


@click.command(name="benchmark")
@click.argument("artifact")
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    metavar="MODEL",
    help="Also time this: the model it was made from (in float32 on its format's plain engine), or another artifact.",
)
@click.option("--engine", type=click.Choice(ENGINES), default="auto", show_default=True, help="What runs the network.")
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Processor threads to use  [default: all].")
@click.option(
    "--streams",
    type=click.IntRange(min=1),
    metavar="N",
    help="Calls that run side by side: measures throughput  [default: one at a time, latency].",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0.1, max=3600),
    default=5.0,
    show_default=True,
    metavar="S",
    help="How long to measure.",
)
@target_option
@json_option
def command(
    *,
    artifact: str,
    against: Path | None,
    engine: str,
    threads: int | None,
    streams: int | None,
    seconds: float,
    target: str | None,
    as_json: bool,
) -> int:
    """Measure how fast a model is on this machine: milliseconds a call, and calls a second.

    With --against both take turns, so that what drifts on the machine hits both alike. Where the artifact holds a
    self-test, it is run first.

    \b
    Example:
      belvedere benchmark net.tar.gz --against model.onnx --seconds 10
    """
    from contextlib import ExitStack
    from functools import partial

    from belvedere.compiler.parity.feeds import seeded_inputs
    from belvedere.compiler.parity.speed import measure
    from belvedere.compiler.pipeline.original import open_original
    from belvedere.compiler.precision import arithmetic
    from belvedere.compiler.report.machine import describe, machine
    from belvedere.runtime import Model
    from belvedere.zoo import open_artifact

    loaded = open_artifact(artifact)
    hint = "throughput" if streams and streams > 1 else "latency"
    with ExitStack() as stack:
        model = stack.enter_context(
            Model(loaded, engine=engine, threads=threads, target=target, hint=hint, streams=streams)
        )
        feeds = seeded_inputs(_ports(model), 0)
        calls: dict[str, Callable[[], object]] = {"artifact": partial(model.run, feeds)}
        title = {"artifact": f"{loaded.manifest.name} ({loaded.manifest.precision})"}
        if against is not None:
            other = stack.enter_context(open_original(against, loaded, threads=threads))
            calls["against"] = partial(other.run, feeds)
            title["against"] = other.name
        found: dict[str, Any] = {
            "engine": f"{model.engine.name} {model.engine.version}",
            "computes": arithmetic(loaded.manifest.precision, model.engine.computes),
            "threads": model.engine.threads,
            "streams": model.engine.streams,
            "machine": machine(),
            "selftest": None if loaded.manifest.selftest is None else model.selftest().ok,
        }
        speeds = measure(calls, seconds=seconds)
        found["latency"] = {name: vars(speed) for name, speed in speeds.items()}
        if streams is not None:
            found["calls_per_second"] = {
                name: calls_a_second(call, streams, seconds / len(calls)) for name, call in calls.items()
            }
        if "against" in speeds:
            found["ratio"] = speeds["against"].p50_ms / speeds["artifact"].p50_ms
    if as_json:
        say_json({**found, "titles": title})
        return 0
    for line in benchmark_lines(found, title):
        say(line)
    note(describe(found["machine"]))
    if found["selftest"] is False:
        note("the self-test FAILED: on this machine the model gives something else than where it was made")
        return 1
    return 0


def calls_a_second(call: Callable[[], object], workers: int, seconds: float) -> float:
    """Calls that ``workers`` threads together get done in a second."""
    import time
    from concurrent.futures import ThreadPoolExecutor

    def work(end: float) -> int:
        done = 0
        while time.perf_counter() < end:
            call()
            done += 1
        return done

    call()
    began = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        done = sum(pool.map(work, [began + seconds] * workers))
    return done / (time.perf_counter() - began)


def benchmark_lines(found: Mapping[str, Any], title: Mapping[str, str]) -> list[str]:
    """The figures for people."""
    lines = [f"{found['engine']}, computing in {found['computes']}, {found['threads']} threads"]
    rows = []
    for name, speed in found["latency"].items():
        row = [title[name], f"{number(speed['p50_ms'], 2)} ms", f"{number(speed['p95_ms'], 2)} ms"]
        if "calls_per_second" in found:
            row.append(number(found["calls_per_second"][name], 1))
        rows.append(row)
    header = ["", "median", "95 % within", *(["calls a second"] if "calls_per_second" in found else [])]
    lines += ["", *table(rows, header=header)]
    if "ratio" in found:
        times = [found["latency"][name]["p50_ms"] for name in ("artifact", "against")]
        lines += ["", ratio_text(found["ratio"], *times)]
    return lines


def _ports(model: Model) -> list[Any]:
    from belvedere.compiler.importing import Port

    taken = model.artifact.manifest.inputs
    return [Port(part.name, tuple(part.shape), part.dtype, part.layout) for part in taken]
