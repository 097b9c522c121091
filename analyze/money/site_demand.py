"""What the site as a whole uses: the sum over its root meters. Pure.

Both sums are made of the best that is known of each interval (`analyze.expected.best_energy`): a bill's energy of the
best estimate, its demand of what flowed at least. A demand charge is paid for a single interval, which nobody can be
told to have had on an estimate.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.expected.best_energy import BestEnergy, Source, imported_kwh
from analyze.meters.meter_tree import find_roots, parents_of, root_of_channels
from analyze.week.intervals import (
    SECONDS_PER_HOUR,
    WeekScope,
    channel_names,
    number_channels,
    number_steps,
    starts_within,
)
from lib.date_utils import add_local_time
from lib.stats_utils import sum_by_place, with_columns

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Tariffs change rates at quarter hours, so finer readings are summed to this.
MIN_STEP_S = 900
# Root meters that fail for the period may be left out while they usually bring no more than this of the site's energy:
# the costs are then as much too small. Beyond it the section is refused.
MAX_LEFT_OUT_SHARE_PCT = 5.0
_MIN_VALID_RATIO = 0.5  # of the period: of a meter that has less the energy is not estimated
_MIN_STEP_RATIO = 0.5  # of the site's usual power that must be metered for a step to tell a demand
_LEAST_UNKNOWN_RATIO = 0.005  # of the energy: less of it unknown, and a sum is no mere lower bound
_OF_DEMAND = (
    "low_kwh",
    "high_kwh",
    "is_known",
    "power_ratio",
    "peak_kw",
)  # columns of steps that say nothing of energy
_UNSEEN_RATIO = 0.03  # of a main's energy that its sub-meters do not see


class SiteDemand(NamedTuple):
    """The site's energy and demand per interval (see `sum_site_demand`), and which meters they are made of.

    `best` holds the intervals of all meters, `period` those of the period among them, `energy` the site's energy,
    `demand` what flowed at least. `roots` are the meters that both sum; `left_out` names those whose period is not
    known well enough, with `usual_share_pct` of the site's energy. `is_at_least` tells whether part of the period's
    energy is unknown.
    """

    best: BestEnergy
    period: BestEnergy
    energy: pd.DataFrame
    demand: pd.DataFrame
    roots: list[int]
    left_out: list[dict[str, Any]]
    is_at_least: bool

    @property
    def of_roots(self) -> BestEnergy:
        """The period's intervals of the meters that are summed."""
        return self.period.of_channels(self.roots)

    @property
    def left_out_pct(self) -> float:
        """The share of the site's usual energy that the sums lack, in percent."""
        return float(sum(entry["usual_share_pct"] for entry in self.left_out))


def sum_site_demand(best: BestEnergy, scope: WeekScope) -> SiteDemand:
    """Return the site's energy and demand per interval, over all that the intervals cover.

    Returns
    -------
    SiteDemand
        `energy` and `demand`: `epoch_s`, `interval_start` (UTC), `interval_s` [s], `hours`, `used_kwh`, `mean_kw` and
        what `add_local_time` adds, by time. The step is the longest interval of the root meters, a quarter hour or
        more.

    Notes
    -----
    Both are sums over the roots of the period (`meter_tree.find_roots`), each interval counted as it is imported: what
    one meter exports takes nothing from what another draws, nor from the demand; it stands in `exported_kwh`, where
    there is any, for the tariff to credit.

    `energy` has every step of which anything is known: `estimated_kwh` is the part that is not as metered, `is_whole`
    tells where all meters were valid, `covered_ratio` how much of the site's usual energy those have that were.

    `demand` has the steps in which meters that bring half of the site's usual power or more tell theirs: their sum, and
    what the others drew at least. `is_estimated` tells where there are others, `high_kwh` what the step held at most.
    """
    known = _sum_channels(best, scope)
    roots = _find_roots(known, scope)
    left_out = _describe_left_out(known, _find_left_out(known, roots, scope), roots, scope)
    rows = best.of_channels(roots).rows
    step_s = _step_s(rows["interval_s"])
    steps = _sum_steps(rows, step_s, scope)
    is_at_least = bool(left_out) or _is_part_unknown(rows, scope) or _are_unseen(known, roots, scope)
    energy = (
        steps[steps["is_known"]].drop(columns=[name for name in _OF_DEMAND if name in steps]).reset_index(drop=True)
    )
    return SiteDemand(
        best, best.of_period(scope), energy, _as_demand(steps, step_s, scope), roots, left_out, is_at_least
    )


