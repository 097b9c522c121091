"""Tests of analyze/load/expected_load.py and what it is made of."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from week_factory import NEW_YORK, fill_window, make_meters, make_readings, set_power

from analyze.load.expected_load import fit_expected_load, predict_load
from analyze.load.fit_quality import check_sufficiency, cv_rmse_pct, nmbe_pct
from analyze.load.temperature_response import TemperatureResponse, fit_response
from analyze.load.week_profile import foresee
from analyze.week.intervals import prepare_intervals
from config.thresholds import Thresholds
from lib.date_utils import local_day_window

CONFIG = Thresholds()
SIX_WEEKS = local_day_window(date(2026, 1, 5), date(2026, 2, 15), NEW_YORK)


def intervals_of(readings, *channel_ids):
    return prepare_intervals(readings, make_meters(*(channel_ids or (1,))), NEW_YORK)


def test_guideline_14_by_hand():
    """Errors 1, −1, 2 of a mean of 10: √(6 / (3 − 1)) / 10 and 2 / (2 · 10)."""
    actual, predicted = [9.0, 10.0, 11.0], [8.0, 11.0, 9.0]
    assert cv_rmse_pct(actual, predicted, 1) == pytest.approx(100 * np.sqrt(3) / 10)
    assert nmbe_pct(actual, predicted, 1) == pytest.approx(10.0)
    assert np.isnan(cv_rmse_pct(actual, predicted, 3))
    assert np.isnan(nmbe_pct([0.0, 0.0], [1.0, 1.0], 1))


def test_the_profile_is_the_median_of_the_hour_of_the_week():
    baseline = intervals_of(fill_window(1, SIX_WEEKS, 5.0, 1.0))
    model = fit_expected_load(baseline, CONFIG)
    rows = pd.DataFrame({"channel_id": [1, 1, 1, 9], "hour_of_week": [9, 2, 5 * 24 + 9, 9]})
    found = predict_load(model, rows)
    assert found["expected_kw"].tolist()[:3] == pytest.approx([5.0, 1.0, 1.0], abs=0.02)
    assert np.isnan(found.iloc[3]).all()
    fit = model.fit.loc[1]
    assert (fit["model"], fit["is_sufficient"], fit["reason"]) == ("profile", True, "")
    assert fit["span_days"] == pytest.approx(42.0)
    assert fit["coverage_pct"] == pytest.approx(100.0)
    assert 0 < fit["cv_rmse_pct"] < 3  # the wiggle of 2 %
    assert abs(fit["nmbe_pct"]) < 0.1


def test_known_incidents_and_earlier_anomalies_are_held_out():
    readings = fill_window(1, SIX_WEEKS, 5.0, 1.0)
    quiet = fit_expected_load(intervals_of(readings), CONFIG)
    night = set_power(readings, "2026-01-14 01:00", "2026-01-14 05:00", 40.0)
    found = fit_expected_load(intervals_of(night), CONFIG)
    assert found.fit.loc[1, "samples"] == quiet.fit.loc[1, "samples"] - 16
    assert found.fit.loc[1, "cv_rmse_pct"] == pytest.approx(quiet.fit.loc[1, "cv_rmse_pct"], abs=0.1)
    week = intervals_of(night)
    known = week["local_time"] < pd.Timestamp("2026-01-12")
    assert fit_expected_load(week, CONFIG, held_out=known).fit.loc[1, "samples"] == 5 * 7 * 96 - 16


def test_the_temperature_is_used_where_it_explains_the_load_only():
    rng = np.random.default_rng(7)
    readings = pd.concat([fill_window(1, SIX_WEEKS, 20.0, 10.0), fill_window(2, SIX_WEEKS, 20.0, 10.0)])
    baseline = intervals_of(readings, 1, 2)
    day = baseline["local_time"].dt.day_of_year.to_numpy()
    temp = pd.Series(15 + 8 * np.sin(day / 5.0) + 4 * np.sin(baseline["local_hour"] / 24 * 6.28), index=baseline.index)
    cooling_kw = 1.5 * (temp - 18.3).clip(lower=0).where(baseline["channel_id"] == 1, 0.0)
    noise_kw = 0.1 * rng.standard_normal(len(baseline))
    baseline = baseline.assign(mean_kw=baseline["mean_kw"] + cooling_kw + noise_kw)
    plain = fit_expected_load(baseline, CONFIG)
    model = fit_expected_load(baseline, CONFIG, temp_c=temp)
    assert model.fit["model"].tolist() == ["profile+temperature", "profile"]
    assert model.fit.loc[1, "cv_mae_kw"] < 0.5 * plain.fit.loc[1, "cv_mae_kw"]
    response = model.responses[1]
    assert response.power_kw([26.0])[0] - response.power_kw([19.0])[0] == pytest.approx(1.5 * 7, rel=0.1)
    rows = baseline.iloc[:5]
    assert predict_load(model, rows)["expected_kw"].isna().all()  # a response needs a temperature
    assert predict_load(model, rows, temp.iloc[:5])["expected_kw"].notna().all()


def test_a_temperature_that_is_mostly_missing_is_not_used():
    baseline = intervals_of(fill_window(1, SIX_WEEKS, 20.0, 10.0))
    temp = pd.Series(np.where(np.arange(len(baseline)) % 2, 20.0, np.nan), index=baseline.index)
    assert fit_expected_load(baseline, CONFIG, temp_c=temp).responses == {}


def test_response_by_hand():
    response = TemperatureResponse(np.array([0.0, 10.0, 20.0]), np.array([-1.0, 2.0]))
    assert response.power_kw([-5, 0, 4, 10, 15, 20, 30]).tolist() == [0, 0, -4, -10, 0, 10, 10]
    assert np.isnan(response.power_kw([np.nan])).all()
    hour = np.arange(336) % 168
    temp = np.linspace(0, 25, 336)
    found = fit_response(3 + 0.5 * temp, temp, hour, np.ones(336))
    assert found.slopes_kw_per_k == pytest.approx([0.5] * found.slopes_kw_per_k.size)
    assert fit_response(np.ones(4), np.full(4, 20.0), hour[:4], np.ones(4)) is None


@pytest.mark.parametrize(
    ("days", "step", "reason"),
    [
        (7, 1, "the baseline spans 7.0 days; 14 are needed"),
        (28, 2, "50.0 % of the baseline is covered; 90 % is needed"),
        (28, 1, ""),
    ],
)
def test_sufficiency(days, step, reason):
    epoch_s = np.arange(0, days * 86_400, 900)[::step]
    found = check_sufficiency(pd.DataFrame({"epoch_s": epoch_s, "interval_s": 900}), CONFIG)
    assert found["reason"] == reason
    assert found["is_sufficient"] == (not reason)


def test_a_week_is_foreseen_by_the_others_only():
    rows = pd.DataFrame({"channel_id": 1, "hour_of_week": [5, 5, 5, 5], "mean_kw": [1.0, 2.0, 9.0, 100.0]})
    found = foresee(rows, np.array([0, 1, 2, -1]))
    assert found["expected_kw"].tolist() == [5.5, 5.0, 1.5, 2.0]


def test_both_clock_changes_leave_the_profile_on_the_wall_clock():
    for first in (date(2026, 2, 16), date(2026, 10, 12)):
        window = local_day_window(first, date.fromordinal(first.toordinal() + 41), NEW_YORK)
        model = fit_expected_load(intervals_of(fill_window(1, window, 5.0, 1.0)), CONFIG)
        expected = model.level_kw[0, : 5 * 24].reshape(5, 24)
        assert expected[:, 7:18] == pytest.approx(5.0, abs=0.03)
        assert expected[:, :7] == pytest.approx(1.0, abs=0.01)


def test_nothing_one_reading_and_a_huge_one():
    empty = intervals_of(make_readings(1, "2026-01-12 05:00Z", []))
    model = fit_expected_load(empty, CONFIG)
    assert model.fit.empty
    assert predict_load(model, pd.DataFrame({"channel_id": [1], "hour_of_week": [3]}))["expected_kw"].isna().all()
    one = fit_expected_load(intervals_of(make_readings(1, "2026-01-12 05:00Z", [1e12])), CONFIG)
    assert one.fit.loc[1, "reason"] == "the baseline spans 0.0 days; 14 are needed"
    assert np.isnan(one.scale_kw).all()  # no week could be left out: nothing is claimed
