"""Tests of analyze/after_hours_waste.py."""

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest
from week_factory import (
    NEW_YORK,
    fill_window,
    make_meters,
    make_readings,
    make_scope,
    make_thresholds,
    prepare,
    set_power,
)

from analyze.meters.bad_intervals import find_bad_intervals
from analyze.sections.after_hours import (
    after_hours_excess_kwh,
    build_section,
    estimate_baselines,
    resting_power_kw,
)
from analyze.week.intervals import in_window, prepare_intervals
from config.opening_hours import ASSUMED_SCHEDULE, DayException, Schedule
from lib.date_utils import Window, local_day_window

METERS = make_meters(1)
SCOPE = make_scope(METERS)
BOTH = Window(SCOPE.baseline.start, SCOPE.period.end)


CLOSED_FRIDAY = Schedule(ASSUMED_SCHEDULE.week, (DayException(date(2026, 1, 16), date(2026, 1, 16), (), "burst pipe"),))


def waste(readings, scope=SCOPE):
    intervals = prepare_intervals(readings, scope.meters, scope.tz, scope.schedule)
    clean = intervals[~find_bad_intervals(intervals, scope.config).any(axis=1)]
    return build_section(clean, estimate_baselines(clean, scope), scope)


def left_on(channel_id=1, kw=8.0):
    """A meter resting near 1 kW that was left on from Tuesday's close to Wednesday's opening, 13 hours."""
    return set_power(fill_window(channel_id, BOTH, 5.0, 1.0), "2026-01-13 18:00", "2026-01-14 07:00", kw)


def test_resting_power_is_a_low_quantile_of_what_is_on():
    powers = [0.0, 0.1, 0.05, 1.0, 2.0, 3.0, 4.0, 5.0, 0.02, 0.1]
    rows = pd.DataFrame({"channel_id": [1] * 5 + [1] * 5 + [2] * 3, "mean_kw": [*powers, 0.04, 0.06, 0.08]})
    resting = resting_power_kw(rows, quantile=0.05, min_power_kw=0.1)
    # 1 … 5 kW are on: a twentieth of the way from the first to the last. The second channel is never on.
    assert resting[1] == pytest.approx(1.2)
    assert resting[2] == pytest.approx(0.042)


def test_what_is_off_for_most_of_the_time_rests_at_nothing():
    mostly_off, half_off, seldom_off = [0.0] * 3 + [5.0], [0.0] * 2 + [5.0] * 2, [0.0] + [5.0] * 3
    rows = pd.DataFrame({"channel_id": np.repeat([1, 2, 3], 4), "mean_kw": mostly_off + half_off + seldom_off})
    assert resting_power_kw(rows, quantile=0.05, min_power_kw=0.1).tolist() == [5.0, 5.0, 5.0]  # the contract's rule
    assert resting_power_kw(rows, quantile=0.05, min_power_kw=0.1, rule="nights").tolist() == [0.0, 0.0, 5.0]


def test_excess_by_hand_around_closing_time():
    # 17:15 to 19:30 on a Monday in New York; the doors close at 18:00.
    readings = make_readings(1, "2026-01-12 22:15Z", [9.0, 9.0, 9.0, 9.0, 3.0, 2.0, 1.0, 0.0, 6.0, 2.5])
    intervals = prepare_intervals(readings, METERS, NEW_YORK)
    baselines = pd.DataFrame({"baseline_kw": [2.0]}, index=[1])
    excess = after_hours_excess_kwh(intervals, baselines).tolist()
    assert excess == [0.0, 0.0, 0.0, 1.75, 0.25, 0.0, 0.0, 0.0, 1.0, 0.125]


def test_excess_uses_the_rows_own_interval_and_energy_where_power_is_missing():
    readings = make_readings(1, "2026-01-18 05:00Z", [4.0, 4.0], 1800)
    readings.loc[0, "power_kw"] = np.nan
    readings.loc[1, "energy_kwh"] = np.nan
    intervals = prepare_intervals(readings, METERS, NEW_YORK)
    assert after_hours_excess_kwh(intervals, pd.DataFrame({"baseline_kw": [1.0]}, index=[1])).tolist() == [1.5, 1.5]
    assert intervals["used_kwh"].tolist() == [2.0, 2.0]


