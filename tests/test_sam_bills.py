"""Bills held against those that NREL's System Advisor Model works out: figures of tests/benchmarks/sam_bills.py."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sam_loads import LOADS, load_kw, sun_kw
from week_factory import make_meters, make_scope

from analyze.money.bills import bill_months
from analyze.money.site_demand import site_frame
from lib.date_utils import local_day_window
from operations.tariffs.urdb_answer import import_rate

FIGURES = json.loads((Path(__file__).parent / "expected_files" / "sam_bills.json").read_text(encoding="utf-8"))
BILLS = {bill["name"]: bill for bill in FIGURES["bills"]}
UTC_ZONE = ZoneInfo("UTC")
SCOPE = make_scope(make_meters(1), tz=UTC_ZONE)
KINDS = ("energy", "flat", "hour", "fixed", "minimum", "total")
MAX_DIFFERENCE = 1e-4  # of an amount
HALF_A_CENT = 0.005  # of each line, which is rounded


class Otherwise(NamedTuple):
    """Charges that we bill otherwise than SAM, and why; `is_year_same` where they come to the same in a year."""

    kinds: frozenset[str]
    is_year_same: bool
    reason: str


OTHERWISE = {
    "charge a day, minimum a year": Otherwise(
        frozenset({"fixed", "total"}), True, "SAM bills a twelfth of 365 days a month; we bill the month's own days."
    ),
    "ratchet, and demand by hour": Otherwise(
        frozenset({"hour", "total"}),
        False,
        "With a ratchet SAM bills the highest demand of any hour also in charges of certain hours, as no utility does.",
    ),
}
SAME = Otherwise(frozenset(), True, "")


@cache
def bills_of(name: str, load: str) -> list[dict[str, Any]]:
    """Return our bills of the year: of what is drawn and, with a generator, fed back."""
    rate = BILLS[name]["rate"]
    tariff = import_rate(rate, Path("rate.json")).tariff.to_tariff("test")
    window = local_day_window(date(2018, 1, 1), date(2018, 12, 31), UTC_ZONE)
    epoch_s = np.arange(int(window.start.timestamp()), int(window.end.timestamp()), 3600)
    net_kw = load_kw(load) - (sun_kw(load) if "dgrules" in rate else 0)
    site = site_frame(epoch_s, np.maximum(net_kw, 0), 3600, SCOPE).assign(exported_kwh=np.maximum(-net_kw, 0))
    return bill_months(site, site, tariff, UTC_ZONE)


def kind_of(line: dict[str, Any]) -> str:
    """Return which of SAM's charges a line belongs to."""
    if line["kind"] in ("demand", "ratchet"):
        return "flat" if line["name"].startswith("flat") else "hour"
    return {"energy": "energy", "export": "energy", "fixed": "fixed", "minimum": "minimum"}[line["kind"]]


def ours(name: str, load: str) -> dict[str, list[tuple[float, int]]]:
    """Return by kind each month's amount, and of how many lines it is."""
    months = [defaultdict(lambda: (0.0, 0)) for _ in range(12)]
    for sums, bill in zip(months, bills_of(name, load), strict=True):
        for line in bill["lines"]:
            amount, lines = sums[kind_of(line)]
            sums[kind_of(line)] = amount + line["amount"], lines + 1
        sums["total"] = bill["total"], 1
    return {kind: [sums[kind] for sums in months] for kind in KINDS}


def test_the_matrix_is_whole():
    assert len(BILLS) >= 23
    assert all(set(bill["months"]) == set(LOADS) for bill in BILLS.values())
    assert all(
        len(months) == 12 for bill in BILLS.values() for own in bill["months"].values() for months in own.values()
    )
    assert set(OTHERWISE) <= set(BILLS)


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("name", BILLS)
def test_every_month_is_billed_as_sam_bills_it(name, load):
    expected, found = BILLS[name]["months"][load], ours(name, load)
    otherwise = OTHERWISE.get(name, SAME)
    for kind in KINDS:
        right = expected.get(kind, [0.0] * 12)
        for month, ((amount, lines), sam) in enumerate(zip(found[kind], right, strict=True), 1):
            margin = MAX_DIFFERENCE * abs(sam) + HALF_A_CENT * lines + 1e-6
            assert kind in otherwise.kinds or abs(amount - sam) <= margin, (kind, month)
        whole, sam_year = sum(amount for amount, _ in found[kind]), sum(right)
        is_open = kind in otherwise.kinds and not otherwise.is_year_same
        assert is_open or abs(whole - sam_year) <= MAX_DIFFERENCE * abs(sam_year) + 0.1, kind


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_is_billed_otherwise_is_so_still(name):
    found, expected = ours(name, "plant"), BILLS[name]["months"]["plant"]
    for kind in OTHERWISE[name].kinds:
        pairs = zip(found[kind], expected[kind], strict=True)
        assert any(abs(amount - sam) > MAX_DIFFERENCE * abs(sam) for (amount, _), sam in pairs)
