"""Limits of the validation checks: unit in the name, source in a comment.

They hold the data back only where a number cannot be trusted at all; what a building may do is for `analyze` to judge.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class ValidationLimits:
    """Limits that the SQL of the checks takes as parameters of the same names."""

    # A daily sync asks up to now; half a day behind means that the newest business day is not in yet.
    max_lag_hours: float = 12.0
    # How many days back the checks look. The default report begins its baseline 35 days before a Monday that may itself
    # lie a week back, and a few days are to spare.
    lookback_days: int = 45
    # A week in which less than half of the site's intervals arrived describes the network, not the building.
    min_site_completeness_pct: float = 50.0
    # The largest main that a sub-meter of this kind is rated for: 3 phases × 277 V × 6,000 A ≈ 5 MW.
    max_power_kw: float = 5_000.0
    # Energy must be what its own mean power gives. Metered pairs agree within a few percent; a factor of two over the
    # median interval is a wrong unit or multiplier, not noise. Below the floor rounding dominates.
    max_energy_power_ratio: float = 2.0
    min_checked_power_kw: float = 0.05
    min_checked_intervals: int = 8
    # Sums of doubles in another order differ by rounding only.
    reconciliation_tolerance_kwh: float = 0.001

    def as_parameters(self) -> dict[str, float | int]:
        """Return the limits as query parameters."""
        return asdict(self)
