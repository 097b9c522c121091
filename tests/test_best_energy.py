"""Tests of analyze/expected/best_energy.py and comparison.py: weeks whose energy a reader can add up."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from week_factory import NEW_YORK, WEEK, fill_window, make_meters, make_scope, prepare, set_power

from analyze.expected.best_energy import Source, find_best_energy
from analyze.expected.comparison import NotComparable, compare_with_usual, list_special_days
from analyze.expected.day_types import DayKind
from analyze.expected.model import expect_load
from analyze.week.site_week import analyze_site_week
from config.opening_hours import DayException, Schedule, Span, Term
from lib.date_utils import Window, local_day_window

METERS = make_meters(1, 2, parents={2: 1})
SCOPE = make_scope(METERS)
BOTH = Window(SCOPE.baseline.start, SCOPE.period.end)
WORK = (Span(7 * 60, 18 * 60),)
OFFICE_WEEK = (WORK,) * 5 + ((),) * 2


def at(moment):
    return pd.Timestamp(moment, tz=NEW_YORK)


def without(readings, start, end):
    """Return `readings` without those from `start` up to `end`, local."""
    moment = readings["interval_start"]
    return readings[(moment < at(start)) | (moment >= at(end))]


def best_of(readings, scope=SCOPE, **flags):
    """Return the best energy of baseline and period; `flags` are (start, end) of what is flagged, None of nothing."""
    intervals, bad, _ = prepare(readings, scope)
    moment = intervals["interval_start"]
    for name, (start, end) in flags.items():
        bad = bad.assign(**{name: (moment >= at(start)) & (moment < at(end)) & (intervals["channel_id"] == 1)})
    return find_best_energy(intervals, bad, expect_load(intervals[~bad.any(axis=1)], scope, None), scope)


def week_kwh(best, channel_id=1, name="kwh"):
    rows = best.of_period(SCOPE).rows
    return float(rows.loc[rows["channel_id"] == channel_id, name].sum())


def sources(best):
    rows = best.of_period(SCOPE).rows
    return {Source(key).name: int(count) for key, count in rows.groupby("source").size().items()}


USUAL_KWH = 55 * 5.0 + 113 * 1.0  # of 5 kW on weekdays from 7 to 18, and 1 kW


def test_what_is_valid_stands_as_it_is():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    best = best_of(readings)
    own = readings[readings["interval_start"] >= WEEK.start]
    assert best.of_period(SCOPE).rows["kwh"].tolist() == own["energy_kwh"].tolist()
    assert sources(best) == {"METERED": 672}
    assert (best.rows["low_kwh"] == best.rows["kwh"]).all()
    assert (best.rows["high_kwh"] == best.rows["kwh"]).all()


@pytest.mark.parametrize("way", ["never came", "stuck", "at the end"])
def test_what_is_wrong_or_missing_is_what_like_days_draw(way):
    readings = fill_window(1, BOTH, 5.0, 1.0)
    span = ("2026-01-17 00:00", "2026-01-19 00:00") if way == "at the end" else ("2026-01-13 00:00", "2026-01-15 00:00")
    if way == "stuck":
        best = best_of(set_power(readings, *span, 70.0), stuck=span)
    else:
        best = best_of(without(readings, *span))
    assert sources(best) == {"METERED": 480, "EXPECTED": 192}
    assert week_kwh(best) == pytest.approx(USUAL_KWH, abs=0.5)
    assert week_kwh(best, name="low_kwh") < week_kwh(best) < week_kwh(best, name="high_kwh")


def test_a_wrong_unit_is_divided_by_its_factor():
    span = ("2026-01-13 00:00", "2026-01-16 00:00")
    readings = fill_window(1, BOTH, 5.0, 1.0)
    wrong = readings["interval_start"].between(at(span[0]), at(span[1]), inclusive="left")
    for name in ("energy_kwh", "power_kw"):
        readings[name] = readings[name].mask(wrong, 10 * readings[name])
    best = best_of(readings)
    assert sources(best) == {"METERED": 384, "CORRECTED": 288}
    assert week_kwh(best) == pytest.approx(USUAL_KWH, abs=0.5)


def test_a_register_that_jumps_leaves_the_energy_of_its_power():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    jump = readings["interval_start"] == at("2026-01-14 10:00")
    best = best_of(readings.assign(energy_kwh=readings["energy_kwh"].mask(jump, 9000.0)))
    assert sources(best) == {"METERED": 671, "CORRECTED": 1}
    assert week_kwh(best) == pytest.approx(USUAL_KWH, abs=0.5)


def test_a_sum_over_a_hole_is_spread_over_it_and_not_estimated_besides():
    """Six hours from 16 to 22 o'clock come in one: two at 5 kW, four at 1 kW, and the interval itself."""
    readings = without(fill_window(1, BOTH, 5.0, 1.0), "2026-01-14 16:00", "2026-01-14 22:00")
    after = readings["interval_start"] == at("2026-01-14 22:00")
    best = best_of(readings.assign(energy_kwh=readings["energy_kwh"].mask(after, 28.5)))
    rows = best.rows[best.rows["source"] == Source.CAUGHT_UP]
    assert len(rows) == 25
    assert rows["kwh"].sum() == pytest.approx(28.5)
    by_day = rows.loc[rows["local_hour"] < 18, "kwh"]
    assert by_day.to_numpy() == pytest.approx(28.5 * 1.25 / 14.25, rel=0.03)
    assert (rows["low_kwh"] <= rows["kwh"]).all()


