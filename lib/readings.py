"""Reads the Layer 3 views into frames. The one place where analyses and reports touch the database."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from psycopg2 import sql

from lib import db
from lib.date_utils import Window, resolve_period
from lib.errors import DataError
from lib.findings import FollowedFinding, JudgedKind, LedgerEntry
from lib.states import DataSource

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    import pandas as pd
    from psycopg2.extensions import connection as Connection

    from lib.report_findings import ReportWeek


T = TypeVar("T")


# What the week's analyses look at: the columns of `load_readings`, in its order.
READING_COLUMNS = ("energy_kwh", "power_kw", "power_l1_kw", "power_l2_kw", "power_l3_kw")
# What meters tell beside them, if any of the site does (`load_readings`).
REGISTER_COLUMNS = ("exported_energy_kwh", "peak_power_kw")
# What the electrical checks look at: the columns of `load_electrical`, in its order.
ELECTRICAL_COLUMNS = (
    "energy_kwh", "power_kw", "power_l1_kw", "power_l2_kw", "power_l3_kw",
    "voltage_v", "voltage_l1_v", "voltage_l2_v", "voltage_l3_v",
    "current_a", "current_l1_a", "current_l2_a", "current_l3_a", "current_neutral_a",
    "power_factor", "frequency_hz", "thd_current_pct",
)  # fmt: skip


class Site(NamedTuple):
    """A site as `v_sites` shows it."""

    site_id: int
    site_name: str
    timezone: str
    address: str | None
    city: str | None
    country: str | None
    currency_code: str | None
    data_source: str

    @property
    def is_of_files(self) -> bool:
        """Whether its readings are imported, and nobody fetches more."""
        return self.data_source == DataSource.FILE


class ValidationStatus(NamedTuple):
    """The circuit breaker of a site, as `v_validation_status` shows it."""

    validation_run_id: int | None
    verdict: str
    is_current: bool
    ingested_until: datetime | None
    blocking_checks: list[str]
    warning_checks: list[str]
    blocking_message: str | None
    blocking_hint: str | None
    validated_at: datetime | None = None
    reach: str | None = None
    quarantined_energy_pct: float | None = None
    override_reason: str | None = None
    override_by: str | None = None
    override_until: datetime | None = None
    own_verdict: str | None = None
    system_message: str | None = None
    system_hint: str | None = None


def describe_failed(checks: Sequence[str]) -> str:
    """Return how many checks failed, and which."""
    return f"{len(checks)} check{'s' * (len(checks) != 1)} failed: {', '.join(checks)}"


class QuarantinedChannel(NamedTuple):
    """A channel that reports leave out, as `v_quarantined_channels` shows it."""

    channel_id: int
    channel_name: str
    checks: list[str]
    reason: str
    hint: str
    energy_share_pct: float | None
    since: datetime


class OpenQuestion(NamedTuple):
    """What validation asks the operator, as `v_open_questions` shows it; `lines` of the site's file answer it."""

    check_name: str
    channel_id: int
    channel_name: str
    message: str
    lines: list[str]


class IngestionHealth(NamedTuple):
    """How well a site is being fetched, as `v_ingestion_health` shows it."""

    site_id: int
    site_name: str
    data_source: str
    last_attempt_at: datetime | None
    last_success_at: datetime | None
    newest_reading_end: datetime | None
    channels_listed: int
    channels_silent: int
    attempts_failed: int
    latest_error: str | None
    readings_filled: int = 0
    channels_reduced: int = 0
    reduced_since: datetime | None = None
    license_ends_at: datetime | None = None


class StoredReport(NamedTuple):
    """A recorded report, as `v_reports` shows it; its file may be gone, or changed since."""

    site_id: int | None
    report_run_id: int
    kind: str
    version: int
    period_start: datetime | None
    period_end: datetime | None
    generated_at: datetime
    is_forced: bool
    file_name: str
    file_sha256: str


class WeekReport(NamedTuple):
    """The recorded report that counts for a site's week: the local week from the Monday `week`.

    `first_day` is another one where the report is on seven days from elsewhere in the week.
    """

    week: date
    first_day: date
    report: StoredReport


class FailedCheck(NamedTuple):
    """A check that failed at a site in its latest validation: "block" or "warn", and what it found."""

    severity: str
    message: str


