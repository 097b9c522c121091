"""Tests of analyze/load/unrest.py: nights on which a load does not fall, and life on closed days."""

from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from week_factory import NEW_YORK, fill_window, make_meters, set_power

from analyze.load.anomaly_scores import score_readings
from analyze.load.unrest import score_unrest
from analyze.load.week_grid import lay_out, moving_mean, rolling_quantile
from analyze.week.intervals import prepare_intervals
from config.thresholds import Thresholds
from lib.date_utils import local_day_window

CONFIG = Thresholds()
TEN_WEEKS = local_day_window(date(2025, 11, 17), date(2026, 1, 25), NEW_YORK)
FIRST_NIGHT = pd.Timestamp("2025-12-15")  # a Monday evening


def unrest_of(readings, tz=NEW_YORK, interval_s=900):
    intervals = prepare_intervals(readings, make_meters(1, interval_s=interval_s), tz)
    return pd.Series(score_unrest(lay_out(intervals)), index=intervals["local_time"])


def stay_up(readings, nights, power_kw, tz=NEW_YORK):
    """Readings that draw `power_kw` where they were at rest, by night and on weekends, on so many nights in a row."""
    local = readings["interval_start"].dt.tz_convert(tz).dt.tz_localize(None)
    is_up = (local >= FIRST_NIGHT + pd.Timedelta(hours=18)) & (local < FIRST_NIGHT + pd.Timedelta(days=nights, hours=7))
    return readings.assign(power_kw=readings["power_kw"].mask(is_up & (readings["power_kw"] < 1.1), power_kw))


@pytest.mark.parametrize(("interval_s", "tz"), [(900, NEW_YORK), (3600, ZoneInfo("Europe/London"))])
def test_nights_that_stay_up_for_two_weeks_are_told_and_no_other(interval_s, tz):
    window = local_day_window(date(2025, 11, 17), date(2026, 1, 25), tz)
    readings = stay_up(fill_window(1, window, 5.0, 1.0, tz, interval_s), 12, 3.0, tz)
    scores = score_readings(readings, make_meters(1, interval_s=interval_s), tz, CONFIG)
    is_up = (readings["power_kw"] == 3.0).to_numpy()
    assert is_up.sum() * interval_s / 3600 == 12 * 13 + 2 * 11  # the nights, and a weekend by day
    # All but the last night: with rest beside it, its score stays high for less than the nine hours that a flag asks.
    told = scores.loc[is_up, "is_anomaly"].to_numpy()
    last_night = 13 * 3600 // interval_s
    assert told[:-last_night].mean() > 0.99
    assert not told[-last_night:].any()
    assert scores.loc[~is_up, "is_anomaly"].mean() < 0.02
    assert scores.loc[is_up, "score"].quantile(0.1) == pytest.approx(0.46)


@pytest.mark.parametrize(("power_kw", "least", "most"), [(1.3, 0.0, 0.0), (1.7, 0.2, 0.8), (2.1, 1.0, 1.0)])
def test_the_excess_counts_from_a_tenth_to_a_quarter_of_the_spread(power_kw, least, most):
    # The spread p95 − p5 is 5.1 − 1.0 = 4.1 kW: a tenth lies at 1.4 kW, a quarter at 2.0 kW.
    unrest = unrest_of(stay_up(fill_window(1, TEN_WEEKS, 5.0, 1.0), 5, power_kw))
    night = unrest["2025-12-16 23:00":"2025-12-17 04:00"]
    assert least <= night.min() <= night.max() <= most


def test_what_most_nights_do_is_the_seasons_rest():
    night = slice("2026-01-05 20:00", "2026-01-06 06:00")  # the last 57 nights are held against each other
    least = [unrest_of(stay_up(fill_window(1, TEN_WEEKS, 5.0, 1.0), n, 3.0))[night].min() for n in (30, 55)]
    assert least == [1.0, 0.0]


def test_a_night_that_falls_late_did_fall():
    readings = fill_window(1, TEN_WEEKS, 5.0, 1.0)
    for evening in pd.bdate_range(FIRST_NIGHT, periods=12):  # extended hours: up to midnight, then at rest
        readings = set_power(readings, f"{evening:%Y-%m-%d} 18:00", f"{evening:%Y-%m-%d} 23:59", 3.0)
    assert unrest_of(readings).max() == 0.0