def _find_roots(known: pd.DataFrame, scope: WeekScope) -> list[int]:
    """Return the root meters of the period; one that was never valid counts where no other speaks for its branch."""
    heard = known.index[known["period_hours"] > 0]
    hours = pd.DataFrame({"channel_id": heard, "hours": known["period_hours"][heard].to_numpy()})
    roots = find_roots(hours, scope.meters) & set(heard.tolist())
    doubtful = set(known.index[known["is_doubtful"] & (known["period_hours"] == 0)].tolist())
    top_of = root_of_channels(scope.meters, set(heard.tolist()) | doubtful)
    branches = {top_of[key] for key in heard if key in top_of}
    return sorted(roots | {key for key in doubtful if top_of.get(key) == key and key not in branches})


def _sum_steps(rows: pd.DataFrame, step_s: int, scope: WeekScope) -> pd.DataFrame:
    index, starts_s = number_steps(rows["epoch_s"].to_numpy(dtype="int64"), step_s)
    source, length_s = rows["source"].to_numpy(), rows["interval_s"].to_numpy(dtype=float)
    valid = source <= Source.CAUGHT_UP
    imported = {name: imported_kwh(rows, name) for name in ("kwh", "low_kwh", "high_kwh")}
    as_metered = (source == Source.METERED) | (source == Source.CAUGHT_UP)
    has_power = source <= Source.CORRECTED  # of its own: one sum over hours tells no demand

    def total(values: Floats) -> Floats:
        return sum_by_place(index, values, starts_s.size)

    weighted_s = length_s * _weight_of(rows, valid)
    frame = site_frame(starts_s, total(np.nan_to_num(imported["kwh"])), step_s, scope)
    exported_kwh = np.nan_to_num(imported["kwh"] - rows["kwh"].to_numpy(dtype=float))
    if (exported_kwh > 0).any():
        frame["exported_kwh"] = total(exported_kwh)
    if "peak_kw" in rows:
        frame["peak_kw"] = _sum_peaks(rows, index, step_s, starts_s.size)
    meters = number_channels(rows)[1].size
    return with_columns(
        frame,
        {
            "estimated_kwh": total(np.where(as_metered, 0.0, np.nan_to_num(imported["kwh"]))),
            "low_kwh": total(imported["low_kwh"]),
            "high_kwh": total(imported["high_kwh"]),
            "is_known": total((source < Source.UNKNOWN).astype(float)) > 0,
            "is_whole": total(np.where(valid, length_s, 0.0)) >= step_s * meters,
            "covered_ratio": total(np.where(valid, weighted_s, 0.0)) / step_s,
            "power_ratio": total(np.where(has_power, weighted_s, 0.0)) / step_s,
            "is_estimated": total(np.where(has_power, length_s, 0.0)) < step_s * meters,
        },
    )


def _sum_peaks(rows: pd.DataFrame, index: Ints, step_s: int, size: int) -> Floats:
    """Return the sum of the meters' highest power within each step [kW]; NaN where one does not tell it."""
    peak_kw = np.where(rows["interval_s"] == step_s, rows["peak_kw"].to_numpy(dtype=float), np.nan)
    told = sum_by_place(index, (~np.isnan(peak_kw)).astype(float), size) == rows["channel_id"].nunique()
    return np.where(told, sum_by_place(index, np.nan_to_num(np.maximum(peak_kw, 0.0)), size), np.nan)


def bound_demand(demand: pd.DataFrame, demand_interval_s: int) -> pd.DataFrame:
    """Return `demand` with what its steps held at most by the highest power within them, where that says anything.

    A demand is the mean power over the tariff's interval. Readings that are as short or shorter tell it, and the
    highest power within them is none: a motor's start of a second is not billed. Of longer readings, such as hours
    where quarter hours are billed, the mean tells too little; the demand lies between it and the highest power. So that
    is never billed, but tells that the peak may have been higher.
    """
    if "peak_kw" not in demand or demand.empty or int(demand["interval_s"].iloc[0]) <= demand_interval_s:
        return demand
    most_kwh = demand["peak_kw"] * demand["hours"]
    return demand.assign(high_kwh=np.fmax(demand["high_kwh"], most_kwh))


