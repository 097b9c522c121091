"""Loads interval files: registers the site and its channels, stores part by part, logs each channel and window.

A part's channel is one transaction, its log line included, so a kill loses at most that; importing the file again makes
up for it and repeats nothing.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from config.site_file import ChannelKind, ChannelTable, IngestLimits
from ingest.files.meter_parents import store_parents
from ingest.files.parse import ChannelRows, FilePart, complete_energy_and_power
from ingest.files.reject_file import RejectFile
from ingest.files.source import FileSource
from ingest.runs.registration import REGISTRATION_CHANNEL_ID
from ingest.storage import attempts, readings, sites
from ingest.storage.plausibility import REJECT_EMPTY, Reject, Rules, find_impossible, reading_of
from ingest.storage.rejects import store_rejects
from lib import db
from lib.date_utils import Window
from lib.errors import DataError, PipelineError
from lib.logs import clean_text
from lib.states import DataSource

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from psycopg2.extensions import connection as Connection

logger = logging.getLogger(__name__)

# The service numbers its channels one by one and is at six digits; from here up to 2^53, the largest whole number that
# readers of JSON keep exactly, there is room for a digest of the name.
FIRST_FILE_CHANNEL_ID = 2**52
_METER_FIELDS = ["E", "P"]


class FileSite(NamedTuple):
    """A site as the operator describes it; what is None is left as it is stored."""

    site_id: int
    name: str | None = None
    timezone: str | None = None
    latitude: float | None = None
    longitude: float | None = None


@dataclass
class ImportSummary:
    """What an import did, in readings and channels."""

    site_id: int
    channels: int
    read: int = 0
    inserted: int = 0
    duplicate: int = 0
    filled: int = 0
    empty: int = 0
    rejected: int = 0
    failed: set[str] = field(default_factory=set)
    feeding_in: set[str] = field(default_factory=set)  # channels that export, by the site's file or as was seen
    unnamed_main: str | None = None  # a channel that seems to hold the others, where no channel has a parent


def channel_id_of(site_id: int, name: str) -> int:
    """Return the id of a file's channel: the same on every machine for the same site and name, never the service's."""
    digest = hashlib.sha256(f"{site_id}/{name}".encode()).digest()
    return FIRST_FILE_CHANNEL_ID + int.from_bytes(digest[:8]) % FIRST_FILE_CHANNEL_ID


def resolve_site(conn: Connection, site: FileSite) -> FileSite:
    """Return the site with what the database knows of it.

    Raises
    ------
    DataError
        When its time zone is not known, or is known to be another; when its readings come from elsewhere.
    """
    # Before anything is logged: an import that is refused has not happened to the site.
    sites.check_source(conn, site.site_id, DataSource.FILE)
    row = db.fetch_one(conn, "SELECT name, timezone FROM organizations WHERE organization_id = %s", (site.site_id,))
    stored_name, stored_zone = row or (None, None)
    if site.timezone is None and stored_zone is None:
        raise DataError(f"site {site.site_id}: is new here; give its --timezone, such as America/New_York")
    if stored_zone is not None and site.timezone not in (None, stored_zone):
        raise DataError(
            f"site {site.site_id}: is stored with the time zone {stored_zone}, not {site.timezone}; leave --timezone "
            "out, and give --clock where a file keeps another zone's time"
        )
    name = site.name or stored_name or f"Site {site.site_id}"
    return site._replace(name=name, timezone=site.timezone or stored_zone)


def register_file_site(
    conn: Connection, site: FileSite, channels: Sequence[str], parents: Mapping[str, str | None]
) -> int:
    """Store the site, its channels and what hangs below what, log that, commit, and return the number of the run.

    Raises
    ------
    DataError
        When two channels would get one id.
    UsageError
        When `parents` names a channel that the site does not have, or makes no tree.
    """
    run_id = attempts.start_run(conn, site.site_id)
    now = datetime.now(UTC)
    attempt = attempts.Attempt(run_id, site.site_id, REGISTRATION_CHANNEL_ID, Window(now, now), 0, DataSource.FILE)
    log_id = attempts.start_attempt(conn, attempt)
    conn.commit()
    rows = [_channel_row(site.site_id, name) for name in channels]
    organization: dict[str, Any] = {"organization_id": site.site_id, "name": site.name, "timezone": site.timezone}
    if site.latitude is not None:
        organization |= {"latitude": site.latitude, "longitude": site.longitude}
    try:
        sites.check_timezone(conn, site.site_id, str(site.timezone))
        _check_ids(conn, rows)
        sites.register_site(conn, organization, [], rows, DataSource.FILE, is_whole_list=False)
        store_parents(conn, site.site_id, parents)
    except PipelineError as err:
        conn.rollback()
        attempts.finish_attempt(conn, attempt, log_id, attempts.STATUS_FAILED, error=clean_text(str(err)))
        conn.commit()
        raise
    attempts.finish_attempt(conn, attempt, log_id, attempts.STATUS_DONE, fetched=len(rows))
    conn.commit()
    return run_id


def find_exporting(tables: Mapping[str, ChannelTable], channels: Sequence[str]) -> set[str]:
    """Return those of a file's channels of which the site's file says that their energy may be below zero."""
    both_ways = (ChannelKind.MAIN, ChannelKind.GENERATION, ChannelKind.STORAGE)
    named = {key.strip() for key, table in tables.items() if table.kind in both_ways}
    return {channel for channel in channels if channel.strip() in named}


def load_source(
    conn: Connection,
    run_id: int,
    site: FileSite,
    source: FileSource,
    clock: ZoneInfo,
    rejects: RejectFile,
    limits: IngestLimits,
    summary: ImportSummary,
) -> None:
    """Store a file's readings; one channel's failure is logged, and the others go on.

    Parameters
    ----------
    clock
        Zone of the file's times without an offset.
    limits
        What a reading can be at all; what cannot goes into the reject file and into quarantine.
    """
    usable: Counter[str] = Counter()
    for part in _read_parts(source, clock, rejects):
        for rows in part.channels:
            attempt = attempts.Attempt(
                run_id,
                site.site_id,
                channel_id_of(site.site_id, rows.channel),
                rows.window,
                rows.interval_s,
                DataSource.FILE,
            )
            log_id = attempts.start_attempt(conn, attempt)
            conn.commit()
            try:
                usable[rows.channel] += _store_rows(conn, attempt, log_id, source.name, rows, rejects, limits, summary)
            except PipelineError as err:
                conn.rollback()
                attempts.finish_attempt(conn, attempt, log_id, attempts.STATUS_FAILED, error=clean_text(str(err)))
                summary.failed.add(rows.channel)
                logger.error("%s", err)
            conn.commit()
    for channel in source.channels:
        if not usable[channel] and rejects.counts:
            summary.failed.add(channel)
            logger.error("%s: nothing of channel %r can be used; see the rejects", source.name, channel)


def count_source(
    source: FileSource,
    clock: ZoneInfo,
    rejects: RejectFile,
    limits: IngestLimits,
    summary: ImportSummary,
    shown_readings: int = 0,
) -> None:
    """Count what an import would store, without a database, and print the first readings of each channel."""
    shown: Counter[str] = Counter()
    for part in _read_parts(source, clock, rejects):
        for rows in part.channels:
            rules = Rules(limits.max_power_kw, limits.max_catch_up_hours)
            reason = _impossible(rows, rules._replace(may_feed_in=rows.channel in summary.feeding_in))
            refused = np.flatnonzero(reason != "")
            rejects.add(source.name, _listed(rows, refused, reason))
            kept = complete_energy_and_power(rows.rows, rows.interval_s).drop(index=refused)
            counts = Counter(rows.rejects) + Counter(reason[refused].tolist())
            _count(rows._replace(rows=kept), counts, summary)
            for reading in kept.iloc[: max(shown_readings - shown[rows.channel], 0)].to_dict("records"):
                shown[rows.channel] += 1
                start = datetime.fromtimestamp(reading.pop("timestamp"), UTC)
                values = ", ".join(f"{name} {value:g}" for name, value in reading.items() if value == value)
                print(f"  {rows.channel!r} {start:%Y-%m-%d %H:%M}Z, {rows.interval_s / 60:g} minutes: {values}")


def _read_parts(source: FileSource, clock: ZoneInfo, rejects: RejectFile) -> Iterator[FilePart]:
    """Yield a file's parts, their rejects written down; tell once if its intervals are stored as shorter ones."""
    has_told = False
    for part in source.read(clock, datetime.now(UTC).timestamp()):
        rejects.add(source.name, part.rejects)
        for rows in part.channels:
            count = source.channels[rows.channel] // rows.interval_s
            if count > 1 and not has_told:
                has_told = True
                logger.info(
                    "%s: its hours are not those of UTC: each interval is stored as %d of %g minutes",
                    source.name,
                    count,
                    rows.interval_s / 60,
                )
        yield part


