"""Tests of what was set up or wired wrongly: unit, phases, direction, the tree of meters; and of base load steps."""

import numpy as np
import pandas as pd
import pytest
from health_factory import (
    BOTH,
    WHOLE_WEEK,
    between,
    flagged,
    health,
    healthy,
    kinds,
    scale,
    set_phase,
    with_phases,
)
from week_factory import NEW_YORK, fill_window, make_meters, spaced

from deliver.words.meters import describe_issue


@pytest.mark.parametrize("factor", [1000.0, 100.0, 10.0, 0.1, 0.01, 0.001])
def test_a_wrong_unit_is_told_with_its_factor(factor):
    readings = healthy()
    readings = scale(readings, between(readings, "2026-01-14", "2026-01-17"), factor)
    section = health(readings)
    assert kinds(section) == [("wrong_unit", "high")]
    issue = section["issues"][0]
    assert issue["factor"] == factor
    assert describe_issue(issue) == f"{factor:g} times its own normal level for 3 days"
    assert (issue["start"], issue["end"], issue["hours"]) == (
        "2026-01-14T00:00:00-05:00",
        "2026-01-17T00:00:00-05:00",
        72.0,
    )
    assert flagged(readings) == {"wrong_unit": 288}


def test_a_wrong_unit_from_midday_on_is_masked_from_midday_on():
    readings = healthy()
    readings = scale(readings, between(readings, "2026-01-14 15:00", "2026-01-19"), 1000.0)
    assert flagged(readings) == {"wrong_unit": 36 + 4 * 96}


@pytest.mark.parametrize(("factor", "masked"), [(1000.0, 36 + 4 * 96), (10.0, 36 + 4 * 96 - 2)])
def test_an_edge_of_the_opening_hours_far_off_is_masked_too(factor, masked):
    """It closed half an hour late on the first evening: 700 times its level joins, 7 times it may be a load."""
    readings = healthy()
    late = between(readings, "2026-01-14 20:00", "2026-01-14 20:30")
    readings = scale(scale(readings, late, 0.3), between(readings, "2026-01-14 15:00", "2026-01-19"), factor)
    assert flagged(readings) == {"wrong_unit": masked}


@pytest.mark.parametrize("factor", [10.0, 0.1])
def test_a_wrong_unit_holds_through_a_weekend_without_a_shape(factor):
    """From Wednesday 15:00 to the period's end, with a Friday of which nothing came."""
    readings = healthy()
    readings = scale(readings, between(readings, "2026-01-14 15:00", "2026-01-19"), factor)
    assert flagged(readings) == {"wrong_unit": 36 + 4 * 96}
    readings = readings[~between(readings, "2026-01-16", "2026-01-17")]
    assert flagged(readings) == {"wrong_unit": 36 + 3 * 96}


def test_a_weekend_alone_ten_times_up_may_be_a_load():
    readings = healthy()
    assert flagged(scale(readings, between(readings, "2026-01-17", "2026-01-19"), 10.0)) == {}


def test_a_weekend_that_rises_by_another_factor_does_not_join():
    readings = healthy()
    readings = scale(readings, between(readings, "2026-01-14", "2026-01-17"), 10.0)
    assert flagged(scale(readings, between(readings, "2026-01-17", "2026-01-19"), 5.0)) == {"wrong_unit": 3 * 96}


def test_a_wrong_unit_that_began_before_the_period_is_told_with_its_beginning():
    readings = healthy()
    section = health(scale(readings, between(readings, "2026-01-07", "2026-01-19"), 10.0))
    (issue,) = section["issues"]
    assert (issue["type"], issue["hours"], issue["since"]) == ("wrong_unit", 168.0, "2026-01-07T00:00:00-05:00")


