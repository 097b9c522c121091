"""Bills worked out by hand of what few tariffs have: tests of analyze/money/bills.py."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from tariff_factory import FLAT_ENERGY, TIERED_TOU, constant, cost_of, lines_of, make_site, make_tariff, site_of
from week_factory import NEW_YORK, make_meters, make_scope

from analyze.money.bills import bill_months
from analyze.money.reactive import add_reactive
from analyze.money.tariff_rates import marginal_rate_per_kwh, price_intervals
from analyze.week.intervals import in_window
from config.tariff_model import SiteTariffs, TariffSpan

SCOPE_OF_TWO = make_scope(make_meters(1, 2))
JANUARY = make_site(date(2026, 1, 1), date(2026, 1, 31))  # 744 hours at 10 kW: 7440 kWh
YEAR = make_site(date(2026, 1, 1), date(2026, 12, 31))
HOURS_USE = """
[[energy.periods]]
name = "all"
tier_unit = "UNIT"
tiers = [{ up_to_kwh = FIRST, rate_per_kwh = 0.10 }, { rate_per_kwh = 0.05 }]
"""


def bill(site, tariff, **more):
    return bill_months(site, site, tariff, NEW_YORK, **more)


def amounts(text, site=JANUARY, **more):
    return [line["amount"] for line in bill(site, make_tariff(text), **more)[0]["lines"]]


def peak_of(kw):
    """Return January at 10 kW with one hour at `kw`."""
    return make_site(date(2026, 1, 1), date(2026, 1, 31), lambda f: np.where(f.index == 300, kw, 10.0))


@pytest.mark.parametrize(
    ("unit", "first", "expected"),
    [
        ("kWh", 1000, [100.0, 322.0]),
        # 31 days × 100 kWh = 3100 × 0.10; 4340 × 0.05
        ("kWh daily", 100, [310.0, 217.0]),
        # 10 kW × 200 h = 2000 × 0.10; 5440 × 0.05
        ("kWh/kW", 200, [200.0, 272.0]),
        # 10 kW × 31 days × 10 h = 3100 × 0.10; 4340 × 0.05
        ("kWh/kW daily", 10, [310.0, 217.0]),
    ],
)
def test_ends_of_tiers_by_day_and_by_hours_use(unit, first, expected):
    text = HOURS_USE.replace("UNIT", unit).replace("FIRST", str(first))
    assert amounts(text) == expected
    # Prices of intervals add up to the same, and the last kWh is one of the second tier.
    assert price_intervals(JANUARY, make_tariff(text), NEW_YORK).sum() == pytest.approx(sum(expected))
    assert set(marginal_rate_per_kwh(JANUARY, make_tariff(text), NEW_YORK)) == {0.05}
    # All 7440 kWh of the month lie just below an end of the same size, and half a day's worth above a smaller one.
    size = {"kWh": 7440, "kWh daily": 240, "kWh/kW": 744, "kWh/kW daily": 24}[unit]
    assert amounts(HOURS_USE.replace("UNIT", unit).replace("FIRST", str(size))) == [744.0]
    assert len(amounts(HOURS_USE.replace("UNIT", unit).replace("FIRST", str(size * 0.99)))) == 2


def test_hours_use_is_of_the_demand_that_is_billed_at_any_hour():
    text = HOURS_USE.replace("UNIT", "kWh/kW").replace("FIRST", "100")
    # One hour at 20 kW: 7450 kWh, of which 20 kW × 100 h in the first tier.
    assert amounts(text, peak_of(20.0)) == [200.0, 272.5]
    ratchet = '[[demand.charges]]\nname = "all"\nrate_per_kw = 1\nratchet = { pct = 50, months = 11 }\n'
    # The ratchet bills half of 60 kW: 3000 kWh in the first tier.
    lines = bill(peak_of(20.0), make_tariff(text + ratchet), billed_peaks_kw={"2025-12": 60.0})[0]["lines"]
    assert [line["amount"] for line in lines] == [300.0, 222.5, 20.0, 10.0]


def test_days_of_a_part_of_a_month():
    old = make_tariff(HOURS_USE.replace("UNIT", "kWh daily").replace("FIRST", "100"))
    first, _ = bill(JANUARY, (TariffSpan(old, None, date(2026, 1, 15)), TariffSpan(old, date(2026, 1, 16))))
    # 15 days: 1500 × 0.10, 2100 × 0.05
    assert [line["amount"] for line in first["lines"]] == [150.0, 105.0]


def test_tiers_of_the_month_may_end_elsewhere_in_another_season():
    text = TIERED_TOU.replace("BASIS", "month").replace('name = "rest"', 'name = "rest"\nmonths = [2, 3]')
    text += (
        '[[energy.periods]]\nname = "winter"\ntiers = [{ up_to_kwh = 744, rate_per_kwh = 1 }, { rate_per_kwh = 2 }]\n'
    )
    # Peak 1320 kWh of 7440, its tiers half full each; of the winter's 6120 kWh a tenth is in the first tier.
    assert amounts(text) == [132.0, 66.0, 612.0, 11016.0]
    tariff = make_tariff(text)
    rates = marginal_rate_per_kwh(JANUARY, tariff, NEW_YORK)
    less = JANUARY.assign(used_kwh=JANUARY["used_kwh"] - 0.001 * (JANUARY.index == 12))
    fall = (price_intervals(JANUARY, tariff, NEW_YORK).sum() - price_intervals(less, tariff, NEW_YORK).sum()) / 0.001
    assert fall == pytest.approx(rates[12], abs=1e-5)


def test_charge_of_a_year_by_the_twelfth_and_minimum_of_the_days():
    text = "[fixed]\nyearly_charge = 240\nminimum_daily_charge = 30\n" + FLAT_ENERGY
    # 744 + 240 / 12 = 764; 31 days × 30 = 930.
    assert amounts(text) == [744.0, 20.0, 166.0]
    assert amounts(text.replace("= 30", "= 24.64")) == [744.0, 20.0]  # 763.84


def test_minimum_of_a_year_comes_with_december_where_the_year_is_known():
    text = "[fixed]\nminimum_yearly_charge = 9000\n" + FLAT_ENERGY + '[[taxes]]\nname = "t"\npct = 10\n'
    bills = bill(YEAR, make_tariff(text))
    # 8760 h × 10 kW × 0.10 = 8760; 240 are missing, and taxed.
    assert {name: n for one in bills for (kind, name), n in lines_of(one).items() if kind == "minimum"} == {
        "yearly minimum charge": 240.0
    }
    assert lines_of(bills[-1])[("tax", "t")] == 98.4  # a tenth of 744 + 240
    assert all(one["lines"][1]["kind"] == "tax" for one in bills[:-1])
    part = bill(YEAR[YEAR["local_time"].dt.month > 1], make_tariff(text))
    line = next(line for line in part[-1]["lines"] if line["kind"] == "minimum")
    assert (line["amount"], line["note"]) == (
        0.0,
        "334 of 365 days of the year are known; the year's minimum may bill more",
    )
    assert not any(
        line["kind"] == "minimum"
        for one in bill(YEAR, make_tariff(text.replace("9000", "8759")))
        for line in one["lines"]
    )


def test_reactive_demand_is_billed_by_its_highest_or_said_to_be_unknown():
    text = FLAT_ENERGY + "[demand]\nreactive_per_kvar = 0.5\n"
    demand = JANUARY.assign(reactive_kvar=np.where(JANUARY.index == 5, 8.0, 3.0))
    (january,) = bill_months(JANUARY, demand, make_tariff(text), NEW_YORK)
    assert lines_of(january)[("reactive", "reactive demand")] == 4.0
    half = demand.assign(reactive_kvar=demand["reactive_kvar"].where(demand.index < 372))
    (in_part,) = bill_months(JANUARY, half, make_tariff(text), NEW_YORK)
    line = next(line for line in in_part["lines"] if line["kind"] == "reactive")
    assert (line["amount"], line["note"]) == (
        4.0,
        "reactive demand is known of 50 % of the time; it may be billed higher",
    )
    (unknown,) = bill(JANUARY, make_tariff(text))
    line = next(line for line in unknown["lines"] if line["kind"] == "reactive")
    assert (line["amount"], line["note"]) == (0.0, "reactive demand is not metered; nothing is billed for it")


def test_reactive_demand_is_of_the_power_factors_of_the_meters():
    readings = pd.concat([constant(1, 10.0), constant(2, 6.0)], ignore_index=True)
    site = site_of(readings, SCOPE_OF_TWO)
    factor = np.where(readings["channel_id"] == 1, 0.8, -0.6)  # 10 kW: 7.5 kVAr; 6 kW: 8 kVAr
    electrical = readings.assign(power_factor=factor)
    electrical.loc[electrical.index[-1], "power_factor"] = np.nan
    own = add_reactive(site.demand, electrical, site.of_roots)
    in_period = in_window(own, SCOPE_OF_TWO.period)
    assert own.loc[~in_period, "reactive_kvar"].isna().all()  # only the period's meters are asked
    assert own.loc[in_period, "reactive_kvar"].iloc[:-1].round(9).unique().tolist() == [15.5]
    assert np.isnan(own["reactive_kvar"].iloc[-1])
    # Of one meter nothing is known: nor of the site.
    alone = electrical[electrical["channel_id"] == 1]
    assert "reactive_kvar" not in add_reactive(site.demand, alone, site.of_roots)


def test_section_bills_reactive_demand_of_the_period():
    tariff = make_tariff(FLAT_ENERGY + "[demand]\nreactive_per_kvar = 2\n")
    tariffs = SiteTariffs((TariffSpan(tariff),), tariff)
    electrical = constant(1, 10.0).assign(power_factor=0.8)
    section = cost_of(constant(1, 10.0), tariffs=tariffs, electrical=electrical)
    lines = [line for line in section["bill_comparison"]["current"]["lines"] if line["kind"] == "reactive"]
    assert [(line["quantity"], line["amount"]) for line in lines] == [(7.5, 15.0)]
    bill_line = next(line for line in section["bills"][-1]["lines"] if line["kind"] == "reactive")
    assert bill_line["amount"] > 0
    assert "it may be billed higher" in bill_line["note"]  # the weeks of the baseline are not asked


SUNNY = """
[export]
rule = "RULE"
[[energy.periods]]
name = "day"
hours = [[8, 16]]
rate_per_kwh = 0.20
sell_per_kwh = 0.05
[[energy.periods]]
name = "night"
rate_per_kwh = 0.10
[[demand.charges]]
name = "all"
rate_per_kw = 2
"""


def sunny(first, last, sun_kwh):
    """Return a site at 10 kW by night, and by day at nothing, with `sun_kwh` exported in each of its eight hours."""
    site = make_site(first, last, lambda f: np.where(f["local_hour"].between(8, 15), 0.0, 10.0))
    return site.assign(exported_kwh=np.where(site["local_hour"].between(8, 15), sun_kwh, 0.0))


def test_export_earns_its_rate_and_takes_nothing_from_the_demand():
    site = sunny(date(2026, 1, 1), date(2026, 1, 31), 50.0)
    (january,) = bill(site, make_tariff(SUNNY.replace("RULE", "net_billing")))
    # 31 × 16 h × 10 kW × 0.10; 31 × 8 h × 50 kW × 0.05; 10 kW × 2
    assert lines_of(january) == {("energy", "night"): 496.0, ("export", "day"): -620.0, ("demand", "all"): 20.0}
    assert january["total"] == -104.0
    (without,) = bill(site, make_tariff(SUNNY.replace('[export]\nrule = "RULE"\n', "")))
    assert without["total"] == 516.0


def test_export_of_a_main_is_told_apart_from_what_it_imports():
    day = np.where(np.arange(96) // 32 == 1, -6.0, 4.0)  # 6 kW are exported from 8:00 to 16:00
    readings = constant(1, 1.0).assign(
        power_kw=lambda f: np.resize(day, len(f)), energy_kwh=lambda f: f["power_kw"] / 4
    )
    site = site_of(readings)
    exports = site.energy["local_hour"].between(8, 15)
    assert (site.energy["exported_kwh"] == np.where(exports, 1.5, 0.0)).all()
    assert (site.energy["used_kwh"] == np.where(exports, 0.0, 1.0)).all()
    assert set(site.demand["mean_kw"]) == {0.0, 4.0}
    assert "exported_kwh" not in site_of(constant(1, 1.0)).energy


def test_net_metering_carries_what_is_left_over_to_the_same_period():
    site = sunny(date(2026, 1, 1), date(2026, 2, 28), 0.0)
    day = site["local_hour"].between(8, 15)
    # January exports 10 kWh an hour by day, February draws 20.
    is_january = site["local_time"].dt.month == 1
    site = site.assign(
        exported_kwh=np.where(day & is_january, 10.0, 0.0), used_kwh=np.where(day & ~is_january, 20.0, site["used_kwh"])
    )
    january, february = bill(site, make_tariff(SUNNY.replace("RULE", "net_metering")))
    assert lines_of(january)[("energy", "night")] == 496.0
    assert ("energy", "day") not in lines_of(january)
    # 28 × 8 × 20 = 4480 kWh less January's 31 × 8 × 10 = 2480, × 0.20; the night's are not touched.
    assert lines_of(february)[("energy", "day")] == 400.0
    assert lines_of(february)[("energy", "night")] == 448.0
    first = next(line for line in january["lines"] if line["kind"] == "export")
    assert first["note"].endswith("2480.0 kWh carried on; what was carried on to this month is not known")
    line = next(line for line in february["lines"] if line["kind"] == "export")
    assert (line["quantity"], line["amount"], line["note"]) == (
        0.0,
        0.0,
        "taken off 4480.0 kWh imported, with 2480.0 kWh from months before; 0.0 kWh carried on",
    )
