"""Small sites of metering points for the sandbox to serve: points seen through several channels, mains and their parts.

Every load is a table of quarter-hours made from a seed, so that the truth of any stretch is a sum.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pytest
from pipeline import SITE_ID, report_of

from config.site_file import load_site, read_site
from govern.checks.reader import read_checks
from govern.usage.refresh import refresh_views
from govern.validate_data import validate_one
from ingest.runs.load_site import ingest_readings
from ingest.runs.registration import register
from lib.date_utils import Window
from operations.sandbox.site_model import METER_TYPE_ID, Catalogue, Channel

if TYPE_CHECKING:
    from conftest import ServeSandbox
    from psycopg2.extensions import connection as Connection

    from govern.checks.verdict import Verdict

ZONE = ZoneInfo("America/New_York")
STEP_S = 900
START = datetime(2026, 1, 19, tzinfo=ZONE)  # a Monday; five weeks to the end of the report's
END = datetime(2026, 2, 23, tzinfo=ZONE)
NOW = datetime(2026, 2, 23, 12, tzinfo=ZONE)
WEEK = Window(datetime(2026, 2, 16, tzinfo=ZONE), END)
MAC = "5410EC8A1F2E"
Floats = npt.NDArray[np.float64]


def make_load(seed: int, mean_kw: float, *, days: int = 35) -> Floats:
    """Return the quarter-hours [kW] of a load that is busy on working days, cycles, and is never twice the same."""
    rng = np.random.default_rng(seed)
    quarter = np.arange(96 * days)
    hour, weekday = quarter % 96 / 4, quarter // 96 % 7
    opens, closes = rng.uniform(6, 9), rng.uniform(16, 20)
    busy = (hour >= opens) & (hour < closes) & (weekday < 5)
    cycle = np.repeat(rng.random(quarter.size // 3 + 1) < rng.uniform(0.3, 0.8), 3)[: quarter.size]
    level = np.where(busy, 1.0, rng.uniform(0.1, 0.4)) * np.where(cycle, 1.3, 0.6) * rng.uniform(0.9, 1.1, quarter.size)
    return level * mean_kw / level.mean()


class PointMeter(Channel):
    """A channel with two fields only."""

    @property
    def units(self) -> dict[str, str]:
        return {"E": "Wh", "P": "W"}


def view(key: int, name: str, point: int, phase: str = "system", **more: Any) -> Channel:
    """Return a channel that shows a metering point."""
    uuid, installed_s = f"{MAC}{point:04X}", int(START.timestamp())
    own: dict[str, Any] = {"meter_id": 500_000 + point, "displayed_phase": phase} | more
    return PointMeter(key, name, name, 4000 + point, f"Meter {point}", METER_TYPE_ID, uuid, installed_s, **own)


class PointSource:
    """Serves the quarter-hours of `kw_of` (channel id → kW since `START`; no row where it is NaN)."""

    def __init__(self, channels: list[Channel], kw_of: Mapping[int, Floats]) -> None:
        self.catalogue, self._kw_of = Catalogue(tuple(channels)), kw_of
        self.power_ratio: dict[int, float] = {}  # channel id → by what its power is too high

    def get_resolution_s(self, channel: Channel) -> int:
        """Return the finest resolution [s]."""
        return STEP_S

    def compute_fields(self, channel: Channel, start_s: int, count: int, resolution_s: int) -> dict[str, Any]:
        """Return the intervals that have a row."""
        size, kw = resolution_s // STEP_S, self._kw_of[channel.channel_id]
        first = (start_s - int(START.timestamp())) // STEP_S + size * np.arange(count)
        known = (first >= 0) & (first + size <= kw.size)
        mean_kw = np.array([kw[at : at + size].mean() for at in first[known]])
        starts, is_there = start_s + resolution_s * np.flatnonzero(known), ~np.isnan(mean_kw)
        starts, mean_kw, ratio = starts[is_there], mean_kw[is_there], self.power_ratio.get(channel.channel_id, 1.0)
        return {"ts": starts, "E": mean_kw * 1e3 * resolution_s / 3600, "P": mean_kw * 1e3 * ratio}


def say_and_validate(conn: Connection, folder: Path, site_id: int, text: str) -> Verdict:
    """Write the site's file and validate by it."""
    (folder / f"{site_id}.toml").write_text(text, encoding="utf-8")
    return validate(conn, site_id)


def validate(conn: Connection, site_id: int) -> Verdict:
    """Validate by what the file says."""
    read_site.cache_clear()
    conn.commit()
    verdict = validate_one(conn, site_id, read_checks())
    conn.commit()
    return verdict


class PointSite:
    """The sandbox with such a site, a database, and the site's file; each step as the nightly job takes it."""

    def __init__(self, conn: Connection, serve: ServeSandbox, folder: Path, source: PointSource) -> None:
        self.conn, self._folder, self.source = conn, folder, source
        self._client = serve(now=NOW, planted_weeks=[], source=source).client

    def say(self, text: str) -> None:
        """Write the site's file."""
        (self._folder / f"{SITE_ID}.toml").write_text(text, encoding="utf-8")

    def sync(self) -> Verdict:
        """Ingest the five weeks, refresh, validate."""
        site = register(self.conn, self._client, SITE_ID, said=load_site(SITE_ID, self._folder))
        self.summary = ingest_readings(self.conn, self._client, site, Window(START, END), STEP_S, workers=4)
        refresh_views(self.conn)
        return self.validate()

    def validate(self) -> Verdict:
        """Validate by what the file says."""
        return validate(self.conn, SITE_ID)

    def report(self) -> dict[str, Any]:
        """Return the report on the last week, checked against its schema."""
        return report_of(self.conn, NOW)


def week_kwh(*loads: Floats) -> float:
    """Return the energy of the report's week [kWh]."""
    last = int((END - WEEK.start).total_seconds()) // STEP_S
    return float(sum(kw[-last:].sum() for kw in loads)) * STEP_S / 3600


MakeSite = Callable[[list[Channel], Mapping[int, Floats]], PointSite]


@pytest.fixture
def site_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own for the files of sites, where every stage looks for them."""
    folder = tmp_path / "sites"
    folder.mkdir()
    for module in ("govern.validate_data", "analyze.week.loading"):
        monkeypatch.setattr(f"{module}.read_site", lambda site_id, *_: load_site(site_id, folder))
    return folder


@pytest.fixture
def point_site(conn: Connection, serve: ServeSandbox, site_files: Path) -> MakeSite:
    """Make such a site."""
    return lambda channels, kw_of: PointSite(conn, serve, site_files, PointSource(channels, kw_of))
