"""Compare a meter before and after a change with what it was expected to use, and say whether a saving is proved.

Pure.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analyze.load.savings_data import (
    Sides,
    Wasted,
    lack,
    level_changed,
    missing_after,
    missing_before,
    missing_temperatures,
    other_step,
    season_of_days_unknown,
    split_sides,
    uncertain,
)
from analyze.load.savings_level import (
    WEEKS_BEFORE,
    YEAR_DAYS,
    DailyTotals,
    Level,
    Spread,
    block_length,
    block_masks,
    follow_level,
    log_levels,
    log_recent,
    spread_over,
    total_days,
)
from analyze.load.savings_model import (
    Baseline,
    Fit,
    describe_fit,
    fit_baseline,
    left_out_blocks,
    mean_excess,
    predict_kwh,
)
from analyze.load.savings_timing import find_other_step, log_of_levels, scatter_of_weeks, weekly_levels
from analyze.money.pricing import Pricing
from config.tariff_model import ASSUMED_RATE_USD_PER_KWH
from config.thresholds import Thresholds

VERIFIED, INCREASE, INSUFFICIENT = "verified_saving", "verified_increase", "insufficient_data"
_WITHOUT_FIGURES = ("baseline_without_energy", "season_unknown", "level_changed")
_ROUNDING = 1e-9  # of the expected energy; a smaller difference is that of adding up
_GUIDELINE_CONFIDENCE, _SHOWN_CONFIDENCE = 0.68, 0.90
_LEAST_DAYS_AHEAD, _STEP_DAYS = 14, 7  # fewer days say nothing of a later verdict


class Expected(NamedTuple):
    """The hours after the change of which it is known what they would have used [kWh], and how well.

    `day` has each of their days once, as `Sides` counts them; that of the change is `ahead`. `excess` is the
    uncertainty of what a waste used above the model, over its own days, and `excess_share` how much of it counts here.
    `weeks_before` are the logarithms of the levels of the last weeks before, beside their season; none of a waste.
    """

    hours: pd.DataFrame
    kwh: np.ndarray
    day: np.ndarray
    ahead: int
    level: Level
    excess: Spread | None
    excess_share: float
    fit: Fit
    uses_temperature: bool
    weeks_before: np.ndarray

    def spread(self, day: np.ndarray) -> Spread:
        """Return how far what is expected of these days may be off."""
        own = spread_over(self.level, day, scatter_of_weeks(self.by_day))
        return own if self.excess is None else own.beside(self.excess, self.excess_share)

    @property
    def by_day(self) -> DailyTotals:
        """What was used and what was expected on each day after the change."""
        return total_days(self.hours["day"].to_numpy(), self.hours["energy_kwh"].to_numpy(), self.kwh)

    def other_step(self) -> int | None:
        """Return in which week the difference began, if the weeks tell that it did not begin with the change."""
        day = self.hours["day"].to_numpy()
        seasonal_kwh = self.kwh * np.exp(-log_recent(self.level, day))
        after = weekly_levels(total_days(day, self.hours["energy_kwh"].to_numpy(), seasonal_kwh))
        return find_other_step(self.weeks_before, log_of_levels(after), is_less=self.saving_kwh > 0)

    @property
    def used_kwh(self) -> float:
        return float(self.hours["energy_kwh"].sum())

    @property
    def saving_kwh(self) -> float:
        return float(self.kwh.sum()) - self.used_kwh

    @property
    def log_ratio(self) -> float:
        """Logarithm of expected over used; infinite where nothing is used any more."""
        expected, used = float(self.kwh.sum()), self.used_kwh
        return float(np.log(expected / used)) if expected > 0 and used > 0 else np.inf


class Comparison(NamedTuple):
    """The two sides of a change, what they lack for a model, and what was expected where they lack nothing."""

    sides: Sides
    missing: list[dict[str, Any]]
    expected: Expected | None


def verify_savings(
    hourly: pd.DataFrame,
    change: date,
    tz: ZoneInfo,
    config: Thresholds,
    holidays: Collection[date] = (),
    pricing: Pricing | None = None,
    wasted: Wasted | None = None,
) -> dict[str, Any]:
    """Return what a change on the local day `change` has saved, or what is missing to know it.

    Parameters
    ----------
    hourly
        One meter's whole hours: `timestamp` (UTC), `energy_kwh`, and `temp_c` (outdoors, °C) where known. The day of
        the change belongs to neither side.
    holidays
        Local days to leave out on both sides.
    pricing
        What a kWh is worth in each hour after the change; None takes the flat rate of `config`.
    wasted
        Where the change ended a waste that is no baseline of its own: since when. Those weeks are no part of the weeks
        before them.

    Returns
    -------
    dict
        `status` is "verified_saving", "verified_increase", or "insufficient_data" with `missing`: for each reason its
        `code`, a `message` and `possibleFrom`, the first local day on which it may be possible, or None. `savings`,
        `baseline` and `after` hold what is known so far.

    Notes
    -----
    Saving = Σ (expected − used) over the hours after the change. Expected is what `savings_model` says by the last 52
    weeks, moved by the level of the same season a year before and by that of late (`savings_level`). Without outdoor
    temperatures the year before must be known; with them what is not known of it makes the range wider.

    It counts when its uncertainty at 68 % confidence is at most two fifths of it (Guideline 14 allows half), the range
    at 90 % holds no zero, and the weeks do not tell that the difference began on another day (`savings_timing`). The
    uncertainty is that of chance, before the change or after it, whichever is more, and of the drift of the model that
    is used, over blocks of the year that were left out of its fit. Annual figures are not given: they would take for
    granted the weather and use of a whole year.

    With `wasted`, what is expected is that of the days before the waste, and what the waste used above it by hour of
    the week. Its weeks are few, so the uncertainty of that excess, over its own days, is added in quadrature.

    The baseline is the project's own rather than that of `opendsm` (formerly eemeter), which fits CalTRACK's models to
    a year of temperatures: sites without weather would get no answer, and its range holds no drift of the load. It
    would also bring Numba, SciPy, scikit-learn and statsmodels, and hold pandas below 3 (version 1.2.7).
    """
    sides = split_sides(hourly, change, tz, config, frozenset(holidays), wasted)
    return judge_change(compare_sides(sides, config), change, config, pricing)


def compare_sides(sides: Sides, config: Thresholds) -> Comparison:
    """Return what the meter was expected to use after the change, as far as that can be said."""
    missing = missing_before(sides, config)
    return Comparison(sides, missing, None if missing or sides.after.empty else _expect(sides, config))


def judge_change(
    comparison: Comparison, change: date, config: Thresholds, pricing: Pricing | None = None
) -> dict[str, Any]:
    """Return the verdict, as `verify_savings` does."""
    sides, missing, expected = comparison
    later = missing_after(sides, change, config)
    result: dict[str, Any] = {"change": change.isoformat(), "status": INSUFFICIENT, "savings": None}
    result["baseline"] = {"days": sides.before_days, "completenessPct": round(sides.covered_pct[0], 1)}
    result["after"] = {"days": sides.after_days, "completenessPct": round(sides.covered_pct[1], 1)}
    if expected is None:
        return {**result, "missing": missing + [each for each, _ in later]}
    result["baseline"] |= _describe_fit(expected)
    missing = _missing_of(expected, sides, later, change, config)
    if later or any(entry["code"] in _WITHOUT_FIGURES for entry in missing):
        return {**result, "missing": missing}
    result["savings"], ratio = _describe(expected, pricing)
    step = expected.other_step()
    if not _is_proved(expected, expected.day, expected.log_ratio, config):
        is_open = not missing and step is None
        possible = _possible_from(expected, sides.after_days + 1, change, config) if is_open else None
        missing.append(uncertain(ratio, possible, config))
    elif step is not None:
        missing.append(other_step(change, step))
    if not missing:
        result["status"] = VERIFIED if expected.saving_kwh > 0 else INCREASE
    return {**result, "missing": missing}


def _missing_of(
    expected: Expected, sides: Sides, later: list[tuple[dict[str, Any], int]], change: date, config: Thresholds
) -> list[dict[str, Any]]:
    """Return what is lacking to say anything of the difference."""
    if not np.isfinite(expected.fit.cvrmse) or not expected.fit.mean_kwh > 0:
        return [lack("baseline_without_energy", "the meter used nothing before the change")]
    missing = missing_temperatures(sides, config)
    if expected.level.is_another_load:
        missing.append(level_changed(expected.level.jump))
    if later:
        return missing + [each if missing else _later(each, days, expected, change, config) for each, days in later]
    if expected.day.size < config.savings.min_days:
        return [season_of_days_unknown(expected.day.size, config.savings.min_days)]
    return missing


def _expect(sides: Sides, config: Thresholds) -> Expected:
    fitted, after = sides.fitted, sides.after
    model = fit_baseline(fitted)
    ahead = int(after["day"].max()) - sides.after_days
    totals = total_days(
        sides.before["day"].to_numpy(), sides.before["energy_kwh"].to_numpy(), predict_kwh(model, sides.before)
    )
    level = _follow(sides, model, totals, ahead + config.savings.max_days)
    day, kwh, wasted = after["day"].to_numpy(), _predict(model, level, after), sides.wasted
    excess_spread, wasted_kwh = None, 0.0
    if len(wasted):
        wasted_kwh = float(np.nanmean(_predict(model, level, wasted)))
        kwh = kwh + mean_excess(wasted, _predict(model, level, wasted))[after["hour_of_week"].to_numpy(dtype="int64")]
        excess_spread = spread_over(level, np.unique(wasted["day"].to_numpy()))
    known = np.isfinite(kwh)
    if not sides.has_temperature:
        known &= np.isfinite(level.season[day])
    hours, kwh = after[known], kwh[known]
    share = wasted_kwh * kwh.size / kwh.sum() if kwh.sum() > 0 else 0.0
    uses_temperature = bool(model.slopes.size)
    fit = describe_fit(fitted, model)
    weeks = np.empty(0) if len(wasted) else _last_weeks(totals, level)
    return Expected(hours, kwh, np.unique(day[known]), ahead, level, excess_spread, share, fit, uses_temperature, weeks)


def _last_weeks(totals: DailyTotals, level: Level) -> np.ndarray:
    """Return the logarithms of the levels of the last weeks before the change, beside their season."""
    days = 7 * WEEKS_BEFORE
    last = DailyTotals(-days, totals.used_kwh[-days:], totals.model_kwh[-days:], totals.hours[-days:])
    return log_of_levels(weekly_levels(last)) - level.believed_then


def _follow(sides: Sides, model: Baseline, totals: DailyTotals, days: int) -> Level:
    """Return how the level of the meter moves, up to so many days after the baseline."""
    fitted, reach = sides.fitted, min(sides.before_days, YEAR_DAYS)
    length = block_length(reach, sides.after_days)
    masks = block_masks(fitted["day"].to_numpy(), reach, length)
    blocks = left_out_blocks(fitted, masks, with_temperature=bool(model.slopes.size))
    return follow_level(totals, blocks, length, days)


def _predict(model: Baseline, level: Level, hours: pd.DataFrame) -> np.ndarray:
    return predict_kwh(model, hours) * np.exp(log_levels(level, hours["day"].to_numpy()))


def _describe_fit(expected: Expected) -> dict[str, Any]:
    return {
        "cvrmsePct": _rounded(100 * expected.fit.cvrmse, 2),
        "nmbePct": _rounded(100 * expected.fit.nmbe, 2),
        "autocorrelation": _rounded(expected.fit.autocorrelation, 3),
        "usesTemperature": expected.uses_temperature,
    }


def _is_proved(expected: Expected, day: np.ndarray, log_ratio: float, config: Thresholds) -> bool:
    """Return whether a difference would be proved by these days after the change."""
    spread, size = expected.spread(day), abs(log_ratio)
    allowed = config.savings.max_uncertainty_ratio * size
    return (
        size > _ROUNDING
        and spread.half_width(_GUIDELINE_CONFIDENCE) <= allowed
        and spread.half_width(_SHOWN_CONFIDENCE) < size
    )


def _possible_from(expected: Expected, first: int, change: date, config: Thresholds) -> date | None:
    """Return the day from which on the difference so far would be proved, if it lasts; None where it would not be.

    What it may owe to chance is taken off it: a date is a promise.
    """
    if expected.day.size < _LEAST_DAYS_AHEAD:
        return None
    now = expected.spread(expected.day)
    sure = abs(expected.log_ratio) - now.half_width(_GUIDELINE_CONFIDENCE)
    for last in range(first, config.savings.max_days + 1, _STEP_DAYS):
        day = np.arange(int(expected.day.min()), expected.ahead + last + 1)
        if sure > 0 and _is_proved(expected, day, sure, config):
            return change + timedelta(days=last + 1)
    return None


def _later(entry: dict[str, Any], days: int, expected: Expected, change: date, config: Thresholds) -> dict[str, Any]:
    """Return a lack of days after the change with the day on which a verdict can be expected, if one can."""
    possible = _possible_from(expected, days, change, config)
    return entry | {"possibleFrom": possible and possible.isoformat()}


def _describe(expected: Expected, pricing: Pricing | None) -> tuple[dict[str, Any], float]:
    """Return the saving as the verdict lists it, and its uncertainty as a share of it."""
    spread, kwh = expected.spread(expected.day), float(expected.kwh.sum())
    half = spread.half_width(_SHOWN_CONFIDENCE)
    bounds = kwh * np.exp(-half), kwh * np.exp(half)
    size = abs(expected.log_ratio)
    ratio = spread.half_width(_GUIDELINE_CONFIDENCE) / size if size > _ROUNDING else np.inf
    savings = {
        **_describe_saving(expected, bounds),
        **_describe_cost(expected.hours, expected.kwh, bounds, pricing),
        "uncertaintyRatio": _rounded(ratio, 3),
        "driftPct": _rounded(100 * spread.drift, 2),
    }
    return savings, ratio


def _describe_saving(expected: Expected, bounds: tuple[float, float]) -> dict[str, Any]:
    """Return the saving and its range, that of the energy expected, as the verdict lists them."""
    expected_kwh, used_kwh, saving_kwh = float(expected.kwh.sum()), expected.used_kwh, expected.saving_kwh
    return {
        "expectedKwh": round(expected_kwh, 2),
        "usedKwh": round(used_kwh, 2),
        "savedKwh": round(saving_kwh, 2),
        "lowKwh": round(bounds[0] - used_kwh, 2),
        "highKwh": round(bounds[1] - used_kwh, 2),
        "confidencePct": round(100 * _SHOWN_CONFIDENCE),
        "savedPct": round(100 * saving_kwh / expected_kwh, 2),
        "savedKwhPerWeek": round(7 * 24 * saving_kwh / len(expected.hours), 2),
    }


def _describe_cost(
    after: pd.DataFrame, expected_kwh: np.ndarray, bounds: tuple[float, float], pricing: Pricing | None
) -> dict[str, Any]:
    """Return the saving's worth, Σ (expected − used) × marginal rate of the hour, and its range at a mean rate."""
    rate = np.full(len(after), ASSUMED_RATE_USD_PER_KWH)
    tariff = {"currency": "USD", "tariff": "flat_rate", "isAssumed": True}
    if pricing is not None:
        rate, tariff = pricing.rate_per_kwh(after).to_numpy(), pricing.describe()
    cost = float((expected_kwh - after["energy_kwh"].to_numpy()) @ rate)
    mean_rate, total_kwh = float(np.average(rate, weights=np.abs(expected_kwh))), float(expected_kwh.sum())
    return {
        "savedCost": round(cost, 2),
        "lowCost": round(cost + mean_rate * (bounds[0] - total_kwh), 2),
        "highCost": round(cost + mean_rate * (bounds[1] - total_kwh), 2),
        **{key: tariff[key] for key in ("currency", "tariff", "isAssumed")},
    }


