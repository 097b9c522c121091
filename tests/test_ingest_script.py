"""The ingest's command line: what it prints, and how it ends when something is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pipeline import LOGIN, Service

from ingest import ingest_to_postgres
from ingest.eniscope.client import EniscopeClient
from lib import cli, db

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

SCRIPT = "ingest/ingest_to_postgres.py"
NOW = datetime(2026, 2, 10, 15, tzinfo=UTC)
WINDOW = ["--start", "2026-02-03", "--end", "2026-02-03"]
PASSWORD = "s3cret-p@ss"


def environment(database_url: str, api_url: str, login: tuple[str, str, str] = LOGIN) -> dict[str, str]:
    key, email, password = login
    return {
        "DATABASE_URL": database_url,
        "VITE_ENISCOPE_API_URL": api_url,
        "VITE_ENISCOPE_API_KEY": key,
        "VITE_ENISCOPE_EMAIL": email,
        "VITE_ENISCOPE_PASSWORD": password,
        "ENISCOPE_REQUESTS_PER_SECOND": "0",
    }


def test_local_day_is_ingested_and_summed_up(
    database_url: str, serve: Callable[..., Service], run_script: Callable[..., Any], conn: Connection
) -> None:
    service = serve(now=NOW, planted_weeks=[])
    done = run_script(SCRIPT, "--site", "23271", *WINDOW, env=environment(database_url, service.url))
    assert done.returncode == 0, done.stderr
    summary, note = done.stdout.splitlines()
    assert summary.startswith(
        "site 23271 2026-02-03T05:00Z..2026-02-04T05:00Z: 17 channels, 1,632 readings fetched, 1,632 new, "
        "0 already there; 0 empty, 0 rejected; "
    )
    assert note == "these readings are the SANDBOX's: made up for trying and testing, not measured"
    assert len(done.stderr.splitlines()) == 1 + 17  # off a terminal: the site, then a plain line a channel and window
    assert db.fetch_all(conn, "SELECT count(*), min(timestamp), max(timestamp) FROM readings") == [
        (17 * 96, datetime(2026, 2, 3, 5, tzinfo=UTC), datetime(2026, 2, 4, 4, 45, tzinfo=UTC))
    ]


def test_clock_change_days_have_92_and_100_intervals(
    database_url: str, serve: Callable[..., Service], run_script: Callable[..., Any], conn: Connection
) -> None:
    service = serve(now=NOW, planted_weeks=[])
    for day, count in (("2025-03-09", 92), ("2025-11-02", 100)):
        done = run_script(
            SCRIPT, "--start", day, "--end", day, "--channels", "162121", env=environment(database_url, service.url)
        )
        assert f"1 channels, {count} readings fetched, {count} new" in done.stdout
    # The views count them by the site's own calendar.
    from govern.usage.refresh import refresh_views

    refresh_views(conn)
    assert db.fetch_all(
        conn,
        "SELECT local_date::text, reading_count, completeness_pct FROM v_readings_daily ORDER BY 1",
    ) == [("2025-03-09", 92, 100.0), ("2025-11-02", 100, 100.0)]
    monthly = db.fetch_all(conn, "SELECT local_month::text, reading_count, days_with_readings FROM v_readings_monthly")
    assert sorted(monthly) == [("2025-03-01", 92, 1), ("2025-11-01", 100, 1)]


@pytest.mark.parametrize("resolution", [60, 1800, 3600])
def test_other_resolutions_are_stored_as_what_they_are(
    database_url: str,
    serve: Callable[..., Service],
    run_script: Callable[..., Any],
    conn: Connection,
    resolution: int,
) -> None:
    service = serve(now=NOW, planted_weeks=[])
    arguments = ["--start", "2026-02-02", "--end", "2026-02-03", "--channels", "162121"]
    done = run_script(SCRIPT, *arguments, "--resolution", str(resolution), env=environment(database_url, service.url))
    assert done.returncode == 0, done.stderr
    assert db.fetch_all(conn, "SELECT interval_s, count(*) FROM readings GROUP BY 1") == [
        (resolution, 2 * 86_400 // resolution)
    ]


def run_in_process(monkeypatch: pytest.MonkeyPatch, env: dict[str, str], *arguments: str) -> Callable[[], int]:
    """Return a run of the script in this process, with a client that does not sleep between attempts."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)

    def make_client(settings: Any) -> EniscopeClient:
        return EniscopeClient(
            settings.api_url, settings.api_key, settings.api_email, settings.api_password,
            requests_per_second=0, timeout_s=0.3, sleep=lambda seconds: None,
        )  # fmt: skip

    monkeypatch.setattr(ingest_to_postgres, "make_client", make_client)
    return lambda: cli.run(ingest_to_postgres.main, list(arguments))