class CountedGaps(NamedTuple):
    """The gaps of a site in one state (`v_reading_gaps`)."""

    state: str
    gaps: int
    intervals: int


class CountedRejects(NamedTuple):
    """The quarantined records of a site for one reason (`v_rejected_readings`)."""

    reason: str
    records: int


_SELECT_SITES = "SELECT site_id, site_name, timezone, address, city, country, currency_code, data_source FROM v_sites"


def load_site(conn: Connection, site_id: int) -> Site:
    """Return the site.

    Raises
    ------
    DataError
        When the database does not know it.
    """
    row = db.fetch_one(conn, f"{_SELECT_SITES} WHERE site_id = %s", (site_id,))
    if row is None:
        raise DataError(
            f"site {site_id} is not in the database; check --site, "
            f"or run: python ingest/ingest_to_postgres.py --site {site_id}"
        )
    return Site(*row)


def load_sites(conn: Connection) -> list[Site]:
    """Return every site, by id."""
    return [Site(*row) for row in db.fetch_all(conn, f"{_SELECT_SITES} ORDER BY site_id")]


def load_site_sources(conn: Connection) -> dict[int, str]:
    """Return site id → where its readings come from, of every site."""
    return dict(db.fetch_all(conn, "SELECT site_id, data_source FROM v_sites ORDER BY site_id"))


def load_site_names(conn: Connection) -> dict[int, str]:
    """Return site id → name, of every site."""
    return dict(db.fetch_all(conn, "SELECT site_id, site_name FROM v_sites ORDER BY site_id"))


def load_validation_status(conn: Connection, site_id: int) -> ValidationStatus:
    """Return the state of the site's circuit breaker; the site must exist."""
    return _load_statuses(conn, site_id)[site_id]


def load_period(
    conn: Connection, site_id: int, start: str | None, end: str | None, tz: ZoneInfo, now: datetime
) -> Window:
    """Return the period that the arguments mean (`resolve_period`), without any by what is ingested of the site."""
    if start is not None or end is not None:
        return resolve_period(start, end, tz, now)
    ingested_until = load_validation_status(conn, site_id).ingested_until
    return resolve_period(None, None, tz, now, ingested_until, is_of_files=load_site(conn, site_id).is_of_files)


def load_validation_statuses(conn: Connection) -> dict[int, ValidationStatus]:
    """Return site id → the state of its circuit breaker, of every site."""
    return _load_statuses(conn, None)


def _load_statuses(conn: Connection, site_id: int | None) -> dict[int, ValidationStatus]:
    columns = sql.SQL(", ").join(map(sql.Identifier, ValidationStatus._fields))
    query = sql.SQL(
        "SELECT site_id, {} FROM v_validation_status"
        " WHERE %(site)s::bigint IS NULL OR site_id = %(site)s ORDER BY site_id"
    ).format(columns)
    return {key: ValidationStatus(*row) for key, *row in db.fetch_all(conn, query, {"site": site_id})}


def load_ingestion_health(conn: Connection, site_id: int | None = None) -> list[IngestionHealth]:
    """Return how well the site, or every site, is being fetched, by site id."""
    columns = sql.SQL(", ").join(map(sql.Identifier, IngestionHealth._fields))
    query = sql.SQL(
        "SELECT {} FROM v_ingestion_health WHERE %(site)s::bigint IS NULL OR site_id = %(site)s ORDER BY site_id"
    ).format(columns)
    return [IngestionHealth(*row) for row in db.fetch_all(conn, query, {"site": site_id})]


def load_quarantined(conn: Connection, site_id: int) -> list[QuarantinedChannel]:
    """Return the channels that the site's latest validation keeps out of reports, by id."""
    rows = db.fetch_all(
        conn,
        "SELECT meter_id, meter_name, checks, reason, hint, energy_share_pct, since"
        " FROM v_quarantined_channels WHERE site_id = %s ORDER BY meter_id",
        (site_id,),
    )
    return [QuarantinedChannel(*row) for row in rows]


def load_open_questions(conn: Connection, site_id: int) -> list[OpenQuestion]:
    """Return what the site's latest validation asks its operator, by check and meter."""
    rows = db.fetch_all(
        conn,
        "SELECT check_name, meter_id, meter_name, message, lines FROM v_open_questions WHERE site_id = %s"
        " ORDER BY check_name, meter_id",
        (site_id,),
    )
    return [OpenQuestion(*row) for row in rows]


