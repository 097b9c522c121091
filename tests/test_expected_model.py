"""The one model of the expected load: kinds of days, levels of like days, weather and band; worked out by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from week_factory import NEW_YORK, fill_window, make_meters, make_readings, make_scope, prepare, set_power

from analyze.expected.day_types import DayKind, label_days
from analyze.expected.model import Expectation, expect_load
from analyze.expected.steps import find_level_changes
from analyze.week.intervals import WeekScope, in_window
from config.opening_hours import ASSUMED_SCHEDULE, DayException, Schedule, Span, Term
from lib.date_utils import Window, local_day_window

OFFICE = Schedule(ASSUMED_SCHEDULE.week)  # Mon-Fri 7-18
METERS = make_meters(1, 2)
SCOPE = make_scope(METERS)._replace(schedule=OFFICE)
BOTH = Window(SCOPE.baseline.start, SCOPE.period.end)
OTHER = fill_window(2, BOTH, 30.0, 20.0)  # a second meter in every test
MONDAY = date(2026, 1, 12)
SHUT = ()


def number_of(day: date) -> int:
    return day.toordinal() - date(1970, 1, 1).toordinal()


def expect(readings: pd.DataFrame, scope: WeekScope = SCOPE, weather: pd.DataFrame | None = None) -> Expectation:
    return expect_load(prepare(pd.concat([readings, OTHER]), scope)[2], scope, weather)


def of_period(
    readings: pd.DataFrame, scope: WeekScope = SCOPE, weather: pd.DataFrame | None = None, channel_id: int = 1
) -> pd.DataFrame:
    """Return the intervals of one channel in the period with what was expected of them."""
    clean = prepare(pd.concat([readings, OTHER]), scope)[2]
    rows = clean.join(expect_load(clean, scope, weather).rows)
    return rows[in_window(rows, scope.period) & (rows["channel_id"] == channel_id)].set_index("local_time")


def test_a_day_is_of_the_kind_of_its_own_open_minutes() -> None:
    types = label_days(number_of(MONDAY), 7, OFFICE)
    assert types.weekday.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert len(set(types.exact[:5])) == len(set(types.exact[5:])) == 1
    assert types.exact[0] != types.exact[5]
    assert types.is_closed.tolist() == [False] * 5 + [True] * 2


def test_the_morning_that_ends_a_night_shift_belongs_to_the_shift() -> None:
    """Shifts from ten to six begin on Sunday to Thursday: Monday to Thursday hold an end and a beginning."""
    shift = (Span(22 * 60, 30 * 60),)
    types = label_days(number_of(MONDAY), 7, Schedule((shift, shift, shift, shift, SHUT, SHUT, shift)))
    assert types.hours[0] == types.hours[1] == types.hours[2] == types.hours[3]
    assert len({types.hours[day] for day in (0, 4, 5, 6)}) == 4  # Friday has the end, Sunday the beginning alone
    assert types.is_closed.tolist() == [False] * 5 + [True, False]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"country": "US", "state": "NY"}, DayKind.HOLIDAY),
        ({"exceptions": (DayException(date(2026, 1, 19), date(2026, 1, 19), SHUT, "stocktaking"),)}, DayKind.EXCEPTION),
        ({"terms": (Term(date(2025, 12, 1), date(2026, 1, 18)),)}, DayKind.BREAK),
    ],
)
def test_a_named_closed_day_has_the_hours_of_a_sunday_and_says_why(change: dict, kind: DayKind) -> None:
    """19 January 2026 is Martin Luther King Jr. Day."""
    types = label_days(number_of(date(2026, 1, 18)), 2, Schedule(ASSUMED_SCHEDULE.week, **change))
    assert types.hours[0] == types.hours[1]
    assert (DayKind(types.kind[0]), DayKind(types.kind[1])) == (DayKind.REGULAR, kind)
    assert types.exact[0] != types.exact[1]


def test_the_level_is_the_median_of_like_days() -> None:
    rows = of_period(fill_window(1, BOTH, 5.0, 1.0))
    noon, night, sunday = (rows.loc[moment] for moment in ("2026-01-14 12:00", "2026-01-14 02:00", "2026-01-18 12:00"))
    assert [row["expected_kw"] for row in (noon, night, sunday)] == pytest.approx([5.0, 1.0, 1.0], abs=0.03)
    assert (noon["like_days"], sunday["like_days"]) == (20, 8)
    assert noon["low_kw"] < 4.9 < 5.1 < noon["high_kw"]
    assert of_period(fill_window(1, BOTH, 5.0, 1.0), channel_id=2)["expected_kw"].max() == pytest.approx(30, abs=0.7)


def test_a_closed_holiday_is_expected_as_a_closed_day_and_the_days_around_it_are_not() -> None:
    named = Schedule(ASSUMED_SCHEDULE.week, country="US", state="NY")
    week = local_day_window(date(2026, 1, 19), date(2026, 1, 25), NEW_YORK)
    scope = make_scope(METERS, week)._replace(schedule=named)
    both = Window(scope.baseline.start, week.end)
    clean = prepare(pd.concat([fill_window(1, both, 5.0, 1.0), fill_window(2, both, 9.0, 9.0)]), scope)[2]
    rows = clean.join(expect_load(clean, scope, None).rows).query("channel_id == 1").set_index("local_time")
    assert rows.at[pd.Timestamp("2026-01-19 12:00"), "expected_kw"] == pytest.approx(1.0, abs=0.03)
    assert rows.at[pd.Timestamp("2026-01-20 12:00"), "expected_kw"] == pytest.approx(5.0, abs=0.06)
    # Christmas and New Year's Day are among the four weeks, and teach no Thursday anything.
    assert rows.at[pd.Timestamp("2026-01-22 12:00"), "like_days"] == 18


def test_days_without_like_days_have_no_basis() -> None:
    """The first week of a term after a break of four weeks and more: only the weekend has been seen before."""
    term = Schedule(ASSUMED_SCHEDULE.week, terms=(Term(MONDAY, date(2026, 6, 1)),))
    rows = of_period(fill_window(1, BOTH, 5.0, 1.0), SCOPE._replace(schedule=term))
    has_basis = rows["expected_kw"].notna()
    assert not has_basis["2026-01-12":"2026-01-16 23:45"].any()
    assert has_basis["2026-01-17":].all()


@pytest.mark.parametrize(("days", "has_basis"), [(1, False), (2, True)])
def test_two_like_days_are_the_least(days: int, has_basis: bool) -> None:
    start = pd.Timestamp("2026-01-12", tz=NEW_YORK) - pd.Timedelta(days=2 + days)  # Thursday and Friday before
    late = fill_window(1, Window(start.to_pydatetime(), SCOPE.period.end), 5.0, 1.0)
    rows = of_period(late)
    assert bool(rows["expected_kw"].notna()["2026-01-14"].all()) == has_basis


@pytest.mark.parametrize("first", [date(2026, 3, 9), date(2026, 11, 2)])
def test_both_clock_changes_leave_the_wall_clock_alone(first: date) -> None:
    week = local_day_window(first, date.fromordinal(first.toordinal() + 6), NEW_YORK)
    scope = make_scope(METERS, week)._replace(schedule=OFFICE)
    clean = prepare(fill_window(1, Window(scope.baseline.start, week.end), 5.0, 1.0), scope)[2]
    rows = clean.join(expect_load(clean, scope, None).rows)
    assert (rows["mean_kw"] - rows["expected_kw"]).abs().max() < 0.25
    assert rows["expected_kw"].notna().all()


def test_meters_of_different_intervals_are_expected_each_at_its_own() -> None:
    hourly = fill_window(1, BOTH, 5.0, 1.0, interval_s=3600)
    expectation = expect(hourly)
    assert [block.matrix.step_s for block in expectation.blocks] == [900, 3600]
    assert of_period(hourly)["expected_kw"].max() == pytest.approx(5.0, abs=0.1)


def test_one_bad_week_among_four_changes_little() -> None:
    readings = set_power(fill_window(1, BOTH, 5.0, 1.0), "2025-12-29 00:00", "2026-01-04 23:45", 9.0)
    rows = of_period(readings)
    assert (rows["expected_kw"] - of_period(fill_window(1, BOTH, 5.0, 1.0))["expected_kw"]).abs().max() < 0.1


def test_nothing_and_one_reading() -> None:
    nothing = expect_load(prepare(OTHER[:0], SCOPE)[2], SCOPE, None)
    assert (nothing.blocks, len(nothing.rows)) == ((), 0)
    one = expect(make_readings(1, "2026-01-14 17:00Z", [5.0])).rows
    assert one["expected_kw"].isna().sum() == 1


def cooled(kw_per_k: float, hot_k: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a load that cools above 15 °C while the site is open, and the weather; the last week is hotter."""
    readings = fill_window(1, BOTH, 5.0, 1.0)
    local = readings["interval_start"].dt.tz_convert(NEW_YORK)
    hour = (local.dt.hour + local.dt.minute / 60).to_numpy()
    day = ((readings["interval_start"] - pd.Timestamp(BOTH.start)) // pd.Timedelta("1D")).to_numpy()
    is_week = (readings["interval_start"] >= pd.Timestamp(SCOPE.period.start)).to_numpy()
    temp_c = 18 + 4 * np.sin(day * 2.4) + 5 * np.sin((hour - 9) / 24 * 2 * np.pi) + np.where(is_week, hot_k, 0.0)
    is_open = (local.dt.day_of_week < 5).to_numpy() & (hour >= 7) & (hour < 18)
    power = readings["power_kw"] + np.where(is_open, kw_per_k * np.clip(temp_c - 15, 0, None), 0.0)
    weather = pd.DataFrame({"timestamp": readings["interval_start"].dt.floor("h"), "temp_c": temp_c})
    return readings.assign(power_kw=power, energy_kwh=power / 4), weather.groupby("timestamp", as_index=False).mean()


def test_a_load_follows_the_weather_at_the_hours_at_which_it_responds() -> None:
    readings, weather = cooled(0.5, hot_k=3.0)
    assert expect(readings, weather=weather).weather_channels() == {1}
    rows = of_period(readings, weather=weather)
    week_kwh = (rows["mean_kw"] * rows["hours"]).sum()
    assert (rows["expected_kw"] * rows["hours"]).sum() == pytest.approx(week_kwh, rel=0.03)
    assert rows.at[pd.Timestamp("2026-01-14 02:00"), "expected_kw"] == pytest.approx(1.0, abs=0.15)
    blind = of_period(readings)
    assert (blind["expected_kw"] * blind["hours"]).sum() < 0.93 * week_kwh


def test_a_temperature_that_explains_nothing_is_not_used() -> None:
    _, weather = cooled(0.5, hot_k=3.0)
    assert expect(fill_window(1, BOTH, 5.0, 1.0), weather=weather).weather_channels() == set()


@pytest.mark.parametrize(("share", "is_used"), [(0.95, True), (0.85, False)])
def test_nine_tenths_of_the_baselines_weather_must_be_known(share: float, is_used: bool) -> None:
    readings, weather = cooled(0.5, hot_k=3.0)
    known = np.arange(len(weather)) % 100 < 100 * share  # holes of several hours, which nothing bridges
    weather = weather.assign(temp_c=weather["temp_c"].where(known))
    assert (expect(readings, weather=weather).weather_channels() == {1}) == is_used


@pytest.mark.parametrize(("hot_k", "is_alike"), [(0.0, True), (9.0, False)])
def test_a_week_far_hotter_than_the_weeks_before_is_of_other_weather(hot_k: float, is_alike: bool) -> None:
    readings, weather = cooled(0.5, hot_k)
    rows = of_period(readings, weather=weather)
    assert bool(rows["is_weather_alike"].all()) == is_alike
    band = (rows["high_kw"] - rows["low_kw"])["2026-01-14 15:00"]
    mild = of_period(*[cooled(0.5, 0.0)[0]], weather=cooled(0.5, 0.0)[1])
    if not is_alike:  # what lies beyond the temperatures that were seen is a guess
        assert band > 1.5 * (mild["high_kw"] - mild["low_kw"])["2026-01-14 15:00"]


@pytest.mark.parametrize(("night_kw", "found"), [(6.0, [("step", 3.0, 6.0)]), (3.2, [])])
def test_a_meter_that_shows_its_nights_alone_has_a_level_by_night(
    night_kw: float, found: list[tuple[str, float, float]]
) -> None:
    """Eight hours of a day, as a main behind solar shows its load: they have like days, and a step."""
    readings = set_power(fill_window(1, BOTH, 3.0, 3.0), "2026-01-13", "2026-01-19", night_kw)
    hour = readings["interval_start"].dt.tz_convert(NEW_YORK).dt.hour
    nights = readings[(hour >= 22) | (hour < 6)]
    _, _, clean = prepare(nights, SCOPE)
    expectation = expect_load(clean, SCOPE, None)
    assert expectation.rows["expected_kw"].notna().all()
    changes, _ = find_level_changes(expectation, SCOPE)
    told = [(str(change.kind), round(change.before_kw, 1), round(change.after_kw, 1)) for change in changes]
    assert told == found
