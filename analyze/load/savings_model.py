"""The expected energy of a meter by hour of the week and temperature, and how well it is met. Pure.

References
----------
J. Mathieu, P. Price, S. Kiliccote, M. Piette (2011), "Quantifying changes in building electricity use, with application
to demand response", IEEE Transactions on Smart Grid 2(3), doi:10.1109/TSG.2011.2145010: the time-of-week and
temperature model; the mean of the day beside the temperature of the hour is our own. ASHRAE Guideline 14-2014, section
4.2: CV(RMSE) and NMBE.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.load.savings_level import Block
from lib.date_utils import HOURS_PER_WEEK

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_SEGMENTS = 5  # of equal share of the hours; Mathieu et al. use up to ten, for a year and more
_FOLDS = 5
_MIN_GAIN = 0.02  # temperature must lower the cross-validated error by this much to be used
_MIN_CELL_HOURS = 3  # of an hour of the week; of fewer a mean says nothing
_DAY_MIN_HOURS = 20  # of a day, for its mean to stand for it
_GAP_DAYS = 7  # on either side of a block that is left out: the days beside it are too much like it
TEMPERATURES = ("temp_c", "temp_day_c")  # of the hour, and the mean of the 24 hours up to it: walls remember a day
_FITTED = ["hour_of_week", "energy_kwh", *TEMPERATURES, "day"]
_LEAST_SHARE = 1e-10  # of the largest square of a combination of columns: what is smaller is rounding
_RARE_SHARE = 0.01  # of the hours: what is colder or warmer than all others was hardly met


class Baseline(NamedTuple):
    """A fitted model: the mean of each hour of the week [kWh], and the response to temperature."""

    cell_kwh: Floats  # NaN where the hour of the week is not known
    knots_c: tuple[Floats, ...]  # of each of `TEMPERATURES`; empty without
    slopes: Floats  # kWh per °C of each segment, of one temperature after the other
    cell_temp: npt.NDArray[np.float64]  # mean of the segments by hour of the week
    cv_gain: float  # by how much temperature lowers the cross-validated error, 0–1


class Fit(NamedTuple):
    """How well a model describes the days it was fitted to."""

    mean_kwh: float  # of a day
    cvrmse: float
    nmbe: float
    autocorrelation: float  # of a day's residual with the one before
    days: int
    parameters: int


def fit_baseline(hours: pd.DataFrame) -> Baseline:
    """Return the model of these hours: least squares on the hour of the week and, where it helps, on temperature.

    Parameters
    ----------
    hours
        `hour_of_week`, `energy_kwh` and, where known, `TEMPERATURES` [°C]; in order of time, without NaN.

    Notes
    -----
    E = mean of the hour of the week + Σ slope_i · (part of the temperature within segment i, less its mean at that hour
    of the week), over the segments of both temperatures: a building answers to the day before as to the hour. They are
    kept where they lower the error of a cross-validation over five blocks of time by 2 %.
    """
    hours = hours[[name for name in _FITTED if name in hours]]
    plain = fit_form(hours, with_temperature=False)
    if "temp_c" not in hours or hours["temp_c"].nunique() <= _SEGMENTS:
        return plain
    error = [_cross_validated_error(hours, with_temperature) for with_temperature in (False, True)]
    gain = 1 - error[1] / error[0] if error[0] > 0 else 0.0
    return fit_form(hours, with_temperature=True)._replace(cv_gain=gain) if gain >= _MIN_GAIN else plain


def predict_kwh(model: Baseline, hours: pd.DataFrame) -> Floats:
    """Return the expected energy of each hour [kWh]; NaN where the model does not know the hour of the week."""
    cell = hours["hour_of_week"].to_numpy(dtype="int64")
    expected = model.cell_kwh[cell].copy()
    if model.slopes.size:
        parts = _segment_all(hours, model.knots_c)
        expected += (parts - model.cell_temp[cell]) @ model.slopes
    return expected


def add_excess(model: Baseline, hours: pd.DataFrame) -> Baseline:
    """Return the model with what these hours used above it, by hour of the week; NaN at hours that are not known."""
    cell = hours["hour_of_week"].to_numpy(dtype="int64")
    above = hours["energy_kwh"].to_numpy(dtype=float) - predict_kwh(model, hours)
    known = np.isfinite(above)
    count = np.bincount(cell[known], minlength=HOURS_PER_WEEK)
    total = np.bincount(cell[known], weights=above[known], minlength=HOURS_PER_WEEK)
    mean = np.divide(total, count, out=np.full(HOURS_PER_WEEK, np.nan), where=count > 0)
    return model._replace(cell_kwh=model.cell_kwh + mean)


def mean_excess(hours: pd.DataFrame, expected_kwh: Floats) -> Floats:
    """Return what these hours used above what was expected, by hour of the week [kWh]; NaN where none is known."""
    cell = hours["hour_of_week"].to_numpy(dtype="int64")
    above = hours["energy_kwh"].to_numpy(dtype=float) - expected_kwh
    known = np.isfinite(above)
    count = np.bincount(cell[known], minlength=HOURS_PER_WEEK)
    total = np.bincount(cell[known], weights=above[known], minlength=HOURS_PER_WEEK)
    return np.divide(total, count, out=np.full(HOURS_PER_WEEK, np.nan), where=count > 0)


def fit_form(hours: pd.DataFrame, *, with_temperature: bool) -> Baseline:
    """Return the model of `fit_baseline` in the form asked for."""
    cell = hours["hour_of_week"].to_numpy(dtype="int64")
    energy = hours["energy_kwh"].to_numpy(dtype=float)
    count = np.bincount(cell, minlength=HOURS_PER_WEEK)
    cell_kwh = _cell_means(energy, cell, count)
    none = np.empty(0)
    if not with_temperature:
        return Baseline(cell_kwh, (), none, np.empty((HOURS_PER_WEEK, 0)), 0.0)
    shares = np.linspace(0, 1, _SEGMENTS + 1)
    knots = tuple(np.unique(np.quantile(hours[name].to_numpy(dtype=float), shares)) for name in TEMPERATURES)
    parts = _segment_all(hours, knots)
    cell_temp = np.column_stack([_cell_means(column, cell, count) for column in parts.T])
    known = np.isfinite(cell_kwh[cell])
    slopes = _least_squares((parts - cell_temp[cell])[known], (energy - cell_kwh[cell])[known])
    return Baseline(cell_kwh, knots, slopes, cell_temp, 0.0)


def _least_squares(columns: Floats, values: Floats) -> Floats:
    """Return the shortest of the best coefficients: of normal equations, which are few, rather than of all the rows."""
    return np.asarray(np.linalg.pinv(columns.T @ columns, rcond=_LEAST_SHARE, hermitian=True) @ (columns.T @ values))


def _cell_means(values: Floats, cell: npt.NDArray[np.int64], count: npt.NDArray[np.int64]) -> Floats:
    total = np.bincount(cell, weights=values, minlength=HOURS_PER_WEEK)
    return np.where(count >= _MIN_CELL_HOURS, total / np.maximum(count, 1), np.nan)


def _segment_all(hours: pd.DataFrame, knots_c: tuple[Floats, ...]) -> Floats:
    """Return the segments of each of `TEMPERATURES` beside each other [°C]."""
    pairs = zip(TEMPERATURES, knots_c, strict=True)
    return np.hstack([_segments(hours[name].to_numpy(dtype=float), knots) for name, knots in pairs])


def _segments(temp_c: Floats, knots_c: Floats) -> Floats:
    """Return how much of each temperature lies in each segment between knots; the outer two are open [°C].

    One knot is that of a temperature that never changed, and makes no segment.
    """
    if knots_c.size < 2:
        return np.empty((temp_c.size, 0))
    low, high = knots_c[:-1].copy(), knots_c[1:].copy()
    low[0], high[-1] = -np.inf, np.inf
    inside = np.clip(temp_c[:, None], low, high)
    return inside - np.where(np.isfinite(low), low, knots_c[0])


def _cross_validated_error(hours: pd.DataFrame, with_temperature: bool) -> float:
    """Return the root mean square error over blocks of time that the model has not seen [kWh]."""
    squares: list[Floats] = []
    for block in np.array_split(np.arange(len(hours)), _FOLDS):
        seen = np.ones(len(hours), dtype=bool)
        seen[block] = False
        model = fit_form(hours[seen], with_temperature=with_temperature)
        squares.append((hours["energy_kwh"].to_numpy()[block] - predict_kwh(model, hours.iloc[block])) ** 2)
    known = np.concatenate(squares)
    known = known[np.isfinite(known)]
    return float(np.sqrt(known.mean())) if known.size else 0.0


def describe_fit(hours: pd.DataFrame, model: Baseline) -> Fit:
    """Return how well the model describes `hours` (with `local_time`), by day: residuals of hours are too alike.

    A day counts with 20 hours or more. CV(RMSE) and NMBE are shares of the mean day, with n − p degrees of freedom.
    """
    residual = hours["energy_kwh"].to_numpy() - predict_kwh(model, hours)
    table = pd.DataFrame({"residual": residual, "energy": hours["energy_kwh"].to_numpy()})
    daily = table.groupby(hours["local_time"].dt.normalize().to_numpy()).agg(["mean", "count"])
    daily = daily[daily["residual"]["count"] >= _DAY_MIN_HOURS]
    error, energy = 24 * daily["residual"]["mean"].to_numpy(), 24 * daily["energy"]["mean"].to_numpy()
    parameters = 7 + model.slopes.size
    mean = float(energy.mean()) if error.size else np.nan
    if error.size <= parameters or not mean > 0:
        return Fit(mean, np.nan, np.nan, np.nan, error.size, parameters)
    freedom = error.size - parameters
    spread = float((error**2).sum())
    follows = float((error[1:] * error[:-1]).sum() / spread) if spread > 0 else 0.0
    return Fit(
        mean, np.sqrt(spread / freedom) / mean, float(error.sum()) / (freedom * mean), follows, error.size, parameters
    )


def extrapolated_share(fitted: pd.DataFrame, hours: pd.DataFrame) -> float:
    """Return the share of `hours` that are colder or warmer than 99 % of `fitted`, 0–1."""
    low, high = fitted["temp_c"].quantile([_RARE_SHARE, 1 - _RARE_SHARE])
    return float((~hours["temp_c"].between(low, high)).mean())


def left_out_blocks(hours: pd.DataFrame, masks: Iterable[Flags], *, with_temperature: bool) -> list[Block]:
    """Return how blocks of time are met by a model that was fitted without them and the week on either side.

    Parameters
    ----------
    hours
        As for `fit_baseline`, with `day` counted from the change.
    masks
        Which hours lie in each block (`savings_level.block_masks`).
    """
    hours = hours[[name for name in _FITTED if name in hours]]
    day, blocks = hours["day"].to_numpy(), []
    for inside in masks:
        held = hours[inside]
        near = (day >= held["day"].min() - _GAP_DAYS) & (day <= held["day"].max() + _GAP_DAYS)
        expected = predict_kwh(fit_form(hours[~near], with_temperature=with_temperature), held)
        known = np.isfinite(expected)
        if known.any():
            used = float(held["energy_kwh"].to_numpy()[known].sum())
            blocks.append(Block(used, float(expected[known].sum())))
    return blocks
