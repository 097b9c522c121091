"""What is found in a site's week, in the order in which it depends on each other. Pure.

First the meters: what one got wrong is left out. Then what is usual, then what is not, and at last which finding may
claim which kilowatt-hour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from analyze.expected.best_energy import BestEnergy, find_best_energy
from analyze.expected.closed_runs import Pattern
from analyze.expected.closed_use import ClosedUse, Known, find_closed_use
from analyze.expected.model import Expectation, expect_load
from analyze.expected.steps import LevelChange, find_level_changes
from analyze.meters.bad_intervals import any_fault, find_bad_intervals
from analyze.meters.channel_kinds import allow_export, settle_kinds, show_load
from analyze.meters.meter_tree import parents_of
from analyze.money.annual import Year
from analyze.money.attribution import claim_savings
from analyze.money.excess import measure_excess
from analyze.money.gross_use import measure_gross
from analyze.money.pricing import Pricing, price_site, set_rates
from analyze.money.repairs import broken_meters
from analyze.money.site_demand import MAX_LEFT_OUT_SHARE_PCT, SiteDemand, sum_site_demand
from analyze.sections import after_hours, anomalies, sensors, spikes
from analyze.week.intervals import WeekScope, prepare_intervals, take_window
from config.opening_hours import list_holidays
from lib.date_utils import Window

if TYPE_CHECKING:
    from config.tariff_model import SiteTariffs


_LEFT_ON = (Pattern.NEW, Pattern.ONCE)
_LEFT_ON_SHARE = 0.5  # of what a level rose by, from which on it rose because something was left on


class WeekData(NamedTuple):
    """The intervals of baseline and period, and what the site as a whole draws and pays.

    `scope` knows what each channel is (`settle_kinds`). `bad` says why an interval should not be believed
    (`find_bad_intervals`); `valid` are the others, `clean` what they show of what is used (`show_load`), with their
    rate, `clean_now` those of the period, cut once for all that look at nothing else, and `expectation` is what `clean`
    should have been (`expect_load`). `resets` are the intervals that quarantine
    holds; `site` has the best that is known of all (`find_best_energy`), and `gross` what the site uses with its own
    generation (`measure_gross`).
    """

    scope: WeekScope

    intervals: pd.DataFrame
    bad: pd.DataFrame
    valid: pd.DataFrame
    clean: pd.DataFrame
    clean_now: pd.DataFrame
    resets: pd.DataFrame
    site: SiteDemand
    gross: BestEnergy | None
    pricing: Pricing
    expectation: Expectation


class WeekFound(NamedTuple):
    """What the sections and the claims are both made from; each as the function of its name gives it."""

    closed: ClosedUse
    changes: list[LevelChange]
    anomalies: pd.DataFrame
    spikes: pd.DataFrame


def prepare_week(
    intervals: pd.DataFrame,
    scope: WeekScope,
    tariffs: SiteTariffs | None,
    resets: pd.DataFrame | None,
    weather: pd.DataFrame | None = None,
) -> WeekData:
    """Sort out which of the `intervals` (`prepare_intervals`) a meter got wrong, and price the others."""
    schedule, meters, tz, config = scope.schedule, scope.meters, scope.tz, scope.config
    intervals = take_window(intervals, Window(scope.baseline.start, scope.period.end))
    scope = scope._replace(meters=settle_kinds(meters, intervals))
    bad = allow_export(find_bad_intervals(intervals, config, scope.limits), intervals, scope.meters)
    valid = intervals[~any_fault(bad)]
    resets = intervals.iloc[:0] if resets is None or resets.empty else prepare_intervals(resets, meters, tz)
    years = range(scope.baseline.start.year - 1, scope.period.end.year + 2)
    expectation = expect_load(valid, scope, weather)
    site = sum_site_demand(find_best_energy(intervals, bad, expectation, scope), scope)
    pricing = price_site(site.energy, scope, tariffs, list_holidays(schedule, years))
    load = show_load(valid, scope.meters)
    if load is not valid:
        expectation = expect_load(load, scope, weather)
    gross = measure_gross(site, scope, weather)
    clean = set_rates(load, pricing, scope)
    clean_now = take_window(clean, scope.period)
    return WeekData(scope, intervals, bad, valid, clean, clean_now, resets, site, gross, pricing, expectation)


def find_in_week(data: WeekData, scope: WeekScope) -> WeekFound:
    """Say of the valid intervals what is not as expected, and what runs while the site is closed."""
    clean, expectation = data.clean, data.expectation
    changes, shifts = find_level_changes(expectation, scope)
    closed = find_closed_use(expectation, scope, _what_is_known(changes, scope))
    found = anomalies.find_anomalies(expectation, shifts, clean, scope)
    left_kwh = closed.channels["counted_kwh"].where(closed.channels["pattern"].isin(_LEFT_ON), 0.0)
    return WeekFound(
        closed=closed,
        changes=[change for change in changes if not _is_left_on(change, left_kwh)],
        anomalies=anomalies.join_runs(found, closed, clean),
        spikes=spikes.find_spikes(expectation, clean, scope, min_power_kw=scope.config.spikes.min_power_kw),
    )


def _is_left_on(change: LevelChange, left_kwh: pd.Series) -> bool:
    """Return whether a level rose because something was left on while closed: one event is told once."""
    return bool(left_kwh.get(change.channel_id, 0.0) >= _LEFT_ON_SHARE * abs(change.excess_kwh) > 0)


def _what_is_known(changes: list[LevelChange], scope: WeekScope) -> Known:
    meters = scope.meters
    needed = meters.loc[meters["must_run"].astype(bool), "channel_id"] if "must_run" in meters else ()
    return Known({change.channel_id for change in changes}, set(needed), set(parents_of(meters).values()))


def build_findings(data: WeekData, found: WeekFound, scope: WeekScope, year: Year) -> dict[str, Any]:
    """Return the sections that name what is wrong with a meter, or in the building; `year` is the one ahead."""
    clean, expectation = data.clean, data.expectation
    site_power, demand = spikes.sum_site_power(clean, scope, expectation.coverage), data.site.demand
    if data.site.left_out_pct > MAX_LEFT_OUT_SHARE_PCT:  # what is left is not the site
        demand = demand.iloc[:0]
    unusual = anomalies.build_section(found.anomalies, found.changes, expectation, clean, scope)
    peaks = spikes.build_section(found.spikes, site_power, expectation, clean, scope, demand)
    spikes.note_longer_events(peaks["topSpikes"], unusual["timeline"])
    return {
        "sensorHealth": sensors.build_section(data.intervals, data.bad, scope, data.resets, clean),
        "afterHoursWaste": after_hours.build_section(found.closed, data.clean_now, expectation.coverage, scope, year),
        "anomalies": unusual,
        "spikes": peaks,
    }


def claim_week(data: WeekData, found: WeekFound, health: dict[str, Any], scope: WeekScope) -> pd.DataFrame:
    """Return the savings by interval, each kilowatt-hour claimed once (`claim_savings`)."""
    excess = measure_excess(data.clean_now, found.closed, found.anomalies, data.expectation, scope)
    claims = claim_savings(data.intervals, data.clean_now, excess, broken_meters(health), scope)
    return claims.assign(is_weather_alike=data.expectation.rows["is_weather_alike"].reindex(claims.index))
