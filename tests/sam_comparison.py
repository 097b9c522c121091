"""Our bills of the rates and loads that NREL's System Advisor Model has billed (tests/benchmarks/sam_bills.py)."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from sam_loads import load_kw, sun_kw
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
        "With a ratchet SAM bills the peak of any hour in charges of certain hours; we bill that of their own hours.",
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
    months: list[dict[str, tuple[float, int]]] = [defaultdict(lambda: (0.0, 0)) for _ in range(12)]
    for sums, bill in zip(months, bills_of(name, load), strict=True):
        for line in bill["lines"]:
            amount, lines = sums[kind_of(line)]
            sums[kind_of(line)] = amount + line["amount"], lines + 1
        sums["total"] = bill["total"], 1
    return {kind: [sums[kind] for sums in months] for kind in KINDS}
