"""Tests of what runs while the site is closed: running.py, closed_runs.py, closed_use.py and the report's section."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from week_factory import NEW_YORK, fill_window, make_meters, make_scope, prepare, set_power

from analyze.expected.closed_use import ClosedUse, Known, find_closed_use
from analyze.expected.model import expect_load
from analyze.meters.completeness import assess_channels
from analyze.sections.after_hours import build_section
from analyze.week.intervals import WeekScope
from analyze.week.site_week import analyze_site_week
from config.opening_hours import ASSUMED_SCHEDULE, DayException, Schedule, Span
from lib.date_utils import Window

NAMED = Schedule(ASSUMED_SCHEDULE.week)
METERS = make_meters(1, 2)
SCOPE = make_scope(METERS)._replace(schedule=NAMED)
BOTH = Window(SCOPE.baseline.start, SCOPE.period.end)
FIRST_MONDAY = pd.Timestamp("2025-12-15")
QUIET = fill_window(2, BOTH, 3.0, 0.5)  # a second meter in every test, which does nothing wrong


def closed_use(readings: pd.DataFrame, scope: WeekScope = SCOPE) -> tuple[ClosedUse, pd.DataFrame]:
    _, _, clean = prepare(pd.concat([readings, QUIET]), scope)
    return find_closed_use(expect_load(clean, scope, None), scope), clean


def section_of(readings: pd.DataFrame, scope: WeekScope = SCOPE) -> dict[str, Any]:
    closed, clean = closed_use(readings, scope)
    return build_section(closed, clean, assess_channels(clean, scope), scope)


def runs(kw: float, *spans: tuple[int, str, float], weeks: tuple[int, ...] = (4,)) -> pd.DataFrame:
    """Return readings of 5 kW by day and 1 kW by night that also draw `kw` in spans (weekday, from, hours) of weeks."""
    readings = fill_window(1, BOTH, 5.0, 1.0)
    for week in weeks:
        for weekday, start, hours in spans:
            first = pd.Timestamp(f"{FIRST_MONDAY + pd.Timedelta(days=7 * week + weekday):%Y-%m-%d} {start}")
            readings = set_power(readings, str(first), str(first + pd.Timedelta(hours=hours)), kw)
    return readings


def test_a_night_left_on_and_its_numbers() -> None:
    section = section_of(runs(5.0, (1, "18:00", 13)))
    (meter,) = section["topMeters"]
    assert (meter["channelId"], meter["pattern"], meter["isSignificant"]) == (1, "once", True)
    assert meter["baseline"] == {"kw": pytest.approx(1.0, abs=0.01), "source": "baseline_weeks"}
    assert meter["impact"]["excessKwh"] == pytest.approx(13 * 4.0, rel=0.01)
    assert meter["impact"]["percentOfTotal"] == pytest.approx(100 * 52 / (55 * 5 + 100 + 65), rel=0.01)
    assert meter["thisWeek"]["totalAfterHoursKwh"] == pytest.approx(100 + 65, rel=0.01)
    assert (meter["thisWeek"]["intervals"], meter["blocks"]) == (113 * 4, 1)
    assert (meter["usualExcessKwh"], meter["weeksSeen"], meter["weeksKnown"]) == (0.0, 0, 4)
    (episode,) = meter["excessIntervals"]
    assert (episode["start"], episode["end"]) == ("2026-01-13T18:00:00-05:00", "2026-01-14T07:00:00-05:00")
    parts = {name: part["kwh"] for name, part in meter["parts"].items() if part["kwh"]}
    assert parts == {"baseLoad": pytest.approx(113.0, rel=0.01), "leftOn": pytest.approx(52.0, rel=0.01)}
    assert section["summary"] == {
        "totalMetersWithExcess": 1,
        "totalExcessKwh": meter["impact"]["excessKwh"],
        "totalExcessCost": pytest.approx(0.12 * 52, rel=0.01),
        "estimatedAnnualCost": 0.0,
    }
    assert section["notAssessed"] == []


@pytest.mark.parametrize(
    ("weeks", "pattern"),
    [((2, 3, 4), "recurring"), ((0, 1, 4), "recurring"), ((3, 4), "once"), ((4,), "once"), ((1, 2, 3), None)],
)
def test_recurring_is_this_week_and_two_of_the_four_before(weeks: tuple[int, ...], pattern: str | None) -> None:
    closed, _ = closed_use(runs(5.0, (1, "18:00", 13), weeks=weeks))
    assert closed.channels.at[1, "pattern"] == pattern
    assert closed.channels.at[2, "pattern"] is None


@pytest.mark.parametrize("weeks", [(4,), (3, 4)])
@pytest.mark.parametrize(("nights", "pattern"), [((0, 1), "once"), ((0, 1, 2), "new"), ((0, 4), "once")])
def test_new_is_three_closed_blocks_of_this_week(nights: tuple[int, ...], pattern: str, weeks: tuple[int, ...]) -> None:
    """What began in the week before is new as well: two weeks are no pattern yet, and five nights not once."""
    closed, _ = closed_use(runs(5.0, *((night, "18:00", 13) for night in nights), weeks=weeks))
    assert closed.channels.at[1, "pattern"] == pattern


@pytest.mark.parametrize(
    ("span", "kind", "counts"),
    [
        ((1, "18:00", 3.0), "overrun", True),
        ((1, "18:00", 2.0), "overrun", False),  # somebody stayed late
        ((1, "18:00", 6.0), "left_on", True),
        ((1, "04:00", 3.0), "overrun", True),
        ((2, "00:00", 7.0), "left_on", True),
        ((1, "22:00", 4.0), "night", True),
        ((5, "09:00", 8.0), "closed_day", True),
        ((5, "09:00", 1.5), "night", False),  # too short for a day's work, or for a word
        ((1, "22:00", 0.25), None, False),  # a quarter of an hour is no run
    ],
)
def test_what_a_run_is_its_place_in_the_closed_time_tells(
    span: tuple[int, str, float], kind: str | None, counts: bool
) -> None:
    closed, _ = closed_use(runs(9.0, span))
    assert closed.runs["kind"].tolist() == ([kind] if kind else [])
    assert (closed.channels.at[1, "pattern"] is not None) == counts


def test_what_runs_at_its_own_time_in_every_week_is_usual() -> None:
    every_night = [(day, "01:00", 3.0) for day in range(7)]
    section = section_of(runs(6.0, *every_night, weeks=(0, 1, 2, 3, 4)))
    (meter,) = section["topMeters"]
    assert (meter["pattern"], meter["isSignificant"]) == ("usual", False)
    assert section["summary"]["totalExcessKwh"] == 0.0


def test_what_runs_on_in_every_night_is_a_schedule_and_asked_about() -> None:
    evenings = [(day, "18:00", 6.0) for day in range(5)]
    section = section_of(runs(5.0, *evenings, weeks=(0, 1, 2, 3, 4)))
    assert section["topMeters"] == []
    (asked,) = section["asked"]
    assert (asked["channelId"], asked["kwh"]) == (1, pytest.approx(5 * 6 * 4.0, rel=0.02))
    some = [(day, "18:00", 6.0) for day in (0, 2, 3)]  # three nights of five: it can be off
    assert section_of(runs(5.0, *some, weeks=(0, 1, 2, 3, 4)))["topMeters"][0]["pattern"] == "recurring"


@pytest.mark.parametrize(("night_kw", "is_asked"), [(3.7, False), (3.85, True), (5.0, True), (6.5, True), (6.9, False)])
def test_what_is_never_off_is_asked_about_where_it_runs_as_by_day(night_kw: float, is_asked: bool) -> None:
    readings = fill_window(1, BOTH, 5.0, night_kw)
    section = section_of(readings)
    assert section["topMeters"] == []
    assert [entry["channelId"] for entry in section["asked"]] == ([1] if is_asked else [])


@pytest.mark.parametrize(("off_kw", "can_be_off"), [(2.4, True), (2.6, False)])
def test_a_load_that_rests_above_half_of_its_day_is_never_off(off_kw: float, can_be_off: bool) -> None:
    readings = set_power(fill_window(1, BOTH, 5.0, off_kw), "2026-01-13 18:00", "2026-01-14 07:00", 5.0)
    closed, _ = closed_use(readings)
    assert bool(closed.channels.at[1, "can_be_off"]) == can_be_off


@pytest.mark.parametrize(("off_kw", "pattern"), [(1.6, "recurring"), (1.75, "asked")])
def test_what_draws_above_a_third_of_its_day_at_rest_is_set_back_and_asked_about(off_kw: float, pattern: str) -> None:
    readings = fill_window(1, BOTH, 5.0, off_kw)
    for week in range(5):
        night = FIRST_MONDAY + pd.Timedelta(days=7 * week + 1, hours=18)
        readings = set_power(readings, str(night), str(night + pd.Timedelta(hours=13)), 5.0)
    closed, _ = closed_use(readings)
    assert closed.channels.at[1, "pattern"] == pattern


def _saturdays(first_kw: float, second_kw: float, *, both: bool) -> ClosedUse:
    """Return the closed use of two meters, of which one or both work on every Saturday from 8 to 16."""
    parts = []
    for meter, kw in ((1, first_kw), (2, second_kw)):
        readings = fill_window(meter, BOTH, kw, 0.1 * kw)
        for week in range(5 if both or meter == 1 else 0):
            day = FIRST_MONDAY + pd.Timedelta(days=7 * week + 5, hours=8)
            readings = set_power(readings, str(day), str(day + pd.Timedelta(hours=8)), kw)
        parts.append(readings)
    _, _, clean = prepare(pd.concat(parts), SCOPE)
    return find_closed_use(expect_load(clean, SCOPE, None), SCOPE)


def test_what_works_on_saturdays_together_is_a_shift_that_nobody_named() -> None:
    assert _saturdays(20.0, 5.0, both=True).channels["pattern"].tolist() == ["asked", "asked"]
    assert _saturdays(20.0, 5.0, both=False).channels["pattern"].tolist() == ["recurring", None]


@pytest.mark.parametrize(
    ("others_kw", "patterns"), [(8.4, ["asked", "asked", None]), (8.8, ["recurring"] * 2 + [None])]
)
def test_a_shift_needs_seven_tenths_of_what_the_site_can_switch(others_kw: float, patterns: list[str | None]) -> None:
    """Twenty kilowatts of twenty and a rest, each above a tenth that goes on by night."""
    scope = make_scope(make_meters(1, 2, 3))._replace(schedule=NAMED)
    parts = [fill_window(3, BOTH, others_kw, 0.1 * others_kw)]
    for meter, kw in ((1, 15.0), (2, 5.0)):
        readings = fill_window(meter, BOTH, kw, 0.1 * kw)
        for week in range(5):
            day = FIRST_MONDAY + pd.Timedelta(days=7 * week + 5, hours=8)
            readings = set_power(readings, str(day), str(day + pd.Timedelta(hours=8)), kw)
        parts.append(readings)
    _, _, clean = prepare(pd.concat(parts), scope)
    closed = find_closed_use(expect_load(clean, scope, None), scope)
    assert closed.channels["pattern"].tolist() == patterns


@pytest.mark.parametrize(("cold_nights", "pattern"), [(True, "usual"), (False, "new")])
def test_what_runs_when_it_is_cold_is_not_left_on(cold_nights: bool, pattern: str) -> None:
    """Three nights at full power: on the only nights of frost, or on nights as mild as the others."""
    nights = [(day, "18:00", 13) for day in (0, 1, 2)]
    readings = pd.concat([runs(5.0, *nights), QUIET])
    hours = pd.date_range(BOTH.start, BOTH.end, freq="h", inclusive="left")
    temp_c = pd.Series(8.0 + 2.0 * np.sin(np.arange(len(hours)) / 3.8), index=hours)
    if cold_nights:
        local = hours.tz_convert(NEW_YORK)
        in_week = (local >= pd.Timestamp("2026-01-12", tz=NEW_YORK)) & (
            local < pd.Timestamp("2026-01-15 08:00", tz=NEW_YORK)
        )
        temp_c = temp_c.mask(in_week & ((local.hour >= 18) | (local.hour < 7)), -4.0)
    weather = pd.DataFrame({"timestamp": hours, "temp_c": temp_c.to_numpy()})
    _, _, clean = prepare(readings, SCOPE)
    closed = find_closed_use(expect_load(clean, SCOPE, weather), SCOPE)
    assert closed.channels["pattern"].tolist() == [pattern, None]


SATURDAYS = ((5, "09:00", 8.0),)


@pytest.mark.parametrize(("nights", "pattern"), [((0, 1, 2), "new"), ((0,), "recurring")])
def test_nights_beside_what_runs_every_saturday_are_new(nights: tuple[int, ...], pattern: str) -> None:
    """Saturdays are 8 h of 4 kW above rest: 32 kWh; three nights are 156 kWh, and one night is 52."""
    readings = runs(5.0, *SATURDAYS, weeks=(0, 1, 2, 3, 4))
    for night in nights:
        start = FIRST_MONDAY + pd.Timedelta(days=28 + night, hours=18)
        readings = set_power(readings, str(start), str(start + pd.Timedelta(hours=13)), 5.0)
    closed, _ = closed_use(readings)
    assert closed.channels.at[1, "pattern"] == pattern
    if pattern == "new":  # and the Saturday is no part of it
        assert closed.channels.at[1, "counted_kwh"] == pytest.approx(156, rel=0.01)


@pytest.mark.parametrize(("open_kw", "pattern"), [(5.0, "new"), (9.0, "step")])
def test_nights_of_a_whole_week_are_left_on_where_the_days_are_as_before(open_kw: float, pattern: str) -> None:
    """Known to have stepped: that is true of a meter whose days rose too, and else the same event told twice."""
    readings = set_power(fill_window(1, BOTH, 5.0, 1.0), "2026-01-12", "2026-01-19", 5.0)
    for day in range(5):
        start = FIRST_MONDAY + pd.Timedelta(days=28 + day, hours=7)
        readings = set_power(readings, str(start), str(start + pd.Timedelta(hours=11)), open_kw)
    _, _, clean = prepare(pd.concat([readings, QUIET]), SCOPE)
    closed = find_closed_use(expect_load(clean, SCOPE, None), SCOPE, Known(stepped={1}))
    assert closed.channels["pattern"].tolist() == [pattern, None]


@pytest.mark.parametrize(("night_kw", "pattern"), [(3.6, "once"), (3.4, None)])
def test_a_load_that_is_set_back_was_left_on_where_it_draws_as_by_day(night_kw: float, pattern: str | None) -> None:
    """Seven tenths of five kilowatts, in one night of a load that else draws 2.6 by night."""
    readings = set_power(fill_window(1, BOTH, 5.0, 2.6), "2026-01-13 18:00", "2026-01-14 07:00", night_kw)
    closed, _ = closed_use(readings)
    assert closed.channels.at[1, "pattern"] == pattern


@pytest.mark.parametrize(("usual", "excess_kwh"), [((), 5 * 4 * 4.0), ((0, 1, 2, 3), 5 * 3 * 4.0)])
def test_what_is_new_is_above_what_like_days_draw(usual: tuple[int, ...], excess_kwh: float) -> None:
    """From three in the morning, five days; in the weeks before from seven, or from six."""
    readings = runs(5.0, *((day, "06:00", 1.0) for day in range(5)), weeks=usual)
    for day in range(5):
        start = FIRST_MONDAY + pd.Timedelta(days=28 + day, hours=3)
        readings = set_power(readings, str(start), str(start + pd.Timedelta(hours=4)), 5.0)
    (meter,) = section_of(readings)["topMeters"]
    assert (meter["pattern"], meter["impact"]["excessKwh"]) == ("new", pytest.approx(excess_kwh, rel=0.01))


@pytest.mark.parametrize(("evening_h", "excess_kwh"), [(0.0, 2 * 13 * 4.0), (1.5, 2 * 11.5 * 4.0)])
def test_what_recurs_is_above_what_is_drawn_at_that_hour_on_other_days(evening_h: float, excess_kwh: float) -> None:
    """Two nights of every week, and on each evening somebody stays."""
    every = (0, 1, 2, 3, 4)
    readings = runs(5.0, *((day, "18:00", evening_h) for day in range(5)), weeks=every)
    for week in every:
        for night in (1, 3):
            start = FIRST_MONDAY + pd.Timedelta(days=7 * week + night, hours=18)
            readings = set_power(readings, str(start), str(start + pd.Timedelta(hours=13)), 5.0)
    (meter,) = section_of(readings)["topMeters"]
    assert (meter["pattern"], meter["impact"]["excessKwh"]) == ("recurring", pytest.approx(excess_kwh, rel=0.01))
    assert meter["usualExcessKwh"] == pytest.approx(excess_kwh, rel=0.01)


@pytest.mark.parametrize(("is_holiday", "pattern", "excess_kwh"), [(True, "once", 31 * 4.0), (False, None, 0.0)])
def test_a_stretch_over_a_holiday_on_monday_belongs_to_both_weeks(
    is_holiday: bool, pattern: str | None, excess_kwh: float
) -> None:
    """On from Friday evening: to Tuesday over a closed Monday, or to Monday, which is the week before's alone."""
    monday = date(2026, 1, 12)
    schedule = replace(NAMED, exceptions=(DayException(monday, monday, (), "holiday"),) if is_holiday else ())
    readings = fill_window(1, BOTH, 5.0, 1.0)
    if is_holiday:
        readings = set_power(readings, "2026-01-12 07:00", "2026-01-12 18:00", 1.0)
    end = "2026-01-13 07:00" if is_holiday else "2026-01-12 07:00"
    readings = set_power(readings, "2026-01-09 18:00", end, 5.0)
    closed, _ = closed_use(readings, SCOPE._replace(schedule=schedule))
    facts = closed.channels.loc[1]
    assert (facts["pattern"], facts["counted_kwh"]) == (pattern, pytest.approx(excess_kwh, rel=0.01))


