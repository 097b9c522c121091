"""What each meter should have drawn: a robust profile of the week and, where it explains the load, the temperature.

Pure. The model is fitted to a baseline and knows nothing of the period it is asked about: expected power is

    E(t) = L[hour of week(t)] + r(T(t))

with L the median by hour of the week and r the response to the outdoor temperature (`temperature_response`). Every
error below is of weeks that were left out of the fit, so that it says how well the next week will be foreseen.

References
----------
- Mathieu, J. L. et al. (2011), doi:10.1109/TSG.2011.2145010: time of week and temperature together.
- CalTRACK Methods 2.0, section 2.2 (data sufficiency), caltrack.org.
- ASHRAE Guideline 14-2014, section 5.2.11.3: CV(RMSE) and NMBE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.load.fit_quality import check_sufficiency, describe_quality
from analyze.load.temperature_response import TemperatureResponse, fit_response
from analyze.load.week_profile import ProfileRows, fit_profile, fold_by_week, week_levels
from lib.date_utils import HOURS_PER_WEEK

if TYPE_CHECKING:
    from config.thresholds import Thresholds

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_INCIDENT_SCALES = 6.0  # a baseline interval this far off is an earlier anomaly, held out of the second fit


class ExpectedLoad(NamedTuple):
    """A model of several channels, as `fit_expected_load` returns it."""

    channel_ids: Ints
    level_kw: Floats  # channels × 168
    scale_kw: Floats  # channels × 168: robust standard deviation in weeks that were left out
    responses: dict[int, TemperatureResponse]  # only where the temperature made the errors smaller
    fit: pd.DataFrame  # by channel_id, see `fit_expected_load`


def fit_expected_load(
    baseline: pd.DataFrame, config: Thresholds, *, temp_c: pd.Series | None = None, held_out: pd.Series | None = None
) -> ExpectedLoad:
    """Fit the expected load of every channel in `baseline`.

    Parameters
    ----------
    baseline
        Sound intervals of the baseline, by channel and time: `channel_id`, `epoch_s`, `interval_s` [s],
        `hour_of_week`, `mean_kw` [kW]. The period to be judged must not be among them.
    temp_c
        Outdoor temperature of each of these intervals [°C], NaN where missing; None for the plain profile.
    held_out
        True for known incidents. What lies further than 6 scales from a first fit is held out of the second too.

    Returns
    -------
    ExpectedLoad
        `fit` has by `channel_id`: `model` ("profile" or "profile+temperature"), `samples` (fitted to), `span_days`,
        `coverage_pct` (of that span), `cv_mae_kw` (mean absolute error in left-out weeks), `cv_rmse_pct` and
        `nmbe_pct` of the fit, `is_sufficient` and `reason` ("" where sufficient).

    Notes
    -----
    The temperature is used where it covers `expected.min_coverage_pct` of the baseline and makes the mean absolute
    error of left-out weeks smaller by `temperature_min_gain_pct`. Sufficient is a baseline of `expected.min_days` or
    more, of which `expected.min_coverage_pct` is covered (CalTRACK 2.2). Claims about a whole year need a whole year.
    """
    ids, channel = np.unique(baseline["channel_id"].to_numpy(dtype="int64"), return_inverse=True)
    keep = np.ones(len(baseline), dtype=bool) if held_out is None else ~held_out.to_numpy(dtype=bool)
    hour = baseline["hour_of_week"].to_numpy(dtype="int64")
    rows = ProfileRows(
        baseline["mean_kw"].to_numpy(dtype=float), channel, hour, fold_by_week(baseline["epoch_s"]), keep
    )
    level, scale, error = fit_profile(rows, ids.size)
    off_kw = np.abs(rows.power_kw - level[channel, hour])
    rows = rows._replace(keep=keep & ~(off_kw > _INCIDENT_SCALES * scale[channel, hour]))
    level, scale, error = fit_profile(rows, ids.size)
    responses = {}
    response_kw = np.zeros(hour.size)
    if temp_c is not None:
        temp, hours = temp_c.to_numpy(dtype=float), baseline["interval_s"].to_numpy(dtype=float) / 3600
        for number in range(ids.size):
            own = channel == number
            response = _choose_response(rows.of(own), temp[own], hours[own], error[number], config)
            if response is not None:
                responses[int(ids[number])] = response
                response_kw[own] = response.power_kw(temp[own])
        rest = rows._replace(power_kw=rows.power_kw - response_kw, keep=rows.keep & ~np.isnan(response_kw))
        level, scale, error = fit_profile(rest, ids.size)
        rows = rows._replace(keep=rest.keep)
    fit = _describe_fit(baseline, rows, level[channel, hour] + response_kw, ids, responses, config)
    return ExpectedLoad(ids, level, scale, responses, fit.assign(cv_mae_kw=error))


def predict_load(model: ExpectedLoad, rows: pd.DataFrame, temp_c: pd.Series | None = None) -> pd.DataFrame:
    """Return `expected_kw` and `scale_kw` of each of `rows`; NaN for channels that the baseline lacks.

    Parameters
    ----------
    rows
        `channel_id`, `hour_of_week`.
    temp_c
        Outdoor temperature of each row [°C]. Channels with a response need it and are NaN where it is missing.
    """
    ids = rows["channel_id"].to_numpy(dtype="int64")
    place = pd.Index(model.channel_ids).get_indexer(ids)
    cell = (place, rows["hour_of_week"].to_numpy(dtype="int64"))
    level, scale = (np.vstack([table, np.full((1, HOURS_PER_WEEK), np.nan)]) for table in model[1:3])
    expected = level[cell]  # the place of an unknown channel, −1, is the row of NaN at the end
    for channel_id, response in model.responses.items():
        own = ids == channel_id
        expected[own] += np.nan if temp_c is None else response.power_kw(temp_c.to_numpy(dtype=float)[own])
    return pd.DataFrame({"expected_kw": expected, "scale_kw": scale[cell]}, index=rows.index)


def _choose_response(
    rows: ProfileRows, temp_c: Floats, hours: Floats, plain_error_kw: float, config: Thresholds
) -> TemperatureResponse | None:
    """Return one channel's response where it foresees left-out weeks better than the plain profile, else None."""
    is_known = ~np.isnan(temp_c)
    if hours[is_known].sum() < config.expected.min_coverage_pct / 100 * hours.sum():
        return None
    rows, temp_c, hours = (
        rows.of(is_known)._replace(channel=np.zeros(is_known.sum(), dtype=np.int64)),
        temp_c[is_known],
        hours[is_known],
    )
    error = np.full(temp_c.size, np.nan)
    for number in np.unique(rows.fold):
        own = rows.fold == number
        fitted = rows.keep & ~own
        response = fit_response(rows.power_kw[fitted], temp_c[fitted], rows.hour[fitted], hours[fitted])
        if response is None:
            return None
        rest = rows._replace(power_kw=rows.power_kw - response.power_kw(temp_c), keep=fitted)
        error[own] = np.abs(rest.power_kw - week_levels(rest, 1)[0, rows.hour])[own]
    if not np.nanmean(error[rows.keep]) < (1 - config.expected.temperature_min_gain_pct / 100) * plain_error_kw:
        return None
    return fit_response(rows.power_kw[rows.keep], temp_c[rows.keep], rows.hour[rows.keep], hours[rows.keep])


def _describe_fit(
    baseline: pd.DataFrame,
    rows: ProfileRows,
    predicted_kw: Floats,
    ids: Ints,
    responses: dict[int, TemperatureResponse],
    config: Thresholds,
) -> pd.DataFrame:
    entries = []
    for number, channel_id in enumerate(ids.tolist()):
        own = rows.channel == number
        used = own & rows.keep & ~np.isnan(predicted_kw)
        response = responses.get(channel_id)
        parameters = np.unique(rows.hour[used]).size + (0 if response is None else response.slopes_kw_per_k.size)
        quality = describe_quality(rows.power_kw[used], predicted_kw[used], parameters)
        model = "profile" if response is None else "profile+temperature"
        entries.append({"model": model, **quality, **check_sufficiency(baseline[own], config)})
    return pd.DataFrame(entries, index=pd.Index(ids, name="channel_id"))