def load_meters(conn: Connection, site_id: int) -> pd.DataFrame:
    """Return the site's meters, ordered by id.

    Returns
    -------
    pd.DataFrame
        `channel_id` (int64), `channel_name`, `parent_channel_id` (Int64), `is_energy_meter` (bool), `interval_s`
        (Int64, missing before the first reading), `installed_at` and `uninstalled_at` (datetime64, UTC, or NaT), `kind`
        (as the site's file had it at the last validation, else None), `must_run` (bool), `counted_by` (Int64: another
        view of the same metering point that stands for it).
    """
    import pandas as pd

    rows = db.fetch_all(
        conn,
        "SELECT meter_id, meter_name, parent_meter_id, is_energy_meter, interval_s, installed_at, uninstalled_at,"
        " kind, must_run, counted_by"
        " FROM v_meters WHERE site_id = %s ORDER BY meter_id",
        (site_id,),
    )
    columns = [
        "channel_id", "channel_name", "parent_channel_id", "is_energy_meter", "interval_s", "installed_at",
        "uninstalled_at", "kind", "must_run", "counted_by",
    ]  # fmt: skip
    meters = pd.DataFrame(rows, columns=columns)
    for column in ("installed_at", "uninstalled_at"):
        meters[column] = pd.to_datetime(meters[column], utc=True)
    return meters.astype(
        {"channel_id": "int64", "parent_channel_id": "Int64", "is_energy_meter": "bool", "interval_s": "Int64"}
        | {"must_run": "bool", "counted_by": "Int64"}
    )


def load_channel_names(conn: Connection, site_id: int) -> dict[int, str]:
    """Return channel id → name, of every channel that belongs or belonged to the site."""
    return dict(db.fetch_all(conn, "SELECT meter_id, meter_name FROM v_meters WHERE site_id = %s", (site_id,)))


def load_readings(conn: Connection, site_id: int, window: Window, channel_ids: list[int] | None = None) -> pd.DataFrame:
    """Return energy and power of the site's meters whose interval starts within `window`.

    Parameters
    ----------
    channel_ids
        Of these meters alone; None takes all.

    Returns
    -------
    pd.DataFrame
        Sorted by (`channel_id`, `interval_start`) and unique on them: `channel_id` (int64), `interval_start`
        (datetime64 in UTC), `interval_s` (int64), and `READING_COLUMNS` (float64; NaN is missing, as are the phases of
        a meter that measures none apart). An interval that was never received has no row. The phases add a sixth to
        the time of a site that has them, and nothing to that of one without. `REGISTER_COLUMNS` stand there only if the
        meters tell any: energy that was fed back, and the highest power, of intervals longer than a quarter hour, whose
        mean does not tell the demand.
    """
    rows = _load_intervals(
        conn,
        # Epoch seconds parse several times quicker than time stamps written out.
        "SELECT meter_id, extract(epoch FROM timestamp)::bigint, interval_s, energy_kwh, power_kw,"
        " power_l1_kw, power_l2_kw, power_l3_kw"
        " FROM v_readings_enriched WHERE site_id = %s AND timestamp >= %s AND timestamp < %s"
        " AND (%s::bigint[] IS NULL OR meter_id = ANY (%s::bigint[]))",
        (site_id, window.start, window.end, channel_ids, channel_ids),
        READING_COLUMNS,
    )
    registers = _load_registers(conn, site_id, window, channel_ids)
    if registers.empty:
        return rows
    return rows.merge(registers.drop(columns="interval_s"), on=["channel_id", "interval_start"], how="left")


def _load_registers(conn: Connection, site_id: int, window: Window, channel_ids: list[int] | None) -> pd.DataFrame:
    """Return `REGISTER_COLUMNS` of the intervals that tell anything; most sites have none."""
    return _load_intervals(
        conn,
        "SELECT meter_id, extract(epoch FROM timestamp)::bigint, interval_s, nullif(exported_energy_kwh, 0),"
        " CASE WHEN interval_s > 900 THEN peak_power_kw END"
        " FROM v_readings_enriched WHERE site_id = %s AND timestamp >= %s AND timestamp < %s"
        " AND (exported_energy_kwh > 0 OR peak_power_kw IS NOT NULL AND interval_s > 900)"
        " AND (%s::bigint[] IS NULL OR meter_id = ANY (%s::bigint[]))",
        (site_id, window.start, window.end, channel_ids, channel_ids),
        REGISTER_COLUMNS,
    )