def test_a_week_of_what_recurs_holds_what_lies_in_it() -> None:
    """Tuesday nights, and Sunday nights: of the last Sunday's seven hours lie in this week, of Tuesday's all 13."""
    section = section_of(runs(5.0, (1, "18:00", 13), (6, "18:00", 13), weeks=(0, 1, 2, 3, 4)))
    (meter,) = section["topMeters"]
    assert (meter["pattern"], meter["impact"]["excessKwh"]) == ("recurring", pytest.approx(20 * 4.0, rel=0.01))
    assert [(run["start"][:16], run["end"][:16]) for run in meter["excessIntervals"]] == [
        ("2026-01-12T00:00", "2026-01-12T07:00"),
        ("2026-01-13T18:00", "2026-01-14T07:00"),
    ]


@pytest.mark.parametrize(("hours", "excess_kwh"), [(9.0, 13 * 4.0), (12.0, 25 * 4.0)])
def test_saturday_nights_as_long_as_nights_left_on_are_left_on(hours: float, excess_kwh: float) -> None:
    """In every week one night left on, of 13 h, and a Saturday night of 12 or of 9 h."""
    section = section_of(runs(5.0, (1, "18:00", 13), (5, "19:00", hours), weeks=(0, 1, 2, 3, 4)))
    (meter,) = section["topMeters"]
    assert (meter["pattern"], meter["impact"]["excessKwh"]) == ("recurring", pytest.approx(excess_kwh, rel=0.01))


