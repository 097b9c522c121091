"""Lays out the evidence of the weekly report: load, after-hours use, anomalies, spikes, completeness. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from deliver.pages import parts
from deliver.pages.common import SEVERITY_TONES, opening_hours_of
from deliver.pages.parts import Part
from deliver.words import formats as fmt
from deliver.words.charts import NORMAL, USED
from deliver.words.hours import WEEKDAYS, clock_times, join

_MAX_BARS = 12
_COMPLETE_PCT, _POOR_PCT = 99.0, 90.0


def load_blocks(report: dict[str, Any]) -> list[Part | None]:
    """Return the load of the week against what is normal, and the days."""
    charts, days = report["charts"], report["consumption"]["daily"]
    by_day = parts.table(
        "Energy by day",
        [parts.column("Day"), parts.column("Energy", "right")],
        [[fmt.day(day["date"]), fmt.kwh(day["energyKwh"])] for day in days],
        is_folded=True,
    )
    columns = {
        "labels": [fmt.day(day["date"]) for day in days],
        "values": [day["energyKwh"] for day in days],
        "unit": "kWh",
    }
    hourly = load_chart(charts.get("hourly"), report["metadata"]["period"]["timezone"])
    return [hourly or parts.chart("columns", "Energy by day", _day_fact(days), columns), by_day]


def _day_fact(days: list[dict[str, Any]]) -> str:
    known = [day for day in days if day["energyKwh"] is not None]
    top = max(known, key=lambda day: day["energyKwh"], default=None)
    return f"Most on {fmt.day(top['date'])}: {fmt.kwh(top['energyKwh'])}." if top else "No readings."


def hour_blocks(report: dict[str, Any]) -> list[Part | None]:
    """Return the 24 × 7 picture of the load, and each meter's peak and daily minimum."""
    return [
        _heat_chart(report["charts"].get("heatMap24x7")),
        _facts_table(report["sections"].get("loadFacts") or {}),
    ]


def hour_fact(report: dict[str, Any]) -> str:
    """Return the section in one line."""
    heat = report["charts"].get("heatMap24x7") or []
    cells = [(value, day, hour) for day, row in enumerate(heat) for hour, value in enumerate(row) if value is not None]
    if not cells:
        return ""
    top, low = max(cells), min(cells)
    return f"{_heat_cell(low)} to {_heat_cell(top)}"


def _heat_cell(cell: tuple[float, int, int]) -> str:
    return f"{fmt.kw(cell[0])} ({WEEKDAYS[cell[1]]}, {fmt.hour(cell[2])})"


def _facts_table(facts: dict[str, Any]) -> Part | None:
    columns = [parts.column("Meter")] + [
        parts.column(label, "right") for label in ("Daily minimum", "Mean", "Peak", "Peak at", "Load factor")
    ]
    rows = [
        [row["channelName"], fmt.kw(row["baseLoadKw"]), fmt.kw(row["meanKw"]), fmt.kw(row["peakKw"]),
         fmt.when(row["peakAt"]), fmt.number(row["loadFactor"], 2)]
        for row in facts.get("channels") or [] if row["status"] == "ok"
    ]  # fmt: skip
    caption = "Daily minimum (of the median day), peak and load factor"
    return parts.table(caption, columns, rows, is_folded=True)


