"""Every threshold of the analyses, in groups: ``[thresholds.<group>]`` of ``config/sites/<id>.toml``.

The unit stands in the name; what a threshold means and where its default comes from stand beside it. A source of
"contract" marks values that readers of the weekly report already know, "measured" those of docs/accuracy.md.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from config.strict_toml import Table, about

CONTRACT = "contract"
MEASURED = "measured, docs/accuracy.md"


def amount(meaning: str, source: str = "") -> msgspec.Meta:
    """Return what is said of a number of 0 or more."""
    return about(meaning, source, ge=0)


def positive(meaning: str, source: str = "") -> msgspec.Meta:
    """Return what is said of a number above 0."""
    return about(meaning, source, gt=0)


def share(meaning: str, source: str = "") -> msgspec.Meta:
    """Return what is said of a share, 0 to 1."""
    return about(meaning, source, ge=0, le=1)


def percent(meaning: str, source: str = "") -> msgspec.Meta:
    """Return what is said of a percentage, 0 to 100."""
    return about(meaning, source, ge=0, le=100)


def count(meaning: str, source: str = "", low: int = 1, high: int = 10_000) -> msgspec.Meta:
    """Return what is said of a whole number."""
    return about(meaning, source, ge=low, le=high)


class BaselineThresholds(Table, frozen=True):
    """The weeks before the report that say what is usual."""

    weeks: Annotated[int, count("Weeks before the report", CONTRACT, 1, 52)] = 4
    min_completeness_pct: Annotated[float, percent("A channel with less data is not compared", CONTRACT)] = 70.0


class ListThresholds(Table, frozen=True):
    """Lists in the report."""

    max_findings: Annotated[int, count("Findings in one list; the sums beside it hold all", CONTRACT)] = 20


class AfterHoursThresholds(Table, frozen=True):
    """Use while the site is closed, against what a channel draws when it is off."""

    min_power_kw: Annotated[float, amount("Power from which a channel counts as on", CONTRACT)] = 0.1
    min_excess_kwh: Annotated[float, amount("Excess of a week that is told", CONTRACT)] = 10.0


class LearnedHoursThresholds(Table, frozen=True):
    """Operating hours learned from a load, and when they contradict the declared ones."""

    min_days: Annotated[int, count("Full days of a weekday")] = 2
    min_run_hours: Annotated[float, amount("A shorter block of the day is an event, not a day's work")] = 2.0
    min_swing_ratio: Annotated[float, share("Of the plateau; below it day and night are too alike")] = 0.25
    max_spread_min: Annotated[float, amount("Median deviation of a weekday's starts and ends [minutes]")] = 45.0
    disagreement_min: Annotated[int, count("Minutes from which learned and declared hours differ", "", 0, 1440)] = 60
    disagreement_weekdays: Annotated[int, count("Weekdays on which they have to differ", "", 1, 7)] = 3


class AnomalyThresholds(Table, frozen=True):
    """Hours above or below what is usual for them."""

    min_intervals: Annotated[int, count("Intervals in a row", CONTRACT)] = 3
    min_excess_kwh: Annotated[float, amount("Excess of one event", CONTRACT)] = 5.0
    high_excess_kwh: Annotated[float, amount("Excess from which an event is 'high'", CONTRACT)] = 20.0
    high_actual_ratio: Annotated[float, amount("... and times the expected energy", CONTRACT)] = 2.0
    medium_excess_kwh: Annotated[float, amount("Excess from which an event is 'medium'", CONTRACT)] = 10.0
    medium_day_share: Annotated[float, amount("... or this share of a usual day")] = 0.2
    low_medium_day_share: Annotated[float, amount("The same for events below usual, which cost nothing")] = 0.3
    min_scales: Annotated[float, amount("Scales above what is expected", MEASURED)] = 3.0
    min_ratio: Annotated[float, amount("... and this share of the expected power", MEASURED)] = 0.25
    novelty_ratio: Annotated[float, amount("Times the largest of the weeks before", MEASURED)] = 2.0
    low_novelty_ratio: Annotated[float, amount("The same below usual; a load seldom falls by chance", MEASURED)] = 1.5
    min_hours: Annotated[float, amount("Shortest event; three intervals of 15 minutes", CONTRACT)] = 0.75
    max_break_intervals: Annotated[int, count("Intervals between two parts of one event", "", 0)] = 2
    max_break_minutes: Annotated[float, amount("Minutes between two parts of one event")] = 30.0
    score_threshold: Annotated[float, share("Score (--scores) that an anomaly keeps up", MEASURED)] = 0.445
    score_min_hours: Annotated[float, amount("... for so long: most of a night, or of a working day", MEASURED)] = 9.0
    score_alone: Annotated[float, share("Score from which a shorter one is anomalous too", MEASURED)] = 0.55


class StepThresholds(Table, frozen=True):
    """A level that changed for good."""

    min_scales: Annotated[float, amount("Robust deviations of daily levels")] = 4.0
    min_ratio: Annotated[float, amount("Share of the level before")] = 0.15
    min_days: Annotated[int, count("Whole days up to the period's end; younger changes are still events")] = 3


class ExpectedThresholds(Table, frozen=True):
    """The expected load and its temperature."""

    min_coverage_pct: Annotated[float, percent("Of the baseline", "CalTRACK 2.0, 2.2")] = 90.0
    min_days: Annotated[float, amount("Baseline days; two weeks are the least that can be left out by turns")] = 14.0
    temperature_min_gain_pct: Annotated[float, percent("Less error than the plain profile, or no temperature")] = 5.0


class SpikeThresholds(Table, frozen=True):
    """Short peaks far above the usual ones."""

    p95_multiplier: Annotated[float, amount("Times the usual peak", CONTRACT)] = 1.5
    min_power_kw: Annotated[float, amount("Smallest spike of a channel", CONTRACT)] = 5.0
    min_site_power_kw: Annotated[float, amount("Smallest spike of the site", CONTRACT)] = 20.0
    tall_ratio: Annotated[
        float, amount("Times the 95th percentile of the channel's demand: told wherever it falls", MEASURED)
    ] = 2.0
    max_hours: Annotated[float, amount("Longer than this it is marked as sustained")] = 1.0


class SensorThresholds(Table, frozen=True):
    """Missing, late, flat, stuck and zero readings, as of the report's end."""

    gap_min_intervals: Annotated[int, count("A gap is longer than this", CONTRACT)] = 2
    gap_medium_after_hours: Annotated[float, amount("From here on a gap is 'medium': it can hide an event")] = 6.0
    stale_after_hours: Annotated[float, amount("Silent for longer is late", CONTRACT)] = 2.0
    stale_high_after_hours: Annotated[float, amount("... and from here on 'high'", CONTRACT)] = 24.0
    missing_max_pct: Annotated[float, percent("Missing intervals of the period", CONTRACT)] = 10.0
    flat_min_hours: Annotated[float, amount("Shortest flat line", CONTRACT)] = 6.0
    flat_max_variance_kw2: Annotated[float, amount("Variance of a flat line", CONTRACT)] = 0.01
    flat_min_steadier_ratio: Annotated[
        float, amount("Times steadier than nine tenths of the channel's own windows of that length")
    ] = 10.0
    flat_medium_after_hours: Annotated[float, amount("From here on a flat line is 'medium'")] = 24.0
    stuck_tolerance_ratio: Annotated[
        float, amount("Stuck: values alike to this share; a live measurement never repeats to the sixth digit")
    ] = 1e-6
    stuck_min_power_kw: Annotated[float, amount("Stuck: above what an idle current transformer may show")] = 0.01
    stuck_recurring_runs: Annotated[
        int, count("This many equal runs are a coarse meter at its standby level, not a stuck one")
    ] = 4
    stuck_max_repeat_ratio: Annotated[
        float,
        share("A meter that repeats this share of its values by nature is not stuck ...", "an office, 2 kW steps"),
    ] = 0.05
    stuck_longer_ratio: Annotated[
        float, amount("... unless the run lasts this many times as long as usual", MEASURED)
    ] = 3.0
    interpolated_min_hours: Annotated[
        float, amount("Shortest straight line between two values, as a logger fills a gap", "measured on 72 meters")
    ] = 3.0
    zero_min_floor_ratio: Annotated[
        float, amount("Zero is a fault where the lowest hundredth lies above this share of the median", MEASURED)
    ] = 0.1
    zero_max_runs: Annotated[int, count("... and it happened no more often than this", MEASURED, 0)] = 2
    zero_min_live_hours: Annotated[
        float, amount("Hours that say how a load rests; a seasonal one then has its weekend", "a week")
    ] = 168.0
    catch_up_min_ratio: Annotated[
        float, amount("Energy above this many times what its own power gives was caught up after an outage")
    ] = 3.0
    catch_up_min_energy_kwh: Annotated[float, amount("Below it a ratio compares rounding errors")] = 0.1


