"""Tests of what the energy register does against the power: catch-up, resets, jumps, drift, coarse pulses."""

import numpy as np
import pandas as pd
import pytest
from health_factory import BOTH, METERS, WHOLE_WEEK, between, drop, flagged, health, healthy, kinds, scale
from week_factory import NEW_YORK, fill_window, make_meters, make_readings, make_scope, prepare, set_power

from analyze.meters.catch_up import flag_catch_up
from analyze.sections.sensors import build_section
from analyze.week.intervals import prepare_intervals
from deliver.words.meters import describe_issue


def test_catch_up_needs_a_hole_before_and_more_energy_than_its_power_gives():
    readings = make_readings(1, "2026-01-12 05:00Z", [2.0] * 10)
    readings.loc[3, "energy_kwh"] = 9.0  # no hole before it
    readings.loc[6, "energy_kwh"] = 1.6  # after the hole, 3.2 × 0.5 kWh
    readings.loc[8, "energy_kwh"] = 1.5  # after the second, 3 × and no more
    readings = readings.drop(index=[5, 7])
    intervals = prepare_intervals(readings, METERS, NEW_YORK)
    mask = flag_catch_up(intervals, min_ratio=3.0, min_energy_kwh=0.1).tolist()
    assert mask == [False, False, False, False, False, True, False, False]


def test_catch_up_without_power_is_measured_by_the_usual_energy():
    readings = make_readings(1, "2026-01-12 05:00Z", [2.0] * 9).assign(power_kw=np.nan)
    readings.loc[8, "energy_kwh"] = 19.6
    intervals = prepare_intervals(readings.drop(index=range(4, 8)), METERS, NEW_YORK)
    mask = flag_catch_up(intervals, min_ratio=3.0, min_energy_kwh=0.1).tolist()
    assert mask == [False] * 4 + [True]


@pytest.mark.parametrize("interval_s", [900, 3600])
def test_catch_up_whose_power_follows_the_energy(interval_s):
    hours, meters = interval_s / 3600, make_meters(1, interval_s=interval_s)
    readings = fill_window(1, BOTH, 5.0, 1.0, interval_s=interval_s)
    start = readings["interval_start"]
    hole = start.between(pd.Timestamp("2026-01-13 23:00Z"), pd.Timestamp("2026-01-14 09:00Z"), inclusive="left")
    last = start == pd.Timestamp("2026-01-14 09:00Z")  # 04:00 in New York: 1 kW, after ten hours at 1 kW
    caught_up = readings.assign(energy_kwh=readings["energy_kwh"].mask(last, 10 + hours))
    caught_up = caught_up.assign(power_kw=caught_up["energy_kwh"] / hours)
    issues = health(caught_up[~hole], meters)["issues"]
    (issue,) = [issue for issue in issues if issue["type"] == "catch_up"]
    assert issue["energyKwh"] == pytest.approx(10 + hours)
    assert (issue["gapStart"], issue["start"]) == ("2026-01-13T18:00:00-05:00", "2026-01-14T04:00:00-05:00")
    # Silent: nothing was missed before it; too little to be the whole; a load that goes on at this level.
    assert "catch_up" not in [issue["type"] for issue in health(caught_up, meters)["issues"]]
    half = readings.assign(
        energy_kwh=readings["energy_kwh"].mask(last, 5.0), power_kw=readings["power_kw"].mask(last, 5.0 / hours)
    )
    assert "catch_up" not in [issue["type"] for issue in health(half[~hole], meters)["issues"]]
    goes_on = set_power(readings, "2026-01-14 04:00", "2026-01-14 12:00", 11.0 / hours)
    assert "catch_up" not in [issue["type"] for issue in health(goes_on[~hole], meters)["issues"]]


def test_catch_up_and_negative_energy_give_their_evidence():
    readings = drop(fill_window(1, BOTH, 5.0, 1.0), "2026-01-14 12:00", "2026-01-14 14:00").reset_index(drop=True)
    after = readings.index[readings["interval_start"] == pd.Timestamp("2026-01-14 14:00Z")][0]
    readings.loc[after, "energy_kwh"] = 11.25
    readings.loc[[after + 10, after + 20], "energy_kwh"] = [-3.0, -1.0]
    issues = {issue["type"]: issue for issue in health(readings)["issues"]}
    assert set(issues) == {"gap", "catch_up", "register_reset"}
    catch_up = issues["catch_up"]
    assert (catch_up["gapStart"], catch_up["gapEnd"]) == ("2026-01-14T07:00:00-05:00", "2026-01-14T09:00:00-05:00")
    assert catch_up["energyKwh"] == 11.25
    assert (issues["register_reset"]["intervals"], issues["register_reset"]["energyKwh"]) == (2, -4.0)


