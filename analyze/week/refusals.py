"""How a claim is refused: with a code, what is missing, and when it will be possible. Pure.

``possibleFrom`` is a local day (ISO 8601), or None where waiting alone will not do: a silent meter, an unknown floor
area. It takes the readings to go on as they are.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from lib.learned_hours import SHORT_BASELINE

if TYPE_CHECKING:
    from analyze.week.intervals import WeekScope

SILENT, NO_LIKE_DAYS = "silent", "no_like_days"


def insufficient(code: str, missing: str, possible_from: str | None) -> dict[str, Any]:
    """Return the refusal of a claim, with its reason."""
    return {"status": "insufficient_data", "code": code, "missing": missing, "possibleFrom": possible_from}


def unavailable(code: str, reason: str, missing: str, possible_from: str | None = None) -> dict[str, Any]:
    """Return the refusal of a whole section of the report."""
    return {"status": "unavailable", "code": code, "reason": reason, "missing": missing, "possibleFrom": possible_from}


def day_after(moment: datetime, days: float, tz: ZoneInfo) -> str:
    """Return the local day that lies `days` after `moment`, rounded up to whole days."""
    return (moment.astimezone(tz).date() + timedelta(days=math.ceil(days - 1e-9))).isoformat()


def refuse_silent() -> dict[str, Any]:
    """Return the refusal of a channel without a sound reading in the period."""
    return insufficient(SILENT, "sound readings in the period", None) | {"reason": "no sound readings in the period"}


def refuse_short_baseline(baseline_pct: float, period_pct: float, reason: str, scope: WeekScope) -> dict[str, Any]:
    """Return the refusal of a channel whose baseline weeks are not full enough.

    Parameters
    ----------
    baseline_pct, period_pct
        How much of the two windows sound readings cover, 0–100.

    Notes
    -----
    It will be possible for the first period before which so many sound days lie: what baseline and period hold now
    counts towards them, the rest is waited for, and then the period itself must pass.
    """
    floor = scope.config.baseline.min_completeness_pct
    baseline_days, period_days = (
        (window.end - window.start).total_seconds() / 86_400 for window in (scope.baseline, scope.period)
    )
    needed = floor / 100 * baseline_days
    have = (baseline_pct * baseline_days + period_pct * period_days) / 100
    possible = day_after(scope.period.end, max(0.0, needed - have) + period_days, scope.tz)
    missing = f"sound readings on {floor:.0f} % of the {scope.config.baseline.weeks} weeks before a period"
    return insufficient(SHORT_BASELINE, missing, possible) | {"reason": reason}


def refuse_no_like_days() -> dict[str, Any]:
    """Return the refusal of a channel of which no day of the period has days of its kind in the baseline weeks."""
    reason = "no day of the weeks before is like a day of the period (opening hours, holidays, terms)"
    return insufficient(NO_LIKE_DAYS, "two or more like days in the weeks before", None) | {"reason": reason}
