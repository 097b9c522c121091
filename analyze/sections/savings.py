"""Compare a meter before and after a change with what it was expected to use, and say whether a saving is proved.

Pure.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analyze.load.savings_data import (
    Sides,
    Wasted,
    drift_unknown,
    lack,
    missing_data,
    missing_temperatures,
    split_sides,
    uncertain,
)
from analyze.load.savings_model import (
    Fit,
    add_excess,
    describe_fit,
    drift_ratio,
    fit_baseline,
    predict_kwh,
    saving_error_kwh,
)
from analyze.money.pricing import Pricing
from config.tariff_model import ASSUMED_RATE_USD_PER_KWH
from config.thresholds import Thresholds

if TYPE_CHECKING:
    pass

VERIFIED, INCREASE, INSUFFICIENT = "verified_saving", "verified_increase", "insufficient_data"
_ROUNDING = 1e-9  # of the expected energy; a smaller difference is that of adding up
_GUIDELINE_CONFIDENCE, _SHOWN_CONFIDENCE = 0.68, 0.90


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
        Where the change ended a waste that had lasted for a few weeks alone: since when. Those weeks are too few for a
        baseline of their own, and no part of the weeks before them.

    Returns
    -------
    dict
        `status` is "verified_saving", "verified_increase", or "insufficient_data" with `missing`: for each reason its
        `code`, a `message` and `possibleFrom`, the first local day on which it may be possible, or None. `savings`,
        `baseline` and `after` hold what is known so far.

    Notes
    -----
    Saving = Σ (expected − used) over the hours after the change, expected by `savings_model` from the hours before.
    It counts when its uncertainty at 68 % confidence is at most half of it. The uncertainty is that of Guideline 14 and
    the drift of expectations over times in which nothing was changed (`drift_ratio`), added in quadrature: without
    the second, a season would be taken for a saving. Annual figures are not given: they would take for granted the
    weather and use of a whole year.

    With `wasted`, what is expected is the model of the days before the waste, and what the waste used above it by hour
    of the week. Its weeks are few, so the uncertainty of that excess, over its own days, is added in quadrature.

    The baseline is the project's own rather than that of `opendsm` (formerly eemeter), which fits CalTRACK's models to
    a year of temperatures: sites without weather, or with four weeks, would get no answer. It would also bring Numba,
    SciPy, scikit-learn and statsmodels, and hold pandas below 3 (version 1.2.7).
    """
    sides = split_sides(hourly, change, tz, config, frozenset(holidays), wasted)
    missing = missing_data(sides, change, config)
    result: dict[str, Any] = {"change": change.isoformat(), "status": INSUFFICIENT, "missing": missing}
    result["baseline"] = {"days": sides.before_days, "completenessPct": round(sides.covered_pct[0], 1)}
    result["after"] = {"days": sides.after_days, "completenessPct": round(sides.covered_pct[1], 1)}
    if any(entry["code"].startswith(("baseline", "after")) for entry in missing):
        return {**result, "savings": None}
    expected = _expect(sides)
    result["baseline"] |= {
        "cvrmsePct": _rounded(100 * expected.fit.cvrmse, 2),
        "nmbePct": _rounded(100 * expected.fit.nmbe, 2),
        "autocorrelation": _rounded(expected.fit.autocorrelation, 3),
        "usesTemperature": expected.uses_temperature,
    }
    if not np.isfinite(expected.fit.cvrmse) or not expected.kwh.sum() > 0:
        missing.append(lack("baseline_without_energy", "the meter used nothing before the change", None))
        return {**result, "savings": None}
    if expected.uses_temperature:
        missing += missing_temperatures(sides, config)
    result["savings"], doubts = _judge(expected, sides, change, config, pricing)
    missing += doubts
    if not missing:
        result["status"] = VERIFIED if expected.saving_kwh > 0 else INCREASE
    return result


class _Expected(NamedTuple):
    """The hours after the change of which it is known what they would have used [kWh], and how well."""

    hours: pd.DataFrame
    kwh: np.ndarray
    fit: Fit
    uses_temperature: bool

    @property
    def used_kwh(self) -> float:
        return float(self.hours["energy_kwh"].sum())

    @property
    def saving_kwh(self) -> float:
        return float(self.kwh.sum()) - self.used_kwh


def _expect(sides: Sides) -> _Expected:
    recent = sides.before[sides.before["days_before"] <= sides.fit_days]
    model = fit_baseline(recent)
    kwh = predict_kwh(add_excess(model, sides.wasted) if len(sides.wasted) else model, sides.after)
    known = np.isfinite(kwh)
    return _Expected(sides.after[known], kwh[known], describe_fit(recent, model), bool(model.slopes.size))


