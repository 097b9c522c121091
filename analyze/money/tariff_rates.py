"""What a kilowatt-hour costs, interval by interval, on a tariff. Pure and vectorised."""

from __future__ import annotations

import math
from collections.abc import Collection
from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.money.tariff_time import Cells, Spans, as_spans, energy_periods, find_cells, list_segments, month_scale
from config.tariff_model import EnergyRates, Tariff, Tier, TierUnit
from lib.date_utils import add_local_time
from lib.stats_utils import sum_by_place

Floats = npt.NDArray[np.float64]

_MEAN_MONTH_DAYS = 365.25 / 12


class MonthSize(NamedTuple):
    """What the ends of a month's energy tiers are measured by.

    `day_share` is the share of the month in which the tariff holds, `days` its days, `peak_kw` the demand on which
    hours' use is counted.
    """

    day_share: float = 1.0
    days: float = _MEAN_MONTH_DAYS
    peak_kw: float = 0.0

    def of(self, unit: TierUnit) -> float:
        """Return how many kWh one of `unit` is."""
        by_time = self.days if unit in (TierUnit.KWH_DAILY, TierUnit.KWH_PER_KW_DAILY) else self.day_share
        by_demand = self.peak_kw if unit in (TierUnit.KWH_PER_KW, TierUnit.KWH_PER_KW_DAILY) else 1.0
        return by_time * by_demand


WHOLE_MONTH = MonthSize()


def split_tiers(quantity: float, tiers: tuple[Tier, ...], end_scale: float = 1.0) -> Floats:
    """Return how much of `quantity` falls into each tier, the tiers' ends times `end_scale`."""
    ends = [tier.up_to * end_scale if tier.up_to < math.inf else math.inf for tier in tiers]
    reached = np.minimum(quantity, np.array(ends))
    reached[1:] -= reached[:-1].copy()
    return reached


def split_energy(
    kwh_by_period: Floats, energy: EnergyRates, size: MonthSize = WHOLE_MONTH, month_scale: float = 1.0
) -> list[Floats]:
    """Return for each period its energy in each tier [kWh].

    Parameters
    ----------
    kwh_by_period
        Of one month, or a part of it.
    size
        What the tiers' ends are measured by.
    month_scale
        Times the energy would come to over the whole month (or the tariff's part of it): 1 for complete data. The
        tiers are filled by the whole; what is returned adds up to `kwh_by_period`.
    """
    whole = kwh_by_period * month_scale
    total = float(whole.sum())
    if _fills_together(energy) and total > 0:
        parts = [split * share for split, share in zip(_split_each(total, energy, size), whole / total, strict=True)]
    else:
        parts = [
            split_tiers(float(k), p.tiers, size.of(p.tier_unit)) for p, k in zip(energy.periods, whole, strict=True)
        ]
    return [part / month_scale for part in parts]


def _fills_together(energy: EnergyRates) -> bool:
    """Return whether the kWh of the whole month fill the tiers; without tiers nothing does."""
    return energy.tier_basis == "month" and energy.has_tiers


def _split_each(total_kwh: float, energy: EnergyRates, size: MonthSize) -> list[Floats]:
    """Return how all of a month's energy would fall into the tiers of each period [kWh]."""
    return [split_tiers(total_kwh, p.tiers, size.of(p.tier_unit)) for p in energy.periods]


def average_rates(split: list[Floats], energy: EnergyRates) -> Floats:
    """Return each period's price of a kWh over its tiers [currency/kWh]; the first tier's where it has no energy."""
    rates = []
    for period, kwh in zip(energy.periods, split, strict=True):
        prices = np.array([tier.rate for tier in period.tiers])
        rates.append(float(kwh @ prices / kwh.sum()) if kwh.sum() > 0 else period.tiers[0].rate)
    return np.array(rates)


def marginal_rates(
    kwh_by_period: Floats, energy: EnergyRates, size: MonthSize = WHOLE_MONTH, month_scale: float = 1.0
) -> Floats:
    """Return what each period's last kWh adds to the month's energy charge [currency/kWh]; see `split_energy`.

    Notes
    -----
    Where each period has its own tiers, it is the rate of the highest tier reached. Where the month fills them, the
    charge is Σ_q s_q C_q(E), with E the month's kWh, s_q the share of period q in it, and C_q(E) what all of it would
    cost on the tiers of q; the derivative by the kWh of period p is Σ_q s_q r_q + (C_p − Σ_q s_q C_q) / E, with r_q
    the rate of the highest tier of q that E reaches.
    """
    prices = [np.array([tier.rate for tier in period.tiers]) for period in energy.periods]
    whole = kwh_by_period * month_scale
    total = float(whole.sum())
    if not _fills_together(energy):
        split = split_energy(kwh_by_period, energy, size, month_scale)
        return np.array([rates[_highest_tier(kwh)] for rates, kwh in zip(prices, split, strict=True)])
    if total <= 0:
        return np.array([rates[0] for rates in prices])
    each, share = _split_each(total, energy, size), whole / total
    cost = np.array([float(kwh @ rates) for kwh, rates in zip(each, prices, strict=True)])
    top = np.array([rates[_highest_tier(kwh)] for rates, kwh in zip(prices, each, strict=True)])
    return share @ top + (cost - share @ cost) / total


def _highest_tier(kwh: Floats) -> int:
    reached = np.flatnonzero(kwh > 0)
    return int(reached[-1]) if reached.size else 0


