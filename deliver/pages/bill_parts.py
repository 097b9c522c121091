"""Lays out the utility's bills: beside what was metered, and by owner. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deliver.pages import parts
from deliver.pages.parts import Part
from deliver.words import formats as fmt
from deliver.words.bills import bill_days, bill_result, bill_title, owner_name, owner_rules

if TYPE_CHECKING:
    from lib.report_types.bills import CostByOwner, OwnerShare, UtilityBill, UtilityBills

_TONES = {"agrees": "good", "parts": "bad"}


def utility_bill_blocks(found: UtilityBills, month: str) -> list[Part | None]:
    """Return the bills that end in the month: a sentence each, and their figures beside the metered ones."""
    if not found["bills"]:
        return [parts.note(f"No bill ends in {month}; the newest one ends on {fmt.long_day(found['lastEnd'])}.")]
    return [
        parts.findings([_finding(bill, number) for number, bill in enumerate(found["bills"], 1)]),
        *(_table(bill) for bill in found["bills"]),
    ]


def _finding(bill: UtilityBill, number: int) -> Part:
    return parts.finding(
        f"bill-{number}",
        bill_days(bill),
        tone=_TONES.get(bill["state"], "calm"),
        badge=bill_title(bill),
        body=bill_result(bill),
    )


def _table(bill: UtilityBill) -> Part | None:
    billed, metered, difference = bill["billed"], bill["metered"], bill["difference"]
    money = metered["currency"]
    columns = [parts.column("")] + [parts.column(label, "right") for label in ("Billed", "Metered", "Difference")]

    def row(label: str, values: tuple[str, str], change: float | None) -> list[parts.Cell]:
        return [label, *values, fmt.signed_pct(change, 1)]

    rows: list[list[parts.Cell]] = [
        row("Energy", (fmt.kwh(billed["kwh"]), _least(metered["isAtLeast"], fmt.kwh(metered["kwh"]))),
            difference["kwhPct"]),
        row("Demand", (fmt.kw(billed["kw"]), _least(metered["isKwAtLeast"], fmt.kw(metered["kw"]))),
            difference["kwPct"]),
        row("Amount", (fmt.money(billed["amount"], money, cents=True), fmt.money(metered["amount"], money, cents=True)),
            difference["amountPct"]),
    ]  # fmt: skip
    return parts.table(f"Bill of {fmt.days(bill['start'], bill['end'])}", columns, rows)


def _least(is_least: bool, text: str) -> str:
    return f"at least {text}" if is_least and text != fmt.MISSING else text


def owner_blocks(found: CostByOwner) -> list[Part | None]:
    """Return whose part of the bill is whose, and by which rules."""
    columns = [parts.column("Who")] + [
        parts.column(label, "right")
        for label in ("Energy used", "Of the site", "At the peak", "Energy", "Demand", "Fixed", "Other", "Total")
    ]
    rows = [_owner_row(row, found["currency"]) for row in (*found["owners"], found["rest"])]
    whole: list[parts.Cell] = ["Bill", *[""] * 7, fmt.money(found["total"], found["currency"], cents=True)]
    return [
        parts.table("Parts of the bill", columns, [*rows, whole]),
        parts.bullets(owner_rules(found)),
    ]


def _owner_row(row: OwnerShare, currency: str) -> list[parts.Cell]:
    amounts = (row["energy"], row["demand"], row["fixed"], row["other"], row["total"])
    return [
        owner_name(row),
        fmt.kwh(row["kwh"]),
        fmt.pct(row["sharePct"], 1),
        fmt.kw(row["kwAtPeak"]),
        *(fmt.money(amount, currency, cents=True) for amount in amounts),
    ]


def has_bills(report: dict[str, Any]) -> bool:
    """Return whether a monthly report tells of bills; older ones and sites without any do not."""
    return bool(report.get("utilityBills"))
