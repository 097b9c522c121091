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
    sum_between,
)
from analyze.expected.day_matrix import PERIOD, DayMatrix
from analyze.expected.model import Expectation, ExpectedDays
from analyze.expected.running import Running, closed_slots, find_running
from analyze.week.intervals import SECONDS_PER_HOUR, WeekScope
from config.opening_hours import Schedule
from lib.stats_utils import nan_quantiles

Floats = npt.NDArray[np.float64]

LEFT_KINDS = (RunKind.LEFT_ON, RunKind.CLOSED_DAY)
OWN_TIME_KINDS = (RunKind.OVERRUN, RunKind.NIGHT)
_NEWS = (Pattern.NEW, Pattern.ONCE)
NO_RUN = ""
MIN_ONCE_H = 3.0  # of a run at its own time that came once, to be worth a word
_OUTGROWN = 1.5  # times the most of the weeks before
_SHARED_RISE = 0.5  # of the rise while closed: a level that rose for good rose while open too
STEADY_RATIO = 0.75  # of the mean power by day that a load draws by night, to run as steadily by night
MAX_REST_RATIO = 1 / 3  # of what it draws while open: what draws more at rest is set back, not off
_REST_QUANTILE, _USE_QUANTILE = 0.1, 0.8  # of the closed, and of the open time
_NOTHING_RATIO = 0.1  # of what a load draws in use: from there on down it is off
_ENOUGH_DAYS = 3
_KWH_DIGITS = 9  # what is equal stays equal, however it was added up
_ALIKE_RATIOS = (0.8, 1.25)  # of the length of nights left on, which reach up to the opening hours
_STEADY_SPREAD = 0.8  # of the rise: a load that runs at one level is switched, not driven by the weather


