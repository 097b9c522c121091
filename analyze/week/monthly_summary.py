"""One month of a site beside the months before it. Pure."""

from __future__ import annotations

import calendar
from datetime import date
from typing import Any

import pandas as pd

from analyze.meters.meter_tree import find_roots, parents_of
from analyze.week.intervals import channel_names, energy_meters
from lib.date_utils import add_months

MONTHS_SHOWN = 13  # a year back, and the same month of it
_MIN_COVER_PCT = 90.0  # of a month's days; a month with fewer is no basis of a comparison


def summarize_months(monthly: pd.DataFrame, meters: pd.DataFrame, month: date) -> dict[str, Any]:
    """Return the month's energy, the trend up to it, and each meter's share and change.

    Parameters
    ----------
    monthly
        `channel_id`, `local_month` (date of its first day), `energy_kwh`, `days` that readings cover (`load_monthly`).
    meters
        All channels of the site.
    month
        First day of the month.

    Returns
    -------
    dict
        `totalKwh` of the root meters (`meter_tree.find_roots`, by days with readings); `trend`, one entry a month;
        `changeOnMonthBefore` and `changeOnYearBefore`; and `byChannel`, the largest first.

    Notes
    -----
    Months are compared by their mean energy a covered day, so that February is not a saving, nor are lost hours, and
    like with like: over the root meters of which readings cover nine tenths of both months. A change without such a
    meter is None.
    """
    names, parents = channel_names(energy_meters(meters)), parents_of(meters)
    table = monthly[monthly["channel_id"].isin(names)]
    table = table.assign(local_month=[pd.Timestamp(value).date() for value in table["local_month"]])
    own = table[table["local_month"] == month]
    covered = own.assign(channel_id=own["channel_id"].astype("int64"), hours=24 * own["days"])
    roots = find_roots(covered, meters) & set(covered["channel_id"])
    total_kwh = float(own.loc[own["channel_id"].isin(roots), "energy_kwh"].sum())
    return {
        "totalKwh": round(total_kwh, 3),
        "trend": [_of_month(table, roots, add_months(month, back)) for back in range(1 - MONTHS_SHOWN, 1)],
        "changeOnMonthBefore": _compare(table, roots, month, add_months(month, -1)),
        "changeOnYearBefore": _compare(table, roots, month, add_months(month, -12)),
        "byChannel": [
            {
                "channelId": int(row.channel_id),
                "channelName": names[int(row.channel_id)],
                "energyKwh": round(float(row.energy_kwh), 3),
                "sharePct": round(100 * float(row.energy_kwh) / total_kwh, 1) if total_kwh > 0 else None,
                "changePct": _compare(table, {int(row.channel_id)}, month, add_months(month, -1))["changePct"],
                "isRoot": int(row.channel_id) in roots,
                "parentChannelId": parents.get(int(row.channel_id)),
            }
            for row in own.sort_values("energy_kwh", ascending=False).itertuples()
        ],
    }


def _of_month(table: pd.DataFrame, roots: set[int], month: date) -> dict[str, Any]:
    rows = table[(table["local_month"] == month) & table["channel_id"].isin(roots)]
    days = calendar.monthrange(month.year, month.month)[1]
    covered = 100 * float(rows["days"].sum()) / (days * len(roots)) if roots else 0.0
    return {
        "month": month.isoformat()[:7],
        "energyKwh": round(float(rows["energy_kwh"].sum()), 3) if len(rows) else None,
        "coveredPct": round(covered, 1),
    }


def _compare(table: pd.DataFrame, channels: set[int], month: date, other: date) -> dict[str, Any]:
    """Return the change of the mean energy a day, over those of the channels that both months hold."""
    sides = []
    for each in (month, other):
        rows = table[(table["local_month"] == each) & table["channel_id"].isin(channels)].set_index("channel_id")
        days = calendar.monthrange(each.year, each.month)[1]
        sides.append((rows["energy_kwh"] / rows["days"])[rows["days"] >= _MIN_COVER_PCT / 100 * days])
    both = sides[0].index.intersection(sides[1].index)
    now, before = (float(side.loc[both].sum()) for side in sides)
    return {
        "month": other.isoformat()[:7],
        "meters": len(both),
        "changePct": round(100 * (now / before - 1), 1) if before > 0 else None,
    }
