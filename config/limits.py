"""Limits that hold for all sites: what is asked for again, and what holds a whole site back. Unit in the name.

The limits of a single check stand in its own file (govern/checks); what a site sets for itself, in its file
(config/site_file.py). Checks hold data back only where a number cannot be trusted at all; what a building may do is for
`analyze` to judge.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

# A daily sync asks up to now. A day and a quarter of silence means that one was missed, not merely late.
MAX_SYNC_AGE_HOURS = 30


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


@dataclass(frozen=True)
class GapLimits:
    """When the service counts as having nothing, and how often it is asked."""

    # A gateway that was offline uploads what it kept once it is back, mostly within hours; a week outlasts every long
    # weekend after which somebody plugs it in again. Four asks, so that no single bad answer decides.
    vendor_empty_asks: int = 4
    vendor_empty_days: float = 7.0
    # Nothing came since: the gateway may be off, with everything in its memory. Vendors of such loggers name one to
    # three months of memory at a quarter-hour; a month of asking is polite, and it is asked anew once data come back.
    trailing_vendor_empty_days: float = 30.0
    # The nightly sync asks once; running it twice a day shall not count (or cost) twice.
    ask_again_hours: float = 20.0
    # Requests that a nightly sync may spend on gaps: a few minutes at two a second.
    nightly_requests: int = 300
    # A catch-up: more than this many times what the interval's own power gives (as analyze has it; metered pairs agree
    # within a few percent), and enough to tell from rounding.
    catch_up_min_ratio: float = 3.0
    catch_up_min_energy_kwh: float = 0.1
    # A repeated local hour that holds both passes: about twice the mean of the hours beside it (as analyze has it).
    doubling_min_ratio: float = 1.6
    doubling_max_ratio: float = 2.6
    doubling_nothing_ratio: float = 0.05  # of the usual hour: what the second pass may hold and still be empty
