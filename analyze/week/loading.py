"""Where analyze meets the database: the one module that reads, and each function has what it read analyzed.

All begin with `open_site`: the same zone, settings, tariffs and meters for the report and for every script, without
the channels that do not count or are in quarantine. The times of every row are UTC; a connection is opened and closed
by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from analyze.bills.compare import compare_bill
from analyze.bills.measure import daily_imports, measure_bill
from analyze.bills.owners import Shares, share_cost
from analyze.load.anomaly_scores import score_readings
from analyze.load.other_changes import MeterChange, bound_change, explain_bounds, merge_changes
from analyze.load.savings_data import add_temperature, lack, leave_out_wrong_hours
from analyze.load.savings_level import HISTORY_DAYS
from analyze.load.site_hours import total_by_hour, whole_hours
from analyze.meters.channel_kinds import name_kinds, settle_kinds
from analyze.meters.meter_tree import related_meters
from analyze.meters.metering_points import NotCounted, find_not_counted, keep_counted
from analyze.meters.registers import net_of_export
from analyze.money.pricing import price_site
from analyze.money.site_demand import site_frame
from analyze.sections.earlier_weeks import year_before
from analyze.sections.savings import verify_savings
from analyze.week.done_savings import (
    ALL_BEFORE,
    NO_BASELINE,
    Before,
    baseline_of,
    changes_of,
    claim_of,
    describe_saving,
    hold_against_the_year,
    list_done,
    measured_on,
    not_metered,
    weeks_measured,
)
from analyze.week.finding_trace import trace_finding
from analyze.week.findings import prepare_week
from analyze.week.follow_up import follow_findings
from analyze.week.intervals import (
    SECONDS_PER_HOUR,
    WeekScope,
    channel_names,
    energy_meters,
    epoch_seconds,
    prepare_intervals,
)
from analyze.week.monthly_summary import summarize_months
from analyze.week.news import HolidayNote, choose_news, find_holidays, tell_from_cost
from analyze.week.site_week import (
    DAYS_PER_WEEK,
    SiteContext,
    SiteWeek,
    analyze_site_week,
    baseline_before,
    leave_out,
    list_not_counted,
    list_quarantined,
    root_meters,
)
from config.opening_hours import list_holidays
from config.site_file import SiteConfig, read_site
from config.thresholds import Thresholds
from lib import readings
from lib.date_utils import (
    Window,
    add_months,
    days_before,
    last_seven_days,
    local_day_window,
    local_midnight,
    parse_start,
    parse_timezone,
    resolve_period,
)
from lib.errors import DataError, UsageError
from lib.findings import FindingState, FollowedFinding, Said
from lib.report_findings import make_week

if TYPE_CHECKING:
    import pandas as pd
    from psycopg2.extensions import connection as Connection

    from analyze.week.findings import WeekData
    from lib.readings import QuarantinedChannel, Site
    from lib.report_types.bills import CostByOwner, UtilityBills

_BILLS_BEFORE_DAYS, _BILLS_AFTER_DAYS = 400, 45  # a year of bills before, and the next one
_AROUND_DAYS = 7  # by which a reading may have been early


class SiteData(NamedTuple):
    """A site as every analysis is given it.

    `said` is what its file says. `meters` have their kinds by it (`name_kinds`), and are without the channels
    `left_out`: those that do not count, and those of `quarantined`, unless somebody wanted these all the same; `names`
    has them all.
    """

    site: Site
    tz: ZoneInfo
    said: SiteConfig
    meters: pd.DataFrame
    quarantined: list[QuarantinedChannel]
    not_counted: list[NotCounted]
    left_out: list[int]
    names: dict[int, str]
    keeps_quarantined: bool = False

    @property
    def config(self) -> Thresholds:
        """The thresholds that hold at the site."""
        return self.said.thresholds

    @property
    def changes(self) -> list[MeterChange]:
        """The measures that its file names."""
        return [MeterChange(row.name, row.channel_id, row.changed_on) for row in self.said.measures]

    def scope(self, period: Window) -> WeekScope:
        """Return what an analysis of `period` is about."""
        baseline = baseline_before(period, self.tz, self.config)
        return WeekScope(self.meters, period, baseline, self.tz, self.config, self.said.schedule, self.said.file.ingest)


def open_site(
    conn: Connection, site_id: int, timezone: str | None = None, *, keeps_quarantined: bool = False
) -> SiteData:
    """Return what every analysis of a site begins with.

    Parameters
    ----------
    timezone
        Instead of the site's own zone.
    keeps_quarantined
        Analyze the channels in quarantine all the same; they are named either way.

    Raises
    ------
    DataError
        When the site is unknown.
    UsageError
        When the zone cannot be meant.
    """
    site = readings.load_site(conn, site_id)
    tz, said = parse_timezone(timezone or site.timezone), read_site(site_id)
    meters = readings.load_meters(conn, site_id)
    names = channel_names(meters)
    channels = said.channels(names)
    not_counted = find_not_counted(meters, channels, said.excluded(names))
    left_out = [channel.channel_id for channel in not_counted]
    quarantined = [row for row in readings.load_quarantined(conn, site_id) if row.channel_id not in left_out]
    left_out += [] if keeps_quarantined else [channel.channel_id for channel in quarantined]
    meters = keep_counted(name_kinds(meters, channels), left_out)
    return SiteData(site, tz, said, meters, quarantined, not_counted, left_out, names, keeps_quarantined)


def _read(conn: Connection, data: SiteData, load: Callable[..., pd.DataFrame], *args: object) -> pd.DataFrame:
    """Return what one of the loaders of `lib.readings` gives of the site, without what is left out."""
    return leave_out(load(conn, data.site.site_id, *args), data.left_out)


def _read_intervals(conn: Connection, data: SiteData, window: Window) -> pd.DataFrame:
    """Return the readings of the site, with energy net of what was fed back where a meter counts that apart."""
    return net_of_export(_read(conn, data, readings.load_readings, window))


def load_week(
    conn: Connection,
    site_id: int,
    start: str | None,
    end: str | None,
    timezone: str | None,
    now: datetime,
    *,
    keeps_quarantined: bool = False,
) -> tuple[Site, SiteWeek]:
    """Read a site's readings and analyze the period that the arguments mean; see `open_site`.

    Parameters
    ----------
    start, end
        As `--start` and `--end` take them; see `lib.readings.load_period`.

    Raises
    ------
    DataError
        When the site is unknown.
    UsageError
        When the dates or the zone cannot be meant.
    """
    data = open_site(conn, site_id, timezone, keeps_quarantined=keeps_quarantined)
    period = readings.load_period(conn, site_id, start, end, data.tz, now)
    return data.site, _follow_week(conn, data, _analyze_period(conn, data, period), now)


def _follow_week(conn: Connection, data: SiteData, week: SiteWeek, now: datetime) -> SiteWeek:
    """Return the week with what became of earlier findings (`follow_findings`), where it is seven local days."""
    body = {"sections": week.sections, "consumption": week.consumption, "summary": week.summary}
    facts = make_week(body, data.site.site_id, week.period, data.tz, now)
    if facts is None:
        return week
    findings = readings.load_report_findings(conn, facts)
    return follow_findings(
        week,
        findings,
        date.fromisoformat(facts.week),
        readings.load_last_reported_week(conn, data.site.site_id, facts.week),
        readings.load_accepted_gaps(conn, data.site.site_id, week.period),
        _measure_done(conn, data, findings, week.period.end.astimezone(data.tz).date()),
        data.tz,
    )


class Morning(NamedTuple):
    """What a site's last seven local days show, beside what was told before them.

    `sections` are the week's, as facts. `news` are the findings that could be told (`choose_news`), whoever was told of
    them between two reports; `solved` those that recorded reports call solved, by id; `last_week` is the Monday of the
    newest week that was reported.
    """

    site: Site
    today: date
    period: Window
    last_week: date | None
    sections: dict[str, Any]
    news: list[FollowedFinding]
    solved: dict[str, FollowedFinding]
    holidays: list[HolidayNote]


def load_morning(conn: Connection, site_id: int, now: datetime) -> Morning:
    """Read a site's last seven whole local days and return what is news in them, beside what reports told."""
    data = open_site(conn, site_id)
    today = now.astimezone(data.tz).date()
    period = last_seven_days(now, data.tz)
    week = _analyze_period(conn, data, period)
    body = {"sections": week.sections, "consumption": week.consumption, "summary": week.summary}
    facts = make_week(body, site_id, period, data.tz, now)
    recorded = readings.load_findings(conn, site_id)
    known = {each.finding_id for each in recorded if each.state != FindingState.SOLVED}
    found = [] if facts is None else readings.load_report_findings(conn, facts)
    schedule, min_cost = data.said.schedule, data.said.file.report.tell_from_cost
    if min_cost is None:
        min_cost = tell_from_cost(week.consumption["cost"]["averagePerKwh"])
    return Morning(
        data.site,
        today,
        period,
        readings.load_last_reported_week(conn, site_id, today.isoformat()),
        week.sections,
        choose_news(found, [] if facts is None else facts.findings, known, min_cost),
        {each.finding_id: each for each in recorded if each.state == FindingState.SOLVED},
        find_holidays(today, schedule, week.found.closed, channel_names(data.meters), data.tz),
    )  # fmt: skip


