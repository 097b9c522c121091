"""The quick way: the report on a made-up or measured site without a database.

Frames stand in for what the loaders of `lib.readings` would read from Layer 3; everything above the loaders is the
product's own. Left out is what validation may quarantine, so a benchmark compares with the whole way (`whole_way`).
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from unittest import mock

import numpy as np
import pandas as pd
from benchmarks.claims.made_up_site import MadeUpSite
from benchmarks.claims.timeline import Kw
from benchmarks.measured_meters import MeasuredWeek

from analyze.week import loading
from config.site_file import ChannelTable, SiteConfig, load_site
from deliver.reports.weekly import assemble_report
from ingest.files.parse import complete_energy_and_power
from ingest.runs.load_file import channel_id_of
from ingest.storage.plausibility import REJECT_NEGATIVE_ENERGY, Rules, find_impossible
from lib import readings as loaders
from lib.date_utils import Window

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

SECONDS_PER_HOUR, SECONDS_PER_DAY = 3600, 86_400
ENERGY_DIGITS, POWER_DIGITS, TEMP_DIGITS = 6, 5, 2  # as files and weather services have them
LIMITS = Rules(max_power_kw=5_000.0, max_catch_up_hours=31 * 24.0)


class Frames(NamedTuple):
    """What is stored of a site; each as the loader of its name gives it, over all time."""

    readings: pd.DataFrame
    resets: pd.DataFrame
    meters: pd.DataFrame
    hourly: pd.DataFrame
    monthly: pd.DataFrame
    weather: pd.DataFrame


def file_rows(site: MadeUpSite) -> pd.DataFrame:
    """Return the site's interval file: `channel`, `interval_start` (UTC), `energy_kwh`, and `power_kw` if it has any.

    A reading that a meter did not give has no row.
    """
    start, hours = site.time.index.tz_convert("UTC"), site.time.interval_h
    parts = []
    for name, kw in site.kw.items():
        energy_kwh = site.energy_kwh.get(name, kw * hours)
        part = pd.DataFrame({"interval_start": start, "energy_kwh": np.round(energy_kwh, ENERGY_DIGITS)})
        part.insert(0, "channel", name)
        if site.has_power:
            part["power_kw"] = np.round(kw, POWER_DIGITS)
        parts.append(part[~(np.isnan(kw) & np.isnan(energy_kwh))])
    return pd.concat(parts, ignore_index=True)


def store(site: MadeUpSite, site_id: int) -> Frames:
    """Return what Layer 3 holds after an import of the site's interval file and a refresh, as its site file has it."""
    interval_s, named = site.time.interval_min * 60, _channels_of(site, site_id)
    kept, refused = [], []
    for name, rows in file_rows(site).groupby("channel", sort=False):
        rows = rows.drop(columns="channel").reset_index(drop=True)
        is_reset, is_refused = _impossible(rows, interval_s)
        whole = complete_energy_and_power(rows, interval_s)
        whole = whole.assign(channel_id=channel_id_of(site_id, str(name)), interval_s=interval_s)
        facts = named.get(str(name), ChannelTable())
        kept.append(_as_named(whole[~is_refused], facts, site.time.zone))
        refused.append(_as_named(whole[is_reset], facts, site.time.zone))
    columns = ["channel_id", "interval_start", "interval_s", "energy_kwh", "power_kw"]
    readings, resets = (
        pd.concat(parts)[columns].sort_values(["channel_id", "interval_start"], ignore_index=True)
        for parts in (kept, refused)
    )
    start = site.time.index.tz_convert("UTC")
    meters = _meters(site, site_id, interval_s, named)
    hourly, monthly = _hourly(readings), _monthly(readings, site.time.zone)
    return Frames(readings, resets, meters, hourly, monthly, _weather(site.temp_c, start))


def _channels_of(site: MadeUpSite, site_id: int) -> dict[str, ChannelTable]:
    """Return what the site file says of each channel that it names."""
    with tempfile.TemporaryDirectory() as folder:
        said = _load_toml(site.toml, site_id, Path(folder))
    ids = {channel_id_of(site_id, name): name for name in site.kw}
    return {ids[key]: channel.facts for key, channel in said.channels(ids).items()}


def _load_toml(toml: str, site_id: int, folder: Path) -> SiteConfig:
    (folder / f"{site_id}.toml").write_text(toml, encoding="utf-8")
    return load_site(site_id, sites_dir=folder)


def _counts_until(facts: ChannelTable, zone: str) -> pd.Timestamp:
    """Return the moment after which a meter counts no longer (UTC), NaT where it goes on."""
    if facts.until is None:
        return pd.NaT
    return pd.Timestamp(facts.until + timedelta(days=1)).tz_localize(zone).tz_convert("UTC")


