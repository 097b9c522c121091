"""Runs the checks of ``govern/checks`` on a site or the whole system and stores the verdict: the circuit breaker.

What a check finds reaches as far as its scope. A channel's block quarantines that channel (`checks.quarantine`), a
site's holds the site back, the system's every site.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2 import errors as pg_errors

from config.limits import ValidationLimits
from config.site_file import SiteLimit
from govern.checks.mains import MAINS_CHECK, ask_for_mains
from govern.checks.quarantine import Blocked, MeterEnergy, Quarantine, describe_excess, quarantine_channels
from govern.checks.reader import (
    COLUMNS,
    SCOPE_CHANNEL,
    SCOPE_SITE,
    SCOPE_SYSTEM,
    SEVERITY_BLOCK,
    SEVERITY_WARN,
    Check,
    limit_values,
)
from govern.checks.verdict import (
    EXAMPLES_SHOWN,
    REACH_NONE,
    SYSTEM_ID,
    VERDICT_CLOSED,
    VERDICT_OPEN,
    CheckResult,
    Finding,
    Scope,
    Verdict,
)
from govern.checks.verdict_store import load_meter_energies, load_stood_for, load_warming_up, store_verdict
from lib import db
from lib.errors import DataError
from lib.site_channels import load_names
from lib.states import DataSource

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

TWINS_CHECK = "channels_differ"

# How long one check may take. One that hangs counts as one that cannot be run, and holds up no other site.
_CHECK_TIMEOUT = "10min"

# Of months whose readings were dropped nothing can be told: the look-back of a site that ended long ago is cut there.
# Each value is the newest by an index, for the logs of years are many. Attempts are counted, as v_validation_status
# does, since a moment before which none is still to be committed.
_WINDOW = """
SELECT
    greatest(
        coalesce(
            (SELECT max(window_end) FROM ingestion_logs WHERE organization_id = %(site_id)s AND channel_id <> 0),
            clock_timestamp()
        ) - %(lookback_days)s * interval '1 day',
        (SELECT max(raw_kept_from) FROM raw_retention)
    ),
    (
        SELECT max(window_end) FROM ingestion_logs
        WHERE organization_id = %(site_id)s AND channel_id <> 0 AND status <> 'running'
    ),
    (
        SELECT max(finished_at) FROM ingestion_logs
        WHERE organization_id = %(site_id)s AND status IN ('done', 'unsupported')
    ),
    clock_timestamp(),
    now() - interval '2 days',
    (
        SELECT count(*) FROM ingestion_logs
        WHERE organization_id = %(site_id)s AND status IN ('done', 'unsupported')
            AND finished_at >= now() - interval '2 days'
    )
