"""Puts a report into the sheets of a workbook. Formats only: every number is the report's, as it stands there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from deliver.files.workbook import Column, Kind, Row, Sheet, Value
from deliver.words.bills import bill_result, owner_name
from deliver.words.formats import plain

if TYPE_CHECKING:
    from analyze.week.meter_table import MeterTable, MeterTables

_MOST_CELLS = 3_000_000  # of intervals; Excel opens no more within a minute


def sheets_of(report: dict[str, Any], tables: MeterTables | None = None) -> list[Sheet]:
    """Return the sheets of a report; `tables` has the energy of its meters by day and interval, which it does not hold.

    Only kinds of `WORKBOOK_KINDS` have any.
    """
    report = plain(report)
    sheets = _BUILDERS[report["metadata"].get("reportKind", "weekly")](report)
    return [*sheets, *(_meter_sheets(tables) if tables else [])]


def written_at(report: dict[str, Any]) -> datetime:
    """Return when a report was written."""
    return datetime.fromisoformat(report["metadata"]["generatedAt"])


def _weekly(report: dict[str, Any]) -> list[Sheet]:
    use, sections = report["consumption"], report["sections"]
    return [
        _summary(report, _weekly_figures(report)),
        _findings(sections.get("quickWins") or []),
        _events(sections),
        _issues(sections.get("sensorHealth") or {}),
        Sheet(
            "Meters",
            [Column("Meter"), Column("Meter id", Kind.WHOLE), Column("Energy (kWh)", Kind.ENERGY),
             Column("Of it estimated (kWh)", Kind.ENERGY), Column("Normal (kWh)", Kind.ENERGY),
             Column("Change (%)", Kind.PERCENT), Column("Peak (kW)", Kind.POWER), Column("Complete (%)", Kind.PERCENT),
             Column("In the site's total")],
            [_row({"estimatedKwh": 0.0} | item, "channelName", "channelId", "energyKwh", "estimatedKwh", "expectedKwh",
                  "changePct", "peakKw", "completenessPct", "isRoot") for item in use["byChannel"]],
        ),
        Sheet(
            "Days",
            [Column("Day", Kind.DAY), Column("Energy of the site (kWh)", Kind.ENERGY),
             Column("Of it estimated (kWh)", Kind.ENERGY)],
            [Row([date.fromisoformat(day["date"]), day["energyKwh"], day.get("estimatedKwh")])
             for day in use.get("daily") or []],
        ),
    ]  # fmt: skip


def _weekly_figures(report: dict[str, Any]) -> list[tuple[str, Value, Kind]]:
    use, savings = report["consumption"], report["summary"]["totalPotentialSavings"]
    cost, quality = use.get("cost") or {}, report["dataQuality"]
    money, saved = _unit("", cost.get("currency")), _unit("", savings.get("currency"))
    return [
        ("Energy used (kWh)", use["totalKwh"], Kind.ENERGY),
        ("At least so much, part is unknown", use.get("isAtLeast"), Kind.TEXT),
        ("Of it estimated (kWh)", use.get("estimatedKwh"), Kind.ENERGY),
        ("Normal (kWh)", use.get("usualKwh"), Kind.ENERGY),
        ("Change against normal (%)", use.get("changePct"), Kind.PERCENT),
        (f"Energy charges{money}", cost.get("energyCost"), Kind.MONEY),
        ("Tariff is assumed", cost.get("isAssumed"), Kind.TEXT),
        ("Could be saved a week (kWh)", savings["weeklyKwh"], Kind.ENERGY),
        (f"Could be saved a week{saved}", savings["weeklyCost"], Kind.MONEY),
        (f"Could be saved a year{saved}", savings["estimatedAnnual"], Kind.MONEY),
        ("One-time, not in the totals (kWh)", savings.get("onceKwh"), Kind.ENERGY),
        (f"One-time, not in the totals{saved}", savings.get("onceCost"), Kind.MONEY),
        ("To confirm, not in the totals (kWh a week)", savings.get("unconfirmedWeeklyKwh"), Kind.ENERGY),
        ("Data complete (%)", quality["avgCompleteness"], Kind.PERCENT),
        ("Meters", quality.get("energyMeters"), Kind.WHOLE),
    ]


def _findings(wins: Sequence[dict[str, Any]]) -> Sheet:
    def row(win: dict[str, Any]) -> Row:
        impact = win["impact"]
        return Row([
            win["title"], win.get("channelName"), win.get("channelId"), win["type"].replace("_", " "), win["priority"],
            win["confidence"], win.get("pattern"), impact["weeklyKwh"], impact["weeklyCost"], impact["annualCost"],
            impact.get("periodKwh"), impact.get("periodCost"), impact.get("currency"), win["owner"], win["effort"],
            win["description"], "\n".join(win["recommendations"]), win.get("findingId"),
        ])  # fmt: skip

    columns = [
        Column("Finding"), Column("Meter"), Column("Meter id", Kind.WHOLE), Column("Kind"), Column("Priority"),
        Column("Confidence"), Column("Pattern"), Column("A week (kWh)", Kind.ENERGY),
        Column("A week (cost)", Kind.MONEY), Column("A year (cost)", Kind.MONEY),
        Column("In this period (kWh)", Kind.ENERGY),
        Column("In this period (cost)", Kind.MONEY), Column("Currency"), Column("For"), Column("Effort"),
        Column("What was found"), Column("What to do"), Column("Id"),
    ]  # fmt: skip
    return Sheet("Findings", columns, [row(win) for win in wins])


def _events(sections: dict[str, Any]) -> Sheet:
    anomalies = (sections.get("anomalies") or {}).get("timeline") or []
    spikes = (sections.get("spikes") or {}).get("topSpikes") or []
    columns = [
        Column("What"), Column("Meter"), Column("Meter id", Kind.WHOLE), Column("Start (local)", Kind.MOMENT),
        Column("End (local)", Kind.MOMENT), Column("Severity"), Column("Peak (kW)", Kind.POWER),
        Column("Above normal (kWh)", Kind.ENERGY), Column("Below normal (kWh)", Kind.ENERGY), Column("Id"),
    ]  # fmt: skip

    def row(event: dict[str, Any], what: str, excess: str) -> Row:
        return Row([
            what, event["channelName"], event["channelId"], _local(event["start"]), _local(event["end"]),
            event.get("severity"), event["peakPower"], event[excess], event.get("deficitKwh"), event.get("findingId"),
        ])  # fmt: skip

    rows = [row(event, "Out of the ordinary", "excessKwh") for event in anomalies]
    return Sheet("Events", columns, [*rows, *(row(event, "Short peak", "totalExcessKwh") for event in spikes)])


def _issues(health: dict[str, Any]) -> Sheet:
    columns = [
        Column("Meter"), Column("Meter id", Kind.WHOLE), Column("Kind"), Column("Severity"),
        Column("Start (local)", Kind.MOMENT), Column("End (local)", Kind.MOMENT), Column("What was found"),
        Column("What to do"),
    ]  # fmt: skip
    return Sheet("Meter issues", columns, [
        Row([issue["channelName"], issue["channelId"], issue["type"].replace("_", " "), issue["severity"],
             _local(issue.get("start")), _local(issue.get("end")), issue["description"], issue.get("recommendation")])
        for issue in health.get("issues") or []
    ])  # fmt: skip


def _meter_sheets(tables: MeterTables) -> list[Sheet]:
    """Return the energy of the meters by day and by interval; estimated values stand in italics."""
    by_day = _meter_columns(tables.by_day)
    days = _meter_rows(tables.by_day, ([day] for day in tables.days), 1)
    sheets = [Sheet("Meters by day", [Column("Day", Kind.DAY), *by_day], days)]
    by_interval = tables.by_interval
    if by_interval.kwh.size > _MOST_CELLS:
        note = (
            f"{by_interval.kwh.size:,} values are too many for Excel; "
            "python deliver/export_for_tableau.py writes them as CSV"
        )
        return [*sheets, Sheet("Interval data", [Column("Note")], [Row([note])])]
    starts = ([local, utc] for local, utc in zip(tables.local_starts, tables.utc_starts, strict=True))
    head = [Column("Start (local)", Kind.MOMENT), Column("Start (UTC)", Kind.MOMENT)]
    return [*sheets, Sheet("Interval data", [*head, *_meter_columns(by_interval)], _meter_rows(by_interval, starts, 2))]


def _meter_columns(table: MeterTable) -> list[Column]:
    return [
        Column(f"{plain(name)} ({channel_id}, kWh)", Kind.ENERGY)
        for name, channel_id in zip(table.names, table.channel_ids, strict=True)
    ]


def _meter_rows(table: MeterTable, heads: Iterable[Sequence[Value]], offset: int) -> list[Row]:
    rows = zip(heads, table.kwh.tolist(), table.is_estimated, strict=True)
    return [
        Row([*head, *values], estimated=[int(place) + offset for place in flags.nonzero()[0]])
        for head, values, flags in rows
    ]


def _monthly(report: dict[str, Any]) -> list[Sheet]:
    before, year = report["changeOnMonthBefore"], report["changeOnYearBefore"]
    return [
        _summary(report, [
            ("Energy used (kWh)", report["totalKwh"], Kind.ENERGY),
            (f"Change a day on {before['month']} (%)", before["changePct"], Kind.PERCENT),
            (f"Change a day on {year['month']} (%)", year["changePct"], Kind.PERCENT),
        ]),
        Sheet(
            "Months",
            [Column("Month", Kind.DAY), Column("Energy (kWh)", Kind.ENERGY), Column("Days covered (%)", Kind.PERCENT)],
            [Row([date.fromisoformat(f"{month['month']}-01"), month["energyKwh"], month["coveredPct"]])
             for month in report["trend"]],
        ),
        Sheet(
            "Meters",
            [Column("Meter"), Column("Meter id", Kind.WHOLE), Column("Energy (kWh)", Kind.ENERGY),
             Column("Of the site (%)", Kind.PERCENT), Column("Change a day on the month before (%)", Kind.PERCENT),
             Column("In the site's total")],
            [_row(item, "channelName", "channelId", "energyKwh", "sharePct", "changePct", "isRoot")
             for item in report["byChannel"]],
        ),
        *_owners(report.get("costByOwner") or {}),
        *_bills(report.get("utilityBills") or {}),
    ]  # fmt: skip


def _owners(found: dict[str, Any]) -> list[Sheet]:
    """Return whose part of the bill is whose; no sheet where that is not known."""
    if "owners" not in found:
        return []
    columns = [
        Column("Who"), Column("Energy used (kWh)", Kind.ENERGY), Column("Of the site (%)", Kind.PERCENT),
        Column("At the peak (kW)", Kind.POWER), Column("Energy", Kind.MONEY), Column("Demand", Kind.MONEY),
        Column("Fixed", Kind.MONEY), Column("Other", Kind.MONEY), Column("Total", Kind.MONEY), Column("Currency"),
    ]  # fmt: skip
    keys = ("kwh", "sharePct", "kwAtPeak", "energy", "demand", "fixed", "other", "total")
    rows: list[Row] = [
        Row([owner_name(row), *(row[key] for key in keys), found["currency"]])
        for row in (*found["owners"], found["rest"])
    ]
    return [Sheet("Cost by owner", columns, rows)]


def _bills(found: dict[str, Any]) -> list[Sheet]:
    """Return the utility's bills beside what was metered; no sheet where none ends in the month."""
    columns = [
        Column("First day", Kind.DAY), Column("Last day", Kind.DAY), Column("Estimated reading"),
        Column("Billed (kWh)", Kind.ENERGY), Column("Metered (kWh)", Kind.ENERGY), Column("At least so much"),
        Column("Billed (kW)", Kind.POWER), Column("Metered (kW)", Kind.POWER), Column("Billed (amount)", Kind.MONEY),
        Column("On the tariff (amount)", Kind.MONEY), Column("Currency"), Column("What it says"),
    ]  # fmt: skip
    rows = [
        Row([
            date.fromisoformat(bill["start"]), date.fromisoformat(bill["end"]), bill["isEstimated"],
            bill["billed"]["kwh"], bill["metered"]["kwh"], bill["metered"]["isAtLeast"], bill["billed"]["kw"],
            bill["metered"]["kw"], bill["billed"]["amount"], bill["metered"]["amount"], bill["metered"]["currency"],
            bill_result(bill),
        ])
        for bill in found.get("bills") or []
    ]  # fmt: skip
    return [Sheet("Bills", columns, rows)] if rows else []


