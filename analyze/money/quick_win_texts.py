"""The words of the quick wins: what happened, what to do, and what it should look like afterwards. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd

from analyze.intervals import WeekScope

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MOSTLY = 0.75  # this share of the energy on one side is "at night" or "on closed days", less is both


class WinText(NamedTuple):
    """What a win says."""

    title: str
    description: str
    recommendations: list[str]
    owner: str
    effort: str


def describe_after_hours(weekly_kwh: float, meter: dict[str, Any], claims: pd.DataFrame, scope: WeekScope) -> WinText:
    """Return the words for a meter that does not rest after hours; `meter` is its entry of `topMeters`."""
    name, rest_kw, week = meter["channelName"], meter["baseline"]["kw"], meter["thisWeek"]
    when = _closed_times(claims, scope)
    usual_kwh = meter["usualExcessKwh"]
    habit = "" if usual_kwh is None else f" In the weeks before, the excess was typically {usual_kwh:.0f} kWh."
    return WinText(
        title=f"Let {name} rest {when}: {weekly_kwh:.0f} kWh a week",
        description=(
            f"Outside business hours ({_business_hours(scope)}) {name} drew {week['avgPowerKw']:.1f} kW on average and "
            f"{week['maxPowerKw']:.1f} kW at most, and its resting power is {rest_kw:.1f} kW.{habit}"
        ),
        recommendations=[
            f"Check the schedule, the time switch and any manual override of {name} {when}.",
            f"Afterwards its power {when} should lie near {rest_kw:.1f} kW; look again in next week's report.",
            "If something needs it to run then, enter its hours, so that it is no longer counted as waste.",
        ],
        owner="building operator",
        effort="low: a schedule or a switch",
    )


def describe_anomaly(weekly_kwh: float, channel: dict[str, Any], claims: pd.DataFrame, scope: WeekScope) -> WinText:
    """Return the words for a meter with anomalies; `channel` is its entry of `byChannel`."""
    name, count = channel["channelName"], channel["anomalyCount"]
    event = max(channel["events"], key=lambda event: event["excessKwh"])
    when = _event_time(event, scope)
    usual_kw, actual_kw = (_mean_kw(event, key) for key in ("expectedKwh", "actualKwh"))
    others = "" if count == 1 else f" It is the largest of {count} such stretches in the period."
    return WinText(
        title=f"Find out why {name} ran high {when}: {weekly_kwh:.0f} kWh above usual",
        description=(
            f"{name} drew {actual_kw:.1f} kW on average and {event['peakPower']:.1f} kW at most {when}, where "
            f"{usual_kw:.1f} kW is usual at these hours.{others}"
        ),
        recommendations=[
            f"Ask who used or serviced {name} {when}, and look for a changed set point or a stuck valve or contactor.",
            f"Afterwards it should draw about {usual_kw:.1f} kW at these hours.",
        ],
        owner="facility manager",
        effort="low: ask and look on site",
    )


def describe_spike(weekly_kwh: float, channel: dict[str, Any], claims: pd.DataFrame, scope: WeekScope) -> WinText:
    """Return the words for a meter with spikes; `channel` is its entry of `byChannel`."""
    name, count = channel["channelName"], channel["spikeCount"]
    event = max(channel["events"], key=lambda event: event["peakPower"] - event["usualPeakPower"])
    when, usual_kw = _event_time(event, scope), event["usualPeakPower"]
    return WinText(
        title=f"Stagger what starts on {name}: {event['peakPower']:.0f} kW {when}, {weekly_kwh:.0f} kWh",
        description=(
            f"{name} spiked {count} time{'s' * (count > 1)}; the largest reached {event['peakPower']:.1f} kW for "
            f"{event['duration']} {when}, where {usual_kw:.1f} kW is the usual peak of these hours."
        ),
        recommendations=[
            f"Find what started at once on {name} {when}, and start it one after the other.",
            f"Afterwards its peak should lie near {usual_kw:.1f} kW at these hours.",
        ],
        owner="controls technician",
        effort="medium: stagger start-up or set points",
    )


def _mean_kw(event: dict[str, Any], key: str) -> float:
    hours = (pd.Timestamp(event["end"]) - pd.Timestamp(event["start"])).total_seconds() / 3600
    return event[key] / hours


def _event_time(event: dict[str, Any], scope: WeekScope) -> str:
    """Return ``on Tue 13 Jan from 14:00 to 16:30`` on the site's wall clock."""
    start, end = (pd.Timestamp(event[key]).tz_convert(scope.tz) for key in ("start", "end"))
    last = f"{end:%H:%M}" if start.date() == end.date() else f"{_day(end)} {end:%H:%M}"
    return f"on {_day(start)} from {start:%H:%M} to {last}"


def _day(moment: pd.Timestamp) -> str:
    return f"{_WEEKDAYS[moment.weekday()]} {moment.day} {moment:%b}"


def _closed_times(claims: pd.DataFrame, scope: WeekScope) -> str:
    """Return when the claimed energy was used: at night, on closed days, or both."""
    config, kwh = scope.config, claims["after_hours_kwh"]
    on_closed_days = kwh[~claims["local_weekday"].isin(config.business_weekdays)].sum() / kwh.sum()
    night = f"between {config.business_end_hour:02d}:00 and {config.business_start_hour:02d}:00"
    closed = [_WEEKDAYS[day] for day in range(7) if day not in config.business_weekdays]
    days = f"on {_list_days(closed)}"
    if on_closed_days >= _MOSTLY:
        return days
    return night if on_closed_days <= 1 - _MOSTLY or not closed else f"{night} and {days}"


def _business_hours(scope: WeekScope) -> str:
    config = scope.config
    days = _list_days([_WEEKDAYS[day] for day in sorted(config.business_weekdays)])
    return f"{days} {config.business_start_hour:02d}:00–{config.business_end_hour:02d}:00"


def _list_days(days: list[str]) -> str:
    """Return ``Mon–Fri`` for days in a row, else ``Mon, Wed and Sat``."""
    if len(days) > 2 and "".join(days) in "".join(_WEEKDAYS):
        return f"{days[0]}–{days[-1]}"
    return " and ".join([", ".join(days[:-1]), days[-1]]) if len(days) > 1 else "".join(days)
