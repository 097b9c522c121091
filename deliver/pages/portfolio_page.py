"""Lays out the overview of all sites: one row a site, sortable, and what is held back. Pure."""

from __future__ import annotations

from typing import Any

from deliver.pages import parts
from deliver.pages.common import notices
from deliver.pages.parts import Part
from deliver.reports.follow_up import ACTION_WORDS, state_words
from deliver.words import formats as fmt
from deliver.words.family import portfolio_money
from deliver.words.locales import paper_of
from lib.states import DataSource

_MAX_BARS = 15


def build_portfolio_page(report: dict[str, Any]) -> Part:
    """Return the page of a portfolio overview."""
    sites = report["sites"]
    shown = [site for site in sites if site["status"] == "ok"]
    held = [site for site in sites if site["status"] != "ok"]
    is_mixed = any(site["dataSource"] != DataSource.SANDBOX for site in shown)
    return parts.page(
        "portfolio",
        "Portfolio overview",
        _sites(len(sites)),
        fmt.period(*(report["metadata"]["period"][key] for key in ("start", "end"))),
        notices=[*notices(report), *(parts.notice("warn", line) for line in report["warnings"])],
        headline=report["summary"].get("notes", _told(report)[1:]),
        hero=parts.tile("", report["summary"].get("result") or _told(report)[0], portfolio_money(report["totals"])),
        assumptions=report["summary"].get("assumptions", []),
        paper=paper_of(report["metadata"].get("country")),
        tiles=_tiles(report, held),
        sections=[
            parts.section("actions", "Where to go on Monday", _action_blocks(report.get("actions") or []),
                          "Open findings of medium and high confidence, by the newest report of each site."),
            parts.section("results", "What it brought", _result_blocks(report)),
            parts.section("sites", "All sites", [
                parts.table("One row a site", _COLUMNS, [_row(site, is_mixed) for site in shown], is_sortable=True,
                            tones=[_tone(site) for site in shown]),
                parts.text(_TONE_RULE),
            ]),
            parts.section("savings", "Where savings are", [_savings_chart(shown, is_mixed)]),
            parts.section("held", "No report for this week", [
                parts.bullets([f"{site['siteName']} ({site['siteId']}): {site['reason']}." for site in held])
            ]),
        ],
        footer=[f"Written {fmt.when(report['metadata']['generatedAt'])}, "
                f"report version {report['metadata']['reportVersion']}.",
                "Each site’s week is its own Monday to Sunday; amounts are in the site’s currency."],
    )  # fmt: skip


_COLUMNS = [parts.column("Site")] + [
    parts.column(label, "right")
    for label in ("Energy", "Against normal", "Savings a week", "A year", "After hours", "Serious issues", "Complete")
]
_TONE_RULE = "Red: a serious meter issue. Amber: fewer than 95\N{NO-BREAK SPACE}% of the readings. Green: neither."


def _told(report: dict[str, Any]) -> list[str]:
    """Return the sentences of the summary without the warnings, which stand apart."""
    return [line for line in report["summary"]["headline"] if line not in report["warnings"]]


def _row(site: dict[str, Any], is_mixed: bool) -> list[parts.Cell]:
    currency = site["currency"]
    return [
        _name(site, is_mixed),
        (f"{'≥ ' if site.get('isAtLeast') else ''}{fmt.kwh(site['totalKwh'])}", site["totalKwh"]),
        (fmt.signed_pct(site["changePct"]), site["changePct"]),
        (fmt.money(site["savingsWeekly"], currency), site["savingsWeekly"]),
        (fmt.money(site["savingsAnnual"], currency), site["savingsAnnual"]),
        (fmt.kwh(site["afterHoursKwh"]), site["afterHoursKwh"]),
        (fmt.number(site["seriousIssues"], 0), site["seriousIssues"]),
        (fmt.pct(site["completenessPct"], 1), site["completenessPct"]),
    ]


