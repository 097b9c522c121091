"""Tests of analyze/week/site_week.py: the sections together, and what the report needs besides them."""

import json
from contextlib import nullcontext
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from jsonschema_rs import Draft202012Validator
from tariff_factory import ASSUMED, TIERED_TOU, make_tariff
from week_factory import NEW_YORK, WEEK, fill_window, make_meters, make_readings, make_scope, set_power, spaced, tell

from analyze import (
    after_hours_waste,
    anomaly_detection,
    cost_model,
    quick_wins,
    sensor_health,
    spike_detection,
)
from analyze.week import command_line
from analyze.week.loading import load_week
from analyze.week.site_week import (
    SiteContext,
    analyze_site_week,
    baseline_before,
    describe_resolution,
    root_meters,
)
from config.site_file import load_site
from config.tariff_model import Carbon, SiteTariffs, TariffSpan
from config.thresholds import Thresholds
from deliver.reports.weekly import tell_sections
from lib import db
from lib import readings as readings_lib
from lib.date_utils import Window, local_day_window
from lib.paths import PROJECT_ROOT

SCOPE = make_scope(make_meters(1))
BOTH = Window(SCOPE.baseline.start, SCOPE.period.end)


def analyze(readings, meters, period=WEEK, tz=NEW_YORK):
    config = Thresholds()
    return analyze_site_week(readings, meters, period, baseline_before(period, tz, config), tz, config)


def as_json(week):
    """Return everything but the frame, through JSON, in which a NaN is an error."""
    parts = {
        key: value
        for key, value in week._asdict().items()
        if key not in ("claims", "period", "baseline", "data", "found")
    }
    return json.loads(json.dumps(parts, allow_nan=False))


def test_sections_have_the_keys_that_readers_know():
    readings = set_power(fill_window(1, BOTH, 5.0, 1.0), "2026-01-13 18:00", "2026-01-14 07:00", 40.0)
    sections = as_json(analyze(readings, make_meters(1)))["sections"]
    assert set(sections) == {
        "sensorHealth", "afterHoursWaste", "anomalies", "spikes", "quickWins", "scheduleDisagreements", "loadFacts",
        "electricalHealth", "forecast", "costOptimization",
    }  # fmt: skip
    assert {"summary", "totalIssues", "bySeverity", "issues"} <= set(sections["sensorHealth"])
    assert {
        "channelId",
        "channelName",
        "baseline",
        "thisWeek",
        "impact",
        "excessIntervals",
        "isSignificant",
    } <= set(sections["afterHoursWaste"]["topMeters"][0])
    event = {"channelId", "channelName", "start", "end", "peakPower", "excessKwh", "context"}
    assert event <= set(sections["anomalies"]["timeline"][0])
    spike = {"channelId", "channelName", "start", "end", "duration", "intervals", "peakPower", "totalExcessKwh"}
    assert spike <= set(sections["spikes"]["topSpikes"][0])
    win = {"type", "priority", "impact", "confidence", "owner", "effort"}
    assert win <= set(sections["quickWins"][0])
    impact = {"weeklyKwh", "weeklyCost", "annualCost", "currency", "basis", "annualBasis"}
    assert impact <= set(sections["quickWins"][0]["impact"])


def test_consumption_adds_up_the_roots():
    meters = make_meters(1, 2, 3, 4, parents={2: 1})
    meters.loc[3, "is_energy_meter"] = False
    readings = pd.concat([fill_window(key, BOTH, kw, kw) for key, kw in ((1, 10.0), (2, 6.0), (3, 2.0), (4, 99.0))])
    consumption = as_json(analyze(readings, meters))["consumption"]
    assert consumption["totalKwh"] == pytest.approx(168 * 12, abs=0.5)
    assert [(row["channelId"], row["isRoot"]) for row in consumption["byChannel"]] == [(1, True), (2, False), (3, True)]
    assert consumption["byChannel"][1]["energyKwh"] == pytest.approx(168 * 6, abs=0.5)
    assert consumption["byChannel"][1]["peakKw"] == 6.12
    assert [day["date"] for day in consumption["daily"]] == [f"2026-01-{day}" for day in range(12, 19)]
    assert sum(day["energyKwh"] for day in consumption["daily"]) == pytest.approx(consumption["totalKwh"], abs=0.01)
    assert consumption["usualKwh"] == pytest.approx(consumption["totalKwh"], abs=0.5)
    assert consumption["changePct"] == 0.0


@pytest.mark.parametrize(
    ("first", "last", "usual_kwh"),
    [
        (date(2026, 1, 18), date(2026, 1, 18), 24.0),  # a Sunday at 1 kW is beside Sundays, not a seventh of a week
        (date(2026, 1, 16), date(2026, 1, 17), 11 * 5.0 + 13 + 24),
        (date(2026, 1, 5), date(2026, 2, 4), 23 * (11 * 5.0 + 13) + 8 * 24.0),  # 31 days, 23 of them weekdays
    ],
)
def test_a_period_is_compared_with_as_many_of_the_same_weekdays(first, last, usual_kwh):
    period = local_day_window(first, last, NEW_YORK)
    scope = make_scope(make_meters(1), period)
    readings = fill_window(1, Window(scope.baseline.start, period.end), 5.0, 1.0)
    consumption = analyze(readings, scope.meters, period).consumption
    assert consumption["usualKwh"] == pytest.approx(usual_kwh, rel=0.002)
    assert consumption["changePct"] == pytest.approx(0.0, abs=0.3)