class MeterThresholds(Table, frozen=True):
    """Phases, registers, sums and base load of a meter."""

    phase_min_power_kw: Annotated[float, amount("Below it a clamp's own error counts", "1 % of 100 A at 120 V")] = 0.3
    phase_missing_ratio: Annotated[float, amount("Missing: of the mean of the other two phases")] = 0.02
    phase_reversed_ratio: Annotated[float, amount("Reversed: of the mean of the other two phases")] = 0.2
    phase_usual_min_ratio: Annotated[float, amount("A phase that carries less is not in regular use")] = 0.2
    phase_imbalance_max_pct: Annotated[
        float, amount("Beyond half of the mean one phase carries twice another; no standard limits a panel")
    ] = 50.0
    register_max_drift_pct: Annotated[
        float, amount("Energy against mean power × hours", "IEC 62053-21, class 1, and sampling")
    ] = 5.0
    drift_min_days: Annotated[int, count("What lasts for fewer days may be one event")] = 3
    sum_max_excess_pct: Annotated[
        float, amount("Sub-meters above their main", "class 1 on both sides, IEC 62053-21 and IEC 61869-2")
    ] = 5.0
    sum_max_shift_pct: Annotated[float, amount("Change of the sub-meters' share of their main")] = 15.0
    base_step_min_ratio: Annotated[float, amount("Base load outside all baseline days by this share")] = 0.25
    base_step_min_kw: Annotated[float, amount("... and by this power")] = 0.5
    base_step_min_baseline_days: Annotated[int, count("Two weeks hold weekends")] = 14
    quantised_max_steps: Annotated[float, amount("With fewer pulses an interval each is a tenth of the value")] = 10.0
    quantised_tolerance_steps: Annotated[float, amount("How far a value may lie from a whole pulse")] = 0.02
    quantised_min_intervals: Annotated[int, count("Intervals that are looked at")] = 96