def load_resets(conn: Connection, site_id: int, window: Window) -> pd.DataFrame:
    """Return the records that went into quarantine for negative energy, shaped as `load_readings` does, without phases.

    Of several for one interval the newest counts; one whose interval has a reading by now is left out.
    """
    return _load_intervals(
        conn,
        "SELECT DISTINCT ON (meter_id, timestamp) meter_id, extract(epoch FROM timestamp)::bigint, interval_s,"
        " energy_kwh, power_kw FROM v_rejected_readings WHERE site_id = %s AND timestamp >= %s AND timestamp < %s"
        " AND reason = 'negative_energy' AND NOT has_reading ORDER BY meter_id, timestamp, last_seen_at DESC",
        (site_id, window.start, window.end),
        ("energy_kwh", "power_kw"),
    )


def _load_intervals(conn: Connection, query: str, params: tuple[object, ...], columns: tuple[str, ...]) -> pd.DataFrame:
    """Return the rows of a query for id, epoch, length and `columns`, by channel and time."""
    import pandas as pd

    whole = ("channel_id", "interval_start", "interval_s")
    frame = db.copy_frame(conn, query, params, dict.fromkeys(whole, "int64") | dict.fromkeys(columns, "float64"))
    frame = frame.sort_values(["channel_id", "interval_start"], ignore_index=True)
    frame["interval_start"] = pd.to_datetime(frame["interval_start"], unit="s", utc=True)
    return frame


def load_hourly(conn: Connection, site_id: int, window: Window, channel_ids: list[int] | None = None) -> pd.DataFrame:
    """Return the hourly energy of the site's meters, of the hours that start within `window`.

    Parameters
    ----------
    channel_ids
        Of these meters alone; None takes all.

    Returns
    -------
    pd.DataFrame
        Sorted by (`channel_id`, `timestamp`) and unique on them: `channel_id` (int64), `timestamp` (start of the UTC
        hour, datetime64 in UTC), `energy_kwh` (float64; NaN is missing), `reading_count` (int64), how many intervals of
        the hour have an energy. An hour without any reading has no row.
    """
    import pandas as pd

    hourly = db.copy_frame(
        conn,
        "SELECT meter_id, date_part('epoch', hour)::bigint, total_kwh, reading_count"
        " FROM v_readings_hourly WHERE site_id = %s AND hour >= %s AND hour < %s"
        " AND (%s::bigint[] IS NULL OR meter_id = ANY (%s::bigint[]))",
        (site_id, window.start, window.end, channel_ids, channel_ids),
        {"channel_id": "int64", "timestamp": "int64", "energy_kwh": "float64", "reading_count": "int64"},
    )
    hourly = hourly.sort_values(["channel_id", "timestamp"], ignore_index=True)
    hourly["timestamp"] = pd.to_datetime(hourly["timestamp"], unit="s", utc=True)
    return hourly


def load_site_hours(conn: Connection, site_id: int, window: Window, channel_ids: list[int]) -> pd.DataFrame:
    """Return the mean power of these meters together in every hour of `window` in which each of them has readings.

    Returns
    -------
    pd.DataFrame
        `epoch_s` (start of the UTC hour, int64) and `mean_kw`, by time: a year is some eight thousand rows.
    """
    hours = db.copy_frame(
        conn,
        "SELECT date_part('epoch', hour)::bigint, sum(avg_kw) FROM v_readings_hourly"
        " WHERE site_id = %s AND hour >= %s AND hour < %s AND meter_id = ANY (%s::bigint[])"
        " GROUP BY hour HAVING count(avg_kw) = %s",
        (site_id, window.start, window.end, channel_ids, len(channel_ids)),
        {"epoch_s": "int64", "mean_kw": "float64"},
    )
    return hours.sort_values("epoch_s", ignore_index=True)


