"""Tests of the masks of bad intervals, of completeness, and of analyze/sensor_health.py."""

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from analyze.bad_intervals import flag_catch_up, flag_flat_line, flag_stuck
from analyze.intervals import prepare_intervals
from analyze.sensor_health import build_section, channel_completeness
from config.report_config import ReportConfig
from lib.date_utils import Window, local_day_window
from tests.week_factory import NEW_YORK, WEEK, fill_window, make_meters, make_readings, make_scope, prepare

METERS = make_meters(1)
SCOPE = make_scope(METERS)
BOTH = Window(SCOPE.baseline.start, SCOPE.period.end)


def intervals_of(power_kw, interval_s=3600, start="2026-01-12 05:00Z"):
    return prepare_intervals(make_readings(1, start, power_kw, interval_s), METERS, NEW_YORK, ReportConfig())


def health(readings, meters=METERS, scope=None):
    scope = scope or make_scope(meters)
    intervals, bad, _ = prepare(readings, scope)
    return build_section(intervals, bad, scope)


def kinds(section):
    return [(issue["type"], issue["severity"]) for issue in section["issues"]]


def drop(readings, start, end):
    moment = readings["interval_start"]
    return readings[(moment < pd.Timestamp(start, tz="UTC")) | (moment >= pd.Timestamp(end, tz="UTC"))]


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
    intervals = prepare_intervals(readings, METERS, NEW_YORK, ReportConfig())
    assert flag(intervals) == [False, True, True, True, False]


def test_stuck_does_not_run_on_into_the_next_channel():
    readings = pd.concat(
        [
            make_readings(1, "2026-01-12 05:00Z", [1.0, 7.0, 7.0], 3600),
            make_readings(2, "2026-01-12 05:00Z", [7.0, 7.0, 1.0], 3600),
        ]
    )
    assert not any(flag(prepare_intervals(readings, make_meters(1, 2), NEW_YORK, ReportConfig())))


def test_catch_up_needs_a_hole_before_and_more_energy_than_its_power_gives():
    readings = make_readings(1, "2026-01-12 05:00Z", [2.0] * 10)
    readings.loc[3, "energy_kwh"] = 9.0  # no hole before it
    readings.loc[6, "energy_kwh"] = 1.6  # after the hole, 3.2 × 0.5 kWh
    readings.loc[8, "energy_kwh"] = 1.5  # after the second, 3 × and no more
    readings = readings.drop(index=[5, 7])
    intervals = prepare_intervals(readings, METERS, NEW_YORK, ReportConfig())
    mask = flag_catch_up(intervals, min_ratio=3.0, min_energy_kwh=0.1).tolist()
    assert mask == [False, False, False, False, False, True, False, False]


def test_catch_up_without_power_is_measured_by_the_usual_energy():
    readings = make_readings(1, "2026-01-12 05:00Z", [2.0] * 9).assign(power_kw=np.nan)
    readings.loc[8, "energy_kwh"] = 19.6
    intervals = prepare_intervals(readings.drop(index=range(4, 8)), METERS, NEW_YORK, ReportConfig())
    mask = flag_catch_up(intervals, min_ratio=3.0, min_energy_kwh=0.1).tolist()
    assert mask == [False] * 4 + [True]


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


def test_a_healthy_meter_has_no_issue():
    section = health(fill_window(1, BOTH, 5.0, 1.0))
    assert section == {
        "summary": [],
        "totalIssues": 0,
        "bySeverity": {"high": 0, "medium": 0, "low": 0},
        "issues": [],
    }


def test_idle_equipment_at_zero_has_no_issue():
    assert health(fill_window(1, BOTH, 0.0, 0.0))["totalIssues"] == 0


def test_a_dead_meter_is_dead_and_nothing_else():
    section = health(drop(fill_window(1, BOTH, 5.0, 1.0), "2026-01-11 00:00", "2026-01-20 00:00"))
    assert kinds(section) == [("dead", "high")]
    issue = section["issues"][0]
    # The last interval starts 23:45 UTC and ends at midnight, 8 days and 5 hours before the period's end.
    assert issue["lastReading"] == "2026-01-10T18:45:00-05:00"
    assert issue["hoursSince"] == "197.0"
    assert section["summary"] == [
        {
            "type": "dead",
            "count": 1,
            "affectedChannels": 1,
            "description": "reported in the baseline weeks, nothing in the period",
        }
    ]


def test_a_meter_that_never_reported_is_not_called_dead_and_an_air_sensor_is_not_judged():
    meters = make_meters(1, 2, 3)
    meters.loc[2, "is_energy_meter"] = False
    section = health(fill_window(1, BOTH, 5.0, 1.0), meters)
    assert kinds(section) == [("no_data", "medium")]
    assert section["issues"][0]["channelId"] == 2


