"""Lays out the monthly summary: the month beside those before it, its cost, and savings that were verified. Pure."""

from __future__ import annotations

from typing import Any

from deliver.pages import parts
from deliver.pages.bill_parts import has_bills, owner_blocks, utility_bill_blocks
from deliver.pages.common import (
    assumptions_of,
    is_available,
    notices,
    provenance,
    reason_of,
    result_of,
    site_line,
    without_notices,
)
from deliver.pages.parts import Part
from deliver.pages.weekly_meters import PART_OF, in_tree_order, tree_name
from deliver.pages.weekly_money import cost_blocks, energy_cost_tile
from deliver.words import formats as fmt
from deliver.words.family import month_money
from deliver.words.locales import paper_of

_VERDICTS = {
    "verified_saving": ("good", "a saving is proved"),
    "verified_increase": ("bad", "it uses more than before"),
}
_NOT_YET = ("calm", "not yet")


def build_monthly_page(report: dict[str, Any]) -> Part:
    """Return the page of a monthly summary."""
    meta = report["metadata"]
    currency = (report["cost"].get("combined_summary") or {}).get("currency") or meta["site"].get("currencyCode")
    return parts.page(
        "monthly",
        "Monthly summary",
        meta["site"]["siteName"],
        " · ".join(filter(None, [fmt.month(report["month"]), site_line(meta["site"])])),
        notices=notices(report),
        headline=report["summary"].get("notes", without_notices(report)[1:]),
        hero=parts.tile("", result_of(report), month_money(report.get("energyCost"), report["cost"], currency)),
        assumptions=assumptions_of(report),
        tiles=_tiles(report, currency),
        sections=[
            parts.section("trend", "Trend", [_trend(report["trend"])]),
            parts.section("savings", "Verified savings", _measure_blocks(report)),
            parts.section("meters", "Where it went", _meter_blocks(report["byChannel"])),
            parts.section("cost", "What it costs", cost_blocks({"costOptimization": report["cost"]}, currency)),
            *_bills(report),
        ],
        footer=provenance(report),
        paper=paper_of(meta["site"].get("country")),
    )


def _bills(report: dict[str, Any]) -> list[Part]:
    sections, owners = [], report.get("costByOwner")
    if owners:
        told = "owners" in owners
        blocks = owner_blocks(owners) if told else [parts.note(f"Not worked out: {reason_of(owners)}.")]
        sections.append(parts.section("owners", "Cost by owner", blocks))
    if has_bills(report):
        blocks = utility_bill_blocks(report["utilityBills"], fmt.month(report["month"]))
        sections.append(parts.section("bills", "Beside the bill", blocks))
    return sections


def _tiles(report: dict[str, Any], currency: str | None) -> list[Part]:
    def note(change: dict[str, Any]) -> str:
        if change["changePct"] is None:
            return "nothing to compare with"
        return f"a day, over {fmt.count(change['meters'], 'meter')}"

    before, year = report["changeOnMonthBefore"], report["changeOnYearBefore"]
    tiles = [
        parts.tile("Energy used", fmt.kwh(report["totalKwh"])),
        parts.tile(f"Against {fmt.month(before['month'])}", fmt.signed_pct(before["changePct"], 1), note(before)),
        parts.tile(f"Against {fmt.month(year['month'])}", fmt.signed_pct(year["changePct"], 1), note(year)),
    ]
    if is_available(report["cost"]):
        demand = report["cost"]["demand_analysis"]
        tiles += [
            *([energy_cost_tile(report["energyCost"], currency)] if report.get("energyCost") else []),
            parts.tile("Billing peak", fmt.kw(demand["billing_peak_kw"]), fmt.when(demand["peak_timestamp"])),
        ]
    return tiles


def _trend(trend: list[dict[str, Any]]) -> Part:
    known = [month for month in trend if month["energyKwh"] is not None]
    data = {"labels": [fmt.short_month(month["month"]) for month in trend],
            "values": [month["energyKwh"] for month in trend], "unit": "kWh"}  # fmt: skip
    columns = [parts.column("Month"), parts.column("Energy", "right"), parts.column("Days covered", "right")]
    rows = [[fmt.month(month["month"]), fmt.kwh(month["energyKwh"]), fmt.pct(month["coveredPct"])] for month in trend]
    partly = sum(month["coveredPct"] < 100 for month in known)
    summary = f"{fmt.count(len(known), 'month')} with readings" if known else "No readings"
    summary += f"; {partly} of them {'is' if partly == 1 else 'are'} not complete." if partly else "."
    return parts.chart("columns", "Energy by month", summary, data,
                       parts.table("Energy by month", columns, rows, is_folded=True))  # fmt: skip


def _measure_blocks(report: dict[str, Any]) -> list[Part | None]:
    measures = report["measures"]
    if not measures:
        return [parts.text("No change to verify is entered for this site.")]
    names = {row["channelId"]: row["channelName"] for row in report["byChannel"]}
    items = [_measure(item, index, names) for index, item in enumerate(measures, 1)]
    return [parts.findings(items, full=len(measures))]


def _measure(measure: dict[str, Any], index: int, names: dict[int, str]) -> Part:
    tone, verdict = _VERDICTS.get(measure["status"], _NOT_YET)
    savings = measure["savings"]
    facts = [
        ("Changed on", fmt.long_day(measure["change"])),
        ("Meter", names.get(measure["channelId"], str(measure["channelId"]))),
    ]
    if savings:
        facts += [
            ("Expected", fmt.kwh(savings["expectedKwh"])),
            ("Used", fmt.kwh(savings["usedKwh"])),
            ("Saved" if savings["savedKwh"] >= 0 else "Used more",
             f"{fmt.kwh(abs(savings['savedKwh']))}, {fmt.pct(abs(savings['savedPct']), 1)}"),
            ("Saving, with its uncertainty", f"{fmt.kwh(savings['lowKwh'])} to {fmt.kwh(savings['highKwh'])} at "
                                             f"{savings['confidencePct']} %"),
        ]  # fmt: skip
    is_proved = measure["status"] == "verified_saving"
    return parts.finding(
        f"measure-{index}",
        measure["name"],
        tone=tone,
        badge=verdict,
        amount=fmt.money(savings["savedCost"], savings["currency"]) if is_proved else "",
        amount_note="saved so far",
        steps=[_missing(entry) for entry in measure["missing"]],
        facts=facts,
    )


def _missing(entry: dict[str, Any]) -> str:
    later = f", possible from {fmt.long_day(entry['possibleFrom'])}" if entry.get("possibleFrom") else ""
    return f"Missing: {entry.get('message') or reason_of(entry)}{later}."


def _meter_blocks(channels: list[dict[str, Any]]) -> list[Part | None]:
    columns = [parts.column("Meter")] + [
        parts.column(label, "right") for label in ("Energy", "Share of the site", "Against the month before")
    ]
    ordered = in_tree_order(channels)
    rows: list[list[parts.Cell]] = [
        [tree_name(row["channelName"], depth), (fmt.kwh(row["energyKwh"]), row["energyKwh"]),
         (fmt.pct(row["sharePct"], 1), row["sharePct"]), (fmt.signed_pct(row["changePct"], 1), row["changePct"])]
        for row, depth in ordered
    ]  # fmt: skip
    return [
        parts.table("Energy by meter", columns, rows, shown=20),
        parts.text(PART_OF if any(depth for _, depth in ordered) else ""),
    ]
