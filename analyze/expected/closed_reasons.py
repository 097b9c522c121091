"""Why equipment may have to run while the site is closed: it is cold, or people are at work. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analyze.expected.running import Running
from lib.stats_utils import nan_quantiles

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_MIN_KNOWN_SHARE = 0.9  # of the closed time, of which the temperature must be known
_LEVELS = (0.05, 0.98)  # quantiles of the closed time, at rest and running
_ON_SHARE = 0.3  # of the way from one to the other
_MIN_H = 4.0  # of running, and of rest, to compare
_SEPARATED = 0.9  # chance that a time at which it runs is colder (or warmer) than one at which it rests
_WORKING_SHARE = 0.7  # of what the site's equipment draws when it runs


def follow_thermostat(running: Running, response_kw: Floats, temp_c: Floats, step_h: float) -> Flags:
    """Return the channels (C,) that run while closed just when it is cold, or just when it is warm.

    Frost protection, or a set point: that it runs says something of the weather, and nothing of forgetfulness.

    Parameters
    ----------
    response_kw : (C, D, S) floats
        The part of the power that answers to the weather, which is no part of `running`.
    temp_c : (D, S) floats
        Temperature of each slot [°C], NaN where it is not known.

    Notes
    -----
    The measure is the area under the ROC curve, which is the rank sum of Mann and Whitney (1947).
    """
    temp = temp_c.ravel()
    judged = running.is_closed & ~np.isnan(running.smooth_kw)
    known = judged & ~np.isnan(temp)
    follows = np.zeros(len(running.runs), dtype=bool)
    least = _MIN_H / step_h
    total_kw = running.smooth_kw + response_kw.reshape(running.smooth_kw.shape)
    low_kw, high_kw = nan_quantiles(np.where(known, total_kw, np.nan), _LEVELS).T
    above = total_kw > (low_kw + _ON_SHARE * (high_kw - low_kw))[:, None]
    for number in np.flatnonzero((running.runs & known).any(axis=1)):
        on, off = known[number] & above[number], known[number] & ~above[number]
        if known[number].sum() < _MIN_KNOWN_SHARE * judged[number].sum() or min(on.sum(), off.sum()) < least:
            continue
        area = _area_under_curve(temp[on], temp[off])
        follows[number] = max(area, 1 - area) >= _SEPARATED
    return follows


def _area_under_curve(on: Floats, off: Floats) -> float:
    """Return the chance that a value of `on` is above one of `off`; a tie is half a chance."""
    ordered = np.sort(off)
    below = np.searchsorted(ordered, on, "left") + np.searchsorted(ordered, on, "right")
    return float(below.mean() / (2 * off.size))


def find_shift(on_kw: Floats, may_rest: Flags, runs_on_closed_days: Flags) -> Flags:
    """Return the channels (C,) that run on closed days because the site works then, as far as its meters show.

    Where nearly all that can be off runs together in every week, people are more likely to be there than one switch is
    to be wrong: the opening hours are in question.

    Parameters
    ----------
    on_kw
        What each draws when it runs [kW].
    may_rest, runs_on_closed_days
        Whether it can be off, and whether it runs on closed days in every week.
    """
    runs = may_rest & runs_on_closed_days
    of_kw = np.nansum(on_kw[may_rest])
    together = runs.sum() >= 2 or may_rest.sum() == 1
    return runs if together and np.nansum(on_kw[runs]) >= _WORKING_SHARE * of_kw else np.zeros_like(runs)
