"""Whose part of a month's bill is whose: by the meters of each owner, to the cent of the bill. Pure.

Energy is priced by each one's own use in each period of the tariff; tiers are filled by the site as a whole, so each
pays the period's mean price. A demand charge is shared by what each drew in the interval that is billed, its ratchet
likewise, or by energy; what depends on no use by energy or equally. Riders and taxes follow what they are on. What no
owner's meter sees is a part of its own. A meter's energy goes to the nearest owner above the load, once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.expected.best_energy import Source, imported_kwh
from analyze.meters.channel_kinds import channels_of
from analyze.meters.meter_tree import parents_of
from analyze.money.site_demand import SiteDemand, energy_matrix, mean_demand
from analyze.money.tariff_time import at_month, energy_periods, find_cells
from analyze.week.intervals import SECONDS_PER_HOUR, WeekScope, channel_names, in_window
from analyze.week.refusals import unavailable
from config.share_tables import DemandShare, FixedShare
from config.site_file import ChannelKind
from config.tariff_model import Adder, DemandCharge, SiteTariffs, Tariff
from lib.currencies import decimals_of
from lib.date_utils import local_day_window
from lib.report_types.bills import CostByOwner, OwnerShare
from lib.stats_utils import sum_by_place

Floats = npt.NDArray[np.float64]

_MAX_EXCESS_PCT = 2.0  # owners' meters above the site's: class 1 on both sides, IEC 62053-21
_CATEGORIES = ("energy", "demand", "fixed", "other")
_DEMAND_KINDS = ("demand", "ratchet", "minimum_demand", "reactive")
_CATEGORY_OF = {"energy": "energy", "export": "energy", **dict.fromkeys(_DEMAND_KINDS, "demand"), "fixed": "fixed",
                "minimum": "fixed"}  # fmt: skip


class Shares(NamedTuple):
    """The owners of a site with their meters' ids, and the rules of the site's file."""

    owners: Mapping[str, Sequence[int]]
    demand: DemandShare
    fixed: FixedShare


class _Use(NamedTuple):
    """What each owner drew: `kwh` (owners, steps), by `epoch_s` of the site's steps, the rest as the last row."""

    epoch_s: npt.NDArray[np.int64]
    kwh: Floats
    unknown_hours: Floats
    estimated_kwh: Floats


def share_cost(
    site: SiteDemand,
    scope: WeekScope,
    bills: Sequence[dict[str, Any]],
    tariffs: SiteTariffs,
    shares: Shares,
    holidays: Collection[date] = (),
) -> CostByOwner | dict[str, Any]:
    """Return each owner's part of the bills of a month (`bill_months`), or why it cannot be told (`unavailable`).

    Parameters
    ----------
    bills
        Of the period of `scope`: one, or several where the tariff changed.
    """
    refusal = _why_not(site, scope, bills, shares)
    if refusal:
        return refusal
    use = _measure(site, scope, shares)
    if isinstance(use, str):
        return unavailable("owners_above_site", use, "meters that fit together")
    names = [*shares.owners, None]
    parts = np.zeros((len(names), len(_CATEGORIES)))
    at_peak_kw: Floats | None = None
    for bill in bills:
        tariff = tariffs.tariff_on(date.fromisoformat(bill["start"]))
        assert tariff is not None, "a bill is on the tariff that holds on its first day"
        amounts, kw = _share_bill(bill, tariff, use, site, scope, shares, holidays)
        parts += amounts
        at_peak_kw = kw if at_peak_kw is None else at_peak_kw
    currency = str(bills[0]["currency"])
    total, cents = _to_cents(parts, sum(bill["total"] for bill in bills), decimals_of(currency))
    rows = [
        _row(name, use, cents[n], None if at_peak_kw is None else float(at_peak_kw[n]), n, decimals_of(currency))
        for n, name in enumerate(names)
    ]
    return {
        "currency": currency,
        "tariff": " / ".join(dict.fromkeys(bill["tariff"] for bill in bills)),
        "isAssumed": tariffs.is_assumed,
        "total": total,
        "demandRule": shares.demand.value,
        "fixedRule": shares.fixed.value,
        "owners": rows[:-1],
        "rest": rows[-1],
    }


def _why_not(
    site: SiteDemand, scope: WeekScope, bills: Sequence[dict[str, Any]], shares: Shares
) -> dict[str, Any] | None:
    names = channel_names(scope.meters)
    lacking = sorted({key for ids in shares.owners.values() for key in ids if key not in names})
    if lacking:
        reason = f"channels {', '.join(map(str, lacking))} of [shares] are in no total of the site"
        return unavailable("owner_not_counted", reason, "meters that count")
    if not bills:
        return unavailable("no_bill", "the month has no bill on the site's tariff", "a bill of the month")
    if site.is_at_least:
        return unavailable("at_least", "part of the site's energy is not known", "readings of the main meters")
    if channels_of(scope.meters, ChannelKind.GENERATION, ChannelKind.STORAGE) or _exports(site):
        reason = "the site generates or feeds back, and its meters do not tell whose use that covered"
        return unavailable("own_generation", reason, "a rule for the site's own generation")
    return None


