"""Torch architectures by name."""
