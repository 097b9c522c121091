"""Tests of analyze/week/chart_data.py: the series of the report's pages, worked out by hand."""

from datetime import date

import pandas as pd
import pytest
from tariff_factory import constant, site_of
from week_factory import NEW_YORK, WEEK, fill_window, make_meters, make_readings, make_scope, prepare, set_power

from analyze.expected.best_energy import BestEnergy
from analyze.week.chart_data import closed_spans, daily_completeness, heat_map, left_out_spans, site_load
from analyze.week.site_week import analyze_site_week
from lib.date_utils import Window, local_day_window

SCOPE = make_scope(make_meters(1, 2))
BOTH = Window(SCOPE.baseline.start, SCOPE.period.end)


def best_of(readings, scope=SCOPE):
    """Return the best energy of the period, of readings none of which is flagged."""
    return site_of(readings, scope).best.of_period(scope)


def test_site_load_adds_up_meters_beside_what_is_expected():
    """Meters at 4 kW and, without history, at 1 and 3 kW; the first misses the second hour and is estimated."""
    first = constant(1, 4.0)
    hole = first["interval_start"].between("2026-01-12 06:00Z", "2026-01-12 06:45Z")
    rows = pd.concat([first[~hole], make_readings(2, pd.Timestamp(WEEK.start), [1.0] * 8 + [3.0] * 4)])
    load = site_load(best_of(rows), SCOPE)
    assert load.index[0] == pd.Timestamp(WEEK.start).timestamp()
    assert len(load) == 168
    assert load.head(4)["actual_kwh"].tolist() == [5.0, 5.0, 7.0, 4.0]
    assert load.head(4)["estimated_kwh"].tolist() == [0.0, 4.0, 0.0, 0.0]
    # The second meter is a fifth of the first hours, and three sevenths of the third.
    assert load.head(4)["expected_kwh"].fillna(-1).tolist() == [5.0, 5.0, -1.0, 4.0]
    assert load.head(4)["meters"].tolist() == [2, 1, 2, 1]
    assert (load["low_kwh"].dropna() <= load["expected_kwh"].dropna()).all()


def test_the_band_of_several_meters_is_that_of_meters_that_stray_apart():
    """Two meters of which each may be one kilowatt higher, and half a kilowatt lower, than expected."""
    one = best_of(constant(1, 4.0)).rows.assign(
        expected_kwh=1.0, expected_low_kwh=0.875, expected_high_kwh=1.25, kwh=1.0
    )
    load = site_load(BestEnergy(pd.concat([one, one.assign(channel_id=2)])), SCOPE)
    assert load["expected_kwh"].tolist() == [8.0] * 168
    assert load["high_kwh"].to_numpy() == pytest.approx(8 + 2**0.5)
    assert load["low_kwh"].to_numpy() == pytest.approx(8 - 2**0.5 / 2)


def test_a_site_without_like_days_has_no_expected_line():
    load = site_load(best_of(constant(1, 4.0, WEEK)), SCOPE)
    assert load["actual_kwh"].tolist() == [4.0] * 168
    assert load[["expected_kwh", "low_kwh", "high_kwh"]].isna().all(axis=None)


def test_heat_map_is_the_mean_of_each_hour_of_the_wall_clock():
    two_weeks = local_day_window(date(2026, 1, 12), date(2026, 1, 25), NEW_YORK)
    readings = fill_window(1, two_weeks, 5.0, 1.0)
    for day, kw in (("2026-01-12", 4.0), ("2026-01-19", 8.0)):
        readings = set_power(readings, f"{day} 09:00", f"{day} 10:00", kw)
    scope = make_scope(make_meters(1), two_weeks)
    map_kw = heat_map(best_of(readings, scope), scope)
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
    map_kw = heat_map(best_of(pd.concat([first[~lost], second[~day], third]), scope), scope)
    assert map_kw[2] == [None] * 24
    assert all(kw == pytest.approx(7.0, abs=0.15) for n, row in enumerate(map_kw) if n != 2 for kw in row)
    assert heat_map(best_of(third, scope), scope) == [[None] * 24] * 7


def test_heat_map_keeps_the_hours_in_which_a_small_meter_is_silent():
    """A meter of 1 kW beside one of 9 loses a day: the day is drawn, of what was metered."""
    small = fill_window(2, WEEK, 1.0, 1.0)
    day = small["interval_start"].dt.tz_convert(NEW_YORK).dt.day == 14
    scope = make_scope(make_meters(1, 2))
    readings = pd.concat([fill_window(1, WEEK, 9.0, 9.0), small[~day]])
    map_kw = heat_map(best_of(readings, scope), scope)
    assert all(kw == pytest.approx(9.0 if n == 2 else 10.0, abs=0.2) for n, row in enumerate(map_kw) for kw in row)