def _judge(
    expected: _Expected, sides: Sides, change: date, config: Thresholds, pricing: Pricing | None
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the saving with its uncertainty, and what is lacking to believe it."""
    days, missing = len(expected.hours) / 24, []
    drift = drift_ratio(sides.before, sides.after_days, sides.fit_days, with_temperature=expected.uses_temperature)
    if not np.isfinite(drift):
        missing.append(drift_unknown(sides.before_days, change))
    expected_kwh, saving_kwh = float(expected.kwh.sum()), expected.saving_kwh
    error_kwh, shown_kwh = (
        np.hypot(
            saving_error_kwh(expected.fit, days, confidence), _normal(confidence) * np.nan_to_num(drift) * expected_kwh
        )
        for confidence in (_GUIDELINE_CONFIDENCE, _SHOWN_CONFIDENCE)
    )
    if len(sides.wasted):
        error_kwh, shown_kwh = (
            np.hypot(error, _excess_error_kwh(expected, sides, days, confidence))
            for error, confidence in ((error_kwh, _GUIDELINE_CONFIDENCE), (shown_kwh, _SHOWN_CONFIDENCE))
        )
    is_different = abs(saving_kwh) > _ROUNDING * expected_kwh
    ratio = error_kwh / abs(saving_kwh) if is_different else np.inf
    if ratio > config.savings.max_uncertainty_ratio:
        missing.append(uncertain(ratio, days, change, config))
    savings = {
        **_describe_saving(expected_kwh, expected.used_kwh, shown_kwh, days),
        **_describe_cost(expected.hours, expected.kwh, shown_kwh, pricing, config),
        "uncertaintyRatio": _rounded(ratio, 3),
        "driftPct": _rounded(100 * drift, 2),
    }
    return savings, missing


def _excess_error_kwh(expected: _Expected, sides: Sides, days: float, confidence: float) -> float:
    """Return half the width of the interval around what the waste used above the model, over `days` days [kWh]."""
    wasted_days = len(sides.wasted) / 24
    drift = drift_ratio(sides.before, round(wasted_days), sides.fit_days, with_temperature=expected.uses_temperature)
    own_kwh = saving_error_kwh(expected.fit, wasted_days, confidence)
    drift_kwh = _normal(confidence) * np.nan_to_num(drift) * expected.fit.mean_kwh * wasted_days
    return float(np.hypot(own_kwh, drift_kwh)) * days / wasted_days


def _describe_saving(expected_kwh: float, used_kwh: float, shown_kwh: float, days: float) -> dict[str, Any]:
    """Return the saving, and the range of `shown_kwh` around it, as the verdict lists them."""
    saving_kwh = expected_kwh - used_kwh
    return {
        "expectedKwh": round(expected_kwh, 2),
        "usedKwh": round(used_kwh, 2),
        "savedKwh": round(saving_kwh, 2),
        "lowKwh": round(saving_kwh - shown_kwh, 2),
        "highKwh": round(saving_kwh + shown_kwh, 2),
        "confidencePct": round(100 * _SHOWN_CONFIDENCE),
        "savedPct": round(100 * saving_kwh / expected_kwh, 2),
        "savedKwhPerWeek": round(7 * saving_kwh / days, 2),
    }


def _describe_cost(
    after: pd.DataFrame, expected_kwh: np.ndarray, shown_kwh: float, pricing: Pricing | None, config: Thresholds
) -> dict[str, Any]:
    """Return the saving's worth, Σ (expected − used) × marginal rate of the hour, and its range at a mean rate."""
    rate = np.full(len(after), ASSUMED_RATE_USD_PER_KWH)
    tariff = {"currency": "USD", "tariff": "flat_rate", "isAssumed": True}
    if pricing is not None:
        rate, tariff = pricing.rate_per_kwh(after).to_numpy(), pricing.describe()
    saved_kwh = expected_kwh - after["energy_kwh"].to_numpy()
    cost, spread = float(saved_kwh @ rate), shown_kwh * float(np.average(rate, weights=np.abs(expected_kwh)))
    return {
        "savedCost": round(cost, 2),
        "lowCost": round(cost - spread, 2),
        "highCost": round(cost + spread, 2),
        **{key: tariff[key] for key in ("currency", "tariff", "isAssumed")},
    }


def _normal(confidence: float) -> float:
    """Return how many standard deviations on either side hold this share of a normal distribution."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


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
