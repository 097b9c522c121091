"""Bills of a year worked out by NREL's System Advisor Model (SAM), which the bills of this project are held against.

Run: PYTHON tests/benchmarks/sam_bills.py
Writes tests/expected_files/sam_bills.json: the rates as the Utility Rate Database has them, and for each of them and
each load of tests/sam_loads.py SAM's charges by month. tests/test_sam_bills.py compares.

It takes an interpreter that has nrel-pysam: `python -m venv X; X/bin/pip install nrel-pysam==7.1.1.post1`. Nothing of
this project is imported here but the loads. The rates are made up, after the shapes of published ones.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PySAM.Utilityrate5 as utility_rate
from PySAM.UtilityRateTools import URDBv8_to_ElectricityRates

_TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_TESTS))

from sam_loads import LOADS, load_kw, sun_kw

FIGURES = _TESTS / "expected_files" / "sam_bills.json"
SUMMER = (6, 7, 8, 9)
SUMMER_MONTHS = [int(month in SUMMER) for month in range(1, 13)]
YEAR_ROUND = [0] * 12


def hours(period_at: Callable[[int, int], int]) -> list[list[int]]:
    """Return a schedule of URDB: 12 rows of 24 period numbers."""
    return [[int(period_at(month, hour)) for hour in range(24)] for month in range(1, 13)]


ALWAYS = hours(lambda month, hour: 0)
BY_SEASON = hours(lambda month, hour: month in SUMMER)
PEAK = hours(lambda month, hour: 12 <= hour < 18)
# 0 and 1 off and on peak in the winter, 2 to 4 off, part and on peak in the summer.
BY_SEASON_AND_HOUR = hours(
    lambda month, hour: (
        (2 + (10 <= hour < 14 or 18 <= hour < 22) + 2 * (14 <= hour < 18)) if month in SUMMER else 7 <= hour < 11
    )
)
WEEKEND_OF_SEASONS = hours(lambda month, hour: 2 if month in SUMMER else 0)


def energy(structure: list, weekday: list = ALWAYS, weekend: list | None = None) -> dict:
    """Return energy charges of URDB."""
    return {
        "energyratestructure": structure,
        "energyweekdayschedule": weekday,
        "energyweekendschedule": weekday if weekend is None else weekend,
    }


def flat_demand(structure: list, months: list = YEAR_ROUND) -> dict:
    """Return demand charges by the month."""
    return {"flatdemandstructure": structure, "flatdemandmonths": months, "flatdemandunit": "kW"}


def hour_demand(structure: list, weekday: list, weekend: list = ALWAYS) -> dict:
    """Return demand charges by the hour."""
    return {
        "demandratestructure": structure,
        "demandweekdayschedule": weekday,
        "demandweekendschedule": weekend,
        "demandrateunit": "kW",
    }


def tiers(*rows: tuple, unit: str = "kWh") -> list:
    """Return tiers of (rate, end); the last has none."""
    return [{"rate": rate, "unit": unit} | ({"max": end[0]} if end else {}) for rate, *end in rows]


FLAT = energy([[{"rate": 0.0912, "adj": 0.0105, "unit": "kWh"}]])
SEASONS_AND_HOURS = energy(
    [[{"rate": rate}] for rate in (0.071, 0.094, 0.082, 0.121, 0.243)], BY_SEASON_AND_HOUR, WEEKEND_OF_SEASONS
)
TWO_PERIODS = energy([[{"rate": 0.062}], [{"rate": 0.174}]], PEAK, ALWAYS)
SUNNY = energy([[{"rate": 0.08, "sell": 0.031}], [{"rate": 0.19, "sell": 0.052}]], PEAK, ALWAYS)

RATES = {
    "flat energy, charge a month": FLAT | {"fixedchargefirstmeter": 18.5, "fixedchargeunits": "$/month"},
    "energy by season": energy([[{"rate": 0.083}], [{"rate": 0.117, "adj": -0.004}]], BY_SEASON),
    "declining block": energy([tiers((0.134, 5000), (0.102, 30000), (0.078,))]),
    "inclining block that ends elsewhere in the summer": energy(
        [tiers((0.09, 20000), (0.13,)), tiers((0.11, 35000), (0.19,))], BY_SEASON
    ),
    "time of use": TWO_PERIODS,
    "time of use by season": SEASONS_AND_HOURS | {"fixedchargefirstmeter": 120, "fixedchargeunits": "$/month"},
    "time of use with tiers of the month": energy(
        [tiers((0.10, 25000), (0.07,)), tiers((0.22, 25000), (0.16,))], PEAK, ALWAYS
    ),
    "tiers by the day": energy([tiers((0.095, 900), (0.125, 1500), (0.16,), unit="kWh daily")]),
    "hours' use": energy([tiers((0.14, 150), (0.10, 300), (0.06,), unit="kWh/kW")]),
    "hours' use by the day and season": energy(
        [tiers((0.12, 8), (0.07,), unit="kWh/kW daily"), tiers((0.15, 6), (0.09,), unit="kWh/kW daily")], BY_SEASON
    ),
    "hours' use by time of use": energy(
        [tiers((0.11, 200), (0.08,), unit="kWh/kW"), tiers((0.21, 200), (0.15,), unit="kWh/kW")], PEAK, ALWAYS
    ),
    "demand": FLAT | flat_demand([[{"rate": 11.25, "adj": 0.4}]]),
    "demand by season": FLAT | flat_demand([[{"rate": 8.1}], [{"rate": 15.7}]], SUMMER_MONTHS),
    "demand in tiers, another each season": TWO_PERIODS
    | flat_demand([tiers((6.0, 50), (9.5,), unit="kW"), tiers((0.0, 100), (14.0,), unit="kW")], SUMMER_MONTHS),
    "demand by hour": TWO_PERIODS | hour_demand([[{"rate": 0}], [{"rate": 13.4}]], PEAK),
    "demand by season and hour, beside that of any hour": SEASONS_AND_HOURS
    | flat_demand([[{"rate": 17.33}]])
    | hour_demand([[{"rate": rate}] for rate in (0, 1.2, 0, 5.4, 19.8)], BY_SEASON_AND_HOUR, WEEKEND_OF_SEASONS)
    | {"fixedchargefirstmeter": 137.9, "fixedchargeunits": "$/month", "demandwindow": 15},
    "demand by hour in tiers": TWO_PERIODS
    | hour_demand([tiers((2.0, 80), (3.5,), unit="kW"), tiers((7.0, 80), (11.0,), unit="kW")], PEAK),
    "ratchet": FLAT | flat_demand([[{"rate": 12.0}]]) | {"lookbackpercent": 0.8, "lookbackrange": 11},
    "ratchet over seasons": FLAT
    | flat_demand([[{"rate": 6.0}], [{"rate": 16.0}]], SUMMER_MONTHS)
    | {"lookbackpercent": 0.9, "lookbackrange": 11},
    "ratchet on the summer's peaks": FLAT
    | flat_demand([[{"rate": 9.0}]])
    | {"lookbackpercent": 0.95, "lookbackrange": 11, "lookbackmonths": SUMMER_MONTHS},
    "ratchet of three months": FLAT | flat_demand([[{"rate": 9.0}]]) | {"lookbackpercent": 1.0, "lookbackrange": 3},
    "ratchet, and demand by hour": TWO_PERIODS
    | flat_demand([[{"rate": 6.0}]])
    | hour_demand([[{"rate": 0}], [{"rate": 10.0}]], PEAK)
    | {"lookbackpercent": 0.8, "lookbackrange": 11},
    "hours' use of a ratchet's demand": energy([tiers((0.13, 200), (0.07,), unit="kWh/kW")])
    | flat_demand([[{"rate": 5.0}]])
    | {"lookbackpercent": 0.85, "lookbackrange": 11},
    "charge a year, minimum a month": TWO_PERIODS
    | {"fixedchargefirstmeter": 900, "fixedchargeunits": "$/year", "mincharge": 8000, "minchargeunits": "$/month"},
    "charge a day, minimum a year": TWO_PERIODS
    | {"fixedchargefirstmeter": 4.2, "fixedchargeunits": "$/day", "mincharge": 150000, "minchargeunits": "$/year"},
    "net billing": SUNNY | flat_demand([[{"rate": 7.5}]]) | {"dgrules": "Net Billing Instantaneous"},
    "net metering": SUNNY | flat_demand([[{"rate": 7.5}]]) | {"dgrules": "Net Metering"},
}


def run_sam(rate: dict, load: str) -> dict[str, list[float]]:
    """Return SAM's charges by month [currency]."""
    model, has_sun = utility_rate.new(), "dgrules" in rate
    sun = sun_kw(load) if has_sun else np.zeros(8760)
    model.Lifetime.assign({"analysis_period": 1, "inflation_rate": 0, "system_use_lifetime_output": 0})
    model.SystemOutput.assign({"gen": sun.tolist(), "degradation": [0]})
    model.Load.assign({"load": load_kw(load).tolist(), "load_escalation": [0]})
    defaults = {"rate_escalation": [0], "ur_monthly_fixed_charge": 0, "ur_monthly_min_charge": 0}
    defaults |= {"ur_annual_min_charge": 0, "ur_sell_eq_buy": 0, "ur_nm_credit_month": 11, "ur_nm_credit_rollover": 0}
    defaults |= {"ur_nm_yearend_sell_rate": 0, "ur_en_ts_sell_rate": 0, "ur_en_ts_buy_rate": 0, "ur_ts_sell_rate": [0]}
    defaults |= {"ur_ts_buy_rate": [0], "TOU_demand_single_peak": 0, "ur_yearzero_usage_peaks": [0] * 12}
    own = URDBv8_to_ElectricityRates(json.loads(json.dumps(rate)))
    if "lookbackpercent" in rate:
        # PySAM has one row for all months, and bills the percentage of the month's own peak too: the second column
        # says that the month's peak itself counts.
        months = rate.get("lookbackmonths", [1] * 12)
        own["ur_billing_demand_lookback_percentages"] = [[100 * rate["lookbackpercent"] * one, 1] for one in months]
    model.ElectricityRates.assign(defaults | own)
    model.execute(0)
    kind = "with" if has_sun else "without"
    charges = {
        "energy": getattr(model.Outputs, f"year1_monthly_ec_charge_{kind}_system"),
        "flat": getattr(model.Outputs, f"year1_monthly_dc_fixed_{kind}_system"),
        "hour": getattr(model.Outputs, f"year1_monthly_dc_tou_{kind}_system"),
        "fixed": getattr(model.Outputs, f"year1_monthly_fixed_{kind}_system"),
        "minimum": getattr(model.Outputs, f"year1_monthly_minimum_{kind}_system"),
        "total": getattr(model.Outputs, f"year1_monthly_utility_bill_{'w' if has_sun else 'wo'}_sys"),
    }
    return {name: [round(float(amount), 4) for amount in months] for name, months in charges.items() if any(months)}


def main() -> int:
    """Write the figures."""
    bills = [
        {"name": name, "rate": rate, "months": {load: run_sam(rate, load) for load in LOADS}}
        for name, rate in RATES.items()
    ]
    text = ",\n".join(json.dumps(bill, ensure_ascii=False) for bill in bills)
    FIGURES.write_text(f'{{"sam": "nrel-pysam 7.1.1.post1, Utilityrate5", "bills": [\n{text}\n]}}\n', encoding="utf-8")
    print(f"{FIGURES}: {len(bills)} rates")
    return 0


if __name__ == "__main__":
    sys.exit(main())
