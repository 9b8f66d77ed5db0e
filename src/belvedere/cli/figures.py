"""Measured figures in words."""

from __future__ import annotations

from belvedere.cli.console import number


def ratio_text(ratio: float, now_ms: float, before_ms: float) -> str:
    """How many times as fast something is; where both take next to nothing, that the call itself is what was measured.

    Args:
        ratio: ``before_ms / now_ms``.
        now_ms: Milliseconds a call.
        before_ms: The same of what it is held against.
    """
    from belvedere.compiler.report.overhead import OVERHEAD_MS

    if max(now_ms, before_ms) < OVERHEAD_MS:
        return f"both under {OVERHEAD_MS:g} ms, which is the overhead of a call"
    return f"{number(ratio, 2)} times as fast"