def _exports(site: SiteDemand) -> bool:
    rows = site.of_roots.rows
    has_register = "exported_kwh" in rows and bool((rows["exported_kwh"].fillna(0.0) > 0).any())
    return has_register or bool((rows["kwh"] < 0).any())


def _measure(site: SiteDemand, scope: WeekScope, shares: Shares) -> _Use | str:
    """Return what each owner and the rest drew in each step; a text where the owners' meters show more than all."""
    own = site.energy[in_window(site.energy, scope.period)]
    rows = site.period.rows
    ids = sorted({key for keys in shares.owners.values() for key in keys})
    mine = rows[rows["channel_id"].isin(ids)]
    step_s = int(max([int(own["interval_s"].iloc[0]), *mine["interval_s"].astype(int)]))
    start_s, place = np.unique(own["epoch_s"].to_numpy(dtype="int64") // step_s * step_s, return_inverse=True)
    site_kwh = sum_by_place(place, own["used_kwh"], start_s.size)
    matrix = energy_matrix(mine.assign(used_kwh=imported_kwh(mine)), step_s).reindex(index=start_s, columns=ids)
    by_owner = _net_by_owner(matrix, scope, shares)
    unknown = np.array([float(matrix[list(keys)].isna().to_numpy().sum()) for keys in shares.owners.values()])
    total_kwh, owned_kwh = float(site_kwh.sum()), float(by_owner.sum())
    if owned_kwh > (1 + _MAX_EXCESS_PCT / 100) * total_kwh:
        return f"the owners' meters show {owned_kwh:,.0f} kWh, the site {total_kwh:,.0f}: check which is below which"
    owned = by_owner.sum(axis=0)
    scale = np.divide(site_kwh, owned, out=np.ones_like(owned), where=owned > site_kwh)
    by_owner = by_owner * scale
    rest = np.maximum(site_kwh - by_owner.sum(axis=0), 0.0)
    estimated = _estimated_by_owner(mine, shares)
    hours = step_s / SECONDS_PER_HOUR
    return _Use(start_s, np.vstack([by_owner, rest]), np.append(unknown * hours, 0.0), np.append(estimated, 0.0))


def _net_by_owner(matrix: pd.DataFrame, scope: WeekScope, shares: Shares) -> Floats:
    """Return (owners, steps) kWh: of each meter what the owned meters below it do not show."""
    parents, owned = parents_of(scope.meters), set(matrix.columns)
    net = {key: np.nan_to_num(matrix[key].to_numpy(dtype=float)) for key in owned}
    for key in owned:
        above = parents.get(key)
        while above is not None and above not in owned:
            above = parents.get(above)
        if above is not None:
            net[above] = net[above] - np.nan_to_num(matrix[key].to_numpy(dtype=float))
    rows = [np.maximum(sum(net[key] for key in keys), 0.0) for keys in shares.owners.values()]
    return np.array(rows, dtype=float).reshape(len(rows), len(matrix))


def _estimated_by_owner(rows: pd.DataFrame, shares: Shares) -> Floats:
    as_metered = rows["source"].isin([Source.METERED, Source.CAUGHT_UP])
    kwh = rows.loc[~as_metered].groupby("channel_id")["kwh"].sum()
    return np.array([float(kwh.reindex(list(keys)).fillna(0.0).sum()) for keys in shares.owners.values()])


def _share_bill(
    bill: dict[str, Any],
    tariff: Tariff,
    use: _Use,
    site: SiteDemand,
    scope: WeekScope,
    shares: Shares,
    holidays: Collection[date],
) -> tuple[Floats, Floats | None]:
    """Return the amounts of one bill by owner and category, not rounded, and what each drew at its peak [kW]."""
    first, last = (date.fromisoformat(bill[key]) for key in ("start", "end"))
    window = local_day_window(first, last, scope.tz)
    inside = (use.epoch_s >= window.start.timestamp()) & (use.epoch_s < window.end.timestamp())
    frame = site.energy[in_window(site.energy, window)]
    frame = frame.set_index("epoch_s").reindex(use.epoch_s[inside], method="nearest").reset_index()
    cells = at_month(find_cells(frame, tariff, holidays), first.month - 1)
    number = energy_periods(cells, tariff.energy)
    by_period = np.array([sum_by_place(number, row, len(tariff.energy.periods)) for row in use.kwh[:, inside]])
    by_energy = _as_shares(by_period.sum(axis=1))
    demand = mean_demand(site.demand, tariff.demand_interval_s, scope)
    demand = demand[in_window(demand, window)]
    at_peak = {charge.name: _at_peak(charge, demand, tariff, use, holidays) for charge in tariff.demand}
    fixed = by_energy if shares.fixed is FixedShare.BY_ENERGY else _equally(len(by_energy))
    parts, before = np.zeros((len(by_energy), len(_CATEGORIES))), np.zeros(len(by_energy))
    for line in bill["lines"]:
        kind, amount = line["kind"], float(line["amount"])
        if kind == "energy":
            own = amount * _as_shares(by_period[:, _period_of(line["name"], tariff)], by_energy)
        elif kind in _DEMAND_KINDS:
            kw = at_peak.get(line["name"])
            by_peak = shares.demand is DemandShare.AT_PEAK and kw is not None
            own = amount * (_as_shares(kw, by_energy) if by_peak and kw is not None else by_energy)
        elif kind == "fixed":
            own = amount * fixed
        elif kind == "rider":
            own = amount * _of_adder(_adder(tariff.riders, line), parts, by_energy)
        elif kind == "minimum":
            own = amount * fixed
        else:
            own = amount * _of_adder(_adder(tariff.taxes, line), before[:, None], by_energy)
        parts[:, _CATEGORIES.index(_CATEGORY_OF.get(kind, "other"))] += own
        if kind != "tax":
            before = before + own
    peaks = [kw for kw in at_peak.values() if kw is not None]
    return parts, max(peaks, key=lambda kw: float(kw.sum()), default=None)


def _period_of(name: str, tariff: Tariff) -> int:
    """Return the number of the energy period that a line of the bill is about."""
    for number, period in enumerate(tariff.energy.periods):
        if name == period.name or name.startswith(f"{period.name}, tier "):
            return number
    raise AssertionError(f"the bill's line {name!r} is of no period of {tariff.name}")


def _adder(adders: Sequence[Adder], line: dict[str, Any]) -> Adder:
    return next(adder for adder in adders if adder.name == line["name"])


def _of_adder(adder: Adder, parts: Floats, by_energy: Floats) -> Floats:
    """Return the shares of a rider or tax: by energy where it is by the kWh, else by what it is a percentage of."""
    if adder.per_kwh:
        return by_energy
    columns = [n for n, name in enumerate(_CATEGORIES) if name in adder.on] if parts.shape[1] > 1 else [0]
    return _as_shares(parts[:, columns].sum(axis=1), by_energy)


def _at_peak(
    charge: DemandCharge, demand: pd.DataFrame, tariff: Tariff, use: _Use, holidays: Collection[date]
) -> Floats | None:
    """Return what each owner drew in the interval that the charge bills [kW]; None where it bills none of its own."""
    if charge.system_peaks is not None or demand.empty:
        return None
    within = charge.schedule.array()[find_cells(demand, tariff, holidays)] == 0
    if not within.any():
        return None
    rows = demand[within]
    peak = rows.iloc[int(rows["mean_kw"].to_numpy().argmax())]
    start_s, length_s = int(peak["epoch_s"]), int(peak["interval_s"])
    step_s = int(use.epoch_s[1] - use.epoch_s[0]) if use.epoch_s.size > 1 else length_s
    first = int(np.searchsorted(use.epoch_s, start_s, side="right")) - 1
    stop = max(first + 1, int(np.searchsorted(use.epoch_s, start_s + length_s, side="left")))
    hours = (stop - first) * step_s / SECONDS_PER_HOUR
    return np.asarray(use.kwh[:, first:stop].sum(axis=1) / hours)


def _as_shares(values: Floats, instead: Floats | None = None) -> Floats:
    """Return values as shares of their sum; `instead` where that is nothing."""
    total = float(values.sum())
    if total > 0:
        return values / total
    return instead if instead is not None else np.full(values.size, 1 / values.size)


def _equally(count: int) -> Floats:
    """Return equal shares of all but the last, which is what no owner's meter sees."""
    return np.append(np.full(count - 1, 1 / (count - 1)), 0.0)


def _to_cents(parts: Floats, total: float, decimals: int) -> tuple[float, npt.NDArray[np.int64]]:
    """Return the bill's total, and the parts in whole cents (or what the currency has) that add up to it both ways."""
    unit = 10**decimals
    cents = round(total * unit)
    columns = _round_to_sum(parts.sum(axis=0) * unit, cents)
    shares = np.array([_round_to_sum(parts[:, n] * unit, int(each)) for n, each in enumerate(columns)])
    return cents / unit, shares.T


def _round_to_sum(values: Floats, total: int) -> npt.NDArray[np.int64]:
    """Return whole numbers next to `values` that add up to `total`: the largest remainders are rounded up."""
    low = np.floor(values).astype(np.int64)
    missing = total - int(low.sum())
    order = np.argsort(-(values - low), kind="stable")
    extra, rest = divmod(missing, values.size)
    low += extra
    low[order[:rest]] += 1
    return low


def _row(
    name: str | None, use: _Use, cents: npt.NDArray[np.int64], kw: float | None, number: int, decimals: int
) -> OwnerShare:
    kwh, total_kwh = float(use.kwh[number].sum()), float(use.kwh.sum())
    money = [round(int(each) / 10**decimals, decimals) for each in (*cents, cents.sum())]
    return {
        "name": name,
        "kwh": round(kwh, 3),
        "sharePct": round(100 * kwh / total_kwh, 1) if total_kwh > 0 else 0.0,
        "estimatedKwh": round(float(use.estimated_kwh[number]), 3),
        "unknownHours": round(float(use.unknown_hours[number]), 2),
        "kwAtPeak": None if kw is None else round(kw, 3),
        "energy": money[0],
        "demand": money[1],
        "fixed": money[2],
        "other": money[3],
        "total": money[4],
    }
