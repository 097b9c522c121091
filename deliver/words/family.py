"""The first sentence of the reports beside the weekly one, and of the money in them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from deliver.words import formats as fmt
from deliver.words.hours import join

if TYPE_CHECKING:
    from lib.report_types.portfolio import PortfolioTotals, SiteRow

_MOST_NAMES = 3
_NORMAL_PCT = 0.5  # a change that rounds to nothing


def month_result(month: date, summary: dict[str, Any], proved: int) -> str:
    """Return what a month took beside the month before and the same one a year ago, and how many savings are proved."""
    compared = [summary[key] for key in ("changeOnMonthBefore", "changeOnYearBefore")]
    changes = [_than(change) for change in compared if change["changePct"] is not None]
    told = f"{fmt.month(month.isoformat())}: {fmt.kwh(summary['totalKwh'])}"
    told += f", {join(changes)}." if changes else ". No earlier month to compare with."
    if proved:
        told += f" {fmt.count(proved, 'saving')} {'is' if proved == 1 else 'are'} proved."
    return told


def _than(change: dict[str, Any]) -> str:
    pct, month = change["changePct"], fmt.month(change["month"])
    if abs(pct) < _NORMAL_PCT:
        return f"as much a day as in {month}"
    return f"{fmt.pct(abs(pct))} {'more' if pct > 0 else 'less'} a day than in {month}"


def month_money(energy: dict[str, Any] | None, cost: dict[str, Any], currency: str | None) -> str:
    """Return what a month's energy cost, and its demand where the site's own tariff charges for it."""
    if not energy:
        return ""
    told = f"Energy cost {fmt.money(energy['energyCost'], currency)}"
    tariffs = (cost.get("basis") or {}).get("tariffs") or {}
    if tariffs.get("demand") and tariffs["demand"] == tariffs["current"]:
        told += f", demand charges {fmt.money(cost['demand_analysis']['monthly_demand_charge'], currency)}"
    return f"{told}."


def asset_result(counts: dict[str, int], assets: Sequence[dict[str, Any]]) -> str:
    """Return how many pieces of equipment need action, and which, and how many a look."""
    red = [asset["channelName"] for asset in assets if asset["status"] == "red"]
    parts = [_needs(len(red), "immediate action", red) if red else "Nothing needs immediate action."]
    if counts["amber"]:
        parts.append(_needs(counts["amber"], "a look", []))
    parts.append(f"{counts['green']} of {fmt.count(len(assets), 'piece')} of equipment in order.")
    if counts["grey"]:
        parts.append(f"{counts['grey']} not assessed.")
    return " ".join(parts)


def _needs(count: int, what: str, names: Sequence[str]) -> str:
    return f"{count} {'needs' if count == 1 else 'need'} {what}{f': {some(names)}' if names else ''}."


def some(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    unique = list(dict.fromkeys(names))
    more = len(unique) - _MOST_NAMES
    return join(unique if more <= 0 else [*unique[:_MOST_NAMES], f"{more} more"])


def supply_result(section: dict[str, Any]) -> str:
    """Return whether the supply is within its limits, and which meters show what is not."""
    summary = section["summary"]
    assessed = fmt.count(summary["metersAssessed"], "meter")
    issues = [(meter["channelName"], issue) for meter in section["meters"] for issue in meter["issues"]]
    issues += [("the site", issue) for issue in section["siteIssues"]]
    if not issues:
        return f"The electrical supply is within its limits on all of {assessed}."
    for level, word in (("high", "serious"), ("medium", "medium")):
        names = [name for name, issue in issues if issue["severity"] == level]
        if names:
            first = "" if level == "high" else "No serious issue. "
            return f"{first}{fmt.count(len(names), f'{word} issue')} on {some(names)}, of {assessed} assessed."
    return f"No serious issue on {assessed}; {fmt.count(len(issues), 'minor one')}."


def supply_money(section: dict[str, Any], currency: str | None) -> str:
    """Return what a low power factor costs by the tariff's clause; empty where it costs nothing."""
    costs = [(meter["measures"].get("powerFactorPenalty") or {}).get("monthlyCost") for meter in section["meters"]]
    known = [cost for cost in costs if cost]
    if not known:
        return ""
    return f"Low power factor costs {join([fmt.money(cost, currency) for cost in known])} a month by the tariff."


def portfolio_result(totals: PortfolioTotals, shown: Sequence[SiteRow], held: int) -> str:
    """Return what all sites used, how many of them used more or less than normal, and how many have no report."""
    sites = fmt.count(totals["sites"], "site")
    least = "at least " if totals.get("isAtLeast") else ""
    told = f"{sites} used {least}{fmt.kwh(totals['totalKwh'])} this week"
    changes = [row["changePct"] for row in shown if row["changePct"] is not None]
    above, below = (sum(sign * change >= _NORMAL_PCT for change in changes) for sign in (1, -1))
    beside = [f"{count} {word} normal" for count, word in ((above, "above"), (below, "below")) if count]
    told += f": {join(beside)}." if beside else "."
    faulty = sum(1 for row in shown if row["seriousIssues"])
    if faulty:
        told += f" {fmt.count(faulty, 'site')} {'has' if faulty == 1 else 'have'} serious meter issues."
    return told + (f" {fmt.count(held, 'site')} without a report." if held else "")


def portfolio_money(totals: dict[str, Any]) -> str:
    """Return what could be saved, by currency; nothing is said of a saving of nothing."""
    told = [
        f"{fmt.money(amount['savingsWeekly'], amount['currency'])} a week, about "
        f"{fmt.money(amount['savingsAnnual'], amount['currency'])} a year"
        for amount in totals["savings"]
        if amount["savingsWeekly"]
    ]
    return f"Could be saved: {'; '.join(told)}." if told else "No savings found that the data support."
