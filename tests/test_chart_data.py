"""Tests of analyze/week/chart_data.py: the series of the report's pages, worked out by hand."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from week_factory import NEW_YORK, WEEK, fill_window, make_meters, make_readings, make_scope, prepare, set_power

from analyze.week.chart_data import completeness_by_day, heat_map, site_load
from analyze.week.site_week import analyze_site_week
from lib.date_utils import Window, local_day_window

SCOPE = make_scope(make_meters(1, 2))
BOTH = Window(SCOPE.baseline.start, SCOPE.period.end)


def profiled_of(readings, q50_kw, scope=SCOPE):
    rows = prepare(readings, scope)[0]
    return rows.assign(q50_kw=rows["channel_id"].map(q50_kw).astype(float))


def test_site_load_adds_up_meters_beside_what_is_usual():
    first = pd.Timestamp(WEEK.start)
    readings = pd.concat([make_readings(1, first, [4.0] * 8), make_readings(2, first, [2.0] * 4)])
    load = site_load(profiled_of(readings, {1: 3.0, 2: np.nan}), SCOPE)
    assert load.index[0] == first.timestamp()
    assert len(load) == 168
    assert load.head(3)["actual_kwh"].fillna(-1).tolist() == [6.0, 4.0, -1.0]
    assert load.head(3)["expected_kwh"].fillna(-1).tolist() == [
        5.0,
        3.0,
        -1.0,
    ]  # 2 has no history
    assert load.head(3)["meters"].tolist() == [2, 1, 0]


def test_heat_map_is_the_mean_of_each_hour_of_the_wall_clock():
    two_weeks = local_day_window(date(2026, 1, 12), date(2026, 1, 25), NEW_YORK)
    readings = fill_window(1, two_weeks, 5.0, 1.0)
    for day, kw in (("2026-01-12", 4.0), ("2026-01-19", 8.0)):
        readings = set_power(readings, f"{day} 09:00", f"{day} 10:00", kw)
    scope = make_scope(make_meters(1), two_weeks)
    map_kw = heat_map(profiled_of(readings, {1: 1.0}, scope), scope)
    assert map_kw[0][9] == pytest.approx(6.0, abs=0.001)  # Mondays at nine
    assert map_kw[1][9] == pytest.approx(5.0, abs=0.1)
    assert map_kw[6][9] == pytest.approx(1.0, abs=0.02)


def test_heat_map_takes_no_missing_reading_for_a_lull():
    """Three quarters of an hour of one meter are lost, a day of the other; a third reported on Monday only."""
    first, second = fill_window(1, WEEK, 5.0, 5.0), fill_window(2, WEEK, 2.0, 2.0)
    lost = first["interval_start"].between(
        pd.Timestamp("2026-01-13 10:00", tz=NEW_YORK), pd.Timestamp("2026-01-13 10:40", tz=NEW_YORK)
    )
    day = second["interval_start"].dt.tz_convert(NEW_YORK).dt.day == 14
    third = make_readings(3, WEEK.start, [50.0] * 96)
    scope = make_scope(make_meters(1, 2, 3))
    map_kw = heat_map(profiled_of(pd.concat([first[~lost], second[~day], third]), {1: 1.0}, scope), scope)
    assert map_kw[2] == [None] * 24
    assert all(kw == pytest.approx(7.0, abs=0.15) for n, row in enumerate(map_kw) if n != 2 for kw in row)
    assert heat_map(profiled_of(third, {}, scope), scope) == [[None] * 24] * 7


def test_heat_map_keeps_the_hours_in_which_a_small_meter_is_silent():
    """A meter of 1 kW beside one of 9 loses a day: the day is drawn, of what was metered."""
    small = fill_window(2, WEEK, 1.0, 1.0)
    day = small["interval_start"].dt.tz_convert(NEW_YORK).dt.day == 14
    scope = make_scope(make_meters(1, 2))
    readings = pd.concat([fill_window(1, WEEK, 9.0, 9.0), small[~day]])
    map_kw = heat_map(profiled_of(readings, {1: 1.0}, scope), scope)
    assert all(kw == pytest.approx(9.0 if n == 2 else 10.0, abs=0.2) for n, row in enumerate(map_kw) for kw in row)


@pytest.mark.parametrize(("sunday", "quarters"), [(date(2026, 3, 8), 92), (date(2026, 11, 1), 100)])
def test_completeness_knows_how_long_a_day_is(sunday, quarters):
    week = local_day_window(date.fromordinal(sunday.toordinal() - 6), sunday, NEW_YORK)
    scope = make_scope(make_meters(1, 2), week)
    day = local_day_window(sunday, sunday, NEW_YORK)
    readings = make_readings(1, pd.Timestamp(day.start), [1.0] * quarters)
    rows = prepare(readings.drop(index=range(quarters // 4)), scope)[0]
    full, silent = completeness_by_day(rows, scope)
    assert full["days"][-1] == {"date": sunday.isoformat(), "completenessPct": 75.0}
    assert [day["completenessPct"] for day in full["days"][:-1]] == [0.0] * 6
    assert [day["completenessPct"] for day in silent["days"]] == [0.0] * 7


def test_a_part_of_a_day_is_measured_by_that_part():
    part = Window(WEEK.start, WEEK.start + pd.Timedelta("36h").to_pytimedelta())
    scope = make_scope(make_meters(1), part)
    rows = prepare(fill_window(1, part, 2.0, 2.0), scope)[0]
    assert completeness_by_day(rows, scope)[0]["days"] == [
        {"date": "2026-01-12", "completenessPct": 100.0},
        {"date": "2026-01-13", "completenessPct": 100.0},
    ]


def test_charts_are_of_the_whole_site_and_the_sub_meter_counts_once():
    meters = make_meters(1, 2, parents={2: 1})
    readings = pd.concat([fill_window(1, BOTH, 5.0, 5.0), fill_window(2, BOTH, 3.0, 3.0)])
    week = analyze_site_week(readings, meters, WEEK, SCOPE.baseline, NEW_YORK, SCOPE.config)
    hours = week.charts["siteLoad"]
    assert (hours[0]["timestamp"], len(hours)) == ("2026-01-12T00:00:00-05:00", 168)
    assert sum(hour["actualKwh"] for hour in hours) == pytest.approx(week.consumption["totalKwh"], abs=0.1)
    assert sum(hour["expectedKwh"] for hour in hours) == pytest.approx(168 * 5, rel=0.01)
    assert week.charts["heatMap24x7"][6][23] == pytest.approx(5.0, rel=0.03)
