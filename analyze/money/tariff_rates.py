"""What a kilowatt-hour costs, interval by interval, on a tariff. Pure and vectorised."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.money.tariff_time import Cells, Spans, as_spans, energy_periods, find_cells, list_segments, month_scale
from config.tariff_model import EnergyRates, Tariff, Tier
from lib.date_utils import add_local_time
from lib.stats_utils import sum_by_place


def split_tiers(quantity: float, tiers: tuple[Tier, ...], day_share: float = 1.0) -> npt.NDArray[np.float64]:
    """Return how much of `quantity` falls into each tier; the tiers' ends shrink with a part of a month."""
    reached = np.minimum(quantity, np.array([tier.up_to for tier in tiers]) * day_share)
    reached[1:] -= reached[:-1].copy()
    return reached


def split_energy(
    kwh_by_period: npt.NDArray[np.float64], energy: EnergyRates, day_share: float = 1.0, month_scale: float = 1.0
) -> list[npt.NDArray[np.float64]]:
    """Return for each period its energy in each tier [kWh].

    Parameters
    ----------
    kwh_by_period
        Of one month, or a part of it.
    day_share
        Share of the month in which the tariff holds.
    month_scale
        Times the energy would come to over the whole month (or the tariff's part of it): 1 for complete data. The
        tiers are filled by the whole; what is returned adds up to `kwh_by_period`.
    """
    whole = kwh_by_period * month_scale
    if energy.tier_basis == "month":
        total = float(whole.sum())
        share = whole / total if total > 0 else whole
        parts = [split_tiers(total, p.tiers, day_share) * s for p, s in zip(energy.periods, share, strict=True)]
    else:
        parts = [split_tiers(float(k), p.tiers, day_share) for p, k in zip(energy.periods, whole, strict=True)]
    return [part / month_scale for part in parts]


def average_rates(split: list[npt.NDArray[np.float64]], energy: EnergyRates) -> npt.NDArray[np.float64]:
    """Return each period's price of a kWh over its tiers [currency/kWh]; the first tier's where it has no energy."""
    rates = []
    for period, kwh in zip(energy.periods, split, strict=True):
        prices = np.array([tier.rate for tier in period.tiers])
        rates.append(float(kwh @ prices / kwh.sum()) if kwh.sum() > 0 else period.tiers[0].rate)
    return np.array(rates)


def marginal_rates(split: list[npt.NDArray[np.float64]], energy: EnergyRates) -> npt.NDArray[np.float64]:
    """Return what each period's last kWh adds to the month's energy charge [currency/kWh].

    Notes
    -----
    Where each period has its own tiers, it is the rate of the highest tier reached. Where the month fills them
    together, the charge is Σ_t T_t Σ_q s_q r_qt, with T_t the month's kWh in tier t, s_q the share of period q in the
    month, r_qt its rate; the derivative by the kWh of period p is ā_top + Σ_t (T_t / E) (r_pt − ā_t), with
    ā_t = Σ_q s_q r_qt, E = Σ T_t, and top the highest tier reached.
    """
    prices = [np.array([tier.rate for tier in period.tiers]) for period in energy.periods]
    if energy.tier_basis == "period":
        return np.array([rates[_highest_tier(kwh)] for rates, kwh in zip(prices, split, strict=True)])
    rates, kwh = np.array(prices), np.array(split)
    total = kwh.sum()
    if total <= 0:
        return rates[:, 0]
    in_tier, share = kwh.sum(axis=0), kwh.sum(axis=1) / total
    mean_rate = share @ rates
    return mean_rate[_highest_tier(in_tier)] + (rates - mean_rate) @ (in_tier / total)


def _highest_tier(kwh: npt.NDArray[np.float64]) -> int:
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
    nowhere = np.zeros(len(site), dtype=bool)
    cells = [(span.tariff, *_cells_of_both(frame, site, span.tariff, holidays)) for span in as_spans(tariff)]
    for segment, rows in list_segments(frame, tariff):
        energy, own = segment.tariff.energy, site_rows.get(segment, nowhere)
        of_frame, of_site = next(own for charged, *own in cells if charged is segment.tariff)
        kwh = sum_by_place(energy_periods(of_site.of_rows(own), energy), used_kwh[own], len(energy.periods))
        split = split_energy(kwh, energy, segment.day_share, month_scale(segment, float(hours[own].sum()), tz))
        rates = average_rates(split, energy) if kind == "average" else marginal_rates(split, energy)
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