def test_a_meter_left_on_for_a_night():
    section = waste(left_on())
    (meter,) = section["topMeters"]
    # The wiggle's lowest value, 0.98 kW, is a seventh of all, so it is the 5th percentile. 13 h × 7.02 kW, and the
    # other 100 hours waver 0.02 kW above it.
    assert meter["baseline"] == {"kw": 0.98, "source": "baseline_weeks"}
    assert meter["impact"]["excessKwh"] == pytest.approx(13 * 7.02 + 100 * 0.02, abs=0.05)
    assert meter["impact"]["excessCost"] == pytest.approx(93.26 * 0.12, abs=0.01)
    assert meter["impact"]["percentOfTotal"] == pytest.approx(100 * 93.26 / (55 * 5 + 100 + 104), abs=0.1)
    assert meter["thisWeek"]["totalAfterHoursKwh"] == pytest.approx(204, abs=0.1)
    assert meter["thisWeek"]["intervals"] == 113 * 4
    assert meter["thisWeek"]["avgPowerKw"] == pytest.approx(204 / 113, abs=0.001)
    assert meter["thisWeek"]["maxPowerKw"] == pytest.approx(8.0, abs=0.001)
    assert meter["thisWeek"]["minPowerKw"] == 0.98
    # In the weeks before: 113 hours of wavering. So this week is new.
    assert meter["usualExcessKwh"] == pytest.approx(2.26, abs=0.05)
    assert meter["aboveUsualKwh"] == pytest.approx(91.0, abs=0.05)
    assert (meter["isSignificant"], meter["pattern"]) == (True, "new")
    assert meter["noiseKwh"] < 0.1
    summary = section["summary"]
    assert (summary["totalMetersWithExcess"], summary["totalExcessKwh"]) == (1, meter["impact"]["excessKwh"])
    assert summary["estimatedAnnualCost"] == pytest.approx(93.26 * 0.12 * 52.18, abs=0.4)


def test_episodes_are_the_largest_in_order_of_time():
    (meter,) = waste(left_on())["topMeters"]
    episodes = meter["excessIntervals"]
    assert len(episodes) == 20
    assert episodes == sorted(episodes, key=lambda episode: episode["start"])
    night = max(episodes, key=lambda episode: episode["excessKwh"])
    assert (night["start"], night["end"]) == ("2026-01-13T18:00:00-05:00", "2026-01-14T07:00:00-05:00")
    assert night["excessKwh"] == pytest.approx(13 * 7.02, abs=0.01)


def test_the_parts_of_a_night_left_on():
    """On Tuesday from 18:00 to Wednesday 07:00; the last hour is start-up, the first half hour shut-down."""
    (meter,) = waste(left_on())["topMeters"]
    parts = {name: part["kwh"] for name, part in meter["parts"].items()}
    # Besides: 100 h that waver 0.02 kW about the rest, 4 h of them before opening and 2 h after closing.
    assert parts["startUp"] == pytest.approx(7.02 + 4 * 0.02, abs=0.03)
    assert parts["shutDown"] == pytest.approx(7.02 / 2 + 2 * 0.02, abs=0.03)
    assert parts["leftOn"] == pytest.approx(11.5 * 7.02, abs=0.03)
    assert parts["wavering"] == pytest.approx(94 * 0.02, abs=0.05)
    assert parts["baseLoad"] == pytest.approx(113 * 0.98, abs=0.05)
    assert sum(parts.values()) == pytest.approx(meter["thisWeek"]["totalAfterHoursKwh"], abs=0.03)
    assert meter["parts"]["leftOn"]["cost"] == pytest.approx(parts["leftOn"] * 0.12, abs=0.01)


