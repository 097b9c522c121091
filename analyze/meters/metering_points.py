"""Which channels of a site do not count, and why: each metering point counts once, and the site's file leaves some out.

Pure. The service shows one metering point through several channels: the whole, each phase, a pulse input. The view
`v_meters` says which of them stands for the others (`counted_by`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from analyze.week.intervals import channel_names

if TYPE_CHECKING:
    from config.site_file import SiteChannel


class Reason(StrEnum):
    """Why a channel does not count."""

    VIEW = "view"  # of a metering point for which another channel stands
    EXCLUDED = "excluded"  # by the site's file


class NotCounted(NamedTuple):
    """A channel that is in no figure of the site; `counted_by` is the one that stands for it, None where none does."""

    channel_id: int
    channel_name: str
    reason: Reason
    counted_by: int | None = None


def find_not_counted(
    meters: pd.DataFrame, said: Mapping[int, SiteChannel], excluded: Collection[int]
) -> list[NotCounted]:
    """Return the channels that do not count, by id.

    Parameters
    ----------
    meters
        `channel_id`, `channel_name` and `counted_by` (missing where none stands for it).
    said, excluded
        What the site's file says of its channels, and which it leaves out. A channel of which it says what it is part
        of counts by itself.
    """
    names, named = channel_names(meters), {key for key, channel in said.items() if channel.facts.parent is not None}
    by = _standing_for(meters)
    found = [
        NotCounted(key, names[key], Reason.VIEW, counted_by)
        for key, counted_by in by.items()
        if counted_by not in excluded and key not in excluded and key not in named
    ]
    return sorted([*found, *(NotCounted(key, names[key], Reason.EXCLUDED) for key in excluded)])


def keep_counted(meters: pd.DataFrame, left_out: Collection[int]) -> pd.DataFrame:
    """Return `meters` without those left out; what hangs below one of them hangs below the next above it.

    A meter below a view that another stands for hangs below that other.
    """
    by = _standing_for(meters)
    rows = zip(meters["channel_id"].astype(int), meters["parent_channel_id"], strict=True)
    parents = {key: int(parent) for key, parent in rows if not pd.isna(parent)}

    def above(key: int) -> int | None:
        seen, step = {key}, parents.get(key)
        while step is not None and step not in seen:
            seen.add(step)
            if step not in left_out:
                return step
            step = by.get(step, parents.get(step))
        return None

    kept = meters[~meters["channel_id"].isin(list(left_out))]
    return kept.assign(parent_channel_id=kept["channel_id"].astype(int).map(above).astype("Int64"))


def _standing_for(meters: pd.DataFrame) -> dict[int, int]:
    """Return channel id → the channel that stands for it."""
    if "counted_by" not in meters:
        return {}
    known = meters[meters["counted_by"].notna()]
    return dict(zip(known["channel_id"].astype(int), known["counted_by"].astype(int), strict=True))