class ClosedUse(NamedTuple):
    """What the channels use while closed.

    `rows`, by index of the intervals of baseline and period: `off_kw`, `run` (a `RunKind`, or ``""``), `excess_kwh`
    (within runs, above the off level; of what is new or came once, above what like days draw, where that is more) and
    `is_counted` (of the runs that the channel's pattern is about, in the period).

    `channels`, by `channel_id`: `off_kw`, `on_kw`, `noise_kw`, `can_be_off`, `runs_as_by_day` (it is never off, and
    draws as much by night as by day), `rose_by_day` (its level rose while open too), `closed_kw` and `open_kw` (mean
    power of the weeks before), `follows_weather`, `pattern` (a `Pattern`, or None), `is_on_closed_days` (its runs of
    the period mostly lie there), `is_at_own_time` (it is about runs of `OWN_TIME_KINDS`),
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
        response_kw = _answer_of_closed(block, schedule)
        running = find_running(block.matrix, response_kw, schedule, min_power_kw=least_kw)
        found = list_closed_runs(block.matrix, running)
        by_weather = follow_thermostat(
            running, response_kw, block.weather.temp_c, block.matrix.step_s / SECONDS_PER_HOUR
        )
        means = _mean_powers(block.matrix, running)
        entries = [
            _judge_channel(number, own, block, running, found, means, thermostat=follows)
            for number, (own, follows) in enumerate(zip(found.by_channel(), by_weather, strict=True))
        ]
        usual_kw = (block.expected_kw - response_kw).reshape(running.power_kw.shape)
        excess_kwh = _excess_of(block, running, found, usual_kw, entries)
        found = _measure(_split_recurring(found, entries, block.matrix), entries, excess_kwh)
        channels += entries
        runs.append(_describe_runs(block.matrix, found, entries, scope))
        _lay_on_rows(block.matrix, running, found, entries, excess_kwh, run, columns, is_counted)
    table = _no_channels()
    if channels:
        patterns = pd.Series([_settle_pattern(entry, known) for entry in channels], dtype=object)
        patterns[_work_while_closed(channels, patterns, known)] = Pattern.ASKED
        table = pd.DataFrame(channels).assign(pattern=patterns).set_index("channel_id").sort_index()
    listed = pd.concat(runs, ignore_index=True) if runs else _no_runs()
    # Without its type pandas would make text of every object.
    of_rows = {**columns, "run": pd.Series(run, index=rows.index, dtype=object), "is_counted": is_counted}
    return ClosedUse(pd.DataFrame(of_rows, index=rows.index), table, listed)


class _MeanPowers(NamedTuple):
    """The mean power of each channel while closed and while open (C,) [kW]: usually, and of the period.

    Usually is in the weeks before, where there are any: a night in this week says nothing of every week.
    """

    closed: Floats
    open: Floats
    closed_now: Floats
    open_now: Floats


def _mean_powers(matrix: DayMatrix, running: Running) -> _MeanPowers:
    usual = np.repeat(matrix.fold >= 0, matrix.slots)
    usual = usual if usual.any() else ~usual
    return _MeanPowers(
        *(
            _mean(running.power_kw[:, when & at])
            for when in (usual, ~usual)
            for at in (running.is_closed, ~running.is_closed)
        )
    )


def _judge_channel(
    number: int,
    own: Runs,
    block: ExpectedDays,
    running: Running,
    found: ClosedRuns,
    means: _MeanPowers,
    *,
    thermostat: Thermostat | None,
) -> dict[str, object]:
    """Return the facts of one channel of a matrix, and its pattern."""
    weeks_known = found.weeks_known[number]
    closed_kw, open_kw, closed_now_kw, open_now_kw = (float(values[number]) for values in means)
    pattern, mine = _choose_runs(number, own, found)
    if not running.can_be_off[number] and pattern not in (Pattern.NEW, Pattern.ONCE):
        pattern, mine = None, mine.where(mine.row < 0)  # what it does every week is its setback, or its work
    if thermostat == Thermostat.BY_HOURS and pattern in (Pattern.NEW, Pattern.ONCE):
        pattern = Pattern.USUAL
    is_bound_to_hours = closed_kw < STEADY_RATIO * open_kw  # else it runs by night as by day, when it does
    is_at_rest = running.rest_ratio[number] <= MAX_REST_RATIO
    if pattern == Pattern.RECURRING and (thermostat or not is_at_rest or not is_bound_to_hours):
        pattern = Pattern.ASKED
    runs_as_by_day = _runs_as_by_day(running, number, closed_kw, open_kw)
    if pattern is None and runs_as_by_day:
        pattern = Pattern.ASKED
    before, now, known = mine.where(mine.week >= 0), mine.now, np.flatnonzero(weeks_known)
    return {
        "channel_id": int(block.matrix.channel_ids[number]),
        "off_kw": running.off_kw[number],
        "on_kw": running.on_kw[number],
        "noise_kw": running.noise_kw[number],
        "can_be_off": bool(running.can_be_off[number]),
        "follows_weather": bool(block.weather.is_used[number]),
        "runs_as_by_day": runs_as_by_day,
        # A main behind solar shows no load while open: then nothing says that the rise was one of the nights.
        "rose_by_day": np.isnan(open_kw) or _rose_by_day(closed_now_kw - closed_kw, open_now_kw - open_kw),
        "closed_kw": closed_kw,
        "open_kw": open_kw,
        "pattern": pattern,
        "counted": mine.row,
        "is_on_closed_days": bool(2 * now.is_days.sum() > now.is_days.size),
        "is_at_own_time": bool(now.of_kinds(OWN_TIME_KINDS).row.size),
        "blocks": int(np.unique(now.block).size),
        "weeks_seen": int(np.unique(before.week).size),
        "weeks_known": int(known.size),
        "is_steady": _is_steady(running, number, found.table, now),
    }


def _answer_of_closed(block: ExpectedDays, schedule: Schedule) -> Floats:
    """Return the part of the power that answers to the weather (C, D, S) [kW], where a load that is closed does.

    A load that is nothing for a tenth of the closed time is switched then: what cools on two nights of a week, and on
    others that are as warm not, is no answer to the air, though a line through both nights looks like one.
    """
    matrix, response_kw = block.matrix, block.weather.kw
    if not block.weather.is_used.any():
        return response_kw
    is_closed = closed_slots(matrix, schedule)
    power_kw = matrix.power_kw.reshape(len(response_kw), -1)
    rest_kw = nan_quantiles(power_kw[:, is_closed], [_REST_QUANTILE])[:, 0]
    use_kw = nan_quantiles(power_kw[:, ~is_closed], [_USE_QUANTILE])[:, 0]
    is_switched = rest_kw <= _NOTHING_RATIO * use_kw
    return np.where(is_switched[:, None, None], 0.0, response_kw)


def _excess_of(
    block: ExpectedDays, running: Running, found: ClosedRuns, usual_kw: Floats, entries: list[dict[str, object]]
) -> Floats:
    """Return the energy above the level that each channel's pattern is measured from (C, N) [kWh].

    What recurs is above what the channel draws at that time of day when it is not left on: a fan that always starts an
    hour before the opening does so after a night on as well. What is new, or came once, is above what like days draw.
    Neither level is below the off level.
    """
    level_kw = np.repeat(running.off_kw[:, None], running.power_kw.shape[1], axis=1)
    for number, entry in enumerate(entries):
        if entry["pattern"] in _NEWS:
            level_kw[number] = np.fmax(level_kw[number], usual_kw[number])
        elif entry["pattern"] == Pattern.RECURRING:
            level_kw[number] = np.fmax(level_kw[number], _level_when_not_left(number, block, running, found, entry))
    excess_kw = np.nan_to_num(running.power_kw - level_kw).clip(min=0)
    return np.asarray(excess_kw * block.matrix.step_s / SECONDS_PER_HOUR)


def _level_when_not_left(
    number: int, block: ExpectedDays, running: Running, found: ClosedRuns, entry: dict[str, object]
) -> Floats:
    """Return the mean power (N,) at the time of day while closed and outside of the runs of its pattern [kW].

    Of the days that open, and of those that do not; NaN where fewer than `_ENOUGH_DAYS` are known.
    """
    matrix = block.matrix
    counted = np.asarray(entry["counted"], dtype=np.int64)
    first, end = (found.table[name].to_numpy()[counted] for name in ("first", "end"))
    edges = np.bincount(first, minlength=running.is_closed.size + 1) - np.bincount(
        end, minlength=running.is_closed.size + 1
    )
    is_left = np.cumsum(edges)[:-1] > 0
    power_kw = np.where(running.is_closed & ~is_left, running.power_kw[number], np.nan).reshape(-1, matrix.slots)
    level_kw = np.full(power_kw.shape, np.nan)
    for is_closed in (False, True):
        days = matrix.types.is_closed == is_closed
        known = ~np.isnan(power_kw[days])
        count = known.sum(axis=0)
        total = np.where(known, power_kw[days], 0.0).sum(axis=0)
        level_kw[days] = np.divide(total, count, out=np.full(count.shape, np.nan), where=count >= _ENOUGH_DAYS)
    return level_kw.ravel()


def _split_recurring(found: ClosedRuns, entries: list[dict[str, object]], matrix: DayMatrix) -> ClosedRuns:
    """Return the runs, those of what recurs split where the period begins: a week's energy is what lies in the week.

    `entries` learn of the parts that lie in the period. What came once is told in the week in which it began.
    """
    table, is_now = found.table, np.repeat(matrix.fold == PERIOD, matrix.slots)
    start = int(np.argmax(is_now))
    recurring = {n: entry for n, entry in enumerate(entries) if entry["pattern"] == Pattern.RECURRING}
    counted = [np.asarray(entry["counted"], dtype=np.int64) for entry in recurring.values()]
    is_mine = table.index.isin(np.concatenate(counted) if counted else ())
    crosses = (is_mine & (table["first"] < start) & (table["end"] > start)).to_numpy()
    if not crosses.any():
        return found
    slot_h = matrix.step_s / SECONDS_PER_HOUR
    later = table[crosses].assign(first=start, week=PERIOD, hours=(table["end"] - start) * slot_h)
    later.index = pd.RangeIndex(len(table), len(table) + len(later))
    for row, number in later["channel"].items():
        recurring[number]["counted"] = np.append(np.asarray(recurring[number]["counted"], np.int64), row)
    earlier_h = ((start - table["first"]) * slot_h).where(crosses, table["hours"])
    table = pd.concat([table.assign(end=table["end"].mask(crosses, start), hours=earlier_h), later])
    return found._replace(table=table.sort_values(["channel", "first"]))


def _measure(found: ClosedRuns, entries: list[dict[str, object]], excess_kwh: Floats) -> ClosedRuns:
    """Return the runs with their energy by `excess_kwh` (C, N), and write what each channel has into `entries`."""
    first, end, channel = (found.table[name].to_numpy() for name in ("first", "end", "channel"))
    run_kwh = np.round(sum_between(excess_kwh, first, end, channel), _KWH_DIGITS)
    week_of, place_of = found.table["week"].to_numpy(), np.argsort(found.table.index.to_numpy())
    for number, entry in enumerate(entries):
        counted = place_of[np.asarray(entry["counted"], dtype=np.int64)]  # runs are named by whole numbers from 0 on
        week, kwh = week_of[counted], run_kwh[counted]
        is_known, is_before = found.weeks_known[number], week >= 0
        weekly_kwh = np.bincount(week[is_before], weights=kwh[is_before], minlength=is_known.size)[is_known]
        entry["counted_kwh"] = float(kwh[~is_before].sum())
        entry["before_kwh"] = float(weekly_kwh.sum())
        entry["usual_kwh"] = float(np.median(weekly_kwh)) if weekly_kwh.size else np.nan
    return found._replace(table=found.table.assign(excess_kwh=run_kwh))


def _settle_pattern(entry: dict[str, object], known: Known) -> object:
    """Return a channel's pattern in the light of what else is known of it."""
    pattern, channel_id = entry["pattern"], entry["channel_id"]
    if pattern is not None and channel_id in known.needed:
        return Pattern.USUAL
    if pattern == Pattern.NEW and channel_id in known.stepped and entry["rose_by_day"]:
        pattern = Pattern.ASKED if entry["runs_as_by_day"] else Pattern.STEP
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
        return pattern, own.where(
            np.isin(own.row, rest.row) | _are_alike(own, rest, found.weeks_known[number], pattern)
        )
    if (left.week[scheduled] == PERIOD).any():
        return Pattern.ASKED, left.where(scheduled)
    others = own.of_kinds(OWN_TIME_KINDS)
    pattern = judge_pattern(others, found.weeks_known[number])
    if pattern == Pattern.ONCE and others.now.hours.max() < MIN_ONCE_H:
        return None, others.where(others.row < 0)  # somebody came early, or stayed
    return (Pattern.USUAL if pattern == Pattern.RECURRING else pattern), others


