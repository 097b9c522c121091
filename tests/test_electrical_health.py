"""Tests of analyze/electrical_health.py: every limit, by hand."""

import json

import numpy as np
import pandas as pd
import pytest
from week_factory import NEW_YORK, WEEK, make_meters, make_scope, make_thresholds, spaced

from analyze.meters.electrical_quantities import QUANTITIES, find_supply
from analyze.sections.electrical import check_electrical_health, render_text
from config.tariff_model import PowerFactorClause
from config.thresholds import Thresholds
from deliver.words.meters import describe_supply, tell_supply
from lib import readings as readings_lib

METERS = make_meters(1)
INTERVALS = 672  # a week of quarter-hours
START = pd.Timestamp(WEEK.start)


def electrical(channel_id=1, volts=120.0, amps=50.0, hertz=60.0, power_kw=18.0, **columns):
    """Return a week of a sound three-phase meter: 18 kW of 3 × 120 V × 50 A, everything at its ideal."""
    frame = {
        "channel_id": channel_id,
        "interval_start": START + pd.to_timedelta(np.arange(INTERVALS) * 900, unit="s"),
        "interval_s": 900,
        "energy_kwh": power_kw / 4,
        "power_kw": power_kw,
        **{f"voltage_l{number}_v": volts for number in (1, 2, 3)},
        "voltage_v": volts,
        **{f"current_l{number}_a": amps for number in (1, 2, 3)},
        "current_a": amps,
        "current_neutral_a": 0.1 * amps,
        "power_factor": 0.98,
        "frequency_hz": hertz,
        "thd_current_pct": 3.0,
    }
    return pd.DataFrame(frame | columns)


def check(readings, meters=METERS, clause=None, **config):
    scope = make_scope(meters, config=make_thresholds(electrical=config))
    section = check_electrical_health(readings, scope, clause)
    return json.loads(json.dumps(section, allow_nan=False))


def change(readings, intervals, **columns):
    """Return `readings` whose first `intervals` hold other values."""
    hit = np.arange(len(readings)) < intervals
    return readings.assign(**{name: readings[name].mask(hit, value) for name, value in columns.items()})


def issues(section):
    return [(issue["type"], issue["severity"]) for meter in section["meters"] for issue in meter["issues"]]


def test_a_sound_meter_has_measures_and_no_issue():
    section = check(electrical())
    assert section["summary"] == {
        "metersAssessed": 1,
        "metersAffected": 0,
        "totalIssues": 0,
        "bySeverity": {"high": 0, "medium": 0, "low": 0},
        "nominalFrequencyHz": 60.0,
    }
    assert section["notAssessed"] == []

    def entry(value):
        return {"median": value, "p95FromIdeal": value, "hoursAssessed": 168.0}

    assert section["meters"] == [
        {
            "channelId": 1,
            "channelName": "meter 1",
            "measures": {
                "nominalVoltageV": 120.0,
                "voltageV": entry(120.0),
                "voltageImbalancePct": entry(0.0),
                "frequencyHz": entry(60.0),
                "currentImbalancePct": entry(0.0),
                "neutralCurrentPct": entry(10.0),
                "currentThdPct": entry(3.0),
                "powerFactor": entry(0.98),
            },
            "issues": [],
        }
    ]


@pytest.mark.parametrize(
    ("volts", "intervals", "expected"),
    [
        (126.0, 672, []),  # at the edge of range A
        (126.5, 3, []),  # three quarters of an hour
        (126.5, 4, [("voltage", "low")]),
        (126.5, 34, [("voltage", "medium")]),  # 8.5 h of 168 h: 5.06 %
        (113.5, 4, [("voltage", "low")]),
        (109.0, 4, [("voltage", "medium")]),  # range B: 8.3 % below is 110.04 V
        (109.0, 34, [("voltage", "high")]),
        (127.5, 34, [("voltage", "high")]),  # range B: 5.8 % above is 126.96 V
    ],
)
def test_voltage_band(volts, intervals, expected):
    columns = {f"voltage_l{number}_v": volts for number in (1, 2, 3)}
    assert issues(check(change(electrical(), intervals, **columns), nominal_voltage_v=120.0)) == expected


