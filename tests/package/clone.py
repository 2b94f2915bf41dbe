"""The repository as a fresh clone has it, somewhere else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from conftest import ROOT


def copied(directory: Path) -> Path:
    """Copy the files that belong to the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    clone = directory / "clone"
    for name in listed.stdout.split("\0"):
        source, target = ROOT / name, clone / name
        if name and source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    return clone


def run(*words: object, cwd: Path, succeeds: bool = True, **environment: str) -> str:
    """Run a command; return what it said."""
    done = subprocess.run(
        [*map(str, words)],
        cwd=cwd,
        # `make` says where our own profile is; a stranger's project has its own.
        env={name: value for name, value in os.environ.items() if name != "DBT_PROFILES_DIR"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == succeeds, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout
