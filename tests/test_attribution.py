"""Tests of analyze/money/attribution.py: one kilowatt-hour is saved once, and none that was not used."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from week_factory import NEW_YORK, WEEK, fill_window, make_meters, make_readings, make_scope, make_thresholds, set_power

from analyze.money.attribution import KINDS, Excess, claim_column, claim_savings
from analyze.week.intervals import prepare_intervals
from analyze.week.site_week import analyze_site_week
from lib.date_utils import Window

METERS = make_meters(1)
SCOPE = make_scope(METERS)
BOTH = Window(SCOPE.baseline.start, SCOPE.period.end)
SUNDAY = pd.Timestamp(WEEK.start) + pd.Timedelta("6D")
MEASURES = ("observed", "low", "mid", "high")


def claims_by_hand(power_kw, excess, broken=(), **changes):
    """Return the claims of quarter hours on a Sunday, by kind and measure."""
    scope = make_scope(METERS, config=make_thresholds(quick_wins={"min_sound_pct": 0.0}, **changes))
    rows = prepare_intervals(make_readings(1, SUNDAY, power_kw), METERS, NEW_YORK)
    claims = claim_savings(rows, rows, excess, broken, scope)
    return {
        (kind, measure): claims[claim_column(kind, measure)].round(9).tolist() for kind in KINDS for measure in MEASURES
    }


def sure(*kwh):
    """Return an excess without spread, all of which can be avoided."""
    values = np.array(kwh, dtype=float)
    return Excess(values, values, values, values > 0)


def test_claims_share_no_energy_and_follow_the_precedence():
    claims = claims_by_hand(
        [20.0] * 6,
        {
            "after_hours": sure(1, 3, 0, 2, 6, 0),
            "anomaly": sure(4, 2, 4, 0, 0, 2),
        },
    )
    assert claims["after_hours", "observed"] == [1, 3, 0, 2, 5, 0]  # the fifth interval used no more than 5 kWh
    assert claims["anomaly", "observed"] == [3, 0, 4, 0, 0, 2]
    for kind in KINDS:
        assert claims[kind, "low"] == claims[kind, "mid"] == claims[kind, "observed"] == claims[kind, "high"]


def test_what_cannot_be_avoided_is_observed_only():
    excess = Excess(np.array([2.0, 1.0]), np.array([4.0, 4.0]), np.array([5.0, 9.0]), np.array([True, False]))
    claims = claims_by_hand([20.0, 20.0], {"after_hours": excess})
    assert claims["after_hours", "observed"] == [4, 4]
    assert claims["after_hours", "mid"] == [4, 0]
    assert claims["after_hours", "low"] == [2, 0]
    assert claims["after_hours", "high"] == [5, 5]  # at most what the interval used


def test_high_figures_of_two_kinds_share_what_is_left_of_an_interval():
    excess = {
        "after_hours": Excess(*(np.array([kwh]) for kwh in (1.0, 2.0, 4.0)), np.array([True])),
        "anomaly": Excess(*(np.array([kwh]) for kwh in (2.0, 3.0, 9.0)), np.array([True])),
    }
    claims = claims_by_hand([20.0], excess)
    # 5 kWh used, 3 of them claimed: 2 remain for the 2 and 6 kWh more that the two would like.
    assert claims["after_hours", "high"] == [2 + 0.5]
    assert claims["anomaly", "high"] == [1 + 1.5]
    assert (claims["after_hours", "low"], claims["anomaly", "low"]) == ([1], [round(2 / 3, 9)])


@pytest.mark.parametrize(("main_kwh", "claimed"), [(4.01, [1.01, 3.0]), (3.99, [0.0, 3.0])])
def test_a_main_claims_no_remnant_of_what_its_parts_claim(main_kwh, claimed):
    """A quarter of what the main saw must be of no meter below it."""
    meters = make_meters(1, 2, parents={2: 1})
    scope = make_scope(meters, config=make_thresholds(quick_wins={"min_sound_pct": 0.0}))
    readings = pd.concat([make_readings(1, SUNDAY, [40.0]), make_readings(2, SUNDAY, [20.0])])
    rows = prepare_intervals(readings, meters, NEW_YORK)
    claims = claim_savings(rows, rows, {"after_hours": sure(main_kwh, 3.0)}, (), scope)
    assert claims[claim_column("after_hours")].round(9).tolist() == claimed


def test_bad_data_come_before_everything():
    assert sum(claims_by_hand([20.0], {"anomaly": sure(3)}, broken=[1])["anomaly", "observed"]) == 0
    hours = 20 * 4  # of 168: too few to be believed
    rows = prepare_intervals(make_readings(1, SUNDAY, [20.0] * hours), METERS, NEW_YORK)
    claims = claim_savings(rows, rows, {"anomaly": sure(*[1.0] * hours)}, (), SCOPE)
    assert claims[claim_column("anomaly", "high")].sum() == 0.0


SHAPES = st.tuples(
    st.floats(0.0, 30.0),  # kW by day
    st.floats(0.0, 30.0),  # kW by night
    st.sampled_from(["2026-01-12 00:00", "2026-01-13 16:00", "2026-01-17 05:15"]),  # an event starts
    st.sampled_from([0, 1, 3, 60, 400]),  # quarter hours
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


def analyze(readings, meters):
    return analyze_site_week(readings, meters, SCOPE.period, SCOPE.baseline, NEW_YORK, SCOPE.config)


@settings(max_examples=12, deadline=None)
@given(
    shapes=st.lists(SHAPES, min_size=1, max_size=4),
    tree=st.sampled_from([{}, {2: 1}, {2: 1, 3: 2}, {2: 1, 3: 1, 4: 3}, {1: 2, 2: 1}]),
    seed=st.integers(0, 2**31),
)
def test_savings_never_exceed_consumption_and_order_does_not_matter(shapes, tree, seed):
    meters = make_meters(*range(1, len(shapes) + 1), parents=tree)
    readings = site_of(shapes)
    week = analyze(readings, meters)

    used_kwh = week.claims.groupby("channel_id")["used_kwh"].sum()
    bounds = [np.zeros((len(week.claims), len(KINDS)))]
    for measure in ("low", "mid", "observed", "high"):
        claims = week.claims[[claim_column(kind, measure) for kind in KINDS]]
        bounds.append(claims.to_numpy())
        assert (bounds[-1] >= bounds[-2] - 1e-9).all()  # 0 ≤ low ≤ mid ≤ observed ≤ high
        assert (claims.sum(axis=1) <= week.claims["used_kwh"].clip(lower=0) + 1e-9).all()
        assert (claims.sum(axis=1).groupby(week.claims["channel_id"]).sum() <= used_kwh + 1e-6).all()
        assert claims.to_numpy().sum() <= week.consumption["totalKwh"] + 1e-3
    wins = week.sections["quickWins"]
    for measure in ("low", "mid", "high"):
        listed = sum(win["addressableWaste"]["kwh"][measure] for win in wins if "addressableWaste" in win)
        assert listed <= week.consumption["totalKwh"] + 0.01 * len(wins)
    assert week.summary["totalPotentialSavings"]["weeklyKwh"] <= week.consumption["totalKwh"] + 0.01 * len(wins)
    assert not week.claims.duplicated(["channel_id", "interval_start"]).any()

    shuffled = analyze(readings.sample(frac=1, random_state=seed), meters.sample(frac=1, random_state=seed))
    assert json.dumps(shuffled.sections, allow_nan=False) == json.dumps(week.sections, allow_nan=False)
    assert shuffled.consumption == week.consumption