def _measure_done(
    conn: Connection, data: SiteData, findings: list[FollowedFinding], until: date
) -> list[dict[str, Any]]:
    """Return what the findings that are done have saved by the local day `until`, each over its latest horizon."""
    savings: list[dict[str, Any]] = []
    done = list_done(findings, until)
    changes = merge_changes(changes_of(done), data.changes)
    for finding in done:
        channel_id, done_on = finding.meter_id, finding.done_on
        if channel_id is None or done_on is None:
            continue
        weeks = weeks_measured(done_on, until)
        line = readings.load_finding_weeks(conn, data.site.site_id, finding.finding_id)
        claim = claim_of(line, done_on)
        verdict = None
        if weeks and channel_id not in {*data.meters["channel_id"], *(row.channel_id for row in data.quarantined)}:
            verdict = not_metered()
        elif weeks:
            last = local_midnight(measured_on(done_on, weeks), data.tz)
            own = MeterChange(finding.title, channel_id, done_on)
            verdict = load_savings(conn, data, own, last, changes, baseline_of(line, claim, done_on))
        savings.append(describe_saving(finding, claim, weeks, verdict, until))
    return savings


def _analyze_period(conn: Connection, data: SiteData, period: Window) -> SiteWeek:
    site_id, tz, config, tariffs = data.site.site_id, data.tz, data.config, data.said.tariffs
    baseline = baseline_before(period, tz, config)
    whole = Window(baseline.start, period.end)
    rows = _read_intervals(conn, data, whole)
    intervals = prepare_intervals(rows, data.meters, tz, data.said.schedule)
    meters = settle_kinds(data.meters, intervals)
    history = Window(days_before(period.end, config.forecast.history_days, tz), period.end)
    roots, months = root_meters(intervals, meters, period), tariffs.ratchet_months
    ratchet = Window(days_before(period.start, 31 * (months + 1), tz), baseline.start)
    context = SiteContext(
        site_id=site_id,
        tariffs=tariffs,
        hourly=readings.load_hourly(conn, site_id, history, roots),
        electrical=_read(conn, data, readings.load_electrical, period),
        monthly=_read(conn, data, readings.load_monthly),
        floor_area_m2=data.said.file.building.floor_area_m2,
        limits=data.said.file.ingest,
        resets=_read(conn, data, readings.load_resets, period),
        site_hours=readings.load_site_hours(conn, site_id, ratchet, roots) if months else None,
        weather=readings.load_weather(conn, site_id, whole),
        intervals=intervals,
        year_before=_read(conn, data, readings.load_hourly, year_before(period, tz)),
        quarantined=list_quarantined(data.quarantined, are_left_out=not data.keeps_quarantined),
        not_counted=list_not_counted(data.not_counted),
        open_questions=[
            {
                "check": question.check_name,
                "channelId": question.channel_id,
                "channelName": question.channel_name,
                "message": question.message,
                "lines": question.lines,
            }
            for question in readings.load_open_questions(conn, site_id)
        ],
    )
    return analyze_site_week(rows, meters, period, baseline, tz, config, data.said.schedule, context)


