"""Where measured times stop telling anything about a network."""

OVERHEAD_MS = 0.05
"""Milliseconds a call below which what is measured is the call itself, and no ratio of speeds is told."""
