"""Limits of the circuit breaker as a whole: unit in the name, source in a comment.

The limits of a single check stand in its own file (govern/checks). Checks hold data back only where a number cannot be
trusted at all; what a building may do is for `analyze` to judge.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class ValidationLimits:
    """How far the checks look back, and how much may be quarantined before the whole site is held back."""

    # The default report begins its baseline 35 days before a Monday that may itself lie a week back, and a few days are
    # to spare.
    lookback_days: int = 45
    # A convention: a report that lacks more than a fifth of the energy no longer describes the site.
    max_quarantined_energy_pct: float = 20.0
    # Half the meters wrong at once is the gateway or the account, not the meters; it also bounds sites whose meters
    # carry too little energy to tell shares.
    max_quarantined_meters_pct: float = 50.0

    def as_parameters(self) -> dict[str, float | int]:
        """Return the limits as query parameters."""
        return asdict(self)