def load_month(conn: Connection, site_id: int, month: date, now: datetime) -> dict[str, Any]:
    """Read a site's months and return the summary of one, with its cost and what its measures proved to save.

    Returns
    -------
    dict
        As `summarize_months`, with `mayCountTwice`, `window` (UTC), `cost` (`sections.costs`), `measures`, each with
        the verdict of `verify_savings`, `utilityBills` (`load_utility_bills`) and `costByOwner` (`share_cost`). What
        channels in quarantine measured is in no sum.
    """
    data = open_site(conn, site_id)
    last_day = add_months(month, 1) - timedelta(days=1)
    window = resolve_period(month.isoformat(), last_day.isoformat(), data.tz, now)
    week = _analyze_period(conn, data, window)
    kinds = {row["channelId"]: row["kind"] for row in week.consumption["byChannel"]}
    meters = data.meters.assign(kind=data.meters["channel_id"].map(kinds))
    changes = _load_changes(conn, data)
    measures = [
        {
            "name": measure.name,
            "channelId": measure.channel_id,
            **load_savings(conn, data, measure, now, changes),
        }
        for measure in data.changes
    ]
    summary = summarize_months(_read(conn, data, readings.load_monthly), meters, month)
    return {
        **summary,
        "mayCountTwice": week.consumption["mayCountTwice"],
        "window": window,
        "energyCost": week.consumption["cost"],
        "cost": week.sections["costOptimization"],
        "measures": measures,
        "utilityBills": load_utility_bills(conn, data, month),
        "costByOwner": _share_month(data, week, month),
    }