def test_a_removed_meter_is_not_missed():
    meters = METERS.assign(uninstalled_at=pd.to_datetime(pd.Series(["2026-01-10 00:00Z"]), utc=True))
    readings = drop(fill_window(1, BOTH, 5.0, 1.0), "2026-01-10 00:00", "2026-01-20 00:00")
    assert health(readings, meters)["totalIssues"] == 0


@pytest.mark.parametrize(
    ("silent_from", "expected"),
    [
        ("2026-01-19 03:00", []),  # 2.0 h before the end at 05:00 UTC
        ("2026-01-19 02:45", [("stale", "medium")]),
        ("2026-01-18 05:00", [("missing_data", "medium"), ("stale", "medium")]),  # 24.0 h, and a seventh of the week
        ("2026-01-18 04:45", [("missing_data", "medium"), ("stale", "high")]),
    ],
)
def test_staleness_is_judged_at_the_periods_end(silent_from, expected):
    section = health(drop(fill_window(1, BOTH, 5.0, 1.0), silent_from, "2026-01-20 00:00"))
    assert sorted(kinds(section)) == expected


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("2026-01-14 12:30", []),  # two intervals
        ("2026-01-14 12:45", [("gap", "low")]),
        ("2026-01-14 18:00", [("gap", "low")]),  # 6.0 h
        ("2026-01-14 18:15", [("gap", "medium")]),
    ],
)
def test_gaps_are_longer_than_two_intervals_and_never_high(end, expected):
    section = health(drop(fill_window(1, BOTH, 5.0, 1.0), "2026-01-14 12:00", end))
    assert kinds(section) == expected
    if expected:
        issue = section["issues"][0]
        assert issue["start"] == "2026-01-14T07:00:00-05:00"
        assert pd.Timestamp(issue["end"]) == pd.Timestamp(end, tz="UTC")
        assert issue["missingIntervals"] == (pd.Timestamp(end) - pd.Timestamp("2026-01-14 12:00")) / pd.Timedelta("15m")


def test_a_gap_that_began_before_the_period_counts_from_its_start():
    section = health(drop(fill_window(1, BOTH, 5.0, 1.0), "2026-01-10 00:00", "2026-01-12 06:00"))
    assert kinds(section) == [("gap", "low")]
    assert section["issues"][0]["start"] == "2026-01-12T00:00:00-05:00"
    assert section["issues"][0]["missingIntervals"] == 4


def test_null_rows_are_a_gap():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    hit = readings["interval_start"].between(pd.Timestamp("2026-01-14 12:00Z"), pd.Timestamp("2026-01-14 12:45Z"))
    readings.loc[hit, ["energy_kwh", "power_kw"]] = np.nan
    assert health(readings)["issues"][0]["missingIntervals"] == 4


def test_missing_more_than_a_tenth_is_an_issue():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    in_week = readings["interval_start"] >= pd.Timestamp(WEEK.start)
    number = np.where(in_week, np.arange(len(readings)) % 9, 1)  # every ninth interval: 11.1 %
    section = health(readings[number != 0])
    assert kinds(section) == [("missing_data", "medium")]
    assert (section["issues"][0]["missingIntervals"], section["issues"][0]["completenessPct"]) == (75, 88.8)


def test_stuck_in_the_period_is_high_and_tells_when_it_froze():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    hit = readings["interval_start"].between(pd.Timestamp("2026-01-12 03:00Z"), pd.Timestamp("2026-01-12 08:45Z"))
    readings.loc[hit, ["power_kw", "energy_kwh"]] = [7.5, 1.875]
    section = health(readings)
    assert kinds(section) == [("stuck", "high")]
    assert section["issues"][0]["start"] == "2026-01-11T22:00:00-05:00"
    assert section["issues"][0]["hours"] == 6.0


def test_catch_up_and_negative_energy_give_their_evidence():
    readings = drop(fill_window(1, BOTH, 5.0, 1.0), "2026-01-14 12:00", "2026-01-14 14:00").reset_index(drop=True)
    after = readings.index[readings["interval_start"] == pd.Timestamp("2026-01-14 14:00Z")][0]
    readings.loc[after, "energy_kwh"] = 11.25
    readings.loc[[after + 10, after + 20], "energy_kwh"] = [-3.0, -1.0]
    issues = {issue["type"]: issue for issue in health(readings)["issues"]}
    assert set(issues) == {"gap", "catch_up", "negative_energy"}
    catch_up = issues["catch_up"]
    assert (catch_up["gapStart"], catch_up["gapEnd"]) == ("2026-01-14T07:00:00-05:00", "2026-01-14T09:00:00-05:00")
    assert catch_up["energyKwh"] == 11.25
    assert (issues["negative_energy"]["intervals"], issues["negative_energy"]["energyKwh"]) == (2, -4.0)