def load_monthly(conn: Connection, site_id: int) -> pd.DataFrame:
    """Return the energy of the site's meters by calendar month, all that is stored.

    Returns
    -------
    pd.DataFrame
        `channel_id`, `local_month` (date of its first day), `energy_kwh`, `days` (that readings cover: half a day
        counts half).
    """
    import pandas as pd

    rows = db.fetch_all(
        conn,
        "SELECT meter_id, local_month, total_kwh, covered_days FROM v_readings_monthly WHERE site_id = %s",
        (site_id,),
    )
    return pd.DataFrame(rows, columns=["channel_id", "local_month", "energy_kwh", "days"])


def load_weather(conn: Connection, site_id: int, window: Window) -> pd.DataFrame:
    """Return the outdoor weather at the site, of the hours that start within `window`; no row where none is known.

    Returns
    -------
    pd.DataFrame
        Sorted by and unique on `timestamp` (start of the UTC hour, datetime64 in UTC): `temp_c` (mean of the hour, °C),
        `relative_humidity_pct` and `irradiance_w_m2` (W/m², horizontal); float64, NaN is missing.
    """
    import pandas as pd

    weather = db.copy_frame(
        conn,
        "SELECT date_part('epoch', hour)::bigint, temp_c, relative_humidity_pct, irradiance_w_m2"
        " FROM v_weather_hourly WHERE site_id = %s AND hour >= %s AND hour < %s ORDER BY hour",
        (site_id, window.start, window.end),
        {"timestamp": "int64", "temp_c": "float64", "relative_humidity_pct": "float64", "irradiance_w_m2": "float64"},
    )
    weather["timestamp"] = pd.to_datetime(weather["timestamp"], unit="s", utc=True)
    return weather


def load_electrical(conn: Connection, site_id: int, window: Window) -> pd.DataFrame:
    """Return the electrical quantities of all meters of the site whose interval starts within `window`.

    Returns
    -------
    pd.DataFrame
        As `load_readings`, with all of `ELECTRICAL_COLUMNS` (float64; NaN is missing, as are the unused phases of a
        single-phase meter). Three times the cost of `load_readings` a row, so it is meant for the report's period.
    """
    return _load_intervals(
        conn,
        "SELECT meter_id, extract(epoch FROM timestamp)::bigint, interval_s, energy_kwh, power_kw,"
        " power_l1_kw, power_l2_kw, power_l3_kw,"
        " voltage_v, voltage_l1_v, voltage_l2_v, voltage_l3_v,"
        " current_a, current_l1_a, current_l2_a, current_l3_a, current_neutral_a,"
        " power_factor, frequency_hz, thd_current_pct"
        " FROM v_readings_enriched WHERE site_id = %s AND timestamp >= %s AND timestamp < %s",
        (site_id, window.start, window.end),
        ELECTRICAL_COLUMNS,
    )


def count_ingest_runs(conn: Connection, site_id: int, channel_ids: list[int], window: Window) -> dict[int, int]:
    """Return how many readings of these meters (all, where the list is empty) each ingest run brought."""
    rows = db.fetch_all(
        conn,
        "SELECT ingest_run_id, count(*) FROM v_readings_enriched WHERE site_id = %s AND timestamp >= %s"
        " AND timestamp < %s AND (meter_id = ANY (%s) OR %s) GROUP BY ingest_run_id ORDER BY ingest_run_id",
        (site_id, window.start, window.end, channel_ids, not channel_ids),
    )
    return dict(rows)


def count_revisions(conn: Connection, site_id: int, channel_ids: list[int], window: Window) -> dict[str, int]:
    """Return by column how many values of these meters (all, where the list is empty) were reported otherwise later."""
    rows = db.fetch_all(
        conn,
        "SELECT column_name, count(*) FROM v_reading_revisions WHERE site_id = %s AND timestamp >= %s"
        " AND timestamp < %s AND (meter_id = ANY (%s) OR %s) GROUP BY column_name ORDER BY column_name",
        (site_id, window.start, window.end, channel_ids, not channel_ids),
    )
    return dict(rows)


def load_findings(conn: Connection, site_id: int | None = None) -> list[FollowedFinding]:
    """Return the findings of the site, or of all, as they are after its newest recorded report, by site and id."""
    columns = sql.SQL(", ").join(map(sql.Identifier, FollowedFinding._fields))
    of_site = sql.SQL("" if site_id is None else "WHERE site_id = %(site)s ")
    query = sql.SQL("SELECT {} FROM v_findings {}ORDER BY site_id, finding_id").format(columns, of_site)
    return [FollowedFinding.of_row(row) for row in db.fetch_all(conn, query, {"site": site_id})]