def _rounded(value: float, digits: int) -> float | None:
    return round(float(value), digits) if np.isfinite(value) else None


def render_text(result: dict[str, Any]) -> str:
    """Return the verdict as lines for a reader."""
    savings = result["savings"]
    lines = [
        {VERIFIED: "a saving is proved", INCREASE: "it uses more than before", INSUFFICIENT: "not yet"}[
            result["status"]
        ]
    ]
    for entry in result["missing"]:
        when = f"; possible from {entry['possibleFrom']}" if entry["possibleFrom"] else ""
        lines.append(f"missing: {entry['message']}{when}")
    return "\n".join(lines + ([] if savings is None else [_say_saving(savings)]))


def _say_saving(savings: dict[str, Any]) -> str:
    """Return the difference as "less" or "more", with positive numbers where its range allows."""
    is_less = savings["savedKwh"] >= 0
    sign = 1 if is_less else -1
    kwh, cost = (sorted(sign * savings[bound + unit] for bound in ("low", "high")) for unit in ("Kwh", "Cost"))
    return (
        f"expected {savings['expectedKwh']:,.0f} kWh, used {savings['usedKwh']:,.0f} kWh: "
        f"{abs(savings['savedKwh']):,.0f} kWh {'less' if is_less else 'more'} ({kwh[0]:,.0f} to {kwh[1]:,.0f} with "
        f"{savings['confidencePct']} % confidence), {abs(savings['savedPct']):.1f} %, "
        f"{'worth' if is_less else 'costing'} {abs(savings['savedCost']):,.2f} {savings['currency']} "
        f"({cost[0]:,.2f} to {cost[1]:,.2f})"
    )