def test_a_doubled_hour_is_spread_over_both_passes():
    """The clock goes back on 1 November at two: the first pass holds two hours' energy, the second is missing."""
    week = local_day_window(date(2026, 10, 26), date(2026, 11, 1), NEW_YORK)
    scope = make_scope(METERS, week)
    readings = fill_window(1, Window(scope.baseline.start, week.end), 6.0, 6.0)
    first = readings["interval_start"].between("2026-11-01 05:00Z", "2026-11-01 05:45Z")
    second = readings["interval_start"].between("2026-11-01 06:00Z", "2026-11-01 06:45Z")
    for name in ("energy_kwh", "power_kw"):
        readings[name] = readings[name].mask(first, 2 * readings[name])
    zero = {name: readings[name].mask(second, 0.0) for name in ("energy_kwh", "power_kw")}
    for rows in (readings[~second], readings.assign(**zero)):
        best = best_of(rows, scope).of_period(scope).rows
        assert len(best) == 169 * 4
        spread = best.loc[best["source"] == Source.CAUGHT_UP, "kwh"]
        assert len(spread) == 8
        assert spread.to_numpy() == pytest.approx(1.5, rel=0.03)


def test_a_level_below_all_others_is_a_lower_bound():
    """0.3 kW for two days on a meter that never showed less than 1: it, or the load, stands still."""
    span = ("2026-01-13 00:00", "2026-01-15 00:00")
    best = best_of(set_power(fill_window(1, BOTH, 5.0, 1.0), *span, 0.3), stuck=span)
    assert sources(best) == {"METERED": 480, "AT_LEAST": 192}
    assert week_kwh(best) == pytest.approx(USUAL_KWH - 2 * 68 + 48 * 0.3, abs=0.5)


def test_a_meter_of_which_less_than_half_is_valid_is_not_estimated():
    for end, valid, source in (("2026-01-15 12:00", 336, "EXPECTED"), ("2026-01-15 11:45", 335, "UNKNOWN")):
        best = best_of(without(fill_window(1, BOTH, 5.0, 1.0), end, "2026-01-19 00:00"))
        assert sources(best) == {"METERED": valid, source: 672 - valid}


def test_without_like_days_nothing_is_made_up():
    best = best_of(without(fill_window(1, WEEK, 5.0, 1.0), "2026-01-14 00:00", "2026-01-15 00:00"))
    assert sources(best) == {"METERED": 576, "UNKNOWN": 96}
    rows = best.rows[best.rows["source"] == Source.UNKNOWN]
    assert rows["kwh"].isna().all()
    assert (set(rows["low_kwh"]), set(rows["high_kwh"])) == ({0.0}, {np.inf})


def test_a_meter_is_due_from_its_first_reading_to_its_removal():
    late = without(fill_window(1, BOTH, 5.0, 1.0), "2026-01-01 00:00", "2026-01-14 00:00")
    late = late[late["interval_start"] >= at("2026-01-14 00:00")]
    assert len(best_of(late).rows) == 5 * 96
    removed = make_scope(METERS.assign(uninstalled_at=pd.to_datetime(["2026-01-16 05:00Z", None], utc=True)))
    gone = without(fill_window(1, BOTH, 5.0, 1.0), "2026-01-15 12:00", "2026-01-19 00:00")
    best = best_of(gone, removed)
    assert sources(best) == {"METERED": 336, "EXPECTED": 48}


