"""What the electrical checks measure, and where each limit comes from. Pure.

References
----------
ANSI C84.1-2020, Electric Power Systems Voltage Ratings (60 Hz): service voltage, ranges A and B.
EN 50160:2010, Voltage characteristics of public supply networks (230/400 V, 50 Hz): 95 % of a week's 10-minute means.
NEMA MG-1, 14.36 and figure 14-1: unbalance is the maximum deviation from the mean over the mean, in percent.
IEEE 519-2022, table 2: current distortion of systems up to 69 kV.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.week.intervals import Columns, split_columns
from lib.stats_utils import nan_quantiles

if TYPE_CHECKING:
    from config.thresholds import Thresholds

Floats = npt.NDArray[np.float64]

# The columns of the phases, and of what stands for them where none is measured apart.
_VOLTAGES = ("voltage_l1_v", "voltage_l2_v", "voltage_l3_v"), "voltage_v"
_CURRENTS = ("current_l1_a", "current_l2_a", "current_l3_a"), "current_a"

_NOMINALS_60HZ_V = (120.0, 208.0, 240.0, 277.0, 347.0, 480.0, 600.0)  # ANSI C84.1, table 1
_NOMINALS_50HZ_V = (230.0, 400.0)  # IEC 60038
_NOMINALS_HZ = (50.0, 60.0)
_NOMINALS_V = (*_NOMINALS_60HZ_V, *_NOMINALS_50HZ_V, 100.0)  # 100 V: Japan, at either frequency
_FARTHEST_RATIO = 0.15  # a median farther than this from every nominal value is of none of them
_MAX_LOW_VOLTAGE_V = 690.0  # IEC 60038; above it lies medium voltage, which has too many nominal values to judge by
_FARTHEST_HZ = 2.0
_CONNECTED_RATIO = 0.05  # a phase whose median is below this share of the greatest is not connected
_SEVERE_50HZ_RATIO = 1.5  # EN 50160: -15 % at any time, where 10 % is the band
_PEAK_QUANTILE = 0.99


class Supply(NamedTuple):
    """What the site is fed with: frequency, and nominal voltage by channel; None where nothing tells."""

    frequency_hz: float | None
    voltage_v: dict[int, float]


class Measured(NamedTuple):
    """One quantity of one meter by interval; NaN is not assessed.

    `reach` is the distance from the ideal over the limit's, so above 1 is outside; `severe_reach` the same for the
    severe limit. `shown` is the value in its own unit; `low` and `high` are the limits in that unit, NaN for none.
    """

    reach: Floats
    severe_reach: Floats
    shown: Floats
    low: float
    high: float


class Quantity(NamedTuple):
    """One row of the table of what is judged."""

    key: str
    camel_key: str
    needs: str
    source: str
    may_be_high: bool


QUANTITIES = (
    Quantity(
        "voltage", "voltageV", "voltages near a nominal value",
        "ANSI C84.1-2020 service voltage, ranges A and B (60 Hz); EN 50160 (50 Hz)", True,
    ),
    Quantity(
        "voltage_level", "voltageLevelV", "voltages of single phases",
        "this report's own limit: 15 % from every usual supply voltage", True,
    ),
    Quantity(
        "voltage_imbalance", "voltageImbalancePct", "voltages of three phases",
        "NEMA MG-1 14.36", True,
    ),
    Quantity(
        "frequency", "frequencyHz", "frequency",
        "this report's own band, 0.05 Hz either way; EN 50160 for the severe limit", True,
    ),
    Quantity(
        "current_imbalance", "currentImbalancePct", "currents of three phases, and power",
        "formula of NEMA MG-1 14.36; the limit is the project's own", False,
    ),
    Quantity(
        "neutral_current", "neutralCurrentPct", "neutral and phase currents",
        "a rule of thumb of this report, and no standard: 20 % of the phases' current", False,
    ),
    Quantity(
        "current_thd", "currentThdPct", "current distortion, and power",
        "IEEE 519-2022, table 2: limits of TDD, which THD comes near to only under load", False,
    ),
    Quantity(
        "power_factor", "powerFactor", "power factor, and power",
        "usual clauses of tariffs: 0.95, and 0.90", False,
    ),
)  # fmt: skip


def find_supply(rows: pd.DataFrame, config: Thresholds) -> Supply:
    """Return the nominal frequency and voltages, from the medians of what was measured.

    `nominal_voltage_v` of `config`, if above 0, holds for every meter.
    """
    hertz = rows["frequency_hz"].to_numpy(dtype=float) if "frequency_hz" in rows else np.empty(0)
    usual_hz = float(np.nanmedian(hertz)) if not np.isnan(hertz).all() else np.nan
    frequency = _nearest(usual_hz, _NOMINALS_HZ)
    if frequency is not None and abs(usual_hz - frequency) > _FARTHEST_HZ:
        frequency = None
    by_frequency = {None: _NOMINALS_60HZ_V + _NOMINALS_50HZ_V, 50.0: _NOMINALS_50HZ_V, 60.0: _NOMINALS_60HZ_V}
    nominals = by_frequency[frequency]
    voltages = {}
    for channel_id, own in split_columns(rows).items():
        phases = _phases(own, *_VOLTAGES)
        middle = float(np.nanmedian(phases)) if phases.size and not np.isnan(phases).all() else np.nan
        nominal = config.electrical.nominal_voltage_v or _nearest(middle, nominals)
        if nominal is not None and abs(middle / nominal - 1) <= _FARTHEST_RATIO:
            voltages[channel_id] = nominal
    return Supply(frequency, voltages)


def measure_quantities(rows: Columns, supply: Supply, config: Thresholds) -> dict[str, Measured]:
    """Return what can be judged of one meter, by the quantity's key.

    Parameters
    ----------
    rows
        The meter's intervals in the period, one or more, with `channel_id`, `mean_kw` [kW] and the electrical columns
        there are.

    Notes
    -----
    Currents, distortion and power factor are judged only under load: at `electrical.min_load_share` of the 99th
    percentile of the power and at `electrical.min_power_kw` or more. At light load THD and imbalance are large and harm
    nothing: IEEE 519 relates harmonics to the greatest load current (TDD) for that reason.
    """
    found = _measure_voltages(rows, supply, config) | measure_frequency(rows, supply, config)
    power_kw = np.abs(rows["mean_kw"])
    peak_kw = float(np.quantile(power_kw, _PEAK_QUANTILE))
    loaded = power_kw >= max(config.electrical.min_power_kw, config.electrical.min_load_share * peak_kw)
    currents = _phases(rows, *_CURRENTS)
    if currents.shape[1] == 3:
        mean_a = np.where(loaded, currents.mean(axis=1), np.nan)
        limits = config.electrical.current_imbalance_max_pct, config.electrical.current_imbalance_severe_pct
        found["current_imbalance"] = _above(_imbalance_pct(currents, mean_a), *limits)
        limits = config.electrical.neutral_current_max_pct, config.electrical.neutral_current_severe_pct
        found["neutral_current"] = _above(100 * _column(rows, "current_neutral_a") / mean_a, *limits)
    thd_pct = np.where(loaded, _column(rows, "thd_current_pct"), np.nan)
    limits = config.electrical.thd_current_max_pct, config.electrical.thd_current_severe_pct
    found["current_thd"] = _above(thd_pct, *limits)
    factor = np.where(loaded, np.abs(_column(rows, "power_factor")), np.nan)
    found["power_factor"] = Measured(
        (1 - factor) / (1 - config.electrical.power_factor_min_ratio),
        (1 - factor) / (1 - config.electrical.power_factor_severe_ratio),
        factor,
        config.electrical.power_factor_min_ratio,
        np.nan,
    )
    return {key: item for key, item in found.items() if not np.isnan(item.reach).all()}


def _measure_voltages(rows: Columns, supply: Supply, config: Thresholds) -> dict[str, Measured]:
    nominal = supply.voltage_v.get(int(rows["channel_id"][0]))
    if nominal is None:
        return _measure_level(rows, config)
    volts = _phases(rows, *_VOLTAGES)
    limit = config.electrical
    band_pct, low_pct, high_pct = limit.voltage_band_pct, limit.voltage_severe_low_pct, limit.voltage_severe_high_pct
    if nominal in _NOMINALS_50HZ_V:
        band_pct = config.electrical.voltage_band_50hz_pct
        low_pct = high_pct = _SEVERE_50HZ_RATIO * band_pct
    off_pct = np.round(100 * (volts / nominal - 1), 9)  # 126 V of 120 V is at the edge, not beyond it
    missing = np.isnan(off_pct).all(axis=1)
    worst = np.where(missing, 0, np.argmax(np.nan_to_num(np.abs(off_pct), nan=-1.0), axis=1))
    at_worst = np.arange(len(volts)), worst
    severe = np.fmax(-off_pct / low_pct, off_pct / high_pct)
    edges = nominal * (1 - band_pct / 100), nominal * (1 + band_pct / 100)
    found = {"voltage": Measured(np.abs(off_pct[at_worst]) / band_pct, severe[at_worst], volts[at_worst], *edges)}
    if volts.shape[1] == 3:
        imbalance_pct = _imbalance_pct(volts, volts.mean(axis=1))
        limits = config.electrical.voltage_imbalance_max_pct, config.electrical.voltage_imbalance_severe_pct
        found["voltage_imbalance"] = _above(imbalance_pct, *limits)
    return found


def _measure_level(rows: Columns, config: Thresholds) -> dict[str, Measured]:
    """Return how far the phases are from every usual voltage, where each is known by itself and all are that far.

    The mean of a point's phases holds its unused ones too, so of 75 to 100 V it says nothing. `reach` is that of the
    phase that comes nearest.
    """
    volts = _known_phases(rows, _VOLTAGES[0])
    if not volts.shape[1]:
        return {}
    middles = np.nanmedian(volts, axis=0)
    nominals = (config.electrical.nominal_voltage_v,) if config.electrical.nominal_voltage_v else _NOMINALS_V
    nominal = min(nominals, key=lambda value: abs(middles[0] / value - 1))
    if middles.max() > _MAX_LOW_VOLTAGE_V * (1 + _FARTHEST_RATIO):
        return {}
    off = np.abs(volts[:, :, None] / np.asarray(nominals) - 1).min(axis=2) / _FARTHEST_RATIO
    if (np.nanmedian(off, axis=0) <= 1).any():
        return {}
    nearest = np.nanmin(np.where(np.isnan(off), np.inf, off), axis=1)
    nearest[np.isinf(nearest)] = np.nan
    edges = nominal * (1 - _FARTHEST_RATIO), nominal * (1 + _FARTHEST_RATIO)
    return {"voltage_level": Measured(nearest, nearest, np.nanmean(volts, axis=1), *edges)}


def measure_frequency(rows: Columns, supply: Supply, config: Thresholds) -> dict[str, Measured]:
    """Return the frequency's distance from its nominal value, or nothing where neither is known."""
    if supply.frequency_hz is None:
        return {}
    band, severe = config.electrical.frequency_band_hz, config.electrical.frequency_severe_hz
    hertz, nominal = _column(rows, "frequency_hz"), supply.frequency_hz
    off = np.abs(hertz - nominal).round(9)  # 60.05 is at the edge, not beyond it
    return {"frequency": Measured(off / band, off / severe, hertz, nominal - band, nominal + band)}