def load_chart(hourly: dict[str, Any] | None, timezone: str) -> Part | None:
    """Return the site's load by hour beside what is normal (`charts.hourly`)."""
    if not hourly or all(value is None for value in hourly["actualKwh"]):
        return None
    times = times_of(hourly, timezone)
    used, expected = hourly["actualKwh"], hourly["expectedKwh"]
    top = max(range(len(times)), key=lambda hour: -1 if used[hour] is None else used[hour])
    beside = f", {NORMAL}: {fmt.kwh(expected[top])}" if expected[top] is not None else ""
    summary = f"Peak hour: {fmt.when(times[top])}, {fmt.kwh(used[top])}{beside}."
    columns = [parts.column("Hour"), parts.column("Used", "right"), parts.column("Normal", "right")]
    rows = [[fmt.when(at), fmt.kwh(kwh), fmt.kwh(usual)] for at, kwh, usual in zip(times, used, expected, strict=True)]
    return parts.chart("load", "Load against normal", summary, {
        "times": times,
        "actual": used, "actualLabel": USED,
        "expected": expected, "expectedLabel": NORMAL,
        "unit": "kWh per hour", "timezone": timezone,
    }, parts.table("Load by hour", columns, rows, is_folded=True))  # fmt: skip


def times_of(hourly: dict[str, Any], timezone: str) -> list[str]:
    """Return when each value of an hourly series begins, on the site's wall clock."""
    start, step, zone = datetime.fromisoformat(hourly["start"]), hourly["intervalSeconds"], ZoneInfo(timezone)
    first = start.timestamp()
    return [datetime.fromtimestamp(first + step * place, zone).isoformat() for place in range(len(hourly["actualKwh"]))]


def _heat_chart(heat: list[list[float | None]] | None) -> Part | None:
    cells = [(value, day, hour) for day, row in enumerate(heat or []) for hour, value in enumerate(row)
             if value is not None]  # fmt: skip
    if not heat or not cells:
        return None
    lowest, highest = _heat_cell(min(cells)), _heat_cell(max(cells))
    summary = f"Mean power of the site by weekday and hour: lowest {lowest}, highest {highest}."
    columns = [parts.column("Day"), *(parts.column(f"{hour:02d}", "right") for hour in range(24))]
    rows = [[name, *(fmt.number(value, 1) for value in row)] for name, row in zip(WEEKDAYS, heat, strict=True)]
    return parts.chart(
        "heat_map", "Load by weekday and hour", summary, {"values": heat, "days": WEEKDAYS},
        parts.table("Mean power by weekday and hour [kW]", columns, rows, is_folded=True),
    )  # fmt: skip


def after_hours_blocks(report: dict[str, Any], currency: str | None) -> list[Part | None]:
    """Return which meters ran while the site was closed, and each one's nights."""
    section = report["sections"].get("afterHoursWaste") or {}
    meters = section.get("topMeters") or []
    total = section.get("summary") or {}
    if not meters:
        return [parts.note("No meter was left running while the site was closed.", "good")]
    ranking = meters[:_MAX_BARS]
    summary = (
        f"{fmt.kwh(total['totalExcessKwh'])} used by what ran while the site was closed, "
        f"{fmt.money(total['totalExcessCost'], currency)}; {ranking[0]['channelName']} leads."
    )
    return [
        parts.chart("bars", "Left running while closed", summary, {
            "names": _names_with_main(ranking, report),
            "values": [meter["impact"]["excessKwh"] for meter in ranking],
            "labels": [f"{fmt.kwh(meter['impact']['excessKwh'])} · {fmt.money(meter['impact']['excessCost'], currency)}"
                       for meter in ranking],
            "tones": ["warn" if meter.get("isSignificant") else "calm" for meter in ranking],
        }),
        parts.findings([_after_hours_finding(meter, index, currency) for index, meter in enumerate(meters, 1)]),
        *_schedule_blocks(report, currency),
    ]  # fmt: skip


def _names_with_main(meters: list[dict[str, Any]], report: dict[str, Any]) -> list[str]:
    """Return the names of meters, each with the main that it is part of where that stands beside it."""
    names = {meter["channelId"]: meter["channelName"] for meter in meters}
    rows = (report.get("consumption") or {}).get("byChannel") or []
    mains = {row["channelId"]: names.get(row.get("parentChannelId")) for row in rows}
    told = ((name, mains.get(channel)) for channel, name in names.items())
    return [f"{name} (part of {main})" if main else str(name) for name, main in told]


