"""Tests of analyze/anomaly_detection.py."""

from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from week_factory import (
    NEW_YORK,
    fill_window,
    make_meters,
    make_readings,
    make_scope,
    prepare,
    set_power,
)

from analyze import anomaly_detection
from analyze.expected.model import expect_load
from analyze.expected.steps import find_level_changes
from analyze.sections.anomalies import build_section, find_anomalies
from analyze.week import command_line
from analyze.week.site_week import SiteContext, analyze_site_week
from lib import db
from lib import readings as readings_lib
from lib.date_utils import Window, local_day_window

METERS = make_meters(1)
SCOPE = make_scope(METERS)
BOTH = Window(SCOPE.baseline.start, SCOPE.period.end)
BASICS = (SCOPE.period, SCOPE.baseline, NEW_YORK, SCOPE.config)


def anomalies_of(readings, scope=SCOPE):
    _, _, clean = prepare(readings, scope)
    expectation = expect_load(clean, scope, None)
    changes, shifts = find_level_changes(expectation, scope)
    return build_section(find_anomalies(expectation, shifts, clean, scope), changes, expectation, clean, scope)


def test_an_event_and_its_numbers():
    readings = set_power(fill_window(1, BOTH, 5.0, 1.0), "2026-01-14 02:00", "2026-01-14 06:00", 9.0)
    section = anomalies_of(readings)
    (event,) = section["timeline"]
    assert event["start"] == "2026-01-14T02:00:00-05:00"
    assert event["end"] == "2026-01-14T06:00:00-05:00"
    assert (event["intervals"], event["context"], event["severity"]) == (16, "after_hours", "high")
    assert event["peakPower"] == pytest.approx(9.0, abs=0.001)
    assert event["expectedKwh"] == pytest.approx(4.0, abs=0.03)
    assert event["excessKwh"] == pytest.approx(32.0, abs=0.03)
    assert event["actualKwh"] == pytest.approx(36.0, abs=0.001)
    assert (event["direction"], event["deficitKwh"], event["confidence"]) == ("high", 0.0, "high")
    assert event["views"] == ["level", "change", "novelty", "shape"]
    assert section["summary"] == {
        "totalEvents": 1,
        "affectedChannels": 1,
        "totalExcessKwh": event["excessKwh"],
        "lowEvents": 0,
        "belowUsualEvents": 0,
        "bySeverity": {"high": 1, "medium": 0, "low": 0},
    }
    assert section["steps"] == []
    assert section["byChannel"] == [
        {
            "channelId": 1,
            "channelName": "meter 1",
            "anomalyCount": 1,
            "totalExcessKwh": event["excessKwh"],
            "events": [event],
        }
    ]
    assert section["notAssessed"] == []


def batches(power_kw, week=range(5)):
    """Return an oven's readings: idle at 0.5 kW but for one batch of three hours on a working day, at other hours."""
    readings = fill_window(1, BOTH, 0.5, 0.5)
    for number in week:
        start = pd.Timestamp("2025-12-15") + pd.Timedelta(days=7 * number + number % 4, hours=8 + 2 * (number % 3))
        readings = set_power(readings, str(start), str(start + pd.Timedelta("3h")), 20.0)
    return set_power(readings, "2026-01-15 13:00", "2026-01-15 16:00", power_kw)


@pytest.mark.parametrize(("power_kw", "severity"), [(21.5, "low"), (22.5, "high")])
def test_a_batch_at_another_hour_is_no_news_unless_it_is_higher_than_all(power_kw, severity):
    """The oven reaches 20 kW over three hours in every week; a tenth more is beyond that."""
    events = anomalies_of(batches(power_kw, range(4)))["timeline"]
    assert [(event["start"], event["severity"]) for event in events] == [("2026-01-15T13:00:00-05:00", severity)]


