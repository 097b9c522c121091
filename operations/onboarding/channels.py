"""Proposes what each channel is: its kind, its parent, its equipment. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from config.site_file import ChannelKind, Equipment
from lib.meter_sums import Confidence, min_confidence
from lib.toml_text import quote
from operations.onboarding import names
from operations.onboarding.document import Line, Note, Section, show_name
from operations.onboarding.shapes import Fit, judge_equipment

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from lib.date_utils import Window
    from lib.meter_sums import Proposal
    from operations.onboarding.evidence import Evidence
    from operations.onboarding.site_facts import ChannelFacts

_SAID = "said already, by the site's file or an import"
_MIN_PARTS = 2
_MIN_WEEKS = 2.0  # of readings, before a shape is that of the load and not of a week
_SILENT = timedelta(days=14)
_MUST_RUN = (Equipment.REFRIGERATION, Equipment.IT)


_MakeLine = Callable[[ChannelKind, Confidence, str], "list[Line | Note]"]


class Part(NamedTuple):
    """What a channel may be part of."""

    main: int
    confidence: Confidence
    reason: str


class Guess(NamedTuple):
    """What a channel may feed, or why its name is not followed."""

    equipment: Equipment | None
    confidence: Confidence
    reason: str


def find_parts(channels: Sequence[ChannelFacts], seen: Evidence) -> dict[int, Part]:
    """Return by channel what it may be part of: what the readings say, else what is unclear within its point."""
    name_of = {one.meter_id: one.meter_name for one in channels}
    parts: dict[int, Part] = {}
    for found in seen.sums.proposals:
        others = [key for one in seen.sums.proposals if one.main == found.main for key in one.parts]
        sources = ", ".join(show_name(name_of[key]) for key in found.fed_by)
        less = f", less what {sources} brings," if found.fed_by else ""
        reason = (
            f"{show_name(name_of[found.main])} follows the sum of {len(others)} meters{less} "
            f"over {found.weeks:.1f} weeks, {100 * found.cover_ratio:.0f} % of it"
        )
        grade = found.confidence
        if grade is Confidence.LOW and names.says_main(name_of[found.main]):
            grade, reason = Confidence.MEDIUM, f"{reason}, and its name is that of a main"
        parts |= dict.fromkeys(found.parts, Part(found.main, grade, reason))
        for key in found.fed_by:
            why = f"{show_name(name_of[found.main])} draws less by what it generates"
            parts.setdefault(key, Part(found.main, min_confidence(found.confidence, Confidence.MEDIUM), why))
    for found in seen.likely:
        parts |= dict.fromkeys(found.parts, Part(found.main, found.confidence, _describe_likely(found, name_of)))
    mains = {part.main for part in parts.values()}
    copies = {twins.copy for twins in seen.sums.twins} | {twins.first for twins in seen.sums.twins}
    for views in _unclear_points(channels):
        first = views[0]
        for one in views[1:]:
            if one.meter_id not in parts and one.meter_id not in mains | copies:
                reason = (
                    f'it shows the same metering point as {show_name(first.meter_name)}; or "" for a load of its own'
                )
                parts[one.meter_id] = Part(first.meter_id, Confidence.LOW, reason)
    return parts


def _describe_likely(found: Proposal, name_of: Mapping[int, str]) -> str:
    main = show_name(name_of[found.main])
    if found.fit:
        return f"{main} moves whenever it does, by as much; most of its changes are of what is not metered apart"
    return f'the readings do not tell for sure; it fits within {main}; or "" where it is part of none'


def _unclear_points(channels: Sequence[ChannelFacts]) -> list[list[ChannelFacts]]:
    """Return the channels of each metering point that all count, though it is not told which is the whole."""
    points: dict[int, list[ChannelFacts]] = {}
    for one in channels:
        if one.is_energy_meter and one.is_counted and not one.is_parent_named:
            points.setdefault(one.point_id, []).append(one)
    return [views for views in points.values() if len(views) > 1 and any(one.point_view != "phase" for one in views)]


def find_generation(channels: Sequence[ChannelFacts], seen: Evidence) -> set[int]:
    """Return the channels that generate, as it is said or seen."""
    return {
        one.meter_id
        for one in channels
        if one.kind == ChannelKind.GENERATION or (one.kind is None and one.meter_id in seen.follows_sun)
    }


def guess_equipment(channel: ChannelFacts, seen: Evidence, mains: set[int]) -> Guess | None:
    """Return what a load feeds by its name, where its shape does not contradict; None where nothing says it."""
    key, named = channel.meter_id, names.name_equipment(channel.meter_name)
    is_load = channel.is_energy_meter and channel.is_counted and channel.kind in (None, ChannelKind.LOAD)
    if not is_load or named is None or key in mains | seen.follows_sun | seen.exports:
        return None
    said, shape = f"its name says {quote(named.word)}", seen.shapes.get(key)
    if shape is None:
        return Guess(named.equipment, Confidence.LOW, f"{said}; too few readings to see whether it behaves so")
    verdict = judge_equipment(named.equipment, shape)
    if verdict.fit is Fit.CONTRADICTS:
        return Guess(None, Confidence.LOW, f"{said}, which would be {named.equipment}, but {verdict.why}")
    grade = {
        (True, Fit.SUPPORTS): Confidence.HIGH,
        (True, Fit.NEUTRAL): Confidence.MEDIUM,
        (False, Fit.SUPPORTS): Confidence.MEDIUM,
        (False, Fit.NEUTRAL): Confidence.LOW,
    }[named.is_plain, verdict.fit]
    if seen.weeks < _MIN_WEEKS:
        grade = min_confidence(grade, Confidence.MEDIUM)
    return Guess(named.equipment, grade, f"{said}, and {verdict.why}")


def propose_channel(
    channel: ChannelFacts,
    seen: Evidence,
    parts: Mapping[int, Part],
    guess: Guess | None,
    generation: set[int],
    window: Window,
    tz: ZoneInfo,
) -> Section:
    """Return the table of one channel: by its id, for names may be changed and may occur twice."""
    lines: list[Line | Note] = [
        *_propose_kind(channel, seen, parts, generation),
        *_propose_parent(channel, parts),
        *_propose_equipment(guess, channel),
        *_repeat_said(channel),
        *_propose_end(channel, window, tz),
    ]
    if not lines:
        lines = [
            Line("equipment", '"other"', Confidence.LOW, "neither its name nor its readings say what it is", waits=True)
        ]
    return Section(f'channels."{channel.meter_id}"', tuple(lines), show_name(channel.meter_name), is_optional=True)


def _propose_kind(
    channel: ChannelFacts, seen: Evidence, parts: Mapping[int, Part], generation: set[int]
) -> list[Line | Note]:
    key, name = channel.meter_id, channel.meter_name

    def line(kind: ChannelKind, confidence: Confidence, reason: str) -> list[Line | Note]:
        return [Line("kind", quote(kind), confidence, reason)]

    if channel.kind is not None:
        return line(ChannelKind(channel.kind), Confidence.HIGH, _SAID)
    if not channel.is_energy_meter:
        if channel.newest_end is None:
            return line(ChannelKind.SENSOR, Confidence.LOW, "it has no readings: a sensor, or refused by the service")
        return line(ChannelKind.SENSOR, Confidence.HIGH, "it has readings, but no energy or power")
    if key in seen.follows_sun:
        seen_sun = "its power follows the sun on all days and is nothing by night"
        if names.says_generation(name):
            return line(ChannelKind.GENERATION, Confidence.HIGH, f"{seen_sun}, as its name says")
        return line(ChannelKind.GENERATION, Confidence.MEDIUM, seen_sun)
    if key in seen.exports:
        return _propose_both_ways(key, name, seen, line)
    if names.says_generation(name):
        return line(ChannelKind.GENERATION, Confidence.LOW, "its name says so, but its readings do not follow the sun")
    return _propose_main(channel, seen, parts, generation)


def _propose_both_ways(key: int, name: str, seen: Evidence, line: _MakeLine) -> list[Line | Note]:
    if names.says_storage(name):
        return line(ChannelKind.STORAGE, Confidence.HIGH, "energy goes both ways, and its name says so")
    if key in seen.exports_by_midday:
        return line(ChannelKind.MAIN, Confidence.HIGH, "it imports and exports, as a grid connection before generation")
    grade = Confidence.MEDIUM if names.says_main(name) else Confidence.LOW
    return line(ChannelKind.MAIN, grade, "energy goes both ways, not about noon; storage, if it is a battery")


def _propose_main(
    channel: ChannelFacts, seen: Evidence, parts: Mapping[int, Part], generation: set[int]
) -> list[Line | Note]:
    key = channel.meter_id
    found = [one for one in (*seen.sums.proposals, *seen.likely) if one.main == key]
    sure = [one for one in found if one.confidence is not Confidence.LOW]
    count = sum(len(one.parts) for one in found)
    if not found:
        return []
    if not sure or count < _MIN_PARTS or key in parts or channel.parent_meter_id is not None:
        return [Note(f"Its readings hold those of {_count_meters(count)}: see their parents.")]
    grade = sure[0].confidence if names.says_main(channel.meter_name) else Confidence.MEDIUM
    if any(one.fed_by for one in found):
        reason = f"it holds {_count_meters(count)}, and what is generated behind it"
        return [Line("kind", quote(ChannelKind.MAIN), sure[0].confidence, reason)]
    if generation:
        # Named a main, it is taken for the one through which the generation passes.
        reason = f"it holds {_count_meters(count)}; right only where what the site generates passes through it"
        return [Line("kind", quote(ChannelKind.MAIN), Confidence.LOW, reason)]
    reason = f"it holds {_count_meters(count)} and is part of none"
    return [Line("kind", quote(ChannelKind.MAIN), min_confidence(grade, sure[0].confidence), reason)]


def _count_meters(count: int) -> str:
    return f"{count} other meter{'s' * (count != 1)}"


def _propose_parent(channel: ChannelFacts, parts: Mapping[int, Part]) -> list[Line | Note]:
    if channel.parent_meter_id is not None or channel.is_of_none:
        parent = "" if channel.parent_meter_id is None else str(channel.parent_meter_id)
        return [Line("parent", quote(parent), Confidence.HIGH, _SAID)]
    part = parts.get(channel.meter_id)
    return [] if part is None else [Line("parent", quote(str(part.main)), part.confidence, part.reason)]


def _propose_equipment(guess: Guess | None, channel: ChannelFacts) -> list[Line | Note]:
    if guess is None:
        return []
    if guess.equipment is None:
        return [Note(f"No equipment is proposed: {guess.reason}.")]
    lines: list[Line | Note] = [Line("equipment", quote(guess.equipment), guess.confidence, guess.reason)]
    if not channel.must_run and guess.equipment in _MUST_RUN and guess.confidence is not Confidence.LOW:
        reason = "such equipment usually has to run while the site is closed; then no saving is claimed for it"
        lines.append(Line("must_run", "true", Confidence.MEDIUM, reason, waits=True))
    return lines


def _repeat_said(channel: ChannelFacts) -> list[Line | Note]:
    lines: list[Line | Note] = []
    if channel.must_run:
        lines.append(Line("must_run", "true", Confidence.HIGH, _SAID))
    if channel.unit_factor != 1:
        lines.append(Line("unit_factor", repr(float(channel.unit_factor)), Confidence.HIGH, _SAID))
    return lines


def _propose_end(channel: ChannelFacts, window: Window, tz: ZoneInfo) -> list[Line | Note]:
    if not channel.is_energy_meter:
        return []
    if channel.newest_end is None:
        return [Note("It has no readings: nothing can be said of it.")]
    if window.end - channel.newest_end < _SILENT:
        return []
    last = (channel.newest_end - timedelta(seconds=1)).astimezone(tz).date().isoformat()
    return [Line("until", last, Confidence.LOW, "it has no readings since; if it was removed or replaced", waits=True)]
