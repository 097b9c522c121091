"""What to do about a finding, in words: title, what was seen, and steps, from the facts of a quick win. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deliver.words import formats as fmt
from deliver.words.hours import describe_week, join, list_days
from deliver.words.meters import fault_name

_MINUTES_PER_HOUR = 60
_EVENING, _MORNING = 17, 9  # a stretch that begins after the one and ends before the other is called a night


def tell_wins(wins: Sequence[dict[str, Any]], sections: dict[str, Any]) -> list[dict[str, Any]]:
    """Return quick wins with their `title`, `description` and `recommendations`."""
    return [win | {"impact": _impact(win)} | _words_of(win, sections) for win in wins]


def _words_of(win: dict[str, Any], sections: dict[str, Any]) -> dict[str, Any]:
    if win["type"] == "repair":
        return _repair(win, sections["sensorHealth"])
    if win["type"] == "confirm":
        return _question(win, sections["afterHoursWaste"])
    if win["type"] == "after_hours":
        return _after_hours(win, sections["afterHoursWaste"])
    return _high_use(win, sections["anomalies"])


def _entry(entries: Sequence[dict[str, Any]], win: dict[str, Any]) -> dict[str, Any]:
    return next(entry for entry in entries if entry["channelId"] == win["channelId"])


def _amount(win: dict[str, Any]) -> str:
    """Return the energy of a win and how often it is: ``307 kWh, new this week``."""
    impact = win["impact"]
    if win["pattern"] == "recurring":
        return f"{fmt.kwh(impact['weeklyKwh'])} a week"
    return f"{fmt.kwh(impact['periodKwh'])}, {'new' if win['pattern'] == 'new' else 'one-time'}"


_NO_YEAR = {"new": "if it goes on, as much every week", "once": "not in the weekly or annual totals"}


def _impact(win: dict[str, Any]) -> dict[str, Any]:
    """Return what a win is worth, with what its amounts are of in words."""
    impact: dict[str, Any] = win["impact"]
    if win["type"] == "repair":
        text = "saves nothing by itself; no saving is claimed on this meter until it is repaired"
        return impact | {"description": text}
    if win["type"] == "confirm":
        return impact | {"description": "no saving until somebody confirms that it is not needed"}
    basis = impact["annualBasis"]
    text = _year(basis) if win["pattern"] == "recurring" else _NO_YEAR[win["pattern"]]
    return impact | {"annualBasis": basis | {"text": text}, "description": f"{_amount(win)}; {text}"}


def _year(basis: dict[str, Any]) -> str:
    """Return what a year is made of."""
    weeks = f"{fmt.number(basis['weeks'], 1)} {basis['weeksOf']} weeks like this one"
    load = "" if basis["loadSeasons"] == "measured" else "; how the load changes with the seasons is not known"
    return f"a year is {weeks} from {fmt.long_day(basis['from'])} on, each month at its own rates{load}"


def _after_hours(win: dict[str, Any], section: dict[str, Any]) -> dict[str, Any]:
    meter, name, when = _entry(section["topMeters"], win), win["channelName"], closed_times(win["when"])
    week, off = meter["thisWeek"], fmt.kw(meter["baseline"]["kw"])
    was_left = win["pattern"] == "once"
    return {
        "title": f"{name} was left on {when}: {_amount(win)}"
        if was_left
        else f"Turn {name} off {when}: {_amount(win)}",
        "description": (
            f"While the site was closed (open: {describe_week(section['schedule']['week'])}), {name} drew "
            f"{fmt.kw(week['avgPowerKw'])} on average and {fmt.kw(week['maxPowerKw'])} at most. Off, it draws {off}. "
            f"{_how_often(meter)}"
        ),
        "recommendations": [
            f"Check the schedule, the time switch and any manual override of {name}.",
            f"It should then draw about {off} while the site is closed: see next week's report.",
            "If it has to run then, have its hours entered: it is no longer counted as waste.",
        ],
    }


def _how_often(meter: dict[str, Any]) -> str:
    known, seen = meter["weeksKnown"], meter["weeksSeen"]
    weeks = fmt.count(known, "week")
    if meter["pattern"] == "recurring":
        return f"It did so in {seen} of the {weeks} before, {fmt.kwh(meter['usualExcessKwh'])} in a normal one."
    if meter["pattern"] == "new" or not seen:
        return f"It did not in the {weeks} before."
    return f"It did so in {seen} of the {weeks} before."


def closed_times(when: dict[str, Any]) -> str:
    """Return when something ran while the site was closed, such as ``nights (6 pm–6 am) and weekends``."""
    spans = [_span(text) for text in when["nights"]["hours"]] if when["mostly"] != "closed_days" else []
    days = when["closedDays"] if when["mostly"] != "nights" else []
    phrases = [f"nights ({join([text for text, _ in spans])})"] if spans and all(own for _, own in spans) else []
    if not phrases and spans:
        phrases = [f"between {join([text.replace('–', ' and ') for text, _ in spans])}"]
    if days:
        phrases.append("weekends" if days == ["Sat", "Sun"] else f"on {list_days(days)}")
    return join(phrases)


def _span(text: str) -> tuple[str, bool]:
    """Return a stretch of a day in words, from ``18:00-06:00``, and whether it is a night."""
    start, end = (int(part[:2]) for part in text.split("-"))
    is_night = start >= _EVENING or end <= _MORNING
    return fmt.clock_span(start * _MINUTES_PER_HOUR, end * _MINUTES_PER_HOUR), is_night


def _question(win: dict[str, Any], section: dict[str, Any]) -> dict[str, Any]:
    entry, name = _entry(section["asked"], win), win["channelName"]
    return {
        "title": f"Confirm whether {name} must run while closed: {fmt.kwh(win['impact']['weeklyKwh'])} a week",
        "description": (
            f"{name} runs every week while the site is closed: {fmt.kw(entry['closedKw'])} then, "
            f"{fmt.kw(entry['openKw'])} while open. The readings cannot tell whether it could be off."
        ),
        "recommendations": [
            f"Ask who is responsible for {name}.",
            "If it has to run, tell whoever sends this report: it is not asked about again.",
            "If not, give it a schedule: the next reports show what that saves.",
        ],
    }


def _high_use(win: dict[str, Any], section: dict[str, Any]) -> dict[str, Any]:
    channel, name = _entry(section["byChannel"], win), win["channelName"]
    event = max(channel["events"], key=lambda each: each["excessKwh"])
    count, when = channel["anomalyCount"], fmt.span(event["start"], event["end"])
    times = when if count == 1 else f"{count} times, most {when}"
    normal = fmt.kw(win["expectedAfter"]["powerKw"])
    kwh = f"{fmt.kwh(win['impact']['periodKwh'])}{' in all' if count > 1 else ''}"
    others = "" if count == 1 else f" It is the largest of {count} such periods."
    return {
        "title": f"Find out why {name} ran high {times}: {kwh} above normal",
        "description": (
            f"{name} used {fmt.kwh(event['actualKwh'])}, {fmt.kw(event['peakPower'])} at most, {when}. Normal then is "
            f"{fmt.kwh(event['expectedKwh'])}.{others}"
        ),
        "recommendations": [
            f"Ask who used or serviced {name} then; look for a changed set point or a stuck valve or contactor.",
            f"It should draw about {normal} at these hours.",
        ],
    }


def _repair(win: dict[str, Any], section: dict[str, Any]) -> dict[str, Any]:
    facts, name, at_stake = win["issue"], win["channelName"], win["atStake"]
    issue = _issue_of(win, section) or facts  # of a report of before, which has its words itself
    fault = fault_name(facts["type"])
    hides = f" It normally measures {fmt.kwh(at_stake['usualWeeklyKwh'])} a week." if at_stake else ""
    also = f" It also shows: {join([fault_name(kind) for kind in facts['others']])}." if facts["others"] else ""
    return {
        "issue": facts | {key: issue[key] for key in ("description", "recommendation")},
        "title": f"Repair the meter of {name}: {fault}",
        "description": f"{issue['description']}.{hides}{also} Until it is repaired, its use cannot be judged.",
        "recommendations": [issue["recommendation"], "The issue is then gone from next week's report."],
    }


def _issue_of(win: dict[str, Any], section: dict[str, Any]) -> dict[str, Any] | None:
    """Return the issue that a repair is about, in words: the first of its kind, for the gravest come first."""
    own = (each for each in section["issues"] if each["channelId"] == win["channelId"])
    return next((each for each in own if each["type"] == win["issue"]["type"]), None)
