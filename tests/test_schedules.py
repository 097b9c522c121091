"""Tests of analyze/load/schedules.py, analyze/load/learned_hours.py and lib/learned_hours.py."""

from datetime import date
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from week_factory import NEW_YORK, WEEK, fill_window, make_meters, make_readings, make_scope, prepare, set_power, spaced

from analyze.expected.closed_use import find_closed_use
from analyze.expected.model import expect_load
from analyze.load.learned_hours import find_disagreements, outside_minutes
from analyze.load.schedules import closed_kind, closed_within, hours_of_day, is_open, opens_within
from analyze.sections.after_hours import build_section
from analyze.week.intervals import is_after_hours, prepare_intervals
from config.former_names import regroup
from config.opening_hours import ASSUMED_SCHEDULE, DayException, Schedule, ScheduleTable, Span, Term
from config.thresholds import Thresholds
from deliver.words.locales import written_for
from deliver.words.meters import describe_hours
from lib.date_utils import Window, add_local_time, local_day_window
from lib.learned_hours import LearnedDay, Load, learn_hours

CONFIG = Thresholds()
METERS = make_meters(1)
SCOPE = make_scope(METERS)
BOTH = Window(SCOPE.baseline.start, SCOPE.period.end)
WORKDAY = (Span(420, 1080),)
SCHEDULE = ASSUMED_SCHEDULE


def local_rows(first, last, minutes=60):
    """Return the starts of all intervals of these local days in New York."""
    window = local_day_window(first, last, NEW_YORK)
    starts = pd.date_range(window.start, window.end, freq=f"{minutes}min", inclusive="left")
    return add_local_time(pd.DataFrame({"interval_start": starts}), NEW_YORK)


def open_hours(first, schedule, last=None):
    rows = local_rows(first, last or first)
    return [int(hour) for hour in rows["local_hour"][is_open(rows, schedule)]]


def test_open_hours_of_a_day():
    assert open_hours(date(2026, 1, 12), SCHEDULE) == list(range(7, 18))
    assert open_hours(date(2026, 1, 17), SCHEDULE) == []


def test_several_spans_and_minutes():
    schedule = Schedule(((Span(435, 720), Span(780, 1065)),) + ((),) * 6)
    rows = local_rows(date(2026, 1, 12), date(2026, 1, 12), 15)
    clock = rows["local_time"].dt.strftime("%H:%M")[is_open(rows, schedule)].tolist()
    assert (clock[0], clock[18], clock[19], clock[-1], len(clock)) == ("07:15", "11:45", "13:00", "17:30", 19 + 19)


def test_a_span_past_midnight_belongs_to_the_day_it_begins_on():
    night = Schedule(((), (), (), (), (Span(1320, 1560),), (), ()))
    assert open_hours(date(2026, 1, 16), night, date(2026, 1, 17)) == [22, 23, 0, 1]
    assert open_hours(date(2026, 1, 17), night) == [0, 1]  # though only Saturday is asked for
    shut = DayException(date(2026, 1, 16), date(2026, 1, 16), (), "")
    assert open_hours(date(2026, 1, 16), Schedule(night.week, (shut,)), date(2026, 1, 17)) == []


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (date(2026, 3, 9), 24)])
def test_clock_changes(day, hours):
    """On Sundays at 02:00 the clock goes forward or back; open from 01:00 to 03:00."""
    schedule = Schedule(((Span(60, 180),),) * 7)
    rows = local_rows(day, day, 15)
    assert len(rows) == hours * 4
    assert is_open(rows, schedule).sum() == {23: 4, 24: 8, 25: 12}[hours]


