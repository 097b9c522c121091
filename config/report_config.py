"""Every default and threshold of the analyses: unit in the name, source in a comment.

A site's own values stand in ``config/sites/<id>.toml`` under ``[thresholds]``; any field of `ReportConfig` may be
given there. The defaults marked *contract* are the ones that readers of the weekly report already know.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

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

    # Anomaly: Tukey's far-out fence above the hour of the week, held long enough to matter (contract).
    anomaly_iqr_multiplier: float = 3.0
    anomaly_min_intervals: int = 3
    anomaly_min_excess_kwh: float = 5.0
    # 16 values of a steady hour can have an interquartile range near 0, and then every wiggle is "far out". The range
    # is taken as at least this share of the channel's own spread (p95 - p5 of all its baseline power).
    anomaly_min_iqr_ratio: float = 0.05
    # "high" is for events that someone should look at today: twice what was expected, and more than a kettle left on.
    anomaly_high_excess_kwh: float = 20.0
    anomaly_high_actual_ratio: float = 2.0
    anomaly_medium_excess_kwh: float = 10.0

    # Spike: far above the usual peak of its hour of the week, and large enough to see on a bill (contract).
    spike_p95_multiplier: float = 1.5
    spike_min_power_kw: float = 5.0
    spike_min_site_power_kw: float = 20.0
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
    # How far a saving is believed. Twice the usual excess: something changed this week, so it can be changed back.
    quick_win_new_ratio: float = 2.0
    # A load that draws nearly the same by night as by day may have to run.
    quick_win_always_on_ratio: float = 0.8
    # Something left on stands well above the resting power; less than this is a load that wavers about it.
    quick_win_left_on_ratio: float = 1.5
    # Priority by what it costs a year: about a day's wages of whoever changes a schedule, and a third of it.
    quick_win_high_annual_usd: float = 500.0
    quick_win_medium_annual_usd: float = 150.0

    # Flat tariff (contract). Weeks a year for the plain annual estimate: 365.25 / 7.
    flat_rate_usd_per_kwh: float = 0.12
    weeks_per_year: float = 52.18


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
    try:
        overrides = tomllib.loads(path.read_text(encoding="utf-8")).get("thresholds", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        raise ConfigError(f"cannot read {path}: {err}") from err
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
