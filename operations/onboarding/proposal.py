"""Proposes a site's file from what the database has of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from config.site_file import Equipment
from config.tariff_model import ASSUMED_RATE_USD_PER_KWH
from lib.meter_sums import Confidence
from lib.toml_text import quote
from operations.onboarding import names
from operations.onboarding.channels import (
    Guess,
    find_generation,
    find_parts,
    guess_equipment,
    propose_channel,
)
from operations.onboarding.document import Line, Note, Section, render_document, show_list, show_name
from operations.onboarding.opening import propose_hours
from operations.onboarding.place import find_place, guess_country

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from lib.date_utils import Window
    from operations.onboarding.evidence import Evidence
    from operations.onboarding.site_facts import ChannelFacts, SiteFacts

_MIN_WEEKS = 2.0  # of readings, before sums can be told from chance (`lib.meter_sums`)
_MIN_DWELLING = 2  # channels
_DOLLARS = "USD"
_CODE = re.compile(r"[A-Z]{3}")


class LeftOut(NamedTuple):
    """Channels that may not belong to the site."""

    ids: tuple[int, ...]
    confidence: Confidence
    reason: str


def propose_site(
    site: SiteFacts,
    tz: ZoneInfo,
    channels: Sequence[ChannelFacts],
    window: Window,
    seen: Evidence,
    *,
    has_file: bool = False,
) -> str:
    """Return the text of the proposed file.

    Parameters
    ----------
    window
        Of the readings that were looked at, UTC.
    has_file
        Whether the site has a file already, which may say more than the database knows.
    """
    parts = find_parts(channels, seen)
    mains = {part.main for part in parts.values()} | {
        one.parent_meter_id for one in channels if one.parent_meter_id is not None
    }
    guesses = {one.meter_id: guess_equipment(one, seen, mains) for one in channels}
    generation = find_generation(channels, seen)
    shown = [one for one in channels if not one.is_excluded and one.counted_by is None]
    sections = [
        _propose_channels_of_site(site, channels, seen),
        _propose_schedule(site, channels, seen, mains, guesses),
        _propose_tariff(site),
        _propose_building(),
        *(propose_channel(one, seen, parts, guesses[one.meter_id], generation, window, tz) for one in shown),
    ]
    return render_document(_head(site, tz, window, seen, has_file=has_file), sections)


def _head(site: SiteFacts, tz: ZoneInfo, window: Window, seen: Evidence, *, has_file: bool) -> list[str]:
    last = window.end.astimezone(tz).date()
    lines = [
        f"Proposed for site {site.site_id}, {show_name(site.name)},",
        f"from {seen.weeks:.1f} weeks of readings up to {last}.",
        "Behind each line: how sure it is (high, medium, low), and why. A line that begins with # and no blank is not",
        "in force: what is less sure, and what only you can confirm. Take the # away where it is right. Opening hours",
        "and prices always wait for you: until then, reports call them assumed and claim no yearly savings by them.",
    ]
    if seen.weeks < _MIN_WEEKS:
        lines.append("The readings are too few to see which meter is part of which: propose again after two weeks.")
    if has_file:
        lines.append(
            "The site has a file already, which may say more: copy what you want from here, and keep the rest."
        )
    return lines


def _propose_channels_of_site(site: SiteFacts, channels: Sequence[ChannelFacts], seen: Evidence) -> Section:
    name_of = {one.meter_id: one.meter_name for one in channels}
    lines: list[Line | Note] = [Note(f"Time zone {quote(site.timezone)}: stored with the site; nothing to write.")]
    lines += [
        Note(
            f"{show_name(one.meter_name)} ({one.meter_id}) is another view of {show_name(name_of[one.counted_by])} "
            f"({one.counted_by}), which counts for it; nothing to write."
        )
        for one in channels
        if one.counted_by is not None and one.counted_by in name_of
    ]
    said = [one.meter_id for one in channels if one.is_excluded]
    if said:
        lines.append(Line("exclude", show_list(said), Confidence.HIGH, "said already, by the site's file"))
    for place, found in enumerate(_find_left_out(channels, seen)):
        also = "instead of the line above, " if place or said else ""
        ids = show_list(sorted({*said, *found.ids}))
        lines.append(Line("exclude", ids, found.confidence, f"{also}{found.reason}", waits=True))
    return Section("site", tuple(lines))


def _find_left_out(channels: Sequence[ChannelFacts], seen: Evidence) -> list[LeftOut]:
    """Return first the copies and trials, then these with a home that hangs on a gateway of its own."""
    doubtful = _find_copies(channels, seen)
    home = _find_home(channels)
    found = []
    if doubtful:
        grade = Confidence.MEDIUM if any(sure for sure, _ in doubtful.values()) else Confidence.LOW
        found.append(LeftOut(tuple(doubtful), grade, "; ".join(reason for _, reason in doubtful.values())))
    if home:
        listed = ", ".join(show_name(one.meter_name) for one in home)
        reason = f"{listed} hang on a gateway of their own and look like a home; if it does not belong to the site"
        ids = tuple(sorted({*doubtful, *(one.meter_id for one in home)}))
        found.append(LeftOut(ids, Confidence.LOW, reason))
    return found


def _find_copies(channels: Sequence[ChannelFacts], seen: Evidence) -> dict[int, tuple[bool, str]]:
    """Return by channel whether its readings say that it is a copy, and why it may not belong to the site."""
    by_id = {one.meter_id: one for one in channels}
    found: dict[int, tuple[bool, str]] = {}
    for twins in seen.sums.twins:
        first, copy = by_id[twins.first], by_id[twins.copy]
        if _looks_idle(first.meter_name) and not _looks_idle(copy.meter_name):
            first, copy = copy, first
        reason = (
            f"{show_name(copy.meter_name)} ({copy.meter_id}) has the readings of {show_name(first.meter_name)} "
            f"({first.meter_id}) over {twins.weeks:.1f} weeks: two meters of one load count twice"
        )
        found[copy.meter_id] = (True, reason)
    for one in channels:
        is_there = one.is_energy_meter and one.is_counted
        if one.meter_id in found or not is_there:
            continue
        if names.says_test(one.meter_name):
            found[one.meter_id] = (False, f"{show_name(one.meter_name)} ({one.meter_id}) looks like a test")
        elif names.says_spare(one.meter_name) and one.meter_id not in seen.shapes:
            found[one.meter_id] = (False, f"{show_name(one.meter_name)} ({one.meter_id}) looks unused")
    return found


def _looks_idle(name: str) -> bool:
    return names.says_test(name) or names.says_spare(name)


def _find_home(channels: Sequence[ChannelFacts]) -> list[ChannelFacts]:
    """Return the channels of the gateways that look like a home, beside others that do not."""
    gateways: dict[str, list[ChannelFacts]] = {}
    for one in channels:
        if one.gateway is not None and one.is_energy_meter and not one.is_excluded:
            gateways.setdefault(one.gateway, []).append(one)
    homes = [
        group
        for group in gateways.values()
        if (count := sum(names.says_dwelling(one.meter_name) for one in group)) >= _MIN_DWELLING
        and 2 * count >= len(group)
    ]
    return [one for group in homes for one in group] if len(homes) < len(gateways) else []


def _propose_schedule(
    site: SiteFacts,
    channels: Sequence[ChannelFacts],
    seen: Evidence,
    mains: set[int],
    guesses: Mapping[int, Guess | None],
) -> Section:
    lines: list[Line | Note] = []
    place = find_place(site.country, site.state)
    if place.country is not None:
        reason = "stored with the site; take it out where the site is open on public holidays"
        lines.append(Line("country", quote(place.country), Confidence.HIGH, reason))
    elif (guess := guess_country(site.timezone)) is not None:
        reason = "by its time zone; its public holidays, if the site is closed on them"
        lines.append(Line("country", quote(guess), Confidence.LOW, reason, waits=True))
    if place.state is not None:
        lines.append(Line("state", quote(place.state), place.confidence, "stored with the site; for its own holidays"))
    if place.note:
        lines.append(Note(f"{place.note[0].upper()}{place.note[1:]}."))
    copies = {twins.copy for twins in seen.sums.twins}
    loads = {
        one.meter_id
        for one in channels
        if one.is_energy_meter and one.is_counted and one.kind in (None, "load")
    } - mains - copies - seen.follows_sun - seen.exports  # fmt: skip
    lighting = [key for key, guess in guesses.items() if guess is not None and guess.equipment is Equipment.LIGHTING]
    hours = propose_hours({key: learned for key, learned in seen.hours.items() if key in loads}, lighting)
    if hours is None:
        lines.append(
            Note("No regular hours were found in the loads; until you name some, Mon-Fri 7 am-6 pm is assumed.")
        )
        lines.append(
            Line("weekdays", '["07:00-18:00"]', Confidence.LOW, "what reports assume; write the real ones", waits=True)
        )
        return Section("schedule", tuple(lines))
    lines += [
        Line(key, show_list(spans), hours.confidence, hours.reason if not place else "likewise", waits=True)
        for place, (key, spans) in enumerate(hours.days)
    ]
    return Section("schedule", tuple(lines))


def _propose_tariff(site: SiteFacts) -> Section:
    lines: list[Line | Note] = []
    if site.currency_code and site.currency_code.strip().upper() != _DOLLARS:
        reason = "fill in the price of a kWh from the bill; 0 stands for any. Or name = the tariff's file, without both"
        code = site.currency_code.strip().upper()
        lines.append(Note(f"The site's currency is {quote(site.currency_code)}: no price of a kWh is known in it."))
        if _CODE.fullmatch(code):
            lines.append(Line("flat_rate_per_kwh", "0.0", Confidence.LOW, reason, waits=True))
            lines.append(Line("currency", quote(code), Confidence.LOW, "stored with the site", waits=True))
        return Section("tariff", tuple(lines))
    if site.currency_code:
        lines.append(Note('Currency "USD": stored with the site; nothing to write.'))
    reason = "fill in the price of a kWh from the bill, or name = the tariff's file in config/tariffs"
    lines.append(Line("flat_rate_usd_per_kwh", f"{ASSUMED_RATE_USD_PER_KWH:g}", Confidence.LOW, reason, waits=True))
    return Section("tariff", tuple(lines))


def _propose_building() -> Section:
    line = Line(
        "floor_area_m2", "1000.0", Confidence.LOW, "fill in the floor area [m²]; 1000 stands for any", waits=True
    )
    return Section("building", (line,))
