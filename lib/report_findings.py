"""What a weekly report found, as facts that can be followed from week to week. Pure.

A report names each event anew. What is followed is a *finding*: a kind, at a meter, of a cause. Its id holds nothing
else, so it is the same under another name of the meter, in another week, and in other words: ``after_hours-162126``,
``meter_silent-162121``, ``electrical_voltage_low-site``. `analyze` marks the report's items with it (`lastingId`),
`govern` stores them (`report_findings`), and both read them here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from lib.date_utils import Window
from lib.states import Level

SITE = "site"  # in place of a channel, for what concerns all of it
DAYS_PER_WEEK = 7


class FindingKind(StrEnum):
    """What a finding is."""

    AFTER_HOURS = "after_hours"  # runs while the site is closed: claimed, asked about, or far more than normal then
    HIGH_USE = "high_use"  # far more than on like days
    LOW_USE = "low_use"  # far less than on like days
    LEVEL_UP = "level_up"  # its level rose for good
    LEVEL_DOWN = "level_down"
    METER = "meter"  # a fault of the meter; the cause says which
    ELECTRICAL = "electrical"  # a fault of the supply; the cause says which


# What sensor health tells by several names in turn is one cause: a meter falls silent, is dead, and has no data.
METER_CAUSES = {
    **dict.fromkeys(("dead", "stale", "missing_data", "gap", "no_data"), "silent"),
    **dict.fromkeys(("stuck", "flat_line", "zero"), "stuck"),
    **dict.fromkeys(("wrong_unit", "unit_change"), "unit"),
    **dict.fromkeys(("phase_reversed", "phase_missing", "phase_imbalance"), "phase"),
    **dict.fromkeys(("register", "register_jump", "register_reset", "register_drift"), "register"),
    **dict.fromkeys(("sum_mismatch", "sum_shift"), "tree"),
}
_FOLLOWED = (Level.HIGH, Level.MEDIUM)  # severities
_ONCE, _ASKED = "once", "asked"
# Items that tell that something runs while the site is closed, by the beginning of their ids.
_CLOSED = ("after_hours", "confirm", "schedule")
_OF_THE_BUILDING = ("base_load_step",)  # told by sensor health, and by the level that changed
_BOUNDS = {"saved": "likely", "low": "low", "high": "high"}
_SHUT, _OPEN = "after_hours", "business_hours"  # contexts of an anomaly
_MIN_SCHEDULE_KWH = 10.0  # in a week; as of every other claim
_EVENT = re.compile(r"-\d{8}T\d{4}Z(?:-\d+)?$")  # what an item's own id has after kind and channel


class ReportFinding(NamedTuple):
    """One finding in one report; the fields are those of the table `report_findings`."""

    finding_id: str
    kind: FindingKind
    cause: str | None
    channel_id: int | None
    meter_name: str | None
    title: str
    energy_kwh: float | None = None
    cost: float | None = None
    currency: str | None = None
    confidence: Level = Level.HIGH
    pattern: str | None = None
    level_kw: float | None = None
    rest_kw: float | None = None
    facts: dict[str, Any] = {}  # noqa: RUF012 (never changed)


class ReportMeter(NamedTuple):
    """What one report could see of one meter; the fields are those of the table `report_meters`."""

    channel_id: int
    mean_kw: float | None
    closed_kw: float | None
    completeness_pct: float | None
    is_doubtful: bool


class ReportSaving(NamedTuple):
    """What one report knows of the saving of a finding that is done; the fields are those of the table
    `report_savings`."""

    finding_id: str
    done_on: str
    weeks: int
    status: str
    claimed_kwh: float | None
    claimed_cost: float | None
    saved_kwh: float | None
    low_kwh: float | None
    high_kwh: float | None
    saved_cost: float | None
    low_cost: float | None
    high_cost: float | None
    currency: str | None
    facts: dict[str, Any]


class ReportWeek(NamedTuple):
    """The facts of one weekly report; the fields are those of the tables `report_weeks` and below it.

    `week` is the Monday of the local week in which the period begins (ISO 8601), `first_day` the first local day.
    """

    site_id: int
    week: str
    first_day: str
    period_start: str
    period_end: str
    generated_at: str
    findings: list[ReportFinding]
    meters: list[ReportMeter]
    savings: tuple[ReportSaving, ...] = ()


def finding_id_of(kind: FindingKind, channel_id: int | None, cause: str | None = None) -> str:
    """Return the id of a finding."""
    name = f"{kind}_{cause}" if cause else str(kind)
    return f"{name}-{SITE if channel_id is None else channel_id}"


def lasting_id(item: dict[str, Any], sources: Iterable[dict[str, Any]] = ()) -> str | None:
    """Return the id of the finding that an item of a report belongs to; None for what is not followed.

    Parameters
    ----------
    item
        With its own `findingId`, of which the kind and the meter are read.
    sources
        The items that a quick win is made of.
    """
    name, _, channel = _EVENT.sub("", item["findingId"]).rpartition("-")
    channel_id = None if channel == SITE else int(channel)
    if name.startswith("meter_"):
        return _meter_id(name.removeprefix("meter_"), channel_id)
    if name.startswith("electrical_"):
        return finding_id_of(FindingKind.ELECTRICAL, channel_id, name.removeprefix("electrical_"))
    if name == "win_repair":
        return next((lasting_id(source) for source in sources), None)
    kind = _kind_of(name.removeprefix("win_"), item, list(sources) or [item])
    return None if kind is None else finding_id_of(kind, channel_id)


def _kind_of(name: str, item: dict[str, Any], events: list[dict[str, Any]]) -> FindingKind | None:
    if name in _CLOSED:
        return FindingKind.AFTER_HOURS
    if name == "level_change":
        return _level_kind(item)
    if name != "anomaly":
        return None
    if item.get("direction") == "low":
        return FindingKind.LOW_USE
    shut_kwh, all_kwh = (
        sum(event.get("excessKwh") or 0.0 for event in events if event.get("context") in contexts)
        for contexts in ((_SHUT,), (_SHUT, _OPEN))
    )
    return FindingKind.AFTER_HOURS if 2 * shut_kwh > all_kwh else FindingKind.HIGH_USE


def _level_kind(step: dict[str, Any]) -> FindingKind:
    return FindingKind.LEVEL_UP if step["afterKw"] >= step["beforeKw"] else FindingKind.LEVEL_DOWN


def _meter_id(issue_type: str, channel_id: int | None) -> str:
    return finding_id_of(FindingKind.METER, channel_id, METER_CAUSES.get(issue_type, issue_type))


def read_week(report: dict[str, Any]) -> ReportWeek | None:
    """Return the facts of a weekly report; None for one of another kind, or of a period that is not seven local days.

    Raises
    ------
    KeyError, TypeError, ValueError
        When it is no report of ours.
    """
    metadata = report["metadata"]
    if metadata.get("reportKind", "weekly") != "weekly" or "quickWins" not in report.get("sections", {}):
        return None
    period = metadata["period"]
    window = Window(*(datetime.fromisoformat(period[key]) for key in ("start", "end")))
    return make_week(
        report, metadata["site"]["siteId"], window, ZoneInfo(period["timezone"]),
        datetime.fromisoformat(metadata["generatedAt"]),
    )  # fmt: skip


def make_week(
    report: dict[str, Any], site_id: int, period: Window, tz: ZoneInfo, generated_at: datetime
) -> ReportWeek | None:
    """Return the facts of what a report will hold, by its `sections`, `consumption` and `summary`.

    None for a period that is not seven local days.
    """
    start, end = (moment.astimezone(tz) for moment in (period.start, period.end))
    first_day = start.date()
    if (end.date() - first_day).days != DAYS_PER_WEEK or (start.time(), end.time()) != (start.min.time(),) * 2:
        return None
    return ReportWeek(
        site_id=site_id,
        week=(first_day - timedelta(days=first_day.weekday())).isoformat(),
        first_day=first_day.isoformat(),
        period_start=start.isoformat(),
        period_end=end.isoformat(),
        generated_at=generated_at.isoformat(),
        findings=list_findings(report),
        meters=_list_meters(report, period),
        savings=tuple(map(_read_saving, (report.get("followUp") or {}).get("savings") or ())),
    )


def _read_saving(entry: dict[str, Any]) -> ReportSaving:
    claimed, kwh, cost = (entry.get(key) or {} for key in ("claimed", "savedKwh", "savedCost"))
    return ReportSaving(
        finding_id=entry["lastingId"],
        done_on=entry["doneOn"],
        weeks=entry["weeks"],
        status=entry["status"],
        claimed_kwh=claimed.get("weeklyKwh"),
        claimed_cost=claimed.get("weeklyCost"),
        **{f"{name}_kwh": kwh.get(key) for name, key in _BOUNDS.items()},
        **{f"{name}_cost": cost.get(key) for name, key in _BOUNDS.items()},
        currency=entry["currency"],
        facts=_facts(entry, "missing", "nextOn"),
    )


def list_findings(report: dict[str, Any]) -> list[ReportFinding]:
    """Return what a weekly report found that is worth following, each finding once, by id.

    Notes
    -----
    Of a finding that several lists tell, quick wins have the say: there each kilowatt-hour is claimed once. What is too
    small or too mild for a win, a risk or an issue of medium severity is not followed. One event is one finding: what
    changed its level for good is no high use besides, and a load that is lower while closed is no fault.
    """
    sections = report["sections"]
    money, after_hours = _Money.of(report), sections.get("afterHoursWaste") or {}
    closed = {entry["channelId"]: entry for entry in after_hours.get("closedUse") or []}
    anomalies = sections.get("anomalies") or {}
    events = anomalies.get("timeline") or []
    # What somebody accepted is found all the same.
    wins = [*sections["quickWins"], *((report.get("followUp") or {}).get("accepted") or [])]
    lists = (
        _of_meters((sections.get("sensorHealth") or {}).get("issues") or []),
        _of_supply(sections.get("electricalHealth") or {}),
        _of_levels(anomalies.get("steps") or [], money),
        _of_wins(wins, {event.get("findingId"): event for event in events}, closed, money),
        _of_closed_use(after_hours.get("topMeters") or [], closed, money),
        _of_schedules((sections.get("scheduleDisagreements") or {}).get("findings") or [], closed, money),
        _of_events(events, money),
    )
    found: dict[str, ReportFinding] = {}
    for finding in (each for some in lists for each in some):
        found.setdefault(finding.finding_id, finding)
    blocks = {meter["channelId"]: meter.get("blocks") for meter in after_hours.get("topMeters") or []}
    for key, finding in found.items():
        if finding.kind == FindingKind.AFTER_HOURS and blocks.get(finding.channel_id or 0) is not None:
            found[key] = finding._replace(facts=finding.facts | {"blocks": blocks[finding.channel_id or 0]})
    levels = {finding.channel_id for finding in found.values() if finding.kind in _LEVELS}
    return [
        found[key]
        for key in sorted(found)
        if found[key].kind != FindingKind.HIGH_USE or found[key].channel_id not in levels
    ]


_LEVELS = (FindingKind.LEVEL_UP, FindingKind.LEVEL_DOWN)


class _Money(NamedTuple):
    """The currency of a report, and the mean price of a kWh in it; None where it has none."""

    currency: str | None
    per_kwh: float | None

    @classmethod
    def of(cls, report: dict[str, Any]) -> _Money:
        use = report.get("consumption") or {}
        cost = (use.get("cost") or {}).get("energyCost")
        drawn = use.get("importedKwh") or use.get("totalKwh")
        per_kwh = cost / drawn if cost is not None and drawn and drawn > 0 else None
        return cls((report["summary"].get("totalPotentialSavings") or {}).get("currency"), per_kwh)

    def cost_of(self, kwh: float) -> float | None:
        return None if self.per_kwh is None else round(kwh * self.per_kwh, 2)


def _of_meters(issues: list[dict[str, Any]]) -> Iterator[ReportFinding]:
    told = set()
    for issue in issues:  # the most severe of a meter come first
        if issue["severity"] not in _FOLLOWED or issue["type"] in _OF_THE_BUILDING:
            continue
        cause = METER_CAUSES.get(issue["type"], issue["type"])
        name = _meter_id(issue["type"], issue["channelId"])
        if name in told:
            continue
        told.add(name)
        yield ReportFinding(
            name, FindingKind.METER, cause, issue["channelId"], issue["channelName"],
            issue.get("description") or f"{issue['channelName']}: {issue['type']}",
            confidence=issue["severity"], facts=_facts(issue, "type", "severity", "start", "end", "lastReading"),
        )  # fmt: skip


def _of_supply(electrical: dict[str, Any]) -> Iterator[ReportFinding]:
    of_meters = [(issue, meter["channelName"]) for meter in electrical.get("meters") or [] for issue in meter["issues"]]
    for issue, name in [*of_meters, *((issue, None) for issue in electrical.get("siteIssues") or [])]:
        if issue["severity"] in _FOLLOWED:
            channel, text = issue.get("channelId"), issue.get("description") or issue["type"]
            yield ReportFinding(
                finding_id_of(FindingKind.ELECTRICAL, channel, issue["type"]), FindingKind.ELECTRICAL, issue["type"],
                channel, name, text if name is None else f"{name}: {text}", confidence=issue["severity"],
                facts=_facts(issue, "type", "severity"),
            )  # fmt: skip


def _of_levels(steps: list[dict[str, Any]], money: _Money) -> Iterator[ReportFinding]:
    for step in steps:
        kind, name = _level_kind(step), step["channelName"]
        verb = "rose" if kind == FindingKind.LEVEL_UP else "fell"
        yield ReportFinding(
            finding_id_of(kind, step["channelId"]), kind, None, step["channelId"], name,
            f"{name}: its level {verb} from {step['beforeKw']:.1f} to {step['afterKw']:.1f} kW",
            energy_kwh=abs(step["excessKwh"]),
            cost=money.cost_of(step["excessKwh"]) if kind == FindingKind.LEVEL_UP else None,
            currency=money.currency, confidence=Level.LOW if step.get("mayBeWeather") else Level.MEDIUM,
            level_kw=step["afterKw"], rest_kw=step["beforeKw"], facts=_facts(step, "at", "kind"),
        )  # fmt: skip


def _of_closed_use(
    meters: list[dict[str, Any]], closed: dict[int, dict[str, Any]], money: _Money
) -> Iterator[ReportFinding]:
    """Yield what runs while the site is closed and is worth acting on, by the section: wins are but the best ten."""
    for meter in meters:
        if meter["isSignificant"]:
            impact, channel, name = meter["impact"], meter["channelId"], meter["channelName"]
            pattern = meter.get("pattern")
            level_kw, rest_kw = _closed_levels(closed.get(channel), impact["excessKwh"], pattern)
            yield ReportFinding(
                finding_id_of(FindingKind.AFTER_HOURS, channel), FindingKind.AFTER_HOURS, None, channel, name,
                f"{name}: runs while the site is closed", energy_kwh=impact["excessKwh"], cost=impact["excessCost"],
                currency=money.currency, confidence=Level.LOW, pattern=pattern, level_kw=level_kw, rest_kw=rest_kw,
                facts=_facts(meter, "blocks", "weeksSeen", "weeksKnown"),
            )  # fmt: skip


def _closed_levels(
    closed: dict[str, Any] | None, kwh: float, pattern: str | None
) -> tuple[float, float] | tuple[None, None]:
    """Return the mean power while closed, with what was found and without; unknown for what happened once."""
    if closed is None or not closed["closedHours"] or pattern == _ONCE or kwh <= 0:
        return None, None
    level_kw = closed["closedKwh"] / closed["closedHours"]
    return round(level_kw, 4), round(level_kw - kwh / closed["closedHours"], 4)


def _of_schedules(
    entries: list[dict[str, Any]], closed: dict[int, dict[str, Any]], money: _Money
) -> Iterator[ReportFinding]:
    for entry in entries:
        if entry["kwh"] >= _MIN_SCHEDULE_KWH:
            channel, name = entry["channelId"], entry["channelName"]
            level_kw, rest_kw = _closed_levels(closed.get(channel), entry["kwh"], _ASKED)
            yield ReportFinding(
                finding_id_of(FindingKind.AFTER_HOURS, channel), FindingKind.AFTER_HOURS, None, channel, name,
                f"{name}: usually runs outside the opening hours", energy_kwh=entry["kwh"],
                cost=money.cost_of(entry["kwh"]), currency=money.currency, confidence=Level.LOW, pattern=_ASKED,
                level_kw=level_kw, rest_kw=rest_kw,
            )  # fmt: skip


def _of_wins(
    wins: list[dict[str, Any]], events: dict[str, dict[str, Any]], closed: dict[int, dict[str, Any]], money: _Money
) -> Iterator[ReportFinding]:
    """Yield the wins, those of one finding as one."""
    sums: dict[str, ReportFinding] = {}
    for win in wins:
        channel = win.get("channelId")
        if channel is None or win["type"] not in ("after_hours", "confirm", "anomaly"):
            continue  # a repair is the meter's own finding
        sources = [events[key] for key in (win.get("evidence") or {}).get("findingIds") or () if key in events]
        kind = _kind_of(win["type"], win, sources) or FindingKind.HIGH_USE
        finding = _of_win(win, kind, closed.get(channel), money)
        before = sums.get(finding.finding_id)
        sums[finding.finding_id] = finding if before is None else _add(before, finding)
    yield from sums.values()


# Of wins that no report has put into words yet.
_UNTOLD_WINS = {
    FindingKind.AFTER_HOURS: "runs while the site is closed",
    FindingKind.HIGH_USE: "used far more than normal",
}


def _of_win(win: dict[str, Any], kind: FindingKind, closed: dict[str, Any] | None, money: _Money) -> ReportFinding:
    impact = win["impact"]
    pattern = win.get("pattern") or (_ASKED if win["type"] == "confirm" else None)
    kwh, cost = impact.get("periodKwh", impact["weeklyKwh"]), impact.get("periodCost", impact["weeklyCost"])
    level_kw, rest_kw = (None, None)
    if kind == FindingKind.AFTER_HOURS:
        level_kw, rest_kw = _closed_levels(closed, kwh, pattern)
    return ReportFinding(
        finding_id_of(kind, win["channelId"]), kind, None, win["channelId"], win.get("channelName"),
        win.get("title") or f"{win['channelName']}: {_UNTOLD_WINS[kind]}",
        energy_kwh=kwh, cost=cost, currency=impact.get("currency") or money.currency,
        confidence=win["confidence"] if win["confidence"] in (Level.HIGH, Level.MEDIUM) else Level.LOW, pattern=pattern,
        level_kw=level_kw, rest_kw=rest_kw, facts=_facts(win, "doubts", "owner", "effort"),
    )  # fmt: skip


def _add(first: ReportFinding, second: ReportFinding) -> ReportFinding:
    """Return two wins of one finding as one, in the words of the larger."""
    larger = max(first, second, key=lambda finding: finding.energy_kwh or 0.0)
    return larger._replace(
        energy_kwh=round((first.energy_kwh or 0.0) + (second.energy_kwh or 0.0), 2),
        cost=round((first.cost or 0.0) + (second.cost or 0.0), 2),
    )


def _of_events(events: list[dict[str, Any]], money: _Money) -> Iterator[ReportFinding]:
    """Yield grave events: far too much where no win tells it, and far too little while the site is open."""
    sums: dict[str, ReportFinding] = {}
    for event in events:
        is_low, is_shut = event.get("direction") == "low", event.get("context") == _SHUT
        if event.get("severity") not in (_FOLLOWED if is_low else (Level.HIGH,)) or (is_low and is_shut):
            continue
        kind = _kind_of("anomaly", event, [event]) or FindingKind.HIGH_USE
        channel, name = event["channelId"], event["channelName"]
        kwh = event["deficitKwh"] if is_low else event["excessKwh"]
        own = finding_id_of(kind, channel)
        total = round(kwh + ((sums[own].energy_kwh or 0.0) if own in sums else 0.0), 2)
        when = " while the site was closed" * is_shut
        sums[own] = ReportFinding(
            own, kind, None, channel, name, f"{name}: used far {'less' if is_low else 'more'} than normal{when}",
            energy_kwh=total, cost=None if is_low else money.cost_of(total), currency=money.currency,
            confidence=Level.MEDIUM, pattern=_ONCE, facts=_facts(event, "start", "end", "severity"),
        )  # fmt: skip
    yield from sums.values()


def _list_meters(report: dict[str, Any], period: Window) -> list[ReportMeter]:
    """Return what the report could see of each meter that it looked at."""
    sections = report["sections"]
    after_hours = sections.get("afterHoursWaste") or {}
    issues = (sections.get("sensorHealth") or {}).get("issues") or []
    doubtful = {issue["channelId"] for issue in issues if issue["severity"] == Level.HIGH}
    doubtful |= {entry["channelId"] for entry in after_hours.get("notAssessed") or []}
    closed = {
        entry["channelId"]: round(entry["closedKwh"] / entry["closedHours"], 4)
        for entry in after_hours.get("closedUse") or []
        if entry["closedHours"]
    }
    hours = (period.end - period.start).total_seconds() / 3600
    return [
        ReportMeter(
            channel_id=row["channelId"],
            mean_kw=None if row.get("energyKwh") is None else round(row["energyKwh"] / hours, 4),
            closed_kw=closed.get(row["channelId"]),
            completeness_pct=row.get("completenessPct"),
            is_doubtful=row["channelId"] in doubtful,
        )
        for row in (report.get("consumption") or {}).get("byChannel") or []
    ]


def _facts(item: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Return some of what a report says of an item, as far as it says it."""
    return {key: item[key] for key in keys if item.get(key) is not None}