def test_an_issue_carries_its_evidence():
    section = check(change(electrical(), 6, voltage_l2_v=112.8, voltage_l1_v=113.6, voltage_l3_v=113.2))
    (issue,) = section["meters"][0]["issues"]
    assert issue == {
        "channelId": 1,
        "channelName": "meter 1",
        "type": "voltage",
        "severity": "low",
        "start": "2026-01-12T00:00:00-05:00",
        "end": "2026-01-12T01:30:00-05:00",
        "hours": 1.5,
        "worst": 112.8,
        "limit": 114.0,
        "isBelow": True,
        "source": "ANSI C84.1-2020 service voltage, ranges A and B (60 Hz); EN 50160 (50 Hz)",
    }
    assert render_text(section).splitlines() == [
        "1 meter assessed, 1 issue",
        "low     meter 1: voltage below 114 for 1.5 h, at worst 112.8",
    ]
    assert spaced(describe_supply(issue)) == "voltage below 114 V for 1.5 hours, lowest 112.8 V"


@pytest.mark.parametrize(
    ("volts", "hertz", "nominal"),
    [
        (118.0, 60.0, 120.0), (207.0, 60.0, 208.0), (272.0, 60.0, 277.0), (483.0, 60.0, 480.0), (243.0, 60.0, 240.0),
        (236.0, 50.0, 230.0), (398.0, 50.0, 400.0), (231.0, np.nan, 230.0), (160.0, 60.0, None), (12.0, 60.0, None),
    ],
)  # fmt: skip
def test_nominal_voltage_is_the_nearest_usual_one(volts, hertz, nominal):
    supply = find_supply(electrical(volts=volts, hertz=hertz), Thresholds())
    assert supply.voltage_v.get(1) == nominal


@pytest.mark.parametrize(
    ("volts", "expected"),
    [
        (84.5, [("voltage_level", "high")]),  # 15 % below 100 V is 85 V
        (85.5, []),  # may be Japan's 100 V
        (139.0, [("voltage_level", "high")]),  # between 120 and 208 V
        (0.12, [("voltage_level", "high")]),  # in kilovolts
        (2400.0, []),  # medium voltage
    ],
)
def test_three_phases_far_from_every_supply_are_a_wrong_ratio_or_no_supply(volts, expected):
    section = check(electrical(volts=volts))
    assert issues(section) == expected
    assert "voltageV" not in section["meters"][0]["measures"]
    assert ("voltageLevelV" in section["meters"][0]["measures"]) == bool(expected)


def test_undervoltage_of_all_phases_says_what_to_check():
    section = check(pd.concat([electrical(), electrical(channel_id=2, volts=82.0)]), make_meters(1, 2))
    (issue,) = section["meters"][1]["issues"]
    assert spaced(describe_supply(issue)) == "voltage of every phase below 85 V for 7 days, lowest 82 V"
    assert tell_supply(issue)["recommendation"] == (
        "No supply is like that: check the ratio of the voltage transformers, then the supply."
    )
    assert section["meters"][0]["issues"] == []


def test_a_mean_voltage_whose_phases_are_not_known_says_nothing():
    unknown = {f"voltage_l{number}_v": np.nan for number in (1, 2, 3)}
    assert issues(check(electrical(volts=82.0, **unknown))) == []
    # One phase at 120 V, the others open: the mean holds them too.
    assert issues(check(electrical(volts=80.0, voltage_l1_v=120.0, voltage_l2_v=np.nan, voltage_l3_v=np.nan))) == []


def test_a_site_of_50_hz_has_the_european_band():
    assert issues(check(electrical(volts=230.0, hertz=50.0))) == []
    low = change(electrical(volts=230.0, hertz=50.0), 34, voltage_l1_v=206.0, voltage_l2_v=206.0, voltage_l3_v=206.0)
    assert issues(check(low)) == [("voltage", "medium")]  # 207 V is 10 % below
    assert check(low)["siteIssues"] == []


