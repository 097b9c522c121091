"""What a kilowatt-hour less is worth, interval by interval, on the tariff that the site pays. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.money.cost_case import HOURS_PER_MONTH
from analyze.money.tariff_rates import (
    MonthSize,
    adders_per_kwh,
    average_rate_per_kwh,
    marginal_rate_per_kwh,
    marginal_rates,
    saving_factor,
)
from analyze.money.tariff_time import Spans, at_month, energy_periods, find_cells
from analyze.week.intervals import WeekScope, in_window, pick, starts_within
from config.tariff_model import (
    ASSUMED_RATE_USD_PER_KWH,
    MONTHS_PER_YEAR,
    SCHEDULE_SHAPE,
    EnergyRates,
    RatePeriod,
    SiteTariffs,
    Tariff,
    TariffSpan,
    Tier,
    schedule_of,
)
from lib.stats_utils import sum_by_place

Floats = npt.NDArray[np.float64]


class Pricing(NamedTuple):
    """The site's tariffs, ready to price savings of the period.

    `site` holds the site's intervals, which fill the tiers; `tariff` is the one that holds at the period's end, `spans`
    all of them, without holes.
    """

    spans: Spans
    tariff: Tariff
    site: pd.DataFrame
    scope: WeekScope
    holidays: Collection[date]
    is_assumed: bool

    def rate_per_kwh(self, intervals: pd.DataFrame) -> pd.Series:
        """Return what one kWh less in each interval of any meter saves [currency/kWh] (`marginal_rate_per_kwh`)."""
        return marginal_rate_per_kwh(
            intervals, self.spans, self.scope.tz, holidays=self.holidays, site=self.site
        ).astype("float64")

    def month_rates(self, intervals: pd.DataFrame) -> Floats:
        """Return the same for each calendar month (January first), as if the intervals lay in it: (12, n)."""
        energy = self.tariff.energy
        own = self.site[in_window(self.site, self.scope.period)]
        hours = float(own["hours"].sum())
        scale = max(1.0, HOURS_PER_MONTH / hours) if hours > 0 else 1.0
        used_kwh = own["used_kwh"].clip(lower=0.0).to_numpy()
        cells, own_cells = (find_cells(rows, self.tariff, self.holidays) for rows in (intervals, own))
        size = MonthSize(peak_kw=float((used_kwh / own["hours"].to_numpy()).max(initial=0.0)))
        factor, added = saving_factor(self.tariff, "energy"), adders_per_kwh(self.tariff)
        result = np.empty((MONTHS_PER_YEAR, len(intervals)))
        for month in range(MONTHS_PER_YEAR):
            number = energy_periods(at_month(own_cells, month), energy)
            kwh = sum_by_place(number, used_kwh, len(energy.periods))
            rates = marginal_rates(kwh, energy, size, scale) * factor + added
            result[month] = rates[energy_periods(at_month(cells, month), energy)]
        return result

    def energy_cost(self, intervals: pd.DataFrame) -> float:
        """Return the energy charge of the energy metered in `intervals` [currency]; nothing else of the bill."""
        rates = average_rate_per_kwh(intervals, self.site, self.spans, self.scope.tz, holidays=self.holidays)
        return float((intervals["energy_kwh"].clip(lower=0.0) * rates).sum())

    def describe(self) -> dict[str, Any]:
        """Return which tariff savings are priced on."""
        tariff = self.tariff
        return {
            "tariff": tariff.name,
            "currency": tariff.currency,
            "validFrom": tariff.valid_from.isoformat() if tariff.valid_from else None,
            "validTo": tariff.valid_to.isoformat() if tariff.valid_to else None,
            "isAssumed": self.is_assumed,
            "kind": "marginal_energy",
        }


def price_site(
    site: pd.DataFrame, scope: WeekScope, tariffs: SiteTariffs | None, holidays: Collection[date] = ()
) -> Pricing:
    """Return the pricing of the period's savings.

    Parameters
    ----------
    site
        The site's intervals (`sum_site_demand`), empty where they are not known.
    tariffs
        What the site pays; None takes the assumed rate.

    Notes
    -----
    On days for which the site's file has no tariff, the one before holds on, or else the first one: a saving is worth
    something on these days too, though no bill can be written for them.
    """
    if tariffs is None:
        spans: Spans = (TariffSpan(flat_tariff(ASSUMED_RATE_USD_PER_KWH)),)
        return Pricing(spans, spans[0].tariff, site, scope, holidays, True)
    spans = _without_holes(tariffs.current)
    last = (scope.period.end - timedelta(microseconds=1)).astimezone(scope.tz).date()
    tariff = next(span.tariff for span in reversed(spans) if span.first is None or span.first <= last)
    return Pricing(spans, tariff, site, scope, holidays, tariffs.is_assumed)


def set_rates(clean: pd.DataFrame, pricing: Pricing, scope: WeekScope) -> pd.DataFrame:
    """Return `clean` with `rate_per_kwh` of the period's intervals; NaN before, where nothing is priced."""
    own, rate = starts_within(clean, scope.period), np.full(len(clean), np.nan)
    rate[own] = pricing.rate_per_kwh(pick(clean, own, ["local_time"])).to_numpy()
    return clean.assign(rate_per_kwh=rate)


def mean_rate(priced: pd.DataFrame) -> float:
    """Return what a kilowatt-hour of the period cost on average, by `used_kwh` and `rate_per_kwh`; 1 of nothing."""
    used_kwh, rate = (priced[name].to_numpy(dtype=float) for name in ("used_kwh", "rate_per_kwh"))
    counts = (used_kwh > 0) & (rate > 0)
    return float(np.average(rate[counts], weights=used_kwh[counts])) if counts.any() else 1.0


def flat_tariff(rate_per_kwh: float) -> Tariff:
    """Return a tariff of one price, in US dollars: what the contract takes where nothing is known."""
    period = RatePeriod("flat", (Tier(rate_per_kwh),))
    energy = EnergyRates((period,), schedule_of(np.zeros(SCHEDULE_SHAPE, dtype=np.int8)))
    return Tariff("flat_rate", "USD", "assumed rate", energy)


def _without_holes(spans: Spans) -> Spans:
    ordered = sorted(spans, key=lambda span: span.first or date.min)
    ends = [*(after.first - timedelta(days=1) for after in ordered[1:] if after.first), None]
    return tuple(
        TariffSpan(span.tariff, span.first if number else None, end)
        for number, (span, end) in enumerate(zip(ordered, ends, strict=True))
    )
