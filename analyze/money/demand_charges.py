"""What the demand of a month costs on a tariff: peaks within their windows, ratchet, tiers. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.money.tariff_rates import split_tiers
from analyze.money.tariff_time import Cells, at_month, find_cells
from analyze.week.intervals import epoch_seconds
from config.tariff_model import MONTHS_PER_YEAR, DemandCharge, Tariff


class DemandLine(NamedTuple):
    """A demand charge of one month: what was measured, what the ratchet or minimum makes of it, and its cost.

    `floor_kw` is the ratchet's or the minimum's least demand, 0 without. `months_known` of the ratchet's
    `months_needed` months before stand behind it. `is_known` is False for a coincident charge whose moment was not
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


def measured_peak(demand_kw: npt.NDArray[np.float64], cells: Cells, charge: DemandCharge) -> float:
    """Return the highest demand within the charge's windows [kW], 0 where none falls into them."""
    return float(np.max(demand_kw, initial=0.0, where=charge.schedule.array()[cells] == 0))


def system_peak_demand(rows: pd.DataFrame, charge: DemandCharge) -> float:
    """Return the mean demand at the announced moments that `rows` hold [kW], or NaN where they hold none."""
    moments = epoch_seconds(pd.Series(list(charge.system_peaks or ()), dtype="datetime64[us, UTC]"))
    start, length = rows["epoch_s"].to_numpy(), rows["interval_s"].to_numpy()
    index = np.searchsorted(start, moments, side="right") - 1
    index, moments = index[index >= 0], moments[index >= 0]
    hit = index[moments < (start + length)[index]]
    return float(rows["mean_kw"].to_numpy()[hit].mean()) if hit.size else np.nan


def monthly_peaks(
    demand: pd.DataFrame, tariff: Tariff, charge: DemandCharge, holidays: Collection[date], billed: Mapping[str, float]
) -> dict[str, float]:
    """Return the peak of each known calendar month within the charge's windows [kW], such as ``{"2026-01": 84.0}``.

    Parameters
    ----------
    demand
        The site's demand over the demand interval (`mean_demand`), as far back as it is known.
    billed
        Peaks that stand on bills; only a charge on all hours can use them. The higher of the two counts.
    """
    within = charge.schedule.array()[find_cells(demand, tariff, holidays)] == 0
    month = demand["local_time"].to_numpy().astype("datetime64[M]").astype(str)
    peaks = demand["mean_kw"].where(within).groupby(month).max().dropna().to_dict()
    for key, peak_kw in billed.items() if charge.is_all_hours else ():
        peaks[key] = max(peak_kw, peaks.get(key, 0.0))
    return peaks


def higher_peaks(*peaks: Mapping[str, float]) -> dict[str, float]:
    """Return each month's highest peak among several sources."""
    return {month: max(own.get(month, 0.0) for own in peaks) for month in sorted(set().union(*peaks))}


def ratchet_floor(charge: DemandCharge, month: str, peaks: Mapping[str, float]) -> tuple[float, int, int]:
    """Return (least billed demand [kW], months known, months needed) of the charge in `month`.

    The floor is the ratchet's percentage of the highest known peak of the months before, or the charge's minimum.
    Months that are not known count for nothing, so it can only be too low.
    """
    if charge.ratchet is None:
        return charge.minimum_kw, 0, 0
    number = np.datetime64(month, "M")
    before = [str(number - n) for n in range(1, charge.ratchet.months + 1)]
    needed = [key for key in before if applies(charge, int(key[5:]) - 1)]
    known = [peaks[key] for key in needed if key in peaks]
    return max(charge.minimum_kw, charge.ratchet.pct / 100 * max(known, default=0.0)), len(known), len(needed)


def demand_lines(
    rows: pd.DataFrame,
    cells: Cells,
    tariff: Tariff,
    month: str,
    peaks_by_charge: Mapping[str, Mapping[str, float]],
) -> list[DemandLine]:
    """Return the demand charges of `month` for the demand that `rows` hold.

    Parameters
    ----------
    rows, cells
        The site's demand, and where it stands in the schedules. All of it is taken to lie in `month`.
    peaks_by_charge
        `monthly_peaks` by the charge's name; an empty one leaves the ratchets out.
    """
    number, lines = int(month[5:]) - 1, []
    cells = at_month(cells, number)
    for charge in tariff.demand:
        if not applies(charge, number):
            continue
        floor, known, needed = ratchet_floor(charge, month, peaks_by_charge.get(charge.name, {}))
        kw = measured_peak(rows["mean_kw"].to_numpy(), cells, charge)
        if charge.system_peaks is not None:
            kw = system_peak_demand(rows, charge)
        is_known, kw = not np.isnan(kw), float(np.nan_to_num(kw))
        cost = tier_cost(kw, charge)
        extra = tier_cost(max(kw, floor), charge) - cost
        lines.append(DemandLine(charge, kw, floor, cost, extra, known, needed, is_known))
    return lines


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
    own = [charge for charge in tariff.demand if charge.system_peaks is None]
    for month in range(MONTHS_PER_YEAR):
        same = at_month(cells, month)
        for charge in own:
            if applies(charge, month):
                within = charge.schedule.array()[same] == 0
                peaks = rows[:, within].max(axis=1, initial=0.0)
                costs[:, month] += [tier_cost(max(charge.minimum_kw, float(peak)), charge) for peak in peaks]
    return costs.reshape(*np.shape(demand_kw)[:-1], MONTHS_PER_YEAR)
