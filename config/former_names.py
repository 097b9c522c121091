"""Keys that site files had before thresholds stood in groups; they keep working, and say where they stand now."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any

from config.opening_hours import WEEKDAYS
from config.strict_toml import (
    Document,
    Place,
    Table,
    about,
    convert_model,
    did_you_mean,
    known_fields,
    known_type,
    refuse,
    render_place,
)
from config.thresholds import Thresholds

# Flat names under [thresholds] were <prefix><key>, but for those that were the key alone.
_PREFIXES = {
    "baseline": "baseline_",
    "after_hours": "after_hours_",
    "learned_hours": "learned_",
    "anomalies": "anomaly_",
    "steps": "step_",
    "expected": "expected_",
    "spikes": "spike_",
    "electrical": "electrical_",
    "load_facts": "load_facts_",
    "quick_wins": "quick_win_",
    "forecast": "forecast_",
    "savings": "savings_",
}
_WHOLE = ("temperature_", "near_", "eui_")
_ELECTRICAL = ("min_load_share", "min_power_kw", "min_hours", "max_share")  # the others were the key alone
_OTHERS: dict[str, Place] = {
    "top_list_max": ("thresholds", "lists", "max_findings"),
    "quick_wins_max": ("thresholds", "quick_wins", "max_listed"),
    "schedule_disagreement_min": ("thresholds", "learned_hours", "disagreement_min"),
    "schedule_disagreement_weekdays": ("thresholds", "learned_hours", "disagreement_weekdays"),
    "flat_rate_usd_per_kwh": ("tariff", "flat_rate_usd_per_kwh"),
    "power_factor_target_ratio": ("tariff", "power_factor", "target_ratio"),
    "power_factor_penalty_usd_per_kw": ("tariff", "power_factor", "penalty_usd_per_kw"),
}
_SAID_UNDER_INGEST = ("max_power_kw", "max_catch_up_hours")  # which [validation] used to have too
_ONE_MODEL = "one model says what is usual, and nothing else can be chosen"
# Gone without a successor: what to say of each.
_GONE = {
    **dict.fromkeys(
        (
            "hour_of_week_min_samples",
            "after_hours_baseline_quantile",
            "after_hours_rest_rule",
            "after_hours_significance_rule",
            "after_hours_noise_multiplier",
            "after_hours_new_ratio",
            "left_on_night_quantile",
            "left_on_min_ratio",
            "left_on_min_swing_ratio",
            "after_hours_start_up_min",
            "after_hours_shut_down_min",
            "after_hours_left_on_ratio",
            "after_hours_worst_nights",
            "anomaly_iqr_multiplier",
            "anomaly_min_iqr_ratio",
            "anomaly_method",
            "temperature_beyond_k",
            "spike_rule",
            "spike_min_samples",
            "quick_win_always_on_ratio",
        ),
        _ONE_MODEL,
    ),
    "quick_win_new_ratio": "nothing used it",
    "quick_win_high_annual_usd": "[thresholds.quick_wins] high_annual_kwh is in kWh, for every currency",
    "quick_win_medium_annual_usd": "[thresholds.quick_wins] medium_annual_kwh is in kWh, for every currency",
}


class _BusinessHours(Table, frozen=True):
    """Opening hours as whole hours, which stood under [thresholds]."""

    business_start_hour: Annotated[int, about("First hour", ge=0, le=23)] = 7
    business_end_hour: Annotated[int, about("Hour after the last", ge=0, le=24)] = 18
    business_weekdays: Annotated[
        tuple[Annotated[int, about("Monday is 0", ge=0, le=6)], ...],
        about("Days", min_length=1, right="a list of weekdays from 0, Monday, to 6, Sunday"),
    ] = (0, 1, 2, 3, 4)


class _FormerThresholds(Table, frozen=True):
    thresholds: _BusinessHours


@cache
def former_places() -> dict[str, Place]:
    """Return former name under [thresholds] → where it stands now."""
    places = dict(_OTHERS)
    taken = set(places.values())
    for group, (known, _) in known_fields(known_type(Thresholds)).items():
        for key in known_fields(known):
            if ("thresholds", group, key) not in taken:
                places[_former_name(group, key)] = ("thresholds", group, key)
    return places


def _former_name(group: str, key: str) -> str:
    if key.startswith(_WHOLE) or (group == "electrical" and key not in _ELECTRICAL):
        return key
    return _PREFIXES.get(group, "") + key


def regroup(document: Document, path: Path) -> tuple[Document, dict[Place, Place]]:
    """Return a site file's content with the former names of ``[thresholds]`` in their places of today.

    Returns
    -------
    tuple
        The content, and place of today → where the file has it.

    Raises
    ------
    ConfigError
        When a flat name is unknown, or stands beside what has taken its place; or when [validation] says again what
        is said under [ingest].
    """
    validation = document.get("validation")
    for name in _SAID_UNDER_INGEST:
        if isinstance(validation, dict) and name in validation:
            refuse(path, ("validation", name), f"is one limit with that of the ingest; move it: {name} under [ingest]")
    thresholds = document.get("thresholds")
    if not isinstance(thresholds, dict):
        return document, {}
    groups, places = set(known_fields(known_type(Thresholds))), former_places()
    flat = {name: value for name, value in thresholds.items() if name not in groups and not isinstance(value, dict)}
    hours = {name: flat.pop(name) for name in tuple(flat) if name in _BusinessHours.__struct_fields__}
    gone = {*hours, *(flat.keys() & places.keys())}
    moved = {**document, "thresholds": {key: value for key, value in thresholds.items() if key not in gone}}
    for name, value in flat.items():
        if name in _GONE:
            refuse(path, ("thresholds", name), f"is gone ({_GONE[name]}); take it out")
        if name not in places:
            remedy = did_you_mean(name, places, lambda former: render_place(places[former]))
            if remedy:
                refuse(path, ("thresholds", name), f"is not known; {remedy}")
            continue  # refused where the model is read
        moved = _put(moved, places[name], value, path, name)
    if hours:
        moved = _put_hours(moved, hours, path)
    return moved, {places[name]: ("thresholds", name) for name in flat if name in places}


def _put(document: Document, place: Place, value: Any, path: Path, former: str) -> Document:
    """Return `document` with a value at `place`."""
    key, rest = str(place[0]), place[1:]
    if not rest:
        if key in document:
            refuse(path, ("thresholds", former), f"and its new name {key} are both there; take the former out")
        return {**document, key: value}
    inner = document.get(key, {})
    if not isinstance(inner, dict):
        return document  # no table: refused where the model is read
    if rest == ("flat_rate_usd_per_kwh",) and {"name", "periods", "flat_rate_per_kwh"} & set(inner):
        refuse(path, ("thresholds", former), "and [tariff] both say what the site pays; take one of them out")
    return {**document, key: _put(inner, rest, value, path, former)}


def _put_hours(document: Document, hours: Document, path: Path) -> Document:
    """Return `document` with former business hours under [schedule]."""
    business = convert_model({"thresholds": hours}, _FormerThresholds, path).thresholds
    schedule = document.get("schedule", {})
    if not isinstance(schedule, dict):
        return document
    if {*WEEKDAYS, "weekdays"} & set(schedule):
        refuse(path, ("thresholds", next(iter(hours))), "and [schedule] both say when the site is open; take it out")
    opens, closes = business.business_start_hour, business.business_end_hour
    spans = _span_texts(opens, closes)
    week = {name: spans if number in business.business_weekdays else [] for number, name in enumerate(WEEKDAYS)}
    return {**document, "schedule": {**week, **schedule}}


def _span_texts(opens: int, closes: int) -> list[str]:
    """Return the spans of one weekday; hours past midnight belonged to the weekday they fall on."""
    if opens < closes:
        return [f"{opens:02d}:00-{closes:02d}:00"]
    if opens == closes:
        return ["00:00-24:00"]
    return [*([f"00:00-{closes:02d}:00"] if closes else []), f"{opens:02d}:00-24:00"]