def test_readings_beyond_the_period_are_not_its_own():
    meters = make_meters(1)
    readings = fill_window(1, BOTH, 5.0, 1.0)
    beyond = make_readings(1, pd.Timestamp(WEEK.end), [500.0] * 8)
    earlier = make_readings(1, pd.Timestamp(BOTH.start) - pd.Timedelta("2h"), [500.0] * 8)
    longer = analyze(pd.concat([readings, beyond, earlier]), meters)
    assert as_json(longer) == as_json(analyze(readings, meters))
    silent = readings[readings["interval_start"] < pd.Timestamp("2026-01-18 20:00Z")]
    assert as_json(analyze(pd.concat([silent, beyond]), meters)) == as_json(analyze(silent, meters))


def test_energy_that_was_never_metered_is_that_of_the_power():
    week = analyze(fill_window(1, BOTH, 5.0, 1.0).assign(energy_kwh=np.nan), make_meters(1))
    (row,) = week.consumption["byChannel"]
    assert (row["energyKwh"], row["estimatedKwh"]) == (pytest.approx(388, abs=0.1), row["energyKwh"])
    assert (row["peakKw"], row["expectedKwh"], row["changePct"]) == (5.1, pytest.approx(388, abs=1), 0.0)
    assert week.consumption["daily"][0]["energyKwh"] == pytest.approx(68, abs=0.1)
    assert (week.consumption["meteredKwh"], week.consumption["estimatedKwh"]) == (0.0, week.consumption["totalKwh"])


def test_a_dead_main_meter_leaves_its_sub_meters_as_roots():
    main = fill_window(1, SCOPE.baseline, 10.0, 10.0)
    sub = fill_window(2, BOTH, 6.0, 6.0)
    consumption = as_json(analyze(pd.concat([main, sub]), make_meters(1, 2, parents={2: 1})))["consumption"]
    assert consumption["totalKwh"] == pytest.approx(168 * 6, abs=0.5)
    assert consumption["byChannel"][0]["energyKwh"] is None
    # The main meter cannot be compared with itself; the sub-meter can, and used what it always does.
    assert consumption["changePct"] == 0.0
    assert consumption["comparison"] == {
        "meters": 1,
        "ofMeters": 1,
        "actualKwh": pytest.approx(168 * 6, abs=0.5),
        "coveragePct": 100.0,
        "weatherMeters": [],
        "reason": None,
        "specialDays": [],
    }
    # Four of ten kilowatts are seen by the main meter alone.
    assert (consumption["isAtLeast"], consumption["notEstimated"]) == (True, [])


def test_main_meter_that_reports_an_hour_does_not_speak_for_its_branch():
    main = fill_window(1, BOTH, 10.0, 10.0)
    main = main[main["interval_start"] < pd.Timestamp(SCOPE.period.start) + pd.Timedelta(hours=1)]
    sub = fill_window(2, BOTH, 6.0, 6.0)
    consumption = as_json(analyze(pd.concat([main, sub]), make_meters(1, 2, parents={2: 1})))["consumption"]
    assert consumption["totalKwh"] == pytest.approx(168 * 6, abs=0.7)


@pytest.mark.parametrize(
    ("died", "sub_kw", "roots", "total_kwh", "is_at_least"),
    [
        ("2026-01-15 12:00", 10.0, [1], 1680, False),  # half of the week is there: the rest is as it always is
        ("2026-01-15 12:00", 3.0, [1], 1680, False),
        ("2026-01-15 11:45", 10.0, [2], 1680, False),  # less is not: its sub-meter stands for it, and sees all
        ("2026-01-15 11:45", 3.0, [2], 504, True),
        ("2026-01-18 20:00", 10.0, [1], 1680, False),
    ],
)
def test_a_main_meter_that_died_is_estimated_from_itself_up_to_half_of_the_week(
    died, sub_kw, roots, total_kwh, is_at_least
):
    meters = make_meters(1, 2, parents={2: 1})
    main, sub = fill_window(1, BOTH, 10.0, 10.0), fill_window(2, BOTH, sub_kw, sub_kw)
    readings = pd.concat([main[main["interval_start"] < pd.Timestamp(died, tz=NEW_YORK)], sub])
    week = full_week(readings, meters, WEEK)
    assert [row["channelId"] for row in week.consumption["byChannel"] if row["isRoot"]] == roots
    assert week.consumption["totalKwh"] == pytest.approx(total_kwh, abs=1)
    assert week.consumption["isAtLeast"] is is_at_least
    days = week.consumption["daily"]
    for key, total in (("energyKwh", "totalKwh"), ("estimatedKwh", "estimatedKwh")):
        assert sum(day[key] for day in days) == pytest.approx(week.consumption[total], abs=0.01)
    assert root_meters(readings, meters, WEEK) == roots
    forecast = week.sections["forecast"]
    if "summary" in forecast:
        assert forecast["summary"]["total_last_7d_actual_kwh"] == pytest.approx(week.consumption["totalKwh"], abs=0.01)