def _action_blocks(actions: list[dict[str, Any]]) -> list[Part | None]:
    """Return the kinds of action by money, and every finding behind them."""
    columns = [parts.column("Action"), parts.column("Sites", "right"), parts.column("Findings", "right"),
               parts.column("A week", "right")]  # fmt: skip
    rows: list[list[parts.Cell]] = [
        [_action(action), (fmt.number(action["sites"], 0), action["sites"]),
         (fmt.number(len(action["findings"]), 0), len(action["findings"])),
         (fmt.money(action["weeklyCost"], action["currency"]), action["weeklyCost"])]
        for action in actions
    ]  # fmt: skip
    behind = [parts.column("Site"), parts.column("Action"), parts.column("Finding"), parts.column("Where it stands"),
              parts.column("A week", "right")]  # fmt: skip
    findings: list[list[parts.Cell]] = [
        [f"{each['siteName']} ({each['siteId']})", _action(action), each["title"], state_words(each),
         (fmt.money(each["weeklyCost"], action["currency"]), each["weeklyCost"])]
        for action in actions for each in action["findings"]
    ]  # fmt: skip
    return [
        parts.table("What there is to do, over all sites", columns, rows, is_sortable=True),
        parts.fold(
            "Every finding, with its site",
            [parts.table("The sites behind it", behind, findings, is_sortable=True, shown=30)] if findings else [],
        ),
    ]


def _action(action: dict[str, Any]) -> str:
    return ACTION_WORDS.get(action["kind"], action["kind"])


def _result_blocks(report: dict[str, Any]) -> list[Part | None]:
    """Return what was proved to be saved, and how many of the judged findings were right."""
    proved = [_ledger_line(total) for total in report.get("ledger") or []]
    columns = [parts.column("Findings"), *(parts.column(label, "right") for label in
               ("Judged", "Acted on", "Not needed", "Wrong", "Right"))]  # fmt: skip
    rows: list[list[parts.Cell]] = [
        [_action(row), *(fmt.number(row[key], 0) for key in ("judged", "actedOn", "notNeeded", "wrong")),
         fmt.pct(row["rightPct"])]
        for row in report.get("judged") or []
    ]  # fmt: skip
    return [parts.bullets(proved), parts.table("What people said of findings", columns, rows)]


def _ledger_line(total: dict[str, Any]) -> str:
    low, likely, high = (fmt.money(total["savedCost"][key], total["currency"]) for key in ("low", "likely", "high"))
    share = "" if total["realizedPct"] is None else f", {fmt.pct(total['realizedPct'])} of what was claimed"
    return (
        f"{fmt.count(total['done'], 'finding')} done, {total['proved']} proved, {total['stillThere']} still there: "
        f"{likely} a week ({low} to {high}){share}."
    )


def _name(site: dict[str, Any], is_mixed: bool) -> str:
    """Return the name of a site, marked as made up where others are not."""
    is_marked = is_mixed and site["dataSource"] == DataSource.SANDBOX
    return f"{site['siteName']} (sandbox, made up)" if is_marked else str(site["siteName"])


def _tone(site: dict[str, Any]) -> str:
    return "bad" if site["seriousIssues"] else "warn" if (site["completenessPct"] or 0) < 95 else "good"


def _sites(count: int) -> str:
    return fmt.count(count, "site")


def _tiles(report: dict[str, Any], held: list[dict[str, Any]]) -> list[Part]:
    totals = report["totals"]
    used = "Energy used, at least" if totals.get("isAtLeast") else "Energy used"
    tiles = [parts.tile(used, fmt.kwh(totals["totalKwh"]), f"on {_sites(totals['sites'])}")]
    for amount in (each for each in totals["savings"] if each["savingsWeekly"]):
        weekly, annual = (fmt.money(amount[f"savings{span}"], amount["currency"]) for span in ("Weekly", "Annual"))
        tiles.append(parts.tile("Savings a year", annual, f"{weekly} a week on {_sites(amount['sites'])}", "good"))
    tiles.append(parts.tile("No report", fmt.number(len(held), 0), "for this week", "bad" if held else "good"))
    return tiles


def _savings_chart(sites: list[dict[str, Any]], is_mixed: bool) -> Part | None:
    ranked = sorted((site for site in sites if site["savingsKwh"]), key=lambda site: -site["savingsKwh"])[:_MAX_BARS]
    if not ranked:
        return None
    summary = f"{_name(ranked[0], is_mixed)} leads with {fmt.kwh(ranked[0]['savingsKwh'])} a week."
    return parts.chart("bars", "Energy that could be saved a week", summary, {
        "names": [_name(site, is_mixed) for site in ranked],
        "values": [site["savingsKwh"] for site in ranked],
        "labels": [f"{fmt.kwh(site['savingsKwh'])} · {fmt.money(site['savingsWeekly'], site['currency'])}"
                   for site in ranked],
    })  # fmt: skip