def _as_demand(steps: pd.DataFrame, step_s: int, scope: WeekScope) -> pd.DataFrame:
    """Return the steps that tell the demand, each with what flowed at least."""
    told = steps[steps["power_ratio"] >= _MIN_STEP_RATIO - 1e-9]
    frame = site_frame(told["epoch_s"].to_numpy(), told["low_kwh"].to_numpy(), step_s, scope)
    frame = frame.assign(is_estimated=told["is_estimated"].to_numpy(), high_kwh=told["high_kwh"].to_numpy())
    return frame.assign(peak_kw=told["peak_kw"].to_numpy()) if "peak_kw" in told else frame


def _weight_of(rows: pd.DataFrame, valid: npt.NDArray[np.bool_]) -> Floats:
    """Return for each row its meter's share of the site's usual power, 0 where nothing is known of the meter.

    A small meter that is dead leaves a month nearly as well known as it was. Where none used anything, all are alike.
    """
    code, ids = number_channels(rows)
    kwh, hours = (sum_by_place(code[valid], np.nan_to_num(rows[name].to_numpy()[valid]), ids.size)
                  for name in ("kwh", "hours"))  # fmt: skip
    mean_kw = np.divide(np.abs(kwh), hours, out=np.zeros(ids.size), where=hours > 0)
    is_heard = np.bincount(code[valid], minlength=ids.size) > 0
    total_kw = float(mean_kw.sum())
    weight = mean_kw / total_kw if total_kw > 0 else is_heard / max(1, int(is_heard.sum()))
    return np.asarray(weight[code], dtype=np.float64)


def _is_part_unknown(rows: pd.DataFrame, scope: WeekScope) -> bool:
    """Return whether so much of the period's energy is unknown that its sum is a lower bound."""
    source, inside = rows["source"].to_numpy(), starts_within(rows, scope.period)
    if not (inside & (source >= Source.AT_LEAST)).any():
        return False
    own, source = rows[inside], source[inside]
    unknown = source >= Source.AT_LEAST
    weight = _weight_of(own, source <= Source.CAUGHT_UP) * own["hours"].to_numpy()
    return bool(weight[unknown].sum() >= _LEAST_UNKNOWN_RATIO * weight.sum())


def _are_unseen(known: pd.DataFrame, roots: list[int], scope: WeekScope) -> bool:
    """Return whether sub-meters stand in for a main that usually measures clearly more than they do."""
    parents, mean_kw = parents_of(scope.meters), known["mean_kw"]
    for main in {parents[key] for key in roots if key in parents} & set(known.index):
        below = [key for key, parent in parents.items() if parent == main]
        if mean_kw.reindex(below).sum() < (1 - _UNSEEN_RATIO) * mean_kw[main]:
            return True
    return False


