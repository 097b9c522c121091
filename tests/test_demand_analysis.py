"""Tests of analyze/money/demand_analysis.py: peaks, ratchets, shaving, and which meters made the peak."""

from datetime import date

import pandas as pd
import pytest
from tariff_factory import FLAT_ENERGY, SCOPE, constant, cost_of, lines_of, make_tariff
from week_factory import make_meters, make_scope, set_power

from config.tariff_file import DEFAULT_TOU, load_tariff
from config.tariff_model import SiteTariffs, TariffSpan
from deliver.words.costs import tell_costs
from lib.date_utils import Window, local_day_window

METERS = SCOPE.meters


def test_demand_analysis():
    readings = set_power(constant(1, 10.0), "2026-01-14 13:30", "2026-01-14 13:45", 50.0)
    readings = set_power(readings, "2026-01-14 14:00", "2026-01-14 14:15", 45.5)
    readings = set_power(readings, "2026-01-17 09:00", "2026-01-17 09:15", 30.0)
    demand = cost_of(readings.round({"power_kw": 1, "energy_kwh": 3}))["demand_analysis"]
    assert (demand["billing_peak_kw"], demand["peak_timestamp"]) == (50.0, "2026-01-14T13:30:00-05:00")
    assert (demand["weekday_peak_kw"], demand["weekend_peak_kw"]) == (50.0, 30.0)
    assert (demand["demand_rate_per_kw"], demand["monthly_demand_charge"]) == (12.0, 600.0)
    assert demand["annual_demand_charge"] == 7200.0
    assert demand["peak_concentration_hours"] == [13, 14]  # 45 kW and more
    # One interval of each day: Wednesday's second is left out.
    assert [(x["timestamp"][8:16], x["demand_kw"], x["hour_of_day"]) for x in demand["top_peak_events"][:3]] == [
        ("14T13:30", 50.0, 13),
        ("17T09:00", 30.0, 9),
        ("12T00:00", 10.0, 0),
    ]
    assert [x["day_of_week"] for x in demand["top_peak_events"][:2]] == ["Wednesday", "Saturday"]
    # 5 % of 50 kW = 2.5 kW × 12 = 30 a month, and so on; the next-highest peak, 45.5 kW, is capped with it.
    assert demand["shaving_scenarios"] == [
        {
            "reduction_pct": pct,
            "reduced_peak_kw": 50 - pct / 2,
            "monthly_savings": 6.0 * pct,
            "annual_savings": 72.0 * pct,
        }
        for pct in (5, 10, 15, 20)
    ]
    # 13:00: 28 intervals, of which one at 50 kW: (27 × 10 + 50) / 28.
    assert demand["load_profile"][13] == {"hour": 13, "avg_kw": 11.429, "max_kw": 50.0}
    assert len(demand["load_profile"]) == 24


def test_ratchet_holds_against_shaving_and_tells_what_it_knows():
    readings = set_power(constant(1, 10.0), "2025-12-30 10:00", "2025-12-30 10:15", 100.0)
    section = cost_of(readings)
    demand = section["demand_analysis"]
    # 80 % of December's 100 kW are billed: 80 × 12; lower peaks save nothing this month, 5 % of 10 kW × 144 a year.
    assert demand["monthly_demand_charge"] == pytest.approx(960.0, abs=0.02)
    assert demand["shaving_scenarios"][0]["monthly_savings"] == 0.0
    assert demand["shaving_scenarios"][0]["annual_savings"] == 72.0
    (charge,) = demand["demand_charges"]
    # Half of December is known: its peak counts, and may have been higher.
    assert (charge["measured_kw"], charge["ratchet"]["months_known"], charge["ratchet"]["months_needed"]) == (10, 0, 11)
    assert not charge["ratchet"]["is_complete"]
    amount = lines_of(section["bill_comparison"]["compared_with"])[("ratchet", "facility")]
    assert amount == pytest.approx(840.0, abs=0.02)  # (80 − 10) × 12
    words = tell_costs(section)
    assert any("looks back 11 months, and 0 of them are known" in note for note in words["basis"]["notes"])
    titles = [advice["title"] for advice in words["demand_analysis"]["recommendations"]]
    assert "An earlier peak would still be paid" in titles


def test_year_has_minimum_demand_and_no_coincident_charge():
    text = FLAT_ENERGY + (
        '[[demand.charges]]\nname = "least"\nrate_per_kw = 2\nminimum_kw = 15\n'
        '[[demand.charges]]\nname = "cp"\nrate_per_kw = 10\nsystem_peaks = [2026-01-14T16:00:00-05:00]\n'
    )
    demand = cost_of(constant(1, 10.0), tariffs=SiteTariffs((TariffSpan(make_tariff(text)),), load_tariff(DEFAULT_TOU)))
    # 15 kW × 2 + 10 kW × 10; of the year only the first, for the system's peaks cannot be foreseen.
    assert demand["demand_analysis"]["monthly_demand_charge"] == 130.0
    assert demand["demand_analysis"]["annual_demand_charge"] == 360.0


def test_week_over_the_end_of_a_month_is_priced_as_one_month():
    scope = make_scope(METERS, local_day_window(date(2026, 1, 26), date(2026, 2, 1), SCOPE.tz))
    text = FLAT_ENERGY + '[[demand.charges]]\nname = "january"\nmonths = [1]\nrate_per_kw = 2\n'
    readings = constant(1, 10.0, Window(scope.baseline.start, scope.period.end))
    readings = set_power(readings, "2026-02-01 10:00", "2026-02-01 10:15", 50.0).round({"energy_kwh": 3})
    own = SiteTariffs((TariffSpan(make_tariff(text)),), load_tariff(DEFAULT_TOU))
    assert cost_of(readings, scope, own)["demand_analysis"]["monthly_demand_charge"] == 100.0


def test_peak_drivers():
    meters = make_meters(1, 2, 3, parents={2: 1, 3: 1})
    sub = set_power(constant(2, 4.0), "2026-01-14 13:30", "2026-01-14 13:45", 24.0)
    main = set_power(constant(1, 10.0), "2026-01-14 13:30", "2026-01-14 13:45", 30.0)
    readings = pd.concat([main, sub, constant(3, 5.0)]).round({"power_kw": 2, "energy_kwh": 4})
    drivers = cost_of(readings, make_scope(meters))["peak_drivers"]
    assert (drivers["peak_timestamp"], drivers["peak_kw"]) == ("2026-01-14T13:30:00-05:00", 30.0)
    # 30 kW = 24 + 5 + 1 that no sub-meter shows. Held at its usual 4 kW meter 2 brings the peak to 10: 20 × 12 = 240;
    # a tenth less of it, 2.4 kW: 28.80. The others draw as ever: a tenth of 5 kW is 6.00.
    expected = [
        (2, False, 24.0, 80.0, 4.0, 20.0, 288.0, 240.0, 28.8),
        (3, False, 5.0, 16.7, 5.0, 0.0, 60.0, 0.0, 6.0),
        (1, True, 1.0, 3.3, 1.0, 0.0, 12.0, 0.0, 1.2),
    ]
    keys = ("channel_id", "is_remainder", "kw_at_peak", "share_pct", "usual_kw", "above_usual_kw",
            "monthly_charge_share", "monthly_savings", "monthly_savings_10pct")  # fmt: skip
    assert [tuple(driver[key] for key in keys) for driver in drivers["drivers"]] == expected