@pytest.mark.parametrize(("opens_again", "pattern"), [("14:45", None), ("15:00", "once")])
def test_what_runs_through_a_pause_of_three_hours_is_left_on(opens_again: str, pattern: str | None) -> None:
    hour, minute = map(int, opens_again.split(":"))
    spans = (Span(7 * 60, 12 * 60), Span(60 * hour + minute, 18 * 60))
    schedule = Schedule((*((spans,) * 5), (), ()))
    readings = fill_window(1, BOTH, 5.0, 1.0)
    for day in range(35):
        noon = FIRST_MONDAY + pd.Timedelta(days=day, hours=12)
        if day % 7 < 5 and day != 29:
            readings = set_power(readings, str(noon), f"{noon:%Y-%m-%d} {opens_again}", 1.0)
    closed, _ = closed_use(readings, SCOPE._replace(schedule=schedule))
    assert closed.channels.at[1, "pattern"] == pattern


def test_what_is_off_on_nights_as_warm_does_not_answer_to_the_air() -> None:
    """Cooling in step with the air by day, and on two nights of each week; on the others nothing, as warm as they are.

    A line through such nights says that it answers to the air at night, and then no night is left on.
    """
    hours = pd.date_range(BOTH.start, BOTH.end, freq="h", inclusive="left")
    local = hours.tz_convert(NEW_YORK)
    drift = np.repeat(np.random.default_rng(4).normal(0.0, 2.0, len(hours) // 24 + 1), 24)[: len(hours)]
    temp_c = 23.0 + drift + 5.0 * np.cos((local.hour - 15) / 24 * 2 * np.pi)
    readings = fill_window(1, BOTH, 5.0, 1.0)
    start = readings["interval_start"].dt.tz_convert(NEW_YORK)
    day = (start.dt.tz_localize(None) - FIRST_MONDAY) // pd.Timedelta(days=1)
    evening = day - (start.dt.hour < 7)
    is_open = (start.dt.hour >= 7) & (start.dt.hour < 18) & (day % 7 < 5)
    is_left = ~is_open & (evening % 7).isin([0, 2]) & ((start.dt.hour >= 18) | (start.dt.hour < 7))
    by_hour = pd.Series(temp_c, index=hours).reindex(readings["interval_start"].dt.floor("h")).to_numpy()
    power = pd.Series(np.where(is_open | is_left, 0.8 * np.clip(by_hour - 10, 0, None), 0.2), index=readings.index)
    readings = readings.assign(power_kw=power, energy_kwh=power / 4)
    weather = pd.DataFrame({"timestamp": hours, "temp_c": temp_c})
    _, _, clean = prepare(pd.concat([readings, QUIET]), SCOPE)
    expectation = expect_load(clean, SCOPE, weather)
    assert expectation.weather_channels() == {1}
    closed = find_closed_use(expectation, SCOPE)
    assert closed.channels["pattern"].tolist() == ["recurring", None]


def test_a_load_without_rest_that_rose_is_asked_about_at_its_usual_size() -> None:
    """5 kW around the clock, 9 kW since Monday: 113 closed hours of 5 kW are asked about; the rest is a step."""
    readings = set_power(fill_window(1, BOTH, 5.0, 5.0), "2026-01-12", "2026-01-19", 9.0)
    _, _, clean = prepare(pd.concat([readings, QUIET]), SCOPE)
    closed = find_closed_use(expect_load(clean, SCOPE, None), SCOPE, Known(stepped={1}))
    (asked,) = build_section(closed, clean, assess_channels(clean, SCOPE), SCOPE)["asked"]
    assert (asked["channelId"], asked["kwh"]) == (1, pytest.approx(113 * 5.0, rel=0.02))


@pytest.mark.parametrize(("saturdays", "pattern"), [((), "new"), (((5, "09:00", 8.0),), "recurring")])
def test_what_ran_in_some_nights_and_now_runs_in_each_is_new_though_at_less_power(
    saturdays: tuple[tuple[int, str, float], ...], pattern: str
) -> None:
    """39 h a week at 5 kW, or 47; then 65 h at 2.2 kW: less energy, and more or less than half as many hours more."""
    nights = [(day, "18:00", 13.0) for day in (0, 1, 2)]
    readings = runs(5.0, *nights, *saturdays, weeks=(0, 1, 2, 3))
    for day in range(5):
        start = FIRST_MONDAY + pd.Timedelta(days=28 + day, hours=18)
        readings = set_power(readings, str(start), str(start + pd.Timedelta(hours=13)), 2.2)
    closed, _ = closed_use(readings)
    assert closed.channels.at[1, "pattern"] == pattern


def test_what_was_left_on_has_one_size_in_every_section() -> None:
    """Two nights and a peak of an hour at noon: nights are runs wherever they are told, the peak stays an anomaly."""
    readings = pd.concat([runs(5.0, (1, "18:00", 13), (3, "18:00", 13)), QUIET])
    readings = set_power(readings, "2026-01-16 11:00", "2026-01-16 14:00", 15.0)
    result = analyze_site_week(readings, METERS, SCOPE.period, SCOPE.baseline, NEW_YORK, SCOPE.config, NAMED)
    (meter,) = (m for m in result.sections["afterHoursWaste"]["topMeters"] if m["channelId"] == 1)
    events = [event for event in result.sections["anomalies"]["timeline"] if event["channelId"] == 1]
    nights = [event for event in events if event["context"] == "after_hours"]
    spans = [(run["start"], run["end"], run["excessKwh"]) for run in meter["excessIntervals"]]
    assert [(event["start"], event["end"], event["excessKwh"]) for event in nights] == spans
    assert sum(event["excessKwh"] for event in nights) == pytest.approx(meter["impact"]["excessKwh"], abs=0.02)
    (win,) = (w for w in result.sections["quickWins"] if w["type"] == "after_hours" and w["channelId"] == 1)
    assert win["impact"]["periodKwh"] == meter["impact"]["excessKwh"]
    assert [event["start"][:13] for event in events if event not in nights] == ["2026-01-16T11"]


def _nights(hours_of: list[float]) -> pd.DataFrame:
    """Return a meter that runs on after closing for so many hours in each night of working days, 25 of them."""
    readings = fill_window(1, BOTH, 5.0, 1.0)
    for number, hours in enumerate(hours_of):
        start = FIRST_MONDAY + pd.Timedelta(days=7 * (number // 5) + number % 5, hours=18)
        readings = set_power(readings, str(start), str(start + pd.Timedelta(hours=hours)), 5.0)
    return readings


@pytest.mark.parametrize(("missing", "pattern"), [(0, "asked"), (3, "recurring")])
def test_what_runs_in_every_night_for_hours_of_its_own_is_asked_about(missing: int, pattern: str) -> None:
    """Five to ten hours a night: a fleet that charges. Three nights without it show that it can be off."""
    hours = [5.0 + (3 * number) % 6 for number in range(25)]
    hours[:missing] = [0.0] * missing
    closed, _ = closed_use(_nights(hours))
    assert closed.channels["pattern"].tolist() == [pattern, None]


def test_what_has_a_schedule_for_its_nights_has_one_for_its_sundays() -> None:
    """A shop window that is lit from seven to one, on every day."""
    readings = fill_window(1, BOTH, 0.2, 0.2)
    for day in range(35):
        start = FIRST_MONDAY + pd.Timedelta(days=day, hours=7)
        readings = set_power(readings, str(start), str(start + pd.Timedelta(hours=18)), 5.0)
    closed, _ = closed_use(readings)
    assert closed.channels["pattern"].tolist() == ["asked", None]


def test_a_main_claims_nothing_of_what_its_part_is_asked_about() -> None:
    meters = make_meters(1, 2, parents={1: 2})
    scope = make_scope(meters)._replace(schedule=NAMED)
    part = _nights([5.0 + (3 * number) % 6 for number in range(25)])
    main = part.assign(channel_id=2, power_kw=part["power_kw"] + 0.2, energy_kwh=part["energy_kwh"] + 0.05)
    main.loc[main.index[:2000], ["power_kw", "energy_kwh"]] -= 0.01  # its nights differ a little
    result = analyze_site_week(
        pd.concat([part, main]),
        meters,
        scope.period,
        scope.baseline,
        NEW_YORK,
        scope.config,
        NAMED,
    )
    wins = result.sections["quickWins"]
    assert [(win["channelId"], win["type"]) for win in wins if win["impact"]["weeklyKwh"] > 0] == [(1, "confirm")]


@pytest.mark.parametrize(("is_hot", "pattern"), [(True, "asked"), (False, "recurring")])
def test_what_starts_early_on_hot_days_only_is_asked_about(is_hot: bool, pattern: str) -> None:
    """From two in the morning on two days of every week: the two that turn hot, or two like all others."""
    readings = fill_window(1, BOTH, 5.0, 1.0)
    for week in range(5):
        for day in (1, 3):
            start = FIRST_MONDAY + pd.Timedelta(days=7 * week + day, hours=2)
            readings = set_power(readings, str(start), str(start + pd.Timedelta(hours=5)), 5.0)
    hours = pd.date_range(BOTH.start, BOTH.end, freq="h", inclusive="left")
    local = hours.tz_convert(NEW_YORK)
    temp_c = 18.0 + 4.0 * np.sin((local.hour - 9) / 24 * 2 * np.pi) + 0.3 * (local.day % 5)
    if is_hot:
        temp_c = temp_c + 9.0 * (local.dayofweek.isin([1, 3]) & (local.hour >= 9))
    weather = pd.DataFrame({"timestamp": hours, "temp_c": temp_c.to_numpy()})
    _, _, clean = prepare(pd.concat([readings, QUIET]), SCOPE)
    closed = find_closed_use(expect_load(clean, SCOPE, weather), SCOPE)
    assert closed.channels["pattern"].tolist() == [pattern, None]


def test_cycles_are_no_switching() -> None:
    """A compressor that runs for half an hour and rests for half an hour, day and night."""
    readings = fill_window(1, BOTH, 5.0, 5.0)
    cycle = (pd.RangeIndex(len(readings)) // 2 % 2).to_numpy()
    power = readings["power_kw"] * (0.4 + 1.2 * cycle)
    closed, _ = closed_use(readings.assign(power_kw=power, energy_kwh=power / 4))
    assert closed.runs.empty


def test_hours_across_midnight_are_one_working_day() -> None:
    shift = Schedule((*(((Span(22 * 60, 30 * 60)),),) * 4, (), (), (Span(22 * 60, 30 * 60),)))
    readings = fill_window(1, BOTH, 1.0, 1.0)
    for night in pd.date_range("2025-12-14", "2026-01-15"):
        if night.dayofweek in (6, 0, 1, 2, 3):
            start = night + pd.Timedelta(hours=22)
            readings = set_power(readings, str(start), str(start + pd.Timedelta(hours=8)), 9.0)
    closed, _ = closed_use(readings, SCOPE._replace(schedule=shift))
    assert set(closed.runs["channel_id"]) == {2}  # which works by day, while this site is closed


def test_a_sub_meters_excess_is_counted_once_though_its_main_is_listed_too() -> None:
    meters = make_meters(1, 2, 3, parents={3: 1})
    scope = make_scope(meters)._replace(schedule=NAMED)
    sub = set_power(fill_window(3, BOTH, 5.0, 1.0), "2026-01-13 18:00", "2026-01-14 07:00", 5.0)
    main = set_power(fill_window(1, BOTH, 12.0, 2.0), "2026-01-13 18:00", "2026-01-14 07:00", 6.0)
    section = section_of(pd.concat([main, sub]), scope)
    assert sorted(meter["channelId"] for meter in section["topMeters"]) == [1, 3]
    assert section["summary"]["totalExcessKwh"] == pytest.approx(52.0, rel=0.02)


@pytest.mark.parametrize("days", [0, 2])
def test_a_meter_without_enough_readings_is_told(days: int) -> None:
    late = fill_window(1, Window(SCOPE.period.end - pd.Timedelta(days=days), SCOPE.period.end), 5.0, 1.0)
    (entry,) = section_of(late)["notAssessed"]
    assert (entry["channelId"], entry["status"]) == (1, "insufficient_data")
    assert entry["code"] == ("short_baseline" if days else "silent")


def test_nothing_at_all() -> None:
    closed = find_closed_use(expect_load(prepare(QUIET[:0], SCOPE)[2], SCOPE, None), SCOPE)
    assert (len(closed.rows), len(closed.channels), len(closed.runs)) == (0, 0, 0)


def test_local_hours_are_those_of_the_site() -> None:
    closed, _ = closed_use(runs(5.0, (1, "18:00", 13)))
    (run,) = closed.runs.itertuples()
    assert pd.Timestamp(run.start_s, unit="s", tz="UTC") == pd.Timestamp("2026-01-13 18:00", tz=NEW_YORK)
