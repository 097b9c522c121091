"""Lays out the health of equipment and of the electrical supply. Pure."""

from __future__ import annotations

from typing import Any

from deliver.pages import parts
from deliver.pages.common import (
    SEVERITY_TONES,
    asset_line,
    is_available,
    notices,
    provenance,
    reason_of,
    result_of,
    site_line,
)
from deliver.pages.parts import Part
from deliver.words import formats as fmt
from deliver.words.locales import paper_of
from deliver.words.meters import limit_of

_COLOR_TONES = {"red": "bad", "amber": "warn", "green": "good", "grey": "calm"}
COLOR_RULE = (
    "Red: a finding of high severity. Amber: one of medium severity, or several of low. Green: none, or a single one "
    "of low severity. Grey: no valid readings."
)
_ABOUT = {"meter": "Meter", "supply": "Supply", "use": "Use"}


def _page(report: dict[str, Any], eyebrow: str, tiles: list[Part], sections: list[Part]) -> Part:
    meta = report["metadata"]
    when = fmt.period(meta["period"]["start"], meta["period"]["end"])
    subtitle = " · ".join(filter(None, [when, site_line(meta["site"])]))
    return parts.page(
        meta["reportKind"], eyebrow, meta["site"]["siteName"], subtitle,
        notices=notices(report), headline=[], hero=parts.tile("", result_of(report), " ".join(_notes(report))),
        tiles=tiles, sections=sections, footer=provenance(report), paper=paper_of(meta["site"].get("country")),
    )  # fmt: skip


def _notes(report: dict[str, Any]) -> list[str]:
    """Return what follows the first sentence, but for the lines that the list below has as its titles."""
    return [] if report["metadata"]["reportKind"] == "asset_health" else report["summary"].get("notes", [])


def build_asset_page(report: dict[str, Any]) -> Part:
    """Return the page of an asset health report: what needs a look first, with the reason."""
    assets = report["assets"]
    tiles = [parts.tile(name.capitalize(), fmt.number(report["counts"][name], 0), note, _COLOR_TONES[name])
             for name, note in (("red", "act now"), ("amber", "look at it"), ("green", "in order"),
                                ("grey", "not assessed, and no fault known"))]  # fmt: skip
    columns = [parts.column("Equipment"), parts.column("Health")] + [
        parts.column(label, "right") for label in ("Energy", "Highest", "Daily minimum", "Load factor", "Complete")
    ]
    rows: list[list[parts.Cell]] = [
        [asset["channelName"], asset["status"], (fmt.kwh(asset["energyKwh"]), asset["energyKwh"]),
         (fmt.kw(asset["peakKw"]), asset["peakKw"]), (fmt.kw(asset["baseLoadKw"]), asset["baseLoadKw"]),
         (fmt.number(asset["loadFactor"], 2), asset["loadFactor"]),
         (fmt.pct(asset["completenessPct"], 1), asset["completenessPct"])]
        for asset in assets
    ]  # fmt: skip
    return _page(report, "Asset health", tiles, [
        parts.section("attention", "What needs a look", [
            parts.findings([_asset(asset) for asset in assets if asset["status"] in ("red", "amber")])
            or parts.note("Nothing needs a look.", "good"),
            parts.text(COLOR_RULE),
        ]),
        parts.section("all", "All equipment", [
            parts.table("Health of each piece of equipment", columns, rows, is_sortable=True,
                        tones=[_COLOR_TONES[asset["status"]] for asset in assets]),
        ]),
    ])  # fmt: skip


def _asset(asset: dict[str, Any]) -> Part:
    return parts.finding(
        f"asset-{asset['channelId']}",
        asset_line(asset),
        tone=_COLOR_TONES[asset["status"]],
        badge=asset["status"],
        facts=[
            (f"{_ABOUT[reason['about']]}, {reason['severity']} severity", reason["text"]) for reason in asset["reasons"]
        ],
    )


