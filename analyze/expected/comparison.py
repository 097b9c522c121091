"""The period beside what like days lead to: how much more, or less, was used than is usual. Pure.

Both sums are over the same intervals, so that nothing that is missing looks like a saving, and no holiday like a
change. Where like days are too few, or too little is valid, nothing is told but the reason.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import pandas as pd

from analyze.expected.best_energy import BestEnergy, Source
from analyze.expected.day_types import DayKind, label_days
from analyze.expected.like_days import MIN_LIKE_DAYS
from analyze.meters.channel_kinds import channels_of
from analyze.week.intervals import WeekScope, number_channels
from config.opening_hours import Schedule, list_holidays
from config.site_file import ChannelKind
from lib.date_utils import list_local_days
from lib.stats_utils import sum_by_place

_EPOCH = date(1970, 1, 1)
_MIN_RATIO = 0.8  # of the time, and of the site's energy, that must have a basis and be valid
_MAX_UNLIKE_SHARE = 0.5  # of the period's days
LEAST_KWH = 0.01  # a change against next to nothing says nothing
_MAX_EXPORT_RATIO = 0.05  # of the import: with more, the sun decides what a meter imports


class NotComparable(StrEnum):
    """Why a period is not compared."""

    NO_LIKE_DAYS = "no_like_days"
    TOO_LITTLE_VALID = "too_little_valid"
    GENERATION = "generation_behind_meter"
    NEXT_TO_NOTHING = "next_to_nothing_usual"


class Comparison(NamedTuple):
    """What is usual [kWh], and what was used in the same intervals; `reason` is None where they can be compared.

    `meters` of `of_meters` root meters are in both sums; `coverage_pct` is their share of the site's usual energy.
    """

    usual_kwh: float
    actual_kwh: float
    meters: int
    of_meters: int
    coverage_pct: float
    reason: NotComparable | None

    @property
    def change_pct(self) -> float | None:
        """By how much more was used than is usual [%]."""
        return None if self.reason else 100 * (self.actual_kwh / self.usual_kwh - 1)


def compare_with_usual(best: BestEnergy, scope: WeekScope, left_out_pct: float = 0.0) -> Comparison:
    """Return the comparison of the meters that `best` holds, over their intervals of the period.

    Parameters
    ----------
    left_out_pct
        Share of the site's usual energy of meters that are none of these [%].

    Notes
    -----
    A meter can be compared where like days and valid readings cover four fifths of its intervals, and the site where
    such meters bring four fifths of its usual energy. What is not valid counts as usual on both sides.

    Where most days are of a kind that the weeks before did not have (a week of closure), nothing is compared: a closed
    Tuesday may lean on Sundays, a closed week is like no week.
    """
    table = _sum_channels(best.rows, scope)
    if _unlike_share(scope) > _MAX_UNLIKE_SHARE:
        return Comparison(0.0, 0.0, 0, len(table), 0.0, NotComparable.NO_LIKE_DAYS)
    weight = table["usual_kw"].fillna(table["known_kw"]).abs().fillna(0.0)
    total = float(weight.sum())
    share = 1.0 - left_out_pct / 100
    coverage = share * (float(weight[table["is_comparable"]].sum()) / total if total > 0 else 0.0)
    usual, actual = (float(table.loc[table["is_comparable"], name].sum()) for name in ("usual_kwh", "actual_kwh"))
    reason = None
    if not table["is_comparable"].any() or coverage < _MIN_RATIO:
        reason = _why_not(table, weight)
    elif abs(usual) < LEAST_KWH:
        reason = NotComparable.NEXT_TO_NOTHING
    return Comparison(usual, actual, int(table["is_comparable"].sum()), len(table), 100 * coverage, reason)


def _unlike_share(scope: WeekScope) -> float:
    """Return the share of the period's days that are not regular, and of whose kind the weeks before have too few."""
    before, now = (list_local_days(window, scope.tz) for window in (scope.baseline, scope.period))
    if not before or not now:
        return 0.0
    types = label_days((before[0] - _EPOCH).days, (now[-1] - before[0]).days + 1, scope.schedule)
    own = slice((now[0] - before[0]).days, None)
    like = np.bincount(types.exact[: (before[-1] - before[0]).days + 1], minlength=int(types.exact.max()) + 1)
    is_unlike = (like[types.exact[own]] < MIN_LIKE_DAYS) & (types.kind[own] != DayKind.REGULAR)
    return float(is_unlike.mean())


