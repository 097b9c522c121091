"""Find short peaks far above what a meter, or the site, reaches at that hour of the week. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.expected.basis import assessed_channels, list_unassessed
from analyze.expected.day_matrix import DayMatrix, lay_out_days
from analyze.expected.episodes import HIGH
from analyze.expected.model import Expectation, expect_load
from analyze.expected.usual_peaks import find_usual_peaks
from analyze.meters.completeness import assess_channels
from analyze.meters.meter_tree import net_of_sub_meters, root_of_channels
from analyze.week.intervals import (
    WeekScope,
    channel_names,
    channels_within,
    is_after_hours,
    iso_of_seconds,
    list_runs,
    local_iso,
    number_channels,
    number_steps,
    starts_new_run,
    starts_within,
    take_channels,
)
from lib.date_utils import Window, add_local_time
from lib.states import Level
from lib.stats_utils import with_columns

_LEAST_KW = 0.001  # a peak that may be higher by less than this may not be higher
SITE_CHANNEL_ID = -1  # the site's sum goes through the same functions as a channel
_ABOVE_WEEKLY_MAX = 1.2  # what reaches about as high every week is no spike, however rarely it runs


def find_spikes(
    expectation: Expectation, clean: pd.DataFrame, scope: WeekScope, *, min_power_kw: float
) -> pd.DataFrame:
    """Return the intervals of the period in a spike: power above a multiple of what is usually the highest, not small.

    Parameters
    ----------
    clean
        Valid intervals of baseline and period, which the expectation is of.
    min_power_kw
        The least power of a spike [kW].

    Returns
    -------
    pd.DataFrame
        Rows of `clean` with `event_id` (1, 2, …; a hole ends an event), the usual peaks (`find_usual_peaks`) and
        `excess_kwh`, the energy above the 95th percentile of the hour on like days.

    Notes
    -----
    A spike is above `spikes.p95_multiplier` times the 95th percentile of its hour on like days, above the same multiple
    of the 95th percentile of all the channel's demand, and above 1.2 times what it reaches in every week: a kettle
    at four in the morning is far above that hour's usual, and no peak; a charger that runs for an hour a day reaches
    its peak every week.
    """
    rows = clean if len(clean) == len(expectation.rows) else clean.loc[expectation.rows.index]
    high = _find_high(rows, [block.matrix for block in expectation.blocks], scope, min_power_kw)
    return take_channels(high, assessed_channels(expectation, scope))


def _find_high(
    rows: pd.DataFrame, matrices: Sequence[DayMatrix], scope: WeekScope, min_power_kw: float
) -> pd.DataFrame:
    """Return the intervals of the period that reach as high as a spike, whether or not their channel can be assessed.

    `matrices` are those of `rows`.
    """
    config, power_kw = scope.config.spikes, rows["mean_kw"].to_numpy()
    usual = find_usual_peaks(matrices, len(rows))
    least_kw = np.maximum(
        config.p95_multiplier * np.maximum(usual.p95_kw, usual.channel_p95_kw),
        np.maximum(_ABOVE_WEEKLY_MAX * usual.weekly_max_kw, min_power_kw),
    )
    at = np.flatnonzero((power_kw > least_kw) & starts_within(rows, scope.period))
    high = rows.iloc[at]
    is_new = starts_new_run(high).to_numpy() | (np.diff(at, prepend=-2) != 1)
    excess_kwh = np.maximum(power_kw[at] - usual.p95_kw[at], 0.0) * high["hours"].to_numpy()
    usual_kw = {name: values[at] for name, values in usual._asdict().items()}
    return with_columns(high, {"event_id": np.cumsum(is_new), **usual_kw, "excess_kwh": excess_kwh})


def sum_site_power(clean: pd.DataFrame, scope: WeekScope, coverage: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the site's power as intervals of one channel, where every meter that makes it up has reported.

    The sum is over the root meters of which sound readings cover `baseline.min_completeness_pct` of both the baseline
    weeks and the period: a meter that is dead in the period would else make this week look small against the others.
    Meters are brought to the longest interval among them; a step that one of them does not fill is left out.
    `coverage` is that of `clean` (`assess_channels`), where it is known.
    """
    reporting = channels_within(clean, scope.period)
    roots = {root for root in root_of_channels(scope.meters, reporting).values() if root in reporting}
    coverage = assess_channels(clean, scope) if coverage is None else coverage
    full = coverage.index[(coverage >= scope.config.baseline.min_completeness_pct).all(axis=1)]
    rows = take_channels(clean, roots & set(full))
    if rows.empty:
        return rows
    step_s = int(rows["interval_s"].max())
    code, ids = number_channels(rows)
    index, starts_s = number_steps(rows["epoch_s"].to_numpy(), step_s)
    cell, size = code * starts_s.size + index, len(ids) * starts_s.size
    kwh = np.bincount(cell, weights=rows["mean_kw"] * rows["hours"], minlength=size).reshape(len(ids), -1)
    covered_s = np.bincount(cell, weights=rows["interval_s"], minlength=size).reshape(len(ids), -1)
    whole = (covered_s == step_s).all(axis=0)
    total_kwh = kwh.sum(axis=0)[whole]
    epoch_s = starts_s[whole]
    frame = pd.DataFrame(
        {
            "channel_id": SITE_CHANNEL_ID,
            "interval_start": pd.to_datetime(epoch_s, unit="s", utc=True),
            "interval_s": step_s,
            "epoch_s": epoch_s,
            "hours": step_s / 3600,
            "energy_kwh": total_kwh,
            "used_kwh": total_kwh,
            "mean_kw": total_kwh / (step_s / 3600),
        }
    )
    frame = add_local_time(frame.assign(power_kw=frame["mean_kw"]), scope.tz)
    return frame.assign(is_after_hours=is_after_hours(frame, scope.schedule))


