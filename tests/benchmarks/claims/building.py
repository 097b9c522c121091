"""Draws what the made-up sites share from a seed: place, week, hours, sizes; and puts a site together."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TypeVar

import numpy as np
from benchmarks.claims.made_up_site import MadeUpSite, Recurrence, Truth, Waste, site_total
from benchmarks.claims.timeline import DAYS_PER_WEEK, HOURS_PER_DAY, Kw, Mask, Timeline

T = TypeVar("T")
DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WORKDAYS, ALL_DAYS = range(5), range(7)
FIRST_MONDAY, MONDAYS = date(2024, 3, 4), 112  # weeks to draw from; all of them past, with the week after
HALF_HOUR_ZONE = "Australia/Adelaide"
ENERGY_ONLY_SHARE = 0.25  # of the sites: their files have no power
TYPICAL_WEEKS = 4  # before the report's, by which a change is told


@dataclass(frozen=True)
class Place:
    """Where a site is: zone, and the country and state whose holidays it may keep."""

    zone: str
    country: str
    state: str


PLACES = (
    Place("America/New_York", "US", "NY"),
    Place("America/Chicago", "US", "IL"),
    Place("America/Denver", "US", "CO"),
    Place("America/Los_Angeles", "US", "CA"),
    Place("America/Phoenix", "US", "AZ"),
    Place("Europe/London", "GB", "ENG"),
    Place("Europe/Berlin", "DE", "NW"),
    Place("Europe/Berlin", "DE", "BY"),
    Place("Australia/Sydney", "AU", "NSW"),
    Place("Australia/Brisbane", "AU", "QLD"),
    Place("Australia/Adelaide", "AU", "SA"),
)


class Opening:
    """Opening hours by weekday: spans in hours; an end above 24 lies on the day after."""

    def __init__(self, spans: Mapping[int, Sequence[tuple[float, float]]]) -> None:
        self.spans = {day: tuple(spans.get(day, ())) for day in ALL_DAYS}

    @classmethod
    def on(cls, days: Sequence[int], start_h: float, end_h: float) -> Opening:
        """Return the same span on these weekdays."""
        return cls(dict.fromkeys(days, ((start_h, end_h),)))

    def mask(self, time: Timeline, before_h: float | Kw = 0.0, after_h: float | Kw = 0.0) -> Mask:
        """Return True while open, from `before_h` before it starts to `after_h` after it ends."""
        is_open = np.zeros(time.hour.size, dtype=bool)
        for weekday, spans in self.spans.items():
            for start, end in spans:
                for later in (0, 1):  # a span belongs to the day on which it begins
                    hour = time.hour + HOURS_PER_DAY * later
                    is_day = (time.weekday - later) % DAYS_PER_WEEK == weekday
                    is_open |= is_day & (hour >= start - before_h) & (hour < end + after_h)
        return is_open

    def toml(self, place: Place | None = None) -> str:
        """Return the table `[schedule]` that names these hours, and the holidays of a place."""
        lines = ["[schedule]"]
        lines += [f"{DAY_NAMES[day]} = [{', '.join(map(_span_text, self.spans[day]))}]" for day in ALL_DAYS]
        if place is not None:
            lines += [f'country = "{place.country}"', f'state = "{place.state}"']
        return "\n".join(lines) + "\n"


def _span_text(span: tuple[float, float]) -> str:
    return f'"{_clock_text(span[0])}-{_clock_text(span[1])}"'


def _clock_text(hour: float) -> str:
    minutes = round(60 * (hour if hour <= HOURS_PER_DAY else hour - HOURS_PER_DAY))
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


class Draw:
    """One seed's choices for one kind of site."""

    def __init__(self, seed: int, kind: str) -> None:
        self.kind = kind
        self.rng = np.random.default_rng([seed, zlib.crc32(kind.encode())])
        self.place: Place = self.pick(PLACES)

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of the choices."""
        return choices[int(self.rng.integers(len(choices)))]

    def between(self, low: float, high: float, step: float = 0.0) -> float:
        """Return a number from `low` to `high`, in steps where these are given."""
        if step:
            return low + step * int(self.rng.integers(round((high - low) / step) + 1))
        return float(self.rng.uniform(low, high))

    def monday(self, months: Sequence[int] = range(1, 13)) -> date:
        """Return the first day of a week in one of these months."""
        weeks = [FIRST_MONDAY + timedelta(weeks=n) for n in range(MONDAYS)]
        return self.pick([day for day in weeks if day.month in months])

    def place_in(self, *countries: str) -> Place:
        """Move the site to one of these countries and return where it is now."""
        self.place = self.pick([place for place in PLACES if place.country in countries])
        return self.place

    def time(
        self,
        monday: date | None = None,
        months: Sequence[int] = range(1, 13),
        intervals: Sequence[int] = (15, 15, 15, 30),
        weeks_before: int | None = None,
    ) -> Timeline:
        """Return the site's calendar around one of these weeks."""
        weeks = int(self.between(6, 13, 1)) if weeks_before is None else weeks_before
        interval_min = self.pick(intervals)
        if self.place.zone == HALF_HOUR_ZONE:  # its whole hours are no whole hours of UTC
            interval_min = min(interval_min, 30)
        return Timeline(monday or self.monday(months), self.place.zone, self.rng, interval_min, weeks)

    def office_hours(self) -> Opening:
        """Return office hours, Monday to Friday."""
        return Opening.on(WORKDAYS, self.between(7, 9, 0.5), self.between(16.5, 18.5, 0.5))

    def shop_hours(self) -> Opening:
        """Return a shop's hours: six days, and shorter on Sunday."""
        start, end = self.between(8, 10, 0.5), self.between(19, 21, 0.5)
        return Opening({**dict.fromkeys(range(6), ((start, end),)), 6: ((start + 2, end - 2),)})

    def used(self, time: Timeline, hours: Opening, off_kw: float, on_kw: float, sd: float = 0.03) -> Kw:
        """Return the load of people at work: it climbs before opening, sags at noon, and ebbs after closing."""
        late = time.shift_by_day(0.15)
        lead, tail = self.between(0.25, 0.75), self.between(0.0, 0.5)
        whole = hours.mask(time, before_h=0.0 - late, after_h=0.0)
        around = hours.mask(time, before_h=lead - late, after_h=tail)
        share = np.where(whole, 1.0, np.where(around, 0.5, 0.0)) * np.where(time.between(12, 13), 0.93, 1.0)
        return (off_kw + (on_kw - off_kw) * share * time.by_day(sd)) * time.wander(0.03)

    def fan(self, time: Timeline, hours: Opening, on_kw: float, off_kw: float | None = None) -> Kw:
        """Return a fan on a time switch: on half an hour to an hour and a half before opening, to closing or later."""
        lead, tail = self.between(0.5, 1.0, 0.25), self.between(0.0, 0.5, 0.25)
        off = 0.04 * on_kw if off_kw is None else off_kw
        return time.switched(hours.mask(time, lead, tail), on_kw, off, 0.02)


