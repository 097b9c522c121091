"""Whose part of the bill is whose: worked out by hand, and equal to the bill to the cent."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tariff_factory import constant, make_tariff, site_of
from week_factory import NEW_YORK, make_meters, make_scope, set_power

from analyze.bills.owners import Shares, share_cost
from analyze.money.bills import bill_months
from analyze.money.site_demand import mean_demand
from analyze.week.intervals import WeekScope
from config.share_tables import DemandShare, FixedShare
from config.site_file import load_site
from config.tariff_model import SiteTariffs, TariffSpan
from deliver.pages.bill_parts import owner_blocks
from deliver.words.bills import owner_rules
from lib.date_utils import Window, local_day_window
from lib.errors import ConfigError

JANUARY = local_day_window(date(2026, 1, 1), date(2026, 1, 31), NEW_YORK)
TARIFF = """currency = "{currency}"
source = "a test"
[[energy.periods]]
name = "peak"
days = ["weekday"]
hours = [[12, 18]]
rate_per_kwh = 0.30
[[energy.periods]]
name = "off"
rate_per_kwh = 0.10
[[demand.charges]]
name = "facility"
rate_per_kw = 12
[fixed]
monthly_charge = 100
[[riders]]
name = "fuel"
per_kwh = 0.01
[[taxes]]
name = "city"
pct = 10
"""
RULES = Shares({"Bakery": [2], "Offices": [3]}, DemandShare.AT_PEAK, FixedShare.BY_ENERGY)
PEAK_HOURS = 22 * 6  # weekdays of January 2026


def scope_of(parents: dict[int, int]) -> WeekScope:
    return make_scope(make_meters(1, 2, 3, 4, parents=parents), JANUARY)


def share(
    loads: dict[int, pd.DataFrame],
    shares: Shares = RULES,
    parents: dict[int, int] | None = None,
    tariff: str = TARIFF,
    currency: str = "USD",
    scope: WeekScope | None = None,
) -> Any:
    """Return the parts of January's bill, beside the bill."""
    scope = scope or scope_of({2: 1, 3: 1} if parents is None else parents)
    site = site_of(pd.concat(loads.values(), ignore_index=True), scope)
    tariffs = SiteTariffs((TariffSpan(make_tariff(tariff.replace("{currency}", currency))),), None)
    bills = bill_months(site.energy, mean_demand(site.demand, 900, scope), tariffs.current, NEW_YORK)
    own = [bill for bill in bills if bill["month"] == "2026-01"]
    return share_cost(site, scope, own, tariffs, shares), own


def all_time(scope: WeekScope) -> Window:
    return Window(scope.baseline.start, scope.period.end)


def loads_of(**kw: float) -> dict[int, pd.DataFrame]:
    window = all_time(scope_of({}))
    return {int(key[1:]): constant(int(key[1:]), value, window) for key, value in kw.items()}


def sums(found: Any) -> None:
    """Check that all parts add up, by row and by column, to the bill."""
    rows = [*found["owners"], found["rest"]]
    for row in rows:
        parts = sum(round(100 * row[key]) for key in ("energy", "demand", "fixed", "other"))
        assert parts == round(100 * row["total"])
    assert sum(round(100 * row["total"]) for row in rows) == round(100 * found["total"])