@pytest.mark.parametrize(
    ("options", "arguments", "login", "code", "message"),
    [
        ({}, ["--site", "5"], LOGIN, 1, "site 5: not found or not this account's (HTTP 404"),
        ({}, ["--site", "99001"], LOGIN, 1, "site 99001: not found or not this account's (HTTP 403"),
        ({}, [], ("wrong-key", *LOGIN[1:]), 1, "the Eniscope API refused the login (HTTP 401"),
        ({}, [], (*LOGIN[:2], PASSWORD), 1, "the Eniscope API refused the login (HTTP 401"),
        ({}, ["--channels", "1", "162121"], LOGIN, 2, "site 23271 has no channel '1'"),
        ({}, ["--start", "2126-01-01"], LOGIN, 2, "in the future; choose an earlier --start"),
        ({"latency_s": 1.0}, [], LOGIN, 1, "site 23271: no answer after 5 attempts (time-out)"),
    ],
)
def test_what_the_service_refuses_ends_in_one_line(
    database_url: str,
    serve: Callable[..., Service],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: dict[str, Any],
    arguments: list[str],
    login: tuple[str, str, str],
    code: int,
    message: str,
) -> None:
    service = serve(now=NOW, planted_weeks=[], **options)
    run = run_in_process(monkeypatch, environment(database_url, service.url, login), *arguments)
    assert run() == code
    output = capsys.readouterr()
    errors = [line for line in output.err.splitlines() if " ERROR " in line]
    assert len(errors) == 1
    assert message in errors[0]
    assert "Traceback" not in output.err
    assert PASSWORD not in output.err + output.out
    assert "wrong-key" not in output.err + output.out


def test_service_that_is_down_is_told(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_in_process(monkeypatch, environment(database_url, "http://127.0.0.1:9"))() == 1
    assert "site 23271: no answer after 5 attempts (cannot connect); the service may be down" in capsys.readouterr().err


def test_missing_credentials_are_named(database_url: str, run_script: Callable[..., Any]) -> None:
    done = run_script(SCRIPT, env={"DATABASE_URL": database_url, "ENISCOPE_EMAIL": "a@b"})
    assert done.returncode == 1
    assert "VITE_ENISCOPE_API_KEY, VITE_ENISCOPE_PASSWORD not set" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(("offset_min", "expected"), [(0, "14:50"), (-12, "14:38"), (12, "14:50")])
def test_interval_counts_as_over_when_both_clocks_say_so(offset_min: int, expected: str) -> None:
    settled = ingest_to_postgres.last_settled(NOW, timedelta(minutes=offset_min))
    assert settled.strftime("%H:%M") == expected


@pytest.mark.parametrize(
    "arguments",
    [
        ["--days", "0"],
        ["--days", "many"],
        ["--site", "-1"],
        ["--resolution", "600"],
        ["--start", "2026-02-30"],
        ["--start", "2026-02-02", "--end", "2026-01-20"],
        ["--nonsense"],
    ],
)
def test_bad_arguments_cost_no_request(run_script: Callable[..., Any], arguments: list[str]) -> None:
    done = run_script(SCRIPT, *arguments, env=environment("postgresql://nowhere/x", "http://127.0.0.1:9"))
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)