def check_offset(source: FileSource, timezone: ZoneInfo, site_id: int) -> None:
    """Raise a DataError where a file says that its site lies in another zone."""
    if source.standard_offset_s is None:
        return
    year = datetime.now(UTC).year
    offsets = {datetime(year, month, 1, tzinfo=timezone).utcoffset() for month in (1, 7)}
    standard_s = min(offset.total_seconds() for offset in offsets if offset is not None)
    if standard_s != source.standard_offset_s:
        hours, own = source.standard_offset_s / 3600, standard_s / 3600
        raise DataError(
            f"{source.name}: says that its local time is UTC{hours:+g} h, and site {site_id} is in {timezone} "
            f"(UTC{own:+g} h); check --site and --timezone"
        )


def _channel_row(site_id: int, name: str) -> dict[str, Any]:
    return {
        "channel_id": channel_id_of(site_id, name),
        "organization_id": site_id,
        "name": name,
        "is_metering_point": True,
        "fields": _METER_FIELDS,
    }


def _check_ids(conn: Connection, rows: list[dict[str, Any]]) -> None:
    """Refuse a channel whose id is another's: the digests of two names can be the same, if hardly ever."""
    by_id = {row["channel_id"]: row for row in rows}
    stored = db.fetch_all(
        conn, "SELECT channel_id, organization_id, name FROM channels WHERE channel_id = ANY (%s)", (list(by_id),)
    )
    for channel_id, site_id, name in stored:
        wanted = by_id[channel_id]
        if (site_id, name) != (wanted["organization_id"], wanted["name"]):
            raise DataError(f"channel {wanted['name']!r} would get the id of {name!r} of site {site_id}; rename it")
    if len(by_id) < len(rows):
        raise DataError("two channels of these files would get one id; rename one of them")


