"""What changes while the service is in use: fields that come later, channels that move, a license that ends.

The sandbox has none of it unless asked. A moment is of the service's clock, or of the readings themselves, and stands
on the command line behind an ``@``: ``V,V1,V2,V3@2026-02-01T00:00-05:00``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from lib.errors import UsageError
from operations.sandbox.noise import Columns
from operations.sandbox.readings import Source
from operations.sandbox.site_model import FIELD_UNITS, Catalogue, Channel


@dataclass(frozen=True)
class FieldsFrom:
    """Fields that are null before a moment, Unix time [s]."""

    fields: frozenset[str]
    from_s: int


@dataclass(frozen=True)
class Move:
    """A channel that belongs to another organization from a moment of the service's clock on, Unix time [s]."""

    channel_id: int
    organization_id: int
    at_s: int


@dataclass(frozen=True)
class Quirks:
    """What is unlike a service that never changes.

    Attributes
    ----------
    late_fields
        Null in every reply that is given before the moment, and there for all times after it.
    young_fields
        Null in every record that begins before the moment, whenever it is asked for.
    moves
        Channels that move, with all their readings.
    license_ends_s
        When the license of the first site's channels ends, Unix time [s]; None is years away.
    """

    late_fields: tuple[FieldsFrom, ...] = ()
    young_fields: tuple[FieldsFrom, ...] = ()
    moves: tuple[Move, ...] = ()
    license_ends_s: int | None = None


STEADY = Quirks()


class ChangingSource:
    """A source with quirks; what it has depends on the service's clock.

    Parameters
    ----------
    source
        What is served apart from the quirks.
    clock
        The service's clock.
    """

    def __init__(self, source: Source, quirks: Quirks, clock: Callable[[], datetime]) -> None:
        self._source, self._quirks, self._clock = source, quirks, clock
        for move in quirks.moves:
            if source.catalogue.find_channel(move.channel_id) is None:
                raise UsageError(f"--move should name a channel of the sandbox; {move.channel_id} is none")
            if source.catalogue.find_organization(move.organization_id) is None:
                raise UsageError(f"--move should name a site of the sandbox; {move.organization_id} is none")

    @property
    def catalogue(self) -> Catalogue:
        """What the account can see by now."""
        catalogue, now_s = self._source.catalogue, self._clock().timestamp()
        moved = {move.channel_id: move.organization_id for move in self._quirks.moves if move.at_s <= now_s}
        ends_s = self._quirks.license_ends_s
        first = [channel if ends_s is None else replace(channel, expires_s=ends_s) for channel in catalogue.channels]
        return replace(
            catalogue,
            channels=_move(catalogue, first, moved),
            further_sites=tuple(
                site._replace(channels=_move(catalogue, site.channels, moved)) for site in catalogue.further_sites
            ),
        )

    def get_resolution_s(self, channel: Channel) -> int:
        """Return the finest resolution of a channel [s]."""
        return self._source.get_resolution_s(channel)

    def compute_fields(self, channel: Channel, start_s: int, count: int, resolution_s: int) -> Columns:
        """Return ``ts`` and all fields of the intervals that have a row, those null that are not there yet."""
        columns = dict(self._source.compute_fields(channel, start_s, count, resolution_s))
        now_s = self._clock().timestamp()
        for late in self._quirks.late_fields:
            if now_s < late.from_s:
                _empty(columns, late.fields, np.ones(columns["ts"].size, dtype=bool))
        for young in self._quirks.young_fields:
            _empty(columns, young.fields, columns["ts"] < young.from_s)
        return columns


def _move(catalogue: Catalogue, channels: Sequence[Channel], moved: dict[int, int]) -> tuple[Channel, ...]:
    return tuple(
        replace(channel, organization_id=site.organization_id, organization_name=site.name)
        if (site := catalogue.find_organization(moved.get(channel.channel_id, -1))) is not None
        else channel
        for channel in channels
    )


def _empty(columns: Columns, fields: frozenset[str], is_empty: np.ndarray) -> None:
    for name in fields & columns.keys():
        columns[name] = np.where(is_empty, np.nan, columns[name])


def parse_fields_from(option: str, text: str) -> FieldsFrom:
    """Return what ``FIELD,FIELD@MOMENT`` asks for.

    Parameters
    ----------
    option
        The option's name, for errors.
    """
    names, moment = _split(option, text, "V,V1,V2,V3@2026-02-01T00:00-05:00")
    fields = frozenset(names.split(","))
    if unknown := sorted(fields - FIELD_UNITS.keys()):
        raise UsageError(f"{option} should name fields of the service; {', '.join(unknown)} is none")
    return FieldsFrom(fields, parse_moment(option, moment))


def parse_move(text: str) -> Move:
    """Return what ``CHANNEL:SITE@MOMENT`` asks for."""
    ids, moment = _split("--move", text, "162128:24420@2026-02-01T00:00-05:00")
    channel_id, _, site_id = ids.partition(":")
    if not (channel_id.isdecimal() and site_id.isdecimal()):
        raise UsageError(f"--move {text!r} should name a channel and a site by their numbers, as in 162128:24420@…")
    return Move(int(channel_id), int(site_id), parse_moment("--move", moment))


def parse_moment(option: str, text: str) -> int:
    """Return a date-time with offset as Unix time [s]."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as err:
        raise UsageError(f"{option} {text!r} should be a date-time such as 2026-02-02T09:00-05:00") from err
    if moment.tzinfo is None:
        raise UsageError(f"{option} {text!r} has no offset; write it as 2026-02-02T09:00-05:00")
    return int(moment.timestamp())


def _split(option: str, text: str, example: str) -> tuple[str, str]:
    what, separator, moment = text.rpartition("@")
    if not (what and separator):
        raise UsageError(f"{option} {text!r} should say from when on, as in {example}")
    return what, moment
