"""Which intervals of the period lie unusually high or low: two independent tests, and episodes without small breaks.

Pure. The residual of each interval to its expected load (`week_profile.foresee`) is averaged over three hours and has
to pass both tests:

- *change*: it is more than `anomaly_min_scales` times the usual residual of its hour and kind of day, after what the
  three days around share (a heat wave, a quiet week) is forgiven;
- *novelty*: it is more than `anomaly_novelty_ratio` (for lows `anomaly_low_novelty_ratio`) times the 95th percentile
  of what the baseline weeks showed there.

References
----------
Rousseeuw, P. J. and Croux, C. (1993), "Alternatives to the Median Absolute Deviation", Journal of the American
Statistical Association 88(424), doi:10.1080/01621459.1993.10476408, for the scale. Baseline residuals are those of
left-out weeks; see `week_profile`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.intervals import SECONDS_PER_HOUR, WeekScope, baseline_week_numbers, in_window, starts_new_run
from analyze.load.week_profile import foresee, kind_of_day_hour
from lib.date_utils import Window
from lib.stats_utils import grouped_quantiles, label_runs

Floats = npt.NDArray[np.float64]

HIGH, LOW = "high", "low"
VIEWS = ("level", "change", "novelty", "shape")
_SMOOTH_H = 3
_SURROUND_H = 72  # forgiving what three days share leaves an event of up to a day and a half in sight
_REACH_H = 2  # an episode's edges are sought this far around what was flagged
_MAD_TO_STD = 1.4826
_KINDS = 48
_NOVEL_QUANTILE = 0.95
_MAX_DRIFT_RATIO = 2.0  # forgiven at most: this many times the 95th percentile of the baseline's own drift
_MIN_SCALE_RATIO = 0.02  # of the channel's p95 − p5: smaller residuals matter to nobody
_EDGE_RATIO = 0.5  # of `anomaly_min_ratio`: an episode's own intervals deviate at least this much


def judge_intervals(clean: pd.DataFrame, scope: WeekScope, shift_kw: pd.Series) -> pd.DataFrame:
    """Return the period's intervals with their expected power and whether they are unusual.

    Parameters
    ----------
    clean
        Sound intervals of baseline and period, by channel and time.
    shift_kw
        By index of `clean`: how much the level has changed for good by then [kW] (`load_steps`). A rise is expected
        from then on, and so is a fall; the way back is not held to be an anomaly either.

    Returns
    -------
    pd.DataFrame
        Rows of the period with `expected_kw`, `direction` ("high", "low" or ""), and one boolean column for each of
        `VIEWS` (level: without forgiving; shape: the day's residuals scatter as on no baseline day).
    """
    rows = clean[in_window(clean, Window(scope.baseline.start, scope.period.end))]
    band = foresee(rows, baseline_week_numbers(rows, scope))
    shift = shift_kw.reindex(rows.index, fill_value=0.0)
    rows = rows.assign(**band, shift_kw=shift, is_baseline=in_window(rows, scope.baseline))
    parts = [_judge_channel(part, scope) for _, part in rows.groupby("channel_id", sort=True)]
    judged = pd.concat(parts) if parts else rows.assign(direction="", **dict.fromkeys(VIEWS, False))
    return judged[~judged["is_baseline"]].drop(columns=["is_baseline", "shift_kw", "low_kw", "high_kw"])


def _judge_channel(rows: pd.DataFrame, scope: WeekScope) -> pd.DataFrame:
    config, per_hour = scope.config, max(SECONDS_PER_HOUR // int(rows["interval_s"].mode().iloc[0]), 1)
    names = ("mean_kw", "expected_kw", "shift_kw", "is_baseline")
    power, expected, shift, baseline = (rows[name].to_numpy() for name in names)
    residual = power - expected - shift
    around = _rolling(residual, _SURROUND_H * per_hour + 1, "median")
    if baseline.any():  # a load that is left on for days is not forgiven as weather
        usual_drift = _MAX_DRIFT_RATIO * np.nanquantile(np.abs(around[baseline]), _NOVEL_QUANTILE)
        around = np.clip(around, -usual_drift, usual_drift)
    width = _SMOOTH_H * per_hour
    usual = _rolling(residual - around, width, "mean")
    scale, novel = _usual_residuals(usual, rows, baseline, np.quantile(power, [0.05, 0.95]))
    shape = _is_new_shape(residual, rows, baseline)
    smooth_expected = np.abs(_rolling(expected + shift, width, "mean"))
    expected_kw = expected.copy()
    direction, views = np.full(len(rows), "", dtype=object), {name: np.zeros(len(rows), dtype=bool) for name in VIEWS}
    sides = (
        (HIGH, 1, "high_kw", config.anomaly_novelty_ratio * novel[:, 1]),
        (LOW, -1, "low_kw", -config.anomaly_low_novelty_ratio * novel[:, 0]),
    )
    for name, sign, edge, beyond in sides:
        known_shift = np.clip(shift, 0.0, None) if sign > 0 else np.clip(shift, None, 0.0)
        outside = sign * (power - rows[edge].to_numpy() - known_shift)
        forgiven = outside - np.clip(sign * around, 0.0, None)
        smooth = _rolling(forgiven, width, "mean")
        is_change = (smooth > config.anomaly_min_scales * scale) & (smooth > config.anomaly_min_ratio * smooth_expected)
        is_novel = smooth > beyond
        flagged = is_change & is_novel & ~baseline
        near = _rolling(flagged.astype(float), 2 * _REACH_H * per_hour + 1, "max") > 0
        hit = near & (forgiven > scale) & (forgiven > _EDGE_RATIO * config.anomaly_min_ratio * np.abs(expected))
        direction[hit & ~baseline] = name
        expected_kw[hit] = (expected + known_shift)[hit]
        views["change"] |= hit & _rolling(is_change.astype(float), width, "max").astype(bool)
        views["novelty"] |= hit & _rolling(is_novel.astype(float), width, "max").astype(bool)
        views["level"] |= hit & (outside > config.anomaly_min_scales * scale)
        views["shape"] |= hit & shape
    return rows.assign(direction=direction, expected_kw=expected_kw, **views)


def _usual_residuals(
    usual: Floats, rows: pd.DataFrame, baseline: npt.NDArray[np.bool_], range_kw: Floats
) -> tuple[Floats, Floats]:
    """Return each interval's scale [kW], and the 5th and 95th percentile of the baseline at its hour ±1 h."""
    kind = kind_of_day_hour(rows["hour_of_week"].to_numpy(dtype="int64"))
    around = np.concatenate([kind[baseline] // 24 * 24 + (kind[baseline] + shift) % 24 for shift in (-1, 0, 1)])
    pool = np.tile(usual[baseline], 3)
    novel, _ = grouped_quantiles(pool, around, _KINDS, [1 - _NOVEL_QUANTILE, _NOVEL_QUANTILE])
    cell, _ = grouped_quantiles(np.abs(pool), around, _KINDS, [0.5])
    whole, _ = grouped_quantiles(np.abs(usual[baseline]), np.zeros(baseline.sum(), dtype=np.int64), 1, [0.5])
    floor = max(_MAD_TO_STD / 2 * whole[0, 0], _MIN_SCALE_RATIO * (range_kw[1] - range_kw[0]), 1e-9)
    return np.fmax(_MAD_TO_STD * cell[kind, 0], floor), novel[kind]


def _is_new_shape(residual: Floats, rows: pd.DataFrame, baseline: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return True on local days whose residuals scatter more than on nine tenths of the baseline days."""
    day, code = np.unique(rows["local_time"].dt.normalize().to_numpy(), return_inverse=True)
    count = np.maximum(np.bincount(code, minlength=day.size), 1)
    value = np.nan_to_num(residual)
    mean = np.bincount(code, weights=value, minlength=day.size) / count
    spread = np.sqrt(np.bincount(code, weights=(value - mean[code]) ** 2, minlength=day.size) / count)
    usual = spread[np.unique(code[baseline])]
    return (spread > np.quantile(usual, 0.9))[code] if usual.size else np.zeros(len(rows), dtype=bool)


def number_episodes(judged: pd.DataFrame, scope: WeekScope) -> pd.Series:
    """Return for each interval its episode, 1, 2, …, or 0: runs of one direction, merged across small breaks.

    A break is at most `anomaly_max_break_intervals` and `anomaly_max_break_minutes` long and becomes part of the
    episode; a hole in the readings, or the other direction, ends it.
    """
    result = pd.Series(0, index=judged.index, dtype="int64")
    new_run = starts_new_run(judged)
    for direction in (HIGH, LOW):
        flags = judged["direction"] == direction
        if not flags.any():
            continue
        run = label_runs(flags | _small_breaks(flags, new_run, judged["interval_s"], scope), new_run)
        result = result.mask((result == 0) & (run > 0), run + result.max())
    return result


def _small_breaks(flags: pd.Series, new_run: pd.Series, interval_s: pd.Series, scope: WeekScope) -> pd.Series:
    """Return True for the intervals of a short break between two flagged ones of the same run of readings."""
    run_of_data = new_run.cumsum()
    breaks = label_runs(~flags, new_run)
    first, last = (flags.shift(step, fill_value=False) & (run_of_data == run_of_data.shift(step)) for step in (1, -1))
    group = breaks.where(breaks > 0)
    length_s, size = (interval_s.groupby(group).transform(how) for how in ("sum", "size"))
    is_inner = first.groupby(group).transform("any") & last.groupby(group).transform("any")
    is_short = (size <= scope.config.anomaly_max_break_intervals) & (
        length_s <= 60 * scope.config.anomaly_max_break_minutes
    )
    return (breaks > 0) & (is_inner & is_short).fillna(False).astype(bool)


def _rolling(values: Floats, width: int, statistic: str) -> Floats:
    window = pd.Series(values).rolling(width, center=True, min_periods=1)
    return getattr(window, statistic)().to_numpy()