class ElectricalThresholds(Table, frozen=True):
    """Voltage, balance, frequency, harmonics and power factor."""

    nominal_voltage_v: Annotated[float, amount("Nominal voltage; 0 takes the usual one nearest to the median")] = 0.0
    voltage_band_pct: Annotated[float, positive("Around 120 V and the like", "ANSI C84.1-2020, service, range A")] = 5.0
    voltage_severe_low_pct: Annotated[float, positive("110 of 120 V", "ANSI C84.1-2020, service, range B")] = 8.3
    voltage_severe_high_pct: Annotated[float, positive("127 of 120 V", "ANSI C84.1-2020, service, range B")] = 5.8
    voltage_band_50hz_pct: Annotated[float, positive("Around 230 V, for 95 % of the week", "EN 50160")] = 10.0
    voltage_imbalance_max_pct: Annotated[float, positive("Motors are derated above it", "NEMA MG-1 14.36")] = 1.0
    voltage_imbalance_severe_pct: Annotated[
        float, positive("About 5 % less motor load allowed", "NEMA MG-1, figure 14-1")
    ] = 2.0
    frequency_band_hz: Annotated[float, positive("Around 60 or 50 Hz", CONTRACT)] = 0.05
    frequency_severe_hz: Annotated[float, positive("1 % of 50 Hz; load shedding starts near it", "EN 50160")] = 0.5
    min_load_share: Annotated[
        float, share("Of the period's peak; distortion and balance at a light load harm nothing")
    ] = 0.4
    min_power_kw: Annotated[float, amount("Smaller loads are not worth a capacitor or a filter")] = 1.0
    thd_current_max_pct: Annotated[float, positive("For the weakest supply (TDD)", "IEEE 519-2022, table 2")] = 5.0
    thd_current_severe_pct: Annotated[
        float, positive("For a supply of 20 to 50 times the load", "IEEE 519-2022, table 2")
    ] = 8.0
    neutral_current_max_pct: Annotated[float, positive("Of the phases' mean", CONTRACT)] = 20.0
    neutral_current_severe_pct: Annotated[float, positive("As much as a phase, the usual size of a neutral")] = 100.0
    current_imbalance_max_pct: Annotated[float, positive("Motors want 10 %, but panels carry single-phase loads")] = (
        30.0
    )
    current_imbalance_severe_pct: Annotated[float, positive("One phase carries twice the mean")] = 100.0
    power_factor_min_ratio: Annotated[float, about("Below it some utilities charge", ge=0, lt=1)] = 0.95
    power_factor_severe_ratio: Annotated[float, about("Below it most utilities charge", ge=0, lt=1)] = 0.90
    min_hours: Annotated[float, amount("An issue needs this long outside in all")] = 1.0
    max_share: Annotated[float, share("... and this share of the assessed time for more than 'low'", "EN 50160")] = 0.05