def test_nights_weekends_and_holidays_apart():
    (meter,) = waste(left_on(), SCOPE._replace(schedule=CLOSED_FRIDAY))["topMeters"]
    kinds = meter["byKind"]
    # Four nights of 13 h (Monday's before 07:00, and after 18:00 to midnight on Thursday), Friday, the weekend.
    assert {kind: entry["hours"] for kind, entry in kinds.items()} == {"night": 52.0, "weekend": 48.0, "holiday": 24.0}
    assert kinds["night"]["excessKwh"] == pytest.approx(13 * 7.02 + 39 * 0.02, abs=0.05)
    assert kinds["weekend"]["excessKwh"] == pytest.approx(48 * 0.02, abs=0.05)
    assert kinds["holiday"]["excessKwh"] == pytest.approx(13 * 0.02 + 11 * 4.02, abs=0.05)  # open on other Fridays
    assert kinds["holiday"]["excessCost"] == pytest.approx(kinds["holiday"]["excessKwh"] * 0.12, abs=0.01)
    assert sum(entry["totalKwh"] for entry in kinds.values()) == pytest.approx(204 + 55, abs=0.2)


def test_the_worst_nights_are_named_by_their_evening():
    readings = set_power(left_on(), "2026-01-15 01:00", "2026-01-15 03:00", 4.0)
    worst = waste(readings)["topMeters"][0]["worstNights"]
    assert [night["night"] for night in worst[:2]] == ["2026-01-13", "2026-01-14"]
    assert len(worst) == 3
    assert worst[0]["excessKwh"] == pytest.approx(13 * 7.02, abs=0.01)
    assert worst[0]["maxPowerKw"] == pytest.approx(8.0, abs=0.001)
    assert worst[1]["excessKwh"] == pytest.approx(2 * 3.02 + 11 * 0.02, abs=0.03)
    assert worst[0]["excessCost"] == pytest.approx(10.95, abs=0.01)


def test_the_profile_is_mean_power_by_hour_of_the_week():
    readings = left_on()
    local = readings["interval_start"].dt.tz_convert(NEW_YORK)
    readings = readings[~((local >= "2026-01-18 22:00") & (local < "2026-01-18 23:30"))]
    (meter,) = waste(readings)["topMeters"]
    profile = meter["profile24x7"]
    assert [len(day) for day in profile] == [24] * 7
    assert profile[1][20] == pytest.approx(8.0, abs=0.001)
    assert profile[2][6] == pytest.approx(8.0, abs=0.001)
    assert profile[0][12] == pytest.approx(5.0, abs=0.08)
    assert profile[6][22] is None
    assert profile[6][23] == pytest.approx(1.0, abs=0.02)  # of two quarters
    assert json.loads(json.dumps(profile, allow_nan=False)) == profile


def off_by_night(kw=6.0):
    """A machine that is off at night but for an hour on each Monday evening."""
    readings = fill_window(1, BOTH, kw, 0.0)
    for monday in ("2025-12-15", "2025-12-22", "2025-12-29", "2026-01-05", "2026-01-12"):
        readings = set_power(readings, f"{monday} 20:00", f"{monday} 21:00", kw)
    return readings


def test_a_machine_off_at_night_that_is_left_on_is_seen():
    readings = set_power(off_by_night(), "2026-01-14 18:00", "2026-01-15 07:00", 6.0)
    contract = make_thresholds(after_hours={"rest_rule": "running", "significance_rule": "listed"})
    assert waste(readings, make_scope(METERS, config=contract))["topMeters"] == []  # its running power is its rest
    (meter,) = waste(readings)["topMeters"]
    assert meter["baseline"]["kw"] == 0.0
    assert meter["impact"]["excessKwh"] == pytest.approx(14 * 6.0, abs=0.01)
    assert meter["usualExcessKwh"] == pytest.approx(6.0, abs=0.01)
    assert (meter["isSignificant"], meter["pattern"]) == (True, "new")
    assert [night["night"] for night in meter["worstNights"]] == ["2026-01-14", "2026-01-12"]  # the others had none


