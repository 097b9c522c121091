"""A school in which waste and faults are planted one after the other, replayed morning by morning: what is told, when?

Ten meters by the hour, with their weather, from Monday 2 December 2024 on; the first four weeks are baseline. What is
planted is known by the day and the kilowatt, so it is known too when it should have been told.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from site_factory import SITE_ID, TIMEZONE
from year_replay import FIRST_DAY, monday, store_school, write_report

from analyze.week import loading
from config import site_file
from config.settings import Settings
from deliver import tell_findings as script
from deliver.files.sent_log import open_sent_log
from govern.record_report import record_report
from ingest.weather.client import Weather
from ingest.weather.providers import VALUE_COLUMNS
from ingest.weather.store import start_fetch, store_weather
from lib.date_utils import Window, local_midnight
from lib.findings import LedgerEntry, Said
from lib.paths import write_atomically
from lib.readings import ValidationStatus, load_findings, load_ledger
from lib.report_findings import FindingKind
from operations.findings.marks import Mark, store_mark

if TYPE_CHECKING:
    import pytest
    from psycopg2.extensions import connection as Connection

USD_PER_KWH = 0.12
TELL_FROM_COST = 50.0  # a week, the default of [report]
_FILE = f"""
[schedule]
weekdays = ["07:00-18:00"]
[tariff]
flat_rate_usd_per_kwh = {USD_PER_KWH}
"""
_OPENS_H, _CLOSES_H = 7, 18


class Kind(StrEnum):
    """What is planted."""

    NIGHTS = "left on in every closed hour"
    SOME_NIGHTS = "left on in the nights after Monday, Wednesday and Thursday"
    WEEKEND = "runs on Saturday and Sunday"
    EVENINGS = "runs from closing to 23:00"
    LEAK = "its level rose for good"
    BY_DAY = "draws more while the site is open"
    SILENT = "the meter falls silent"
    STUCK = "the meter shows one value"


METER_FAULTS = (Kind.SILENT, Kind.STUCK)


class Plant(NamedTuple):
    """Something that is wrong with a meter from a local day on: from its closing hour, or (faults, leak) its noon."""

    meter: int
    first: date
    kind: Kind
    kw: float
    days: int = 14


class Moments(NamedTuple):
    """The hours of the school: start (UTC), local day, hour, whether it is open, and the weekday of the evening on
    which a night began."""

    start: pd.DatetimeIndex
    day: npt.NDArray[np.datetime64]
    hour: npt.NDArray[np.int64]
    is_open: npt.NDArray[np.bool_]
    evening: npt.NDArray[np.datetime64]


def list_moments(end: date) -> Moments:
    start = pd.date_range(*(local_midnight(day, TIMEZONE) for day in (FIRST_DAY, end)), freq="h", inclusive="left")
    local = start.tz_convert(TIMEZONE)
    day, hour = local.tz_localize(None).normalize().to_numpy().astype("datetime64[D]"), local.hour.to_numpy()
    is_open = (weekday_of(day) < 5) & (hour >= _OPENS_H) & (hour < _CLOSES_H)
    return Moments(start, day, hour, is_open, np.where(hour < _OPENS_H, day - np.timedelta64(1, "D"), day))


def weekday_of(day: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    """Return the weekdays, 0 for Monday."""
    return (day.astype("datetime64[D]").astype("int64") + 3) % 7


def added_kw(plant: Plant, at: Moments) -> npt.NDArray[np.float64]:
    """Return what a plant adds to the power of its meter in each hour [kW]."""
    first, last = np.datetime64(plant.first), np.datetime64(plant.first + timedelta(days=plant.days))
    on_evening = (at.evening >= first) & (at.evening < last) & ~at.is_open
    on_day = (at.day >= first) & (at.day < last)
    weekday, night = weekday_of(at.day), ((at.hour >= _CLOSES_H) | (at.hour < _OPENS_H)) & ~at.is_open
    where = {
        Kind.NIGHTS: on_evening,
        Kind.SOME_NIGHTS: on_evening & night & np.isin(weekday_of(at.evening), (0, 2, 3)),
        Kind.WEEKEND: on_day & (weekday >= 5),
        Kind.EVENINGS: on_day & (weekday < 5) & (at.hour >= _CLOSES_H) & (at.hour < 23),
        Kind.LEAK: on_day,
        Kind.BY_DAY: on_day & at.is_open,
    }.get(plant.kind)
    return np.zeros(len(at.hour)) if where is None else np.where(where, plant.kw, 0.0)


def make_school(plants: Sequence[Plant], at: Moments) -> pd.DataFrame:
    """Return the readings: `channel_id`, `timestamp` [s], `energy_kwh`, `power_kw`."""
    frames = []
    for meter in sorted({plant.meter for plant in plants}):
        random = np.random.default_rng(meter)
        kw = np.where(at.is_open, 9.0 + meter % 4, 0.6) * random.normal(1, 0.03, len(at.hour))
        keeps = np.ones(len(at.hour), dtype=bool)
        for plant in (each for each in plants if each.meter == meter):
            kw = kw + added_kw(plant, at) * random.normal(1, 0.02, len(at.hour))
            ill = (at.day >= np.datetime64(plant.first)) & (at.day < np.datetime64(plant.first) + plant.days)
            ill &= (at.day > np.datetime64(plant.first)) | (at.hour >= 12)
            if plant.kind == Kind.SILENT:
                keeps &= ~ill
            if plant.kind == Kind.STUCK:
                kw[ill] = kw[np.flatnonzero(ill)[0]]
        rows = pd.DataFrame({"timestamp": at.start.as_unit("s").asi8, "energy_kwh": kw, "power_kw": kw})
        frames.append(rows[keeps].assign(channel_id=meter))
    return pd.concat(frames, ignore_index=True)


def make_weather(at: Moments, season_k: float = 9.0) -> Weather:
    """Return weather with seasons of so many kelvins and warmer afternoons; no load of the school answers to it."""
    of_year = 2 * np.pi * (at.day - np.datetime64(FIRST_DAY)).astype(float) / 365
    temp_c = 12 - season_k * np.cos(of_year - 0.7) + 4 * np.sin(2 * np.pi * (at.hour - 9) / 24)
    days = np.unique(at.day, return_inverse=True)[1]
    temp_c = temp_c + np.random.default_rng(1).normal(0, 2.5, days.max() + 1)[days]
    values = dict.fromkeys(VALUE_COLUMNS, 50.0) | {"temp_c": temp_c}
    return Weather("test", pd.DataFrame({"hour_s": at.start.as_unit("s").asi8, **values}))


def store_planted(conn: Connection, plants: Sequence[Plant], end: date, season_k: float = 9.0) -> None:
    """Store the school with what is planted, and its weather (`make_weather`), up to a local day, and commit."""
    at = list_moments(end)
    names = {meter: f"Meter {meter}" for meter in sorted({plant.meter for plant in plants})}
    window = Window(*(local_midnight(day, TIMEZONE) for day in (FIRST_DAY, end)))
    fetch_id = start_fetch(conn, SITE_ID, window)
    store_weather(conn, SITE_ID, fetch_id, make_weather(at, season_k), window, window.end + timedelta(days=30))
    store_school(conn, make_school(plants, at), names, end)


def name_prices(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Have the school's file say its hours and its price."""
    write_atomically(folder / f"{SITE_ID}.toml", _FILE)
    config = site_file.load_site(SITE_ID, folder)
    for module in (loading, site_file):
        patch.setattr(module, "read_site", lambda site_id: config)


