"""One site, one period: every analysis run once over the same sound intervals. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from analyze.load.learned_hours import find_disagreements
from analyze.load.load_facts import build_load_facts
from analyze.meters.bad_intervals import any_fault
from analyze.meters.completeness import channel_completeness
from analyze.meters.meter_tree import find_roots, root_of_channels
from analyze.money.annual import plan_year
from analyze.sections import quick_wins
from analyze.sections.consumption import build_consumption, build_data_quality
from analyze.sections.costs import analyze_cost
from analyze.sections.earlier_weeks import add_earlier_weeks
from analyze.sections.electrical import check_electrical_health
from analyze.sections.forecast import forecast_hours
from analyze.week.chart_data import build_charts
from analyze.week.finding_names import name_findings
from analyze.week.findings import WeekData, WeekFound, build_findings, claim_week, find_in_week, prepare_week
from analyze.week.intervals import (
    SECONDS_PER_HOUR,
    WeekScope,
    baseline_week_numbers,
    energy_meters,
    epoch_seconds,
    list_channels,
    period_weeks,
    pick,
    prepare_intervals,
    take_channels,
    take_window,
)
from analyze.week.refusals import unavailable
from analyze.week.summary import build_summary
from config.opening_hours import ASSUMED_SCHEDULE, Schedule
from config.site_file import IngestLimits
from config.thresholds import Thresholds
from lib.date_utils import Window, days_before

if TYPE_CHECKING:
    from analyze.meters.metering_points import NotCounted
    from config.tariff_model import SiteTariffs
    from lib.readings import QuarantinedChannel

DAYS_PER_WEEK = 7
# What quick wins are made from.
FINDINGS = ("sensorHealth", "afterHoursWaste", "anomalies")


class SiteContext(NamedTuple):
    """What is known of a site besides the energy of five weeks; without a part the sections that need it say so.

    `tariffs` is what it pays (`config.site_file`), `hourly` its history up to the period's end (`load_hourly`),
    `electrical` the electrical quantities of the period (`load_electrical`), `monthly` the energy of its channels by
    month (`load_monthly`), `resets` the intervals that quarantine holds for negative energy (`load_resets`),
    `weather` the outdoor temperature of baseline and period (`load_weather`),
    `site_hours` the site's mean power before the baseline weeks (`load_site_hours`),
    `intervals` the readings of baseline and period where they are prepared already (`prepare_intervals`),
    `year_before` the hours of the same weekdays a year before (`load_hourly`),
    `quarantined` the channels that validation does not trust (`list_quarantined`), `not_counted` those that are in no
    figure (`list_not_counted`), `open_questions` what validation asks of meters that may count twice,
    `limits` what a record can be at all (`config.site_file`).
    """

    site_id: int = 0
    tariffs: SiteTariffs | None = None
    hourly: pd.DataFrame | None = None
    electrical: pd.DataFrame | None = None
    monthly: pd.DataFrame | None = None
    floor_area_m2: float | None = None
    resets: pd.DataFrame | None = None
    weather: pd.DataFrame | None = None
    site_hours: pd.DataFrame | None = None
    intervals: pd.DataFrame | None = None
    quarantined: Sequence[dict[str, Any]] = ()
    not_counted: Sequence[dict[str, Any]] = ()
    open_questions: Sequence[dict[str, Any]] = ()
    year_before: pd.DataFrame | None = None
    limits: IngestLimits = IngestLimits()


class SiteWeek(NamedTuple):
    """The findings of one period, shaped as the weekly report holds them, and what they were made from."""

    period: Window
    baseline: Window
    baseline_weeks: int
    timezone: str
    data_resolution: str
    summary: dict[str, Any]
    sections: dict[str, Any]
    charts: dict[str, Any]
    consumption: dict[str, Any]
    data_quality: dict[str, Any]
    claims: pd.DataFrame
    data: WeekData
    found: WeekFound
    follow_up: dict[str, Any] | None = None  # `follow_up.follow_findings`, where the period is a week that is followed


def analyze_site_week(
    readings: pd.DataFrame,
    meters: pd.DataFrame,
    period: Window,
    baseline: Window,
    tz: ZoneInfo,
    config: Thresholds,
    schedule: Schedule = ASSUMED_SCHEDULE,
    context: SiteContext | None = None,
) -> SiteWeek:
    """Return everything that the analyses find in `period`.

    Parameters
    ----------
    readings
        Of `baseline` and `period`: `channel_id`, `interval_start` (UTC), `interval_s` [s], `energy_kwh`, `power_kw`
        (NaN is missing; missing intervals may also have no row). May be empty.
    meters
        All channels of the site: `channel_id`, `channel_name`, `parent_channel_id`, `is_energy_meter`, `interval_s`,
        `installed_at`, `uninstalled_at` (UTC or NaT).
    tz
        The site's zone: business hours, hours of the week and days are told on its wall clock.
    schedule
        The opening hours.
    context
        What is known besides.

    Returns
    -------
    SiteWeek
        `sections` holds the analyses, `summary` what needs attention and the quick wins' total, `claims`
        the savings by interval (`attribution.claim_savings`).
    """
    context = context or SiteContext()
    scope = WeekScope(energy_meters(meters), period, baseline, tz, config, schedule, context.limits)
    intervals = (
        prepare_intervals(readings, scope.meters, tz, schedule) if context.intervals is None else context.intervals
    )
    data = prepare_week(intervals, scope, context.tariffs, context.resets, context.weather)
    scope = data.scope
    found = find_in_week(data, scope)
    sections, claims = _find_sections(data, found, scope, context)
    covered = channel_completeness(data.intervals, scope.meters, scope.period)
    consumption = _measure_consumption(data, covered, scope, context)
    return SiteWeek(
        period=period,
        baseline=baseline,
        baseline_weeks=count_baseline_weeks(data.intervals, scope),
        timezone=str(tz),
        data_resolution=describe_resolution(scope.meters),
        summary=build_summary(
            sections, data.pricing.tariff.currency, consumption["totalKwh"], weeks=period_weeks(scope)
        ),
        sections=sections,
        charts=build_charts(sections, data.site, data.intervals, data.bad, scope),
        consumption=consumption,
        data_quality=_describe_quality(data, covered, scope, context, len(meters) - len(scope.meters)),
        claims=claims,
        data=data,
        found=found,
    )


def _find_sections(
    data: WeekData, found: WeekFound, scope: WeekScope, context: SiteContext
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return all sections, and the savings by interval that the quick wins are made of."""
    year, coverage = plan_year(scope, context.monthly), data.expectation.coverage
    sections = build_findings(data, found, scope, year)
    sections["afterHoursWaste"]["schedule"] = _hours_of_week(scope.schedule)
    sections["scheduleDisagreements"] = find_disagreements(data.clean, scope, coverage)
    findings = quick_wins.Findings(*(sections[name] for name in FINDINGS))
    claims = claim_week(data, found, findings.sensor_health, scope)
    sections["quickWins"] = quick_wins.build_section(
        claims, findings, found.closed, data.clean, coverage, scope, data.pricing, year
    )
    sections |= _context_sections(data, scope, context)
    name_findings(sections, scope)
    return sections, claims


