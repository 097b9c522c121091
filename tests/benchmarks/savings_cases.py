"""Changes of known size planted into measured and made-up meters, and how a verdict on them fared."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from benchmarks import measured_meters
from benchmarks.measured_meters import HOUR_S, Meter

from analyze.load.savings_data import split_sides
from analyze.sections.savings import VERIFIED, Comparison, compare_sides, judge_change, verify_savings
from config.thresholds import Thresholds

PLANTED = (0.0, 0.10, 0.20, -0.10)  # share saved; below zero the meter uses more
HISTORY_DAYS = (240, 365, 400, 500, 730)
AFTER_DAYS = (28, 91, 182)
TOO_FEW_DAYS = (20,)  # after the change: too few for a verdict, enough for the promise of one
CHANGES = ((2, 10), (5, 10), (8, 10), (11, 10))  # month and day
_MIN_HOURS = 400 * 24  # fewer hold no change with a year on both sides together
_MIN_SHARE = 0.5  # of the history that a meter must have; what is less is no case
_B59, _B59_END = "b59", pd.Timestamp("2020-03-01", tz="UTC")  # then it was shut down
_LOCAL = ZoneInfo("America/New_York")
MEASURED, HELD_OUT, WEATHER, MADE_UP, MADE_UP_WEATHER = (
    "measured, looked at",
    "measured, held out",
    "measured, with weather",
    "made up",
    "made up, with weather",
)


class Load(NamedTuple):
    """A meter's whole hours (`timestamp` in UTC, `energy_kwh`, `temp_c` where known), and its kind of case."""

    name: str
    kind: str
    tz: ZoneInfo
    hours: pd.DataFrame


class Case(NamedTuple):
    """One change: the local day of it, how many days before and after it are known, and the share that it saves."""

    load: Load
    change: date
    before_days: int
    after_days: int
    planted: float


class Outcome(NamedTuple):
    """What was said of a case; `truth`, `low` and `high` are of the energy expected, NaN where no range was given."""

    kind: str
    name: str
    before_days: int
    after_days: int
    month: int
    planted: float
    status: str
    codes: str
    truth: float
    saved: float
    low: float
    high: float
    promised: date | None


class Promise(NamedTuple):
    """A date that was given for a verdict, and whether one was there on it; None where the readings end before."""

    kind: str
    is_kept: bool | None


def measured_loads() -> Iterator[Load]:
    """Yield the measured meters with more than a year; every third of them is held out."""
    for meter in measured_meters.load_meters():
        hours = _whole_hours(meter)
        if len(hours) < _MIN_HOURS:
            continue
        if meter.name == _B59:
            hours = hours[hours["timestamp"] < _B59_END]
            yield Load(meter.name, MEASURED, meter.tz, hours)
            yield Load(meter.name, WEATHER, meter.tz, hours.merge(_b59_weather(), on="timestamp", how="left"))
        else:
            yield Load(meter.name, MEASURED if meter.channel_id % 3 else HELD_OUT, meter.tz, hours)


