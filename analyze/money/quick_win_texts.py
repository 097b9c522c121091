"""What a quick win is called, when it was, and what it should look like afterwards. Pure.

The title names a finding in the log, in the news of a morning and in what is recorded; a report tells each win in the
words of `deliver.words.actions`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analyze.expected.closed_runs import Pattern
from analyze.load.schedules import NIGHT, closed_kind
from analyze.money.attribution import claim_column
from analyze.week.intervals import WeekScope

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MOSTLY = 0.75  # this share of the energy on one side is "at night" or "on closed days", less is both
_NOTABLE = 0.2  # of the energy of the fullest hour (or day): less is not part of the times that are named


class WinText(NamedTuple):
    """What a win says; `when` and `expected_after` are the same for a machine."""

    title: str
    owner: str
    effort: str
    when: dict[str, Any]
    expected_after: dict[str, Any]


def describe_after_hours(amount: str, meter: dict[str, Any], claims: pd.DataFrame, scope: WeekScope) -> WinText:
    """Return the words for a meter that runs while the site is closed; `meter` is its entry of `topMeters`."""
    name, off_kw = meter["channelName"], meter["baseline"]["kw"]
    when, times = _closed_times(claims, scope)
    once = meter["pattern"] == Pattern.ONCE
    return WinText(
        title=f"{name} was left on {when}: {amount}" if once else f"Turn {name} off {when}: {amount}",
        owner="building operator",
        effort="low: a schedule or a switch",
        when=times,
        expected_after={"powerKw": off_kw, "of": "mean power while closed"},
    )


def describe_question(amount: str, entry: dict[str, Any], scope: WeekScope) -> WinText:
    """Return the words that ask whether a load must run while closed; `entry` is one of `asked`."""
    return WinText(
        title=f"Confirm whether {entry['channelName']} must run while the site is closed: {amount}",
        owner="facility manager",
        effort="low: a question",
        when={"days": [], "hours": []},
        expected_after={"powerKw": None, "of": "mean power while closed"},
    )


def describe_anomaly(_amount: str, channel: dict[str, Any], claims: pd.DataFrame, scope: WeekScope) -> WinText:
    """Return the words for a meter with anomalies; `channel` is its entry of `byChannel`."""
    name, count = channel["channelName"], channel["anomalyCount"]
    event = max(channel["events"], key=lambda event: event["excessKwh"])
    when = _event_time(event, scope)
    times = when if count == 1 else f"{count} times, most {when}"
    return WinText(
        title=f"Find out why {name} ran high {times}: {_in_all(claims, 'anomaly', count)} above usual",
        owner="facility manager",
        effort="low: ask and look on site",
        when={"days": _all_days(claims, "anomaly"), "hours": _hours(claims, "anomaly")},
        expected_after={"powerKw": round(_mean_kw(event, "expectedKwh"), 3), "of": "mean power at these hours"},
    )


# The words of each kind of win: (kWh a week, or once, in words; finding, its claims, scope) → WinText.
DESCRIBE: dict[str, Callable[[str, dict[str, Any], pd.DataFrame, WeekScope], WinText]] = {
    "after_hours": describe_after_hours,
    "anomaly": describe_anomaly,
}


def _in_all(claims: pd.DataFrame, kind: str, count: int) -> str:
    """Return the period's claims, such as ``60 kWh``, and that they are of all events where there are several."""
    return f"{claims[claim_column(kind)].sum():,.0f} kWh" + (" in all" if count > 1 else "")


def _mean_kw(event: dict[str, Any], key: str) -> float:
    hours = (pd.Timestamp(event["end"]) - pd.Timestamp(event["start"])).total_seconds() / 3600
    return event[key] / hours


def _event_time(event: dict[str, Any], scope: WeekScope) -> str:
    """Return ``on Tue 13 Jan from 14:00 to 16:30`` on the site's wall clock."""
    start, end = (pd.Timestamp(event[key]).tz_convert(scope.tz) for key in ("start", "end"))
    last = f"{end:%H:%M}" if start.date() == end.date() else f"{_day(end)} {end:%H:%M}"
    return f"on {_day(start)} from {start:%H:%M} to {last}"


def _day(moment: pd.Timestamp) -> str:
    return f"{_WEEKDAYS[moment.weekday()]} {moment.day} {moment:%b}"


def _closed_times(claims: pd.DataFrame, scope: WeekScope) -> tuple[str, dict[str, Any]]:
    """Return when the claimed energy was used, in words and for a machine: at night, on closed days, or both."""
    kwh = claims[claim_column("after_hours")]
    is_night = (closed_kind(claims, scope.schedule) == NIGHT).to_numpy()
    by_night, by_day = claims[is_night], claims[~is_night]
    on_closed_days = kwh[~is_night].sum() / kwh.sum()
    hours, days = _hours(by_night, "after_hours"), _notable_days(by_day, kwh[~is_night])
    nights, closed = [f"between {' and '.join(span.split('-'))}" for span in hours], f"on {_list_days(days)}"
    is_closed_days = on_closed_days >= _MOSTLY or not hours
    mostly = "closed_days" if is_closed_days else "nights" if on_closed_days <= 1 - _MOSTLY or not days else "both"
    nights_at = {"days": _notable_days(by_night, kwh[is_night]), "hours": hours}
    times = {"nights": nights_at, "closedDays": days, "mostly": mostly}
    if on_closed_days >= _MOSTLY or not hours:
        return closed, times
    return _and(nights if on_closed_days <= 1 - _MOSTLY or not days else [*nights, closed]), times


def _and(phrases: list[str]) -> str:
    """Return ``a``, ``a and b``, or ``a, b, and c``: the last comma, for a phrase may hold an "and" itself."""
    return " and ".join(phrases) if len(phrases) < 3 else f"{', '.join(phrases[:-1])}, and {phrases[-1]}"


def _hours(claims: pd.DataFrame, kind: str) -> list[str]:
    """Return the spans of the wall clock in which the claimed energy lies, such as ``18:00-07:00``."""
    kwh = np.bincount(claims["local_hour"], weights=claims[claim_column(kind)], minlength=24)
    notable = kwh >= max(_NOTABLE * kwh.max(), 1e-9)
    if notable.all():
        return ["00:00-24:00"]
    starts = np.flatnonzero(notable & ~np.roll(notable, 1))
    ends = [next(hour for hour in range(start + 1, start + 25) if not notable[hour % 24]) for start in starts]
    return [f"{start:02d}:00-{(end - 1) % 24 + 1:02d}:00" for start, end in zip(starts, ends, strict=True)]


def _all_days(claims: pd.DataFrame, kind: str) -> list[str]:
    return _notable_days(claims, claims[claim_column(kind)])


def _notable_days(rows: pd.DataFrame, kwh: pd.Series) -> list[str]:
    """Return the weekdays in which the energy lies, Monday first."""
    total = np.bincount(rows["local_weekday"], weights=kwh, minlength=7)
    return [day for day, own in zip(_WEEKDAYS, total, strict=True) if own >= max(_NOTABLE * total.max(), 1e-9)]


def _list_days(days: list[str]) -> str:
    """Return ``Mon–Fri`` for days in a row, else ``Mon, Wed and Sat``."""
    if len(days) > 2 and "".join(days) in "".join(_WEEKDAYS):
        return f"{days[0]}–{days[-1]}"
    return " and ".join([", ".join(days[:-1]), days[-1]]) if len(days) > 1 else "".join(days)