def after_hours_fact(report: dict[str, Any], currency: str | None) -> str:
    """Return the section in one line."""
    total = (report["sections"].get("afterHoursWaste") or {}).get("summary") or {}
    if not total.get("totalExcessKwh"):
        return "nothing left running while closed"
    meters = fmt.count(total["totalMetersWithExcess"], "meter")
    amount = f"{fmt.kwh(total['totalExcessKwh'])}, {fmt.money(total['totalExcessCost'], currency)}"
    return f"{amount} on {meters} left running while closed"


def _schedule_blocks(report: dict[str, Any], currency: str | None) -> list[Part | None]:
    """Return the meters that learned hours show to run outside the declared ones."""
    found = (report["sections"].get("scheduleDisagreements") or {}).get("findings") or []
    whose = "assumed for the site" if opening_hours_of(report).get("isAssumed") else "declared"
    return [
        parts.text(f"These meters keep other hours than those {whose}:") if found else None,
        parts.findings(
            [
                parts.finding(
                    item.get("findingId") or f"schedule-{index}",
                    f"{item['channelName']} {item['description']}",
                    amount=fmt.money(item["cost"], currency),
                    amount_note=f"{fmt.kwh(item['kwh'])} outside the hours {whose}",
                    facts=[
                        ("Outside them, on all days", fmt.number(item["hours"], 1, "h")),
                        ("While running", fmt.kw(item["plateauKw"])),
                        ("Idle (one hour in twenty is lower)", fmt.kw(item["baseKw"])),
                    ],
                    evidence=_hours_table(item, whose),
                )
                for index, item in enumerate(found, 1)
            ]
        ),
    ]


def _hours_table(item: dict[str, Any], whose: str) -> Part | None:
    """Return the weekdays on which a meter runs outside the hours of the site."""
    columns = [parts.column("Day"), parts.column("It runs"), parts.column(f"Hours {whose}")]
    rows = [
        [WEEKDAYS[day["weekday"]], clock_times([day["learned"]]), clock_times(day["declared"]) or "closed"]
        for day in item.get("weekdays") or []
    ]
    return parts.table(f"When {item['channelName']} runs", columns, rows)


def _after_hours_finding(meter: dict[str, Any], index: int, currency: str | None) -> Part:
    week, impact = meter["thisWeek"], meter["impact"]
    facts = [
        (_RESTING_POWER.get(meter["baseline"]["source"], "Standby load"), fmt.kw(meter["baseline"]["kw"])),
        ("After hours it drew", f"{fmt.kw(week['avgPowerKw'])} on average, {fmt.kw(week['maxPowerKw'])} at most"),
        ("Used after hours", _excess_share(week)),
        ("Share of its use", fmt.pct(impact["percentOfTotal"], 1)),
    ]
    if meter.get("usualExcessKwh") is not None:
        facts.append(("In a normal week", fmt.kwh(meter["usualExcessKwh"])))
    facts += [(_PART_NAMES[key], f"{fmt.kwh(part['kwh'])} · {fmt.money(part['cost'], currency)}")
              for key, part in (meter.get("parts") or {}).items() if part["kwh"] and key in _PART_NAMES]  # fmt: skip
    return parts.finding(
        meter.get("findingId") or f"after-hours-{index}",
        meter["channelName"],
        tone="warn" if meter.get("isSignificant") else "calm",
        badge=_BADGES.get(meter.get("pattern") or "", ""),
        amount=fmt.money(impact["excessCost"], currency),
        amount_note=f"{fmt.kwh(impact['excessKwh'])} while running",
        facts=facts,
        evidence=_intervals_table(meter),
    )


def _excess_share(week: dict[str, Any]) -> str:
    """Return what a meter used after hours, and how much of that what ran took."""
    used_kwh = week["totalAfterHoursKwh"]
    if not used_kwh:
        return fmt.kwh(used_kwh)
    share_pct = 100 * week["excessAfterHoursKwh"] / used_kwh
    return f"{fmt.kwh(used_kwh)}, {fmt.pct(share_pct, 1)} of it while running"