def _portfolio(report: dict[str, Any]) -> list[Sheet]:
    totals = report["totals"]
    figures: list[tuple[str, Value, Kind]] = [
        ("Sites with a report", totals["sites"], Kind.WHOLE),
        ("Energy used (kWh)", totals["totalKwh"], Kind.ENERGY),
        *((f"Could be saved a week{_unit('', each['currency'])}", each["savingsWeekly"], Kind.MONEY)
          for each in totals["savings"]),
    ]  # fmt: skip
    keys = ("siteName", "siteId", "totalKwh", "changePct", "savingsKwh", "savingsWeekly", "savingsAnnual", "currency",
            "afterHoursKwh", "seriousIssues", "completenessPct", "reason")  # fmt: skip
    return [
        _summary(report, figures),
        Sheet(
            "Sites",
            [Column("Site"), Column("Site number", Kind.WHOLE), Column("Energy (kWh)", Kind.ENERGY),
             Column("Change against normal (%)", Kind.PERCENT), Column("Could be saved a week (kWh)", Kind.ENERGY),
             Column("Could be saved a week (cost)", Kind.MONEY), Column("Could be saved a year (cost)", Kind.MONEY),
             Column("Currency"), Column("After hours (kWh)", Kind.ENERGY), Column("Serious issues", Kind.WHOLE),
             Column("Complete (%)", Kind.PERCENT), Column("Why there is no report")],
            [_row(site, *keys) for site in report["sites"]],
        ),
        Sheet(
            "Findings",
            [Column("Finding"), Column("Site"), Column("Site number", Kind.WHOLE), Column("Meter"),
             Column("A week (cost)", Kind.MONEY), Column("Currency"), Column("Week", Kind.DAY)],
            [Row([each["title"], each["siteName"], each["siteId"], each["channelName"], each["weeklyCost"],
                  action["currency"], date.fromisoformat(each["week"])])
             for action in report.get("actions") or [] for each in action["findings"]],
        ),
    ]  # fmt: skip