def test_each_pays_for_its_own_hours_its_own_peak_and_its_share_of_the_rest() -> None:
    """A main of 20 kW; the bakery draws 4 and, from 4 to 5 on the 15th, 16 kW; the offices 5 kW."""
    loads = loads_of(m1=20.0, m2=4.0, m3=5.0)
    loads[1] = set_power(loads[1], "2026-01-15 16:00", "2026-01-15 17:00", 32.0)
    loads[2] = set_power(loads[2], "2026-01-15 16:00", "2026-01-15 17:00", 16.0)
    found, (bill,) = share(loads)
    bakery, offices = found["owners"]
    hours = 31 * 24
    # Energy: peak 4 kW × 132 h + 12 kWh × 0.30, off peak the others × 0.10.
    assert bakery["kwh"] == pytest.approx(4 * hours + 12)
    assert bakery["energy"] == pytest.approx(0.30 * (4 * PEAK_HOURS + 12) + 0.10 * 4 * (hours - PEAK_HOURS), abs=0.01)
    assert offices["energy"] == pytest.approx(5 * (0.30 * PEAK_HOURS + 0.10 * (hours - PEAK_HOURS)), abs=0.01)
    # Demand: 32 kW × 12, by what each drew then: 16, 5, and the rest 11 kW.
    assert [row["kwAtPeak"] for row in (bakery, offices, found["rest"])] == [16.0, 5.0, 11.0]
    assert [row["demand"] for row in (bakery, offices, found["rest"])] == [192.0, 60.0, 132.0]
    total_kwh = 20 * hours + 12
    assert bakery["fixed"] == pytest.approx(100 * bakery["kwh"] / total_kwh, abs=0.01)
    before = bakery["energy"] + bakery["demand"] + bakery["fixed"] + 0.01 * bakery["kwh"]
    assert bakery["other"] == pytest.approx(0.01 * bakery["kwh"] + 0.10 * before, abs=0.02)
    assert found["total"] == bill["total"]
    sums(found)


def test_the_rules_are_the_sites() -> None:
    loads = loads_of(m1=20.0, m2=4.0, m3=6.0)
    equal = Shares(RULES.owners, DemandShare.BY_ENERGY, FixedShare.EQUALLY)
    found, _ = share(loads, equal)
    bakery, offices = found["owners"]
    assert (bakery["fixed"], offices["fixed"], found["rest"]["fixed"]) == (50.0, 50.0, 0.0)
    assert (bakery["demand"], offices["demand"], found["rest"]["demand"]) == (48.0, 72.0, 120.0)  # 240 by 4 : 6 : 10
    assert owner_rules(found) == [
        "Energy: by each one's own use in each price period.",
        "Demand charges: by each one's energy of the month.",
        "Fixed and minimum charges: equally between the owners.",
        "Riders and taxes: by what they are on.",
    ]
    sums(found)


def test_a_meter_below_another_is_counted_once_with_the_lower_one() -> None:
    """Meter 3 stands below 2, which stands below the main."""
    loads = loads_of(m1=20.0, m2=10.0, m3=6.0)
    nested, _ = share(loads, parents={2: 1, 3: 2})
    assert [row["kwh"] for row in nested["owners"]] == [pytest.approx(4 * 744), pytest.approx(6 * 744)]
    assert nested["rest"]["kwh"] == pytest.approx(10 * 744)
    same = Shares({"Tenant": [2, 3]}, DemandShare.AT_PEAK, FixedShare.BY_ENERGY)
    together, _ = share(loads, same, parents={2: 1, 3: 2})
    assert (together["owners"][0]["kwh"], together["owners"][0]["kwAtPeak"]) == (pytest.approx(10 * 744), 10.0)
    sums(nested)
    sums(together)


def test_without_a_main_the_sub_meters_are_the_site_and_nothing_is_left() -> None:
    found, (bill,) = share(loads_of(m2=4.0, m3=6.0), parents={})
    assert (found["rest"]["kwh"], found["rest"]["total"], found["total"]) == (0.0, 0.0, bill["total"])
    sums(found)


@pytest.mark.parametrize(("currency", "total"), [("USD", 2), ("JPY", 0), ("KWD", 3)])
def test_parts_are_whole_cents_or_what_the_currency_has(currency: str, total: int) -> None:
    found, (bill,) = share(loads_of(m1=19.97, m2=3.33, m3=7.77), currency=currency)
    assert found["total"] == round(bill["total"], total)
    rows = [*found["owners"], found["rest"]]
    assert all(row[key] == round(row[key], total) for row in rows for key in ("energy", "total", "other"))
    assert round(sum(row["total"] for row in rows), total) == found["total"]