def test_a_day_that_uses_no_more_than_others_is_no_news():
    """30 kW for an hour and a half, after mornings that used as much in longer batches."""
    readings = batches(0.5, range(4))
    assert anomalies_of(set_power(readings, "2026-01-15 09:00", "2026-01-15 11:00", 29.0))["timeline"] == []


def test_a_low_episode_is_listed_and_is_no_saving():
    readings = set_power(fill_window(1, BOTH, 5.0, 1.0), "2026-01-14 09:00", "2026-01-14 15:00", 0.5)
    section = anomalies_of(readings)
    (event,) = section["timeline"]
    assert (event["direction"], event["excessKwh"], event["severity"]) == ("low", 0.0, "medium")
    assert (event["start"], event["end"]) == ("2026-01-14T09:00:00-05:00", "2026-01-14T15:00:00-05:00")
    assert event["deficitKwh"] == pytest.approx(27.0, abs=0.1)
    assert event["expectedKwh"] == pytest.approx(30.0, abs=0.1)
    assert event["actualKwh"] == pytest.approx(3.0, abs=0.01)
    assert section["summary"] == {
        "totalEvents": 0,
        "affectedChannels": 0,
        "totalExcessKwh": 0.0,
        "lowEvents": 1,
        "belowUsualEvents": 1,
        "bySeverity": {"high": 0, "medium": 1, "low": 0},
    }
    assert section["byChannel"] == []


@pytest.mark.parametrize(("break_end", "events"), [("03:30", 1), ("03:45", 2)])
def test_episodes_are_merged_across_two_intervals_and_not_three(break_end, events):
    readings = set_power(fill_window(1, BOTH, 5.0, 1.0), "2026-01-14 01:00", "2026-01-14 06:00", 20.0)
    readings = set_power(readings, "2026-01-14 03:00", f"2026-01-14 {break_end}", 1.0)
    assert anomalies_of(readings)["summary"]["totalEvents"] == events


def test_a_permanent_step_is_reported_once_and_not_as_a_string_of_anomalies():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    since = readings["interval_start"] >= pd.Timestamp("2026-01-14", tz=NEW_YORK)
    readings.loc[since, ["power_kw", "energy_kwh"]] += [3.0, 0.75]
    section = anomalies_of(readings)
    assert section["timeline"] == []
    (step,) = section["steps"]
    mean_kw = step.pop("beforeKw")
    assert mean_kw == pytest.approx((33 * 5 + 87) / 120, abs=0.1)  # what was expected since: 33 h at 5 kW, 87 h at 1 kW
    assert step.pop("afterKw") == pytest.approx(mean_kw + 3.0, abs=0.1)
    assert step.pop("excessKwh") == pytest.approx(5 * 24 * 3.0, rel=0.01)
    assert (step["at"], step["kind"], step["mayBeWeather"]) == ("2026-01-14T00:00:00-05:00", "step", True)
    scope = make_scope(METERS, local_day_window(date(2026, 1, 19), date(2026, 1, 25), NEW_YORK))
    later = fill_window(1, Window(scope.baseline.start, scope.period.end), 5.0, 1.0)
    since = later["interval_start"] >= pd.Timestamp("2026-01-14", tz=NEW_YORK)
    later.loc[since, ["power_kw", "energy_kwh"]] += [3.0, 0.75]
    assert anomalies_of(later, scope)["steps"] == []  # last week's report said so


def test_a_gradual_drift_is_told_from_a_step():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    since = pd.Timestamp("2025-12-29", tz=NEW_YORK)
    days = ((readings["interval_start"] - since) / pd.Timedelta("1D")).clip(lower=0)
    readings = readings.assign(
        power_kw=readings["power_kw"] + 0.2 * days, energy_kwh=readings["energy_kwh"] + 0.05 * days
    )
    (step,) = anomalies_of(readings)["steps"]
    assert step["kind"] == "drift"
    assert abs(pd.Timestamp(step["at"]) - since) <= pd.Timedelta("4D")