def _store_rows(
    conn: Connection,
    attempt: attempts.Attempt,
    log_id: int,
    file_name: str,
    rows: ChannelRows,
    rejects: RejectFile,
    limits: IngestLimits,
    summary: ImportSummary,
) -> int:
    """Store one channel's rows of a part, with the log line, in the open transaction; return how many are usable."""
    readings.check_resolution(conn, attempt.channel_id, attempt.window, attempt.interval_s)
    before_s = readings.last_energy_s(conn, attempt, limits.max_catch_up_hours)
    rules = Rules(limits.max_power_of(attempt.channel_id), limits.max_catch_up_hours, before_s)
    reason = _impossible(rows, rules._replace(may_feed_in=rows.channel in summary.feeding_in))
    if _feeds_in(rows, reason):
        summary.feeding_in.add(rows.channel)
    # Judged as the file has them, and completed then: a power made from the energy would agree with anything.
    whole = rows._replace(rows=complete_energy_and_power(rows.rows, rows.interval_s))
    refused = np.flatnonzero(reason != "")
    kept = whole.rows.drop(index=refused)
    stored = readings.insert_readings(
        conn, attempt.organization_id, attempt.channel_id, attempt.interval_s, attempt.run_id, kept
    )
    quarantined = list(_quarantined(whole, refused, reason, file_name))
    store_rejects(conn, attempt.organization_id, attempt.channel_id, attempt.interval_s, attempt.run_id, quarantined)
    counts = Counter(rows.rejects) + Counter(reason[refused].tolist())
    attempts.finish_attempt(
        conn,
        attempt,
        log_id,
        attempts.STATUS_DONE,
        fetched=rows.fetched,
        inserted=stored.inserted,
        duplicate=len(kept) - stored.inserted,
        filled=stored.filled,
        rejected=sum(counts.values()),
        error=attempts.describe_rejects(counts),
    )
    rejects.add(file_name, _listed(whole, refused, reason))
    _count(rows._replace(rows=kept), counts, summary)
    summary.inserted += stored.inserted
    summary.duplicate += len(kept) - stored.inserted
    summary.filled += stored.filled
    return len(kept)


def _count(rows: ChannelRows, counts: Mapping[str, int], summary: ImportSummary) -> None:
    summary.read += len(rows.rows)
    summary.empty += counts.get(REJECT_EMPTY, 0)
    summary.rejected += sum(count for name, count in counts.items() if name != REJECT_EMPTY)


def _feeds_in(rows: ChannelRows, reason: np.ndarray) -> bool:
    """Return whether energy below zero was taken for export."""
    return "energy_kwh" in rows.rows and bool(((rows.rows["energy_kwh"].to_numpy() < 0) & (reason == "")).any())


def _impossible(rows: ChannelRows, rules: Rules) -> np.ndarray:
    """Return for each row why it cannot be right, or ""."""
    columns = {name: rows.rows[name].to_numpy() for name in rows.rows.columns.drop("timestamp")}
    reason = np.full(len(rows.rows), "", dtype=object)
    found = find_impossible(rows.rows["timestamp"].to_numpy(dtype=float), columns, rows.interval_s, rules)
    for name, which in found.items():
        reason[which & (reason == "")] = name
    return reason


def _listed(rows: ChannelRows, refused: np.ndarray, reason: np.ndarray) -> pd.DataFrame:
    """Return refused rows as the reject file has them."""
    table = rows.rows.iloc[refused]
    moments = pd.to_datetime(table["timestamp"], unit="s").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    value = table["energy_kwh"] if "energy_kwh" in table else table.iloc[:, -1]
    return pd.DataFrame(
        {
            "line": rows.lines[refused],
            "channel": rows.channel,
            "time": moments.to_numpy(),
            "value": value.to_numpy(),
            "reason": reason[refused],
        }
    )


def _quarantined(rows: ChannelRows, refused: np.ndarray, reason: np.ndarray, file_name: str) -> Iterator[Reject]:
    """Yield refused rows as the quarantine keeps them: they have a place, and it is their value that is doubted."""
    columns = {name: rows.rows[name].to_numpy() for name in rows.rows.columns.drop("timestamp")}
    for position in refused.tolist():
        reading = reading_of(columns, position)
        raw = {"file": file_name, "line": int(rows.lines[position]), **reading}
        yield Reject(reason[position], float(rows.rows["timestamp"].iloc[position]), raw, reading)