@pytest.mark.parametrize("factor", [0.0, 0.2, 8.0])
def test_a_register_that_does_not_count_what_the_power_says(factor):
    readings = healthy()
    rows = between(readings, "2026-01-14 08:00", "2026-01-14 20:00")
    readings = scale(readings, rows, factor, ["energy_kwh"])
    section = health(readings)
    assert kinds(section) == [("register", "medium")]
    (issue,) = section["issues"]
    assert describe_issue(issue) == f"its energy is {factor:.3g} times what its power gives for 12 hours"
    assert flagged(readings) == {"register": 48}


def test_pulses_beside_mean_power_are_not_a_faulty_register():
    readings = healthy()
    pulses = np.floor(readings["energy_kwh"].cumsum() / 5.0) * 5.0
    readings = readings.assign(energy_kwh=pulses.diff().fillna(0.0))
    section = health(readings)
    assert kinds(section) == [("quantised", "low")]
    assert (section["issues"][0]["pulseKwh"], section["issues"][0]["typicalPulses"]) == (5.0, 1.0)
    assert flagged(readings) == {}


def test_one_absurd_energy_is_a_register_jump():
    readings = healthy()
    row = between(readings, "2026-01-14 08:00", "2026-01-14 08:15")
    section = health(scale(readings, row, 5000.0, ["energy_kwh"]))
    assert kinds(section) == [("register_jump", "medium")]
    assert section["issues"][0]["hours"] == 0.25
    assert flagged(scale(readings, row, 3.0, ["energy_kwh"])) == {}


@pytest.mark.parametrize(("factor", "expected"), [(0.96, []), (0.94, ["register_drift"]), (1.06, ["register_drift"])])
def test_under_reading_against_the_register(factor, expected):
    readings = healthy()
    section = health(scale(readings, between(readings, *WHOLE_WEEK), factor, ["energy_kwh"]))
    assert kinds(section) == [(kind, "medium") for kind in expected]
    if expected:
        assert (section["issues"][0]["registerRatio"], section["issues"][0]["usualRatio"]) == (factor, 1.0)


def test_a_register_that_strays_for_two_days_is_not_drifting():
    readings = healthy()
    rows = between(readings, "2026-01-14", "2026-01-16")
    assert kinds(health(scale(readings, rows, 0.5, ["energy_kwh"]))) == []
    two_days = readings[~between(readings, "2026-01-14", "2026-01-19")]  # of a week that ends on Tuesday
    strayed = scale(two_days, between(two_days, *WHOLE_WEEK), 0.5, ["energy_kwh"])
    assert "register_drift" not in [kind for kind, _ in kinds(health(strayed))]


def test_power_that_is_sampled_strays_from_its_register_by_chance_only():
    readings = healthy()
    noise = 1 + 0.2 * np.random.default_rng(5).standard_normal(len(readings))
    assert kinds(health(readings.assign(power_kw=readings["power_kw"] * noise))) == []


def test_a_reset_that_quarantine_holds_is_told_too():
    scope = make_scope(METERS)
    readings = healthy()
    row = between(readings, "2026-01-14 08:00", "2026-01-14 08:15")
    held = readings[row].assign(energy_kwh=-812.5)
    intervals, bad, _ = prepare(readings[~row], scope)
    resets = prepare_intervals(held, METERS, NEW_YORK)
    section = build_section(intervals, bad, scope, resets)
    assert kinds(section) == [("register_reset", "medium")]
    assert (section["issues"][0]["energyKwh"], section["issues"][0]["start"]) == (-812.5, "2026-01-14T08:00:00-05:00")


def test_a_fine_resolution_is_no_coarse_pulse():
    readings = healthy()
    assert kinds(health(readings.assign(energy_kwh=readings["energy_kwh"].round(2)))) == []  # 1 to 3 kWh in 0.01 kWh