def _whole_hours(meter: Meter) -> pd.DataFrame:
    hour = meter.readings["interval_start"].dt.floor("h")
    table = meter.readings.groupby(hour)["energy_kwh"].agg(["sum", "count"])
    table = table[table["count"] == HOUR_S // meter.interval_s]
    return pd.DataFrame({"timestamp": table.index, "energy_kwh": table["sum"].to_numpy()})


def _b59_weather() -> pd.DataFrame:
    raw = pd.read_csv(measured_meters.DATA_DIR / "b59_office_15min.csv.gz", usecols=["timestamp_local", "air_temp_c"])
    hour = measured_meters.to_utc(pd.to_datetime(raw["timestamp_local"]), "Etc/GMT+8").dt.floor("h")
    return raw.groupby(hour)["air_temp_c"].mean().rename("temp_c").rename_axis("timestamp").reset_index()


def made_up_loads(seeds: range) -> Iterator[Load]:
    """Yield three years of meters that cool in summer, heat in winter, do both or neither; with and without weather."""
    for seed in seeds:
        for name, (cooling, heating) in {
            "cools": (0.6, 0.0), "heats": (0.0, 0.4), "both": (0.4, 0.2), "neither": (0.0, 0.0)
        }.items():  # fmt: skip
            hours = make_year_hours(seed, cooling, heating)
            label = f"{name} {seed}"
            yield Load(label, MADE_UP_WEATHER, _LOCAL, hours)
            yield Load(label, MADE_UP, _LOCAL, hours.drop(columns="temp_c"))


def make_year_hours(seed: int, cooling_kw_per_k: float, heating_kw_per_k: float) -> pd.DataFrame:
    """Return three years of an office's hours: 10 kWh when open, 3 when not, and what the weather asks for.

    Days wander by 3 % (half of it on to the next day) and the level by 2 % over months, as in steady buildings; the
    weather of each day differs from its season by 4 °C, and keeps three quarters of that overnight.
    """
    rng = np.random.default_rng(seed)
    stamps = pd.date_range("2023-01-01", "2026-01-01", freq="h", tz=_LOCAL, inclusive="left")
    day = pd.factorize(stamps.date)[0]
    size = int(day.max()) + 1
    front, wander, level = (_follow(rng, size, keep) for keep in (0.75, 0.5, 0.98))
    season = 12 - 12 * np.cos(2 * np.pi * (stamps.dayofyear.to_numpy() - 20) / 365.25)
    hour = stamps.hour.to_numpy()
    temp = season + 4 * front[day] + 4 * np.cos(2 * np.pi * (hour - 15) / 24)
    is_open = (hour >= 7) & (hour < 19) & (stamps.dayofweek.to_numpy() < 5)
    load = np.where(is_open, 10.0, 3.0)
    load = load + cooling_kw_per_k * np.maximum(temp - 17, 0) * np.where(is_open, 1.0, 0.3)
    load = load + heating_kw_per_k * np.maximum(14 - temp, 0) * np.where(is_open, 1.0, 0.6)
    energy = load * np.exp(0.03 * wander[day] + 0.02 * level[day])
    return pd.DataFrame({"timestamp": stamps.tz_convert("UTC"), "energy_kwh": energy, "temp_c": temp})


def _follow(rng: np.random.Generator, size: int, keep: float) -> np.ndarray:
    """Return a series of variance 1, of which each value keeps a share of the one before."""
    steps = rng.normal(0, np.sqrt(1 - keep**2), size)
    values = np.empty(size)
    last = rng.normal()
    for place, step in enumerate(steps):
        last = keep * last + step
        values[place] = last
    return values


def plan_cases(load: Load, after_days: tuple[int, ...] = AFTER_DAYS) -> Iterator[Case]:
    """Yield every case that a meter's hours have room for: each season in the last year that holds it."""
    first, last = (load.hours["timestamp"].iloc[place].tz_convert(load.tz).date() for place in (0, -1))
    for month, day in CHANGES:
        for before in HISTORY_DAYS:
            for after in after_days:
                days = [date(year, month, day) for year in range(first.year, last.year + 1)]
                room = [
                    each
                    for each in days
                    if each - timedelta(days=before) >= first and each + timedelta(days=after) <= last
                ]
                if room:
                    yield Case(load, room[-1], before, after, 0.0)


def cut_hours(case: Case, *, after_days: int | None = None) -> pd.DataFrame:
    """Return the hours that are known of a case, with what the change saves taken off those after it."""
    hours, tz = case.load.hours, case.load.tz
    start, change, end = (
        pd.Timestamp(case.change + timedelta(days=days), tz=tz)
        for days in (-case.before_days, 0, (after_days or case.after_days) + 1)
    )
    rows = hours[(hours["timestamp"] >= start) & (hours["timestamp"] < end)]
    factor = np.where(rows["timestamp"] >= change, 1 - case.planted, 1.0)
    return rows.assign(energy_kwh=rows["energy_kwh"] * factor)


def judge_cases(
    load: Load, config: Thresholds, after_days: tuple[int, ...] = AFTER_DAYS
) -> Iterator[tuple[Case, Outcome]]:
    """Yield what is said of every case of a meter, beside the truth; a model is fitted once for all that is planted."""
    for case in plan_cases(load, after_days):
        sides = split_sides(cut_hours(case), case.change, load.tz, config, frozenset())
        comparison = compare_sides(sides, config)
        for share in PLANTED:
            planted = case._replace(planted=share)
            yield planted, _read_outcome(planted, judge_change(_plant(comparison, share), case.change, config))


def _plant(comparison: Comparison, share: float) -> Comparison:
    """Return a comparison in which a change saves this share of what was used after it."""
    if comparison.expected is None:
        return comparison
    hours = comparison.expected.hours
    hours = hours.assign(energy_kwh=hours["energy_kwh"] * (1 - share))
    return comparison._replace(expected=comparison.expected._replace(hours=hours))


def _read_outcome(case: Case, result: dict[str, Any]) -> Outcome:
    promised = [entry["possibleFrom"] for entry in result["missing"]]
    savings: dict[str, Any] = result["savings"] or {}
    expected, used = savings.get("expectedKwh", np.nan), savings.get("usedKwh", np.nan)
    truth = case.planted / (1 - case.planted) * used
    return Outcome(
        case.load.kind,
        case.load.name,
        case.before_days,
        case.after_days,
        case.change.month,
        case.planted,
        result["status"],
        "+".join(entry["code"] for entry in result["missing"]),
        truth / expected,
        savings.get("savedKwh", np.nan) / expected,
        savings.get("lowKwh", np.nan) / expected,
        savings.get("highKwh", np.nan) / expected,
        date.fromisoformat(max(promised)) if promised and all(promised) else None,
    )


def keeps_promise(case: Case, promised: date, config: Thresholds) -> bool | None:
    """Return whether the verdict that was promised for a day is there on it; None where the readings end before."""
    days = (promised - case.change).days - 1
    if pd.Timestamp(promised, tz=case.load.tz) > case.load.hours["timestamp"].iloc[-1]:
        return None
    hours = cut_hours(case, after_days=days)
    return bool(verify_savings(hours, case.change, case.load.tz, config)["status"] != "insufficient_data")


def is_verdict(outcome: Outcome) -> bool:
    """Return whether something was said to be proved."""
    return outcome.status in (VERIFIED, "verified_increase")


def is_wrong_sign(outcome: Outcome) -> bool:
    """Return whether the opposite of what was planted was said to be proved."""
    return is_verdict(outcome) and outcome.planted != 0 and (outcome.status == VERIFIED) != (outcome.planted > 0)