def test_exceptions_go_above_holidays_and_holidays_above_terms():
    half_day = (Span(420, 720),)
    schedule = Schedule(
        week=(WORKDAY,) * 5 + ((), ()),
        exceptions=(
            DayException(date(2026, 1, 19), date(2026, 1, 20), half_day, "open all the same"),
            DayException(date(2026, 1, 20), date(2026, 1, 20), (), "burst pipe"),
        ),
        terms=(Term(date(2026, 1, 5), date(2026, 6, 11)),),
        outside_terms=((Span(540, 600),),) + ((),) * 6,
        country="US",
        holiday_hours=(Span(600, 660),),
    )
    holidays = {date(2026, 1, 19): "King", date(2026, 5, 25): "Memorial Day", date(2026, 1, 1): "New Year"}

    def hours(day):
        return hours_of_day(day, schedule, holidays)

    assert hours(date(2026, 1, 19)) == half_day
    assert hours(date(2026, 1, 20)) == ()  # the later of two exceptions
    assert hours(date(2026, 5, 25)) == (Span(600, 660),)
    assert hours(date(2026, 1, 5)) == hours(date(2026, 6, 11)) == WORKDAY  # first and last day of the term
    assert hours(date(2026, 1, 4)) == hours(date(2026, 6, 12)) == ()
    assert hours(date(2026, 6, 15)) == (Span(540, 600),)  # a Monday outside
    assert hours(date(2026, 1, 1)) == (Span(600, 660),)
    assert open_hours(date(2026, 5, 25), schedule) == [10]


def test_kinds_of_closed_time():
    schedule = Schedule(SCHEDULE.week, country="US", terms=(Term(date(2026, 1, 1), date(2026, 1, 20)),))
    rows = local_rows(date(2026, 1, 16), date(2026, 1, 21))  # Friday; Monday is a holiday, on Wednesday term is over
    kinds = closed_kind(rows, schedule).groupby(rows["local_time"].dt.day).agg(lambda kind: sorted(set(kind)))
    assert kinds.to_dict() == {
        16: ["", "night"], 17: ["weekend"], 18: ["weekend"], 19: ["holiday"], 20: ["", "night"], 21: ["holiday"],
    }  # fmt: skip


def test_ramps_by_hand():
    rows = local_rows(date(2026, 1, 12), date(2026, 1, 12), 15)
    clock = rows["local_time"].dt.strftime("%H:%M")
    assert clock[opens_within(rows, SCHEDULE, 60)].tolist() == ["06:00", "06:15", "06:30", "06:45"]
    assert clock[closed_within(rows, SCHEDULE, 30)].tolist() == ["18:00", "18:15"]
    assert not opens_within(rows, SCHEDULE, 0).any()
    assert not closed_within(rows, SCHEDULE, 0).any()
    assert not opens_within(local_rows(date(2026, 1, 17), date(2026, 1, 17)), SCHEDULE, 60).any()
    sunday = local_rows(date(2026, 1, 18), date(2026, 1, 18), 15)
    early = Schedule(((Span(30, 600),),) + ((),) * 6)
    assert sunday["local_time"].dt.strftime("%H:%M")[opens_within(sunday, early, 60)].tolist() == ["23:30", "23:45"]


def test_empty_and_single():
    rows = local_rows(date(2026, 1, 12), date(2026, 1, 12))
    for function in (is_open, closed_kind):
        assert function(rows[:0], SCHEDULE).empty
        assert len(function(rows[7:8], SCHEDULE)) == 1
    assert is_open(rows[7:8], SCHEDULE).tolist() == [True]
    assert is_open(rows[:0], SCHEDULE).dtype == bool
    assert opens_within(rows[:0], SCHEDULE, 60).empty


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 23), st.integers(0, 24), st.sets(st.integers(0, 6), min_size=1), st.integers(0, 364))
def test_former_business_hours_are_a_schedule(opens, closes, weekdays, day):
    hours = {"business_start_hour": opens, "business_end_hour": closes, "business_weekdays": sorted(weekdays)}
    document, _ = regroup({"thresholds": hours}, Path("7.toml"))
    schedule = msgspec.convert(document["schedule"], ScheduleTable).to_schedule()
    first = date.fromordinal(date(2026, 1, 1).toordinal() + day)
    rows = local_rows(first, date.fromordinal(first.toordinal() + 8))
    hour = rows["local_hour"]
    at_work = (hour >= opens) & (hour < closes) if opens < closes else (hour >= opens) | (hour < closes)
    expected = ~(at_work & rows["local_weekday"].isin(weekdays))
    assert is_after_hours(rows, schedule).tolist() == expected.tolist()
    kinds = closed_kind(rows, schedule)
    assert ((kinds != "") == expected).all()
    # In another order and with another index the answers are the same.
    assert is_open(rows[::-1], schedule).sort_index().tolist() == is_open(rows, schedule).tolist()