def saving_factor(tariff: Tariff, kind: str) -> float:
    """Return by how much percentage riders and taxes raise a saving on ``energy`` or ``demand`` charges: 1 is none."""
    rider = 1 + sum(adder.pct for adder in tariff.riders if kind in adder.on) / 100
    return rider * _tax_factor(tariff)


def _tax_factor(tariff: Tariff) -> float:
    return 1 + sum(adder.pct for adder in tariff.taxes) / 100


def adders_per_kwh(tariff: Tariff) -> float:
    """Return what riders and taxes by the kWh come to, with the percentage taxes on the riders [currency/kWh]."""
    riders, taxes = (sum(adder.per_kwh for adder in adders) for adders in (tariff.riders, tariff.taxes))
    return riders * _tax_factor(tariff) + taxes


def _rates_by_row(
    frame: pd.DataFrame, site: pd.DataFrame, tariff: Tariff | Spans, tz: ZoneInfo, holidays: Collection[date], kind: str
) -> pd.Series:
    """Return for each row of `frame` its average or marginal rate, the tiers filled by `site`; NaN without tariff."""
    result, site_rows = np.full(len(frame), np.nan), dict(list_segments(site, tariff))
    used_kwh, hours = np.maximum(site["used_kwh"].to_numpy(dtype=float), 0.0), site["hours"].to_numpy(dtype=float)
    mean_kw, nowhere = used_kwh / hours, np.zeros(len(site), dtype=bool)
    cells = [(span.tariff, *_cells_of_both(frame, site, span.tariff, holidays)) for span in as_spans(tariff)]
    for segment, rows in list_segments(frame, tariff):
        energy, own = segment.tariff.energy, site_rows.get(segment, nowhere)
        of_frame, of_site = next(own for charged, *own in cells if charged is segment.tariff)
        kwh = sum_by_place(energy_periods(of_site.of_rows(own), energy), used_kwh[own], len(energy.periods))
        scale = month_scale(segment, float(hours[own].sum()), tz)
        size = MonthSize(segment.day_share, segment.days, float(mean_kw[own].max(initial=0.0)))
        if kind == "average":
            rates = average_rates(split_energy(kwh, energy, size, scale), energy)
        else:
            rates = marginal_rates(kwh, energy, size, scale)
        if kind == "marginal":
            rates = rates * saving_factor(segment.tariff, "energy") + adders_per_kwh(segment.tariff)
        result[rows] = rates[energy_periods(of_frame.of_rows(rows), energy)]
    return pd.Series(result, index=frame.index)


def _cells_of_both(
    frame: pd.DataFrame, site: pd.DataFrame, tariff: Tariff, holidays: Collection[date]
) -> tuple[Cells, Cells]:
    of_site = find_cells(site, tariff, holidays)
    return of_site if frame is site else find_cells(frame, tariff, holidays), of_site


def price_intervals(
    site: pd.DataFrame, tariff: Tariff | Spans, tz: ZoneInfo, *, holidays: Collection[date] = ()
) -> pd.Series:
    """Return the energy charge of each of the site's intervals [currency]; without riders, taxes and demand.

    Parameters
    ----------
    site
        The site's intervals (`sum_site_demand`): `local_time`, `hours`, `used_kwh`.
    tariff
        One, or several by date. NaN where none holds.

    Notes
    -----
    kWh × the average price of its time-of-use period in its calendar month. Of a month that the data do not cover
    whole, the tiers are filled as if it went on as it is known; without tiers that changes nothing.
    """
    return site["used_kwh"].clip(lower=0.0) * _rates_by_row(site, site, tariff, tz, holidays, "average")


def average_rate_per_kwh(
    intervals: pd.DataFrame, site: pd.DataFrame, tariff: Tariff | Spans, tz: ZoneInfo, *, holidays: Collection[date]
) -> pd.Series:
    """Return the average price of a kWh in each interval of any meter [currency/kWh]; see `price_intervals`."""
    return _rates_by_row(intervals, site, tariff, tz, holidays, "average")


def marginal_rate_per_kwh(
    intervals: pd.DataFrame,
    tariff: Tariff | Spans,
    tz: ZoneInfo,
    *,
    holidays: Collection[date] = (),
    site: pd.DataFrame | None = None,
) -> pd.Series:
    """Return what one kWh less in each interval saves [currency/kWh], with per-kWh and percentage riders and taxes.

    Parameters
    ----------
    intervals
        Of any meters, with `interval_start` (UTC), `hours` and `used_kwh` (`prepare_intervals`).
    tariff
        One, or several by date; NaN where none holds.
    site
        The site's intervals (`sum_site_demand`), which tell how far the month fills the tiers. A tariff without tiers
        needs none.

    Raises
    ------
    ValueError
        When the tariff has tiers, `site` is missing, and `intervals` are of several meters: their sum is not the
        site's.

    Notes
    -----
    A kWh less also lowers the demand when it falls on the peak; that is priced apart (`peak_drivers`). A minimum
    charge, below which nothing is saved at all, is not looked at.
    """
    frame = intervals if "local_time" in intervals else add_local_time(intervals, tz)
    if site is None:
        has_tiers = any(span.tariff.energy.has_tiers for span in as_spans(tariff))
        if has_tiers and "channel_id" in frame and frame["channel_id"].nunique() > 1:
            raise ValueError("a tariff with tiers needs the site's intervals (sum_site_demand) beside the meters'")
        site = frame
    return _rates_by_row(frame, site, tariff, tz, holidays, "marginal")
