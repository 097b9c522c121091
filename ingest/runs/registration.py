"""Registers a site: itself, its devices and channels as the service lists them, and what of that is new or gone."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from config.site_file import IngestLimits, read_site
from ingest.eniscope.client import EniscopeClient
from ingest.eniscope.fetch import get_type_fields
from ingest.eniscope.field_sets import ChannelFields
from ingest.eniscope.licenses import describe_license_end
from ingest.eniscope.normalize import parse_channel, parse_device, parse_organization
from ingest.eniscope.troubles import Troubles, gather_troubles, note_trouble
from ingest.storage import attempts, sites
from lib.channel_names import describe_channel, describe_channels, find_channel
from lib.clocks import check_clocks
from lib.date_utils import Window, parse_timezone
from lib.errors import (
    AccessError,
    ApiError,
    AuthenticationError,
    ConfigError,
    DataError,
    PipelineError,
    UsageError,
)
from lib.logs import clean_text
from lib.site_channels import load_names

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from config.site_file import SiteConfig

logger = logging.getLogger(__name__)

REGISTRATION_CHANNEL_ID = 0  # the log's channel for what concerns the whole site
# What parsing can stumble over in a reply that nobody foresaw; one such reply must not end the run.
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, MemoryError)


class Site(NamedTuple):
    """A registered site and the channels to ask."""

    site_id: int
    timezone: ZoneInfo
    run_id: int
    channels: list[dict[str, Any]]
    left_out: list[dict[str, Any]]  # by the site's file
    type_fields: dict[int, tuple[str, ...]]  # device type → the fields that it has
    begins: dict[int, datetime]  # since when a channel that came from another site belongs to this one
    license_note: str | None = None  # which licenses end soon, if any
    limits: IngestLimits = IngestLimits()


def register(
    conn: Connection,
    client: EniscopeClient,
    site_id: int,
    only: Sequence[str | int] | None = None,
    said: SiteConfig | None = None,
) -> Site:
    """Store the site, its devices and channels as the API lists them, and log the attempt.

    Parameters
    ----------
    only
        Names or ids of the channels to ask; None for all.
    said
        What the site's file says; the channels that it leaves out are stored with the others, and not asked.

    Raises
    ------
    UsageError
        When `only` names one that the site does not have, or that its file leaves out.
    ConfigError
        When the file leaves out, or includes, a channel that the site does not have.
    PipelineError
        When the API or the database refuses; it is logged under channel 0 first.
    """
    run_id = attempts.start_run(conn, site_id)
    now = datetime.now(UTC)
    attempt = attempts.Attempt(run_id, site_id, REGISTRATION_CHANNEL_ID, Window(now, now), 0, client.source)
    log_id = attempts.start_attempt(conn, attempt)
    conn.commit()
    troubles = Troubles()
    try:
        with gather_troubles(troubles):
            organization, devices, channels = _list_site(client, site_id)
            check_clocks(now, now + client.nearest_clock_offset, "the Eniscope service's")
            channels = _leave_to_first_site(conn, client, site_id, channels)
            type_fields = get_type_fields(client, _types_to_ask(conn, site_id, channels, now))
            _note_changes(conn, site_id, channels)
        timezone = parse_timezone(organization["timezone"])
        attempt = attempt._replace(data_source=client.source)
        sites.check_source(conn, site_id, client.source, [channel["channel_id"] for channel in channels])
        sites.check_timezone(conn, site_id, organization["timezone"])
        sites.register_site(conn, organization, devices, channels, client.source)
        names = load_names(conn, site_id)
        excluded = said.excluded(names) if said else frozenset[int]()
        limits = said.ingest_limits(names) if said else IngestLimits()
        begins = sites.load_begins(conn, site_id)
    except PipelineError as err:
        conn.rollback()
        attempts.finish_attempt(
            conn, attempt, log_id, attempts.STATUS_FAILED, error=clean_text(str(err)), troubles=troubles
        )
        conn.commit()
        raise
    attempts.finish_attempt(conn, attempt, log_id, attempts.STATUS_DONE, fetched=len(channels), troubles=troubles)
    conn.commit()
    if not channels:
        logger.warning("site %d has no channels that this account may see; ask the vendor", site_id)
    logger.info("site %d %r: %d devices, %d channels", site_id, organization["name"], len(devices), len(channels))
    left_out = [channel for channel in channels if channel["channel_id"] in excluded]
    asked = [channel for channel in channels if channel["channel_id"] not in excluded]
    if left_out:
        logger.info("site %d: its file leaves out %s", site_id, describe_channels(excluded, names))
    note = describe_license_end(asked, now)
    if note:
        logger.warning("site %d: %s", site_id, note)
    listed = names_of(channels)
    wanted = {find_channel(str(one), listed, f"site {site_id}", "--channels") for one in only or ()}
    _refuse_left_out(left_out, wanted, site_id)
    chosen = [channel for channel in asked if only is None or channel["channel_id"] in wanted]
    return Site(site_id, timezone, run_id, chosen, left_out, type_fields, begins, note, limits)


def names_of(channels: Sequence[dict[str, Any]]) -> dict[int, str]:
    """Return channel id → name."""
    return {channel["channel_id"]: channel["name"] for channel in channels}


def _refuse_left_out(left_out: list[dict[str, Any]], wanted: Collection[int], site_id: int) -> None:
    names = names_of([channel for channel in left_out if channel["channel_id"] in wanted])
    if names:
        raise UsageError(
            f"site {site_id}: its file leaves out {describe_channels(names, names)}; "
            "take it off --channels, or change [site] in the file"
        )


def _types_to_ask(conn: Connection, site_id: int, channels: list[dict[str, Any]], now: datetime) -> list[int]:
    """Return the device types of the channels that are due to be asked for the largest set of fields."""
    known = sites.load_channel_fields(conn, site_id)
    due = (
        channel["device_type_id"]
        for channel in channels
        if known.get(channel["channel_id"], ChannelFields()).is_full_ask_due(now)
    )
    return sorted({*due} - {None})


def _note_changes(conn: Connection, site_id: int, channels: list[dict[str, Any]]) -> None:
    """Note, and tell, which channels are new, which came from another site and which are listed no longer.

    Raises
    ------
    ApiError
        When a site that had channels has none: taken at its word, nothing would be missed any more.
    """
    listed = [channel["channel_id"] for channel in channels]
    new, gone = sites.compare_channels(conn, site_id, listed)
    moved = sites.find_moved(conn, site_id, listed)
    if gone and not channels:
        raise ApiError(
            f"site {site_id}: the service lists none of its {len(gone)} channels any more; that is a fault or a right "
            "that was taken away: run again later, then ask the vendor"
        )
    changes = [(channel_id, "a channel is new") for channel_id in new if channel_id not in moved]
    changes += [(key, f"a channel has moved here from site {from_site_id}") for key, from_site_id in moved.items()]
    changes += [(channel_id, "a channel is listed no longer") for channel_id in gone]
    names = load_names(conn, site_id) | names_of(channels)
    for channel_id, what in changes:
        note_trouble(what)
        logger.warning("site %d, channel %s: %s", site_id, describe_channel(channel_id, names), what)


def _leave_to_first_site(
    conn: Connection, client: EniscopeClient, site_id: int, channels: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the channels without those that another site has, which the service lists still, and tell of these.

    Taken by whichever site was ingested last, a channel would go to and fro every night, its readings torn in two.
    """
    owner_of = sites.find_moved(conn, site_id, [channel["channel_id"] for channel in channels])
    kept = {
        channel_id: owner
        for owner in sorted(set(owner_of.values()))
        for channel_id in _still_listed(conn, client, owner, {key for key, one in owner_of.items() if one == owner})
    }
    names = names_of(channels)
    for channel_id, owner in sorted(kept.items()):
        note_trouble(f"a channel is listed at site {owner} too, which keeps it")
        logger.warning(
            "site %d, channel %s: listed at site %d too, which keeps it; have the vendor list it at one, or leave it "
            "out there ([site] with exclude)",
            site_id,
            describe_channel(channel_id, names),
            owner,
        )
    return [channel for channel in channels if channel["channel_id"] not in kept]


