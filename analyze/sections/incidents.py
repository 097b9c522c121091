"""Which anomalies of a site are one and the same incident, so that one cause raises one alert. Pure.

A holiday empties ten meters, a cold night drives four, a main meter repeats its sub-meter, and a machine left wrongly
set is seen every day anew: each is one thing to look into, however many events tell of it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

_MIN_OVERLAP = 0.5  # of the shorter of two events


def number_incidents(events: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return for each event the incident that it belongs to: 1, 2, … in order of the events.

    Parameters
    ----------
    events
        `channel_id`, `direction`, `start`, `end`.

    Notes
    -----
    Two events of one direction belong together when they are of the same channel, or when half of the shorter one lies
    within the other; and so do those that belong together with a third.
    """
    if events.empty:
        return np.zeros(0, dtype=np.int64)
    start, end = (events[name].astype("int64").to_numpy() for name in ("start", "end"))
    channel, direction = events["channel_id"].to_numpy(), events["direction"].to_numpy()
    shared = np.minimum.outer(end, end) - np.maximum.outer(start, start)
    belong = (shared >= _MIN_OVERLAP * np.minimum.outer(end - start, end - start)) | np.equal.outer(channel, channel)
    belong &= np.equal.outer(direction, direction)
    incident = np.arange(len(events))
    while True:  # each event takes the first number among those it belongs with, until none changes
        first = np.where(belong, incident, len(events)).min(axis=1)
        if (first == incident).all():
            return pd.factorize(incident)[0] + 1
        incident = first