def test_a_unit_that_changed_weeks_ago_is_asked_about_and_masks_nothing_of_the_period():
    readings = healthy()
    changed = scale(readings, between(readings, "2025-12-24", "2026-01-19"), 10.0)
    (issue,) = health(changed)["issues"]
    assert (issue["type"], issue["severity"], issue["since"]) == (
        "unit_change",
        "medium",
        "2025-12-24T00:00:00-05:00",
    )
    assert spaced(describe_issue(issue)) == "10 times its level before Wed, 24 Dec; one of the two is wrong"
    # A fault that came and went in the baseline is over.
    past = scale(readings, between(readings, "2025-12-24", "2025-12-30"), 10.0)
    assert kinds(health(past)) == []


@pytest.mark.parametrize("factor", [2.0, 5.0, 6.5, 15.0, 0.2, 0.5])
def test_a_load_that_doubles_is_no_wrong_unit(factor):
    readings = healthy()
    readings = scale(readings, between(readings, "2026-01-14", "2026-01-17"), factor)
    assert flagged(readings) == {}


def test_a_flat_load_that_goes_up_tenfold_may_be_a_load_but_a_hundredfold_is_not():
    flat = fill_window(1, BOTH, 4.0, 4.0)
    rows = between(flat, "2026-01-14", "2026-01-17")
    assert flagged(scale(flat, rows, 10.0)) == {}
    assert flagged(scale(flat, rows, 100.0)) == {"wrong_unit": 288}


def test_three_sound_phases_have_no_issue():
    section = health(with_phases(healthy()))
    assert kinds(section) == []
    assert [entry["check"] for entry in section["notAssessed"]] == ["sum_of_sub_meters"]
    assert flagged(with_phases(healthy())) == {}


@pytest.mark.parametrize(
    ("factor", "kind", "title"),
    [
        (-1.0, "phase_reversed", "power of phase 2 is negative for 24 hours"),
        (0.0, "phase_missing", "phase 2 carries nothing for 24 hours while the others do"),
    ],
)
def test_a_reversed_or_missing_phase_is_found_and_only_it(factor, kind, title):
    readings = with_phases(healthy())
    rows = between(readings, "2026-01-14 08:00", "2026-01-15 08:00")
    section = health(set_phase(readings, rows, factor))
    assert kinds(section) == [(kind, "high")]
    assert describe_issue(section["issues"][0]) == title
    assert flagged(set_phase(readings, rows, factor)) == {kind: 96}
    short = between(readings, "2026-01-14 08:00", "2026-01-14 13:45")
    assert flagged(set_phase(readings, short, factor)) == {}


def test_a_load_on_two_phases_and_a_phase_that_rests_every_night_miss_nothing():
    assert kinds(health(with_phases(healthy(), (0.5, 0.5, 0.0)))) == []
    readings = with_phases(healthy())
    assert flagged(set_phase(readings, readings["power_kw"] < 6, 0.0)) == {}


def test_phase_imbalance_is_low():
    section = health(with_phases(healthy(), (0.54, 0.25, 0.21)))
    assert kinds(section) == [("phase_imbalance", "low")]
    assert section["issues"][0]["imbalancePct"] == 62.0
    assert kinds(health(with_phases(healthy(), (0.49, 0.28, 0.23)))) == []


def test_power_that_runs_backwards_since_the_period_is_a_reversed_clamp():
    readings = healthy()
    section = health(scale(readings, between(readings, *WHOLE_WEEK), -1.0))
    assert ("reversed", "high") in kinds(section)
    assert {kind for kind, _ in kinds(section)} <= {"reversed"}
    assert kinds(health(scale(readings, readings["power_kw"] > 0, -1.0))) == [("reversed", "medium")]


def test_feeding_in_by_day_is_the_nature_of_a_meter_with_generation():
    readings = healthy()
    hour = readings["interval_start"].dt.tz_convert(NEW_YORK).dt.hour
    section = health(scale(readings, (hour >= 11) & (hour < 14), -1.0))
    assert kinds(section) == [("negative_energy", "low")]


def site_of(main_factor=1.0, sub_factor=1.0, period_only=True):
    """Return a main meter of 20/8 kW with two sub-meters of a quarter each."""
    meters = make_meters(1, 2, 3, parents={2: 1, 3: 1})
    parts = [fill_window(key, BOTH, kw, kw / 2) for key, kw in ((1, 20.0), (2, 5.0), (3, 5.0))]
    week = between(parts[0], *WHOLE_WEEK) if period_only else parts[0]["power_kw"] > 0
    parts[0], parts[1] = scale(parts[0], week, main_factor), scale(parts[1], week, sub_factor)
    return pd.concat(parts), meters


