"""What the demand of a month costs on a tariff: peaks within their windows, ratchet, tiers. Pure."""

from __future__ import annotations

import calendar
from collections.abc import Collection, Mapping
from datetime import date
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.money.tariff_rates import split_tiers
from analyze.money.tariff_time import Cells, at_month, find_cells, local_days, local_months
from analyze.week.intervals import epoch_seconds
from config.tariff_model import MONTHS_PER_YEAR, DemandCharge, Tariff
from lib.stats_utils import sum_by_place

_KNOWN_RATIO = 0.9  # of a month's hours: of less its peak may be a higher one


class MonthPeak(NamedTuple):
    """A month's highest known demand within a charge's windows, and how many of the month's hours are known."""

    kw: float
    hours: float

    def is_known(self, month: str) -> bool:
        """Return whether so much of the month (``2026-01``) is known that this is taken for its peak."""
        days = calendar.monthrange(int(month[:4]), int(month[5:]))[1]
        return self.hours >= _KNOWN_RATIO * 24 * days


Peaks = Mapping[str, MonthPeak]


class DemandLine(NamedTuple):
    """A demand charge of one month: what was measured, what the ratchet or minimum makes of it, and its cost.

    `floor_kw` is the ratchet's or the minimum's least demand, 0 without. `months_known` of the ratchet's
    `months_needed` months before are known whole. `is_known` is False for a coincident charge whose moment was not
    announced or not measured; it is then billed nothing.
    """

    charge: DemandCharge
    measured_kw: float
    floor_kw: float
    measured_cost: float
    floor_cost: float
    months_known: int = 0
    months_needed: int = 0
    is_known: bool = True

    @property
    def billed_kw(self) -> float:
        """The demand that is paid for [kW]."""
        return max(self.measured_kw, self.floor_kw)

    @property
    def cost(self) -> float:
        """What it costs, the ratchet included [currency]."""
        return self.measured_cost + self.floor_cost


def tier_cost(quantity: float, charge: DemandCharge) -> float:
    """Return the price of `quantity` kW [currency]."""
    return float(split_tiers(quantity, charge.tiers) @ [tier.rate for tier in charge.tiers])


def marginal_rate_per_kw(quantity: float, charge: DemandCharge) -> float:
    """Return the price of the last of `quantity` kW [currency/kW]."""
    reached = np.flatnonzero(split_tiers(quantity, charge.tiers) > 0)
    return charge.tiers[reached[-1] if reached.size else 0].rate


def applies(charge: DemandCharge, month: int) -> bool:
    """Return whether the charge has any hour in `month` (0 = January)."""
    return bool((charge.schedule.array()[month] == 0).any())


def system_peak_demand(
    rows: pd.DataFrame, charge: DemandCharge, demand_kw: npt.NDArray[np.float64] | None = None
) -> float:
    """Return the mean demand at the announced moments that `rows` hold [kW], or NaN where they hold none.

    `demand_kw` is used instead of the measured demand.
    """
    moments = epoch_seconds(pd.Series(list(charge.system_peaks or ()), dtype="datetime64[us, UTC]"))
    start, length = rows["epoch_s"].to_numpy(), rows["interval_s"].to_numpy()
    index = np.searchsorted(start, moments, side="right") - 1
    index, moments = index[index >= 0], moments[index >= 0]
    hit = index[moments < (start + length)[index]]
    kw = rows["mean_kw"].to_numpy() if demand_kw is None else demand_kw
    return float(kw[hit].mean()) if hit.size else np.nan


def monthly_peaks(
    demand: pd.DataFrame, tariff: Tariff, charge: DemandCharge, holidays: Collection[date], billed: Mapping[str, float]
) -> dict[str, MonthPeak]:
    """Return the peak of each calendar month of which anything is known within the charge's windows, by ``2026-01``.

    A ratchet looks back on the months before whatever their season. In a month in which the charge has no hours, its
    windows are those that it has in any month: all hours, for a charge on all hours of the summer months.

    Parameters
    ----------
    demand
        The site's demand over the demand interval (`mean_demand`), as far back as it is known.
    billed
        Peaks that stand on bills; only a charge on all hours can use them. The higher of the two counts.
    """
    within = _watched_cells(charge)[find_cells(demand, tariff, holidays)]
    months, place = np.unique(local_months(local_days(demand)), return_inverse=True)
    highest_kw = np.full(months.size, -np.inf)
    np.fmax.at(highest_kw, place[within], demand["mean_kw"].to_numpy(dtype=float)[within])
    hours = sum_by_place(place, demand["hours"], months.size)
    found = zip(months.astype(str).tolist(), highest_kw.tolist(), hours.tolist(), strict=True)
    peaks = {key: MonthPeak(kw, known_h) for key, kw, known_h in found if kw > -np.inf}
    on_bills = {key: MonthPeak(kw, np.inf) for key, kw in billed.items()} if charge.is_all_hours else {}
    return higher_peaks(peaks, on_bills)


def _watched_cells(charge: DemandCharge) -> npt.NDArray[np.bool_]:
    """Return the cells whose peaks a ratchet looks back on."""
    own = charge.schedule.array() == 0
    has_hours = own.any(axis=(1, 2), keepdims=True)
    return np.where(has_hours, own, own.any(axis=0, keepdims=True))