def _summary(report: dict[str, Any], figures: Iterable[tuple[str, Value, Kind]]) -> Sheet:
    """Return the first sheet: what the report is on, its figures, and what it says."""
    meta = report["metadata"]
    site, period = meta.get("site") or {}, meta["period"]
    place = ", ".join(str(site[key]) for key in ("address", "city", "country") if site.get(key))
    facts: list[tuple[str, Value, Kind]] = [
        ("Site", site.get("siteName"), Kind.TEXT),
        ("Site number", site.get("siteId"), Kind.WHOLE),
        ("Address", place or None, Kind.TEXT),
        ("From (local)", _local(period["start"]), Kind.MOMENT),
        ("To (local)", _local(period["end"]), Kind.MOMENT),
        ("Time zone", period["timezone"], Kind.TEXT),
        ("Data", (meta.get("dataSource") or {}).get("note"), Kind.TEXT),
        ("Written (local)", _local(meta["generatedAt"]), Kind.MOMENT),
        ("Version", meta.get("version", 1), Kind.WHOLE),
        *figures,
        *(("What it says", line, Kind.TEXT) for line in report["summary"]["headline"]),
    ]
    known = [Row([label, value], [Kind.TEXT, kind]) for label, value, kind in facts if value is not None]
    return Sheet("Summary", [Column("What"), Column("Value")], known)


def _row(item: dict[str, Any], *keys: str) -> Row:
    return Row([item.get(key) for key in keys])


def _unit(label: str, currency: str | None) -> str:
    return f"{label} ({currency})" if currency else label


def _local(text: str | None) -> datetime | None:
    """Return a moment of the report on the site's wall clock: Excel knows no zones."""
    return datetime.fromisoformat(text).replace(tzinfo=None) if text else None


_BUILDERS: dict[str, Callable[[dict[str, Any]], list[Sheet]]] = {
    "weekly": _weekly,
    "monthly": _monthly,
    "portfolio": _portfolio,
}
WORKBOOK_KINDS = tuple(_BUILDERS)