def test_the_forecasts_last_week_is_that_of_the_period_where_days_begin_at_half_past():
    tz = ZoneInfo("Asia/Kolkata")
    period = local_day_window(date(2026, 1, 12), date(2026, 1, 18), tz)
    scope = make_scope(make_meters(1), period, tz)
    readings = fill_window(1, Window(scope.baseline.start, period.end), 5.0, 1.0, tz)
    context = SiteContext(hourly=hourly_of(readings, [1]))
    week = analyze_site_week(readings, scope.meters, period, scope.baseline, tz, scope.config, context=context)
    assert week.sections["forecast"]["summary"]["total_last_7d_actual_kwh"] == week.consumption["totalKwh"]


def test_energy_fed_back_is_told_beside_the_net_total():
    """Four kilowatts are drawn, and from ten to two each day two are fed back: 20 h × 4 − 4 h × 2 a day."""
    readings = fill_window(1, BOTH, 4.0, 4.0)
    hour = readings["interval_start"].dt.tz_convert(NEW_YORK).dt.hour
    sunny = hour.between(10, 13)
    for column in ("energy_kwh", "power_kw"):
        readings[column] = readings[column].mask(sunny, -readings[column] / 2)
    made = check_parts(full_week(readings, make_meters(1), WEEK))
    use, tou = made["consumption"], made["sections"]["costOptimization"]["tou_analysis"]
    assert (use["totalKwh"], use["exportedKwh"]) == (pytest.approx(504, abs=1), pytest.approx(56, abs=0.5))
    assert tou["total_kwh"] == pytest.approx(use["totalKwh"] + use["exportedKwh"], abs=0.01)
    assert "Net of 56.0 kWh exported. Costs cover imported energy only." in spaced(made["summary"]["headline"])


def test_energy_fed_back_is_credited_by_the_rule_of_the_tariff():
    """As above: 56 kWh of the week, 4 h × 2 kW on each of seven days, at a rate of its own; and a demand of 4 kW."""
    readings = fill_window(1, BOTH, 4.0, 4.0)
    sunny = readings["interval_start"].dt.tz_convert(NEW_YORK).dt.hour.between(10, 13)
    for column in ("energy_kwh", "power_kw"):
        readings[column] = readings[column].mask(sunny, -readings[column] / 2)
    text = (
        '[export]\nrule = "net_billing"\n[[energy.periods]]\nname = "all"\nrate_per_kwh = 0.10\nsell_per_kwh = 0.04\n'
        '[[demand.charges]]\nname = "peak"\nrate_per_kw = 5\n'
    )
    tariff = make_tariff(text)
    context = SiteContext(tariffs=SiteTariffs((TariffSpan(tariff),), tariff))
    week = analyze_site_week(readings, make_meters(1), WEEK, SCOPE.baseline, NEW_YORK, SCOPE.config, context=context)
    *_, bill = week.sections["costOptimization"]["bills"]
    amounts = {line["kind"]: (line["quantity"], line["rate"], line["amount"]) for line in bill["lines"]}
    days = round(bill["covered_days"])
    assert amounts["energy"] == (pytest.approx(80.0 * days, abs=1), 0.10, pytest.approx(8.0 * days, abs=0.1))
    assert amounts["export"] == (pytest.approx(8.0 * days, abs=0.1), -0.04, pytest.approx(-0.32 * days, abs=0.01))
    assert amounts["demand"] == (pytest.approx(4.0, abs=0.1), pytest.approx(5.0), pytest.approx(20.0, abs=0.5))


def test_a_frozen_meter_says_nothing_of_the_supply():
    """Power and voltage stand still for two days, at a voltage far too low; on the others it is right."""
    readings = fill_window(1, BOTH, 5.0, 1.0)
    frozen = readings["interval_start"].between(
        pd.Timestamp("2026-01-14", tz=NEW_YORK), pd.Timestamp("2026-01-15 23:45", tz=NEW_YORK)
    )
    readings = readings.assign(power_kw=readings["power_kw"].mask(frozen, 4.0))
    readings["energy_kwh"] = readings["power_kw"] / 4
    electrical = readings.assign(voltage_v=np.where(frozen, 100.0, 120.0))
    context = SiteContext(electrical=electrical)
    for rows, issues in ((readings, 0), (fill_window(1, BOTH, 5.0, 1.0), 1)):  # the second meter moves meanwhile
        week = analyze_site_week(rows, make_meters(1), WEEK, SCOPE.baseline, NEW_YORK, SCOPE.config, context=context)
        assert week.sections["electricalHealth"]["summary"]["totalIssues"] == issues


def test_energy_that_is_missing_beside_its_power_is_no_change():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    lost = readings["interval_start"] >= pd.Timestamp("2026-01-14", tz=NEW_YORK)
    consumption = analyze(readings.assign(energy_kwh=readings["energy_kwh"].mask(lost)), make_meters(1)).consumption
    assert (consumption["changePct"], consumption["comparison"]["meters"]) == (0.0, 1)
    assert consumption["estimatedKwh"] == pytest.approx(3 * (11 * 5.0 + 13) + 48, abs=1.0)


def test_the_energy_per_square_metre_is_that_of_the_total():
    """A day of the week is stuck: it is in no finding, and stays in the total."""
    readings = set_power(fill_window(1, BOTH, 5.0, 1.0), "2026-01-14 00:00", "2026-01-15 00:00", 4.0)
    stuck = (readings["power_kw"] / 4.0 - 1).abs() < 1e-4
    readings = readings.assign(power_kw=readings["power_kw"].mask(stuck, 4.0))
    context = SiteContext(floor_area_m2=100.0)
    week = analyze_site_week(readings, make_meters(1), WEEK, SCOPE.baseline, NEW_YORK, SCOPE.config, context=context)
    assert week.data_quality["excluded"]["byReason"]["stuck"]["intervals"] == 96
    intensity = week.sections["loadFacts"]["energyUseIntensity"]["periodKwhPerM2"]
    assert intensity == pytest.approx(week.consumption["totalKwh"] / 100, abs=1e-3)


