"""Limits of the circuit breaker as a whole: unit in the name, source in a comment.

The limits of a single check stand in its own file (govern/checks). Checks hold data back only where a number cannot be
trusted at all; what a building may do is for `analyze` to judge. A site's own limits stand in
``config/sites/<id>.toml``::

    [validation]
    max_lag_hours = 48               # its gateway reports every second day
    max_quarantined_energy_pct = 35
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from config.toml_table import read_toml
from lib.paths import SITES_DIR


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


class SiteLimit(NamedTuple):
    """A limit that a site's file sets, and what would hold otherwise."""

    name: str
    value: float | int
    default: float | int


def load_site_limits(
    site_id: int, defaults: Mapping[str, float | int], sites_dir: Path = SITES_DIR
) -> tuple[SiteLimit, ...]:
    """Return what ``[validation]`` of ``<site_id>.toml`` says, in its order.

    Parameters
    ----------
    defaults
        The limits that a site may set, by name.

    Raises
    ------
    ConfigError
        When the file cannot be read, names another limit, or gives one something that is no number.
    """
    path = sites_dir / f"{site_id}.toml"
    table = read_toml(path).table("validation") if path.exists() else None
    if table is None:
        return ()
    for name in table.values:
        if name not in defaults:
            table.refuse(name, f"is no limit that a site can set; those are {', '.join(sorted(defaults))}")
    lowest = {name: -math.inf if defaults[name] < 0 else 0.0 for name in table.values}
    values = {name: table.number(name, low=low) for name, low in lowest.items()}
    # A whole number stays one only where the default is one, for 1 / 2 is 0 in a query.
    typed = {
        name: int(value) if isinstance(defaults[name], int) and value.is_integer() else value
        for name, value in values.items()
    }
    return tuple(SiteLimit(name, value, defaults[name]) for name, value in typed.items())
