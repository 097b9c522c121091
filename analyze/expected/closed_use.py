"""What each meter uses while the site is closed, and which of it somebody should act on. Pure.

For every channel one pattern, by which a reader knows what to do:

- `RECURRING`: left on, or running on closed days, in this week and in two of the weeks before. Worth it every week.
- `NEW`: the same in this week, or since the one before, in three closed blocks or more. Worth this week's energy.
- `ONCE`: the same in one block or two. Worth it once.
- `ASKED`: runs in every week, and may have to: as steadily by night as by day, never far down, when it is cold, or
  together with all else on a day that nobody named. Worth nothing until answered.
- `STEP`: its level rose for good, by day as by night, so that it now seems to run. Told as a step, once.
- `USUAL`: at its own times in every week: a pump, a heater, a schedule beside the hours. Worth nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analyze.expected.closed_reasons import Thermostat, find_shift, follow_thermostat
from analyze.expected.closed_runs import (
    NEW_BLOCKS,
    ClosedRuns,
    Pattern,
    RunKind,
    Runs,
    is_schedule,
    judge_pattern,
    list_closed_runs,
)
from analyze.expected.day_matrix import PERIOD, DayMatrix
from analyze.expected.model import Expectation, ExpectedDays
from analyze.expected.running import Running, find_running
from analyze.week.intervals import SECONDS_PER_HOUR, WeekScope

Floats = npt.NDArray[np.float64]

LEFT_KINDS = (RunKind.LEFT_ON, RunKind.CLOSED_DAY)
OWN_TIME_KINDS = (RunKind.OVERRUN, RunKind.NIGHT)
NO_RUN = ""
MIN_ONCE_H = 3.0  # of a run at its own time that came once, to be worth a word
_OUTGROWN = 1.5  # times the most of the weeks before
_SHARED_RISE = 0.5  # of the rise while closed: a level that rose for good rose while open too
STEADY_RATIO = 0.75  # of the mean power by day that a load draws by night, to run as steadily by night
MAX_REST_RATIO = 1 / 3  # of what it draws while open: what draws more at rest is set back, not off
_STEADY_SPREAD = 0.8  # of the rise: a load that runs at one level is switched, not driven by the weather


class ClosedUse(NamedTuple):
    """What the channels use while closed.

    `rows`, by index of the intervals of baseline and period: `off_kw`, `run` (a `RunKind`, or ``""``), `excess_kwh`
    (above the off level, within runs) and `is_counted` (of the runs that the channel's pattern is about, in the
    period).

    `channels`, by `channel_id`: `off_kw`, `on_kw`, `noise_kw`, `can_be_off`, `rose_by_day` (its level rose while open
    too), `closed_kw` and `open_kw` (mean power
    of the weeks before),
    `follows_weather`, `pattern` (a `Pattern`, or None), `is_on_closed_days` (its runs of the period mostly lie there),
    `is_at_own_time` (it is about runs of `OWN_TIME_KINDS`),
    `counted_kwh` (of the runs that it is about, in the period),
    `before_kwh` (in the known weeks before) and `usual_kwh` (their median), `blocks` (closed blocks of the period in
    which it ran), `weeks_seen` and `weeks_known` (of the weeks before), `is_steady` (runs at one level).

    `runs`, in order of channel and time: `channel_id`, `kind`, `week` (of the baseline, −1 for the period), `start_s`
    and `end_s` (seconds since 1970), `hours`, `excess_kwh`, `is_counted`.
    """

    rows: pd.DataFrame
    channels: pd.DataFrame
    runs: pd.DataFrame


class Known(NamedTuple):
    """What is known of channels besides their load, by id.

    `stepped`: their level changed for good (`find_level_changes`); `needed`: the site's file says that they must run;
    `mains`: they have sub-meters, of which a question is asked instead.
    """

    stepped: Collection[int] = ()
    needed: Collection[int] = ()
    mains: Collection[int] = ()


_NOTHING_KNOWN = Known()


def find_closed_use(expectation: Expectation, scope: WeekScope, known: Known = _NOTHING_KNOWN) -> ClosedUse:
    """Return what the channels of an expectation use while the site is closed."""
    schedule, least_kw = scope.schedule, scope.config.after_hours.min_power_kw
    rows = expectation.rows
    run = np.full(len(rows), NO_RUN, dtype=object)
    columns = {name: np.full(len(rows), np.nan) for name in ("off_kw", "excess_kwh")}
    is_counted = np.zeros(len(rows), dtype=bool)
    channels, runs = [], []
    for block in expectation.blocks:
        running = find_running(block.matrix, block.weather.kw, schedule, min_power_kw=least_kw)
        found = list_closed_runs(block.matrix, running)
        by_weather = follow_thermostat(
            running, block.weather.kw, block.weather.temp_c, block.matrix.step_s / SECONDS_PER_HOUR
        )
        entries = [
            _judge_channel(number, own, block, running, found, thermostat=follows)
            for number, (own, follows) in enumerate(zip(found.by_channel(), by_weather, strict=True))
        ]
        channels += entries
        runs.append(_describe_runs(block.matrix, found, entries, scope))
        _lay_on_rows(block.matrix, running, found, entries, run, columns, is_counted)
    table = _no_channels()
    if channels:
        patterns = pd.Series([_settle_pattern(entry, known) for entry in channels], dtype=object)
        patterns[_work_while_closed(channels, patterns, known)] = Pattern.ASKED
        table = pd.DataFrame(channels).assign(pattern=patterns).set_index("channel_id").sort_index()
    listed = pd.concat(runs, ignore_index=True) if runs else _no_runs()
    return ClosedUse(pd.DataFrame({**columns, "run": run, "is_counted": is_counted}, index=rows.index), table, listed)


def _judge_channel(
    number: int, own: Runs, block: ExpectedDays, running: Running, found: ClosedRuns, *, thermostat: Thermostat | None
) -> dict[str, object]:
    """Return the facts of one channel of a matrix, and its pattern."""
    weeks_known = found.weeks_known[number]
    # Of the weeks before, where there are any: a night in this week says nothing of every week.
    usual = np.repeat(block.matrix.fold >= 0, block.matrix.slots)
    usual = usual if usual.any() else ~usual
    closed_kw, open_kw = (_mean(running.power_kw[number, usual & at]) for at in (running.is_closed, ~running.is_closed))
    pattern, mine = _choose_runs(number, own, found)
    if not running.can_be_off[number] and pattern not in (Pattern.NEW, Pattern.ONCE):
        pattern, mine = None, mine.where(mine.row < 0)  # what it does every week is its setback, or its work
    if thermostat == Thermostat.BY_HOURS and pattern in (Pattern.NEW, Pattern.ONCE):
        pattern = Pattern.USUAL
    is_bound_to_hours = closed_kw < STEADY_RATIO * open_kw  # else it runs by night as by day, when it does
    is_at_rest = running.rest_ratio[number] <= MAX_REST_RATIO
    if pattern == Pattern.RECURRING and (thermostat or not is_at_rest or not is_bound_to_hours):
        pattern = Pattern.ASKED
    if pattern is None and _runs_as_by_day(running, number, closed_kw, open_kw):
        pattern = Pattern.ASKED
    before, now, known = mine.where(mine.week >= 0), mine.now, np.flatnonzero(weeks_known)
    weekly_kwh = np.bincount(before.week, weights=before.excess_kwh, minlength=weeks_known.size)[known]
    return {
        "channel_id": int(block.matrix.channel_ids[number]),
        "off_kw": running.off_kw[number],
        "on_kw": running.on_kw[number],
        "noise_kw": running.noise_kw[number],
        "can_be_off": bool(running.can_be_off[number]),
        "follows_weather": bool(block.weather.is_used[number]),
        "rose_by_day": _rose_by_day(running, number, usual, closed_kw, open_kw),
        "closed_kw": closed_kw,
        "open_kw": open_kw,
        "pattern": pattern,
        "counted": mine.row,
        "is_on_closed_days": bool(2 * now.is_days.sum() > now.is_days.size),
        "is_at_own_time": bool(now.of_kinds(OWN_TIME_KINDS).row.size),
        "counted_kwh": float(now.excess_kwh.sum()),
        "before_kwh": float(weekly_kwh.sum()),
        "usual_kwh": float(np.median(weekly_kwh)) if known.size else np.nan,
        "blocks": int(np.unique(now.block).size),
        "weeks_seen": int(np.unique(before.week).size),
        "weeks_known": int(known.size),
        "is_steady": _is_steady(running, number, found.table, now),
    }


def _settle_pattern(entry: dict[str, object], known: Known) -> object:
    """Return a channel's pattern in the light of what else is known of it."""
    pattern, channel_id = entry["pattern"], entry["channel_id"]
    if pattern is not None and channel_id in known.needed:
        return Pattern.USUAL
    if pattern == Pattern.NEW and channel_id in known.stepped and entry["rose_by_day"]:
        return Pattern.STEP
    return None if pattern == Pattern.ASKED and channel_id in known.mains else pattern