def test_energy_that_is_missing_beside_its_power_is_estimated_and_told():
    readings = fill_window(1, BOTH, 4.0, 4.0)
    in_week = readings["interval_start"] >= pd.Timestamp(SCOPE.period.start)
    readings.loc[in_week & (readings.index % 2 == 0), "energy_kwh"] = np.nan
    week = analyze(readings, make_meters(1))
    result = as_json(week)
    assert result["consumption"]["totalKwh"] == pytest.approx(672, abs=1)
    assert result["consumption"]["meteredKwh"] == pytest.approx(336, abs=1)
    assert result["consumption"]["estimatedKwh"] == pytest.approx(336, abs=1)
    assert result["data_quality"]["avgCompleteness"] == 50.0
    assert result["consumption"]["changePct"] == pytest.approx(0.0, abs=0.1)
    assert spaced(tell(week)["notes"]) == ["336 kWh of it is estimated: readings are missing or wrong."]


@pytest.mark.parametrize(("first", "day", "hours"), [((2026, 3, 2), 8, 23), ((2026, 10, 26), 1, 25)])
def test_days_of_the_clock_change(first, day, hours):
    start = date(*first)
    week = local_day_window(start, date.fromordinal(start.toordinal() + 6), NEW_YORK)
    meters = make_meters(1)
    scope = make_scope(meters, week)
    readings = fill_window(1, Window(scope.baseline.start, week.end), 6.0, 6.0)
    result = analyze(readings, meters, week)
    sunday = result.consumption["daily"][-1]
    assert sunday["date"].endswith(f"-{day:02d}")
    assert sunday["energyKwh"] == pytest.approx(6.0 * hours, abs=0.5)
    assert result.data_quality["avgCompleteness"] == 100.0
    assert result.sections["sensorHealth"]["totalIssues"] == 0


def test_bad_intervals_are_left_out_and_accounted_for():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    stuck = readings["interval_start"].between(pd.Timestamp("2026-01-14 05:00Z"), pd.Timestamp("2026-01-14 11:45Z"))
    readings.loc[stuck, ["power_kw", "energy_kwh"]] = [70.0, 17.5]
    negative = readings["interval_start"] == pd.Timestamp("2026-01-15 05:00Z")
    readings.loc[negative, "energy_kwh"] = -100.0
    week = analyze(readings, make_meters(1))
    quality = as_json(week)["data_quality"]
    assert quality["excluded"] == {
        "intervals": 29,
        "energyKwh": 390.0,
        "byReason": {
            "stuck": {"intervals": 28, "energyKwh": 490.0},
            "catch_up": {"intervals": 0, "energyKwh": 0.0},
            "negative_energy": {"intervals": 1, "energyKwh": -100.0},
        },
        "baselineIntervals": 0,
    }
    assert (quality["channelsAnalyzed"], quality["avgCompleteness"]) == (1, 100.0)
    assert (quality["byChannel"][0]["excludedIntervals"], quality["byChannel"][0]["excludedKwh"]) == (29, 390.0)
    assert [win["type"] for win in week.sections["quickWins"]] == ["repair"]
    assert week.sections["spikes"]["topSpikes"] == []
    assert week.consumption["byChannel"][0]["peakKw"] == 5.1
    assert week.consumption["totalKwh"] == pytest.approx(55 * 5 + 113, abs=0.2)
    assert week.consumption["estimatedKwh"] == pytest.approx(7 + 0.25, abs=0.1)


def test_summary_says_what_matters():
    readings = set_power(fill_window(1, BOTH, 5.0, 1.0), "2026-01-13 18:00", "2026-01-14 07:00", 8.0)
    dead = fill_window(2, SCOPE.baseline, 4.0, 4.0)
    summary = tell(analyze(pd.concat([readings, dead]), make_meters(1, 2)))
    assert spaced(summary["headline"]) == [
        "This week: at least 479 kWh (not comparable: too many readings are missing or wrong). 2 things need "
        "attention, first meter 1.",
        "Not included, because too few readings arrived: meter 2.",
        "Low confidence: 91.0 kWh, $10.92, not included in any total.",
        "Data: 50.0 % complete over 2 meters; 1 serious meter issue.",
    ]
    assert spaced(summary["topRisks"]) == [
        "meter 2: no readings; the last came Sun, 11 Jan, 23:45",
        "meter 1: 91.0 kWh above normal, while closed",
    ]
    # Each is told once: the night that was left on by its quick win, the meter by its repair.
    assert [(item["kind"], item["channelId"], item["isCounted"]) for item in summary["attention"]] == [
        ("high_use", 1, False), ("meter", 2, False),
    ]  # fmt: skip
    assert set(summary["totalPotentialSavings"]) >= {
        "weeklyKwh",
        "weeklyCost",
        "estimatedAnnual",
        "costOptimizationMonthly",
        "costOptimizationAnnual",
    }