def test_many_owners_of_odd_shares_still_add_up() -> None:
    generator = np.random.default_rng(1)
    for _ in range(3):
        kw = generator.uniform(0.1, 5.0, 3)
        sums(share(loads_of(m1=float(kw.sum() * 1.1), m2=kw[0], m3=kw[1], m4=kw[2]),
                   Shares({"A": [2], "B": [3], "C": [4]}, DemandShare.AT_PEAK, FixedShare.BY_ENERGY),
                   parents={2: 1, 3: 1, 4: 1})[0])  # fmt: skip


def test_what_cannot_be_shared_is_refused() -> None:
    above, _ = share(loads_of(m1=10.0, m2=6.0, m3=4.3))
    assert above["code"] == "owners_above_site"
    class_1, _ = share(loads_of(m1=10.0, m2=6.0, m3=4.1))  # one percent above
    assert class_1["rest"]["kwh"] == 0.0
    sums(class_1)
    missing, _ = share(loads_of(m1=10.0, m2=6.0), Shares({"Gone": [9]}, *RULES[1:]))
    assert (missing["status"], missing["code"]) == ("unavailable", "owner_not_counted")
    meters = make_meters(1, 2, 3, 4, parents={2: 1, 3: 1, 4: 1}).assign(kind=["main", None, None, "generation"])
    solar, _ = share(loads_of(m1=10.0, m2=6.0, m3=1.0, m4=2.0), scope=make_scope(meters, JANUARY))
    assert solar["code"] == "own_generation"


def test_an_owners_missing_readings_are_told() -> None:
    loads = loads_of(m1=20.0, m2=4.0, m3=6.0)
    hole = pd.Timestamp("2026-01-10", tz=NEW_YORK)
    loads[2] = loads[2][~loads[2]["interval_start"].between(hole, hole + pd.Timedelta(days=2), inclusive="left")]
    found, _ = share(loads)
    assert found["owners"][0]["kwh"] == pytest.approx(4 * 744, rel=0.01)
    assert found["owners"][0]["estimatedKwh"] == pytest.approx(4 * 48, rel=0.05)
    assert "Bakery: 192" in owner_rules(found)[-1]
    sums(found)


def test_owners_stand_in_the_sites_file(tmp_path: Path) -> None:
    def owners_of(text: str) -> dict[str, tuple[int, ...]]:
        (tmp_path / "7.toml").write_text(text)
        return load_site(7, tmp_path).owners({1: "Main", 2: "Oven", 3: "Office"})

    said = '[shares.owners."Bakery"]\nmeters = ["Oven"]\n[shares.owners."Offices"]\nmeters = [3]\n'
    assert owners_of(said) == {"Bakery": (2,), "Offices": (3,)}
    assert owners_of("") == {}
    for wrong, message in {
        said.replace("3]", '"Offfice"]'): "shares.owners.Offices.meters names no channel of this site: .* Office",
        said.replace("3]", "2]"): "shares.owners.Offices.meters should not have channel 2, for 'Bakery' has it",
        said.replace("3]", '"Oven"]'): "shares.owners.Offices.meters should not have 'Oven', for 'Bakery' has it",
        said.replace("3]", "]"): "shares.owners.Offices.meters should be a list",
        '[shares]\ndemand = "fair"\n': "shares.demand should be one of at_peak, by_energy",
    }.items():
        with pytest.raises(ConfigError, match=message):
            owners_of(wrong)