def _work_while_closed(channels: list[dict[str, object]], patterns: pd.Series, known: Known) -> npt.NDArray[np.bool_]:
    """Return which of the channels run on closed days in every week because the site works then (`find_shift`)."""
    table = pd.DataFrame(channels)
    on_kw = (table["on_kw"] - table["off_kw"]).to_numpy(dtype=float)
    no_part = table["channel_id"].isin([*known.mains, *known.needed]).to_numpy()
    may_rest = table["can_be_off"].to_numpy(dtype=bool) & ~no_part
    recurs = (patterns == Pattern.RECURRING).to_numpy() & table["is_on_closed_days"].to_numpy(dtype=bool)
    shift = find_shift(on_kw, may_rest, recurs)
    # What a main shows on such days is the work of its parts.
    return shift | (recurs & no_part) if shift.any() else shift


def _choose_runs(number: int, own: Runs, found: ClosedRuns) -> tuple[Pattern | None, Runs]:
    """Return a channel's pattern and the runs that it is about: what was left on goes before the rest."""
    left = own.of_kinds(LEFT_KINDS)
    if _has_outgrown(left, own, found.weeks_known[number]):
        fresh = [is_days for is_days in (False, True) if not _recurs(left, found, number, is_days=is_days)]
        return Pattern.NEW, left.where(np.isin(left.is_days, fresh)) if fresh else left
    by_schedule = [is_days for is_days in (False, True) if is_schedule(left, found, number, is_days=is_days)]
    # What has a schedule for its nights has one for its closed days too.
    scheduled = np.isin(left.is_days, [False, True] if False in by_schedule else by_schedule)
    rest = left.where(~scheduled)
    pattern = judge_pattern(rest, found.weeks_known[number])
    if pattern is not None:
        return pattern, rest
    if (left.week[scheduled] == PERIOD).any():
        return Pattern.ASKED, left.where(scheduled)
    others = own.of_kinds(OWN_TIME_KINDS)
    pattern = judge_pattern(others, found.weeks_known[number])
    if pattern == Pattern.ONCE and others.now.hours.max() < MIN_ONCE_H:
        return None, others.where(others.row < 0)  # somebody came early, or stayed
    return (Pattern.USUAL if pattern == Pattern.RECURRING else pattern), others


