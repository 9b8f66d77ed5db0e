"""How many processor cores this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

_QUOTA_V2 = Path("/sys/fs/cgroup/cpu.max")
_QUOTA_V1 = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
_PERIOD_V1 = Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")


def available_cores() -> int:
    """Cores in the process's affinity mask, or fewer where a container's quota is lower; at least 1."""
    has_mask = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if has_mask else os.cpu_count() or 1
    quota = container_quota()
    return max(1, cores if quota is None else min(cores, math.ceil(quota)))


def container_quota() -> float | None:
    """Cores that the cgroup (v2, else v1) at the root of this container grants, None for no bound."""
    try:
        if _QUOTA_V2.exists():
            granted, period = _QUOTA_V2.read_text().split()[:2]
        else:
            granted, period = _QUOTA_V1.read_text(), _PERIOD_V1.read_text()
        return None if granted == "max" or int(granted) <= 0 else int(granted) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None