def _as_named(rows: pd.DataFrame, facts: ChannelTable, zone: str) -> pd.DataFrame:
    """Return a meter's rows as `v_readings_enriched` does: times its factor, and up to its last day."""
    end = _counts_until(facts, zone)
    rows = rows if pd.isna(end) else rows[rows["interval_start"] < end]
    return rows.assign(**{name: rows[name] * facts.unit_factor for name in ("energy_kwh", "power_kw")})


def _impossible(rows: pd.DataFrame, interval_s: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows go into quarantine for negative energy, and which for any reason."""
    seconds = (rows["interval_start"] - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy()
    columns = {name: rows[name].to_numpy() for name in ("energy_kwh", "power_kw") if name in rows}
    found = find_impossible(seconds, columns, interval_s, LIMITS)
    return found[REJECT_NEGATIVE_ENERGY], np.logical_or.reduce(list(found.values()))


def _meters(site: MadeUpSite, site_id: int, interval_s: int, named: dict[str, ChannelTable]) -> pd.DataFrame:
    ids = {name: channel_id_of(site_id, name) for name in site.kw}
    names = sorted(ids, key=lambda name: ids[name])
    unknown = pd.to_datetime(pd.Series([None] * len(names)), utc=True)
    parents = [ids[site.parents[name]] if name in site.parents else None for name in names]
    return pd.DataFrame(
        {
            "channel_id": pd.array([ids[name] for name in names], dtype="int64"),
            "channel_name": names,
            "parent_channel_id": pd.array(parents, dtype="Int64"),
            "is_energy_meter": np.ones(len(names), dtype=bool),
            "interval_s": pd.array([interval_s] * len(names), dtype="Int64"),
            "installed_at": unknown,
            "uninstalled_at": pd.to_datetime(
                pd.Series([_counts_until(named.get(name, ChannelTable()), site.time.zone) for name in names]), utc=True
            ),
        }
    )


def _hourly(readings: pd.DataFrame) -> pd.DataFrame:
    hours = readings.assign(timestamp=readings["interval_start"].dt.floor("h"))
    group = hours.groupby(["channel_id", "timestamp"])
    columns = {
        "energy_kwh": group["energy_kwh"].sum(min_count=1),
        "reading_count": group["energy_kwh"].count(),
        "avg_kw": group["power_kw"].mean(),
    }
    return pd.DataFrame(columns).reset_index()


def _monthly(readings: pd.DataFrame, zone: str) -> pd.DataFrame:
    local = readings["interval_start"].dt.tz_convert(zone).dt.tz_localize(None)
    rows = readings.assign(
        local_month=local.dt.to_period("M").dt.start_time.dt.date, days=readings["interval_s"] / SECONDS_PER_DAY
    )
    return rows.groupby(["channel_id", "local_month"])[["energy_kwh", "days"]].sum().reset_index()


def _weather(temp_c: Kw | None, moments: pd.DatetimeIndex) -> pd.DataFrame:
    hourly = pd.Series(temp_c, index=moments, dtype=float).resample("h").mean().dropna().round(TEMP_DIGITS)
    numbers = {"temp_c": hourly.to_numpy(), "relative_humidity_pct": 50.0, "irradiance_w_m2": 100.0}
    return pd.DataFrame({"timestamp": hourly.index, **numbers})


class StandIn:
    """Answers as the loaders of `lib.readings` do, from frames; it takes the connection's place and needs none."""

    def __init__(self, frames: Frames, site: loaders.Site) -> None:
        self.frames, self.site = frames, site
        last = frames.readings["interval_start"].max()
        self.status = loaders.ValidationStatus(1, "closed", True, last.to_pydatetime(), [], [], None, None)

    def load_site(self, _conn: None, _site_id: int) -> loaders.Site:
        """Return the site."""
        return self.site

    def load_meters(self, _conn: None, _site_id: int) -> pd.DataFrame:
        """Return all meters."""
        return self.frames.meters.copy()

    def load_quarantined(self, _conn: None, _site_id: int) -> list[loaders.QuarantinedChannel]:
        """Return none: nothing is validated here."""
        return []

    def load_open_questions(self, _conn: None, _site_id: int) -> list[loaders.OpenQuestion]:
        """Return none: nothing is validated here."""
        return []

    def load_report_findings(self, _conn: None, _week: loaders.ReportWeek) -> list[loaders.FollowedFinding]:
        """Return none: nothing was reported here before."""
        return []

    def load_last_reported_week(self, _conn: None, _site_id: int, _before: str) -> None:
        """Return none: nothing was reported here before."""

    def load_accepted_gaps(self, _conn: None, _site_id: int, _period: Window) -> list[loaders.AcceptedGap]:
        """Return none: nobody accepted any."""
        return []

    def load_readings(self, _conn: None, _site_id: int, window: Window) -> pd.DataFrame:
        """Return the readings of a window; files have no power of a phase."""
        return _widen(_within(self.frames.readings, window, "interval_start"), loaders.READING_COLUMNS)

    def load_resets(self, _conn: None, _site_id: int, window: Window) -> pd.DataFrame:
        """Return the records with negative energy of a window."""
        return _within(self.frames.resets, window, "interval_start")

    def load_electrical(self, _conn: None, _site_id: int, window: Window) -> pd.DataFrame:
        """Return the readings of a window; files have energy and power alone."""
        return _widen(_within(self.frames.readings, window, "interval_start"), loaders.ELECTRICAL_COLUMNS)

    def load_hourly(
        self, _conn: None, _site_id: int, window: Window, channel_ids: list[int] | None = None
    ) -> pd.DataFrame:
        """Return the hours of a window, of all meters or of some."""
        rows = _within(self.frames.hourly, window, "timestamp")
        rows = rows if channel_ids is None else rows[rows["channel_id"].isin(channel_ids)]
        return rows.drop(columns="avg_kw").reset_index(drop=True)

    def load_site_hours(self, _conn: None, _site_id: int, window: Window, channel_ids: list[int]) -> pd.DataFrame:
        """Return the hours of a window in which each of these meters has readings, added up."""
        rows = _within(self.frames.hourly, window, "timestamp")
        sums = rows[rows["channel_id"].isin(channel_ids)].groupby("timestamp")["avg_kw"].agg(["sum", "count"])
        sums = sums[sums["count"] == len(channel_ids)]
        moments = (pd.DatetimeIndex(sums.index) - pd.Timestamp(0, tz="UTC")).total_seconds()
        return pd.DataFrame({"epoch_s": moments.astype("int64"), "mean_kw": sums["sum"].to_numpy()})

    def load_monthly(self, _conn: None, _site_id: int) -> pd.DataFrame:
        """Return the months of all meters."""
        return self.frames.monthly.copy()

    def load_weather(self, _conn: None, _site_id: int, window: Window) -> pd.DataFrame:
        """Return the weather of a window."""
        return _within(self.frames.weather, window, "timestamp")


def _within(frame: pd.DataFrame, window: Window, column: str) -> pd.DataFrame:
    moments = frame[column]
    return frame[(moments >= window.start) & (moments < window.end)].reset_index(drop=True)


def _widen(rows: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return the rows with each of these columns, empty where a file has none."""
    return rows.assign(**{name: np.nan for name in columns if name not in rows})


def _reads_file(toml: str, site_id: int, folder: Path) -> AbstractContextManager[object]:
    """Let the product read the site's file from a folder of ours: one among its own would be somebody else's."""
    (folder / f"{site_id}.toml").write_text(toml, encoding="utf-8")
    return mock.patch.object(loading, "read_site", partial(load_site, sites_dir=folder))


def make_report(frames: Frames, site: loaders.Site, toml: str, monday: date) -> dict[str, Any]:
    """Return the weekly report on what is stored, as its reader gets it."""
    stand_in, now = StandIn(frames, site), datetime.now(UTC)
    answers = {name: getattr(stand_in, name) for name in dir(stand_in) if name.startswith("load_")}
    with (
        tempfile.TemporaryDirectory() as folder,
        _reads_file(toml, site.site_id, Path(folder)),
        mock.patch.multiple(loaders, **answers),
    ):
        _, week = loading.load_week(cast("Connection", None), site.site_id, monday.isoformat(), None, None, now)
    report = assemble_report(site, stand_in.status, week, forced_reason=None, now=now)
    return json.loads(json.dumps(report, allow_nan=False))


def report_quickly(site: MadeUpSite, site_id: int) -> dict[str, Any]:
    """Return a made-up site's weekly report."""
    stored = loaders.Site(site_id, site.name, site.time.zone, None, None, None, None, "file")
    return make_report(store(site, site_id), stored, site.toml, site.time.monday)


def report_measured(week: MeasuredWeek, site_id: int) -> dict[str, Any]:
    """Return the weekly report on a week of measured meters, of which nobody named hours, weather or parents."""
    rows, zone = week.readings, week.tz.key
    hourly, monthly = _hourly(rows), _monthly(rows, zone)
    frames = Frames(rows, rows.iloc[:0], week.meters, hourly, monthly, _weather(None, pd.DatetimeIndex([], tz="UTC")))
    stored = loaders.Site(site_id, "Measured site", zone, None, None, None, None, "file")
    return make_report(frames, stored, "", week.period.start.astimezone(week.tz).date())
