"""How well a baseline model fits, and whether its data suffice to believe it. Pure.

References
----------
- ASHRAE Guideline 14-2014, section 5.2.11.3: CV(RMSE) and NMBE; for hourly data it asks for at most 30 % and ±10 %.
- CalTRACK Methods 2.0, section 2.2 (data sufficiency), caltrack.org.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from analyze.week.intervals import Columns
    from config.thresholds import Thresholds

_SECONDS_PER_DAY = 86_400


def cv_rmse_pct(actual: npt.ArrayLike, predicted: npt.ArrayLike, parameters: int) -> float:
    """Return CV(RMSE) = 100 · √(Σ(y − ŷ)² / (n − p)) / ȳ [%], ASHRAE Guideline 14; NaN where n ≤ p or ȳ = 0."""
    y, y_hat = np.asarray(actual, dtype=float), np.asarray(predicted, dtype=float)
    if y.size <= parameters or y.mean() == 0:
        return float("nan")
    return float(100 * np.sqrt(((y - y_hat) ** 2).sum() / (y.size - parameters)) / y.mean())


def nmbe_pct(actual: npt.ArrayLike, predicted: npt.ArrayLike, parameters: int) -> float:
    """Return NMBE = 100 · Σ(y − ŷ) / ((n − p) · ȳ) [%], ASHRAE Guideline 14; positive where the model is too low."""
    y, y_hat = np.asarray(actual, dtype=float), np.asarray(predicted, dtype=float)
    if y.size <= parameters or y.mean() == 0:
        return float("nan")
    return float(100 * (y - y_hat).sum() / ((y.size - parameters) * y.mean()))


def describe_quality(actual: npt.ArrayLike, predicted: npt.ArrayLike, parameters: int) -> dict[str, Any]:
    """Return `samples`, `cv_rmse_pct` and `nmbe_pct` of a fit with that many parameters."""
    return {
        "samples": int(np.asarray(actual).size),
        "cv_rmse_pct": cv_rmse_pct(actual, predicted, parameters),
        "nmbe_pct": nmbe_pct(actual, predicted, parameters),
    }


def check_sufficiency(baseline: Columns, config: Thresholds) -> dict[str, Any]:
    """Return `span_days`, `coverage_pct` (of that span), `is_sufficient` and `reason` ("" where sufficient).

    Parameters
    ----------
    baseline
        `epoch_s` and `interval_s` [s] of one channel's intervals.
    """
    start_s, length_s = (baseline[name].astype(float) for name in ("epoch_s", "interval_s"))
    span_s = (start_s + length_s).max() - start_s.min()
    coverage_pct, span_days = 100 * length_s.sum() / span_s, span_s / _SECONDS_PER_DAY
    reason = ""
    if span_days < config.expected.min_days:
        reason = f"the baseline spans {span_days:.1f} days; {config.expected.min_days:g} are needed"
    elif coverage_pct < config.expected.min_coverage_pct:
        reason = f"{coverage_pct:.1f} % of the baseline is covered; {config.expected.min_coverage_pct:g} % is needed"
    return {"span_days": span_days, "coverage_pct": coverage_pct, "is_sufficient": not reason, "reason": reason}