def build_electrical_page(report: dict[str, Any]) -> Part:
    """Return the page of an electrical health report."""
    section = report["electrical"]
    if not is_available(section):
        return _page(report, "Electrical health", [], [
            parts.section("electrical", "Electrical supply", [parts.note(f"Not assessed: {reason_of(section)}.")])
        ])  # fmt: skip
    summary = section["summary"]
    assessed = summary["metersAssessed"]
    tiles = [parts.tile("Meters assessed", fmt.number(assessed, 0))] + [
        parts.tile(f"{level.capitalize()} severity", fmt.number(summary["bySeverity"][level], 0), "issues",
                   SEVERITY_TONES[level] if summary["bySeverity"][level] else "good")
        for level in SEVERITY_TONES if assessed
    ]  # fmt: skip
    nothing = parts.note("Everything assessed lies within its limits.", "good")
    if not assessed:
        nothing = parts.note("Nothing could be assessed: no meter sent electrical quantities in the period.")
    issues = [("The site", issue) for issue in section["siteIssues"]]
    issues += [(meter["channelName"], issue) for meter in section["meters"] for issue in meter["issues"]]
    issues.sort(key=lambda pair: list(SEVERITY_TONES).index(pair[1]["severity"]))
    found = [(issue["severity"], _electrical_issue(name, issue, at)) for at, (name, issue) in enumerate(issues, 1)]
    grave, minor = ([part for level, part in found if (level == "low") == is_low] for is_low in (False, True))
    refused = sorted({_refused(item, section["notAssessed"]) for item in section["notAssessed"]})
    return _page(report, "Electrical health", tiles, [
        parts.section("issues", "Outside the limits", [
            parts.findings(grave) or (nothing if not minor else parts.text("Nothing serious.")),
        ]),
        parts.section("minor", "Low severity", [parts.findings(minor)], fact=fmt.count(len(minor), "issue"),
                      is_folded=True),
        parts.section("measures", "What was measured", [_measures_table(section["meters"])],
                      fact=f"the middle value of the period, {fmt.count(assessed, 'meter')}", is_folded=True),
        parts.section("not-assessed", "What could not be judged", [parts.bullets(refused)],
                      fact=fmt.count(len(refused), "quantity").replace("quantitys", "quantities"), is_folded=True),
    ])  # fmt: skip


def _electrical_issue(name: str, issue: dict[str, Any], index: int) -> Part:
    facts = [("Limit", limit_of(issue)), ("Source", issue["source"])] if issue.get("source") else []
    if issue.get("start"):
        facts.insert(0, ("When", fmt.span(issue["start"], issue.get("end"))))
    return parts.finding(
        issue.get("findingId") or f"electrical-{index}",
        f"{name}: {issue['description']}",
        tone=SEVERITY_TONES[issue["severity"]],
        badge=issue["severity"],
        steps=[issue["recommendation"]] if issue.get("recommendation") else [],
        facts=facts,
    )


_MEASURES = (
    ("voltageV", "Voltage", 1, "V"),
    ("voltageImbalancePct", "Imbalance", 1, "%"),
    ("frequencyHz", "Frequency", 2, "Hz"),
    ("currentThdPct", "Current THD", 1, "%"),
    ("powerFactor", "Power factor", 2, ""),
)


def _measures_table(meters: list[dict[str, Any]]) -> Part | None:
    columns = [parts.column("Meter"), *(parts.column(label, "right") for _, label, _, _ in _MEASURES)]
    rows: list[list[parts.Cell]] = []
    for meter in meters:
        medians = [(meter["measures"].get(key) or {}).get("median") for key, *_ in _MEASURES]
        cells = [(fmt.number(value, digits, unit), value)
                 for value, (_, _, digits, unit) in zip(medians, _MEASURES, strict=True)]  # fmt: skip
        rows.append([meter["channelName"], *cells])
    return parts.table("Middle values (medians) of the period", columns, rows, is_sortable=True)


def _refused(item: dict[str, Any], items: list[dict[str, Any]]) -> str:
    meters = sum(other["measure"] == item["measure"] and other["missing"] == item["missing"] for other in items)
    name = item["measure"].replace("_", " ").capitalize().replace(" thd", " THD")
    return f"{name} on {fmt.count(meters, 'meter')}; missing: {item['missing']}."