def test_a_noisy_load_is_not_significant_and_under_the_contract_is():
    rng = np.random.default_rng(7)
    readings = fill_window(1, BOTH, 8.0, 3.0)
    noise = rng.lognormal(0, 0.15, len(readings))
    readings = readings.assign(power_kw=readings["power_kw"] * noise, energy_kwh=readings["energy_kwh"] * noise)
    (meter,) = waste(readings)["topMeters"]
    assert meter["impact"]["excessKwh"] > 50
    assert (meter["isSignificant"], meter["pattern"]) == (False, "wavers")
    listed = make_scope(METERS, config=make_thresholds(after_hours={"significance_rule": "listed"}))
    assert waste(readings, listed)["topMeters"][0]["isSignificant"] is True


def test_a_habit_is_listed_but_not_significant():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    for day in pd.date_range("2025-12-15", "2026-01-16", freq="B"):
        readings = set_power(readings, f"{day:%Y-%m-%d} 18:00", f"{day:%Y-%m-%d} 22:00", 5.0)
    (meter,) = waste(readings)["topMeters"]
    assert meter["impact"]["excessKwh"] == pytest.approx(20 * 4.02 + 93 * 0.02, abs=0.1)
    assert (meter["isSignificant"], meter["pattern"]) == (False, "habit")


def test_significance_needs_more_than_the_noise_of_the_nights():
    """A dryer runs four hours on three nights of each week, never on the same: one night more is within that."""
    readings = fill_window(1, BOTH, 0.0, 0.0)
    weeks = ["2025-12-15", "2025-12-22", "2025-12-29", "2026-01-05"]
    for monday, nights in zip(weeks, [(0, 1, 2), (2, 3, 4), (4, 5, 6), (6, 0, 1)], strict=True):
        for night in nights:
            day = f"{pd.Timestamp(monday) + pd.Timedelta(days=night):%Y-%m-%d}"
            readings = set_power(readings, f"{day} 18:30", f"{day} 22:30", 4.0)
    for day in ("2026-01-12", "2026-01-13", "2026-01-15", "2026-01-17"):
        readings = set_power(readings, f"{day} 18:30", f"{day} 22:30", 4.0)
    (meter,) = waste(readings)["topMeters"]
    assert (meter["usualExcessKwh"], meter["aboveUsualKwh"]) == (48.0, 16.0)
    # The four weeks agree, the nights do not: most weekdays have two nights on and two off, 8 kWh from their median.
    assert meter["noiseKwh"] == pytest.approx(8 / 1.2816 * np.sqrt(7), abs=0.05)
    assert (meter["isSignificant"], meter["pattern"]) == (False, "habit")
    careless = make_scope(METERS, config=make_thresholds(after_hours={"noise_multiplier": 0.3}))
    assert waste(readings, careless)["topMeters"][0]["isSignificant"] is True
    (meter,) = waste(set_power(readings, "2026-01-12 18:00", "2026-01-15 06:00", 4.0))["topMeters"]
    assert meter["isSignificant"] is True


def test_noise_sees_weeks_that_drift():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    for monday, kw in (("2025-12-15", 3.0), ("2025-12-22", 5.0), ("2025-12-29", 7.0), ("2026-01-05", 9.0)):
        for day in pd.date_range(monday, periods=5):
            readings = set_power(readings, f"{day:%Y-%m-%d} 18:00", f"{day:%Y-%m-%d} 22:00", kw)
    for day in pd.date_range("2026-01-12", periods=5):
        readings = set_power(readings, f"{day:%Y-%m-%d} 18:00", f"{day:%Y-%m-%d} 22:00", 11.0)
    (meter,) = waste(readings)["topMeters"]
    # 20 hours a week, each week 40 kWh more: 60 and 20 kWh from the median, so a median deviation of 40.
    assert meter["noiseKwh"] == pytest.approx(1.4826 * 40, abs=0.1)
    assert meter["aboveUsualKwh"] == pytest.approx(100, abs=0.1)
    assert meter["isSignificant"] is False


def test_less_than_ten_kwh_is_not_reported():
    readings = set_power(fill_window(1, BOTH, 5.0, 1.0), "2026-01-13 18:00", "2026-01-13 19:00", 8.0)
    section = waste(readings)  # 7 kWh, and 2 of wavering
    assert section["topMeters"] == []
    assert section["summary"]["totalExcessKwh"] == 0.0