class LoadFactThresholds(Table, frozen=True):
    """Load facts: peak, base load, use per floor area."""

    near_peak_ratio: Annotated[float, share("Of the peak; the hours above it are what shaving would cover")] = 0.9
    min_days: Annotated[int, count("Fewer nights say nothing about a base load")] = 3
    eui_min_history_days: Annotated[int, count("A whole year holds every season", "CalTRACK 2.0, 2.2.1")] = 365
    eui_min_completeness_pct: Annotated[float, percent("Of that year", "CalTRACK 2.0, 2.2.1.2")] = 90.0


class QuickWinThresholds(Table, frozen=True):
    """Actions in the report."""

    max_listed: Annotated[int, count("Actions in the list", CONTRACT)] = 10
    min_weekly_kwh: Annotated[float, amount("Smallest saving of a week", CONTRACT)] = 10.0
    min_sound_pct: Annotated[float, percent("With less valid data a channel earns repair, not advice")] = 50.0
    # In kilowatt-hours at the site's own mean rate, so that they hold in any currency: 500 USD at 0.12, and a third.
    high_annual_kwh: Annotated[
        float, amount("Priority 'high': what it is worth a year, in kWh at the site's mean rate", "a day's wages")
    ] = 4200.0
    medium_annual_kwh: Annotated[float, amount("Priority 'medium': the same", "a third of it")] = 1250.0


class ForecastThresholds(Table, frozen=True):
    """The forecast."""

    history_days: Annotated[int, count("Days back", CONTRACT, 14, 3660)] = 90
    horizon_days: Annotated[int, count("Days ahead", CONTRACT, 1, 60)] = 7
    band_share: Annotated[
        float, share("Share of past residuals inside, so that 80 % of new hours are", "55 meters, 376 forecasts")
    ] = 0.84
    min_weeks: Annotated[int, count("Fewer weeks are too few to measure errors on")] = 4
    min_completeness_pct: Annotated[float, percent("Of the history")] = 70.0


class SavingsThresholds(Table, frozen=True):
    """Verified savings of a change."""

    max_days: Annotated[
        int, count("Days after a change; a year covers all seasons", "CalTRACK 2.0, 2.2.1", 28, 365)
    ] = 365
    min_days: Annotated[int, count("After a change: every hour of the week four times", "", 7, 365)] = 28
    min_completeness_pct: Annotated[float, percent("Of each side", "CalTRACK 2.0, 2.2.1.2")] = 90.0
    max_extrapolated_pct: Annotated[
        float, percent("Hours outside the temperatures of before", "after ASHRAE Guideline 14")
    ] = 10.0
    max_uncertainty_ratio: Annotated[
        float, amount("Of the saving, at 68 % confidence; ASHRAE Guideline 14-2014 allows 0.5", "docs/accuracy.md")
    ] = 0.4


class Thresholds(Table, frozen=True):
    """Thresholds of the analyses; each group is a table of its own."""

    baseline: BaselineThresholds = BaselineThresholds()
    lists: ListThresholds = ListThresholds()
    after_hours: AfterHoursThresholds = AfterHoursThresholds()
    learned_hours: LearnedHoursThresholds = LearnedHoursThresholds()
    anomalies: AnomalyThresholds = AnomalyThresholds()
    steps: StepThresholds = StepThresholds()
    expected: ExpectedThresholds = ExpectedThresholds()
    spikes: SpikeThresholds = SpikeThresholds()
    sensors: SensorThresholds = SensorThresholds()
    meters: MeterThresholds = MeterThresholds()
    electrical: ElectricalThresholds = ElectricalThresholds()
    load_facts: LoadFactThresholds = LoadFactThresholds()
    quick_wins: QuickWinThresholds = QuickWinThresholds()
    forecast: ForecastThresholds = ForecastThresholds()
    savings: SavingsThresholds = SavingsThresholds()