"""

# What no file can say, for it is about what the checks found.
QUARANTINE_CHECK = Check(
    "quarantine_within_limits",
    SEVERITY_BLOCK,
    SCOPE_SITE,
    "Quarantined channels carry little of the site's energy and are few of its meters.",
    (),
    0,
    "look at the checks that quarantine the channels first; when they pass, this one does.",
    "",
)


def validate_site(
    conn: Connection,
    site_id: int,
    checks: list[Check],
    limits: ValidationLimits | None = None,
    site_limits: tuple[SiteLimit, ...] = (),
) -> Verdict:
    """Run the checks of channels and sites on one snapshot of the site's data and store the verdict; does not commit.

    Parameters
    ----------
    site_limits
        What the site's file sets (`config.site_file.SiteConfig.limits`); kept with the verdict.

    Raises
    ------
    DataError
        When the site is unknown, for its breaker could not be told from another's; or when no check is about a site.
    """
    own = {limit.name: limit.value for limit in site_limits}
    limits = limits or ValidationLimits()
    set_here: dict[str, Any] = {name: own[name] for name in limits.as_parameters().keys() & own}
    limits = replace(limits, **set_here)
    in_force = limit_values(checks) | limits.as_parameters() | own
    _begin_snapshot(conn)
    source = db.fetch_one(conn, "SELECT data_source FROM organizations WHERE organization_id = %s", (site_id,))
    if source is None:
        raise DataError(
            f"site {site_id} is not in the database; check --site, "
            f"or run: python ingest/ingest_to_postgres.py --site {site_id}"
        )
    scope = _load_scope(conn, site_id, limits)
    chosen = [check for check in checks if check.scope != SCOPE_SYSTEM]
    if source == (DataSource.FILE,):
        chosen = [check.for_files() for check in chosen]
    results = _run_checks(conn, chosen, in_force, scope, site_limits)
    copies = [found.channel_id for result in results if result.check.name == TWINS_CHECK for found in result.findings]
    results.append(CheckResult(MAINS_CHECK, ask_for_mains(conn, scope, {key for key in copies if key is not None})))
    results = _without_excluded(conn, scope, results)
    results = _name_channels(conn, scope, _spare_warming_up(conn, scope, results))
    blocked = [
        Blocked(finding.channel_id, result.check.name, finding.text, result.check.hint, finding.channel_name)
        for result in results
        for finding in result.findings
        if finding.channel_id is not None and finding.severity == SEVERITY_BLOCK
    ]
    meters = load_meter_energies(conn, site_id, scope.lookback_start) if blocked else []
    # What its phases measured goes on counting: nothing of it is lost.
    stood_for = load_stood_for(conn, site_id, {item.channel_id for item in blocked}) if blocked else frozenset()
    meters = [meter for meter in meters if meter.channel_id not in stood_for]
    quarantines = quarantine_channels(blocked, meters)
    own_shares = tuple(limit for limit in site_limits if limit.name in limits.as_parameters())
    results.append(CheckResult(QUARANTINE_CHECK, _judge_quarantine(quarantines, meters, limits), own_shares))
    verdict = _judge(scope, results, quarantines)._replace(site_limits=site_limits)
    return verdict._replace(validation_run_id=store_verdict(conn, verdict, scope, in_force, meters))


def validate_system(conn: Connection, checks: list[Check], limits: ValidationLimits | None = None) -> Verdict:
    """Run the checks of the whole system, after those of its sites, and store the verdict; does not commit."""
    limits = limits or ValidationLimits()
    _begin_snapshot(conn)
    scope = _load_scope(conn, SYSTEM_ID, limits)
    in_force = limit_values(checks) | limits.as_parameters()
    results = _run_checks(conn, [check for check in checks if check.scope == SCOPE_SYSTEM], in_force, scope)
    verdict = _judge(scope, results, [])
    return verdict._replace(validation_run_id=store_verdict(conn, verdict, scope, in_force, []))


def _begin_snapshot(conn: Connection) -> None:
    # One snapshot for all checks, so that an ingest beside them cannot make them contradict each other.
    db.execute(conn, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    db.execute(conn, "SET LOCAL statement_timeout = %s", (_CHECK_TIMEOUT,))


def _load_scope(conn: Connection, site_id: int, limits: ValidationLimits) -> Scope:
    (row,) = db.fetch_all(conn, _WINDOW, limits.as_parameters() | {"site_id": site_id})
    return Scope(site_id, *row)


def _run_checks(
    conn: Connection,
    chosen: list[Check],
    in_force: dict[str, float | int],
    scope: Scope,
    site_limits: tuple[SiteLimit, ...] = (),
) -> list[CheckResult]:
    if not chosen:
        raise DataError("none of the checks is about this; a validation that checks nothing is none: restore them")
    parameters = in_force | scope._asdict()

    def own_limits(check: Check) -> tuple[SiteLimit, ...]:
        names = {limit.name for limit in check.limits}
        return tuple(limit for limit in site_limits if limit.name in names)

    return [CheckResult(check, _run_check(conn, check, parameters), own_limits(check)) for check in chosen]


def _run_check(conn: Connection, check: Check, parameters: dict[str, Any]) -> list[Finding]:
    """Return what a check finds; that it cannot be run is a finding too, for then nobody knows."""
    with conn.cursor() as cursor:
        try:
            # In one message with the query: a savepoint of its own would cost a journey to a distant server.
            cursor.execute(f"SAVEPOINT before_check; {check.query}", parameters)
        except psycopg2.Error as err:
            # What waited for a lock says nothing of the data, and the next check would wait as long.
            if conn.closed or isinstance(err, pg_errors.LockNotAvailable):
                raise
            db.execute(conn, "ROLLBACK TO SAVEPOINT before_check")
            reason = " ".join(str(err).split())
            return [Finding(None, 1, f"the check could not be run: {reason}", [], check.severity)]
        columns = tuple(column.name for column in cursor.description or ())
        rows = cursor.fetchall() if columns == COLUMNS else []
    is_channel = check.scope == SCOPE_CHANNEL
    ids = [channel_id for channel_id, *_ in rows]
    if columns != COLUMNS or len(set(ids)) < len(ids) or any((key is None) == is_channel for key in ids):
        raise DataError(
            f"check {check.name} does not return {', '.join(COLUMNS)} with one row a {check.scope}; correct its query"
        )
    return [Finding(key, found, text, examples or [], check.severity) for key, found, text, examples in rows]


def _without_excluded(conn: Connection, scope: Scope, results: list[CheckResult]) -> list[CheckResult]:
    """Drop what was found of channels that the site's file leaves out: their older readings may still stand there."""
    rows = db.fetch_all(
        conn, "SELECT channel_id FROM channel_facts WHERE organization_id = %s AND is_excluded", (scope.site_id,)
    )
    excluded = {channel_id for (channel_id,) in rows}
    return [
        result._replace(findings=[found for found in result.findings if found.channel_id not in excluded])
        for result in results
    ]


