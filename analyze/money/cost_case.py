"""One period of a site, ready to be priced: or the reason why it cannot be. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

import pandas as pd

from analyze.money.demand_analysis import DemandCase
from analyze.money.demand_charges import MonthPeak, higher_peaks, monthly_peaks
from analyze.money.reactive import add_reactive
from analyze.money.site_demand import MAX_LEFT_OUT_SHARE_PCT, SiteDemand, bound_demand, mean_demand, site_frame
from analyze.money.tariff_time import Spans, as_spans, find_cells, unnamed_years
from analyze.week.intervals import SECONDS_PER_HOUR, WeekScope, in_window, period_weeks
from analyze.week.refusals import day_after, unavailable
from config.tariff_model import DEFAULT_DEMAND_INTERVAL_S, SiteTariffs, Tariff
from lib.states import CostNote

HOURS_PER_MONTH = 365.25 * 24 / 12  # 730.5


class CostCase(NamedTuple):
    """One period of a site, ready to be priced.

    `site` holds the energy and `demand` the steps that tell it, of all that is known; `period` and `demand_case` those
    of the period. `flat` and `tou` are the two sides of the comparison, `own` and `other` the site's tariff and the one
    beside it; without one both sides are the site's own. `month` is a day of the calendar month whose rates are taken,
    and `scale` makes the period's energy that of a month. `history` is the demand by the hour before `demand` begins,
    which only a ratchet looks at. `is_month` tells that the period is a calendar month.
    """

    site: pd.DataFrame
    period: pd.DataFrame
    demand: pd.DataFrame
    flat: Spans
    tou: Spans
    own: Tariff
    other: Tariff | None
    demand_case: DemandCase
    month: date
    scale: float
    holidays: Collection[date]
    history: pd.DataFrame
    is_month: bool


def prepare_case(
    site: SiteDemand,
    scope: WeekScope,
    tariffs: SiteTariffs,
    holidays: Collection[date],
    history: pd.DataFrame | None = None,
    electrical: pd.DataFrame | None = None,
) -> CostCase:
    """Return the case of `scope.period`; `why_not` must have found nothing. The others are those of `analyze_cost`."""
    middle = scope.period.start + (scope.period.end - scope.period.start) / 2
    last = (scope.period.end - timedelta(microseconds=1)).astimezone(scope.tz).date()
    own, other = tariffs.tariff_on(last), tariffs.compare_with
    assert own is not None, "why_not lets no site without a tariff pass"
    sides = (tariffs.current, as_spans(other) if other else tariffs.current)
    flat, tou = sides if own.is_flat else sides[::-1]
    tou = tuple(span for span in tou if span.first is None or span.first <= last)
    charged = own if own.demand else other if other and other.demand else None
    interval_s = charged.demand_interval_s if charged else DEFAULT_DEMAND_INTERVAL_S
    demand = bound_demand(mean_demand(site.demand, interval_s, scope), interval_s)
    if electrical is not None and any(span.tariff.reactive_per_kvar for span in tariffs.current):
        demand = add_reactive(demand, electrical, site.of_roots)
    period, rows = (frame[in_window(frame, scope.period)] for frame in (site.energy, demand))
    billed = dict(tariffs.billed_peaks_kw)
    hours = demand_before(history, site.energy, scope)
    peaks = _peaks(charged, [frame for frame in (demand, hours) if len(frame)], holidays, billed) if charged else {}
    cells = find_cells(rows, charged or own, holidays)
    month = middle.astimezone(scope.tz).date()
    case = DemandCase(rows, cells, charged, f"{month:%Y-%m}", peaks)
    scale = month_hours(scope) / float(period["hours"].sum())
    return CostCase(
        site.energy,
        period,
        demand,
        flat,
        tou,
        own,
        other,
        case,
        month,
        scale,
        holidays,
        hours,
        is_calendar_month(scope),
    )


def is_calendar_month(scope: WeekScope) -> bool:
    """Return whether the period is a calendar month of the site, and so stands for itself."""
    first, end = (moment.astimezone(scope.tz) for moment in scope.period)
    starts = all((moment.day, moment.hour, moment.minute) == (1, 0, 0) for moment in (first, end))
    return starts and (end.year - first.year) * 12 + end.month - first.month == 1


def month_hours(scope: WeekScope) -> float:
    """Return the hours of the month that monthly figures are of: the period's own, or an average one's."""
    if is_calendar_month(scope):
        return (scope.period.end - scope.period.start).total_seconds() / SECONDS_PER_HOUR
    return HOURS_PER_MONTH


def _peaks(
    charged: Tariff, frames: Sequence[pd.DataFrame], holidays: Collection[date], billed_kw: dict[str, float]
) -> dict[str, dict[str, MonthPeak]]:
    """Return each demand charge's highest demand [kW] by month."""
    return {
        one.name: higher_peaks(*(monthly_peaks(frame, charged, one, holidays, billed_kw) for frame in frames))
        for one in charged.demand
    }


