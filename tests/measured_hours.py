"""Measured buildings by the hour, for the tests that need real loads; skipped where the files are not there."""

from __future__ import annotations

import pandas as pd
import pytest

from lib.paths import PROJECT_ROOT

DATA_DIR = PROJECT_ROOT.parent / "shared" / "data"


def read_buildings() -> dict[str, pd.DataFrame]:
    """Return `timestamp` and `energy_kwh` of 55 meters over two years; their clocks are taken as they are, as UTC."""
    path = DATA_DIR / "bdg2_meters_hourly.csv.gz"
    if not path.exists():
        pytest.skip(f"the measured data {path.name} are not beside the project (looked in ../shared/data)")
    table = pd.read_csv(path, parse_dates=["timestamp_local"])
    moments = pd.DatetimeIndex(table.pop("timestamp_local")).tz_localize("UTC")
    return {name: pd.DataFrame({"timestamp": moments, "energy_kwh": values}) for name, values in table.items()}
