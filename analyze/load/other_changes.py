"""Changes that cannot be told from one another at a meter: what bounds the time that one of them is judged by. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from analyze.load.savings_data import lack


class MeterChange(NamedTuple):
    """Something that was changed at a meter on a local day, by the name that people know it by."""

    name: str
    channel_id: int
    changed_on: date


class Bounds(NamedTuple):
    """The days between which nothing but the change itself was changed; the changes that set them, or stand beside it.

    `first` and `last` are local days, both included; None where nothing bounds that side.
    """

    first: date | None
    last: date | None
    before: MeterChange | None
    after: MeterChange | None
    same_day: MeterChange | None


def merge_changes(own: Sequence[MeterChange], others: Sequence[MeterChange]) -> list[MeterChange]:
    """Return both lists as one; what `others` have at the same meter and day as `own` is the same change."""
    known = {(each.channel_id, each.changed_on) for each in own}
    return [*own, *(each for each in others if (each.channel_id, each.changed_on) not in known)]


def bound_change(change: MeterChange, others: Sequence[MeterChange], related: Mapping[int, set[int]]) -> Bounds:
    """Return what bounds a change, by the others at its meter, at those above it and at those below it.

    Parameters
    ----------
    others
        All that was changed at the site; the change itself, by name, meter and day, is left out.
    related
        Meters above and below each meter (`meter_tree.related_meters`).
    """
    near = related.get(change.channel_id, set()) | {change.channel_id}
    shared = sorted(
        (each for each in others if each.channel_id in near and each != change), key=lambda each: each.changed_on
    )
    before = [each for each in shared if each.changed_on < change.changed_on]
    after = [each for each in shared if each.changed_on > change.changed_on]
    same = [each for each in shared if each.changed_on == change.changed_on]
    day = timedelta(days=1)
    return Bounds(
        before[-1].changed_on + day if before else None,
        after[0].changed_on - day if after else None,
        before[-1] if before else None,
        after[0] if after else None,
        same[0] if same else None,
    )


def explain_bounds(verdict: dict[str, Any], bounds: Bounds) -> dict[str, Any]:
    """Return a verdict that says what bounds it; a change on the same day leaves none.

    What is missing in it can come of the bounds, and no later day mends that.
    """
    if bounds.same_day is not None:
        name = bounds.same_day.name
        text = (
            f"{name!r} was changed on the same day, at this meter or one that it shares energy with; the two can't be "
        )
        entry = lack("other_change", text + "told apart: name them as one measure, or look at meters of their own")
        return verdict | {"status": "insufficient_data", "savings": None, "missing": [entry]}
    if not verdict["missing"] or (bounds.before is None and bounds.after is None):
        return verdict
    missing = [entry | {"possibleFrom": None} for entry in verdict["missing"]]
    return verdict | {"missing": [*missing, *(_explain(bounds))]}


def _explain(bounds: Bounds) -> list[dict[str, Any]]:
    entries = []
    if bounds.before is not None:
        text = f"days up to {bounds.before.changed_on} are not used: {bounds.before.name!r} was changed then"
        entries.append(lack("other_change", text))
    if bounds.after is not None:
        text = f"days from {bounds.after.changed_on} on are not used: {bounds.after.name!r} was changed then"
        entries.append(lack("other_change", text))
    return entries
