"""How a load follows the outdoor temperature: continuous straight lines between change points. Pure.

References
----------
- Kissock, J. K., Haberl, J. S., Claridge, D. E. (2003), "Inverse Modeling Toolkit: Numerical Algorithms", ASHRAE
  Transactions 109(2): change-point linear models.
- Mathieu, J. L. et al. (2011), "Quantifying Changes in Building Electricity Use, With Application to Demand Response",
  IEEE Transactions on Smart Grid 2(3), doi:10.1109/TSG.2011.2145010: time of week and temperature together.
- CalTRACK Methods 2.0, section 3.9 (temperature bins of the hourly model), caltrack.org.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lib.date_utils import HOURS_PER_WEEK

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# CalTRACK 2.0, 3.9.1: the ends of the temperature bins, 30, 45, 55, 65, 75 and 90 °F.
_BIN_ENDS_C = (-1.1, 7.2, 12.8, 18.3, 23.9, 32.2)
_MIN_BIN_H = 20.0  # CalTRACK 2.0, 3.9.2: a bin with fewer hours joins its neighbour
_MAX_ERROR_SCALES = 3.5  # what lies further from the first fit is held out of the second
_MAD_TO_STD = 1.4826


class TemperatureResponse(NamedTuple):
    """A load over the outdoor temperature; constant beyond the temperatures that the baseline saw."""

    knots_c: Floats  # the lowest seen, the change points, the highest seen
    slopes_kw_per_k: Floats  # one between each pair of knots

    def power_kw(self, temp_c: npt.ArrayLike, beyond_k: float = 0.0) -> Floats:
        """Return the load above that at the lowest knot [kW]; NaN where the temperature is missing.

        The outermost lines go on for `beyond_k` kelvin outside of the temperatures that the baseline saw.
        """
        temp = np.asarray(temp_c, dtype=float)
        inside = _segments(temp, self.knots_c) @ self.slopes_kw_per_k
        below, above = (np.clip(part, 0.0, beyond_k) for part in (self.knots_c[0] - temp, temp - self.knots_c[-1]))
        return inside - below * self.slopes_kw_per_k[0] + above * self.slopes_kw_per_k[-1]


def fit_response(power_kw: Floats, temp_c: Floats, hour_of_week: Ints, hours: Floats) -> TemperatureResponse | None:
    """Return the response of one channel, or None where the temperature does not vary.

    Parameters
    ----------
    power_kw, temp_c, hour_of_week, hours
        Of each interval: mean power [kW], outdoor temperature [°C], hour of the week, length [h]; none missing.

    Notes
    -----
    Least squares of y = a[hour of week] + Σ_j b_j · f_j(T), with f_j(T) the part of T that lies between knots j and
    j + 1. Means by hour of the week are taken off both sides first (Frisch–Waugh–Lovell), so only the b_j are solved
    for. Fitted twice, the second time without what lies 3.5 robust standard deviations off.
    """
    if temp_c.size < 2 or temp_c.max() <= temp_c.min():
        return None
    knots = _knots(temp_c, hours)
    segments = _segments(temp_c, knots)
    keep = np.ones(power_kw.size, dtype=bool)
    slopes: Floats = np.zeros(knots.size - 1)
    for _ in range(2):
        x, y = _demeaned(segments[keep], hour_of_week[keep]), _demeaned(power_kw[keep, None], hour_of_week[keep])
        slopes = np.linalg.lstsq(x, y[:, 0], rcond=None)[0].astype(np.float64, copy=False)
        error = np.abs(_demeaned(power_kw[:, None] - (segments @ slopes)[:, None], hour_of_week)[:, 0])
        keep = error <= max(_MAX_ERROR_SCALES * _MAD_TO_STD * np.median(error), 1e-9)
    return TemperatureResponse(knots, slopes)


def _knots(temp_c: Floats, hours: Floats) -> Floats:
    """Return the ends of the temperature bins within the range seen; a bin of too few hours joins the one below."""
    inner = [end for end in _BIN_ENDS_C if temp_c.min() < end < temp_c.max()]
    knots = [float(temp_c.min())]
    for end in inner:
        below = hours[(temp_c >= knots[-1]) & (temp_c < end)].sum()
        above = hours[temp_c >= end].sum()
        if below >= _MIN_BIN_H and above >= _MIN_BIN_H:
            knots.append(end)
    return np.array([*knots, float(temp_c.max())])


def _segments(temp_c: Floats, knots_c: Floats) -> Floats:
    """Return for each temperature how far it reaches into each segment [K]."""
    return np.clip(temp_c[:, None] - knots_c[None, :-1], 0.0, np.diff(knots_c)[None, :])


def _demeaned(columns: Floats, hour_of_week: Ints) -> Floats:
    count = np.maximum(np.bincount(hour_of_week, minlength=HOURS_PER_WEEK), 1)
    means = [np.bincount(hour_of_week, weights=column, minlength=HOURS_PER_WEEK) / count for column in columns.T]
    return columns - np.column_stack(means)[hour_of_week]
