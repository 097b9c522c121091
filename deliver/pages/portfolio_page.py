"""Lays out the overview of all sites: one row a site, sortable, and what is held back. Pure."""

from __future__ import annotations

from typing import Any

from deliver.pages import formats as fmt
from deliver.pages import parts
from deliver.pages.common import energy_used, notices
from deliver.pages.parts import Part

_MAX_BARS = 15


def build_portfolio_page(report: dict[str, Any]) -> Part:
    """Return the page of a portfolio overview."""
    sites = report["sites"]
    shown = [site for site in sites if site["status"] == "ok"]
    held = [site for site in sites if site["status"] != "ok"]
    return parts.page(
        "portfolio",
        "Portfolio overview",
        _sites(len(sites)),
        fmt.period(*(report["metadata"]["period"][key] for key in ("start", "end"))),
        notices=[*notices(report), *(parts.notice("warn", line) for line in report["warnings"])],
        headline=[line for line in report["summary"]["headline"] if line not in report["warnings"]],
        tiles=_tiles(report, held),
        sections=[
            parts.section("sites", "All sites", [
                parts.table("One row a site", _COLUMNS, [_row(site) for site in shown], is_sortable=True,
                            tones=[_tone(site) for site in shown])
            ]),
            parts.section("savings", "Where savings are", [_savings_chart(shown)]),
            parts.section("held", "Held back", [
                parts.bullets([f"{site['siteName']} ({site['siteId']}): {site['reason']}." for site in held])
            ]),
        ],
        footer=[f"Written {fmt.when(report['metadata']['generatedAt'])}, "
                f"report version {report['metadata']['reportVersion']}.",
                "Each site’s week is its own Monday to Sunday; amounts are in the site’s currency."],
    )  # fmt: skip


_COLUMNS = [parts.column("Site")] + [
    parts.column(label, "right")
    for label in ("Energy", "On usual", "Savings a week", "A year", "After hours", "Serious issues", "Complete")
]


def _row(site: dict[str, Any]) -> list[parts.Cell]:
    currency = site["currency"]
    return [
        _name(site),
        (energy_used(site), site["totalKwh"]),
        (fmt.signed_pct(site["changePct"], 1), site["changePct"]),
        (fmt.money(site["savingsWeekly"], currency), site["savingsWeekly"]),
        (fmt.money(site["savingsAnnual"], currency), site["savingsAnnual"]),
        (fmt.kwh(site["afterHoursKwh"]), site["afterHoursKwh"]),
        (fmt.number(site["seriousIssues"], 0), site["seriousIssues"]),
        (fmt.pct(site["completenessPct"], 1), site["completenessPct"]),
    ]


def _name(site: dict[str, Any]) -> str:
    return f"{site['siteName']} (sandbox, made up)" if site["dataSource"] == "sandbox" else site["siteName"]


def _tone(site: dict[str, Any]) -> str:
    return "bad" if site["seriousIssues"] else "warn" if (site["completenessPct"] or 0) < 95 else "good"


def _sites(count: int) -> str:
    return f"{count} site{'s' * (count != 1)}"


def _tiles(report: dict[str, Any], held: list[dict[str, Any]]) -> list[Part]:
    totals = report["totals"]
    tiles = [parts.tile("Energy used", fmt.kwh(totals["totalKwh"]), f"on {_sites(totals['sites'])}")]
    for amount in totals["savings"]:
        weekly, annual = (fmt.money(amount[f"savings{span}"], amount["currency"]) for span in ("Weekly", "Annual"))
        tiles.append(parts.tile("Savings a year", annual, f"{weekly} a week on {_sites(amount['sites'])}", "good"))
    tiles.append(parts.tile("Held back", fmt.number(len(held), 0), "sites", "bad" if held else "good"))
    return tiles


def _savings_chart(sites: list[dict[str, Any]]) -> Part | None:
    ranked = sorted((site for site in sites if site["savingsKwh"]), key=lambda site: -site["savingsKwh"])[:_MAX_BARS]
    if not ranked:
        return parts.note("No site has savings that its data support.")
    summary = f"{_name(ranked[0])} leads with {fmt.kwh(ranked[0]['savingsKwh'])} a week."
    return parts.chart("bars", "Energy that could be saved a week", summary, {
        "names": [_name(site) for site in ranked],
        "values": [site["savingsKwh"] for site in ranked],
        "labels": [f"{fmt.kwh(site['savingsKwh'])} · {fmt.money(site['savingsWeekly'], site['currency'])}"
                   for site in ranked],
    })  # fmt: skip
