"""Tests of analyze/meters/completeness.py."""

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from health_factory import METERS
from week_factory import NEW_YORK, fill_window, make_meters, make_readings

from analyze.sections.sensors import channel_completeness
from lib.date_utils import Window, local_day_window


def test_completeness_counts_null_rows_as_missing():
    readings = make_readings(1, "2026-01-12 05:00Z", [1.0] * 10)
    readings.loc[2, ["energy_kwh", "power_kw"]] = np.nan
    readings.loc[3, "power_kw"] = np.nan
    readings.loc[4, ["energy_kwh", "power_kw"]] = 0.0
    window = Window(datetime(2026, 1, 12, 5, tzinfo=UTC), datetime(2026, 1, 12, 10, tzinfo=UTC))
    row = channel_completeness(readings, METERS, window).iloc[0].tolist()
    assert row == [1, 20, 9, 45.0]


@pytest.mark.parametrize(
    ("day", "expected"), [(date(2026, 3, 8), 92), (date(2026, 11, 1), 100), (date(2026, 1, 12), 96)]
)
def test_expected_intervals_of_days_with_clock_changes(day, expected):
    window = local_day_window(day, day, NEW_YORK)
    readings = fill_window(1, window, 5.0, 1.0)
    row = channel_completeness(readings, METERS, window).iloc[0].tolist()
    assert row == [1, expected, expected, 100.0]


def test_completeness_counts_from_installation_and_in_the_meters_own_interval():
    meters = make_meters(1, 2, 3).assign(interval_s=pd.array([900, 3600, None], dtype="Int64"))
    meters["installed_at"] = pd.to_datetime(pd.Series(["2026-01-12 08:00Z", None, None]), utc=True)
    window = Window(datetime(2026, 1, 12, 5, tzinfo=UTC), datetime(2026, 1, 12, 10, tzinfo=UTC))
    readings = pd.concat(
        [
            make_readings(1, "2026-01-12 08:00Z", [1.0] * 8),
            make_readings(2, "2026-01-12 05:00Z", [1.0] * 5, 3600),
        ]
    )
    table = channel_completeness(readings, meters, window)
    assert table["expected_intervals"].tolist() == [8, 5, 8]  # the third by the median of the others, 2250 s
    assert table["completeness_pct"].tolist() == [100.0, 100.0, 0.0]
    whole = channel_completeness(readings, meters, window, since_installation=False)
    assert whole["expected_intervals"].tolist()[0] == 20