def _still_listed(conn: Connection, client: EniscopeClient, owner: int, channel_ids: set[int]) -> set[int]:
    """Return which of its channels a site still has, by the service and its own file; all where neither can tell."""
    try:
        said = read_site(owner)
        if not said.file.sync.is_active:
            return set()
        left = channel_ids - said.excluded(load_names(conn, owner))
        rows = client.get_channels(owner) if left else []
    except AccessError:  # the site is gone, or another account's by now
        return set()
    except AuthenticationError:
        raise
    except (ApiError, ConfigError) as err:
        logger.warning("site %d: whether it still has its channels is not known: %s", owner, err)
        return channel_ids
    listed = {row["channel_id"] for raw in rows if (row := parse_channel(raw, owner))}
    return left & listed


def _list_site(
    client: EniscopeClient, site_id: int
) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of the site, its devices and its channels, as the API lists them."""
    try:
        organization = parse_organization(client.get_organization(site_id))
        devices = [row for raw in client.get_devices(site_id) if (row := parse_device(raw, site_id))]
        channels = [row for raw in client.get_channels(site_id) if (row := parse_channel(raw, site_id))]
        devices, channels = _each_once(devices, "device_id"), _each_once(channels, "channel_id")
    except UNREADABLE as err:
        raise DataError(f"site {site_id}: unreadable description from the API ({err!r}); ask the vendor") from err
    return organization, devices, channels


def _each_once(rows: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    """Return the rows without those whose number stands above, be it in another spelling."""
    return list({row[key]: row for row in reversed(rows)}.values())[::-1]