def _read_only(conn: Connection, url: str) -> str:
    (name,) = db.fetch_all(conn, "SELECT current_database()")[0]
    db.execute(conn, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    conn.commit()
    return url


def _no_schema(conn: Connection, url: str) -> str:
    db.execute(conn, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    conn.commit()
    return url


def _no_such_role(conn: Connection, url: str) -> str:
    return url.replace("://postgres@", "://nobody:s3cret-p%40ss@")


def _nobody_listens(conn: Connection, url: str) -> str:
    return "postgresql://u:s3cret-p%40ss@127.0.0.1:9/energy"


def _unencoded_password(conn: Connection, url: str) -> str:
    return f"postgresql://u:{PASSWORD}@127.0.0.1:9/energy"


def _slash_in_password(conn: Connection, url: str) -> str:
    return "postgresql://u:s3cret/p@ss@127.0.0.1:9/energy"


def _no_url(conn: Connection, url: str) -> str:
    return f"postgresql://u:{PASSWORD} and spaces"


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (_read_only, "the database takes no writes"),
        (_no_schema, "the schema is missing or old; run: python govern/setup_database.py"),
        (_no_such_role, 'cannot connect to PostgreSQL: connection to server on socket .*role "nobody" does not exist'),
        (_unencoded_password, "DATABASE_URL cannot be read; .*percent-encoded"),
        (_slash_in_password, "DATABASE_URL cannot be read; .*percent-encoded"),
        (_no_url, "DATABASE_URL cannot be read; .*percent-encoded"),
        (_nobody_listens, "cannot connect to PostgreSQL: .*Connection refused.*check DATABASE_URL"),
    ],
)
def test_what_the_database_refuses_ends_in_one_line(
    conn: Connection,
    database_url: str,
    serve: Callable[..., Service],
    run_script: Callable[..., Any],
    break_it: Callable[[Connection, str], str],
    message: str,
) -> None:
    url = break_it(conn, database_url)
    done = run_script(SCRIPT, *WINDOW, env=environment(url, serve(now=NOW).url))
    assert done.returncode == 1
    assert re.search(message, done.stderr)
    assert len(done.stderr.splitlines()) == 1
    assert not any(part in done.stderr for part in ("s3cret", "p@ss", "ss@127"))


def test_one_failing_channel_does_not_stop_the_others(
    database_url: str,
    serve: Callable[..., Service],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    conn: Connection,
) -> None:
    from operations.sandbox.service_faults import FaultPlan

    # The first request for readings is refused for good (the subscription has expired for it).
    service = serve(now=NOW, planted_weeks=[], faults=FaultPlan(force=["402"], force_path="/readings"))
    run = run_in_process(monkeypatch, environment(database_url, service.url), *WINDOW)
    assert run() == 1
    output = capsys.readouterr()
    assert "FAILED: channels 1621" in output.out
    assert "1,536 readings fetched, 1,536 new" in output.out
    assert "1 × HTTP 402 Subscription Expired" in output.out
    assert dict(db.fetch_all(conn, "SELECT status, count(*) FROM ingestion_logs GROUP BY 1")) == {
        "done": 17, "failed": 1,
    }  # fmt: skip
    ((error,),) = db.fetch_all(conn, "SELECT error FROM ingestion_logs WHERE status = 'failed'")
    assert "HTTP 402 Subscription Expired" in error
    assert run() == 0  # the next run makes up for it
    assert db.fetch_all(conn, "SELECT count(*) FROM readings") == [(17 * 96,)]


def test_sandbox_readings_do_not_mix_with_measured_ones(
    conn: Connection, database_url: str, serve: Callable[..., Service], run_script: Callable[..., Any]
) -> None:
    service = serve(now=NOW, planted_weeks=[])
    env = environment(database_url, service.url)
    assert run_script(SCRIPT, *WINDOW, "--channels", "162121", env=env).returncode == 0
    db.execute(conn, "UPDATE organizations SET data_source = 'eniscope'")
    conn.commit()
    done = run_script(SCRIPT, *WINDOW, env=env)
    assert done.returncode == 1
    assert "this database holds readings of the eniscope, and these would come from the sandbox" in done.stderr