def test_business_hours_follow_local_time_over_both_clock_changes():
    for first, expected_hours in ((date(2026, 3, 2), 112), (date(2026, 10, 26), 114)):
        week = local_day_window(first, date.fromordinal(first.toordinal() + 6), NEW_YORK)
        scope = make_scope(METERS, week)
        readings = fill_window(1, Window(scope.baseline.start, week.end), 5.0, 1.0)
        _, _, clean = prepare(readings, scope)
        shut = clean[in_window(clean, week) & clean["is_after_hours"]]
        assert shut["hours"].sum() == expected_hours
        assert shut["mean_kw"].max() < 1.1  # not one interval of the 5 kW day is among them


def test_the_usual_excess_is_the_median_of_full_weeks():
    """Left on for a night in three of the four weeks before; of the third week only the night was received."""
    readings = left_on()
    for night, kw in (("2025-12-16", 8.0), ("2025-12-23", 8.0), ("2026-01-06", 30.0)):
        morning = pd.Timestamp(night) + pd.Timedelta("1D")
        readings = set_power(readings, f"{night} 18:00", f"{morning:%Y-%m-%d} 07:00", kw)
    (meter,) = waste(readings)["topMeters"]
    assert meter["usualExcessKwh"] == pytest.approx(93.26, abs=0.1)  # the middle of 2.3, 93.3, 93.3 and 379
    moment = readings["interval_start"].dt.tz_convert(NEW_YORK)
    lost = moment.between(pd.Timestamp("2025-12-18", tz=NEW_YORK), pd.Timestamp("2025-12-21 23:45", tz=NEW_YORK))
    lost |= moment.between(pd.Timestamp("2025-12-25", tz=NEW_YORK), pd.Timestamp("2025-12-28 23:45", tz=NEW_YORK))
    (meter,) = waste(readings[~lost])["topMeters"]
    assert meter["usualExcessKwh"] == pytest.approx((2.26 + 13 * 29.02 + 2) / 2, abs=0.1)  # of the two full weeks


def test_the_usual_excess_of_a_day_is_that_of_the_same_weekday():
    """Left on over the whole of every Saturday and no other day: the fifth Saturday is nothing new."""
    readings = fill_window(1, BOTH, 5.0, 1.0)
    for day in ("2025-12-20", "2025-12-27", "2026-01-03", "2026-01-10", "2026-01-17"):
        readings = set_power(readings, f"{day} 00:00", f"{day} 23:59", 5.0)
    scope = make_scope(METERS, local_day_window(date(2026, 1, 17), date(2026, 1, 17), NEW_YORK))
    (meter,) = waste(readings, scope)["topMeters"]
    assert meter["usualExcessKwh"] == pytest.approx(24 * 4.02, abs=0.5)
    assert (meter["aboveUsualKwh"], meter["pattern"]) == (pytest.approx(0.0, abs=0.5), "habit")


def test_the_period_stands_in_for_an_incomplete_baseline():
    readings = left_on()
    late = readings[readings["interval_start"] >= pd.Timestamp("2025-12-24", tz="UTC")]  # 19 of 28 days
    (meter,) = waste(late)["topMeters"]
    assert meter["baseline"]["source"] == "report_week"
    assert meter["usualExcessKwh"] is None
    assert meter["aboveUsualKwh"] is None
    assert (meter["noiseKwh"], meter["pattern"], meter["isSignificant"]) == (None, "unknown", False)


def test_without_either_it_is_not_assessed_and_says_what_is_missing():
    readings = left_on()
    section = waste(readings[readings["interval_start"] >= pd.Timestamp("2026-01-16", tz="UTC")])
    assert section["topMeters"] == []
    (entry,) = section["notAssessed"]
    assert (entry["channelId"], entry["status"], entry["code"]) == (1, "insufficient_data", "short_baseline")
    assert "0.0 % of the baseline weeks and 45.8 % of the period" in entry["reason"]


