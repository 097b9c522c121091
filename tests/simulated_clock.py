"""A clock that runs ahead of the machine's or behind it: for this process, for scripts, and for a database of its own.

Time passes as fast as ever; what changes is how far ahead of the real moment everybody believes to be.
"""

from __future__ import annotations

import datetime as standard
import os
import runpy
import sys
from datetime import timedelta, tzinfo
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql

AHEAD_VARIABLE = "SIMULATED_CLOCK_AHEAD_S"
ROOMS = ("config.", "lib.", "ingest.", "govern.", "analyze.", "deliver.", "operations.")
_Datetime = standard.datetime

# They stand before those of PostgreSQL in the search path, so that every default, view and query made from then on
# means them.
_DATABASE_CLOCK = """
CREATE FUNCTION public.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS
    $$ SELECT pg_catalog.statement_timestamp() + pg_catalog.current_setting('simulated.ahead')::interval $$;
CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    $$ SELECT pg_catalog.clock_timestamp() + pg_catalog.current_setting('simulated.ahead')::interval $$;
CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql STABLE AS
    $$ SELECT pg_catalog.now() + pg_catalog.current_setting('simulated.ahead')::interval $$;
"""
# In the place of a project's Python: runs scripts with the clock that the environment tells, and all else as it is.
_PYTHON = """#!/bin/sh
case "$1" in
  *.py | -c) exec "{python}" "{here}" "$@" ;;
  *) exec "{python}" "$@" ;;
esac
"""


class _AnyDatetime(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _Datetime)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _Datetime)


class SimulatedDatetime(_Datetime, metaclass=_AnyDatetime):
    """Stands for `datetime`, and makes real ones; only what time it is differs."""

    ahead = timedelta(0)

    def __new__(cls, *args: Any, **kwargs: Any) -> _Datetime:  # type: ignore[misc]
        return _Datetime(*args, **kwargs)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> _Datetime:  # type: ignore[override]
        return _Datetime.now(tz) + cls.ahead


def replace_in_project(monkeypatch: Any) -> None:
    """Let the project's modules that are loaded by now believe in the simulated clock, until the test ends."""
    for name, module in list(sys.modules.items()):
        if name.startswith(ROOMS) and getattr(module, "datetime", None) is _Datetime:
            monkeypatch.setattr(module, "datetime", SimulatedDatetime)


def write_python(path: Path) -> None:
    """Write a Python that runs scripts by the clock that `AHEAD_VARIABLE` tells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_PYTHON.format(python=sys.executable, here=Path(__file__).resolve()))
    path.chmod(0o755)


def prepare_database(url: str) -> None:
    """Give a database without tables a clock of its own; what is made in it afterwards goes by that."""
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(_DATABASE_CLOCK)
        name = sql.Identifier(connection.info.dbname)
        cursor.execute(sql.SQL("ALTER DATABASE {} SET search_path = public, pg_catalog").format(name))
    connection.close()
    set_database_clock(url, timedelta(0))


def set_database_clock(url: str, ahead: timedelta) -> None:
    """Set the clock of all sessions that begin from now on."""
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        name = sql.Identifier(connection.info.dbname)
        text = f"{ahead.total_seconds()} seconds"
        cursor.execute(sql.SQL("ALTER DATABASE {} SET simulated.ahead = %s").format(name), (text,))
    connection.close()


def let_servers_tell(ahead: timedelta) -> None:
    """Let the stand-in's replies bear the simulated date: an ingest refuses a service whose clock is days apart."""
    from waitress import task

    real = task.build_http_date
    task.build_http_date = lambda moment_s: real(moment_s + ahead.total_seconds())


if __name__ == "__main__":
    if sys.argv[1] != "-c":
        import pandas  # noqa: F401  (its compiled parts want the real class while they are loaded)

    SimulatedDatetime.ahead = timedelta(seconds=float(os.environ.get(AHEAD_VARIABLE, 0)))
    if sys.argv[1].endswith("eniscope_sandbox.py"):
        let_servers_tell(SimulatedDatetime.ahead)
    standard.datetime = SimulatedDatetime  # type: ignore[misc]
    del sys.argv[0]
    if sys.argv[0] == "-c":
        exec(sys.argv.pop(1), {"__name__": "__main__"})  # as Python does
        sys.exit()
    runpy.run_path(sys.argv[0], run_name="__main__")