def _share_month(data: SiteData, week: SiteWeek, month: date) -> CostByOwner | dict[str, Any] | None:
    """Return whose part of the month's bill is whose; None where the site's file names no owners."""
    owners = data.said.owners(data.names)
    if not owners:
        return None
    cost, table = week.sections["costOptimization"], data.said.file.shares
    if "bills" not in cost:
        return dict(cost)
    bills = [bill for bill in cost["bills"] if bill["month"] == f"{month:%Y-%m}"]
    shares = Shares(owners, table.demand, table.fixed)
    return share_cost(week.data.site, week.data.scope, bills, data.said.tariffs, shares, week.data.pricing.holidays)


def load_utility_bills(conn: Connection, data: SiteData, month: date) -> UtilityBills | None:
    """Return the utility's bills that end in a month, beside what was metered; None where no bill is entered.

    Each bill is measured over its own days, which need be no calendar month.
    """
    bills = data.said.bills
    if not bills:
        return None
    own = [bill for bill in bills if add_months(month, 1) > bill.last >= month]
    compared = []
    for bill in own:
        week, history = _measure_days(conn, data, bill.first, bill.last)
        before = max(bills[0].first, bill.first - timedelta(days=_BILLS_BEFORE_DAYS)) - timedelta(days=_AROUND_DAYS)
        around = local_day_window(before, bill.last + timedelta(days=_BILLS_AFTER_DAYS), data.tz)
        hourly = _read(conn, data, readings.load_hourly, around, week.site.roots)
        daily_kwh = daily_imports(hourly, week.scope.meters, week.site.roots, data.tz)
        measured = measure_bill(week, bill.first, bill.last, data.said.tariffs, history)
        compared.append(compare_bill(bill, bills, measured, daily_kwh))
    return {"entered": len(bills), "lastEnd": bills[-1].last.isoformat(), "bills": compared}


