"""Tests of analyze/quick_wins.py, and of the tree of meters that keeps its sums honest."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyze.intervals import prepare_intervals
from analyze.meters.meter_tree import net_of_sub_meters, parents_of, root_of_channels
from analyze.quick_wins import claim_savings
from analyze.site_week import analyze_site_week
from config.report_config import ReportConfig
from lib.date_utils import Window
from tests.week_factory import (
    NEW_YORK,
    WEEK,
    fill_window,
    make_meters,
    make_readings,
    make_scope,
    set_power,
)

METERS = make_meters(1)
SCOPE = make_scope(METERS)
BOTH = Window(SCOPE.baseline.start, SCOPE.period.end)


def analyze(readings, meters=METERS, config=None):
    scope = make_scope(meters, config=config)
    return analyze_site_week(readings, meters, scope.period, scope.baseline, NEW_YORK, scope.config)


def left_on(channel_id, kw, base=None):
    base = fill_window(channel_id, BOTH, 5.0, 1.0) if base is None else base
    return set_power(base, "2026-01-13 18:00", "2026-01-14 07:00", kw)


def test_parents_and_roots():
    meters = make_meters(1, 2, 3, 4, 5, 6, parents={2: 1, 3: 2, 4: 9, 5: 6, 6: 5})
    assert parents_of(meters) == {2: 1, 3: 2}  # 9 is not there, and 5 and 6 are each other's parent
    everyone = {1, 2, 3, 4, 5, 6}
    assert root_of_channels(meters, everyone) == {1: 1, 2: 1, 3: 1, 4: 4, 5: 5, 6: 6}
    assert root_of_channels(meters, everyone - {1}) == {1: 1, 2: 2, 3: 2, 4: 4, 5: 5, 6: 6}
    assert root_of_channels(meters, everyone - {2})[3] == 1


def test_net_of_sub_meters_by_hand():
    """Two quarters of a main meter 1, of 2 below it, and of 3 below 2; and one of a meter of its own."""
    meters = make_meters(1, 2, 3, 4, parents={2: 1, 3: 2})
    readings = pd.concat([make_readings(key, "2026-01-12 05:00Z", [1.0, 1.0]) for key in (1, 2, 3, 4)])
    rows = prepare_intervals(readings, meters, NEW_YORK, ReportConfig())
    net = net_of_sub_meters([10.0, 4.0, 6.0, 5.0, 2.0, 0.0, 7.0, 7.0], rows, meters)
    assert net.tolist() == [4.0, 0.0, 4.0, 5.0, 2.0, 0.0, 7.0, 7.0]


def test_net_of_sub_meters_of_another_interval():
    meters = make_meters(1, 2, parents={2: 1})
    readings = pd.concat(
        [
            make_readings(1, "2026-01-12 05:00Z", [1.0] * 4),
            make_readings(2, "2026-01-12 05:00Z", [1.0], 3600),
        ]
    )
    rows = prepare_intervals(readings, meters, NEW_YORK, ReportConfig())
    assert net_of_sub_meters([4.0, 2.0, 2.0, 0.0, 6.0], rows, meters).tolist() == [1.0, 0.5, 0.5, 0.0, 6.0]


def claims_by_hand(after_hours, anomalies, spikes, power_kw, **changes):
    """Return the three claims of quarter hours on a Sunday; the excesses are in kWh."""
    readings = make_readings(1, pd.Timestamp(WEEK.start) + pd.Timedelta("6D"), power_kw)
    scope = make_scope(
        METERS, config=ReportConfig(after_hours_min_excess_kwh=0.0, quick_win_min_sound_pct=0.0, **changes)
    )
    rows = prepare_intervals(readings, METERS, NEW_YORK, scope.config)

    def found(values):
        return rows.assign(excess_kwh=values)[np.array(values) > 0]

    claims = claim_savings(rows, rows, pd.Series(after_hours), found(anomalies), found(spikes), scope)
    return claims[["after_hours_kwh", "anomaly_kwh", "spike_kwh"]].to_numpy().T.tolist()


def test_claims_by_hand_share_no_energy():
    claims = claims_by_hand(
        after_hours=[1.0, 3.0, 0.0, 2.0, 6.0],
        anomalies=[2.0, 2.0, 4.0, 0.0, 0.0],
        spikes=[4.0, 1.0, 3.0, 5.0, 0.0],
        power_kw=[20.0, 20.0, 20.0, 20.0, 20.0],
    )
    assert claims == [
        [1.0, 3.0, 0.0, 2.0, 5.0],  # the last interval used no more than 5 kWh
        [1.0, 0.0, 4.0, 0.0, 0.0],
        [2.0, 0.0, 0.0, 3.0, 0.0],
    ]


def test_a_channel_that_is_mostly_unsound_claims_nothing():
    hours = 20 * 4  # of 168
    series = ([1.0] * hours, [0.0] * hours, [0.0] * hours, [20.0] * hours)
    assert np.sum(claims_by_hand(*series)) == hours
    readings = make_readings(1, pd.Timestamp(WEEK.start) + pd.Timedelta("6D"), series[3])
    rows = prepare_intervals(readings, METERS, NEW_YORK, SCOPE.config)
    nothing = rows.assign(excess_kwh=0.0)[:0]
    claims = claim_savings(rows, rows, pd.Series(series[0]), nothing, nothing, SCOPE)
    assert claims["after_hours_kwh"].sum() == 0.0


def test_a_machine_left_on_is_one_win_with_its_numbers():
    week = analyze(left_on(1, 8.0))
    (win,) = week.sections["quickWins"]
    kwh = week.sections["afterHoursWaste"]["topMeters"][0]["impact"]["excessKwh"]
    assert win["type"] == "after_hours"
    assert win["title"] == "Let meter 1 rest between 18:00 and 07:00: 93 kWh a week"
    assert win["impact"]["weeklyKwh"] == kwh == pytest.approx(13 * 7.02 + 2, abs=0.05)
    assert win["impact"]["weeklyCost"] == pytest.approx(11.19, abs=0.01)
    assert win["impact"]["annualCost"] == pytest.approx(11.19 * 52.18, abs=0.5)
    assert (win["confidence"], win["priority"]) == ("high", "high")
    assert "Mon–Fri 07:00–18:00" in win["description"]
    assert week.sections["anomalies"]["summary"]["totalExcessKwh"] == pytest.approx(91, abs=0.3)  # the same energy
    assert week.summary["totalPotentialSavings"]["weeklyKwh"] == win["impact"]["weeklyKwh"]


def test_a_load_that_wavers_about_its_rest_is_believed_little():
    rng = np.random.default_rng(7)
    readings = fill_window(1, BOTH, 8.0, 3.0)
    noise = rng.lognormal(0, 0.15, len(readings))
    readings = readings.assign(power_kw=readings["power_kw"] * noise, energy_kwh=readings["energy_kwh"] * noise)
    (win,) = analyze(readings).sections["quickWins"]
    assert (win["confidence"], win["priority"]) == ("low", "low")


def test_what_is_believed_little_ranks_below_a_smaller_but_sure_saving():
    rng = np.random.default_rng(7)
    wavering = fill_window(1, BOTH, 8.0, 6.0)
    noise = rng.lognormal(0, 0.15, len(wavering))
    wavering = wavering.assign(power_kw=wavering["power_kw"] * noise, energy_kwh=wavering["energy_kwh"] * noise)
    sure, little = analyze(pd.concat([wavering, left_on(2, 8.0)]), make_meters(1, 2)).sections["quickWins"]
    assert (sure["channelId"], little["channelId"]) == (2, 1)
    assert little["impact"]["weeklyKwh"] > sure["impact"]["weeklyKwh"]


def test_an_anomaly_by_day_is_a_win_of_its_own():
    readings = set_power(fill_window(1, BOTH, 5.0, 1.0), "2026-01-14 08:00", "2026-01-14 12:00", 20.0)
    (win,) = analyze(readings).sections["quickWins"]
    assert (win["type"], win["confidence"]) == ("anomaly", "medium")
    assert win["impact"]["weeklyKwh"] == pytest.approx(60.0, abs=0.3)
    assert win["title"] == ("Find out why meter 1 ran high on Wed 14 Jan from 08:00 to 12:00: 60 kWh above usual")


def test_short_spikes_that_add_up_are_a_win():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    for day in (12, 13, 14):
        readings = set_power(readings, f"2026-01-{day} 09:15", f"2026-01-{day} 09:45", 25.0)
    (win,) = analyze(readings).sections["quickWins"]
    assert (win["type"], win["confidence"]) == ("spike", "medium")
    assert win["impact"]["weeklyKwh"] == pytest.approx(3 * 0.5 * 19.9, abs=0.1)


def test_a_stuck_night_is_no_win():
    readings = fill_window(1, BOTH, 5.0, 1.0)
    hit = readings["interval_start"].between(
        pd.Timestamp("2026-01-13 18:00", tz=NEW_YORK), pd.Timestamp("2026-01-14 06:45", tz=NEW_YORK)
    )
    readings.loc[hit, ["power_kw", "energy_kwh"]] = [8.0, 2.0]
    assert analyze(readings).sections["quickWins"] == []


def test_parent_and_sub_meter_do_not_save_the_same_energy():
    sub = left_on(2, 8.0)
    main = left_on(1, 18.0, fill_window(1, BOTH, 15.0, 11.0))
    wins = analyze(pd.concat([main, sub]), make_meters(1, 2, parents={2: 1})).sections["quickWins"]
    assert [win["channelId"] for win in wins] == [2, 1]
    separate = analyze(pd.concat([main, sub]), make_meters(1, 2)).sections["quickWins"]
    alone = {win["channelId"]: win["impact"]["weeklyKwh"] for win in separate}
    assert wins[0]["impact"]["weeklyKwh"] == alone[2]
    assert wins[1]["impact"]["weeklyKwh"] == pytest.approx(alone[1] - alone[2], abs=0.3)


def test_ranked_by_what_is_believed_and_limited():
    meters = make_meters(*range(1, 15))
    week = analyze(pd.concat([left_on(key, 4.0 + key) for key in range(1, 15)]), meters)
    wins = week.sections["quickWins"]
    assert [win["channelId"] for win in wins] == list(range(14, 4, -1))
    assert week.summary["totalPotentialSavings"]["weeklyKwh"] == pytest.approx(
        sum(win["impact"]["weeklyKwh"] for win in wins)
    )
    assert week.summary["topOpportunities"] == [win["title"] for win in wins[:3]]


SHAPES = st.tuples(
    st.floats(0.0, 30.0),  # kW by day
    st.floats(0.0, 30.0),  # kW by night
    st.sampled_from(["2026-01-12 00:00", "2026-01-13 16:00", "2026-01-17 05:15"]),  # an event starts
    st.sampled_from([0, 1, 3, 60]),  # quarter hours
    st.floats(0.0, 500.0),  # kW of the event
    st.integers(0, 300),  # readings missing from the end
    st.sampled_from(["both", "no power", "no energy", "halved energy"]),
)


def site_of(shapes):
    frames = []
    for key, (day_kw, night_kw, start, quarters, event_kw, lost, fault) in enumerate(shapes, start=1):
        end = pd.Timestamp(start) + quarters * pd.Timedelta("15min")
        frame = set_power(fill_window(key, BOTH, day_kw, night_kw), start, str(end), event_kw)
        if fault == "no power":
            frame["power_kw"] = np.nan
        elif fault == "no energy":
            frame["energy_kwh"] = np.nan
        elif fault == "halved energy":
            frame["energy_kwh"] /= 2
        frames.append(frame.iloc[: len(frame) - lost])
    return pd.concat(frames, ignore_index=True)


@settings(max_examples=20, deadline=None)
@given(
    shapes=st.lists(SHAPES, min_size=1, max_size=4),
    tree=st.sampled_from([{}, {2: 1}, {2: 1, 3: 2}, {2: 1, 3: 1, 4: 3}, {1: 2, 2: 1}]),
    seed=st.integers(0, 2**31),
)
def test_savings_never_exceed_consumption_and_order_does_not_matter(shapes, tree, seed):
    meters = make_meters(*range(1, len(shapes) + 1), parents=tree)
    readings = site_of(shapes)
    week = analyze(readings, meters)

    saved = week.summary["totalPotentialSavings"]["weeklyKwh"]
    assert saved <= week.consumption["totalKwh"] + 0.01 * len(shapes) * 3
    claims = week.claims[["after_hours_kwh", "anomaly_kwh", "spike_kwh"]]
    assert (claims >= -1e-9).all().all()
    assert (claims.sum(axis=1) <= week.claims["used_kwh"] + 1e-9).all()
    assert not week.claims.duplicated(["channel_id", "interval_start"]).any()

    shuffled = analyze(readings.sample(frac=1, random_state=seed), meters.sample(frac=1, random_state=seed))
    assert json.dumps(shuffled.sections, allow_nan=False) == json.dumps(week.sections, allow_nan=False)
    assert shuffled.consumption == week.consumption
