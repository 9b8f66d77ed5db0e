"""How many cores may be used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from belvedere.runtime import cores


@pytest.mark.parametrize(
    ("text", "quota"),
    [("max 100000", None), ("150000 100000", 1.5), ("-1 100000", None), ("odd", None), ("1 0", None)],
)
def test_quota_of_a_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, quota: float | None) -> None:
    (tmp_path / "cpu.max").write_text(text + "\n")
    monkeypatch.setattr(cores, "_QUOTA_V2", tmp_path / "cpu.max")
    assert cores.container_quota() == quota


def test_quota_of_an_older_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "_QUOTA_V2", tmp_path / "missing")
    monkeypatch.setattr(cores, "_QUOTA_V1", tmp_path / "quota")
    monkeypatch.setattr(cores, "_PERIOD_V1", tmp_path / "period")
    assert cores.container_quota() is None
    (tmp_path / "quota").write_text("200000\n")
    (tmp_path / "period").write_text("100000\n")
    assert cores.container_quota() == 2.0


@pytest.mark.parametrize(("quota", "expected"), [(None, 8), (0.3, 1), (2.5, 3), (64.0, 8)])
def test_mask_and_quota(monkeypatch: pytest.MonkeyPatch, quota: float | None, expected: int) -> None:
    monkeypatch.setattr(cores, "container_quota", lambda: quota)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert cores.available_cores() == expected