def demand_before(history: pd.DataFrame | None, site: pd.DataFrame, scope: WeekScope) -> pd.DataFrame:
    """Return the hours of `history` before the intervals begin, as a frame of the site's demand."""
    if history is None or history.empty:
        return site.iloc[:0]
    rows = history[history["epoch_s"] < site["epoch_s"].min()]
    return site_frame(rows["epoch_s"].to_numpy(), rows["mean_kw"].to_numpy(), SECONDS_PER_HOUR, scope)


def why_not(site: SiteDemand, scope: WeekScope, tariffs: SiteTariffs) -> dict[str, Any] | None:
    """Return the refusal of a period that cannot be priced (`refusals.unavailable`), or None."""
    return _why_no_demand(site, scope) or _why_no_tariff(scope, tariffs)


def _why_no_demand(site: SiteDemand, scope: WeekScope) -> dict[str, Any] | None:
    if site.left_out_pct > MAX_LEFT_OUT_SHARE_PCT:
        names = ", ".join(entry["channelName"] for entry in site.left_out)
        reason = (
            f"{names} did not report enough of the period, and usually make up {site.left_out_pct:.1f} % of the site's "
            f"energy; a bill can do without {MAX_LEFT_OUT_SHARE_PCT:.0f} % at most"
        )
        return unavailable("main_meters_missing", reason, f"readings of {names}")
    if not site.roots:
        reason = "no meter has reported enough of the period to make up the site's total"
        return unavailable("no_total", reason, "readings of the main meters")
    pct, floor = coverage_pct(site.demand, scope), scope.config.baseline.min_completeness_pct
    if pct < floor:
        reason = f"valid readings of the main meters cover {pct:.1f} % of the period; {floor:.0f} % is needed"
        later = day_after(scope.period.end, (scope.period.end - scope.period.start).total_seconds() / 86_400, scope.tz)
        return unavailable("low_coverage", reason, f"a period of which {floor:.0f} % is covered", later)
    if not site.energy.loc[in_window(site.energy, scope.period), "used_kwh"].any():
        return unavailable("no_energy", "the site used no energy in the period", "energy to price")
    return None


def _why_no_tariff(scope: WeekScope, tariffs: SiteTariffs) -> dict[str, Any] | None:
    first = scope.period.start.astimezone(scope.tz).date()
    last = (scope.period.end - timedelta(microseconds=1)).astimezone(scope.tz).date()
    day = first
    while day <= last:
        if tariffs.tariff_on(day) is None:
            reason = f"no tariff of the site holds on {day}; add one to [tariff] in the site's file"
            return unavailable("no_tariff", reason, f"the site's tariff of {day}")
        day += timedelta(days=1)
    other = tariffs.compare_with
    if other is None:
        return None
    if (other.valid_from and first < other.valid_from) or (other.valid_to and last > other.valid_to):
        reason = f"the tariff to compare with, {other.name}, does not hold on all days from {first} to {last}"
        return unavailable("comparison_not_valid", reason, "a tariff to compare with that holds on these days")
    return None


def coverage_pct(site: pd.DataFrame, scope: WeekScope) -> float:
    """Return how much of the period the site's intervals cover, 0–100."""
    hours = float(site.loc[in_window(site, scope.period), "hours"].sum())
    return 100 * hours * 3600 / (scope.period.end - scope.period.start).total_seconds()


def _metered_pct(site: pd.DataFrame, scope: WeekScope) -> float:
    """Return how much of the period is metered, by the share of the site's usual energy, 0–100."""
    own = site[in_window(site, scope.period)]
    hours = float((own["hours"] * own["covered_ratio"]).sum())
    return 100 * hours * SECONDS_PER_HOUR / (scope.period.end - scope.period.start).total_seconds()


def _valid_demand_pct(site: SiteDemand, scope: WeekScope) -> float:
    """Return how much of the period all of its meters cover with valid readings, 0–100."""
    return coverage_pct(site.demand[~site.demand["is_estimated"]], scope)