def find_site_spikes(site: pd.DataFrame, scope: WeekScope) -> pd.DataFrame:
    """Return the intervals in which the site as a whole spikes; as `find_spikes`, from `spikes.min_site_power_kw` on.

    `site` is the site's power as `sum_site_power` gives it.
    """
    step_s = site["interval_s"].max() if len(site) else np.nan
    meter = {
        "channel_id": [SITE_CHANNEL_ID],
        "channel_name": ["Site total"],
        "parent_channel_id": [np.nan],
        "is_energy_meter": [True],
        "interval_s": [step_s],
    }
    of_site = scope._replace(meters=pd.DataFrame(meter))
    # What is usual of the site is asked only where it reached high, which few weeks do.
    high = _find_high(site, lay_out_days(site, of_site), of_site, scope.config.spikes.min_site_power_kw)
    if high.empty:
        return high
    return take_channels(high, assessed_channels(expect_load(site, of_site, None), of_site))


def find_peaks(site: pd.DataFrame, scope: WeekScope) -> dict[str, dict[str, Any] | None]:
    """Return start, end and `powerKw` of the site's highest demand: `sitePeak` and `billingPeak`.

    The first is the highest mean power of an interval of the period, the second that of the local calendar month in
    which the period ends, up to its end: the one that a demand charge is paid for so far. None without readings.
    """
    last = (scope.period.end - timedelta(seconds=1)).astimezone(scope.tz)
    month = last.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    windows = {"sitePeak": scope.period, "billingPeak": Window(month, scope.period.end)}
    return {
        name: _find_peak(site, np.flatnonzero(starts_within(site, window)), scope) for name, window in windows.items()
    }


def _find_peak(site: pd.DataFrame, own: npt.NDArray[np.int64], scope: WeekScope) -> dict[str, Any] | None:
    """Return the highest demand among the `own` rows."""
    power_kw = site["mean_kw"].to_numpy(dtype=float)[own]
    if np.isnan(power_kw).all():
        return None
    at = int(own[np.nanargmax(power_kw)])
    peak_kw, start_s = float(site["mean_kw"].iloc[at]), int(site["epoch_s"].iloc[at])
    start, end = iso_of_seconds(np.array([start_s, start_s + int(site["interval_s"].iloc[at])]), scope.tz)
    return {"start": start, "end": end, "powerKw": round(peak_kw, 3), **_doubt_of(site, own, at)}