def test_charts_repeat_the_sections():
    readings = set_power(fill_window(1, BOTH, 5.0, 1.0), "2026-01-13 18:00", "2026-01-14 07:00", 8.0)
    week = analyze(readings, make_meters(1))
    impact = week.sections["afterHoursWaste"]["topMeters"][0]["impact"]
    assert week.charts["afterHoursRanking"] == [
        {"name": "meter 1", "excessKwh": impact["excessKwh"], "cost": impact["excessCost"]}
    ]
    assert week.charts["anomalyTimeline"] == week.sections["anomalies"]["timeline"]
    assert week.charts["spikeEvents"] == week.sections["spikes"]["topSpikes"]


def test_findings_do_not_depend_on_the_hosts_clock_resolution():
    readings = set_power(fill_window(1, BOTH, 5.0, 1.0), "2026-01-13 18:00", "2026-01-14 07:00", 8.0)
    coarse, fine = (
        readings.assign(interval_start=readings["interval_start"].dt.as_unit(unit)) for unit in ("us", "ns")
    )
    assert as_json(analyze(coarse, make_meters(1))) == as_json(analyze(fine, make_meters(1)))


@pytest.mark.parametrize("power_kw", [[], [3.0], [np.nan], [np.inf], [1e15]])
def test_next_to_no_readings(power_kw):
    week = as_json(analyze(make_readings(1, "2026-01-14 12:00Z", power_kw), make_meters(1)))
    assert all(win["type"] == "repair" for win in week["sections"]["quickWins"])
    assert week["data_quality"]["channelsAnalyzed"] == (1 if power_kw in ([3.0], [1e15]) else 0)
    assert len(week["consumption"]["daily"]) == 7


def test_no_meters_at_all():
    week = analyze(make_readings(1, "2026-01-14 12:00Z", [3.0]), make_meters())
    assert week.data_quality["avgCompleteness"] == 0.0
    assert week.data_resolution == "unknown"
    assert tell(week)["result"] == "This week: no valid readings; see which meters need attention."


def test_an_empty_frame_without_types():
    columns = ["channel_id", "interval_start", "interval_s", "energy_kwh", "power_kw"]
    week = as_json(analyze(pd.DataFrame(columns=columns), make_meters(1)))
    assert week["sections"]["sensorHealth"]["issues"][0]["type"] == "no_data"


def test_baseline_is_whole_local_weeks_over_the_clock_change():
    week = local_day_window(date(2026, 3, 23), date(2026, 3, 29), NEW_YORK)
    baseline = baseline_before(week, NEW_YORK, Thresholds())
    assert baseline == Window(datetime(2026, 2, 23, 5, tzinfo=UTC), datetime(2026, 3, 23, 4, tzinfo=UTC))


def test_resolution_is_that_of_most_meters():
    meters = make_meters(1, 2, 3).assign(interval_s=pd.array([900, 900, 3600], dtype="Int64"))
    assert describe_resolution(meters) == "900s (15min)"


def hourly_of(readings, roots):
    """Return what the hourly view holds of the readings of these meters."""
    rows = readings[readings["channel_id"].isin(roots)]
    hours = rows.groupby(["channel_id", rows["interval_start"].dt.floor("h").rename("timestamp")])["energy_kwh"]
    return hours.agg(energy_kwh="sum", reading_count="count").reset_index()


@pytest.fixture
def stored_site(monkeypatch):
    """A site of one meter that was left on for a night, as the database would give it."""
    readings = set_power(fill_window(1, BOTH, 5.0, 1.0), "2026-01-13 18:00", "2026-01-14 07:00", 40.0)
    site = readings_lib.Site(7, "School", "America/New_York", None, None, None, None, "eniscope")
    monkeypatch.setattr(readings_lib, "load_site", lambda conn, site_id: site)
    monkeypatch.setattr(readings_lib, "load_meters", lambda conn, site_id: make_meters(1))
    never = readings_lib.ValidationStatus(None, "missing", False, None, [], [], None, None)
    monkeypatch.setattr(readings_lib, "load_validation_status", lambda conn, site_id: never)
    monkeypatch.setattr(readings_lib, "load_quarantined", lambda conn, site_id: [])
    monkeypatch.setattr(readings_lib, "load_open_questions", lambda conn, site_id: [])
    monkeypatch.setattr(
        readings_lib,
        "load_readings",
        lambda conn, site_id, window: readings if window == BOTH else pytest.fail(f"asked for {window}"),
    )

    def load_hourly(conn, site_id, window, roots=(1,)):
        within = readings["interval_start"].between(window.start, window.end, inclusive="left")
        return hourly_of(readings[within], roots)

    monkeypatch.setattr(readings_lib, "load_hourly", load_hourly)
    months = pd.DataFrame(columns=["channel_id", "local_month", "energy_kwh", "days"])
    monkeypatch.setattr(readings_lib, "load_monthly", lambda conn, site_id: months)
    no_hours = pd.DataFrame({"epoch_s": np.array([], dtype="int64"), "mean_kw": np.array([], dtype=float)})
    monkeypatch.setattr(readings_lib, "load_site_hours", lambda conn, site_id, window, roots: no_hours)
    monkeypatch.setattr(readings_lib, "load_electrical", lambda conn, site_id, period: readings.assign(voltage_v=120.0))
    monkeypatch.setattr(readings_lib, "load_resets", lambda conn, site_id, period: readings.iloc[:0])
    monkeypatch.setattr(readings_lib, "load_weather", lambda conn, site_id, window: None)
    monkeypatch.setattr(readings_lib, "load_report_findings", lambda conn, week: [])
    monkeypatch.setattr(readings_lib, "load_last_reported_week", lambda conn, site_id, before: None)
    monkeypatch.setattr(readings_lib, "load_accepted_gaps", lambda conn, site_id, window: [])
    monkeypatch.setattr(command_line, "read_clock", lambda conn: datetime.now(UTC))
    monkeypatch.setattr(db, "connect", lambda url, *, readonly: nullcontext() if readonly else pytest.fail("writes"))
    monkeypatch.setenv("DATABASE_URL", "postgresql://nowhere/none")