def compare_channels(best: BestEnergy, scope: WeekScope) -> pd.DataFrame:
    """Return by `channel_id` the `usual_kwh`, `actual_kwh` and `is_comparable` of each meter's period."""
    return _sum_channels(best.rows, scope)


def _sum_channels(rows: pd.DataFrame, scope: WeekScope) -> pd.DataFrame:
    hours, usual_kwh, kwh = (rows[name].to_numpy(dtype=float) for name in ("hours", "usual_kwh", "kwh"))
    has_basis, valid = ~np.isnan(usual_kwh), rows["source"].to_numpy() <= Source.CAUGHT_UP
    both = has_basis & ~np.isnan(kwh)
    code, ids = number_channels(rows)
    imported, exported = np.nan_to_num(np.maximum(kwh, 0.0)), np.nan_to_num(-np.minimum(kwh, 0.0))
    parts = {
        "hours": hours,
        "basis_hours": np.where(has_basis, hours, 0.0),
        "valid_hours": np.where(valid, hours, 0.0),
        "both_hours": np.where(has_basis & valid, hours, 0.0),
        "usual_kwh": np.where(both, usual_kwh, 0.0),
        "actual_kwh": np.where(both, kwh, 0.0),
        "known_kwh": np.where(valid, kwh, 0.0),
        "import_kwh": imported,
        "export_kwh": exported,
    }
    sums = {name: sum_by_place(code, values, ids.size) for name, values in parts.items()}
    exports = np.isin(ids, channels_of(scope.meters, ChannelKind.MAIN))
    exports &= (sums["export_kwh"] >= _MAX_EXPORT_RATIO * sums["import_kwh"]) & (sums["export_kwh"] > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = {
            "usual_kw": sums["usual_kwh"] / sums["basis_hours"],
            "known_kw": sums["known_kwh"] / sums["valid_hours"],
        }
    is_comparable = (sums["both_hours"] >= _MIN_RATIO * sums["hours"]) & ~exports
    columns = {**sums, "exports": exports, "is_comparable": is_comparable, **means}
    return pd.DataFrame(columns, index=pd.Index(ids, name="channel_id"))


def _why_not(table: pd.DataFrame, weight: pd.Series) -> NotComparable:
    """Return the reason that holds for most of the energy of the meters that cannot be compared."""
    rest = table[~table["is_comparable"]]
    if rest.empty:
        return NotComparable.TOO_LITTLE_VALID
    lacks_basis = rest["basis_hours"] < _MIN_RATIO * rest["hours"]
    reason = np.where(rest["exports"], NotComparable.GENERATION, NotComparable.TOO_LITTLE_VALID)
    reason = np.where(lacks_basis & ~rest["exports"], NotComparable.NO_LIKE_DAYS, reason)
    return NotComparable(weight[rest.index].groupby(reason).sum().idxmax())


class SpecialDay(NamedTuple):
    """A local day that the calendar makes unlike others, and what it is called where it has a name."""

    day: date
    kind: DayKind
    name: str | None
    is_closed: bool


def list_special_days(scope: WeekScope) -> list[SpecialDay]:
    """Return the period's holidays, exceptions and days outside of the terms."""
    schedule, days = scope.schedule, list_local_days(scope.period, scope.tz)
    types = label_days((days[0] - _EPOCH).days, len(days), schedule)
    holidays = list_holidays(schedule, range(days[0].year, days[-1].year + 1))
    rows = zip(days, types.kind.tolist(), types.is_closed.tolist(), strict=True)
    return [
        SpecialDay(day, DayKind(kind), _name_of(day, DayKind(kind), schedule, holidays), is_closed)
        for day, kind, is_closed in rows
        if kind != DayKind.REGULAR
    ]


def _name_of(day: date, kind: DayKind, schedule: Schedule, holidays: dict[date, str]) -> str | None:
    if kind == DayKind.EXCEPTION:
        reasons = (one.reason for one in schedule.exceptions if one.start <= day <= one.end)
        return next(reasons, None) or None
    return holidays.get(day) if kind == DayKind.HOLIDAY else None
