"""Lays out the customer report: plain words, few numbers, the brand of who sends it. Pure."""

from __future__ import annotations

from typing import Any

from deliver.pages import parts
from deliver.pages.common import (
    assumptions_of,
    estimated_part,
    how_often,
    notices,
    provenance,
    site_line,
    subject_of,
    without_notices,
    worth_of,
)
from deliver.pages.parts import Part
from deliver.pages.weekly_evidence import load_chart
from deliver.pages.weekly_money import energy_cost_tile
from deliver.words import formats as fmt
from deliver.words.locales import paper_of


def build_customer_page(report: dict[str, Any]) -> Part:
    """Return the page of a customer report."""
    meta, energy = report["metadata"], report["energy"]
    currency = (report["cost"] or {}).get("currency") or meta["site"].get("currencyCode")
    return parts.page(
        "customer",
        "Your energy week",
        meta["site"]["siteName"],
        " · ".join(filter(None, [fmt.period(meta["period"]["start"], meta["period"]["end"]), site_line(meta["site"])])),
        brand=report["branding"],
        notices=notices(report),
        headline=report["summary"].get("notes", without_notices(report)[1:]),
        hero=parts.tile("", report["summary"].get("result") or without_notices(report)[0], _money(report, currency)),
        assumptions=assumptions_of(report),
        subject=subject_of(report),
        tiles=_tiles(report, currency),
        sections=[
            parts.section("actions", "What you can do", [
                parts.findings([_action(item, index, currency) for index, item in enumerate(report["actions"], 1)],
                               full=len(report["actions"]))
                or parts.text(*([] if report.get("toCheck") else ["Nothing stood out this week. We keep watching."])),
                parts.text(*(["To check, not included in any total:"] if report.get("toCheck") else [])),
                parts.bullets(report.get("toCheck") or []),
            ]),
            parts.section("load", "How your week went", [
                load_chart(report["charts"].get("hourly"), meta["period"]["timezone"]),
                _days(energy["daily"]),
            ]),
            parts.section("watching", "What we watch for you", [parts.text(_data_sentence(report["data"]))]),
        ],
        footer=provenance(report),
        paper=paper_of(meta["site"].get("country")),
    )  # fmt: skip


def _money(report: dict[str, Any], currency: str | None) -> str:
    """Return what the energy cost and what could be saved; nothing is said of a saving of nothing."""
    cost, savings = report["cost"], report["savings"]
    told = [f"Energy cost {fmt.money(cost['energyCost'], currency)}"] if cost else []
    if savings["weeklyKwh"]:
        weekly = f"{fmt.money(savings['weeklyCost'], currency)} a week ({fmt.kwh(savings['weeklyKwh'])})"
        told.append(f"you could save {weekly}")
    line = "; ".join(told)
    return f"{line[0].upper()}{line[1:]}." if line else ""


def _normal(energy: dict[str, Any]) -> str:
    return f"normal: {fmt.kwh(energy['usualKwh'])}" if energy.get("usualKwh") is not None else ""


def _tiles(report: dict[str, Any], currency: str | None) -> list[Part]:
    energy, cost, carbon, outlook = (report[key] for key in ("energy", "cost", "carbon", "outlook"))
    tiles = [
        parts.tile("You used, at least" if energy.get("isAtLeast") else "You used", fmt.kwh(energy["totalKwh"]),
                   "; ".join(filter(None, [_normal(energy), estimated_part(energy)])))
    ]  # fmt: skip
    if cost:
        tiles.append(energy_cost_tile(cost, currency))
    if carbon and carbon.get("kgCo2e") is not None:
        tiles.append(parts.tile("Carbon", fmt.number(carbon["kgCo2e"], unit="kg CO₂e"), carbon["source"]))
    if outlook:
        change = outlook["changePct"]
        told = "as much as" if not round(change) else f"{fmt.signed_pct(change)} on"
        note = f"{told} the same hours of the last 7 days"
        tiles.append(parts.tile("Expected in the next 7 days", fmt.kwh(outlook["expectedKwh"]), note))
    return tiles


def _action(action: dict[str, Any], index: int, currency: str | None) -> Part:
    energy_kwh, cost = worth_of(action)
    recurs = action["basis"] not in ("one_off", "this_week")
    return parts.finding(
        action.get("findingId") or f"action-{index}",
        action["title"],
        tone="good",
        amount=fmt.money(action["annualCost"] if recurs else cost, currency),
        amount_note="a year" if recurs else how_often(action),
        steps=action["steps"],
        facts=[
            ("Saves", f"{fmt.kwh(energy_kwh)} a week") if recurs else ("Energy", fmt.kwh(energy_kwh)),
            ("Who", action["who"]),
            ("Effort", action["effort"]),
        ],
    )


def _days(daily: list[dict[str, Any]]) -> Part:
    known = [day for day in daily if day["energyKwh"] is not None]
    top = max(known, key=lambda day: day["energyKwh"], default=None)
    summary = f"You used most on {fmt.day(top['date'])}: {fmt.kwh(top['energyKwh'])}." if top else "No readings."
    data = {"labels": [fmt.day(day["date"]) for day in daily], "values": [day["energyKwh"] for day in daily],
            "unit": "kWh"}  # fmt: skip
    return parts.chart("columns", "Electricity by day", summary, data)


def _data_sentence(data: dict[str, Any]) -> str:
    trouble = data["metersInTrouble"]
    told = "All of them work as they should." if not trouble else (
        f"{trouble} of them {'need' if trouble > 1 else 'needs'} attention; that is ours to arrange with you."
    )  # fmt: skip
    return (
        f"{fmt.count(data['meters'], 'meter')} sent {fmt.pct(data['completenessPct'], 1)} of the readings they should "
        f"have. {told}"
    )