def _doubt_of(site: pd.DataFrame, own: npt.NDArray[np.int64], at: int) -> dict[str, bool]:
    """Return whether a demand's peak counts what a doubtful meter drew at least, and may have been higher."""
    if "high_kwh" not in site:
        return {}
    highest_kw = float(np.nanmax((site["high_kwh"].to_numpy() / site["hours"].to_numpy())[own]))
    return {
        "isEstimated": bool(site["is_estimated"].iloc[at]),
        "isAtLeast": highest_kw > float(site["mean_kw"].iloc[at]) + _LEAST_KW,
    }


def _covers(event: dict[str, Any], peak: dict[str, Any] | None) -> bool:
    if peak is None:
        return False
    start, end, peak_start, peak_end = map(pd.Timestamp, (event["start"], event["end"], peak["start"], peak["end"]))
    return bool(start < peak_end and peak_start < end)


def _severity(event: dict[str, Any], scope: WeekScope) -> Level:
    """Return "high" for a spike that costs a demand charge and is tall, "medium" for either, "low" for neither."""
    if event["isSustained"]:
        return Level.LOW
    is_tall = event["peakPower"] >= scope.config.spikes.tall_ratio * event["channelPeakPower"]
    return (Level.LOW, Level.MEDIUM, Level.HIGH)[is_tall + event["isAtBillingPeak"]]