def test_something_left_on_by_night_is_no_step():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    for day in range(12, 18):
        readings = set_power(readings, f"2026-01-{day} 19:00", f"2026-01-{day + 1} 06:00", 4.0)
    section = anomalies_of(readings)
    assert section["steps"] == []
    assert section["summary"]["totalEvents"] >= 1


@pytest.mark.parametrize(
    ("start", "end", "power_kw", "events"),
    [
        ("02:00", "02:30", 40.0, 0),  # two intervals, whatever their height
        ("02:00", "02:45", 7.0, 0),  # 0.75 h × 6 kW = 4.5 kWh
        ("02:00", "02:45", 8.0, 1),  # 5.25 kWh
    ],
)
def test_events_last_three_intervals_and_matter(start, end, power_kw, events):
    readings = set_power(fill_window(1, BOTH, 5.0, 1.0), f"2026-01-14 {start}", f"2026-01-14 {end}", power_kw)
    assert anomalies_of(readings)["summary"]["totalEvents"] == events


def test_a_hole_breaks_an_event():
    readings = set_power(fill_window(1, BOTH, 5.0, 1.0), "2026-01-14 02:00", "2026-01-14 03:15", 20.0)
    hole = readings["interval_start"] == pd.Timestamp("2026-01-14 02:30", tz=NEW_YORK)
    assert anomalies_of(readings)["summary"]["totalEvents"] == 1
    assert anomalies_of(readings[~hole])["summary"]["totalEvents"] == 0  # two intervals before, two after


def test_context_is_where_most_of_the_excess_lies():
    readings = set_power(fill_window(1, BOTH, 5.0, 1.0), "2026-01-14 05:00", "2026-01-14 17:00", 20.0)
    (event,) = anomalies_of(readings)["timeline"]
    assert event["context"] == "business_hours"


def test_like_days_are_local_over_both_clock_changes():
    """The same schedule on the wall clock in winter and summer time is no anomaly."""
    for first in (date(2026, 3, 9), date(2026, 11, 2)):
        week = local_day_window(first, date.fromordinal(first.toordinal() + 6), NEW_YORK)
        scope = make_scope(METERS, week)
        readings = fill_window(1, Window(scope.baseline.start, week.end), 20.0, 1.0)
        assert anomalies_of(readings, scope)["timeline"] == []


def test_an_incomplete_baseline_is_not_assessed():
    readings = set_power(fill_window(1, BOTH, 5.0, 1.0), "2026-01-14 02:00", "2026-01-14 06:00", 9.0)
    late = readings[readings["interval_start"] >= pd.Timestamp("2025-12-24", tz="UTC")]
    section = anomalies_of(late)
    assert section["timeline"] == []
    assert section["notAssessed"] == [
        {
            "channelId": 1,
            "channelName": "meter 1",
            "status": "insufficient_data",
            "code": "short_baseline",
            "missing": "sound readings on 70 % of the 4 weeks before a period",
            # 19.2 days before the period and its 7 are more than the 19.6 that the next report wants.
            "possibleFrom": "2026-01-26",
            "reason": "valid readings cover 68.6 % of the baseline weeks; 70 % is needed",
        }
    ]


def test_stuck_baseline_weeks_do_not_set_the_standard():
    """A meter that was stuck at 9 kW for a baseline week still shows its 9 kW night as an anomaly."""
    readings = set_power(fill_window(1, BOTH, 5.0, 1.0), "2026-01-14 02:00", "2026-01-14 06:00", 9.0)
    stuck = readings["interval_start"].between(pd.Timestamp("2025-12-15 05:00Z"), pd.Timestamp("2025-12-22 04:45Z"))
    readings.loc[stuck, ["power_kw", "energy_kwh"]] = [9.0, 2.25]
    assert anomalies_of(readings)["summary"]["totalEvents"] == 1


