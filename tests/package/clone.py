"""The repository as a fresh clone has it, somewhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from conftest import ROOT

# The way is the same with few replicates, and takes a third of the time.
FAST = {
    "segmentry_bootstrap_replicates": 4,
    "segmentry_null_replicates": 2,
    "segmentry_seed_replicates": 2,
    "segmentry_n_init": 2,
}
# A reader's script, word for word; only the defaults of its builds are those above.
RUN_FAST = f"""
import runpy, sys
from segmentry import PipelineConfig
own_vars = PipelineConfig.vars
PipelineConfig.vars = lambda config: {FAST} | own_vars(config)
runpy.run_path(sys.argv[1], run_name="__main__")
"""


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


def run_script(script: Path, cwd: Path) -> str:
    """Run a script that builds, with few replicates; return what it said."""
    return run(sys.executable, "-c", RUN_FAST, script, cwd=cwd)


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