def test_prepare_intervals_follows_the_schedule():
    readings = make_readings(1, "2026-01-12 11:00Z", [1.0] * 6)  # 06:00 to 07:30 in New York
    schedule = Schedule(((Span(375, 420),),) + ((),) * 6)
    without = prepare_intervals(readings, METERS, NEW_YORK)["is_after_hours"].tolist()
    declared = prepare_intervals(readings, METERS, NEW_YORK, schedule)["is_after_hours"].tolist()
    assert without == [True] * 4 + [False] * 2
    assert declared == [True, False, False, False, True, True]


# --- learned hours ---------------------------------------------------------------------------------------------------


def load_of(spans, noise=0.0, base_kw=1.0, day_kw=5.0, seed=3):
    """Return a meter's readings; `spans` holds by weekday the first and last minute it runs, or None."""
    frame = fill_window(1, BOTH, base_kw, base_kw)
    local = frame["interval_start"].dt.tz_convert(NEW_YORK)
    minute = local.dt.hour * 60 + local.dt.minute
    power = frame["power_kw"].copy()
    for weekday, span in enumerate(spans):
        if span:
            power[(local.dt.day_of_week == weekday) & (minute >= span[0]) & (minute < span[1])] += day_kw - base_kw
    power *= np.random.default_rng(seed).lognormal(0, noise, len(frame)) if noise else 1.0
    return frame.assign(power_kw=power, energy_kwh=power / 4)


def learned(readings, config=CONFIG):
    _, _, clean = prepare(readings, SCOPE)
    return learn_hours(Load.of_frame(clean[clean["interval_start"] < WEEK.start]), config.learned_hours)


EARLY = [(270, 1080)] * 5 + [None, None]  # 04:30 to 18:00


def test_start_and_end_of_each_weekday():
    hours = learned(load_of(EARLY))
    assert (hours.code, hours.base_kw, hours.plateau_kw) == (None, pytest.approx(0.98), pytest.approx(5.02, abs=0.01))
    assert hours.week == (LearnedDay(270, 1080, 4),) * 5 + (LearnedDay(0, 0, 4),) * 2


@pytest.mark.parametrize("seed", range(5))
def test_noise_moves_start_and_end_by_two_intervals_at_most(seed):
    hours = learned(load_of(EARLY, noise=0.3, seed=seed))
    assert hours.week[5:] == (LearnedDay(0, 0, 4),) * 2
    for day in hours.week[:5]:
        assert abs(day.start_min - 270) <= 30
        assert abs(day.end_min - 1080) <= 30


def test_a_holiday_a_blip_at_night_and_a_dip_at_noon_change_nothing():
    readings = load_of(EARLY)
    readings = set_power(readings, "2025-12-25 00:00", "2025-12-26 00:00", 1.0)
    for day in ("2025-12-16", "2025-12-23", "2025-12-30", "2026-01-06"):
        readings = set_power(readings, f"{day} 02:00", f"{day} 02:30", 5.0)
        readings = set_power(readings, f"{day} 12:00", f"{day} 13:00", 1.0)
    assert learned(readings).week == (LearnedDay(270, 1080, 4),) * 5 + (LearnedDay(0, 0, 4),) * 2


def test_a_burst_at_night_begins_no_day_and_one_saturday_is_no_habit():
    readings = load_of(EARLY)
    readings = set_power(readings, "2026-01-10 09:00", "2026-01-10 15:00", 5.0)
    for day in ("2025-12-16", "2025-12-23", "2025-12-30", "2026-01-06"):
        readings = set_power(readings, f"{day} 01:00", f"{day} 01:15", 200.0)
    assert learned(readings).week == (LearnedDay(270, 1080, 4),) * 5 + (LearnedDay(0, 0, 4),) * 2