_RESTING_POWER = {
    "baseline_weeks": "Standby load (when it is off, in the weeks before)",
    "report_week": "Standby load (when it is off, in this period)",
}
_BADGES = {"recurring": "every week", "new": "new this week", "once": "one-time", "step": "higher level",
           "usual": "as usual", "raised": "higher", "habit": "every week", "wavers": "varies"}  # fmt: skip
_PART_NAMES = {
    "baseLoad": "Standby load, not counted",
    "leftOn": "Left running",
    "closedDay": "Running on closed days",
    "overrun": "Around the opening hours",
    "night": "At its own times",
    "startUp": "Starting up early",
    "shutDown": "Running on",
    "wavering": "Varying",
}


def _intervals_table(meter: dict[str, Any]) -> Part | None:
    columns = [parts.column("When"), parts.column("Excess", "right"), parts.column("Highest", "right")]
    rows = [
        [fmt.span(row["start"], row["end"]), fmt.kwh(row.get("excessKwh")), fmt.kw(row.get("maxPowerKw"))]
        for row in meter.get("excessIntervals") or []
    ]
    return parts.table(f"While the site was closed: {meter['channelName']}", columns, rows)


def anomaly_blocks(report: dict[str, Any]) -> list[Part | None]:
    """Return when meters drew far from what is usual for the hour."""
    section, period = report["sections"].get("anomalies") or {}, report["metadata"]["period"]
    events = section.get("timeline") or []
    if not events:
        return [parts.note("No meter was far from normal for long.", "good")]
    total = section["summary"]
    names = list(dict.fromkeys(event["channelName"] for event in events))[:_MAX_BARS]
    name_of = {event["channelId"]: event["channelName"] for event in events}
    drawn = [event for event in events if event["channelName"] in names]
    below = len(events) - total["totalEvents"]
    above = f"{_periods(total['totalEvents'])} above normal on {fmt.count(total['affectedChannels'], 'meter')}, "
    told = [f"{above}{fmt.kwh(total['totalExcessKwh'])} in all"] if total["totalEvents"] else []
    told += [f"{_periods(below)} below normal"] if below else []
    summary = f"{'; '.join(told)}. The warmer color is outside opening hours."
    return [
        parts.chart("timeline", "When meters were far from normal", summary, {
            "events": [{"name": event["channelName"], "start": event["start"], "end": event["end"],
                        "tone": "warn" if event["context"] == "after_hours" else "calm"} for event in drawn],
            "start": period["start"], "end": period["end"], "timezone": period["timezone"],
        }),
        parts.findings([_anomaly_finding(event, index, name_of) for index, event in enumerate(events, 1)]),
        parts.bullets([_step_line(step) for step in section.get("steps") or []]),
    ]  # fmt: skip


def anomaly_fact(report: dict[str, Any]) -> str:
    """Return the section in one line."""
    section = report["sections"].get("anomalies") or {}
    total, events = section.get("summary") or {}, section.get("timeline") or []
    below = len(events) - total.get("totalEvents", 0)
    told = [f"{fmt.kwh(total['totalExcessKwh'])} above normal"] if total.get("totalEvents") else []
    told += [f"{_periods(below)} below normal"] if below else []
    return "; ".join(told) or "nothing far from normal"


def _periods(count: int) -> str:
    return fmt.count(count, "period")


def _step_line(step: dict[str, Any]) -> str:
    """Return a level that changed for good, in a sentence."""
    how = "has drifted" if step.get("kind") == "drift" else "has changed"
    weather = " It may be the weather." if step.get("mayBeWeather") else ""
    return (
        f"{step['channelName']}: its level {how} from {fmt.kw(step['beforeKw'])} to {fmt.kw(step['afterKw'])} since "
        f"{fmt.day(step['at'][:10])}.{weather}"
    )