@pytest.mark.parametrize(("sunday", "quarters"), [(date(2026, 3, 8), 92), (date(2026, 11, 1), 100)])
def test_completeness_knows_how_long_a_day_is(sunday, quarters):
    week = local_day_window(date.fromordinal(sunday.toordinal() - 6), sunday, NEW_YORK)
    scope = make_scope(make_meters(1, 2), week)
    day = local_day_window(sunday, sunday, NEW_YORK)
    readings = make_readings(1, pd.Timestamp(day.start), [1.0] * quarters)
    rows = prepare(readings.drop(index=range(quarters // 4)), scope)[0]
    told = daily_completeness(rows, scope)
    assert (len(told["days"]), told["days"][-1]) == (7, sunday.isoformat())
    assert told["channels"] == [
        {"channelId": 1, "channelName": "meter 1", "completenessPct": [0.0] * 6 + [75.0]},
        {"channelId": 2, "channelName": "meter 2", "completenessPct": [0.0] * 7},
    ]


def test_a_part_of_a_day_is_measured_by_that_part():
    part = Window(WEEK.start, WEEK.start + pd.Timedelta("36h").to_pytimedelta())
    scope = make_scope(make_meters(1), part)
    rows = prepare(fill_window(1, part, 2.0, 2.0), scope)[0]
    told = daily_completeness(rows, scope)
    assert told["days"] == ["2026-01-12", "2026-01-13"]
    assert told["channels"][0]["completenessPct"] == [100.0, 100.0]


def test_charts_are_of_the_whole_site_and_the_sub_meter_counts_once():
    meters = make_meters(1, 2, parents={2: 1})
    readings = pd.concat([fill_window(1, BOTH, 5.0, 5.0), fill_window(2, BOTH, 3.0, 3.0)])
    week = analyze_site_week(readings, meters, WEEK, SCOPE.baseline, NEW_YORK, SCOPE.config)
    hours = week.charts["hourly"]
    assert (hours["start"], hours["intervalSeconds"]) == ("2026-01-12T00:00:00-05:00", 3600)
    assert [len(hours[name]) for name in ("actualKwh", "estimatedKwh", "expectedKwh")] == [168] * 3
    assert sum(hours["actualKwh"]) == pytest.approx(week.consumption["totalKwh"], abs=0.2)
    assert sum(hours["expectedKwh"]) == pytest.approx(168 * 5, rel=0.01)
    assert [(meter["channelId"], meter["unitKwh"]) for meter in hours["meters"]] == [(1, 0.05), (2, 0.02)]
    first, second = (sum(meter["actual"]) * meter["unitKwh"] for meter in hours["meters"])
    assert (first, second) == (pytest.approx(168 * 5, rel=0.01), pytest.approx(168 * 3, rel=0.01))
    assert hours["leftOut"] == []
    assert week.charts["heatMap24x7"][6][23] == pytest.approx(5.0, rel=0.03)


def test_hours_of_meters_tell_what_was_expected_where_a_finding_is_measured_by_it():
    """The first meter is left on for two nights, the second runs as ever; a third is read once in two hours."""
    left_on = fill_window(1, BOTH, 5.0, 1.0)
    for day in (13, 14):
        left_on = set_power(left_on, f"2026-01-{day} 18:00", f"2026-01-{day + 1} 07:00", 5.0)
    slow = make_readings(3, pd.Timestamp(BOTH.start), [2.0, 2.1] * (6 * 35), 7200)
    readings = pd.concat([left_on, fill_window(2, BOTH, 0.4, 0.2), slow])
    week = analyze_site_week(readings, make_meters(1, 2, 3), WEEK, SCOPE.baseline, NEW_YORK, SCOPE.config)
    first, second = week.charts["hourly"]["meters"]
    assert (first["channelId"], first["unitKwh"], second["channelId"], second["unitKwh"]) == (1, 0.05, 2, 0.002)
    night = slice(24 + 18, 48 + 7)  # of Tuesday
    assert [value * 0.05 for value in first["actual"][night]] == pytest.approx([5.0] * 13, abs=0.1)
    assert [value * 0.05 for value in first["expected"][night]] == pytest.approx([1.0] * 13, abs=0.1)
    assert "expected" not in second


def test_an_hour_of_a_meter_that_is_not_known_whole_is_none():
    """A meter without history misses two quarters on Monday at six, and all of Tuesday."""
    rows = fill_window(1, WEEK, 5.0, 5.0)
    local = rows["interval_start"].dt.tz_convert(NEW_YORK)
    lost = (local.dt.day == 13) | (local.dt.day == 12) & (local.dt.hour == 6) & (local.dt.minute < 30)
    week = analyze_site_week(rows[~lost], make_meters(1), WEEK, SCOPE.baseline, NEW_YORK, SCOPE.config)
    (meter,) = week.charts["hourly"]["meters"]
    assert [n for n, value in enumerate(meter["actual"]) if value is None] == [6, *range(24, 48)]


@pytest.mark.parametrize(
    ("sunday", "open_at", "hours"),
    [(date(2026, 1, 18), "07:00:00-05:00", 13), (date(2026, 3, 8), "07:00:00-05:00", 13)],
)
def test_closed_hours_are_told_on_the_wall_clock(sunday, open_at, hours):
    week = local_day_window(date.fromordinal(sunday.toordinal() - 6), sunday, NEW_YORK)
    spans = closed_spans(make_scope(make_meters(1), week))
    assert len(spans) == 6  # four nights, the first morning, and from Friday evening on
    assert spans[0]["end"].endswith(open_at)
    first, second = (pd.Timestamp(spans[1][key]) for key in ("start", "end"))
    assert (second - first) / pd.Timedelta("1h") == hours
    assert pd.Timestamp(spans[-1]["end"]) == pd.Timestamp(week.end)


def test_wrong_readings_are_told_as_stretches():
    rows = prepare(fill_window(1, WEEK, 2.0, 2.0), SCOPE)[0]
    bad = pd.DataFrame({"stuck": False}, index=rows.index)
    bad.iloc[4:8] = True
    bad.iloc[8:10, 0] = True
    bad.iloc[20] = True
    assert left_out_spans(rows, bad, SCOPE) == [
        {"channelId": 1, "start": "2026-01-12T01:00:00-05:00", "end": "2026-01-12T02:30:00-05:00"},
        {"channelId": 1, "start": "2026-01-12T05:00:00-05:00", "end": "2026-01-12T05:15:00-05:00"},
    ]
