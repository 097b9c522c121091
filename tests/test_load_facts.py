"""Tests of analyze/load/load_facts.py, worked out by hand."""

import json

import numpy as np
import pandas as pd
import pytest
from week_factory import WEEK, make_meters, make_readings, make_scope, prepare

from analyze.load.load_facts import build_load_facts
from lib.date_utils import Window

METERS = make_meters(1, interval_s=3600)


def facts(readings, meters=METERS, floor_area_m2=None):
    scope = make_scope(meters)
    _, _, clean = prepare(readings, scope)
    return json.loads(json.dumps(build_load_facts(clean, scope, floor_area_m2), allow_nan=False))


def hourly(day_kw, days=7, start=WEEK.start):
    """Return whole days of hours: 2 kW by night (14 h), `day_kw` by day (10 h), the last hour of each the peak."""
    day = np.array([2.0] * 14 + [day_kw] * 9 + [10.0])
    live = 1 + 1e-5 * (np.arange(24 * days) % 2)  # a live measurement never repeats
    return make_readings(1, pd.Timestamp(start), np.tile(day, days) * live, 3600)


def test_facts_of_a_plain_week():
    (channel,) = facts(hourly(6.0))["channels"]
    duration = channel.pop("loadDuration")
    # Mean (14 × 2 + 9 × 6 + 10) / 24 = 92 / 24 kW
    assert channel == {
        "channelId": 1,
        "channelName": "meter 1",
        "status": "ok",
        "daysAssessed": 7,
        "baseLoadKw": 2.0,
        "meanKw": 3.833,
        "peakKw": 10.0,
        "peakAt": "2026-01-12T23:00:00-05:00",
        "loadFactor": 0.383,
        "peakToBase": 5.0,
        "baseLoadSharePct": 52.2,
        "nearPeakHours": 7.0,
    }
    # 7 of 168 h (4.2 %) at 10 kW, 63 h (41.7 % in all) at 6 kW or more
    assert [(point["timePct"], round(point["powerKw"], 2)) for point in duration] == [
        (0, 10.0), (1, 10.0), (5, 6.0), (10, 6.0), (25, 6.0), (50, 2.0), (75, 2.0), (90, 2.0), (95, 2.0), (99, 2.0),
        (100, 2.0),
    ]  # fmt: skip


def test_near_the_peak_is_nine_tenths_of_it():
    assert facts(hourly(9.1))["channels"][0]["nearPeakHours"] == 70.0
    assert facts(hourly(8.9))["channels"][0]["nearPeakHours"] == 7.0


def test_an_odd_night_does_not_move_the_base_load():
    readings = hourly(6.0)
    readings.loc[30, ["power_kw", "energy_kwh"]] = 0.5
    assert facts(readings)["channels"][0]["baseLoadKw"] == 2.0


def test_half_hours_and_quarter_hours_weigh_by_their_length():
    fine = make_readings(1, pd.Timestamp(WEEK.start), [8.0, 8.001, 8.0, 8.001], 900)
    rest = hourly(6.0).iloc[1:]
    channel = facts(pd.concat([fine, rest]))["channels"][0]
    assert channel["meanKw"] == round((7 * 92 - 2 + 8.0005) / 168, 3)


def test_a_channel_that_is_off_has_no_ratios():
    (channel,) = facts(hourly(6.0).assign(power_kw=0.0, energy_kwh=0.0))["channels"]
    ratios = [channel[key] for key in ("loadFactor", "peakToBase", "baseLoadSharePct", "nearPeakHours")]
    assert ratios == [None, None, None, 0.0]


@pytest.mark.parametrize(("days", "later"), [(0, "2026-01-22"), (1, "2026-01-21"), (2, "2026-01-20")])
def test_too_few_days_are_refused(days, later):
    (channel,) = facts(hourly(6.0, days))["channels"]
    assert channel == {
        "channelId": 1,
        "channelName": "meter 1",
        "status": "insufficient_data",
        "code": "too_few_days",
        "missing": f"3 nearly full days of sound readings in the period; there are {days}",
        "possibleFrom": later,
    }
    assert facts(hourly(6.0, 3))["channels"][0]["status"] == "ok"


def test_a_single_reading_is_refused():
    assert facts(make_readings(1, pd.Timestamp(WEEK.start), [3.0], 3600))["channels"][0]["code"] == "too_few_days"


def test_readings_before_the_period_are_not_its_load():
    before = hourly(50.0, 7, pd.Timestamp(WEEK.start) - pd.Timedelta(days=7))
    assert facts(pd.concat([before, hourly(6.0)]))["channels"] == facts(hourly(6.0))["channels"]


def test_energy_use_intensity_needs_a_floor_area_and_readings():
    refusal = {"status": "insufficient_data", "code": "no_floor_area", "missing": "the floor area of the site, in m²"}
    assert facts(hourly(6.0))["energyUseIntensity"] == {**refusal, "possibleFrom": None}
    assert facts(hourly(6.0), floor_area_m2=0.0)["energyUseIntensity"]["code"] == "no_floor_area"
    assert facts(hourly(6.0, 0), floor_area_m2=100.0)["energyUseIntensity"]["code"] == "no_readings"


def test_a_week_is_not_made_a_year():
    intensity = facts(hourly(6.0), floor_area_m2=100.0)["energyUseIntensity"]
    # 7 × 92 kWh over 100 m²; 7 of 365 days; a year after 12 January 2026
    assert intensity == {
        "status": "ok",
        "floorAreaM2": 100.0,
        "periodKwhPerM2": 6.44,
        "annual": {
            "status": "insufficient_data",
            "code": "short_history",
            "missing": "90 % of 365 days; there are 1.9 %",
            "possibleFrom": "2027-01-12",
        },
    }


@pytest.mark.parametrize(("missing_days", "pct"), [(0, 100.0), (36, 90.1), (37, None)])
def test_a_year_of_sub_meters_counts_once_and_is_scaled_to_a_whole_one(missing_days, pct):
    end = pd.Timestamp(WEEK.end)
    main = hourly(6.0, 365 - missing_days, end - pd.Timedelta(days=365 - missing_days))
    meters = make_meters(1, 2, parents={2: 1}, interval_s=3600)
    readings = pd.concat([main, main.assign(channel_id=2)])
    annual = facts(readings, meters, 100.0)["energyUseIntensity"]["annual"]
    if pct is None:
        assert annual["code"] == "short_history"
    else:
        # 92 kWh × 365.25 / 100 m²
        assert (annual["status"], annual["completenessPct"]) == ("ok", pct)
        assert annual["kwhPerM2"] == pytest.approx(336.03, abs=0.2)


def test_the_window_of_the_period_is_half_open():
    beyond = make_readings(1, pd.Timestamp(WEEK.end), [99.0], 3600)
    assert facts(pd.concat([hourly(6.0), beyond]))["channels"][0]["peakKw"] == 10.0
    assert Window(WEEK.start, WEEK.end) == WEEK
