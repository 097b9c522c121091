"""Stretches in which a meter draws far more, or far less, than on like days: the section "anomalies". Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.expected.basis import assessed_channels, describe_expected, list_unassessed
from analyze.expected.closed_runs import Pattern
from analyze.expected.closed_use import ClosedUse
from analyze.expected.episodes import HIGH, LOW, find_episodes
from analyze.expected.model import Expectation
from analyze.expected.steps import LevelChange, list_steps
from analyze.meters.meter_tree import net_of_sub_meters
from analyze.sections.anomaly_events import channel_entry, list_events
from analyze.week.intervals import WeekScope, places_of, starts_new_run, starts_within
from lib.states import Level
from lib.stats_utils import label_runs, sum_by_place, with_columns

_HOURS_PER_DAY = 24
_NEWS = (Pattern.NEW, Pattern.ONCE)
_RUN_SHARE = 0.5  # of an event's energy that must lie within runs while closed, for the event to be them


def find_anomalies(
    expectation: Expectation, shifts: list[npt.NDArray[np.float64]], clean: pd.DataFrame, scope: WeekScope
) -> pd.DataFrame:
    """Return the intervals of the period that belong to an anomaly.

    Parameters
    ----------
    shifts
        How much levels have changed for good (`find_level_changes`).
    clean
        Valid intervals of baseline and period, which the expectation is of.

    Returns
    -------
    pd.DataFrame
        Rows of `clean` with `event_id` (1, 2, …), `direction` ("high" or "low"; one per event), `expected_kw`,
        `expected_kwh`, `low_kw` and `high_kw`, `excess_kwh` and `deficit_kwh` (0 or more; a low event has no excess),
        `usual_day_kwh` (the mean day of the channel's baseline), `is_weather_alike`, and the boolean views that saw
        them.

    Notes
    -----
    An anomaly has `min_intervals` or more intervals whose excess (or deficit) adds up to `min_excess_kwh`; it lasts for
    `min_hours` or longer, small breaks included, and passes both tests of `episodes`. Below `medium_excess_kwh` the
    day's shape must be unusual too, for a mild night shifts a load a little as well.
    """
    found = find_episodes(expectation, shifts, assessed_channels(expectation, scope), scope)
    band = expectation.rows.loc[found.index, ["low_kw", "high_kw", "is_weather_alike"]]
    rows, expected_kw = clean.loc[found.index], found["expected_kw"].to_numpy(dtype=float)
    hours, power_kw = (rows[name].to_numpy(dtype=float) for name in ("hours", "mean_kw"))
    number = np.unique(found["event_id"].to_numpy(), return_inverse=True)[1]
    is_low = _sum_events(number, found["direction"].to_numpy() == LOW) > 0
    expected_kwh = expected_kw * hours
    beyond_kwh = np.maximum(np.where(is_low, -1.0, 1.0) * (power_kw * hours - expected_kwh), 0.0)
    facts = {str(name): table[name].to_numpy() for table in (found, band) for name in table}
    facts |= {
        "direction": np.where(is_low, LOW, HIGH).astype(object),
        "expected_kwh": expected_kwh,
        "excess_kwh": np.where(is_low, 0.0, beyond_kwh),
        "deficit_kwh": np.where(is_low, beyond_kwh, 0.0),
        "usual_day_kwh": _usual_kw(rows["channel_id"].to_numpy(), clean, scope) * _HOURS_PER_DAY,
    }
    limits, total_kwh = scope.config.anomalies, _sum_events(number, beyond_kwh)
    is_event = (
        (_sum_events(number, np.ones(number.size)) >= limits.min_intervals)
        & (total_kwh >= limits.min_excess_kwh)
        & (_sum_events(number, hours) >= limits.min_hours)
        & ((total_kwh >= limits.medium_excess_kwh) | (_sum_events(number, facts["shape"]) > 0))
    )
    events = with_columns(rows[is_event], {name: values[is_event] for name, values in facts.items()})
    events = events.sort_values(["channel_id", "epoch_s"])
    return events.assign(event_id=events["event_id"].factorize()[0] + 1)


def _sum_events(number: npt.NDArray[np.int64], values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return for each interval the sum of `values` over its event, by the events' numbers."""
    return sum_by_place(number, np.nan_to_num(values.astype(float)), int(number.max(initial=-1)) + 1)[number]


def _usual_kw(channel: npt.NDArray[np.int64], clean: pd.DataFrame, scope: WeekScope) -> npt.NDArray[np.float64]:
    """Return for each element of `channel` the mean power of its baseline [kW]; NaN where it has none."""
    ids = np.unique(channel)
    place = np.where(starts_within(clean, scope.baseline), places_of(clean["channel_id"].to_numpy(), ids), -1)
    power_kw = clean["mean_kw"].to_numpy()
    own = np.flatnonzero((place >= 0) & ~np.isnan(power_kw))
    count = np.bincount(place[own], minlength=ids.size)
    mean_kw = np.divide(
        sum_by_place(place[own], power_kw[own], ids.size), count, out=np.full(ids.size, np.nan), where=count > 0
    )
    return mean_kw[np.searchsorted(ids, channel)]


def join_runs(anomalies: pd.DataFrame, closed: ClosedUse, clean: pd.DataFrame) -> pd.DataFrame:
    """Return the anomalies, with those that are equipment left on as the run that it was: one event has one size.

    Parameters
    ----------
    anomalies
        As `find_anomalies` gives them.
    closed
        As `find_closed_use` gives it.

    Notes
    -----
    A high event of which half or more lies within runs that are new, or came once, takes these runs' intervals and
    energy. What it holds in opening hours stays as it is. Several events in one run become one.
    """
    facts = closed.channels
    ids = facts.index[facts["pattern"].isin(_NEWS)] if len(facts) else facts.index
    high = anomalies[(anomalies["direction"] == HIGH) & anomalies["channel_id"].isin(ids)]
    if high.empty:
        return anomalies
    rows = clean[clean["channel_id"].isin(ids)]
    run = label_runs(closed.rows["is_counted"].reindex(rows.index, fill_value=False), starts_new_run(rows))
    own_run = run.reindex(high.index, fill_value=0)
    within_kwh = high["excess_kwh"].where(own_run > 0, 0.0).groupby(high["event_id"]).sum()
    is_run = within_kwh >= _RUN_SHARE * high["excess_kwh"].groupby(high["event_id"]).sum()
    high = high[high["event_id"].map(is_run)]
    if high.empty:
        return anomalies
    own_run = own_run[high.index]
    first_event = high[own_run > 0].groupby(own_run[own_run > 0])["event_id"].min()
    event_of = own_run.map(first_event).fillna(high["event_id"]).groupby(high["event_id"]).min()
    open_part = high[own_run == 0]
    open_part = open_part.assign(event_id=open_part["event_id"].map(event_of).astype("int64"))
    joined = _as_events(rows[run.isin(first_event.index)], run.map(first_event), high, closed)
    rest = anomalies.drop(index=high.index)
    rest = rest.drop(index=rest.index.intersection(joined.index))
    together = pd.concat([rest, open_part, joined]).sort_values(["channel_id", "epoch_s"])
    return together.assign(event_id=together["event_id"].factorize()[0] + 1)


def _as_events(rows: pd.DataFrame, event: pd.Series, high: pd.DataFrame, closed: ClosedUse) -> pd.DataFrame:
    """Return the intervals of runs as those of the event that saw each, with the energy that the runs have."""
    event_id = event.loc[rows.index].astype("int64")
    facts = [name for name in high.columns if name not in rows.columns and name != "event_id"]
    of_event = high.groupby("event_id")[facts].max().reindex(event_id).set_index(rows.index)
    excess_kwh = closed.rows.loc[rows.index, "excess_kwh"].fillna(0.0)
    expected_kwh = rows["used_kwh"] - excess_kwh
    own = {name: high[name].reindex(rows.index) for name in ("low_kw", "high_kw")}
    return rows.join(of_event).assign(
        event_id=event_id,
        excess_kwh=excess_kwh,
        deficit_kwh=0.0,
        expected_kwh=expected_kwh,
        expected_kw=expected_kwh / rows["hours"],
        **own,
    )[high.columns]


def build_section(
    anomalies: pd.DataFrame,
    changes: list[LevelChange],
    expectation: Expectation,
    clean: pd.DataFrame,
    scope: WeekScope,
) -> dict[str, Any]:
    """Return the section "anomalies".

    Parameters
    ----------
    anomalies
        As `find_anomalies` gives them.
    changes
        As `find_level_changes` gives them.
    expectation, clean
        What they were found in; they tell which meters could not be assessed.

    Notes
    -----
    `timeline` holds high and low episodes; a low one has `excessKwh` 0, its `deficitKwh`, and at most medium severity.
    `byChannel` and the summary are of the high ones, for a deficit is no saving; `belowUsualEvents` (also `lowEvents`,
    its first name) counts the others. It is a matter of direction: `bySeverity` counts all episodes by severity.
    `steps` lists each level that changed for good, once. `expectedLoad` tells how well each meter is predicted.

    `context` is where most of an event's excess lies, `dayShare` the excess (or deficit) over a usual day's energy.
    `severity` is "medium" from `anomalies.medium_excess_kwh` and `anomaly_medium_day_share` on (a low event:
    `anomaly_low_medium_day_share`, for it costs nothing), "high" at `anomaly_high_excess_kwh` and
    `anomaly_high_actual_ratio` times the expected energy too. Of the events of one `incident` (`incidents`) the gravest
    alone keeps its severity; the others are "low" and name it in `partOf`. `confidence` is "high" when all four of
    `views` saw it, "medium" with three. The summary's `totalExcessKwh` holds a sub-meter's excess once, though its
    parent's event is listed too.
    """
    events = list_events(anomalies, scope)
    high = [event for event in events if event["direction"] == HIGH]
    net_kwh = net_of_sub_meters(anomalies["excess_kwh"], anomalies, scope.meters)
    ids = sorted({event["channelId"] for event in high})
    by_channel = [channel_entry([event for event in high if event["channelId"] == key]) for key in ids]
    by_channel.sort(key=lambda entry: (-entry["totalExcessKwh"], entry["channelId"]))
    return {
        "summary": {
            "totalEvents": len(high),
            "affectedChannels": len(ids),
            "totalExcessKwh": round(float(net_kwh.sum()), 2),
            "lowEvents": len(events) - len(high),
            "belowUsualEvents": len(events) - len(high),
            "bySeverity": {level: sum(event["severity"] == level for event in events) for level in Level},
        },
        "timeline": events,
        "byChannel": by_channel,
        "steps": list_steps(changes, scope),
        "expectedLoad": describe_expected(expectation, clean, scope),
        "notAssessed": list_unassessed(expectation, scope),
    }


def render_text(section: dict[str, Any]) -> str:
    """Return the section as lines for a reader."""
    summary = section["summary"]
    lines = [f"{summary['totalEvents']} events, {summary['totalExcessKwh']:.1f} kWh above what is usual"]
    lines += [
        f"{event['start']}  {event['excessKwh'] - event['deficitKwh']:8.1f} kWh  {event['severity']:<6}  "
        f"{event['channelName']} "
        f"(peak {event['peakPower']:.1f} kW, {event['context']})"
        for event in section["timeline"]
    ]
    lines += [
        f"{step['at']}  {step['kind']} of {step['channelName']} from {step['beforeKw']:.1f} to {step['afterKw']:.1f} kW"
        for step in section["steps"]
    ]
    lines += [f"not assessed: {entry['channelName']}: {entry['reason']}" for entry in section["notAssessed"]]
    return "\n".join(lines)