def test_load_week_takes_the_last_complete_week(stored_site):
    now = datetime(2026, 1, 21, 12, tzinfo=UTC)
    site, week = load_week(None, 7, None, None, None, now)
    assert (site.site_name, week.period, week.baseline) == ("School", WEEK, SCOPE.baseline)
    _, same = load_week(None, 7, "2026-01-12", "2026-01-18", "America/New_York", now)
    assert as_json(same) == as_json(week)


def test_forecast_costs_and_facts_stand_in_the_week(stored_site):
    """A meter of 5 kW from 7 to 18 on weekdays and 1 kW else, left on at 40 kW for 13 hours of a night."""
    _, week = load_week(None, 7, "2026-01-12", "2026-01-18", None, datetime(2026, 1, 21, tzinfo=UTC))
    sections, total_kwh = as_json(week)["sections"], 55 * 5 + 113 + 13 * 39
    forecast = sections["forecast"]
    assert forecast["forecast"][0]["timestamp"] == "2026-01-19T00:00:00-05:00"
    assert (forecast["summary"]["site_id"], forecast["summary"]["forecast_hours"]) == (7, 168)
    assert forecast["summary"]["total_last_7d_actual_kwh"] == pytest.approx(total_kwh, abs=1)
    assert forecast["summary"]["total_predicted_kwh"] == pytest.approx(55 * 5 + 113, abs=20)
    cost = sections["costOptimization"]
    assert cost["tou_analysis"]["total_kwh"] == pytest.approx(total_kwh, abs=1)
    assert cost["tou_analysis"]["flat_total_cost"] == pytest.approx(0.12 * total_kwh, abs=0.1)
    assert cost["demand_analysis"]["billing_peak_kw"] == pytest.approx(40.0, abs=0.01)
    savings, levers = week.summary["totalPotentialSavings"], cost["combined_summary"]
    assert savings["costOptimizationMonthly"] == levers["estimated_monthly_savings_potential"] > 0
    assert savings["costOptimizationAnnual"] == levers["estimated_annual_savings_potential"] > 0
    assert savings["costOptimizationStatus"] == "ok"
    (facts,) = sections["loadFacts"]["channels"]
    assert (facts["status"], facts["peakKw"]) == ("ok", pytest.approx(40.0, abs=0.01))
    assert sections["loadFacts"]["energyUseIntensity"]["code"] == "no_floor_area"
    assert sections["electricalHealth"]["meters"][0]["measures"]["nominalVoltageV"] == 120.0
    assert sections["scheduleDisagreements"] == {"findings": [], "notAssessed": []}


def test_bad_hours_teach_the_forecast_nothing():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    stuck = readings["interval_start"].between(pd.Timestamp("2026-01-18 05:00Z"), pd.Timestamp("2026-01-18 23:45Z"))
    broken = readings.copy()
    broken.loc[stuck, ["power_kw", "energy_kwh"]] = [70.0, 17.5]
    absent = readings[~stuck]

    def forecast_of(frame, hourly):
        context = SiteContext(site_id=1, hourly=hourly_of(hourly, [1]))
        week = analyze_site_week(frame, make_meters(1), WEEK, SCOPE.baseline, NEW_YORK, Thresholds(), context=context)
        return as_json(week)["sections"]["forecast"]

    told, without = forecast_of(broken, broken), forecast_of(absent, absent)
    metered = [section["summary"].pop("total_last_7d_actual_kwh") for section in (told, without)]
    assert told == without
    assert told["summary"]["total_predicted_kwh"] == pytest.approx(388, abs=8)
    assert metered[0] == metered[1] == pytest.approx(388, abs=0.2)  # of a wrong and of a missing Sunday alike