def test_a_parents_excess_that_its_sub_meters_explain_is_in_the_sum_once():
    scope = make_scope(make_meters(1, 2, parents={2: 1}))
    parent = left_on(1, kw=10.0)
    section = waste(pd.concat([parent, left_on(2, kw=8.0)]), scope)
    assert [meter["channelId"] for meter in section["topMeters"]] == [1, 2]
    by_id = {meter["channelId"]: meter for meter in section["topMeters"]}
    assert by_id[2]["netExcessKwh"] == by_id[2]["impact"]["excessKwh"]
    assert by_id[1]["netExcessKwh"] == pytest.approx(13 * 2.0, abs=0.05)
    assert section["summary"]["totalExcessKwh"] == pytest.approx(by_id[1]["impact"]["excessKwh"], abs=0.02)


def test_a_period_of_half_a_week_is_not_blown_up_to_a_week():
    """One night seen in 3.5 days is one night a week, as the quick wins have it: nobody saw the others."""
    period = Window(SCOPE.period.start, pd.Timestamp("2026-01-15 12:00", tz=NEW_YORK).tz_convert("UTC").to_pydatetime())
    scope = make_scope(METERS, period)
    summary = waste(left_on(), scope)["summary"]
    assert summary["estimatedAnnualCost"] == pytest.approx(summary["totalExcessCost"] * 52.18, abs=1.0)


def test_no_readings():
    empty = make_readings(1, "2026-01-12 05:00Z", [])
    section = waste(empty)
    assert section["topMeters"] == []
    assert section["notAssessed"][0]["reason"] == "no sound readings in the period"


def test_what_stays_on_every_night_is_new_though_the_weeks_differ_by_more():
    """Nights of 1 kW with late shifts of different length: the week's sum says nothing, each night's floor does."""
    readings = fill_window(1, BOTH, 5.0, 1.0)
    late_hours = {"2025-12-15": 2, "2025-12-22": 5, "2025-12-29": 3, "2026-01-05": 1}
    for monday, hours in late_hours.items():
        for day in pd.date_range(monday, periods=5):
            readings = set_power(readings, f"{day:%Y-%m-%d} 18:00", f"{day:%Y-%m-%d} {18 + hours}:00", 8.0)
    (meter,) = waste(readings)["topMeters"] or [{"pattern": "none"}]
    assert meter["pattern"] != "new"
    on = readings["interval_start"].between(
        pd.Timestamp(BOTH.end) - pd.Timedelta("7D"), pd.Timestamp(BOTH.end), inclusive="left"
    )
    low = on & (readings["power_kw"] < 2.2)
    readings.loc[low, ["power_kw", "energy_kwh"]] += [1.2, 0.3]
    (meter,) = waste(readings)["topMeters"]
    assert meter["aboveUsualKwh"] < 3 * meter["noiseKwh"]
    assert (meter["pattern"], meter["isSignificant"]) == ("new", True)
    assert meter["usualFloorKw"] == pytest.approx(1.0, abs=0.02)
    assert meter["floorKw"] == pytest.approx(2.2, abs=0.02)
    one_off = readings["interval_start"].between(
        pd.Timestamp("2026-01-15 18:00", tz=NEW_YORK), pd.Timestamp("2026-01-16 07:00", tz=NEW_YORK), inclusive="left"
    )
    readings.loc[one_off & low, ["power_kw", "energy_kwh"]] -= [1.2, 0.3]
    assert waste(readings)["topMeters"][0]["pattern"] == "habit"  # it was off for one night, so it can be


def test_a_week_somewhat_above_usual_is_raised_and_not_new():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    for day in pd.date_range("2026-01-12", periods=3):
        readings = set_power(readings, f"{day:%Y-%m-%d} 18:00", f"{day:%Y-%m-%d} 21:00", 4.0)
    (meter,) = waste(readings)["topMeters"]
    assert meter["aboveUsualKwh"] == pytest.approx(27, abs=0.1)  # 9 h × 3 kW, a quarter of the usual 113 kWh
    assert (meter["pattern"], meter["isSignificant"]) == ("raised", True)
