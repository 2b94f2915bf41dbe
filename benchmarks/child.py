"""Measure Python in a process of its own, so that nothing before it counts."""

from __future__ import annotations

import os
import subprocess
import sys
import time


def run_child(*arguments: str, python: str = sys.executable, **environment: str) -> tuple[str, float, float]:
    """Run Python in a process of its own: its last line, wall time in seconds and peak memory in MB."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [python, *arguments], stdout=subprocess.PIPE, text=True, env=os.environ | environment
    )
    assert process.stdout
    printed = process.stdout.read().splitlines()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(arguments)[:200]} failed with status {status}")
    return printed[-1] if printed else "", time.perf_counter() - started, usage.ru_maxrss / 1024
