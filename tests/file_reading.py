"""Reads interval files for tests as the import would, without a database, and makes times and loads to compare with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from ingest import import_csv
from ingest.files.source import open_source

NOW_S = datetime(2026, 11, 30, tzinfo=UTC).timestamp()
NEW_YORK, LONDON = "America/New_York", "Europe/London"
# Goes up and down, as a load does, and never twice the same.
LOAD = [round(1 + (n * 7 % 13) / 8 + n / 1000, 3) for n in range(200)]


def read(path: Path, zone: str, *args: str) -> dict[str, dict[str, float]]:
    """Return channel → start in UTC → kWh (or the mean power's energy) of a file, as the import would store it."""
    parsed = import_csv.build_parser().parse_args(["--site", "900001", *args, "--", str(path)])
    given = import_csv.mapping_of(parsed)
    clock = ZoneInfo(given.clock or zone)
    source = open_source(path, given)
    source.check_clock(clock)
    found: dict[str, dict[str, float]] = {}
    for part in source.read(clock, NOW_S):
        for rows in part.channels:
            table = rows.rows
            kwh = table["energy_kwh"] if "energy_kwh" in table else table["power_kw"] * rows.interval_s / 3600
            starts = [datetime.fromtimestamp(s, UTC).strftime("%m-%d %H:%M") for s in table["timestamp"]]
            found.setdefault(rows.channel, {}).update(zip(starts, kwh.round(6).tolist(), strict=True))
    return found


def local(zone: str, first: str, count: int, minutes: int = 60) -> list[datetime]:
    """Return moments on a zone's wall clock."""
    start = datetime.fromisoformat(first).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return [(start + timedelta(minutes=minutes * n)).astimezone(ZoneInfo(zone)) for n in range(count)]


def utc(moments: Iterable[datetime], values: Iterable[float] = LOAD) -> dict[str, float]:
    return {m.astimezone(UTC).strftime("%m-%d %H:%M"): v for m, v in zip(moments, values, strict=False)}