def describe_basis(case: CostCase, site: SiteDemand, scope: WeekScope, tariffs: SiteTariffs) -> dict[str, Any]:
    """Return how the figures were come by: tariffs, coverage, methods, and what they do not know."""
    charged, unlisted = case.demand_case.tariff, _unlisted_holidays(case)
    return {
        "tariffs": {
            "current": case.own.name,
            "compared_with": case.other.name if case.other else None,
            "flat": case.flat[-1].tariff.name,
            "time_of_use": case.tou[-1].tariff.name,
            "demand": charged.name if charged else None,
            "is_assumed": tariffs.is_assumed,
            "is_comparison_assumed": case.other is not None and case.other.is_assumption,
            "sources": {tariff.name: tariff.source for tariff in (case.own, case.other) if tariff},
        },
        "currency": case.own.currency,
        "rates_of_month": f"{case.month:%Y-%m}",
        "interval_minutes": round(int(case.period["interval_s"].iloc[0]) / 60, 2),
        "demand_interval_minutes": round(int(case.demand_case.rows["interval_s"].iloc[0]) / 60, 2),
        "covered_hours": round(float(case.period["hours"].sum()), 2),
        "coverage_pct": round(_metered_pct(case.site, scope), 1),
        "demand_coverage_pct": round(_valid_demand_pct(site, scope), 1),
        "estimated_kwh": round(float(case.period["estimated_kwh"].sum()), 3),
        "is_at_least": site.is_at_least,
        "monthly_method": "calendar_month" if is_calendar_month(scope) else "covered_hours",
        "monthly_scale": round(case.scale, 4),
        "annual_method": "same_load_each_month",
        "left_out_meters": site.left_out,
        "peaks_known_from": _peaks_known_from(case),
        "notes": _notes(case, site, scope, tariffs),
    } | ({"holidays_unlisted": unlisted} if unlisted else {})


def _notes(case: CostCase, site: SiteDemand, scope: WeekScope, tariffs: SiteTariffs) -> list[dict[str, Any]]:
    """Return on what the figures rest: a `code` each, with what belongs to it."""
    notes = [*_tariff_notes(case, tariffs), *_holiday_notes(case)]
    if period_weeks(scope) < 1:
        notes.append(_note(CostNote.SHORT))
    notes += [
        _note(CostNote.SCALE, scale=None if is_calendar_month(scope) else round(case.scale, 4)),
        _note(CostNote.YEAR),
        _note(CostNote.PEAK, validPct=round(_valid_demand_pct(site, scope), 1)),
        _note(CostNote.EXCLUDED),
        *_ratchet_notes(case),
    ]
    if site.left_out:
        names = [entry["channelName"] for entry in site.left_out]
        notes.append(_note(CostNote.LEFT_OUT, meters=names, pct=round(site.left_out_pct, 1)))
    elif site.is_at_least:
        notes.append(_note(CostNote.AT_LEAST))
    return notes


def _note(code: CostNote, **facts: Any) -> dict[str, Any]:
    return {"code": str(code), **facts}


def _tariff_notes(case: CostCase, tariffs: SiteTariffs) -> list[dict[str, Any]]:
    if tariffs.is_assumed:
        return [_note(CostNote.TARIFF_ASSUMED, tariff=case.own.name)]
    if case.other is None:
        return [_note(CostNote.NOT_COMPARED, tariff=case.own.name, currency=case.own.currency)]
    return [_note(CostNote.OTHER_ASSUMED, tariff=case.other.name)] if case.other.is_assumption else []


def _holiday_notes(case: CostCase) -> list[dict[str, Any]]:
    """Return by which days the holidays that no tariff lists are billed: the site's, or none."""
    known = {day.year for day in case.holidays}
    return [_note(CostNote.HOLIDAYS, **each, isOfSite=each["year"] in known) for each in _unlisted_holidays(case)]


def _unlisted_holidays(case: CostCase) -> list[dict[str, Any]]:
    """Return the years of the period that a tariff's list of holidays does not name."""
    years = {int(year) for year in pd.DatetimeIndex(case.period["local_time"]).year.unique()}
    tariffs = [case.own] if case.other is None else [case.own, case.other]
    return [{"tariff": tariff.name, "year": year} for tariff in tariffs for year in unnamed_years(tariff, years)]


def _ratchet_notes(case: CostCase) -> list[dict[str, Any]]:
    notes = [
        _note(
            CostNote.RATCHET_MONTHS,
            charge=line.charge.name,
            monthsNeeded=line.months_needed,
            monthsKnown=line.months_known,
        )
        for line in case.demand_case.lines()
        if line.months_known < line.months_needed
    ]
    first = _peaks_known_from(case)
    return [*notes, _note(CostNote.RATCHET_HOURS, before=first)] if first else notes


def _peaks_known_from(case: CostCase) -> str | None:
    """Return the local day before which a ratchet knows the means of hours alone; None where it looks back on none."""
    return str(case.demand["local_time"].iloc[0].date()) if len(case.history) else None