@pytest.mark.parametrize(
    ("third_v", "expected"),
    [
        (122.0, []),  # mean 120.667, deviation 1.333: 1.10 % only for half an hour, see below
        (121.0, []),  # mean 120.333: 0.55 %
    ],
)
def test_voltage_imbalance_within_limits_or_short(third_v, expected):
    assert issues(check(change(electrical(), 2, voltage_l3_v=third_v))) == expected


def test_voltage_imbalance_is_the_greatest_deviation_over_the_mean():
    section = check(change(electrical(), 34, voltage_l3_v=122.0))
    assert issues(section) == [("voltage_imbalance", "medium")]
    issue = section["meters"][0]["issues"][0]
    assert (issue["worst"], issue["limit"]) == (1.105, 1.0)
    assert issues(check(change(electrical(), 34, voltage_l3_v=124.0))) == [("voltage_imbalance", "high")]  # 2.2 %


@pytest.mark.parametrize(
    ("hertz", "nominal", "expected"),
    [(60.05, 60.0, 0), (60.06, 60.0, 1), (59.95, 60.0, 0), (59.94, 60.0, 1), (50.05, 50.0, 0), (50.06, 50.0, 1)],
)
def test_frequency_is_an_issue_of_the_site_and_told_once(hertz, nominal, expected):
    readings = [change(electrical(key, hertz=nominal), 8, frequency_hz=hertz) for key in (1, 2, 3)]
    section = check(pd.concat(readings), make_meters(1, 2, 3))
    assert len(section["siteIssues"]) == section["summary"]["totalIssues"] == expected
    if expected:
        assert (section["siteIssues"][0]["hours"], section["siteIssues"][0]["worst"]) == (2.0, hertz)


def test_a_meter_whose_frequency_deviates_alone_says_nothing_of_the_grid():
    readings = [electrical(1), electrical(2), change(electrical(3), 600, frequency_hz=61.0)]
    assert check(pd.concat(readings), make_meters(1, 2, 3))["summary"]["totalIssues"] == 0


@pytest.mark.parametrize(
    ("columns", "kind", "worst", "limit"),
    [
        ({"thd_current_pct": 5.1}, "current_thd", 5.1, 5.0),
        ({"current_neutral_a": 10.5}, "neutral_current", 21.0, 20.0),
        ({"current_l1_a": 80.0}, "current_imbalance", 33.333, 30.0),  # mean 60 A
        ({"power_factor": 0.94}, "power_factor", 0.94, 0.95),
    ],
)
def test_currents_and_power_factor_under_load(columns, kind, worst, limit):
    section = check(change(electrical(), 40, **columns))
    assert issues(section) == [(kind, "low")]
    issue = section["meters"][0]["issues"][0]
    assert (issue["hours"], issue["worst"], issue["limit"]) == (10.0, worst, limit)


def test_beyond_the_severe_limit_for_long_is_medium_and_never_high():
    readings = change(electrical(), 40, thd_current_pct=9.0, power_factor=0.85)
    assert issues(check(readings)) == [("current_thd", "medium"), ("power_factor", "medium")]


def test_light_load_is_not_judged():
    """At 39 % of the peak, distortion, imbalance and power factor may be what they like; at 41 % not."""
    bad = {"thd_current_pct": 40.0, "power_factor": 0.4, "current_l1_a": 150.0, "current_neutral_a": 90.0}
    assert issues(check(change(electrical(), 300, power_kw=7.0, **bad))) == []
    assert len(issues(check(change(electrical(), 300, power_kw=7.4, **bad)))) == 4
    assert issues(check(electrical(power_kw=0.9, **bad))) == []  # a load of less than a kilowatt


