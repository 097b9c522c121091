"""The utility's bills in words: where each parts from what was metered, and what to do about it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deliver.words import formats as fmt
from deliver.words.costs import tariff_title

if TYPE_CHECKING:
    from lib.report_types.bills import BillEvidence, CostByOwner, OwnerShare, UtilityBill

_TITLES = {
    "agrees": "agrees",
    "incomplete": "not compared",
    "not_metered": "not metered",
    "estimated_read": "estimated reading",
    "reading_dates": "reading dates",
    "multiplier": "multiplier",
    "missing_meter": "a meter is missing",
    "extra_meter": "a meter too many",
    "demand": "demand",
    "tariff": "tariff",
    "unknown": "differs",
}


def bill_title(bill: UtilityBill) -> str:
    """Return in a word or two how a bill stands to what was metered."""
    return _TITLES[bill["cause"] or bill["state"]]


def bill_days(bill: UtilityBill) -> str:
    """Return the days of a bill, and whether its reading is an estimate."""
    mark = " (estimated reading)" if bill["isEstimated"] else ""
    return f"{fmt.days(bill['start'], bill['end'])}{mark}"


def bill_result(bill: UtilityBill) -> str:
    """Return in a sentence or two how a bill stands to what was metered, and what to check."""
    metered, difference = bill["metered"], bill["difference"]
    if bill["state"] == "not_metered":
        return "Nothing was metered on these days."
    if bill["state"] == "incomplete":
        return (
            f"Not compared: at least {fmt.kwh(metered['kwh'])} were metered; readings cover "
            f"{fmt.pct(metered['coveredPct'], 1)} of these days, and the rest is not known."
        )
    if bill["state"] == "agrees":
        energy = f"{_signed(difference['kwhPct'])} of energy" if metered["kwh"] else "no energy on either side"
        return f"Agrees with the meters: {energy}{_more_that_agrees(bill)}.{_not_priced(bill)}"
    return f"{_cause(bill)}{_not_priced(bill)}"


def _not_priced(bill: UtilityBill) -> str:
    if "noAmount" not in bill["metered"] or bill["billed"]["amount"] is None:
        return ""
    return (
        " The amount is not compared: the bill covers several months, and the tariff charges the peak of each. Enter "
        "monthly bills where there are some."
    )


def _more_that_agrees(bill: UtilityBill) -> str:
    difference, metered = bill["difference"], bill["metered"]
    parts = []
    if difference["kwPct"] is not None:
        parts.append(f"{_signed(difference['kwPct'])} of demand")
    if difference["amountPct"] is not None:
        parts.append(f"{_signed(difference['amountPct'])} of the amount on {tariff_title(metered['tariff'] or '')}")
    return "".join(f", {part}" for part in parts)


def _cause(bill: UtilityBill) -> str:
    billed, metered, evidence = bill["billed"], bill["metered"], bill["evidence"] or {"bills": 1}
    least = "at least " if metered["isAtLeast"] else ""
    energy = f"Billed {fmt.kwh(billed['kwh'])}, metered {least}{fmt.kwh(metered['kwh'])}"
    cause = bill["cause"]
    if cause == "demand":
        peak_least = "at least " if metered["isKwAtLeast"] else ""
        return (
            f"The energy agrees; billed demand {fmt.kw(billed['kw'])}, metered {peak_least}{fmt.kw(metered['kw'])} "
            f"over {metered['demandIntervalMinutes']:g} minutes. Check the tariff's demand interval, ratchet and "
            "minimum."
        )
    if cause == "tariff":
        asked, due = (fmt.money(part["amount"], metered["currency"], cents=True) for part in (billed, metered))
        return (
            f"The energy agrees; billed {asked}, these days on {tariff_title(metered['tariff'] or '')} are {due}. "
            "Check the tariff's rates, riders, taxes and holidays against the bill."
        )
    return f"{energy}: {_of_energy(cause, evidence, is_more=billed['kwh'] > (metered['kwh'] or 0.0))}"


def _of_energy(cause: str | None, evidence: BillEvidence, *, is_more: bool) -> str:
    count, on = evidence["bills"], f"on {fmt.count(evidence['bills'], 'bill')}"
    if cause == "estimated_read":
        if count == 1:
            return "the utility estimated the reading; the next real one makes up for it."
        return f"over {count} bills, with the estimated ones, they agree; the estimates were off."
    if cause == "reading_dates":
        return _dates(evidence)
    if cause == "multiplier":
        return (
            f"the bill is {evidence['factor']:,.3g} times as high {on}, as a wrong multiplier makes it. Check the "
            "transformer ratio on the utility's meter and on ours."
        )
    if cause == "missing_meter":
        return f"{_amount(evidence)} more {on}. Is there a load that no meter here sees?"
    if cause == "extra_meter" and "channelName" in evidence:
        return f"without {evidence['channelName']} they agree. Is it on another bill?"
    if cause == "extra_meter":
        return f"{_amount(evidence)} less {on}. Is a meter counted here that is on another bill?"
    if "factor" in evidence:
        return (
            f"the same {evidence['factor']:,.3g} times on {count} bills. It may be a multiplier, or a meter that is "
            "missing: the bills do not tell which."
        )
    if count > 1:
        return f"{'more' if is_more else 'less'} than was metered; {count} bills do not tell why."
    return f"{'more' if is_more else 'less'} than was metered; this bill alone does not tell why. Enter more bills."


def _dates(evidence: BillEvidence) -> str:
    days = evidence["days"]
    shift = f"{fmt.count(abs(days), 'day')} {'later' if days > 0 else 'earlier'}"
    if "boundary" in evidence:
        return f"they agree if the reading of {fmt.long_day(evidence['boundary'])} was taken {shift}."
    return f"{fmt.count(evidence['bills'], 'bill')} agree if all readings were taken {shift} than the bills say."


def _amount(evidence: BillEvidence) -> str:
    if "kwhPerDay" in evidence:
        return f"about {fmt.kwh(evidence['kwhPerDay'])} a day"
    return f"{fmt.pct(evidence.get('sharePct'), 1)} of the bill"


def _signed(value: float | None) -> str:
    return fmt.signed_pct(value, 1)


def owner_name(row: OwnerShare) -> str:
    """Return who pays a part of the bill."""
    return "Not sub-metered" if row["name"] is None else row["name"]


def owner_rules(found: CostByOwner) -> list[str]:
    """Return by which rules a bill is shared, and what is not known of the owners' meters."""
    demand = {
        "at_peak": "Demand charges: by what each drew in the interval that is billed.",
        "by_energy": "Demand charges: by each one's energy of the month.",
    }[found["demandRule"]]
    fixed = {
        "by_energy": "Fixed and minimum charges: by energy.",
        "equally": "Fixed and minimum charges: equally between the owners.",
    }[found["fixedRule"]]
    rows = (*found["owners"], found["rest"])
    rules = ["Energy: by each one's own use in each price period."]
    rules += [demand] if any(row["demand"] for row in rows) else []
    rules += [fixed] if any(row["fixed"] for row in rows) else []
    rules += ["Riders and taxes: by what they are on."] if any(row["other"] for row in rows) else []
    assumed = ["No tariff is confirmed: these are assumed rates."] if found["isAssumed"] else []
    doubts = [
        f"{owner_name(row)}: {_doubt(row)}"
        for row in found["owners"]
        if row["unknownHours"] > 0 or row["estimatedKwh"] > 0
    ]
    return [*assumed, *rules, *doubts]


def _doubt(row: OwnerShare) -> str:
    parts = [f"{fmt.kwh(row['estimatedKwh'])} are estimated"] if row["estimatedKwh"] > 0 else []
    if row["unknownHours"] > 0:
        parts.append(f"{row['unknownHours']:,.1f} hours are not known, and what was used then is not in this part")
    return "; ".join(parts) + "."
