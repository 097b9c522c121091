"""Where analyze meets the database: each function reads what one question needs from Layer 3, and has it answered.

The times of every row are UTC; a connection is opened and closed by the caller.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from analyze.load.savings_data import add_temperature
from analyze.load.site_hours import metered_by_hour, total_by_hour, whole_hours
from analyze.meters.channel_kinds import name_kinds, settle_kinds
from analyze.money.pricing import price_site
from analyze.money.site_demand import site_frame
from analyze.sections.electrical import check_electrical_health
from analyze.sections.forecast import forecast_site
from analyze.sections.savings import verify_savings
from analyze.week.finding_trace import trace_finding
from analyze.week.intervals import SECONDS_PER_HOUR, WeekScope, channel_names, epoch_seconds, prepare_intervals
from analyze.week.monthly_summary import add_months, summarize_months
from analyze.week.site_week import (
    SiteContext,
    SiteWeek,
    analyze_site_week,
    baseline_before,
    leave_out,
    list_quarantined,
    root_meters,
)
from config.opening_hours import list_holidays
from config.site_file import read_site
from lib import readings
from lib.date_utils import Window, days_before, local_day_window, local_midnight, parse_timezone

if TYPE_CHECKING:
    import pandas as pd
    from psycopg2.extensions import connection as Connection

    from config.site_file import SiteConfig
    from lib.readings import Site


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
    """Read a site's readings and analyse the period that the arguments mean, without the channels in quarantine.

    Parameters
    ----------
    start, end
        As `--start` and `--end` take them; see `lib.readings.load_period`.
    timezone
        Instead of the site's own zone.
    keeps_quarantined
        Analyse the channels in quarantine all the same; they are named either way.

    Raises
    ------
    DataError
        When the site is unknown.
    UsageError
        When the dates or the zone cannot be meant.
    """
    site = readings.load_site(conn, site_id)
    tz = parse_timezone(timezone or site.timezone)
    said = read_site(site_id)
    config = said.thresholds
    period = readings.load_period(conn, site_id, start, end, tz, now)
    baseline = baseline_before(period, tz, config)
    quarantined = readings.load_quarantined(conn, site_id)
    left_out = [] if keeps_quarantined else [channel.channel_id for channel in quarantined]
    meters = leave_out(_load_named_meters(conn, said), left_out)
    rows = leave_out(readings.load_readings(conn, site_id, Window(baseline.start, period.end)), left_out)
    meters = settle_kinds(meters, prepare_intervals(rows, meters, tz, said.schedule))
    history = Window(days_before(period.end, config.forecast.history_days, tz), period.end)
    roots, tariffs = root_meters(rows, meters, period), said.tariffs
    months = tariffs.ratchet_months
    ratchet = Window(days_before(period.start, 31 * (months + 1), tz), baseline.start)
    context = SiteContext(
        site_id=site_id,
        tariffs=tariffs,
        hourly=readings.load_hourly(conn, site_id, history, roots),
        electrical=leave_out(readings.load_electrical(conn, site_id, period), left_out),
        monthly=leave_out(readings.load_monthly(conn, site_id), left_out),
        floor_area_m2=said.file.building.floor_area_m2,
        resets=leave_out(readings.load_resets(conn, site_id, period), left_out),
        site_hours=readings.load_site_hours(conn, site_id, ratchet, roots) if months else None,
        weather=readings.load_weather(conn, site_id, Window(baseline.start, period.end)),
        quarantined=list_quarantined(quarantined, are_left_out=not keeps_quarantined),
    )
    return site, analyze_site_week(rows, meters, period, baseline, tz, config, said.schedule, context)


def _load_named_meters(conn: Connection, said: SiteConfig) -> pd.DataFrame:
    """Read the site's meters, with what its file says of each."""
    meters = readings.load_meters(conn, said.site_id)
    return name_kinds(meters, said.channels(channel_names(meters)))


def load_month(conn: Connection, site_id: int, month: date, now: datetime) -> dict[str, Any]:
    """Read a site's months and return the summary of one, with its cost and what its measures proved to save.

    Returns
    -------
    dict
        As `summarize_months`, with `window` (UTC), `cost` (`sections.costs`) and `measures`, each with the verdict of
        `verify_savings`. What channels in quarantine measured is in no sum.
    """
    site = readings.load_site(conn, site_id)
    tz = parse_timezone(site.timezone)
    window = local_day_window(month, add_months(month, 1) - timedelta(days=1), tz)
    left_out = [channel.channel_id for channel in readings.load_quarantined(conn, site_id)]
    meters, monthly = (
        leave_out(load(conn, site_id), left_out) for load in (readings.load_meters, readings.load_monthly)
    )
    start, end = (moment.isoformat() for moment in window)
    cost = load_week(conn, site_id, start, end, None, now)[1].sections["costOptimization"]
    measures = []
    for measure in read_site(site_id).measures:
        verdict = load_savings(conn, site, measure.channel_id, measure.changed_on, now)
        measures.append({"name": measure.name, "channelId": measure.channel_id, **verdict})
    summary = summarize_months(monthly, meters, month)
    return {**summary, "window": window, "cost": cost, "measures": measures}


