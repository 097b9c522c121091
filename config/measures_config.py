"""What was changed at a site and when, so that savings can be verified: ``[[measures]]`` of ``config/sites/<id>.toml``.

::

    [[measures]]
    name = "New schedule of the air handlers"
    channel = 162126          # the meter that should show it
    date = 2026-10-01         # the local day of the change
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import NamedTuple

from config.toml_table import read_toml
from lib.paths import SITES_DIR

_MAX_CHANNEL = 2**63 - 1  # of PostgreSQL's bigint


class Measure(NamedTuple):
    """One change at one meter."""

    name: str
    channel_id: int
    changed_on: date


def load_measures(site_id: int, sites_dir: Path = SITES_DIR) -> list[Measure]:
    """Return the site's measures by date; none where there is no file or it names none.

    Raises
    ------
    ConfigError
        When one lacks something, or has a key that is unknown.
    """
    path = sites_dir / f"{site_id}.toml"
    if not path.exists():
        return []
    measures = []
    for table in read_toml(path).tables("measures"):
        table.allow_only("name", "channel", "date")
        channel_id = table.whole("channel", low=1, high=_MAX_CHANNEL)
        measures.append(Measure(table.text("name"), channel_id, table.day("date")))
    return sorted(measures, key=lambda measure: measure.changed_on)