def _measure_consumption(
    data: WeekData, covered: pd.DataFrame, scope: WeekScope, context: SiteContext
) -> dict[str, Any]:
    carbon = context.tariffs.carbon if context.tariffs else None
    consumption = build_consumption(data.site, data.gross, covered, data.valid, scope, data.pricing, carbon)
    add_earlier_weeks(consumption, data.site, context.year_before, scope)
    consumption["comparison"]["weatherMeters"] = sorted(data.expectation.weather_channels())
    consumption["mayCountTwice"] = bool(context.open_questions)
    return consumption


def _describe_quality(
    data: WeekData, covered: pd.DataFrame, scope: WeekScope, context: SiteContext, other_channels: int
) -> dict[str, Any]:
    return {
        **build_data_quality(data.intervals, data.bad, covered, scope, other_channels),
        "quarantinedChannels": list(context.quarantined),
        "notCounted": list(context.not_counted),
        "openQuestions": list(context.open_questions),
    }


def _hours_of_week(schedule: Schedule) -> dict[str, Any]:
    """Return the opening hours that the findings rest on: by weekday, in minutes since midnight."""
    return {"isAssumed": schedule.is_assumed, "week": [[list(span) for span in day] for day in schedule.week]}


def _context_sections(data: WeekData, scope: WeekScope, context: SiteContext) -> dict[str, Any]:
    """Return the sections that look beyond the energy of these weeks: what comes, what it costs, and supply."""
    clean, holidays = data.clean, data.pricing.holidays
    wrong = data.intervals[any_fault(data.bad)]
    clause = None if context.tariffs is None else context.tariffs.power_factor
    site_kwh = float(data.site.of_roots.rows["kwh"].sum())
    return {
        "loadFacts": build_load_facts(
            clean, scope, context.floor_area_m2, site_kwh, data.valid, clean_now=data.clean_now
        ),
        "electricalHealth": unavailable("not_loaded", "no electrical quantities were loaded", "electrical quantities")
        if context.electrical is None
        else check_electrical_health(_live(context.electrical, data), scope, clause),
        "forecast": unavailable("not_loaded", "no hourly history was loaded", "an hourly history")
        if context.hourly is None
        else forecast_hours(context.hourly, wrong, scope, context.site_id, _last_week_kwh(data, scope)),
        "costOptimization": unavailable("not_loaded", "no tariff was loaded", "a tariff")
        if context.tariffs is None
        else analyze_cost(
            data.site,
            scope,
            context.tariffs,
            holidays=holidays,
            history=context.site_hours,
            electrical=context.electrical,
        ),
    }