def _anomaly_finding(event: dict[str, Any], index: int, name_of: dict[int, str]) -> Part:
    is_low = event.get("direction") == "low"
    amount = event.get("deficitKwh") if is_low else event["excessKwh"]
    facts = [("When", fmt.span(event["start"], event["end"])), ("Highest power", fmt.kw(event["peakPower"]))]
    for label, key in (("Used", "actualKwh"), ("Normal", "expectedKwh")):
        if event.get(key) is not None:
            facts.append((label, fmt.kwh(event[key])))
    facts.append(("Opening hours", "outside" if event["context"] == "after_hours" else "within"))
    if event.get("confidence"):
        facts.append(("Confidence", event["confidence"]))
    leader, severity = event.get("partOf"), event.get("severity", "")
    if leader:
        facts.append(("Part of", f"{name_of.get(leader['channelId'], '')}, {fmt.when(leader['start'])}: one event"))
    return parts.finding(
        event.get("findingId") or f"anomaly-{index}",
        f"{event['channelName']}, {fmt.span(event['start'], event['end'])}",
        tone=SEVERITY_TONES.get(severity, "calm"),
        badge="part of one event" if leader else "below normal" if is_low else severity,
        amount=fmt.kwh(amount),
        amount_note="below normal" if is_low else "above normal",
        facts=facts,
    )


def spike_blocks(report: dict[str, Any]) -> list[Part | None]:
    """Return the short peaks, each beside the usual peak of its hour."""
    section = report["sections"].get("spikes") or {}
    events = _short_peaks(section)
    if not events:
        return [parts.note("No short peak stood out.", "good"), parts.text(*_peak_notes(section))]
    drawn = events[:_MAX_BARS]
    summary = f"{_count_peaks(events)}. The small dot is the normal peak of that hour, the large one what was reached."
    columns = [parts.column("Meter"), parts.column("When"), parts.column("Lasted"), parts.column("Peak", "right"),
               parts.column("Normal peak", "right"), parts.column("Excess", "right")]  # fmt: skip
    rows = [
        [event["channelName"], fmt.span(event["start"], event["end"]), event["duration"], fmt.kw(event["peakPower"]),
         fmt.kw(event.get("usualPeakPower")), fmt.kwh(event["totalExcessKwh"])]
        for event in events
    ]  # fmt: skip
    return [
        parts.chart("ranges", "Peaks above normal", summary, {
            "names": [event["channelName"] for event in drawn],
            "usual": [event.get("usualPeakPower") for event in drawn],
            "reached": [event["peakPower"] for event in drawn],
            "unit": "kW",
        }),
        parts.table("Each peak", columns, rows),
        parts.text(*_peak_notes(section)),
    ]  # fmt: skip


def spike_fact(report: dict[str, Any]) -> str:
    """Return the section in one line."""
    events = _short_peaks(report["sections"].get("spikes") or {})
    return _count_peaks(events) if events else "none stood out"


