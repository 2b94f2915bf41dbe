"""A standalone cluster of Spark on this machine: a master and workers on loopback, on free ports."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from segmentry import project

LOOPBACK = "127.0.0.1"
PATIENCE = 120  # seconds until all workers must have found the master


class Cluster(NamedTuple):
    """Where the master listens, and the processes: master first."""

    url: str
    processes: list[subprocess.Popen[bytes]]

    def parameters(self) -> dict[str, str]:
        """What a session needs to run there."""
        return {
            "spark.master": self.url,
            "spark.driver.host": LOOPBACK,
            "spark.driver.bindAddress": LOOPBACK,
            "spark.ui.port": "0",
            "spark.port.maxRetries": "64",
        }


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        return int(listener.getsockname()[1])


def fetch(url: str) -> Any:
    """Read JSON from this machine, past any proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as answer:
        return json.load(answer)


def of_the_application(session: Any, path: str) -> Any:
    """Ask the driver of a session about it; see https://spark.apache.org/docs/latest/monitoring.html#rest-api ."""
    context = session.sparkContext
    port = context.uiWebUrl.rsplit(":", 1)[1]
    return fetch(f"http://{LOOPBACK}:{port}/api/v1/applications/{context.applicationId}/{path}")


@contextlib.contextmanager
def cluster(directory: Path, workers: int = 2, cores: int = 1, memory: str = "2g") -> Iterator[Cluster]:
    """Start a master and workers, wait until they know each other, stop them at the end."""
    import pyspark

    program = str(Path(pyspark.__file__).parent / "bin" / "spark-class")
    directory.mkdir(parents=True, exist_ok=True)
    port, pages = free_port(), free_port()
    url = f"spark://{LOOPBACK}:{port}"
    environment = os.environ | {
        "SPARK_LOCAL_IP": LOOPBACK,
        "SPARK_DAEMON_MEMORY": "384m",
        # A worker on busy cores is late, not dead.
        "SPARK_MASTER_OPTS": "-Dspark.worker.timeout=1200 -Dspark.master.rest.enabled=false",
    }
    processes: list[subprocess.Popen[bytes]] = []

    def start(name: str, role: str, *arguments: str) -> None:
        command = [program, f"org.apache.spark.deploy.{role}", "--host", LOOPBACK]
        with (directory / f"{name}.log").open("wb") as log:
            processes.append(
                subprocess.Popen(
                    [*command, *arguments],
                    cwd=directory,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )

    try:
        start("master", "master.Master", "--port", str(port), "--webui-port", str(pages))
        for number in range(1, workers + 1):
            worker = ["--webui-port", "0", "--cores", str(cores), "--memory", memory]
            start(
                f"worker{number}",
                "worker.Worker",
                *worker,
                "--work-dir",
                str(directory / f"work{number}"),
                url,
            )
        deadline = time.monotonic() + PATIENCE
        alive = 0
        while alive < workers:
            stopped = [process.args for process in processes if process.poll() is not None]
            if stopped or time.monotonic() > deadline:
                logs = "\n".join(log.read_text()[-2000:] for log in sorted(directory.glob("*.log")))
                raise RuntimeError(f"{alive} of {workers} workers came up, {stopped} stopped.\n{logs}")
            time.sleep(0.5)
            with contextlib.suppress(OSError):
                alive = fetch(f"http://{LOOPBACK}:{pages}/json/")["aliveworkers"]
        # The pages of the driver are for this machine alone, too.
        with project.environment({"SPARK_LOCAL_IP": LOOPBACK}):
            yield Cluster(url, processes)
    finally:
        # Workers first, with their executors: a worker without a master waits for another one.
        for process in reversed(processes):
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
