"""Lays out the customer report: plain words, few numbers, the brand of who sends it. Pure."""

from __future__ import annotations

from typing import Any

from deliver.pages import parts
from deliver.pages.common import (
    energy_used,
    estimated_part,
    how_often,
    notices,
    on_usual,
    provenance,
    site_line,
    without_notices,
    worth_of,
)
from deliver.pages.parts import Part
from deliver.pages.weekly_evidence import load_chart
from deliver.words import formats as fmt


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
        headline=without_notices(report),
        hero=_hero(report["savings"], currency) if report["actions"] else None,
        tiles=_tiles(report, currency),
        sections=[
            parts.section("actions", "What you can do", [
                parts.findings([_action(item, index, currency) for index, item in enumerate(report["actions"], 1)],
                               full=len(report["actions"]))
                or parts.text("Nothing stood out this week. We keep watching.")
            ]),
            parts.section("load", "How your week went", [
                load_chart(report["charts"].get("siteLoad"), meta["period"]["timezone"]),
                _days(energy["daily"]),
            ]),
            parts.section("watching", "What we watch for you", [parts.text(_data_sentence(report["data"]))]),
        ],
        footer=provenance(report),
    )  # fmt: skip


def _hero(savings: dict[str, Any], currency: str | None) -> Part:
    weekly = fmt.money(savings["weeklyCost"], currency)
    once = savings.get("onceKwh") or 0
    if once and not savings["weeklyKwh"]:
        return parts.tile("One-time", fmt.money(savings["onceCost"], currency), fmt.kwh(once), "good")
    more = f"; one-time: {fmt.kwh(once)}, {fmt.money(savings['onceCost'], currency)}" if once else ""
    if savings["weeklyKwh"] and not savings["estimatedAnnual"]:
        note = f"{fmt.kwh(savings['weeklyKwh'])}; as much every week, if it goes on{more}"
        return parts.tile("New this week", weekly, note, "good")
    return parts.tile(
        "You could save",
        f"{fmt.money(savings['estimatedAnnual'], currency)} a year",
        f"{fmt.kwh(savings['weeklyKwh'])} and {weekly} a week{more}",
        "good",
    )


def _tiles(report: dict[str, Any], currency: str | None) -> list[Part]:
    energy, cost, carbon, outlook = (report[key] for key in ("energy", "cost", "carbon", "outlook"))
    tiles = [
        parts.tile("You used", energy_used(energy), "; ".join(filter(None, [on_usual(energy), estimated_part(energy)])))
    ]
    if cost:
        tiles.append(parts.tile("It cost", fmt.money(cost["energyCost"], currency), "energy, before demand and taxes"))
    if carbon and carbon.get("kgCo2e") is not None:
        tiles.append(parts.tile("It emitted", fmt.number(carbon["kgCo2e"], unit="kg CO₂e"), carbon["source"]))
    if outlook:
        change = fmt.signed_pct(outlook["changePct"])
        note = f"{change} on the last seven days, over the hours that can be compared"
        tiles.append(parts.tile("Next seven days, expected", fmt.kwh(outlook["expectedKwh"]), note))
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