def test_a_load_in_bursts_is_estimated_by_its_mean_and_not_by_its_median():
    """Two of every seven quarter-hours at 35 kW, else nothing: 10 kW in the mean, and 0 in the median."""
    readings = fill_window(1, BOTH, 1.0, 1.0)
    power = np.where(np.arange(len(readings)) % 7 < 2, 35.0, 0.0)
    readings = readings.assign(power_kw=power, energy_kwh=power / 4)
    best = best_of(without(readings, "2026-01-13 00:00", "2026-01-15 00:00"))
    rows = best.rows[best.rows["source"] == Source.EXPECTED]
    assert rows["kwh"].sum() == pytest.approx(48 * 10.0, rel=0.02)
    whole = compare_with_usual(best_of(readings).of_period(SCOPE), SCOPE)
    assert whole.change_pct == pytest.approx(0.0, abs=1.0)


def test_a_period_is_compared_over_the_intervals_that_have_a_basis():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    more = readings["interval_start"] >= at("2026-01-15 00:00")
    for name in ("energy_kwh", "power_kw"):
        readings[name] = readings[name].mask(more, 1.5 * readings[name])
    found = compare_with_usual(best_of(readings).of_period(SCOPE), SCOPE)
    # Thursday and Friday bring 68 kWh each, Saturday and Sunday 24: half of 184 kWh more.
    assert found.usual_kwh == pytest.approx(USUAL_KWH, abs=0.5)
    assert found.change_pct == pytest.approx(100 * 92 / USUAL_KWH, abs=0.2)
    assert (found.meters, found.of_meters, found.coverage_pct, found.reason) == (1, 1, 100.0, None)


@pytest.mark.parametrize(("hours", "reason"), [(33, None), (34, NotComparable.TOO_LITTLE_VALID)])
def test_a_fifth_that_is_not_valid_is_the_most(hours, reason):
    """A fifth of 168 hours are 33.6."""
    end = at("2026-01-12 00:00") + timedelta(hours=hours)
    best = best_of(without(fill_window(1, BOTH, 5.0, 1.0), "2026-01-12 00:00", end.tz_localize(None)))
    assert compare_with_usual(best.of_period(SCOPE), SCOPE).reason == reason


def test_a_week_of_a_kind_that_was_not_seen_is_not_comparable():
    """Term begins on Monday: all weeks before it were the break's."""
    schedule = Schedule(OFFICE_WEEK, terms=(Term(date(2026, 1, 12), date(2026, 6, 5)),))
    scope = SCOPE._replace(schedule=schedule)
    found = compare_with_usual(best_of(fill_window(1, BOTH, 5.0, 1.0), scope).of_period(scope), scope)
    assert (found.reason, found.change_pct) == (NotComparable.NO_LIKE_DAYS, None)


def test_a_closed_holiday_is_as_usual_and_named():
    """Martin Luther King Day 2026 is 19 January; it is closed, and draws what a Sunday does."""
    week = local_day_window(date(2026, 1, 19), date(2026, 1, 25), NEW_YORK)
    exception = DayException(date(2026, 1, 23), date(2026, 1, 23), (), "stocktaking")
    scope = make_scope(METERS, week)._replace(
        schedule=Schedule(OFFICE_WEEK, exceptions=(exception,), country="US", state="NY")
    )
    readings = fill_window(1, Window(scope.baseline.start, week.end), 5.0, 1.0)
    for day in (19, 23):
        readings = set_power(readings, f"2026-01-{day} 00:00", f"2026-01-{day + 1} 00:00", 1.0)
    found = compare_with_usual(best_of(readings, scope).of_period(scope), scope)
    assert found.change_pct == pytest.approx(0.0, abs=0.5)
    assert [(one.day.day, one.kind, one.name, one.is_closed) for one in list_special_days(scope)] == [
        (19, DayKind.HOLIDAY, "Martin Luther King Jr. Day", True),
        (23, DayKind.EXCEPTION, "stocktaking", True),
    ]