def higher_peaks(*peaks: Peaks) -> dict[str, MonthPeak]:
    """Return each month's highest peak among several sources, none of which knows hours that another knows."""
    months = sorted(set().union(*peaks))
    each = {month: [own[month] for own in peaks if month in own] for month in months}
    return {month: MonthPeak(max(p.kw for p in own), sum(p.hours for p in own)) for month, own in each.items()}


def ratchet_floor(charge: DemandCharge, month: str, peaks: Peaks) -> tuple[float, int, int]:
    """Return (least billed demand [kW], months known, months needed) of the charge in `month`.

    The floor is the ratchet's percentage of the highest known peak of the months before, or the charge's minimum.
    Those are the calendar months before, whether the charge has any hours in them or not. Months that are not known
    count for nothing, and those known in part with what is known, so it can only be too low.
    """
    if charge.ratchet is None:
        return charge.minimum_kw, 0, 0
    number = np.datetime64(month, "M")
    before = [str(number - n) for n in range(1, charge.ratchet.months + 1)]
    needed = [key for key in before if charge.ratchet.counts(int(key[5:]))]
    found = {key: peaks[key] for key in needed if key in peaks}
    highest_kw = max((peak.kw for peak in found.values()), default=0.0)
    known = sum(peak.is_known(key) for key, peak in found.items())
    return max(charge.minimum_kw, charge.ratchet.pct / 100 * highest_kw), known, len(needed)


def demand_lines(
    rows: pd.DataFrame,
    cells: Cells,
    tariff: Tariff,
    month: str,
    peaks_by_charge: Mapping[str, Peaks],
) -> list[DemandLine]:
    """Return the demand charges of `month` for the demand that `rows` hold; see `demand_lines_of_each`."""
    demands_kw = rows["mean_kw"].to_numpy()[None]
    return demand_lines_of_each(demands_kw, rows, cells, tariff, month, peaks_by_charge)[0]


def demand_lines_of_each(
    demands_kw: npt.NDArray[np.float64],
    rows: pd.DataFrame,
    cells: Cells,
    tariff: Tariff,
    month: str,
    peaks_by_charge: Mapping[str, Peaks],
) -> list[list[DemandLine]]:
    """Return the demand charges of `month` for each of several demands.

    Parameters
    ----------
    demands_kw : (k, n) floats
        In place of the demand that the n `rows` hold.
    rows, cells
        The site's demand, and where it stands in the schedules. All of it is taken to lie in `month`.
    peaks_by_charge
        `monthly_peaks` by the charge's name; an empty one leaves the ratchets out.
    """
    number = int(month[5:]) - 1
    cells, lines = at_month(cells, number), list[list[DemandLine]]([] for _ in demands_kw)
    for charge in tariff.demand:
        if not applies(charge, number):
            continue
        floor = ratchet_floor(charge, month, peaks_by_charge.get(charge.name, {}))
        within = charge.schedule.array()[cells] == 0
        for own, demand_kw, peak_kw in zip(lines, demands_kw, _highest(demands_kw, within), strict=True):
            kw = peak_kw if charge.system_peaks is None else system_peak_demand(rows, charge, demand_kw)
            own.append(_line(charge, kw, *floor))
    return lines


def _highest(demands_kw: npt.NDArray[np.float64], within: npt.NDArray[np.bool_]) -> list[float]:
    """Return the highest of each of the demands (k, n) within a charge's windows [kW], 0 where none falls into them."""
    return np.max(demands_kw, axis=1, initial=0.0, where=within).tolist()


def _line(charge: DemandCharge, kw: float, floor: float, known: int, needed: int) -> DemandLine:
    is_known, kw = not np.isnan(kw), float(np.nan_to_num(kw))
    cost = tier_cost(kw, charge)
    extra = tier_cost(max(kw, floor), charge) - cost
    return DemandLine(charge, kw, floor, cost, extra, known, needed, is_known)


def charges_by_month(demand_kw: npt.NDArray[np.float64], cells: Cells, tariff: Tariff) -> npt.NDArray[np.float64]:
    """Return what the same demand would cost in each calendar month, without ratchets [currency].

    Parameters
    ----------
    demand_kw : (n,) or (k, n) floats
        One demand, or k of them.

    Returns
    -------
    (12,) or (k, 12) floats
        Coincident charges are left out: their moments cannot be foreseen.
    """
    rows = np.atleast_2d(demand_kw)
    costs = np.zeros((len(rows), MONTHS_PER_YEAR))
    for charge in tariff.demand:
        if charge.system_peaks is None:
            # Most months share one schedule, and so their peaks and what these cost.
            own: dict[bytes, list[float]] = {}
            for month in filter(partial(applies, charge), range(MONTHS_PER_YEAR)):
                key = charge.schedule.array()[month].tobytes()
                if key not in own:
                    peaks = _highest(rows, charge.schedule.array()[at_month(cells, month)] == 0)
                    own[key] = [tier_cost(max(charge.minimum_kw, peak), charge) for peak in peaks]
                costs[:, month] += own[key]
    return costs.reshape(*np.shape(demand_kw)[:-1], MONTHS_PER_YEAR)
