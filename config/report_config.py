"""Every default and threshold of the analyses: unit in the name, source in a comment.

A site's own values stand in ``config/sites/<id>.toml`` under ``[thresholds]``; any field of `ReportConfig` may be
given there. The defaults marked *contract* are the ones that readers of the weekly report already know.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from config.toml_table import read_toml
from lib.errors import ConfigError
from lib.paths import SITES_DIR


@dataclass(frozen=True)
class ReportConfig:
    """Thresholds of the weekly report's analyses."""

    # Business hours, local wall clock; weekdays count from Monday = 0 (contract).
    business_start_hour: int = 7
    business_end_hour: int = 18
    business_weekdays: tuple[int, ...] = (0, 1, 2, 3, 4)

    # The weeks before the report that say what is usual, and how full a channel's must be to be trusted (contract).
    baseline_weeks: int = 4
    baseline_min_completeness_pct: float = 70.0

    # Fewer baseline values in an hour of the week than two weeks of 15-minute data say nothing about its quartiles.
    hour_of_week_min_samples: int = 8

    # Lists in the report hold this many findings at most; the sums beside them hold all.
    top_list_max: int = 20

    # After hours: what a channel draws when it is shut, a low quantile of its power while it is on (contract).
    after_hours_baseline_quantile: float = 0.05
    after_hours_min_power_kw: float = 0.1
    after_hours_min_excess_kwh: float = 10.0
    # "running" is the contract's: the quantile of what lies above the minimum power. "nights" (measured to be better)
    # takes 0 as rest where the channel is off for most of its closed time, so that leaving it on is seen.
    after_hours_rest_rule: str = "nights"
    # "listed" is the contract's: every excess of the size above. "above_usual" (measured to be better) wants it that
    # far above the usual excess too, and above this many times the noise of the baseline weeks.
    after_hours_significance_rule: str = "above_usual"
    after_hours_noise_multiplier: float = 3.0
    # Half as much again as usual after hours is news in itself. Less than that may be the weather, unless something
    # stayed on in every night: each of them above this quantile of the nights before, and by these shares of the usual
    # floor and of the way from night to day. Measured: 98 % of what was left on for a week, at half of the day's level
    # or more; a sound meter is called so in one week of 80.
    after_hours_new_ratio: float = 0.5
    left_on_night_quantile: float = 0.85
    left_on_min_ratio: float = 0.15
    left_on_min_swing_ratio: float = 0.25
    # What runs this shortly before opening starts up, and this shortly after closing shuts down: common
    # tolerances of optimum-start controls and of cleaning rounds.
    after_hours_start_up_min: int = 60
    after_hours_shut_down_min: int = 30
    # Above this many times the resting power something was left on; below it the load wavers about its rest.
    after_hours_left_on_ratio: float = 1.5
    after_hours_worst_nights: int = 3

    # Learned hours: how steadily a load must come and go to have any, and when they contradict the declared ones.
    learned_min_days: int = 2  # full days of a weekday
    learned_min_run_hours: float = 2.0  # a shorter block of the day is an event, not a day's work
    learned_min_swing_ratio: float = 0.25  # of the plateau; below it day and night are too alike
    learned_max_spread_min: float = 45.0  # median deviation of a weekday's starts and ends
    schedule_disagreement_min: int = 60
    schedule_disagreement_weekdays: int = 3

    # Anomaly: Tukey's far-out fence above the hour of the week, held long enough to matter (contract).
    anomaly_iqr_multiplier: float = 3.0
    anomaly_min_intervals: int = 3
    anomaly_min_excess_kwh: float = 5.0
    # 16 values of a steady hour can have an interquartile range near 0, and then every wiggle is "far out". The range
    # is taken as at least this share of the channel's own spread (p95 - p5 of all its baseline power).
    anomaly_min_iqr_ratio: float = 0.05
    # "medium" is for events worth a look: a fifth of what the channel draws on a usual day, or of lows, which cost
    # nothing, three tenths; "high" for those to look at today: twice what was expected, and more than a kettle left on.
    anomaly_high_excess_kwh: float = 20.0
    anomaly_high_actual_ratio: float = 2.0
    anomaly_medium_excess_kwh: float = 10.0
    anomaly_medium_day_share: float = 0.2
    anomaly_low_medium_day_share: float = 0.3
    # "tukey" is the contract's fence. "robust" (`analyze.load.anomaly_episodes`) is the default for its measured
    # accuracy (docs/accuracy.md). The values below lie on a plateau of that measurement.
    anomaly_method: str = "robust"
    anomaly_min_scales: float = 3.0
    anomaly_min_ratio: float = 0.25  # of the expected power
    anomaly_novelty_ratio: float = 2.0
    anomaly_low_novelty_ratio: float = 1.5  # a load seldom falls by chance, so less is remarkable
    anomaly_min_hours: float = 0.75  # three intervals of 15 minutes, as the contract has it
    anomaly_max_break_intervals: int = 2
    anomaly_max_break_minutes: float = 30.0
    # A level that changed for good: this many robust deviations of daily levels, this share of the level before, and
    # this many whole days up to the period's end. Younger changes are still episodes.
    step_min_scales: float = 4.0
    step_min_ratio: float = 0.15
    step_min_days: int = 3
    # Hourly or 15-minute scores (`anomaly_scores`) from this on are called anomalous.
    anomaly_score_threshold: float = 0.45

    # Expected load (`expected_load`): CalTRACK 2.0, 2.2 asks for 90 % of the baseline; two weeks are the least that can
    # be left out by turns. The temperature must earn its place: 5 % less error than the plain profile.
    expected_min_coverage_pct: float = 90.0
    expected_min_days: float = 14.0
    temperature_min_gain_pct: float = 5.0
    temperature_beyond_k: float = 5.0  # a week is seldom further than that outside of the four before it

    # Spike: far above the usual peak of its hour of the week, and large enough to see on a bill (contract). The rule
    # "hour_of_week" is the contract's; "demand" (measured to be better: a tenth of the false alerts, and hourly meters
    # are judged) wants it far above the usual peak of the whole channel too.
    spike_rule: str = "demand"
    spike_min_samples: int = 3  # baseline weeks that have the hour, beside the percentile of the whole channel
    spike_p95_multiplier: float = 1.5
    spike_min_power_kw: float = 5.0
    spike_min_site_power_kw: float = 20.0
    spike_tall_ratio: float = 2.0  # of the 95th percentile of the channel's demand: worth a look wherever it falls
    # Longer than this it is a raised level rather than a spike; it is kept and marked as sustained.
    spike_max_hours: float = 1.0

    # Sensor health, judged as of the report's end (contract).
    gap_min_intervals: int = 2  # a gap is longer than this
    gap_medium_after_hours: float = 6.0  # a quarter of a day lost can hide a whole event; shorter gaps are "low"
    stale_after_hours: float = 2.0
    stale_high_after_hours: float = 24.0
    missing_max_pct: float = 10.0
    flat_min_hours: float = 6.0
    flat_max_variance_kw2: float = 0.01
    # Stuck: a live measurement never repeats to the sixth digit for hours; a frozen register does.
    stuck_tolerance_ratio: float = 1e-6
    stuck_min_power_kw: float = 0.01  # 10 W: what an idle current transformer may show
    # ... unless it is a coarse meter at its standby level, to which it comes back again and again.
    stuck_recurring_runs: int = 4
    # ... or repeats every twentieth value by nature (2 kW steps in an office did). What then lasts three times as long
    # as usual is stuck after all; 2 still flagged quiet weekends of that office.
    stuck_max_repeat_ratio: float = 0.05
    stuck_longer_ratio: float = 3.0
    # A straight line between two values, as a logger fills a gap. Measured on 72 meters: all lines of 3 h on 15-minute
    # ones, four fifths of those of 4 h and nine tenths of those of 12 h on hourly ones; one meter has lines of its own.
    interpolated_min_hours: float = 3.0
    # Zero on a load that never rests: its lowest hundredth above a tenth of its median. Found on measured buildings.
    zero_min_floor_ratio: float = 0.1
    zero_max_runs: int = 2
    zero_min_live_hours: float = 168.0  # a week of it says how a load rests; a seasonal one then has its weekend
    # Per-phase power, where it is measured. Below 0.3 kW a clamp's own error (1 % of 100 A at 120 V is 0.12 kW) counts.
    phase_min_power_kw: float = 0.3
    phase_missing_ratio: float = 0.02  # of the mean of the other two phases
    phase_reversed_ratio: float = 0.2
    phase_usual_min_ratio: float = 0.2  # a phase that carries less than this is not in regular use
    # No standard limits the imbalance of a panel's load; beyond half of the mean one phase carries twice another.
    phase_imbalance_max_pct: float = 50.0
    # Energy against mean power x hours: class 1 meters hold 1 % (IEC 62053-21); sampled power strays a little more.
    register_max_drift_pct: float = 5.0
    drift_min_days: int = 3  # what lasts for fewer days may be a single event
    # Sub-meters against their main: class 1 on both sides and current transformers of class 1 (IEC 61869-2) add to 4 %.
    sum_max_excess_pct: float = 5.0
    sum_max_shift_pct: float = 15.0
    # Base load: outside all days of the baseline by a quarter of their median.
    base_step_min_ratio: float = 0.25
    base_step_min_kw: float = 0.5
    base_step_min_baseline_days: int = 14  # two weeks hold weekends
    # Pulses: with ten or fewer an interval, each is a tenth of the value or more.
    quantised_max_steps: float = 10.0
    quantised_tolerance_steps: float = 0.02
    quantised_min_intervals: int = 96

    # Electrical health. Nominal line-to-neutral or line-to-line voltage; 0 takes the nearest usual one to the median.
    nominal_voltage_v: float = 0.0
    voltage_band_pct: float = 5.0  # contract; ANSI C84.1-2020, service voltage, range A
    voltage_severe_low_pct: float = 8.3  # ANSI C84.1-2020, service voltage, range B: 110 V of 120 V
    voltage_severe_high_pct: float = 5.8  # the same: 127 V of 120 V
    voltage_band_50hz_pct: float = 10.0  # EN 50160: 230 V +/- 10 %, of which 95 % of the week must be inside
    voltage_imbalance_max_pct: float = 1.0  # NEMA MG-1 14.36: motors are derated above it
    voltage_imbalance_severe_pct: float = 2.0  # twice that: about 5 % less motor load allowed (MG-1, figure 14-1)
    frequency_band_hz: float = 0.05  # contract: 59.95 to 60.05 Hz, or about 50 Hz
    frequency_severe_hz: float = 0.5  # EN 50160: 1 % of 50 Hz; under-frequency load shedding starts near it
    # Current is judged only above this share of the period's peak: distortion and balance at light load harm nothing.
    electrical_min_load_share: float = 0.4
    electrical_min_power_kw: float = 1.0  # smaller loads are not worth a capacitor or a filter
    thd_current_max_pct: float = 5.0  # contract; IEEE 519-2022, table 2, for the weakest supply (TDD)
    thd_current_severe_pct: float = 8.0  # the same table, for a supply of 20 to 50 times the load
    neutral_current_max_pct: float = 20.0  # contract
    neutral_current_severe_pct: float = 100.0  # as much as a phase: the usual size of a neutral conductor
    current_imbalance_max_pct: float = 30.0  # own choice; motors want 10 %, but panels carry single-phase loads
    current_imbalance_severe_pct: float = 100.0  # one phase carries twice the mean
    power_factor_min_ratio: float = 0.95  # below it some utilities charge
    power_factor_severe_ratio: float = 0.90  # below it most do
    # An issue needs this long outside in all, and this share of the assessed time for more than "low" (EN 50160).
    electrical_min_hours: float = 1.0
    electrical_max_share: float = 0.05
    # Penalty of a tariff: the billed demand is raised by target / power factor; 0 where the tariff has none.
    power_factor_target_ratio: float = 0.0
    power_factor_penalty_usd_per_kw: float = 0.0

    # Load facts.
    near_peak_ratio: float = 0.9  # of the peak; the hours above it are what shaving would have to cover
    eui_min_history_days: int = 365  # a whole year holds every season (CalTRACK 2.0, 2.2.1)
    eui_min_completeness_pct: float = 90.0  # the same, 2.2.1.2
    load_facts_min_days: int = 3  # fewer nights say nothing about a base load
    # Flat line: this many times steadier than nine tenths of the channel's own baseline windows of the same length.
    flat_min_steadier_ratio: float = 10.0
    flat_medium_after_hours: float = 24.0
    # A counter that was cut off brings the missed energy in one interval: more than this many times what its own
    # power gives. Metered pairs of energy and mean power agree within a few percent, so 3 is far outside.
    catch_up_min_ratio: float = 3.0
    catch_up_min_energy_kwh: float = 0.1  # below this a ratio compares rounding errors

    # Quick wins (contract).
    quick_wins_max: int = 10
    quick_win_min_weekly_kwh: float = 10.0
    # A channel with less sound data than this in the period earns repair, not advice.
    quick_win_min_sound_pct: float = 50.0
    # A load that draws nearly the same by night as by day may have to run.
    quick_win_always_on_ratio: float = 0.8
    # Priority by what it costs a year: about a day's wages of whoever changes a schedule, and a third of it.
    quick_win_high_annual_usd: float = 500.0
    quick_win_medium_annual_usd: float = 150.0

    # Forecast (contract: 90 days back, 7 ahead, 80 % band).
    forecast_history_days: int = 90
    forecast_horizon_days: int = 7
    # Residuals of weeks before must reach this share for a band that covers 80 % of the hours: they vary together, so
    # their own 80 % is too narrow. Measured on 55 building meters (376 forecasts).
    forecast_band_share: float = 0.84
    forecast_min_weeks: int = 4  # below this there are too few weeks to measure errors on
    forecast_min_completeness_pct: float = 70.0

    # Verified savings. A year before and after covers all seasons (CalTRACK 2.0, 2.2.1); without outdoor temperature
    # the two sides are only alike while they lie near each other in the year, so less of each is used.
    savings_max_days: int = 365
    savings_max_days_without_temp: int = 84
    savings_min_days: int = 28  # of each side: every hour of the week at least four times
    savings_min_completeness_pct: float = 90.0  # CalTRACK 2.0, 2.2.1.2
    savings_max_extrapolated_pct: float = 10.0  # hours outside the temperatures of before (after Guideline 14)
    # A saving counts when its uncertainty is at most half of it at 68 % confidence (Guideline 14-2014, 4.2).
    savings_max_uncertainty_ratio: float = 0.5

    # Flat tariff (contract), where the site's file names none.
    flat_rate_usd_per_kwh: float = 0.12


def load_report_config(site_id: int, sites_dir: Path = SITES_DIR) -> ReportConfig:
    """Return the defaults overlaid with what ``<site_id>.toml`` says.

    Raises
    ------
    ConfigError
        When the file cannot be read, names an unknown threshold, or gives one the wrong type.
    """
    path = sites_dir / f"{site_id}.toml"
    if not path.exists():
        return ReportConfig()
    overrides = read_toml(path).values.get("thresholds", {})
    return replace(ReportConfig(), **{name: _checked(path, name, value) for name, value in overrides.items()})


def _checked(path: Path, name: str, value: Any) -> Any:
    defaults = {field.name: field.default for field in fields(ReportConfig)}
    if name not in defaults:
        raise ConfigError(f"{path}: unknown threshold {name!r}; the known ones stand in config/report_config.py")
    default = defaults[name]
    if isinstance(default, tuple):
        if isinstance(value, list) and all(type(item) is int for item in value):
            return tuple(value)
    elif isinstance(default, float):
        if type(value) in (int, float):
            return float(value)
    elif type(value) is type(default):
        return value
    raise ConfigError(f"{path}: threshold {name} should be like {default!r}, not {value!r}")
