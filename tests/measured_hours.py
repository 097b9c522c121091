"""Measured buildings, for the tests that need real loads; skipped where the files are not there."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from lib.paths import PROJECT_ROOT

DATA_DIR = PROJECT_ROOT.parent / "shared" / "data"


def measured_file(name: str) -> Path:
    """Return where a measured file is; the test is skipped where it is not."""
    path = DATA_DIR / name
    if not path.exists():
        pytest.skip(f"the measured data {name} are not beside the project (looked in ../shared/data)")
    return path


def office() -> tuple[pd.DataFrame, str]:
    """Return `start` (UTC) and `energy_kwh` of an office's quarter-hours, and its zone.

    Its times keep Pacific Standard Time all year: no hour is missing in March.
    """
    raw = pd.read_csv(measured_file("b59_office_15min.csv.gz"))
    start = pd.to_datetime(raw["timestamp_local"]).dt.tz_localize("Etc/GMT+8").dt.tz_convert("UTC")
    return pd.DataFrame({"start": start, "energy_kwh": raw["power_kw"] / 4}), "America/Los_Angeles"


def steel_plant() -> tuple[pd.DataFrame, str]:
    """Return the same of a steel plant.

    Its times are interval ends, and the midnight that ends a day bears that day's date.
    """
    raw = pd.read_csv(measured_file("steel_plant_15min.csv.gz"))
    end = pd.to_datetime(raw["interval_end_local"], format="%d/%m/%Y %H:%M")
    end += pd.to_timedelta((end.dt.hour * 60 + end.dt.minute == 0).astype(int), unit="D")
    start = (end - pd.Timedelta(minutes=15)).dt.tz_localize("Asia/Seoul").dt.tz_convert("UTC")
    return pd.DataFrame({"start": start, "energy_kwh": raw["energy_kwh"]}), "Asia/Seoul"


def read_buildings() -> dict[str, pd.DataFrame]:
    """Return `timestamp` and `energy_kwh` of 55 meters over two years; their clocks are taken as they are, as UTC."""
    table = pd.read_csv(measured_file("bdg2_meters_hourly.csv.gz"), parse_dates=["timestamp_local"])
    moments = pd.DatetimeIndex(table.pop("timestamp_local")).tz_localize("UTC")
    return {name: pd.DataFrame({"timestamp": moments, "energy_kwh": values}) for name, values in table.items()}