def _short_peaks(section: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the peaks that are no part of a longer event, which is told with all of its energy elsewhere."""
    return [event for event in section.get("topSpikes") or [] if not event.get("partOf")]


def _count_peaks(events: list[dict[str, Any]]) -> str:
    meters = len({event["channelId"] for event in events})
    return f"{fmt.count(len(events), 'peak')} on {fmt.count(meters, 'meter')}"


def _peak_notes(section: dict[str, Any]) -> list[str]:
    at_peak = [event["channelName"] for event in section.get("topSpikes") or [] if event.get("isAtSitePeak")]
    peak = section.get("sitePeak")
    if not peak:
        return []
    made_by = f"; {join(list(dict.fromkeys(at_peak)))} peaked at the same time" if at_peak else ""
    lines = [f"The site’s highest load was {fmt.kw(peak['powerKw'])}, {fmt.span(peak['start'], peak['end'])}{made_by}."]
    longer = [
        f"{event['channelName']} ({fmt.span(event['start'], event['end'])})"
        for event in section["topSpikes"]
        if event.get("partOf")
    ]
    return [*lines, f"Part of a longer event, told under “Out of the ordinary”: {join(longer)}."] if longer else lines


def _arrived(row: dict[str, Any]) -> parts.Cell:
    """Return how many readings of a meter arrived; all that were expected where the report does not say."""
    present = row.get("presentIntervals", row["expectedIntervals"])
    return f"{fmt.number(present, 0)} of {fmt.number(row['expectedIntervals'], 0)}", present


def completeness_blocks(report: dict[str, Any]) -> list[Part | None]:
    """Return what arrived of each meter, and what was left out as wrong."""
    quality, daily = report["dataQuality"], report["charts"].get("dailyCompleteness") or {}
    names = {row["channelId"]: row["channelName"] for row in daily.get("channels") or []}
    channels = sorted(quality.get("byChannel") or [], key=lambda row: row["completenessPct"] or 0)
    columns = [parts.column("Meter"), parts.column("Complete", "right"), parts.column("Readings", "right"),
               parts.column("Left out", "right"), parts.column("Left out, kWh", "right")]  # fmt: skip
    rows: list[list[parts.Cell]] = [
        [row.get("channelName") or names.get(row["channelId"], ""),
         (fmt.pct(row["completenessPct"], 1), row["completenessPct"]),
         _arrived(row),
         (fmt.number(row.get("excludedIntervals", 0), 0), row.get("excludedIntervals", 0)),
         (fmt.kwh(row.get("excludedKwh", 0.0)), row.get("excludedKwh", 0.0))]
        for row in channels
    ]  # fmt: skip
    excluded = quality.get("excluded") or {}
    left_out = f"{fmt.number(excluded.get('intervals'), 0)} readings ({fmt.kwh(excluded.get('energyKwh'))})"
    return [
        parts.text(
            f"{fmt.pct(quality['avgCompleteness'], 1)} of the expected readings arrived, over "
            f"{quality['energyMeters']} energy meters. {left_out} were left out of the findings as wrong."
        ),
        _not_counted(quality.get("notCounted") or []),
        parts.table("Completeness of each meter", columns, rows, is_sortable=True,
                    tones=[_tone(row["completenessPct"]) for row in channels]),
        _days_table(daily),
    ]  # fmt: skip


def completeness_fact(report: dict[str, Any]) -> str:
    """Return the section in one line."""
    quality = report["dataQuality"]
    complete = fmt.pct(quality["avgCompleteness"], 1)
    return f"{complete} of the expected readings, {fmt.count(quality['energyMeters'], 'meter')}"


def _not_counted(channels: list[dict[str, Any]]) -> Part | None:
    """Return which channels are in no figure, and why."""
    views = [row["channelName"] for row in channels if row["reason"] == "view"]
    excluded = [row["channelName"] for row in channels if row["reason"] == "excluded"]
    told = [f"Other views of meters that count already: {', '.join(views)}."] if views else []
    told += [f"Left out by the site’s settings: {', '.join(excluded)}."] if excluded else []
    return parts.text(f"Not included in any figure. {' '.join(told)}") if told else None


def _days_table(daily: dict[str, Any]) -> Part | None:
    if not daily.get("channels"):
        return None
    columns = [parts.column("Meter"), *(parts.column(fmt.day(day), "right") for day in daily["days"])]
    rows = [[row["channelName"], *(fmt.pct(value) for value in row["completenessPct"])] for row in daily["channels"]]
    return parts.table("Completeness by day", columns, rows, is_folded=True)


def _tone(complete_pct: float | None) -> str:
    if complete_pct is None:
        return "calm"
    return "good" if complete_pct >= _COMPLETE_PCT else "warn" if complete_pct >= _POOR_PCT else "bad"