def _measure_days(conn: Connection, data: SiteData, first: date, last: date) -> tuple[WeekData, pd.DataFrame | None]:
    """Return what is known of the intervals of some local days, and the site's hours before that a ratchet looks at."""
    site_id, tz = data.site.site_id, data.tz
    period = local_day_window(first, last, tz)
    baseline = baseline_before(period, tz, data.config)
    rows = _read_intervals(conn, data, Window(baseline.start, period.end))
    intervals = prepare_intervals(rows, data.meters, tz, data.said.schedule)
    meters = energy_meters(settle_kinds(data.meters, intervals))
    scope = WeekScope(meters, period, baseline, tz, data.config, data.said.schedule, data.said.file.ingest)
    week = prepare_week(intervals, scope, data.said.tariffs, _read(conn, data, readings.load_resets, period))
    months = data.said.tariffs.ratchet_months
    before = Window(days_before(period.start, 31 * (months + 1), tz), baseline.start)
    return week, readings.load_site_hours(conn, site_id, before, week.site.roots) if months else None


def load_trace(conn: Connection, report: dict[str, Any], finding: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Read what a weekly report's finding rests on and trace it; adds `runs`, `revisions` and `validationRunId`.

    `runs` counts the intervals by the ingest run that brought them; `revisions` are values of these intervals that the
    service reported otherwise later, by column. A report that was forced past its quarantine is traced with what was
    in there.
    """
    meta = report["metadata"]
    site_id, zone = meta["site"]["siteId"], meta["period"]["timezone"]
    doubtful = report["dataQuality"].get("quarantinedChannels", [])
    keeps_quarantined = any(not channel["isLeftOut"] for channel in doubtful)
    data = open_site(conn, site_id, zone, keeps_quarantined=keeps_quarantined)
    period = Window(*(datetime.fromisoformat(meta["period"][key]) for key in ("start", "end")))
    trace = trace_finding(finding, _analyze_period(conn, data, period), data.scope(period))
    evidence = finding["evidence"]
    window = Window(*(datetime.fromisoformat(evidence[key]) for key in ("start", "end")))
    return trace | {
        "runs": readings.count_ingest_runs(conn, site_id, evidence["channelIds"], window),
        "revisions": readings.count_revisions(conn, site_id, evidence["channelIds"], window),
        "validationRunId": readings.load_validation_status(conn, site_id).validation_run_id,
    }


def load_verdict(
    conn: Connection, site_id: int, channel_id: int, changed_on: str, now: datetime
) -> tuple[SiteData, date, dict[str, Any]]:
    """Return the site, the local day of a change, and the verdict on it (`load_savings`).

    Raises
    ------
    DataError
        When the site or the channel is unknown.
    UsageError
        When the day cannot be meant, or is still to come.
    """
    data = open_site(conn, site_id)
    change = parse_start(changed_on, data.tz, "--change").astimezone(data.tz).date()
    if change > now.astimezone(data.tz).date():
        raise UsageError(f"--change {change} is still to come at site {site_id}; give the day of a change made")
    for channel in data.not_counted:
        if channel.channel_id == channel_id:
            instead = f"give --channel {channel.counted_by}" if channel.counted_by else "see [site] in its file"
            raise DataError(f"site {site_id}: channel {channel_id} does not count ({channel.reason}); {instead}")
    if channel_id not in {*data.meters["channel_id"], *data.left_out}:
        raise DataError(f"site {site_id} has no channel {channel_id}; check --channel")
    own = MeterChange("", channel_id, change)
    others = [each for each in _load_changes(conn, data) if (each.channel_id, each.changed_on) != own[1:]]
    return data, change, load_savings(conn, data, own, now, others)


def _load_changes(conn: Connection, data: SiteData) -> list[MeterChange]:
    """Return what was changed at the site: the measures of its file, and the findings that somebody called done."""
    done = [finding for finding in readings.load_findings(conn, data.site.site_id) if finding.said == Said.DONE]
    return merge_changes(data.changes, changes_of(done))


def load_savings(
    conn: Connection,
    data: SiteData,
    own: MeterChange,
    now: datetime,
    others: Sequence[MeterChange],
    before: Before = ALL_BEFORE,
) -> dict[str, Any]:
    """Read a meter's hours around a change, the weather and the site's tariff, and return the verdict.

    Hours with an interval that the meter got wrong are left out; a channel in quarantine has no hours to judge by.
    Where the days without the waste (`before.wasted`) are no baseline, all that are known are one: then the saving is
    told too low rather than too high. No day counts beyond another of the site's changes that the meter may show
    (`bound_change`).
    """
    tz, config, site_id = data.tz, data.config, data.site.site_id
    channel_id, change = own.channel_id, own.changed_on
    bounds, year = bound_change(own, others, related_meters(data.meters)), timedelta(days=config.savings.max_days)
    since = change if before.wasted is None else before.wasted.since
    first = max(since - timedelta(days=HISTORY_DAYS), bounds.first or date.min)
    last = min(change + year, bounds.last or date.max) + timedelta(days=1)
    window = Window(local_midnight(first, tz), min(local_midnight(last, tz), now))
    hourly = _read(conn, data, readings.load_hourly, window)
    days = list_holidays(data.said.schedule, range(window.start.year, window.end.year + 1))
    hours = total_by_hour(hourly, data.meters, config).hourly
    scope = WeekScope(data.meters, window, window, tz, config, data.said.schedule, data.said.file.ingest)
    site_rows = site_frame(
        epoch_seconds(hours["timestamp"]).astype("int64"), hours["energy_kwh"].to_numpy(), SECONDS_PER_HOUR, scope
    )
    pricing = price_site(site_rows, scope, data.said.tariffs, days)
    whole = whole_hours(hourly, data.meters)
    intervals = _read(conn, data, readings.load_readings, window, [channel_id])
    rows = leave_out_wrong_hours(whole[whole["channel_id"] == channel_id], intervals, change, scope)
    rows = add_temperature(rows, readings.load_weather(conn, site_id, window), config)
    if "temp_c" not in rows:
        before = hold_against_the_year(before, change)
    late = rows if before.first is None else rows[rows["timestamp"] >= local_midnight(before.first, tz)]
    verdict = verify_savings(late, change, tz, config, days, pricing, before.wasted)
    if before.wasted and any(entry["code"] in NO_BASELINE for entry in verdict["missing"]):
        verdict = verify_savings(rows, change, tz, config, days, pricing)
    verdict = explain_bounds(verdict, bounds)
    if channel_id in data.left_out:
        (reason,) = (channel.reason for channel in data.quarantined if channel.channel_id == channel_id)
        verdict["missing"] = [lack("quarantined", f"the channel is in quarantine: {reason}", None)]
    return verdict


def load_forecast(
    conn: Connection, site_id: int, first_day: str | None, now: datetime
) -> tuple[SiteData, datetime, dict[str, Any]]:
    """Return the site, the moment from which it is forecast, and the forecast, as a report on the days before has it.

    Parameters
    ----------
    first_day
        The first local day that is forecast; None is today.
    """
    data = open_site(conn, site_id)
    today = local_midnight(now.astimezone(data.tz).date(), data.tz)
    start = parse_start(first_day, data.tz, "--from") if first_day else today
    week = _analyze_period(conn, data, Window(days_before(start, DAYS_PER_WEEK, data.tz), start))
    return data, start, week.sections["forecast"]


def load_scores(
    conn: Connection, site_id: int, start: str | None, end: str | None, timezone: str | None, now: datetime
) -> tuple[Window, pd.DataFrame]:
    """Return the window that the arguments mean and the score of every interval in it (`score_readings`).

    The baseline weeks before the window, and as many after it where they exist, are read too: scores compare weeks.
    Intervals that a meter got wrong are scored with the others: of a meter, they are what is not usual.
    """
    data = open_site(conn, site_id, timezone)
    window = readings.load_period(conn, site_id, start, end, data.tz, now)
    around = timedelta(weeks=data.config.baseline.weeks)
    rows = _read_intervals(conn, data, Window(window.start - around, window.end + around))
    scores = score_readings(rows, data.meters, data.tz, data.config, data.said.schedule)
    return window, scores[(scores["timestamp"] >= window.start) & (scores["timestamp"] < window.end)]
