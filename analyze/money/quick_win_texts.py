"""When a quick win was, whose it is, and what the load should be afterwards; no words (`deliver.words`). Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analyze.load.schedules import NIGHT, closed_kind
from analyze.money.attribution import claim_column
from analyze.week.intervals import WeekScope

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MOSTLY = 0.75  # this share of the energy on one side is "at night" or "on closed days", less is both
_NOTABLE = 0.2  # of the energy of the fullest hour (or day): less is not part of the times that are named


class WinFacts(NamedTuple):
    """Whose a win is, what it takes, when it was, and the load that is expected afterwards."""

    owner: str
    effort: str
    when: dict[str, Any]
    expected_after: dict[str, Any]


def describe_after_hours(meter: dict[str, Any], claims: pd.DataFrame, scope: WeekScope) -> WinFacts:
    """Return the facts of a meter that runs while the site is closed; `meter` is its entry of `topMeters`."""
    return WinFacts(
        owner="building operator",
        effort="low: a schedule or a switch",
        when=_closed_times(claims, scope),
        expected_after={"powerKw": meter["baseline"]["kw"], "of": "mean power while closed"},
    )


def describe_question() -> WinFacts:
    """Return the facts of a load that is asked about: whether it must run while the site is closed."""
    return WinFacts(
        owner="facility manager",
        effort="low: a question",
        when={"days": [], "hours": []},
        expected_after={"powerKw": None, "of": "mean power while closed"},
    )


def describe_anomaly(channel: dict[str, Any], claims: pd.DataFrame, _scope: WeekScope) -> WinFacts:
    """Return the facts of a meter with anomalies; `channel` is its entry of `byChannel`."""
    event = max(channel["events"], key=lambda event: event["excessKwh"])
    return WinFacts(
        owner="facility manager",
        effort="low: ask and look on site",
        when={"days": _all_days(claims, "anomaly"), "hours": _hours(claims, "anomaly")},
        expected_after={"powerKw": round(_mean_kw(event, "expectedKwh"), 3), "of": "mean power at these hours"},
    )


# The facts of each kind of win: (finding, its claims, scope) → WinFacts.
DESCRIBE: dict[str, Callable[[dict[str, Any], pd.DataFrame, WeekScope], WinFacts]] = {
    "after_hours": describe_after_hours,
    "anomaly": describe_anomaly,
}


def _mean_kw(event: dict[str, Any], key: str) -> float:
    hours = (pd.Timestamp(event["end"]) - pd.Timestamp(event["start"])).total_seconds() / 3600
    return event[key] / hours


def _closed_times(claims: pd.DataFrame, scope: WeekScope) -> dict[str, Any]:
    """Return when the claimed energy was used: at night, on closed days, or both."""
    kwh = claims[claim_column("after_hours")]
    is_night = (closed_kind(claims, scope.schedule) == NIGHT).to_numpy()
    by_night, by_day = claims[is_night], claims[~is_night]
    on_closed_days = kwh[~is_night].sum() / kwh.sum()
    hours, days = _hours(by_night, "after_hours"), _notable_days(by_day, kwh[~is_night])
    is_closed_days = on_closed_days >= _MOSTLY or not hours
    mostly = "closed_days" if is_closed_days else "nights" if on_closed_days <= 1 - _MOSTLY or not days else "both"
    nights_at = {"days": _notable_days(by_night, kwh[is_night]), "hours": hours}
    return {"nights": nights_at, "closedDays": days, "mostly": mostly}


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