def _rose_by_day(running: Running, number: int, usual: npt.NDArray[np.bool_], closed_kw: float, open_kw: float) -> bool:
    """Return whether the power of the period rose while open by half as much as while closed, or more."""
    now_closed_kw, now_open_kw = (
        _mean(running.power_kw[number, ~usual & at]) for at in (running.is_closed, ~running.is_closed)
    )
    return bool(now_open_kw - open_kw >= _SHARED_RISE * (now_closed_kw - closed_kw))


def _has_outgrown(left: Runs, own: Runs, weeks_known: npt.NDArray[np.bool_]) -> bool:
    """Return whether what was left on in several blocks of the period is far more than all runs of any week before.

    A fan that runs on Saturdays, and now in every night too, is news; that it runs on Saturdays is none.
    """
    before = own.where(own.week >= 0)
    weekly_kwh = np.bincount(before.week, weights=before.excess_kwh, minlength=weeks_known.size)[weeks_known]
    is_often = np.unique(left.now.block).size >= NEW_BLOCKS
    return is_often and bool(0 < _OUTGROWN * weekly_kwh.max(initial=0.0) < left.now.excess_kwh.sum())


def _recurs(left: Runs, found: ClosedRuns, number: int, *, is_days: bool) -> bool:
    """Return whether what runs in nights, or on closed days, comes back every week."""
    return judge_pattern(left.where(left.is_days == is_days), found.weeks_known[number]) == Pattern.RECURRING