def load_trace(conn: Connection, report: dict[str, Any], finding: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Read what a weekly report's finding rests on and trace it; adds `runs`, `revisions` and `validationRunId`.

    `runs` counts the intervals by the ingest run that brought them; `revisions` are values of these intervals that the
    service reported otherwise later, by column.
    """
    meta = report["metadata"]
    site_id, tz = meta["site"]["siteId"], parse_timezone(meta["period"]["timezone"])
    said = read_site(site_id)
    config = said.thresholds
    period = Window(*(datetime.fromisoformat(meta["period"][key]) for key in ("start", "end")))
    baseline = baseline_before(period, tz, config)
    scope = WeekScope(readings.load_meters(conn, site_id), period, baseline, tz, config, said.schedule)
    rows = readings.load_readings(conn, site_id, Window(baseline.start, period.end))
    start, end = meta["period"]["start"], meta["period"]["end"]
    _, week = load_week(conn, site_id, start, end, tz.key, now)
    trace = trace_finding(finding, rows, week.claims, scope)
    evidence = finding["evidence"]
    window = Window(*(datetime.fromisoformat(evidence[key]) for key in ("start", "end")))
    return trace | {
        "runs": readings.count_ingest_runs(conn, site_id, evidence["channelIds"], window),
        "revisions": readings.count_revisions(conn, site_id, evidence["channelIds"], window),
        "validationRunId": readings.load_validation_status(conn, site_id).validation_run_id,
    }


def load_savings(conn: Connection, site: Site, channel_id: int, change: date, now: datetime) -> dict[str, Any]:
    """Read a meter's hours around a change, the weather and the site's tariff, and return the verdict."""
    said, tz = read_site(site.site_id), parse_timezone(site.timezone)
    config, span = said.thresholds, timedelta(days=said.thresholds.savings.max_days)
    window = Window(local_midnight(change - span, tz), min(local_midnight(change + span, tz), now))
    meters = readings.load_meters(conn, site.site_id)
    hourly = readings.load_hourly(conn, site.site_id, window)
    weather = readings.load_weather(conn, site.site_id, window)
    days = list_holidays(said.schedule, range(window.start.year, window.end.year + 1))
    hours = total_by_hour(hourly, meters, config).hourly
    scope = WeekScope(meters, window, window, tz, config, said.schedule)
    site_rows = site_frame(
        epoch_seconds(hours["timestamp"]).astype("int64"), hours["energy_kwh"].to_numpy(), SECONDS_PER_HOUR, scope
    )
    pricing = price_site(site_rows, scope, said.tariffs, days)
    whole = whole_hours(hourly, meters)
    own = add_temperature(whole[whole["channel_id"] == channel_id], weather, config)
    return verify_savings(own, change, tz, config, days, pricing)


def load_electrical_health(
    conn: Connection, site_id: int, start: str | None, end: str | None, timezone: str | None, now: datetime
) -> tuple[Site, Window, dict[str, Any]]:
    """Read the electrical quantities of the period that the arguments mean, and return the state of the supply."""
    site = readings.load_site(conn, site_id)
    tz = parse_timezone(timezone or site.timezone)
    period = readings.load_period(conn, site_id, start, end, tz, now)
    meters = readings.load_meters(conn, site_id)
    rows = readings.load_electrical(conn, site_id, period)
    said = read_site(site_id)
    scope = WeekScope(meters, period, period, tz, said.thresholds)
    return site, period, check_electrical_health(rows, scope, said.tariffs.power_factor)


def load_forecast(conn: Connection, site: Site, start: datetime) -> tuple[dict[str, Any], list[int]]:
    """Read a site's hours before `start` and return the forecast, and the channels left out for want of data."""
    said, tz = read_site(site.site_id), parse_timezone(site.timezone)
    config = said.thresholds
    window = Window(start - timedelta(days=config.forecast.history_days), start)
    hourly, meters = readings.load_hourly(conn, site.site_id, window), readings.load_meters(conn, site.site_id)
    hours, metered = total_by_hour(hourly, meters, config), metered_by_hour(hourly, meters)
    days = list_holidays(said.schedule, {window.start.year, start.year, start.year + 1})
    section = forecast_site(hours.hourly, start, tz, days, site_id=site.site_id, config=config, metered=metered)
    return section, list(hours.excluded_ids)
