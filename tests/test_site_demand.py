"""Tests of analyze/money/site_demand.py, and of what the section makes of meters that fail."""

import pandas as pd
import pytest
from tariff_factory import SCOPE, constant, cost_of
from week_factory import make_meters, make_scope, set_power

from analyze.money.site_demand import sum_site_demand
from analyze.week.intervals import prepare_intervals


def test_site_is_the_sum_of_its_roots_where_all_report():
    meters = make_meters(1, 2, 3, parents={2: 1})
    scope = make_scope(meters)
    third = constant(3, 7.0)
    third = third[third["interval_start"] != pd.Timestamp("2026-01-14 17:00Z")]
    readings = pd.concat([constant(1, 10.0), constant(2, 4.0), third])
    site = sum_site_demand(prepare_intervals(readings, meters, scope.tz), scope)
    assert (site.roots, site.left_out) == ([1, 3], [])
    assert set(site.sound["mean_kw"]) == {17.0}
    assert len(site.sound) == 35 * 96 - 1
    assert site.metered.loc[~site.metered["is_whole"], "mean_kw"].tolist() == [10.0]
    assert len(site.metered) == 35 * 96


def test_dead_main_meter_is_stood_for_by_its_sub_meters():
    meters = make_meters(1, 2, 3, parents={2: 1, 3: 1})
    scope = make_scope(meters)
    readings = pd.concat([constant(1, 10.0, SCOPE.baseline), constant(2, 4.0), constant(3, 5.0)])
    section = cost_of(readings, scope)
    assert section["tou_analysis"]["total_kwh"] == 9 * 168.0


def test_small_meter_that_fails_is_left_out_and_named():
    scope = make_scope(make_meters(1, 2))
    readings = pd.concat([constant(1, 97.0), constant(2, 3.0, SCOPE.baseline)])
    section = cost_of(readings, scope)
    assert section["basis"]["left_out_meters"] == [{"channelId": 2, "channelName": "meter 2", "usual_share_pct": 3.0}]
    assert any("what meter 2 did not report; usually that is 3.0 %" in note for note in section["basis"]["notes"])


def test_a_small_dead_meter_leaves_the_month_nearly_as_well_metered():
    """Of 97 kW and 3 kW the small one dies on Wednesday at noon; the month is metered from the 1st to the 18th."""
    scope = make_scope(make_meters(1, 2))
    small = constant(2, 3.0)
    readings = pd.concat([constant(1, 97.0), small[small["interval_start"] < pd.Timestamp("2026-01-14 17:00Z")]])
    site = sum_site_demand(prepare_intervals(readings, scope.meters, scope.tz), scope)
    dead = site.metered["epoch_s"] >= pd.Timestamp("2026-01-14 17:00Z").timestamp()
    assert site.metered.loc[dead, "covered_ratio"].to_numpy() == pytest.approx(0.97)
    assert site.metered.loc[~dead, "covered_ratio"].to_numpy() == pytest.approx(1.0)
    january = next(bill for bill in cost_of(readings, scope)["bills"] if bill["month"] == "2026-01")
    # 13.5 days of all, and 4.5 days of 97 %, of 31.
    assert (january["covered_days"], january["days"], january["is_complete"]) == (17.9, 31, False)
    assert january["coverage_pct"] == pytest.approx(100 * (13.5 + 4.5 * 0.97) / 31, abs=0.06)


def test_finer_data_are_billed_by_the_quarter_hour_and_coarser_as_they_are():
    five = constant(1, 10.0, interval_s=300)
    moment = five["interval_start"] == pd.Timestamp("2026-01-14 17:05Z")
    five.loc[moment, ["power_kw", "energy_kwh"]] = [40.0, 40.0 / 12]
    scope = make_scope(make_meters(1, interval_s=300))
    section = cost_of(five, scope)
    assert section["demand_analysis"]["billing_peak_kw"] == 20.0  # (10 + 40 + 10) / 3
    hourly = cost_of(constant(1, 10.0, interval_s=3600), make_scope(make_meters(1, interval_s=3600)))
    assert hourly["basis"]["demand_interval_minutes"] == 60
    assert hourly["tou_analysis"]["tou_total_cost"] == 158.8


def test_gap_is_scaled_over_and_export_is_no_income():
    # Without Sunday's 24 hours 144 are left; the month's energy is the same 7305 kWh.
    readings = constant(1, 10.0)
    section = cost_of(readings[readings["interval_start"] < pd.Timestamp("2026-01-18 05:00Z")])
    assert section["basis"]["coverage_pct"] == 85.7
    assert section["bill_comparison"]["current"]["energy_kwh"] == 7305.0
    export = set_power(readings, "2026-01-17 10:00", "2026-01-17 14:00", -50.0)
    assert cost_of(export)["tou_analysis"]["total_kwh"] == 1640.0
