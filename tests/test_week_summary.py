"""The head of the report: what comes back is told apart from what was seen once, and an incident is told whole."""

from __future__ import annotations

from typing import Any

import pytest
from week_factory import spaced

from analyze.week.summary import build_summary, total_potential_savings
from deliver.words.week import describe_change, tell_week


def a_win(pattern: str, kwh: float, confidence: str = "high") -> dict[str, Any]:
    cost = kwh / 10
    annual = 52 * kwh if pattern == "recurring" else 0.0
    impact = {"weeklyKwh": kwh, "weeklyCost": cost, "annualKwh": annual, "annualCost": annual / 10,
              "periodKwh": kwh, "periodCost": cost}  # fmt: skip
    return {"title": f"{pattern} {kwh}", "type": "after_hours", "pattern": pattern, "confidence": confidence,
            "impact": impact, "channelId": int(kwh), "channelName": f"meter {kwh}"}  # fmt: skip


def summarize(
    wins: list[dict[str, Any]],
    anomalies: list[dict[str, Any]],
    steps: list[dict[str, Any]] | None = None,
    events: list[dict[str, Any]] | None = None,
    left_on: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    sections = {
        "quickWins": wins,
        "costOptimization": {},
        "sensorHealth": {"bySeverity": {"high": 0}, "issues": []},
        "anomalies": {"byChannel": anomalies, "steps": steps or [], "timeline": events or []},
        "spikes": {"siteSpikes": []},
        "afterHoursWaste": {"topMeters": left_on or []},
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
    use["cost"] = {"isAssumed": True, "averagePerKwh": 0.12, "currency": "USD"}
    facts = build_summary(sections, "USD", use["totalKwh"])
    sections["afterHoursWaste"]["schedule"] = {"isAssumed": False, "week": [[]] * 7}
    period = {"start": "2026-01-12T00:00:00-05:00", "end": "2026-01-19T00:00:00-05:00"}
    return tell_week(facts, sections, use, quality, period)


def test_each_sum_holds_what_its_name_says() -> None:
    wins = [a_win("recurring", 200), a_win("recurring", 100, "medium"), a_win("new", 70), a_win("once", 39),
            a_win("recurring", 50, "low"), a_win("once", 18, "low"), a_win("asked", 400, "low")]  # fmt: skip
    savings = total_potential_savings(wins, {}, "USD")
    assert (savings["weeklyKwh"], savings["weeklyCost"], savings["estimatedAnnual"]) == (370, 37, 1560)
    assert (savings["newKwh"], savings["newCost"]) == (70, 7)
    assert (savings["onceKwh"], savings["onceCost"]) == (39, 3.9)
    assert (savings["unconfirmedWeeklyKwh"], savings["unconfirmedWeeklyCost"]) == (400, 40)
    told = summarize(wins, [])
    assert told["assumptions"] == ["Price not confirmed: $0.12 per kWh assumed."]
    assert spaced(told["headline"][1:5]) == [
        "Runs while the site is closed, every week: 300 kWh a week (30 % of its use), $30.00.",
        "New this week, left on while the site was closed: 70.0 kWh, $7.00. If it goes on, it costs as much every "
        "week.",
        "One-time: 39.0 kWh, $3.90, not in the weekly or annual totals.",
        "To confirm: meter 400 runs every week while the site is closed, 400 kWh a week.",
    ]
    assert spaced(told["result"]) == (
        "This week: 1,000 kWh (not comparable: too few similar days before it). 4 things need attention, first "
        "meter 200."
    )
    assert told["topOpportunities"] == ["recurring 200", "recurring 100", "new 70"]
    assert spaced(summarize([a_win("asked", 9), a_win("asked", 8)], [])["headline"][1]) == (
        "To confirm: meter 9 and meter 8 run every week while the site is closed, 17.0 kWh a week."
    )
    quiet = summarize([a_win("recurring", 50, "low")], [])
    assert spaced(quiet["headline"][1]) == "Low confidence: 50.0 kWh, $5.00, not included in any total."
    assert quiet["result"].endswith("Nothing needs attention.")


def test_an_incident_is_told_with_all_its_periods_and_a_step_once() -> None:
    def event(kwh: float, severity: str, incident: int) -> dict[str, Any]:
        return {"excessKwh": kwh, "severity": severity, "incident": incident}

    channels = [
        {"channelId": 1, "channelName": "AHU-2",
         "events": [event(161, "high", 1), event(90, "low", 1), event(57, "low", 1)]},
        {"channelId": 2, "channelName": "RTU-1", "events": [event(1200, "high", 2), event(9, "low", 0)]},
        {"channelId": 3, "channelName": "Kitchen", "events": [event(50, "medium", 3), event(20, "low", 1)]},
    ]  # fmt: skip
    assert spaced(summarize([], channels)["topRisks"]) == [
        "AHU-2: 308 kWh above normal, in 3 periods",
        "RTU-1: 1,200 kWh above normal, once",
    ]
    step = {"channelId": 1, "channelName": "AHU-2", "beforeKw": 8.0, "afterKw": 10.0, "kind": "step",
            "at": "2026-01-14T00:00:00-05:00", "excessKwh": 240.0, "mayBeWeather": False}  # fmt: skip
    low = {"channelId": 4, "channelName": "Heating", "direction": "low", "severity": "medium", "deficitKwh": 625.0,
           "start": "2026-01-14T10:00:00-05:00", "end": "2026-01-16T10:00:00-05:00"}  # fmt: skip
    detail = {**low, "severity": "low", "deficitKwh": 9000.0}
    assert spaced(summarize([], channels, steps=[step], events=[low, detail])["topRisks"]) == [
        "AHU-2: level changed from 8.0 kW to 10.0 kW (+25 %) on Wed, 14 Jan, 240 kWh more this week",
        "RTU-1: 1,200 kWh above normal, once",
        "Heating: 625 kWh below normal, Wed, 14 Jan, 10:00 – Fri, 16 Jan, 10:00",
    ]


@pytest.mark.parametrize(("pattern", "kwh", "told"), [
    ("new", 312.0, "312 kWh above normal, while closed"),
    ("once", 308.0, "308 kWh above normal, while closed"),
    ("new", 300.0, "308 kWh above normal, in 2 periods"),  # part of it lies in opening hours
    ("recurring", 312.0, "308 kWh above normal, in 2 periods"),
])  # fmt: skip
def test_what_was_left_on_has_one_size(pattern: str, kwh: float, told: str) -> None:
    events = [{"excessKwh": kwh, "severity": "high", "incident": 1} for kwh in (200.0, 108.0)]
    channel = {"channelId": 1, "channelName": "AHU-2", "events": events}
    left_on = {"channelId": 1, "pattern": pattern, "impact": {"excessKwh": kwh}}
    assert spaced(summarize([], [channel], left_on=[left_on])["topRisks"]) == [f"AHU-2: {told}"]


@pytest.mark.parametrize(("may_be", "follows", "count"), [
    (True, True, 0), (True, False, 1), (False, True, 1), (False, False, 1),
])  # fmt: skip
def test_a_level_that_the_weather_explains_is_no_risk(may_be: bool, follows: bool, count: int) -> None:
    step = {"channelId": 1, "channelName": "Heat pumps", "beforeKw": 9.0, "afterKw": 5.0, "kind": "step",
            "at": "2026-01-12T00:00:00-05:00", "excessKwh": -600.0, "mayBeWeather": may_be,
            "followsWeather": follows}  # fmt: skip
    assert len(summarize([], [], steps=[step])["topRisks"]) == count


@pytest.mark.parametrize(
    ("change", "meters", "words"),
    [
        (22.4, 16, ", 22 % above normal"),
        (22.4, 12, ", 22 % above normal (12 of 16 meters compared)"),
        (-5.0, 16, ", 5 % below normal"),
        (-0.4, 16, ", as normal"),
        (0.3, 12, ", as normal (12 of 16 meters compared)"),
    ],
)
def test_a_change_that_rounds_to_nothing_is_as_normal(change: float, meters: int, words: str) -> None:
    use = {"changePct": change, "comparison": {"meters": meters, "ofMeters": 16}}
    assert spaced(describe_change(use)) == words