def _runs_as_by_day(running: Running, number: int, closed_kw: float, open_kw: float) -> bool:
    """Return whether a channel that is never off draws as much by night as by day; a night load draws more."""
    is_alike = STEADY_RATIO * open_kw <= closed_kw <= open_kw / STEADY_RATIO
    return bool(not running.can_be_off[number] and closed_kw > 0 and is_alike)


def _is_steady(running: Running, number: int, table: pd.DataFrame, now: Runs) -> bool:
    """Return whether the period's runs keep to one level."""
    if not now.row.size:
        return True
    first, end = (table[name].to_numpy()[now.row] for name in ("first", "end"))
    at = np.concatenate([np.arange(*pair) for pair in zip(first, end, strict=True)])
    rise_kw = running.smooth_kw[number, at] - running.off_kw[number]
    low, middle, high = np.nanquantile(rise_kw, [0.1, 0.5, 0.9])
    return bool(high - low <= _STEADY_SPREAD * middle)


def _mean(values: Floats) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else np.nan


def _describe_runs(
    matrix: DayMatrix, found: ClosedRuns, entries: list[dict[str, object]], scope: WeekScope
) -> pd.DataFrame:
    starts_s = matrix.starts_utc(scope.tz).as_unit("s").asi8
    table = found.table
    return pd.DataFrame(
        {
            "channel_id": matrix.channel_ids[table["channel"].to_numpy()],
            "kind": table["kind"].to_numpy(),
            "week": table["week"].to_numpy(),
            "start_s": starts_s[table["first"].to_numpy()],
            "end_s": starts_s[table["end"].to_numpy() - 1] + matrix.step_s,
            "hours": table["hours"].to_numpy(),
            "excess_kwh": table["excess_kwh"].to_numpy(),
            "is_counted": _is_counted(found, entries),
        }
    )


def _is_counted(found: ClosedRuns, entries: list[dict[str, object]]) -> npt.NDArray[np.bool_]:
    """Return which runs the channels' patterns are about."""
    return found.table.index.isin(np.concatenate([np.asarray(entry["counted"], dtype=np.int64) for entry in entries]))


def _lay_on_rows(
    matrix: DayMatrix,
    running: Running,
    found: ClosedRuns,
    entries: list[dict[str, object]],
    run: npt.NDArray[np.object_],
    columns: dict[str, Floats],
    is_counted: npt.NDArray[np.bool_],
) -> None:
    """Write the runs of one matrix onto the rows that it was made of."""
    kind = np.full(running.runs.shape, NO_RUN, dtype=object)
    counted = np.zeros(running.runs.shape, dtype=bool)
    is_mine = _is_counted(found, entries)
    columns_of = found.table[["channel", "first", "end", "kind", "week"]]
    for (channel, first, end, name, week), mine in zip(
        columns_of.itertuples(index=False, name=None), is_mine, strict=True
    ):
        kind[channel, first:end] = name
        counted[channel, first:end] = mine and week == PERIOD
    slot_h = matrix.step_s / SECONDS_PER_HOUR
    excess = np.nan_to_num(running.power_kw - running.off_kw[:, None]).clip(min=0) * slot_h
    shape, place = matrix.power_kw.shape, matrix.row
    run[place] = matrix.rows_of(kind.reshape(shape))
    columns["off_kw"][place] = running.off_kw[matrix.channel]
    columns["excess_kwh"][place] = matrix.rows_of(np.where(kind == NO_RUN, 0.0, excess).reshape(shape))
    is_counted[place] = matrix.rows_of(counted.reshape(shape))


def _no_channels() -> pd.DataFrame:
    names = [
        "off_kw", "on_kw", "noise_kw", "can_be_off", "follows_weather", "rose_by_day", "closed_kw", "open_kw",
        "pattern", "counted", "is_on_closed_days", "is_at_own_time", "counted_kwh", "before_kwh", "usual_kwh", "blocks",
        "weeks_seen", "weeks_known", "is_steady",
    ]  # fmt: skip
    return pd.DataFrame(columns=names, index=pd.Index([], name="channel_id"))


def _no_runs() -> pd.DataFrame:
    return pd.DataFrame(columns=["channel_id", "kind", "week", "start_s", "end_s", "hours", "excess_kwh", "is_counted"])
