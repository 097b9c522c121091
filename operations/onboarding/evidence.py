"""What the readings of a site say: who generates, who is the sum of whom, the shape and hours of each load. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from config.thresholds import Thresholds
from lib.date_utils import add_local_time
from lib.energy_flows import find_flows
from lib.learned_hours import LearnedHours, Load, learn_hours
from lib.meter_sums import HOURS_PER_WEEK, Proposal, Sums, find_likely_parts, find_sums, put_on_grid
from operations.onboarding.shapes import Shape, describe_shape

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    import pandas as pd


_SECONDS_PER_HOUR = 3600
_MIN_EXPORT_RATIO = 0.001  # of what was imported: less is noise of the register


class Evidence(NamedTuple):
    """What was seen, by channel id. `weeks` is how long the readings are."""

    follows_sun: frozenset[int]
    exports: frozenset[int]
    exports_by_midday: frozenset[int]
    sums: Sums
    likely: tuple[Proposal, ...]
    shapes: Mapping[int, Shape]
    hours: Mapping[int, LearnedHours]
    weeks: float


def gather_evidence(
    rows: pd.DataFrame,
    tz: ZoneInfo,
    ids: Sequence[int],
    parents: Mapping[int, int],
    of_none: Sequence[int],
    generation: Sequence[int],
    named_mains: Sequence[int],
) -> Evidence:
    """Return what the readings say.

    Parameters
    ----------
    rows
        As `lib.readings.load_readings` gives them.
    ids
        The meters that are compared.
    parents, of_none, generation
        What is said already.
    named_mains
        Meters whose names are those of mains.
    """
    frame = _prepare(rows, ids, tz)
    sun, exports, by_midday = _see_flows(frame)
    grid = put_on_grid(rows, ids, tz)
    sources = [*generation, *sun]
    sums = find_sums(grid, parents, of_none, sources)
    known = dict(parents) | {part: found.main for found in sums.proposals for part in found.parts}
    answered = {*of_none, *(twins.copy for twins in sums.twins)}
    likely = find_likely_parts(grid, known, answered, sources, set(named_mains) - answered)
    step_h = grid.interval_s / _SECONDS_PER_HOUR
    shapes = {
        key: shape
        for column, key in enumerate(grid.ids)
        if (shape := describe_shape(grid.kwh[:, column], grid.local_hours, step_h)) is not None
    }
    rules = Thresholds().learned_hours
    hours = {int(key): learn_hours(Load.of_frame(own), rules) for key, own in frame.groupby("channel_id")}
    weeks = len(grid.kwh) * step_h / HOURS_PER_WEEK
    return Evidence(sun, exports, by_midday, sums, likely, shapes, hours, weeks)


def _prepare(rows: pd.DataFrame, ids: Sequence[int], tz: ZoneInfo) -> pd.DataFrame:
    hours = rows["interval_s"].to_numpy() / _SECONDS_PER_HOUR
    energy_kwh, power_kw = rows["energy_kwh"].to_numpy(), rows["power_kw"].to_numpy()
    mean_kw = np.where(np.isnan(power_kw), energy_kwh / hours, power_kw)
    frame = rows.assign(hours=hours, mean_kw=mean_kw)
    kept = frame["channel_id"].isin(list(ids)) & np.isfinite(mean_kw)
    return add_local_time(frame[kept].reset_index(drop=True), tz)


def _see_flows(frame: pd.DataFrame) -> tuple[frozenset[int], frozenset[int], frozenset[int]]:
    """Return the meters that follow the sun, those that export, by their sign or by a register, and by midday."""
    if frame.empty:
        return frozenset(), frozenset(), frozenset()
    ids, place = np.unique(frame["channel_id"].to_numpy(), return_inverse=True)
    hour = frame["local_time"].to_numpy().astype("datetime64[h]").astype("int64")
    flows = find_flows(place, len(ids), hour, frame["mean_kw"].to_numpy(), frame["hours"].to_numpy())
    sun = frozenset(int(key) for key in ids[flows.follows_sun])
    both = {int(key) for key in ids[flows.goes_both_ways]}
    by_midday = {int(key) for key in ids[flows.goes_both_ways & flows.exports_by_midday]}
    if "exported_energy_kwh" in frame:
        sums = frame.groupby("channel_id")[["energy_kwh", "exported_energy_kwh"]].sum()
        told = sums.index[sums["exported_energy_kwh"] > _MIN_EXPORT_RATIO * sums["energy_kwh"].abs()]
        both |= {int(key) for key in told}
        by_midday |= {int(key) for key in told}
    return sun, frozenset(both - sun), frozenset(by_midday - sun)