def test_one_reading_and_a_huge_one():
    assert anomalies_of(make_readings(1, "2026-01-12 05:00Z", [1.0]))["timeline"] == []
    readings = set_power(fill_window(1, BOTH, 5.0, 1.0), "2026-01-14 02:00", "2026-01-14 06:00", 1e12)
    (event,) = anomalies_of(readings)["timeline"]
    assert np.isclose(event["excessKwh"], 4e12, rtol=1e-4)


def test_scores_are_written_whole_and_cut_to_the_window(monkeypatch, tmp_path):
    readings = set_power(fill_window(1, BOTH, 5.0, 1.0), "2026-01-14 02:00", "2026-01-14 06:00", 9.0)
    site = readings_lib.Site(7, "School", "America/New_York", None, None, None, None, "eniscope")
    asked = []
    monkeypatch.setattr(readings_lib, "load_site", lambda conn, site_id: site)
    monkeypatch.setattr(readings_lib, "load_meters", lambda conn, site_id: METERS)
    monkeypatch.setattr(readings_lib, "load_quarantined", lambda conn, site_id: [])
    monkeypatch.setattr(readings_lib, "load_readings", lambda conn, site_id, window: asked.append(window) or readings)
    monkeypatch.setattr(command_line, "read_clock", lambda conn: datetime.now(UTC))
    monkeypatch.setattr(db, "connect", lambda url, *, readonly: nullcontext() if readonly else pytest.fail("writes"))
    monkeypatch.setenv("DATABASE_URL", "postgresql://nowhere/none")
    path = tmp_path / "deep" / "scores.csv"
    window = ["--site", "7", "--start", "2026-01-12", "--end", "2026-01-18"]
    assert anomaly_detection.main([*window, "--scores", str(path)]) == 0
    assert asked == [Window(SCOPE.baseline.start, SCOPE.period.end + timedelta(weeks=4))]
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "channel_id,timestamp,score,is_anomaly"
    assert len(lines) == 1 + 7 * 96
    assert lines[1].startswith("1,2026-01-12T05:00:00Z,0.")
    assert lines[1].endswith(",false")
    marked = [line.split(",")[1] for line in lines[1:] if line.endswith(",true")]
    assert {"2026-01-14T07:00:00Z", "2026-01-14T10:45:00Z"} <= set(marked)
    assert [path.name for path in path.parent.iterdir()] == ["scores.csv"]


def cooled(heat_c):
    """Readings of a load that cools above 18 °C, 0.5 kW/K, and the weather: mild weeks, then one hotter by `heat_c`."""
    readings = fill_window(1, BOTH, 5.0, 1.0)
    hour = (readings["interval_start"] - pd.Timestamp(BOTH.start)) / pd.Timedelta("1h")
    day = hour // 24
    temp_c = 20 + 5 * np.sin(2 * np.pi * (hour - 9) / 24) + 4 * np.sin(day * 2.4)
    temp_c += np.where(readings["interval_start"] >= pd.Timestamp(SCOPE.period.start), heat_c, 0.0)
    hourly = temp_c.groupby(readings["interval_start"].dt.floor("h")).first()
    cooling_kw = 0.5 * (readings["interval_start"].dt.floor("h").map(hourly) - 18).clip(lower=0)
    weather = pd.DataFrame({"timestamp": hourly.index, "temp_c": hourly.to_numpy()})
    power_kw = readings["power_kw"] + cooling_kw
    return readings.assign(power_kw=power_kw, energy_kwh=power_kw / 4), weather