def _above(values_pct: Floats, limit_pct: float, severe_pct: float) -> Measured:
    return Measured(values_pct / limit_pct, values_pct / severe_pct, values_pct, np.nan, limit_pct)


def _imbalance_pct(phases: Floats, mean: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        imbalance = 100 * np.abs(phases - mean[:, None]).max(axis=1) / mean
    return np.where(mean > 0, imbalance, np.nan)


def _column(rows: Columns, name: str) -> Floats:
    return rows[name].astype(float, copy=False) if name in rows else np.full(rows["hours"].size, np.nan)


def _phases(rows: Columns, columns: tuple[str, ...], mean_column: str) -> Floats:
    """Return the connected phases of voltage or current as columns; their mean where none is measured."""
    phases = _known_phases(rows, columns)
    return phases if phases.shape[1] else _column(rows, mean_column)[:, None]


def _known_phases(rows: Columns, columns: tuple[str, ...]) -> Floats:
    """Return the phases that are measured and connected as columns, of which there may be none."""
    if not any(name in rows for name in columns):
        return np.empty((rows["hours"].size, 0))
    phases = np.column_stack([_column(rows, name) for name in columns])
    known = ~np.isnan(phases).all(axis=0)
    medians = np.nan_to_num(nan_quantiles(phases.T, [0.5])[:, 0])
    return phases[:, known & (medians > _CONNECTED_RATIO * medians.max())]


def _nearest(value: float, nominals: tuple[float, ...]) -> float | None:
    return None if np.isnan(value) or value <= 0 else min(nominals, key=lambda nominal: abs(value / nominal - 1))