@pytest.mark.parametrize("name", ["", "  ", r"A\nB", 81 * "x"])
def test_owners_have_names_that_a_table_can_show(tmp_path: Path, name: str) -> None:
    (tmp_path / "7.toml").write_text(f'[shares.owners."{name}"]\nmeters = [1]\n')
    with pytest.raises(
        ConfigError, match="shares.owners should have names of 1 to 80 characters on one line, not "
    ) as err:
        load_site(7, tmp_path)
    assert "\n" not in str(err.value)
    (tmp_path / "7.toml").write_text(f'[shares.owners."{80 * "x"}"]\nmeters = [1]\n')
    assert list(load_site(7, tmp_path).file.shares.owners) == [80 * "x"]


def test_the_page_has_every_part_and_the_bill() -> None:
    found, _ = share(loads_of(m1=20.0, m2=4.0, m3=6.0))
    table, rules = owner_blocks(found)
    assert table is not None and rules is not None
    assert [row[0]["text"] for row in table["rows"]] == ["Bakery", "Offices", "Not sub-metered", "Bill"]


def test_a_meter_of_hours_beside_a_main_of_quarter_hours() -> None:
    loads = loads_of(m1=20.0, m3=5.0) | {2: constant(2, 4.0, all_time(scope_of({})), 3600)}
    meters = make_meters(1, 2, 3, 4, parents={2: 1, 3: 1}).assign(interval_s=[900, 3600, 900, 900])
    found, _ = share(loads, scope=make_scope(meters, JANUARY))
    assert [row["kwh"] for row in found["owners"]] == [pytest.approx(4 * 744), pytest.approx(5 * 744)]
    assert [row["kwAtPeak"] for row in (*found["owners"], found["rest"])] == [4.0, 5.0, 11.0]
    assert found["owners"][0]["unknownHours"] == 0.0
    sums(found)


def test_a_tariff_that_changes_within_the_month_makes_two_bills_of_which_each_pays_its_part() -> None:
    scope = scope_of({2: 1, 3: 1})
    site = site_of(pd.concat(loads_of(m1=20.0, m2=4.0, m3=6.0).values(), ignore_index=True), scope)
    old, new = (
        make_tariff(TARIFF.replace("{currency}", "USD").replace("0.10", rate), name)
        for name, rate in (("old", "0.10"), ("new", "0.20"))
    )
    spans = (TariffSpan(old, None, date(2026, 1, 15)), TariffSpan(new, date(2026, 1, 16), None))
    tariffs = SiteTariffs(spans, None)
    bills = bill_months(site.energy, mean_demand(site.demand, 900, scope), spans, NEW_YORK)
    own = [bill for bill in bills if bill["month"] == "2026-01"]
    found: Any = share_cost(site, scope, own, tariffs, RULES)
    assert (len(own), found["tariff"]) == (2, "old / new")
    assert found["total"] == pytest.approx(sum(bill["total"] for bill in own), abs=1e-9)
    bakery, offices = found["owners"]
    assert offices["total"] == pytest.approx(1.5 * bakery["total"], abs=0.02)
    sums(found)


def test_a_ratchet_is_paid_by_what_each_drew_and_a_minimum_as_what_is_fixed() -> None:
    ratchet = TARIFF.replace(
        "rate_per_kw = 12", "rate_per_kw = 12\nratchet = { pct = 80, months = 11 }\nminimum_kw = 40"
    )
    ratchet = ratchet.replace("monthly_charge = 100", "monthly_charge = 100\nminimum_charge = 9000")
    found, (bill,) = share(loads_of(m1=20.0, m2=4.0, m3=6.0), tariff=ratchet)
    kinds = {line["kind"] for line in bill["lines"]}
    assert {"ratchet", "minimum"} <= kinds
    bakery = found["owners"][0]
    assert bakery["demand"] == pytest.approx(0.2 * 40 * 12, abs=0.01)
    fixed = sum(line["amount"] for line in bill["lines"] if line["kind"] in ("fixed", "minimum"))
    assert bakery["fixed"] == pytest.approx(0.2 * fixed, abs=0.01)
    assert bakery["total"] == pytest.approx(0.2 * bill["total"], abs=0.02)
    sums(found)
