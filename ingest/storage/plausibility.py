"""Tells the records that cannot be right from those that only look odd. Pure: no network, no database, no clock.

A record that cannot be right goes into quarantine with its reason (`ingest.storage.rejects`) and not into `readings`.
Zero, an idle meter, and energy fed back can be right: negative, with a negative power that says the same, or without a
power in a channel that goes to and fro between import and export.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lib.date_utils import Window

# Records that no place in `readings` can be found for.
REJECT_NO_TIMESTAMP = "no_timestamp"
REJECT_UNPARSABLE = "unparsable"
REJECT_OFF_GRID = "off_grid"
REJECT_IN_FUTURE = "in_future"
REJECT_OUTSIDE_WINDOW = "outside_window"
REJECT_WRONG_RESOLUTION = "wrong_resolution"
# Records whose values cannot be.
REJECT_NEGATIVE_ENERGY = "negative_energy"
REJECT_POWER_OVER_LIMIT = "power_over_limit"
REJECT_ENERGY_OVER_LIMIT = "energy_over_limit"
# Records that say nothing, or nothing new.
REJECT_EMPTY = "empty"
REJECT_REPEATED = "repeated"

PLACELESS = frozenset(
    {REJECT_NO_TIMESTAMP, REJECT_UNPARSABLE, REJECT_OFF_GRID, REJECT_IN_FUTURE, REJECT_OUTSIDE_WINDOW}
)
# A person may let these in: they have a place, and it is only their value that is doubted.
READMITTABLE = frozenset(
    {REJECT_NEGATIVE_ENERGY, REJECT_POWER_OVER_LIMIT, REJECT_ENERGY_OVER_LIMIT, REJECT_IN_FUTURE, REJECT_REPEATED}
)
# All reasons for which a record goes into quarantine.
REASONS = tuple(sorted((PLACELESS - {REJECT_OUTSIDE_WINDOW}) | READMITTABLE | {REJECT_WRONG_RESOLUTION}))

_REASON_TYPE = "U20"  # a fixed width, which compares quicker than objects; the longest reason has 17
_BLANK_WORDS = frozenset({"", "-", "null", "none", "nan", "n/a", "na"})
_POWER_COLUMNS = ("power_kw", "power_l1_kw", "power_l2_kw", "power_l3_kw")
_SECONDS_PER_HOUR = 3600.0
_LEAST_SIGNS = 3
_MOST_EXPORT = 20.0

Floats = npt.NDArray[np.float64]


class Rules(NamedTuple):
    """What a record of one channel can be at all; the defaults refuse only what no channel can be."""

    max_power_kw: float = np.inf
    max_catch_up_hours: float = np.inf
    last_energy_s: float | None = None  # start of the channel's record of energy before, epoch seconds; None: not known
    latest_start_s: float = np.inf  # epoch seconds; an interval that starts later is in the future
    may_feed_in: bool = False  # known to export: its energy may be negative without a power that says the same


class Reject(NamedTuple):
    """A record for the quarantine.

    Attributes
    ----------
    timestamp_s
        Start of its interval, epoch seconds UTC, as far as it could be read.
    raw
        The record as it came.
    reading
        Its values by column of `readings`, in our units; None where it cannot be stored at all.
    """

    reason: str
    timestamp_s: float | None
    raw: Any
    reading: dict[str, float] | None = None


def find_impossible(
    timestamp_s: Floats, columns: Mapping[str, Floats], interval_s: int, rules: Rules
) -> dict[str, npt.NDArray[np.bool_]]:
    """Return reason → which records it holds for; a record may have several.

    Parameters
    ----------
    timestamp_s : (n,) floats
        Start of each interval, epoch seconds, in any order; none missing.
    columns
        Columns of `readings` in their units, each (n,) floats; NaN is missing.

    Notes
    -----
    Energy is compared with what the limit of power gives in the time since the record before: after an outage one
    record may hold the energy of the whole of it, at most that of `max_catch_up_hours`. So may the first record where
    none before it is known.
    """
    count = timestamp_s.size
    missing = np.full(count, np.nan)
    energy_kwh, power_kw = columns.get("energy_kwh", missing), columns.get("power_kw", missing)
    order = np.argsort(timestamp_s, kind="stable")
    elapsed_s = np.full(count, rules.max_catch_up_hours * _SECONDS_PER_HOUR)
    with_energy = order[~np.isnan(energy_kwh[order])]
    before_s = np.nan if rules.last_energy_s is None else rules.last_energy_s
    since_s = np.diff(timestamp_s[with_energy], prepend=before_s)
    # Where the record before lies later, it is none, and where two are of one time, the first counts.
    elapsed_s[with_energy] = np.fmin(np.where(since_s >= 0, since_s, np.nan), elapsed_s[with_energy])
    hours = np.maximum(elapsed_s, interval_s) / _SECONDS_PER_HOUR
    with np.errstate(invalid="ignore"):
        over_power = np.zeros(count, dtype=bool)
        for name in _POWER_COLUMNS:
            if name in columns:
                over_power |= np.abs(columns[name]) > rules.max_power_kw
        return {
            # A counter runs backwards only where power flows backwards; elsewhere it was reset.
            REJECT_NEGATIVE_ENERGY: (energy_kwh < 0)
            & ~(power_kw < 0)
            & ~find_feed_in(energy_kwh, power_kw, may_feed_in=rules.may_feed_in),
            REJECT_POWER_OVER_LIMIT: over_power,
            REJECT_ENERGY_OVER_LIMIT: np.abs(energy_kwh) > rules.max_power_kw * hours,
        }


def find_feed_in(energy_kwh: Floats, power_kw: Floats, *, may_feed_in: bool = False) -> npt.NDArray[np.bool_]:
    """Return the records of negative energy, without a power beside it, that are export.

    A counter that is reset takes away in one record what it counted in months. So the records of a channel are taken
    for export where there are `_LEAST_SIGNS` of either sign or more, as far as none is above `_MOST_EXPORT` times what
    it usually imports at most (95th percentile). With `may_feed_in` all are.
    """
    alone = (energy_kwh < 0) & np.isnan(power_kw)
    imported = energy_kwh[energy_kwh > 0]
    if may_feed_in or not alone.any():
        return alone
    if imported.size < _LEAST_SIGNS:
        return np.zeros(energy_kwh.size, dtype=bool)
    export = alone & (-energy_kwh <= _MOST_EXPORT * np.quantile(imported, 0.95))
    return export & (np.count_nonzero(export) >= _LEAST_SIGNS)


def find_reasons(
    timestamp: Floats, columns: Mapping[str, Floats], window: Window, interval_s: int, rules: Rules
) -> np.ndarray:
    """Return for each record why it is left out, the first reason that holds, or "" for those to keep."""
    seconds = np.where(np.isnan(timestamp), 0.0, timestamp)
    reasons = np.full(timestamp.size, "", dtype=_REASON_TYPE)

    def give(reason: str, which: np.ndarray) -> None:
        reasons[which & (reasons == "")] = reason

    give(REJECT_NO_TIMESTAMP, np.isnan(timestamp))
    give(REJECT_IN_FUTURE, seconds > rules.latest_start_s)
    give(REJECT_OFF_GRID, seconds % interval_s != 0)
    give(REJECT_OUTSIDE_WINDOW, (seconds < window.start.timestamp()) | (seconds >= window.end.timestamp()))
    give(REJECT_EMPTY, np.all([np.isnan(column) for column in columns.values()], axis=0))
    placed = np.flatnonzero(reasons == "")
    found = find_impossible(seconds[placed], {name: c[placed] for name, c in columns.items()}, interval_s, rules)
    for reason, which in found.items():
        flagged = np.zeros(timestamp.size, dtype=bool)
        flagged[placed[which]] = True
        give(reason, flagged)
    return reasons


def tell_unparsable(
    reasons: np.ndarray, objects: list[dict[str, Any]], fields: tuple[str, ...], essential: Mapping[str, Floats]
) -> None:
    """Tell, in place, records whose time or values cannot be read from those that have none.

    Parameters
    ----------
    fields
        The fields asked; if none of them can be read, the record cannot.
    essential
        Fields of which each must be readable or blank, and what was read: stored without its energy, a record would
        keep the value out when it comes.
    """
    for position in np.flatnonzero(reasons == REJECT_NO_TIMESTAMP):
        if not _is_blank(objects[position].get("ts")):
            reasons[position] = REJECT_UNPARSABLE
    for position in np.flatnonzero(reasons == REJECT_EMPTY):
        if not all(_is_blank(objects[position].get(field)) for field in fields):
            reasons[position] = REJECT_UNPARSABLE
    for field, values in essential.items():
        for position in np.flatnonzero((reasons == "") & np.isnan(values)):
            if not _is_blank(objects[position].get(field)):
                reasons[position] = REJECT_UNPARSABLE


def _is_blank(value: Any) -> bool:
    """Tell whether a value says that there is none, in one of the ways that services have."""
    return value is None or str(value).strip().casefold() in _BLANK_WORDS


def keep_first(timestamp: np.ndarray, reasons: np.ndarray) -> np.ndarray:
    """Return the positions of the records to keep, in time order; further ones for an interval become repeated.

    The first of several records for one interval counts, as it does in the database.
    """
    candidates = np.flatnonzero(reasons == "")
    _, first = np.unique(timestamp[candidates], return_index=True)
    reasons[np.delete(candidates, first)] = REJECT_REPEATED
    return candidates[first]


def count_reasons(reasons: np.ndarray) -> dict[str, int]:
    """Return how many records are left out for which reason."""
    names, counts = np.unique(reasons[reasons != ""], return_counts=True)
    return {str(name): int(count) for name, count in zip(names, counts, strict=True)}


def collect_rejects(
    objects: list[dict[str, Any]],
    timestamp: np.ndarray,
    columns: Mapping[str, Floats],
    reasons: np.ndarray,
    keep: np.ndarray,
) -> list[Reject]:
    """Return the records that are not kept and would be lost; a repetition only where it says something else."""
    quarantined = []
    is_lost = (reasons != "") & (reasons != REJECT_EMPTY) & (reasons != REJECT_OUTSIDE_WINDOW)
    for position in map(int, np.flatnonzero(is_lost)):
        moment = None if np.isnan(timestamp[position]) else float(timestamp[position])
        reading = None if moment is None else reading_of(columns, position)
        if reasons[position] == REJECT_REPEATED:
            kept = keep[np.searchsorted(timestamp[keep], timestamp[position])]
            if reading == reading_of(columns, kept):
                continue
        quarantined.append(Reject(str(reasons[position]), moment, objects[position], reading))
    return quarantined


def reading_of(columns: Mapping[str, Floats], position: int) -> dict[str, float]:
    """Return one record's values by column, without the missing ones."""
    return {name: float(values[position]) for name, values in columns.items() if not np.isnan(values[position])}
