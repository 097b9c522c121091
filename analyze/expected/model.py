"""What each meter would have drawn, and how sure that is: the one answer that every analysis reads. Pure.

    expected(t) = level of like days(t) + response to the weather(t)

`like_days` gives the level, `weather` the response. Both are of the baseline weeks without the week that is asked
about, so the errors of the baseline are those of a week that the model has not seen; the band is made of these.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.expected.day_matrix import DayMatrix, lay_out_days
from analyze.expected.like_days import level_of_like_days
from analyze.expected.wall_time import flat, hour_quantiles
from analyze.expected.weather import WeatherResponse, respond_to_weather
from analyze.meters.completeness import assess_channels
from analyze.week.intervals import WeekScope, starts_within, take_window
from lib.date_utils import Window
from lib.stats_utils import nan_quantiles

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_BAND_QUANTILES = (0.05, 0.95)
# Quantiles of a few left-out weeks are narrower than what new weeks bring; measured on public building meters.
_BAND_WIDEN = 1.25
_LEAST_HALF_BAND = 0.01  # of the channel's p95 - p5: a steadier meter does not exist
COLUMNS = ("expected_kw", "low_kw", "high_kw")


class ExpectedDays(NamedTuple):
    """The expectation of the channels of one matrix; floats are C × D × S [kW], NaN without a basis.

    `like_days` (C × D) counts the baseline days that a day rests on.
    """

    matrix: DayMatrix
    expected_kw: Floats
    low_kw: Floats
    high_kw: Floats
    like_days: Ints
    weather: WeatherResponse


class Expectation(NamedTuple):
    """The expectation of every interval of baseline and period.

    `rows` has by index of the intervals `expected_kw`, `low_kw`, `high_kw` [kW] (NaN without a basis), `like_days` and
    `is_weather_alike`: whether the mean temperature of the day is known and near what the baseline saw. `coverage`
    tells how much of baseline and period they cover (`assess_channels`), and `based` which channels have a basis in
    the period.
    """

    blocks: tuple[ExpectedDays, ...]
    rows: pd.DataFrame
    coverage: pd.DataFrame
    based: frozenset[int]

    def weather_channels(self) -> set[int]:
        """Return the channels whose load follows the outdoor temperature."""
        return {int(key) for block in self.blocks for key in block.matrix.channel_ids[block.weather.is_used]}


def expect_load(clean: pd.DataFrame, scope: WeekScope, weather: pd.DataFrame | None) -> Expectation:
    """Return what each of the intervals should have drawn.

    Parameters
    ----------
    clean
        Valid intervals of baseline and period, by channel and time (`prepare_intervals`).
    weather
        `timestamp` (start of the UTC hour) and `temp_c` [°C]; None where nothing is known.
    """
    rows = take_window(clean, Window(scope.baseline.start, scope.period.end))
    blocks = tuple(_expect(matrix, scope, weather) for matrix in lay_out_days(rows, scope)) if len(rows) else ()
    table = _list_rows(rows, blocks)
    has_basis = ~np.isnan(table["expected_kw"].to_numpy()) & starts_within(rows, scope.period)
    based = frozenset(rows["channel_id"].to_numpy(dtype="int64")[has_basis].tolist())
    return Expectation(blocks, table, assess_channels(rows, scope), based)


def _expect(matrix: DayMatrix, scope: WeekScope, weather: pd.DataFrame | None) -> ExpectedDays:
    config = scope.config
    response = respond_to_weather(
        matrix,
        weather,
        scope.tz,
        min_gain_pct=config.expected.temperature_min_gain_pct,
        min_coverage_pct=config.expected.min_coverage_pct,
    )
    level = level_of_like_days(matrix, matrix.power_kw - response.kw)
    expected = level.level_kw + response.kw
    low, high = _band(matrix, matrix.power_kw - expected)
    low_kw, high_kw = expected + low - response.doubt_kw, expected + high + response.doubt_kw
    return ExpectedDays(matrix, expected, low_kw, high_kw, level.days, response)


def _band(matrix: DayMatrix, error_kw: Floats) -> tuple[Floats, Floats]:
    """Return how far below and above the expected power a new week lies in nine cases of ten (C × D × S) [kW].

    By hour of the day with the hours beside it, of days that the site opens and of those that it stays closed, from the
    errors of left-out weeks.
    """
    channels, size, slots = error_kw.shape
    closed, before = matrix.types.is_closed, matrix.fold >= 0
    low, high = np.zeros((channels, size, slots)), np.zeros((channels, size, slots))
    for is_closed in (False, True):
        days = closed == is_closed
        donors = days & before if (days & before).any() else before
        if not days.any() or not donors.any():
            continue
        pair = hour_quantiles(matrix, flat(error_kw), donors, _BAND_QUANTILES)[:, matrix.hour_of_slot]
        low[:, days], high[:, days] = pair[:, None, :, 0], pair[:, None, :, 1]
    spread = np.subtract(*nan_quantiles(matrix.power_kw.reshape(channels, -1), [0.95, 0.05]).T)
    least = (_LEAST_HALF_BAND * np.nan_to_num(spread))[:, None, None]
    return np.minimum(_BAND_WIDEN * low, -least), np.maximum(_BAND_WIDEN * high, least)


def _list_rows(rows: pd.DataFrame, blocks: tuple[ExpectedDays, ...]) -> pd.DataFrame:
    table = {name: np.full(len(rows), np.nan) for name in COLUMNS}
    days, is_alike = np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows), dtype=bool)
    for block in blocks:
        matrix, place = block.matrix, block.matrix.row
        for name in COLUMNS:
            table[name][place] = matrix.rows_of(getattr(block, name))
        days[place] = block.like_days[matrix.channel, matrix.day]
        is_alike[place] = block.weather.is_alike[matrix.day]
    return pd.DataFrame({**table, "like_days": days, "is_weather_alike": is_alike}, index=rows.index)
