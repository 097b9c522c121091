"""Rows for the tests of the analyses: small sites with readings that a reader can work out by hand."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.meters.bad_intervals import find_bad_intervals
from analyze.week.intervals import WeekScope, prepare_intervals
from analyze.week.site_week import SiteWeek, baseline_before
from config.thresholds import Thresholds
from deliver.reports.weekly import tell_sections
from deliver.words.week import tell_week
from lib.date_utils import Window, local_day_window
from lib.report_types.head import Period

NEW_YORK = ZoneInfo("America/New_York")
# A winter week without clock changes in it or in the four weeks before: Monday 12 to Sunday 18 January 2026.
WEEK = local_day_window(date(2026, 1, 12), date(2026, 1, 18), NEW_YORK)


def make_meters(*channel_ids: int, parents: dict[int, int] | None = None, interval_s: int = 900) -> pd.DataFrame:
    """Return energy meters named "meter <id>", of unknown installation."""
    nothing = pd.to_datetime(pd.Series([None] * len(channel_ids)), utc=True)
    return pd.DataFrame(
        {
            "channel_id": pd.array(channel_ids, dtype="int64"),
            "channel_name": [f"meter {key}" for key in channel_ids],
            "parent_channel_id": pd.array([(parents or {}).get(key) for key in channel_ids], dtype="Int64"),
            "is_energy_meter": np.ones(len(channel_ids), dtype=bool),
            "interval_s": pd.array([interval_s] * len(channel_ids), dtype="Int64"),
            "installed_at": nothing,
            "uninstalled_at": nothing,
        }
    )


def make_readings(
    channel_id: int, start: str | pd.Timestamp, power_kw: npt.ArrayLike, interval_s: int = 900
) -> pd.DataFrame:
    """Return consecutive readings from `start` (UTC) on, with energy that agrees with the power."""
    power = np.asarray(power_kw, dtype=float)
    return pd.DataFrame(
        {
            "channel_id": np.full(power.size, channel_id, dtype="int64"),
            "interval_start": pd.Timestamp(start) + pd.to_timedelta(np.arange(power.size) * interval_s, unit="s"),
            "interval_s": np.full(power.size, interval_s, dtype="int64"),
            "energy_kwh": power * interval_s / 3600,
            "power_kw": power,
        }
    )


def fill_window(
    channel_id: int, window: Window, day_kw: float, night_kw: float, tz: ZoneInfo = NEW_YORK, interval_s: int = 900
) -> pd.DataFrame:
    """Return readings over `window`: `day_kw` on weekdays 7–18 local, else `night_kw`, each with a 2 % wiggle.

    The wiggle repeats every seven intervals and never twice the same value in a row, so that nothing looks stuck.
    """
    count = int((window.end - window.start).total_seconds() // interval_s)
    frame = make_readings(channel_id, pd.Timestamp(window.start), np.zeros(count), interval_s)
    local = frame["interval_start"].dt.tz_convert(tz)
    is_open = (local.dt.hour >= 7) & (local.dt.hour < 18) & (local.dt.day_of_week < 5)
    wiggle = 1 + 0.02 * (np.arange(count) % 7 - 3) / 3
    power = np.where(is_open, day_kw, night_kw) * wiggle
    return frame.assign(power_kw=power, energy_kwh=power * interval_s / 3600)


def make_thresholds(**groups: dict[str, object]) -> Thresholds:
    """Return the thresholds with some others than the defaults, by group: ``spikes={"min_power_kw": 2.0}``."""
    return msgspec.convert(groups, Thresholds)


def make_scope(
    meters: pd.DataFrame, period: Window = WEEK, tz: ZoneInfo = NEW_YORK, config: Thresholds | None = None
) -> WeekScope:
    """Return the scope of `period` with the baseline weeks before it."""
    config = config or Thresholds()
    return WeekScope(meters, period, baseline_before(period, tz, config), tz, config)


def prepare(readings: pd.DataFrame, scope: WeekScope) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return all intervals, their flags, and the sound ones."""
    intervals = prepare_intervals(readings, scope.meters, scope.tz)
    bad = find_bad_intervals(intervals, scope.config, scope.limits)
    return intervals, bad, intervals[~bad.any(axis=1)]


def set_power(readings: pd.DataFrame, start: str, end: str, power_kw: float, tz: ZoneInfo = NEW_YORK) -> pd.DataFrame:
    """Return `readings` with `power_kw` (and its energy) from `start` up to `end` on the local wall clock.

    Every second value is a hundred-thousandth higher, for a live measurement never repeats.
    """
    moment = readings["interval_start"]
    hit = (moment >= pd.Timestamp(start, tz=tz)) & (moment < pd.Timestamp(end, tz=tz))
    power = pd.Series(power_kw * (1 + 1e-5 * (np.arange(len(readings)) % 2)), index=readings.index)
    energy_kwh = power * readings["interval_s"] / 3600
    return readings.assign(
        power_kw=readings["power_kw"].mask(hit, power), energy_kwh=readings["energy_kwh"].mask(hit, energy_kwh)
    )


def tell(week: SiteWeek) -> dict[str, Any]:
    """Return the summary of the report on this week."""
    tz = ZoneInfo(week.timezone)
    start, end = (moment.astimezone(tz).isoformat() for moment in week.period)
    period: Period = {"start": start, "end": end, "timezone": tz.key}
    return tell_week(week.summary, tell_sections(week.sections), week.consumption, week.data_quality, period)


def spaced(text: Any) -> Any:
    """Return texts, or lists of them, with plain spaces in place of those that hold a number to its unit."""
    if isinstance(text, str):
        return text.replace("\N{NO-BREAK SPACE}", " ")
    return [spaced(each) for each in text]