def _last_week_kwh(data: WeekData, scope: WeekScope) -> float:
    """Return the energy of the seven local days before the period's end, by the meters of its total.

    As the hourly history has it, which the forecast rests on: of a meter with a register of export what it imported.
    """
    week = Window(days_before(scope.period.end, DAYS_PER_WEEK, scope.tz), scope.period.end)
    own = data.site.of_roots.rows
    if week != scope.period:
        own = take_channels(take_window(data.site.best.rows, week), data.site.roots)
    return float(own["kwh"].sum() + (own["exported_kwh"].sum() if "exported_kwh" in own else 0.0))


def _live(electrical: pd.DataFrame, data: WeekData) -> pd.DataFrame:
    """Return the electrical readings without those of a frozen meter: its voltage stands still as its power does."""
    if not data.bad["stuck"].any():
        return electrical
    frozen = data.intervals[data.bad["stuck"]]
    key = pd.MultiIndex.from_frame(electrical[["channel_id", "interval_start"]])
    return electrical[~key.isin(pd.MultiIndex.from_frame(frozen[["channel_id", "interval_start"]]))]


def count_baseline_weeks(intervals: pd.DataFrame, scope: WeekScope) -> int:
    """Return in how many of the weeks before the period there is any reading."""
    numbers = baseline_week_numbers(intervals, scope)
    return len(set(numbers[numbers >= 0].tolist()))


def describe_resolution(meters: pd.DataFrame) -> str:
    """Return the interval that most energy meters have, as ``900s (15min)``."""
    interval_s = pd.to_numeric(energy_meters(meters)["interval_s"]).dropna()
    if interval_s.empty:
        return "unknown"
    seconds = int(interval_s.mode().iloc[0])
    return f"{seconds}s ({seconds / 60:g}min)"


def list_quarantined(quarantined: Sequence[QuarantinedChannel], *, are_left_out: bool) -> list[dict[str, Any]]:
    """Return the channels that validation does not trust, as the report's data quality names them."""
    return [
        {
            "channelId": channel.channel_id,
            "channelName": channel.channel_name,
            "checks": channel.checks,
            "reason": channel.reason,
            "hint": channel.hint,
            "energySharePct": channel.energy_share_pct and round(channel.energy_share_pct, 1),
            "since": channel.since.isoformat(timespec="seconds"),
            "isLeftOut": are_left_out,
        }
        for channel in quarantined
    ]


def list_not_counted(channels: Sequence[NotCounted]) -> list[dict[str, Any]]:
    """Return the channels that are in no figure, and why, as the report's data quality names them."""
    return [
        {
            "channelId": channel.channel_id,
            "channelName": channel.channel_name,
            "reason": str(channel.reason),
            "countedBy": channel.counted_by,
        }
        for channel in channels
    ]


def baseline_before(period: Window, tz: ZoneInfo, config: Thresholds) -> Window:
    """Return the whole local weeks before `period` that say what is usual."""
    return Window(days_before(period.start, DAYS_PER_WEEK * config.baseline.weeks, tz), period.start)


def leave_out(frame: pd.DataFrame, channel_ids: list[int]) -> pd.DataFrame:
    """Return the rows of `frame` that are about none of these channels."""
    return frame[~frame["channel_id"].isin(channel_ids)] if channel_ids else frame


def root_meters(readings: pd.DataFrame, meters: pd.DataFrame, period: Window) -> list[int]:
    """Return the meters that the site's total of the period is made of (`find_roots`), for its history too.

    Where none has readings in the period, the topmost of those that have any.
    """
    has_value = np.logical_or(*(~np.isnan(readings[name].to_numpy(dtype=float)) for name in ("energy_kwh", "power_kw")))
    start_s = readings["epoch_s"] if "epoch_s" in readings else epoch_seconds(readings["interval_start"])
    in_period = (start_s >= period.start.timestamp()) & (start_s < period.end.timestamp())
    own = pick(readings, np.asarray(has_value & in_period), ("channel_id", "interval_s"))
    rows = pick(readings, has_value, ("channel_id",)) if own.empty else own
    reporting = set(list_channels(rows))
    if own.empty:
        return sorted(set(root_of_channels(meters, reporting).values()) & reporting)
    return sorted(find_roots(own.assign(hours=own["interval_s"] / SECONDS_PER_HOUR), energy_meters(meters)) & reporting)
