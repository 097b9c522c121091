"""How much of each interval of the period could be saved, by kind of finding, and how sure that is. Pure.

- after_hours: what runs while closed, above the off level; low and high: above it with and without its noise;
- anomaly: what one event drew above the expected load; low and high: above the upper and the lower edge of the band.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.expected.closed_use import ClosedUse
from analyze.expected.model import Expectation
from analyze.money.attribution import Excess
from analyze.sections.after_hours import ACTED_ON
from analyze.week.intervals import WeekScope, number_channels, take_window

Floats = npt.NDArray[np.float64]

_MAX_EVENT_DAYS = 2  # what comes on more days is no event
_MAX_EVENT_H = 24.0  # what lasts longer is a level
_NET_SHARE = 0.5  # of an excess that must remain when the rest of the week is set against it


def measure_excess(
    clean: pd.DataFrame, closed: ClosedUse, anomalies: pd.DataFrame, expectation: Expectation, scope: WeekScope
) -> dict[str, Excess]:
    """Return the excess of each kind, for the period's rows of `clean`.

    Parameters
    ----------
    clean
        Valid intervals of baseline and period.
    closed, anomalies, expectation
        As `find_closed_use`, `find_anomalies` and `expect_load` give them.
    """
    rows = take_window(clean, scope.period)
    return {
        "after_hours": _after_hours(rows, closed),
        "anomaly": _anomaly(rows, choose_events(anomalies, rows, expectation)),
    }


def _after_hours(rows: pd.DataFrame, closed: ClosedUse) -> Excess:
    """Return the excess above the off level of the runs that somebody should act on."""
    own, code, ids = closed.rows.loc[rows.index], *number_channels(rows)
    facts = closed.channels.reindex(ids)
    acted_on = own["is_counted"].to_numpy() & facts["pattern"].isin(ACTED_ON).to_numpy()[code]
    seen = np.nan_to_num(own["excess_kwh"].to_numpy(dtype=float))
    mid = np.where(acted_on, seen, 0.0)
    noise = np.nan_to_num(facts["noise_kw"].to_numpy(dtype=float))[code] * rows["hours"].to_numpy()
    high = np.where(mid > 0, mid + noise, 0.0)
    return Excess(np.clip(mid - noise, 0.0, None), mid, high, mid > 0, seen)


def choose_events(anomalies: pd.DataFrame, rows: pd.DataFrame, expectation: Expectation) -> pd.DataFrame:
    """Return the rows of the anomalies that cost energy once: high, short, on a day or two, and not made up for.

    What moved within the week saves nothing: an event that is no higher than other weeks reach has only moved, and so
    has the load of a channel whose week as a whole lies less than half of the excess above what was expected.
    """
    high = anomalies[anomalies["excess_kwh"] > 0]
    high = high[high.groupby("event_id")["is_beyond"].transform("any")]
    if high.empty:
        return high
    hours = high.groupby("event_id")["hours"].transform("sum")
    high = high[hours <= _MAX_EVENT_H]
    days = high["local_time"].dt.normalize().groupby(high["channel_id"]).transform("nunique")
    high = high[days <= _MAX_EVENT_DAYS]
    expected_kw = expectation.rows["expected_kw"].reindex(rows.index)
    net = ((rows["mean_kw"] - expected_kw) * rows["hours"]).groupby(rows["channel_id"]).sum()
    excess = high["excess_kwh"].groupby(high["channel_id"]).sum()
    kept = excess.index[net.reindex(excess.index) >= _NET_SHARE * excess]
    return high[high["channel_id"].isin(kept)]


def _anomaly(rows: pd.DataFrame, events: pd.DataFrame) -> Excess:
    mid, hours = events["excess_kwh"], events["hours"]
    up = ((events["high_kw"] - events["expected_kw"]) * hours).fillna(0.0).clip(lower=0)
    down = ((events["expected_kw"] - events["low_kw"]) * hours).fillna(0.0).clip(lower=0)
    values = ((mid - up).clip(lower=0), mid, mid + down)
    low, likely, high = (value.reindex(rows.index, fill_value=0.0).to_numpy() for value in values)
    return Excess(low, likely, high, likely > 0)
