"""A PostgreSQL of our own on loopback, and the project on it."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
import pyarrow as pa

from segmentry.engines.postgres import PostgresTable, store
from segmentry.project import invoke


def _binaries() -> Path:
    """Where the server's programs are: on the path, or where Debian puts them."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    assert places, (
        "PostgreSQL was not found. Install it (Debian: apt-get install postgresql) or put initdb on the path."
    )
    return places[-1]


def _unprivileged() -> dict[str, Any]:
    """The server refuses to run as root."""
    if os.getuid() != 0:
        return {}
    user = pwd.getpwnam(
        "postgres" if any(entry.pw_name == "postgres" for entry in pwd.getpwall()) else "nobody"
    )
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def server() -> Iterator[int]:
    """Run a server whose order of texts and whose time zone are not ours; gives its port."""
    directory = Path(tempfile.mkdtemp(prefix="segmentry_postgres_"))
    who = _unprivileged()
    if who:
        os.chown(directory, who["user"], who["group"])
    programs, data, port = _binaries(), directory / "data", _free_port()
    process = None
    try:
        subprocess.run(
            [
                *(programs / "initdb", "--pgdata", data, "--username", "segmentry", "--auth", "trust", "--no-sync"),
                *("--encoding", "UTF8", "--locale", "C.UTF-8", "--locale-provider", "icu", "--icu-locale", "en-US"),
            ],
            **who, cwd=directory, check=True, capture_output=True,
        )  # fmt: skip
        settings = {
            "listen_addresses": "127.0.0.1",
            "timezone": "America/New_York",
            "datestyle": "SQL, DMY",
            "fsync": "off",
        }
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, "-p", str(port), "-k", directory]
            + [word for name, value in settings.items() for word in ("-c", f"{name}={value}")],
            **who, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        _wait(process, port)
        yield port
    finally:
        if process is not None:
            # Fast shutdown: open transactions are rolled back.
            process.send_signal(signal.SIGINT)
            process.wait(60)
        shutil.rmtree(directory)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(300):
        assert process.poll() is None, "The server ended by itself."
        try:
            psycopg2.connect(host="127.0.0.1", port=port, user="segmentry", dbname="postgres").close()
            return
        except psycopg2.OperationalError:
            time.sleep(0.1)
    raise AssertionError("The server did not answer within 30 seconds.")


@dataclass
class Warehouse:
    """A database on the server, with the project's target pointing at it.

    `options` are vars (without their prefix) of every command: those that Python models read count where the project is parsed.
    """

    port: int
    name: str
    work: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    manifest: Any = None

    def __post_init__(self) -> None:
        with closing(
            psycopg2.connect(host="127.0.0.1", port=self.port, user="segmentry", dbname="postgres")
        ) as admin:
            admin.autocommit = True
            admin.cursor().execute(f"create database {self.name}")

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": "segmentry",
            "PGDATABASE": self.name,
        }

    def connect(self) -> Any:
        return psycopg2.connect(host="127.0.0.1", port=self.port, user="segmentry", dbname=self.name)

    def put(self, tables: Mapping[str, pa.Table]) -> None:
        """Make the tables that the demo's seeds would be."""
        with self.connect() as connection:
            connection.cursor().execute("create schema if not exists segmentry_internal")
            for name, rows in tables.items():
                connection.cursor().execute(f"drop table if exists segmentry_internal.{name} cascade")
                store(connection, rows.to_pandas(), f"segmentry_internal.{name}")
        connection.close()

    def execute(self, statements: str) -> None:
        with self.connect() as connection:
            connection.cursor().execute(statements)
        connection.close()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("set time zone 'UTC'")
            cursor.execute(query)
            return list(cursor.fetchall())

    def table(self, name: str) -> Any:
        with closing(self.connect()) as connection:
            return PostgresTable(connection, name).frame()

    def dbt(self, *arguments: str, **options: Any) -> str:
        """Run a command of dbt with some vars; return what went wrong, "" when nothing did."""
        if self.manifest is None:
            parsed = self._invoke("parse", **self.options)
            assert parsed.success, parsed.exception
            self.manifest = parsed.result
        done = self._invoke(*arguments, **{**self.options, **options})
        results = getattr(done.result, "results", None) or []
        messages = [
            f"{result.node.name}: {result.message}"
            for result in results
            if result.status in ("error", "fail")
        ]
        messages += [str(done.exception)] if done.exception else []
        assert done.success == (not messages)
        return "\n".join(messages)

    def _invoke(self, *arguments: str, **options: Any) -> Any:
        variables = json.dumps({f"segmentry_{name}": value for name, value in options.items()})
        return invoke(
            [*arguments, "--target", "postgres", "--vars", variables],
            work=self.work,
            values=self.environment,
            manifest=self.manifest,
        )