def _name_channels(conn: Connection, scope: Scope, results: list[CheckResult]) -> list[CheckResult]:
    """Put the name of its channel to each finding, for people know meters by name."""
    names = load_names(conn, scope.site_id)
    return [
        result._replace(
            findings=[found._replace(channel_name=names.get(found.channel_id or 0)) for found in result.findings]
        )
        for result in results
    ]


def _spare_warming_up(conn: Connection, scope: Scope, results: list[CheckResult]) -> list[CheckResult]:
    """Turn blocks into warnings for channels that have less history than the check asks for."""
    waiting = {
        result.check.warm_up_days
        for result in results
        if result.check.warm_up_days and result.check.severity == SEVERITY_BLOCK and result.findings
    }
    warming = {days: load_warming_up(conn, scope.site_id, days, scope.lookback_start) for days in waiting}

    def soften(result: CheckResult) -> CheckResult:
        young = warming.get(result.check.warm_up_days, frozenset())
        findings = [
            finding._replace(severity=SEVERITY_WARN, text=f"{finding.text} (new: its history is short)")
            if finding.channel_id in young
            else finding
            for finding in result.findings
        ]
        return result._replace(findings=findings)

    return [soften(result) for result in results]


def _judge_quarantine(
    quarantines: list[Quarantine], meters: list[MeterEnergy], limits: ValidationLimits
) -> list[Finding]:
    excess = describe_excess(quarantines, meters, limits) if quarantines else None
    if excess is None:
        return []
    examples = [
        {"channel_id": item.channel_id, "checks": item.check_names, "energy_share_pct": item.energy_share_pct}
        for item in quarantines[:EXAMPLES_SHOWN]
    ]
    return [Finding(None, len(quarantines), excess, examples, SEVERITY_BLOCK)]


def _judge(scope: Scope, results: list[CheckResult], quarantines: list[Quarantine]) -> Verdict:
    """Return the verdict that the results make, not yet stored."""
    is_open = any(
        finding.channel_id is None and finding.severity == SEVERITY_BLOCK
        for result in results
        for finding in result.findings
    )
    widest = SCOPE_SYSTEM if scope.site_id == SYSTEM_ID else SCOPE_SITE
    reach = widest if is_open else SCOPE_CHANNEL if quarantines else REACH_NONE
    return Verdict(0, scope.site_id, VERDICT_OPEN if is_open else VERDICT_CLOSED, results, reach, quarantines)