@pytest.mark.parametrize(
    ("script", "section", "line"),
    [
        (sensor_health, "sensorHealth", "1 issues: 0 high, 0 medium, 1 low"),
        (after_hours_waste, "afterHoursWaste", "1 meter ran while the site was closed: 507."),
        (anomaly_detection, "anomalies", "1 events, 507.0 kWh above what is usual"),
        (spike_detection, "spikes", "1 spikes, 498.6 kWh above the usual peak"),
        (cost_model, "costOptimization", "peak 40.0 kW at 2026-01-13T18:15:00-05:00: 480.00 USD a month"),
        (quick_wins, "quickWins", "60.84 USD  priority low     after_hours meter 1 (confidence low)"),
    ],
)
def test_each_script_prints_its_section(stored_site, capsys, script, section, line):
    window = ["--site", "7", "--start", "2026-01-12", "--end", "2026-01-18"]
    assert script.main([*window, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    _, week = load_week(None, 7, *window[3::2], None, datetime(2026, 1, 21, tzinfo=UTC))
    assert printed == as_json(week)["sections"][section]
    assert script.main(window) == 0
    text = capsys.readouterr().out
    assert text.startswith("School (site 7), 2026-01-12T05:00Z..2026-01-19T05:00Z, America/New_York\n")
    assert line in text


def test_cost_and_carbon_stand_beside_the_consumption():
    tariff = make_tariff(TIERED_TOU.replace("BASIS", "month"))
    tariffs = SiteTariffs((TariffSpan(tariff),), tariff, carbon=Carbon(0.4, "a test"))
    readings = fill_window(1, BOTH, 5.0, 5.0)
    week = analyze_site_week(
        readings, make_meters(1), WEEK, SCOPE.baseline, NEW_YORK, Thresholds(), context=SiteContext(tariffs=tariffs)
    )
    # A month of 744 h at 5 kW brings 3,720 kWh, which stay in the first tier; 30 h of the week are peak.
    assert week.consumption["cost"]["energyCost"] == pytest.approx(5 * (30 * 0.20 + 138 * 0.10), rel=0.01)
    assert week.consumption["cost"]["tariff"] == "test"
    kg = pytest.approx(0.4 * week.consumption["totalKwh"], abs=0.01)
    assert week.consumption["carbon"] == {"kgCo2e": kg, "factorKgPerKwh": 0.4, "source": "a test"}
    assert analyze(readings, make_meters(1)).consumption["carbon"]["code"] == "no_carbon_factor"


def test_costs_forecast_and_consumption_tell_the_same_energy_when_a_meter_fails():
    """A meter misses half a day and then counts it in one interval: that is energy of the bill, and no peak of it."""
    holed = fill_window(2, BOTH, 8.0, 2.0)
    hole = holed["interval_start"].between("2026-01-15 12:00Z", "2026-01-16 00:00Z", inclusive="left")
    holed = holed[~hole]
    holed.loc[holed["interval_start"] == pd.Timestamp("2026-01-16 00:00Z"), "energy_kwh"] = 70.0
    readings = pd.concat([fill_window(1, BOTH, 5.0, 1.0), holed])
    made = full_week(readings, make_meters(1, 2), WEEK)
    total_kwh, sections = made.consumption["totalKwh"], made.sections
    assert {issue["type"] for issue in sections["sensorHealth"]["issues"]} >= {"catch_up", "gap"}
    assert total_kwh == pytest.approx(readings_kwh(readings, WEEK), abs=0.001)
    cost = sections["costOptimization"]
    assert cost["combined_summary"]["total_energy_kwh"] == pytest.approx(total_kwh, abs=0.001)
    assert cost["tou_analysis"]["flat_total_cost"] == made.consumption["cost"]["energyCost"]
    assert sum(row["hours"] for row in cost["tou_analysis"]["period_breakdown"].values()) == 168
    assert (cost["basis"]["covered_hours"], cost["basis"]["demand_coverage_pct"]) == (168, 92.7)  # 49 of 672 are out
    assert made.consumption["estimatedKwh"] == 0.0
    assert cost["demand_analysis"]["billing_peak_kw"] == pytest.approx(13.0, rel=0.03)
    assert sections["forecast"]["summary"]["total_last_7d_actual_kwh"] == pytest.approx(total_kwh, abs=0.01)
    assert {bill["is_complete"] for bill in cost["bills"]} == {False}
    # The sum of half a day is spread over it: three hours of evening on the 15th, nine of the day before it.
    daily = {day["date"]: day["energyKwh"] for day in made.consumption["daily"]}
    assert daily["2026-01-15"] == pytest.approx(5 * 11 + 13 + 11 * 8 + 13 * 2 + (70 - 11 * 8 - 1.25 * 2), abs=3)


def test_the_highest_load_is_the_billing_peak_also_of_a_meter_without_history():
    """A second meter is new this week and brings two thirds of the load: 3 kW and 6 kW by day."""
    old, new = fill_window(1, BOTH, 3.0, 1.0), fill_window(2, WEEK, 6.0, 1.0)
    week = full_week(pd.concat([old, new]), make_meters(1, 2), WEEK)
    peak = week.sections["spikes"]["sitePeak"]
    demand = week.sections["costOptimization"]["demand_analysis"]
    assert peak["powerKw"] == demand["billing_peak_kw"] == pytest.approx(9.0, abs=0.2)
    assert peak["start"] == demand["peak_timestamp"]
    # The larger of two has died: the other one is not the site.
    dead = pd.concat([old, fill_window(2, SCOPE.baseline, 6.0, 1.0)])
    assert full_week(dead, make_meters(1, 2), WEEK).sections["spikes"]["sitePeak"] is None


def test_the_flat_rate_of_the_sites_file_is_its_tariff_and_no_assumption(tmp_path):
    (tmp_path / "7.toml").write_text("[thresholds]\nflat_rate_usd_per_kwh = 0.15\n")
    own, none = load_site(7, tmp_path).tariffs, load_site(8, tmp_path).tariffs
    assert (own.is_assumed, own.current[0].tariff.name) == (False, "flat_rate")
    assert own.current[0].tariff.energy.periods[0].tiers[0].rate == 0.15
    assert (none.is_assumed, none.current[0].tariff.energy.periods[0].tiers[0].rate) == (True, 0.12)


SCHEMA = json.loads((PROJECT_ROOT / "deliver/schemas/weekly_report.schema.json").read_text(encoding="utf-8"))


def check_parts(week):
    """Assert that the parts of a week keep to the report's schema."""
    made = as_json(week)
    made |= {"summary": json.loads(json.dumps(tell(week))), "sections": tell_sections(made["sections"])}
    for part in ("summary", "consumption", "sections", "charts", "data_quality"):
        schema = SCHEMA["properties"]["dataQuality" if part == "data_quality" else part]
        Draft202012Validator({**schema, "$defs": SCHEMA["$defs"]}).validate(made[part])
    return made


def full_week(readings, meters, period, config=None):
    """Return the week with all that the database would give beside the readings."""
    roots = root_meters(readings, meters, period) if len(meters) else []
    context = SiteContext(
        site_id=7, tariffs=ASSUMED, hourly=hourly_of(readings, roots), electrical=readings.assign(voltage_v=120.0)
    )
    config = config or Thresholds()
    baseline = baseline_before(period, NEW_YORK, config)
    return analyze_site_week(readings, meters, period, baseline, NEW_YORK, config, context=context)


@pytest.mark.parametrize(
    ("first", "last", "hours"),
    [
        (date(2026, 3, 2), date(2026, 3, 8), 167),  # the clocks go forward
        (date(2026, 10, 26), date(2026, 11, 1), 169),  # and back
        (date(2026, 1, 13), date(2026, 1, 13), 24),
        (date(2026, 1, 5), date(2026, 1, 18), 336),
        (date(2026, 1, 1), date(2026, 1, 31), 744),
    ],
)
def test_a_period_of_any_length_is_analysed_whole(first, last, hours):
    period = local_day_window(first, last, NEW_YORK)
    both = Window(baseline_before(period, NEW_YORK, Thresholds()).start, period.end)
    evening = f"{first} 20:00"
    readings = set_power(fill_window(1, both, 5.0, 1.0), evening, f"{first} 23:00", 9.0)
    made = check_parts(full_week(readings, make_meters(1), period))
    assert made["consumption"]["totalKwh"] == pytest.approx(readings_kwh(readings, period), abs=0.1)
    assert len(made["charts"]["hourly"]["actualKwh"]) == hours
    assert sum(made["charts"]["hourly"]["actualKwh"]) == pytest.approx(made["consumption"]["totalKwh"], abs=0.5)
    assert made["sections"]["costOptimization"]["basis"]["covered_hours"] == hours
    weeks = max(1.0, hours / 168)
    for win in made["sections"]["quickWins"]:
        assert win["impact"]["weeklyKwh"] * weeks <= 8.0 * 3 + 0.5
    if hours == 24:
        assert all(win["confidence"] == "low" for win in made["sections"]["quickWins"])


def readings_kwh(readings, period):
    within = (readings["interval_start"] >= period.start) & (readings["interval_start"] < period.end)
    return readings.loc[within, "energy_kwh"].sum()


def test_a_site_without_any_readings_says_so_everywhere():
    made = check_parts(full_week(make_readings(1, "2026-01-14 12:00Z", []), make_meters(1), WEEK))
    sections = made["sections"]
    assert [sections[name]["code"] for name in ("forecast", "costOptimization")] == ["short_history", "no_total"]
    for name in ("afterHoursWaste", "anomalies", "spikes"):
        assert [entry["code"] for entry in sections[name]["notAssessed"]] == ["silent"]
    assert sections["loadFacts"]["channels"][0]["code"] == "too_few_days"
    hours = made["charts"]["hourly"]
    assert (hours["start"], hours["meters"]) == ("2026-01-12T00:00:00-05:00", [])
    assert [hours[name] for name in ("actualKwh", "estimatedKwh", "expectedKwh")] == [[None] * 168] * 3
    assert made["summary"]["totalPotentialSavings"]["weeklyCost"] == 0.0


def test_a_new_meter_is_told_from_when_on_it_can_be_judged():
    """It reports since Monday; a baseline wants 19.6 days, and then the period itself must pass."""
    made = check_parts(full_week(fill_window(1, WEEK, 5.0, 1.0), make_meters(1), WEEK))
    (entry,) = made["sections"]["anomalies"]["notAssessed"]
    assert (entry["status"], entry["code"]) == ("insufficient_data", "short_baseline")
    # 70 % of 28 days are 19.6; 7 are there; 12.6 more and the period's own 7 days after Monday the 19th
    assert entry["possibleFrom"] == "2026-02-08"
    assert made["sections"]["forecast"]["possibleFrom"] == "2026-02-01"


def test_a_level_that_rose_for_good_is_told_once_and_as_a_step():
    """Two kilowatts more around the clock from Tuesday on: no equipment that was left on by night."""
    readings = fill_window(1, BOTH, 6.0, 1.0)
    later = readings["interval_start"] >= pd.Timestamp("2026-01-13", tz=NEW_YORK)
    readings.loc[later, "power_kw"] += 2.0
    readings["energy_kwh"] = readings["power_kw"] / 4
    week = check_parts(full_week(readings, make_meters(1), WEEK))
    (step,) = week["sections"]["anomalies"]["steps"]
    assert (step["at"][:10], step["afterKw"] - step["beforeKw"]) == ("2026-01-13", pytest.approx(2.0, abs=0.02))
    assert step["excessKwh"] == pytest.approx(2.0 * 6 * 24, rel=0.02)
    assert week["sections"]["quickWins"] == []
    assert [meter["pattern"] for meter in week["sections"]["afterHoursWaste"]["topMeters"]] == ["step"]
    assert week["summary"]["topRisks"][0].startswith("meter 1: level changed from ")