def test_a_single_phase_meter_is_not_asked_for_its_balance():
    nothing = dict.fromkeys(("voltage_l2_v", "voltage_l3_v", "current_l2_a", "current_l3_a"), np.nan)
    section = check(electrical(current_neutral_a=50.0, **nothing))
    assert issues(section) == []
    assert section["notAssessed"] == [
        {
            "channelId": 1,
            "channelName": "meter 1",
            "measure": measure,
            "status": "insufficient_data",
            "code": "not_measured",
            "missing": missing,
            "possibleFrom": None,
        }
        for measure, missing in (
            ("voltage_imbalance", "voltages of three phases"),
            ("current_imbalance", "currents of three phases, and power"),
            ("neutral_current", "neutral and phase currents"),
        )
    ]


def test_energy_and_power_alone_refuse_everything():
    section = check(electrical()[["channel_id", "interval_start", "interval_s", "energy_kwh", "power_kw"]])
    assert (section["meters"], section["summary"]["nominalFrequencyHz"]) == ([], None)
    assert {entry["status"] for entry in section["notAssessed"]} == {"insufficient_data"}
    assert len(section["notAssessed"]) == 7


def test_no_reading_and_a_single_one():
    assert check(electrical().iloc[:0])["summary"]["metersAssessed"] == 0
    single = check(electrical().iloc[:1])
    assert (issues(single), single["meters"][0]["measures"]["voltageV"]["hoursAssessed"]) == ([], 0.25)


def test_readings_beyond_the_period_are_not_looked_at():
    before = electrical(volts=90.0).assign(interval_start=lambda rows: rows["interval_start"] - pd.Timedelta(days=7))
    assert check(pd.concat([before, electrical()])) == check(electrical())


def test_the_penalty_of_a_tariff_is_told_for_main_meters_only():
    readings = pd.concat([electrical(1, power_factor=0.8), electrical(2, power_factor=0.8)])
    clause = PowerFactorClause(target_ratio=0.9, penalty_usd_per_kw=12.0)
    main_meter, sub_meter = check(readings, make_meters(1, 2, parents={2: 1}), clause)["meters"]
    # 18 kW × (0.9 / 0.8 − 1) = 2.25 kW
    assert main_meter["measures"]["powerFactorPenalty"] == {"addedKw": 2.25, "monthlyCost": 27.0}
    assert "powerFactorPenalty" not in sub_meter["measures"]
    assert "powerFactorPenalty" not in check(readings, make_meters(1, 2))["meters"][0]["measures"]


def test_no_limit_is_cited_from_a_paper_that_nobody_else_has():
    assert [item.key for item in QUANTITIES if "contract" in item.source] == []
    assert next(item.source for item in QUANTITIES if item.key == "neutral_current").startswith("a rule of thumb of")


def test_a_site_without_electrical_quantities_is_not_in_order():
    bare = electrical()[["channel_id", "interval_start", "interval_s", "energy_kwh", "power_kw"]]
    section = check(bare)
    assert section["summary"]["metersAssessed"] == 0
    assert render_text(section).startswith("nothing could be assessed")


def test_load_electrical_reads_what_the_view_holds(conn):
    from site_factory import SITE_ID, make_site

    window = make_site(conn, pd.Timestamp("2026-01-12", tz=NEW_YORK).to_pydatetime(), days=2)
    with conn.cursor() as cursor:
        cursor.execute("UPDATE readings SET voltage_l1_v = 119.5, thd_current_pct = 2.5 WHERE channel_id = 10")
    conn.commit()
    frame = readings_lib.load_electrical(conn, SITE_ID, window)
    plain = readings_lib.load_readings(conn, SITE_ID, window)
    pd.testing.assert_frame_equal(frame[list(plain.columns)], plain)
    assert list(frame.columns[3:]) == list(readings_lib.ELECTRICAL_COLUMNS)
    of_ten = frame["channel_id"] == 10
    assert frame.loc[of_ten, ["voltage_l1_v", "thd_current_pct"]].drop_duplicates().values.tolist() == [[119.5, 2.5]]
    assert frame.loc[~of_ten, "voltage_l1_v"].isna().all()
