"""Tests of analyze/sensor_health.py: its section, and meters that are dead, silent or have holes."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from health_factory import BOTH, METERS, SCOPE, drop, health, healthy, kinds, with_phases
from week_factory import NEW_YORK, WEEK, fill_window, make_meters, make_readings, prepare, spaced

from analyze.money.repairs import broken_meters
from analyze.week.site_week import analyze_site_week
from config.thresholds import Thresholds
from deliver.words.meters import check_name, describe_issue
from lib.date_utils import Window


def test_a_healthy_meter_has_no_issue():
    section = health(fill_window(1, BOTH, 5.0, 1.0))
    assert section == {
        "summary": [],
        "totalIssues": 0,
        "bySeverity": {"high": 0, "medium": 0, "low": 0},
        "issues": [],
        "notAssessed": [
            {
                "check": "phases",
                "status": "insufficient_data",
                "code": "no_phase_power",
                "missing": "power of each of three phases",
                "possibleFrom": None,
                "channelIds": [1],
            },
            {
                "check": "sum_of_sub_meters",
                "status": "insufficient_data",
                "code": "no_meter_tree",
                "missing": "which meters are part of which",
                "possibleFrom": None,
                "channelIds": [1],
            },
        ],
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
    assert section["summary"] == [{"type": "dead", "count": 1, "affectedChannels": 1}]
    assert spaced(describe_issue(issue)) == "no readings; the last came Sat, 10 Jan, 18:45"


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


def test_find_bad_intervals_names_the_known_reasons_always_and_others_where_they_occur():
    _, bad, _ = prepare(healthy(), SCOPE)
    assert list(bad.columns) == ["stuck", "catch_up", "negative_energy"]
    assert bad.dtypes.astype(str).tolist() == ["bool"] * 3


def test_no_reading_and_a_single_one():
    columns = ["channel_id", "interval_start", "interval_s", "energy_kwh", "power_kw"]
    assert kinds(health(pd.DataFrame({name: [] for name in columns}))) == [("no_data", "medium")]
    single = make_readings(1, "2026-01-14 12:00Z", [5.0])
    section = health(with_phases(single))
    assert sorted(kind for kind, _ in kinds(section)) == ["missing_data", "stale"]
    assert {entry["check"]: entry["possibleFrom"] for entry in section["notAssessed"]} == {
        "base_load_step": "2026-02-02",
        "sum_of_sub_meters": None,
    }


def test_silence_counts_to_the_periods_end_whatever_came_later():
    later = Window(BOTH.start, WEEK.end + timedelta(days=2))  # a report that is made anew, when the meter is back
    readings = drop(fill_window(1, later, 5.0, 1.0), "2026-01-18 23:00", "2026-01-19 12:00")
    week = analyze_site_week(readings, METERS, SCOPE.period, SCOPE.baseline, NEW_YORK, Thresholds())
    (issue,) = week.sections["sensorHealth"]["issues"]
    # The last interval ends at 23:00 UTC, six hours before the week does.
    assert (issue["type"], issue["severity"], issue["hoursSince"]) == ("stale", "medium", "6.0")


def test_a_meter_installed_within_the_week_misses_nothing_before():
    meters = METERS.assign(installed_at=pd.to_datetime(pd.Series(["2026-01-14 12:00Z"]), utc=True))
    readings = fill_window(1, BOTH, 5.0, 1.0)
    readings = readings[readings["interval_start"] >= pd.Timestamp("2026-01-14 12:00Z")]
    assert kinds(health(readings, meters)) == []
    late = readings[readings["interval_start"] >= pd.Timestamp("2026-01-14 14:00Z")]
    assert kinds(health(late, meters)) == [("gap", "low")]
    assert health(late, meters)["issues"][0]["missingIntervals"] == 8


@pytest.mark.parametrize(("days", "least_kw", "level"), [(0, 0.0, None), (1, 0.0, "medium"), (2, 0.0, "high")])
@pytest.mark.parametrize(("kind", "is_told"), [("generation", True), ("load", False)])
def test_generation_that_brings_nothing_on_whole_days_is_off(
    days: int, least_kw: float, level: str | None, kind: str, is_told: bool
) -> None:
    """From ten to two each day, 10 kW or less as clouds have it; and two nights more without anything are no day."""
    readings = fill_window(1, BOTH, 8.0, 8.0)
    local = readings["interval_start"].dt.tz_convert(NEW_YORK)
    is_sunny = local.dt.hour.between(10, 13)
    is_off = (local >= pd.Timestamp("2026-01-13", tz=NEW_YORK)) & (
        local < pd.Timestamp("2026-01-13", tz=NEW_YORK) + pd.Timedelta(days=days)
    )
    power = (readings["power_kw"] * (1 + local.dt.day % 3)).where(is_sunny & ~is_off, least_kw)
    section = health(readings.assign(power_kw=power, energy_kwh=power / 4), METERS.assign(kind=kind))
    found = [issue for issue in section["issues"] if issue["type"] == "no_generation"]
    assert [issue["severity"] for issue in found] == ([level] if level and is_told else [])
    if found:
        assert found[0]["start"] == "2026-01-13T00:00:00-05:00"
        assert broken_meters(section) == set()  # the plant is off, and not its meter


def test_a_check_that_could_not_be_made_is_called_by_what_it_looks_at():
    section = health(fill_window(1, BOTH, 5.0, 1.0))
    names = [check_name(entry["check"]) for entry in section["notAssessed"]]
    assert names == ["the balance of phases", "sub-meters beside their main"]
