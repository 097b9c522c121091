"""Tests of what is frozen: stuck values, flat lines, and zeros on a load that never rests."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from health_factory import BOTH, METERS, NIGHT, between, flagged, health, healthy, intervals_of, kinds, scale
from week_factory import NEW_YORK, fill_window, make_meters, make_readings, set_power

from analyze.meters.bad_intervals import find_bad_intervals, flag_flat_line, flag_stuck
from analyze.week.intervals import prepare_intervals
from config.thresholds import Thresholds
from deliver.words.meters import describe_issue
from lib.date_utils import Window


def flag(intervals, **changes):
    return flag_stuck(
        intervals, **{"min_hours": 3, "min_power_kw": 0.01, "tolerance_ratio": 1e-6, "recurring_runs": 4, **changes}
    ).tolist()


def test_stuck_is_the_same_value_for_long_enough():
    intervals = intervals_of([5.0, 7.0, 7.0, 7.0, 6.0, 0.0, 0.0, 0.0, 4.0, 4.0])
    assert flag(intervals) == [False, True, True, True, False, False, False, False, False, False]


def test_what_an_idle_transformer_shows_is_not_stuck():
    assert (
        flag(intervals_of([1.0, 0.01, 0.01, 0.01, 0.01, 0.02, 0.02, 0.02, 1e-310, 1e-310]))
        == [False] * 5 + [True] * 3 + [False] * 2
    )


def test_a_small_steady_load_that_moves_is_not_stuck():
    assert flag(intervals_of([0.05, 0.0501, 0.05, 0.0499, 0.05, 0.0501, 0.05, 0.0499, 0.05, 0.0501])) == [False] * 10


def test_a_standby_to_which_a_coarse_meter_returns_is_not_stuck():
    nightly = [0.5, 0.5, 0.5, 3.0]
    assert flag(intervals_of(nightly * 3))[:3] == [True] * 3
    assert not any(flag(intervals_of(nightly * 4)))


def test_a_hole_or_missing_power_does_not_free_a_stuck_meter():
    readings = make_readings(1, "2026-01-12 05:00Z", [2.0, 7.0, 7.0, 7.0, 7.0, 3.0], 3600)
    readings.loc[2, ["power_kw", "energy_kwh"]] = np.nan
    readings.loc[3, "power_kw"] = np.nan  # its energy still says 7 kW
    intervals = prepare_intervals(readings, METERS, NEW_YORK)
    assert flag(intervals) == [False, True, True, True, False]


def test_stuck_does_not_run_on_into_the_next_channel():
    readings = pd.concat(
        [
            make_readings(1, "2026-01-12 05:00Z", [1.0, 7.0, 7.0], 3600),
            make_readings(2, "2026-01-12 05:00Z", [7.0, 7.0, 1.0], 3600),
        ]
    )
    assert not any(flag(prepare_intervals(readings, make_meters(1, 2), NEW_YORK)))


def test_stuck_in_the_period_is_high_and_tells_when_it_froze():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    hit = readings["interval_start"].between(pd.Timestamp("2026-01-12 03:00Z"), pd.Timestamp("2026-01-12 08:45Z"))
    readings.loc[hit, ["power_kw", "energy_kwh"]] = [7.5, 1.875]
    section = health(readings)
    assert kinds(section) == [("stuck", "high")]
    assert section["issues"][0]["start"] == "2026-01-11T22:00:00-05:00"
    assert section["issues"][0]["hours"] == 6.0


def test_a_frozen_level_of_operation_is_stuck_though_the_level_recurs():
    """Four weeks of a machine that runs at exactly 7 kW for eight hours a day, and then for three days on end."""
    readings = healthy()
    local = readings["interval_start"].dt.tz_convert(NEW_YORK)
    steady = (local.dt.hour >= 8) & (local.dt.hour < 16)
    power = readings["power_kw"].where(readings["power_kw"] < 6).fillna(NIGHT).mask(steady, 7.0)
    readings = readings.assign(power_kw=power, energy_kwh=power / 4)
    assert flagged(readings) == {}
    rows = between(readings, "2026-01-14 08:00", "2026-01-17 16:00")
    readings = readings.assign(power_kw=power.mask(rows, 7.0), energy_kwh=(power / 4).mask(rows, 1.75))
    assert flagged(readings) == {"stuck": 80 * 4}
    assert kinds(health(readings)) == [("stuck", "high")]


def test_a_coarse_meter_repeats_itself_by_nature_and_may_still_be_stuck():
    readings = healthy()
    steps = np.random.default_rng(4).choice([0.0, 2.0], len(readings), p=[0.8, 0.2]).cumsum() % 8 + 20
    readings = readings.assign(power_kw=steps, energy_kwh=steps / 4)
    rows = between(readings, "2026-01-14 08:00", "2026-01-14 15:00")
    assert flagged(readings.assign(power_kw=readings["power_kw"].mask(rows, 24.0))) == {}
    rows = between(readings, "2026-01-14 08:00", "2026-01-16 08:00")
    assert flagged(readings.assign(power_kw=readings["power_kw"].mask(rows, 24.0)))["stuck"] >= 192


def test_flat_line_is_far_steadier_than_the_channel_ever_is():
    baseline = Window(datetime(2026, 1, 11, tzinfo=UTC), datetime(2026, 1, 12, tzinfo=UTC))
    live = [1.0, 2.0] * 12
    flat = [1.5, 1.501, 1.5, 1.501, 1.5, 1.501]
    intervals = intervals_of(live + flat + [9.0], start="2026-01-11 00:00Z")
    options = {"window_hours": 4, "max_variance_kw2": 0.01, "min_steadier_ratio": 10}
    mask = flag_flat_line(intervals, baseline, **options).tolist()
    assert mask == [False] * 27 + [True] * 3 + [False]
    idle = intervals_of(live + [0.0] * 6 + [9.0], start="2026-01-11 00:00Z")
    assert not flag_flat_line(idle, baseline, **options).any()
    # A load that is always as steady as that is itself, not flat.
    steady = intervals_of([1.5, 1.501] * 15, start="2026-01-11 00:00Z")
    assert not flag_flat_line(steady, baseline, **options).any()


@pytest.mark.parametrize(("until", "severity"), [("2026-01-15 10:00", "medium"), ("2026-01-15 10:15", "high")])
def test_a_zero_that_misleads_for_more_than_a_day_is_grave(until, severity):
    readings = healthy()
    section = health(scale(readings, between(readings, "2026-01-14 10:00", until), 0.0))
    assert kinds(section) == [("zero", severity)]


def test_zero_on_a_load_that_never_rests_is_doubted_and_on_one_that_does_is_not():
    readings = healthy()
    rows = between(readings, "2026-01-14 08:00", "2026-01-14 15:00")
    section = health(scale(readings, rows, 0.0))
    assert kinds(section) == [("zero", "medium")]
    assert describe_issue(section["issues"][0]) == "exactly zero for 7 hours, on a load that is never off"
    assert flagged(scale(readings, rows, 0.0)) == {"zero": 28}
    assert flagged(scale(readings, between(readings, "2026-01-14 08:00", "2026-01-14 13:45"), 0.0)) == {}
    assert flagged(scale(readings, between(readings, "2026-01-14", "2026-01-16"), 0.0)) == {"zero": 192}
    rests = scale(readings, readings["interval_start"].dt.minute == 0, 0.001)
    assert flagged(scale(rests, rows, 0.0)) == {}


def test_an_old_fault_does_not_hide_a_dead_meter():
    """Stuck next to zero for two days in the baseline, and zeros from Wednesday on."""
    readings = healthy()
    stuck = between(readings, "2025-12-24", "2025-12-26")
    readings["power_kw"] = readings["power_kw"].mask(stuck, 0.02)
    readings["energy_kwh"] = readings["power_kw"] / 4
    assert flagged(readings) == {"stuck": 192}
    dead = scale(readings, between(readings, "2026-01-14", "2026-01-19"), 0.0)
    assert flagged(dead) == {"stuck": 192, "zero": 480}
    assert [describe_issue(issue) for issue in health(dead)["issues"] if issue["type"] == "zero"] == [
        "exactly zero for 5 days, on a load that is never off"
    ]


@pytest.mark.parametrize(("dead_from", "expected"), [("2025-12-22", {"zero": 28 * 96}), ("2025-12-21 23:45", {})])
def test_a_week_of_the_load_tells_that_it_never_rests(dead_from, expected):
    readings = healthy()
    assert flagged(scale(readings, between(readings, dead_from, "2026-01-19"), 0.0)) == expected


def test_a_meter_that_stood_still_for_weeks_and_shows_zero_now_is_dead():
    readings = healthy()
    power = readings["power_kw"].mask(between(readings, "2025-12-15", "2026-01-12"), 7.0)
    dead = power.mask(between(readings, "2026-01-12", "2026-01-19"), 0.0)
    assert flagged(readings.assign(power_kw=dead, energy_kwh=dead / 4)) == {"stuck": 28 * 96, "zero": 7 * 96}


@pytest.mark.parametrize(("power_kw", "until", "flagged_rows"), [
    (60.0, "03:15", 1),
    (48.0, "03:15", 0),
    (60.0, "03:30", 0),
])  # fmt: skip
def test_one_interval_above_ten_times_all_others_is_no_load(power_kw: float, until: str, flagged_rows: int) -> None:
    """Of a load of 5 kW by day and 1 kW by night; half an hour in a row may be one."""
    readings = set_power(fill_window(1, BOTH, 5.0, 1.0), "2026-01-14 03:00", f"2026-01-14 {until}", power_kw)
    bad = find_bad_intervals(prepare_intervals(readings, METERS, NEW_YORK), Thresholds())
    assert int(bad["impossible"].sum() if "impossible" in bad else 0) == flagged_rows
    issues = [issue for issue in health(readings)["issues"] if issue["type"] == "impossible"]
    assert [(issue["channelId"], issue["severity"], issue["hours"]) for issue in issues] == [(1, "medium", 0.25)] * (
        flagged_rows
    )


@pytest.mark.parametrize(("idle_kw", "is_flagged"), [(0.2, False), (0.3, True)])
def test_what_mostly_stands_idle_may_reach_far_more_once_it_is_used(idle_kw: float, is_flagged: bool) -> None:
    """A machine that draws 5 kW on one evening of five weeks, and 60 kW for a quarter of an hour."""
    readings = set_power(fill_window(1, BOTH, idle_kw, idle_kw), "2026-01-13 18:00", "2026-01-13 20:00", 5.0)
    readings = set_power(readings, "2026-01-14 12:00", "2026-01-14 12:15", 60.0)
    bad = find_bad_intervals(prepare_intervals(readings, METERS, NEW_YORK), Thresholds())
    assert ("impossible" in bad) == is_flagged