class Telling(NamedTuple):
    """What was told: the morning, and the ids of its findings; and of each report the Monday and its confidences."""

    mails: list[tuple[date, list[str]]]
    reports: dict[date, dict[str, str]]


def replay_mornings(
    conn: Connection, folder: Path, patch: pytest.MonkeyPatch, weeks: Sequence[int], skipped: Collection[date] = ()
) -> Telling:
    """Replay the mornings of some weeks at 06:00, and the report of each Monday at 07:00.

    On the days that are `skipped` nobody looks: a test can leave out those before which nothing happened.
    """
    name_prices(folder, patch)
    status = ValidationStatus(1, "closed", True, datetime(2030, 1, 1, tzinfo=UTC), [], [], None, None)
    patch.setattr(script, "load_validation_status", lambda conn, site_id: status)
    patch.setattr(script, "STATE_DIR", folder)
    told = Telling([], {})
    posts: list[dict[str, Any]] = []
    patch.setattr(script, "post_json", lambda url, payload: posts.append(payload))
    settings = Settings(alert_webhook_url="https://hooks.example.com/x")
    for day in (monday(weeks[0]) + timedelta(days=offset) for offset in range(7 * len(weeks) + 1)):
        if day in skipped:
            continue
        now = local_midnight(day, TIMEZONE) + timedelta(hours=6)
        with open_sent_log(folder / "mails.jsonl") as log:
            assert script.tell_site(conn, SITE_ID, settings, log, now, is_dry=False) == 0
        conn.rollback()
        told.mails.extend((day, [each["lastingId"] for each in post["findings"]]) for post in posts)
        posts.clear()
        if day.weekday() == 0:
            told.reports[day] = _record(conn, folder, (day - monday(1)).days // 7)
    return told


def record_week(conn: Connection, folder: Path, week: int) -> dict[str, Any]:
    """Write and record the report on a week, and return it."""
    report = write_report(conn, week)
    path = folder / f"weekly_{week}.json"
    path.write_text(json.dumps(report), encoding="utf-8")
    record_report(conn, path)
    conn.commit()
    return report


def _record(conn: Connection, folder: Path, week: int) -> dict[str, str]:
    """Write and record the report on a week; return the confidence of what it found, by id."""
    record_week(conn, folder, week)
    return {each.finding_id: each.confidence for each in load_findings(conn, SITE_ID) if each.status == "seen"}


def due_on(plant: Plant, at: Moments) -> date:
    """Return the first morning on which a plant is confirmed: two nights, or its cost a week above the limit.

    Of what is no matter of nights only the cost says it. A meter's fault is due when it has lasted for a whole day.
    """
    if plant.kind in METER_FAULTS:
        return plant.first + timedelta(days=2)
    kw = added_kw(plant, at)
    cost, nights = 0.0, set()
    for day in (plant.first + timedelta(days=offset) for offset in range(plant.days)):
        own = (at.day == np.datetime64(day)) & (kw > 0)
        cost += float(kw[own].sum()) * USD_PER_KWH
        nights |= {str(night) for night in at.evening[own & ~at.is_open & (at.hour >= _CLOSES_H)]}
        if cost >= TELL_FROM_COST or (len(nights) >= 2 and plant.kind not in (Kind.LEAK, Kind.WEEKEND)):
            return day + timedelta(days=1)
    return plant.first + timedelta(days=plant.days)


class Outcome(NamedTuple):
    """A plant, when it was due and when it was told, the id of its finding in the mail (None where the report came
    first), and the highest confidence of a report in it."""

    plant: Plant
    due: date
    told_on: date | None
    mailed_as: str | None
    confidence: str | None

    @property
    def delay_days(self) -> int | None:
        """How long after it was due it was told, the first time; below 0 before that."""
        return None if self.told_on is None else (self.told_on - self.due).days

    @property
    def is_high(self) -> bool:
        """Whether somebody should know the next day: a report is sure of it, or it costs more than the limit."""
        week_kwh = float(added_kw(self.plant, list_moments(self.plant.first + timedelta(days=7))).sum())
        return self.confidence == "high" or week_kwh * USD_PER_KWH >= TELL_FROM_COST

    @property
    def is_in_time(self) -> bool:
        """Whether it was told within a day."""
        return self.delay_days is not None and self.delay_days <= 1


def judge(plants: Sequence[Plant], told: Telling, at: Moments) -> Iterator[Outcome]:
    """Yield what became of each plant."""
    for plant in plants:
        ending, until = f"-{plant.meter}", plant.first + timedelta(days=plant.days)
        mails = [
            (day, key)
            for day, keys in told.mails
            for key in keys
            if key.endswith(ending) and plant.first < day <= until
        ]
        in_reports = [
            (day, key, confidence) for day, found in told.reports.items() for key, confidence in found.items()
            if key.endswith(ending) and plant.first < day <= until + timedelta(days=7)
        ]  # fmt: skip
        rank = {"high": 0, "medium": 1, "low": 2}
        best = min((each[2] for each in in_reports), key=rank.__getitem__, default=None)
        every = [(day, True, key) for day, key in mails] + [(day, False, key) for day, key, _ in in_reports]
        day, by_mail, key = min(every, default=(None, False, None), key=lambda each: (each[0], not each[1]))
        yield Outcome(plant, due_on(plant, at), day, key if by_mail else None, best)


def most_mails(told: Telling) -> int:
    """Return the most mails of a site-week."""
    weeks = Counter(day - timedelta(days=day.weekday()) for day, _ in told.mails)
    return max(weeks.values(), default=0)


def share_in_time(outcomes: Iterable[Outcome]) -> tuple[int, int]:
    """Return how many plants that are high were told within a day, and how many there are."""
    high = [each for each in outcomes if each.is_high]
    return sum(each.is_in_time for each in high), len(high)


FIRST_REPORT, DONE = 9, 18  # of a year of savings: all that was planted is over with the second
HORIZONS = (4, 13, 52)  # weeks


class Saved(NamedTuple):
    """What the reports after each horizon say was saved, by weeks and meter, and the ledger after the last."""

    savings: dict[int, dict[int, dict[str, Any]]]
    ledger: list[LedgerEntry]


def replay_savings(conn: Connection, folder: Path, patch: pytest.MonkeyPatch, plants: Sequence[Plant]) -> Saved:
    """Store wastes that are over by DONE, report the weeks up to it, have each called done, and measure its saving."""
    # Without seasons: less than a year is known before the wastes end, and a summer can't be judged by a winter.
    store_planted(conn, plants, monday(DONE + max(HORIZONS) + 1), season_k=0.0)
    name_prices(folder, patch)
    for week in range(FIRST_REPORT, DONE):
        record_week(conn, folder, week)
    for finding in load_findings(conn, SITE_ID):
        if finding.kind == FindingKind.AFTER_HOURS:
            store_mark(conn, Mark(SITE_ID, finding.finding_id, Said.DONE, "A", done_on=monday(DONE)))
    conn.commit()
    reports = {weeks: record_week(conn, folder, DONE + weeks) for weeks in HORIZONS}
    savings = {
        weeks: {each["channelId"]: each for each in report["followUp"]["savings"]} for weeks, report in reports.items()
    }
    return Saved(savings, load_ledger(conn, SITE_ID))


def weekly_kwh(plant: Plant) -> float:
    """Return what a plant wastes in a whole week [kWh]."""
    first = plant.first - timedelta(days=plant.first.weekday())
    whole = plant._replace(first=first, days=14)
    return float(added_kw(whole, list_moments(first + timedelta(days=14)))[-7 * 24 :].sum())