def _are_alike(own: Runs, left: Runs, weeks_known: npt.NDArray[np.bool_], pattern: Pattern) -> npt.NDArray[np.bool_]:
    """Return which of a channel's runs are nights between closed days that last as its nights left on do.

    In a closed weekend nothing tells a night that was left on from one at a time of its own, but its like in the week:
    both recur, and are as long.
    """
    nights = (own.kind == RunKind.NIGHT) & own.is_days
    of_week = left.hours[~left.is_days]
    if pattern != Pattern.RECURRING or not of_week.size or not nights.any():
        return np.zeros(own.row.shape, dtype=bool)
    least, most = np.median(of_week) * np.array(_ALIKE_RATIOS)
    nights &= (own.hours >= least) & (own.hours <= most)
    return nights & (judge_pattern(own.where(nights), weeks_known) == Pattern.RECURRING)


def _rose_by_day(closed_rise_kw: float, open_rise_kw: float) -> bool:
    """Return whether the power of the period rose while open by half as much as while closed, or more."""
    return open_rise_kw >= _SHARED_RISE * closed_rise_kw


def _has_outgrown(left: Runs, own: Runs, weeks_known: npt.NDArray[np.bool_]) -> bool:
    """Return whether what was left on in several blocks of the period is far more than all runs of any week before.

    By its energy or by its hours: what runs at half its power in every night, and ran in some, is news as well.

    A fan that runs on Saturdays, and now in every night too, is news; that it runs on Saturdays is none.
    """
    before, now = own.where(own.week >= 0), left.now
    if np.unique(now.block).size < NEW_BLOCKS:
        return False
    return any(
        0 < _OUTGROWN * _weekly(before, size, weeks_known).max(initial=0.0) < getattr(now, size).sum()
        for size in ("excess_kwh", "hours")
    )