def load_report_findings(conn: Connection, week: ReportWeek) -> list[FollowedFinding]:
    """Return the findings of a site as they are after a report that is being written, as if it were recorded.

    Nothing is stored: what it found stands in a setting of this transaction while the views are asked.
    """
    parts = (("findings", week.findings), ("meters", week.meters), ("savings", ()))
    draft = week._asdict() | {name: [row._asdict() for row in rows] for name, rows in parts}
    columns = sql.SQL(", ").join(map(sql.Identifier, FollowedFinding._fields))
    query = sql.SQL("SELECT {} FROM v_finding_weeks WHERE site_id = %s AND week = %s ORDER BY finding_id")
    db.fetch_one(conn, "SELECT set_config('pipeline.draft_report', %s, true)", (json.dumps(draft),))
    rows = db.fetch_all(conn, query.format(columns), (week.site_id, week.week))
    db.fetch_one(conn, "SELECT set_config('pipeline.draft_report', '', true)")
    return [FollowedFinding.of_row(row) for row in rows]


def load_last_reported_week(conn: Connection, site_id: int, before: str) -> date | None:
    """Return the Monday of the newest week before `before` (a Monday) that the site has a recorded report on."""
    query = "SELECT max(week) FROM v_report_weeks WHERE site_id = %s AND week < %s"
    ((week,),) = db.fetch_all(conn, query, (site_id, before))
    return week


def load_week_reports(conn: Connection, site_id: int | None = None) -> list[WeekReport]:
    """Return the recorded report that counts for each week of the site, or of all, by site and week."""
    columns = sql.SQL(", ").join(sql.Identifier("r", name) for name in StoredReport._fields)
    query = sql.SQL(
        "SELECT w.week, w.first_day, {} FROM v_report_weeks AS w JOIN v_reports AS r USING (site_id, report_run_id)"
        " WHERE %(site)s::bigint IS NULL OR w.site_id = %(site)s ORDER BY w.site_id, w.week"
    ).format(columns)
    rows = db.fetch_all(conn, query, {"site": site_id})
    return [WeekReport(week, first_day, StoredReport(*rest)) for week, first_day, *rest in rows]


def load_month_reports(conn: Connection, site_id: int | None = None) -> list[StoredReport]:
    """Return the newest recorded summary of each month of the site, or of all, by site and month."""
    columns = sql.SQL(", ").join(map(sql.Identifier, StoredReport._fields))
    query = sql.SQL(
        "SELECT DISTINCT ON (site_id, period_start) {} FROM v_reports"
        " WHERE kind = 'monthly' AND site_id IS NOT NULL AND (%(site)s::bigint IS NULL OR site_id = %(site)s)"
        " ORDER BY site_id, period_start, generated_at DESC, report_run_id DESC"
    ).format(columns)
    return [StoredReport(*row) for row in db.fetch_all(conn, query, {"site": site_id})]


class AcceptedGap(NamedTuple):
    """Readings that a person said will not come, as `v_reading_gaps` shows it."""

    channel_id: int
    channel_name: str
    gap_start: datetime
    gap_end: datetime
    reason: str | None
    accepted_by: str | None


def load_accepted_gaps(conn: Connection, site_id: int, window: Window) -> list[AcceptedGap]:
    """Return the accepted gaps of the site that reach into `window`, by meter and time."""
    rows = db.fetch_all(
        conn,
        "SELECT meter_id, meter_name, gap_start, gap_end, reason, accepted_by FROM v_reading_gaps"
        " WHERE site_id = %s AND state = 'accepted' AND gap_start < %s AND gap_end > %s ORDER BY meter_id, gap_start",
        (site_id, window.end, window.start),
    )
    return [AcceptedGap(*row) for row in rows]


def load_finding_weeks(conn: Connection, site_id: int, finding_id: str) -> list[FollowedFinding]:
    """Return a finding week by week, the first week first."""
    columns = sql.SQL(", ").join(map(sql.Identifier, FollowedFinding._fields))
    query = sql.SQL("SELECT {} FROM v_finding_weeks WHERE site_id = %s AND finding_id = %s ORDER BY week")
    return [FollowedFinding.of_row(row) for row in db.fetch_all(conn, query.format(columns), (site_id, finding_id))]


