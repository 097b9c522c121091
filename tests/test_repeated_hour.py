"""Tests of the hour that autumn repeats, doubled in its first pass by some loggers."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from health_factory import DAY, METERS, NIGHT, kinds, scale
from week_factory import NEW_YORK, fill_window, make_meters, make_scope, prepare

from analyze.sections.sensors import build_section
from lib.date_utils import Window, local_day_window


def autumn(is_absent=True, ids=(1,), hourly=False):
    """Return the weeks to Sunday 2 November 2025, whose repeated hour stands doubled in its first pass."""
    week = local_day_window(date(2025, 10, 27), date(2025, 11, 2), NEW_YORK)
    meters = make_meters(*ids, interval_s=3600 if hourly else 900)
    scope = make_scope(meters, week)
    window = Window(scope.baseline.start, week.end)
    parts = [fill_window(key, window, DAY, NIGHT, interval_s=3600 if hourly else 900) for key in ids]
    readings = pd.concat(parts, ignore_index=True)
    moment = readings["interval_start"]
    first = (moment >= pd.Timestamp("2025-11-02 05:00Z")) & (moment < pd.Timestamp("2025-11-02 06:00Z"))
    second = (moment >= pd.Timestamp("2025-11-02 06:00Z")) & (moment < pd.Timestamp("2025-11-02 07:00Z"))
    readings = scale(readings, first, 2.0)
    return (readings[~second] if is_absent else scale(readings, second, 0.0)), scope


@pytest.mark.parametrize("is_absent", [True, False])
@pytest.mark.parametrize("hourly", [True, False])
def test_the_repeated_hour_of_autumn_doubled(is_absent, hourly):
    readings, scope = autumn(is_absent, hourly=hourly)
    intervals, bad, clean = prepare(readings, scope)
    section = build_section(intervals, bad, scope)
    assert kinds(section) == [("clock_change", "low")]
    assert section["issues"][0]["start"] == "2025-11-02T01:00:00-04:00"
    hours = intervals.loc[bad["clock_change"], "hours"].sum()
    assert hours == (1 if is_absent else 2)
    assert len(clean) == len(intervals) - bad["clock_change"].sum()


def test_a_load_too_small_to_tell_follows_the_logger_of_its_neighbours():
    readings, scope = autumn(ids=(1, 2, 3))
    readings = scale(readings, readings["channel_id"] == 3, 0.001)
    intervals, bad, _ = prepare(readings, scope)
    assert intervals.loc[bad["clock_change"], "channel_id"].value_counts().to_dict() == {1: 4, 2: 4, 3: 4}


def test_sound_clock_changes_flag_nothing():
    for first, last in ((date(2025, 10, 27), date(2025, 11, 2)), (date(2026, 3, 2), date(2026, 3, 8))):
        week = local_day_window(first, last, NEW_YORK)
        scope = make_scope(METERS, week)
        readings = fill_window(1, Window(scope.baseline.start, week.end), DAY, NIGHT)
        intervals, bad, _ = prepare(readings, scope)
        assert not bad.any(axis=None)
        assert build_section(intervals, bad, scope)["totalIssues"] == 0


def test_a_load_that_really_doubles_in_the_first_pass_is_believed():
    readings, scope = autumn(is_absent=False)
    moment = readings["interval_start"]
    second = (moment >= pd.Timestamp("2025-11-02 06:00Z")) & (moment < pd.Timestamp("2025-11-02 07:00Z"))
    power = readings["power_kw"].mask(second, NIGHT * (1 + 1e-3 * np.arange(len(readings)) % 0.02))
    _, bad, _ = prepare(readings.assign(power_kw=power, energy_kwh=power / 4), scope)
    assert not bad.any(axis=None)


def test_an_outage_in_the_second_pass_alone_is_a_gap():
    readings, scope = autumn()
    moment = readings["interval_start"]
    first = (moment >= pd.Timestamp("2025-11-02 05:00Z")) & (moment < pd.Timestamp("2025-11-02 06:00Z"))
    intervals, bad, _ = prepare(scale(readings, first, 0.5), scope)
    assert kinds(build_section(intervals, bad, scope)) == [("gap", "low")]