def build_section(
    spikes: pd.DataFrame,
    site: pd.DataFrame,
    expectation: Expectation,
    clean: pd.DataFrame,
    scope: WeekScope,
    demand: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """Return the section "spikes".

    Parameters
    ----------
    spikes
        As `find_spikes` gives them.
    site
        The site's power, as `sum_site_power` gives it.
    expectation, clean
        What the spikes were found in; they tell which meters could not be assessed.
    demand
        The site's demand as it is billed (`site_demand.SiteDemand.sound`), whose peaks are told; None takes `site`,
        which lacks the meters without baseline weeks.

    Notes
    -----
    `totalExcessKwh` is the energy above the p95 of the hour of the week. An event longer than `spikes.max_hours` is a
    raised level rather than a spike: it is kept, with `isSustained` true. `topSpikes` are ordered by the power of
    their peak above the p95. The summary counts the meters' events, a sub-meter's energy once; `siteSpikes` are the
    same energy seen from above and are in no sum. `isAtSitePeak` and `isAtBillingPeak` are true where a spike covers
    the interval of the site's highest demand in the period, and in the month so far (`find_peaks`): only the latter
    costs a demand charge. `usualPeakPower` and `channelPeakPower` are the 95th percentiles of the hour on like days and
    of all the meter's demand. `severity` is "high" at the billing peak and from `spikes.tall_ratio` times the latter
    on, "medium" for one of the two, "low" for neither and where sustained.
    """
    names = channel_names(scope.meters)
    peaks = find_peaks(site if demand is None else demand, scope)
    events = [
        {
            "channelId": key,
            "channelName": names[key],
            **event,
            "isAtSitePeak": _covers(event, peaks["sitePeak"]),
            "isAtBillingPeak": _covers(event, peaks["billingPeak"]),
        }
        for key, event in _list_events(spikes, scope)
    ]
    events = [{**event, "severity": _severity(event, scope)} for event in events]
    ids = sorted({event["channelId"] for event in events})
    by_channel = [_channel_entry([event for event in events if event["channelId"] == key]) for key in ids]
    net_kwh = net_of_sub_meters(spikes["excess_kwh"], spikes, scope.meters)
    return {
        "summary": {
            "totalEvents": len(events),
            "affectedChannels": len(ids),
            "totalExcessKwh": round(float(net_kwh.sum()), 2),
            "sustainedEvents": sum(event["isSustained"] for event in events),
        },
        "topSpikes": events[: scope.config.lists.max_findings],
        "byChannel": sorted(by_channel, key=lambda entry: (-entry["totalExcessKwh"], entry["channelId"])),
        **peaks,
        "siteSpikes": [event for _, event in _list_events(find_site_spikes(site, scope), scope)][
            : scope.config.lists.max_findings
        ],
        "notAssessed": list_unassessed(expectation, scope),
    }


def _list_events(spikes: pd.DataFrame, scope: WeekScope) -> list[tuple[int, dict[str, Any]]]:
    """Return (channel id, event) by falling peak above the p95."""
    if spikes.empty:
        return []
    runs = list_runs(
        spikes.assign(above_kw=spikes["mean_kw"] - spikes["p95_kw"]),
        spikes["event_id"],
        peak_kw=("mean_kw", "max"),
        usual_kw=("p95_kw", "max"),
        channel_kw=("channel_p95_kw", "max"),
        above_kw=("above_kw", "max"),
        excess_kwh=("excess_kwh", "sum"),
    ).sort_values(["above_kw", "channel_id", "start"], ascending=[False, True, True])
    runs = runs.assign(start_text=local_iso(runs["start"], scope.tz), end_text=local_iso(runs["end"], scope.tz))
    return [
        (
            int(run.channel_id),
            {
                "start": run.start_text,
                "end": run.end_text,
                "duration": format_duration(run.hours),
                "intervals": int(run.intervals),
                "peakPower": round(float(run.peak_kw), 3),
                "usualPeakPower": round(float(run.usual_kw), 3),
                "channelPeakPower": round(float(run.channel_kw), 3),
                "totalExcessKwh": round(float(run.excess_kwh), 2),
                "isSustained": bool(run.hours > scope.config.spikes.max_hours),
            },
        )
        for run in runs.itertuples()
    ]


def format_duration(hours: float) -> str:
    """Return hours as a reader says them: ``15 min``, ``2 h``, ``1 h 30 min``."""
    whole, minutes = divmod(round(hours * 60), 60)
    return " ".join([f"{whole} h"] * (whole > 0) + [f"{minutes} min"] * (minutes > 0 or whole == 0))


def _channel_entry(events: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "channelId": events[0]["channelId"],
        "channelName": events[0]["channelName"],
        "spikeCount": len(events),
        "peakPower": max(event["peakPower"] for event in events),
        "totalExcessKwh": round(float(np.sum([event["totalExcessKwh"] for event in events])), 2),
        "events": events,
    }


def note_longer_events(peaks: list[dict[str, Any]], events: list[dict[str, Any]]) -> None:
    """Note at each of the peaks the longer event of its meter in which it lies (`partOf`), None where there is none.

    Such a peak is the top of an event that the anomalies tell already, with all of its energy.
    """
    for peak in peaks:
        peak["partOf"] = _longer_event(peak, events)


def _longer_event(peak: dict[str, Any], events: list[dict[str, Any]]) -> dict[str, Any] | None:
    start, end = (pd.Timestamp(peak[key]) for key in ("start", "end"))
    for event in events:
        is_own = event["channelId"] == peak["channelId"] and event["direction"] == HIGH
        if is_own and pd.Timestamp(event["start"]) <= start and end <= pd.Timestamp(event["end"]):
            return {key: event[key] for key in ("start", "end", "excessKwh")}
    return None


def render_text(section: dict[str, Any]) -> str:
    """Return the section as lines for a reader."""
    summary = section["summary"]
    lines = [f"{summary['totalEvents']} spikes, {summary['totalExcessKwh']:.1f} kWh above the usual peak"]
    spikes = [*section["topSpikes"], *({"channelName": "Site total", **spike} for spike in section["siteSpikes"])]
    lines += [
        f"{spike['start']}  {spike['peakPower']:8.1f} kW for {spike['duration']:<10} {spike['channelName']} "
        f"(usual peak {spike['usualPeakPower']:.1f} kW)"
        for spike in spikes
    ]
    lines += [f"not assessed: {entry['channelName']}: {entry['reason']}" for entry in section["notAssessed"]]
    return "\n".join(lines)