@pytest.mark.parametrize(("last", "reason"), [(14, None), (15, NotComparable.NO_LIKE_DAYS)])
def test_a_week_closed_by_name_is_like_no_week(last, reason):
    """Closed from Monday on: three days of seven lean on Sundays, with four of them nothing is compared."""
    exception = DayException(date(2026, 1, 12), date(2026, 1, last), (), "works holiday")
    scope = SCOPE._replace(schedule=Schedule(OFFICE_WEEK, exceptions=(exception,)))
    found = compare_with_usual(best_of(fill_window(1, BOTH, 5.0, 1.0), scope).of_period(scope), scope)
    assert found.reason == reason


def test_one_absurd_interval_is_in_no_total():
    """40 times the highest of a live load for a quarter of an hour; the like days' energy stands in its place."""
    readings = fill_window(1, BOTH, 5.0, 1.0)
    right = best_of(readings)
    wrong = best_of(set_power(readings, "2026-01-14 03:00", "2026-01-14 03:15", 200.0))
    assert wrong.rows["kwh"].sum() == pytest.approx(right.rows["kwh"].sum(), abs=0.01)
    assert (wrong.rows["source"] == Source.EXPECTED).sum() == 1


def test_a_main_that_exports_is_not_compared_as_the_sun_decides():
    readings = set_power(fill_window(1, BOTH, 5.0, 1.0), "2026-01-14 10:00", "2026-01-14 14:00", -6.0)
    scope = make_scope(METERS.assign(kind=["main", "load"]))
    for limit_kw, reason in ((-6.0, NotComparable.GENERATION), (-3.0, None)):  # 24 of 368 kWh are 6.5 %, 12 are 3.3 %
        rows = set_power(readings, "2026-01-14 10:00", "2026-01-14 14:00", limit_kw)
        intervals, bad, _ = prepare(rows, scope)
        bad = bad.assign(negative_energy=False)
        best = find_best_energy(intervals, bad, expect_load(intervals, scope, None), scope)
        assert compare_with_usual(best.of_period(scope), scope).reason == reason


def test_use_behind_solar_panels_is_compared_and_its_base_load_is_that_of_the_nights():
    """An office of 20 and 5 kW beside panels that make up to 30 kW, in the period half as much as before it."""
    meters = make_meters(1, 2).assign(kind=["main", None])
    scope = make_scope(meters)
    office = fill_window(1, BOTH, 20.0, 5.0)
    local = office["interval_start"].dt.tz_convert(NEW_YORK)
    hour = (local.dt.hour + local.dt.minute / 60).to_numpy()
    sun = 30 * np.clip(np.sin((hour - 7) / 10 * np.pi), 0, None) * ((hour >= 7) & (hour < 17))
    sun = np.where(office["interval_start"] >= WEEK.start, sun / 2, sun)
    net = (office["power_kw"] - sun).to_numpy()
    readings = pd.concat(
        [
            office.assign(power_kw=net, energy_kwh=net / 4),
            office.assign(channel_id=2, power_kw=sun, energy_kwh=sun / 4),
        ]
    )
    week = analyze_site_week(readings, meters, WEEK, scope.baseline, NEW_YORK, scope.config, scope.schedule)
    use, own = week.consumption, readings[readings["interval_start"] >= WEEK.start]
    made = own.loc[own["channel_id"] == 2, "energy_kwh"].sum()
    used = office.loc[office["interval_start"] >= WEEK.start, "energy_kwh"].sum()
    assert [row["kind"] for row in use["byChannel"]] == ["main", "generation"]
    assert use["totalKwh"] == pytest.approx(used - made, abs=0.01)
    assert (use["generatedKwh"], use["grossKwh"]) == (pytest.approx(made, abs=0.01), pytest.approx(used, abs=0.01))
    assert use["importedKwh"] - use["exportedKwh"] == pytest.approx(use["totalKwh"], abs=0.01)
    assert (use["changePct"], use["usualKwh"]) == (pytest.approx(0.0, abs=0.2), pytest.approx(used, rel=0.002))
    (facts,) = week.sections["loadFacts"]["channels"]
    assert facts["baseLoadKw"] == pytest.approx(5.0, rel=0.03)
    assert facts["peakKw"] == pytest.approx(20.0, rel=0.03)
    assert week.sections["quickWins"] == []