def test_a_hot_week_is_no_anomaly_where_the_weather_is_known():
    readings, weather = cooled(heat_c=6.0)
    week = analyze_site_week(readings, METERS, *BASICS, context=SiteContext(weather=weather))
    section = week.sections["anomalies"]
    assert section["timeline"] == []
    (fit,) = section["expectedLoad"]
    assert (fit["model"], fit["isSufficient"], fit["reason"]) == ("like days and temperature", True, "")
    blind = analyze_site_week(readings, METERS, *BASICS).sections["anomalies"]
    assert blind["expectedLoad"][0]["model"] == "like days"
    assert fit["cvRmsePct"] < blind["expectedLoad"][0]["cvRmsePct"] / 4
    assert sum(event["excessKwh"] for event in blind["timeline"]) > 20
    # What is planted on top of the heat is still found, and measured against the heat.
    readings = set_power(readings, "2026-01-14 01:00", "2026-01-14 05:00", 15.0)
    (event,) = analyze_site_week(readings, METERS, *BASICS, context=SiteContext(weather=weather)).sections["anomalies"][
        "timeline"
    ]
    assert (event["start"][:16], event["end"][:16]) == ("2026-01-14T01:00", "2026-01-14T05:00")
    hours = pd.date_range("2026-01-14 01:00", periods=4, freq="h", tz=NEW_YORK)
    heat_kwh = (
        0.5 * (weather.set_index("timestamp")["temp_c"].reindex(hours.tz_convert("UTC")) - 18).clip(lower=0).sum()
    )
    assert event["expectedKwh"] == pytest.approx(4 * 1.0 + heat_kwh, rel=0.05)


def test_an_interval_without_temperature_is_not_judged_by_it():
    readings, weather = cooled(heat_c=6.0)
    readings = set_power(readings, "2026-01-14 01:00", "2026-01-14 05:00", 15.0)
    unknown = weather["timestamp"].dt.tz_convert(NEW_YORK).dt.date == date(2026, 1, 14)
    weather = weather.assign(temp_c=weather["temp_c"].mask(unknown))
    week = analyze_site_week(readings, METERS, *BASICS, context=SiteContext(weather=weather))
    assert week.sections["anomalies"]["timeline"] == []
    assert week.sections["anomalies"]["expectedLoad"][0]["model"] == "like days and temperature"


def test_what_several_meters_do_at_once_is_one_incident_and_raises_one_alert():
    scope = make_scope(make_meters(1, 2, 3, 4), config=SCOPE.config)
    readings = [fill_window(key, BOTH, 5.0, 1.0) for key in (1, 2, 3, 4)]
    for number, kw in enumerate((8.0, 16.0, 9.0)):
        readings[number] = set_power(readings[number], "2026-01-14 01:00", "2026-01-14 06:00", kw)
    readings[0] = set_power(readings[0], "2026-01-16 01:00", "2026-01-16 06:00", 7.0)  # the same meter again
    readings[3] = set_power(readings[3], "2026-01-15 20:00", "2026-01-16 00:00", 12.0)  # another, at another time
    events = anomalies_of(pd.concat(readings), scope)["timeline"]
    told = [(event["channelId"], event["start"][8:13], event["severity"], event["incident"]) for event in events]
    assert told == [(1, "14T01", "low", 1), (2, "14T01", "high", 1), (3, "14T01", "low", 1), (4, "15T20", "high", 2),
                    (1, "16T01", "low", 1)]  # fmt: skip
    lead = {"channelId": 2, "start": "2026-01-14T01:00:00-05:00"}
    assert [event["partOf"] for event in events] == [lead, None, lead, None, lead]


def test_severity_asks_for_a_share_of_the_meters_own_day():
    quiet = set_power(fill_window(1, BOTH, 5.0, 1.0), "2026-01-14 01:00", "2026-01-14 05:00", 5.0)
    (event,) = anomalies_of(quiet)["timeline"]  # 16 kWh on a meter of 56 kWh a day: 55 h at 5 kW and 113 h at 1 kW
    assert event["dayShare"] == pytest.approx(16 / (24 * 388 / 168), abs=0.005)
    assert event["severity"] == "medium"
    large = set_power(fill_window(1, BOTH, 50.0, 10.0), "2026-01-14 01:00", "2026-01-14 05:00", 16.0)
    (event,) = anomalies_of(large)["timeline"]  # 24 kWh, and ten times the meter
    assert (event["severity"], event["incident"], event["partOf"]) == ("low", 0, None)
