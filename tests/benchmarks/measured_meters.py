"""Measured meters as the analyses' readings, and the weeks of them that are complete enough to be trusted.

The files are not part of this project; `DATA_DIR` is where they are looked for. Power is energy over hours, since each
set has published one of the two only.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analyze.week.site_week import baseline_before
from config.thresholds import Thresholds
from lib.date_utils import Window, local_day_window
from lib.paths import PROJECT_ROOT

DATA_DIR = PROJECT_ROOT.parent / "shared" / "data"
FILES = (
    "bdg2_meters_hourly.csv.gz",
    "bdg2_meters.csv",
    "b59_office_15min.csv.gz",
    "steel_plant_15min.csv.gz",
    "rsf_office_end_uses_hourly.csv.gz",
    "vdi4657_profiles_15min.csv.gz",
    "lead_two_buildings_labelled.csv.gz",
    "lead_two_more_buildings_labelled.csv.gz",
)
QUARTER_S, HOUR_S = 900, 3600
MIN_COMPLETE_RATIO = 0.99  # of the baseline weeks and of the week itself; the hour lost to a clock change is 0.6 %
# Zeros for this long are a meter that does not report, as most of the Panther site until spring 2016; a shop that is
# closed from Friday evening to Monday morning has 60 h of them.
DEAD_ZERO_HOURS = 72
# This site's metadata says US/Mountain, but all its meters have readings in the hour that zone skips in March: Arizona.
ZONES_CORRECTED = {"Fox": "America/Phoenix"}
RSF_END_USES = ("cooling", "heating", "mechanical", "lighting", "plug_loads", "data_center", "building_total")
# The profiles bear no year. These have the weekday on 1 January that puts each profile's rest days on the weekend.
VDI_YEARS = {
    "G_G": 2015,
    "G_MH": 2015,
    "G_MV": 2018,
    "OE_Buero_k": 2015,
    "OE_Buero_m": 2014,
    "OE_Schule_g": 2014,
    "OE_Schule_k": 2015,
    "OE_Schule_m": 2014,
}
VDI_ANNUAL_MWH = 100.0  # the size given to the normalised profiles: a school or workshop of 11 kW on average
# The labelled buildings are meters of the Fox, the Rat (two) and the Hog site.
LABELLED_ZONES = {254: "America/Phoenix", 335: "US/Eastern", 439: "US/Eastern", 1074: "US/Central"}
LABELLED_COUNTRY = "US"


class Meter(NamedTuple):
    """One measured channel: all its readings, one row per interval that has a value, by time."""

    channel_id: int
    name: str
    site: str
    tz: ZoneInfo
    interval_s: int
    readings: pd.DataFrame


class MeasuredWeek(NamedTuple):
    """What `analyze_site_week` takes: meters of one site, and their readings of one week and the weeks before it."""

    readings: pd.DataFrame
    meters: pd.DataFrame
    period: Window
    baseline: Window
    tz: ZoneInfo


def missing_files() -> list[str]:
    """Return the names of the data files that are not there."""
    return [name for name in FILES if not (DATA_DIR / name).exists()]


def load_meters() -> list[Meter]:
    """Return every measured meter, numbered from 1."""
    series = [*_bdg2(), *_b59(), *_steel_plant(), *_rsf(), *_vdi()]
    return [
        Meter(number, name, site, ZoneInfo(zone), interval_s, to_readings(number, start, energy_kwh, interval_s))
        for number, (name, site, zone, interval_s, start, energy_kwh) in enumerate(series, start=1)
    ]


_Series = tuple[str, str, str, int, pd.Series, pd.Series]  # name, site, zone, interval [s], start (UTC), energy [kWh]


def _read(name: str) -> pd.DataFrame:
    return pd.read_csv(DATA_DIR / name)


def to_utc(local: pd.Series, zone: str) -> pd.Series:
    """Return naive local times as UTC: the skipped hour of spring is NaT, the repeated one of autumn its first pass."""
    first_pass = np.ones(len(local), dtype=bool)
    return local.dt.tz_localize(zone, ambiguous=first_pass, nonexistent="NaT").dt.tz_convert("UTC")


def _bdg2() -> Iterator[_Series]:
    facts, raw = _read("bdg2_meters.csv"), _read("bdg2_meters_hourly.csv.gz")
    local = pd.to_datetime(raw["timestamp_local"])
    zones = facts["site_id"].map(ZONES_CORRECTED).fillna(facts["timezone"])
    starts = {zone: to_utc(local, zone) for zone in zones.unique()}
    for name, site, zone in zip(facts["building_id"], facts["site_id"], zones, strict=True):
        yield name, site, zone, HOUR_S, starts[zone], raw[name]


def _b59() -> Iterator[_Series]:
    raw = _read("b59_office_15min.csv.gz")
    # Its times keep Pacific Standard Time all year: no hour is missing in March.
    start = to_utc(pd.to_datetime(raw["timestamp_local"]), "Etc/GMT+8")
    on_grid = start.dt.minute % 15 == 0
    yield "b59", "b59", "America/Los_Angeles", QUARTER_S, start[on_grid], raw["power_kw"][on_grid] / 4


def _steel_plant() -> Iterator[_Series]:
    raw = _read("steel_plant_15min.csv.gz")
    end = pd.to_datetime(raw["interval_end_local"], format="%d/%m/%Y %H:%M")
    # The midnight that ends a day bears that day's date.
    end += pd.to_timedelta((end.dt.hour * 60 + end.dt.minute == 0).astype(int), unit="D")
    start = to_utc(end - pd.Timedelta(seconds=QUARTER_S), "Asia/Seoul")
    yield "steel_plant", "steel_plant", "Asia/Seoul", QUARTER_S, start, raw["energy_kwh"]


def _rsf() -> Iterator[_Series]:
    raw = _read("rsf_office_end_uses_hourly.csv.gz")
    end = pd.to_datetime(raw["hour_ending_local"], format="%m/%d/%Y %H:%M")
    start = to_utc(end - pd.Timedelta(seconds=HOUR_S), "America/Denver")
    for use in RSF_END_USES:
        yield f"rsf_{use}", "rsf", "America/Denver", HOUR_S, start, raw[f"{use}_kw"].astype(float)


def _vdi() -> Iterator[_Series]:
    raw = _read("vdi4657_profiles_15min.csv.gz")
    offset = pd.to_timedelta(raw["interval_index"] * QUARTER_S, unit="s")
    for name, year in VDI_YEARS.items():
        start = to_utc(pd.Timestamp(year, 1, 1) + offset, "Etc/GMT-1")  # fixed +01:00
        yield f"vdi_{name}", f"vdi_{name}", "Europe/Berlin", QUARTER_S, start, raw[name] / 1000 * VDI_ANNUAL_MWH / 4


def to_readings(channel_id: int, start: pd.Series, energy_kwh: pd.Series, interval_s: int) -> pd.DataFrame:
    """Return readings by time; intervals without a value, and zeros of a dead meter, have no row."""
    frame = pd.DataFrame({"interval_start": start.to_numpy(), "energy_kwh": energy_kwh.to_numpy(dtype=float)})
    frame["interval_start"] = pd.to_datetime(frame["interval_start"], utc=True)
    frame = frame.dropna().drop_duplicates("interval_start").sort_values("interval_start", ignore_index=True)
    frame = frame[~in_long_zeros(frame["energy_kwh"], round(DEAD_ZERO_HOURS * HOUR_S / interval_s))]
    frame = frame.reset_index(drop=True).assign(channel_id=channel_id, interval_s=interval_s)
    frame["power_kw"] = frame["energy_kwh"] * HOUR_S / interval_s
    return frame[["channel_id", "interval_start", "interval_s", "energy_kwh", "power_kw"]]


def in_long_zeros(values: pd.Series, count: int) -> pd.Series:
    """Return True for the values in runs of `count` zeros or more."""
    is_zero = values == 0
    run = (is_zero != is_zero.shift()).cumsum()
    return is_zero & (run.groupby(run).transform("size") >= count)


def complete_weeks(meter: Meter, config: Thresholds) -> list[Window]:
    """Return the local weeks, Monday to Sunday, that are complete together with the baseline weeks before them.

    Complete is `MIN_COMPLETE_RATIO` of the intervals. Nothing else about the values is looked at.
    """
    if meter.readings.empty:
        return []
    present = meter.readings["interval_start"]
    first, last = (moment.tz_convert(meter.tz).date() for moment in (present.iloc[0], present.iloc[-1]))
    monday = first + timedelta(days=-first.weekday() % 7 + 7 * config.baseline.weeks)
    weeks = []
    while monday + timedelta(days=6) <= last:
        period = week_of(monday, meter.tz)
        if all(_coverage(meter, window) >= MIN_COMPLETE_RATIO for window in (period, _baseline(meter, period, config))):
            weeks.append(period)
        monday += timedelta(days=7)
    return weeks


def week_of(monday: date, tz: ZoneInfo) -> Window:
    """Return the local week that begins on `monday`."""
    return local_day_window(monday, monday + timedelta(days=6), tz)


def _baseline(meter: Meter, period: Window, config: Thresholds) -> Window:
    return baseline_before(period, meter.tz, config)


def _rows(meter: Meter, window: Window) -> slice:
    return slice(*meter.readings["interval_start"].searchsorted([pd.Timestamp(moment) for moment in window]))


def _coverage(meter: Meter, window: Window) -> float:
    rows = _rows(meter, window)
    return (rows.stop - rows.start) * meter.interval_s / (window.end - window.start).total_seconds()


def measured_week(meters: list[Meter], period: Window, config: Thresholds) -> MeasuredWeek:
    """Return the readings of `period` and its baseline weeks of meters that share a zone, as those of one site."""
    baseline = _baseline(meters[0], period, config)
    whole = Window(baseline.start, period.end)
    parts = [meter.readings.iloc[_rows(meter, whole)] for meter in meters]
    return MeasuredWeek(pd.concat(parts, ignore_index=True), describe_meters(meters), period, baseline, meters[0].tz)


def describe_meters(meters: list[Meter]) -> pd.DataFrame:
    """Return the frame of energy meters that the analyses take; nothing is known of their installation."""
    unknown = pd.to_datetime(pd.Series([None] * len(meters)), utc=True)
    return pd.DataFrame(
        {
            "channel_id": pd.array([meter.channel_id for meter in meters], dtype="int64"),
            "channel_name": [meter.name for meter in meters],
            "parent_channel_id": pd.array([None] * len(meters), dtype="Int64"),
            "is_energy_meter": np.ones(len(meters), dtype=bool),
            "interval_s": pd.array([meter.interval_s for meter in meters], dtype="Int64"),
            "installed_at": unknown,
            "uninstalled_at": unknown,
        }
    )


def load_labelled() -> list[tuple[Meter, pd.Series]]:
    """Return the labelled buildings: each meter and, beside each of its readings, whether people called it anomalous.

    The buildings' whole year as published, zeros and all; hours without a reading have no row and no label.
    """
    raw = pd.concat([_read(name) for name in FILES if name.startswith("lead_")])
    raw = raw.dropna(subset=["meter_reading", "anomaly"])
    result = []
    for key, rows in raw.groupby("building_id"):
        zone = LABELLED_ZONES[int(key)]
        start = to_utc(pd.to_datetime(rows["timestamp"]), zone)
        rows = rows.assign(start=start).dropna(subset=["start"]).drop_duplicates("start").sort_values("start")
        energy_kwh = rows["meter_reading"].to_numpy(dtype=float)
        readings = pd.DataFrame(
            {
                "channel_id": int(key),
                "interval_start": rows["start"].to_numpy(),
                "interval_s": HOUR_S,
                "energy_kwh": energy_kwh,
                "power_kw": energy_kwh,
            }
        ).assign(interval_start=lambda frame: pd.to_datetime(frame["interval_start"], utc=True))
        meter = Meter(int(key), f"building {key}", f"building {key}", ZoneInfo(zone), HOUR_S, readings)
        result.append((meter, rows["anomaly"].reset_index(drop=True) == 1))
    return result
