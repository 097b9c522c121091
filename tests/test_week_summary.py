"""The head of the report: what comes back is told apart from what was seen once, and an incident is told whole."""

from __future__ import annotations

from typing import Any

import pytest

from analyze.week.summary import build_summary, describe_change, total_potential_savings
from deliver.pages.common import on_usual


def a_win(basis: str, kwh: float, confidence: str = "high") -> dict[str, Any]:
    cost = kwh / 10
    annual = kwh if basis == "one_off" else 52 * kwh
    impact = {"basis": basis, "weeklyKwh": kwh, "weeklyCost": cost, "annualKwh": annual, "annualCost": annual / 10}
    return {"title": f"{basis} {kwh}", "confidence": confidence, "impact": impact}


def summarize(wins: list[dict[str, Any]], anomalies: list[dict[str, Any]]) -> dict[str, Any]:
    sections = {
        "quickWins": wins,
        "costOptimization": {},
        "sensorHealth": {"bySeverity": {"high": 0}, "issues": []},
        "anomalies": {"byChannel": anomalies},
        "spikes": {"siteSpikes": []},
    }
    use = {
        "totalKwh": 1000.0,
        "estimatedKwh": 0.0,
        "changePct": None,
        "comparison": {"meters": 0, "ofMeters": 0, "reason": "no_like_days"},
        "isAtLeast": False,
        "notEstimated": [],
        "exportedKwh": 0.0,
        "daily": [{"date": "2026-01-12"}, {"date": "2026-01-18"}],
    }
    quality = {"channelsAnalyzed": 1, "avgCompleteness": 100.0, "energyMeters": 1}
    return build_summary(sections, use, quality, "USD", 1.0)


def test_what_was_seen_once_is_in_no_sum_of_a_week_or_a_year() -> None:
    wins = [a_win("operating_weeks", 200), a_win("operating_weeks", 100, "medium"), a_win("one_off", 39),
            a_win("operating_weeks", 50, "low"), a_win("one_off", 18, "low")]  # fmt: skip
    savings = total_potential_savings(wins, {}, "USD")
    assert (savings["weeklyKwh"], savings["weeklyCost"], savings["estimatedAnnual"]) == (300, 30, 1560)
    assert (savings["onceKwh"], savings["onceCost"], savings["unconfirmedWeeklyKwh"]) == (39, 3.9, 50)
    assert summarize(wins, [])["headline"][1:3] == [
        "2 quick wins could save 300 kWh a week (30 % of its use), worth 30.00 USD a week.",
        "1 more quick win was seen on one day only: 39 kWh, worth 3.90 USD once, in no figure of a week or a year.",
    ]
    twice = summarize([a_win("one_off", 39), a_win("one_off", 11)], [])["headline"]
    assert twice[1].startswith("2 quick wins were each seen on one day only: 50 kWh, worth 5.00 USD once")
    assert summarize(wins[3:], [])["headline"][1].startswith("No savings that the data support")


def test_an_incident_is_told_with_all_its_spells() -> None:
    def event(kwh: float, severity: str, incident: int) -> dict[str, Any]:
        return {"excessKwh": kwh, "severity": severity, "incident": incident}

    channels = [
        {"channelName": "AHU-2", "events": [event(161, "high", 1), event(90, "low", 1), event(57, "low", 1)]},
        {"channelName": "RTU-1", "events": [event(1200, "high", 2), event(9, "low", 0)]},
        {"channelName": "Kitchen", "events": [event(50, "medium", 3), event(20, "low", 1)]},
    ]
    assert summarize([], channels)["topRisks"] == [
        "AHU-2: 308 kWh far above usual, in 3 spells",
        "RTU-1: 1,200 kWh far above usual, once",
    ]


@pytest.mark.parametrize(
    ("change", "meters", "words", "note"),
    [
        (22.4, 16, ", 22 % more than usual", "+22\N{NO-BREAK SPACE}% on usual"),
        (22.4, 12, ", 22 % more than usual over the 12 of 16 meters that can be compared",
         "+22\N{NO-BREAK SPACE}% on usual (12 of 16 meters)"),
        (-5.0, 16, ", 5 % less than usual", "−5\N{NO-BREAK SPACE}% on usual"),
        (-0.4, 16, ", as much as usual", "as usual"),
        (0.3, 12, ", as much as usual over the 12 of 16 meters that can be compared", "as usual (12 of 16 meters)"),
    ],
)  # fmt: skip
def test_a_change_that_rounds_to_nothing_is_as_usual(change: float, meters: int, words: str, note: str) -> None:
    use = {"changePct": change, "comparison": {"meters": meters, "ofMeters": 16}}
    assert (describe_change(use), on_usual(use)) == (words, note)
