"""Tests of sections/forecast.py, forecast_model.py and site_hours.py."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import jsonschema_rs
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from measured_hours import read_buildings
from pipeline import SITE_ID, govern, ingest
from week_factory import NEW_YORK, make_meters

from analyze.load.forecast_model import Kinds, Weeks, error_quantiles, predict_week
from analyze.load.site_hours import total_by_hour
from analyze.sections.forecast import forecast_site
from config.opening_hours import DayException, Schedule, Span, Term
from config.thresholds import Thresholds
from lib import readings as readings_lib
from lib.date_utils import Window, local_midnight
from lib.paths import PROJECT_ROOT

START = local_midnight(date(2026, 1, 19), NEW_YORK)  # a Monday
SCHEMA = json.loads((PROJECT_ROOT / "deliver" / "schemas" / "weekly_report.schema.json").read_text(encoding="utf-8"))


def history(start=START, days=90, tz=NEW_YORK, day_kwh=10.0, night_kwh=2.0, level=1.0):
    """Return hours before `start`: `day_kwh` on weekdays 8–17 local, else `night_kwh`."""
    moments = pd.date_range(start - timedelta(days=days), start, freq="h", inclusive="left", tz="UTC")
    local = moments.tz_convert(tz)
    is_day = (local.hour >= 8) & (local.hour < 17) & (local.day_of_week < 5)
    return pd.DataFrame({"timestamp": moments, "energy_kwh": np.where(is_day, day_kwh, night_kwh) * level})


def check_schema(section):
    schema = {"$defs": SCHEMA["$defs"], "$ref": "#/$defs/Forecast"}
    jsonschema_rs.validate(schema, section)
    json.dumps(section, allow_nan=False)


def test_a_steady_site_is_forecast_to_the_kwh():
    section = forecast_site(history(), START, NEW_YORK, site_id=7)
    check_schema(section)
    assert section["forecast"][0] == {
        "timestamp": "2026-01-19T00:00:00-05:00", "predicted_kwh": 2.0, "lower_bound": 2.0, "upper_bound": 2.0,
    }  # fmt: skip
    assert section["forecast"][8]["predicted_kwh"] == 10.0
    assert section["summary"] == {
        "site_id": 7,
        "horizon_days": 7,
        "training_rows": 2160,
        "forecast_hours": 168,
        "total_predicted_kwh": 696.0,  # 45 hours of 10 and 123 of 2
        "total_last_7d_actual_kwh": 696.0,
        "daily_forecast": [
            {"date": f"2026-01-{19 + n}", "predicted_kwh": kwh, "peak_hour_kwh": peak}
            for n, (kwh, peak) in enumerate([(120.0, 10.0)] * 5 + [(48.0, 2.0)] * 2)
        ],
        "trend_direction": "stable",
        "trend_change_pct": 0.0,
        "band_pct": 80,
    }


def test_the_order_of_rows_and_what_is_not_history_change_nothing():
    rows = history()
    future = history(START + timedelta(days=30), days=30, level=50.0)
    old = history(START - timedelta(days=90), days=30, level=50.0)
    expected = forecast_site(rows, START, NEW_YORK)
    mixed = pd.concat([future, rows.sample(frac=1, random_state=1), old], ignore_index=True)
    assert forecast_site(mixed, START, NEW_YORK) == expected


@pytest.mark.parametrize(
    ("first", "hours", "before"),
    [(date(2026, 3, 2), 167, False), (date(2026, 10, 26), 169, False), (date(2026, 3, 23), 168, True)],
)
def test_both_clock_changes(first, hours, before):
    """The week is forecast on the wall clock, whether a change lies in it or in the history."""
    start = local_midnight(first, NEW_YORK)
    section = forecast_site(history(start), start, NEW_YORK)
    assert section["summary"]["forecast_hours"] == hours
    assert len({row["timestamp"] for row in section["forecast"]}) == hours
    by_hour = {row["timestamp"][:16]: row["predicted_kwh"] for row in section["forecast"]}
    monday = first.isoformat()
    assert (by_hour[f"{monday}T07:00"], by_hour[f"{monday}T08:00"], by_hour[f"{monday}T16:00"]) == (2.0, 10.0, 10.0)
    sunday = section["summary"]["daily_forecast"][-1]
    assert sunday["predicted_kwh"] == 2.0 * (24 + hours - 168)
    assert len(section["summary"]["daily_forecast"]) == 7


def test_a_zone_of_half_hours():
    kolkata = ZoneInfo("Asia/Kolkata")
    start = local_midnight(date(2026, 1, 19), kolkata)
    section = forecast_site(history(start.replace(minute=0), tz=kolkata), start, kolkata)
    assert section["forecast"][0]["timestamp"] == "2026-01-19T00:30:00+05:30"
    assert section["summary"]["forecast_hours"] == 168


OFFICE = Schedule(((Span(8 * 60, 17 * 60),),) * 5 + ((), ()))
CLOSED_KWH, OPEN_KWH = 48.0, 120.0  # of the days of `history`


def closed(first, last=None):
    return DayException(first, last or first, (), "")


def on_days(rows, first, last, tz=NEW_YORK):
    days = rows["timestamp"].dt.tz_convert(tz).dt.date
    return (days >= first) & (days <= last)


def shut_down(rows, first, last, kwh=2.0):
    """Return `rows` with the load of a closed site on these local days."""
    return rows.assign(energy_kwh=rows["energy_kwh"].where(~on_days(rows, first, last), kwh))


def days_of(section):
    assert "summary" in section, section["reason"]
    return [day["predicted_kwh"] for day in section["summary"]["daily_forecast"]]


def test_a_holiday_is_forecast_as_closed_and_one_odd_holiday_teaches_nothing():
    """Martin Luther King's Day is the first day to come; on the last New Year's Day an hour had 500 kWh."""
    rows = history()
    for day in (date(2025, 11, 11), date(2025, 11, 27), date(2025, 12, 25)):
        rows = shut_down(rows, day, day)
    rows = shut_down(rows, date(2026, 1, 1), date(2026, 1, 1), kwh=500.0)
    section = forecast_site(rows, START, NEW_YORK, replace(OFFICE, country="US"))
    assert days_of(section) == [48.0, 120.0, 120.0, 120.0, 120.0, 48.0, 48.0]


@pytest.mark.parametrize("last", [date(2026, 1, 21), date(2026, 1, 25)])
def test_a_named_closure_ahead_is_forecast_as_closed_days(last):
    section = forecast_site(history(), START, NEW_YORK, replace(OFFICE, exceptions=(closed(START.date(), last),)))
    shut = (last - START.date()).days + 1
    assert days_of(section) == [48.0] * min(shut, 5) + [120.0] * (5 - min(shut, 5)) + [48.0] * 2


def test_a_closed_day_has_the_hours_of_a_sunday_not_of_a_holiday_that_was_worked():
    """Two Tuesdays were holidays by the calendar, and worked on: a third, closed, is a Sunday all the same."""
    schedule = replace(OFFICE, exceptions=tuple(closed(day) for day in (date(2025, 12, 2), date(2025, 12, 16))))
    ahead = replace(schedule, country="US")  # the 19th is a holiday, and the only one of its kind but for two others
    assert days_of(forecast_site(history(days=28), START, NEW_YORK, ahead))[0] == CLOSED_KWH


def test_the_week_after_a_closure_is_one_of_open_days():
    first, last = date(2026, 1, 5), date(2026, 1, 18)
    schedule = replace(OFFICE, exceptions=(closed(first, last),))
    section = forecast_site(shut_down(history(), first, last), START, NEW_YORK, schedule)
    assert days_of(section) == [OPEN_KWH] * 5 + [CLOSED_KWH] * 2
    assert section["summary"]["trend_direction"] == "increasing"


def test_the_second_week_of_a_term_is_told_by_the_first():
    """Ten weeks of holidays, then one week of term, on whose Monday the doors stayed shut."""
    monday = date(2026, 1, 12)
    schedule = replace(OFFICE, terms=(Term(monday, date(2026, 6, 1)),))
    rows = shut_down(history(), date(2025, 1, 1), monday)
    assert days_of(forecast_site(rows, START, NEW_YORK, schedule)) == [OPEN_KWH] * 5 + [CLOSED_KWH] * 2


def test_a_break_ahead_is_closed_and_the_term_after_it_open():
    terms = (Term(date(2025, 1, 1), date(2026, 1, 18)), Term(date(2026, 1, 22), date(2026, 6, 1)))
    section = forecast_site(history(), START, NEW_YORK, replace(OFFICE, terms=terms))
    assert days_of(section) == [48.0, 48.0, 48.0, 120.0, 120.0, 48.0, 48.0]


def half_days(*days):
    return tuple(DayException(day, day, (Span(8 * 60, 12 * 60),), "half day") for day in days)


@pytest.mark.parametrize("known", [1, 2])
def test_a_half_day_is_told_by_half_days_or_not_at_all(known):
    """Four open hours: 4 x 10 + 20 x 2 kWh; one such day is too few."""
    past = (date(2025, 12, 23), date(2026, 1, 7))[-known:]
    rows = history()
    local = rows["timestamp"].dt.tz_convert(NEW_YORK)
    rows.loc[local.dt.date.isin(past) & (local.dt.hour >= 12), "energy_kwh"] = 2.0
    schedule = replace(OFFICE, exceptions=half_days(*past, date(2026, 1, 23)))
    section = forecast_site(rows, START, NEW_YORK, schedule)
    if known == 2:
        assert days_of(section) == [120.0, 120.0, 120.0, 120.0, 80.0, 48.0, 48.0]
        return
    assert section == {
        "status": "unavailable",
        "code": "no_like_days",
        "reason": "Fri 2026-01-23: fewer than 2 days with such opening hours lie in the 90 days before",
        "missing": "2 days with the opening hours of Fri 2026-01-23 in the 90 days before",
        "possibleFrom": None,
    }


def test_an_open_saturday_is_told_by_the_days_with_its_hours():
    schedule = replace(OFFICE, exceptions=(DayException(date(2026, 1, 24), date(2026, 1, 24), OFFICE.week[0], "sale"),))
    assert days_of(forecast_site(history(), START, NEW_YORK, schedule)) == [OPEN_KWH] * 6 + [CLOSED_KWH]


def test_a_closed_week_does_not_get_the_level_of_open_hours():
    rows = history()
    local = rows["timestamp"].dt.tz_convert(NEW_YORK)
    hot = on_days(rows, date(2026, 1, 12), date(2026, 1, 18)) & (rows["energy_kwh"] == 10.0)
    rows.loc[hot & (local.dt.hour >= 8), "energy_kwh"] = 30.0
    schedule = replace(OFFICE, exceptions=(closed(START.date(), date(2026, 1, 25)),))
    section = forecast_site(rows, START, NEW_YORK, schedule)
    assert days_of(section) == [CLOSED_KWH] * 7
    assert max(row["upper_bound"] for row in section["forecast"]) == 2.0


def test_a_net_meter_may_send_back_more_than_it_takes():
    """Behind the sun 5 kWh an hour flow out on working days from 8 to 17, and 2 in at all other times."""
    section = forecast_site(history(day_kwh=-5.0), START, NEW_YORK)
    assert days_of(section) == [-15.0] * 5 + [CLOSED_KWH] * 2
    assert section["forecast"][8]["lower_bound"] == -5.0


def test_the_change_of_a_net_meter_is_of_all_that_flowed():
    """On the last Monday 9 hours sent nothing back: the week of 21 kWh had 66, of 426 that flowed either way."""
    rows = history(day_kwh=-5.0)
    monday = on_days(rows, date(2026, 1, 12), date(2026, 1, 12))
    rows.loc[monday & (rows["energy_kwh"] < 0), "energy_kwh"] = 0.0
    summary = forecast_site(rows, START, NEW_YORK)["summary"]
    assert (summary["total_last_7d_actual_kwh"], summary["total_predicted_kwh"]) == (66.0, 21.0)
    assert (summary["trend_direction"], summary["trend_change_pct"]) == ("decreasing", round(-100 * 45 / 426, 2))


def test_an_outage_and_a_burst_in_one_week_change_nothing():
    rows = history()
    rows.loc[rows.index[-14 * 24 : -13 * 24], "energy_kwh"] = 0.0
    rows.loc[rows.index[-15 * 24], "energy_kwh"] = 900.0
    rows = rows.drop(rows.index[-30 * 24 : -28 * 24])
    section = forecast_site(rows, START, NEW_YORK)
    assert section["summary"]["total_predicted_kwh"] == 696.0
    assert section["summary"]["training_rows"] == 2160 - 48


def test_a_new_level_is_followed_and_the_trend_told():
    rows = history()
    rows.loc[rows.index[-28 * 24 :], "energy_kwh"] *= 2
    rows.loc[rows.index[-7 * 24 :], "energy_kwh"] *= 1.5
    section = forecast_site(rows, START, NEW_YORK)
    # Every hour: profile 2 times the old one, last week 3 times. Half of the step stays; of the other half 0.6 on the
    # first day, 0.42 on the second: 2.8, 2.71 ...
    assert section["forecast"][0]["predicted_kwh"] == pytest.approx(2.0 * (2 + 0.5 + 0.5 * 0.6))
    assert section["forecast"][24 + 12]["predicted_kwh"] == pytest.approx(10.0 * (2 + 0.5 + 0.5 * 0.42))
    assert section["summary"]["trend_direction"] == "decreasing"  # against the last seven days
    assert section["summary"]["total_last_7d_actual_kwh"] == 3 * 696.0


def test_what_was_left_on_for_one_weekend_lifts_no_forecast():
    rows = history()
    rows.loc[rows.index[-48:], "energy_kwh"] = 12.0
    assert days_of(forecast_site(rows, START, NEW_YORK)) == [OPEN_KWH] * 5 + [CLOSED_KWH] * 2


@pytest.mark.parametrize(("before", "expected"), [(4.0, 2 + 2 * 0.6), (3.0, 2 + 1 * 0.6), (2.0, 2.0)])
def test_what_the_last_two_days_lay_above_counts_as_far_as_that_is_usual(before, expected):
    """The last weekend lay 2 kWh above its level; the other weekends in turn lay so far above or on it."""
    rows = history()
    local = rows["timestamp"].dt.tz_convert(NEW_YORK)
    weeks = (START.date() - pd.Series(local.dt.date, index=rows.index)).map(lambda gap: (gap.days - 1) // 7)
    is_weekend = local.dt.day_of_week >= 5
    rows.loc[is_weekend & weeks.isin([4, 7, 10]), "energy_kwh"] = before
    rows.loc[is_weekend & (weeks == 0), "energy_kwh"] = 4.0
    hours = [row["predicted_kwh"] for row in forecast_site(rows, START, NEW_YORK)["forecast"]]
    assert hours[0] == pytest.approx(expected)
    assert hours[24] == pytest.approx(2 + (expected - 2) * 0.7)
    assert hours[12] == 10.0  # the upper half knows nothing of it


def test_too_little_history_is_unavailable_with_its_reason():
    for rows in (history(days=10), history()[:0], history()[:1], history().assign(energy_kwh=np.nan)):
        section = forecast_site(rows, START, NEW_YORK)
        assert (section["status"], section["code"]) == ("unavailable", "short_history")
    section = forecast_site(history(days=14), START, NEW_YORK)
    assert section["possibleFrom"] == "2026-01-25"  # 20 % of 28 days are 5.6 more
    told = "hours with data of every main meter cover 50 % of the 4 weeks before 2026-01-19; 70 % is needed"
    assert section["reason"] == told
    assert "summary" in forecast_site(history(days=28), START, NEW_YORK)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([28, 45, 90]), st.floats(0, 0.25), st.floats(0.01, 1000))
def test_band_holds_the_forecast_and_scale_does_not_matter(seed, days, lost, scale):
    rng = np.random.default_rng(seed)
    rows = history(days=days)
    rows["energy_kwh"] *= rng.lognormal(0, 0.3, len(rows))
    rows = rows[rng.random(len(rows)) >= lost]
    section = forecast_site(rows, START, NEW_YORK)
    check_schema(section)
    table = pd.DataFrame(section["forecast"])
    assert (table["lower_bound"] <= table["predicted_kwh"]).all()
    assert (table["predicted_kwh"] <= table["upper_bound"]).all()
    assert (table["lower_bound"] >= 0).all()
    summary = section["summary"]
    assert summary["total_predicted_kwh"] == pytest.approx(table["predicted_kwh"].sum(), abs=0.1)
    assert sum(day["predicted_kwh"] for day in summary["daily_forecast"]) == pytest.approx(
        summary["total_predicted_kwh"], abs=0.01
    )
    scaled = forecast_site(rows.assign(energy_kwh=rows["energy_kwh"] * scale), START, NEW_YORK)
    assert scaled["summary"]["total_predicted_kwh"] == pytest.approx(
        scale * summary["total_predicted_kwh"], rel=1e-3, abs=0.1
    )


def weeks_of(kwh):
    """Return weeks (n x 168) of days of one type, as the model takes them."""
    shape = (len(kwh) + 1, 7, 24)
    same, weekday = np.zeros(shape, dtype=np.int64), np.broadcast_to(np.arange(7)[:, None], shape)
    never = np.zeros(shape, dtype=bool)
    return Weeks(kwh.reshape(-1, 7, 24), Kinds(same, same, weekday, never, never))


def test_profile_is_the_weighted_median_of_weeks():
    """Weights 1/4, 1/2.8, 1/2, 1/1.4: the two youngest weeks outweigh the rest; a missing one does not count."""
    kwh = np.full((4, 168), 5.0)
    kwh[:, 0] = [1.0, 2.0, 3.0, 4.0]
    kwh[:, 1] = [9.0, 9.0, 9.0, np.nan]
    kwh[:, 2] = np.nan
    predicted = predict_week(weeks_of(kwh), 4).kwh
    assert predicted[0, 0] == 3.0
    assert predicted[0, 1] == 9.0
    assert predicted[0, 2] == 5.0  # the same hour of other days


def test_band_of_errors_that_are_known():
    """Weeks alternate around 10 by ±1: the errors are the same in every hour, and so is the band."""
    rng = np.random.default_rng(0)
    weeks = weeks_of(10.0 + rng.uniform(-1, 1, (13, 168)))
    predicted = predict_week(weeks, 13)
    low, high = error_quantiles(weeks, predicted, 0.8)
    assert low.mean() == pytest.approx(-0.8, abs=0.15)
    assert high.mean() == pytest.approx(0.8, abs=0.15)
    narrow_low, narrow_high = error_quantiles(weeks, predicted, 0.4)
    assert (narrow_low >= low).all()
    assert (narrow_high <= high).all()


def test_site_total_is_of_root_meters_and_of_whole_hours():
    meters = make_meters(1, 2, 3, 4, parents={2: 1})
    moments = pd.date_range("2026-01-12", periods=100, freq="h", tz="UTC")
    rows = [
        pd.DataFrame({"channel_id": key, "timestamp": moments[:count], "energy_kwh": kwh, "reading_count": 4})
        for key, kwh, count in ((1, 10.0, 100), (2, 4.0, 100), (3, 1.0, 100), (4, 7.0, 50))
    ]
    hourly = pd.concat(rows, ignore_index=True)
    hourly.loc[5, "reading_count"] = 3
    hourly.loc[206, "energy_kwh"] = np.nan
    total = total_by_hour(hourly, meters, Thresholds())
    assert total.excluded_ids == [4]  # half of the hours, and silent at the end
    assert total.hourly["energy_kwh"].unique().tolist() == [11.0]
    missing = set(moments) - set(total.hourly["timestamp"])
    assert missing == {moments[5], moments[6]}
    empty = total_by_hour(hourly[:0], meters, Thresholds())
    assert empty.hourly.empty
    assert forecast_site(empty.hourly, START, NEW_YORK)["status"] == "unavailable"


@pytest.mark.slow
def test_hourly_energy_from_the_database_is_that_of_the_readings(conn, serve):
    """Sandbox over HTTP, 35 days without planted faults: the hours add up, and the site can be forecast from them."""
    now = datetime(2026, 2, 10, 15, tzinfo=UTC)
    window = Window(now - timedelta(days=35), now)
    ingest(conn, serve(now=now, planted_weeks=[]), window)
    assert govern(conn) == "closed"
    hourly = readings_lib.load_hourly(conn, SITE_ID, window)
    detail = readings_lib.load_readings(conn, SITE_ID, window)
    assert not hourly.duplicated(["channel_id", "timestamp"]).any()
    assert hourly["reading_count"].max() == 4
    hour = detail["interval_start"].dt.floor("h")
    expected = detail.groupby(["channel_id", hour])["energy_kwh"].sum(min_count=1).dropna()
    found = hourly.dropna(subset="energy_kwh").set_index(["channel_id", "timestamp"])["energy_kwh"]
    assert found.to_numpy() == pytest.approx(expected.to_numpy())
    assert found.index.tolist() == expected.index.tolist()
    total = total_by_hour(hourly, readings_lib.load_meters(conn, SITE_ID), Thresholds())
    assert total.excluded_ids == []
    start = local_midnight(date(2026, 2, 10), NEW_YORK)
    section = forecast_site(total.hourly, start, NEW_YORK, site_id=SITE_ID)
    check_schema(section)
    assert section["summary"]["total_predicted_kwh"] == pytest.approx(
        section["summary"]["total_last_7d_actual_kwh"], rel=0.25
    )


@pytest.mark.slow
def test_measured_band_covers_four_fifths_and_errors_are_below_those_of_last_week(capsys):
    """Two forecasts of each of 55 buildings, from random days of two years."""
    rng = np.random.default_rng(11)
    rows = []
    for name, building in read_buildings().items():
        energy = building.set_index("timestamp")["energy_kwh"]
        for day in rng.choice(np.arange(95, len(energy) // 24 - 8), 2, replace=False):
            start = building["timestamp"].iloc[24 * day]
            section = forecast_site(building, start, ZoneInfo("UTC"))
            actual = energy[start : start + timedelta(hours=167)].to_numpy()
            naive = energy[start - timedelta(days=7) : start - timedelta(hours=1)].to_numpy()
            if "summary" not in section or not np.nanmin(actual) > 0 or not np.nanmin(naive) > 0:
                continue  # the meter was dead
            table = pd.DataFrame(section["forecast"])
            error = table["predicted_kwh"].to_numpy() - actual
            inside = (table["lower_bound"].to_numpy() <= actual) & (actual <= table["upper_bound"].to_numpy())
            mean = np.nanmean(actual)
            rows.append(
                {
                    "name": name,
                    "coverage": inside.mean(),
                    "mape": np.nanmean(np.abs(error) / actual),
                    "mape_naive": np.nanmean(np.abs(naive - actual) / actual),
                    "cvrmse": np.sqrt(np.nanmean(error**2)) / mean,
                    "cvrmse_naive": np.sqrt(np.nanmean((naive - actual) ** 2)) / mean,
                }
            )
    found = pd.DataFrame(rows).drop(columns="name")
    with capsys.disabled():
        print(f"\nforecasts: {len(found)}; mean {found.mean().round(3).to_dict()}")
        print(f"median {found.median().round(3).to_dict()}")
    assert len(found) > 60
    assert 0.76 <= found["coverage"].mean() <= 0.86
    assert found["cvrmse"].mean() < 0.95 * found["cvrmse_naive"].mean()
    assert found["mape"].median() < 0.95 * found["mape_naive"].median()