def load_history(conn: Connection, site_id: int) -> list[FollowedFinding]:
    """Return every finding of the site after each of its reported weeks, by finding and week."""
    columns = sql.SQL(", ").join(map(sql.Identifier, FollowedFinding._fields))
    query = sql.SQL("SELECT {} FROM v_finding_weeks WHERE site_id = %s ORDER BY finding_id, week").format(columns)
    return [FollowedFinding.of_row(row) for row in db.fetch_all(conn, query, (site_id,))]


def load_failed_checks(conn: Connection, site_ids: Sequence[int]) -> dict[int, list[FailedCheck]]:
    """Return site id → what failed in its latest validation, what holds it back first; of sites where anything did."""
    query = (
        "SELECT site_id, e ->> 'severity', e ->> 'message' FROM v_validation_status,"
        " jsonb_array_elements(evidence) AS e WHERE site_id = ANY(%s) ORDER BY site_id, 2, e ->> 'check'"
    )
    return _by_site(db.fetch_all(conn, query, (list(site_ids),)), FailedCheck)


def count_gaps(conn: Connection, site_ids: Sequence[int]) -> dict[int, list[CountedGaps]]:
    """Return site id → its gaps by state, of sites that have any."""
    query = (
        "SELECT site_id, state, count(*), sum(missing_count)::bigint FROM v_reading_gaps WHERE site_id = ANY(%s)"
        " GROUP BY site_id, state ORDER BY site_id, state"
    )
    return _by_site(db.fetch_all(conn, query, (list(site_ids),)), CountedGaps)


def count_rejects(conn: Connection, site_ids: Sequence[int]) -> dict[int, list[CountedRejects]]:
    """Return site id → its quarantined records by reason, of sites that have any."""
    query = (
        "SELECT site_id, reason, count(*) FROM v_rejected_readings WHERE site_id = ANY(%s)"
        " GROUP BY site_id, reason ORDER BY site_id, reason"
    )
    return _by_site(db.fetch_all(conn, query, (list(site_ids),)), CountedRejects)


def load_all_quarantined(conn: Connection, site_ids: Sequence[int]) -> dict[int, list[QuarantinedChannel]]:
    """Return site id → the channels that its latest validation keeps out of reports, of sites that have any."""
    query = (
        "SELECT site_id, meter_id, meter_name, checks, reason, hint, energy_share_pct, since"
        " FROM v_quarantined_channels WHERE site_id = ANY(%s) ORDER BY site_id, meter_id"
    )
    return _by_site(db.fetch_all(conn, query, (list(site_ids),)), QuarantinedChannel)


def _by_site(rows: list[tuple[Any, ...]], make: Callable[..., T]) -> dict[int, list[T]]:
    found: dict[int, list[T]] = {}
    for site_id, *values in rows:
        found.setdefault(site_id, []).append(make(*values))
    return found


def load_ledger(conn: Connection, site_id: int | None = None) -> list[LedgerEntry]:
    """Return what the findings that are done at the site, or at all, have saved, by site and id."""
    columns = sql.SQL(", ").join(map(sql.Identifier, LedgerEntry._fields))
    of_site = sql.SQL("" if site_id is None else "WHERE site_id = %(site)s ")
    query = sql.SQL("SELECT {} FROM v_savings_ledger {}ORDER BY site_id, finding_id").format(columns, of_site)
    return [LedgerEntry(*row) for row in db.fetch_all(conn, query, {"site": site_id})]


def load_judged(conn: Connection, site_id: int | None = None) -> list[JudgedKind]:
    """Return what people said of the findings of the site, or of each, by site and kind."""
    columns = sql.SQL(", ").join(map(sql.Identifier, JudgedKind._fields))
    of_site = sql.SQL("" if site_id is None else "WHERE site_id = %(site)s ")
    query = sql.SQL("SELECT {} FROM v_judged_findings {}ORDER BY site_id, kind").format(columns, of_site)
    return [JudgedKind(*row) for row in db.fetch_all(conn, query, {"site": site_id})]