def test_a_whole_day_that_is_up_is_no_night_without_rest():
    readings = stay_up(fill_window(1, TEN_WEEKS, 5.0, 1.0), 4, 3.0)
    for day in pd.date_range(FIRST_NIGHT, periods=5):
        readings = set_power(readings, f"{day:%Y-%m-%d} 06:00", f"{day:%Y-%m-%d} 18:00", 7.0)
    assert unrest_of(readings)["2025-12-16 12:00":"2025-12-19 12:00"].max() == 0.0


def test_a_load_without_rest_a_restless_one_and_a_short_window_owe_nothing():
    steady = set_power(fill_window(1, TEN_WEEKS, 5.0, 4.9), "2025-12-15 18:00", "2025-12-17 07:00", 5.4)
    assert unrest_of(steady).max() == 0.0
    restless = fill_window(1, TEN_WEEKS, 5.0, 1.0)
    night = restless["interval_start"].dt.tz_convert(NEW_YORK).dt.normalize()
    level_kw = night.map(dict(zip(night.unique(), np.random.default_rng(3).uniform(1.0, 4.0, 70), strict=True)))
    restless["power_kw"] = np.maximum(restless["power_kw"], level_kw)
    assert (unrest_of(restless) > 0.8).sum() == 0
    two_weeks = local_day_window(date(2025, 12, 8), date(2025, 12, 21), NEW_YORK)
    assert unrest_of(stay_up(fill_window(1, two_weeks, 5.0, 1.0), 3, 3.0)).max() == 0.0


@pytest.mark.parametrize(("power_kw", "is_told"), [(1.2, False), (2.0, True)])
def test_life_on_two_closed_weekends_is_told_in_its_hours(power_kw, is_told):
    readings = fill_window(1, TEN_WEEKS, 5.0, 1.0)
    for day in ("2025-12-13", "2025-12-14", "2025-12-20", "2025-12-21"):
        readings = set_power(readings, f"{day} 09:00", f"{day} 17:00", power_kw)
    told = unrest_of(readings) > 0.9
    assert bool(told["2025-12-20 09:00":"2025-12-20 16:45"].all()) == is_told
    assert told["2025-12-20 00:00":"2025-12-20 08:45"].sum() + told["2025-12-22":"2025-12-26"].sum() == 0


def test_weekends_of_which_most_are_lively_are_the_schedule():
    readings = fill_window(1, TEN_WEEKS, 5.0, 1.0)
    for day in pd.date_range("2025-11-22", periods=8, freq="7D"):
        readings = set_power(readings, f"{day:%Y-%m-%d} 09:00", f"{day:%Y-%m-%d} 17:00", 2.0)
    assert unrest_of(readings).max() == 0.0


def test_negative_power_is_power():
    """A load that exports by day: its night is the rest of nothing, and no error."""
    readings = fill_window(1, TEN_WEEKS, -5.0, 1.0)
    assert unrest_of(readings).max() == 0.0


def test_moving_mean_and_rolling_quantile_by_hand():
    values = np.array([1.0, 2.0, 6.0, 8.0])
    (three, five) = moving_mean(values, (3, 5))
    assert three.tolist() == [1.5, 3.0, pytest.approx(16 / 3), 7.0]
    assert five.tolist() == [3.0, 4.25, 4.25, pytest.approx(16 / 3)]
    (with_gap,) = moving_mean(np.array([1.0, np.nan, 5.0]), (3,))
    assert with_gap.tolist() == [1.0, 3.0, 5.0]
    assert np.isnan(moving_mean(np.array([np.nan]), (3,))[0]).all()
    # At the ends the window of three is moved inwards: the first two and the last two share theirs.
    assert rolling_quantile(values, 1, 0.5).tolist() == [2.0, 2.0, 6.0, 6.0]
    assert rolling_quantile(np.array([[1.0, np.nan], [3.0, 4.0]]), 5, 0.5).tolist() == [[2.0, 4.0], [2.0, 4.0]]