def usual_change_pct(time: Timeline, total: Kw, weeks: Sequence[int] | None = None) -> float:
    """Return the week's change [%] against the median of like weeks, by default the four before it."""
    numbers = range(-TYPICAL_WEEKS, 0) if weeks is None else weeks
    usual = float(np.median([time.kwh(total, time.week_of(number)) for number in numbers]))
    return 100 * (time.kwh(total) / usual - 1)


def build(
    draw: Draw,
    name: str,
    time: Timeline,
    kw: Mapping[str, Kw],
    truth: Truth,
    toml: str,
    *,
    parents: Mapping[str, str] | None = None,
    real: Mapping[str, Kw] | None = None,
    judges: Sequence[str] = ("total", "change", "next"),
    temp_c: Kw | None = None,
    energy_kwh: Mapping[str, Kw] | None = None,
    has_power: bool | None = None,
) -> MadeUpSite:
    """Return the site, with what follows from its loads filled into its truth.

    Parameters
    ----------
    real
        What meters would have shown if they were right, where they differ from `kw`.
    judges
        Of "total", "change", "next" and "peak": what a report is held to, unless the truth says it already.
    has_power
        None leaves it to chance, where nothing is fed back and no counter catches up.
    """
    parents = parents or {}
    if has_power is None:
        is_plain = not energy_kwh and all(np.nanmin(values) >= 0 for values in kw.values())
        has_power = not (is_plain and draw.rng.random() < ENERGY_ONLY_SHARE)
    total = site_total({**kw, **(real or {})}, parents)
    truth = replace(
        truth,
        total_kwh=_either(truth.total_kwh, time.kwh(total) if "total" in judges else None),
        change_pct=_either(truth.change_pct, usual_change_pct(time, total) if "change" in judges else None),
        next_week_kwh=_either(truth.next_week_kwh, time.kwh(total, time.week_of(1)) if "next" in judges else None),
        peak_kw=_either(truth.peak_kw, float(np.nanmax(total[time.is_week])) if "peak" in judges else None),
    )
    return MadeUpSite(draw.kind, name, time, kw, toml, truth, parents, temp_c, energy_kwh or {}, has_power)


def _either(given: float | None, derived: float | None) -> float | None:
    return derived if given is None else given


def wasted(meter: str, recurrence: Recurrence, time: Timeline, actual: Kw, right: Kw) -> Waste:
    """Return as waste what one load of the report's week exceeds another by."""
    return Waste(meter, recurrence, time.kwh(actual - right))