def test_main_and_sub_meters_that_agree_have_no_issue():
    assert kinds(health(*site_of())) == []
    assert kinds(health(*site_of(main_factor=0.5 / 1.04, period_only=False))) == []  # 104 %, within the tolerance


def test_sub_meters_that_exceed_their_main():
    section = health(*site_of(main_factor=0.5 / 1.06, period_only=False))
    assert kinds(section) == [("sum_mismatch", "medium")]
    assert (section["issues"][0]["coveredPct"], section["issues"][0]["subMeterIds"]) == (106.0, [2, 3])


def test_a_sub_meter_that_lost_a_share_shows_in_the_sum():
    section = health(*site_of(main_factor=1.3, period_only=True))  # 50 % before, 38 % now: within 15 points
    assert [kind for kind, _ in kinds(section)] == ["base_load_step"]
    section = health(*site_of(main_factor=1.5, period_only=True))
    assert sorted(kinds(section)) == [("base_load_step", "low"), ("sum_shift", "low")]
    assert next(issue for issue in section["issues"] if issue["type"] == "sum_shift")["coveredPct"] == 33.3


@pytest.mark.parametrize(("added_kw", "expected"), [(0.0, []), (0.9, []), (1.5, ["base_load_step"])])
def test_a_step_in_base_load_tells_when_it_came(added_kw, expected):
    readings = healthy()
    rows = between(readings, "2026-01-15", "2026-01-19")
    power = readings["power_kw"] + np.where(rows, added_kw, 0.0)
    section = health(readings.assign(power_kw=power, energy_kwh=power / 4))
    assert kinds(section) == [(kind, "low") for kind in expected]
    if expected:
        issue = section["issues"][0]
        assert issue["start"] == "2026-01-15T00:00:00-05:00"
        # Of 96 values the tenth percentile is the second of the seven steps on weekdays (0.98667 × 4 kW) and the first
        # on weekends (0.98 × 4 kW); the four days from Thursday on hold two of each.
        assert (issue["usualBaseKw"], issue["baseKw"]) == (3.947, 5.433)


def test_a_step_of_two_days_is_not_yet_one():
    readings = healthy()
    power = readings["power_kw"] + np.where(between(readings, "2026-01-17", "2026-01-19"), 1.5, 0.0)
    assert kinds(health(readings.assign(power_kw=power, energy_kwh=power / 4))) == []


def test_busier_days_are_no_step_in_base_load():
    readings = healthy()
    rows = between(readings, *WHOLE_WEEK) & (readings["power_kw"] > 6)
    assert kinds(health(scale(readings, rows, 2.0))) == []


def test_a_base_load_that_has_fallen_is_a_step_as_well():
    readings = healthy()
    section = health(scale(readings, between(readings, "2026-01-15", "2026-01-19"), 0.5))
    assert [kind for kind, _ in kinds(section)] == ["base_load_step"]
    assert (section["issues"][0]["usualBaseKw"], section["issues"][0]["baseKw"]) == (3.947, 1.967)


def test_a_hole_in_a_sub_meter_does_not_unbalance_the_sum():
    readings, meters = site_of()
    # Without five of seven days the second meter alone would make 33 % of the 50 % that are usual.
    hole = (readings["channel_id"] == 2) & between(readings, "2026-01-12 06:00", "2026-01-17")
    found = {kind for kind, _ in kinds(health(readings[~hole], meters))}
    assert "gap" in found
    assert not {"sum_mismatch", "sum_shift"} & found


def test_phases_of_next_to_nothing_are_not_compared():
    readings = healthy()
    small = with_phases(scale(readings, readings["power_kw"] > 0, 0.002), (0.54, 0.25, 0.21))  # 24 W at most
    assert kinds(health(small)) == []
