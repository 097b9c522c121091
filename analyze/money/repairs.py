"""The wins that save nothing by themselves: meters that must be repaired before anything they say is believed. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from analyze.money.pricing import Pricing
from analyze.week.intervals import WeekScope, starts_within, sum_by_channel
from lib.date_utils import HOURS_PER_WEEK
from lib.states import Level

REPAIR = "repair"
_OF_THE_PLANT = ("no_generation",)  # the meter may be right, and the plant off


def broken_meters(sensor_health: dict[str, Any]) -> set[int]:
    """Return the channels with an issue of high severity: of these the meter is judged, not the building."""
    return {
        issue["channelId"]
        for issue in sensor_health["issues"]
        if issue["severity"] == Level.HIGH and issue["type"] not in _OF_THE_PLANT
    }


def list_repairs(
    sensor_health: dict[str, Any], clean: pd.DataFrame, scope: WeekScope, pricing: Pricing
) -> list[dict[str, Any]]:
    """Return one win of type "repair" for each broken meter, those that usually measure most first.

    Notes
    -----
    It claims no energy. `atStake` is what the meter usually measures in a week, by its sound baseline intervals: what
    nobody sees while it is broken; None where it never had any.
    """
    broken = broken_meters(sensor_health)
    if not broken:
        return []
    sums = sum_by_channel(clean, ("used_kwh", "hours"), starts_within(clean, scope.baseline))
    usual_kwh = {key: kwh / hours * HOURS_PER_WEEK for key, (kwh, hours) in sums.items()}
    worst: dict[int, dict[str, Any]] = {}
    for issue in sensor_health["issues"]:
        if issue["channelId"] in broken:
            worst.setdefault(issue["channelId"], issue)  # the most severe one comes first
    ranked = sorted(worst, key=lambda key: (-usual_kwh.get(key, 0.0), key))
    return [_repair(worst[key], usual_kwh.get(key), _other_types(sensor_health, worst[key]), pricing) for key in ranked]


def _other_types(sensor_health: dict[str, Any], worst: dict[str, Any]) -> Collection[str]:
    types = {issue["type"] for issue in sensor_health["issues"] if issue["channelId"] == worst["channelId"]}
    return sorted(types - {worst["type"]})


def _repair(
    issue: dict[str, Any], usual_kwh: float | None, others: Collection[str], pricing: Pricing
) -> dict[str, Any]:
    if usual_kwh is not None and not np.isfinite(usual_kwh):
        usual_kwh = None
    return {
        "type": REPAIR,
        "priority": Level.MEDIUM,
        "impact": {
            "weeklyKwh": 0.0,
            "weeklyCost": 0.0,
            "annualCost": 0.0,
            "currency": pricing.tariff.currency,
            "basis": "none",
        },
        "atStake": None if usual_kwh is None else {"usualWeeklyKwh": round(float(usual_kwh), 2)},
        "issue": {"type": issue["type"], "others": list(others)},
        "confidence": Level.HIGH,
        "owner": "metering technician",
        "effort": "medium: a visit to the meter",
        "channelId": issue["channelId"],
        "channelName": issue["channelName"],
        "evidence": {"method": "meter_check"},
        "sources": [issue],
    }
