"""Tests of analyze/after_hours_waste.py."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from analyze.after_hours_waste import (
    after_hours_excess_kwh,
    build_section,
    estimate_baselines,
    resting_power_kw,
)
from analyze.intervals import in_window, prepare_intervals
from config.report_config import ReportConfig
from lib.date_utils import Window, local_day_window
from tests.week_factory import (
    NEW_YORK,
    fill_window,
    make_meters,
    make_readings,
    make_scope,
    prepare,
    set_power,
)

METERS = make_meters(1)
SCOPE = make_scope(METERS)
BOTH = Window(SCOPE.baseline.start, SCOPE.period.end)


def waste(readings, scope=SCOPE):
    _, _, clean = prepare(readings, scope)
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


def test_excess_by_hand_around_closing_time():
    # 17:15 to 19:30 on a Monday in New York; the doors close at 18:00.
    readings = make_readings(1, "2026-01-12 22:15Z", [9.0, 9.0, 9.0, 9.0, 3.0, 2.0, 1.0, 0.0, 6.0, 2.5])
    intervals = prepare_intervals(readings, METERS, NEW_YORK, ReportConfig())
    baselines = pd.DataFrame({"baseline_kw": [2.0]}, index=[1])
    excess = after_hours_excess_kwh(intervals, baselines).tolist()
    assert excess == [0.0, 0.0, 0.0, 1.75, 0.25, 0.0, 0.0, 0.0, 1.0, 0.125]


def test_excess_uses_the_rows_own_interval_and_energy_where_power_is_missing():
    readings = make_readings(1, "2026-01-18 05:00Z", [4.0, 4.0], 1800)
    readings.loc[0, "power_kw"] = np.nan
    readings.loc[1, "energy_kwh"] = np.nan
    intervals = prepare_intervals(readings, METERS, NEW_YORK, ReportConfig())
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
    assert meter["isSignificant"] is True
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


def test_the_period_stands_in_for_an_incomplete_baseline():
    readings = left_on()
    late = readings[readings["interval_start"] >= pd.Timestamp("2025-12-24", tz="UTC")]  # 19 of 28 days
    (meter,) = waste(late)["topMeters"]
    assert meter["baseline"]["source"] == "report_week"
    assert meter["usualExcessKwh"] is None
    assert meter["aboveUsualKwh"] is None


def test_without_either_it_is_not_assessed_and_says_what_is_missing():
    readings = left_on()
    section = waste(readings[readings["interval_start"] >= pd.Timestamp("2026-01-16", tz="UTC")])
    assert section["topMeters"] == []
    (entry,) = section["notAssessed"]
    assert (entry["channelId"], entry["channelName"], entry["code"]) == (1, "meter 1", "insufficient_data")
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


def test_a_period_of_half_a_week_gives_the_same_annual_figure():
    """One night left on every 3.5 days costs twice as much a year as one every week."""
    period = Window(SCOPE.period.start, pd.Timestamp("2026-01-15 12:00", tz=NEW_YORK).tz_convert("UTC").to_pydatetime())
    scope = make_scope(METERS, period)
    summary = waste(left_on(), scope)["summary"]
    assert summary["estimatedAnnualCost"] == pytest.approx(summary["totalExcessCost"] * 2 * 52.18, abs=1.0)


def test_no_readings():
    empty = make_readings(1, "2026-01-12 05:00Z", [])
    section = waste(empty)
    assert section["topMeters"] == []
    assert section["notAssessed"][0]["reason"] == "no sound readings in the period"