def test_no_rhythm_is_refused():
    flat = learned(fill_window(1, BOTH, 5.0, 4.5))
    assert (flat.code, flat.week) == ("no_rhythm", (None,) * 7)
    assert flat.reason == "day and night are too alike: 4.41 to 5.07 kW"
    seldom = set_power(fill_window(1, BOTH, 0.0, 0.0), "2026-01-06 18:00", "2026-01-06 22:00", 5.0)
    assert learned(seldom).reason == "it is off for nineteen hours out of twenty or more"
    rng = np.random.default_rng(1)
    frame = fill_window(1, BOTH, 1.0, 1.0)
    cycling = np.repeat(rng.random(len(frame) // 4 + 1) < 0.4, 4)[: len(frame)] * 4.0 + frame["power_kw"]
    assert learned(frame.assign(power_kw=cycling, energy_kwh=cycling / 4)).code == "no_rhythm"


def test_too_little_data_is_refused():
    readings = load_of(EARLY)
    few = readings[readings["interval_start"] >= WEEK.start - pd.Timedelta("5D")]
    assert learned(few).code == "short_baseline"
    assert learned(readings[:0]).reason == "no sound readings in the baseline weeks"
    assert learned(readings[:1]).code == "short_baseline"


def test_a_channel_that_runs_from_half_past_four_is_a_finding():
    _, _, clean = prepare(load_of(EARLY), SCOPE)
    (finding,) = find_disagreements(clean, SCOPE)["findings"]
    assert describe_hours(finding) == "runs 04:30–18:00, open 07:00–18:00 (Mon–Fri)"
    with written_for("US"):
        assert spaced(describe_hours(finding)) == "runs 4:30 am–6 pm, open 7 am–6 pm (Mon–Fri)"
    assert finding["hours"] == 12.5  # 2.5 h on five days
    assert finding["kwh"] == pytest.approx(12.5 * 4.02, abs=0.3)  # above the base power, 0.98 kW
    assert finding["cost"] == pytest.approx(finding["kwh"] * 0.12, abs=0.01)
    assert finding["weekdays"][0] == {
        "weekday": 0, "learned": "04:30-18:00", "declared": ["07:00-18:00"], "earlyMinutes": 150, "lateMinutes": 0,
    }  # fmt: skip


def test_a_finding_names_every_day_that_its_hours_are_of():
    """Monday to Friday from 04:30, Saturday from 08:00 to 14:00: 12.5 and 6 hours outside the declared ones."""
    _, _, clean = prepare(load_of([(270, 1080)] * 5 + [(480, 840), None]), SCOPE)
    (finding,) = find_disagreements(clean, SCOPE)["findings"]
    assert describe_hours(finding) == "runs 04:30–18:00, open 07:00–18:00 (Mon–Fri); at other hours on Sat"
    assert finding["hours"] == 18.5


@pytest.mark.parametrize(
    ("spans", "weekdays"),
    [
        ([(420, 1080)] * 5 + [None] * 2, []),
        ([(375, 1080)] * 5 + [None] * 2, []),  # 45 minutes
        ([(360, 1080)] * 5 + [None] * 2, [0, 1, 2, 3, 4]),
        ([(360, 1080)] * 2 + [(420, 1080)] * 3 + [None] * 2, []),  # on two weekdays
        ([(390, 1110)] * 3 + [(420, 1080)] * 2 + [None] * 2, [0, 1, 2]),  # half an hour at either end
        ([(540, 780)] * 5 + [None] * 2, []),  # within the declared hours
        ([(420, 1080)] * 5 + [(480, 840), None], [5]),  # a whole day that is declared closed
    ],
)
def test_what_is_a_disagreement(spans, weekdays):
    _, _, clean = prepare(load_of(spans), SCOPE)
    assert list(outside_minutes(learn_hours(Load.of_frame(clean), CONFIG.learned_hours), SCHEDULE, CONFIG)) == weekdays
    assert len(find_disagreements(clean, SCOPE)["findings"]) == bool(weekdays)


def test_the_schedule_of_the_scope_is_what_counts():
    early = Schedule(((Span(240, 1080),),) * 5 + ((), ()))
    for schedule, disagreements in ((early, 0), (SCHEDULE, 1)):
        scope = SCOPE._replace(schedule=schedule)
        intervals = prepare_intervals(load_of(EARLY), METERS, NEW_YORK, schedule)
        assert len(find_disagreements(intervals, scope)["findings"]) == disagreements
        expectation = expect_load(intervals, scope, None)
        section = build_section(find_closed_use(expectation, scope), intervals, expectation.coverage, scope)
        assert len(section["topMeters"]) == disagreements


def test_refusals_are_listed():
    _, _, clean = prepare(fill_window(1, BOTH, 5.0, 4.5), SCOPE)
    result = find_disagreements(clean, SCOPE)
    assert result["findings"] == []
    assert result["notAssessed"][0]["code"] == "no_rhythm"
    assert find_disagreements(clean[:0], SCOPE) == {"findings": [], "notAssessed": []}