def _weekly(runs: Runs, size: str, weeks_known: npt.NDArray[np.bool_]) -> Floats:
    """Return the sum of a column of runs by the known weeks before."""
    weights: Floats = getattr(runs, size)
    total: Floats = np.bincount(runs.week, weights=weights, minlength=weeks_known.size).astype(np.float64)
    return total[weeks_known]


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


def _mean(values: Floats) -> Floats:
    """Return the mean of what is known of (C, n), by channel; NaN where nothing is."""
    known = ~np.isnan(values)
    count = np.count_nonzero(known, axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)


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
    excess_kwh: Floats,
    run: npt.NDArray[np.object_],
    columns: dict[str, Floats],
    is_counted: npt.NDArray[np.bool_],
) -> None:
    """Write the runs of one matrix onto the rows that it was made of."""
    number = np.zeros(running.runs.shape, dtype=np.int64)  # of the run that each slot lies in, from 1 on
    channel, first, end, kind, week = (
        found.table[name].to_numpy() for name in ("channel", "first", "end", "kind", "week")
    )
    for row, (own, begins, ends) in enumerate(zip(channel.tolist(), first.tolist(), end.tolist(), strict=True), 1):
        number[own, begins:ends] = row
    of_row, place = matrix.rows_of(number.reshape(matrix.power_kw.shape)), matrix.row
    run[place] = np.concatenate([np.array([NO_RUN], dtype=object), kind])[of_row]
    columns["off_kw"][place] = running.off_kw[matrix.channel]
    columns["excess_kwh"][place] = np.where(of_row > 0, matrix.rows_of(excess_kwh.reshape(matrix.power_kw.shape)), 0.0)
    is_counted[place] = np.append(False, _is_counted(found, entries) & (week == PERIOD))[of_row]


def _no_channels() -> pd.DataFrame:
    names = [
        "off_kw", "on_kw", "noise_kw", "can_be_off", "follows_weather", "runs_as_by_day", "rose_by_day", "closed_kw",
        "open_kw", "pattern", "counted", "is_on_closed_days", "is_at_own_time", "counted_kwh", "before_kwh",
        "usual_kwh", "blocks", "weeks_seen", "weeks_known", "is_steady",
    ]  # fmt: skip
    return pd.DataFrame(columns=names, index=pd.Index([], name="channel_id"))


def _no_runs() -> pd.DataFrame:
    return pd.DataFrame(columns=["channel_id", "kind", "week", "start_s", "end_s", "hours", "excess_kwh", "is_counted"])