def _step_s(interval_s: pd.Series) -> int:
    longest = int(interval_s.max()) if len(interval_s) else MIN_STEP_S
    return -(-MIN_STEP_S // longest) * longest


def site_frame(
    epoch_s: npt.NDArray[np.int64], kwh: npt.NDArray[np.float64], step_s: int, scope: WeekScope
) -> pd.DataFrame:
    """Return the frame of a site's intervals that `sum_site_demand` describes, all of them whole and as metered."""
    kwh = np.maximum(kwh, 0.0)
    hours = step_s / SECONDS_PER_HOUR
    frame = pd.DataFrame(
        {
            "epoch_s": epoch_s,
            "interval_start": pd.to_datetime(epoch_s, unit="s", utc=True),
            "interval_s": step_s,
            "hours": hours,
            "used_kwh": kwh,
            "mean_kw": kwh / hours,
            "estimated_kwh": 0.0,
            "is_whole": True,
            "covered_ratio": 1.0,
            "is_estimated": False,
            "high_kwh": kwh,
        }
    )
    return add_local_time(frame, scope.tz)


def energy_matrix(intervals: pd.DataFrame, step_s: int) -> pd.DataFrame:
    """Return kWh by step (index, epoch seconds of its start) and channel; NaN where a step is not filled.

    Parameters
    ----------
    intervals
        With `channel_id`, `epoch_s`, `interval_s` [s] and `used_kwh`.
    step_s
        A multiple of the intervals' length; longer intervals fill no step.
    """
    code, ids = number_channels(intervals)
    index, starts_s = number_steps(intervals["epoch_s"].to_numpy(dtype="int64"), step_s)
    cell, size = index * len(ids) + code, starts_s.size * len(ids)
    kwh = sum_by_place(cell, intervals["used_kwh"], size)
    covered_s = sum_by_place(cell, intervals["interval_s"], size)
    values = np.where(covered_s == step_s, kwh, np.nan).reshape(starts_s.size, len(ids))
    return pd.DataFrame(values, index=pd.Index(starts_s, name="epoch_s"), columns=ids)


def mean_demand(frame: pd.DataFrame, step_s: int, scope: WeekScope) -> pd.DataFrame:
    """Return `frame` brought to the demand interval: the mean power of each whole step of `step_s` seconds.

    Data as coarse as that, or coarser, stay as they are.
    """
    if frame.empty:
        return frame
    own_s = int(frame["interval_s"].iloc[0])
    step_s = -(-step_s // own_s) * own_s
    if step_s == own_s:
        return frame
    steps, index, count = np.unique(frame["epoch_s"] // step_s, return_inverse=True, return_counts=True)
    whole = count * own_s == step_s
    kwh, high_kwh, estimated = (
        sum_by_place(index, frame[name], steps.size)[whole] for name in ("used_kwh", "high_kwh", "is_estimated")
    )
    result = site_frame(steps[whole] * step_s, kwh, step_s, scope)
    return result.assign(is_estimated=estimated > 0, high_kwh=high_kwh)


def _sum_channels(best: BestEnergy, scope: WeekScope) -> pd.DataFrame:
    """Return what is valid of each channel, by its id.

    `baseline_hours` and `period_hours`; `baseline_kw`, its mean power in the baseline, and `mean_kw`, in both [kW];
    `is_doubtful` where it has readings in the period that are a lower bound.
    """
    code, ids = number_channels(best.rows)
    valid, period = best.is_valid.to_numpy(), starts_within(best.rows, scope.period)
    lower_bound = (best.rows["source"] == Source.AT_LEAST).to_numpy()
    hours, kwh = (np.where(valid, best.rows[name].to_numpy(), 0.0) for name in ("hours", "kwh"))
    parts = [
        sum_by_place(code, np.where(which, values, 0.0), len(ids))
        for values in (hours, kwh)
        for which in (~period, period)
    ]
    base_h, period_h, base_kwh, period_kwh = parts
    with np.errstate(invalid="ignore", divide="ignore"):
        columns = {
            "baseline_hours": base_h,
            "period_hours": period_h,
            "baseline_kw": base_kwh / base_h,
            "mean_kw": (base_kwh + period_kwh) / (base_h + period_h),
            "is_doubtful": np.bincount(code[period & lower_bound], minlength=len(ids)) > 0,
        }
    return pd.DataFrame(columns, index=pd.Index(ids, name="channel_id"))


def _find_left_out(known: pd.DataFrame, roots: list[int], scope: WeekScope) -> list[int]:
    """Return the meters of the site's total that usually report, and of whose period too little is valid."""
    base_h, period_h = (
        (window.end - window.start).total_seconds() / SECONDS_PER_HOUR for window in (scope.baseline, scope.period)
    )
    floor = scope.config.baseline.min_completeness_pct / 100
    usual = set(known.index[known["baseline_hours"] >= floor * base_h])
    weak = {key for key in roots if key in usual and known["period_hours"][key] < _MIN_VALID_RATIO * period_h}
    reporting = set(known.index[known["period_hours"] > 0])
    seen = set(known.index[known["baseline_hours"] + known["period_hours"] > 0])
    top_of = root_of_channels(scope.meters, seen)
    # A main meter that is dead is stood for by its sub-meters.
    stood_for = {top_of[key] for key in reporting if key in top_of}
    dead = {top for top in top_of.values() if top in usual - reporting and top not in stood_for}
    return sorted(int(key) for key in dead | weak)


def _describe_left_out(
    known: pd.DataFrame, missing: list[int], roots: list[int], scope: WeekScope
) -> list[dict[str, Any]]:
    names, mean_kw = channel_names(scope.meters), known["baseline_kw"].fillna(0.0)
    total = float(mean_kw.reindex(sorted({*roots, *missing})).sum())
    entries = []
    for key in missing:
        share = 100 * float(mean_kw.get(key, 0.0)) / total if total > 0 else 100.0
        entries.append({"channelId": key, "channelName": names[key], "usual_share_pct": round(share, 2)})
    return entries
